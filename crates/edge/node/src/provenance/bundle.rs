//! A session's bundle: its head is made whole, its receipts are read as they are sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use quorate_merkle::LeafRuns;
use quorate_note::SignedCheckpoint;
use quorate_policy::Policy;
use quorate_provenance::Record;
use quorate_receipt::{Blake3Hash, Receipt, Sealed};
use quorate_verify::bundle::{Disclosure, Head, payload_hash};

use super::ledger::Place;
use crate::api::ApiError;
use crate::checkpoint::Published;
use crate::scroll::Scroll;

/// Sealed content in one bundle, in bytes: what a reader takes of the member, as base64.
const MAX_SHOWN: usize = quorate_verify::bundle::MAX_SEALED_LEN / 2;

/// What is wanted in a bundle besides the receipts.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Canonical JSON.
    pub(crate) payload: Option<Vec<u8>>,
    /// What is still there of what the session sealed.
    pub(crate) sealed: bool,
}

/// Puts together what stands before the receipts. May block.
pub(crate) fn export(
    scroll: &Arc<Scroll>,
    session: Blake3Hash,
    places: &[Place],
    published: &Published,
    policy: &Policy,
    wanted: Wanted,
) -> Result<Vec<u8>, ApiError> {
    if let Some(payload) = &wanted.payload {
        check_payload(scroll, places, payload)?;
    }
    let internal = |what: &dyn std::fmt::Display| {
        ApiError::internal(format!("the bundle cannot be made: {what}"))
    };
    let checkpoint = SignedCheckpoint::parse(&published.note).map_err(|e| internal(&e))?;
    let checkpoint =
        quorate_verify::bundle::trimmed(&checkpoint, policy).map_err(|e| internal(&e))?;
    let runs = places.iter().map(|place| (place.first, place.count));
    let leaves = LeafRuns::new(runs).map_err(|e| internal(&e))?;
    let head = Head {
        checkpoint,
        proof: scroll.reader().prove_runs(&leaves, published.size)?,
        leaves,
        payload: wanted.payload,
        sealed: match wanted.sealed {
            true => shown(scroll, places)?,
            false => BTreeMap::new(),
        },
        session,
    };
    Ok(head.to_bytes())
}

/// No reader would take a bundle with another payload than the closing binds.
fn check_payload(scroll: &Scroll, places: &[Place], payload: &[u8]) -> Result<(), ApiError> {
    let last = places
        .last()
        .map_or(0, |place| place.first + place.count - 1);
    let last = scroll.reader().entry(last)?;
    let bound = match Receipt::parse_canonical(&last).map(|last| Record::parse(&last)) {
        Ok(Ok(Record::Closed(closing))) => closing.unverified().payload.as_ref().map(|p| p.hash),
        _ => None,
    };
    if bound == Some(payload_hash(payload)) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::CONFLICT,
        "payload-mismatch",
        match bound {
            Some(bound) => {
                format!("the session's closing binds the payload {bound}, and this is another")
            }
            None => "the session's closing binds no payload, or the session is open".to_owned(),
        },
        "export it without a payload, or with the one that 'quorate session close --payload' was given; one that was bound with --as-bytes goes beside the bundle",
    ))
}

/// What is still there of what the session sealed.
fn shown(scroll: &Scroll, places: &[Place]) -> Result<BTreeMap<u64, Disclosure>, ApiError> {
    let mut shown = BTreeMap::new();
    let mut bytes = 0;
    for place in places {
        let (mut from, end) = (place.first, place.first + place.count);
        while from < end {
            let entries = scroll.reader().entries(from..end, 4 << 20)?;
            from += entries.len() as u64;
            for entry in entries {
                let Some((sequence, sealed)) = sealed_step(&entry) else {
                    continue;
                };
                let kept = scroll.sealed().get(sealed.commitment.as_bytes());
                let kept = kept.map_err(|e| ApiError::internal(e.to_string()))?;
                // Erased content stays a commitment.
                let Some(kept) = kept else { continue };
                bytes += kept.content.len();
                if bytes > MAX_SHOWN {
                    return Err(ApiError::bad_request(
                        "too-large",
                        format!("the session's sealed content is more than {MAX_SHOWN} bytes"),
                        "export without it, and hand the content over beside the bundle",
                    ));
                }
                let (salt, content) = (kept.salt, kept.content);
                shown.insert(sequence, Disclosure { salt, content });
            }
        }
    }
    Ok(shown)
}

fn sealed_step(entry: &[u8]) -> Option<(u64, Sealed)> {
    let receipt = Receipt::parse_canonical(entry).ok()?;
    let sealed = crate::prepare::sealed_in(&receipt)?;
    Some((receipt.get("sequence")?.as_u64()?, sealed))
}
