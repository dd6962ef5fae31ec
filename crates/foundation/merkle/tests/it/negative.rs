//! No proof verifies after any single change to it or to what it is about.

use quorate_merkle::{
    Hash, LeafHashes, MAX_PROOF_HASHES, MAX_TREE_SIZE, Proof, ProofTooLong, Subtree, VerifyError,
    leaf_hash, prove_consistency, prove_inclusion, prove_subtree, root_at, subtree_hash,
    verify_consistency, verify_inclusion, verify_subtree,
};

/// Large enough for every shape a proof has; the number of cases grows with its cube.
const LARGEST: u64 = 40;

fn leaves() -> Vec<Hash> {
    (0..LARGEST).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::from_bytes(bytes)
}

/// Every proof that differs from `proof` by one flipped bit per hash, one missing, one additional or two swapped
/// hashes.
fn damaged(proof: &Proof) -> Vec<Proof> {
    let hashes = proof.hashes();
    let mut all: Vec<Vec<Hash>> = Vec::new();
    for position in 0..hashes.len() {
        let mut changed = hashes.to_vec();
        changed[position] = flipped(&changed[position], position * 37 % 256);
        all.push(changed);
        let mut shorter = hashes.to_vec();
        shorter.remove(position);
        all.push(shorter);
        if position > 0 {
            let mut swapped = hashes.to_vec();
            swapped.swap(position - 1, position);
            all.push(swapped);
        }
    }
    for position in 0..=hashes.len() {
        let neighbour = hashes.get(position).or(hashes.last()).copied();
        for hash in [Hash::EMPTY_ROOT, neighbour.unwrap_or(leaf_hash(b"more"))] {
            let mut longer = hashes.to_vec();
            longer.insert(position, hash);
            all.push(longer);
        }
    }
    all.into_iter()
        .filter_map(|hashes| Proof::try_from(hashes).ok())
        .collect()
}

#[test]
fn damaged_subtree_proofs_fail() {
    let leaves = leaves();
    let nodes = LeafHashes(&leaves);
    for size in 1..=LARGEST {
        let root = root_at(size, &nodes).unwrap();
        for end in 1..=size {
            for start in 0..end {
                let Ok(subtree) = Subtree::new(start, end) else {
                    continue;
                };
                let hash = subtree_hash(&subtree, &nodes).unwrap();
                let proof = prove_subtree(&subtree, size, &nodes).unwrap();
                for bad in damaged(&proof) {
                    let verified = verify_subtree(&subtree, &hash, size, &root, &bad);
                    assert!(verified.is_err(), "{start}..{end} in {size}");
                    let same_length = bad.hashes().len() == proof.hashes().len();
                    let refused_early = matches!(verified, Err(VerifyError::WrongLength { .. }));
                    assert_ne!(same_length, refused_early);
                }
                let bad = flipped(&hash, 7);
                assert!(verify_subtree(&subtree, &bad, size, &root, &proof).is_err());
                let bad = flipped(&root, 255);
                let verified = verify_subtree(&subtree, &hash, size, &bad, &proof);
                assert_eq!(verified, Err(VerifyError::RootMismatch));
            }
        }
    }
}

#[test]
fn subtree_proofs_fail_for_every_other_subtree() {
    let leaves = leaves();
    let nodes = LeafHashes(&leaves);
    let size = 27;
    let root = root_at(size, &nodes).unwrap();
    let subtrees: Vec<Subtree> = (1..=size)
        .flat_map(|end| (0..end).filter_map(move |start| Subtree::new(start, end).ok()))
        .collect();
    for subtree in &subtrees {
        let hash = subtree_hash(subtree, &nodes).unwrap();
        let proof = prove_subtree(subtree, size, &nodes).unwrap();
        for other in subtrees.iter().filter(|other| *other != subtree) {
            assert!(
                verify_subtree(other, &hash, size, &root, &proof).is_err(),
                "{subtree:?} as {other:?}"
            );
        }
    }
}

#[test]
fn inclusion_proofs_fail_at_every_other_index() {
    let leaves = leaves();
    let nodes = LeafHashes(&leaves);
    for size in 1..=LARGEST {
        let root = root_at(size, &nodes).unwrap();
        for (index, leaf) in (0..size).zip(&leaves) {
            let proof = prove_inclusion(index, size, &nodes).unwrap();
            for other in (0..=size).filter(|other| *other != index) {
                assert!(verify_inclusion(other, leaf, size, &root, &proof).is_err());
            }
        }
    }
}

#[test]
fn inclusion_proofs_fail_for_every_other_leaf() {
    let leaves = leaves();
    let nodes = LeafHashes(&leaves);
    for size in 1..=LARGEST {
        let root = root_at(size, &nodes).unwrap();
        for index in 0..size {
            let proof = prove_inclusion(index, size, &nodes).unwrap();
            for (_, leaf) in (0..).zip(&leaves).filter(|(other, _)| *other != index) {
                assert!(verify_inclusion(index, leaf, size, &root, &proof).is_err());
            }
        }
    }
}

