//! Records, rules and evidence of forks: none panics, and evidence that is read prints as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_provenance::{Fork, Record, Rules, Session, State};
use quorate_receipt::{Receipt, Timestamp, json, signed_message};

fuzz_target!(|data: &[u8]| {
    if let Ok(fork) = Fork::parse(data) {
        assert_eq!(fork.to_bytes(), data);
    }
    if let Ok(value) = json::parse(data) {
        let _ = Rules::parse(&value);
    }
    // The root_hash is added here, so that the fuzzer gets past it.
    let now = Timestamp::from_seconds(1_800_000_000).expect("a time");
    if let Ok(receipt) = Receipt::accept(data, now) {
        assert_eq!(receipt.signed_message(), signed_message(receipt.object()));
        let parsed = Record::parse(&receipt);
        let opened = Session::open(&receipt);
        let applied = State::new().apply(&receipt);
        assert!(parsed.is_ok() || (opened.is_err() && applied.is_err()));
    }
});
