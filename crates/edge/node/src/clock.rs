//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use quorate_receipt::Timestamp;

/// The last moment a receipt can name: 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799_000_000;

/// Microseconds since the epoch, from 0 (1970) to the end of the year 9999.
#[must_use]
pub(crate) fn now_micros() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(LAST).min(LAST)
}

/// Now, as a receipt writes it: RFC 3339 UTC with microseconds.
#[must_use]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(now_micros()).unwrap_or(Timestamp::UNIX_EPOCH)
}
