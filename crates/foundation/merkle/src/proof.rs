//! Subtree proofs, and the inclusion and consistency proofs that are special cases of them.

use core::ops::Range;

use crate::node::range_hash;
use crate::{Hash, MAX_TREE_SIZE, NodeReader, ProveError, Subtree, VerifyError, node_hash};

/// The most hashes a proof can have: ⌈log2 [`MAX_TREE_SIZE`]⌉ + 1 = 63.
pub const MAX_PROOF_HASHES: usize = 63;

/// The hashes of an inclusion, consistency or subtree proof, from the leaves' end towards the root.
///
/// Holding one says nothing about validity; only the `verify_*` functions do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Proof(Vec<Hash>);

/// More hashes than [`MAX_PROOF_HASHES`]: no tree has such a proof. The fault is the proof's maker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a proof of {found} hashes: no proof has more than 63")]
pub struct ProofTooLong {
    /// Number of hashes given.
    pub found: usize,
}

impl Proof {
    /// The proof without hashes: of a tree in itself, or of anything from the empty tree.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// The hashes, nearest to the leaves first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }
}

impl TryFrom<Vec<Hash>> for Proof {
    type Error = ProofTooLong;

    fn try_from(hashes: Vec<Hash>) -> Result<Self, ProofTooLong> {
        if hashes.len() > MAX_PROOF_HASHES {
            return Err(ProofTooLong {
                found: hashes.len(),
            });
        }
        Ok(Self(hashes))
    }
}

/// Which leaves each hash of the proof of `subtree` in a tree of `size` covers, in the order of the proof.
///
/// This is the shape of the proof: `SUBTREE_PROOF` of `draft-ietf-plants-merkle-tree-certs-05` §4 without the
/// hashes. For a single leaf it is `PATH`, for a prefix `PROOF` of RFC 6962 §2.1. It is `None` when the subtree
/// reaches past the tree or the tree past [`MAX_TREE_SIZE`].
#[must_use]
pub fn proof_ranges(subtree: &Subtree, size: u64) -> Option<Vec<Range<u64>>> {
    if size > MAX_TREE_SIZE || subtree.end() > size {
        return None;
    }
    // Invariants: `low <= start < end <= high`; the part of the subtree that is not yet accounted for is
    // `start .. end`; `low` is a multiple of the smallest power of two not below `high - low`.
    let (mut start, end) = (subtree.start(), subtree.end());
    let (mut low, mut high) = (0, size);
    let mut divided = false;
    let mut ranges = Vec::with_capacity(MAX_PROOF_HASHES);
    while (low, high) != (start, end) {
        let middle = low.wrapping_add(split_point(high.wrapping_sub(low)));
        if end <= middle {
            ranges.push(middle..high);
            high = middle;
        } else {
            ranges.push(low..middle);
            low = middle;
            if start < middle {
                // The subtree straddles the split. Its left part is that whole left side, just recorded; what
                // remains must be given as well, because the verifier knows only the hash over both.
                start = middle;
                divided = true;
            }
        }
    }
    if divided {
        ranges.push(low..high);
    }
    ranges.reverse();
    Some(ranges)
}

/// RFC 6962 §2.1: the largest power of two smaller than `width`. Widths below 2 have no split; they give 0, and no
/// caller asks for one.
pub(crate) const fn split_point(width: u64) -> u64 {
    match width.saturating_sub(1).checked_ilog2() {
        Some(bits) => 1_u64.unbounded_shl(bits),
        None => 0,
    }
}

/// Proves that `subtree` is part of the tree of the first `size` leaves.
///
/// # Errors
/// [`ProveError::TreeTooLarge`], [`ProveError::OutOfRange`] when the subtree does not lie in the tree, or
/// [`ProveError::Read`].
pub fn prove_subtree<R: NodeReader>(
    subtree: &Subtree,
    size: u64,
    nodes: &R,
) -> Result<Proof, ProveError<R::Error>> {
    if size > MAX_TREE_SIZE {
        return Err(ProveError::TreeTooLarge { size });
    }
    let end = subtree.end();
    let ranges = proof_ranges(subtree, size).ok_or(ProveError::OutOfRange { end, size })?;
    let hashes = ranges
        .into_iter()
        .map(|range| range_hash(range.start, range.end, nodes))
        .collect::<Result<_, _>>()
        .map_err(ProveError::Read)?;
    Ok(Proof(hashes))
}

