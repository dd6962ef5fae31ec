//! How long what is durable has waited for a checkpoint and for a quorum, and whether the disk takes appends.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Commits that are told apart: beyond that, neighbours are taken together with the earlier time, so that a wait is
/// never shown shorter than it is.
const MARKS: usize = 128;

/// Commits that a watermark has not reached yet.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<Marks>);

#[derive(Debug, Default)]
struct Marks {
    /// Size of the tree, and when it was reached by a commit.
    waiting: VecDeque<(u64, Instant)>,
    watermark: u64,
}

impl Waiting {
    fn with<T>(&self, what: impl FnOnce(&mut Marks) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A head may be signed before its commit is told here: then nothing waits.
    fn committed(&self, size: u64, at: Instant) {
        self.with(|marks| {
            if size <= marks.watermark {
                return;
            }
            marks.waiting.push_back((size, at));
            if marks.waiting.len() > MARKS {
                let all: Vec<_> = marks.waiting.drain(..).collect();
                let merged = all
                    .chunks(2)
                    .filter_map(|pair| Some((pair.last()?.0, pair.first()?.1)));
                marks.waiting.extend(merged);
            }
        });
    }

    /// The watermark is at `size` now.
    pub(crate) fn reached(&self, size: u64) {
        self.with(|marks| {
            marks.watermark = marks.watermark.max(size);
            let passed = |mark: &(u64, Instant)| mark.0 <= size;
            while marks.waiting.front().is_some_and(passed) {
                marks.waiting.pop_front();
            }
        });
    }

    /// What had reached the watermark, up to `size`, waits again: nothing counts for it any more.
    pub(crate) fn lost(&self, size: u64, at: Instant) {
        self.with(|marks| {
            marks.watermark = 0;
            marks.waiting.push_front((size, at));
        });
    }

    /// Since when the entry that has waited longest does.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.with(|marks| marks.waiting.front().map(|mark| mark.1))
    }
}

/// Why a group commit was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The disk took nothing of it. It may take the next.
    Disk(String),
    /// The scroll takes no more until somebody sees to it.
    Lasting(String),
}

/// How one scroll gets on.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// For a checkpoint.
    pub(crate) checkpoint: Waiting,
    /// For a quorum; of an unwitnessed scroll nothing waits.
    pub(crate) quorum: Waiting,
    refused: Mutex<Option<Refusal>>,
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

    /// A group commit was refused, and not because of what was in it.
    pub(crate) fn refused(&self, why: Refusal) {
        self.set_refused(Some(why));
    }

    /// The disk takes something again.
    pub(crate) fn set_well(&self) {
        self.set_refused(None);
    }

    fn set_refused(&self, why: Option<Refusal>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why the last group commit was refused, if it was.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
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
    fn a_commit_that_is_told_after_its_head_was_signed_waits_for_nothing() {
        let now = Instant::now();
        let waiting = Waiting::default();
        waiting.reached(5);
        waiting.committed(5, now);
        assert_eq!(waiting.since(), None);
        waiting.lost(5, now);
        assert_eq!(waiting.since(), Some(now), "what counted does not any more");
        waiting.reached(5);
        assert_eq!(waiting.since(), None);
    }

    #[test]
    fn a_log_without_a_watermark_takes_bounded_memory_and_no_wait_is_shown_shorter_than_it_is() {
        let start = Instant::now();
        let at = |n: u64| start + Duration::from_millis(n);
        let waiting = Waiting::default();
        for n in 1..=10_000 {
            waiting.committed(n, at(n));
            assert!(waiting.with(|marks| marks.waiting.len()) <= MARKS);
        }
        for reached in (0..10_000).step_by(97) {
            waiting.reached(reached);
            assert!(waiting.since().unwrap() <= at(reached + 1));
        }
        waiting.reached(10_000);
        assert_eq!(waiting.since(), None);
    }
}
