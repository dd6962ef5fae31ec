//! Execution lineage: what an actor did, step by step, and what each step derives from.
//!
//! A *session* opens with a receipt whose `root_hash` is its id, takes *steps*, and closes with their count. Each of its
//! receipts names the one before it and is signed whole by the one key that the opening names; each step names the
//! earlier steps that it derives from.
//!
//! In scope
//! - the five receipts (`actor_added`, `actor_removed`, `session_opened`, `session_step`, `session_closed`), their one
//!   written form, and the rules of a session and of a scroll of sessions;
//! - integrity labels (Biba's strict policy) and rules about what may derive from what;
//! - evidence that an actor signed two histories of one session.
//!
//! Out of scope
//! - whether what a step declares is true: a label binds what the actor said about its sources and parents, and an
//!   actor that leaves out a parent has a higher label than it should;
//! - what is missing from the end of a session that was not closed; inclusion and order in the scroll (`quorate-merkle`);
//! - keeping content, storing keys, drawing nonces, reading a clock.
//!
//! Specifications: SPIFFE-ID (2024) §2 for the names of workloads; K. J. Biba, *Integrity Considerations for Secure
//! Computer Systems* (MTR-3153, 1977), strict integrity policy, for labels.
#![forbid(unsafe_code)]

mod decide;
mod draft;
mod error;
mod fork;
pub mod label;
mod malformed;
mod members;
mod parse;
mod record;
mod recorder;
mod rules;
mod session;
mod signed;
mod state;
mod subject;

pub use decide::{Command, MAX_AHEAD_SECONDS, Refusal, decide, record};
pub use draft::StepDraft;
pub use error::Invalid;
pub use fork::{Fork, MAX_FORK_LEN, NotAFork};
pub use label::{Label, Level, SourceClass};
pub use malformed::Malformed;
pub use members::{
    Attributes, MAX_ATTRIBUTE_NAME_LEN, MAX_ATTRIBUTE_VALUE_LEN, MAX_ATTRIBUTES, MAX_NAME_LEN,
    MAX_URL_LEN, fits_name, is_text, is_unseen,
};
pub use record::{
    ActorAdded, ActorRemoved, Closing, Content, Direction, Link, MAX_PARENTS, Opening, Payload,
    Record, Step, StepKind,
};
pub use recorder::{DraftError, Recorder};
pub use rules::{FlowViolation, MAX_RULES, Rule, Rules, RulesError, Sink};
pub use session::{MAX_STEPS, Session, Taken};
pub use signed::{Linked, Signed, Verified};
pub use state::{ClosedSession, Pin, SessionEntry, State, Undo};
pub use subject::{MAX_SPIFFE_ID_LEN, MAX_TRUST_DOMAIN_LEN, Subject, SubjectError};
