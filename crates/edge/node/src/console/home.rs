//! `/`: the scrolls and what was recorded last.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use quorate_store::Kind;

use super::page::{Frame, answer};
use super::rows::{Row, newest_first};
use super::words::{When, entries, short_text};
use crate::api::{ApiError, App};
use crate::auth::Principal;
use crate::clock;
use crate::lane::Lane;
use crate::scroll::Scroll;

/// Receipts on the page.
const LAST: usize = 10;
/// Scrolls looked into for them, those appended to last.
const LOOKED_INTO: usize = 16;

/// A scroll as the list shows it.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) name: String,
    pub(super) raw: bool,
    pub(super) public: bool,
    pub(super) readable: bool,
    pub(super) entries: String,
    pub(super) head: Option<Head>,
    /// How its witnesses stand; `None` if it has none.
    pub(super) witnessed: Option<String>,
}

/// The newest checkpoint in short.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) hash: String,
    pub(super) hash_short: String,
    pub(super) entries: String,
    pub(super) signed: Option<When>,
    /// Entries that are durable but not under a signed head yet.
    pub(super) behind: Option<String>,
}

impl Head {
    pub(super) fn of(scroll: &Scroll, now: i64) -> Option<Self> {
        let newest = scroll.checkpoints().newest()?;
        let behind = scroll.reader().size().saturating_sub(newest.size);
        Some(Self {
            hash: newest.head_hash.clone(),
            hash_short: short_text(&newest.head_hash),
            entries: entries(newest.size),
            signed: When::at_micros(newest.signed_at, now),
            behind: (behind > 0).then(|| entries(behind)),
        })
    }
}

#[derive(Debug, Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    cards: Vec<Card>,
    rows: Vec<Row>,
    unwitnessed: bool,
    /// It is a witness, and the caller may see of whom.
    witness: bool,
    /// Some scrolls show only their heads to this caller.
    hidden: bool,
}

/// `GET /`.
pub(super) async fn show(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
) -> Response {
    let (a, p) = (Arc::clone(&app), principal.clone());
    answer(&app, &principal, lane.blocking(move || home(&a, &p)).await)
}

fn home(app: &App, principal: &Principal) -> Result<Home, ApiError> {
    let now = clock::now_micros();
    let scrolls = app.scrolls();
    let may_read = |s: &Scroll| principal.may_read(&s.spec().name, s.is_public());
    let cards: Vec<Card> = scrolls.iter().map(|s| card(s, may_read(s), now)).collect();
    let mut recent: Vec<_> = scrolls
        .iter()
        .filter(|s| may_read(s) && s.spec().kind == Kind::Receipts)
        .collect();
    recent.sort_by_key(|s| std::cmp::Reverse(s.reader().committed_at()));
    let mut rows = Vec::new();
    for scroll in recent.into_iter().take(LOOKED_INTO) {
        let size = scroll.reader().size();
        rows.extend(newest_first(
            scroll,
            size.saturating_sub(LAST as u64)..size,
            now,
        )?);
    }
    rows.sort_by_key(|r| std::cmp::Reverse(r.micros));
    rows.truncate(LAST);
    let hidden = cards.iter().any(|c| !c.readable);
    Ok(Home {
        frame: Frame::new(app, principal, "Scrolls"),
        cards,
        rows,
        unwitnessed: app.quorum.is_none(),
        witness: app.witness().is_some() && principal.is_operator(),
        hidden,
    })
}

/// How a scroll's witnesses stand; `None` if it has none.
pub(super) fn witnessed(scroll: &Scroll) -> Option<String> {
    let size = scroll.reader().size();
    scroll.witnessing().map(|w| w.state(size))
}

fn card(scroll: &Scroll, readable: bool, now: i64) -> Card {
    Card {
        name: scroll.spec().name.clone(),
        raw: scroll.spec().kind == Kind::Raw,
        public: scroll.is_public(),
        readable,
        entries: entries(scroll.reader().size()),
        head: Head::of(scroll, now),
        witnessed: witnessed(scroll),
    }
}
