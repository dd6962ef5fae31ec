//! RFC 6962 Merkle trees over SHA-256: incremental roots, tiles, and every proof the product makes.
//!
//! Specs implemented, at the revisions the tests were written against:
//! - RFC 6962 §2.1 (Merkle hash trees, inclusion and consistency proofs);
//! - `tlog-tiles` (C2SP commit 5ba5ee8, 2026-07-22): tile geometry, tile paths, entry bundles;
//! - `draft-ietf-plants-merkle-tree-certs-05` §4 (subtrees and subtree proofs).
//!
//! # In scope
//! - [`struct@Hash`], [`leaf_hash`], [`node_hash`]: the two hash functions and nothing that could confuse them.
//! - [`Frontier`]: the right edge of a growing tree, which is all an appender has to remember.
//! - [`NodeReader`], [`TileHashes`], [`TileNodes`]: where proofs read their hashes from.
//! - [`prove_subtree`] / [`verify_subtree`], one generator and one verifier, and the inclusion and
//!   consistency proofs that are special cases of them.
//! - [`prove_many`] / [`verify_many`]: one proof for many leaves; [`prove_runs`] / [`verify_runs`] where they are not
//!   all held at once.
//! - [`TileId`], [`BundleId`], [`TilePath`]: names of the resources of a tiled log; [`bundle`]: their framing.
//!
//! # Out of scope
//! Signatures, checkpoints and `.tlog-proof` files (`quorate-note`), reading and writing storage, HTTP, pruning
//! policy. A proof says that a hash is under a root; it does not say who stands behind the root.
//!
//! # Limits
//! Trees hold at most [`MAX_TREE_SIZE`] leaves. No function reads a clock, a file or randomness, and no input can
//! make one panic: sizes and indices from outside are checked before anything is computed from them (test
//! `verifiers_take_any_numbers_without_overflow`). Every proof has exactly one form that verifies, and no other
//! number of hashes is even hashed (tests `damaged_subtree_proofs_fail`, `damaged_multi_proofs_fail`).
//!
//! What no proof says: how large the tree behind a root is. Two sizes can give a proof the same shape, so size and
//! root must come from one verified checkpoint (test
//! `a_wrong_size_with_the_right_root_passes_only_if_the_turns_are_the_same`).
//!
//! # Example
//! ```
//! use quorate_merkle::{Frontier, LeafHashes, leaf_hash, prove_inclusion, verify_inclusion};
//!
//! let leaves = ["first", "second", "third"].map(|entry| leaf_hash(entry.as_bytes()));
//! let mut log = Frontier::new();
//! for leaf in leaves {
//!     log.push(leaf)?;
//! }
//!
//! let proof = prove_inclusion(1, log.size(), &LeafHashes(&leaves))?;
//! verify_inclusion(1, &leaf_hash(b"second"), log.size(), &log.root(), &proof)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

pub mod bundle;
mod error;
mod frontier;
mod hash;
mod multi;
mod node;
mod proof;
mod subtree;
mod tile;
mod tile_path;

pub use error::{FrontierError, ProveError, TargetsError, TreeFull, VerifyError};
pub use frontier::Frontier;
pub use hash::{Hash, ParseHashError, leaf_hash, node_hash};
pub use multi::{
    LeafRuns, MAX_MULTI_HASHES, MAX_MULTI_LEAVES, MultiProof, MultiProofTooLong, RunsError,
    prove_many, prove_runs, verify_many, verify_runs,
};
pub use node::{
    LeafHashes, LeafOutOfRange, NodeReader, TileHashes, TileNodes, root_at, root_of_leaf_hashes,
    subtree_hash,
};
pub use proof::{
    MAX_PROOF_HASHES, Proof, ProofTooLong, proof_ranges, prove_consistency, prove_inclusion,
    prove_subtree, verify_consistency, verify_inclusion, verify_subtree,
};
pub use subtree::{Subtree, SubtreeError};
pub use tile::{
    BundleId, TILE_HEIGHT, TILE_WIDTH, TileError, TileId, bundles_for_size, bundles_grown,
    decode_hashes, encode_hashes, tiles_for_size, tiles_grown,
};
pub use tile_path::{TilePath, TilePathError};

/// The largest number of leaves a tree may have: 2^62.
///
/// A consistency proof over `n` leaves has at most ⌈log2 n⌉ + 1 hashes, so this is the largest size for which every
/// proof fits the 63 lines that `tlog-witness` allows. It also keeps sizes within a signed 64-bit integer, which
/// other implementations use.
pub const MAX_TREE_SIZE: u64 = 1 << 62;
