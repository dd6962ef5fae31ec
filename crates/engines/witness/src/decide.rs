//! The status matrix of tlog-witness "add-checkpoint": what is refused, and in which order.

use std::sync::Arc;

use quorate_merkle::{Proof, verify_consistency};
use quorate_note::{
    KeyKind, MAX_TIMESTAMP, Origin, SignedCheckpoint, SignedCheckpointError, SignedNote,
    VerifiedCheckpoint, VerifiedCosignature, VerifierKey, WitnessKey,
};

use crate::evidence::{Amnesia, Equivocation};
use crate::log::KnownLog;
use crate::position::Position;
use crate::refusal::Refusal;
use crate::request::{AddCheckpoint, Malformed, Unreadable};

/// A request whose checkpoint a known key of the log signed. Says nothing about what was co-signed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    old: u64,
    proof: Proof,
    checkpoint: VerifiedCheckpoint,
}

impl Authenticated {
    /// What the log signed.
    #[must_use]
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// What the log believes was co-signed last.
    #[must_use]
    pub fn old(&self) -> u64 {
        self.old
    }

    /// The checkpoint as it came carries a co-signature of ours that `position` does not account for: a larger tree, or
    /// another root for the same size. Either the witness's memory was set back, or its key is in other hands.
    ///
    /// Lines that claim our keys and do not verify are ignored here, one by one: anyone can plant one.
    #[must_use]
    pub fn amnesia(&self, position: Option<&Position>, own: &[WitnessKey]) -> Option<Amnesia> {
        let lines = self.checkpoint.note().signatures().iter();
        let ours = lines.filter_map(|line| {
            let found = self
                .checkpoint
                .cosignatures_in(std::slice::from_ref(line), own);
            found.ok()?.into_iter().next()
        });
        let ours: Vec<VerifiedCosignature> = ours.collect();
        let line = ours.first()?;
        let signed = self.checkpoint.checkpoint();
        let forgotten = match position {
            None => true,
            Some(position) => {
                let remembered = position.checkpoint();
                signed.size() > remembered.size()
                    || (signed.size() == remembered.size() && signed.root() != remembered.root())
            }
        };
        forgotten.then(|| Amnesia::new(&self.checkpoint, line))
    }

    /// The log signed another root for the size that was co-signed last.
    #[must_use]
    pub fn equivocation(&self, position: Option<&Position>) -> Option<Equivocation> {
        Equivocation::between(&position?.checkpoint, &self.checkpoint).ok()
    }

    fn no_proof(&self, why: &'static str) -> Result<(), Refusal> {
        match self.proof.hashes() {
            [] => Ok(()),
            _ => Err(Refusal::NeedlessProof { why }),
        }
    }
}

/// The checks that need no memory of what was co-signed: 404, 403, 400.
///
/// `find` answers with the log of an origin and the size that was co-signed last, or with `None` if the log is not
/// followed. The size only serves to answer a wrong empty root in the order of the spec.
///
/// # Errors
/// [`Refusal`]; nothing is to change.
pub fn authenticate(
    request: Result<AddCheckpoint, Unreadable>,
    find: impl FnOnce(&Origin) -> Option<(Arc<KnownLog>, u64)>,
) -> Result<Authenticated, Refusal> {
    let request = match request {
        Ok(request) => request,
        Err(Unreadable::Malformed(malformed)) => return Err(malformed.into()),
        Err(Unreadable::UndecodableSignature(name, origin, reason)) => {
            let Some((log, _)) = find(&origin) else {
                return Err(Refusal::UnknownLog { origin });
            };
            let mut names = log.keys().iter().filter_map(|k| k.verifier_key());
            return Err(if names.any(|k| k.name().as_str() == name) {
                Refusal::Undecodable { name, reason }
            } else {
                reason.into()
            });
        }
        Err(Unreadable::WrongEmptyRoot { old, origin, note }) => {
            let Some((log, last)) = find(&origin) else {
                return Err(Refusal::UnknownLog { origin });
            };
            return Err(wrong_empty_root(&log, last, old, &note));
        }
    };
    let checkpoint = request.checkpoint.checkpoint_unverified();
    let Some((log, _)) = find(checkpoint.origin()) else {
        return Err(Refusal::UnknownLog {
            origin: checkpoint.origin().clone(),
        });
    };
    let size = checkpoint.size();
    let verified = request.checkpoint.verify_log(log.keys())?;
    if request.old > size {
        return Err(Refusal::OldAboveSize {
            old: request.old,
            size,
        });
    }
    Ok(Authenticated {
        old: request.old,
        proof: request.proof,
        checkpoint: verified,
    })
}

