//! A scroll of sessions: who may act, and what they did.

use std::collections::BTreeMap;

use quorate_receipt::{Blake3Hash, PublicKeyText, Receipt, Timestamp};

use crate::error::Invalid;
use crate::record::{ActorAdded, ActorRemoved, Closing, Record};
use crate::rules::Rules;
use crate::session::{Session, Taken};
use crate::signed::{Linked, Signed, Verified};
use crate::subject::Subject;

/// The key of an actor, as the operator pinned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    actor: Subject,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    /// A key that was removed stays its actor's: it can be pinned for it again, and for nobody else.
    in_force: bool,
}

impl Pin {
    /// Whose key it is.
    #[must_use]
    pub fn actor(&self) -> &Subject {
        &self.actor
    }

    /// The first time at which it counts.
    #[must_use]
    pub fn not_before(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// The last time at which it counts.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }

    /// False once it was removed.
    #[must_use]
    pub fn in_force(&self) -> bool {
        self.in_force
    }
}

/// What is kept of a session that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedSession {
    id: Blake3Hash,
    subject: Subject,
    key: PublicKeyText,
    steps: u64,
    closing: Blake3Hash,
}

impl ClosedSession {
    fn of(session: &Session, closing: &Verified<Closing>) -> Self {
        Self {
            id: *session.id(),
            subject: session.subject().clone(),
            key: *session.key(),
            steps: session.steps(),
            closing: *closing.hash(),
        }
    }

    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &Blake3Hash {
        &self.id
    }

    /// Who acted.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The key that signed.
    #[must_use]
    pub fn key(&self) -> &PublicKeyText {
        &self.key
    }

    /// How many steps there are.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The `root_hash` of the closing.
    #[must_use]
    pub fn closing(&self) -> &Blake3Hash {
        &self.closing
    }
}

/// A session of a scroll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEntry {
    /// Steps may follow.
    Open(Box<Session>),
    /// It is over.
    Closed(ClosedSession),
}

/// What the receipts of one scroll come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pins: BTreeMap<PublicKeyText, Pin>,
    sessions: BTreeMap<Blake3Hash, SessionEntry>,
}

/// How to take back one [`State::apply`]. Only the last one that was not taken back can be.
#[derive(Debug)]
#[must_use = "keep it until the receipt is durable, or drop it deliberately"]
pub struct Undo(Back);

#[derive(Debug)]
enum Back {
    Pin(PublicKeyText, Option<Pin>),
    Opened(Blake3Hash),
    Stepped(Blake3Hash, Timestamp),
    Closed(Box<Session>),
}

/// A receipt that the state it was judged by may take.
#[derive(Debug)]
enum Judged {
    Pin(PublicKeyText, Pin),
    Opened(Box<Session>),
    Taken(Blake3Hash, Box<Taken>),
}

impl State {
    /// Before the first receipt.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the scroll's next receipt, whoever wrote the scroll: everything is checked again.
    ///
    /// # Errors
    /// [`Invalid`]: nothing is changed.
    pub fn apply(&mut self, receipt: &Receipt) -> Result<Undo, Invalid> {
        self.apply_under(receipt, None)
    }

    /// As [`State::apply`], refusing a step that breaks one of today's rules.
    pub(crate) fn apply_under(
        &mut self,
        receipt: &Receipt,
        rules: Option<&Rules>,
    ) -> Result<Undo, Invalid> {
        let back = match self.judge(receipt)? {
            Judged::Pin(key, pin) => Back::Pin(key, self.pins.insert(key, pin)),
            Judged::Opened(session) => {
                let id = *session.id();
                self.sessions.insert(id, SessionEntry::Open(session));
                Back::Opened(id)
            }
            Judged::Taken(id, taken) => {
                let Some(SessionEntry::Open(session)) = self.sessions.get_mut(&id) else {
                    return Err(Invalid::UnknownSession(id));
                };
                match &*taken {
                    Taken::Step(step, label) => {
                        if let Some(rules) = rules {
                            rules.check(step, *label)?;
                        }
                        let last = session.last_timestamp();
                        session.record(&taken);
                        Back::Stepped(id, last)
                    }
                    Taken::Closed(closing) => {
                        let closed = SessionEntry::Closed(ClosedSession::of(session, closing));
                        match self.sessions.insert(id, closed) {
                            Some(SessionEntry::Open(session)) => Back::Closed(session),
                            _ => return Err(Invalid::UnknownSession(id)),
                        }
                    }
                }
            }
        };
        Ok(Undo(back))
    }

    /// Takes back what `undo` came from.
    pub fn undo(&mut self, undo: Undo) {
        match undo.0 {
            Back::Pin(key, Some(pin)) => {
                self.pins.insert(key, pin);
            }
            Back::Pin(key, None) => {
                self.pins.remove(&key);
            }
            Back::Opened(id) => {
                self.sessions.remove(&id);
            }
            Back::Stepped(id, last) => {
                if let Some(SessionEntry::Open(session)) = self.sessions.get_mut(&id) {
                    session.forget_last_step(last);
                }
            }
            Back::Closed(session) => {
                self.sessions
                    .insert(*session.id(), SessionEntry::Open(session));
            }
        }
    }

