//! One session, receipt by receipt: the same state machine for the engine and for the offline verifier.

use std::sync::Arc;

use hashbrown::HashTable;
use quorate_note::ed25519;
use quorate_receipt::{Blake3Hash, PublicKeyText, Receipt, Timestamp};

use crate::error::Invalid;
use crate::label::Label;
use crate::record::{Closing, Link, Opening, Payload, Record, Step};
use crate::rules::Rules;
use crate::signed::{Signed, Verified, usable};
use crate::subject::Subject;

/// How many steps a session may have: with opening and closing 2^20 receipts, which is what one proof can cover. A step
/// costs 32 bytes for its hash, 5 to 10 in the index and one for its label: all of them at most 43 MiB, plus what the
/// vectors and the index hold in reserve.
pub const MAX_STEPS: u64 = (1 << 20) - 2;

/// A session: its opening and what followed. Everything in it is verified.
#[derive(Clone, Debug)]
pub struct Session {
    opening: Verified<Opening>,
    key: ed25519::PublicKey,
    /// The `root_hash` of the step with sequence number `index + 1`.
    steps: Vec<[u8; 32]>,
    labels: Vec<Label>,
    /// Indexes into `steps`, found by hash.
    index: HashTable<u32>,
    last: Timestamp,
    closing: Option<Verified<Closing>>,
    rules: Option<Arc<Rules>>,
}

/// What [`Session::take`] took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A step, and what it derives from.
    Step(Verified<Step>, Label),
    /// The closing: nothing follows.
    Closed(Verified<Closing>),
}

