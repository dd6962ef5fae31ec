//! What stands before the steps.

use std::collections::BTreeMap;

use quorate_merkle::{
    Hash, LeafRuns, MAX_MULTI_HASHES, MAX_MULTI_LEAVES, MultiProof, MultiProofTooLong, TargetsError,
};
use quorate_note::{SignedCheckpoint, SignedCheckpointError, base64, decimal};
use quorate_provenance::MAX_STEPS;
use quorate_receipt::json::{self, Object, Value};
use quorate_receipt::{Blake3Hash, Sealed, Sha256Text};

use super::error::{BundleError, Failure};
use super::scan::{Scanner, Source};
use super::verify::payload_hash;
use super::{FORMAT, MAX_CHECKPOINT_LEN, MAX_PAYLOAD_LEN, MAX_SEALED_LEN};

/// The content of a sealed step, shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// The salt of its commitment.
    pub salt: [u8; 32],
    /// The content.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for Disclosure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disclosure")
            .field("length", &self.content.len())
            .finish_non_exhaustive()
    }
}

/// Everything of a bundle but its steps. Nothing in it was verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The head of the log under which all receipts are.
    pub checkpoint: SignedCheckpoint,
    /// Where they stand.
    pub leaves: LeafRuns,
    /// Canonical JSON.
    pub payload: Option<Vec<u8>>,
    /// That they stand there.
    pub proof: MultiProof,
    /// By the step's sequence number.
    pub sealed: BTreeMap<u64, Disclosure>,
    /// The session's id.
    pub session: Blake3Hash,
}

/// A member of a bundle is not what it must be. The fault of whoever made the bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// Not in the one form it has.
    #[error("`{0}` is not in its one form")]
    Form(&'static str),
    /// The checkpoint is none.
    #[error("`checkpoint`: {0}")]
    Checkpoint(#[from] SignedCheckpointError),
    /// The runs are none.
    #[error("`leaves`: {0}")]
    Leaves(#[from] TargetsError),
    /// More hashes than a proof may have.
    #[error("`proof`: {0}")]
    Proof(#[from] MultiProofTooLong),
}

impl Head {
    /// The bytes up to the first step. Each step follows as its canonical text, with a comma between two; then
    /// [`Head::TAIL`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = b"{\"checkpoint\":".to_vec();
        let note = String::from_utf8_lossy(&self.checkpoint.to_bytes()).into_owned();
        out.extend(json::canonical(&Value::from(note)));
        out.extend(format!(",\"format\":\"{FORMAT}\",\"leaves\":[").bytes());
        for (n, (first, count)) in self.leaves.runs().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            out.extend(format!("{comma}[{first},{count}]").bytes());
        }
        out.push(b']');
        if let Some(payload) = &self.payload {
            out.extend(b",\"payload\":");
            out.extend(payload);
        }
        out.extend(b",\"proof\":[");
        for (n, hash) in self.proof.hashes().iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            out.extend(format!("{comma}\"{}\"", base64::encode(hash.as_bytes())).bytes());
        }
        out.push(b']');
        if !self.sealed.is_empty() {
            let shown = self.sealed.iter().map(|(sequence, shown)| {
                let sequence = Value::try_from(*sequence).unwrap_or(Value::Null);
                Value::from(
                    Object::new()
                        .with("content", base64::encode(&shown.content))
                        .with("salt", base64::encode(&shown.salt))
                        .with("sequence", sequence),
                )
            });
            out.extend(b",\"sealed\":");
            out.extend(json::canonical(&Value::from(shown.collect::<Vec<_>>())));
        }
        out.extend(format!(",\"session\":\"{}\",\"steps\":[", self.session).bytes());
        out
    }

    /// What follows the last step.
    pub const TAIL: &'static [u8] = b"]}";
}

/// What a verifier keeps of a [`Head`] that it reads: of what is shown, hashes and commitments.
pub(super) struct Read {
    pub(super) leaves: LeafRuns,
    pub(super) payload: Option<Sha256Text>,
    pub(super) proof: MultiProof,
    /// What is shown for the step with this sequence number is content of this commitment.
    pub(super) sealed: Vec<Shown>,
    pub(super) session: Blake3Hash,
}

