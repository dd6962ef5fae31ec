//! The Quorate node: identity, sequencing, checkpoints, HTTP API and console.
//!
//! In scope
//! - the one write path: authenticate, prepare, append durably, acknowledge, checkpoint;
//! - the node's keys and its lineage, the operator's and writers' credentials;
//! - the HTTP API on TCP and on the operator's socket, following files, the console;
//! - auditing and monitoring other logs ([`watch`]).
//!
//! Out of scope
//! - file formats of scrolls (`quorate-store`), note and proof formats (`quorate-note`), key rules
//!   (`quorate-lineage`).
//!
//! This is the only crate with a clock, randomness, threads and a network.
#![forbid(unsafe_code)]

mod api;
mod auth;
mod backup;
mod checkpoint;
mod clock;
mod config;
mod console;
mod database;
mod environment;
mod fanout;
mod feed;
mod follow;
mod health;
mod identity;
mod key_change;
mod keys;
mod lane;
mod node;
mod open;
mod ops;
mod outbound;
mod prepare;
mod provenance;
mod scroll;
mod sealed;
mod sequencer;
mod serve;
mod state;
mod tasks;
#[cfg(test)]
mod testing;
mod tls;
mod waiting;
pub mod watch;
mod witness;

pub use api::{ApiError, LocalApi, fsck_value};
pub use auth::TokenError;
pub use backup::{BackupError, Manifest, ScrollCopy, restore};
pub use config::{
    CONFIG_KEYS, CONFIG_VARIABLES, Config, ConfigError, ConfigKey, ConfigVariable, DEFAULT_LISTEN,
    FollowSpec, Overrides, WitnessOverrides,
};
pub use database::DatabaseError;
pub use fanout::{QuorumError, RemoteError};
pub use feed::line_object;
pub use identity::IdentityError;
pub use keys::KeyError;
pub use node::{Mode, Node, NodeError};
pub use outbound::TlsError;
pub use prepare::ReceiptIndexer;
pub use serve::{Listening, socket_path};
pub use state::StateError;
pub use witness::{
    AgentError, AgentKey, KeySources, SecretSource, WitnessConfig, WitnessError, WitnessKeyError,
    WitnessStoreError,
};
