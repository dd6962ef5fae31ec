//! The payload inside a bundle that was verified, as its exact text.

use std::io::{BufReader, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::{Failure, reason};

/// A bundle, or a presentation around one. Everything else in it was judged and is skipped.
#[derive(Deserialize)]
struct Carrier {
    payload: Option<Box<RawValue>>,
    bundle: Option<Inner>,
    /// An attestation: its `payload` is the statement, not the session's.
    #[serde(rename = "payloadType")]
    envelope: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Inner {
    payload: Option<Box<RawValue>>,
}

/// The JSON text; none where there is none, or in an attestation, which carries the bundle encoded.
pub(super) fn carried(verified: impl Read) -> Result<Option<String>, Failure> {
    let failed = |e: &dyn std::error::Error| {
        Failure::environment("report", "cannot show the payload", reason(e))
    };
    let mut verified = BufReader::new(verified);
    let carrier = Carrier::deserialize(&mut serde_json::Deserializer::from_reader(&mut verified));
    let carrier = carrier.map_err(|e| failed(&e))?;
    // To the end: it tells whether these were the bytes that were judged.
    let rest = std::io::copy(&mut verified, &mut std::io::sink());
    rest.map_err(|e| failed(&e))?;
    let payload = match (carrier.envelope, carrier.bundle) {
        (Some(_), _) => None,
        (None, Some(inner)) => inner.payload,
        (None, None) => carrier.payload,
    };
    Ok(payload.map(|raw| raw.get().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_shown_is_the_sessions_and_never_an_envelopes() {
        let of = |text: &str| carried(text.as_bytes()).ok().flatten();
        assert_eq!(
            of(r#"{"payload":{"a":1.0},"steps":[]}"#).as_deref(),
            Some(r#"{"a":1.0}"#)
        );
        assert_eq!(
            of(r#"{"bundle":{"payload":[2]},"presentation":{}}"#).as_deref(),
            Some("[2]")
        );
        assert_eq!(
            of(r#"{"payload":"eyJ9","payloadType":"x","signatures":[]}"#),
            None
        );
        assert_eq!(of(r#"{"steps":[]}"#), None);
    }
}
