//! The rules of federation, each by name.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests stop at what cannot happen"
)]

mod codec;
mod strategies;
mod support;
mod tampering;
