//! One proof for many leaves.
//!
//! The proof follows the tree's own recursion (RFC 6962 §2.1, split at the largest power of two below the width),
//! left before right:
//! - a range without a named leaf contributes its hash to the proof;
//! - a range that is one named leaf contributes nothing, the verifier has its leaf hash;
//! - any other range is split.
//!
//! So named leaves and tree size fix the shape: there is exactly one proof, and each of its hashes is used once.
//! This is a format of this project; no C2SP specification has one yet.

use crate::node::range_hash;
use crate::proof::split_point;
use crate::{Hash, MAX_TREE_SIZE, NodeReader, ProveError, TargetsError, VerifyError, node_hash};

/// The most leaves one multi-proof may be about: 2^16.
pub const MAX_MULTI_LEAVES: usize = 1 << 16;

/// The most hashes a multi-proof may have: 2^20, 32 MiB.
///
/// `m` leaves spread as far as possible through a tree of 2^h need m·(h − log2 m) hashes, so this is what
/// [`MAX_MULTI_LEAVES`] = 2^16 leaves need at worst in a tree of 2^32: 2^16 · (32 − 16). In larger trees fewer leaves
/// fit, at worst; 2^14 always do, as 2^14 · (62 − 14) is below.
pub const MAX_MULTI_HASHES: usize = 1 << 20;

/// The hashes of a multi-proof, left to right. Holding one says nothing about validity; only [`verify_many`] does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MultiProof(Vec<Hash>);

/// More hashes than [`MAX_MULTI_HASHES`]. The fault is the proof's maker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a multi-proof of {found} hashes: at most 2^20 are allowed")]
pub struct MultiProofTooLong {
    /// Number of hashes given.
    pub found: usize,
}

impl MultiProof {
    /// The hashes, leftmost range first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }
}

impl TryFrom<Vec<Hash>> for MultiProof {
    type Error = MultiProofTooLong;

    fn try_from(hashes: Vec<Hash>) -> Result<Self, MultiProofTooLong> {
        if hashes.len() > MAX_MULTI_HASHES {
            return Err(MultiProofTooLong {
                found: hashes.len(),
            });
        }
        Ok(Self(hashes))
    }
}

/// Proves that the leaves `indices`, strictly increasing, are in the tree of the first `size` leaves.
///
/// # Errors
/// [`ProveError::TreeTooLarge`], [`ProveError::OutOfRange`], [`ProveError::Targets`] when the list is empty, not
/// strictly increasing or too long, or [`ProveError::Read`].
pub fn prove_many<R: NodeReader>(
    indices: &[u64],
    size: u64,
    nodes: &R,
) -> Result<MultiProof, ProveError<R::Error>> {
    if size > MAX_TREE_SIZE {
        return Err(ProveError::TreeTooLarge { size });
    }
    if let Some(end) = past_end(indices.last().copied(), size) {
        return Err(ProveError::OutOfRange { end, size });
    }
    check_targets(indices, |index| *index)?;
    let count = count_hashes(0, size, indices, |index| *index);
    let capacity = allowed(count).ok_or(TargetsError::TooSpread)?;
    let mut hashes = Vec::with_capacity(capacity);
    collect(0, size, indices, nodes, &mut hashes).map_err(ProveError::Read)?;
    Ok(MultiProof(hashes))
}