    /// Whether [`State::apply`] would take the receipt.
    ///
    /// # Errors
    /// As [`State::apply`].
    pub fn check(&self, receipt: &Receipt) -> Result<(), Invalid> {
        self.judge(receipt).map(drop)
    }

    fn judge(&self, receipt: &Receipt) -> Result<Judged, Invalid> {
        match Record::parse(receipt)? {
            Record::ActorAdded(added) => self.judge_added(added),
            Record::ActorRemoved(removed) => self.judge_removed(&removed),
            Record::Opened(opening) => {
                let session = Session::begin(opening)?;
                self.check_key(session.subject(), session.key(), receipt.timestamp())?;
                if self.sessions.contains_key(session.id()) {
                    return Err(Invalid::SessionExists(*session.id()));
                }
                Ok(Judged::Opened(Box::new(session)))
            }
            Record::Step(step) => self.judge_next(step, receipt.timestamp(), Session::judge_step),
            Record::Closed(closing) => {
                self.judge_next(closing, receipt.timestamp(), Session::judge_closing)
            }
        }
    }

    fn judge_next<T: Linked>(
        &self,
        record: Signed<T>,
        timestamp: Timestamp,
        judge: impl FnOnce(&Session, Signed<T>) -> Result<Taken, Invalid>,
    ) -> Result<Judged, Invalid> {
        let id = record.session();
        let session = match self.sessions.get(&id) {
            None => return Err(Invalid::UnknownSession(id)),
            Some(SessionEntry::Closed(_)) => return Err(Invalid::Closed(id)),
            Some(SessionEntry::Open(session)) => session,
        };
        let taken = judge(session, record)?;
        self.check_key(session.subject(), session.key(), timestamp)?;
        Ok(Judged::Taken(id, Box::new(taken)))
    }

    fn judge_added(&self, added: ActorAdded) -> Result<Judged, Invalid> {
        let ActorAdded {
            actor,
            key,
            not_before,
            not_after,
        } = added;
        quorate_note::ed25519::PublicKey::from_bytes(key.as_bytes())
            .map_err(|_| Invalid::UnusableKey(key))?;
        match self.pins.get(&key) {
            Some(pin) if pin.actor != actor => {
                return Err(Invalid::PinnedForAnother {
                    actor: pin.actor.clone(),
                    key,
                });
            }
            Some(pin) if pin.in_force => return Err(Invalid::AlreadyPinned(key)),
            _ => {}
        }
        let pin = Pin {
            actor,
            not_before,
            not_after,
            in_force: true,
        };
        Ok(Judged::Pin(key, pin))
    }

    fn judge_removed(&self, removed: &ActorRemoved) -> Result<Judged, Invalid> {
        let pin = self.pinned(&removed.actor, &removed.key)?;
        let pin = Pin {
            in_force: false,
            ..pin.clone()
        };
        Ok(Judged::Pin(removed.key, pin))
    }

    fn pinned(&self, subject: &Subject, key: &PublicKeyText) -> Result<&Pin, Invalid> {
        self.pins
            .get(key)
            .filter(|pin| pin.in_force && pin.actor == *subject)
            .ok_or_else(|| Invalid::NotPinned {
                subject: subject.clone(),
                key: *key,
            })
    }

    fn check_key(
        &self,
        subject: &Subject,
        key: &PublicKeyText,
        timestamp: Timestamp,
    ) -> Result<(), Invalid> {
        let pin = self.pinned(subject, key)?;
        let time = timestamp.micros();
        let early = pin.not_before.is_some_and(|first| time < first.micros());
        let late = pin.not_after.is_some_and(|last| time > last.micros());
        if early || late {
            return Err(Invalid::OutsideWindow {
                key: *key,
                timestamp,
            });
        }
        Ok(())
    }

    /// The keys that are or were pinned.
    pub fn pins(&self) -> impl ExactSizeIterator<Item = (&PublicKeyText, &Pin)> {
        self.pins.iter()
    }

    /// The sessions, by id.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = (&Blake3Hash, &SessionEntry)> {
        self.sessions.iter()
    }

    /// The session with this id.
    #[must_use]
    pub fn session(&self, id: &Blake3Hash) -> Option<&SessionEntry> {
        self.sessions.get(id)
    }

    /// The session with this id, if steps may follow.
    #[must_use]
    pub fn open_session(&self, id: &Blake3Hash) -> Option<&Session> {
        match self.sessions.get(id)? {
            SessionEntry::Open(session) => Some(session),
            SessionEntry::Closed(_) => None,
        }
    }
}
