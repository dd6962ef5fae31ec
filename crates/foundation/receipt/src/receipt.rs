//! Receipts: one trust-bearing act each, as canonical JSON.

use std::sync::OnceLock;

use crate::error::ReceiptError;
use crate::json::{self, Canonical, JsonErrorKind, Member, Object, Value};
use crate::signing::signed_message_of_text;
use crate::text::hash::{Blake3Hash, hex};
use crate::text::timestamp::Timestamp;

/// The longest receipt in canonical form: what the 16-bit length of a C2SP entry bundle can say.
pub const MAX_RECEIPT_LEN: usize = 65_535;

/// The longest text that [`Receipt::accept`] reads: canonical form shrinks an escaped character from six
/// bytes to one, and the rest leaves room for indentation. 8 × 65,536 bytes.
pub const MAX_SUBMITTED_LEN: usize = 8 * 65_536;

/// The longest `type`, in bytes.
pub const MAX_TYPE_LEN: usize = 128;

/// Room for `"timestamp":"…",` and `"root_hash":"…",`, so that adding them does not move the text.
const ROOM: usize = 16 + Timestamp::MAX_LENGTH + 16 + 71;

/// A receipt in canonical form: `type`, `timestamp` and `root_hash` are present and right, `tags` are strings.
///
/// What its content means is for the engine of its scroll to judge.
#[derive(Clone)]
pub struct Receipt {
    text: String,
    type_: (usize, usize),
    id: Id,
    timestamp: Timestamp,
    root_hash: Blake3Hash,
    object: OnceLock<Object>,
}

#[derive(Clone)]
enum Id {
    None,
    /// Stands in the text as it is.
    At(usize, usize),
    /// Stands in the text with escapes.
    Decoded(Box<str>),
}

impl PartialEq for Receipt {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Receipt {}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Receipt").field(&self.text).finish()
    }
}

impl Receipt {
    /// Accepts what a local user submits: one JSON object in any formatting. It is brought into canonical
    /// form; a missing `timestamp` becomes `now`; `root_hash` is added, or checked if it is there.
    ///
    /// # Errors
    /// [`ReceiptError`]; nothing of the input is kept.
    pub fn accept(input: &[u8], now: Timestamp) -> Result<Self, ReceiptError> {
        if input.len() > MAX_SUBMITTED_LEN {
            return Err(ReceiptError::TooLong {
                length: input.len(),
            });
        }
        Self::complete(json::transcode(input, ROOM)?, Some(now))
    }

    /// Accepts an object that was built here, as [`Receipt::accept`] does.
    ///
    /// # Errors
    /// [`ReceiptError`] if the object is no receipt.
    pub fn from_object(object: &Object, now: Timestamp) -> Result<Self, ReceiptError> {
        // The length is checked on the canonical text, which is what `canonical_object` makes.
        Self::complete(
            json::transcode(&json::canonical_object(object), ROOM)?,
            Some(now),
        )
    }

    /// Reads what a log or a peer holds: exactly the canonical form, everything present and right.
    ///
    /// # Errors
    /// [`ReceiptError`]: nothing is added or repaired.
    pub fn parse_canonical(input: &[u8]) -> Result<Self, ReceiptError> {
        if input.len() > MAX_RECEIPT_LEN {
            return Err(ReceiptError::TooLong {
                length: input.len(),
            });
        }
        let canonical = json::transcode(input, 0)?;
        if canonical.text != input {
            let common = canonical.text.iter().zip(input).take_while(|(a, b)| a == b);
            return Err(ReceiptError::NotCanonical {
                offset: common.count(),
            });
        }
        Self::complete(canonical, None)
    }

