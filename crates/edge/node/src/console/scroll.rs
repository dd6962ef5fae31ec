//! `/console/{scroll}`: one scroll, its keys, its newest checkpoint and its entries by page.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use quorate_note::decimal::parse_u64;

use super::home::{Card, Head, witnessed};
use super::page::{Frame, answer};
use super::quorum::Witnesses;
use super::rows::{Row, newest_first};
use super::words::{When, entries, grouped};
use crate::api::{ApiError, App};
use crate::auth::Principal;
use crate::clock;
use crate::lane::Lane;
use crate::scroll::Scroll;

/// Entries on a page.
const PAGE: u64 = 25;

/// A verifier key, whole and in short.
#[derive(Debug)]
struct Key {
    what: String,
    vkey: String,
}

/// The note's text and its signature lines.
#[derive(Debug)]
struct Note {
    text: String,
    signatures: String,
    count: usize,
}

#[derive(Debug, Template)]
#[template(path = "scroll.html")]
struct Page {
    frame: Frame,
    card: Card,
    origin: String,
    engine: bool,
    created: When,
    root: String,
    keys: Vec<Key>,
    note: Option<Note>,
    witnesses: Option<Witnesses>,
    /// Why nothing new is signed.
    halted: Option<String>,
    rows: Vec<Row>,
    /// Indices on this page, lowest and highest, as text.
    shown: Option<(String, String)>,
    older: Option<u64>,
    /// `Some(None)` is the first page.
    newer: Option<Option<u64>>,
}

/// `GET /console/{scroll}?before=N`: the entries below index `N`, the newest without it.
pub(super) async fn show(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let (a, p) = (Arc::clone(&app), principal.clone());
    let work = move || {
        let before = before(query.as_deref())?;
        page(&a, &p, &name, before)
    };
    answer(&app, &principal, lane.blocking(work).await)
}

fn before(query: Option<&str>) -> Result<Option<u64>, ApiError> {
    let Some(query) = query.filter(|q| !q.is_empty()) else {
        return Ok(None);
    };
    let number = query
        .strip_prefix("before=")
        .and_then(|n| parse_u64(n.as_bytes()).ok());
    number.map(Some).ok_or_else(|| {
        ApiError::bad_request(
            "malformed-page",
            "this page takes ?before= and a decimal index, and nothing else",
            "",
        )
    })
}

fn page(
    app: &App,
    principal: &Principal,
    name: &str,
    before: Option<u64>,
) -> Result<Page, ApiError> {
    let now = clock::now_micros();
    let scroll = app.scroll(name)?;
    let readable = principal.may_read(&scroll.spec().name, scroll.is_public());
    let (size, root) = scroll.reader().head();
    let end = before.unwrap_or(size).min(size);
    let start = end.saturating_sub(PAGE);
    let rows = if readable {
        newest_first(&scroll, start..end, now)?
    } else {
        Vec::new()
    };
    let spec = scroll.spec();
    let newer = end.saturating_add(PAGE);
    Ok(Page {
        frame: Frame::new(app, principal, spec.name.clone()).within(&spec.name),
        card: Card {
            name: spec.name.clone(),
            raw: spec.kind == quorate_store::Kind::Raw,
            public: scroll.is_public(),
            readable,
            entries: entries(size),
            head: Head::of(&scroll, now),
            witnessed: witnessed(&scroll),
        },
        origin: spec.origin.clone(),
        engine: scroll.is_engine(),
        created: When::of_text(&spec.created_at, now),
        root: root.to_string(),
        keys: keys(app, &scroll),
        witnesses: Witnesses::of(&scroll, now),
        halted: scroll.halted(),
        note: scroll.checkpoints().newest().map(|p| note(&p.note)),
        shown: (!rows.is_empty()).then(|| (grouped(start), grouped(end - 1))),
        older: (readable && start > 0).then_some(start),
        newer: (readable && end < size).then(|| (newer < size).then_some(newer)),
        rows,
    })
}

fn keys(app: &App, scroll: &Scroll) -> Vec<Key> {
    let keys = app.log_keys(&scroll.spec().origin, true);
    let named = keys.iter().filter_map(|k| k.verifier_key());
    named
        .map(|k| Key {
            what: format!("{}, key id {}", k.kind(), k.id()),
            vkey: k.to_string(),
        })
        .collect()
}

/// A note's text ends with the empty line before the signatures.
fn note(bytes: &[u8]) -> Note {
    let note = String::from_utf8_lossy(bytes);
    let (text, signatures) = note.rsplit_once("\n\n").unwrap_or((&note, ""));
    Note {
        text: text.to_owned(),
        signatures: signatures.to_owned(),
        count: signatures.lines().count(),
    }
}
