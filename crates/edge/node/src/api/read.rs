//! Reading: C2SP resources, receipts, proofs. Heads are never secret; contents of a restricted scroll need
//! credentials.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64ct::{Base64, Encoding as _};
use quorate_merkle::{Hash, TilePath};
use quorate_receipt::{Receipt, Timestamp};
use quorate_store::Kind;
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::error::ApiError;
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
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// Receipts in one answer, unless fewer are asked for.
const DEFAULT_LIMIT: u64 = 100;
/// Receipts in one answer at most; ask again from the next index.
const MAX_LIMIT: u64 = 10_000;
/// Matches of one look-up at most.
const MANY: usize = 10_000;
/// Bytes of one answer at most, however many receipts that are.
const MAX_ANSWER: usize = 32 << 20;

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
    let newest = scroll.checkpoints().newest().ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "no-checkpoint",
            "no checkpoint of this scroll was signed yet",
            "start the node with 'quorate up'",
        )
    })?;
    Ok(octets(newest.note.clone(), TEXT, SECONDS))
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

/// What to look for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    index: Option<String>,
    from: Option<String>,
    limit: Option<String>,
    since: Option<String>,
    until: Option<String>,
    id: Option<String>,
    hash: Option<String>,
}

impl Search {
    pub(crate) fn by_index(index: &str) -> Self {
        Self {
            index: Some(index.to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn by_hash(hash: &str) -> Self {
        Self {
            hash: Some(hash.to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn by_id(id: &str) -> Self {
        Self {
            id: Some(id.to_owned()),
            ..Self::default()
        }
    }

    /// The indices that match, ascending, at most `limit`.
    pub(crate) fn indices(&self, scroll: &Scroll) -> Result<Vec<u64>, ApiError> {
        let limit = self
            .limit
            .as_deref()
            .map_or(Ok(DEFAULT_LIMIT), decimal)?
            .min(MAX_LIMIT);
        let reader = scroll.reader();
        if let Some(index) = &self.index {
            let index = decimal(index)?;
            return Ok(if index < reader.size() {
                vec![index]
            } else {
                Vec::new()
            });
        }
        let from = self.from.as_deref().map(decimal).transpose()?;
        let mut found = if let Some(hash) = &self.hash {
            find_hash(scroll, hash)?
        } else if let Some(id) = &self.id {
            find_id(scroll, id)?
        } else if self.since.is_some() || self.until.is_some() {
            let since = self
                .since
                .as_deref()
                .map(time)
                .transpose()?
                .unwrap_or(i64::MIN);
            let until = self
                .until
                .as_deref()
                .map(time)
                .transpose()?
                .unwrap_or(i64::MAX);
            reader.by_time(since..until, usize::try_from(limit).unwrap_or(usize::MAX))?
        } else {
            let from = from.unwrap_or(0);
            return Ok((from..from.saturating_add(limit).min(reader.size())).collect());
        };
        found.retain(|i| *i >= from.unwrap_or(0));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// The one entry that matches.
    pub(crate) fn single(&self, scroll: &Scroll) -> Result<u64, ApiError> {
        if self.index.is_none() && self.hash.is_none() && self.id.is_none() {
            return Err(ApiError::bad_request(
                "what-to-prove",
                "neither index, hash nor id was given",
                "add ?index=N, ?hash=sha256:… or ?id=…",
            ));
        }
        let found = self.indices(scroll)?;
        match found.as_slice() {
            [index] => Ok(*index),
            [] => Err(ApiError::not_found(format!(
                "{:?} holds no such entry",
                scroll.spec().name
            ))),
            many => Err(ApiError::new(
                StatusCode::CONFLICT,
                "ambiguous",
                format!(
                    "{} entries match, first at the indices {:?}",
                    many.len(),
                    &many[..many.len().min(5)]
                ),
                "ask by index",
            )),
        }
    }
}

fn find_hash(scroll: &Scroll, hash: &str) -> Result<Vec<u64>, ApiError> {
    let invalid = || {
        ApiError::bad_request(
            "malformed-hash",
            format!("{hash:?} is not a hash"),
            "use sha256:<64 hex> (leaf hash) or blake3:<64 hex> (root_hash)",
        )
    };
    if hash.starts_with("blake3:") {
        let wanted: quorate_receipt::Blake3Hash = hash.parse().map_err(|_| invalid())?;
        return confirm(scroll, hash, |r| *r.root_hash() == wanted);
    }
    let leaf: Hash = hash
        .strip_prefix("sha256:")
        .unwrap_or(hash)
        .parse()
        .map_err(|_| invalid())?;
    Ok(scroll.reader().find_leaf(&leaf, MANY)?)
}

fn find_id(scroll: &Scroll, id: &str) -> Result<Vec<u64>, ApiError> {
    confirm(scroll, id, |r| r.id() == Some(id))
}

/// Keeps the candidates whose receipt really is what was asked for.
fn confirm(
    scroll: &Scroll,
    id: &str,
    matches: impl Fn(&Receipt) -> bool,
) -> Result<Vec<u64>, ApiError> {
    let mut found = Vec::new();
    for index in scroll.reader().find_id(id, MANY)? {
        let entry = scroll.reader().entry(index)?;
        let receipt = Receipt::parse_canonical(&entry)
            .map_err(|e| ApiError::internal(format!("entry {index} is not a receipt: {e}")))?;
        if matches(&receipt) {
            found.push(index);
        }
    }
    Ok(found)
}

/// `GET /scrolls/{scroll}/receipts`: NDJSON of index, leaf hash and receipt.
pub(crate) async fn receipts(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(name): Path<String>,
    Query(search): Query<Search>,
) -> Result<Response, ApiError> {
    let scroll = readable(&app, &principal, &name)?;
    let out = lane.blocking(move || lines_of(&scroll, &search)).await?;
    Ok(octets(out, NDJSON, HeaderValue::from_static("no-store")))
}

fn lines_of(scroll: &Scroll, search: &Search) -> Result<Vec<u8>, ApiError> {
    let mut out = Vec::new();
    for index in search.indices(scroll)? {
        let entry = scroll.reader().entry(index)?;
        write_line(&mut out, scroll.spec().kind, index, &entry);
        if out.len() > MAX_ANSWER {
            break;
        }
    }
    Ok(out)
}

/// One line. A receipt is put in as it stands: it is canonical JSON.
fn write_line(out: &mut Vec<u8>, kind: Kind, index: u64, entry: &[u8]) {
    let leaf = quorate_merkle::leaf_hash(entry);
    let head = format!("{{\"index\":{index},\"leaf_hash\":\"sha256:{leaf}\",");
    out.extend_from_slice(head.as_bytes());
    match kind {
        Kind::Receipts => {
            out.extend_from_slice(b"\"receipt\":");
            out.extend_from_slice(entry);
        }
        Kind::Raw => {
            out.extend_from_slice(b"\"entry_base64\":\"");
            out.extend_from_slice(Base64::encode_string(entry).as_bytes());
            out.push(b'"');
        }
    }
    out.extend_from_slice(b"}\n");
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

fn time(text: &str) -> Result<i64, ApiError> {
    Timestamp::parse(text.as_bytes())
        .map(Timestamp::micros)
        .map_err(|e| {
            ApiError::bad_request(
                "malformed-time",
                format!("{text:?} is not a time: {e}"),
                "use RFC 3339 in UTC, such as 2026-11-20T12:00:00Z",
            )
        })
}
