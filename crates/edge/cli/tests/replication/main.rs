//! Bundles between processes on this machine: what is published, fetched, resumed and refused.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up its processes must stop"
)]

mod damage;
mod fetching;
mod guest;
mod network;
mod page;
mod process;
mod replicas;
mod resume;
mod strangers;
