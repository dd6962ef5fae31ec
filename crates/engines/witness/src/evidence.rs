//! Portable evidence: what proves that a log showed two trees, or that a witness forgot what it signed (R8).

use quorate_merkle::VerifyError;
use quorate_note::{
    CarryError, Checkpoint, LogKey, LogSignatureError, MAX_NOTE_LEN, NoteError, SignedCheckpoint,
    SignedCheckpointError, VerifiedCheckpoint, VerifiedCosignature,
};

/// The longest evidence: two notes and the lines before them.
pub const MAX_EVIDENCE_LEN: usize = 2 * MAX_NOTE_LEN + 1024;

/// What evidence of two trees begins with.
const EQUIVOCATION: &str = "quorate/equivocation/v1\n";

/// Why something is not evidence. The fault is in what was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Not what evidence of its kind consists of.
    #[error(
        "not an evidence file: expected `quorate/equivocation/v1`, the length of the first checkpoint, and two checkpoints; or `quorate/inconsistency/v1`, with the root of a beginning and its proof before the checkpoints"
    )]
    Form,
    /// One of the two is no checkpoint.
    #[error("checkpoint {index}: {source}")]
    Checkpoint {
        /// Which, 1 or 2.
        index: u8,
        /// Why.
        source: SignedCheckpointError,
    },
    /// One of the two was not signed by a key of the log.
    #[error("checkpoint {index}: {source}")]
    NotSigned {
        /// Which, 1 or 2.
        index: u8,
        /// Why.
        source: LogSignatureError,
    },
    /// The two are of different logs.
    #[error("the checkpoints are of different logs")]
    OtherLog,
    /// The two are of different sizes: a log that grew, as far as they show.
    #[error("the checkpoints are of different sizes, which proves nothing")]
    OtherSize,
    /// Evidence of two sizes whose first is not the smaller.
    #[error("the first checkpoint is not the smaller one")]
    NotSmaller,
    /// The root of the beginning does not lead to the larger checkpoint's.
    #[error("the root of the beginning is not of the larger tree: {0}")]
    Beginning(VerifyError),
    /// The two say the same.
    #[error("the checkpoints do not contradict each other")]
    NoConflict,
    /// Together the lines are no note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Proof that a log signed two roots for one size. It needs nobody's word: the log's key is enough to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
    first: SignedCheckpoint,
    second: SignedCheckpoint,
}

impl Equivocation {
    /// Two verified checkpoints that contradict each other. Of their lines only the log's are kept.
    ///
    /// # Errors
    /// [`EvidenceError`] says why they do not.
    pub fn between(
        first: &VerifiedCheckpoint,
        second: &VerifiedCheckpoint,
    ) -> Result<Self, EvidenceError> {
        let (a, b) = (first.checkpoint(), second.checkpoint());
        same_log(a, b)?;
        if a.size() != b.size() {
            return Err(EvidenceError::OtherSize);
        }
        if a.root() == b.root() {
            return Err(EvidenceError::NoConflict);
        }
        Ok(Self {
            first: by_the_log(first)?,
            second: by_the_log(second)?,
        })
    }

    /// Reads evidence and verifies it with keys that the reader trusts to be the log's.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn verify(bytes: &[u8], keys: &[LogKey]) -> Result<Self, EvidenceError> {
        let (first, second) = split(bytes).ok_or(EvidenceError::Form)?;
        Self::between(&read(1, first, keys)?, &read(2, second, keys)?)
    }

    /// The evidence as a file: `quorate/equivocation/v1`, the decimal length of the first checkpoint, then both
    /// checkpoints, each as its log signed it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (first, second) = (self.first.to_bytes(), self.second.to_bytes());
        let mut bytes = format!("{EQUIVOCATION}{}\n", first.len()).into_bytes();
        bytes.extend_from_slice(&first);
        bytes.extend_from_slice(&second);
        bytes
    }

    /// The two checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> [&SignedCheckpoint; 2] {
        [&self.first, &self.second]
    }
}

/// The checkpoint with its log's lines and no other.
pub(crate) fn by_the_log(checkpoint: &VerifiedCheckpoint) -> Result<SignedCheckpoint, NoteError> {
    let lines = checkpoint.log_lines().to_vec();
    SignedCheckpoint::new(checkpoint.checkpoint().clone(), lines)
}

pub(crate) fn same_log(a: &Checkpoint, b: &Checkpoint) -> Result<(), EvidenceError> {
    if a.origin() == b.origin() {
        Ok(())
    } else {
        Err(EvidenceError::OtherLog)
    }
}

/// One of the checkpoints of a file, with the log's signature verified.
pub(crate) fn read(
    index: u8,
    note: &[u8],
    keys: &[LogKey],
) -> Result<VerifiedCheckpoint, EvidenceError> {
    SignedCheckpoint::parse(note)
        .map_err(|source| EvidenceError::Checkpoint { index, source })?
        .verify_log(keys)
        .map_err(|source| EvidenceError::NotSigned { index, source })
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if bytes.len() > MAX_EVIDENCE_LEN {
        return None;
    }
    let rest = bytes.strip_prefix(EQUIVOCATION.as_bytes())?;
    let end = rest.iter().position(|b| *b == b'\n')?;
    let (len, notes) = rest.split_at_checked(end)?;
    let len = quorate_note::decimal::parse_u64(len).ok()?;
    notes.get(1..)?.split_at_checked(usize::try_from(len).ok()?)
}

/// A checkpoint that bears the witness's own valid co-signature and that the witness does not remember: its memory was
/// set back (an older disk, a restored backup, a second copy of the key), or somebody else signs with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amnesia {
    note: Result<SignedCheckpoint, CarryError>,
    size: u64,
}

impl Amnesia {
    pub(crate) fn new(checkpoint: &VerifiedCheckpoint, own: &VerifiedCosignature) -> Self {
        Self {
            note: checkpoint.with_cosignatures(std::slice::from_ref(own)),
            size: checkpoint.checkpoint().size(),
        }
    }

    /// The size that was forgotten.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The checkpoint with the log's lines and our own.
    ///
    /// # Errors
    /// [`CarryError`]: cannot happen for lines that came in one note.
    pub fn note(&self) -> Result<&SignedCheckpoint, &CarryError> {
        self.note.as_ref()
    }
}