/// Verifies that the subtree with hash `hash` is part of the tree of `size` leaves with root `root`.
///
/// The number of hashes that position and size need is computed first and must be met exactly. Does not allocate.
///
/// What it does not prove: that `root` is anybody's root, or that `size` belongs to it. Both must come from a
/// verified checkpoint.
///
/// # Errors
/// [`VerifyError`] says which check failed.
pub fn verify_subtree(
    subtree: &Subtree,
    hash: &Hash,
    size: u64,
    root: &Hash,
    proof: &Proof,
) -> Result<(), VerifyError> {
    if size > MAX_TREE_SIZE {
        return Err(VerifyError::TreeTooLarge { size });
    }
    let end = subtree.end();
    if end > size {
        return Err(VerifyError::OutOfRange { end, size });
    }
    let climb = Climb::new(subtree, size);
    let expected = climb.hashes();
    let found = proof.0.len();
    if u64::try_from(found) != Ok(expected) {
        return Err(VerifyError::WrongLength { expected, found });
    }
    climb.run(hash, root, &proof.0)
}

/// The way from a subtree up to the root, in node coordinates of the level where the proof's first hash applies.
struct Climb {
    /// Node that holds the first leaf of the subtree.
    first: u64,
    /// Node that holds the last leaf of the subtree.
    last: u64,
    /// Node that holds the last leaf of the tree.
    edge: u64,
}

impl Climb {
    /// `subtree` must lie within `size`, so that `size` is not 0.
    fn new(subtree: &Subtree, size: u64) -> Self {
        let first = subtree.start();
        let last = subtree.end().wrapping_sub(1);
        let edge = size.wrapping_sub(1);
        // Where the whole subtree becomes one node.
        let meet = bit_length(first ^ last);
        let up = if last == edge {
            // It ends where the tree ends: its own ragged edge is the tree's, and it is one node of the tree.
            meet
        } else {
            // Otherwise the largest complete node at the subtree's end is all that both trees share there.
            meet.min(last.trailing_ones())
        };
        Self {
            first: first.unbounded_shr(up),
            last: last.unbounded_shr(up),
            edge: edge.unbounded_shr(up),
        }
    }

    /// The subtree is not a node of the tree: the proof begins with the node at its end.
    const fn divided(&self) -> bool {
        self.first != self.last
    }

    /// The exact number of hashes in the proof.
    fn hashes(&self) -> u64 {
        // Below the level where the paths of `last` and `edge` meet there is a sibling on every level; above it only
        // to the left, where the path has a one bit.
        let below = bit_length(self.last ^ self.edge);
        let above = self.last.unbounded_shr(below).count_ones();
        u64::from(self.divided())
            .wrapping_add(u64::from(below))
            .wrapping_add(u64::from(above))
    }

    /// Rebuilds both hashes. `proof` must have exactly [`hashes`](Self::hashes) elements.
    fn run(mut self, hash: &Hash, root: &Hash, proof: &[Hash]) -> Result<(), VerifyError> {
        let mut siblings = proof.iter();
        let seed = match siblings.as_slice() {
            [seed, ..] if self.divided() => {
                siblings.next();
                *seed
            }
            _ => *hash,
        };
        let (mut subtree_hash, mut tree_hash) = (seed, seed);
        while self.edge > 0 {
            if self.last & 1 == 1 {
                let Some(left) = siblings.next() else { break };
                // To the left and still inside the subtree: the sibling is part of both.
                if self.first < self.last {
                    subtree_hash = node_hash(left, &subtree_hash);
                }
                tree_hash = node_hash(left, &tree_hash);
            } else if self.last < self.edge {
                let Some(right) = siblings.next() else { break };
                tree_hash = node_hash(&tree_hash, right);
            }
            // An even node on the edge has no sibling and moves up unchanged.
            self.first >>= 1;
            self.last >>= 1;
            self.edge >>= 1;
        }
        if subtree_hash != *hash {
            return Err(VerifyError::SubtreeMismatch);
        }
        if tree_hash != *root {
            return Err(VerifyError::RootMismatch);
        }
        Ok(())
    }
}

