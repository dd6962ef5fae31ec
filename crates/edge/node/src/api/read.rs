//! Reading: C2SP resources, receipts, proofs. Heads are never secret; contents of a restricted scroll need
//! credentials.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64ct::{Base64, Encoding as _};
use quorate_merkle::TilePath;
use quorate_store::Kind;
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::error::ApiError;
use super::search::Search;
use crate::auth::Principal;
use crate::lane::Lane;
use crate::scroll::Scroll;

/// Tiles never change: one year, as long as a cache keeps anything.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const PRIVATE_IMMUTABLE: HeaderValue =
    HeaderValue::from_static("private, max-age=31536000, immutable");
/// A checkpoint may be replaced every 100 ms; a second of caching shields the node without hiding much.
const SECONDS: HeaderValue = HeaderValue::from_static("public, max-age=1");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
pub(super) const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// Finds a scroll whose contents the caller may read.
pub(crate) fn readable(
    app: &App,
    principal: &Principal,
    name: &str,
) -> Result<Arc<Scroll>, ApiError> {
    let scroll = app.scroll(name)?;
    if principal.may_read(&scroll.spec().name, scroll.is_public()) {
        return Ok(scroll);
    }
    Err(match principal {
        Principal::Anonymous => ApiError::unauthenticated(),
        _ => ApiError::forbidden(format!("these credentials may not read {name:?}")),
    })
}

/// `GET /scrolls`.
pub(crate) async fn list(State(app): State<App>) -> Json<Value> {
    let scrolls: Vec<Value> = app.scrolls().iter().map(|s| app.info(s)).collect();
    Json(json!({"scrolls": scrolls}))
}

/// `GET /scrolls/{scroll}`.
pub(crate) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let scroll = app.scroll(&name)?;
    Ok(Json(app.info(&scroll)))
}

/// `GET /scrolls/{scroll}/checkpoint` (L-20).
pub(crate) async fn checkpoint(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let scroll = app.scroll(&name)?;
    let shown = scroll.shown().ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "no-checkpoint",
            "no checkpoint of this scroll was signed yet",
            "start the node with 'quorate up'",
        )
    })?;
    Ok(octets(shown.note.clone(), TEXT, SECONDS))
}

/// `GET /scrolls/{scroll}/policy`: one scroll's policy for others to use.
pub(crate) async fn policy(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let scroll = app.scroll(&name)?;
    Ok(octets(
        app.policy_text(&scroll)?.into_bytes(),
        TEXT,
        SECONDS,
    ))
}

/// `GET /scrolls/{scroll}/tile/{path}` (L-21 to L-24).
pub(crate) async fn tile(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path((name, path)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let scroll = readable(&app, &principal, &name)?;
    let cache = cache_of(&scroll);
    let bytes = lane.blocking(move || tile_bytes(&scroll, &path)).await?;
    Ok(octets(bytes, OCTETS, cache))
}

/// Contents of a public scroll may be kept by anyone.
fn cache_of(scroll: &Scroll) -> HeaderValue {
    if scroll.is_public() {
        IMMUTABLE
    } else {
        PRIVATE_IMMUTABLE
    }
}

fn tile_bytes(scroll: &Scroll, path: &str) -> Result<Vec<u8>, ApiError> {
    let no_tile = |why: &dyn std::fmt::Display, hint: &'static str| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "no-such-tile",
            format!("{path:?}: {why}"),
            hint,
        )
    };
    let tile: TilePath = path
        .parse()
        .map_err(|e| no_tile(&e, "see c2sp.org/tlog-tiles"))?;
    // Partial tiles exist for published sizes; a larger tree is not told from its tiles first (V-20).
    let size = scroll.checkpoints().newest().map_or(0, |n| n.size);
    let bytes = match tile {
        TilePath::Tile(id) => scroll.reader().tile(&id, size),
        TilePath::Entries(id) => scroll.reader().entry_bundle(&id, size),
    };
    match bytes {
        Err(
            e
            @ (quorate_store::ReadError::OutOfRange { .. } | quorate_store::ReadError::Request(_)),
        ) => Err(no_tile(&e, "take the size from the checkpoint first")),
        other => Ok(other?),
    }
}

