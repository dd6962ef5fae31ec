//! The newest checkpoint of a log that was co-signed, or will have been once it is durable.

use quorate_note::{
    Checkpoint, CosignSigner, LogSignatureError, MAX_TIMESTAMP, NoteError, Origin, SignError,
    SignatureLine, SignedCheckpoint, SignedCheckpointError, VerifiedCheckpoint,
};

use crate::log::KnownLog;

/// Why stored bytes are no position of a log. The store is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PositionError {
    /// Too short, or with a time that nothing was co-signed at.
    #[error("it has no usable time")]
    Time,
    /// What follows the time is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] SignedCheckpointError),
    /// The checkpoint is another log's.
    #[error("it is of the log {origin}")]
    OtherLog {
        /// Whose it is.
        origin: Origin,
    },
    /// No key that the log ever had signed it.
    #[error(transparent)]
    NotSigned(#[from] LogSignatureError),
}

/// What a witness remembers of a log: the largest tree it co-signed, with the log's own signature lines, and when.
///
/// Nothing can be signed with one. That takes a [`Durable`] position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub(crate) checkpoint: VerifiedCheckpoint,
    pub(crate) timestamp: u64,
}

impl Position {
    /// Origin, size and root.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        self.checkpoint.checkpoint()
    }

    /// The time of the co-signature, POSIX seconds.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// The bytes to store: `timestamp u64be ‖ checkpoint with the log's signature lines`.
    ///
    /// # Errors
    /// [`NoteError`]: cannot happen for lines that came in one note.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NoteError> {
        let lines = self.checkpoint.log_lines().to_vec();
        let note = SignedCheckpoint::new(self.checkpoint().clone(), lines)?;
        let mut bytes = self.timestamp.to_be_bytes().to_vec();
        bytes.extend_from_slice(&note.to_bytes());
        Ok(bytes)
    }

    /// The caller states that [`to_bytes`](Self::to_bytes) of this position survives a crash, in a place where no older
    /// position can come back (R2).
    #[must_use]
    pub fn durable(self) -> Durable {
        Durable(self)
    }

    /// Reads stored bytes, and verifies the log's signature again, by keys that were retired too: a damaged row never
    /// becomes a statement of ours.
    ///
    /// # Errors
    /// [`PositionError`].
    pub fn from_bytes(bytes: &[u8], log: &KnownLog) -> Result<Self, PositionError> {
        let (timestamp, note) = bytes.split_first_chunk::<8>().ok_or(PositionError::Time)?;
        let timestamp = u64::from_be_bytes(*timestamp);
        if timestamp == 0 || timestamp > MAX_TIMESTAMP {
            return Err(PositionError::Time);
        }
        let signed = SignedCheckpoint::parse(note)?;
        if signed.checkpoint_unverified().origin() != log.origin() {
            return Err(PositionError::OtherLog {
                origin: signed.checkpoint_unverified().origin().clone(),
            });
        }
        Ok(Self {
            checkpoint: signed.verify_log(&log.all_keys())?,
            timestamp,
        })
    }
}

/// A position that is stored: what may be co-signed.
///
/// Co-signatures follow from it and need not be stored: they can be made again, the same (both algorithms sign
/// deterministically; a key kept elsewhere may not, and then gives another signature over the same statement).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable(Position);

impl Durable {
    /// The position.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.0
    }

    /// The co-signature by `signer`.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn cosign(&self, signer: &CosignSigner) -> Result<SignatureLine, SignError> {
        signer.cosign(&self.0.checkpoint, self.0.timestamp)
    }

    /// The checkpoint under the log's verified lines and `cosignatures`: what monitors fetch. No other line of the
    /// submitted note is carried over, so that nobody can plant one under our answer.
    ///
    /// # Errors
    /// [`NoteError`]: together too many lines.
    pub fn published(
        &self,
        cosignatures: Vec<SignatureLine>,
    ) -> Result<SignedCheckpoint, NoteError> {
        let mut lines = self.0.checkpoint.log_lines().to_vec();
        lines.extend(cosignatures);
        SignedCheckpoint::new(self.0.checkpoint().clone(), lines)
    }
}
