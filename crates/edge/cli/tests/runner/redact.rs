//! Replaces what differs from run to run by a name in capitals.

use std::path::Path;

/// Paths, hashes, keys, times, ports and secrets.
pub(crate) fn redact(text: &str, root: &Path) -> String {
    let text = text.replace(&root.display().to_string(), "ROOT");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let before = out.chars().last();
        match token(rest, before) {
            Some((length, name)) => {
                out.push_str(name);
                rest = &rest[length..];
            }
            None => {
                let c = rest.chars().next().unwrap_or_default();
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// The length of something that differs at the beginning of `text`, and its name.
fn token(text: &str, before: Option<char>) -> Option<(usize, &'static str)> {
    let bytes = text.as_bytes();
    if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    for (prefix, name) in [("blake3:", "blake3:HASH"), ("sha256:", "sha256:HASH")] {
        if let Some(rest) = text.strip_prefix(prefix) {
            let digits = run(rest, |b| b.is_ascii_hexdigit());
            if digits == 64 {
                return Some((prefix.len() + 64, name));
            }
        }
    }
    if let Some(rest) = text.strip_prefix("sha256:")
        && run(rest, |b| b.is_ascii_hexdigit()) == 16
        && rest[16..].starts_with('…')
    {
        return Some(("sha256:".len() + 16, "sha256:HASH"));
    }
    if let Some(length) = short_key(text) {
        return Some((length, "BEGIN…END"));
    }
    if let Some(rest) = text.strip_prefix("ed25519:z") {
        return Some((9 + run(rest, |b| b.is_ascii_alphanumeric()), "ed25519:KEY"));
    }
    if let Some(rest) = text.strip_prefix("127.0.0.1:") {
        let digits = run(rest, |b| b.is_ascii_digit());
        if digits > 0 && !rest.starts_with("8484") {
            return Some((10 + digits, "127.0.0.1:PORT"));
        }
    }
    let time = time(bytes);
    // The example in the help is always the same.
    if time > 0 && !text.starts_with("2026-01-31T12:00:00Z") {
        return Some((time, "TIME"));
    }
    let alphanumeric = run(text, |b| b.is_ascii_alphanumeric());
    if text.starts_with("z6Mk") && alphanumeric > 40 {
        return Some((alphanumeric, "FINGERPRINT"));
    }
    let hex = run(text, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let word = run(text, |b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b));
    match (hex, word) {
        (64, 64) => Some((64, "HEX")),
        // Ids of tokens and keys.
        (8 | 12, 8 | 12) => Some((hex, "ID")),
        // A key's base64, a signature, a token: long and without a meaning.
        (_, 40..) if text.bytes().take(word).any(|b| b.is_ascii_digit()) => Some((word, "OPAQUE")),
        _ => None,
    }
}

/// The length of the first and last eight characters of a key's base64.
fn short_key(text: &str) -> Option<usize> {
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    let (begin, rest) = text.split_once('…')?;
    let whole = begin.len() == 8 && begin.bytes().all(base64) && run(rest, base64) == 8;
    whole.then_some(8 + '…'.len_utf8() + 8)
}

fn run(text: &str, is: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|b| is(*b)).count()
}

/// The length of an RFC 3339 time in UTC.
fn time(bytes: &[u8]) -> usize {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let fits = bytes.len() > SHAPE.len()
        && SHAPE.iter().zip(bytes).all(|(s, b)| {
            if *s == b'd' {
                b.is_ascii_digit()
            } else {
                s == b
            }
        });
    if !fits {
        return 0;
    }
    let mut at = SHAPE.len();
    if bytes[at] == b'.' {
        at += 1 + bytes[at + 1..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
    }
    if bytes.get(at) == Some(&b'Z') {
        at + 1
    } else {
        0
    }
}
