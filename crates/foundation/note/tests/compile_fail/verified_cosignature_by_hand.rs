//! A co-signature is verified by its key, never by assertion.

use quorate_note::{Checkpoint, SignatureLine, VerifiedCosignature, WitnessKey};

fn forged(key: WitnessKey, checkpoint: Checkpoint, line: SignatureLine) -> VerifiedCosignature {
    VerifiedCosignature {
        key,
        timestamp: 1,
        checkpoint,
        line,
    }
}

fn main() {
    let _ = forged;
}
