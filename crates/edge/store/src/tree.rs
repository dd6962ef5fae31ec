//! The tree's hashes on disk, and the only way to read them: checked against the root in memory.
//!
//! File `tree/L` holds the hashes of tile level L (C2SP tlog-tiles), 32 bytes each, in order: the roots of
//! complete subtrees of 256^L leaves. Tile N of the level is the 8 KiB at N × 8192, and a partial tile is a
//! prefix of it, so that none is ever stored apart. Derived from the record.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use quorate_merkle::{Frontier, Hash, NodeReader, node_hash};

use crate::disk::{Disk, MODE_SHARED, Named, sync_dir};
use crate::error::{Corrupt, Damage, DiskError, Fault};

/// The directory of the tree's files.
pub(crate) const TREE_DIR: &str = "tree";

/// Tile levels 0 to 7: node levels up to 56 + 7 cover the largest tree, 2⁶² leaves.
pub(crate) const LEVELS: usize = 8;

/// Hashes of a full tile.
pub(crate) const TILE: u64 = 256;

/// Length of a hash.
pub(crate) const HASH: u64 = 32;

/// How many hashes the file of tile level `level` holds for a tree of `size` leaves.
pub(crate) const fn hashes_at(level: usize, size: u64) -> u64 {
    size >> (8 * level)
}

/// The path of the file of tile level `level`.
pub(crate) fn level_path(dir: &Path, level: usize) -> PathBuf {
    dir.join(TREE_DIR).join(level.to_string())
}

#[derive(Debug)]
pub(crate) struct Tree {
    files: Vec<Named>,
    dir: PathBuf,
    low: TileCache,
    high: TileCache,
}

/// Hashes computed by a batch, waiting to be written.
#[derive(Debug, Default)]
pub(crate) struct NewHashes {
    levels: [Vec<u8>; LEVELS],
}

impl NewHashes {
    pub(crate) fn clear(&mut self) {
        for level in &mut self.levels {
            level.clear();
        }
    }

    /// Takes a node that was completed; only those that stand in tiles are kept.
    pub(crate) fn visit(&mut self, level: u8, hash: &Hash) {
        if level.is_multiple_of(8)
            && let Some(file) = self.levels.get_mut(usize::from(level / 8))
        {
            file.extend_from_slice(hash.as_bytes());
        }
    }
}

impl Tree {
    /// Opens the files; `None` when one is missing.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, DiskError> {
        let mut files = Vec::with_capacity(LEVELS);
        for level in 0..LEVELS {
            match Named::open_existing(disk, &level_path(dir, level))? {
                Some(file) => files.push(file),
                None => return Ok(None),
            }
        }
        Ok(Some(Self::new(files, dir)))
    }

    /// Creates the files, or empties them.
    pub(crate) fn create(disk: &dyn Disk, dir: &Path) -> Result<Self, DiskError> {
        let files = (0..LEVELS)
            .map(|level| Named::create(disk, &level_path(dir, level), MODE_SHARED))
            .collect::<Result<_, _>>()?;
        sync_dir(disk, &dir.join(TREE_DIR))?;
        Ok(Self::new(files, dir))
    }

    fn new(files: Vec<Named>, dir: &Path) -> Self {
        Self {
            files,
            dir: dir.to_owned(),
            low: TileCache::new(512),
            high: TileCache::new(512),
        }
    }

    /// Cuts the files to what a tree of `size` leaves has. `false` when one is shorter than that.
    pub(crate) fn cut(&self, size: u64) -> Result<bool, Fault> {
        for (level, file) in self.files.iter().enumerate() {
            let (want, have) = (hashes_at(level, size) * HASH, file.len()?);
            if have < want {
                return Ok(false);
            }
            file.cut(want)?;
        }
        Ok(true)
    }

    /// Writes the hashes that follow a tree of `size` leaves. Not durable.
    pub(crate) fn write(&self, size: u64, new: &NewHashes) -> Result<(), DiskError> {
        for (level, (file, bytes)) in self.files.iter().zip(&new.levels).enumerate() {
            if !bytes.is_empty() {
                file.write(bytes, hashes_at(level, size) * HASH)?;
            }
        }
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), DiskError> {
        self.files.iter().try_for_each(Named::sync_data)
    }

    /// The nodes of the tree that `frontier` is the right edge of.
    pub(crate) const fn nodes<'a>(&'a self, frontier: &'a Frontier) -> Nodes<'a> {
        Nodes {
            tree: self,
            frontier,
        }
    }
}

/// Reads nodes of one tree. Every hash it returns was checked: its tile hashes to the parent tile's entry,
/// and so on up to a subtree root in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nodes<'a> {
    tree: &'a Tree,
    frontier: &'a Frontier,
}

impl NodeReader for Nodes<'_> {
    type Error = Fault;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Fault> {
        let (tile_level, within) = (usize::from(level / 8), level % 8);
        let first = index << within;
        let tile = self.tile(tile_level, first / TILE, (first % TILE) + (1 << within))?;
        let missing = || self.corrupt(tile_level, first / TILE, Damage::Short);
        tile.node(within, (first % TILE) >> within)
            .ok_or_else(missing)
    }
}

