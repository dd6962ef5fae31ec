//! Lineage events, rotation drafts and offline keys: none panics, and what is read prints as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_lineage::{Draft, Event, Lineage, NextKey, RotationPlan};
use quorate_receipt::json::{self, Value};
use quorate_receipt::{Receipt, Timestamp};

fuzz_target!(|data: &[u8]| {
    if let Ok(Value::Object(object)) = json::parse(data)
        && let Ok(event) = Event::from_object(&object)
    {
        assert_eq!(Event::from_object(&event.to_object()).as_ref(), Ok(&event));
    }
    if let Ok(draft) = Draft::parse(data) {
        assert_eq!(draft.to_bytes(), data);
    }
    if let Ok(plan) = RotationPlan::parse(data) {
        assert_eq!(plan.to_bytes(), data);
    }
    if let Ok(key) = NextKey::parse(data) {
        assert_eq!(key.to_text().as_bytes(), data);
    }
    // The root_hash is added here, so that the fuzzer gets past it.
    let now = Timestamp::from_seconds(1_800_000_000).expect("a time");
    if let Ok(receipt) = Receipt::accept(data, now) {
        let _ = Lineage::inception(&receipt);
    }
});
