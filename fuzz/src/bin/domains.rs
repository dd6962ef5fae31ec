//! The labels of failure domains: unknown is an error with a place in the file, and what is read is used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_policy::{DomainKind, Domains, Name, read_domains};

fuzz_target!(|data: &[u8]| {
    match read_domains(data, |name| name.as_bytes() != b"stranger") {
        Ok(domains) => {
            let stranger: Name = "stranger".parse().expect("a name");
            assert!(
                DomainKind::ALL
                    .iter()
                    .all(|&kind| domains.labels().get(&stranger, kind).is_none())
            );
            assert!(domains == Domains::default() || !data.is_empty());
            let accepts = |&kind: &DomainKind| domains.accepts_single(kind);
            assert!(!DomainKind::ALL.iter().all(accepts));
        }
        Err(wrong) => {
            assert!(!wrong.is_empty());
            let lines = data.split(|&b| b == b'\n').count();
            assert!(
                wrong
                    .iter()
                    .all(|e| (1..=lines).contains(&e.line) && e.column > 0)
            );
        }
    }
});
