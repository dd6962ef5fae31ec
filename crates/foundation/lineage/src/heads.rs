//! Where every scroll stood when a key changed.

use std::collections::BTreeMap;

use quorate_receipt::json::{Object, Value};
use quorate_receipt::{Blake3Hash, ScrollName};

/// The head of a scroll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Entries in the scroll, at most 2^53 − 1 (the event is JSON).
    pub size: u64,
    /// The head hash: BLAKE3 over the checkpoint's note text.
    pub head: Blake3Hash,
}

/// Scrolls whose heads fit into one event, whatever it is: a node that keeps to it can always change its keys.
///
/// A head takes at most 174 bytes of canonical JSON: a name of 64, a head hash of 71, a size of 16 digits, and
/// 23 for `"":{"head":"","size":},`. The largest event without heads, ML-DSA-44 keys of a role with two
/// signatures, stays below 3,300. Together 350 × 174 + 3,300 = 64,200, below the 65,535 of a receipt. Checked
/// in `the_heads_of_as_many_scrolls_as_there_may_be_fit_into_any_event`.
pub const MAX_HEADS: usize = 350;

/// The heads of all scrolls at one moment. A scroll that is not listed did not exist yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads(BTreeMap<ScrollName, Head>);

/// How heads contradict the heads recorded before them: a log only grows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadsError {
    /// A scroll that was there before is not listed.
    #[error("the scroll {0} is missing from the heads")]
    Missing(ScrollName),
    /// A scroll is smaller than before.
    #[error("the scroll {scroll} shrank from {before} to {after} entries")]
    Shrank {
        /// Which scroll.
        scroll: ScrollName,
        /// Entries before.
        before: u64,
        /// Entries now.
        after: u64,
    },
    /// A scroll has the same size as before but another head.
    #[error("the scroll {0} has the same size as before but another head")]
    Differs(ScrollName),
    /// Two scrolls differ only in case, or a size is above 2^53 − 1.
    #[error(
        "the scroll {0} cannot be recorded: its size is above 2^53 - 1 or its name differs from another only in case"
    )]
    Unrecordable(ScrollName),
}

impl Heads {
    /// No scrolls.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records the head of `scroll`.
    ///
    /// # Errors
    /// [`HeadsError::Unrecordable`]; nothing was recorded.
    pub fn insert(&mut self, scroll: ScrollName, head: Head) -> Result<(), HeadsError> {
        let clash = self
            .0
            .keys()
            .any(|name| *name != scroll && name.eq_ignoring_case(&scroll));
        if clash || Value::try_from(head.size).is_err() {
            return Err(HeadsError::Unrecordable(scroll));
        }
        self.0.insert(scroll, head);
        Ok(())
    }

    /// The head of `scroll`.
    #[must_use]
    pub fn get(&self, scroll: &ScrollName) -> Option<&Head> {
        self.0.get(scroll)
    }

    /// All heads, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&ScrollName, &Head)> {
        self.0.iter()
    }

    /// Entries of `scroll`, 0 before it existed.
    pub(crate) fn size(&self, scroll: &ScrollName) -> u64 {
        self.get(scroll).map_or(0, |head| head.size)
    }

    /// These heads may come after `earlier`.
    pub(crate) fn check_after(&self, earlier: &Self) -> Result<(), HeadsError> {
        for (scroll, before) in &earlier.0 {
            let Some(after) = self.0.get(scroll) else {
                return Err(HeadsError::Missing(scroll.clone()));
            };
            if after.size < before.size {
                return Err(HeadsError::Shrank {
                    scroll: scroll.clone(),
                    before: before.size,
                    after: after.size,
                });
            }
            if after.size == before.size && after.head != before.head {
                return Err(HeadsError::Differs(scroll.clone()));
            }
        }
        Ok(())
    }

    pub(crate) fn to_value(&self) -> Value {
        let mut object = Object::new();
        for (scroll, head) in &self.0 {
            let size = Value::try_from(head.size).unwrap_or(Value::Null);
            object.insert(
                scroll.as_str(),
                Object::new()
                    .with("head", head.head.to_string())
                    .with("size", size),
            );
        }
        object.into()
    }

    /// None if the value is anything else than what [`Heads::to_value`] makes, up to members that the
    /// comparison with the re-encoded event finds.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        let mut heads = Self::new();
        for (name, head) in value.as_object()?.iter() {
            let head = head.as_object()?;
            let head = Head {
                size: head.get("size")?.as_u64()?,
                head: head.get_str("head")?.parse().ok()?,
            };
            heads.insert(name.parse().ok()?, head).ok()?;
        }
        Some(heads)
    }
}
