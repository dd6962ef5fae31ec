//! Where tree hashes are read from, and the hashes of ranges of leaves.

use core::num::NonZero;

use crate::{Frontier, Hash, MAX_TREE_SIZE, ProveError, Subtree, TILE_HEIGHT, node_hash};

/// A source of complete tree nodes.
pub trait NodeReader {
    /// Why a node could not be read.
    type Error;

    /// The node that covers the leaves `index << level .. (index + 1) << level`: in the words of RFC 6962,
    /// `MTH(D[index << level : (index + 1) << level])`.
    ///
    /// The functions of this crate ask only for nodes that lie completely inside the tree size they were given, so
    /// `level` is at most 62.
    ///
    /// # Errors
    /// The implementation's own. A wrong hash is not an error here; it makes proofs that do not verify.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

impl<R: NodeReader + ?Sized> NodeReader for &R {
    type Error = R::Error;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        (**self).node(level, index)
    }
}

/// A source of the hashes that tiles store: every eighth level of the tree.
pub trait TileHashes {
    /// Why hashes could not be read.
    type Error;

    /// Fills `out` with the hashes `start ..` of tile level `tile_level`, which is node level `8 * tile_level`.
    ///
    /// [`TileNodes`] asks for runs of 1 to 128 hashes that never cross the border of a tile, and only for hashes
    /// that are complete in the tree size a proof is made for.
    ///
    /// # Errors
    /// The implementation's own. What `out` holds afterwards does not matter then.
    fn read(&self, tile_level: u8, start: u64, out: &mut [Hash]) -> Result<(), Self::Error>;
}

impl<S: TileHashes + ?Sized> TileHashes for &S {
    type Error = S::Error;

    fn read(&self, tile_level: u8, start: u64, out: &mut [Hash]) -> Result<(), Self::Error> {
        (**self).read(tile_level, start, out)
    }
}

/// Reads any node from tiles: takes the 2^(level mod 8) stored hashes below it and hashes them together.
#[derive(Clone, Copy, Debug)]
pub struct TileNodes<S>(pub S);

impl<S: TileHashes> NodeReader for TileNodes<S> {
    type Error = S::Error;

    fn node(&self, level: u8, index: u64) -> Result<Hash, S::Error> {
        let tile_level = level.wrapping_div(TILE_HEIGHT);
        let height = level.wrapping_rem(TILE_HEIGHT);
        // At most 2^7 hashes: eight levels up the next tile level has the node itself.
        let mut buffer = [Hash::EMPTY_ROOT; 128];
        let (below, _) = buffer.split_at_mut(1_usize.unbounded_shl(u32::from(height)));
        self.0
            .read(tile_level, index.unbounded_shl(u32::from(height)), below)?;
        Ok(root_of_leaf_hashes(below))
    }
}

/// A small tree in memory, given by all of its leaf hashes. Reading a node hashes all the leaves below it.
#[derive(Clone, Copy, Debug)]
pub struct LeafHashes<'a>(pub &'a [Hash]);

/// The node is not completely inside the leaves given. The fault is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node {index} of level {level} is not inside the {leaves} leaves given")]
pub struct LeafOutOfRange {
    /// Level asked for.
    pub level: u8,
    /// Index asked for.
    pub index: u64,
    /// Number of leaves there are.
    pub leaves: usize,
}

impl NodeReader for LeafHashes<'_> {
    type Error = LeafOutOfRange;

    fn node(&self, level: u8, index: u64) -> Result<Hash, LeafOutOfRange> {
        let range = || {
            let width = 1_usize.checked_shl(u32::from(level))?;
            let start = usize::try_from(index).ok()?.checked_mul(width)?;
            self.0.get(start..start.checked_add(width)?)
        };
        range().map(root_of_leaf_hashes).ok_or(LeafOutOfRange {
            level,
            index,
            leaves: self.0.len(),
        })
    }
}

/// Root of the tree with these leaf hashes: `MTH` of RFC 6962 §2.1. Costs one hash per leaf.
#[must_use]
pub fn root_of_leaf_hashes(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_ROOT,
        [leaf] => *leaf,
        [left, right] => node_hash(left, right),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().div_ceil(2).next_power_of_two());
            node_hash(&root_of_leaf_hashes(left), &root_of_leaf_hashes(right))
        }
    }
}

/// Root of the tree of the first `size` leaves.
///
/// # Errors
/// [`ProveError::TreeTooLarge`], or [`ProveError::Read`] from the reader.
pub fn root_at<R: NodeReader>(size: u64, nodes: &R) -> Result<Hash, ProveError<R::Error>> {
    if size > MAX_TREE_SIZE {
        return Err(ProveError::TreeTooLarge { size });
    }
    range_hash(0, size, nodes).map_err(ProveError::Read)
}

/// Hash of a subtree, which is what a subtree proof is about.
///
/// # Errors
/// The reader's.
pub fn subtree_hash<R: NodeReader>(subtree: &Subtree, nodes: &R) -> Result<Hash, R::Error> {
    range_hash(subtree.start(), subtree.end(), nodes)
}

impl Frontier {
    /// The frontier of the tree of the first `size` leaves, read from its nodes. One read per one bit of `size`.
    ///
    /// # Errors
    /// [`ProveError::TreeTooLarge`], or [`ProveError::Read`] from the reader.
    pub fn read<R: NodeReader>(size: u64, nodes: &R) -> Result<Self, ProveError<R::Error>> {
        let mut edge = Vec::new();
        if size <= MAX_TREE_SIZE {
            for (level, index) in complete_nodes(0, size) {
                edge.push(nodes.node(level, index).map_err(ProveError::Read)?);
            }
            edge.reverse();
        }
        Self::from_parts(size, edge).map_err(|_| ProveError::TreeTooLarge { size })
    }
}

/// The complete nodes that the range splits into, smallest and rightmost first. `start` must be a multiple of the
/// smallest power of two that is not below `end - start`, so that each is a node of the tree.
fn complete_nodes(start: u64, end: u64) -> impl Iterator<Item = (u8, u64)> {
    let mut rest = end.saturating_sub(start);
    core::iter::from_fn(move || {
        let level = NonZero::new(rest)?.trailing_zeros();
        // Clearing the lowest one bit leaves what lies to the left of this node.
        rest &= rest.wrapping_sub(1);
        let index = start.wrapping_add(rest).unbounded_shr(level);
        Some((u8::try_from(level).ok()?, index))
    })
}

/// `MTH(D[start:end])` for a range that is aligned as [`complete_nodes`] needs it.
pub(crate) fn range_hash<R: NodeReader>(start: u64, end: u64, nodes: &R) -> Result<Hash, R::Error> {
    let mut right: Option<Hash> = None;
    for (level, index) in complete_nodes(start, end) {
        let left = nodes.node(level, index)?;
        right = Some(right.map_or(left, |right| node_hash(&left, &right)));
    }
    Ok(right.unwrap_or(Hash::EMPTY_ROOT))
}
