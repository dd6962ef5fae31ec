//! What judges checkpoints takes verified ones; the unverified cannot be passed or turned into one.

use quorate_note::{SignedCheckpoint, VerifiedCheckpoint, VerifiedCosignature};

fn evaluate(_: &VerifiedCheckpoint, _: &[VerifiedCosignature]) {}

fn fed_unverified(signed: SignedCheckpoint) {
    evaluate(&signed, &[]);
    let _: VerifiedCheckpoint = signed.into();
}

fn main() {
    let _ = fed_unverified;
}
