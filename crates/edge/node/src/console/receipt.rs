//! `/console/{scroll}/{index}`: one entry, what it says, and its way up to the signed root.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use quorate_merkle::leaf_hash;
use quorate_note::decimal::parse_u64;
use quorate_provenance::Record;
use quorate_receipt::{Blake3Hash, Receipt, Sealed};
use quorate_store::Kind;

use super::page::{Frame, answer};
use super::path::{InclusionPath, Line, Picture};
use super::pretty::{Piece, pretty};
use super::rows::receipt_of;
use super::words::{When, clipped, entries, grouped, visible};
use crate::api::{ApiError, App, readable};
use crate::auth::Principal;
use crate::checkpoint::Published;
use crate::clock;
use crate::lane::Lane;
use crate::scroll::{PROVENANCE, Scroll};
use crate::sealed::{COMMITMENT, ERASED, erasure_of};

/// Characters of untrusted text in a heading.
const HEADING: usize = 80;
/// Bytes of a raw entry that is not text shown as hexadecimal digits.
const HEX_SHOWN: usize = 1024;

/// What a receipt says about itself.
#[derive(Debug)]
struct Facts {
    kind: String,
    when: When,
    id: Option<String>,
    tags: Vec<String>,
    root_hash: String,
    pieces: Vec<Piece>,
    sealed: Option<SealedFacts>,
    /// The entry whose content this receipt records as erased.
    erases: Option<u64>,
    /// The session that it is a receipt of.
    session: Option<String>,
}

/// Content beside the log.
#[derive(Debug)]
struct SealedFacts {
    length: String,
    erased: Option<Erased>,
}

#[derive(Debug)]
struct Erased {
    index: u64,
    index_text: String,
    when: When,
}

/// An entry of a raw scroll.
#[derive(Debug)]
struct RawFacts {
    text: Option<String>,
    hex: String,
    cut: bool,
}

/// The way up to the root.
#[derive(Debug)]
struct Proved {
    picture: Picture,
    lines: Vec<Line>,
    hashes: usize,
    head_hash: String,
    entries: String,
    signed: Option<When>,
}

#[derive(Debug, Template)]
#[template(path = "receipt.html")]
struct Page {
    frame: Frame,
    scroll: String,
    index: u64,
    index_text: String,
    heading: String,
    bytes: String,
    leaf: String,
    facts: Option<Facts>,
    raw: Option<RawFacts>,
    /// None in a process that signs nothing, for an entry that no signed head covers yet.
    proved: Option<Proved>,
    /// How the scroll's witnesses stand; `None` if it has none.
    witnessed: Option<String>,
    /// The ending of the entry's file name.
    extension: &'static str,
    /// May fetch sealed content.
    may_open: bool,
    older: Option<u64>,
    newer: Option<u64>,
}

/// `GET /console/{scroll}/{index}`.
pub(super) async fn show(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path((name, index)): Path<(String, String)>,
) -> Response {
    let page = entry(&app, &principal, &lane, &name, &index).await;
    answer(&app, &principal, page)
}

async fn entry(
    app: &App,
    principal: &Principal,
    lane: &Lane,
    name: &str,
    index: &str,
) -> Result<Page, ApiError> {
    // Who may not read learns nothing of what is there.
    let scroll = readable(app, principal, name)?;
    let size = scroll.reader().size();
    let index = parse_u64(index.as_bytes())
        .ok()
        .filter(|i| *i < size)
        .ok_or_else(|| {
            ApiError::not_found(format!(
                "{} has {}, counted from 0; there is no {:?} among them.",
                name,
                entries(size),
                visible(index)
            ))
        })?;
    // A page with a proof waits for a checkpoint that covers the entry; an offline process has what it has.
    let published = scroll.head_covering(index + 1).await.ok();
    let (app, principal) = (Arc::clone(app), principal.clone());
    lane.blocking(move || page(&app, &principal, &scroll, index, published.as_deref()))
        .await
}

fn page(
    app: &App,
    principal: &Principal,
    scroll: &Scroll,
    index: u64,
    published: Option<&Published>,
) -> Result<Page, ApiError> {
    let now = clock::now_micros();
    let spec = scroll.spec();
    let bytes = scroll.reader().entry(index)?;
    let (facts, raw) = match spec.kind {
        Kind::Receipts => (Some(facts(scroll, &receipt_of(index, &bytes)?, now)?), None),
        Kind::Raw => (None, Some(raw_facts(&bytes))),
    };
    let heading = facts
        .as_ref()
        .map_or_else(|| "raw entry".to_owned(), |f| clipped(&f.kind, HEADING));
    let size = scroll.reader().size();
    Ok(Page {
        frame: Frame::new(
            app,
            principal,
            format!("{heading}, {} {}", spec.name, grouped(index)),
        )
        .within(&spec.name),
        scroll: spec.name.clone(),
        index,
        index_text: grouped(index),
        heading,
        bytes: grouped(bytes.len() as u64),
        leaf: leaf_hash(&bytes).to_string(),
        facts,
        raw,
        proved: published
            .map(|p| prove(scroll, index, &bytes, p, now))
            .transpose()?,
        witnessed: super::home::witnessed(scroll),
        extension: if spec.kind == Kind::Raw {
            "bin"
        } else {
            "json"
        },
        may_open: principal.may_read(&spec.name, false),
        older: index.checked_sub(1),
        newer: (index + 1 < size).then_some(index + 1),
    })
}

