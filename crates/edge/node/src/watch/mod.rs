//! Looking at logs from outside: auditing one from end to end, and watching many over time.
//!
//! # What holds
//! - Of a log nothing counts that does not lead to a checkpoint that its key signed: what an audit rests on is a
//!   `Verdict` of the policy, and a tree whose every tile was compared with the one above it (R1).
//! - Every answer is bounded in size and time (R4), and says whose fault it is that there is none.

mod audit;
mod fetch;
mod place;
mod tree;

pub use audit::{AuditError, Audited, Depth, audit};
pub use fetch::FetchError;
pub use place::{Place, PlaceError};
pub use tree::TreeError;
