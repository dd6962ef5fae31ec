//! A JSON value that can be written in exactly one way.

use std::cmp::Ordering;

use super::error::JsonErrorKind;
use super::number::Number;

/// A JSON value. Objects are sorted and have no duplicate names, numbers have one form, strings are
/// sequences of Unicode scalar values: so each value has exactly one canonical text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number within the rules of [`Number`].
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Object),
}

impl Value {
    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if this is an integer.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// The number, if this is an integer that is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// The elements, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members, if this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        // 2^32 is far below 2^53: always a number.
        Number::from_i64(i64::from(value)).map_or(Self::Null, Self::Number)
    }
}

impl TryFrom<u64> for Value {
    type Error = JsonErrorKind;

    /// Fails with [`JsonErrorKind::IntegerOutOfRange`] above 2^53 − 1.
    fn try_from(value: u64) -> Result<Self, Self::Error> {
        i64::try_from(value)
            .ok()
            .and_then(Number::from_i64)
            .map(Self::Number)
            .ok_or(JsonErrorKind::IntegerOutOfRange)
    }
}

impl TryFrom<i64> for Value {
    type Error = JsonErrorKind;

    /// Fails with [`JsonErrorKind::IntegerOutOfRange`] beyond ±(2^53 − 1).
    fn try_from(value: i64) -> Result<Self, Self::Error> {
        Number::from_i64(value)
            .map(Self::Number)
            .ok_or(JsonErrorKind::IntegerOutOfRange)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

/// The members of a JSON object, in the order of RFC 8785 §3.2.3 (UTF-16 code units), each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object(Vec<(String, Value)>);

impl Object {
    /// An object without members.
    #[must_use]
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Sorts `members`. The error is the first second occurrence of a name: its index and the name.
    pub(super) fn from_members(members: Vec<(String, Value)>) -> Result<Self, (usize, Box<str>)> {
        let sorted = members
            .windows(2)
            .all(|pair| compare_names(&pair[0].0, &pair[1].0) == Ordering::Less);
        if sorted {
            return Ok(Self(members));
        }
        let mut numbered: Vec<(usize, (String, Value))> = members.into_iter().enumerate().collect();
        // Stable: of two equal names the later one follows the earlier one.
        numbered.sort_by(|(_, a), (_, b)| compare_names(&a.0, &b.0));
        let repeated = numbered
            .windows(2)
            .filter(|pair| pair[0].1.0 == pair[1].1.0)
            .min_by_key(|pair| pair[1].0);
        if let Some(pair) = repeated {
            return Err((pair[1].0, pair[1].1.0.as_str().into()));
        }
        Ok(Self(
            numbered.into_iter().map(|(_, member)| member).collect(),
        ))
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(other, _)| compare_names(other, name))
    }

    /// The value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let index = self.find(name).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    /// The text under `name`, if it is a string.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Puts `value` under `name` and returns what was there before.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let name = name.into();
        match self.find(&name) {
            Ok(index) => self
                .0
                .get_mut(index)
                .map(|slot| std::mem::replace(&mut slot.1, value.into())),
            Err(index) => {
                self.0.insert(index, (name, value.into()));
                None
            }
        }
    }

    /// Takes the member `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let index = self.find(name).ok()?;
        Some(self.0.remove(index).1)
    }

    /// [`Object::insert`] for building an object in one expression.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.insert(name, value);
        self
    }

    /// Members in canonical order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The order of RFC 8785 §3.2.3: by UTF-16 code units.
pub(super) fn compare_names(a: &str, b: &str) -> Ordering {
    // UTF-8 order and UTF-16 order differ only where a surrogate meets U+E000..=U+FFFF, that is where both
    // names have a character above U+D7FF at the first difference; below 0xee in UTF-8 they agree.
    let (x, y) = (a.as_bytes(), b.as_bytes());
    let common = x.iter().zip(y).take_while(|(p, q)| p == q).count();
    match (x.get(common), y.get(common)) {
        (Some(&p), Some(&q)) if p < 0xee || q < 0xee => p.cmp(&q),
        (Some(_), Some(_)) => a.encode_utf16().cmp(b.encode_utf16()),
        _ => x.len().cmp(&y.len()),
    }
}
