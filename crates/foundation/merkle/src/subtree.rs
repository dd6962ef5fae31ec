//! Subtrees: the leaf ranges that proofs can be about.

use core::ops::Range;

use crate::MAX_TREE_SIZE;

/// A range of leaves `start .. end` that forms a subtree of any tree large enough to hold it
/// (`draft-ietf-plants-merkle-tree-certs-05` §4).
///
/// The range is not empty, ends within [`MAX_TREE_SIZE`], and `start` is a multiple of the smallest power of two that
/// is not below its width. Single leaves and prefixes, which inclusion and consistency proofs are about, always
/// qualify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subtree {
    start: u64,
    end: u64,
}

/// The leaf range is not a subtree. The fault is in the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubtreeError {
    /// The end does not come after the start.
    #[error("the leaf range {start}..{end} is empty")]
    Empty {
        /// First leaf.
        start: u64,
        /// Exclusive end.
        end: u64,
    },
    /// The end is past [`MAX_TREE_SIZE`].
    #[error("the leaf range ends at {end}, past 2^62")]
    TooLarge {
        /// Exclusive end.
        end: u64,
    },
    /// The start is no multiple of the width rounded up to a power of two.
    #[error("{start}..{end} is no subtree: the start must be a multiple of {alignment}")]
    NotAligned {
        /// First leaf.
        start: u64,
        /// Exclusive end.
        end: u64,
        /// What the start must be a multiple of.
        alignment: u64,
    },
}

impl Subtree {
    /// Checks that `start .. end` is a subtree.
    ///
    /// # Errors
    /// Which of the three conditions in the type's description fails.
    pub const fn new(start: u64, end: u64) -> Result<Self, SubtreeError> {
        if start >= end {
            return Err(SubtreeError::Empty { start, end });
        }
        if end > MAX_TREE_SIZE {
            return Err(SubtreeError::TooLarge { end });
        }
        // At most 2^62, so the next power of two exists.
        let alignment = end.wrapping_sub(start).next_power_of_two();
        if start & alignment.wrapping_sub(1) != 0 {
            return Err(SubtreeError::NotAligned {
                start,
                end,
                alignment,
            });
        }
        Ok(Self { start, end })
    }

    /// The subtree that is the single leaf `index`.
    ///
    /// # Errors
    /// [`SubtreeError::TooLarge`] when no tree has that leaf.
    pub const fn leaf(index: u64) -> Result<Self, SubtreeError> {
        Self::new(index, index.saturating_add(1))
    }

    /// The subtree that is the tree of the first `size` leaves.
    ///
    /// # Errors
    /// [`SubtreeError::Empty`] for 0, [`SubtreeError::TooLarge`] past [`MAX_TREE_SIZE`].
    pub const fn prefix(size: u64) -> Result<Self, SubtreeError> {
        Self::new(0, size)
    }

    /// One or two adjacent subtrees that together cover `start .. end`.
    ///
    /// One when the range is a subtree itself. Otherwise the second ends exactly at `end`, while the first may begin
    /// before `start`: it is the smallest that reaches from `start` to the second.
    ///
    /// # Errors
    /// [`SubtreeError::Empty`] or [`SubtreeError::TooLarge`]; alignment is never the caller's concern here.
    pub fn covering(start: u64, end: u64) -> Result<(Self, Option<Self>), SubtreeError> {
        match Self::new(start, end) {
            Ok(whole) => Ok((whole, None)),
            Err(SubtreeError::NotAligned { .. }) => {
                // The first and last leaf part ways at this bit; the second subtree starts where the last one's
                // side begins, and the first is widened leftwards until it is aligned.
                let last = end.wrapping_sub(1);
                let half = 1_u64.unbounded_shl((start ^ last).checked_ilog2().unwrap_or(0));
                let middle = last & !half.wrapping_sub(1);
                let alignment = middle.wrapping_sub(start).next_power_of_two();
                let first = Self::new(middle.wrapping_sub(alignment), middle)?;
                Ok((first, Some(Self::new(middle, end)?)))
            }
            Err(error) => Err(error),
        }
    }

    /// First leaf.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// Exclusive end.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// The leaf indices.
    #[must_use]
    pub const fn range(&self) -> Range<u64> {
        self.start..self.end
    }
}
