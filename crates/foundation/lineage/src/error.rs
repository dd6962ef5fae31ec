//! Why an event does not continue a lineage.

use quorate_receipt::PublicKeyText;

use crate::event::{EventHash, Fingerprint, Malformed, Slot};
use crate::fork::Fork;
use crate::heads::HeadsError;
use crate::role::Role;

/// An event that does not continue a lineage: the fault of whoever wrote it. The lineage is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Not a lineage event in its one form.
    #[error("not a lineage event: {0}")]
    Malformed(#[from] Malformed),
    /// A lineage begins with an inception, and has only one.
    #[error("a lineage begins with `key_inception`, and with nothing else")]
    Beginning,
    /// An event of another node's lineage.
    #[error("the event belongs to {theirs}, the lineage to {ours}")]
    OtherNode {
        /// Whose lineage this is.
        ours: Fingerprint,
        /// Whose event it is.
        theirs: Fingerprint,
    },
    /// Events are missing in between.
    #[error("the event has sequence number {found}, but {expected} is next")]
    Gap {
        /// The next sequence number.
        expected: u64,
        /// The event's.
        found: u64,
    },
    /// The event is part of the lineage already.
    #[error("the event with sequence number {seq} is applied already")]
    AlreadyApplied {
        /// Its sequence number.
        seq: u64,
    },
    /// Another event with this sequence number is valid too: the node, or a thief of its keys, wrote two
    /// histories. Both are in the evidence.
    #[error("the lineage of {} forks at sequence number {}", .0.node(), .0.seq())]
    Fork(Box<Fork>),
    /// The event continues something else. If the other history is at hand, apply its earlier events: the
    /// first one that differs is a [`Invalid::Fork`].
    #[error("the event follows {}, but the last event is {expected}", named(found.as_ref()))]
    Prev {
        /// The last event.
        expected: EventHash,
        /// What the event names.
        found: Option<EventHash>,
    },
    /// A key that no signature can be checked against.
    #[error("{0} is not a usable Ed25519 key")]
    UnusableKey(PublicKeyText),
    /// A key that appeared before, in whatever role: keys are used once.
    #[error("{0} appeared in this lineage before")]
    KeyReused(PublicKeyText),
    /// The ML-DSA-44 key beside this key appeared before.
    #[error("the ML-DSA-44 key beside {0} appeared in this lineage before")]
    MlDsaKeyReused(PublicKeyText),
    /// The revealed key and salt are not what was committed to: the mark of somebody who holds the current
    /// key but not the next one.
    #[error("{0} is not the key that was committed to")]
    NotCommitted(PublicKeyText),
    /// The new commitment is the old one again, which no later rotation could open.
    #[error("the commitment to the next key is the one that was just opened")]
    CommitmentRepeated,
    /// The event names an identity key that is not the one in force.
    #[error("the identity key in force is {current}, not {named}")]
    NotCurrent {
        /// The identity key in force.
        current: PublicKeyText,
        /// The one the event names.
        named: PublicKeyText,
    },
    /// Identity keys come by rotation, not by certification.
    #[error("identity keys change by rotation only")]
    IdentityRole,
    /// The role needs an ML-DSA-44 key, or must not have one.
    #[error("keys for the role {0} come {with} an ML-DSA-44 key", with = with_or_without(*.0))]
    WrongKinds(Role),
    /// `replaces` must name the key of the role that is in force, and only that.
    #[error("the new {role} key must replace the one in force, {}", named(in_force.as_ref()))]
    Replaces {
        /// The role.
        role: Role,
        /// The key in force, none if there is none.
        in_force: Option<PublicKeyText>,
    },
    /// The role has two keys in force already.
    #[error("the role {0} has two keys in force: retire the old one first")]
    Overlap(Role),
    /// The key is not in force in this role.
    #[error("{key} is not a {role} key in force")]
    NotInForce {
        /// The role.
        role: Role,
        /// The key.
        key: PublicKeyText,
    },
    /// The heads contradict earlier ones.
    #[error("the heads of the scrolls contradict earlier ones: {0}")]
    Heads(#[from] HeadsError),
    /// `signatures` does not hold exactly the signatures that the event needs, as `z…` texts.
    #[error("the event needs exactly the signatures {list}", list = names(.0))]
    Signatures(Vec<Slot>),
    /// A signature is not by the key that must make it, over this event.
    #[error("the signature `{}` is not by {key}", slot.as_str())]
    BadSignature {
        /// Which one.
        slot: Slot,
        /// Who must make it.
        key: PublicKeyText,
    },
}

fn named(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn with_or_without(role: Role) -> &'static str {
    if role.has_ml_dsa() { "with" } else { "without" }
}

fn names(slots: &[Slot]) -> String {
    let names: Vec<_> = slots.iter().map(|slot| slot.as_str()).collect();
    names.join(", ")
}
