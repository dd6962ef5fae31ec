//! Which tiles a tree has, what they hold, and nodes read from them (`tlog-tiles`, "Merkle Tree").

#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quorate_merkle::{
    BundleId, Frontier, Hash, LeafHashes, MAX_TREE_SIZE, NodeReader, TILE_WIDTH, TileError,
    TileHashes, TileId, TileNodes, bundles_for_size, bundles_grown, decode_hashes, encode_hashes,
    leaf_hash, prove_consistency, prove_inclusion, prove_many, root_at, root_of_leaf_hashes,
    tiles_for_size, tiles_grown, verify_consistency, verify_inclusion,
};

use crate::oracle;

/// Every tile of one tree as bytes, by its place; and the reads made of them.
struct Tiles {
    tiles: BTreeMap<(u8, u64), Vec<u8>>,
    reads: RefCell<Vec<(u8, u64, usize)>>,
}

impl Tiles {
    /// As a log writes them: each eighth level, as nodes are completed.
    fn of(leaves: &[Hash]) -> Self {
        let mut tiles: BTreeMap<(u8, u64), Vec<u8>> = BTreeMap::new();
        let mut frontier = Frontier::new();
        for leaf in leaves {
            let pushed = frontier.push_visiting(*leaf, |level, index, hash| {
                if level % 8 == 0 {
                    let tile = tiles.entry((level / 8, index / 256)).or_default();
                    assert_eq!(tile.len() as u64, index % 256 * 32);
                    tile.extend_from_slice(hash.as_bytes());
                }
            });
            assert!(pushed.is_ok());
        }
        Self {
            tiles,
            reads: RefCell::default(),
        }
    }
}

impl TileHashes for Tiles {
    type Error = ();

    fn read(&self, tile_level: u8, start: u64, out: &mut [Hash]) -> Result<(), ()> {
        self.reads.borrow_mut().push((tile_level, start, out.len()));
        let tile = self.tiles.get(&(tile_level, start / 256)).ok_or(())?;
        let offset = usize::try_from(start % 256 * 32).map_err(|_| ())?;
        let bytes = tile.get(offset..offset + out.len() * 32).ok_or(())?;
        for (hash, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
            *hash = Hash::from_bytes(*bytes);
        }
        Ok(())
    }
}

