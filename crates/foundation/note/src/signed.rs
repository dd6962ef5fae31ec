//! From bytes to a checkpoint that a known log signed.

use core::fmt;

use crate::BadSignature;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::claims;
use crate::message;
use crate::name::{KeyId, KeyName, Origin};
use crate::note::{NoteError, SignatureLine, SignedNote};
use crate::role::LogKey;
use crate::signer::{LogSigner, SignError};
use crate::verified::VerifiedCheckpoint;
use crate::vkey::KeyKind;

/// Why bytes are not a signed checkpoint. The fault is in the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedCheckpointError {
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note's text is not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// What is wrong with a signature by a known key. Whoever made or carried it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureProblem {
    /// Not the length that the key's type prescribes.
    #[error("a signature of type {kind} has {expected} bytes, not {found}")]
    Length {
        /// The key's type.
        kind: KeyKind,
        /// Its signature length, time included.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// A time above 2^63 − 1, or any but 0 on a subtree.
    #[error("it cannot carry the time {timestamp}")]
    Timestamp {
        /// The time.
        timestamp: u64,
    },
    /// A witness's co-signature with time 0, which makes no statement about the newest tree.
    #[error("a witness's co-signature must carry a time")]
    ZeroTimestamp,
    /// It does not verify.
    #[error("it does not verify")]
    Bad,
}

impl From<BadSignature> for SignatureProblem {
    fn from(_: BadSignature) -> Self {
        Self::Bad
    }
}

/// Why a checkpoint is not accepted as signed by its log. The checkpoint must be rejected as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogSignatureError {
    /// None of the given keys belongs to this log, or none of them signed.
    #[error("the checkpoint is not signed by a known key of the log {origin}")]
    UnknownLog {
        /// The origin line.
        origin: Origin,
    },
    /// A line claims a known key of this log and fails.
    #[error("the log's signature by {name}+{id} is not valid: {problem}")]
    Invalid {
        /// Key name.
        name: KeyName,
        /// Key ID.
        id: KeyId,
        /// What is wrong.
        problem: SignatureProblem,
    },
}

/// A note whose text is a checkpoint. Nothing is verified: anybody can make one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedCheckpoint {
    /// Invariant: the text is `checkpoint.note_text()`.
    note: SignedNote,
    checkpoint: Checkpoint,
}

impl SignedCheckpoint {
    /// Reads a checkpoint with its signatures.
    ///
    /// # Errors
    /// [`SignedCheckpointError`] names the rule that is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignedCheckpointError> {
        let note = SignedNote::parse(bytes)?;
        let checkpoint = Checkpoint::parse(note.text_unverified())?;
        Ok(Self { note, checkpoint })
    }

    /// Puts signature lines under a checkpoint.
    ///
    /// # Errors
    /// [`NoteError`]: no line, too many, or two by the same key.
    pub fn new(checkpoint: Checkpoint, signatures: Vec<SignatureLine>) -> Result<Self, NoteError> {
        let note = SignedNote::new(&checkpoint.note_text(), signatures)?;
        Ok(Self { note, checkpoint })
    }

    /// Signs a checkpoint as its log, once with each signer.
    ///
    /// `timestamp` (POSIX seconds, 1 to [`MAX_TIMESTAMP`](crate::MAX_TIMESTAMP)) goes into type 06 signatures, which
    /// thereby say that this was the log's largest tree at that time; type 01 has no place for it.
    ///
    /// A log must never sign what contradicts something it signed before; that is the caller's to ensure and to have
    /// made durable.
    ///
    /// # Errors
    /// [`SignError`]; nothing was signed as far as anybody else can tell.
    pub fn sign(
        checkpoint: &Checkpoint,
        signers: &[LogSigner],
        timestamp: u64,
    ) -> Result<Self, SignError> {
        let lines = signers
            .iter()
            .map(|signer| signer.sign_checkpoint(checkpoint, timestamp))
            .collect::<Result<_, _>>()?;
        Ok(Self::new(checkpoint.clone(), lines)?)
    }

    /// The checkpoint, which nobody may have signed. Use it to find keys, not to believe it.
    #[must_use]
    pub fn checkpoint_unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note as it was read or made.
    #[must_use]
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// The bytes. [`parse`](Self::parse) reads them back as the same value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.note.to_bytes()
    }

    /// Verifies the log's signature.
    ///
    /// Keys of other logs (another name than the origin) and lines by other keys are ignored. Every line that claims
    /// one of the keys must verify under a key that it claims; one that fails spoils the whole checkpoint, because
    /// somebody forged or damaged it. Type 06 signatures of logs may carry time 0.
    ///
    /// # Errors
    /// [`LogSignatureError`].
    pub fn verify_log(&self, keys: &[LogKey]) -> Result<VerifiedCheckpoint, LogSignatureError> {
        let origin = self.checkpoint.origin();
        let lines = self.note.signatures();
        let found = claims::verified(
            lines,
            keys,
            |key, line| key.is_claimed_by(line, origin),
            |key, line| message::verify(key.key(), line, &self.checkpoint),
        )
        .map_err(|failed| LogSignatureError::Invalid {
            name: failed.line.name().clone(),
            id: failed.line.id(),
            problem: failed.problem,
        })?;
        let mut signed_by: Vec<LogKey> = Vec::new();
        let mut log_lines: Vec<SignatureLine> = Vec::new();
        for (line, key, _) in found {
            if !signed_by.contains(key) {
                signed_by.push(key.clone());
            }
            if log_lines.last() != Some(line) {
                log_lines.push(line.clone());
            }
        }
        if signed_by.is_empty() {
            return Err(LogSignatureError::UnknownLog {
                origin: origin.clone(),
            });
        }
        Ok(VerifiedCheckpoint::from_verify_log(
            self.checkpoint.clone(),
            signed_by,
            log_lines,
            self.note.clone(),
        ))
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}
