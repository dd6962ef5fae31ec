//! Names: of keys, of logs, and the short identifier that goes with a key name.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};

/// The longest key name or origin, in bytes. The ML-DSA-44 message of tlog-cosignature stores both lengths in one
/// byte; signed-note itself sets no limit.
pub const MAX_NAME_LEN: usize = 255;

/// Why text is not a [`KeyName`] or [`Origin`]. The fault is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No text at all.
    #[error("a name must not be empty")]
    Empty,
    /// Longer than [`MAX_NAME_LEN`].
    #[error("a name of {len} bytes is longer than 255")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// A Unicode white space character in a key name.
    #[error("a key name must not contain white space")]
    WhiteSpace,
    /// A `+` in a key name.
    #[error("a key name must not contain `+`")]
    Plus,
    /// A control character (Unicode category Cc, so also DEL and U+0080 to U+009F).
    #[error("a name must not contain control characters")]
    Control,
}

fn check_common(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_NAME_LEN {
        return Err(NameError::TooLong { len: text.len() });
    }
    if text.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    Ok(())
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Length in bytes. At most [`MAX_NAME_LEN`] by construction, so it never saturates.
            pub(crate) fn length_byte(&self) -> u8 {
                u8::try_from(self.0.len()).unwrap_or(u8::MAX)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
    };
}

/// The name of a signing key: 1 to 255 bytes without Unicode white space, `+` or control characters
/// (signed-note "Format"; the length limit and the refusal of DEL and C1 controls are ours).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Box<str>);

text_type!(KeyName);

impl KeyName {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`NameError`] says which rule is broken.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check_common(text)?;
        if text.contains('+') {
            return Err(NameError::Plus);
        }
        if text.chars().any(char::is_whitespace) {
            return Err(NameError::WhiteSpace);
        }
        Ok(Self(text.into()))
    }

    /// The name of a log's own key: its origin (tlog-checkpoint "Signatures").
    ///
    /// # Errors
    /// [`NameError::WhiteSpace`] or [`NameError::Plus`]: such an origin is allowed, but no key can bear its name.
    pub fn of_log(origin: &Origin) -> Result<Self, NameError> {
        Self::new(&origin.0)
    }
}

/// The origin line of a checkpoint, which identifies a log: 1 to 255 bytes without control characters.
///
/// Nothing else may be assumed of it (tlog-checkpoint "Note text" 1): it can hold spaces and need not be a URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Box<str>);

text_type!(Origin);

impl Origin {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`NameError`] says which rule is broken.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check_common(text)?;
        Ok(Self(text.into()))
    }

    /// Whether `name` is this origin, byte for byte.
    #[must_use]
    pub fn is_name(&self, name: &KeyName) -> bool {
        self.0 == name.0
    }
}

impl From<KeyName> for Origin {
    /// Every key name can be an origin.
    fn from(name: KeyName) -> Self {
        Self(name.0)
    }
}

/// Four bytes that, together with a key name, say which key made a signature.
///
/// A hint and not a binding: others can make keys with the same ID. Prints as 8 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; Self::LEN]);

impl KeyId {
    /// Length in bytes.
    pub const LEN: usize = 4;

    /// Takes the four bytes of a signature line.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The four bytes, big-endian as in a signature line.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// SHA-256(name ‖ 0x0A ‖ type ‖ key)[..4]: recommended by signed-note "Signatures", required by
    /// tlog-cosignature "Format" for types 04 and 06.
    #[must_use]
    pub(crate) fn compute(name: &KeyName, type_byte: u8, key: &[u8]) -> Self {
        let hash = Sha256::new()
            .chain_update(name.0.as_bytes())
            .chain_update([b'\n', type_byte])
            .chain_update(key)
            .finalize();
        let mut id = [0; Self::LEN];
        for (id, hash) in id.iter_mut().zip(hash) {
            *id = hash;
        }
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
