//! The tree behind a checkpoint, from the log's tiles. No hash is given out that does not lead to the root.
//!
//! The tiles at the right edge, one a level, hash together to the root: they are read first and compared with the
//! checkpoint. Every other tile is full, so its root is a hash of the tile above it, which was checked before. So what
//! is wrong has a name: it is the tile that does not fit, never one above or below it.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_merkle::{
    Hash, Proof, ProveError, TILE_WIDTH, TileError, TileHashes, TileId, TileNodes, decode_hashes,
    prove_consistency, root_at, root_of_leaf_hashes,
};
use quorate_note::Checkpoint;
use thiserror::Error;

use super::fetch::{FetchError, Fetcher};
use super::place::Place;

const WIDTH: u64 = TILE_WIDTH as u64;

/// The highest level that a tree of 2^62 leaves has a tile of.
const TOP: u8 = 7;

/// Why there is no tree that leads to a checkpoint's root. Unless reading failed, the log is at fault, or whoever
/// carries its answers.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TreeError {
    /// Reading failed, or an answer is longer than any tile.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The log does not have what the checkpoint is over.
    #[error("there is no {at}")]
    Missing {
        /// Address of what is missing.
        at: String,
    },
    /// Octets that are no tile.
    #[error("{at} is not a tile: {source}")]
    Malformed {
        /// Its address.
        at: String,
        /// Why.
        source: TileError,
    },
    /// The tiles at the right edge lead to another root.
    #[error("{} not lead to the root of the checkpoint of {size} entries", of_edge(.tiles))]
    Edge {
        /// Which they are; one of them at least is wrong, or the checkpoint is of another tree.
        tiles: Vec<TileId>,
        /// The checkpoint's size.
        size: u64,
    },
    /// A full tile is not the one that the tile above it commits to.
    #[error("tile/{tile} is not the tile that hash {position} of tile/{parent} commits to")]
    Mismatch {
        /// The tile.
        tile: TileId,
        /// The tile above it, which leads to the root.
        parent: TileId,
        /// Where in it the tile's hash stands.
        position: u64,
    },
    /// What was asked for is not in the tree. A bug of ours.
    #[error("the tree has no such part")]
    OutOfRange,
}

fn of_edge(tiles: &[TileId]) -> String {
    let names: Vec<String> = tiles.iter().map(|t| format!("tile/{t}")).collect();
    let verb = if names.len() == 1 {
        "does"
    } else {
        "together do"
    };
    format!("{} {verb}", names.join(", "))
}

/// Reads a tile, or its beginning from the full tile where the partial one is gone. Its hashes lead nowhere yet.
pub(super) async fn fetch_tile(
    fetcher: &Fetcher,
    place: &Place,
    tile: TileId,
) -> Result<Vec<Hash>, TreeError> {
    let full = tile.to_full().filter(|full| *full != tile);
    for id in std::iter::once(tile).chain(full) {
        let path = format!("tile/{id}");
        if let Some(octets) = fetcher.get(place, &path, id.byte_len()).await? {
            let at = || place.below(&path);
            let mut hashes = decode_hashes(&id, &octets)
                .map_err(|source| TreeError::Malformed { at: at(), source })?;
            hashes.truncate(usize::from(tile.width()));
            return Ok(hashes);
        }
    }
    Err(TreeError::Missing {
        at: place.below(&format!("tile/{tile}")),
    })
}

/// A tree whose right edge leads to a checkpoint's root.
pub(super) struct Tree<'a> {
    fetcher: &'a Fetcher,
    place: &'a Place,
    size: u64,
    /// The partial tiles, by level.
    edge: BTreeMap<u8, Arc<[Hash]>>,
    /// Of each level the full tile that was read last: what is read in order is read once.
    path: BTreeMap<u8, (u64, Arc<[Hash]>)>,
    tiles: u64,
}

impl<'a> Tree<'a> {
    /// Reads the right edge and compares it with the root.
    ///
    /// # Errors
    /// [`TreeError`].
    pub(super) async fn open(
        fetcher: &'a Fetcher,
        place: &'a Place,
        checkpoint: &Checkpoint,
    ) -> Result<Self, TreeError> {
        let size = checkpoint.size();
        let mut tree = Tree {
            fetcher,
            place,
            size,
            edge: BTreeMap::new(),
            path: BTreeMap::new(),
            tiles: 0,
        };
        let mut tiles = Vec::new();
        for id in (0..=TOP).filter_map(|level| edge_tile(level, size)) {
            let hashes = fetch_tile(fetcher, place, id).await?;
            tree.edge.insert(id.level(), hashes.into());
            tree.tiles += 1;
            tiles.push(id);
        }
        let edge = Known(
            tiles
                .iter()
                .filter_map(|id| Some(((id.level(), id.index()), tree.edge.get(&id.level())?)))
                .map(|(at, hashes)| (at, Arc::clone(hashes)))
                .collect(),
        );
        match root_at(size, &TileNodes(&edge)) {
            Ok(root) if root == *checkpoint.root() => Ok(tree),
            Ok(_) => Err(TreeError::Edge { tiles, size }),
            Err(_) => Err(TreeError::OutOfRange),
        }
    }

