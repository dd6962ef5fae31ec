//! A key without a checked role verifies no checkpoint.

use quorate_note::{SignedCheckpoint, VerifierKey};

fn confused(signed: &SignedCheckpoint, keys: &[VerifierKey]) -> bool {
    signed.verify_log(keys).is_ok()
}

fn main() {
    let _ = confused;
}
