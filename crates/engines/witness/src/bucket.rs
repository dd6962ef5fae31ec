//! Rate limits per log: a token bucket over the caller's clock.

/// Micro-tokens in a token.
const UNIT: u64 = 1_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// How many requests of one log are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_day: u32,
}

impl Rate {
    /// So many a day (`qpd` in log lists), at least 1.
    #[must_use]
    pub const fn per_day(per_day: u32) -> Self {
        Self {
            per_day: if per_day == 0 { 1 } else { per_day },
        }
    }

    /// So many a day.
    #[must_use]
    pub const fn requests_per_day(self) -> u32 {
        self.per_day
    }

    /// Requests that may come at once: those of an hour, at least 60.
    #[must_use]
    pub const fn burst(self) -> u32 {
        let hour = self.per_day.div_ceil(24);
        if hour < 60 { 60 } else { hour }
    }
}

/// The requests that one log has left.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: Rate,
    micros: u64,
    /// Milliseconds, by the caller's monotonic clock.
    at: u64,
}

impl Bucket {
    /// A full bucket at `now`, milliseconds of a clock that does not run back.
    #[must_use]
    pub const fn full(rate: Rate, now: u64) -> Self {
        Self {
            rate,
            micros: (rate.burst() as u64).saturating_mul(UNIT),
            at: now,
        }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// The seconds until the next one may come, at least 1; nothing was taken.
    pub fn take(&mut self, now: u64) -> Result<(), u64> {
        self.ready(now)?;
        self.micros = self.micros.saturating_sub(UNIT);
        Ok(())
    }

    /// Whether a request may come, without taking it.
    ///
    /// # Errors
    /// The seconds until the next one may come, at least 1.
    pub fn ready(&mut self, now: u64) -> Result<(), u64> {
        let elapsed = now.saturating_sub(self.at);
        let full = u64::from(self.rate.burst()).saturating_mul(UNIT);
        // per_day × UNIT / (86,400 × 1,000 ms), at most 2^32 × 10^6 × elapsed / 8.64 × 10^7: saturates after years.
        let gained = u64::from(self.rate.per_day)
            .saturating_mul(elapsed)
            .saturating_mul(UNIT / 1000)
            / SECONDS_PER_DAY;
        if gained > 0 {
            self.micros = self.micros.saturating_add(gained).min(full);
            self.at = now;
        }
        if self.micros >= UNIT {
            return Ok(());
        }
        let missing = UNIT.saturating_sub(self.micros);
        let per_day = u64::from(self.rate.per_day).saturating_mul(UNIT);
        Err(missing
            .saturating_mul(SECONDS_PER_DAY)
            .div_ceil(per_day)
            .max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_answered_and_then_the_daily_rate_holds() {
        let rate = Rate::per_day(86_400);
        let mut bucket = Bucket::full(rate, 0);
        for _ in 0..3600 {
            bucket.take(0).unwrap();
        }
        assert_eq!(bucket.take(0), Err(1));
        assert_eq!(bucket.take(999), Err(1));
        bucket.take(1000).unwrap();
        assert_eq!(bucket.take(1000), Err(1));
        for second in 0..100 {
            bucket.take(2000 + second * 1000).unwrap();
        }
    }

    #[test]
    fn a_day_brings_no_more_than_a_burst_and_a_days_rate() {
        let rate = Rate::per_day(1000);
        let mut bucket = Bucket::full(rate, 0);
        let mut taken = 0;
        for ms in (0..86_400_000).step_by(50) {
            taken += u32::from(bucket.take(ms).is_ok());
        }
        assert!(taken <= 1000 + rate.burst(), "{taken}");
        assert!(taken >= 1000 + rate.burst() - 2, "{taken}");
    }

    #[test]
    fn a_clock_that_runs_back_gives_nothing() {
        let mut bucket = Bucket::full(Rate::per_day(1), 1_000_000);
        for _ in 0..60 {
            bucket.take(1_000_000).unwrap();
        }
        assert!(bucket.take(0).is_err());
        assert_eq!(bucket.take(1_000_000), Err(86_400));
    }
}
