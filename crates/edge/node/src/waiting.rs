//! How long what is durable has waited for a checkpoint and for a quorum, and whether the disk takes appends.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Commits that are told apart: beyond that, neighbours are taken together with the earlier time, so that a wait is
/// never shown shorter than it is.
const MARKS: usize = 128;

/// Commits that a watermark has not reached yet.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<VecDeque<(u64, Instant)>>);

impl Waiting {
    fn with<T>(&self, what: impl FnOnce(&mut VecDeque<(u64, Instant)>) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn committed(&self, size: u64, at: Instant) {
        self.with(|marks| {
            marks.push_back((size, at));
            if marks.len() > MARKS {
                let all: Vec<_> = marks.drain(..).collect();
                let merged = all
                    .chunks(2)
                    .filter_map(|pair| Some((pair.last()?.0, pair.first()?.1)));
                marks.extend(merged);
            }
        });
    }

    /// The watermark is at `size` now.
    pub(crate) fn reached(&self, size: u64) {
        self.with(|marks| {
            while marks.front().is_some_and(|mark| mark.0 <= size) {
                marks.pop_front();
            }
        });
    }

    /// Since when the entry that has waited longest does.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.with(|marks| marks.front().map(|mark| mark.1))
    }
}

/// How one scroll gets on.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// For a checkpoint.
    pub(crate) checkpoint: Waiting,
    /// For a quorum; of an unwitnessed scroll nothing waits.
    pub(crate) quorum: Waiting,
    refused: Mutex<Option<String>>,
}

impl Progress {
    /// Of a scroll that is `size` entries long when the process starts: what already waits has done so since now.
    pub(crate) fn starting(size: u64, now: Instant) -> Self {
        let progress = Self::default();
        progress.committed(size, now);
        progress
    }

    /// A group commit is durable.
    pub(crate) fn committed(&self, size: u64, at: Instant) {
        self.checkpoint.committed(size, at);
        self.quorum.committed(size, at);
        self.set_refused(None);
    }

    /// A group commit was refused: the disk takes nothing.
    pub(crate) fn refused(&self, why: String) {
        self.set_refused(Some(why));
    }

    fn set_refused(&self, why: Option<String>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why the last group commit was refused, if it was.
    pub(crate) fn refusal(&self) -> Option<String> {
        let refused = self.refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_longest_wait_is_that_of_the_oldest_commit_beyond_the_watermark() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let progress = Progress::starting(3, at(0));
        progress.committed(5, at(1));
        progress.committed(9, at(2));
        assert_eq!(progress.checkpoint.since(), Some(at(0)));
        progress.checkpoint.reached(4);
        assert_eq!(progress.checkpoint.since(), Some(at(1)));
        progress.checkpoint.reached(9);
        assert_eq!(progress.checkpoint.since(), None);
        assert_eq!(progress.quorum.since(), Some(at(0)));
    }

    #[test]
    fn a_log_without_a_watermark_takes_bounded_memory_and_no_wait_is_shown_shorter_than_it_is() {
        let start = Instant::now();
        let at = |n: u64| start + Duration::from_millis(n);
        let waiting = Waiting::default();
        for n in 1..=10_000 {
            waiting.committed(n, at(n));
            assert!(waiting.with(|marks| marks.len()) <= MARKS);
        }
        for reached in (0..10_000).step_by(97) {
            waiting.reached(reached);
            assert!(waiting.since().unwrap() <= at(reached + 1));
        }
        waiting.reached(10_000);
        assert_eq!(waiting.since(), None);
    }
}
