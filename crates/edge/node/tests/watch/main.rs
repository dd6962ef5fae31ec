//! Looking at logs that lie: what an audit and a monitor notice.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its log must stop"
)]

mod audit;
mod first_sight;
mod hiding;
mod monitor;
mod rig;
mod service;
