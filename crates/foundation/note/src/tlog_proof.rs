//! `.tlog-proof` files: a checkpoint and the way from one entry to its root (tlog-proof "Format").

use core::fmt;

use quorate_merkle::{Hash, MAX_PROOF_HASHES, Proof};

use crate::base64;
use crate::decimal;
use crate::note::MAX_NOTE_LEN;
use crate::signed::{SignedCheckpoint, SignedCheckpointError};

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The most extra data in a proof, in bytes before base64: room for a receipt of 65,535 bytes, written as a JSON
/// string, with proofs around it.
pub const MAX_EXTRA_LEN: usize = 256 * 1024;

/// The longest file: first line; `extra ` with base64 of [`MAX_EXTRA_LEN`]; `index ` with 20 digits; 63 lines of 44
/// characters; each with its newline; an empty line; a checkpoint of at most [`MAX_NOTE_LEN`].
pub const MAX_TLOG_PROOF_LEN: usize = (HEADER.len() + 1)
    + (6 + MAX_EXTRA_LEN.div_ceil(3) * 4 + 1)
    + (6 + 20 + 1)
    + MAX_PROOF_HASHES * (44 + 1)
    + 1
    + MAX_NOTE_LEN;

/// Why bytes are not a tlog-proof. The fault is in the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlogProofError {
    /// Longer than [`MAX_TLOG_PROOF_LEN`].
    #[error("a proof of {len} bytes is longer than any")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// The first line is another.
    #[error("the first line is not `c2sp.org/tlog-proof@v1`")]
    Header,
    /// No empty line ends the proof's own lines.
    #[error("no empty line comes before the checkpoint")]
    NoCheckpoint,
    /// The extra line is not canonical base64 of 1 to [`MAX_EXTRA_LEN`] bytes.
    #[error("the extra line is not the canonical base64 of 1 to 262144 bytes")]
    Extra,
    /// The index line is missing or not a canonical decimal.
    #[error("the index line is missing or not `index` and a decimal without leading zeros")]
    Index,
    /// A line of the inclusion proof is not canonical base64 of 32 bytes.
    #[error("hash {index} of the inclusion proof is not the canonical base64 of 32 bytes")]
    Hash {
        /// Which, from 0.
        index: usize,
    },
    /// More hashes than any inclusion proof has.
    #[error("the inclusion proof has more than 63 hashes")]
    TooManyHashes,
    /// What follows the empty line is not a checkpoint.
    #[error("checkpoint of the proof: {0}")]
    Checkpoint(#[from] SignedCheckpointError),
}

/// A proof as it came: well-formed, and nothing verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlogProof {
    /// Data for the application. Nothing authenticates it (tlog-proof "Format"). Never empty when read.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry, from 0. May lie outside the tree until verified.
    pub index: u64,
    /// The inclusion proof, the leaf's sibling first.
    pub proof: Proof,
    /// The checkpoint to whose root the proof leads.
    pub checkpoint: SignedCheckpoint,
}

impl TlogProof {
    /// Puts a proof together. Empty `extra` is no extra; more than [`MAX_EXTRA_LEN`] bytes make a file that no one
    /// reads.
    #[must_use]
    pub fn new(
        extra: Option<Vec<u8>>,
        index: u64,
        proof: Proof,
        checkpoint: SignedCheckpoint,
    ) -> Self {
        Self {
            extra: extra.filter(|extra| !extra.is_empty()),
            index,
            proof,
            checkpoint,
        }
    }

    /// Reads a proof. Exactly what [`to_text`](Self::to_text) writes is accepted.
    ///
    /// # Errors
    /// [`TlogProofError`] names the rule that is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        if bytes.len() > MAX_TLOG_PROOF_LEN {
            return Err(TlogProofError::TooLong { len: bytes.len() });
        }
        let mut lines = Lines(bytes);
        if lines.next_line()? != HEADER.as_bytes() {
            return Err(TlogProofError::Header);
        }
        let mut line = lines.next_line()?;
        let mut extra = None;
        if let Some(text) = line.strip_prefix(b"extra ") {
            let data = base64::decode(text).map_err(|_| TlogProofError::Extra)?;
            // "If no extra data is present, this line is omitted."
            if data.is_empty() || data.len() > MAX_EXTRA_LEN {
                return Err(TlogProofError::Extra);
            }
            extra = Some(data);
            line = lines.next_line()?;
        }
        let index = line
            .strip_prefix(b"index ")
            .and_then(|digits| decimal::parse_u64(digits).ok())
            .ok_or(TlogProofError::Index)?;
        let mut hashes = Vec::new();
        loop {
            let line = lines.next_line()?;
            if line.is_empty() {
                break;
            }
            let index = hashes.len();
            if index >= MAX_PROOF_HASHES {
                return Err(TlogProofError::TooManyHashes);
            }
            let hash = base64::decode_array(line).map_err(|_| TlogProofError::Hash { index })?;
            hashes.push(Hash::from_bytes(hash));
        }
        let proof = Proof::try_from(hashes).map_err(|_| TlogProofError::TooManyHashes)?;
        let checkpoint = SignedCheckpoint::parse(lines.0)?;
        Ok(Self {
            extra,
            index,
            proof,
            checkpoint,
        })
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = self.extra.as_deref().filter(|extra| !extra.is_empty()) {
            writeln!(f, "extra {}", base64::encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in self.proof.hashes() {
            writeln!(f, "{}", base64::encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// What is left to read.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    /// The next line without its newline. Running out of lines means that the empty line never came.
    fn next_line(&mut self) -> Result<&'a [u8], TlogProofError> {
        let end = self.0.iter().position(|&b| b == b'\n');
        let (line, rest) = end
            .and_then(|end| self.0.split_at_checked(end))
            .ok_or(TlogProofError::NoCheckpoint)?;
        self.0 = rest.strip_prefix(b"\n").unwrap_or(rest);
        Ok(line)
    }
}
