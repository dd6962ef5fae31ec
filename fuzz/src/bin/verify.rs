//! The whole offline verifier: of the one entry that was proven under a known policy, no other place in the
//! tree is ever reported.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use quorate_fuzz::{Fixture, INDEX, entry};
use quorate_policy::Policy;
use quorate_verify::verify_entry;

fn policy() -> &'static Policy {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    POLICY.get_or_init(|| Policy::parse(Fixture::default().policy().as_bytes()).expect("a policy"))
}

fuzz_target!(|data: &[u8]| {
    if let Ok(report) = verify_entry(data, &entry(INDEX), policy()) {
        assert_eq!(report.index(), INDEX);
    }
    assert!(verify_entry(data, b"never logged", policy()).is_err());
});
