//! ASCII decimals as the C2SP formats write them.

/// The text is not a decimal in its one form, or does not fit. The fault is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number below 2^64 without sign and leading zeros")]
pub struct DecimalError;

/// Reads a decimal: digits only, no sign, no leading zeros except for `0` itself (tlog-checkpoint "Note text" 2).
///
/// # Errors
/// [`DecimalError`] for anything that printing a `u64` would not write.
pub fn parse_u64(text: &[u8]) -> Result<u64, DecimalError> {
    match text {
        b"0" => return Ok(0),
        [b'1'..=b'9', ..] => {}
        _ => return Err(DecimalError),
    }
    text.iter().try_fold(0_u64, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => u64::from(digit.wrapping_sub(b'0')),
            _ => return Err(DecimalError),
        };
        value
            .checked_mul(10)
            .and_then(|value| value.checked_add(digit))
            .ok_or(DecimalError)
    })
}
