//! Roots, frontiers and readers for every tree up to [`oracle::LARGEST`] leaves.

use std::collections::HashMap;

use quorate_merkle::{
    Frontier, FrontierError, Hash, LeafHashes, LeafOutOfRange, MAX_TREE_SIZE, NodeReader,
    ProveError, TreeFull, leaf_hash, root_at, root_of_leaf_hashes,
};

use crate::oracle::{self, LARGEST};

fn leaves() -> Vec<Hash> {
    oracle::entries(LARGEST)
        .iter()
        .map(|entry| leaf_hash(entry))
        .collect()
}

#[test]
fn roots_are_mth_at_every_size() {
    let entries = oracle::entries(LARGEST);
    let leaves = leaves();
    let mut frontier = Frontier::new();
    for size in 0..=LARGEST {
        let root = oracle::mth(&entries[..size]);
        let nodes = LeafHashes(&leaves);
        assert_eq!(frontier.size(), size as u64);
        assert_eq!(frontier.root(), root);
        assert_eq!(root_of_leaf_hashes(&leaves[..size]), root);
        assert_eq!(root_at(size as u64, &nodes), Ok(root));
        assert_eq!(Frontier::read(size as u64, &nodes), Ok(frontier.clone()));
        let nodes = frontier.nodes().to_vec();
        assert_eq!(
            Frontier::from_parts(size as u64, nodes),
            Ok(frontier.clone())
        );
        if let Some(leaf) = leaves.get(size) {
            assert_eq!(frontier.push(*leaf), Ok(size as u64));
        }
    }
}

#[test]
fn visitor_sees_every_complete_node_once_and_after_its_children() {
    let entries = oracle::entries(LARGEST);
    let mut frontier = Frontier::new();
    let mut seen: HashMap<(u8, u64), Hash> = HashMap::new();
    for (size, leaf) in (1..).zip(leaves()) {
        frontier
            .push_visiting(leaf, |level, index, hash| {
                assert!(
                    level == 0
                        || seen.contains_key(&(level - 1, 2 * index))
                            && seen.contains_key(&(level - 1, 2 * index + 1))
                );
                assert!(seen.insert((level, index), hash).is_none());
            })
            .unwrap();
        let complete: u64 = (0..8).map(|level| size >> level).sum();
        assert_eq!(seen.len() as u64, complete);
    }
    for ((level, index), hash) in seen {
        let start = usize::try_from(index << level).unwrap();
        assert_eq!(hash, oracle::mth(&entries[start..start + (1 << level)]));
    }
}

#[test]
fn frontier_parts_must_match_the_size() {
    let hash = leaf_hash(b"");
    for (size, count) in [(0, 1), (1, 0), (1, 2), (3, 1), (4, 2), (255, 7)] {
        assert_eq!(
            Frontier::from_parts(size, vec![hash; count]),
            Err(FrontierError::WrongNodeCount {
                size,
                expected: size.count_ones(),
                found: count
            })
        );
    }
    assert_eq!(
        Frontier::from_parts(MAX_TREE_SIZE + 1, vec![hash; 2]),
        Err(FrontierError::TooLarge {
            size: MAX_TREE_SIZE + 1
        })
    );
}

#[test]
fn full_frontier_refuses_and_is_unchanged() {
    let hash = leaf_hash(b"");
    let mut frontier = Frontier::from_parts(MAX_TREE_SIZE - 1, vec![hash; 62]).unwrap();
    assert_eq!(frontier.push(hash), Ok(MAX_TREE_SIZE - 1));
    assert_eq!(frontier.nodes().len(), 1);
    let before = frontier.clone();
    let pushed = frontier.push_visiting(hash, |_, _, _| panic!("nothing was completed"));
    assert_eq!(pushed, Err(TreeFull));
    assert_eq!(frontier, before);
}

#[test]
fn trees_past_the_limit_have_no_root() {
    let too_large = Err(ProveError::TreeTooLarge {
        size: MAX_TREE_SIZE + 1,
    });
    assert_eq!(root_at(MAX_TREE_SIZE + 1, &LeafHashes(&[])), too_large);
    assert_eq!(
        Frontier::read(MAX_TREE_SIZE + 1, &LeafHashes(&[])),
        too_large.map(|_| Frontier::new())
    );
}

#[test]
fn leaf_reader_refuses_nodes_it_does_not_hold() {
    let leaves = leaves();
    let nodes = LeafHashes(&leaves[..6]);
    assert_eq!(nodes.node(2, 0), Ok(root_of_leaf_hashes(&leaves[..4])));
    for (level, index) in [
        (0, 6),
        (1, 3),
        (2, 1),
        (3, 0),
        (63, 0),
        (64, 0),
        (255, 1),
        (3, u64::MAX),
    ] {
        let error = LeafOutOfRange {
            level,
            index,
            leaves: 6,
        };
        assert_eq!(nodes.node(level, index), Err(error));
        assert_eq!(error.level, level);
    }
    assert_eq!(
        root_at(7, &nodes),
        Err(ProveError::Read(LeafOutOfRange {
            level: 0,
            index: 6,
            leaves: 6
        }))
    );
}
