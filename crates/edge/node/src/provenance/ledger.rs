//! What the scroll comes to, and where in it each session stands.

use std::collections::BTreeMap;

use quorate_provenance::{
    Command, Invalid, Record, Refusal, Rules, SessionEntry, State, Subject, Undo, decide, record,
};
use quorate_receipt::{Blake3Hash, PublicKeyText, Receipt, Timestamp};
use quorate_store::Reader;

use crate::clock;
use crate::sealed::ERASED;

/// What the operator says of an actor's key.
#[derive(Debug, Clone)]
pub(crate) enum Pinning {
    /// It counts.
    Add {
        actor: Subject,
        key: PublicKeyText,
        not_before: Option<Timestamp>,
        not_after: Option<Timestamp>,
    },
    /// It does not any more.
    Remove { actor: Subject, key: PublicKeyText },
}

/// Actors, sessions and places: what the receipts of the scroll come to.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    state: State,
    places: BTreeMap<Blake3Hash, Vec<Place>>,
}

/// A run of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

/// Which session a receipt belongs to, if to any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape(Option<Blake3Hash>);

impl Shape {
    pub(crate) fn of(receipt: &Receipt) -> Self {
        Self(match receipt.type_() {
            Record::SESSION_OPENED => Some(*receipt.root_hash()),
            Record::SESSION_STEP | Record::SESSION_CLOSED => session_of(receipt),
            _ => None,
        })
    }
}

fn session_of(receipt: &Receipt) -> Option<Blake3Hash> {
    receipt.object().get_str("session")?.parse().ok()
}

/// One receipt that can be taken back.
pub(crate) struct Taken(Undo);

impl Ledger {
    /// Replays the scroll. The index of the first entry that does not fit, and why.
    pub(crate) fn replay(reader: &Reader) -> Result<Self, (u64, String)> {
        let mut ledger = Self::default();
        let size = reader.size();
        let mut index = 0;
        while index < size {
            let entries = reader.entries(index..size, 4 << 20);
            let entries = entries.map_err(|e| (index, e.to_string()))?;
            for entry in entries {
                let receipt = Receipt::parse_canonical(&entry);
                let receipt = receipt.map_err(|e| (index, e.to_string()))?;
                // Written by the node when sealed content is erased; it changes no session.
                if receipt.type_() != ERASED {
                    let applied = ledger.state.apply(&receipt);
                    let _undo = applied.map_err(|e| (index, e.to_string()))?;
                }
                ledger.landed(index, &[Shape::of(&receipt)]);
                index += 1;
            }
        }
        Ok(ledger)
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn decide(&self, pinning: Pinning) -> Result<Vec<Receipt>, Refusal> {
        let command = match pinning {
            Pinning::Add {
                actor,
                key,
                not_before,
                not_after,
            } => Command::AddActor {
                actor,
                key,
                not_before,
                not_after,
            },
            Pinning::Remove { actor, key } => Command::RemoveActor { actor, key },
        };
        decide(&self.state, command, clock::now())
    }

    pub(crate) fn apply(&mut self, receipt: &Receipt) -> Result<Taken, Invalid> {
        self.state.apply(receipt).map(Taken)
    }

    pub(crate) fn record(&mut self, receipt: &Receipt, rules: &Rules) -> Result<Taken, Refusal> {
        record(&mut self.state, Some(rules), receipt, clock::now()).map(Taken)
    }

    /// Takes back what was applied last.
    pub(crate) fn take_back(&mut self, taken: Vec<Taken>) {
        for taken in taken.into_iter().rev() {
            self.state.undo(taken.0);
        }
    }

    /// They are durable, from this index on.
    pub(crate) fn landed(&mut self, first: u64, shapes: &[Shape]) {
        for (index, shape) in (first..).zip(shapes) {
            let Shape(Some(session)) = shape else {
                continue;
            };
            let places = self.places.entry(*session).or_default();
            match places.last_mut() {
                Some(last) if last.first + last.count == index => last.count += 1,
                _ => places.push(Place {
                    first: index,
                    count: 1,
                }),
            }
        }
    }

    /// Whose session a receipt belongs to, as far as it says or the session is known.
    pub(crate) fn subject_of(&self, receipt: &Receipt) -> Option<String> {
        if receipt.type_() == Record::SESSION_OPENED {
            return receipt.object().get_str("subject").map(str::to_owned);
        }
        match self.state.session(&session_of(receipt)?)? {
            SessionEntry::Open(session) => Some(session.subject().to_string()),
            SessionEntry::Closed(session) => Some(session.subject().to_string()),
        }
    }

    /// Where the session's receipts stand.
    pub(crate) fn places(&self, session: &Blake3Hash) -> &[Place] {
        self.places.get(session).map_or(&[], Vec::as_slice)
    }
}