/// Number of bits up to the highest one bit.
const fn bit_length(value: u64) -> u32 {
    u64::BITS.wrapping_sub(value.leading_zeros())
}

/// Proves that leaf `index` is in the tree of the first `size` leaves (RFC 6962 §2.1.1).
///
/// # Errors
/// As [`prove_subtree`].
pub fn prove_inclusion<R: NodeReader>(
    index: u64,
    size: u64,
    nodes: &R,
) -> Result<Proof, ProveError<R::Error>> {
    let subtree = Subtree::leaf(index).map_err(|_| ProveError::OutOfRange {
        end: index.saturating_add(1),
        size,
    })?;
    prove_subtree(&subtree, size, nodes)
}

/// Verifies that `leaf`, a leaf hash, is at `index` in the tree of `size` leaves with root `root`
/// (RFC 6962 §2.1.1). Does not allocate. See [`verify_subtree`] for what it does not prove.
///
/// # Errors
/// [`VerifyError`] says which check failed.
pub fn verify_inclusion(
    index: u64,
    leaf: &Hash,
    size: u64,
    root: &Hash,
    proof: &Proof,
) -> Result<(), VerifyError> {
    let subtree = Subtree::leaf(index).map_err(|_| VerifyError::OutOfRange {
        end: index.saturating_add(1),
        size,
    })?;
    verify_subtree(&subtree, leaf, size, root, proof)
}

/// Proves that the tree of the first `size` leaves continues the one of the first `old` leaves (RFC 6962 §2.1.2).
///
/// From `old` 0, and from `size` to itself, the proof is empty.
///
/// # Errors
/// As [`prove_subtree`].
pub fn prove_consistency<R: NodeReader>(
    old: u64,
    size: u64,
    nodes: &R,
) -> Result<Proof, ProveError<R::Error>> {
    if size > MAX_TREE_SIZE {
        return Err(ProveError::TreeTooLarge { size });
    }
    if old == 0 {
        return Ok(Proof::empty());
    }
    let subtree = Subtree::prefix(old).map_err(|_| ProveError::OutOfRange { end: old, size })?;
    prove_subtree(&subtree, size, nodes)
}

/// Verifies that the tree of `size` leaves with root `root` continues the one of `old` leaves with root `old_root`
/// (RFC 6962 §2.1.2). Does not allocate.
///
/// `old` 0 needs an empty proof and the empty root; equal sizes need an empty proof and equal roots. Everything
/// continues the empty tree, so `old` 0 says nothing about `root`, except that a tree of size 0 has the empty root.
///
/// # Errors
/// [`VerifyError`] says which check failed.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &Proof,
) -> Result<(), VerifyError> {
    if old > 0 {
        let subtree =
            Subtree::prefix(old).map_err(|_| VerifyError::OutOfRange { end: old, size })?;
        return verify_subtree(&subtree, old_root, size, root, proof);
    }
    if size > MAX_TREE_SIZE {
        return Err(VerifyError::TreeTooLarge { size });
    }
    if !proof.0.is_empty() {
        return Err(VerifyError::WrongLength {
            expected: 0,
            found: proof.0.len(),
        });
    }
    if *old_root != Hash::EMPTY_ROOT {
        return Err(VerifyError::SubtreeMismatch);
    }
    if size == 0 && *root != Hash::EMPTY_ROOT {
        return Err(VerifyError::RootMismatch);
    }
    Ok(())
}
