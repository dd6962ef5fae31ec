//! Lineage events as typed values, and the one way each is written as a receipt.

use std::fmt;
use std::str::FromStr;

use quorate_receipt::json::{Object, Value};
use quorate_receipt::{
    Blake3Hash, HashTextError, MultibaseError, PublicKeyText, Timestamp, signed_message,
};

use crate::heads::Heads;
use crate::next_key::Commitment;
use crate::role::{Role, RoleKeys};

/// The version of the rules that inceptions name. Later rules get a number of their own; old lineages are
/// replayed under the rules they began with.
pub const RULES: u64 = 1;

/// Separates event hashes from every other use of BLAKE3.
const EVENT_CONTEXT: &str = "quorate v1 lineage event";

/// A node's permanent identity: its inception public key, written `ed25519:z6Mk…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(PublicKeyText);

impl Fingerprint {
    /// The identity of the lineage that begins with this key.
    #[must_use]
    pub const fn of(inception_key: PublicKeyText) -> Self {
        Self(inception_key)
    }

    /// The inception key.
    #[must_use]
    pub const fn key(&self) -> &PublicKeyText {
        &self.0
    }

    /// What scroll origins begin with when no domain is configured: the bare `z6Mk…`.
    #[must_use]
    pub fn origin_prefix(&self) -> String {
        self.0.multibase()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = MultibaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Why a key changes or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// As planned. An outgoing identity key signs its own replacement.
    Scheduled,
    /// The outgoing key is lost or in other hands: its signature is neither needed nor worth anything.
    Compromise,
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Compromise => "compromise",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Scheduled, Self::Compromise]
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The lineage begins.
    Inception {
        /// Commitment to the identity key after this one.
        next: Commitment,
    },
    /// The committed identity key takes over.
    Rotation {
        /// The identity key until now.
        outgoing: PublicKeyText,
        /// The identity key from now on.
        revealed: PublicKeyText,
        /// The salt of its commitment.
        salt: [u8; 32],
        /// Commitment to the identity key after it.
        next: Commitment,
        /// Why.
        reason: Reason,
        /// Every scroll's head: where the outgoing key's history ends.
        heads: Heads,
    },
    /// Keys for a role come into force.
    RoleCertified {
        /// The identity key that certifies them.
        by: PublicKeyText,
        /// The role.
        role: Role,
        /// The keys.
        keys: RoleKeys,
        /// The key of this role that they replace and that stays in force until it is retired.
        replaces: Option<PublicKeyText>,
        /// Every scroll's head: where the keys' history begins.
        heads: Heads,
    },
    /// Keys of a role end.
    RoleRetired {
        /// The identity key that ends them.
        by: PublicKeyText,
        /// The role.
        role: Role,
        /// The Ed25519 key of the pair.
        key: PublicKeyText,
        /// Why.
        reason: Reason,
        /// Every scroll's head: where the keys' history ends.
        heads: Heads,
    },
}

/// Who must sign an event, and in which place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// The identity key in force.
    Identity,
    /// The identity key that a rotation reveals.
    Revealed,
    /// The identity key that a scheduled rotation replaces.
    Outgoing,
    /// The role key being certified: it shows that whoever certifies it also holds it.
    Role,
}

impl Slot {
    /// All places.
    pub(crate) const ALL: [Self; 4] = [Self::Identity, Self::Revealed, Self::Outgoing, Self::Role];

    /// The name in `signatures`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Revealed => "revealed",
            Self::Outgoing => "outgoing",
            Self::Role => "role",
        }
    }
}

/// One event of a lineage, without its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whose lineage.
    pub node: Fingerprint,
    /// 0 for the inception, then one more each time; at most 2^53 − 1.
    pub seq: u64,
    /// The hash of the event before; none for the inception.
    pub prev: Option<EventHash>,
    /// When, by the node's clock.
    pub timestamp: Timestamp,
    /// What happened.
    pub change: Change,
}

/// The hash of an event: BLAKE3 in derive-key mode over what its signatures cover. It does not depend on the
/// signatures, so it is known before they are made, and two signatures over one event are no fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventHash(Blake3Hash);

impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for EventHash {
    type Err = HashTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// An object that is not an event: the member that is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{member}` is missing or wrong")]
pub struct Malformed {
    /// The member.
    pub member: &'static str,
}

const INCEPTION: &str = "key_inception";
const ROTATION: &str = "key_rotation";
const ROLE_KEY: &str = "role_key";
const ROLE_RETIRED: &str = "role_retired";

impl Event {
    /// The types of receipts that are lineage events.
    pub const TYPES: [&'static str; 4] = [INCEPTION, ROTATION, ROLE_KEY, ROLE_RETIRED];

    /// The `type` of the receipt.
    #[must_use]
    pub fn type_(&self) -> &'static str {
        match self.change {
            Change::Inception { .. } => INCEPTION,
            Change::Rotation { .. } => ROTATION,
            Change::RoleCertified { .. } => ROLE_KEY,
            Change::RoleRetired { .. } => ROLE_RETIRED,
        }
    }

    /// What signatures over this event are made of.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        signed_message(&self.to_object())
    }

    /// The event's hash.
    #[must_use]
    pub fn hash(&self) -> EventHash {
        EventHash(Blake3Hash::from_bytes(blake3::derive_key(
            EVENT_CONTEXT,
            &self.message(),
        )))
    }

    /// Who must sign: exactly these.
    #[must_use]
    pub fn signers(&self) -> Vec<(Slot, PublicKeyText)> {
        match &self.change {
            Change::Inception { .. } => vec![(Slot::Identity, *self.node.key())],
            Change::Rotation {
                outgoing,
                revealed,
                reason,
                ..
            } => match reason {
                Reason::Scheduled => vec![(Slot::Revealed, *revealed), (Slot::Outgoing, *outgoing)],
                Reason::Compromise => vec![(Slot::Revealed, *revealed)],
            },
            Change::RoleCertified { by, keys, .. } => {
                vec![(Slot::Identity, *by), (Slot::Role, keys.ed25519)]
            }
            Change::RoleRetired { by, .. } => vec![(Slot::Identity, *by)],
        }
    }

    /// The receipt's members but for `signatures` and `root_hash`.
    #[must_use]
    pub fn to_object(&self) -> Object {
        let mut object = Object::new()
            .with("type", self.type_())
            .with("node", self.node.to_string())
            // Sequence numbers are checked when an event is made or read.
            .with("seq", Value::try_from(self.seq).unwrap_or(Value::Null))
            .with("timestamp", self.timestamp.to_string());
        if let Some(prev) = &self.prev {
            object.insert("prev", prev.to_string());
        }
        let mut tags = vec!["identity", "key"];
        match &self.change {
            Change::Inception { next } => {
                object.insert("rules", Value::try_from(RULES).unwrap_or(Value::Null));
                object.insert("next", next.to_string());
                tags.push("inception");
            }
            Change::Rotation {
                outgoing,
                revealed,
                salt,
                next,
                reason,
                heads,
            } => {
                object.insert("outgoing", outgoing.to_string());
                object.insert("revealed", revealed.to_string());
                object.insert("salt", base16ct::lower::encode_string(salt));
                object.insert("next", next.to_string());
                object.insert("reason", reason.as_str());
                object.insert("heads", heads.to_value());
                tags.push("rotation");
            }
            Change::RoleCertified {
                by,
                role,
                keys,
                replaces,
                heads,
            } => {
                let mut pair = Object::new().with("ed25519", keys.ed25519.to_string());
                if let Some(key) = &keys.ml_dsa_44 {
                    pair.insert("ml_dsa_44", key.to_string());
                }
                object.insert("by", by.to_string());
                object.insert("role", role.as_str());
                object.insert("keys", pair);
                if let Some(replaces) = replaces {
                    object.insert("replaces", replaces.to_string());
                }
                object.insert("heads", heads.to_value());
                tags.push(role.as_str());
            }
            Change::RoleRetired {
                by,
                role,
                key,
                reason,
                heads,
            } => {
                object.insert("by", by.to_string());
                object.insert("role", role.as_str());
                object.insert("key", key.to_string());
                object.insert("reason", reason.as_str());
                object.insert("heads", heads.to_value());
                tags.push(role.as_str());
                tags.push("retired");
            }
        }
        object.with("tags", tags)
    }

    /// Reads the members of a receipt. Whatever the object has beyond the event's own members is refused,
    /// except `signatures` and `root_hash`, which are not looked at.
    ///
    /// # Errors
    /// [`Malformed`] names the member.
    pub fn from_object(object: &Object) -> Result<Self, Malformed> {
        let change = match object.get_str("type") {
            Some(INCEPTION) if object.get("rules").and_then(Value::as_u64) != Some(RULES) => {
                return Err(Malformed { member: "rules" });
            }
            Some(INCEPTION) => Change::Inception {
                next: text(object, "next")?,
            },
            Some(ROTATION) => Change::Rotation {
                outgoing: text(object, "outgoing")?,
                revealed: text(object, "revealed")?,
                salt: salt(object)?,
                next: text(object, "next")?,
                reason: reason(object)?,
                heads: heads(object)?,
            },
            Some(ROLE_KEY) => Change::RoleCertified {
                by: text(object, "by")?,
                role: text(object, "role")?,
                keys: keys(object)?,
                replaces: optional(object, "replaces")?,
                heads: heads(object)?,
            },
            Some(ROLE_RETIRED) => Change::RoleRetired {
                by: text(object, "by")?,
                role: text(object, "role")?,
                key: text(object, "key")?,
                reason: reason(object)?,
                heads: heads(object)?,
            },
            _ => return Err(Malformed { member: "type" }),
        };
        let event = Self {
            node: text(object, "node")?,
            seq: seq(object)?,
            prev: optional(object, "prev")?,
            timestamp: text(object, "timestamp")?,
            change,
        };
        event.check_only_members(object)?;
        Ok(event)
    }

    /// Signatures are made over what was built here, so the object must be nothing else (R4, R5).
    fn check_only_members(&self, object: &Object) -> Result<(), Malformed> {
        let ours = self.to_object();
        let mut theirs = object.clone();
        theirs.remove("signatures");
        theirs.remove("root_hash");
        if ours == theirs {
            return Ok(());
        }
        let wrong = ours
            .iter()
            .find(|(name, value)| theirs.get(name) != Some(value));
        let member = match wrong {
            Some(("tags", _)) => "tags",
            Some(("keys", _)) => "keys",
            Some(("heads", _)) => "heads",
            _ => "a member that does not belong here",
        };
        Err(Malformed { member })
    }
}

