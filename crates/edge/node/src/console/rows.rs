//! Entries as lists show them.

use std::ops::Range;

use quorate_receipt::{Receipt, Sealed};
use quorate_store::Kind;

use super::words::{When, clipped, grouped};
use crate::api::ApiError;
use crate::scroll::Scroll;
use crate::sealed::erasure_of;

/// Characters of untrusted text in a list; the entry's own page shows all of it.
const CLIP: usize = 96;
/// Bytes read at once: a page of the largest receipts.
const READ: usize = 4 << 20;

/// What a mark beside an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Sealed,
    Erased,
}

impl Mark {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Sealed => "sealed content",
            Self::Erased => "content erased",
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Sealed => "tag",
            Self::Erased => "tag erased",
        }
    }
}

/// One entry of a list.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) scroll: String,
    pub(super) index: u64,
    pub(super) index_text: String,
    /// The receipt's type.
    pub(super) kind: String,
    /// Its id, or the beginning of what it says.
    pub(super) summary: String,
    pub(super) when: Option<When>,
    /// For ordering only.
    pub(super) micros: i64,
    pub(super) mark: Option<Mark>,
}

impl Row {
    pub(super) fn new(
        scroll: &Scroll,
        index: u64,
        entry: &[u8],
        now: i64,
    ) -> Result<Self, ApiError> {
        let row = Self {
            scroll: scroll.spec().name.clone(),
            index,
            index_text: grouped(index),
            kind: "raw entry".to_owned(),
            summary: match std::str::from_utf8(entry) {
                Ok(text) => clipped(text, CLIP),
                Err(_) => format!("{} bytes that are not text", grouped(entry.len() as u64)),
            },
            when: None,
            micros: 0,
            mark: None,
        };
        if scroll.spec().kind == Kind::Raw {
            return Ok(row);
        }
        let receipt = receipt_of(index, entry)?;
        Ok(Self {
            kind: clipped(receipt.type_(), CLIP),
            summary: clipped(summary(&receipt), CLIP),
            when: Some(When::claimed(receipt.timestamp(), now)),
            micros: receipt.timestamp().micros(),
            mark: mark(scroll, &receipt)?,
            ..row
        })
    }
}

/// An entry of a receipts scroll, parsed.
pub(super) fn receipt_of(index: u64, entry: &[u8]) -> Result<Receipt, ApiError> {
    Receipt::parse_canonical(entry)
        .map_err(|e| ApiError::internal(format!("entry {index} is not a receipt: {e}")))
}

/// What identifies a receipt to a person: its id, or the line of a followed file.
fn summary(receipt: &Receipt) -> &str {
    receipt
        .id()
        .or_else(|| receipt.get("line").and_then(|v| v.as_str()))
        .unwrap_or_default()
}

fn mark(scroll: &Scroll, receipt: &Receipt) -> Result<Option<Mark>, ApiError> {
    let Some(sealed) = receipt
        .get(Sealed::MEMBER)
        .and_then(|v| Sealed::from_value(v).ok())
    else {
        return Ok(None);
    };
    Ok(Some(if erasure_of(scroll, &sealed)?.is_some() {
        Mark::Erased
    } else {
        Mark::Sealed
    }))
}

/// The entries of `range`, newest first.
pub(super) fn newest_first(
    scroll: &Scroll,
    range: Range<u64>,
    now: i64,
) -> Result<Vec<Row>, ApiError> {
    let mut rows = Vec::new();
    let mut from = range.start;
    while from < range.end {
        let entries = scroll.reader().entries(from..range.end, READ)?;
        if entries.is_empty() {
            return Err(ApiError::internal(format!(
                "the store answered nothing for entry {from}"
            )));
        }
        for entry in entries {
            rows.push(Row::new(scroll, from, &entry, now)?);
            from += 1;
        }
    }
    rows.reverse();
    Ok(rows)
}
