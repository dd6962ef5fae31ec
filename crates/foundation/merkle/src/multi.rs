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

use core::convert::Infallible;

use crate::node::range_hash;
use crate::proof::split_point;
use crate::{Hash, MAX_TREE_SIZE, NodeReader, ProveError, TargetsError, VerifyError, node_hash};

/// The most leaves one multi-proof may be about: 2^20.
pub const MAX_MULTI_LEAVES: usize = 1 << 20;

/// The most hashes a multi-proof may have: 2^20, 32 MiB.
///
/// `m` leaves spread as far as possible through a tree of 2^h need m·(h − log2 m) hashes, so this is what 2^16 leaves
/// need at worst in a tree of 2^32: 2^16 · (32 − 16). Leaves that stand side by side need far fewer.
pub const MAX_MULTI_HASHES: usize = 1 << 20;

/// Which leaves: runs of neighbours, each as long as it can be, rising. There is one way to write a set of leaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeafRuns {
    runs: Vec<Run>,
    leaves: usize,
}

impl LeafRuns {
    /// From `(first leaf, number of leaves)`.
    ///
    /// # Errors
    /// [`TargetsError`]: there is none, a run is empty, or does not leave a gap behind the one before it, or there are
    /// more than [`MAX_MULTI_LEAVES`] leaves.
    pub fn new(runs: impl IntoIterator<Item = (u64, u64)>) -> Result<Self, TargetsError> {
        let mut built = Self {
            runs: Vec::new(),
            leaves: 0,
        };
        for (first, count) in runs {
            let joins = built.runs.last().is_some_and(|(_, end)| first <= *end);
            if joins || count == 0 {
                return Err(TargetsError::NotIncreasing { index: first });
            }
            built.add(first, count)?;
        }
        built.not_empty()
    }

    /// From indices that rise strictly.
    ///
    /// # Errors
    /// [`TargetsError`].
    pub fn of_indices(indices: impl IntoIterator<Item = u64>) -> Result<Self, TargetsError> {
        let mut built = Self {
            runs: Vec::new(),
            leaves: 0,
        };
        for index in indices {
            match built.runs.last_mut() {
                Some((_, end)) if index < *end => {
                    return Err(TargetsError::NotIncreasing { index });
                }
                Some((_, end)) if index == *end && index < MAX_TREE_SIZE => {
                    *end = index.saturating_add(1);
                    built.count(1)?;
                }
                _ => built.add(index, 1)?,
            }
        }
        built.not_empty()
    }

    fn add(&mut self, first: u64, count: u64) -> Result<(), TargetsError> {
        self.count(count)?;
        // Past the end of every tree, so no run ends where another number would be needed.
        let end = first.saturating_add(count);
        if end > MAX_TREE_SIZE {
            return Err(TargetsError::PastEveryTree { index: first });
        }
        self.runs.push((first, end));
        Ok(())
    }

    /// In 64 bits, so that a list is refused with one number on every machine.
    fn count(&mut self, more: u64) -> Result<(), TargetsError> {
        let found = (self.leaves as u64).saturating_add(more);
        match usize::try_from(found) {
            Ok(leaves) if leaves <= MAX_MULTI_LEAVES => {
                self.leaves = leaves;
                Ok(())
            }
            _ => Err(TargetsError::TooMany { found }),
        }
    }

    fn not_empty(self) -> Result<Self, TargetsError> {
        if self.runs.is_empty() {
            return Err(TargetsError::Empty);
        }
        Ok(self)
    }

    /// `(first leaf, number of leaves)`, rising.
    pub fn runs(&self) -> impl ExactSizeIterator<Item = (u64, u64)> + '_ {
        self.runs
            .iter()
            .map(|(first, end)| (*first, end.wrapping_sub(*first)))
    }

    /// Every leaf, rising.
    pub fn indices(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs.iter().flat_map(|(first, end)| *first..*end)
    }

    /// How many leaves, at least one.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.leaves
    }

    /// Exclusive end of the last run.
    fn end(&self) -> u64 {
        self.runs.last().map_or(0, |(_, end)| *end)
    }
}