/// The place of a step in the index. Hashes are uniform as they are; who searches for ones that collide slows down the
/// session that is signed with his own key, by the square of how many he finds.
fn place(hash: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl Session {
    /// Begins with an opening.
    ///
    /// # Errors
    /// [`Invalid::NotAnOpening`], or as [`Signed::<Opening>::verify`].
    pub fn open(opening: &Receipt) -> Result<Self, Invalid> {
        match Record::parse(opening)? {
            Record::Opened(opening) => Self::begin(opening),
            _ => Err(Invalid::NotAnOpening(opening.type_().into())),
        }
    }

    /// As [`Session::open`], refusing the steps that break a rule.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_under(opening: &Receipt, rules: impl Into<Arc<Rules>>) -> Result<Self, Invalid> {
        let mut session = Self::open(opening)?;
        session.rules = Some(rules.into());
        Ok(session)
    }

    pub(crate) fn begin(opening: Signed<Opening>) -> Result<Self, Invalid> {
        let opening = opening.verify()?;
        Ok(Self {
            key: usable(&opening)?,
            last: opening.timestamp(),
            opening,
            steps: Vec::new(),
            labels: Vec::new(),
            index: HashTable::new(),
            closing: None,
            rules: None,
        })
    }

    /// Takes the next receipt.
    ///
    /// # Errors
    /// [`Invalid`]: the session is as it was.
    pub fn take(&mut self, receipt: &Receipt) -> Result<Taken, Invalid> {
        let taken = match Record::parse(receipt)? {
            Record::Step(step) => self.judge_step(step)?,
            Record::Closed(closing) => self.judge_closing(closing)?,
            _ => return Err(Invalid::NotAStep(receipt.type_().into())),
        };
        self.record(&taken);
        Ok(taken)
    }

    pub(crate) fn judge_step(&self, step: Signed<Step>) -> Result<Taken, Invalid> {
        self.check_open()?;
        // The signature first: what follows tells where the session stands, which is for the holder of its key.
        let step = step.verify_under(&self.opening, &self.key)?;
        self.check_link(&step.link, step.timestamp())?;
        if step.link.sequence > MAX_STEPS {
            return Err(Invalid::TooManySteps);
        }
        let mut ancestors = Label::TOP;
        let mut latest = None;
        for parent in &step.parents {
            let index = self.find(parent).ok_or(Invalid::UnknownParent(*parent))?;
            if latest >= Some(index) {
                return Err(Invalid::ParentOrder(*parent));
            }
            latest = Some(index);
            ancestors = ancestors.meet(self.labels[index as usize]);
        }
        let label = Label::effective(step.source, [ancestors]);
        if let Some(rules) = &self.rules {
            rules.check(&step, label)?;
        }
        Ok(Taken::Step(step, label))
    }

    pub(crate) fn judge_closing(&self, closing: Signed<Closing>) -> Result<Taken, Invalid> {
        self.check_open()?;
        let closing = closing.verify_under(&self.opening, &self.key)?;
        self.check_link(&closing.link, closing.timestamp())?;
        if closing.steps != self.steps() {
            return Err(Invalid::Count {
                expected: self.steps(),
                found: closing.steps,
            });
        }
        if let Some(rules) = &self.rules
            && closing.payload.is_some()
        {
            rules.check_payload(self.whole_label())?;
        }
        Ok(Taken::Closed(closing))
    }

    /// What all steps together derive from.
    fn whole_label(&self) -> Label {
        Label::effective(None, self.labels.iter().copied())
    }

    fn check_open(&self) -> Result<(), Invalid> {
        if self.is_closed() {
            return Err(Invalid::Closed(*self.id()));
        }
        Ok(())
    }

    fn check_link(&self, link: &Link, timestamp: Timestamp) -> Result<(), Invalid> {
        if link.sequence != self.next_sequence() {
            return Err(Invalid::Sequence {
                expected: self.next_sequence(),
                found: link.sequence,
            });
        }
        if link.previous != self.head() {
            return Err(Invalid::Previous {
                expected: self.head(),
                found: link.previous,
            });
        }
        // In microseconds: the order of `Timestamp` also tells texts of one time apart.
        if timestamp.micros() < self.last.micros() {
            return Err(Invalid::Time {
                last: self.last,
                found: timestamp,
            });
        }
        Ok(())
    }

    /// `taken` was judged by this session as it is now.
    pub(crate) fn record(&mut self, taken: &Taken) {
        match taken {
            Taken::Step(step, label) => {
                self.push(*step.hash().as_bytes(), *label);
                self.last = step.timestamp();
            }
            Taken::Closed(closing) => {
                self.last = closing.timestamp();
                self.closing = Some(closing.clone());
            }
        }
    }

    fn push(&mut self, hash: [u8; 32], label: Label) {
        // At most MAX_STEPS, which is far below 2^32.
        let index = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
        self.steps.push(hash);
        self.labels.push(label);
        let steps = &self.steps;
        self.index
            .insert_unique(place(&hash), index, |index| place(&steps[*index as usize]));
    }

    /// Takes the last step back; `last` is the time of the receipt before it.
    pub(crate) fn forget_last_step(&mut self, last: Timestamp) {
        let Some(hash) = self.steps.pop() else { return };
        self.labels.pop();
        let index = self.steps.len();
        if let Ok(entry) = self
            .index
            .find_entry(place(&hash), |found| *found as usize == index)
        {
            entry.remove();
        }
        self.last = last;
    }

    fn find(&self, hash: &Blake3Hash) -> Option<u32> {
        let hash = hash.as_bytes();
        self.index
            .find(place(hash), |index| self.steps[*index as usize] == *hash)
            .copied()
    }

    /// The opening.
    #[must_use]
    pub fn opening(&self) -> &Verified<Opening> {
        &self.opening
    }

    /// The session's id: the `root_hash` of its opening.
    #[must_use]
    pub fn id(&self) -> &Blake3Hash {
        self.opening.hash()
    }

    /// Who acts.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.opening.subject
    }

    /// The key that signs.
    #[must_use]
    pub fn key(&self) -> &PublicKeyText {
        &self.opening.key
    }

    /// How many steps there are.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps.len() as u64
    }

    /// The `root_hash` of the last receipt.
    #[must_use]
    pub fn head(&self) -> Blake3Hash {
        match (&self.closing, self.steps.last()) {
            (Some(closing), _) => *closing.hash(),
            (None, Some(step)) => Blake3Hash::from_bytes(*step),
            (None, None) => *self.id(),
        }
    }

    /// The sequence number that the next receipt has.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.steps() + 1 + u64::from(self.is_closed())
    }

    /// The time of the last receipt.
    #[must_use]
    pub fn last_timestamp(&self) -> Timestamp {
        self.last
    }

    /// True after the closing. Without one, steps may be missing from the end.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closing.is_some()
    }

    /// The closing, if there is one.
    #[must_use]
    pub fn closing(&self) -> Option<&Verified<Closing>> {
        self.closing.as_ref()
    }

    /// What the session led to, if the closing says so.
    #[must_use]
    pub fn payload(&self) -> Option<&Payload> {
        self.closing.as_ref()?.payload.as_ref()
    }

    /// The `root_hash` of the step with this sequence number.
    #[must_use]
    pub fn step_hash(&self, sequence: u64) -> Option<Blake3Hash> {
        let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.steps.get(index).copied().map(Blake3Hash::from_bytes)
    }

    /// The sequence number of the step with this `root_hash`.
    #[must_use]
    pub fn sequence_of(&self, step: &Blake3Hash) -> Option<u64> {
        self.find(step).map(|index| u64::from(index) + 1)
    }

    /// What the step with this sequence number derives from.
    #[must_use]
    pub fn label(&self, sequence: u64) -> Option<Label> {
        let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.labels.get(index).copied()
    }
}

