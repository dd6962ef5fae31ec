//! The geometry of a tiled log: which tiles and entry bundles a tree of some size has (`tlog-tiles`, "Merkle Tree").

use crate::{Hash, MAX_TREE_SIZE};

/// Levels of the tree that one tile spans.
pub const TILE_HEIGHT: u8 = 8;

/// Hashes in a full tile and entries in a full bundle.
pub const TILE_WIDTH: u16 = 1 << TILE_HEIGHT;

const WIDTH: u64 = TILE_WIDTH as u64;

/// The highest tile level a tree of [`MAX_TREE_SIZE`] leaves has: 256^7 = 2^56 fits in it, 256^8 does not.
pub(crate) const MAX_TILE_LEVEL: u8 = 7;

/// A tile of hashes: level, index within the level, and how many hashes it holds (256 when full).
///
/// Hash `i` of it is the node that covers the leaves `(256·index + i) · 256^level ..` up to where hash `i + 1` begins.
/// A value names a tile that some tree within [`MAX_TREE_SIZE`] has; an empty or impossible tile has no value.
///
/// Displays as, and parses from, its path below `tile/`: `0/x001/067.p/112`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

/// A bundle of entries: index, and how many entries it holds (256 when full).
///
/// Entry `i` of it is leaf `256·index + i`, so a bundle has the same place as a tile of level 0.
///
/// Displays as, and parses from, its path below `tile/`: `entries/x001/067.p/112`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId(TileId);

/// No tree has such a tile or bundle, or the bytes are not one. The fault is in what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// A width of 0 or more than 256.
    #[error("a tile holds 1 to 256 hashes, not {width}")]
    Width {
        /// The width given.
        width: u16,
    },
    /// The tile would cover leaves past [`MAX_TREE_SIZE`].
    #[error("no tree of at most 2^62 leaves has tile {index} of level {level} with {width} hashes")]
    OutOfReach {
        /// The level given.
        level: u8,
        /// The index given.
        index: u64,
        /// The width given.
        width: u16,
    },
    /// The tile's bytes have another length than its width asks for.
    #[error("a tile of {width} hashes has {expected} bytes, not {found}")]
    Length {
        /// The tile's width.
        width: u16,
        /// 32 · width.
        expected: usize,
        /// Number of bytes given.
        found: usize,
    },
}

impl TileId {
    /// Names the tile `index` of `level` with `width` hashes.
    ///
    /// # Errors
    /// [`TileError::Width`] or [`TileError::OutOfReach`].
    pub const fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        if width == 0 || width > TILE_WIDTH {
            return Err(TileError::Width { width });
        }
        let out_of_reach = Err(TileError::OutOfReach {
            level,
            index,
            width,
        });
        // The last hash ends at (256·index + width) · 256^level leaves.
        let Some(hashes) = index.checked_mul(WIDTH) else {
            return out_of_reach;
        };
        let Some(hashes) = hashes.checked_add(width as u64) else {
            return out_of_reach;
        };
        if level > MAX_TILE_LEVEL || hashes > hashes_at(level, MAX_TREE_SIZE) {
            return out_of_reach;
        }
        Ok(Self {
            level,
            index,
            width,
        })
    }

    /// The tile `index` of `level` as a tree of `size` leaves has it: full, partial, or not at all. Partial width is
    /// floor(size / 256^level) mod 256 (`tlog-tiles`, "Partial Tiles").
    #[must_use]
    pub const fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        if size > MAX_TREE_SIZE || level > MAX_TILE_LEVEL {
            return None;
        }
        let Some(start) = index.checked_mul(WIDTH) else {
            return None;
        };
        let width = hashes_at(level, size).saturating_sub(start);
        if width == 0 {
            return None;
        }
        let width = if width < WIDTH {
            width as u16
        } else {
            TILE_WIDTH
        };
        Some(Self {
            level,
            index,
            width,
        })
    }

    /// Tile level: 0 holds leaf hashes, each next one the roots of full tiles of the one below.
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// Index within the level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds 256 hashes and will never change.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The same tile when it is full; a client falls back to it when a partial one is gone. `None` when no tree
    /// within [`MAX_TREE_SIZE`] fills it.
    #[must_use]
    pub const fn to_full(self) -> Option<Self> {
        match Self::new(self.level, self.index, TILE_WIDTH) {
            Ok(full) => Some(full),
            Err(_) => None,
        }
    }

    /// Index, within the tile level, of the tile's first hash: 256·index.
    #[must_use]
    pub const fn first_hash(&self) -> u64 {
        self.index.wrapping_mul(WIDTH)
    }

    /// The smallest tree that has this tile at this width.
    #[must_use]
    pub const fn needs_size(&self) -> u64 {
        let hashes = self.first_hash().wrapping_add(self.width as u64);
        hashes.unbounded_shl(bits_below(self.level))
    }

    /// Whether a tree of `size` leaves has all of this tile's hashes.
    #[must_use]
    pub const fn is_within(&self, size: u64) -> bool {
        self.needs_size() <= size
    }

    /// Length of the tile in bytes.
    #[must_use]
    pub const fn byte_len(&self) -> usize {
        (self.width as usize).wrapping_mul(Hash::LEN)
    }
}