/// Proves the entry under the published head, from the entry's own bytes up.
fn prove(
    scroll: &Scroll,
    index: u64,
    bytes: &[u8],
    published: &Published,
    now: i64,
) -> Result<Proved, ApiError> {
    let proof = scroll.reader().prove_inclusion(index, published.size)?;
    let path = InclusionPath::verify(
        index,
        leaf_hash(bytes),
        published.size,
        published.root,
        &proof,
    )
    .map_err(|e| ApiError::internal(format!("entry {index}: {e}")))?;
    Ok(Proved {
        picture: path.picture(),
        lines: path.lines(),
        hashes: path.len(),
        head_hash: published.head_hash.clone(),
        entries: entries(published.size),
        signed: When::at_micros(published.signed_at, now),
    })
}

fn facts(scroll: &Scroll, receipt: &Receipt, now: i64) -> Result<Facts, ApiError> {
    Ok(Facts {
        kind: visible(receipt.type_()),
        when: When::claimed(receipt.timestamp(), now),
        id: receipt.id().map(visible),
        tags: receipt.tags().map(visible).collect(),
        root_hash: receipt.root_hash().to_string(),
        pieces: pretty(receipt.object()),
        sealed: sealed_facts(scroll, receipt, now)?,
        erases: erased_entry(scroll, receipt)?,
        session: session_of(scroll, receipt),
    })
}

/// In the scroll where only sessions are recorded, by its rules; anywhere else a receipt may say what it likes.
fn session_of(scroll: &Scroll, receipt: &Receipt) -> Option<String> {
    if scroll.spec().name != PROVENANCE {
        return None;
    }
    match receipt.type_() {
        Record::SESSION_OPENED => Some(receipt.root_hash().to_string()),
        Record::SESSION_STEP | Record::SESSION_CLOSED => {
            let session: Blake3Hash = receipt.get("session")?.as_str()?.parse().ok()?;
            Some(session.to_string())
        }
        _ => None,
    }
}

fn sealed_facts(
    scroll: &Scroll,
    receipt: &Receipt,
    now: i64,
) -> Result<Option<SealedFacts>, ApiError> {
    let Some(sealed) = receipt
        .get(Sealed::MEMBER)
        .and_then(|v| Sealed::from_value(v).ok())
    else {
        return Ok(None);
    };
    let erased = erasure_of(scroll, &sealed)?.map(|(index, receipt)| Erased {
        index,
        index_text: grouped(index),
        when: When::claimed(receipt.timestamp(), now),
    });
    Ok(Some(SealedFacts {
        length: grouped(sealed.length),
        erased,
    }))
}

/// Anyone who may write can write a receipt of this type; it is shown as an erasure only if the entry it
/// names really is erased by it.
fn erased_entry(scroll: &Scroll, receipt: &Receipt) -> Result<Option<u64>, ApiError> {
    let size = scroll.reader().size();
    let named = receipt
        .get("index")
        .and_then(quorate_receipt::json::Value::as_u64)
        .filter(|i| *i < size);
    let Some(index) = named.filter(|_| receipt.type_() == ERASED) else {
        return Ok(None);
    };
    let sealed = crate::sealed::sealed_of(scroll, index)?;
    let commitment = receipt.get(COMMITMENT).and_then(|v| v.as_str());
    Ok(sealed
        .filter(|s| commitment == Some(s.commitment.to_string().as_str()))
        .map(|_| index))
}

fn raw_facts(bytes: &[u8]) -> RawFacts {
    let text = std::str::from_utf8(bytes)
        .ok()
        .map(|t| t.split('\n').map(visible).collect::<Vec<_>>().join("\n"));
    let shown = &bytes[..bytes.len().min(HEX_SHOWN)];
    RawFacts {
        hex: if text.is_some() {
            String::new()
        } else {
            hex_lines(shown)
        },
        cut: shown.len() < bytes.len() && text.is_none(),
        text,
    }
}

/// Offset and sixteen bytes a line.
fn hex_lines(bytes: &[u8]) -> String {
    let lines = bytes.chunks(16).enumerate().map(|(i, line)| {
        let digits: Vec<String> = line.iter().map(|b| format!("{b:02x}")).collect();
        format!("{:04x}  {}", i * 16, digits.join(" "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_text_keeps_its_lines_and_shows_what_is_unseen() {
        let facts = raw_facts("a\nb\u{202e}\tc".as_bytes());
        assert_eq!(facts.text.as_deref(), Some("a\nb\\u202e\\u0009c"));
        assert!(!facts.cut);
    }

    #[test]
    fn raw_bytes_are_shown_as_digits_up_to_a_limit() {
        let facts = raw_facts(&[0xff; HEX_SHOWN + 1]);
        assert_eq!((facts.text, facts.cut), (None, true));
        assert_eq!(facts.hex.lines().count(), HEX_SHOWN / 16);
        assert_eq!(hex_lines(&[0, 255]), "0000  00 ff");
    }
}
