//! Requests to a witness: only the bytes that would be sent are read, evidence too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_note::{LogKey, VerifierKey};
use quorate_witness::{AddCheckpoint, Equivocation, Inconsistency, SignSubtree};

/// The key of the log in the seeds.
const KEY: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = AddCheckpoint::parse(data) {
        assert_eq!(request.to_bytes(), data);
    }
    if let Ok(request) = SignSubtree::parse(data) {
        assert_eq!(request.to_bytes(), data);
    }
    let key = KEY.parse::<VerifierKey>().ok();
    let Some(key) = key.and_then(|k| LogKey::try_from(k).ok()) else {
        return;
    };
    let keys = [key];
    if let Ok(evidence) = Equivocation::verify(data, &keys) {
        assert_eq!(evidence.to_bytes(), data);
    }
    if let Ok(evidence) = Inconsistency::verify(data, &keys) {
        assert_eq!(evidence.to_bytes(), data);
    }
});
