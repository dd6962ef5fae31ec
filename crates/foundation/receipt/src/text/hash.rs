//! `blake3:<hex>` and `sha256:<hex>`.

use std::fmt;
use std::str::FromStr;

/// Text that is not a hash in the one form it is written in: the prefix and 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashTextError {
    /// The text does not begin with the algorithm's name and a colon.
    #[error("expected `{0}` followed by 64 hex digits")]
    Prefix(&'static str),
    /// Not 64 digits.
    #[error("expected 64 hex digits, found {0} bytes")]
    Length(usize),
    /// A byte that is no lower-case hex digit.
    #[error("expected lower-case hex digits")]
    Digit,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The 64 digits of `bytes`.
pub(crate) fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    let mut out = [0; 64];
    for (pair, &byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    out
}

fn unhex(text: &[u8]) -> Result<[u8; 32], HashTextError> {
    if text.len() != 64 {
        return Err(HashTextError::Length(text.len()));
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(HashTextError::Digit),
    };
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(out)
}

macro_rules! hash_text {
    ($name:ident, $prefix:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// What the text begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A hash that was computed.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Self::PREFIX)?;
                f.write_str(std::str::from_utf8(&hex(&self.0)).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = HashTextError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let digits = text
                    .strip_prefix(Self::PREFIX)
                    .ok_or(HashTextError::Prefix(Self::PREFIX))?;
                unhex(digits.as_bytes()).map(Self)
            }
        }
    };
}

hash_text!(
    Blake3Hash,
    "blake3:",
    "A BLAKE3 hash, written `blake3:` and 64 lower-case hex digits."
);
hash_text!(
    Sha256Text,
    "sha256:",
    "A SHA-256 hash, written `sha256:` and 64 lower-case hex digits."
);

impl Blake3Hash {
    /// BLAKE3 of `bytes`, unkeyed.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}
