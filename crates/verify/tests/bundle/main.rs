//! Bundles under a trust anchor.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod anchors;
mod attestation;
mod holds;
mod refused;
mod schema;
mod tamper;
mod world;
