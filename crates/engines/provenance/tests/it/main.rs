//! The rules of sessions, scrolls of sessions, labels and evidence, each by name.
#![allow(clippy::unwrap_used, reason = "tests stop at what cannot happen")]

mod compile_fail;
mod forks;
mod labels;
mod recorder;
mod records;
mod rules;
mod scroll;
mod sessions;
mod support;
