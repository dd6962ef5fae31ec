//! A checkpoint is verified by its signature, never by assertion.

use quorate_note::{Checkpoint, SignedNote, VerifiedCheckpoint};

fn forged(checkpoint: Checkpoint, note: SignedNote) -> VerifiedCheckpoint {
    VerifiedCheckpoint {
        checkpoint,
        signed_by: Vec::new(),
        log_lines: Vec::new(),
        note,
    }
}

fn main() {
    let _ = forged;
}
