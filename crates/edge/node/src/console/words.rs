//! Untrusted text made safe to look at, and figures as people read them.
//!
//! Threat: a receipt's writer wants a reader to see something else than what was recorded. Templates escape
//! markup; this file deals with what survives that: characters that reorder or hide text.

use std::fmt::Write as _;

use quorate_merkle::Hash;
use quorate_provenance::is_unseen;
use quorate_receipt::Timestamp;

/// A time as it is written and as people say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    pub(super) text: String,
    pub(super) ago: String,
}

impl When {
    /// `None` for the times no clock has shown: 1970 and before stand for "not known".
    pub(super) fn at_micros(micros: i64, now: i64) -> Option<Self> {
        let at = Timestamp::from_micros(micros).filter(|_| micros > 0)?;
        Some(Self {
            text: at.to_string(),
            ago: ago(micros, now),
        })
    }

    /// A time in a text of ours; one that is none is shown as it is.
    pub(super) fn of_text(text: &str, now: i64) -> Self {
        match text.parse() {
            Ok(at) => Self::claimed(at, now),
            Err(_) => Self {
                text: text.to_owned(),
                ago: String::new(),
            },
        }
    }

    /// A time that a receipt claims.
    pub(super) fn claimed(at: Timestamp, now: i64) -> Self {
        Self {
            text: at.to_string(),
            ago: ago(at.micros(), now),
        }
    }
}

/// How long before `now` something was, in words; both in microseconds since the epoch.
pub(super) fn ago(then: i64, now: i64) -> String {
    let seconds = now.saturating_sub(then) / 1_000_000;
    let (count, unit) = match seconds.unsigned_abs() {
        0..=1 => return "just now".to_owned(),
        s @ 2..60 => (s, "second"),
        s @ 60..3600 => (s / 60, "minute"),
        s @ 3600..86_400 => (s / 3600, "hour"),
        s @ 86_400..5_184_000 => (s / 86_400, "day"),
        // Months of 30 days until two years have passed: close enough for words beside the exact time.
        s @ 5_184_000..63_072_000 => (s / 2_592_000, "month"),
        s => (s / 31_536_000, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    if seconds < 0 {
        format!("in {count} {unit}{plural}")
    } else {
        format!("{count} {unit}{plural} ago")
    }
}

/// A number with commas between groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 entry`, `2 entries`.
pub(super) fn entries(count: u64) -> String {
    format!(
        "{} {}",
        grouped(count),
        if count == 1 { "entry" } else { "entries" }
    )
}

/// The first and last digits of a hash.
pub(super) fn short(hash: &Hash) -> String {
    let hex = hash.to_string();
    format!("{}…{}", &hex[..8], &hex[hex.len() - 8..])
}

/// As [`short`] for a hash with its algorithm before it, such as `blake3:…`.
pub(super) fn short_text(hash: &str) -> String {
    let Some((algorithm, hex)) = hash.split_once(':') else {
        return hash.to_owned();
    };
    match (hex.get(..8), hex.get(hex.len().saturating_sub(8)..)) {
        (Some(head), Some(tail)) if hex.len() > 16 => format!("{algorithm}:{head}…{tail}"),
        _ => hash.to_owned(),
    }
}

/// Writes a character the way JSON writes it when it must not stand for itself.
fn push_escape(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _infallible = write!(out, "\\u{unit:04x}");
    }
}

/// `text` with every unseen character written as an escape.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) {
            push_escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    out
}

/// [`visible`] and at most `limit` characters of it.
pub(super) fn clipped(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => visible(&text[..end]) + "…",
        None => visible(text),
    }
}

/// A JSON string literal that means exactly `text`, with every unseen character escaped.
pub(super) fn json_literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unseen(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn ages_are_words_with_the_right_number() {
        let now = 2_000_000_000 * SECOND;
        let said = |seconds: i64| ago(now - seconds * SECOND, now);
        assert_eq!(said(0), "just now");
        assert_eq!(said(2), "2 seconds ago");
        assert_eq!(said(60), "1 minute ago");
        assert_eq!(said(3599), "59 minutes ago");
        assert_eq!(said(3600), "1 hour ago");
        assert_eq!(said(59 * 86_400), "59 days ago");
        assert_eq!(said(60 * 86_400), "2 months ago");
        assert_eq!(said(730 * 86_400), "2 years ago");
        assert_eq!(said(-120), "in 2 minutes");
        assert_eq!(ago(i64::MIN, i64::MAX), "292471 years ago");
    }

    #[test]
    fn an_unknown_time_is_none() {
        assert_eq!(When::at_micros(0, 1), None);
        assert!(When::at_micros(1, 1).is_some());
    }

    #[test]
    fn figures_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(entries(1), "1 entry");
    }

    #[test]
    fn unseen_characters_become_escapes() {
        assert_eq!(visible("a\u{202e}b\u{0}c"), "a\\u202eb\\u0000c");
        assert_eq!(visible("\u{e0041}"), "\\udb40\\udc41");
        assert_eq!(visible("שלום é 🙂"), "שלום é 🙂");
    }

    #[test]
    fn clipping_counts_characters_not_bytes() {
        assert_eq!(clipped("ééé", 2), "éé…");
        assert_eq!(clipped("ééé", 3), "ééé");
    }

    #[test]
    fn a_json_literal_means_the_text() {
        for text in ["", "a\"b\\c\n\t\r", "\u{202e}\u{e0041}\u{0}", "</script>"] {
            let literal = json_literal(text);
            let back = quorate_receipt::json::parse(literal.as_bytes()).unwrap();
            assert_eq!(back.as_str(), Some(text), "{literal}");
        }
    }

    #[test]
    fn short_hashes_keep_both_ends() {
        assert_eq!(short(&Hash::EMPTY_ROOT), "e3b0c442…7852b855");
        assert_eq!(
            short_text(&format!("blake3:{}", "ab".repeat(32))),
            "blake3:abababab…abababab"
        );
        assert_eq!(short_text("blake3:é"), "blake3:é");
    }
}
