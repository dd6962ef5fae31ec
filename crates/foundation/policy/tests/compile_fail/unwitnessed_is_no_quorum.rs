//! `quorum none` gives `Unwitnessed`, which nothing turns into a `QuorumMet`.

use quorate_policy::{QuorumMet, Unwitnessed};

fn promoted(unwitnessed: Unwitnessed) -> QuorumMet {
    unwitnessed.into()
}

fn main() {
    let _ = promoted;
}
