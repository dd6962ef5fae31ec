//! The right edge of a growing tree.

use crate::{FrontierError, Hash, MAX_TREE_SIZE, TreeFull, node_hash};

/// The roots of the complete subtrees that a tree of some size splits into, largest and leftmost first.
///
/// That is everything an append-only log needs in memory to know its root: at most 62 hashes, one per one bit of the
/// size. A push costs one hash on average.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Invariant: `nodes.len() == size.count_ones()`.
    nodes: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            size: 0,
            nodes: Vec::new(),
        }
    }

    /// A tree of `size` leaves from the roots of its complete subtrees, largest first, as [`nodes`](Self::nodes)
    /// gives them. Whether the hashes are right shows only in [`root`](Self::root): compare it with a root you trust.
    ///
    /// # Errors
    /// When `size` is past [`MAX_TREE_SIZE`] or the number of hashes is not the number of one bits of `size`.
    pub fn from_parts(size: u64, nodes: Vec<Hash>) -> Result<Self, FrontierError> {
        if size > MAX_TREE_SIZE {
            return Err(FrontierError::TooLarge { size });
        }
        let expected = size.count_ones();
        if usize::try_from(expected) != Ok(nodes.len()) {
            return Err(FrontierError::WrongNodeCount {
                size,
                expected,
                found: nodes.len(),
            });
        }
        Ok(Self { size, nodes })
    }

    /// Appends one leaf hash and returns the leaf's index.
    ///
    /// # Errors
    /// [`TreeFull`] at [`MAX_TREE_SIZE`] leaves; nothing changes.
    pub fn push(&mut self, leaf: Hash) -> Result<u64, TreeFull> {
        self.push_visiting(leaf, |_, _, _| {})
    }

    /// Appends one leaf hash, shows `visit` every node that this leaf completes, and returns the leaf's index.
    ///
    /// The visitor gets `(level, index, hash)`, from the leaf itself (level 0) upwards, where the node covers the
    /// leaves `index << level .. (index + 1) << level`. Over the life of a tree each complete node is shown once,
    /// after both of its children.
    ///
    /// # Errors
    /// [`TreeFull`] at [`MAX_TREE_SIZE`] leaves; nothing changes and nothing is shown.
    pub fn push_visiting(
        &mut self,
        leaf: Hash,
        mut visit: impl FnMut(u8, u64, Hash),
    ) -> Result<u64, TreeFull> {
        let index = self.size;
        if index >= MAX_TREE_SIZE {
            return Err(TreeFull);
        }
        let (mut node, mut level, mut position) = (leaf, 0_u8, index);
        visit(level, position, node);
        // Each trailing one bit of the old size is a complete subtree that this node pairs up with.
        while position & 1 == 1
            && let Some(left) = self.nodes.pop()
        {
            node = node_hash(&left, &node);
            level = level.wrapping_add(1);
            position >>= 1;
            visit(level, position, node);
        }
        self.nodes.push(node);
        self.size = index.wrapping_add(1);
        Ok(index)
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree, [`Hash::EMPTY_ROOT`] when it has no leaves. Costs one hash per one bit of the size, less one.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.nodes
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or(Hash::EMPTY_ROOT)
    }

    /// Roots of the complete subtrees, largest first; one per one bit of the size.
    #[must_use]
    pub fn nodes(&self) -> &[Hash] {
        &self.nodes
    }
}
