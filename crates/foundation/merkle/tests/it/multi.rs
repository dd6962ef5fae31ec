//! Multi-proofs against their definition.

use proptest::prelude::*;
use quorate_merkle::{
    Hash, LeafHashes, LeafRuns, MAX_MULTI_HASHES, MAX_MULTI_LEAVES, MAX_TREE_SIZE, MultiProof,
    MultiProofTooLong, ProveError, RunsError, TargetsError, VerifyError, leaf_hash,
    prove_inclusion, prove_many, prove_runs, root_at, verify_many, verify_runs,
};

use crate::large::Sparse;
use crate::oracle;

/// A tree of as many leaves as `named` is long, and the indices marked in it.
fn case(named: &[bool]) -> (Vec<Vec<u8>>, Vec<Hash>, Vec<u64>) {
    let entries = oracle::entries(named.len());
    let leaves = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let indices = (0..)
        .zip(named)
        .filter_map(|(index, named)| named.then_some(index))
        .collect();
    (entries, leaves, indices)
}

fn with_hashes(indices: &[u64], leaves: &[Hash]) -> Vec<(u64, Hash)> {
    indices
        .iter()
        .filter_map(|index| {
            let leaf = leaves.get(usize::try_from(*index).ok()?)?;
            Some((*index, *leaf))
        })
        .collect()
}

fn named_sets() -> impl Strategy<Value = Vec<bool>> {
    proptest::collection::vec(proptest::bool::weighted(0.2), 1..=oracle::LARGEST)
        .prop_filter("a leaf is named", |named| named.contains(&true))
}

proptest! {
    #[test]
    fn multi_proofs_are_those_of_the_definition_and_verify(named in named_sets()) {
        let (entries, leaves, indices) = case(&named);
        let size = named.len() as u64;
        let proof = prove_many(&indices, size, &LeafHashes(&leaves)).unwrap();
        let expected = oracle::multi_proof(&named, &entries);
        prop_assert_eq!(proof.hashes(), expected);
        let root = oracle::mth(&entries);
        let targets = with_hashes(&indices, &leaves);
        prop_assert_eq!(verify_many(&targets, size, &root, &proof), Ok(()));
    }

    #[test]
    fn damaged_multi_proofs_fail(named in named_sets(), bit in 0_usize..256) {
        let (_, leaves, indices) = case(&named);
        let size = named.len() as u64;
        let nodes = LeafHashes(&leaves);
        let root = root_at(size, &nodes).unwrap();
        let proof = prove_many(&indices, size, &nodes).unwrap();
        let targets = with_hashes(&indices, &leaves);
        let flip = |hash: &Hash| {
            let mut bytes = *hash.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            Hash::from_bytes(bytes)
        };
        let fails = |targets: &[(u64, Hash)], size, root: &Hash, hashes: Vec<Hash>| {
            verify_many(targets, size, root, &MultiProof::try_from(hashes).unwrap()).is_err()
        };
        let hashes = || proof.hashes().to_vec();
        prop_assert!(fails(&targets, size, &flip(&root), hashes()));
        for position in 0..proof.hashes().len() {
            let mut changed = hashes();
            changed[position] = flip(&changed[position]);
            prop_assert!(fails(&targets, size, &root, changed));
            let mut shorter = hashes();
            shorter.remove(position);
            prop_assert!(fails(&targets, size, &root, shorter));
            if position > 0 {
                let mut swapped = hashes();
                swapped.swap(position - 1, position);
                prop_assert!(fails(&targets, size, &root, swapped));
            }
        }
        for position in 0..=proof.hashes().len() {
            let mut longer = hashes();
            longer.insert(position, flip(&root));
            prop_assert!(fails(&targets, size, &root, longer));
        }
        for position in 0..targets.len() {
            let mut changed = targets.clone();
            changed[position].1 = flip(&changed[position].1);
            prop_assert!(fails(&changed, size, &root, hashes()));
            // Another position for the same leaf.
            for index in [targets[position].0 + 1, targets[position].0.saturating_sub(1)] {
                if index != targets[position].0 {
                    let mut moved = targets.clone();
                    moved[position].0 = index;
                    prop_assert!(fails(&moved, size, &root, hashes()));
                }
            }
            // A leaf that is left out, with the proof unchanged.
            let mut fewer = targets.clone();
            fewer.remove(position);
            prop_assert!(fails(&fewer, size, &root, hashes()));
        }
    }

    #[test]
    fn multi_proofs_hold_in_trees_up_to_the_limit(
        size in 1..=MAX_TREE_SIZE,
        picks in proptest::collection::btree_set(any::<u64>(), 1..20),
    ) {
        let mut indices: Vec<u64> = picks.into_iter().map(|pick| pick % size).collect();
        indices.sort_unstable();
        indices.dedup();
        let tree = Sparse::new(&indices);
        let proof = prove_many(&indices, size, &tree).unwrap();
        let root = root_at(size, &tree).unwrap();
        let targets: Vec<(u64, Hash)> =
            indices.iter().map(|index| (*index, tree.leaf(*index))).collect();
        prop_assert_eq!(verify_many(&targets, size, &root, &proof), Ok(()));
    }
}

