//! Checkpoints and co-signatures that were verified. Their fields are private, and the checks are the only way in.

use crate::checkpoint::Checkpoint;
use crate::claims::{self, Failed};
use crate::message;
use crate::name::{KeyId, KeyName};
use crate::note::{NoteError, SignatureLine, SignedNote};
use crate::role::{LogKey, WitnessKey};
use crate::signed::{SignatureProblem, SignedCheckpoint};

/// A checkpoint that a known key of its log signed.
///
/// What it does not say: that it is the log's newest, that others were shown the same (that takes witnesses), or
/// that the tree behind it is well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    signed_by: Vec<LogKey>,
    log_lines: Vec<SignatureLine>,
    note: SignedNote,
}

/// Why co-signatures are not accepted. Whoever made or carried the line is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CosignatureError {
    /// A line claims a known witness's key and fails.
    #[error("the co-signature by {name}+{id} is not valid: {problem}")]
    Invalid {
        /// Key name.
        name: KeyName,
        /// Key ID.
        id: KeyId,
        /// What is wrong.
        problem: SignatureProblem,
    },
}

impl From<Failed<'_>> for CosignatureError {
    fn from(failed: Failed<'_>) -> Self {
        Self::Invalid {
            name: failed.line.name().clone(),
            id: failed.line.id(),
            problem: failed.problem,
        }
    }
}

/// Why co-signatures cannot be carried under a checkpoint. Nothing was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// A co-signature is over another checkpoint: the caller mixed them up.
    #[error("a co-signature is over another checkpoint")]
    OtherCheckpoint,
    /// Together the lines are no note: too many, or two different ones by the same key.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl VerifiedCheckpoint {
    /// Only for [`SignedCheckpoint::verify_log`], which did the checking.
    pub(crate) fn from_verify_log(
        checkpoint: Checkpoint,
        signed_by: Vec<LogKey>,
        log_lines: Vec<SignatureLine>,
        note: SignedNote,
    ) -> Self {
        Self {
            checkpoint,
            signed_by,
            log_lines,
            note,
        }
    }

    /// Origin, size and root.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The known keys of the log whose signatures verified; at least one.
    #[must_use]
    pub fn signed_by(&self) -> &[LogKey] {
        &self.signed_by
    }

    /// The signature lines of those keys. Whoever stores or passes on a checkpoint carries these and verified
    /// co-signatures over, and no other line.
    #[must_use]
    pub fn log_lines(&self) -> &[SignatureLine] {
        &self.log_lines
    }

    /// The note as it came. Lines by unknown keys are still in it.
    #[must_use]
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// The same checkpoint with the log's verified lines and no other: what is worth keeping in memory, however many
    /// lines somebody put under it.
    ///
    /// # Errors
    /// [`NoteError`]: cannot happen for lines that came in one note.
    pub fn with_log_lines_only(self) -> Result<Self, NoteError> {
        let note = SignedNote::new(&self.checkpoint.note_text(), self.log_lines.clone())?;
        Ok(Self { note, ..self })
    }

    /// Verifies the co-signatures in the note by known witnesses.
    ///
    /// Lines by other keys are ignored. Every line that claims one of the keys must verify under a key that it
    /// claims, with a time that is not 0. A key counts once: of two valid lines by a nameless key, the one with the
    /// later time is given. Which witnesses suffice is a policy's question.
    ///
    /// # Errors
    /// [`CosignatureError`]; the checkpoint must then be rejected as a whole.
    pub fn cosignatures(
        &self,
        keys: &[WitnessKey],
    ) -> Result<Vec<VerifiedCosignature>, CosignatureError> {
        self.cosignatures_in(self.note.signatures(), keys)
    }

    /// The same for lines that came apart from the note, such as a witness's answer.
    ///
    /// # Errors
    /// [`CosignatureError`]; none of the lines should be used.
    pub fn cosignatures_in(
        &self,
        lines: &[SignatureLine],
        keys: &[WitnessKey],
    ) -> Result<Vec<VerifiedCosignature>, CosignatureError> {
        let origin = self.checkpoint.origin();
        let verified = claims::verified(
            lines,
            keys,
            |key, line| key.is_claimed_by(line, origin),
            |key, line| self.verify_cosignature(line, key),
        )?;
        let mut found: Vec<VerifiedCosignature> = Vec::new();
        for (_, _, cosignature) in verified {
            keep_latest(&mut found, cosignature);
        }
        Ok(found)
    }

    fn verify_cosignature(
        &self,
        line: &SignatureLine,
        key: &WitnessKey,
    ) -> Result<VerifiedCosignature, SignatureProblem> {
        match message::verify(key.key(), line, &self.checkpoint)? {
            // No witness key has a type without time.
            None | Some(0) => Err(SignatureProblem::ZeroTimestamp),
            Some(timestamp) => Ok(VerifiedCosignature {
                key: key.clone(),
                timestamp,
                checkpoint: self.checkpoint.clone(),
                line: line.clone(),
            }),
        }
    }

    /// The checkpoint with what was verified and nothing else: the log's lines and these co-signatures.
    ///
    /// # Errors
    /// [`CarryError`].
    pub fn with_cosignatures(
        &self,
        cosignatures: &[VerifiedCosignature],
    ) -> Result<SignedCheckpoint, CarryError> {
        let mut lines = self.log_lines.clone();
        for cosignature in cosignatures {
            if cosignature.checkpoint != self.checkpoint {
                return Err(CarryError::OtherCheckpoint);
            }
            // One line can verify under a key's named and nameless form.
            if !lines.contains(&cosignature.line) {
                lines.push(cosignature.line.clone());
            }
        }
        Ok(SignedCheckpoint::new(self.checkpoint.clone(), lines)?)
    }
}

/// One co-signature for each key: a key is one vote, however many lines it has.
fn keep_latest(found: &mut Vec<VerifiedCosignature>, new: VerifiedCosignature) {
    match found.iter_mut().find(|old| old.key == new.key) {
        None => found.push(new),
        Some(old) if old.timestamp < new.timestamp => *old = new,
        Some(_) => {}
    }
}

/// A known witness's co-signature over one checkpoint: at that time, by the witness's clock, this was the largest
/// consistent tree it knew of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCosignature {
    key: WitnessKey,
    timestamp: u64,
    checkpoint: Checkpoint,
    line: SignatureLine,
}

impl VerifiedCosignature {
    /// The key that co-signed, as it was given to the check.
    #[must_use]
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// The witness's time, in POSIX seconds: 1 to [`MAX_TIMESTAMP`](crate::MAX_TIMESTAMP). It may lie in the future
    /// of whoever reads it; what to think of that is the caller's question.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// What was co-signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The signature line.
    #[must_use]
    pub fn line(&self) -> &SignatureLine {
        &self.line
    }
}