#[test]
fn proofs_fail_against_every_other_root_and_its_size() {
    let leaves = leaves();
    let nodes = LeafHashes(&leaves);
    for size in 1..=LARGEST {
        for other in (1..=LARGEST).filter(|other| *other != size) {
            let root = root_at(other, &nodes).unwrap();
            for (index, leaf) in (0..size.min(other)).zip(&leaves) {
                let proof = prove_inclusion(index, size, &nodes).unwrap();
                // Both sizes may have the same proof, when what differs lies inside a hash of neither.
                let same = prove_inclusion(index, other, &nodes).unwrap() == proof;
                let verified = verify_inclusion(index, leaf, other, &root, &proof);
                assert_eq!(verified.is_ok(), same);
            }
            for old in 1..=size.min(other) {
                let old_root = root_at(old, &nodes).unwrap();
                let proof = prove_consistency(old, size, &nodes).unwrap();
                let same = prove_consistency(old, other, &nodes).unwrap() == proof;
                let verified = verify_consistency(old, &old_root, other, &root, &proof);
                assert_eq!(verified.is_ok(), same);
            }
        }
    }
}

/// What a proof does not prove: a root alone does not commit to its size. Where two sizes give a proof the same turns,
/// both pass, which is why size and root must come from one verified checkpoint.
#[test]
fn a_wrong_size_with_the_right_root_passes_only_if_the_turns_are_the_same() {
    let leaves = leaves();
    let nodes = LeafHashes(&leaves);
    let (mut passed, mut failed) = (0, 0);
    for size in 1..=LARGEST {
        let root = root_at(size, &nodes).unwrap();
        for (index, leaf) in (0..size).zip(&leaves) {
            let proof = prove_inclusion(index, size, &nodes).unwrap();
            for other in (1..=LARGEST).filter(|other| *other != size) {
                let same = turns(index, other) == turns(index, size);
                let verified = verify_inclusion(index, leaf, other, &root, &proof);
                assert_eq!(verified.is_ok(), same, "{index} in {size} as {other}");
                if same { passed += 1 } else { failed += 1 }
            }
        }
    }
    assert!(passed > 0 && failed > 0);
}

/// From the root down to the leaf: `true` where the way goes right. `None` outside of the tree.
fn turns(index: u64, size: u64) -> Option<Vec<bool>> {
    let (mut low, mut high) = (0, size);
    let mut turns = Vec::new();
    if index >= size {
        return None;
    }
    while high - low > 1 {
        let mut half = 1;
        while half * 2 < high - low {
            half *= 2;
        }
        let right = index >= low + half;
        if right {
            low += half;
        } else {
            high = low + half;
        }
        turns.push(right);
    }
    Some(turns)
}

#[test]
fn consistency_proofs_fail_for_every_other_old_size_and_old_root() {
    let leaves = leaves();
    let nodes = LeafHashes(&leaves);
    for size in 1..=LARGEST {
        let root = root_at(size, &nodes).unwrap();
        for old in 1..=size {
            let old_root = root_at(old, &nodes).unwrap();
            let proof = prove_consistency(old, size, &nodes).unwrap();
            for other in (0..=size + 1).filter(|other| *other != old) {
                let verified = verify_consistency(other, &old_root, size, &root, &proof);
                assert!(verified.is_err(), "{old} as {other} in {size}");
                let other_root = root_at(other.min(LARGEST), &nodes).unwrap();
                if other_root != old_root {
                    let verified = verify_consistency(old, &other_root, size, &root, &proof);
                    assert!(verified.is_err());
                }
            }
        }
    }
}

/// A log that rewrote one leaf cannot show that it continues what it showed before.
#[test]
fn a_rewritten_tree_continues_nothing_that_held_the_old_leaf() {
    let honest = leaves();
    for rewritten in 0..12 {
        let mut forged = honest.clone();
        forged[rewritten] = leaf_hash(b"rewritten");
        for old in rewritten as u64 + 1..=20 {
            let old_root = root_at(old, &LeafHashes(&honest)).unwrap();
            for size in old..=21 {
                let root = root_at(size, &LeafHashes(&forged)).unwrap();
                for prover in [&honest, &forged] {
                    let proof = prove_consistency(old, size, &LeafHashes(prover)).unwrap();
                    assert!(verify_consistency(old, &old_root, size, &root, &proof).is_err());
                }
            }
        }
    }
}

#[test]
fn verifiers_refuse_what_is_outside_the_tree_before_hashing() {
    let hash = leaf_hash(b"");
    let empty = Proof::empty();
    let out = |end, size| Err(VerifyError::OutOfRange { end, size });
    assert_eq!(verify_inclusion(1, &hash, 1, &hash, &empty), out(2, 1));
    assert_eq!(
        verify_inclusion(0, &hash, 0, &Hash::EMPTY_ROOT, &empty),
        out(1, 0)
    );
    assert_eq!(
        verify_inclusion(u64::MAX, &hash, 1, &hash, &empty),
        out(u64::MAX, 1)
    );
    assert_eq!(verify_consistency(2, &hash, 1, &hash, &empty), out(2, 1));
    assert_eq!(
        verify_consistency(u64::MAX, &hash, 1, &hash, &empty),
        out(u64::MAX, 1)
    );
    let size = MAX_TREE_SIZE + 1;
    let too_large = Err(VerifyError::TreeTooLarge { size });
    assert_eq!(verify_inclusion(0, &hash, size, &hash, &empty), too_large);
    assert_eq!(verify_consistency(1, &hash, size, &hash, &empty), too_large);
}

#[test]
fn a_proof_has_at_most_63_hashes() {
    let hashes = vec![Hash::EMPTY_ROOT; MAX_PROOF_HASHES];
    assert_eq!(Proof::try_from(hashes).unwrap().hashes().len(), 63);
    let hashes = vec![Hash::EMPTY_ROOT; MAX_PROOF_HASHES + 1];
    assert_eq!(Proof::try_from(hashes), Err(ProofTooLong { found: 64 }));
}
