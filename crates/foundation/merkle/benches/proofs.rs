//! Verifying inclusion proofs, and growing a tree.
//!
//! `cargo bench -p quorate-merkle`. The product needs 250,000 inclusion proofs per second and core; leaves per
//! second bounds how fast a scroll can be replayed.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has no result"
)]

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use quorate_merkle::{
    Frontier, Hash, MultiProof, NodeReader, Proof, leaf_hash, node_hash, prove_inclusion,
    prove_many, root_at, verify_inclusion, verify_many,
};

fn main() {
    divan::main();
}

/// A tree of any size whose leaves are all alike, so that it needs no storage: a node depends on its level only.
struct Uniform(Vec<Hash>);

impl Uniform {
    fn new() -> Self {
        let mut levels = vec![leaf_hash(b"entry")];
        for _ in 0..62 {
            let below = *levels.last().unwrap();
            levels.push(node_hash(&below, &below));
        }
        Self(levels)
    }
}

impl NodeReader for Uniform {
    type Error = ();

    fn node(&self, level: u8, _index: u64) -> Result<Hash, ()> {
        self.0.get(usize::from(level)).copied().ok_or(())
    }
}

/// 2^23 - 1 leaves: 22 or 23 hashes in a proof.
const SIZE: u64 = (1 << 23) - 1;

#[divan::bench]
fn verify_inclusion_depth_23(bencher: Bencher<'_, '_>) {
    let tree = Uniform::new();
    let root = root_at(SIZE, &tree).unwrap();
    let index = 1_234_567;
    let proof: Proof = prove_inclusion(index, SIZE, &tree).unwrap();
    let leaf = leaf_hash(b"entry");
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        verify_inclusion(black_box(index), &leaf, SIZE, &root, black_box(&proof)).unwrap();
    });
}

/// As a client does it: the leaf hash of a receipt of 300 bytes first.
#[divan::bench]
fn verify_receipt_depth_23(bencher: Bencher<'_, '_>) {
    let tree = Uniform::new();
    let root = root_at(SIZE, &tree).unwrap();
    let index = 1_234_567;
    let proof: Proof = prove_inclusion(index, SIZE, &tree).unwrap();
    let receipt = [b'r'; 300];
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        let leaf = leaf_hash(black_box(&receipt));
        verify_inclusion(index, &leaf, SIZE, &root, black_box(&proof)).is_err()
    });
}

#[divan::bench]
fn verify_many_1000_leaves(bencher: Bencher<'_, '_>) {
    let tree = Uniform::new();
    let root = root_at(SIZE, &tree).unwrap();
    let indices: Vec<u64> = (0..1000).map(|i| i * 8000).collect();
    let proof: MultiProof = prove_many(&indices, SIZE, &tree).unwrap();
    let leaf = leaf_hash(b"entry");
    let leaves: Vec<(u64, Hash)> = indices.into_iter().map(|index| (index, leaf)).collect();
    bencher
        .counter(ItemsCount::new(leaves.len()))
        .bench_local(|| verify_many(black_box(&leaves), SIZE, &root, &proof).unwrap());
}

#[divan::bench]
fn frontier_push(bencher: Bencher<'_, '_>) {
    let leaf = leaf_hash(b"entry");
    let mut frontier = Frontier::new();
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| frontier.push(black_box(leaf)).unwrap());
}

#[divan::bench]
fn leaf_hash_300_bytes(bencher: Bencher<'_, '_>) {
    let receipt = [b'r'; 300];
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| leaf_hash(black_box(&receipt)));
}
