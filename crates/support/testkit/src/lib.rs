//! Fake disk, whole-log oracle and house rules as tests.
#![forbid(unsafe_code)]

pub mod disk;
pub mod oracle;
pub mod rng;
