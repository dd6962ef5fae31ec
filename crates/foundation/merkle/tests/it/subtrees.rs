//! Every subtree, inclusion and consistency proof up to [`oracle::LARGEST`] leaves is the one of the definitions, and
//! verifies.

use quorate_merkle::{
    Hash, LeafHashes, MAX_TREE_SIZE, Proof, ProveError, Subtree, SubtreeError, VerifyError,
    leaf_hash, proof_ranges, prove_consistency, prove_inclusion, prove_subtree, subtree_hash,
    verify_consistency, verify_inclusion, verify_subtree,
};

use crate::oracle::{self, LARGEST};

struct Tree {
    entries: Vec<Vec<u8>>,
    leaves: Vec<Hash>,
    /// Root at each size.
    roots: Vec<Hash>,
}

fn tree() -> Tree {
    let entries = oracle::entries(LARGEST);
    Tree {
        leaves: entries.iter().map(|entry| leaf_hash(entry)).collect(),
        roots: (0..=LARGEST)
            .map(|size| oracle::mth(&entries[..size]))
            .collect(),
        entries,
    }
}

#[test]
fn inclusion_proofs_are_path_and_verify() {
    let tree = tree();
    for size in 1..=LARGEST {
        for index in 0..size {
            let (wide_index, wide_size) = (index as u64, size as u64);
            let proof = prove_inclusion(wide_index, wide_size, &LeafHashes(&tree.leaves)).unwrap();
            assert_eq!(proof.hashes(), oracle::path(index, &tree.entries[..size]));
            let (leaf, root) = (&tree.leaves[index], &tree.roots[size]);
            let verified = verify_inclusion(wide_index, leaf, wide_size, root, &proof);
            assert_eq!(verified, Ok(()));
        }
    }
}

#[test]
fn consistency_proofs_are_proof_and_verify() {
    let tree = tree();
    for size in 1..=LARGEST {
        for old in 1..=size {
            let (wide_old, wide_size) = (old as u64, size as u64);
            let proof = prove_consistency(wide_old, wide_size, &LeafHashes(&tree.leaves)).unwrap();
            assert_eq!(
                proof.hashes(),
                oracle::consistency(old, &tree.entries[..size])
            );
            let (old_root, root) = (&tree.roots[old], &tree.roots[size]);
            let verified = verify_consistency(wide_old, old_root, wide_size, root, &proof);
            assert_eq!(verified, Ok(()));
        }
    }
}

#[test]
fn subtree_proofs_are_those_of_the_draft_and_verify() {
    let tree = tree();
    let nodes = LeafHashes(&tree.leaves);
    for size in 1..=LARGEST {
        for end in 1..=size {
            for start in 0..end {
                let Ok(subtree) = Subtree::new(start as u64, end as u64) else {
                    continue;
                };
                let proof = prove_subtree(&subtree, size as u64, &nodes).unwrap();
                assert_eq!(
                    proof.hashes(),
                    oracle::subtree_proof(start, end, &tree.entries[..size])
                );
                let hash = subtree_hash(&subtree, &nodes).unwrap();
                assert_eq!(hash, oracle::mth(&tree.entries[start..end]));
                let root = &tree.roots[size];
                let verified = verify_subtree(&subtree, &hash, size as u64, root, &proof);
                assert_eq!(verified, Ok(()));
            }
        }
    }
}

#[test]
fn proof_ranges_say_what_each_hash_covers() {
    let tree = tree();
    let leaf = Subtree::leaf(5).unwrap();
    assert_eq!(proof_ranges(&leaf, 7), Some(vec![4..5, 6..7, 0..4]));
    for index in 0..7 {
        let ranges = proof_ranges(&Subtree::leaf(index).unwrap(), 7).unwrap();
        let proof = prove_inclusion(index, 7, &LeafHashes(&tree.leaves)).unwrap();
        let hashes: Vec<Hash> = ranges
            .into_iter()
            .map(|range| {
                let range =
                    usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
                oracle::mth(&tree.entries[range])
            })
            .collect();
        assert_eq!(proof.hashes(), hashes);
    }
    assert_eq!(proof_ranges(&leaf, 5), None);
    assert_eq!(proof_ranges(&leaf, MAX_TREE_SIZE + 1), None);
}

// draft-ietf-plants-merkle-tree-certs-05 §4: start is a multiple of the width rounded up to a power of two.
#[test]
fn subtree_start_must_be_aligned_and_range_not_empty() {
    for end in 0..=LARGEST as u64 {
        for start in 0..=LARGEST as u64 {
            let width = end.saturating_sub(start);
            let mut alignment = 1;
            while alignment < width {
                alignment *= 2;
            }
            let expected = if width == 0 {
                Err(SubtreeError::Empty { start, end })
            } else if start % alignment != 0 {
                Err(SubtreeError::NotAligned {
                    start,
                    end,
                    alignment,
                })
            } else {
                Ok(start..end)
            };
            assert_eq!(
                Subtree::new(start, end).map(|subtree| subtree.range()),
                expected
            );
        }
    }
}

