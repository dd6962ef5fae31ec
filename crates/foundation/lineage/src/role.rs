//! What a key is for.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding as _};
use quorate_receipt::PublicKeyText;

/// Bytes of an ML-DSA-44 public key (FIPS 204 §4, table 2).
pub const ML_DSA_44_PUBLIC_KEY_LEN: usize = 1312;

/// What a key is for. A key has one role for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Certifies the other keys; changes only by a rotation that was committed to before.
    Identity,
    /// Signs the checkpoints of this node's scrolls.
    Log,
    /// Co-signs other logs' checkpoints.
    Witness,
    /// Stands behind TLS connections.
    Transport,
    /// Signs federation requests, answers and agreements.
    Federation,
}

impl Role {
    /// The roles that the identity key certifies keys for.
    pub const CERTIFIED: [Self; 4] = [Self::Log, Self::Witness, Self::Transport, Self::Federation];

    /// The role's name in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Log => "log",
            Self::Witness => "witness",
            Self::Transport => "transport",
            Self::Federation => "federation",
        }
    }

    /// Whether keys of this role have an ML-DSA-44 half: logs and witnesses sign with both, and what is
    /// signed today must hold when Ed25519 no longer does; connections and requests are short-lived.
    #[must_use]
    pub const fn has_ml_dsa(self) -> bool {
        matches!(self, Self::Log | Self::Witness)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of identity, log, witness, transport, federation")]
pub struct RoleError;

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Identity]
            .into_iter()
            .chain(Self::CERTIFIED)
            .find(|role| role.as_str() == text)
            .ok_or(RoleError)
    }
}

/// An ML-DSA-44 public key, written as padded standard base64 of its 1,312 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MlDsa44Key(Box<[u8; ML_DSA_44_PUBLIC_KEY_LEN]>);

/// Text that is not an ML-DSA-44 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an ML-DSA-44 public key is the base64 of {ML_DSA_44_PUBLIC_KEY_LEN} bytes")]
pub struct MlDsa44KeyError;

impl MlDsa44Key {
    /// The key with these bytes; every sequence of this length is one (FIPS 204 algorithm 23).
    #[must_use]
    pub fn from_bytes(bytes: &[u8; ML_DSA_44_PUBLIC_KEY_LEN]) -> Self {
        Self(Box::new(*bytes))
    }

    /// The 1,312 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; ML_DSA_44_PUBLIC_KEY_LEN] {
        &self.0
    }
}

impl fmt::Display for MlDsa44Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64::encode_string(self.0.as_slice()))
    }
}

impl fmt::Debug for MlDsa44Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MlDsa44Key {
    type Err = MlDsa44KeyError;

    /// Only canonical base64 is read: the decoder refuses white space, missing padding and stray bits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = Box::new([0; ML_DSA_44_PUBLIC_KEY_LEN]);
        match Base64::decode(text, bytes.as_mut_slice()) {
            Ok(decoded) if decoded.len() == ML_DSA_44_PUBLIC_KEY_LEN => Ok(Self(bytes)),
            _ => Err(MlDsa44KeyError),
        }
    }
}

/// The public keys that act together in one role. The Ed25519 key names the pair.
///
/// Raw keys, not verifier-key lines: the name in such a line is the scroll's origin, and the same pair signs
/// every scroll of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleKeys {
    /// The Ed25519 key.
    pub ed25519: PublicKeyText,
    /// The ML-DSA-44 key, of roles that have one ([`Role::has_ml_dsa`]).
    pub ml_dsa_44: Option<MlDsa44Key>,
}

impl RoleKeys {
    /// The raw bytes of each key.
    pub(crate) fn raw(&self) -> impl Iterator<Item = &[u8]> {
        let ed25519: &[u8] = self.ed25519.as_bytes();
        std::iter::once(ed25519).chain(self.ml_dsa_44.iter().map(|key| key.as_bytes().as_slice()))
    }
}
