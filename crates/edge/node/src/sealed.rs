//! Sealed content: kept beside the log behind a salted commitment, so that it can be erased (R7).
//!
//! The content is durable before the receipt that commits to it is appended: a receipt never promises
//! content that a crash took. Erasing appends a `content_erased` receipt first and removes the content
//! when that is durable: the log may say "erased" of content that a crash left behind (the next erase
//! removes it), never the other way round.

use std::sync::Arc;

use axum::http::StatusCode;
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{Receipt, Sealed};

use crate::api::ApiError;
use crate::auth::Writer;
use crate::clock;
use crate::keys::fresh_seed;
use crate::lane::{Lane, Whole};
use crate::prepare;
use crate::scroll::Scroll;
use crate::sequencer::{Append, Appended};

/// The type of the receipt that records an erasure.
pub(crate) const ERASED: &str = "content_erased";
/// What the ids of erasures begin with.
pub(crate) const ERASURE_ID: &str = "erasure-of-";
/// The member of that receipt that names the commitment.
pub(crate) const COMMITMENT: &str = "commitment";
/// The type of a receipt whose submitter named none.
pub(crate) const DEFAULT_TYPE: &str = "sealed_content";

/// Seals `content` and appends a receipt of `type_` that commits to it.
pub(crate) async fn seal(
    scroll: &Arc<Scroll>,
    lane: &Lane,
    type_: String,
    content: Whole,
    writer: Option<Arc<Writer>>,
) -> Result<(Receipt, quorate_merkle::Hash, Appended), ApiError> {
    let keeper = Arc::clone(scroll);
    let keep = move || keep(&keeper, &type_, &content, writer.as_deref());
    let receipt = lane.blocking(keep).await?;
    let (leaf, appended) = append(scroll, &receipt).await?;
    Ok((receipt, leaf, appended))
}

/// Keeps `content` durably and makes the receipt that commits to it.
fn keep(
    scroll: &Scroll,
    type_: &str,
    content: &[u8],
    writer: Option<&Writer>,
) -> Result<Receipt, ApiError> {
    let salt = fresh_seed().map_err(|e| ApiError::internal(e.to_string()))?;
    let sealed = Sealed::commit(&salt, content);
    let object = Object::new()
        .with("type", type_)
        .with(Sealed::MEMBER, sealed.to_value());
    let text = quorate_receipt::json::canonical_object(&object);
    let receipt =
        prepare::accept(&text, clock::now(), writer).map_err(|e| crate::api::refused(&e))?;
    scroll
        .sealed()
        .put(sealed.commitment.as_bytes(), &salt, content)
        .map_err(|e| {
            ApiError::internal(format!(
                "the content could not be kept, so no receipt was appended: {e}"
            ))
        })?;
    Ok(receipt)
}

async fn append(
    scroll: &Scroll,
    receipt: &Receipt,
) -> Result<(quorate_merkle::Hash, Appended), ApiError> {
    let entry = prepare::entry_of(receipt.clone()).map_err(|e| crate::api::refused(&e))?;
    let leaf = *entry.leaf();
    let appended = scroll.append(Append::one(entry)).await?;
    Ok((leaf, appended))
}

/// The commitment of a receipt, if it has one.
pub(crate) fn sealed_of(scroll: &Scroll, index: u64) -> Result<Option<Sealed>, ApiError> {
    let entry = scroll.reader().entry(index)?;
    let Ok(receipt) = Receipt::parse_canonical(&entry) else {
        return Ok(None);
    };
    Ok(receipt
        .get(Sealed::MEMBER)
        .and_then(|v| Sealed::from_value(v).ok()))
}

fn require_sealed(scroll: &Scroll, index: u64) -> Result<Sealed, ApiError> {
    let size = scroll.reader().size();
    if index >= size {
        return Err(ApiError::not_found(format!(
            "{:?} has {size} entries; there is no index {index}",
            scroll.spec().name
        )));
    }
    sealed_of(scroll, index)?.ok_or_else(|| {
        ApiError::new(
            StatusCode::CONFLICT,
            "not-sealed",
            format!("entry {index} does not seal content"),
            "only receipts made with --seal have content beside the log",
        )
    })
}

