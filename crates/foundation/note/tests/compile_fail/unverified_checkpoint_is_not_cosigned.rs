//! A witness co-signs only what the log signed.

use quorate_note::{CosignSigner, SignedCheckpoint};

fn early(witness: &CosignSigner, signed: &SignedCheckpoint) -> bool {
    witness.cosign(signed, 1).is_ok()
}

fn main() {
    let _ = early;
}
