//! A quorum is evaluated, never asserted.

use quorate_policy::{QuorumMet, Signer, Tally, Verdict};

fn forged(verdict: Verdict, signers: Vec<Signer>, tally: Tally) -> QuorumMet {
    QuorumMet {
        checkpoint: verdict.checkpoint().clone(),
        signers,
        tally,
    }
}

fn main() {
    let _ = forged;
}
