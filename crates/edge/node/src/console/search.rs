//! `/search`: entries by index, hash or id, in one scroll or in all that the caller may read.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State, rejection::QueryRejection};
use axum::response::Response;
use quorate_note::decimal::parse_u64;
use serde::Deserialize;

use super::page::{Frame, answer, refuse, see_other};
use super::rows::Row;
use super::words::{clipped, grouped};
use crate::api::{ApiError, App, Search, readable};
use crate::auth::Principal;
use crate::clock;
use crate::lane::Lane;
use crate::scroll::Scroll;

/// Entries listed at most.
const MAX_HITS: usize = 100;
/// Characters of the query repeated on the page.
const CLIP: usize = 96;

/// The form.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Form {
    #[serde(default)]
    scroll: String,
    #[serde(default)]
    q: String,
}

/// A choice of the form.
#[derive(Debug)]
struct Choice {
    name: String,
    chosen: bool,
}

#[derive(Debug, Template)]
#[template(path = "search.html")]
struct Page {
    frame: Frame,
    query: String,
    choices: Vec<Choice>,
    asked: String,
    count: String,
    rows: Vec<Row>,
    more: bool,
    /// Some scrolls were not searched because the caller may not read them.
    hidden: bool,
}

/// `GET /search?scroll=&q=`. One hit is shown at once.
pub(super) async fn show(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    form: Result<Query<Form>, QueryRejection>,
) -> Response {
    let Ok(Query(form)) = form else {
        let error = ApiError::bad_request(
            "malformed-query",
            "The address does not hold a search that can be read.",
            "",
        );
        return refuse(&app, &principal, &error);
    };
    let (a, p) = (Arc::clone(&app), principal.clone());
    match lane.blocking(move || page(&a, &p, &form)).await {
        Ok(page) => match page.rows.as_slice() {
            [only] => see_other(&format!("/console/{}/{}", only.scroll, only.index)),
            _ => answer(&app, &principal, Ok(page)),
        },
        Err(error) => refuse(&app, &principal, &error),
    }
}

fn page(app: &App, principal: &Principal, form: &Form) -> Result<Page, ApiError> {
    let now = clock::now_micros();
    let all = app.scrolls();
    let open: Vec<_> = all
        .iter()
        .filter(|s| principal.may_read(&s.spec().name, s.is_public()))
        .cloned()
        .collect();
    let searched = match form.scroll.as_str() {
        "" => open.clone(),
        name => vec![readable(app, principal, name)?],
    };
    let q = form.q.trim();
    let mut rows = Vec::new();
    let mut more = false;
    for scroll in searched.iter().filter(|_| !q.is_empty()) {
        for index in find(scroll, q)? {
            if rows.len() == MAX_HITS {
                more = true;
                break;
            }
            rows.push(Row::new(
                scroll,
                index,
                &scroll.reader().entry(index)?,
                now,
            )?);
        }
    }
    let frame = Frame::new(app, principal, "Search");
    let choices = open.iter().map(|s| &s.spec().name).map(|n| Choice {
        name: n.clone(),
        chosen: *n == form.scroll,
    });
    Ok(Page {
        frame,
        query: q.to_owned(),
        choices: choices.collect(),
        asked: clipped(q, CLIP),
        count: grouped(rows.len() as u64),
        hidden: form.scroll.is_empty() && open.len() < all.len(),
        rows,
        more,
    })
}

/// Everything that the text could mean: an id may look like an index or a hash.
fn find(scroll: &Scroll, q: &str) -> Result<BTreeSet<u64>, ApiError> {
    let mut found: BTreeSet<u64> = Search::by_id(q).indices(scroll)?.into_iter().collect();
    if parse_u64(q.as_bytes()).is_ok() {
        found.extend(Search::by_index(q).indices(scroll)?);
    }
    for hash in hashes(q) {
        found.extend(Search::by_hash(&hash).indices(scroll)?);
    }
    Ok(found)
}

/// The hashes that the text could be; without an algorithm it could be of either.
fn hashes(q: &str) -> Vec<String> {
    let (algorithms, hex): (&[&str], &str) = match q.split_once(':') {
        Some(("sha256", hex)) => (&["sha256"], hex),
        Some(("blake3", hex)) => (&["blake3"], hex),
        Some(_) => return Vec::new(),
        None => (&["sha256", "blake3"], q),
    };
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Vec::new();
    }
    algorithms
        .iter()
        .map(|a| format!("{a}:{}", hex.to_ascii_lowercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_hash_is_looked_for_under_both_algorithms() {
        let hex = "AB".repeat(32);
        let low = "ab".repeat(32);
        assert_eq!(
            hashes(&hex),
            [format!("sha256:{low}"), format!("blake3:{low}")]
        );
        assert_eq!(hashes(&format!("blake3:{low}")), [format!("blake3:{low}")]);
        assert!(hashes("sha256:ab").is_empty());
        assert!(hashes(&format!("md5:{low}")).is_empty());
        assert!(hashes("7").is_empty());
    }
}
