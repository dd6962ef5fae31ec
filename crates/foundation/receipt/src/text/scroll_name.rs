//! Scroll names.

use std::fmt;
use std::str::FromStr;

/// Text that is not a scroll name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scroll name is a letter and up to 63 letters, digits, `_` or `-`")]
pub struct ScrollNameError;

/// The name of a scroll: `[A-Za-z][A-Za-z0-9_-]{0,63}`, such as `Compliance`.
///
/// Files are lower case, so two names that differ only in case cannot stand beside each other; compare with
/// [`ScrollName::eq_ignoring_case`]. Equality and order are those of the exact text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScrollName(Box<str>);

impl ScrollName {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 64;

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the scroll's directory and the stem of its files: lower case.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// True if both names would use the same files.
    #[must_use]
    pub fn eq_ignoring_case(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl FromStr for ScrollName {
    type Err = ScrollNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = text.len() <= Self::MAX_LENGTH
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(ScrollNameError)
        }
    }
}

impl fmt::Display for ScrollName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ScrollName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<str> for ScrollName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
