//! `.tlog-proof` files: only the bytes that would be printed are read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_note::TlogProof;

fuzz_target!(|data: &[u8]| {
    if let Ok(proof) = TlogProof::parse(data) {
        assert_eq!(proof.to_text().as_bytes(), data);
    }
});
