//! Searching a scroll: by index, hash, id or time, answered in pages that say where the next one begins.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use base64ct::{Base64, Encoding as _};
use quorate_merkle::Hash;
use quorate_receipt::{Receipt, Timestamp};
use quorate_store::Kind;
use serde::Deserialize;

use super::App;
use super::error::ApiError;
use super::read::{NDJSON, decimal, octets, readable};
use crate::auth::Principal;
use crate::lane::Lane;
use crate::scroll::{Scroll, text_of_micros};

/// Receipts in one answer, unless fewer are asked for.
const DEFAULT_LIMIT: u64 = 100;
/// Receipts in one answer at most.
const MAX_LIMIT: usize = 10_000;
/// Matches of one look-up by hash or id at most.
const MANY: usize = 10_000;
/// Bytes of one answer at most, however many receipts that are.
const MAX_ANSWER: usize = 32 << 20;
/// In an answer after which there is more: the query that goes on.
const NEXT: HeaderName = HeaderName::from_static("x-quorate-next");

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

    fn limit(&self) -> Result<usize, ApiError> {
        let limit = self.limit.as_deref().map_or(Ok(DEFAULT_LIMIT), decimal)?;
        Ok(usize::try_from(limit).unwrap_or(usize::MAX).min(MAX_LIMIT))
    }

    /// The indices that match, in the order of the answer, at most as many as were asked for.
    pub(crate) fn indices(&self, scroll: &Scroll) -> Result<Vec<u64>, ApiError> {
        let limit = self.limit()?;
        let mut places = self.places(scroll, limit)?;
        places.truncate(limit);
        Ok(places.into_iter().map(|p| p.index).collect())
    }

    /// The matches in the order of the answer; one more than `limit` if there are more.
    fn places(&self, scroll: &Scroll, limit: usize) -> Result<Vec<Place>, ApiError> {
        let reader = scroll.reader();
        if let Some(index) = &self.index {
            let index = decimal(index)?;
            let there = (index < reader.size()).then(|| Place::at(index));
            return Ok(there.into_iter().collect());
        }
        let from = self.from.as_deref().map(decimal).transpose()?;
        let found = if let Some(hash) = &self.hash {
            find_hash(scroll, hash)?
        } else if let Some(id) = &self.id {
            find_id(scroll, id)?
        } else if self.since.is_some() || self.until.is_some() {
            return self.by_time(scroll, from, limit);
        } else {
            let from = from.unwrap_or(0);
            let end = from.saturating_add(limit as u64 + 1).min(reader.size());
            return Ok((from..end).map(Place::at).collect());
        };
        let found = found.into_iter().filter(|i| *i >= from.unwrap_or(0));
        Ok(found.take(limit + 1).map(Place::at).collect())
    }

    /// Many receipts may share a time, so a search goes on from a time and an index.
    fn by_time(
        &self,
        scroll: &Scroll,
        from: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Place>, ApiError> {
        let since = self.since.as_deref().map(time).transpose()?;
        let until = self.until.as_deref().map(time).transpose()?;
        if from.is_some() && since.is_none() {
            return Err(ApiError::bad_request(
                "from-without-since",
                "in a search by time, 'from' is an index among the receipts of the time 'since'",
                "add since=, as X-Quorate-Next gave it",
            ));
        }
        let start = (since.unwrap_or(i64::MIN), from.unwrap_or(0));
        let found = scroll
            .reader()
            .by_time_after(start, until.unwrap_or(i64::MAX), limit + 1)?;
        let place = |(time, index)| Place {
            time: Some(time),
            index,
        };
        Ok(found.into_iter().map(place).collect())
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

/// Where a match stands in the order of an answer.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// In a search by time, which comes before the index then.
    time: Option<i64>,
    index: u64,
}

impl Place {
    fn at(index: u64) -> Self {
        Self { time: None, index }
    }

    /// What makes a search begin here.
    fn query(&self) -> String {
        let index = self.index;
        match self.time {
            Some(time) => format!("since={}&from={index}", text_of_micros(time)),
            None => format!("from={index}"),
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
    let found = lane.blocking(move || lines_of(&scroll, &search)).await?;
    let mut answer = octets(found.lines, NDJSON, HeaderValue::from_static("no-store"));
    if let Some(next) = found.next {
        answer.headers_mut().insert(NEXT, next);
    }
    Ok(answer)
}

/// One answer, and the query that the next one has in place of `since` and `from`.
struct Found {
    lines: Vec<u8>,
    next: Option<HeaderValue>,
}

fn lines_of(scroll: &Scroll, search: &Search) -> Result<Found, ApiError> {
    let limit = search.limit()?;
    let mut lines = Vec::new();
    for (n, place) in search.places(scroll, limit)?.iter().enumerate() {
        if n == limit || lines.len() > MAX_ANSWER {
            let next = HeaderValue::from_str(&place.query()).ok();
            return Ok(Found { lines, next });
        }
        let entry = scroll.reader().entry(place.index)?;
        write_line(&mut lines, scroll.spec().kind, place.index, &entry);
    }
    Ok(Found { lines, next: None })
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
