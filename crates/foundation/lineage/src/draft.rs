//! Events on their way to being signed. A draft can leave the machine, be signed where a key lives, and come
//! back: it is text, and every signature is checked when it is added.

use std::collections::BTreeMap;

use quorate_note::ed25519::{PublicKey, SecretKey};
use quorate_receipt::json::{self, JsonError, Object, Value};
use quorate_receipt::{PublicKeyText, Receipt, ReceiptError, SignatureText, Timestamp};

use crate::error::Invalid;
use crate::event::{self, Change, Event, EventHash, Fingerprint, Malformed, Reason, Slot};
use crate::heads::Heads;
use crate::next_key::{Commitment, NextKey};

/// Why a draft could not be read, signed or finished. The draft is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The text is not JSON.
    #[error("not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    /// The text is JSON, but not in the canonical form that is written.
    #[error("not in canonical form (RFC 8785)")]
    NotCanonical,
    /// The text is not what it should be.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The key has no place among the signatures of this event.
    #[error("{0} is not among the keys that sign this event")]
    NotASigner(PublicKeyText),
    /// The event has no such signature.
    #[error("this event has no signature `{}`", .0.as_str())]
    NoSuchSlot(Slot),
    /// The signature is not by the key that must make it, over this event.
    #[error("the signature `{}` is not by {key}", slot.as_str())]
    BadSignature {
        /// Which one.
        slot: Slot,
        /// Who must make it.
        key: PublicKeyText,
    },
    /// The key is not the one that the plan's commitment is to.
    #[error(
        "this is not the next key of the lineage: its commitment is {found}, the lineage has {expected}"
    )]
    OtherNextKey {
        /// The lineage's commitment.
        expected: Commitment,
        /// The key's.
        found: Commitment,
    },
    /// A signature is still missing.
    #[error("the signature `{}` by {key} is missing", slot.as_str())]
    Missing {
        /// Which one.
        slot: Slot,
        /// Who must make it.
        key: PublicKeyText,
    },
    /// The event does not fit into a receipt (more scrolls than [`crate::MAX_HEADS`]).
    #[error("{0}")]
    Receipt(#[from] ReceiptError),
}

/// An event and the signatures that were collected so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    event: Event,
    signatures: BTreeMap<Slot, SignatureText>,
}

impl Draft {
    pub(crate) fn new(event: Event) -> Self {
        Self {
            event,
            signatures: BTreeMap::new(),
        }
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// What every signature is made of.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        self.event.message()
    }

    /// The signatures that are still to be made, and by whom.
    #[must_use]
    pub fn missing(&self) -> Vec<(Slot, PublicKeyText)> {
        let mut missing = self.event.signers();
        missing.retain(|(slot, _)| !self.signatures.contains_key(slot));
        missing
    }

    /// Signs in every place that belongs to this key.
    ///
    /// # Errors
    /// [`DraftError::NotASigner`].
    pub fn sign(mut self, key: &SecretKey) -> Result<Self, DraftError> {
        let public = PublicKeyText::from_bytes(*key.public().as_bytes());
        let mut slots = self.event.signers();
        slots.retain(|(_, signer)| *signer == public);
        if slots.is_empty() {
            return Err(DraftError::NotASigner(public));
        }
        let signature = SignatureText::from_bytes(key.sign(&self.message()));
        for (slot, _) in slots {
            self.signatures.insert(slot, signature);
        }
        Ok(self)
    }

    /// Adds a signature that was made elsewhere over [`Draft::message`].
    ///
    /// # Errors
    /// [`DraftError::NoSuchSlot`] or [`DraftError::BadSignature`].
    pub fn with_signature(
        mut self,
        slot: Slot,
        signature: SignatureText,
    ) -> Result<Self, DraftError> {
        let signers = self.event.signers();
        let (_, key) = signers
            .into_iter()
            .find(|(place, _)| *place == slot)
            .ok_or(DraftError::NoSuchSlot(slot))?;
        if !verifies(&key, &self.message(), &signature) {
            return Err(DraftError::BadSignature { slot, key });
        }
        self.signatures.insert(slot, signature);
        Ok(self)
    }

    /// The receipt, ready for the Identity scroll.
    ///
    /// # Errors
    /// [`DraftError::Missing`] or [`DraftError::Receipt`].
    pub fn finish(&self) -> Result<Receipt, DraftError> {
        if let Some(&(slot, key)) = self.missing().first() {
            return Err(DraftError::Missing { slot, key });
        }
        Ok(Receipt::from_object(
            &self.to_object(),
            self.event.timestamp,
        )?)
    }

    fn to_object(&self) -> Object {
        let mut signatures = Object::new();
        for (slot, signature) in &self.signatures {
            signatures.insert(slot.as_str(), signature.to_string());
        }
        self.event.to_object().with("signatures", signatures)
    }

    /// The draft as text: canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        json::canonical_object(&self.to_object())
    }

    /// Reads the form of [`Draft::to_bytes`]; signatures in it are checked.
    ///
    /// # Errors
    /// [`DraftError`] if the text is anything else, byte for byte.
    pub fn parse(text: &[u8]) -> Result<Self, DraftError> {
        let object = canonical_object(text)?;
        let mut draft = Self::new(Event::from_object(&object)?);
        for (slot, signature) in read_signatures(&object).ok_or(Malformed {
            member: "signatures",
        })? {
            draft = draft.with_signature(slot, signature)?;
        }
        if draft.to_bytes() != text {
            return Err(Malformed {
                member: "root_hash",
            }
            .into());
        }
        Ok(draft)
    }
}

