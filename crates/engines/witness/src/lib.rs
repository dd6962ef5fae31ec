//! The rules of a witness (C2SP `tlog-witness` at commit `5ba5ee8`, 2026-07-22): what may be co-signed, and what is
//! evidence against a log.
//!
//! # In scope
//! - [`AddCheckpoint`] and [`SignSubtree`]: the two requests, parsed strictly.
//! - [`authenticate`] → [`advance`]: the status matrix, in the order 404, 403, 400, 409, 422. `authenticate` needs only
//!   what is known of the log; `advance` needs the log's [`Position`] and must run in one step with making the new one
//!   durable.
//! - [`Durable`]: only a position that was stored can be co-signed.
//! - [`Equivocation`]: two checkpoints of one log, one size, two roots. Anyone can verify one.
//! - [`Inconsistency`]: two checkpoints of one log, two sizes, two histories. Anyone can verify one.
//! - [`Amnesia`]: a checkpoint that we co-signed and do not remember.
//! - [`Bucket`]: per-log rate limits.
//!
//! # Out of scope
//! Storage, clocks, HTTP, keys. The time is an argument.
//!
//! # Stricter than the spec
//! Extension lines, non-canonical base64 and decimals, more than 63 proof lines and anything after the note are refused.
//! An equal-size resubmission carries no proof.

#![forbid(unsafe_code)]

mod bucket;
mod decide;
mod evidence;
mod inconsistency;
mod log;
mod position;
mod refusal;
mod request;
mod subtree;

pub use bucket::{Bucket, Rate};
pub use decide::{Authenticated, advance, authenticate, recall};
pub use evidence::{Amnesia, Equivocation, EvidenceError, MAX_EVIDENCE_LEN};
pub use inconsistency::{Inconsistency, MAX_INCONSISTENCY_LEN};
pub use log::{KnownLog, KnownLogError, MAX_LOG_KEYS};
pub use position::{Durable, Position, PositionError};
pub use refusal::Refusal;
pub use request::{AddCheckpoint, MAX_BODY_LEN, Malformed, Unreadable};
pub use subtree::{SignSubtree, SubtreeGranted, grant_subtree};
