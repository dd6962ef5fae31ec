//! Names and URLs of a policy file: opaque octets.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The predefined name. It may stand in a `quorum` line and nowhere else.
pub(crate) const NONE: &[u8] = b"none";

/// Why some octets cannot be a name or a URL in a policy file. The caller's mistake; nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing would be written, so nothing could be read back.
    #[error("it is empty")]
    Empty,
    /// White space and control characters separate or end fields, so they cannot be part of one.
    #[error("it contains the octet 0x{byte:02x}, which cannot be part of a field")]
    Octet {
        /// The first octet that does not fit.
        byte: u8,
    },
    /// A URL beginning with `#` is a comment in the wrong place: the grammar has no comments after a
    /// statement.
    #[error("it begins with `#`; comments need a line of their own")]
    Comment,
}

/// The octets allowed in one field: tlog-policy "Character set" without the white space that separates
/// fields.
fn check(octets: &[u8]) -> Result<(), NameError> {
    if octets.is_empty() {
        return Err(NameError::Empty);
    }
    match octets
        .iter()
        .find(|&&b| !matches!(b, 0x21..=0x7e | 0x80..=0xff))
    {
        Some(&byte) => Err(NameError::Octet { byte }),
        None => Ok(()),
    }
}

/// Writes octets so that a terminal shows them and nothing else: UTF-8 as it is, but control characters,
/// characters that reorder or hide text, and octets that are not UTF-8 as escapes.
pub(crate) fn show(octets: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            let hidden = matches!(
                c,
                '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}'
            );
            if c.is_control() || hidden {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

/// The name of a witness or a group inside one policy file.
///
/// Names are opaque octets (tlog-policy "Character set"): they are compared byte by byte, never
/// normalised, and need not be UTF-8. A name means nothing outside its file; what identifies a witness
/// is its key. `Display` escapes what could deceive a terminal, so it is for people, not for files.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<[u8]>);

impl Name {
    /// Takes octets as a name.
    ///
    /// # Errors
    /// [`NameError`] if it is empty or contains white space or a control character. `none` is a name
    /// here; [`PolicyBuilder`](crate::PolicyBuilder) refuses it where it is reserved.
    pub fn new(octets: &[u8]) -> Result<Self, NameError> {
        check(octets)?;
        Ok(Self(octets.into()))
    }

    /// The exact octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn is_none(&self) -> bool {
        self.as_bytes() == NONE
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text.as_bytes())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// The optional URL of a log or witness line: carried, never interpreted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url(Arc<[u8]>);

impl Url {
    /// Takes octets as a URL.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, contains white space or a control character, or begins with `#`.
    pub fn new(octets: &[u8]) -> Result<Self, NameError> {
        check(octets)?;
        if octets.starts_with(b"#") {
            return Err(NameError::Comment);
        }
        Ok(Self(octets.into()))
    }

    /// The exact octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Url {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text.as_bytes())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, f)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_display_escapes_what_could_deceive_a_terminal() {
        let name = Name::new("a\u{9b}31m\u{202e}b".as_bytes()).unwrap();
        assert_eq!(name.to_string(), "a\\u{9b}31m\\u{202e}b");
        assert_eq!(Name::new(b"x\xffy").unwrap().to_string(), "x\\xffy");
        assert_eq!(
            Name::new("zürich".as_bytes()).unwrap().to_string(),
            "zürich"
        );
    }

    #[test]
    fn name_refuses_separators_and_nothing() {
        assert_eq!(Name::new(b""), Err(NameError::Empty));
        for byte in [0x00, b'\t', b'\n', b'\r', b' ', 0x1f, 0x7f] {
            assert_eq!(Name::new(&[b'a', byte]), Err(NameError::Octet { byte }));
        }
    }
}