/// Verifies that each `(index, leaf hash)`, indices strictly increasing, is in the tree of `size` leaves with root
/// `root`.
///
/// The number of hashes the proof must have is computed first and must be met exactly. See
/// [`verify_subtree`](crate::verify_subtree) for what it does not prove.
///
/// # Errors
/// [`VerifyError`] says which check failed.
pub fn verify_many(
    leaves: &[(u64, Hash)],
    size: u64,
    root: &Hash,
    proof: &MultiProof,
) -> Result<(), VerifyError> {
    if size > MAX_TREE_SIZE {
        return Err(VerifyError::TreeTooLarge { size });
    }
    if let Some(end) = past_end(leaves.last().map(|(index, _)| *index), size) {
        return Err(VerifyError::OutOfRange { end, size });
    }
    check_targets(leaves, |(index, _)| *index)?;
    let expected = count_hashes(0, size, leaves, |(index, _)| *index);
    let found = proof.0.len();
    if u64::try_from(found) != Ok(expected) {
        return Err(VerifyError::WrongLength { expected, found });
    }
    let mut siblings = proof.0.iter();
    if rebuild(0, size, leaves, &mut siblings) != Some(*root) {
        return Err(VerifyError::RootMismatch);
    }
    Ok(())
}

/// Exclusive end of the leaf range when it reaches past the tree. The list rises, so the last index decides.
fn past_end(last: Option<u64>, size: u64) -> Option<u64> {
    last.filter(|last| *last >= size)
        .map(|last| last.saturating_add(1))
}

fn check_targets<T>(targets: &[T], index: impl Fn(&T) -> u64) -> Result<(), TargetsError> {
    if targets.is_empty() {
        return Err(TargetsError::Empty);
    }
    if targets.len() > MAX_MULTI_LEAVES {
        return Err(TargetsError::TooMany {
            found: targets.len(),
        });
    }
    for (before, after) in targets.iter().zip(targets.iter().skip(1)) {
        if index(after) <= index(before) {
            return Err(TargetsError::NotIncreasing {
                index: index(after),
            });
        }
    }
    Ok(())
}

fn allowed(count: u64) -> Option<usize> {
    usize::try_from(count)
        .ok()
        .filter(|count| *count <= MAX_MULTI_HASHES)
}

/// The middle of a range and its targets on either side. The range must be at least 2 wide.
fn halves<T>(low: u64, high: u64, targets: &[T], index: impl Fn(&T) -> u64) -> (u64, &[T], &[T]) {
    let middle = low.wrapping_add(split_point(high.wrapping_sub(low)));
    let (left, right) = targets.split_at(targets.partition_point(|target| index(target) < middle));
    (middle, left, right)
}

// The three recursions below go at most 62 deep, once per level of the tree, and visit at most two ranges per level
// and named leaf.

fn count_hashes<T>(low: u64, high: u64, targets: &[T], index: impl Fn(&T) -> u64 + Copy) -> u64 {
    if targets.is_empty() {
        return 1;
    }
    if high.wrapping_sub(low) == 1 {
        return 0;
    }
    let (middle, left, right) = halves(low, high, targets, index);
    let left = count_hashes(low, middle, left, index);
    // At most 62 * 2^16.
    left.wrapping_add(count_hashes(middle, high, right, index))
}

fn collect<R: NodeReader>(
    low: u64,
    high: u64,
    targets: &[u64],
    nodes: &R,
    hashes: &mut Vec<Hash>,
) -> Result<(), R::Error> {
    if targets.is_empty() {
        hashes.push(range_hash(low, high, nodes)?);
        return Ok(());
    }
    if high.wrapping_sub(low) == 1 {
        return Ok(());
    }
    let (middle, left, right) = halves(low, high, targets, |index| *index);
    collect(low, middle, left, nodes, hashes)?;
    collect(middle, high, right, nodes, hashes)
}

fn rebuild(
    low: u64,
    high: u64,
    targets: &[(u64, Hash)],
    siblings: &mut core::slice::Iter<'_, Hash>,
) -> Option<Hash> {
    let Some((_, first)) = targets.first() else {
        return siblings.next().copied();
    };
    if high.wrapping_sub(low) == 1 {
        return Some(*first);
    }
    let (middle, left, right) = halves(low, high, targets, |(index, _)| *index);
    let left = rebuild(low, middle, left, siblings)?;
    let right = rebuild(middle, high, right, siblings)?;
    Some(node_hash(&left, &right))
}
