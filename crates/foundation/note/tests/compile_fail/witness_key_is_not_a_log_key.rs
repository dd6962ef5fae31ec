//! A key has one role.

use quorate_note::{SignedCheckpoint, WitnessKey};

fn confused(signed: &SignedCheckpoint, keys: &[WitnessKey]) -> bool {
    signed.verify_log(keys).is_ok()
}

fn main() {
    let _ = confused;
}