    /// Checks the members, adds `timestamp` and `root_hash` if `now` is given and they are missing.
    fn complete(canonical: Canonical, now: Option<Timestamp>) -> Result<Self, ReceiptError> {
        let Canonical {
            mut text,
            members: Some(mut members),
        } = canonical
        else {
            return Err(ReceiptError::NotAnObject);
        };
        let known = Known::find(&members, &text);
        let claimed = known
            .root_hash
            .map(|index| root_hash_text(members[index].value(&text)))
            .transpose()?;
        if let Some(index) = known.tags {
            check_tags(members[index].value(&text))?;
        }
        let timestamp = match (known.timestamp, now) {
            (Some(index), _) => timestamp_text(members[index].value(&text))?,
            (None, None) => return Err(ReceiptError::MissingTimestamp),
            (None, Some(_)) if claimed.is_some() => {
                return Err(ReceiptError::RootHashWithoutTimestamp);
            }
            (None, Some(now)) => {
                now.with_text(|now| insert(&mut text, &mut members, "timestamp", &[now]));
                now
            }
        };
        let computed = match known.root_hash {
            Some(index) => hash_without(&members, index, &text),
            None => Blake3Hash::of(&text),
        };
        match (claimed, now) {
            (Some(claimed), _) if claimed != computed => {
                return Err(ReceiptError::WrongRootHash { claimed, computed });
            }
            (Some(_), _) => {}
            (None, None) => return Err(ReceiptError::MissingRootHash),
            (None, Some(_)) => {
                let digits = hex(computed.as_bytes());
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                insert(
                    &mut text,
                    &mut members,
                    "root_hash",
                    &[Blake3Hash::PREFIX, digits],
                );
            }
        }
        if text.len() > MAX_RECEIPT_LEN {
            return Err(ReceiptError::TooLong { length: text.len() });
        }
        let type_ = type_range(&members, &text)?;
        let id = id_of(&members, &text);
        // Canonical text is UTF-8 by construction; the error names where it would not be.
        let text = String::from_utf8(text).map_err(|error| {
            ReceiptError::json(error.utf8_error().valid_up_to(), JsonErrorKind::InvalidUtf8)
        })?;
        Ok(Self {
            text,
            type_,
            id,
            timestamp,
            root_hash: computed,
            object: OnceLock::new(),
        })
    }

    /// The canonical bytes: the leaf of the log.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The canonical bytes as text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The canonical bytes, without copying them.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// The `type`.
    #[must_use]
    pub fn type_(&self) -> &str {
        self.text
            .get(self.type_.0..self.type_.1)
            .unwrap_or_default()
    }

    /// The `timestamp`.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The `root_hash`: BLAKE3 of the canonical object without it.
    #[must_use]
    pub fn root_hash(&self) -> &Blake3Hash {
        &self.root_hash
    }

    /// The message that a signature over this receipt covers: [`crate::signed_message`] of its object, cut from the text.
    #[must_use]
    pub fn signed_message(&self) -> Vec<u8> {
        signed_message_of_text(self.type_(), &self.text)
    }

    /// The top-level string `id`, or else the only top-level string member whose name ends in `_id`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match &self.id {
            Id::None => None,
            Id::At(from, to) => self.text.get(*from..*to),
            Id::Decoded(text) => Some(text),
        }
    }

    /// The `tags`, none if there are none.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.get("tags")
            .and_then(Value::as_array)
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
    }

    /// The members. They are read from the text at the first call and kept.
    #[must_use]
    pub fn object(&self) -> &Object {
        self.object.get_or_init(|| match json::parse(self.bytes()) {
            Ok(Value::Object(object)) => object,
            // The text was checked when the receipt was made.
            _ => Object::new(),
        })
    }

    /// A top-level member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.object().get(name)
    }
}

/// Where the members stand that are checked before anything is added.
#[derive(Default)]
struct Known {
    root_hash: Option<usize>,
    tags: Option<usize>,
    timestamp: Option<usize>,
}

impl Known {
    /// None of these names needs an escape, so their canonical text is themselves.
    fn find(members: &[Member], text: &[u8]) -> Self {
        let mut known = Self::default();
        for (index, member) in members.iter().enumerate() {
            match member.name(text) {
                b"root_hash" => known.root_hash = Some(index),
                b"tags" => known.tags = Some(index),
                b"timestamp" => known.timestamp = Some(index),
                _ => {}
            }
        }
        known
    }
}

/// A string without its quotes; none if the value is something else.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    match value {
        [b'"', inner @ .., b'"'] => Some(inner),
        _ => None,
    }
}

fn root_hash_text(value: &[u8]) -> Result<Blake3Hash, ReceiptError> {
    let inner = unquoted(value).ok_or(ReceiptError::RootHashNotText)?;
    Ok(json::unescaped(inner).parse::<Blake3Hash>()?)
}

fn timestamp_text(value: &[u8]) -> Result<Timestamp, ReceiptError> {
    let inner = unquoted(value).ok_or(ReceiptError::TimestampNotText)?;
    Ok(Timestamp::parse(inner)?)
}

