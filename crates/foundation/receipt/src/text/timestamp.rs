//! Times: RFC 3339, UTC, `Z`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Text that is not a time in the accepted form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// Not of the form `YYYY-MM-DDTHH:MM:SS[.fraction]Z`.
    #[error("expected a time like 2026-01-31T23:59:59.123456Z (UTC, at most 9 decimals)")]
    Form,
    /// A month, day, hour, minute or second that does not exist. The second 60 does not: it has no place
    /// among the microseconds since 1970.
    #[error("no such date or time of day")]
    Value,
}

/// A point in time as it was written: RFC 3339 with an upper-case `T` and `Z` and 0 to 9 decimals.
///
/// Years 0000 to 9999, proleptic Gregorian calendar, no leap seconds. Equality is that of the text; the
/// order is that of time, then of the number of decimals.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    seconds: i64,
    /// 0..1_000_000_000.
    nanos: u32,
    /// Decimals in the text, 0..=9.
    decimals: u8,
}

const FORM_LENGTH: usize = "2026-01-31T23:59:59Z".len();
const DAYS_PER_400_YEARS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_SHIFT: i64 = 719_468;
/// 0000-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_167_219_200;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

impl Timestamp {
    /// The longest text, in bytes.
    pub const MAX_LENGTH: usize = FORM_LENGTH + 10;

    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self {
        seconds: 0,
        nanos: 0,
        decimals: 0,
    };

    /// The time this many microseconds after 1970, written with six decimals; none outside of the years
    /// 0000 to 9999.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        let nanos = u32::try_from(micros.rem_euclid(1_000_000)).ok()? * 1000;
        Self::from_parts(micros.div_euclid(1_000_000), nanos, 6)
    }

    /// The time this many seconds after 1970, written without decimals; none outside of the years 0000 to
    /// 9999.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        Self::from_parts(seconds, 0, 0)
    }

    fn from_parts(seconds: i64, nanos: u32, decimals: u8) -> Option<Self> {
        (FIRST_SECOND..=LAST_SECOND)
            .contains(&seconds)
            .then_some(Self {
                seconds,
                nanos,
                decimals,
            })
    }

    /// Microseconds since 1970-01-01T00:00:00Z; finer decimals are cut off.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.seconds * 1_000_000 + i64::from(self.nanos / 1000)
    }

    /// Seconds since 1970-01-01T00:00:00Z; decimals are cut off.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Reads the text of a time.
    ///
    /// # Errors
    /// [`TimestampError`] if it is anything else than what would be printed.
    pub fn parse(text: &[u8]) -> Result<Self, TimestampError> {
        let (fixed, rest) = text
            .split_at_checked(FORM_LENGTH - 1)
            .ok_or(TimestampError::Form)?;
        let [
            y0,
            y1,
            y2,
            y3,
            b'-',
            mo0,
            mo1,
            b'-',
            d0,
            d1,
            b'T',
            h0,
            h1,
            b':',
            mi0,
            mi1,
            b':',
            s0,
            s1,
        ] = *fixed
        else {
            return Err(TimestampError::Form);
        };
        let year = two(y0, y1)? * 100 + two(y2, y3)?;
        let (month, day) = (two(mo0, mo1)?, two(d0, d1)?);
        let (hour, minute, second) = (two(h0, h1)?, two(mi0, mi1)?, two(s0, s1)?);
        let (nanos, decimals) = fraction(rest)?;
        if !(1..=12).contains(&month)
            || day < 1
            || day > days_in_month(year, month)
            || hour > 23
            || minute > 59
            || second > 59
        {
            return Err(TimestampError::Value);
        }
        let seconds = days_since_epoch(year, month, day) * 86_400
            + i64::from(hour) * 3600
            + i64::from(minute) * 60
            + i64::from(second);
        Ok(Self {
            seconds,
            nanos,
            decimals,
        })
    }
}

fn two(tens: u8, ones: u8) -> Result<u32, TimestampError> {
    if tens.is_ascii_digit() && ones.is_ascii_digit() {
        Ok(u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    } else {
        Err(TimestampError::Form)
    }
}

/// What follows the seconds: `Z`, or a dot, 1 to 9 digits and `Z`. Nanoseconds and the number of digits.
fn fraction(rest: &[u8]) -> Result<(u32, u8), TimestampError> {
    let digits = match rest {
        b"Z" => return Ok((0, 0)),
        [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => digits,
        _ => return Err(TimestampError::Form),
    };
    let mut nanos = 0;
    let mut unit = 100_000_000;
    let mut decimals = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return Err(TimestampError::Form);
        }
        nanos += u32::from(digit - b'0') * unit;
        unit /= 10;
        decimals += 1;
    }
    Ok((nanos, decimals))
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day is the last day of a year and
/// the lengths of the months before it follow one straight line.
fn days_since_epoch(year: u32, month: u32, day: u32) -> i64 {
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_400_YEARS + day_of_era - EPOCH_SHIFT
}

/// The inverse of [`days_since_epoch`]: year, month, day.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_SHIFT;
    let (era, day_of_era) = (
        days.div_euclid(DAYS_PER_400_YEARS),
        days.rem_euclid(DAYS_PER_400_YEARS),
    );
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl Timestamp {
    /// The text, in a buffer, and how much of the buffer it fills. Every receipt without a time gets one, so
    /// this avoids the formatting machinery.
    fn write(self) -> ([u8; Self::MAX_LENGTH], usize) {
        let mut out = *b"0000-00-00T00:00:00.000000000Z";
        let (year, month, day) = date(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400);
        put(&mut out[0..4], year.unsigned_abs());
        put(&mut out[5..7], month.unsigned_abs());
        put(&mut out[8..10], day.unsigned_abs());
        put(&mut out[11..13], (second / 3600).unsigned_abs());
        put(&mut out[14..16], (second / 60 % 60).unsigned_abs());
        put(&mut out[17..19], (second % 60).unsigned_abs());
        if self.decimals == 0 {
            out[FORM_LENGTH - 1] = b'Z';
            return (out, FORM_LENGTH);
        }
        put(&mut out[20..29], u64::from(self.nanos));
        let length = FORM_LENGTH + 1 + usize::from(self.decimals);
        out[length - 1] = b'Z';
        (out, length)
    }

    /// The text on the stack, for as long as `use_text` runs.
    pub(crate) fn with_text<R>(self, use_text: impl FnOnce(&str) -> R) -> R {
        let (buffer, length) = self.write();
        // ASCII by construction.
        use_text(std::str::from_utf8(&buffer[..length]).unwrap_or_default())
    }
}

/// Fills `digits` with the decimal digits of `value`.
fn put(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.pad(text))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes())
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.seconds, self.nanos, self.decimals).cmp(&(other.seconds, other.nanos, other.decimals))
    }
}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
