//! Key lineage: inception, pre-committed rotation, role keys, retirement.
//!
//! A node's identity is the public key that its lineage began with. Everything that happens to its keys is an
//! event, an event is a receipt in the Identity scroll, and the events form one chain by sequence number and
//! hash. [`Lineage`] is the state machine over them; it draws its rules from KERI's pre-rotation.
//!
//! In scope
//! - the four events (`key_inception`, `key_rotation`, `role_key`, `role_retired`), their one written form and
//!   the signatures they need;
//! - which key counts where in history, evidence of two histories, drafts that are signed offline.
//!
//! Out of scope
//! - storing keys, drawing randomness, reading a clock, which name belongs to which lineage, comparing the keys
//!   of different lineages, what is done about a fork.
//!
//! Losing or leaking keys
//! - *Current identity key leaked*: the thief can certify and retire role keys, which the log shows, but cannot
//!   rotate: a rotation must be signed by the key committed to before
//!   (`a_thief_of_the_current_key_cannot_rotate`). Rotate with reason `compromise`.
//! - *Current identity key lost*: rotate with reason `compromise`, which does not need its signature.
//! - *Next identity key leaked*: the thief can rotate with reason `compromise` and take the identity over; two
//!   rotations are a fork that anybody can prove. Rotate before he does, and keep the next key offline.
//! - *Next identity key lost*: the identity key can never be rotated again. Everything else goes on; begin a new
//!   lineage before the current key is needed no more.
//! - *Role key leaked or lost*: certify a new one, retire the old one. It counts up to the heads recorded then
//!   and never again (`retired_keys_verify_history_up_to_there_and_nothing_later`).
#![forbid(unsafe_code)]

mod draft;
mod error;
mod event;
mod fork;
mod heads;
mod key;
mod lineage;
mod next_key;
mod role;

pub use draft::{Draft, DraftError, RotationPlan};
pub use error::Invalid;
pub use event::{Change, Event, EventHash, Fingerprint, Malformed, RULES, Reason, Slot};
pub use fork::{Fork, NotAFork};
pub use heads::{Head, Heads, HeadsError, MAX_HEADS};
pub use key::{RetiredKey, SigningKey};
pub use lineage::{Ended, KeyRecord, Lineage, Position};
pub use next_key::{Commitment, NextKey, NextKeyError};
pub use role::{ML_DSA_44_PUBLIC_KEY_LEN, MlDsa44Key, MlDsa44KeyError, Role, RoleError, RoleKeys};
