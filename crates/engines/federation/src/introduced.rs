//! A message that brings the key history of whoever signed it.

use std::ops::Deref;

use quorate_lineage::{EventHash, Fingerprint, Invalid, Lineage};
use quorate_receipt::Receipt;
use quorate_receipt::json::{Object, Value, canonical_object as canonical};

use crate::fields::{Fields, canonical_object, check_len, number};
use crate::limits::{MAX_LINEAGE_EVENTS, MAX_LINEAGE_LEN};
use crate::malformed::Malformed;
use crate::signed::{Message, NotVerified, Signed, Verified};

/// Where a key lineage ends (`lineage_head`): what a signature over it commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineageHead {
    /// The sequence number of the last event.
    pub seq: u64,
    /// Its hash.
    pub hash: EventHash,
}

const LINEAGE: &str = "lineage";
const EVENTS: &str = "a list of 1 to 256 lineage events";

impl LineageHead {
    /// The head of this lineage.
    #[must_use]
    pub fn of(lineage: &Lineage) -> Self {
        Self {
            // A lineage has at least its inception.
            seq: lineage.next_seq().saturating_sub(1),
            hash: *lineage.last(),
        }
    }

    pub(crate) fn to_object(self) -> Object {
        Object::new()
            .with("seq", number(self.seq))
            .with("hash", self.hash.to_string())
    }

    pub(crate) fn read(mut fields: Fields) -> Result<Self, Malformed> {
        let head = Self {
            seq: fields.integer("seq", 0..=u64::MAX, "an integer ≥ 0")?,
            hash: fields.parsed("hash", "`blake3:` and 64 lower-case hex digits")?,
        };
        fields.finish()?;
        Ok(head)
    }
}

/// A message that names its signer's lineage head.
pub trait NamesLineage: Message {
    /// The head that the signature covers.
    fn lineage_head(&self) -> LineageHead;

    /// The fingerprint of the lineage, if the message names it.
    fn fingerprint(&self) -> Option<&Fingerprint> {
        None
    }
}

/// Why a message with its lineage proves nothing: the fault of whoever sent it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotProven {
    /// The events are no lineage.
    #[error("the lineage that came with the message: {0}")]
    Lineage(Box<Invalid>),
    /// The lineage ends elsewhere than the message says.
    #[error("the lineage that came with the message does not end where the message says")]
    OtherHead,
    /// The lineage is another than the message says.
    #[error("the lineage that came with the message is not that of the public key in it")]
    OtherKey,
    /// The message is not signed by that lineage's federation key.
    #[error("{0}")]
    NotVerified(#[from] NotVerified),
}

/// A message with the whole lineage of its signer beside it, as it is sent to somebody who may not know it: the member
/// `lineage` stands beside the others, and `signature` covers only its head. Nothing is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduced<T> {
    message: Signed<T>,
    lineage: Vec<Receipt>,
}

impl<T: NamesLineage> Introduced<T> {
    /// Puts the lineage beside a message.
    ///
    /// # Errors
    /// [`Malformed`] if the lineage is too long to be sent so.
    pub fn new(message: Signed<T>, lineage: &Lineage) -> Result<Self, Malformed> {
        let introduced = Self {
            message,
            lineage: lineage.receipts().cloned().collect(),
        };
        Self::parse(&introduced.to_bytes())
    }

    /// Reads the one form of the message and its lineage.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut object = canonical_object(T::WHAT, T::MAX_LEN + MAX_LINEAGE_LEN, bytes)?;
        let Some(lineage) = object.remove(LINEAGE) else {
            return Err(Malformed::Missing {
                within: T::WHAT,
                member: LINEAGE.into(),
            });
        };
        check_len(T::WHAT, T::MAX_LEN, canonical(&object).len())?;
        Ok(Self {
            message: Signed::from_object(object)?,
            lineage: events(T::WHAT, lineage)?,
        })
    }

    /// The bytes that [`Introduced::parse`] reads: canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let events: Vec<_> = self.lineage.iter().map(|r| r.object().clone()).collect();
        canonical(&self.message.to_object().with(LINEAGE, events))
    }

    /// The message, as whoever sent it claims.
    #[must_use]
    pub fn unverified(&self) -> &T {
        self.message.unverified()
    }

    /// Checks that the events are a lineage, that it ends where the message says, and that its federation key signed
    /// the message. Whether the name in the message belongs to this lineage is still to be decided (R6).
    ///
    /// # Errors
    /// [`NotProven`].
    pub fn prove(self) -> Result<SelfProven<T>, NotProven> {
        let lineage = Lineage::replay(&self.lineage)
            .map_err(|invalid| NotProven::Lineage(Box::new(invalid)))?;
        if LineageHead::of(&lineage) != self.message.unverified().lineage_head() {
            return Err(NotProven::OtherHead);
        }
        let named = self.message.unverified().fingerprint();
        if named.is_some_and(|named| named != lineage.fingerprint()) {
            return Err(NotProven::OtherKey);
        }
        Ok(SelfProven {
            message: self.message.verify(&lineage)?,
            lineage,
        })
    }
}

fn events(within: &'static str, lineage: Value) -> Result<Vec<Receipt>, Malformed> {
    let Value::Array(items) = lineage else {
        return Err(not_events(within));
    };
    if items.is_empty() || items.len() > MAX_LINEAGE_EVENTS {
        return Err(not_events(within));
    }
    items.iter().map(|item| event(within, item)).collect()
}

fn not_events(within: &'static str) -> Malformed {
    Malformed::Invalid {
        within,
        member: LINEAGE.into(),
        expected: EVENTS,
    }
}

/// A receipt that stands inside of something else. Which receipts are lineage events is for [`Lineage`] to say.
pub(crate) fn event(within: &'static str, value: &Value) -> Result<Receipt, Malformed> {
    let object = value.as_object().ok_or_else(|| not_events(within))?;
    Receipt::parse_canonical(&canonical(object)).map_err(|error| Malformed::Event { within, error })
}

/// A message that proves itself: it is signed by the lineage that came with it. Whose lineage that is, nobody has said
/// yet.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfProven<T> {
    message: Verified<T>,
    lineage: Lineage,
}

impl<T> SelfProven<T> {
    /// The lineage.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Verified<T> {
        &self.message
    }

    /// Both.
    #[must_use]
    pub fn into_parts(self) -> (Verified<T>, Lineage) {
        (self.message, self.lineage)
    }
}

impl<T> Deref for SelfProven<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.message
    }
}