/// The same order for a checkpoint that cannot be one: 403, 400, 409, 422.
fn wrong_empty_root(log: &KnownLog, last: u64, old: u64, note: &SignedNote) -> Refusal {
    // Only type 01 signs the text; the message of type 06 needs a checkpoint, which this is not.
    let keys: Vec<VerifierKey> = log
        .keys()
        .iter()
        .filter_map(|key| key.verifier_key())
        .filter(|key| key.kind() == KeyKind::Ed25519)
        .cloned()
        .collect();
    if note.verify(&keys).is_err() {
        return Refusal::EmptyNotSigned {
            origin: log.origin().clone(),
        };
    }
    if old > 0 {
        return Refusal::OldAboveSize { old, size: 0 };
    }
    if last > 0 {
        return Refusal::Conflict { size: last };
    }
    Refusal::EmptyRoot
}

/// The checks against what was co-signed before: 409, 422. Must run in one step with storing the answer, per log (R2).
///
/// `now` is POSIX seconds. The time never runs back: a later time on a smaller tree would make an earlier co-signature
/// false ("the largest tree known at that time").
///
/// # Errors
/// [`Refusal`]; nothing is to change.
pub fn advance(
    last: Option<&Position>,
    request: &Authenticated,
    now: u64,
) -> Result<Position, Refusal> {
    let new = request.checkpoint.checkpoint();
    let size = last.map_or(0, |p| p.checkpoint().size());
    if request.old != size {
        return Err(Refusal::Conflict { size });
    }
    match last.map(Position::checkpoint) {
        Some(known) if new.size() == size => {
            if new.root() != known.root() {
                return Err(Refusal::OtherRoot { size });
            }
            request.no_proof("a checkpoint that was co-signed before")?;
        }
        Some(known) if size > 0 => {
            verify_consistency(size, known.root(), new.size(), new.root(), &request.proof)
                .map_err(Refusal::BadProof)?;
        }
        _ => request.no_proof("old 0")?,
    }
    position(request.checkpoint.clone(), last, now)
}

/// What a witness that lost its memory may take for its position again: a checkpoint that its log signed and that bears
/// the witness's own co-signature, larger than what it remembers or the same. For the operator to decide, who must know that nobody
/// else signs with the key.
///
/// # Errors
/// [`Refusal`]: not signed by the log, not by us, smaller than what is remembered, or another tree of the same size.
pub fn recall(
    last: Option<&Position>,
    checkpoint: &SignedCheckpoint,
    log: &KnownLog,
    own: &[WitnessKey],
    now: u64,
) -> Result<Position, Refusal> {
    let verified = checkpoint.verify_log(&log.all_keys())?;
    let signed = verified.cosignatures(own).map_err(|_| Refusal::NotOurs)?;
    let latest = signed.iter().map(VerifiedCosignature::timestamp).max();
    let latest = latest.ok_or(Refusal::NotOurs)?;
    let size = last.map_or(0, |p| p.checkpoint().size());
    if verified.checkpoint().size() < size {
        return Err(Refusal::Conflict { size });
    }
    let other = |p: &Position| p.checkpoint().root() != verified.checkpoint().root();
    if verified.checkpoint().size() == size && last.is_some_and(other) {
        return Err(Refusal::OtherRoot { size });
    }
    position(verified, last, now.max(latest))
}

fn position(
    checkpoint: VerifiedCheckpoint,
    last: Option<&Position>,
    now: u64,
) -> Result<Position, Refusal> {
    let timestamp = now.max(last.map_or(1, Position::timestamp));
    if now == 0 || timestamp > MAX_TIMESTAMP {
        return Err(Refusal::NoTime);
    }
    // Lines by others would only take memory: a log could put 64 of them under every checkpoint.
    let checkpoint = checkpoint.with_log_lines_only();
    Ok(Position {
        checkpoint: checkpoint.map_err(|e| Malformed::from(SignedCheckpointError::from(e)))?,
        timestamp,
    })
}