/// Content that a bundle shows for a sealed step. Only its salt and a commitment to it are kept.
pub(super) struct Shown {
    pub(super) sequence: u64,
    pub(super) commits_to: Sealed,
}

type Reading<T, S> = Result<T, Failure<<S as Source>::Error>>;

fn form(member: &'static str) -> BundleError {
    BundleError::Member(HeadError::Form(member))
}

/// Takes what stands before everything that must be paid for with memory, so that nothing is read of a bundle whose head
/// does not count.
pub(super) fn read_checkpoint<S: Source>(scanner: &mut Scanner<S>) -> Reading<SignedCheckpoint, S> {
    scanner.expect("{\"checkpoint\":")?;
    let text = scanner.value(MAX_CHECKPOINT_LEN)?;
    let value = json::parse(&text).map_err(|_| form("checkpoint"))?;
    let note = value.as_str().filter(|_| json::canonical(&value) == text);
    let note = note.ok_or_else(|| form("checkpoint"))?;
    Ok(SignedCheckpoint::parse(note.as_bytes())
        .map_err(|error| BundleError::Member(error.into()))?)
}

/// Takes the rest up to the first step, one item after another.
pub(super) fn read_rest<S: Source>(scanner: &mut Scanner<S>) -> Reading<Read, S> {
    scanner.expect(",\"format\":\"quorate/bundle/v1\",\"leaves\":")?;
    let leaves = read_leaves(scanner)?;
    let payload = match scanner.accept(",\"payload\":")? {
        true => {
            let text = scanner.value(MAX_PAYLOAD_LEN)?;
            if !json::is_canonical(&text) {
                return Err(form("payload").into());
            }
            Some(payload_hash(&text))
        }
        false => None,
    };
    scanner.expect(",\"proof\":")?;
    let proof = read_proof(scanner)?;
    let sealed = match scanner.accept(",\"sealed\":")? {
        true => read_sealed(scanner)?,
        false => Vec::new(),
    };
    scanner.expect(",\"session\":")?;
    let session = read_session(&scanner.value(80)?).map_err(BundleError::Member)?;
    scanner.expect(",\"steps\":[")?;
    Ok(Read {
        leaves,
        payload,
        proof,
        sealed,
        session,
    })
}

fn number<S: Source>(scanner: &mut Scanner<S>, member: &'static str) -> Reading<u64, S> {
    let text = scanner.value(20)?;
    Ok(decimal::parse_u64(&text).map_err(|_| form(member))?)
}

/// `[[first,number],…]`.
fn read_leaves<S: Source>(scanner: &mut Scanner<S>) -> Reading<LeafRuns, S> {
    scanner.expect("[")?;
    let mut runs = Vec::new();
    loop {
        scanner.expect("[")?;
        let first = number(scanner, "leaves")?;
        scanner.expect(",")?;
        runs.push((first, number(scanner, "leaves")?));
        scanner.expect("]")?;
        if !scanner.accept(",")? {
            break;
        }
        if runs.len() >= MAX_MULTI_LEAVES {
            let found = runs.len() as u64 + 1;
            let error = HeadError::Leaves(TargetsError::TooMany { found });
            return Err(BundleError::Member(error).into());
        }
    }
    scanner.expect("]")?;
    Ok(LeafRuns::new(runs).map_err(|error| BundleError::Member(error.into()))?)
}

/// `["…",…]`.
fn read_proof<S: Source>(scanner: &mut Scanner<S>) -> Reading<MultiProof, S> {
    scanner.expect("[")?;
    let mut hashes = Vec::new();
    while !scanner.accept("]")? {
        if !hashes.is_empty() {
            scanner.expect(",")?;
        }
        let hash = base64::decode_array(&scanner.string(44)?).map_err(|_| form("proof"))?;
        hashes.push(Hash::from_bytes(hash));
        if hashes.len() > MAX_MULTI_HASHES {
            break;
        }
    }
    Ok(MultiProof::try_from(hashes).map_err(|error| BundleError::Member(error.into()))?)
}

