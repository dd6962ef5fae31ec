//! One named test per clause of C2SP tlog-witness at commit `5ba5ee8` (2026-07-22), outside vectors, and histories.
#![expect(clippy::unwrap_used, reason = "tests")]

mod evidence;
mod histories;
mod matrix;
mod subtrees;
mod support;
mod syntax;
mod vectors;
