//! Bundles, presentations and attestations: none panics, none is judged otherwise when it arrives in pieces, and under a policy
//! nothing is accepted but the receipts that the honest actor signed and the log recorded.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use quorate_receipt::Timestamp;
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::{BundleVerifier, Failure, Source};

const HONEST: &str = include_str!("../../seeds/bundle/closed");

/// By a policy, by hexadecimal witness keys, and by the actor's key alone.
static ANCHORS: LazyLock<[Anchor; 3]> = LazyLock::new(|| {
    [
        include_str!("../../seeds/anchor/anchor"),
        include_str!("../../seeds/anchor/guide"),
        include_str!("../../seeds/anchor/jwks"),
    ]
    .map(|text| Anchor::parse(text.as_bytes()).expect("an anchor"))
});

/// A few bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Source for Pieces<'_> {
    type Error = std::convert::Infallible;

    fn more(&mut self, buffer: &mut Vec<u8>) -> Result<bool, Self::Error> {
        let (now, later) = self.0.split_at(self.1.min(self.0.len()));
        buffer.extend_from_slice(now);
        self.0 = later;
        Ok(!now.is_empty())
    }
}

fn judged<S: Source<Error = std::convert::Infallible>>(
    anchor: &Anchor,
    source: S,
) -> Result<String, String> {
    let now = Timestamp::from_seconds(1_795_133_400).expect("a time");
    match BundleVerifier::new(anchor, now).verify(source) {
        Ok(report) => Ok(report.to_string()),
        Err(Failure::Refused(error)) => Err(format!("{} {error} {}", error.code(), error.hint())),
        Err(Failure::Read(never)) => match never {},
    }
}

fuzz_target!(|data: &[u8]| {
    let (_, steps) = HONEST.split_once("\"steps\":").expect("steps");
    for (n, anchor) in ANCHORS.iter().enumerate() {
        let verdict = judged(anchor, data);
        assert_eq!(judged(anchor, Pieces(data, 1 + data.len() % 7)), verdict);
        // An attestation has the same receipts in base64.
        if n == 0 && verdict.is_ok() && !data.starts_with(b"{\"payload\":") {
            let steps = steps.trim_end_matches('}').as_bytes();
            assert!(data.windows(steps.len()).any(|window| window == steps));
        }
    }
});
