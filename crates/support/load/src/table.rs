//! Figures and the one table they go into.

use std::fmt;
use std::time::Duration;

/// One line of the table.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) measured: String,
    pub(crate) target: &'static str,
    /// Whether the target is met; nothing where there is no target.
    pub(crate) met: Option<bool>,
    pub(crate) command: String,
}

/// Prints figures as a Markdown table.
pub(crate) fn print(figures: &[Figure]) {
    println!("| figure | measured | target | | command |");
    println!("|---|---|---|---|---|");
    for figure in figures {
        let met = match figure.met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        };
        println!(
            "| {} | {} | {} | {met} | `quorate-load {}` |",
            figure.name, figure.measured, figure.target, figure.command
        );
    }
}

/// Durations, sorted.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Takes what was measured, in any order.
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// The smallest duration that `percent` of all do not exceed; zero if there are none.
    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank among at most some millions"
        )]
        let rank = (percent / 100.0 * self.0.len() as f64).ceil() as usize;
        self.0
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// The longest.
    pub(crate) fn max(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99] = [50.0, 90.0, 99.0].map(|p| millis(self.percentile(p)));
        write!(
            f,
            "p50 {p50}, p90 {p90}, p99 {p99}, max {}",
            millis(self.max())
        )
    }
}

/// `1.23 ms`
pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

/// `count` in `time` as a whole number per second.
pub(crate) fn per_second(count: u64, time: Duration) -> u64 {
    let micros = time.as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

/// `1,234,567`
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_rank() {
        let all = Latencies::new((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!(all.percentile(50.0), Duration::from_millis(50));
        assert_eq!(all.percentile(99.0), Duration::from_millis(99));
        assert_eq!(all.max(), Duration::from_millis(100));
        assert_eq!(Latencies::new(Vec::new()).percentile(99.0), Duration::ZERO);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(per_second(10, Duration::from_millis(500)), 20);
    }
}
