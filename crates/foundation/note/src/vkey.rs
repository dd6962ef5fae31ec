//! Verifier keys: a public key with its name, kind and key ID (signed-note "Verifier keys").

use core::fmt;
use core::str::FromStr;

use crate::base64;
use crate::ed25519;
use crate::mldsa44;
use crate::name::{KeyId, KeyName, MAX_NAME_LEN, NameError};

/// The longest vkey: name, `+`, 8 hex digits, `+`, and base64 of the 1 + 1,312 bytes of an ML-DSA-44 key.
const MAX_VKEY_LEN: usize =
    MAX_NAME_LEN + 1 + 8 + 1 + (1 + mldsa44::PUBLIC_KEY_LEN).div_ceil(3) * 4;

/// The signature types of signed-note "Signature types" that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// 01: Ed25519 over the note text. Logs only.
    Ed25519,
    /// 04: timestamped Ed25519 co-signature. Witnesses only.
    Ed25519Cosignature,
    /// 06: timestamped ML-DSA-44 co-signature. Witnesses, and logs for their own signature.
    MlDsa44,
}

impl KeyKind {
    /// All kinds, by type byte.
    pub const ALL: [Self; 3] = [Self::Ed25519, Self::Ed25519Cosignature, Self::MlDsa44];

    /// The signature type identifier byte.
    #[must_use]
    pub const fn type_byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Ed25519Cosignature => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    /// The kind with this type byte, if we know it.
    #[must_use]
    pub fn from_type_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_byte() == byte)
    }

    /// Length of a public key of this kind, in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Ed25519 | Self::Ed25519Cosignature => ed25519::PUBLIC_KEY_LEN,
            Self::MlDsa44 => mldsa44::PUBLIC_KEY_LEN,
        }
    }

    /// Length of what follows the key ID in a signature line of this kind, in bytes.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        match self {
            Self::Ed25519 => ed25519::SIGNATURE_LEN,
            Self::Ed25519Cosignature => 8 + ed25519::SIGNATURE_LEN,
            Self::MlDsa44 => 8 + mldsa44::SIGNATURE_LEN,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ed25519 => "Ed25519",
            Self::Ed25519Cosignature => "Ed25519 cosignature",
            Self::MlDsa44 => "ML-DSA-44",
        })
    }
}

/// A public key and what it signs, without a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// 01.
    Ed25519(ed25519::PublicKey),
    /// 04.
    Ed25519Cosignature(ed25519::PublicKey),
    /// 06.
    MlDsa44(mldsa44::PublicKey),
}

impl PublicKey {
    /// Which signature type.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        match self {
            Self::Ed25519(_) => KeyKind::Ed25519,
            Self::Ed25519Cosignature(_) => KeyKind::Ed25519Cosignature,
            Self::MlDsa44(_) => KeyKind::MlDsa44,
        }
    }

    /// The key's own bytes: 32 or 1,312.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) | Self::Ed25519Cosignature(key) => key.as_bytes(),
            Self::MlDsa44(key) => key.as_bytes(),
        }
    }

    /// The ID this key has under `name`.
    #[must_use]
    pub(crate) fn id_under(&self, name: &KeyName) -> KeyId {
        KeyId::compute(name, self.kind().type_byte(), self.as_bytes())
    }
}

/// Why text is not a verifier key, or a key cannot be one. The fault is in what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierKeyError {
    /// Not three parts separated by `+`, or longer than any vkey.
    #[error("not a verifier key: expected <name>+<key ID>+<base64 key>")]
    Form,
    /// The name is no key name.
    #[error("verifier key: {0}")]
    Name(#[from] NameError),
    /// The key ID is not 8 lower-case hex digits.
    #[error("verifier key: the key ID must be 8 lower-case hex digits")]
    Id,
    /// The third part is not canonical base64, or holds no bytes.
    #[error("verifier key: the key is not canonical base64")]
    Base64,
    /// A signature type that is not supported.
    #[error("verifier key: signature type {byte:02x} is not supported (01, 04 and 06 are)")]
    UnknownType {
        /// The type byte.
        byte: u8,
    },
    /// The key has another length than its type prescribes.
    #[error("verifier key: a key of type {kind} has {expected} bytes, not {found}")]
    Length {
        /// The type.
        kind: KeyKind,
        /// Its key length.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// The Ed25519 key is one that we never accept.
    #[error("verifier key: {0}")]
    Ed25519(#[from] ed25519::PublicKeyError),
    /// The key ID does not follow from name and key: the text was damaged or mixed up.
    #[error("verifier key: the key ID is {found} but name and key give {computed}")]
    IdMismatch {
        /// The ID in the text.
        found: KeyId,
        /// The ID by signed-note's formula.
        computed: KeyId,
    },
}

/// A public key with the name under which it signs. Prints as, and parses from, a vkey:
/// `<name>+<hex key ID>+<base64(type ‖ key)>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    key: PublicKey,
}

impl VerifierKey {
    /// Names a key.
    #[must_use]
    pub fn new(name: KeyName, key: PublicKey) -> Self {
        let id = key.id_under(&name);
        Self { name, id, key }
    }

    /// Names a key given as bytes.
    ///
    /// # Errors
    /// [`VerifierKeyError::Length`] or [`VerifierKeyError::Ed25519`].
    pub fn from_bytes(name: KeyName, kind: KeyKind, key: &[u8]) -> Result<Self, VerifierKeyError> {
        let length = |_| VerifierKeyError::Length {
            kind,
            expected: kind.key_len(),
            found: key.len(),
        };
        let ed25519 = || -> Result<_, VerifierKeyError> {
            let key = key.try_into().map_err(length)?;
            Ok(ed25519::PublicKey::from_bytes(key)?)
        };
        let key = match kind {
            KeyKind::Ed25519 => PublicKey::Ed25519(ed25519()?),
            KeyKind::Ed25519Cosignature => PublicKey::Ed25519Cosignature(ed25519()?),
            KeyKind::MlDsa44 => PublicKey::MlDsa44(mldsa44::PublicKey::from_bytes(
                key.try_into().map_err(length)?,
            )),
        };
        Ok(Self::new(name, key))
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key ID, always the one that follows from name and key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The signature type.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.key.kind()
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key's own bytes, without type: 32 or 1,312.
    #[must_use]
    pub fn key_bytes(&self) -> &[u8] {
        self.key.as_bytes()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind().type_byte()];
        key.extend_from_slice(self.key_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, base64::encode(&key))
    }
}

impl FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, VerifierKeyError> {
        if text.len() > MAX_VKEY_LEN {
            return Err(VerifierKeyError::Form);
        }
        // Only the first two `+` separate: base64 uses the character too.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VerifierKeyError::Form);
        };
        let name = KeyName::new(name)?;
        let mut found = [0; KeyId::LEN];
        match base16ct::lower::decode(id, &mut found) {
            Ok(decoded) if decoded.len() == KeyId::LEN => {}
            _ => return Err(VerifierKeyError::Id),
        }
        let found = KeyId::from_bytes(found);
        let key = base64::decode(key.as_bytes()).map_err(|_| VerifierKeyError::Base64)?;
        let (&byte, key) = key.split_first().ok_or(VerifierKeyError::Base64)?;
        let kind = KeyKind::from_type_byte(byte).ok_or(VerifierKeyError::UnknownType { byte })?;
        let key = Self::from_bytes(name, kind, key)?;
        if key.id != found {
            return Err(VerifierKeyError::IdMismatch {
                found,
                computed: key.id,
            });
        }
        Ok(key)
    }
}
