//! Standard base64 with padding (RFC 4648 §4), in its canonical form only.

use base64ct::{Base64, Encoding as _};

/// The text is not canonical base64. The fault is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not canonical padded base64")]
pub struct Base64Error;

/// Encodes `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Decodes `text`. White space, missing padding and padding bits that are not zero are refused: two readers that
/// disagree about such text would disagree about who signed. Allocates at most three quarters of the text's length.
///
/// # Errors
/// [`Base64Error`] for anything that [`encode`] would not write.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Base64Error> {
    let text = str::from_utf8(text).map_err(|_| Base64Error)?;
    Base64::decode_vec(text).map_err(|_| Base64Error)
}

/// Decodes `text` into exactly `N` bytes.
///
/// # Errors
/// [`Base64Error`], also when the text holds another number of bytes.
pub fn decode_array<const N: usize>(text: &[u8]) -> Result<[u8; N], Base64Error> {
    let mut bytes = [0; N];
    match Base64::decode(text, &mut bytes) {
        Ok(decoded) if decoded.len() == N => Ok(bytes),
        _ => Err(Base64Error),
    }
}
