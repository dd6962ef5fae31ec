//! Verifier keys, names, head hashes and the encodings below them: what is read prints as it was.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use quorate_note::{HeadHash, KeyName, Origin, VerifierKey, base64, decimal};

fn canonical<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

fuzz_target!(|text: &str| {
    canonical::<VerifierKey>(text);
    canonical::<KeyName>(text);
    canonical::<Origin>(text);
    canonical::<HeadHash>(text);
    canonical::<quorate_merkle::Hash>(text);
    if let Ok(bytes) = base64::decode(text.as_bytes()) {
        assert_eq!(base64::encode(&bytes), text);
    }
    if let Ok(number) = decimal::parse_u64(text.as_bytes()) {
        assert_eq!(number.to_string(), text);
    }
});
