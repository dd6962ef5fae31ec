//! Reading the members of receipts strictly: what is not expected is refused.

use std::collections::BTreeMap;
use std::str::FromStr;

use quorate_receipt::json::{Object, Value};

use crate::malformed::Malformed;

/// The longest tool, provider, model, artifact name or media type, in bytes.
pub const MAX_NAME_LEN: usize = 512;
/// The longest URL of a retrieval, in bytes.
pub const MAX_URL_LEN: usize = 2048;
/// How many attributes a receipt may have.
pub const MAX_ATTRIBUTES: usize = 64;
/// The longest name of an attribute, in bytes.
pub const MAX_ATTRIBUTE_NAME_LEN: usize = 128;
/// The longest value of an attribute, in bytes.
pub const MAX_ATTRIBUTE_VALUE_LEN: usize = 4096;

/// Attributes: free text of the actor, signed and otherwise without meaning here.
pub type Attributes = BTreeMap<String, String>;

/// True for [`is_text`] of at most [`MAX_NAME_LEN`] bytes.
pub(crate) fn is_name(text: &str) -> bool {
    is_text(text, MAX_NAME_LEN)
}

/// Whether receipts take this as a name or a URL: 1 to `longest` bytes without control characters, without characters that
/// are not seen, and without white space around them. Rules go by names, so two of them must not look the same for that.
#[must_use]
pub fn is_text(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.trim() == text && text.chars().all(fits_name)
}

/// Whether a character shows nothing of itself or changes the order of what stands around it: controls, bidirectional marks
/// and overrides, zero-width and filler characters, tags. Text that came from somebody else is shown without them.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a name may have this character: one that is seen by itself. Variation selectors and the other characters of
/// category Cf (Unicode 16) depend on what stands beside them.
#[must_use]
pub fn fits_name(c: char) -> bool {
    let beside = matches!(c,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}');
    !is_unseen(c) && !beside
}

/// No other members than these.
pub(crate) fn only(
    object: &Object,
    within: &'static str,
    allowed: &[&str],
) -> Result<(), Malformed> {
    match object.iter().find(|(name, _)| !allowed.contains(name)) {
        Some((name, _)) => Err(Malformed::UnknownMember {
            within,
            member: name.into(),
        }),
        None => Ok(()),
    }
}

pub(crate) fn required<'o>(
    object: &'o Object,
    member: &'static str,
) -> Result<&'o Value, Malformed> {
    object.get(member).ok_or(Malformed::Missing { member })
}

pub(crate) fn invalid(member: &'static str, expected: &'static str) -> Malformed {
    Malformed::Invalid { member, expected }
}

/// A member that is a string and parses.
pub(crate) fn parsed<T: FromStr>(
    object: &Object,
    member: &'static str,
    expected: &'static str,
) -> Result<T, Malformed> {
    let value = required(object, member)?;
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| invalid(member, expected))
}

/// As [`parsed`], for a member that may be left out.
pub(crate) fn parsed_if_there<T: FromStr>(
    object: &Object,
    member: &'static str,
    expected: &'static str,
) -> Result<Option<T>, Malformed> {
    match object.get(member) {
        Some(_) => parsed(object, member, expected).map(Some),
        None => Ok(None),
    }
}

pub(crate) fn object<'o>(
    object: &'o Object,
    member: &'static str,
) -> Result<&'o Object, Malformed> {
    required(object, member)?
        .as_object()
        .ok_or_else(|| invalid(member, "an object"))
}

pub(crate) fn integer(object: &Object, member: &'static str, least: u64) -> Result<u64, Malformed> {
    required(object, member)?
        .as_u64()
        .filter(|number| *number >= least)
        .ok_or_else(|| {
            invalid(
                member,
                if least == 0 {
                    "an integer ≥ 0"
                } else {
                    "an integer ≥ 1"
                },
            )
        })
}

pub(crate) fn name(object: &Object, member: &'static str) -> Result<Box<str>, Malformed> {
    required(object, member)?
        .as_str()
        .filter(|text| is_name(text))
        .map(Into::into)
        .ok_or_else(|| invalid(member, "1 to 512 bytes without control characters"))
}

pub(crate) fn name_if_there(
    object: &Object,
    member: &'static str,
) -> Result<Option<Box<str>>, Malformed> {
    match object.get(member) {
        Some(_) => name(object, member).map(Some),
        None => Ok(None),
    }
}

pub(crate) fn url(object: &Object, member: &'static str) -> Result<Box<str>, Malformed> {
    required(object, member)?
        .as_str()
        .filter(|text| is_text(text, MAX_URL_LEN))
        .map(Into::into)
        .ok_or_else(|| invalid(member, "1 to 2048 bytes without control characters"))
}

pub(crate) fn attributes(receipt: &Object) -> Result<Attributes, Malformed> {
    const MEMBER: &str = "attributes";
    if receipt.get(MEMBER).is_none() {
        return Ok(Attributes::new());
    }
    let object = object(receipt, MEMBER)?;
    // An empty object would be a second form of having none.
    if !(1..=MAX_ATTRIBUTES).contains(&object.len()) {
        return Err(Malformed::AttributeCount(object.len()));
    }
    let read = |(name, value): (&str, &Value)| {
        let value = value
            .as_str()
            .filter(|value| value.len() <= MAX_ATTRIBUTE_VALUE_LEN)?;
        (1..=MAX_ATTRIBUTE_NAME_LEN)
            .contains(&name.len())
            .then(|| (name.to_owned(), value.to_owned()))
    };
    object
        .iter()
        .map(read)
        .collect::<Option<_>>()
        .ok_or(Malformed::Attribute)
}
