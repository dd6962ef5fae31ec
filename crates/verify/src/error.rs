//! Why something was not verified.

use quorate_note::{CosignatureError, LogSignatureError, TlogProofError};
use quorate_policy::{CheckpointRefused, NotQuorate};

use crate::erasure::ErasureError;

/// Why an entry is not verified. Nothing changed; there is no partial result.
///
/// [`code`](Self::code) is for programs and does not change; the text is for people and may.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The policy trusts no log. The caller's to repair: the policy needs a `log` line.
    #[error(
        "the policy has no `log` line: no log's signature can be trusted, so nothing can be verified"
    )]
    MissingLog,
    /// The proof is not a `.tlog-proof`.
    #[error("malformed proof: {0}")]
    Proof(#[from] TlogProofError),
    /// No log of the policy signed the checkpoint, or a signature by one of their keys is bad.
    #[error("log signature: {0}")]
    Log(#[source] LogSignatureError),
    /// A co-signature by a witness of the policy is bad. The checkpoint is refused even if the others
    /// would do: somebody forged or damaged it.
    #[error("co-signature: {0}")]
    Cosignature(#[source] CosignatureError),
    /// Too few witnesses.
    #[error(transparent)]
    NotQuorate(NotQuorate),
    /// The checkpoint's tree does not reach the index.
    #[error("the proof is for index {index}, but the checkpoint's tree has {size} entries")]
    IndexOutOfRange {
        /// Index in the proof.
        index: u64,
        /// Tree size in the checkpoint.
        size: u64,
    },
    /// The proof does not lead from this entry to the checkpoint's root: another entry (a final newline
    /// is enough), another index, or a damaged proof.
    #[error("this entry is not proven included: {0}")]
    NotIncluded(#[source] quorate_merkle::VerifyError),
    /// The proof's `extra` does not prove what it claims.
    #[error(transparent)]
    Extra(#[from] ErasureError),
}

impl VerifyError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingLog => "missing-log",
            Self::Proof(_) => "proof-malformed",
            Self::Log(LogSignatureError::UnknownLog { .. }) => "log-unknown",
            Self::Log(_) => "log-signature-invalid",
            Self::Cosignature(_) => "cosignature-invalid",
            Self::NotQuorate(_) => "not-quorate",
            Self::IndexOutOfRange { .. } => "index-out-of-range",
            Self::NotIncluded(_) => "not-included",
            Self::Extra(error) => match error {
                ErasureError::Malformed => "extra-malformed",
                ErasureError::Receipt(_) => "extra-receipt-invalid",
                ErasureError::NothingSealed => "extra-nothing-sealed",
                ErasureError::OtherContent => "extra-other-content",
                ErasureError::NotAfterEntry { .. } => "extra-not-after-entry",
                ErasureError::NotIncluded(_) => "extra-not-included",
            },
        }
    }
}

impl From<CheckpointRefused> for VerifyError {
    fn from(refused: CheckpointRefused) -> Self {
        match refused {
            CheckpointRefused::Log(error) => Self::Log(error),
            CheckpointRefused::Cosignature(error) => Self::Cosignature(error),
            CheckpointRefused::NotQuorate(error) => Self::NotQuorate(error),
            CheckpointRefused::MissingLog => Self::MissingLog,
        }
    }
}