#[test]
fn every_set_of_leaves_of_small_trees_has_a_multi_proof() {
    for size in 1..=9_u32 {
        for set in 1..1_u32 << size {
            let named: Vec<bool> = (0..size).map(|bit| set >> bit & 1 == 1).collect();
            let (entries, leaves, indices) = case(&named);
            let size = u64::from(size);
            let proof = prove_many(&indices, size, &LeafHashes(&leaves)).unwrap();
            assert_eq!(proof.hashes(), oracle::multi_proof(&named, &entries));
            let targets = with_hashes(&indices, &leaves);
            let root = oracle::mth(&entries);
            assert_eq!(verify_many(&targets, size, &root, &proof), Ok(()));
        }
    }
}

#[test]
fn a_multi_proof_of_one_leaf_holds_the_hashes_of_its_inclusion_proof() {
    let leaves: Vec<Hash> = (0..100_u8).map(|i| leaf_hash(&[i])).collect();
    for index in 0..100 {
        let multi = prove_many(&[index], 100, &LeafHashes(&leaves)).unwrap();
        let single = prove_inclusion(index, 100, &LeafHashes(&leaves)).unwrap();
        let mut multi = multi.hashes().to_vec();
        let mut single = single.hashes().to_vec();
        multi.sort_unstable();
        single.sort_unstable();
        assert_eq!(multi, single);
    }
}

#[test]
fn a_multi_proof_of_all_leaves_is_empty() {
    let leaves: Vec<Hash> = (0..100_u8).map(|i| leaf_hash(&[i])).collect();
    let indices: Vec<u64> = (0..100).collect();
    let proof = prove_many(&indices, 100, &LeafHashes(&leaves)).unwrap();
    assert!(proof.hashes().is_empty());
}

#[test]
fn a_multi_proof_names_at_least_one_leaf() {
    let leaf = leaf_hash(b"");
    let nodes = LeafHashes(&[]);
    for size in [0, 1, 5] {
        assert_eq!(
            prove_many(&[], size, &nodes),
            Err(ProveError::Targets(TargetsError::Empty))
        );
        // The root itself is what a proof of no leaves would consist of.
        let proof = MultiProof::try_from(vec![leaf]).unwrap();
        assert_eq!(
            verify_many(&[], size, &leaf, &proof),
            Err(VerifyError::Targets(TargetsError::Empty))
        );
    }
}

#[test]
fn multi_proof_leaves_rise_strictly_and_lie_in_the_tree() {
    let leaves: Vec<Hash> = (0..8_u8).map(|i| leaf_hash(&[i])).collect();
    let nodes = LeafHashes(&leaves);
    let proof = MultiProof::try_from(vec![]).unwrap();
    let cases: [(&[u64], u64); 4] = [(&[3, 3], 3), (&[4, 3], 3), (&[0, 2, 1, 7], 1), (&[9, 7], 7)];
    for (indices, index) in cases {
        let error = TargetsError::NotIncreasing { index };
        assert_eq!(
            prove_many(indices, 8, &nodes),
            Err(ProveError::Targets(error))
        );
        let targets: Vec<(u64, Hash)> = indices.iter().map(|index| (*index, leaves[0])).collect();
        assert_eq!(
            verify_many(&targets, 8, &leaves[0], &proof),
            Err(VerifyError::Targets(error))
        );
    }
    for last in [8, 9, u64::MAX] {
        let (end, size) = (last.saturating_add(1), 8);
        assert_eq!(
            prove_many(&[1, last], 8, &nodes),
            Err(ProveError::OutOfRange { end, size })
        );
        assert_eq!(
            verify_many(&[(1, leaves[1]), (last, leaves[1])], 8, &leaves[0], &proof),
            Err(VerifyError::OutOfRange { end, size })
        );
    }
    let size = MAX_TREE_SIZE + 1;
    assert_eq!(
        prove_many(&[1], size, &nodes),
        Err(ProveError::TreeTooLarge { size })
    );
    assert_eq!(
        verify_many(&[(1, leaves[1])], size, &leaves[0], &proof),
        Err(VerifyError::TreeTooLarge { size })
    );
}

