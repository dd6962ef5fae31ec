//! The next identity key: committed to now, revealed by the rotation, and able to live outside the machine
//! until then.

use std::fmt;
use std::str::FromStr;

use quorate_note::ed25519::SecretKey;
use quorate_receipt::{Blake3Hash, HashTextError, PublicKeyText};
use zeroize::Zeroizing;

/// Separates commitments to keys from every other use of BLAKE3.
const CONTEXT: &str = "quorate v1 next identity key";

/// A commitment to a public key that is not shown yet: BLAKE3 in derive-key mode over the 32 bytes of the
/// key and 32 bytes of salt. The salt keeps a key that is also used or seen elsewhere from being recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment(Blake3Hash);

impl Commitment {
    /// The commitment to `key` under `salt`.
    #[must_use]
    pub fn to(key: &PublicKeyText, salt: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(key.as_bytes()).update(salt);
        Self(Blake3Hash::from_bytes(*hasher.finalize().as_bytes()))
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Commitment {
    type Err = HashTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Text that is not a next key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NextKeyError {
    /// Not the four lines that [`NextKey::to_text`] writes.
    #[error(
        "not an offline key: expected four lines, the first `{}`",
        NextKey::HEADER
    )]
    Form,
    /// The commitment does not belong to the seed and salt: the text was damaged or mixed up.
    #[error("the offline key is damaged: its commitment does not belong to its seed and salt")]
    Commitment,
}

/// The secret behind a [`Commitment`]: the next identity key and the salt. Wiped from memory on drop, never
/// printed by `Debug`.
pub struct NextKey {
    seed: Zeroizing<[u8; 32]>,
    salt: Zeroizing<[u8; 32]>,
}

impl NextKey {
    /// The first line of the text form.
    pub const HEADER: &'static str = "quorate next identity key v1";

    /// From 64 random bytes of the caller's.
    #[must_use]
    pub fn new(seed: &[u8; 32], salt: &[u8; 32]) -> Self {
        Self {
            seed: Zeroizing::new(*seed),
            salt: Zeroizing::new(*salt),
        }
    }

    /// The signing key.
    #[must_use]
    pub fn secret(&self) -> SecretKey {
        SecretKey::from_seed(*self.seed)
    }

    /// The seed of the signing key, for keeping it once it is current.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The public key. Showing it before the rotation gives up what the commitment is for.
    #[must_use]
    pub fn public(&self) -> PublicKeyText {
        PublicKeyText::from_bytes(*self.secret().public().as_bytes())
    }

    /// The salt, which the rotation reveals with the key.
    #[must_use]
    pub fn salt(&self) -> &[u8; 32] {
        &self.salt
    }

    /// What an event says about this key before it is revealed.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment::to(&self.public(), &self.salt)
    }

    /// The text that carries the key out of the machine: four lines, each ending in LF.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(base16ct::lower::encode_string(self.seed.as_slice()));
        let salt = Zeroizing::new(base16ct::lower::encode_string(self.salt.as_slice()));
        let (header, commitment) = (Self::HEADER, self.commitment().to_string());
        // Reserved in one piece, so that no half-written copy stays behind in memory.
        let mut text = Zeroizing::new(String::with_capacity(512));
        for part in [
            header,
            "\nseed: ",
            seed.as_str(),
            "\nsalt: ",
            salt.as_str(),
            "\ncommitment: ",
            &commitment,
            "\n",
        ] {
            text.push_str(part);
        }
        text
    }

    /// Reads the form of [`NextKey::to_text`].
    ///
    /// # Errors
    /// [`NextKeyError`] if the text is anything else, byte for byte.
    pub fn parse(text: &[u8]) -> Result<Self, NextKeyError> {
        let text = std::str::from_utf8(text).map_err(|_| NextKeyError::Form)?;
        let rest = text.strip_prefix(Self::HEADER).ok_or(NextKeyError::Form)?;
        let rest = rest.strip_prefix("\nseed: ").ok_or(NextKeyError::Form)?;
        let (seed, rest) = rest.split_once("\nsalt: ").ok_or(NextKeyError::Form)?;
        let (salt, rest) = rest
            .split_once("\ncommitment: ")
            .ok_or(NextKeyError::Form)?;
        let commitment = rest.strip_suffix('\n').ok_or(NextKeyError::Form)?;
        let commitment: Commitment = commitment.parse().map_err(|_| NextKeyError::Form)?;
        let key = Self {
            seed: unhex(seed)?,
            salt: unhex(salt)?,
        };
        if key.commitment() != commitment {
            return Err(NextKeyError::Commitment);
        }
        Ok(key)
    }
}

impl fmt::Debug for NextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextKey").finish_non_exhaustive()
    }
}

fn unhex(digits: &str) -> Result<Zeroizing<[u8; 32]>, NextKeyError> {
    let mut bytes = Zeroizing::new([0; 32]);
    match base16ct::lower::decode(digits, bytes.as_mut_slice()) {
        Ok(decoded) if decoded.len() == 32 => Ok(bytes),
        _ => Err(NextKeyError::Form),
    }
}
