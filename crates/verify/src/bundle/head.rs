//! What stands before the steps.

use std::collections::BTreeMap;

use quorate_merkle::{Hash, LeafRuns, MultiProof, MultiProofTooLong, TargetsError};
use quorate_note::{SignedCheckpoint, SignedCheckpointError, base64, decimal};
use quorate_receipt::json::{self, Object, Value};
use quorate_receipt::{Blake3Hash, Sealed};

use super::scan::{Failed, Scanner, Source};
use super::{
    FORMAT, MAX_CHECKPOINT_LEN, MAX_LEAVES_LEN, MAX_PAYLOAD_LEN, MAX_PROOF_LEN, MAX_SEALED_LEN,
};

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

    /// Takes everything up to the first step.
    pub(super) fn read<S: Source>(
        scanner: &mut Scanner<S>,
    ) -> Result<Result<Self, HeadError>, Failed<S::Error>> {
        scanner.expect("{\"checkpoint\":")?;
        let checkpoint = scanner.value(MAX_CHECKPOINT_LEN)?;
        scanner.expect(",\"format\":\"quorate/bundle/v1\",\"leaves\":")?;
        let leaves = scanner.value(MAX_LEAVES_LEN)?;
        let payload = match scanner.accept(",\"payload\":")? {
            true => Some(scanner.value(MAX_PAYLOAD_LEN)?),
            false => None,
        };
        scanner.expect(",\"proof\":")?;
        let proof = scanner.value(MAX_PROOF_LEN)?;
        let sealed = match scanner.accept(",\"sealed\":")? {
            true => Some(scanner.value(MAX_SEALED_LEN)?),
            false => None,
        };
        scanner.expect(",\"session\":")?;
        let session = scanner.value(80)?;
        scanner.expect(",\"steps\":[")?;
        let read = || {
            if payload.as_ref().is_some_and(|p| !json::is_canonical(p)) {
                return Err(HeadError::Form("payload"));
            }
            Ok(Self {
                checkpoint: read_checkpoint(&checkpoint)?,
                leaves: read_leaves(&leaves)?,
                payload,
                proof: read_proof(&proof)?,
                sealed: sealed.map_or(Ok(BTreeMap::new()), |text| read_sealed(&text))?,
                session: read_session(&session)?,
            })
        };
        Ok(read())
    }
}

fn read_checkpoint(text: &[u8]) -> Result<SignedCheckpoint, HeadError> {
    let form = HeadError::Form("checkpoint");
    let value = json::parse(text).map_err(|_| form.clone())?;
    if json::canonical(&value) != text {
        return Err(form);
    }
    let note = value.as_str().ok_or(form)?;
    Ok(SignedCheckpoint::parse(note.as_bytes())?)
}

/// `[[first,number],…]`, read without a value for each number: there may be a million.
fn read_leaves(text: &[u8]) -> Result<LeafRuns, HeadError> {
    let form = || HeadError::Form("leaves");
    let inner = text.strip_prefix(b"[[").and_then(|t| t.strip_suffix(b"]]"));
    let inner = str::from_utf8(inner.ok_or_else(form)?).map_err(|_| form())?;
    let run = |text: &str| {
        let (first, count) = text.split_once(',')?;
        let number = |text: &str| decimal::parse_u64(text.as_bytes()).ok();
        Some((number(first)?, number(count)?))
    };
    let runs: Option<Vec<_>> = inner.split("],[").map(run).collect();
    Ok(LeafRuns::new(runs.ok_or_else(form)?)?)
}

/// `["…",…]`, likewise.
fn read_proof(text: &[u8]) -> Result<MultiProof, HeadError> {
    if text == b"[]" {
        return Ok(MultiProof::try_from(Vec::new())?);
    }
    let form = || HeadError::Form("proof");
    let inner = text
        .strip_prefix(b"[\"")
        .and_then(|t| t.strip_suffix(b"\"]"));
    let inner = str::from_utf8(inner.ok_or_else(form)?).map_err(|_| form())?;
    let hash = |text: &str| {
        base64::decode_array(text.as_bytes())
            .ok()
            .map(Hash::from_bytes)
    };
    let hashes: Option<Vec<_>> = inner.split("\",\"").map(hash).collect();
    Ok(MultiProof::try_from(hashes.ok_or_else(form)?)?)
}

fn read_sealed(text: &[u8]) -> Result<BTreeMap<u64, Disclosure>, HeadError> {
    let form = || HeadError::Form("sealed");
    let value = json::parse(text).map_err(|_| form())?;
    if json::canonical(&value) != text {
        return Err(form());
    }
    let list = value.as_array().filter(|list| !list.is_empty());
    let mut sealed = BTreeMap::new();
    for shown in list.ok_or_else(form)? {
        let shown = shown.as_object().filter(|shown| shown.len() == 3);
        let shown = shown.ok_or_else(form)?;
        let sequence = shown.get("sequence").and_then(Value::as_u64);
        let sequence = sequence.ok_or_else(form)?;
        let bytes = |member| shown.get_str(member).ok_or_else(form).map(str::as_bytes);
        let disclosure = Disclosure {
            salt: base64::decode_array(bytes("salt")?).map_err(|_| form())?,
            content: base64::decode(bytes("content")?).map_err(|_| form())?,
        };
        let rises = sealed
            .last_key_value()
            .is_none_or(|(last, _)| *last < sequence);
        if !rises {
            return Err(form());
        }
        sealed.insert(sequence, disclosure);
    }
    Ok(sealed)
}

fn read_session(text: &[u8]) -> Result<Blake3Hash, HeadError> {
    let text = str::from_utf8(text).ok();
    let text = text.and_then(|t| t.strip_prefix('"')?.strip_suffix('"'));
    text.and_then(|text| text.parse().ok())
        .ok_or(HeadError::Form("session"))
}

impl Disclosure {
    /// Whether this is what the step committed to.
    pub(super) fn opens(&self, sealed: &Sealed) -> bool {
        sealed.opens(&self.salt, &self.content)
    }
}
