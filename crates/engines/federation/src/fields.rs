//! Reading members strictly: each is taken once, and what is left over is refused (R4).

use std::str::FromStr;

use quorate_receipt::json::{self, Object, Value};

use crate::malformed::Malformed;

/// The members of an object that were not read yet.
pub struct Fields {
    within: &'static str,
    object: Object,
}

impl Fields {
    pub(crate) fn new(within: &'static str, object: Object) -> Self {
        Self { within, object }
    }

    pub(crate) fn invalid(&self, member: &str, expected: &'static str) -> Malformed {
        Malformed::Invalid {
            within: self.within,
            member: member.into(),
            expected,
        }
    }

    pub(crate) fn within(&self) -> &'static str {
        self.within
    }

    pub(crate) fn has(&self, member: &str) -> bool {
        self.object.get(member).is_some()
    }

    pub(crate) fn take_if(&mut self, member: &str) -> Option<Value> {
        self.object.remove(member)
    }

    pub(crate) fn take(&mut self, member: &str) -> Result<Value, Malformed> {
        self.take_if(member).ok_or_else(|| Malformed::Missing {
            within: self.within,
            member: member.into(),
        })
    }

    pub(crate) fn parsed<T: FromStr>(
        &mut self,
        member: &str,
        expected: &'static str,
    ) -> Result<T, Malformed> {
        let value = self.take(member)?;
        value
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.invalid(member, expected))
    }

    pub(crate) fn parsed_if<T: FromStr>(
        &mut self,
        member: &str,
        expected: &'static str,
    ) -> Result<Option<T>, Malformed> {
        match self.object.get(member) {
            Some(_) => self.parsed(member, expected).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn boolean(&mut self, member: &str) -> Result<bool, Malformed> {
        let value = self.take(member)?;
        value
            .as_bool()
            .ok_or_else(|| self.invalid(member, "true or false"))
    }

    pub(crate) fn integer(
        &mut self,
        member: &str,
        range: std::ops::RangeInclusive<u64>,
        expected: &'static str,
    ) -> Result<u64, Malformed> {
        let value = self.take(member)?;
        value
            .as_u64()
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.invalid(member, expected))
    }

    pub(crate) fn object(&mut self, member: &str, within: &'static str) -> Result<Self, Malformed> {
        let value = self.take(member)?;
        match value {
            Value::Object(object) => Ok(Self::new(within, object)),
            _ => Err(self.invalid(member, "an object")),
        }
    }

    /// The elements of a list, at most `limit` of them.
    pub(crate) fn list(
        &mut self,
        member: &str,
        limit: usize,
        expected: &'static str,
    ) -> Result<Vec<Value>, Malformed> {
        match self.take(member)? {
            Value::Array(items) if items.len() <= limit => Ok(items),
            _ => Err(self.invalid(member, expected)),
        }
    }

    /// A list of strings that parse, at most `limit` of them.
    pub(crate) fn parsed_list<T: FromStr>(
        &mut self,
        member: &str,
        limit: usize,
        expected: &'static str,
    ) -> Result<Vec<T>, Malformed> {
        self.list(member, limit, expected)?
            .iter()
            .map(|item| {
                item.as_str()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| self.invalid(member, expected))
            })
            .collect()
    }

    /// Everything was read.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        match self.object.iter().next() {
            Some((member, _)) => Err(Malformed::Unknown {
                within: self.within,
                member: member.into(),
            }),
            None => Ok(()),
        }
    }
}

/// Reads one object of at most `limit` bytes in canonical form: with duplicates refused by the reader, the bytes must
/// be those that are written for what was read.
pub(crate) fn canonical_object(
    what: &'static str,
    limit: usize,
    bytes: &[u8],
) -> Result<Object, Malformed> {
    check_len(what, limit, bytes.len())?;
    match json::parse(bytes).map_err(|error| Malformed::Json { what, error })? {
        Value::Object(object) if json::canonical_object(&object) == bytes => Ok(object),
        Value::Object(_) => Err(Malformed::NotCanonical { what }),
        _ => Err(Malformed::NotAnObject { what }),
    }
}

pub(crate) fn check_len(what: &'static str, limit: usize, length: usize) -> Result<(), Malformed> {
    if length > limit {
        return Err(Malformed::TooLong {
            what,
            length,
            limit,
        });
    }
    Ok(())
}

/// Writes a list of what prints.
pub(crate) fn texts<T: ToString>(items: &[T]) -> Value {
    Value::from(items.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// Writes a number that its reader bounds far below 2^53.
pub(crate) fn number(number: u64) -> Value {
    Value::try_from(number).unwrap_or(Value::Null)
}
