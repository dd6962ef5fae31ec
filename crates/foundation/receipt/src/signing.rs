//! What a signature over a receipt covers (rule R5).

use core::iter;

use memchr::memchr2;

use crate::json::{self, Object};

/// The members that no signature covers: the signatures themselves, and the hash that covers them.
pub const UNSIGNED_MEMBERS: [&str; 2] = ["signatures", "root_hash"];

/// The message that a signature over this receipt is made of: `quorate/v1/`, the receipt's type, a zero byte,
/// and the canonical object without `signatures` and `root_hash`.
///
/// Types contain no control characters, so the zero byte ends the type and messages of two types never meet.
/// Build `object` from typed values; never sign an object that somebody else composed.
#[must_use]
pub fn signed_message(object: &Object) -> Vec<u8> {
    let mut object = object.clone();
    for member in UNSIGNED_MEMBERS {
        object.remove(member);
    }
    let mut message = b"quorate/v1/".to_vec();
    message.extend_from_slice(object.get_str("type").unwrap_or_default().as_bytes());
    message.push(0);
    message.extend_from_slice(&json::canonical_object(&object));
    message
}

/// [`signed_message`] of an object in canonical text: its members are copied as they stand.
pub(crate) fn signed_message_of_text(type_: &str, text: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(text.len() + 16 + type_.len());
    message.extend_from_slice(b"quorate/v1/");
    message.extend_from_slice(type_.as_bytes());
    message.extend_from_slice(b"\0{");
    let mut first = true;
    for member in members(text.as_bytes()) {
        // Neither name needs an escape, so its canonical text is itself.
        let unsigned = UNSIGNED_MEMBERS.iter().any(|name| {
            member
                .strip_prefix(b"\"")
                .and_then(|rest| rest.strip_prefix(name.as_bytes()))
                .is_some_and(|rest| rest.starts_with(b"\":"))
        });
        if unsigned {
            continue;
        }
        if !first {
            message.push(b',');
        }
        first = false;
        message.extend_from_slice(member);
    }
    message.push(b'}');
    message
}

/// The members of an object in canonical text, name and value: what stands between its braces, cut at the commas that
/// are in no string and in no deeper value.
fn members(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let inner = text
        .strip_prefix(b"{")
        .and_then(|text| text.strip_suffix(b"}"))
        .unwrap_or_default();
    let mut rest = inner;
    iter::from_fn(move || {
        let (member, after) = rest.split_at(end_of_member(rest));
        rest = after.strip_prefix(b",").unwrap_or_default();
        (!member.is_empty()).then_some(member)
    })
}

/// Where the first member ends.
fn end_of_member(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(text, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return at - 1,
            _ => {}
        }
    }
    at
}

/// Behind the quotation mark that ends the string of which the inside begins at `at`.
fn end_of_string(text: &[u8], mut at: usize) -> usize {
    while let Some(rest) = text.get(at..)
        && let Some(found) = memchr2(b'"', b'\\', rest)
    {
        at += found + 1;
        if rest.get(found) == Some(&b'"') {
            return at;
        }
        // What is escaped ends nothing.
        at += 1;
    }
    text.len()
}
