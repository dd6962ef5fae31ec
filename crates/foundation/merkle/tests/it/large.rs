//! Trees of up to 2^62 leaves, which nobody can hold: nothing overflows, and every proof verifies.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quorate_merkle::{
    Frontier, Hash, MAX_TREE_SIZE, NodeReader, Proof, Subtree, VerifyError, leaf_hash, node_hash,
    prove_consistency, prove_inclusion, prove_subtree, root_at, subtree_hash, verify_consistency,
    verify_inclusion, verify_subtree,
};

/// A tree of any size in which all leaves are alike but a few.
pub(crate) struct Sparse {
    /// Node of each level above leaves that are all alike.
    plain: Vec<Hash>,
    special: BTreeMap<u64, Hash>,
}

impl Sparse {
    pub(crate) fn new(special: &[u64]) -> Self {
        let mut node = leaf_hash(b"plain");
        let mut plain = vec![node];
        for _ in 0..62 {
            node = node_hash(&node, &node);
            plain.push(node);
        }
        let special = special
            .iter()
            .map(|index| (*index, leaf_hash(&index.to_be_bytes())))
            .collect();
        Self { plain, special }
    }

    pub(crate) fn leaf(&self, index: u64) -> Hash {
        self.special.get(&index).copied().unwrap_or(self.plain[0])
    }
}

impl NodeReader for Sparse {
    type Error = ();

    fn node(&self, level: u8, index: u64) -> Result<Hash, ()> {
        let first = index << level;
        let last = first + ((1 << level) - 1);
        if self.special.range(first..=last).next().is_none() {
            return self.plain.get(usize::from(level)).copied().ok_or(());
        }
        if level == 0 {
            return Ok(self.leaf(index));
        }
        let left = self.node(level - 1, 2 * index)?;
        let right = self.node(level - 1, 2 * index + 1)?;
        Ok(node_hash(&left, &right))
    }
}

/// Sizes of all magnitudes, and those next to powers of two.
fn sizes() -> impl Strategy<Value = u64> {
    let near_power = (0..=62_u32, -2_i64..=2).prop_map(|(bits, offset)| {
        (1_u64 << bits)
            .saturating_add_signed(offset)
            .clamp(1, MAX_TREE_SIZE)
    });
    prop_oneof![near_power, any_magnitude()]
}

fn any_magnitude() -> impl Strategy<Value = u64> {
    (0..62_u32, 1..=MAX_TREE_SIZE).prop_map(|(shift, value)| (value >> shift).max(1))
}

proptest! {
    #[test]
    fn inclusion_proofs_hold_up_to_the_limit(size in sizes(), pick: u64, other: u64) {
        let (index, other) = (pick % size, other % size);
        let tree = Sparse::new(&[index, size - 1]);
        let root = root_at(size, &tree).unwrap();
        let leaf = tree.leaf(index);
        let proof = prove_inclusion(index, size, &tree).unwrap();
        prop_assert!(proof.hashes().len() <= 62);
        prop_assert_eq!(verify_inclusion(index, &leaf, size, &root, &proof), Ok(()));
        if other != index {
            prop_assert!(verify_inclusion(other, &leaf, size, &root, &proof).is_err());
        }
    }

    #[test]
    fn consistency_proofs_hold_up_to_the_limit(size in sizes(), pick: u64, other: u64) {
        let (old, other) = (pick % size + 1, other % size + 1);
        let tree = Sparse::new(&[old - 1, size - 1]);
        let (old_root, root) = (root_at(old, &tree).unwrap(), root_at(size, &tree).unwrap());
        let proof = prove_consistency(old, size, &tree).unwrap();
        prop_assert!(proof.hashes().len() <= 63);
        prop_assert_eq!(verify_consistency(old, &old_root, size, &root, &proof), Ok(()));
        if other != old {
            prop_assert!(verify_consistency(other, &old_root, size, &root, &proof).is_err());
        }
    }

    #[test]
    fn subtree_proofs_hold_up_to_the_limit(size in sizes(), pick: u64, level in 0..62_u32, cut: u64) {
        // Any aligned start, and any end within the width that this alignment allows.
        let start = ((pick % size) >> level) << level;
        let end = start + 1 + cut % (size - start).min(1 << level);
        let subtree = Subtree::new(start, end).unwrap();
        let tree = Sparse::new(&[start, end - 1, size - 1]);
        let root = root_at(size, &tree).unwrap();
        let hash = subtree_hash(&subtree, &tree).unwrap();
        let proof = prove_subtree(&subtree, size, &tree).unwrap();
        prop_assert_eq!(verify_subtree(&subtree, &hash, size, &root, &proof), Ok(()));
    }

    #[test]
    fn verifiers_take_any_numbers_without_overflow(
        index: u64,
        size: u64,
        count in 0..=63_usize,
    ) {
        let hash = leaf_hash(b"");
        let proof = Proof::try_from(vec![hash; count]).unwrap();
        prop_assert!(verify_inclusion(index, &hash, size, &hash, &proof).is_err());
        prop_assert!(verify_consistency(index, &hash, size, &hash, &proof).is_err());
        let _ = prove_inclusion(index, size, &Sparse::new(&[]));
        let _ = prove_consistency(index, size, &Sparse::new(&[]));
    }

    #[test]
    fn frontier_read_from_nodes_goes_on_as_if_it_had_been_there(size in sizes()) {
        prop_assume!(size < MAX_TREE_SIZE);
        let tree = Sparse::new(&[size / 3, size - 1, size]);
        let mut frontier = Frontier::read(size, &tree).unwrap();
        prop_assert_eq!(Ok(frontier.root()), root_at(size, &tree));
        frontier
            .push_visiting(tree.leaf(size), |level, index, hash| {
                assert_eq!(tree.node(level, index), Ok(hash));
            })
            .unwrap();
        prop_assert_eq!(Ok(frontier.root()), root_at(size + 1, &tree));
        prop_assert_eq!(Frontier::read(size + 1, &tree), Ok(frontier));
    }
}

/// The arithmetic beside [`MAX_TREE_SIZE`]: 63 hashes is the longest proof, and one leaf more would need 64.
#[test]
fn the_longest_proof_has_63_hashes() {
    let tree = Sparse::new(&[]);
    let old = MAX_TREE_SIZE - 1;
    let proof = prove_consistency(old, MAX_TREE_SIZE, &tree).unwrap();
    assert_eq!(proof.hashes().len(), 63);
    let (old_root, root) = (
        root_at(old, &tree).unwrap(),
        root_at(MAX_TREE_SIZE, &tree).unwrap(),
    );
    let verified = verify_consistency(old, &old_root, MAX_TREE_SIZE, &root, &proof);
    assert_eq!(verified, Ok(()));
    let short = Proof::try_from(proof.hashes()[1..].to_vec()).unwrap();
    assert_eq!(
        verify_consistency(old, &old_root, MAX_TREE_SIZE, &root, &short),
        Err(VerifyError::WrongLength {
            expected: 63,
            found: 62
        })
    );
}
