//! Canonical JSON: reading and writing are one another's inverse, and writing twice changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_receipt::json;

fuzz_target!(|data: &[u8]| {
    let parsed = json::parse(data);
    let canonical = json::canonicalize(data);
    assert_eq!(parsed.is_ok(), canonical.is_ok());
    if let (Ok(value), Ok(canonical)) = (parsed, canonical) {
        assert_eq!(json::canonical(&value), canonical);
        assert!(json::is_canonical(&canonical));
        assert_eq!(json::parse(&canonical).as_ref(), Ok(&value));
        assert_eq!(json::is_canonical(data), canonical == data);
    } else {
        assert!(!json::is_canonical(data));
    }
});
