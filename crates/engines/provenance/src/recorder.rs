//! Writing a session: the actor's side.

use std::sync::Arc;

use quorate_note::ed25519::SecretKey;
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{
    Blake3Hash, PublicKeyText, Receipt, ReceiptError, Sealed, SignatureText, Timestamp,
    signed_message,
};

use crate::draft::StepDraft;
use crate::malformed::Malformed;
use crate::members::Attributes;
use crate::record::{Payload, Record};
use crate::session::MAX_STEPS;
use crate::subject::Subject;

/// A draft that makes no receipt: the fault of the caller. The recorder is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The receipt would not be one of this engine.
    #[error("the draft breaks a rule: {0}")]
    Malformed(#[from] Malformed),
    /// The receipt would be too long, or no receipt at all.
    #[error("the draft makes no receipt: {0}")]
    Receipt(#[from] ReceiptError),
    /// The clock went backwards. Wait, or set it right.
    #[error("the time {now} is before {last}, the time of the last receipt of the session")]
    Time {
        /// The time of the last receipt.
        last: Timestamp,
        /// The time given.
        now: Timestamp,
    },
    /// Open another session.
    #[error("a session has at most {MAX_STEPS} steps")]
    TooManySteps,
    /// A number that JSON cannot carry exactly.
    #[error("{0} is above 2^53 − 1")]
    Number(u64),
}

/// Writes and signs the receipts of one session, each of which follows the one before it.
#[derive(Debug)]
pub struct Recorder {
    key: Arc<SecretKey>,
    subject: Subject,
    session: Blake3Hash,
    head: Blake3Hash,
    sequence: u64,
    last: Option<Timestamp>,
}

impl Recorder {
    /// Opens a session. `nonce` is random.
    ///
    /// # Errors
    /// [`DraftError`] if the attributes do not fit.
    pub fn open(
        key: impl Into<Arc<SecretKey>>,
        subject: Subject,
        nonce: &[u8; 32],
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(Self, Receipt), DraftError> {
        let key = key.into();
        let public = PublicKeyText::from_bytes(*key.public().as_bytes());
        let nonce = Blake3Hash::from_bytes(*nonce).to_string();
        let digits = nonce.strip_prefix(Blake3Hash::PREFIX).unwrap_or_default();
        let object = Object::new()
            .with("subject", subject.as_str())
            .with("key", public.to_string())
            .with("nonce", digits);
        let object = with_attributes(object, attributes);
        let opening = sign(&key, &subject, Record::SESSION_OPENED, object, now)?;
        let session = *opening.root_hash();
        let mut recorder = Self::resume(key, subject, session, session, 1);
        recorder.last = Some(now);
        Ok((recorder, opening))
    }

    /// Goes on with a session whose last receipt is `head` and whose next has this sequence number.
    #[must_use]
    pub fn resume(
        key: impl Into<Arc<SecretKey>>,
        subject: Subject,
        session: Blake3Hash,
        head: Blake3Hash,
        sequence: u64,
    ) -> Self {
        Self {
            key: key.into(),
            subject,
            session,
            head,
            sequence,
            last: None,
        }
    }

    /// Moves to another head of the same session, which somebody else with the same key brought about.
    ///
    /// Move only to a head that the log shows: signing a second receipt with one sequence number is a [`crate::Fork`],
    /// which proves misbehaviour to anybody.
    pub fn rejoin(&mut self, head: Blake3Hash, sequence: u64) {
        self.head = head;
        self.sequence = sequence;
        self.last = None;
    }

    /// Records a step.
    ///
    /// # Errors
    /// [`DraftError`]: nothing was signed.
    pub fn step(&mut self, draft: StepDraft, now: Timestamp) -> Result<Receipt, DraftError> {
        if self.sequence > MAX_STEPS {
            return Err(DraftError::TooManySteps);
        }
        let object = draft.into_object(self.link(now)?)?;
        let receipt = sign(&self.key, &self.subject, Record::SESSION_STEP, object, now)?;
        self.head = *receipt.root_hash();
        self.sequence += 1;
        self.last = Some(now);
        Ok(receipt)
    }

    /// Closes the session.
    ///
    /// # Errors
    /// [`DraftError`]: nothing was signed.
    pub fn close(self, payload: Option<Payload>, now: Timestamp) -> Result<Receipt, DraftError> {
        self.close_with(payload, Attributes::new(), now)
    }

    /// Closes the session with attributes.
    ///
    /// # Errors
    /// [`DraftError`]: nothing was signed.
    pub fn close_with(
        self,
        payload: Option<Payload>,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<Receipt, DraftError> {
        // Sequence numbers count the steps from 1, so the closing's is one more than there are.
        let mut object = self
            .link(now)?
            .with("steps", number(self.sequence.saturating_sub(1))?);
        if let Some(payload) = payload {
            let value = Object::new().with("hash", payload.hash.to_string());
            object.insert("payload", with_media_type(value, payload.media_type));
        }
        let object = with_attributes(object, attributes);
        sign(
            &self.key,
            &self.subject,
            Record::SESSION_CLOSED,
            object,
            now,
        )
    }

    fn link(&self, now: Timestamp) -> Result<Object, DraftError> {
        if let Some(last) = self.last.filter(|last| now.micros() < last.micros()) {
            return Err(DraftError::Time { last, now });
        }
        Ok(Object::new()
            .with("session", self.session.to_string())
            .with("sequence", number(self.sequence)?)
            .with("previous", self.head.to_string()))
    }

    /// Whose session it is.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The session's id.
    #[must_use]
    pub fn session(&self) -> &Blake3Hash {
        &self.session
    }

    /// The `root_hash` of the last receipt.
    #[must_use]
    pub fn head(&self) -> &Blake3Hash {
        &self.head
    }

    /// The sequence number of the next receipt.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.sequence
    }
}

pub(crate) fn number(number: u64) -> Result<Value, DraftError> {
    Value::try_from(number).map_err(|_| DraftError::Number(number))
}

pub(crate) fn with_media_type(object: Object, media_type: Option<Box<str>>) -> Object {
    match media_type {
        Some(media_type) => object.with("media_type", &*media_type),
        None => object,
    }
}

pub(crate) fn with_attributes(object: Object, attributes: Attributes) -> Object {
    if attributes.is_empty() {
        return object;
    }
    let attributes = attributes
        .into_iter()
        .fold(Object::new(), |all, (name, value)| all.with(name, value));
    object.with("attributes", attributes)
}

pub(crate) fn with_sealed(object: Object, sealed: &Sealed) -> Result<Object, DraftError> {
    number(sealed.length)?;
    Ok(object.with(Sealed::MEMBER, sealed.to_value()))
}

/// What is signed is read back by the strict parser first (R5).
fn sign(
    key: &SecretKey,
    subject: &Subject,
    type_: &str,
    object: Object,
    now: Timestamp,
) -> Result<Receipt, DraftError> {
    let mut object = object
        .with("type", type_)
        .with("timestamp", now.to_string());
    let unsigned = SignatureText::from_bytes([0; 64]);
    let signatures =
        |signature: SignatureText| Object::new().with(subject.as_str(), signature.to_string());
    object.insert("signatures", signatures(unsigned));
    Record::parse(&Receipt::from_object(&object, now)?)?;
    let signature = key.sign(&signed_message(&object));
    object.insert(
        "signatures",
        signatures(SignatureText::from_bytes(signature)),
    );
    Ok(Receipt::from_object(&object, now)?)
}
