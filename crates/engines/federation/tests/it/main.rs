//! The rules of federation, each by name.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests stop at what cannot happen"
)]

mod codec;
mod compile_fail;
mod convergence;
mod established;
mod negotiations;
mod node;
mod permits;
mod refusals;
mod strategies;
mod support;
mod tampering;