pub(crate) fn text<T: FromStr>(object: &Object, member: &'static str) -> Result<T, Malformed> {
    object
        .get_str(member)
        .and_then(|text| text.parse().ok())
        .ok_or(Malformed { member })
}

pub(crate) fn optional<T: FromStr>(
    object: &Object,
    member: &'static str,
) -> Result<Option<T>, Malformed> {
    object.get(member).map(|_| text(object, member)).transpose()
}

pub(crate) fn seq(object: &Object) -> Result<u64, Malformed> {
    object
        .get("seq")
        .and_then(Value::as_u64)
        .ok_or(Malformed { member: "seq" })
}

pub(crate) fn reason(object: &Object) -> Result<Reason, Malformed> {
    object
        .get_str("reason")
        .and_then(Reason::parse)
        .ok_or(Malformed { member: "reason" })
}

fn salt(object: &Object) -> Result<[u8; 32], Malformed> {
    let mut salt = [0; 32];
    let digits = object.get_str("salt").unwrap_or_default();
    match base16ct::lower::decode(digits, &mut salt) {
        Ok(decoded) if decoded.len() == 32 => Ok(salt),
        _ => Err(Malformed { member: "salt" }),
    }
}

pub(crate) fn heads(object: &Object) -> Result<Heads, Malformed> {
    object
        .get("heads")
        .and_then(Heads::from_value)
        .ok_or(Malformed { member: "heads" })
}

fn keys(object: &Object) -> Result<RoleKeys, Malformed> {
    let pair = object
        .get("keys")
        .and_then(Value::as_object)
        .ok_or(Malformed { member: "keys" })?;
    let malformed = |_| Malformed { member: "keys" };
    Ok(RoleKeys {
        ed25519: text(pair, "ed25519").map_err(malformed)?,
        ml_dsa_44: optional(pair, "ml_dsa_44").map_err(malformed)?,
    })
}
