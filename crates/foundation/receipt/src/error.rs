//! Why a receipt was refused.

use crate::json::{JsonError, JsonErrorKind};
use crate::text::hash::{Blake3Hash, HashTextError};
use crate::text::timestamp::TimestampError;

/// A receipt that was refused: always the fault of whoever wrote it. Nothing was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not JSON as this system reads it.
    #[error("not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON, but not an object.
    #[error("a receipt is a JSON object")]
    NotAnObject,
    /// The canonical text is longer than [`MAX_RECEIPT_LEN`](crate::MAX_RECEIPT_LEN).
    #[error(
        "a receipt of {length} bytes is over the limit of {} bytes: log the hash of the content instead, \
         or seal the content (`--seal`), which keeps it beside the log",
        crate::MAX_RECEIPT_LEN
    )]
    TooLong {
        /// Length in bytes; for text that was not read at all, its length as submitted.
        length: usize,
    },
    /// Canonical form was required; the first byte that differs from it.
    #[error("not in canonical form (RFC 8785), first at byte {offset}")]
    NotCanonical {
        /// Offset of the first difference.
        offset: usize,
    },
    /// There is no `type`.
    #[error("`type` is missing")]
    MissingType,
    /// `type` is not a string of 1 to 128 bytes without control characters, quotes and backslashes.
    #[error(
        "`type` must be a string of 1 to 128 bytes without control characters, quotes and backslashes"
    )]
    InvalidType,
    /// There is no `timestamp`, where one cannot be added.
    #[error("`timestamp` is missing")]
    MissingTimestamp,
    /// `timestamp` is not a string.
    #[error("`timestamp` must be a string")]
    TimestampNotText,
    /// `timestamp` is not a time in the accepted form.
    #[error("`timestamp`: {0}")]
    InvalidTimestamp(#[from] TimestampError),
    /// There is no `root_hash`, where one cannot be added.
    #[error("`root_hash` is missing")]
    MissingRootHash,
    /// `root_hash` is not a string.
    #[error("`root_hash` must be a string")]
    RootHashNotText,
    /// `root_hash` is not `blake3:` and 64 hex digits.
    #[error("`root_hash`: {0}")]
    InvalidRootHash(#[from] HashTextError),
    /// `root_hash` was made over something else.
    #[error("`root_hash` is {claimed}, but the receipt hashes to {computed}")]
    WrongRootHash {
        /// What the receipt says.
        claimed: Blake3Hash,
        /// What it hashes to.
        computed: Blake3Hash,
    },
    /// A `root_hash` without a `timestamp`: adding the time would make the hash wrong.
    #[error("`root_hash` is given but `timestamp` is missing: give both or neither")]
    RootHashWithoutTimestamp,
    /// `tags` is not an array of strings.
    #[error("`tags` must be an array of strings")]
    InvalidTags,
}

impl ReceiptError {
    pub(crate) fn json(offset: usize, kind: JsonErrorKind) -> Self {
        Self::Json(JsonError { offset, kind })
    }
}
