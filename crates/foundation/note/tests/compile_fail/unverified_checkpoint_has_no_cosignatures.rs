//! Co-signatures are looked at only once the log's signature holds.

use quorate_note::{SignedCheckpoint, WitnessKey};

fn early(signed: &SignedCheckpoint, keys: &[WitnessKey]) -> bool {
    signed.cosignatures(keys).is_ok()
}

fn main() {
    let _ = early;
}
