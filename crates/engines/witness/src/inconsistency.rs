//! Portable evidence: what proves that a log signed two trees of different sizes of which the larger does not continue
//! the smaller (R8).

use quorate_merkle::{Hash, MAX_PROOF_HASHES, Proof, verify_consistency};
use quorate_note::{LogKey, SignedCheckpoint, VerifiedCheckpoint, base64, decimal};

use crate::evidence::{EvidenceError, MAX_EVIDENCE_LEN, by_the_log, read, same_log};
use crate::request::Lines;

/// The longest evidence of two sizes: as of one size, with 64 hashes of 44 characters, each on its line.
pub const MAX_INCONSISTENCY_LEN: usize = MAX_EVIDENCE_LEN + (1 + MAX_PROOF_HASHES) * 45;

/// What evidence of two trees of different sizes begins with.
const INCONSISTENCY: &str = "quorate/inconsistency/v1";

/// Proof that a log signed two heads of different sizes that are not of one history: the tree under the larger has
/// another beginning than the smaller says. It needs nobody's word: the log's key is enough to check it.
///
/// The root of that beginning comes with a consistency proof. It leads to the root that the log signed, so the log
/// committed to it by signing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistency {
    smaller: SignedCheckpoint,
    larger: SignedCheckpoint,
    beginning: Hash,
    proof: Proof,
}

impl Inconsistency {
    /// Two verified checkpoints, and the root of as many leaves under the larger as the smaller has. Of their lines only
    /// the log's are kept.
    ///
    /// # Errors
    /// [`EvidenceError`] says why they do not contradict each other.
    pub fn between(
        smaller: &VerifiedCheckpoint,
        larger: &VerifiedCheckpoint,
        beginning: Hash,
        proof: Proof,
    ) -> Result<Self, EvidenceError> {
        let (a, b) = (smaller.checkpoint(), larger.checkpoint());
        same_log(a, b)?;
        if a.size() >= b.size() {
            return Err(EvidenceError::NotSmaller);
        }
        verify_consistency(a.size(), &beginning, b.size(), b.root(), &proof)
            .map_err(EvidenceError::Beginning)?;
        if beginning == *a.root() {
            return Err(EvidenceError::NoConflict);
        }
        Ok(Self {
            smaller: by_the_log(smaller)?,
            larger: by_the_log(larger)?,
            beginning,
            proof,
        })
    }

    /// Reads evidence and verifies it with keys that the reader trusts to be the log's.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn verify(bytes: &[u8], keys: &[LogKey]) -> Result<Self, EvidenceError> {
        if bytes.len() > MAX_INCONSISTENCY_LEN {
            return Err(EvidenceError::Form);
        }
        let (len, beginning, proof, notes) = split(bytes).ok_or(EvidenceError::Form)?;
        let (first, second) = notes.split_at_checked(len).ok_or(EvidenceError::Form)?;
        Self::between(
            &read(1, first, keys)?,
            &read(2, second, keys)?,
            beginning,
            proof,
        )
    }

    /// The evidence as a file: `quorate/inconsistency/v1`, the decimal length of the first checkpoint, the root of the
    /// beginning, the hashes of its consistency proof, an empty line, then both checkpoints, each as its log signed it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (first, second) = (self.smaller.to_bytes(), self.larger.to_bytes());
        let mut bytes = format!("{INCONSISTENCY}\n{}\n", first.len()).into_bytes();
        for hash in std::iter::once(&self.beginning).chain(self.proof.hashes()) {
            bytes.extend_from_slice(base64::encode(hash.as_bytes()).as_bytes());
            bytes.push(b'\n');
        }
        bytes.push(b'\n');
        bytes.extend_from_slice(&first);
        bytes.extend_from_slice(&second);
        bytes
    }

    /// The two checkpoints, the smaller first.
    #[must_use]
    pub fn checkpoints(&self) -> [&SignedCheckpoint; 2] {
        [&self.smaller, &self.larger]
    }
}

/// The length of the first note, the root of the beginning, its proof, and the notes.
fn split(bytes: &[u8]) -> Option<(usize, Hash, Proof, &[u8])> {
    let mut lines = Lines::of(bytes);
    lines
        .next()
        .filter(|line| *line == INCONSISTENCY.as_bytes())?;
    let len = decimal::parse_u64(lines.next()?).ok()?;
    let beginning = lines.next()?;
    let beginning = lines.hash(beginning).ok()?;
    let proof = lines.proof().ok()?;
    Some((usize::try_from(len).ok()?, beginning, proof, lines.rest()))
}
