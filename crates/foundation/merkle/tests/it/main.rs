//! Tests of the whole crate against the definitions in the specifications.

mod bundles;
mod hashes;
mod large;
mod multi;
mod negative;
mod oracle;
mod subtrees;
mod tile_paths;
mod tiles;
mod trees;
mod vectors;
