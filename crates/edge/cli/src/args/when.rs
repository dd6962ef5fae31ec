//! A time on the command line: RFC 3339, or how long ago.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

/// A moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// A given moment.
    At(Timestamp),
    /// This long before now.
    Ago(SignedDuration),
}

/// Words that are no time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is RFC 3339 such as 2026-01-31T12:00:00Z, or an age such as 90s, 15m, 2h or 7d")]
pub(crate) struct WhenError;

impl When {
    /// The moment as RFC 3339 in UTC, seen from `now`, to the microsecond (the node takes no finer one).
    pub(crate) fn rfc3339(&self, now: Timestamp) -> String {
        let at = match self {
            Self::At(at) => *at,
            Self::Ago(age) => now.checked_sub(*age).unwrap_or(Timestamp::MIN),
        };
        let micros = at.as_microsecond();
        Timestamp::from_microsecond(micros)
            .unwrap_or(at)
            .to_string()
    }
}

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        if text.ends_with(['s', 'm', 'h', 'd']) {
            let seconds = seconds(text).ok_or(WhenError)?;
            return Ok(Self::Ago(SignedDuration::from_secs(seconds)));
        }
        text.parse().map(Self::At).map_err(|_| WhenError)
    }
}

/// The seconds of a number and a unit.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_or_an_age() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let at = |s: &str| s.parse::<When>().unwrap().rfc3339(now);
        assert_eq!(at("15m"), "2026-01-31T11:45:00Z");
        assert_eq!(at("7d"), "2026-01-24T12:00:00Z");
        assert_eq!(at("2026-01-01T00:00:00Z"), "2026-01-01T00:00:00Z");
        assert_eq!(at("2026-01-01T01:00:00+01:00"), "2026-01-01T00:00:00Z");
        for bad in [
            "",
            "m",
            "-5m",
            "yesterday",
            "2026-01-01",
            "1.5h",
            "99999999999999999999s",
        ] {
            assert_eq!(bad.parse::<When>(), Err(WhenError), "{bad}");
        }
    }
}
