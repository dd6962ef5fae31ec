//! What a step carries of its source.

use std::borrow::Cow;

use quorate_provenance::{
    Attributes, MAX_ATTRIBUTE_NAME_LEN, MAX_ATTRIBUTE_VALUE_LEN, MAX_ATTRIBUTES, fits_name,
};
use quorate_receipt::Sha256Text;
use quorate_receipt::json::{self, Object, Value};

use crate::error::Fault;

/// The longest content that stands in the receipt itself, as canonical JSON. A receipt has 65,535 bytes: beside this there is
/// room for attributes, parents (`MAX_DERIVED` of 74 bytes), the longest names and URL with every character escaped, and the
/// longest id of an actor.
pub const MAX_INLINE: usize = 32 << 10;
/// The longest attributes of one step, as canonical JSON.
pub(crate) const MAX_ATTRIBUTES_LEN: usize = 8 << 10;

/// A piece of the source, whole and as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole<'a>(pub(crate) Cow<'a, str>);

impl Whole<'_> {
    /// The exact text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The same as a value that can stand in a receipt; none if it is longer than [`MAX_INLINE`], or if canonical JSON
    /// cannot say it: a number beyond 2^53, a member that stands twice, half a surrogate pair.
    #[must_use]
    pub fn inline(&self) -> Option<Value> {
        let value = json::parse(self.0.as_bytes()).ok()?;
        (json::canonical(&value).len() <= MAX_INLINE).then_some(value)
    }

    /// SHA-256 and length of the exact text.
    #[must_use]
    pub fn hashed(&self) -> (Sha256Text, u64) {
        let bytes = self.0.as_bytes();
        let hash = quorate_verify::bundle::payload_hash(bytes);
        (hash, bytes.len() as u64)
    }
}

/// Checks attributes by the limits of a receipt.
pub(crate) fn checked(attributes: Attributes) -> Result<Attributes, Fault> {
    let fits = |(name, value): (&String, &String)| {
        (1..=MAX_ATTRIBUTE_NAME_LEN).contains(&name.len()) && value.len() <= MAX_ATTRIBUTE_VALUE_LEN
    };
    let object = attributes.iter().fold(Object::new(), |object, (n, v)| {
        object.with(n.as_str(), v.as_str())
    });
    let good = attributes.len() <= MAX_ATTRIBUTES
        && attributes.iter().all(fits)
        && json::canonical_object(&object).len() <= MAX_ATTRIBUTES_LEN;
    if good {
        Ok(attributes)
    } else {
        Err(Fault::Attributes)
    }
}

/// A name as a receipt can have it: control characters and what is not seen replaced, without white space around it, and cut with `…` where it is too long. The content has the
/// whole.
pub(crate) fn fitted(text: &str, longest: usize) -> String {
    let mut fit: String = text
        .trim()
        .chars()
        .map(|c| {
            if fits_name(c) {
                c
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })
        .collect();
    if fit.len() > longest {
        let mut end = longest - '…'.len_utf8();
        while !fit.is_char_boundary(end) {
            end -= 1;
        }
        fit.truncate(end);
        fit.push('…');
    }
    if fit.is_empty() {
        fit.push_str("unknown");
    }
    fit
}

/// A URL as a receipt can have it: too long, it loses its fragment and query first.
pub(crate) fn fitted_url(url: &str, longest: usize) -> String {
    let short = match url.len() > longest {
        true => url.split(['?', '#']).next().unwrap_or_default(),
        false => url,
    };
    fitted(short, longest)
}