#[test]
fn subtrees_end_within_the_size_limit() {
    let max = MAX_TREE_SIZE;
    assert!(Subtree::new(0, max).is_ok());
    assert!(Subtree::prefix(max).is_ok());
    assert!(Subtree::leaf(max - 1).is_ok());
    for (start, end) in [
        (0, max + 1),
        (max, max + 1),
        (0, u64::MAX),
        (1 << 63, u64::MAX),
    ] {
        assert_eq!(
            Subtree::new(start, end),
            Err(SubtreeError::TooLarge { end })
        );
    }
    assert_eq!(
        Subtree::leaf(max),
        Err(SubtreeError::TooLarge { end: max + 1 })
    );
    assert_eq!(
        Subtree::leaf(u64::MAX),
        Err(SubtreeError::Empty {
            start: u64::MAX,
            end: u64::MAX
        })
    );
    assert_eq!(
        Subtree::prefix(0),
        Err(SubtreeError::Empty { start: 0, end: 0 })
    );
}

#[test]
fn covering_subtrees_are_adjacent_and_tight() {
    for end in 1..=LARGEST as u64 {
        for start in 0..end {
            let (first, second) = Subtree::covering(start, end).unwrap();
            match second {
                None => assert_eq!(first.range(), start..end),
                Some(second) => {
                    assert_eq!((first.end(), second.end()), (second.start(), end));
                    assert!(first.start() <= start && start < first.end());
                    // Nothing narrower than the first that is aligned reaches as far down.
                    assert!(first.end() - first.start() < 2 * (first.end() - start));
                }
            }
        }
    }
    let max = MAX_TREE_SIZE;
    assert!(Subtree::covering(1, max).is_ok());
    assert_eq!(
        Subtree::covering(1, max + 1),
        Err(SubtreeError::TooLarge { end: max + 1 })
    );
    assert_eq!(
        Subtree::covering(3, 3),
        Err(SubtreeError::Empty { start: 3, end: 3 })
    );
}

#[test]
fn provers_refuse_what_is_outside_the_tree() {
    let tree = tree();
    let nodes = LeafHashes(&tree.leaves);
    let out = |end, size| Err(ProveError::OutOfRange { end, size });
    assert_eq!(prove_inclusion(7, 7, &nodes), out(8, 7));
    assert_eq!(prove_inclusion(0, 0, &nodes), out(1, 0));
    assert_eq!(prove_inclusion(u64::MAX, 7, &nodes), out(u64::MAX, 7));
    assert_eq!(prove_consistency(8, 7, &nodes), out(8, 7));
    assert_eq!(prove_consistency(u64::MAX, 7, &nodes), out(u64::MAX, 7));
    let subtree = Subtree::new(4, 8).unwrap();
    assert_eq!(prove_subtree(&subtree, 7, &nodes), out(8, 7));
    let size = MAX_TREE_SIZE + 1;
    let too_large = Err(ProveError::TreeTooLarge { size });
    assert_eq!(prove_inclusion(0, size, &nodes), too_large);
    assert_eq!(prove_consistency(0, size, &nodes), too_large);
    assert_eq!(prove_consistency(1, size, &nodes), too_large);
    assert_eq!(prove_subtree(&subtree, size, &nodes), too_large);
}

// tlog-witness: from old size 0 the proof is empty, whatever the new tree is.
#[test]
fn everything_continues_the_empty_tree_with_an_empty_proof() {
    let tree = tree();
    let empty = Hash::EMPTY_ROOT;
    for size in 0..=LARGEST {
        let proof = prove_consistency(0, size as u64, &LeafHashes(&tree.leaves)).unwrap();
        assert_eq!(proof, Proof::empty());
        let root = &tree.roots[size];
        let verify =
            |old_root, root, proof| verify_consistency(0, old_root, size as u64, root, proof);
        assert_eq!(verify(&empty, root, &proof), Ok(()));
        assert_eq!(
            verify(&tree.roots[1], root, &proof),
            Err(VerifyError::SubtreeMismatch)
        );
        let one = Proof::try_from(vec![empty]).unwrap();
        assert_eq!(
            verify(&empty, root, &one),
            Err(VerifyError::WrongLength {
                expected: 0,
                found: 1
            })
        );
    }
    assert_eq!(
        verify_consistency(0, &empty, 0, &tree.roots[1], &Proof::empty()),
        Err(VerifyError::RootMismatch)
    );
    let size = MAX_TREE_SIZE + 1;
    assert_eq!(
        verify_consistency(0, &empty, size, &empty, &Proof::empty()),
        Err(VerifyError::TreeTooLarge { size })
    );
}

#[test]
fn equal_sizes_need_an_empty_proof_and_equal_roots() {
    let tree = tree();
    for size in 1..=LARGEST {
        let proof = prove_consistency(size as u64, size as u64, &LeafHashes(&tree.leaves)).unwrap();
        assert_eq!(proof, Proof::empty());
        let root = &tree.roots[size];
        let other = &tree.roots[size - 1];
        let verify = |old_root, root, proof| {
            verify_consistency(size as u64, old_root, size as u64, root, proof)
        };
        assert_eq!(verify(root, root, &proof), Ok(()));
        assert_eq!(verify(other, root, &proof), Err(VerifyError::RootMismatch));
        let one = Proof::try_from(vec![*root]).unwrap();
        assert_eq!(
            verify(root, root, &one),
            Err(VerifyError::WrongLength {
                expected: 0,
                found: 1
            })
        );
    }
}
