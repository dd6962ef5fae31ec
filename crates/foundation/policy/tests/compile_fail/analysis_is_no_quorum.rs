//! What is said about a policy accepts no checkpoint.

use quorate_policy::{Comparison, FailureDomains, QuorumMet};

fn counted(domains: FailureDomains) -> QuorumMet {
    domains.into()
}

fn compared(comparison: Comparison) -> QuorumMet {
    comparison.into()
}

fn main() {
    let _ = (counted, compared);
}
