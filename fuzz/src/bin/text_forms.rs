//! DIDs, keys, signatures, hashes, times and scroll names: what is read prints as it was.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use quorate_receipt::{
    Blake3Hash, Did, PublicKeyText, ScrollName, Sha256Text, SignatureText, Timestamp,
};

fn canonical<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

fuzz_target!(|text: &str| {
    canonical::<Did>(text);
    canonical::<PublicKeyText>(text);
    canonical::<SignatureText>(text);
    canonical::<Blake3Hash>(text);
    canonical::<Sha256Text>(text);
    canonical::<ScrollName>(text);
    // A time may be written with fewer or more digits than are kept; what it means must survive printing.
    if let Ok(time) = text.parse::<Timestamp>() {
        assert_eq!(time.to_string().parse::<Timestamp>().ok(), Some(time));
    }
});
