//! A node and three witnesses as processes: two of three must co-sign, and an offline verifier holds the node to it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot set up its processes must stop"
)]

mod front;
mod quorum;
mod scene;
mod tls;
