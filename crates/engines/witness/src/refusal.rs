//! Why nothing is co-signed.

use quorate_merkle::VerifyError;
use quorate_note::{LogSignatureError, Origin};

use crate::request::Malformed;

/// Why a request is refused. Nothing was co-signed and nothing changed. The fault is in the request, unless the variant
/// says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The log is not known here, or is disabled.
    #[error("this witness does not follow the log {origin}")]
    UnknownLog {
        /// Which.
        origin: Origin,
    },
    /// No key of the log signed, or a line that claims one fails.
    #[error(transparent)]
    NotSigned(#[from] LogSignatureError),
    /// A line that claims a key of the log cannot be decoded.
    #[error("a signature that claims the log's key {name} cannot be decoded: {reason}")]
    Undecodable {
        /// The key's name.
        name: String,
        /// What is wrong.
        reason: Malformed,
    },
    /// A wrong root of the empty tree, and no known key signed it.
    #[error("the checkpoint is not signed by a known key of the log {origin}")]
    EmptyNotSigned {
        /// Of which log.
        origin: Origin,
    },
    /// A sign-subtree request whose checkpoint we did not co-sign with a key that signs subtrees.
    #[error(
        "the checkpoint does not carry a co-signature by this witness that can vouch for subtrees"
    )]
    NotOurs,
    /// The body is no request.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// `old` is larger than the checkpoint.
    #[error("old {old} is larger than the checkpoint of {size}")]
    OldAboveSize {
        /// What was given.
        old: u64,
        /// The checkpoint's size.
        size: u64,
    },
    /// A subtree that reaches past the checkpoint.
    #[error("the subtree ends at {end}, after the checkpoint of {size}")]
    SubtreeAboveSize {
        /// Where it ends.
        end: u64,
        /// The checkpoint's size.
        size: u64,
    },
    /// `old` is not what we co-signed last. The sender catches up from there.
    #[error("the last co-signed size is {size}")]
    Conflict {
        /// The size that we co-signed last, 0 for none.
        size: u64,
    },
    /// The empty tree with another root.
    #[error("the checkpoint of an empty tree must have the root of the empty tree")]
    EmptyRoot,
    /// A proof where there is nothing to prove.
    #[error("no proof belongs with {why}")]
    NeedlessProof {
        /// What the request is.
        why: &'static str,
    },
    /// The size that we co-signed, with another root: the log showed two trees.
    #[error("the log has shown another root for size {size}")]
    OtherRoot {
        /// The size.
        size: u64,
    },
    /// The proof does not show that the tree only grew, or that the subtree is part of it.
    #[error("the proof does not verify: {0}")]
    BadProof(VerifyError),
    /// The clock gave a time that no co-signature can carry. The witness's fault.
    #[error("the witness's clock gives no usable time")]
    NoTime,
}

impl Refusal {
    /// The HTTP status that tlog-witness gives it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::UnknownLog { .. } => 404,
            Self::NotSigned(_)
            | Self::Undecodable { .. }
            | Self::EmptyNotSigned { .. }
            | Self::NotOurs => 403,
            Self::Malformed(_) | Self::OldAboveSize { .. } | Self::SubtreeAboveSize { .. } => 400,
            Self::Conflict { .. } => 409,
            Self::EmptyRoot
            | Self::NeedlessProof { .. }
            | Self::OtherRoot { .. }
            | Self::BadProof(_) => 422,
            Self::NoTime => 500,
        }
    }
}
