//! Errors shared by the tree's operations. None of them leaves anything changed.

/// A [`Frontier`](crate::Frontier) cannot be made from these parts. The fault is in the parts: nothing was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrontierError {
    /// More leaves than a tree may have.
    #[error("a tree of {size} leaves is larger than 2^62")]
    TooLarge {
        /// The size that was asked for.
        size: u64,
    },
    /// The right edge of a tree of this size has another number of complete subtrees.
    #[error("a tree of {size} leaves has {expected} complete subtrees on its edge, not {found}")]
    WrongNodeCount {
        /// The size that was asked for.
        size: u64,
        /// Number of one bits of `size`.
        expected: u32,
        /// Number of hashes given.
        found: usize,
    },
}

/// The tree has [`MAX_TREE_SIZE`](crate::MAX_TREE_SIZE) leaves; the leaf was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tree is full at 2^62 leaves")]
pub struct TreeFull;

/// A proof cannot be made. Unless it is [`ProveError::Read`], the fault is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError<E> {
    /// More leaves than a tree may have.
    #[error("a tree of {size} leaves is larger than 2^62")]
    TreeTooLarge {
        /// The tree size asked for.
        size: u64,
    },
    /// What should be proven reaches past the end of the tree.
    #[error("leaf range ends at {end}, the tree at {size}")]
    OutOfRange {
        /// Exclusive end of the leaf range.
        end: u64,
        /// The tree size asked for.
        size: u64,
    },
    /// The list of leaves for a multi-proof is not acceptable.
    #[error("leaves to prove: {0}")]
    Targets(#[from] TargetsError),
    /// A hash could not be read.
    #[error("reading a tree node: {0}")]
    Read(#[source] E),
}

/// A proof does not verify. Whoever made the proof, or whoever named the root, is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// More leaves than a tree may have.
    #[error("a tree of {size} leaves is larger than 2^62")]
    TreeTooLarge {
        /// The claimed tree size.
        size: u64,
    },
    /// What should be proven reaches past the end of the tree.
    #[error("leaf range ends at {end}, the tree at {size}")]
    OutOfRange {
        /// Exclusive end of the leaf range.
        end: u64,
        /// The claimed tree size.
        size: u64,
    },
    /// The list of leaves for a multi-proof is not acceptable.
    #[error("leaves to verify: {0}")]
    Targets(#[from] TargetsError),
    /// Position and size fix the length of a proof, and this one has another.
    #[error("the proof has {found} hashes, position and size need {expected}")]
    WrongLength {
        /// Number of hashes that position and size need.
        expected: u64,
        /// Number of hashes in the proof.
        found: usize,
    },
    /// The proof does not rebuild the hash of the subtree, or of the older tree.
    #[error("the proof does not lead to the hash of the subtree or older tree")]
    SubtreeMismatch,
    /// The proof does not rebuild the root.
    #[error("the proof does not lead to the root")]
    RootMismatch,
}

/// A list of leaves for a multi-proof is not acceptable. The fault is in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetsError {
    /// A proof of no leaves would prove nothing.
    #[error("no leaves are named")]
    Empty,
    /// More leaves than [`MAX_MULTI_LEAVES`](crate::MAX_MULTI_LEAVES).
    #[error("{found} leaves are named, at most 1048576 are allowed")]
    TooMany {
        /// Number of leaves named.
        found: u64,
    },
    /// Indices must rise strictly; a repeated or earlier index follows.
    #[error("leaf {index} does not come after the one before it")]
    NotIncreasing {
        /// The offending index.
        index: u64,
    },
    /// A leaf beyond [`MAX_TREE_SIZE`](crate::MAX_TREE_SIZE).
    #[error("leaf {index} or one that follows it is past the end of every tree")]
    PastEveryTree {
        /// The first of its run.
        index: u64,
    },
    /// The leaves lie so far apart that more than [`MAX_MULTI_HASHES`](crate::MAX_MULTI_HASHES) would be needed.
    #[error("the proof would need more than 2^20 hashes")]
    TooSpread,
}