fn leaves(count: u32) -> Vec<Hash> {
    (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

fn tile(level: u8, index: u64, width: u16) -> TileId {
    TileId::new(level, index, width).unwrap()
}

// tlog-tiles, "Partial Tiles": the two examples.
#[test]
fn tree_of_70000_has_the_tiles_of_the_specification() {
    let tiles: Vec<TileId> = tiles_for_size(70_000).collect();
    let mut expected: Vec<TileId> = (0..273).map(|index| tile(0, index, 256)).collect();
    expected.push(tile(0, 273, 112));
    expected.push(tile(1, 0, 256));
    expected.push(tile(1, 1, 17));
    expected.push(tile(2, 0, 1));
    assert_eq!(tiles, expected);
    let bundles: Vec<BundleId> = bundles_for_size(70_000).collect();
    assert_eq!(bundles.len(), 274);
    assert_eq!(bundles[273].path(), "entries/273.p/112");
}

#[test]
fn tree_of_256_has_the_tiles_of_the_specification() {
    let tiles: Vec<String> = tiles_for_size(256).map(|tile| tile.path()).collect();
    assert_eq!(tiles, ["0/000", "1/000.p/1"]);
    let bundles: Vec<String> = bundles_for_size(256).map(|bundle| bundle.path()).collect();
    assert_eq!(bundles, ["entries/000"]);
}

// tlog-tiles, "Partial Tiles": "The partial tile at level l for a tree of size s has floor(s / 256**l) mod 256
// entries. Empty tiles MUST NOT be served."
#[test]
fn partial_width_is_floor_of_size_over_256_to_the_level_mod_256() {
    for size in
        (0..1000)
            .chain(65_000..66_200)
            .chain([70_000, 1 << 24, MAX_TREE_SIZE - 1, MAX_TREE_SIZE])
    {
        for level in 0..=8_u8 {
            let hashes = u128::from(size) / 256_u128.pow(level.into());
            let width = u16::try_from(hashes % 256).unwrap();
            let index = u64::try_from(hashes / 256).unwrap();
            let partial = TileId::in_tree(level, index, size);
            assert_eq!(partial.map_or(0, |tile| tile.width()), width);
            if let Some(before) = index.checked_sub(1) {
                let full = TileId::in_tree(level, before, size).unwrap();
                assert!(full.is_full());
            }
            assert_eq!(TileId::in_tree(level, index + 1, size), None);
        }
    }
}

#[test]
fn empty_tiles_must_not_be_served() {
    assert_eq!(TileId::new(0, 0, 0), Err(TileError::Width { width: 0 }));
    assert_eq!(BundleId::new(0, 0), Err(TileError::Width { width: 0 }));
    assert_eq!(TileId::in_tree(0, 0, 0), None);
    assert_eq!(TileId::in_tree(0, 1, 256), None);
    assert_eq!(BundleId::in_tree(1, 256), None);
    assert_eq!(TileId::in_tree(1, 0, 255), None);
    assert_eq!(tiles_for_size(0).count(), 0);
    assert_eq!(bundles_for_size(0).count(), 0);
}

// tlog-tiles, "Merkle Tree": "Full tiles MUST be exactly 256 hashes wide, or 8,192 bytes."
#[test]
fn full_tiles_must_be_exactly_256_hashes_or_8192_bytes() {
    assert_eq!(TILE_WIDTH, 256);
    let full = tile(0, 0, 256);
    assert!(full.is_full());
    assert_eq!(full.byte_len(), 8192);
    assert_eq!(TileId::new(0, 0, 257), Err(TileError::Width { width: 257 }));
    let hashes = leaves(256);
    let bytes = encode_hashes(&hashes);
    assert_eq!(bytes.len(), 8192);
    assert_eq!(decode_hashes(&full, &bytes), Ok(hashes));
    for found in [0, 32, 8160, 8191, 8193, 8224] {
        assert_eq!(
            decode_hashes(&full, &vec![0; found]),
            Err(TileError::Length {
                width: 256,
                expected: 8192,
                found
            })
        );
    }
    assert!(decode_hashes(&tile(0, 0, 112), &bytes).is_err());
    assert!(decode_hashes(&tile(0, 0, 112), &bytes[..112 * 32]).is_ok());
}

// tlog-tiles, "Merkle Tree": hash i of tile n at level l is MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l]).
#[test]
fn tile_hashes_are_mth_of_the_entries_they_span() {
    let leaves = leaves(70_000);
    let tiles = Tiles::of(&leaves);
    for id in tiles_for_size(70_000) {
        let bytes = &tiles.tiles[&(id.level(), id.index())];
        let hashes = decode_hashes(&id, bytes).unwrap();
        let span = 256_usize.pow(id.level().into());
        for (i, hash) in (id.first_hash()..).zip(hashes) {
            let start = usize::try_from(i).unwrap() * span;
            assert_eq!(hash, root_of_leaf_hashes(&leaves[start..start + span]));
        }
    }
    assert_eq!(tiles.tiles.len(), tiles_for_size(70_000).count());
}

// tlog-tiles, "Partial Tiles": a partial tile "MUST NOT be hashed into a tile at the level above".
#[test]
fn partial_tiles_must_not_be_hashed_into_the_level_above() {
    for size in [1, 255, 257, 511, 65_535, 65_537, 70_000] {
        let full_below = |level: u8| {
            tiles_for_size(size)
                .filter(|tile| tile.level() == level && tile.is_full())
                .count()
        };
        let hashes_above = |level: u8| -> usize {
            tiles_for_size(size)
                .filter(|tile| tile.level() == level + 1)
                .map(|tile| usize::from(tile.width()))
                .sum()
        };
        for level in 0..7 {
            assert_eq!(hashes_above(level), full_below(level), "size {size}");
        }
    }
}

#[test]
fn tile_nodes_are_mth_and_read_only_what_they_need() {
    let leaves = leaves(70_000);
    let nodes = TileNodes(Tiles::of(&leaves));
    for level in 0..=16_u8 {
        let last = (70_000_u64 >> level) - 1;
        for index in [0, 1, last / 2, last].into_iter().filter(|i| *i <= last) {
            assert_eq!(
                nodes.node(level, index),
                LeafHashes(&leaves).node(level, index).map_err(|_| ())
            );
            let (tile_level, start, count) = nodes.0.reads.borrow_mut().remove(0);
            assert_eq!(tile_level, level / 8);
            assert_eq!(count, 1 << (level % 8));
            assert_eq!(start, index << (level % 8));
            // Never across the border of a tile.
            assert!(start % 256 + count as u64 <= 256);
            assert!(nodes.0.reads.borrow().is_empty());
        }
    }
}

#[test]
fn proofs_from_tiles_are_those_from_leaves_at_every_small_size() {
    let entries = oracle::entries(oracle::LARGEST);
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    for size in 1..=oracle::LARGEST {
        // The tiles of exactly this size: nothing beyond the tree is needed.
        let nodes = TileNodes(Tiles::of(&leaves[..size]));
        let of_size = &entries[..size];
        let size = size as u64;
        assert_eq!(root_at(size, &nodes), Ok(oracle::mth(of_size)));
        for index in 0..of_size.len() {
            let wide = index as u64;
            let inclusion = prove_inclusion(wide, size, &nodes).unwrap();
            assert_eq!(inclusion.hashes(), oracle::path(index, of_size));
            let consistency = prove_consistency(wide + 1, size, &nodes).unwrap();
            assert_eq!(
                consistency.hashes(),
                oracle::consistency(index + 1, of_size)
            );
        }
    }
}

#[test]
fn proofs_from_tiles_verify_across_tile_levels() {
    let leaves = leaves(70_000);
    let nodes = TileNodes(Tiles::of(&leaves));
    let roots: BTreeMap<u64, Hash> = {
        let mut frontier = Frontier::new();
        let mut roots = BTreeMap::new();
        for leaf in &leaves {
            frontier.push(*leaf).unwrap();
            roots.insert(frontier.size(), frontier.root());
        }
        roots
    };
    let sizes = [
        1, 2, 255, 256, 257, 511, 4095, 65_535, 65_536, 65_537, 65_793, 70_000,
    ];
    for size in sizes {
        let root = &roots[&size];
        assert_eq!(root_at(size, &nodes), Ok(*root));
        for index in sizes
            .iter()
            .map(|size| size - 1)
            .filter(|index| *index < size)
        {
            let leaf = &leaves[usize::try_from(index).unwrap()];
            let proof = prove_inclusion(index, size, &nodes).unwrap();
            assert_eq!(verify_inclusion(index, leaf, size, root, &proof), Ok(()));
        }
        for old in sizes.into_iter().filter(|old| *old <= size) {
            let proof = prove_consistency(old, size, &nodes).unwrap();
            let verified = verify_consistency(old, &roots[&old], size, root, &proof);
            assert_eq!(verified, Ok(()));
        }
    }
}

#[test]
fn a_missing_tile_is_a_read_error() {
    let mut tiles = Tiles::of(&leaves(600));
    tiles.tiles.remove(&(1, 0));
    let nodes = TileNodes(tiles);
    assert!(prove_inclusion(0, 600, &nodes).is_err());
    assert!(prove_many(&[0], 600, &nodes).is_err());
    assert!(root_at(600, &nodes).is_err());
    // Leaves 512 to 599 need no tile above level 0.
    assert!(nodes.node(6, 8).is_ok());
}

#[test]
fn tiles_end_within_the_size_limit() {
    // 2^62 leaves are 2^54 full tiles of level 0, and 64 hashes of level 7.
    assert!(TileId::new(0, (1 << 54) - 1, 256).is_ok());
    assert!(TileId::new(7, 0, 64).is_ok());
    for (level, index, width) in [
        (0, 1 << 54, 1),
        (0, u64::MAX, 256),
        (0, u64::MAX / 256, 256),
        (1, 1 << 46, 1),
        (7, 0, 65),
        (7, 1, 1),
        (8, 0, 1),
        (63, 0, 1),
        (255, 0, 1),
    ] {
        assert_eq!(
            TileId::new(level, index, width),
            Err(TileError::OutOfReach {
                level,
                index,
                width
            })
        );
    }
    assert_eq!(TileId::in_tree(0, 0, MAX_TREE_SIZE + 1), None);
    assert_eq!(TileId::in_tree(0, u64::MAX, 5), None);
    let top = TileId::in_tree(7, 0, MAX_TREE_SIZE).unwrap();
    assert_eq!(top.width(), 64);
    assert_eq!(top.needs_size(), MAX_TREE_SIZE);
    assert_eq!(top.to_full(), None);
    assert_eq!(tile(0, 5, 3).to_full(), Some(tile(0, 5, 256)));
    assert_eq!(tiles_for_size(MAX_TREE_SIZE + 1).count(), 0);
    assert_eq!(bundles_for_size(u64::MAX).count(), 0);
}

#[test]
fn a_tile_is_within_a_tree_that_has_all_its_hashes() {
    let partial = tile(1, 1, 17);
    assert_eq!(partial.needs_size(), (256 + 17) * 256);
    assert!(partial.is_within(70_000));
    assert!(!partial.is_within(69_887));
    let bundle = BundleId::in_tree(273, 70_000).unwrap();
    assert_eq!((bundle.first_entry(), bundle.width()), (69_888, 112));
    assert!(bundle.is_within(70_000) && !bundle.is_within(69_999));
    assert!(!bundle.is_full());
    assert_eq!(bundle.tile(), tile(0, 273, 112));
    assert_eq!(BundleId::new(273, 112), Ok(bundle));
}

proptest! {
    /// What a log wrote before and what it writes now are together the tiles it has.
    #[test]
    fn grown_tiles_are_the_new_or_widened_ones(old in 0..200_000_u64, by in 0..2000_u64) {
        let new = old + by;
        let before: BTreeSet<TileId> = tiles_for_size(old).collect();
        let after: BTreeSet<TileId> = tiles_for_size(new).collect();
        let expected: BTreeSet<TileId> = after.difference(&before).copied().collect();
        let grown: Vec<TileId> = tiles_grown(old, new).collect();
        prop_assert_eq!(grown.len(), expected.len());
        prop_assert_eq!(grown.into_iter().collect::<BTreeSet<_>>(), expected);
        let bundles: Vec<BundleId> = bundles_grown(old, new).collect();
        let level_0: Vec<TileId> = tiles_grown(old, new).filter(|tile| tile.level() == 0).collect();
        prop_assert_eq!(bundles.iter().map(BundleId::tile).collect::<Vec<_>>(), level_0);
        if by > 0 {
            prop_assert_eq!(tiles_grown(new, old).count(), 0);
        }
    }
}