/// The arithmetic beside [`MAX_MULTI_HASHES`]: 2^16 leaves, as far apart as they go in a tree of 2^32, still fit;
/// in a larger tree they do not, and that is known before anything is read.
#[test]
fn multi_proof_limits_are_2_20_leaves_and_2_20_hashes() {
    let spread =
        |log_size: u32| -> Vec<u64> { (0..1 << 16).map(|i| i << (log_size - 16)).collect() };
    let tree = Sparse::new(&[]);
    let proof = prove_many(&spread(32), 1 << 32, &tree).unwrap();
    assert_eq!(proof.hashes().len(), MAX_MULTI_HASHES);
    let too_spread = Err(ProveError::Targets(TargetsError::TooSpread));
    assert_eq!(prove_many(&spread(33), 1 << 33, &tree), too_spread);
    assert_eq!(prove_many(&spread(62), MAX_TREE_SIZE, &tree), too_spread);

    let many: Vec<u64> = (0..=MAX_MULTI_LEAVES as u64).collect();
    let error = TargetsError::TooMany {
        found: many.len() as u64,
    };
    assert_eq!(
        prove_many(&many, 1 << 21, &tree),
        Err(ProveError::Targets(error))
    );
    let targets: Vec<(u64, Hash)> = many.iter().map(|i| (*i, leaf_hash(b""))).collect();
    assert_eq!(
        verify_many(&targets, 1 << 21, &leaf_hash(b""), &proof),
        Err(VerifyError::Targets(error))
    );
    let hashes = vec![Hash::EMPTY_ROOT; MAX_MULTI_HASHES + 1];
    let found = hashes.len();
    assert_eq!(
        MultiProof::try_from(hashes),
        Err(MultiProofTooLong { found })
    );
}

/// `(first, count)` of every maximal run of marked leaves.
fn runs_of(named: &[bool]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for (index, _) in (0..).zip(named).filter(|(_, named)| **named) {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == index => *count += 1,
            _ => runs.push((index, 1)),
        }
    }
    runs
}

proptest! {
    #[test]
    fn runs_are_one_way_to_write_a_set_and_leaves_are_taken_in_order(named in named_sets()) {
        let (entries, leaves, indices) = case(&named);
        let runs = LeafRuns::new(runs_of(&named)).unwrap();
        prop_assert_eq!(&runs, &LeafRuns::of_indices(indices.iter().copied()).unwrap());
        prop_assert_eq!(runs.runs().collect::<Vec<_>>(), runs_of(&named));
        prop_assert_eq!(runs.indices().collect::<Vec<_>>(), indices.clone());
        prop_assert_eq!(runs.leaves(), indices.len());
        let size = named.len() as u64;
        let proof = prove_runs(&runs, size, &LeafHashes(&leaves)).unwrap();
        let root = oracle::mth(&entries);
        let mut taken = 0;
        let mut next = || {
            taken += 1;
            Ok::<_, usize>(leaves[usize::try_from(indices[taken - 1]).unwrap()])
        };
        prop_assert_eq!(verify_runs(&runs, size, &root, &proof, &mut next), Ok(()));
        prop_assert_eq!(taken, indices.len());
        // The first leaf that cannot be had ends it.
        let mut left = indices.len() - 1;
        let failing = || {
            left = left.checked_sub(1).ok_or("gone")?;
            Ok(leaves[0])
        };
        prop_assert_eq!(verify_runs(&runs, size, &root, &proof, failing), Err(RunsError::Leaf("gone")));
    }
}

#[test]
fn runs_leave_gaps_between_them_and_are_not_empty() {
    let cases: [(&[(u64, u64)], TargetsError); 9] = [
        (&[], TargetsError::Empty),
        (&[(3, 0)], TargetsError::NotIncreasing { index: 3 }),
        (&[(3, 2), (5, 1)], TargetsError::NotIncreasing { index: 5 }),
        (&[(3, 2), (4, 1)], TargetsError::NotIncreasing { index: 4 }),
        (
            &[(MAX_TREE_SIZE, 1)],
            TargetsError::PastEveryTree {
                index: MAX_TREE_SIZE,
            },
        ),
        (
            &[(u64::MAX, 1)],
            TargetsError::PastEveryTree { index: u64::MAX },
        ),
        (&[(3, 2), (0, 1)], TargetsError::NotIncreasing { index: 0 }),
        (
            &[(0, 1 << 20), (2 << 20, 1)],
            TargetsError::TooMany {
                found: MAX_MULTI_LEAVES as u64 + 1,
            },
        ),
        // More than a 32-bit machine can count.
        (&[(0, 1 << 40)], TargetsError::TooMany { found: 1 << 40 }),
    ];
    for (runs, error) in cases {
        assert_eq!(LeafRuns::new(runs.iter().copied()), Err(error), "{runs:?}");
    }
    let past = LeafRuns::new([(7, 2)]).unwrap();
    let nodes: [Hash; 8] = [leaf_hash(b""); 8];
    let (end, size) = (9, 8);
    assert_eq!(
        prove_runs(&past, size, &LeafHashes(&nodes)),
        Err(ProveError::OutOfRange { end, size })
    );
    let proof = MultiProof::try_from(vec![]).unwrap();
    let none = || -> Result<Hash, ()> { panic!("it is refused before a leaf is asked for") };
    assert_eq!(
        verify_runs(&past, size, &nodes[0], &proof, none),
        Err(RunsError::Proof(VerifyError::OutOfRange { end, size }))
    );
}
