//! Ed25519 public keys and signatures as multibase text (base58btc, prefix `z`).

use std::fmt;
use std::str::FromStr;

/// Multicodec `ed25519-pub` (0xed) as an unsigned varint.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];

/// 34 bytes in base58 are at most 47 characters; with the multibase prefix.
const MAX_KEY_TEXT: usize = 48;

/// 64 bytes in base58 are at most 88 characters; with the multibase prefix.
const MAX_SIGNATURE_TEXT: usize = 89;

/// Text that is not a key or signature in the one form it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MultibaseError {
    /// A public key begins with `ed25519:`.
    #[error("expected `ed25519:z…`")]
    Algorithm,
    /// Multibase base58btc begins with `z`.
    #[error("expected multibase base58btc text, which begins with `z`")]
    Base,
    /// Not base58btc.
    #[error("not base58btc")]
    Base58,
    /// The wrong number of bytes.
    #[error("wrong length")]
    Length,
    /// The bytes are not an Ed25519 public key by their multicodec prefix.
    #[error("not an Ed25519 public key (multicodec 0xed)")]
    Multicodec,
}

fn decode<const N: usize>(multibase: &str, longest: usize) -> Result<[u8; N], MultibaseError> {
    let base58 = multibase.strip_prefix('z').ok_or(MultibaseError::Base)?;
    // Base58 is quadratic in its length, so the length is checked first.
    if multibase.len() > longest {
        return Err(MultibaseError::Length);
    }
    let mut bytes = [0; N];
    match bs58::decode(base58).onto(&mut bytes) {
        Ok(length) if length == N => {}
        Ok(_) | Err(bs58::decode::Error::BufferTooSmall) => return Err(MultibaseError::Length),
        Err(_) => return Err(MultibaseError::Base58),
    }
    // Nothing more to check: base58 has one text for each sequence of bytes (leading zeros are leading ones, and what
    // follows is a number without leading zeros), so another text is another sequence.
    Ok(bytes)
}

/// An Ed25519 public key, written `ed25519:z6Mk…`.
///
/// This is the encoding only: whether the 32 bytes are a point that signatures may be checked against is
/// decided where a key is used, by the one acceptance rule of `quorate-note`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKeyText([u8; 32]);

impl PublicKeyText {
    /// What the text begins with.
    pub const PREFIX: &'static str = "ed25519:";

    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The part behind `ed25519:`, as it is used in a scroll's origin: `z6Mk…`.
    #[must_use]
    pub fn multibase(&self) -> String {
        let mut bytes = [0; 34];
        bytes[..2].copy_from_slice(&ED25519_PUB);
        bytes[2..].copy_from_slice(&self.0);
        format!("z{}", bs58::encode(bytes).into_string())
    }

    /// Reads the form of [`PublicKeyText::multibase`].
    ///
    /// # Errors
    /// [`MultibaseError`] if the text is anything else than what would be printed.
    pub fn from_multibase(text: &str) -> Result<Self, MultibaseError> {
        let bytes: [u8; 34] = decode(text, MAX_KEY_TEXT)?;
        let [a, b, key @ ..] = bytes;
        if [a, b] != ED25519_PUB {
            return Err(MultibaseError::Multicodec);
        }
        Ok(Self(key))
    }
}

impl fmt::Display for PublicKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.multibase())
    }
}

impl fmt::Debug for PublicKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKeyText {
    type Err = MultibaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_multibase(
            text.strip_prefix(Self::PREFIX)
                .ok_or(MultibaseError::Algorithm)?,
        )
    }
}

/// An Ed25519 signature, written `z…`: 64 bytes in base58btc.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignatureText([u8; 64]);

impl SignatureText {
    /// The signature with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for SignatureText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "z{}", bs58::encode(self.0).into_string())
    }
}

impl fmt::Debug for SignatureText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SignatureText {
    type Err = MultibaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode(text, MAX_SIGNATURE_TEXT).map(Self)
    }
}
