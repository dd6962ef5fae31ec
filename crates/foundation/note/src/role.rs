//! Keys bound to a role: a log's key never counts as a witness, and the other way round.

use crate::ed25519;
use crate::name::Origin;
use crate::note::SignatureLine;
use crate::vkey::{KeyKind, PublicKey, VerifierKey, VerifierKeyError};

/// The key's signature type does not suit the role. The fault is in the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of type {kind} cannot serve in this role")]
pub struct WrongRole {
    /// The key's type.
    pub kind: KeyKind,
}

/// How a key says which signature lines are its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// By its name and key ID.
    Named(VerifierKey),
    /// By its name and key ID, for this origin, which is not its name.
    NamedFor(Box<(VerifierKey, Origin)>),
    /// By any name: the line's own name and the key must give the line's key ID (sigsum).
    Raw(PublicKey),
}

impl Form {
    fn key(&self) -> &PublicKey {
        match self {
            Self::Named(vkey) => vkey.key(),
            Self::NamedFor(bound) => bound.0.key(),
            Self::Raw(key) => key,
        }
    }

    /// Whether the line claims to be by this key (signed-note: "If the key name and ID match a known key").
    fn is_claimed_by(&self, line: &SignatureLine) -> bool {
        let by = |vkey: &VerifierKey| line.name() == vkey.name() && line.id() == vkey.id();
        match self {
            Self::Named(vkey) => by(vkey),
            Self::NamedFor(bound) => by(&bound.0),
            Self::Raw(key) => line.id() == key.id_under(line.name()),
        }
    }
}

macro_rules! role_key {
    ($name:ident, $kinds:pat, $raw:path) => {
        impl $name {
            /// A nameless Ed25519 key, as sigsum policies list them.
            ///
            /// # Errors
            /// [`VerifierKeyError::Ed25519`] if this is no key we accept.
            pub fn from_raw_ed25519(
                key: [u8; ed25519::PUBLIC_KEY_LEN],
            ) -> Result<Self, VerifierKeyError> {
                let key = ed25519::PublicKey::from_bytes(&key)?;
                Ok(Self(Form::Raw($raw(key))))
            }

            /// Whether the key is nameless.
            #[must_use]
            pub fn is_raw(&self) -> bool {
                matches!(self.0, Form::Raw(_))
            }

            /// The key with its name, unless it is nameless.
            #[must_use]
            pub fn verifier_key(&self) -> Option<&VerifierKey> {
                match &self.0 {
                    Form::Named(vkey) => Some(vkey),
                    Form::NamedFor(bound) => Some(&bound.0),
                    Form::Raw(_) => None,
                }
            }

            /// The public key.
            #[must_use]
            pub fn key(&self) -> &PublicKey {
                self.0.key()
            }

            /// The signature type.
            #[must_use]
            pub fn kind(&self) -> KeyKind {
                self.key().kind()
            }

            /// The key's own bytes, without type: 32 or 1,312.
            #[must_use]
            pub fn key_bytes(&self) -> &[u8] {
                self.key().as_bytes()
            }
        }

        impl TryFrom<VerifierKey> for $name {
            type Error = WrongRole;

            fn try_from(vkey: VerifierKey) -> Result<Self, WrongRole> {
                match vkey.kind() {
                    $kinds => Ok(Self(Form::Named(vkey))),
                    kind => Err(WrongRole { kind }),
                }
            }
        }
    };
}

/// A key that may sign checkpoints as their log: type 01 or 06. Its name is the log's origin, unless it was bound to
/// another ([`LogKey::for_origin`]); a nameless key may sign for any origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogKey(Form);

role_key!(
    LogKey,
    KeyKind::Ed25519 | KeyKind::MlDsa44,
    PublicKey::Ed25519
);

impl LogKey {
    /// A key that signs for the log `origin` under whatever name it has.
    ///
    /// tlog-checkpoint "Signatures" only says that a log's key name SHOULD be its origin; sum.golang.org's is not. Only
    /// a key of type 01 may differ: a type 06 signature under a name other than the origin is a witness's.
    ///
    /// # Errors
    /// [`WrongRole`], for a witness's type and for type 06 under another name.
    pub fn for_origin(vkey: VerifierKey, origin: Origin) -> Result<Self, WrongRole> {
        match vkey.kind() {
            _ if origin.is_name(vkey.name()) => Self::try_from(vkey),
            KeyKind::Ed25519 => Ok(Self(Form::NamedFor(Box::new((vkey, origin))))),
            kind => Err(WrongRole { kind }),
        }
    }

    /// Whether the line claims to be this key's signature as the log `origin`.
    pub(crate) fn is_claimed_by(&self, line: &SignatureLine, origin: &Origin) -> bool {
        let for_this_log = match &self.0 {
            Form::NamedFor(bound) => bound.1 == *origin,
            Form::Named(_) | Form::Raw(_) => origin.is_name(line.name()),
        };
        for_this_log && self.0.is_claimed_by(line)
    }
}

/// A key that may co-sign checkpoints as a witness: type 04 or 06.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WitnessKey(Form);

role_key!(
    WitnessKey,
    KeyKind::Ed25519Cosignature | KeyKind::MlDsa44,
    PublicKey::Ed25519Cosignature
);

impl WitnessKey {
    /// Whether the line claims to be this key's co-signature for the log `origin`.
    ///
    /// A type 06 line under the origin's own name is the log's signature, which has the same form; counting it would
    /// make the log its own witness.
    pub(crate) fn is_claimed_by(&self, line: &SignatureLine, origin: &Origin) -> bool {
        let by_the_log = self.kind() == KeyKind::MlDsa44 && origin.is_name(line.name());
        !by_the_log && self.0.is_claimed_by(line)
    }
}