/// `[{"content":…,"salt":…,"sequence":…},…]`, rising.
fn read_sealed<S: Source>(scanner: &mut Scanner<S>) -> Reading<Vec<Shown>, S> {
    scanner.expect("[")?;
    let mut shown: Vec<Shown> = Vec::new();
    let mut left = MAX_SEALED_LEN;
    loop {
        scanner.expect("{\"content\":")?;
        let content = scanner.string(left)?;
        left = left.saturating_sub(content.len());
        let content = base64::decode(&content).map_err(|_| form("sealed"))?;
        scanner.expect(",\"salt\":")?;
        let salt = base64::decode_array(&scanner.string(44)?).map_err(|_| form("sealed"))?;
        scanner.expect(",\"sequence\":")?;
        let sequence = number(scanner, "sealed")?;
        scanner.expect("}")?;
        // No session has more steps, so a list of empty contents ends too.
        if shown.last().is_some_and(|last| last.sequence >= sequence) || sequence > MAX_STEPS {
            return Err(form("sealed").into());
        }
        let commits_to = Sealed::commit(&salt, &content);
        shown.push(Shown {
            sequence,
            commits_to,
        });
        if !scanner.accept(",")? {
            break;
        }
    }
    scanner.expect("]")?;
    Ok(shown)
}

fn read_session(text: &[u8]) -> Result<Blake3Hash, HeadError> {
    let text = str::from_utf8(text).ok();
    let text = text.and_then(|t| t.strip_prefix('"')?.strip_suffix('"'));
    text.and_then(|text| text.parse().ok())
        .ok_or(HeadError::Form("session"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `["…",…]` of so many hashes.
    fn proof(hashes: usize) -> Vec<u8> {
        let hash = format!("\"{}\"", base64::encode(&[7; 32]));
        let list = std::iter::repeat_n(hash, hashes).collect::<Vec<_>>();
        format!("[{}]", list.join(",")).into_bytes()
    }

    /// One empty content after another, for ever.
    struct Empty(u64, fn(u64) -> u64);

    impl Source for Empty {
        type Error = std::convert::Infallible;

        fn more(&mut self, buffer: &mut Vec<u8>) -> Result<bool, Self::Error> {
            let start = if self.0 == 0 { "[" } else { "," };
            self.0 += 1;
            let (salt, sequence) = (base64::encode(&[7; 32]), (self.1)(self.0));
            let item =
                format!("{start}{{\"content\":\"\",\"salt\":\"{salt}\",\"sequence\":{sequence}}}");
            buffer.extend_from_slice(item.as_bytes());
            Ok(self.0 < 2 * MAX_STEPS)
        }
    }

    #[test]
    fn no_more_contents_are_read_than_a_session_has_steps() {
        let read_until = |sequence| {
            let mut scanner = Scanner::new(Empty(0, sequence));
            let form = HeadError::Form("sealed");
            match read_sealed(&mut scanner) {
                Err(Failure::Refused(BundleError::Member(error))) => assert_eq!(error, form),
                _ => panic!("it is to be refused for its form"),
            }
            scanner.offset()
        };
        assert!(read_until(|n| n) < 120 * (MAX_STEPS + 2));
        assert!(read_until(|_| 1) < 120 * 3);
    }

    #[test]
    fn a_proof_is_read_up_to_its_longest() {
        let read = |hashes| read_proof(&mut Scanner::new(&*proof(hashes)));
        assert_eq!(read(0).unwrap().hashes().len(), 0);
        let longest = read(MAX_MULTI_HASHES).unwrap();
        assert_eq!(longest.hashes().len(), MAX_MULTI_HASHES);
        assert!(matches!(
            read(MAX_MULTI_HASHES + 1),
            Err(Failure::Refused(BundleError::Member(HeadError::Proof(_))))
        ));
    }
}