/// Equal histories under equal rules; the index follows from the steps.
impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        self.opening == other.opening
            && self.steps == other.steps
            && self.labels == other.labels
            && self.last == other.last
            && self.closing == other.closing
            && self.rules == other.rules
            && self.index.len() == other.index.len()
    }
}

impl Eq for Session {}

#[cfg(test)]
mod tests {
    use quorate_note::ed25519::SecretKey;

    use super::*;
    use crate::{Attributes, Recorder, SourceClass, StepDraft};

    fn actor() -> (SecretKey, Subject) {
        let key = SecretKey::from_seed([1; 32]);
        (key, "did:vm:agent:a".parse().unwrap())
    }

    fn time() -> Timestamp {
        Timestamp::from_seconds(1_795_000_000).unwrap()
    }

    /// A session with this many steps that nobody signed: signing them takes minutes.
    fn filled(steps: u64) -> Session {
        let (key, subject) = actor();
        let (_, opening) =
            Recorder::open(key, subject, &[0; 32], Attributes::new(), time()).unwrap();
        let mut session = Session::open(&opening).unwrap();
        for step in 0..steps {
            let hash = Blake3Hash::of(&step.to_be_bytes());
            session.push(*hash.as_bytes(), Label::of(SourceClass::User));
        }
        session
    }

    fn go_on(session: &Session) -> Recorder {
        let (key, subject) = actor();
        let next = session.next_sequence();
        Recorder::resume(key, subject, *session.id(), session.head(), next)
    }

    #[test]
    fn a_session_refuses_more_steps_than_it_may_have() {
        let mut session = filled(MAX_STEPS - 1);
        let last = go_on(&session).step(StepDraft::note(), time()).unwrap();
        session.take(&last).unwrap();
        // The recorder would not sign this one: it must believe that there is room.
        let (key, subject) = actor();
        let place = go_on(&session);
        let mut room = Recorder::resume(key, subject, *session.id(), session.head(), 1);
        let step = room.step(StepDraft::note(), time()).unwrap();
        let mut object = step.object().clone();
        object.remove("root_hash");
        object.insert(
            "sequence",
            quorate_receipt::json::Value::try_from(place.next_sequence()).unwrap(),
        );
        let (key, subject) = actor();
        let signature = key.sign(&quorate_receipt::signed_message(&object));
        let signature = quorate_receipt::SignatureText::from_bytes(signature).to_string();
        object.insert(
            "signatures",
            quorate_receipt::json::Object::new().with(subject.as_str(), signature),
        );
        let step = Receipt::from_object(&object, time()).unwrap();
        assert_eq!(session.take(&step).unwrap_err(), Invalid::TooManySteps);
        let closing = go_on(&session).close(None, time()).unwrap();
        session.take(&closing).unwrap();
        assert_eq!(session.steps(), MAX_STEPS);
    }

    #[test]
    fn a_million_steps_fit_in_64_megabytes() {
        let session = filled(1_000_000);
        let bytes = session.steps.capacity() * 32
            + session.labels.capacity() * size_of::<Label>()
            + session.index.allocation_size();
        assert!(bytes < 64_000_000, "{bytes}");
        assert!(bytes / 1_000_000 <= 47, "{bytes}");
        for step in [0_u64, 499_999, 999_999] {
            let hash = Blake3Hash::of(&step.to_be_bytes());
            assert_eq!(session.sequence_of(&hash), Some(step + 1));
        }
    }
}
