//! JSON one level at a time, each value with its exact text.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The values of a stream, with any white space between them.
pub(crate) fn values(text: &str) -> impl Iterator<Item = Result<&RawValue, serde_json::Error>> {
    serde_json::Deserializer::from_str(text).into_iter::<&RawValue>()
}

/// The members of one object. None comes twice.
#[derive(Debug)]
pub(crate) struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Members<'a> {
    pub(crate) fn of(value: &'a RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(value.get())
    }

    /// A member that is there and not `null`, which stands for a default in Protobuf's JSON.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.get(name).copied().filter(|v| v.get() != "null")
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The text of the object without one member; none if nothing else is there.
    pub(crate) fn without(&self, left_out: &str) -> Option<String> {
        let rest: BTreeMap<&str, &RawValue> = self
            .0
            .iter()
            .filter(|(name, _)| *name != left_out)
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        if rest.is_empty() {
            return None;
        }
        serde_json::to_string(&rest).ok()
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if members.insert(name.clone(), value).is_some() {
                        return Err(A::Error::custom(format_args!("`{name}` stands twice")));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// The items of an array.
pub(crate) fn items(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// A string.
pub(crate) fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// An unsigned integer, as a number or, as Protobuf's JSON writes 64 bits, as a string of decimals.
pub(crate) fn integer(value: &RawValue) -> Option<u64> {
    match string(value) {
        Some(text) => text.parse().ok(),
        None => serde_json::from_str(value.get()).ok(),
    }
}