impl BundleId {
    /// Names the bundle `index` with `width` entries.
    ///
    /// # Errors
    /// [`TileError::Width`] or [`TileError::OutOfReach`].
    pub const fn new(index: u64, width: u16) -> Result<Self, TileError> {
        match TileId::new(0, index, width) {
            Ok(tile) => Ok(Self(tile)),
            Err(error) => Err(error),
        }
    }

    /// The bundle `index` as a tree of `size` leaves has it: full, partial, or not at all.
    #[must_use]
    pub const fn in_tree(index: u64, size: u64) -> Option<Self> {
        match TileId::in_tree(0, index, size) {
            Some(tile) => Some(Self(tile)),
            None => None,
        }
    }

    /// Index of the bundle.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.0.index
    }

    /// Number of entries, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.0.width
    }

    /// Whether it holds 256 entries and will never change.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// Leaf index of the first entry.
    #[must_use]
    pub const fn first_entry(&self) -> u64 {
        self.0.first_hash()
    }

    /// The tile of level 0 that holds the leaf hashes of these entries.
    #[must_use]
    pub const fn tile(&self) -> TileId {
        self.0
    }

    /// Whether a tree of `size` leaves has all of these entries.
    #[must_use]
    pub const fn is_within(&self, size: u64) -> bool {
        self.0.is_within(size)
    }
}

/// Levels of the tree below a tile level.
const fn bits_below(tile_level: u8) -> u32 {
    (tile_level as u32).wrapping_mul(TILE_HEIGHT as u32)
}

/// Hashes that tile level `tile_level` has in a tree of `size` leaves: floor(size / 256^level).
const fn hashes_at(tile_level: u8, size: u64) -> u64 {
    size.unbounded_shr(bits_below(tile_level))
}

/// Every tile of a tree of `size` leaves, level by level: full ones, and at most one partial one per level. None for
/// a size past [`MAX_TREE_SIZE`].
pub fn tiles_for_size(size: u64) -> impl Iterator<Item = TileId> + Clone {
    tiles_grown(0, size)
}

/// The tiles of a tree of `new` leaves that a tree of `old` leaves does not have, or has at a smaller width: what a
/// log has to write when it grows. None when it does not grow.
pub fn tiles_grown(old: u64, new: u64) -> impl Iterator<Item = TileId> + Clone {
    (0..=MAX_TILE_LEVEL).flat_map(move |level| level_grown(level, old, new))
}

/// Every entry bundle of a tree of `size` leaves; the last one may be partial.
pub fn bundles_for_size(size: u64) -> impl Iterator<Item = BundleId> + Clone {
    bundles_grown(0, size)
}

/// The bundles of a tree of `new` leaves that a tree of `old` leaves does not have, or has at a smaller width.
pub fn bundles_grown(old: u64, new: u64) -> impl Iterator<Item = BundleId> + Clone {
    level_grown(0, old, new).map(BundleId)
}

fn level_grown(level: u8, old: u64, new: u64) -> impl Iterator<Item = TileId> + Clone {
    let (old_hashes, new_hashes) = (hashes_at(level, old), hashes_at(level, new));
    let tiles = if old_hashes < new_hashes && new <= MAX_TREE_SIZE {
        old_hashes / WIDTH..new_hashes.div_ceil(WIDTH)
    } else {
        0..0
    };
    tiles.filter_map(move |index| TileId::in_tree(level, index, new))
}

/// Reads a tile's bytes: exactly `width` hashes of 32 bytes (`tlog-tiles`: a full tile is 8,192 bytes).
///
/// # Errors
/// [`TileError::Length`].
pub fn decode_hashes(tile: &TileId, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    if bytes.len() != tile.byte_len() {
        return Err(TileError::Length {
            width: tile.width,
            expected: tile.byte_len(),
            found: bytes.len(),
        });
    }
    let (hashes, _) = bytes.as_chunks::<{ Hash::LEN }>();
    Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// A tile's bytes: the hashes one after the other.
#[must_use]
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::as_bytes).copied().collect()
}
