//! Content that is kept beside the log behind a salted commitment in the receipt (rule R7): the content can
//! be erased, the proof that it was there stays.

use crate::json::{Object, Value};
use crate::text::hash::Blake3Hash;

/// Separates commitments from every other use of BLAKE3.
const CONTEXT: &str = "quorate v1 sealed content";

/// A `sealed` member that is not `{"commitment":"blake3:…","length":N}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`sealed` must be {{\"commitment\":\"blake3:…\",\"length\":N}}")]
pub struct SealedError;

/// The commitment to sealed content, as the member [`Sealed::MEMBER`] of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// BLAKE3 in derive-key mode over the salt and the content.
    pub commitment: Blake3Hash,
    /// Length of the content in bytes, at most 2^53 − 1.
    pub length: u64,
}

impl Sealed {
    /// The member's name.
    pub const MEMBER: &'static str = "sealed";

    /// Commits to `content`. The salt is random, kept with the content and erased with it: without it, short
    /// or guessable content could be found by trying.
    #[must_use]
    pub fn commit(salt: &[u8; 32], content: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(salt).update(content);
        Self {
            commitment: Blake3Hash::from_bytes(*hasher.finalize().as_bytes()),
            length: content.len() as u64,
        }
    }

    /// True if this is the commitment to `content` under `salt`.
    #[must_use]
    pub fn opens(&self, salt: &[u8; 32], content: &[u8]) -> bool {
        *self == Self::commit(salt, content)
    }

    /// The member's value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let length = Value::try_from(self.length).unwrap_or(Value::Null);
        Object::new()
            .with("commitment", self.commitment.to_string())
            .with("length", length)
            .into()
    }

    /// Reads the member's value.
    ///
    /// # Errors
    /// [`SealedError`] if it is anything else than what [`Sealed::to_value`] makes.
    pub fn from_value(value: &Value) -> Result<Self, SealedError> {
        let object = value
            .as_object()
            .filter(|object| object.len() == 2)
            .ok_or(SealedError)?;
        Ok(Self {
            commitment: object
                .get_str("commitment")
                .and_then(|text| text.parse().ok())
                .ok_or(SealedError)?,
            length: object
                .get("length")
                .and_then(Value::as_u64)
                .ok_or(SealedError)?,
        })
    }
}
