//! What was co-signed cannot be exchanged afterwards.

use quorate_note::{Checkpoint, VerifiedCosignature};

fn moved(mut cosignature: VerifiedCosignature, other: Checkpoint) -> VerifiedCosignature {
    cosignature.checkpoint = other;
    cosignature
}

fn main() {
    let _ = moved;
}
