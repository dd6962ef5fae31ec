//! The trust anchor: one file that says whom a verifier believes. It comes from somewhere else than what it judges.
//!
//! # The file
//! A JSON object, formatted as one likes; an unknown member, at any depth, is an error.
//! - `trust_jwks`: the actors' keys, a JWK set (RFC 7517) of Ed25519 keys (RFC 8037). A key may carry `subjects`, the ids it
//!   may act for (each whole, or a prefix that ends in `/*` or `:*`), and `not_before`, `not_after` (RFC 3339, UTC), between
//!   which it counts by the times that receipts state.
//! - Whom to believe about the log, in one of three ways:
//!   - `policy`: the text of a quorum policy, in either grammar, with its `log` lines;
//!   - `trusted_witnesses_hex` and `cosignature_threshold`: Ed25519 witness keys, and how many of them must have co-signed;
//!     with `logs` (vkeys) one of these must have signed too;
//!   - `logs` alone: one of these must have signed, and no witness is asked for.
//! - `require`: `session` (its id), `audience` and `nonce` (of a presentation), `max_age_seconds` (of the quorum's oldest
//!   co-signature), `payload_binding` (true: the closing must name a payload), `complete` (false: an open session will do).
//!   `require_payload_binding` beside it means `payload_binding`.
//! - `flow`: rules about what may derive from what.
//!
//! A bare JWK set is an anchor of actor keys alone: the log and its witnesses are then not judged, and the report says so.

mod error;
mod jwks;
mod read;
mod words;

use quorate_note::{LogKey, WitnessKey};
use quorate_policy::Policy;
use quorate_provenance::{Rules, Subject};
use quorate_receipt::{Blake3Hash, PublicKeyText, Timestamp};

pub use error::AnchorError;
pub use words::ListedWitnesses;
pub(crate) use words::{rule_words, sink_words};

/// The longest anchor file, in bytes: 1 MiB, some thousand keys and a policy.
pub const MAX_ANCHOR_LEN: usize = 1 << 20;

/// The most actor keys in one anchor.
pub const MAX_ACTOR_KEYS: usize = 4096;

/// Whom and what a verifier believes. Made by [`Anchor::parse`] only, never empty.
#[derive(Debug, Clone)]
pub struct Anchor {
    pub(crate) actors: Vec<ActorKey>,
    pub(crate) log: LogTrust,
    pub(crate) require: Require,
    pub(crate) flow: Option<Rules>,
}

/// A key that may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorKey {
    pub(crate) key: PublicKeyText,
    pub(crate) kid: Option<Box<str>>,
    /// Empty: for everybody.
    pub(crate) subjects: Vec<Scope>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) not_after: Option<Timestamp>,
}

/// Ids that a key may act for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// This one.
    Exactly(Subject),
    /// All that begin so. It ends in `/` or `:`, so that no id is taken for a longer one.
    Prefix(Box<str>),
}

/// Whom the verifier believes about the log.
#[derive(Debug, Clone)]
pub(crate) enum LogTrust {
    /// Logs and, unless it says `quorum none`, witnesses.
    Policy(Box<Policy>),
    /// So many of these witnesses; and one of the logs, unless there are none: which log it is then stays open.
    Witnesses {
        logs: Vec<LogKey>,
        keys: Vec<WitnessKey>,
        threshold: usize,
    },
    /// Nobody.
    Nobody,
}

/// What else must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Require {
    pub(crate) session: Option<Blake3Hash>,
    pub(crate) audience: Option<Box<str>>,
    pub(crate) nonce: Option<Box<str>>,
    pub(crate) max_age_seconds: Option<u64>,
    pub(crate) payload_binding: bool,
    pub(crate) complete: bool,
}

/// What an anchor compares of a presentation with its reader's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AskedOfPresentation {
    pub(crate) audience: bool,
    pub(crate) nonce: bool,
}

impl Require {
    pub(crate) fn of_presentation(&self) -> AskedOfPresentation {
        AskedOfPresentation {
            audience: self.audience.is_some(),
            nonce: self.nonce.is_some(),
        }
    }
}

impl Anchor {
    /// Reads an anchor file.
    ///
    /// # Errors
    /// [`AnchorError`]: the fault of whoever wrote the file.
    pub fn parse(file: &[u8]) -> Result<Self, AnchorError> {
        read::read(file)
    }

    /// The keys of actors.
    #[must_use]
    pub fn actors(&self) -> &[ActorKey] {
        &self.actors
    }

    /// The policy, if the log is judged by one.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        match &self.log {
            LogTrust::Policy(policy) => Some(policy),
            LogTrust::Witnesses { .. } | LogTrust::Nobody => None,
        }
    }

    /// The keys of the logs that it trusts; none if it names no log.
    #[must_use]
    pub fn log_keys(&self) -> Vec<LogKey> {
        match &self.log {
            LogTrust::Policy(policy) => policy.log_keys(),
            LogTrust::Witnesses { logs, .. } => logs.clone(),
            LogTrust::Nobody => Vec::new(),
        }
    }

    pub(crate) fn actor(&self, key: &PublicKeyText) -> Option<&ActorKey> {
        self.actors.iter().find(|actor| actor.key == *key)
    }
}

impl ActorKey {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKeyText {
        &self.key
    }

    /// Its name in the set, if it has one. A name only.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The ids it may act for; none: it may act for all.
    #[must_use]
    pub fn subjects(&self) -> &[Scope] {
        &self.subjects
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

    /// Whether it may act for this id.
    #[must_use]
    pub fn acts_for(&self, subject: &Subject) -> bool {
        self.subjects.is_empty()
            || self.subjects.iter().any(|scope| match scope {
                Scope::Exactly(id) => id == subject,
                Scope::Prefix(prefix) => subject.as_str().starts_with(&**prefix),
            })
    }

    /// Whether it counts at this time.
    #[must_use]
    pub fn counts_at(&self, time: Timestamp) -> bool {
        let micros = time.micros();
        self.not_before.is_none_or(|from| from.micros() <= micros)
            && self.not_after.is_none_or(|until| micros <= until.micros())
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(id) => write!(f, "{id}"),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}
