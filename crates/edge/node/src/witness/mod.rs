//! The witness: co-signing the checkpoints of other logs (C2SP tlog-witness).
//!
//! The rules are `quorate-witness`'s. Here are the memory they need ([`store`]), the one thread that decides and stores
//! ([`committer`]), the keys ([`keys`]), and HTTP ([`http`]).
//!
//! # What holds
//! - A co-signature leaves only after the position it follows from is durable (R2): [`committer`] stores, then answers;
//!   signing happens after that, and only a stored position can be signed.
//! - One thread decides, so check and write are one step for every log; the write compares what is stored with what is
//!   remembered. A second process is kept out by the data directory's lock, and by nothing else.
//! - A write that failed, or whose outcome is unknown, ends the process. Nothing is signed on its account.

mod agent;
mod committer;
mod core;
mod http;
mod keys;
mod log;
mod operate;
mod registry;
mod service;
mod store;
#[cfg(test)]
mod tests;

pub use agent::AgentError;
pub(crate) use http::router;
pub use keys::{AgentKey, KeySources, SecretSource, WitnessKeyError};
pub(crate) use operate::NewLog;
pub(crate) use service::{Surroundings, Witness};
pub use service::{WitnessConfig, WitnessError};
pub use store::WitnessStoreError;