/// `GET /scrolls/{scroll}/entries/{index}`: the exact leaf.
pub(crate) async fn entry(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path((name, index)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let scroll = readable(&app, &principal, &name)?;
    let index = decimal(&index)?;
    let kind = match scroll.spec().kind {
        Kind::Receipts => HeaderValue::from_static("application/json"),
        Kind::Raw => OCTETS,
    };
    let cache = cache_of(&scroll);
    let bytes = lane.blocking(move || entry_at(&scroll, index)).await?;
    let leaf = quorate_merkle::leaf_hash(&bytes);
    let mut response = octets(bytes, kind, cache);
    if let Ok(value) = HeaderValue::from_str(&format!("sha256:{leaf}")) {
        response.headers_mut().insert("x-quorate-leaf-hash", value);
    }
    Ok(response)
}

fn entry_at(scroll: &Scroll, index: u64) -> Result<Vec<u8>, ApiError> {
    let size = scroll.reader().size();
    if index >= size {
        return Err(ApiError::not_found(format!(
            "{:?} has {size} entries; there is no index {index}",
            scroll.spec().name
        )));
    }
    Ok(scroll.reader().entry(index)?)
}

/// `GET /scrolls/{scroll}/proof`: a `.tlog-proof`.
pub(crate) async fn proof(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(name): Path<String>,
    Query(search): Query<Search>,
) -> Result<Response, ApiError> {
    let scroll = readable(&app, &principal, &name)?;
    let searched = Arc::clone(&scroll);
    let index = lane.blocking(move || search.single(&searched)).await?;
    let text = crate::sealed::prove(&scroll, &lane, index).await?;
    Ok(octets(
        text.into_bytes(),
        TEXT,
        HeaderValue::from_static("no-store"),
    ))
}

/// Two tree sizes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sizes {
    old: String,
    new: String,
}

/// `GET /scrolls/{scroll}/consistency?old=&new=`.
pub(crate) async fn consistency(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(name): Path<String>,
    Query(sizes): Query<Sizes>,
) -> Result<Json<Value>, ApiError> {
    // A proof between neighbouring sizes shows a leaf hash, so a restricted scroll's needs credentials.
    let scroll = readable(&app, &principal, &name)?;
    let (old, new) = (decimal(&sizes.old)?, decimal(&sizes.new)?);
    let published = scroll.checkpoints().newest().map_or(0, |n| n.size);
    if old > new || new > published {
        return Err(ApiError::bad_request(
            "sizes",
            format!(
                "there is no consistency proof from {old} to {new}; the newest checkpoint has size {published}"
            ),
            "old must not be greater than new, and new not greater than the newest checkpoint",
        ));
    }
    let proof = lane
        .blocking(move || Ok(scroll.reader().prove_consistency(old, new)?))
        .await?;
    let hashes: Vec<String> = proof
        .hashes()
        .iter()
        .map(|h| Base64::encode_string(h.as_bytes()))
        .collect();
    Ok(Json(json!({"old": old, "new": new, "hashes": hashes})))
}

/// `GET /scrolls/{scroll}/export`: the record as it stands, up to the size at the beginning of the answer.
pub(crate) async fn export(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let scroll = readable(&app, &principal, &name)?;
    let size = scroll.reader().size();
    let kind = if scroll.spec().kind == Kind::Raw {
        OCTETS
    } else {
        NDJSON
    };
    // One piece at a time, read when the one before it was taken.
    let pieces = futures_util::stream::unfold((scroll, 0u64), move |(scroll, from)| {
        let lane = lane.clone();
        async move {
            if from >= size {
                return None;
            }
            let reader = Arc::clone(&scroll);
            let piece = lane.blocking(move || export_piece(&reader, from, size));
            match piece.await {
                Ok((bytes, next)) => Some((Ok(Bytes::from(bytes)), (scroll, next))),
                // The connection is cut: a short answer must not look complete.
                Err(error) => {
                    let cut = std::io::Error::other(error.message().to_owned());
                    Some((Err(cut), (scroll, size)))
                }
            }
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn export_piece(scroll: &Scroll, from: u64, size: u64) -> Result<(Vec<u8>, u64), ApiError> {
    let entries = scroll
        .reader()
        .entries(from..size.min(from + 4096), 4 << 20)?;
    let mut out = Vec::new();
    let next = from + entries.len() as u64;
    for entry in entries {
        if scroll.spec().kind == Kind::Raw {
            out.extend_from_slice(&u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
            out.extend_from_slice(&entry);
        } else {
            out.extend_from_slice(&entry);
            out.push(b'\n');
        }
    }
    Ok((out, next))
}

pub(crate) fn octets(bytes: Vec<u8>, kind: HeaderValue, cache: HeaderValue) -> Response {
    let mut response = Body::from(bytes).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    response
}

/// A decimal as C2SP writes it: ASCII digits, no sign, no leading zeros.
pub(crate) fn decimal(text: &str) -> Result<u64, ApiError> {
    quorate_note::decimal::parse_u64(text.as_bytes()).map_err(|_| {
        ApiError::bad_request(
            "malformed-number",
            format!("{text:?} is not a decimal number"),
            "use digits only, without leading zeros",
        )
    })
}
