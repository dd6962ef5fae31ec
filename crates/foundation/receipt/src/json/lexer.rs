//! The tokens of JSON text (RFC 8259), read strictly. Both readers of this crate, the one that builds a
//! [`Value`](super::Value) and the one that goes from text to canonical text, stand on it.

use super::error::{JsonError, JsonErrorKind as Kind};
use super::number::{MAX_SAFE_INTEGER, Number};

/// Arrays and objects inside one another. Receipts are flat; 64 levels keep recursion within a few KiB of
/// stack on every target.
pub const MAX_DEPTH: usize = 64;

/// Takes the decoded characters of a string.
pub(super) trait StringSink {
    /// A run of valid UTF-8 that contains no quote, backslash or control character.
    fn run(&mut self, run: &[u8]);
    /// One character that was written as an escape.
    fn escaped(&mut self, character: char);
}

/// A position in text that is known to be UTF-8.
pub(super) struct Lexer<'a> {
    input: &'a [u8],
    pos: usize,
}

/// The first byte of `bytes` that a string cannot contain as it is: a control character, quote or backslash.
pub(super) fn find_special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    // Eight bytes at a time. `below(w, n)` sets the high bit of each byte under `n` (for n up to 0x80); a
    // borrow can also set it in bytes above such a byte, never below, so the lowest bit set is right.
    let below = |word: u64, n: u8| word.wrapping_sub(ONES * u64::from(n)) & !word & HIGH;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let special = below(word, 0x20)
            | below(word ^ (ONES * u64::from(b'"')), 1)
            | below(word ^ (ONES * u64::from(b'\\')), 1);
        if special != 0 {
            return Some(index * 8 + (special.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter()
        .position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')
        .map(|at| bytes.len() - rest.len() + at)
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of `input`, which must be UTF-8.
    pub(super) fn new(input: &'a [u8]) -> Result<Self, JsonError> {
        match std::str::from_utf8(input) {
            Ok(_) => Ok(Self { input, pos: 0 }),
            Err(error) => Err(JsonError {
                offset: error.valid_up_to(),
                kind: Kind::InvalidUtf8,
            }),
        }
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    pub(super) fn input(&self) -> &'a [u8] {
        self.input
    }

    pub(super) fn error_at<T>(offset: usize, kind: Kind) -> Result<T, JsonError> {
        Err(JsonError { offset, kind })
    }

    /// The next byte after white space, not consumed.
    pub(super) fn peek(&mut self) -> Result<u8, JsonError> {
        loop {
            match self.input.get(self.pos) {
                Some(b' ' | b'\n' | b'\t') => self.pos += 1,
                Some(b'\r') => return Self::error_at(self.pos, Kind::CarriageReturn),
                Some(&byte) => return Ok(byte),
                None => return Self::error_at(self.pos, Kind::UnexpectedEnd),
            }
        }
    }

    /// Consumes the byte that `peek` returned.
    pub(super) fn bump(&mut self) {
        self.pos += 1;
    }

    /// Refuses the byte that `peek` returned.
    pub(super) fn unexpected<T>(&self) -> Result<T, JsonError> {
        match self.input.get(self.pos) {
            Some(&byte) => Self::error_at(self.pos, Kind::UnexpectedByte(byte)),
            None => Self::error_at(self.pos, Kind::UnexpectedEnd),
        }
    }

    /// Skips white space and consumes `expected`.
    pub(super) fn expect(&mut self, expected: u8) -> Result<(), JsonError> {
        if self.peek()? == expected {
            self.pos += 1;
            Ok(())
        } else {
            self.unexpected()
        }
    }

    /// Nothing but white space may be left.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Err(JsonError {
                kind: Kind::UnexpectedEnd,
                ..
            }) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Self::error_at(self.pos, Kind::TrailingData),
        }
    }

    /// Consumes one of the three literal names.
    pub(super) fn literal(&mut self, name: &'static [u8]) -> Result<(), JsonError> {
        for &expected in name {
            if self.input.get(self.pos) != Some(&expected) {
                return self.unexpected();
            }
            self.pos += 1;
        }
        Ok(())
    }

    /// Reads a string, opening quote included. True if it contained no escape.
    pub(super) fn string(&mut self, sink: &mut impl StringSink) -> Result<bool, JsonError> {
        self.pos += 1;
        let mut plain = true;
        loop {
            let start = self.pos;
            let run = find_special(&self.input[start..]);
            let Some(length) = run else {
                return Self::error_at(self.input.len(), Kind::UnexpectedEnd);
            };
            self.pos = start + length;
            sink.run(&self.input[start..self.pos]);
            match self.input[self.pos] {
                b'"' => {
                    self.pos += 1;
                    return Ok(plain);
                }
                b'\\' => {
                    plain = false;
                    sink.escaped(self.escape()?);
                }
                _ => return Self::error_at(self.pos, Kind::ControlCharacter),
            }
        }
    }

    /// Reads an escape sequence, backslash included.
    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.pos;
        let Some(&kind) = self.input.get(start + 1) else {
            return Self::error_at(self.input.len(), Kind::UnexpectedEnd);
        };
        self.pos = start + 2;
        Ok(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                match first {
                    0xd800..=0xdbff => {
                        if self.input.get(self.pos..self.pos + 2) != Some(b"\\u".as_slice()) {
                            return self.lone_surrogate(start);
                        }
                        self.pos += 2;
                        let second = self.hex4()?;
                        if !(0xdc00..=0xdfff).contains(&second) {
                            return Self::error_at(start, Kind::LoneSurrogate);
                        }
                        let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                        // A pair always is a scalar value; the arm below is its refusal all the same.
                        match char::from_u32(scalar) {
                            Some(character) => character,
                            None => return Self::error_at(start, Kind::LoneSurrogate),
                        }
                    }
                    scalar => match char::from_u32(scalar) {
                        Some(character) => character,
                        None => return Self::error_at(start, Kind::LoneSurrogate),
                    },
                }
            }
            _ => return Self::error_at(start, Kind::InvalidEscape),
        })
    }

    /// A high surrogate without its pair; text cut off in between is called cut off.
    fn lone_surrogate(&self, start: usize) -> Result<char, JsonError> {
        match &self.input[self.pos..] {
            [] | [b'\\'] => Self::error_at(self.input.len(), Kind::UnexpectedEnd),
            _ => Self::error_at(start, Kind::LoneSurrogate),
        }
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = match self.input.get(self.pos) {
                Some(&byte @ b'0'..=b'9') => byte - b'0',
                Some(&byte @ b'a'..=b'f') => byte - b'a' + 10,
                Some(&byte @ b'A'..=b'F') => byte - b'A' + 10,
                Some(_) => return Self::error_at(self.pos, Kind::InvalidEscape),
                None => return Self::error_at(self.pos, Kind::UnexpectedEnd),
            };
            value = value << 4 | u32::from(digit);
            self.pos += 1;
        }
        Ok(value)
    }

    /// Reads a number (RFC 8259 §6) and applies the range rules of RFC 7493 §2.2.
    pub(super) fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.pos;
        let negative = self.input.get(self.pos) == Some(&b'-');
        if negative {
            self.pos += 1;
        }
        let digits_from = self.pos;
        let mut magnitude: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.input.get(self.pos) {
            // Saturation keeps what is too large too large.
            magnitude = magnitude
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'));
            self.pos += 1;
        }
        let digits = self.pos - digits_from;
        if digits == 0 {
            return self.number_stops(start);
        }
        if digits > 1 && self.input[digits_from] == b'0' {
            return Self::error_at(start, Kind::InvalidNumber);
        }
        if !matches!(self.input.get(self.pos), Some(b'.' | b'e' | b'E')) {
            let value = i64::try_from(magnitude)
                .ok()
                .filter(|&value| value <= MAX_SAFE_INTEGER)
                .and_then(|value| Number::from_i64(if negative { -value } else { value }));
            return value.map_or_else(|| Self::error_at(start, Kind::IntegerOutOfRange), Ok);
        }
        if self.input.get(self.pos) == Some(&b'.') {
            self.pos += 1;
            self.digits(start)?;
        }
        if let Some(b'e' | b'E') = self.input.get(self.pos) {
            self.pos += 1;
            if let Some(b'+' | b'-') = self.input.get(self.pos) {
                self.pos += 1;
            }
            self.digits(start)?;
        }
        let double = std::str::from_utf8(&self.input[start..self.pos])
            .ok()
            .and_then(|text| text.parse::<f64>().ok());
        match double {
            None => Self::error_at(start, Kind::InvalidNumber),
            Some(double) if double.is_infinite() => Self::error_at(start, Kind::NumberOutOfRange),
            Some(double) => Number::from_f64(double)
                .map_or_else(|| Self::error_at(start, Kind::IntegerOutOfRange), Ok),
        }
    }

    /// At least one digit.
    fn digits(&mut self, start: usize) -> Result<(), JsonError> {
        let from = self.pos;
        while let Some(b'0'..=b'9') = self.input.get(self.pos) {
            self.pos += 1;
        }
        if self.pos == from {
            return self.number_stops(start);
        }
        Ok(())
    }

    fn number_stops<T>(&self, start: usize) -> Result<T, JsonError> {
        if self.pos == self.input.len() {
            Self::error_at(self.pos, Kind::UnexpectedEnd)
        } else {
            Self::error_at(start, Kind::InvalidNumber)
        }
    }
}
