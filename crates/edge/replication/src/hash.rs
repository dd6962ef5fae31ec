//! The name of exact bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::by_text;

/// BLAKE3-256 of a file's exact bytes, written as 64 lower-case hexadecimal digits.
///
/// It is the hash of the bytes alone, without a codec or a prefix: no CID, and no hash of anything parsed from them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash([u8; 32]);

/// A text is no [`ContentHash`]. The caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 lower-case hexadecimal digits")]
pub struct HashError;

impl ContentHash {
    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn blob(self) -> iroh_blobs::Hash {
        iroh_blobs::Hash::from_bytes(self.0)
    }
}

impl From<[u8; 32]> for ContentHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for ContentHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let mut bytes = [0; 32];
        let decoded = base16ct::lower::decode(text, &mut bytes).map_err(|_| HashError)?;
        if decoded.len() == 32 {
            Ok(Self(bytes))
        } else {
            Err(HashError)
        }
    }
}

by_text!(ContentHash, HashError);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_spelling() {
        let text = "0f".repeat(32);
        assert_eq!(
            text.parse::<ContentHash>().map(|h| h.to_string()),
            Ok(text.clone())
        );
        let wrong = [
            text.to_uppercase(),
            text[2..].to_owned(),
            format!("{text}00"),
            format!(" {text}"),
            format!("blake3:{text}"),
            String::new(),
        ];
        for wrong in wrong {
            assert_eq!(wrong.parse::<ContentHash>(), Err(HashError), "{wrong}");
        }
    }
}
