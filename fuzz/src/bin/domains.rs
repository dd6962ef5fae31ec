//! The labels of failure domains: unknown is an error with a place in the file, and what is read is used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_policy::{DomainKind, Labels, Name, read_domains};

fuzz_target!(|data: &[u8]| {
    match read_domains(data, |name| name.as_bytes() != b"stranger") {
        Ok(labels) => {
            let stranger: Name = "stranger".parse().expect("a name");
            assert!(
                DomainKind::ALL
                    .iter()
                    .all(|&kind| labels.get(&stranger, kind).is_none())
            );
            assert!(labels == Labels::new() || !data.is_empty());
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
