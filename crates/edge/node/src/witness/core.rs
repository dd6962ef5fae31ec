//! Deciding and storing, in one step for many requests at once. No threads and no clock: what the committer runs, and
//! what crash tests run on a fake disk.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use quorate_note::{Origin, SignedCheckpoint, WitnessKey};
use quorate_witness::{Authenticated, Durable, Position, Refusal, advance, recall};
use sha2::{Digest as _, Sha256};

use super::log::Log;
use super::store::{
    Changes, EvidenceRecord, Halt, MAX_EVIDENCE_PER_LOG, Move, WitnessStore, WitnessStoreError,
};

/// A request that passed the checks that need no memory.
pub(super) struct Request {
    pub(super) log: Arc<Log>,
    pub(super) authenticated: Authenticated,
}

/// What became of it. Given out only after everything before it is durable.
#[derive(Debug)]
pub(super) enum Outcome {
    /// To be co-signed.
    Accepted(Durable),
    /// Not to be co-signed.
    Refused(Refusal),
    /// Nothing is signed for this log until the operator has looked.
    Halted(u64),
}

/// Why a halt stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotResumed {
    /// The log is not halted, or for another reason than the operator saw.
    NotHalted,
    /// What was forgotten cannot become the position.
    Recall(String),
}

/// The times of one commit.
#[derive(Debug, Clone)]
pub(super) struct Now {
    /// POSIX seconds.
    pub(super) seconds: u64,
    /// The same as RFC 3339.
    pub(super) text: String,
}

/// What was decided, and is not durable yet.
enum Verdict {
    Accept(Position),
    Refuse(Refusal),
    Halted(u64),
}

impl Verdict {
    /// Only once everything that was staged is stored.
    fn stored(self) -> Outcome {
        match self {
            Self::Accept(position) => Outcome::Accepted(position.durable()),
            Self::Refuse(refusal) => Outcome::Refused(refusal),
            Self::Halted(size) => Outcome::Halted(size),
        }
    }
}

/// The store and what depends on it.
pub(super) struct Core {
    store: Arc<WitnessStore>,
    own: Vec<WitnessKey>,
    /// Ids of the evidence that is kept, and how many there are of each log.
    kept: HashMap<String, String>,
}

/// What is staged for one log within a commit.
#[derive(Default)]
struct Staged {
    last: Option<Position>,
    moved: bool,
    halted: Option<Halt>,
}

impl Core {
    /// # Errors
    /// The store's.
    pub(super) fn new(
        store: Arc<WitnessStore>,
        own: Vec<WitnessKey>,
    ) -> Result<Self, WitnessStoreError> {
        let kept = store
            .evidence()?
            .into_iter()
            .map(|(id, record)| (id, record.origin))
            .collect();
        Ok(Self { store, own, kept })
    }

    /// Decides a group of requests in order, and makes what follows durable with one commit.
    ///
    /// Refusals wait for the commit too: a conflict may name a size that another request of the group brought.
    ///
    /// # Errors
    /// The store's: no outcome may be given out, and the process must end.
    pub(super) fn process(
        &mut self,
        requests: &[Request],
        now: &Now,
    ) -> Result<Vec<Outcome>, WitnessStoreError> {
        let mut staged: HashMap<Origin, (Arc<Log>, Staged)> = HashMap::new();
        let mut changes = Changes::default();
        let mut verdicts = Vec::with_capacity(requests.len());
        for request in requests {
            let (_, state) = staged
                .entry(request.log.origin().clone())
                .or_insert_with(|| (Arc::clone(&request.log), remembered(&request.log)));
            verdicts.push(self.decide(request, state, &mut changes, now));
        }
        for (log, state) in staged.values().filter(|(_, s)| s.moved) {
            let memory = log.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(position) = &state.last else {
                continue;
            };
            changes.moves.push(Move {
                origin: log.origin().to_string(),
                before: memory.stored.clone(),
                after: encoded(position)?,
            });
        }
        if !changes.is_empty() {
            self.store.commit(&changes)?;
        }
        self.remember(staged, changes);
        Ok(verdicts.into_iter().map(Verdict::stored).collect())
    }