/// The receipt that records the erasure of `sealed`, with its index.
pub(crate) fn erasure_of(
    scroll: &Scroll,
    sealed: &Sealed,
) -> Result<Option<(u64, Receipt)>, ApiError> {
    let commitment = sealed.commitment.to_string();
    for index in scroll.reader().find_id(&erasure_id(&commitment), 16)? {
        let entry = scroll.reader().entry(index)?;
        let Ok(receipt) = Receipt::parse_canonical(&entry) else {
            continue;
        };
        if receipt.type_() == ERASED
            && receipt.get(COMMITMENT).and_then(Value::as_str) == Some(&commitment)
        {
            return Ok(Some((index, receipt)));
        }
    }
    Ok(None)
}

/// The receipt id of an erasure, so that it is found by look-up.
fn erasure_id(commitment: &str) -> String {
    format!("{ERASURE_ID}{commitment}")
}

/// The content behind entry `index`.
pub(crate) fn content(scroll: &Scroll, index: u64) -> Result<Vec<u8>, ApiError> {
    let sealed = require_sealed(scroll, index)?;
    if let Some((at, receipt)) = erasure_of(scroll, &sealed)? {
        return Err(ApiError::new(
            StatusCode::GONE,
            "content-erased",
            format!("content erased on {} (entry {at})", receipt.timestamp()),
            "the receipt and its proof stay; the content is gone for good",
        ));
    }
    let opened = scroll
        .sealed()
        .get(sealed.commitment.as_bytes())
        .map_err(|e| {
            ApiError::internal(format!(
                "the sealed content of entry {index} is damaged: {e}"
            ))
        })?;
    opened.map(|o| o.content).ok_or_else(|| {
        ApiError::internal(format!(
            "the sealed content of entry {index} is missing and no erasure is recorded"
        ))
    })
}

/// Records the erasure, then removes the content. Doing it again only makes sure that the content is gone.
pub(crate) async fn erase(
    scroll: &Arc<Scroll>,
    lane: &Lane,
    index: u64,
    reason: &str,
) -> Result<(u64, Receipt), ApiError> {
    let reader = Arc::clone(scroll);
    let look = move || {
        let sealed = require_sealed(&reader, index)?;
        let erasure = erasure_of(&reader, &sealed)?;
        Ok((sealed, erasure))
    };
    let (sealed, erasure) = lane.blocking(look).await?;
    let (at, receipt) = match erasure {
        Some(found) => found,
        None => {
            let commitment = sealed.commitment.to_string();
            let object = Object::new()
                .with("type", ERASED)
                .with("id", erasure_id(&commitment))
                .with(COMMITMENT, commitment)
                .with("index", Value::try_from(index).unwrap_or(Value::Null))
                .with("reason", reason)
                .with("tags", Value::Array(vec![Value::from("erasure")]));
            let receipt = Receipt::from_object(&object, clock::now()).map_err(|e| {
                ApiError::bad_request(
                    "malformed",
                    format!("the erasure cannot be recorded: {e}"),
                    "shorten the reason",
                )
            })?;
            let (_, appended) = append(scroll, &receipt).await?;
            (appended.first_index, receipt)
        }
    };
    let keeper = Arc::clone(scroll);
    let remove = move || {
        keeper
            .sealed()
            .erase(sealed.commitment.as_bytes())
            .map_err(|e| ApiError::internal(format!("the erasure is recorded, but the content could not be removed: {e}; run the command again")))
    };
    lane.blocking(remove).await?;
    Ok((at, receipt))
}

/// The proof of an entry. If its content was erased, `extra` carries the erasure receipt with its own
/// inclusion proof under the same checkpoint, so that a verifier can say so offline.
pub(crate) async fn prove(
    scroll: &Arc<Scroll>,
    lane: &Lane,
    index: u64,
) -> Result<String, ApiError> {
    let size = scroll.reader().size();
    if index >= size {
        return Err(ApiError::not_found(format!(
            "{:?} has {size} entries; there is no index {index}",
            scroll.spec().name
        )));
    }
    let reader = Arc::clone(scroll);
    let look = move || match sealed_of(&reader, index)? {
        Some(sealed) => erasure_of(&reader, &sealed),
        None => Ok(None),
    };
    let Some((at, receipt)) = lane.blocking(look).await? else {
        return scroll.prove(lane, index).await;
    };
    let published = scroll.checkpoints().covering(size.max(at + 1)).await?;
    let reader = Arc::clone(scroll);
    let prove = move || {
        let proof = reader.reader().prove_inclusion(at, published.size)?;
        let extra = quorate_verify::Erasure::new(at, proof, receipt).to_extra();
        Ok(reader.proof_under(index, &published, extra)?.to_text())
    };
    lane.blocking(prove).await
}
