//! Receipts: what is accepted is stored in a form that reads back as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_receipt::{MAX_RECEIPT_LEN, Receipt, Timestamp};

fuzz_target!(|data: &[u8]| {
    let Some(now) = Timestamp::from_seconds(1_800_000_000) else {
        return;
    };
    if let Ok(accepted) = Receipt::accept(data, now) {
        assert!(accepted.bytes().len() <= MAX_RECEIPT_LEN);
        assert_eq!(
            Receipt::parse_canonical(accepted.bytes()).as_ref(),
            Ok(&accepted)
        );
        assert_eq!(
            Receipt::accept(accepted.bytes(), now).as_ref(),
            Ok(&accepted)
        );
    }
    if let Ok(held) = Receipt::parse_canonical(data) {
        assert_eq!(held.bytes(), data);
    }
});