    fn decide(
        &mut self,
        request: &Request,
        state: &mut Staged,
        changes: &mut Changes,
        now: &Now,
    ) -> Verdict {
        let authenticated = &request.authenticated;
        // Whatever else becomes of the request, what it proves is kept.
        if let Some(evidence) = authenticated.equivocation(state.last.as_ref()) {
            self.keep(request.log.origin(), &evidence, changes, now);
        }
        if let Some(amnesia) = authenticated.amnesia(state.last.as_ref(), &self.own) {
            let known = state.halted.as_ref().map_or(0, |halt| halt.size);
            if state.halted.is_none() || amnesia.size() > known {
                let halt = Halt {
                    at: now.text.clone(),
                    size: amnesia.size(),
                    note: amnesia.note().map(ToString::to_string).unwrap_or_default(),
                };
                let origin = request.log.origin().to_string();
                changes.halts.push((origin, halt.clone()));
                state.halted = Some(halt);
            }
        }
        if let Some(halt) = &state.halted {
            return Verdict::Halted(halt.size);
        }
        match advance(state.last.as_ref(), authenticated, now.seconds) {
            Ok(position) => {
                state.last = Some(position.clone());
                state.moved = true;
                Verdict::Accept(position)
            }
            Err(refusal) => Verdict::Refuse(refusal),
        }
    }

    fn keep(
        &mut self,
        origin: &Origin,
        evidence: &quorate_witness::Equivocation,
        changes: &mut Changes,
        now: &Now,
    ) {
        let bytes = evidence.to_bytes();
        let id = base16ct::lower::encode_string(&Sha256::digest(&bytes));
        let of_this_log = self.kept.values().filter(|o| *o == origin.as_str()).count();
        if self.kept.contains_key(&id) || of_this_log >= MAX_EVIDENCE_PER_LOG {
            return;
        }
        // Notes are UTF-8.
        let Ok(text) = String::from_utf8(bytes) else {
            return;
        };
        let size = evidence.checkpoints()[0].checkpoint_unverified().size();
        self.kept.insert(id.clone(), origin.to_string());
        changes.evidence.push((
            id,
            EvidenceRecord {
                origin: origin.to_string(),
                seen_at: now.text.clone(),
                size,
                text,
            },
        ));
    }

    /// Takes over what is durable now.
    fn remember(&self, staged: HashMap<Origin, (Arc<Log>, Staged)>, changes: Changes) {
        let mut stored: HashMap<String, Vec<u8>> = changes
            .moves
            .into_iter()
            .map(|change| (change.origin, change.after))
            .collect();
        for (log, state) in staged.into_values() {
            let mut memory = log.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.halt = state.halted;
            if state.moved {
                memory.last = state.last;
                memory.stored = stored.remove(log.origin().as_str());
            }
        }
    }

    /// The operator has looked at `halt`: the checkpoint that was forgotten becomes the position. Only if that is the
    /// halt that still stands: the log may have been resumed, and have moved on, since the operator looked.
    ///
    /// # Errors
    /// The store's, as in [`process`](Self::process); or, within, why nothing was changed.
    pub(super) fn resume(
        &mut self,
        log: &Arc<Log>,
        halt: &Halt,
        now: &Now,
    ) -> Result<Result<(), NotResumed>, WitnessStoreError> {
        let mut memory = log.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.halt.as_ref() != Some(halt) {
            return Ok(Err(NotResumed::NotHalted));
        }
        let forgotten = match SignedCheckpoint::parse(halt.note.as_bytes()) {
            Ok(forgotten) => forgotten,
            Err(error) => return Ok(Err(NotResumed::Recall(error.to_string()))),
        };
        let last = memory.last.as_ref();
        let position = match recall(last, &forgotten, &log.known(), &self.own, now.seconds) {
            Ok(position) => position,
            Err(refusal) => return Ok(Err(NotResumed::Recall(refusal.to_string()))),
        };
        let after = encoded(&position)?;
        self.store.commit(&Changes {
            moves: vec![Move {
                origin: log.origin().to_string(),
                before: memory.stored.clone(),
                after: after.clone(),
            }],
            resumed: vec![log.origin().to_string()],
            ..Changes::default()
        })?;
        memory.halt = None;
        memory.last = Some(position);
        memory.stored = Some(after);
        Ok(Ok(()))
    }
}

fn remembered(log: &Log) -> Staged {
    let memory = log.memory.lock().unwrap_or_else(PoisonError::into_inner);
    Staged {
        last: memory.last.clone(),
        moved: false,
        halted: memory.halt.clone(),
    }
}

fn encoded(position: &Position) -> Result<Vec<u8>, WitnessStoreError> {
    position.to_bytes().map_err(|_| WitnessStoreError::Damaged {
        what: "position",
        key: position.checkpoint().origin().to_string(),
    })
}
