//! Proof verifiers never panic, and accept no inclusion that the tree does not have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_merkle::{
    Hash, LeafHashes, Proof, Subtree, verify_consistency, verify_inclusion, verify_subtree,
};
use quorate_merkle::{leaf_hash, prove_inclusion, root_of_leaf_hashes};

fuzz_target!(|input: (u64, u64, u64, Vec<[u8; 32]>)| {
    let (start, end, size, hashes) = input;
    let hashes: Vec<Hash> = hashes.into_iter().map(Hash::from_bytes).collect();
    let Ok(proof) = Proof::try_from(hashes) else {
        return;
    };
    let root = Hash::EMPTY_ROOT;
    if let Ok(subtree) = Subtree::new(start, end) {
        let _ = verify_subtree(&subtree, &root, size, &root, &proof);
    }
    let _ = verify_consistency(start, &root, size, &root, &proof);

    // In a small tree that we know, the only proof that verifies is the one the generator gives.
    let size = 1 + size % 40;
    let index = start % (size + 2);
    let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let root = root_of_leaf_hashes(&leaves);
    let claimed = leaf_hash(&(end % size).to_be_bytes());
    if verify_inclusion(index, &claimed, size, &root, &proof).is_ok() {
        let real =
            prove_inclusion(index, size, &LeafHashes(&leaves)).expect("an index in the tree");
        assert!(index == end % size && real.hashes() == proof.hashes());
    }
});
