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
        /// Also if it was taken back before.
        again: bool,
    },
    /// It does not any more.
    Remove { actor: Subject, key: PublicKeyText },
}

/// Actors, sessions and places: what the receipts of the scroll come to.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    state: State,
    landed: BTreeMap<Blake3Hash, Landed>,
    /// When keys were taken back last.
    removed: BTreeMap<PublicKeyText, Timestamp>,
}

/// What of a session stands in the scroll.
#[derive(Debug, Clone)]
struct Landed {
    places: Vec<Place>,
    opened_at: Timestamp,
    last_at: Timestamp,
}

/// A run of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

/// What a receipt is about, and its time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    about: About,
    at: Timestamp,
}

#[derive(Debug, Clone, Copy)]
enum About {
    Session(Blake3Hash),
    Removal(PublicKeyText),
    Nothing,
}

impl Shape {
    pub(crate) fn of(receipt: &Receipt) -> Self {
        let session = match receipt.type_() {
            Record::SESSION_OPENED => Some(*receipt.root_hash()),
            Record::SESSION_STEP | Record::SESSION_CLOSED => session_of(receipt),
            _ => None,
        };
        let removed = || match receipt.type_() {
            Record::ACTOR_REMOVED => receipt.object().get_str("key")?.parse().ok(),
            _ => None,
        };
        Self {
            about: match session {
                Some(session) => About::Session(session),
                None => removed().map_or(About::Nothing, About::Removal),
            },
            at: receipt.timestamp(),
        }
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
                again: _,
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
            let session = match shape.about {
                About::Session(session) => session,
                About::Removal(key) => {
                    self.removed.insert(key, shape.at);
                    continue;
                }
                About::Nothing => continue,
            };
            let landed = self.landed.entry(session).or_insert_with(|| Landed {
                places: Vec::new(),
                opened_at: shape.at,
                last_at: shape.at,
            });
            landed.last_at = shape.at;
            match landed.places.last_mut() {
                Some(last) if last.first + last.count == index => last.count += 1,
                _ => landed.places.push(Place {
                    first: index,
                    count: 1,
                }),
            }
        }
    }

    /// When the key was taken back, if it was this actor's and is not pinned now.
    pub(crate) fn taken_back(&self, actor: &Subject, key: &PublicKeyText) -> Option<Timestamp> {
        let mut pins = self.state.pins();
        let (_, pin) = pins.find(|(pinned, _)| *pinned == key)?;
        let out = !pin.in_force() && pin.actor() == actor;
        self.removed.get(key).copied().filter(|_| out)
    }

    /// When a session was opened, and when its last receipt was made, by the actor's clock.
    pub(crate) fn times(&self, session: &Blake3Hash) -> Option<(Timestamp, Timestamp)> {
        let landed = self.landed.get(session)?;
        Some((landed.opened_at, landed.last_at))
    }

    /// When a key was taken back last.
    pub(crate) fn removed_at(&self, key: &PublicKeyText) -> Option<Timestamp> {
        self.removed.get(key).copied()
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
        let landed = self.landed.get(session);
        landed.map_or(&[], |landed| landed.places.as_slice())
    }
}
