//! Secret keys are wiped when their one owner lets go of them.

use quorate_note::{ed25519, mldsa44};

fn copied(ed: &ed25519::SecretKey, ml: &mldsa44::SecretKey) -> (ed25519::SecretKey, mldsa44::SecretKey) {
    (ed.clone(), ml.clone())
}

fn main() {
    let _ = copied;
}