fn canonical_object(text: &[u8]) -> Result<Object, DraftError> {
    match json::parse(text)? {
        Value::Object(object) if json::canonical_object(&object) == text => Ok(object),
        _ => Err(DraftError::NotCanonical),
    }
}

/// The member `signatures`: known places with well-formed signatures, and nothing else.
fn read_signatures(object: &Object) -> Option<Vec<(Slot, SignatureText)>> {
    object
        .get("signatures")?
        .as_object()?
        .iter()
        .map(|(name, value)| {
            let slot = Slot::ALL.into_iter().find(|slot| slot.as_str() == name)?;
            Some((slot, value.as_str()?.parse().ok()?))
        })
        .collect()
}

fn verifies(key: &PublicKeyText, message: &[u8], signature: &SignatureText) -> bool {
    PublicKey::from_bytes(key.as_bytes())
        .is_ok_and(|key| key.verify(message, signature.as_bytes()).is_ok())
}

/// Checks that `object` carries exactly the signatures that `event`, which was read from it, needs.
pub(crate) fn check_signatures(event: &Event, object: &Object) -> Result<(), Invalid> {
    let signers = event.signers();
    let needed = || Invalid::Signatures(signers.iter().map(|(slot, _)| *slot).collect());
    let found = read_signatures(object).ok_or_else(needed)?;
    if found.len() != signers.len() {
        return Err(needed());
    }
    let message = event.message();
    for &(slot, key) in &signers {
        let (_, signature) = found
            .iter()
            .find(|(place, _)| *place == slot)
            .ok_or_else(needed)?;
        if !verifies(&key, &message, signature) {
            return Err(Invalid::BadSignature { slot, key });
        }
    }
    Ok(())
}

/// What a rotation needs from the machine that runs the node, for the machine that holds the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationPlan {
    pub(crate) node: Fingerprint,
    pub(crate) seq: u64,
    pub(crate) prev: EventHash,
    pub(crate) timestamp: Timestamp,
    pub(crate) outgoing: PublicKeyText,
    pub(crate) commitment: Commitment,
    pub(crate) reason: Reason,
    pub(crate) heads: Heads,
}

const PLAN: &str = "key_rotation_plan";

impl RotationPlan {
    /// Whose identity key is to be rotated.
    #[must_use]
    pub fn node(&self) -> &Fingerprint {
        &self.node
    }

    /// The commitment that the next key must open.
    #[must_use]
    pub fn commitment(&self) -> &Commitment {
        &self.commitment
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Reveals the next key, commits to the one after it, and signs with the revealed key. A scheduled
    /// rotation still needs the outgoing key's signature.
    ///
    /// # Errors
    /// [`DraftError::OtherNextKey`] if `key` is not the one that was committed to.
    pub fn complete(&self, key: &NextKey, next: Commitment) -> Result<Draft, DraftError> {
        let found = key.commitment();
        if found != self.commitment {
            return Err(DraftError::OtherNextKey {
                expected: self.commitment,
                found,
            });
        }
        let event = Event {
            node: self.node,
            seq: self.seq,
            prev: Some(self.prev),
            timestamp: self.timestamp,
            change: Change::Rotation {
                outgoing: self.outgoing,
                revealed: key.public(),
                salt: *key.salt(),
                next,
                reason: self.reason,
                heads: self.heads.clone(),
            },
        };
        Draft::new(event).sign(&key.secret())
    }

    /// The plan as text: canonical JSON. It holds nothing secret.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let object = Object::new()
            .with("type", PLAN)
            .with("node", self.node.to_string())
            .with("seq", Value::try_from(self.seq).unwrap_or(Value::Null))
            .with("prev", self.prev.to_string())
            .with("timestamp", self.timestamp.to_string())
            .with("outgoing", self.outgoing.to_string())
            .with("commitment", self.commitment.to_string())
            .with("reason", self.reason.as_str())
            .with("heads", self.heads.to_value());
        json::canonical_object(&object)
    }

    fn from_object(object: &Object) -> Result<Self, Malformed> {
        if object.get_str("type") != Some(PLAN) {
            return Err(Malformed { member: "type" });
        }
        Ok(Self {
            node: event::text(object, "node")?,
            seq: event::seq(object)?,
            prev: event::text(object, "prev")?,
            timestamp: event::text(object, "timestamp")?,
            outgoing: event::text(object, "outgoing")?,
            commitment: event::text(object, "commitment")?,
            reason: event::reason(object)?,
            heads: event::heads(object)?,
        })
    }

    /// Reads the form of [`RotationPlan::to_bytes`].
    ///
    /// # Errors
    /// [`DraftError`] if the text is anything else, byte for byte.
    pub fn parse(text: &[u8]) -> Result<Self, DraftError> {
        let object = canonical_object(text)?;
        let plan = Self::from_object(&object)?;
        if plan.to_bytes() != text {
            return Err(Malformed {
                member: "a member that does not belong here",
            }
            .into());
        }
        Ok(plan)
    }
}
