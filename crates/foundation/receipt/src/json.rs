//! Canonical JSON: RFC 8785 (JCS) over what RFC 7493 (I-JSON) allows.
//!
//! Reading is strict: duplicate member names, lone surrogates, integers beyond ±(2^53 − 1), numbers that no
//! double holds, more than [`MAX_DEPTH`] levels, byte order marks and carriage returns between tokens are
//! refused. What is accepted has exactly one canonical text.
//!
//! Numbers written as integers, in the input or in canonical form, must be within ±(2^53 − 1). A number that
//! is canonically written with an exponent (1e21 and above) is not an integer to any reader and is accepted.

mod error;
mod lexer;
mod number;
mod read;
mod transcode;
mod value;
mod write;

pub use error::{JsonError, JsonErrorKind};
pub use lexer::MAX_DEPTH;
pub use number::{MAX_SAFE_INTEGER, Number};
pub(crate) use transcode::{Canonical, Member, transcode, unescaped};
pub use value::{Object, Value};

/// Reads one JSON value, white space around and inside it allowed.
///
/// # Errors
/// [`JsonError`] with the byte offset of the first thing that is wrong.
pub fn parse(input: &[u8]) -> Result<Value, JsonError> {
    read::read(input)
}

/// The canonical text of a value.
#[must_use]
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write::write_value(value, &mut out);
    out
}

/// The canonical text of an object.
#[must_use]
pub fn canonical_object(object: &Object) -> Vec<u8> {
    let mut out = Vec::new();
    write::write_object(object, &mut out);
    out
}

/// Brings JSON text into canonical form: `canonical(&parse(input)?)` without the value in between.
///
/// # Errors
/// As [`parse`].
pub fn canonicalize(input: &[u8]) -> Result<Vec<u8>, JsonError> {
    transcode(input, 0).map(|canonical| canonical.text)
}

/// True if `input` is JSON text in canonical form, byte for byte.
#[must_use]
pub fn is_canonical(input: &[u8]) -> bool {
    canonicalize(input).is_ok_and(|text| text == input)
}