/// The value must be `[]` or strings between brackets. In canonical text that can be seen without decoding.
fn check_tags(value: &[u8]) -> Result<(), ReceiptError> {
    let Some((b'[', mut rest)) = value.split_first() else {
        return Err(ReceiptError::InvalidTags);
    };
    if rest == b"]" {
        return Ok(());
    }
    loop {
        let Some((b'"', inner)) = rest.split_first() else {
            return Err(ReceiptError::InvalidTags);
        };
        let mut at = 0;
        loop {
            match inner.get(at) {
                Some(b'\\') => at += 2,
                Some(b'"') => break,
                Some(_) => at += 1,
                None => return Err(ReceiptError::InvalidTags),
            }
        }
        match inner.get(at + 1..) {
            Some([b',', more @ ..]) => rest = more,
            Some(b"]") => return Ok(()),
            _ => return Err(ReceiptError::InvalidTags),
        }
    }
}

fn type_range(members: &[Member], text: &[u8]) -> Result<(usize, usize), ReceiptError> {
    let member = members
        .iter()
        .find(|member| member.name(text) == b"type")
        .ok_or(ReceiptError::MissingType)?;
    let inner = unquoted(member.value(text)).ok_or(ReceiptError::InvalidType)?;
    let valid = (1..=MAX_TYPE_LEN).contains(&inner.len())
        && !inner.contains(&b'\\')
        && std::str::from_utf8(inner).is_ok_and(|text| !text.chars().any(char::is_control));
    if !valid {
        return Err(ReceiptError::InvalidType);
    }
    Ok((member.value_start() + 1, member.end() - 1))
}

fn id_of(members: &[Member], text: &[u8]) -> Id {
    let mut found = None;
    for member in members {
        let name = member.name(text);
        if !name.ends_with(b"id") || unquoted(member.value(text)).is_none() {
            continue;
        }
        if name == b"id" {
            found = Some(Some(member));
            break;
        }
        if name.ends_with(b"_id") {
            // A second candidate leaves none.
            found = Some(if found.is_none() { Some(member) } else { None });
        }
    }
    let Some(Some(member)) = found else {
        return Id::None;
    };
    let inner = unquoted(member.value(text)).unwrap_or_default();
    if inner.contains(&b'\\') {
        Id::Decoded(json::unescaped(inner).into())
    } else {
        Id::At(member.value_start() + 1, member.end() - 1)
    }
}

/// BLAKE3 of the canonical object without its member at `index`.
fn hash_without(members: &[Member], index: usize, text: &[u8]) -> Blake3Hash {
    let member = &members[index];
    // The comma goes with the member: the one behind it, or for the last member the one before it.
    let (from, to) = if index + 1 < members.len() {
        (member.start(), member.end() + 1)
    } else if index > 0 {
        (member.start() - 1, member.end())
    } else {
        (member.start(), member.end())
    };
    let mut rest = Vec::with_capacity(text.len());
    rest.extend_from_slice(&text[..from]);
    rest.extend_from_slice(&text[to..]);
    Blake3Hash::of(&rest)
}

/// Puts the member `name` with the string `value` in its place. Neither needs escapes, `name` is not there.
fn insert(text: &mut Vec<u8>, members: &mut Vec<Member>, name: &str, value: &[&str]) {
    let index = members.partition_point(|member| member.compare_name(name, text).is_lt());
    // The outermost object ends with the text.
    let at = members.get(index).map_or(text.len() - 1, Member::start);
    let value_length = 2 + value.iter().map(|part| part.len()).sum::<usize>();
    let member_length = name.len() + 3 + value_length;
    let is_last = index == members.len();
    let alone = members.is_empty();
    // A comma follows, or precedes the last member.
    let total = member_length + usize::from(!alone);
    let old_length = text.len();
    text.resize(old_length + total, b',');
    text.copy_within(at..old_length, at + total);
    let start = at + usize::from(is_last && !alone);
    let mut to = at;
    let mut put = |bytes: &[u8]| {
        text[to..to + bytes.len()].copy_from_slice(bytes);
        to += bytes.len();
    };
    if is_last && !alone {
        put(b",");
    }
    for part in [b"\"", name.as_bytes(), b"\":\""] {
        put(part);
    }
    for part in value {
        put(part.as_bytes());
    }
    put(b"\"");
    if !is_last {
        put(b",");
    }
    for member in members.iter_mut().skip(index) {
        *member = member.shifted(total);
    }
    members.insert(index, Member::simple(start, name.len(), value_length));
}
