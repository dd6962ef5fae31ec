//! Looking at logs from outside: auditing one from end to end, and watching many over time.
//!
//! # What holds
//! - Of a log nothing counts that does not lead to a checkpoint that its key signed: what an audit rests on is a
//!   `Verdict` of the policy, and a tree whose every tile was compared with the one above it (R1).
//! - A head is remembered only if it is the first of its log or continues the one before, and is durable before that is
//!   said (R2). What contradicts it is kept as evidence (R8).
//! - Every answer is bounded in size and time (R4), and says whose fault it is that there is none.

mod audit;
mod fetch;
mod finding;
mod memory;
mod monitor;
mod place;
mod policies;
mod rules;
mod service;
mod tree;
mod weigh;
mod witnesses;

use quorate_receipt::Timestamp;

pub use audit::{AuditError, Audited, Depth, audit};
pub use fetch::FetchError;
pub use finding::Finding;
pub use memory::MemoryError;
pub use monitor::{Checked, Monitor, MonitorError, Shown, Watch, WitnessUrl};
pub use place::{Place, PlaceError};
pub use service::{MonitorService, ServiceError};
pub use tree::TreeError;

/// POSIX seconds as RFC 3339; as bare seconds where no four-digit year holds them.
#[must_use]
pub fn time_text(seconds: u64) -> String {
    let time = i64::try_from(seconds)
        .ok()
        .and_then(Timestamp::from_seconds);
    time.map_or_else(
        || format!("{seconds} s after 1970"),
        |time| time.to_string(),
    )
}
