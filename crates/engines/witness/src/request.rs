//! The body of an add-checkpoint request (tlog-witness "add-checkpoint").

use quorate_merkle::{Hash, MAX_PROOF_HASHES, Proof};
use quorate_note::{
    CheckpointError, NoteError, Origin, SignatureLineError, SignedCheckpoint,
    SignedCheckpointError, SignedNote, base64, decimal,
};

/// The longest request body, in bytes: a note of 16 post-quantum signatures (16 × 4/3 × 4,639 bytes ≈ 99 kB), 63 proof
/// lines of 45 bytes and the first line fit.
pub const MAX_BODY_LEN: usize = 128 * 1024;

/// Why a body is no request, without asking which log it is about. The sender's fault; answered with 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Longer than [`MAX_BODY_LEN`].
    #[error("the body of {len} bytes is longer than 131072")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// The first line is not what the call asks for.
    #[error("the first line must be `{expected}`")]
    FirstLine {
        /// What it must look like.
        expected: &'static str,
    },
    /// The range is no subtree.
    #[error(transparent)]
    Subtree(#[from] quorate_merkle::SubtreeError),
    /// A line where a hash is expected is not the canonical base64 of 32 bytes.
    #[error("line {line} is not the canonical base64 of a hash")]
    Hash {
        /// Which line of the body, from 1.
        line: usize,
    },
    /// More than 63 proof lines.
    #[error("the proof has more than 63 hashes")]
    ProofTooLong,
    /// No empty line between the proof and the checkpoint.
    #[error("an empty line must follow the proof")]
    NoEmptyLine,
    /// What follows is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] SignedCheckpointError),
}

/// Why a body is no add-checkpoint request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It is one of no log.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A signature line by this name cannot be decoded. Answered with 403 if the name is that of a key of the log, so
    /// that a line which claims a known key and fails is treated in one way.
    #[error("{0}")]
    UndecodableSignature(String, Origin, Malformed),
    /// A checkpoint of the empty tree with another root than the empty tree has; the note is well-formed. Answered with
    /// 422 if a key of the log signed it.
    #[error("the checkpoint of an empty tree must have the root of the empty tree")]
    WrongEmptyRoot {
        /// The size that the sender believes we co-signed last.
        old: u64,
        /// Of which log.
        origin: Origin,
        /// The note.
        note: SignedNote,
    },
}

/// A request to co-sign a checkpoint. Well-formed; nothing about it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    pub(crate) old: u64,
    pub(crate) proof: Proof,
    pub(crate) checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    /// Puts a request together, as a log does.
    #[must_use]
    pub fn new(old: u64, proof: Proof, checkpoint: SignedCheckpoint) -> Self {
        Self {
            old,
            proof,
            checkpoint,
        }
    }

    /// Reads a request body.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let mut lines = Lines::new(body)?;
        let expected = "old <size>";
        let first = lines.next().ok_or(Malformed::FirstLine { expected })?;
        let old = first
            .strip_prefix(b"old ")
            .and_then(|digits| decimal::parse_u64(digits).ok())
            .ok_or(Malformed::FirstLine { expected })?;
        let proof = lines.proof()?;
        let note = lines.rest();
        match SignedCheckpoint::parse(note) {
            Ok(checkpoint) => Ok(Self {
                old,
                proof,
                checkpoint,
            }),
            Err(error) => Err(classify(old, note, error)),
        }
    }

    /// The request's bytes. [`parse`](Self::parse) reads them back as the same value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = format!("old {}\n", self.old).into_bytes();
        for hash in self.proof.hashes() {
            body.extend_from_slice(base64::encode(hash.as_bytes()).as_bytes());
            body.push(b'\n');
        }
        body.push(b'\n');
        body.extend_from_slice(&self.checkpoint.to_bytes());
        body
    }

    /// The consistency proof from `old` to the checkpoint.
    #[must_use]
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The size that the sender believes we co-signed last; 0 for none.
    #[must_use]
    pub fn old(&self) -> u64 {
        self.old
    }

    /// The checkpoint, which nobody may have signed.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

/// Which of a bad checkpoint's faults depend on the log for their answer.
fn classify(old: u64, bytes: &[u8], error: SignedCheckpointError) -> Unreadable {
    let origin = || {
        let line = bytes.split(|b| *b == b'\n').next()?;
        Origin::new(str::from_utf8(line).ok()?).ok()
    };
    match &error {
        SignedCheckpointError::Checkpoint(CheckpointError::EmptyRoot) => {
            if let (Some(origin), Ok(note)) = (origin(), SignedNote::parse(bytes)) {
                return Unreadable::WrongEmptyRoot { old, origin, note };
            }
        }
        SignedCheckpointError::Note(NoteError::Signature {
            error: SignatureLineError::Base64 | SignatureLineError::TooShort,
            index,
        }) => {
            if let (Some(origin), Some(name)) = (origin(), line_name(bytes, *index)) {
                return Unreadable::UndecodableSignature(name, origin, error.into());
            }
        }
        _ => {}
    }
    Malformed::from(error).into()
}

/// The key name of a signature line whose base64 is bad.
fn line_name(note: &[u8], index: usize) -> Option<String> {
    let note = str::from_utf8(note).ok()?;
    let (_, lines) = note.rsplit_once("\n\n")?;
    let line = lines.split('\n').nth(index)?;
    line.strip_prefix("\u{2014} ")?
        .split_once(' ')
        .map(|(name, _)| name.to_owned())
}

/// The lines of a body, each ending in LF, up to the note.
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Result<Self, Malformed> {
        if body.len() > MAX_BODY_LEN {
            return Err(Malformed::TooLong { len: body.len() });
        }
        Ok(Self::of(body))
    }

    /// Of octets whose length was looked at before.
    pub(crate) fn of(rest: &'a [u8]) -> Self {
        Self { rest, line: 0 }
    }

    pub(crate) fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|b| *b == b'\n')?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        self.line = self.line.saturating_add(1);
        Some(line)
    }

    pub(crate) fn hash(&self, line: &[u8]) -> Result<Hash, Malformed> {
        base64::decode_array(line)
            .map(Hash::from_bytes)
            .map_err(|_| Malformed::Hash { line: self.line })
    }

    /// Up to 63 hashes, then an empty line.
    pub(crate) fn proof(&mut self) -> Result<Proof, Malformed> {
        let mut hashes = Vec::new();
        loop {
            let line = self.next().ok_or(Malformed::NoEmptyLine)?;
            if line.is_empty() {
                return Proof::try_from(hashes).map_err(|_| Malformed::ProofTooLong);
            }
            if hashes.len() >= MAX_PROOF_HASHES {
                return Err(Malformed::ProofTooLong);
            }
            hashes.push(self.hash(line)?);
        }
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }
}
