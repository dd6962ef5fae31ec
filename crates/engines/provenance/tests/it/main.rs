//! The rules of sessions, scrolls of sessions, labels and evidence, each by name.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests stop at what cannot happen"
)]

mod compile_fail;
mod forks;
mod labels;
mod recorder;
mod records;
mod rules;
mod scroll;
mod sessions;
mod support;
