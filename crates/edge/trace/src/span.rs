//! One span of OTLP/JSON.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::convention::ATTRIBUTES;
use crate::error::Fault;
use crate::raw::{Members, integer, items, string};

/// What the mapping needs of a span, and its exact text.
#[derive(Debug)]
pub(crate) struct Span<'a> {
    pub(crate) text: &'a str,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Nanoseconds since 1970.
    pub(crate) begin: u64,
    pub(crate) end: u64,
    /// Those of [`ATTRIBUTES`] that are strings.
    pub(crate) attributes: BTreeMap<&'static str, String>,
}

/// `SpanKind`, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Unspecified, internal, producer, and what may come.
    Inside,
    /// Something outside asked.
    Server,
    /// Something outside was asked.
    Client,
    /// Something outside had sent it.
    Consumer,
}

impl<'a> Span<'a> {
    pub(crate) fn read(value: &'a RawValue) -> Result<Self, Fault> {
        let members = Members::of(value)?;
        let trace = id(&members, "traceId", 32)?.ok_or(Fault::Missing("traceId"))?;
        let span = id(&members, "spanId", 16)?.ok_or(Fault::Missing("spanId"))?;
        let (begin, end) = (
            time(&members, "startTimeUnixNano")?,
            time(&members, "endTimeUnixNano")?,
        );
        if end < begin {
            return Err(Fault::EndsFirst);
        }
        let name = match members.get("name") {
            Some(name) => string(name).ok_or(member("name", "a string"))?,
            None => String::new(),
        };
        let kind = match members.get("kind") {
            Some(kind) => integer(kind).ok_or(member("kind", "a number"))?,
            None => 0,
        };
        Ok(Self {
            text: value.get(),
            trace,
            id: span,
            parent: id(&members, "parentSpanId", 16)?,
            name,
            kind: match kind {
                2 => Kind::Server,
                3 => Kind::Client,
                5 => Kind::Consumer,
                _ => Kind::Inside,
            },
            begin,
            end,
            attributes: attributes(&members)?,
        })
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

const fn member(member: &'static str, expected: &'static str) -> Fault {
    Fault::Member { member, expected }
}

/// An id in hexadecimal, in either case; empty and all zeros are none.
fn id(members: &Members<'_>, name: &'static str, digits: usize) -> Result<Option<String>, Fault> {
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    let text = string(value).unwrap_or_else(|| "?".to_owned());
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        let text = text.to_ascii_lowercase();
        return Ok(text.bytes().any(|b| b != b'0').then_some(text));
    }
    // 16 and 8 bytes are 24 and 12 characters of base64.
    Err(match (digits, text.len()) {
        (32, 24) | (16, 12) => Fault::Base64(name),
        (32, _) => member(name, "32 hexadecimal digits"),
        _ => member(name, "16 hexadecimal digits"),
    })
}

fn time(members: &Members<'_>, name: &'static str) -> Result<u64, Fault> {
    let value = members.get(name).ok_or(Fault::Missing(name))?;
    match integer(value) {
        Some(0) => Err(Fault::Missing(name)),
        Some(nanos) => Ok(nanos),
        None => Err(member(
            name,
            "nanoseconds since 1970, as a string of decimals",
        )),
    }
}

fn attributes(members: &Members<'_>) -> Result<BTreeMap<&'static str, String>, Fault> {
    let expected = || member("attributes", "an array of `{\"key\":…,\"value\":…}`");
    let mut found = BTreeMap::new();
    let Some(value) = members.get("attributes") else {
        return Ok(found);
    };
    for item in items(value).ok_or_else(expected)? {
        let pair = Members::of(item)?;
        let key = pair.get("key").and_then(string).ok_or_else(expected)?;
        let Some(known) = ATTRIBUTES.iter().find(|known| **known == key) else {
            continue;
        };
        let text = match pair.get("value") {
            Some(value) => Members::of(value)?.get("stringValue").and_then(string),
            None => None,
        };
        if let Some(text) = text
            && found.insert(*known, text).is_some()
        {
            return Err(member("attributes", "without a key that stands twice"));
        }
    }
    Ok(found)
}
