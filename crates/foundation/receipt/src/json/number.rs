//! Numbers: IEEE 754 doubles as ECMAScript prints them, with integers only where every reader agrees.

use std::fmt;

/// 2^53 − 1: the largest integer that a double holds together with both of its neighbours.
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// From here on ECMAScript prints an exponent, so that the text no longer looks like an integer.
const FIRST_WITH_EXPONENT: f64 = 1e21;

/// A JSON number: an integer within ±(2^53 − 1), or a finite double that is printed with a fraction or an
/// exponent. Two equal numbers are equal as values, however they were written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(Repr);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Repr {
    Int(i64),
    // Never NaN, infinite, nor a value that prints as an integer: `Number` has one form per value.
    Float(f64),
}

// NaN cannot be constructed, so equality is total.
impl Eq for Number {}

impl Number {
    /// An integer within ±[`MAX_SAFE_INTEGER`], or none.
    #[must_use]
    pub fn from_i64(value: i64) -> Option<Self> {
        (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER)
            .contains(&value)
            .then_some(Self(Repr::Int(value)))
    }

    /// A finite double whose canonical text either is an integer within ±[`MAX_SAFE_INTEGER`] or is not an
    /// integer at all; none otherwise. Negative zero becomes zero, as RFC 8785 §3.2.2.3 prints it.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "the value is integral and within ±(2^53 - 1) where it is cast"
    )]
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        if value.fract() != 0.0 || value.abs() >= FIRST_WITH_EXPONENT {
            return Some(Self(Repr::Float(value)));
        }
        (value.abs() <= MAX_SAFE_INTEGER as f64).then_some(Self(Repr::Int(value as i64)))
    }

    /// The value, if it is an integer.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        match self.0 {
            Repr::Int(value) => Some(value),
            Repr::Float(_) => None,
        }
    }

    /// The value, if it is an integer that is not negative.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        self.as_i64().and_then(|value| u64::try_from(value).ok())
    }

    /// The value as a double; exact, because every [`Number`] is one.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "integers are within ±(2^53 - 1)"
    )]
    pub fn as_f64(self) -> f64 {
        match self.0 {
            Repr::Int(value) => value as f64,
            Repr::Float(value) => value,
        }
    }

    /// Appends the canonical text (RFC 8785 §3.2.2.3).
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self.0 {
            Repr::Int(value) => write_integer(value, out),
            Repr::Float(value) => write_double(value, out),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::Int(value) => write!(f, "{value}"),
            Repr::Float(value) => f.write_str(ryu_js::Buffer::new().format_finite(value)),
        }
    }
}

/// Appends a finite double as ECMAScript prints it (ECMA-262 Number::toString, RFC 8785 Appendix B).
fn write_double(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(ryu_js::Buffer::new().format_finite(value).as_bytes());
}

fn write_integer(value: i64, out: &mut Vec<u8>) {
    // 2^53 has 16 digits; one more for the sign.
    let mut buffer = [0u8; 20];
    let mut at = buffer.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    out.extend_from_slice(&buffer[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8785 Appendix B. The rows whose text is an integer beyond 2^53 − 1 are valid doubles that this
    /// crate prints but does not accept as values.
    const APPENDIX_B: &[(u64, &str)] = &[
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];

    #[test]
    fn rfc8785_appendix_b_numbers_print_as_listed() {
        for &(bits, text) in APPENDIX_B {
            let mut out = Vec::new();
            write_double(f64::from_bits(bits), &mut out);
            assert_eq!(std::str::from_utf8(&out).unwrap(), text, "{bits:016x}");
        }
    }

    #[test]
    fn rfc8785_appendix_b_nan_and_infinity_are_no_numbers() {
        for bits in [
            0x7fff_ffff_ffff_ffff,
            0x7ff0_0000_0000_0000,
            0xfff0_0000_0000_0000,
        ] {
            assert_eq!(Number::from_f64(f64::from_bits(bits)), None);
        }
    }

    #[test]
    fn appendix_b_values_survive_print_and_read_or_are_refused_as_unsafe_integers() {
        for &(bits, text) in APPENDIX_B {
            let value = f64::from_bits(bits);
            let looks_like_an_integer = text.bytes().all(|b| b == b'-' || b.is_ascii_digit());
            let unsafe_integer = looks_like_an_integer && value.abs() > 9_007_199_254_740_991.0;
            match Number::from_f64(value) {
                None => assert!(unsafe_integer, "{text}"),
                Some(number) => {
                    assert!(!unsafe_integer, "{text}");
                    assert_eq!(number.to_string(), text);
                    assert_eq!(Number::from_f64(text.parse().unwrap()), Some(number));
                }
            }
        }
    }

    #[test]
    fn integers_end_at_two_to_the_53_minus_one() {
        assert!(Number::from_i64(9_007_199_254_740_991).is_some());
        assert!(Number::from_i64(-9_007_199_254_740_991).is_some());
        assert_eq!(Number::from_i64(9_007_199_254_740_992), None);
        assert_eq!(Number::from_i64(i64::MIN), None);
        assert_eq!(Number::from_f64(9_007_199_254_740_992.0), None);
        assert_eq!(
            Number::from_f64(9_007_199_254_740_991.0),
            Number::from_i64(9_007_199_254_740_991)
        );
    }
}