/// The hashes of a multi-proof, left to right. Holding one says nothing about validity; only [`verify_runs`] does.
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
/// As [`prove_runs`].
pub fn prove_many<R: NodeReader>(
    indices: &[u64],
    size: u64,
    nodes: &R,
) -> Result<MultiProof, ProveError<R::Error>> {
    if size > MAX_TREE_SIZE {
        return Err(ProveError::TreeTooLarge { size });
    }
    if let Some(last) = indices.last()
        && *last >= size
    {
        let end = last.saturating_add(1);
        return Err(ProveError::OutOfRange { end, size });
    }
    let runs = LeafRuns::of_indices(indices.iter().copied())?;
    prove_runs(&runs, size, nodes)
}

/// Proves that these leaves are in the tree of the first `size` leaves.
///
/// # Errors
/// [`ProveError::TreeTooLarge`], [`ProveError::OutOfRange`], [`ProveError::Targets`] when they are too far apart, or
/// [`ProveError::Read`].
pub fn prove_runs<R: NodeReader>(
    runs: &LeafRuns,
    size: u64,
    nodes: &R,
) -> Result<MultiProof, ProveError<R::Error>> {
    if size > MAX_TREE_SIZE {
        return Err(ProveError::TreeTooLarge { size });
    }
    if runs.end() > size {
        let end = runs.end();
        return Err(ProveError::OutOfRange { end, size });
    }
    let count = count_hashes(0, size, &runs.runs, MAX_MULTI_HASHES as u64);
    let capacity = allowed(count).ok_or(TargetsError::TooSpread)?;
    let mut hashes = Vec::with_capacity(capacity);
    collect(0, size, &runs.runs, nodes, &mut hashes).map_err(ProveError::Read)?;
    Ok(MultiProof(hashes))
}

/// Verifies that each `(index, leaf hash)`, indices strictly increasing, is in the tree of `size` leaves with root
/// `root`.
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
    if let Some((last, _)) = leaves.last()
        && *last >= size
    {
        let end = last.saturating_add(1);
        return Err(VerifyError::OutOfRange { end, size });
    }
    let runs = LeafRuns::of_indices(leaves.iter().map(|(index, _)| *index))?;
    let mut hashes = leaves.iter().map(|(_, hash)| *hash);
    // There are as many as the runs name.
    let next = || Ok::<_, Infallible>(hashes.next().unwrap_or(Hash::EMPTY_ROOT));
    match verify_runs(&runs, size, root, proof, next) {
        Ok(()) => Ok(()),
        Err(RunsError::Proof(error)) => Err(error),
        Err(RunsError::Leaf(never)) => match never {},
    }
}

/// Why leaves that are read one after another are not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunsError<E> {
    /// The proof does not verify.
    #[error(transparent)]
    Proof(VerifyError),
    /// A leaf could not be had. The proof was not judged.
    #[error("a leaf: {0}")]
    Leaf(E),
}

