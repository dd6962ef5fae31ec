//! A witness as a process: the calls over HTTP, its operator's commands, restarts, kills, hostile connections.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set up its witness must stop"
)]

mod agent;
mod calls;
mod hostile;
mod hsm;
mod kills;
mod log;
mod operator;
mod process;
mod token;
