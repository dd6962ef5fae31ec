//! What a log over known entries must say, computed by definition and without any state: slow, and nothing
//! to go wrong in.

use quorate_merkle::{BundleId, Hash, TileId, leaf_hash, root_of_leaf_hashes};

/// The entries of a log, and everything that follows from them.
#[derive(Debug, Clone)]
pub struct Oracle {
    entries: Vec<Vec<u8>>,
    leaves: Vec<Hash>,
}

impl Oracle {
    /// The log of these entries.
    #[must_use]
    pub fn new(entries: &[Vec<u8>]) -> Self {
        Self {
            entries: entries.to_vec(),
            leaves: entries.iter().map(|entry| leaf_hash(entry)).collect(),
        }
    }

    /// How many entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// Their leaf hashes.
    #[must_use]
    pub fn leaves(&self) -> &[Hash] {
        &self.leaves
    }

    /// The root over all entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        root_of_leaf_hashes(&self.leaves)
    }

    /// The root over the first `size` entries, which must exist.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Hash {
        root_of_leaf_hashes(&self.leaves[..size as usize])
    }

    /// The bytes of a tile that this log has (C2SP tlog-tiles, "Merkle Tree").
    #[must_use]
    pub fn tile(&self, id: &TileId) -> Vec<u8> {
        let span = 256_usize.pow(u32::from(id.level()));
        let first = id.first_hash() as usize;
        (first..first + usize::from(id.width()))
            .flat_map(|i| *root_of_leaf_hashes(&self.leaves[i * span..(i + 1) * span]).as_bytes())
            .collect()
    }

    /// The bytes of an entry bundle that this log has (C2SP tlog-tiles, "Log Entries").
    #[must_use]
    pub fn bundle(&self, id: &BundleId) -> Vec<u8> {
        let first = id.first_entry() as usize;
        let mut bytes = Vec::new();
        for entry in &self.entries[first..first + usize::from(id.width())] {
            bytes.extend_from_slice(&(entry.len() as u16).to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        bytes
    }
}
