//! What can be wrong with JSON text, and where.

/// JSON text that was refused: always the fault of whoever wrote the text. Nothing is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct JsonError {
    /// Byte offset into the text, counted from 0, of what is wrong.
    pub offset: usize,
    /// What is wrong there.
    pub kind: JsonErrorKind,
}

/// The reasons for refusing JSON text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// The bytes are not UTF-8 (RFC 8259 §8.1).
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// The text ends inside a value.
    #[error("the text ends too early")]
    UnexpectedEnd,
    /// A byte that cannot stand here.
    #[error("unexpected byte 0x{0:02x}")]
    UnexpectedByte(u8),
    /// Something follows the one value.
    #[error("text after the end of the value")]
    TrailingData,
    /// A carriage return outside a string: lines end in LF only.
    #[error("carriage return outside a string (lines end in LF only)")]
    CarriageReturn,
    /// A member name that this object already has (RFC 7493 §2.3).
    #[error("duplicate member name {0:?}")]
    DuplicateKey(Box<str>),
    /// More than [`MAX_DEPTH`](super::MAX_DEPTH) arrays and objects inside one another.
    #[error("more than {} levels of arrays and objects", super::MAX_DEPTH)]
    TooDeep,
    /// A number that is not written as RFC 8259 §6 says.
    #[error("malformed number")]
    InvalidNumber,
    /// An integer beyond ±(2^53 − 1), which other readers would round (RFC 7493 §2.2).
    #[error("integer beyond ±(2^53 - 1); write it as a string")]
    IntegerOutOfRange,
    /// A number beyond what an IEEE 754 double can hold.
    #[error("number too large for a double")]
    NumberOutOfRange,
    /// An escape sequence that RFC 8259 §7 does not have.
    #[error("invalid escape sequence")]
    InvalidEscape,
    /// One half of a surrogate pair without the other (RFC 7493 §2.1).
    #[error("lone surrogate")]
    LoneSurrogate,
    /// A control character inside a string that was not escaped.
    #[error("unescaped control character in a string")]
    ControlCharacter,
}
