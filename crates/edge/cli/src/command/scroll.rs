//! Finding things in a scroll, shared by the commands that read one.

use serde_json::Value;

use crate::args::Selector;
use crate::client::Client;
use crate::failure::Failure;
use crate::text::count;
use crate::uri::Uri;

/// A string member, or a dash.
pub(super) fn string<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("-")
}

/// How a node or scroll is witnessed, in one line: `unwitnessed`, or how it stands.
pub(super) fn witnessing(value: &Value) -> &str {
    match value.get("witnessing") {
        Some(Value::Object(witnesses)) => {
            let state = witnesses.get("state");
            state.and_then(Value::as_str).unwrap_or("-")
        }
        _ => string(value, "witnessing"),
    }
}

/// A number member, or 0.
pub(super) fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// The members of an array member.
pub(super) fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// What is known about a scroll.
pub(super) async fn info(client: &mut Client, name: &str, what: &str) -> Result<Value, Failure> {
    client.get(&Uri::path(&["scrolls", name]), what).await
}

/// `1 receipt`, `12 entries`, as the scroll's format has it.
pub(super) fn entries(n: u64, raw: bool) -> String {
    if raw {
        count(n, "entry", "entries")
    } else {
        count(n, "receipt", "receipts")
    }
}

/// The query that names an entry.
pub(super) fn by(uri: Uri, entry: &Selector) -> Uri {
    match entry {
        Selector::Index(index) => uri.query("index", &index.to_string()),
        Selector::Hash(hash) => uri.query("hash", hash),
        Selector::Id(id) => uri.query("id", id),
    }
}

/// The index of an entry.
pub(super) async fn index_of(
    client: &mut Client,
    scroll: &str,
    entry: &Selector,
    what: &str,
) -> Result<u64, Failure> {
    let (name, text) = match entry {
        Selector::Index(index) => return Ok(*index),
        Selector::Hash(hash) => ("hash", hash),
        Selector::Id(id) => ("id", id),
    };
    let uri = by(Uri::path(&["scrolls", scroll, "receipts"]), entry).query("limit", "2");
    let found = client.get_octets(&uri, what).await?;
    let mut indices = found
        .split(|b| *b == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter_map(|line| line.get("index").and_then(Value::as_u64));
    match (indices.next(), indices.next()) {
        (Some(index), None) => Ok(index),
        (None, _) => Err(Failure::refused(
            "not-found",
            what,
            format!("no entry of {scroll} has the {name} {text:?}"),
        )
        .hint("check the scroll's name and the words: an index, a hash or an id")),
        (Some(first), Some(second)) => Err(Failure::refused(
            "ambiguous",
            what,
            format!(
                "several entries of {scroll} have the {name} {text:?}, such as {first} and {second}"
            ),
        )
        .hint("name the entry by its index")),
    }
}