    /// How many tiles were read.
    pub(super) fn tiles(&self) -> u64 {
        self.tiles
    }

    /// The tile of that level and index.
    ///
    /// # Errors
    /// [`TreeError`].
    pub(super) async fn tile(&mut self, level: u8, index: u64) -> Result<Arc<[Hash]>, TreeError> {
        // Up to the first tile that is known, then down again.
        let mut missing = Vec::new();
        let (mut at, mut tile) = (level, index);
        let mut known = loop {
            if let Some(known) = self.known(at, tile)? {
                break known;
            }
            missing.push((at, tile));
            at += 1;
            tile /= WIDTH;
        };
        for (level, index) in missing.into_iter().rev() {
            let id = TileId::new(level, index, TILE_WIDTH).map_err(|_| TreeError::OutOfRange)?;
            let hashes = fetch_tile(self.fetcher, self.place, id).await?;
            self.tiles += 1;
            self.compare(id, &root_of_leaf_hashes(&hashes), &known)?;
            known = hashes.into();
            self.path.insert(level, (index, Arc::clone(&known)));
        }
        Ok(known)
    }

    /// Compares the root of a full tile that was read elsewhere with the tile above it.
    ///
    /// # Errors
    /// [`TreeError`].
    pub(super) async fn check(&mut self, id: TileId, root: &Hash) -> Result<(), TreeError> {
        let parent = self.tile(id.level() + 1, id.index() / WIDTH).await?;
        self.tiles += 1;
        self.compare(id, root, &parent)
    }

    fn compare(&self, tile: TileId, root: &Hash, parent: &[Hash]) -> Result<(), TreeError> {
        let position = tile.index() % WIDTH;
        let expected = usize::try_from(position).ok().and_then(|p| parent.get(p));
        if expected == Some(root) {
            return Ok(());
        }
        let above = TileId::in_tree(tile.level() + 1, tile.index() / WIDTH, self.size);
        Err(TreeError::Mismatch {
            tile,
            parent: above.ok_or(TreeError::OutOfRange)?,
            position,
        })
    }

    /// A tile that was read before: a partial one, or the last full one of its level.
    fn known(&self, level: u8, index: u64) -> Result<Option<Arc<[Hash]>>, TreeError> {
        let id = TileId::in_tree(level, index, self.size).ok_or(TreeError::OutOfRange)?;
        if !id.is_full() {
            return Ok(self.edge.get(&level).cloned());
        }
        let last = self.path.get(&level).filter(|(last, _)| *last == index);
        Ok(last.map(|(_, hashes)| Arc::clone(hashes)))
    }

    /// The root of the first `size` leaves, and the proof that this tree continues that one.
    ///
    /// # Errors
    /// [`TreeError`].
    pub(super) async fn prefix(&mut self, size: u64) -> Result<(Hash, Proof), TreeError> {
        // At most two tiles a level: one at the edge of each of the two trees, and those above them.
        let mut known = Known(BTreeMap::new());
        loop {
            let nodes = TileNodes(&known);
            let found = root_at(size, &nodes)
                .and_then(|root| Ok((root, prove_consistency(size, self.size, &nodes)?)));
            match found {
                Ok(found) => return Ok(found),
                // One that is known and too short would be asked for forever.
                Err(ProveError::Read(Unknown(level, index)))
                    if !known.0.contains_key(&(level, index)) =>
                {
                    let hashes = self.tile(level, index).await?;
                    known.0.insert((level, index), hashes);
                }
                Err(_) => return Err(TreeError::OutOfRange),
            }
        }
    }
}

/// The partial tile of a level, if the tree has one.
fn edge_tile(level: u8, size: u64) -> Option<TileId> {
    let hashes = size.checked_shr(8 * u32::from(level))?;
    TileId::in_tree(level, hashes / WIDTH, size)
}

/// Tiles in memory, by level and index.
struct Known(BTreeMap<(u8, u64), Arc<[Hash]>>);

/// A tile that is not in memory yet.
struct Unknown(u8, u64);

impl TileHashes for Known {
    type Error = Unknown;

    fn read(&self, level: u8, start: u64, out: &mut [Hash]) -> Result<(), Unknown> {
        let index = start / WIDTH;
        let hashes = self.0.get(&(level, index));
        let first = usize::try_from(start % WIDTH).ok();
        let run = first
            .zip(hashes)
            .and_then(|(first, hashes)| hashes.get(first..first.checked_add(out.len())?));
        out.copy_from_slice(run.ok_or(Unknown(level, index))?);
        Ok(())
    }
}
