//! RFC 6962 Merkle trees: incremental roots, tiles, inclusion, consistency, subtree and multi-proofs.