impl Nodes<'_> {
    /// The hash of the leaf at `index`, which is in the tree.
    pub(crate) fn leaf(&self, index: u64) -> Result<Hash, Fault> {
        self.node(0, index)
    }

    fn corrupt(&self, level: usize, number: u64, damage: Damage) -> Fault {
        let path = level_path(&self.tree.dir, level);
        Corrupt::new(&path, number * TILE * HASH, damage).into()
    }

    /// Tile `number` of `level`, with at least `width` of its hashes, all of which this tree has.
    pub(crate) fn tile(&self, level: usize, number: u64, width: u64) -> Result<Arc<Tile>, Fault> {
        let cache = if level == 0 {
            &self.tree.low
        } else {
            &self.tree.high
        };
        if let Some(tile) = cache.get(level, number, width) {
            return Ok(tile);
        }
        let have = hashes_at(level, self.frontier.size())
            .saturating_sub(number * TILE)
            .min(TILE);
        let (Some(file), true) = (self.tree.files.get(level), (width..=TILE).contains(&have))
        else {
            return Err(self.corrupt(level, number, Damage::Short));
        };
        let mut bytes = vec![0; (have * HASH) as usize];
        file.read(&mut bytes, number * TILE * HASH)?;
        let tile = Arc::new(Tile::new(&bytes));
        if !self.leads_to_root(level, number, have, &tile)? {
            return Err(self.corrupt(level, number, Damage::Tile));
        }
        cache.put(level, number, &tile);
        Ok(tile)
    }

    fn leads_to_root(
        &self,
        level: usize,
        number: u64,
        width: u64,
        tile: &Tile,
    ) -> Result<bool, Fault> {
        if width == TILE {
            let parent = self.tile(level + 1, number / TILE, number % TILE + 1)?;
            return Ok(tile.node(8, 0) == parent.node(0, number % TILE));
        }
        // The rightmost tile of its level: each of its largest complete subtrees is one of the frontier's.
        let size = self.frontier.size();
        let mut start = 0;
        for within in (0..8_u8).rev().filter(|b| width >> b & 1 == 1) {
            let above = size
                .checked_shr(8 * level as u32 + u32::from(within) + 1)
                .unwrap_or(0);
            let peak = self.frontier.nodes().get(above.count_ones() as usize);
            if peak.copied() != tile.node(within, start >> within) {
                return Ok(false);
            }
            start += 1 << within;
        }
        Ok(true)
    }
}

/// A tile and the nodes inside it, computed.
#[derive(Debug)]
pub(crate) struct Tile {
    /// `levels[k]` are the complete subtrees of 2^k of the tile's hashes.
    levels: Vec<Vec<Hash>>,
}

impl Tile {
    fn new(bytes: &[u8]) -> Self {
        let (hashes, _) = bytes.as_chunks::<32>();
        let mut levels: Vec<Vec<Hash>> =
            vec![hashes.iter().map(|h| Hash::from_bytes(*h)).collect()];
        while let Some(below) = levels.last().filter(|l| l.len() > 1) {
            let (pairs, _) = below.as_chunks::<2>();
            levels.push(
                pairs
                    .iter()
                    .map(|[left, right]| node_hash(left, right))
                    .collect(),
            );
        }
        Self { levels }
    }

    fn node(&self, within: u8, index: u64) -> Option<Hash> {
        let index = usize::try_from(index).ok()?;
        self.levels.get(usize::from(within))?.get(index).copied()
    }

    /// The tile's own hashes.
    pub(crate) fn hashes(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }
}

/// Checked tiles. A tile once checked stays right for good, because the tree only grows; a wider version
/// of it takes its place.
#[derive(Debug)]
struct TileCache {
    capacity: usize,
    tiles: Mutex<Tiles>,
}

#[derive(Debug, Default)]
struct Tiles {
    clock: u64,
    tiles: HashMap<(usize, u64), (Arc<Tile>, u64)>,
}

impl TileCache {
    fn new(capacity: usize) -> Self {
        Self {
            capacity,
            tiles: Mutex::default(),
        }
    }

    fn get(&self, level: usize, number: u64, width: u64) -> Option<Arc<Tile>> {
        let mut tiles = self.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        tiles.clock += 1;
        let clock = tiles.clock;
        let (tile, used) = tiles.tiles.get_mut(&(level, number))?;
        *used = clock;
        (tile.hashes().len() as u64 >= width).then(|| Arc::clone(tile))
    }

    fn put(&self, level: usize, number: u64, tile: &Arc<Tile>) {
        let mut tiles = self.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        let clock = tiles.clock;
        if tiles.tiles.len() >= self.capacity {
            // Throw out the older half at once: the scan is paid for by the tiles read since the last one.
            let mut ages: Vec<u64> = tiles.tiles.values().map(|(_, used)| *used).collect();
            let middle = ages.len() / 2;
            let (_, median, _) = ages.select_nth_unstable(middle);
            let median = *median;
            tiles.tiles.retain(|_, (_, used)| *used > median);
        }
        tiles
            .tiles
            .insert((level, number), (Arc::clone(tile), clock));
    }
}
