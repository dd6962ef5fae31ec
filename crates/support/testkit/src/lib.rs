//! Fake disk, whole-log oracle, logs that lie, and house rules as tests.
#![forbid(unsafe_code)]

pub mod disk;
pub mod oracle;
pub mod rng;
pub mod server;
pub mod site;