/// Verifies that these leaves are in the tree of `size` leaves with root `root`. `next` gives their hashes in order and is
/// called once for each, so that they need not be held all at once.
///
/// The number of hashes the proof must have is computed first and must be met exactly. See
/// [`verify_subtree`](crate::verify_subtree) for what it does not prove.
///
/// # Errors
/// [`RunsError::Proof`] says which check failed; before the first call of `next` unless it is
/// [`VerifyError::RootMismatch`]. [`RunsError::Leaf`] is the first error of `next`.
pub fn verify_runs<E>(
    runs: &LeafRuns,
    size: u64,
    root: &Hash,
    proof: &MultiProof,
    mut next: impl FnMut() -> Result<Hash, E>,
) -> Result<(), RunsError<E>> {
    if size > MAX_TREE_SIZE {
        return Err(RunsError::Proof(VerifyError::TreeTooLarge { size }));
    }
    if runs.end() > size {
        let end = runs.end();
        return Err(RunsError::Proof(VerifyError::OutOfRange { end, size }));
    }
    let found = proof.0.len();
    // Counting goes on only as far as a proof can be long, whatever the runs ask for.
    let expected = count_hashes(0, size, &runs.runs, MAX_MULTI_HASHES as u64);
    if u64::try_from(found) != Ok(expected) {
        let error = VerifyError::WrongLength { expected, found };
        return Err(RunsError::Proof(error));
    }
    let mut siblings = proof.0.iter();
    let rebuilt =
        rebuild(0, size, &runs.runs, &mut siblings, &mut next).map_err(RunsError::Leaf)?;
    if rebuilt != Some(*root) {
        return Err(RunsError::Proof(VerifyError::RootMismatch));
    }
    Ok(())
}

fn allowed(count: u64) -> Option<usize> {
    usize::try_from(count)
        .ok()
        .filter(|count| *count <= MAX_MULTI_HASHES)
}

/// First leaf, and the end, exclusive.
type Run = (u64, u64);

/// The middle of a range, and the runs that reach into either side. The range must be at least 2 wide.
fn halves(low: u64, high: u64, runs: &[Run]) -> (u64, &[Run], &[Run]) {
    let middle = low.wrapping_add(split_point(high.wrapping_sub(low)));
    let (left, _) = runs.split_at(runs.partition_point(|(first, _)| *first < middle));
    let (_, right) = runs.split_at(runs.partition_point(|(_, end)| *end <= middle));
    (middle, left, right)
}

/// Whether the runs name every leaf of the range. They leave gaps, so one of them does it alone.
fn is_covered(low: u64, high: u64, runs: &[Run]) -> bool {
    matches!(runs, [(first, end)] if *first <= low && *end >= high)
}

// The three recursions below go at most 62 deep, once per level of the tree, and visit at most two ranges per level
// and end of a run; `rebuild` visits each named leaf too.

/// How many hashes a proof has. Beyond `limit` it is some larger number.
fn count_hashes(low: u64, high: u64, runs: &[Run], limit: u64) -> u64 {
    if runs.is_empty() {
        return 1;
    }
    if is_covered(low, high, runs) {
        return 0;
    }
    let (middle, left, right) = halves(low, high, runs);
    let count = count_hashes(low, middle, left, limit);
    match limit.checked_sub(count) {
        Some(rest) => count.wrapping_add(count_hashes(middle, high, right, rest)),
        None => count,
    }
}

fn collect<R: NodeReader>(
    low: u64,
    high: u64,
    runs: &[Run],
    nodes: &R,
    hashes: &mut Vec<Hash>,
) -> Result<(), R::Error> {
    if runs.is_empty() {
        hashes.push(range_hash(low, high, nodes)?);
        return Ok(());
    }
    if is_covered(low, high, runs) {
        return Ok(());
    }
    let (middle, left, right) = halves(low, high, runs);
    collect(low, middle, left, nodes, hashes)?;
    collect(middle, high, right, nodes, hashes)
}

fn rebuild<E>(
    low: u64,
    high: u64,
    runs: &[Run],
    siblings: &mut core::slice::Iter<'_, Hash>,
    next: &mut impl FnMut() -> Result<Hash, E>,
) -> Result<Option<Hash>, E> {
    if runs.is_empty() {
        return Ok(siblings.next().copied());
    }
    if high.wrapping_sub(low) == 1 {
        return next().map(Some);
    }
    let (middle, left, right) = halves(low, high, runs);
    let left = rebuild(low, middle, left, siblings, next)?;
    let right = rebuild(middle, high, right, siblings, next)?;
    Ok(left
        .zip(right)
        .map(|(left, right)| node_hash(&left, &right)))
}
