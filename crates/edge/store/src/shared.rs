//! What the writer, the readers and maintenance of one scroll share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use quorate_merkle::{Frontier, Hash};

use crate::disk::{Disk, Named};
use crate::entries::{EntryKeys, Indexer, leaf_key};
use crate::lookup::point::{Index, Point, time_key};
use crate::lookup::{Lookup, Upkeep};
use crate::seal::{Cursors, Position};
use crate::spec::ScrollSpec;
use crate::tree::Tree;

/// The file of entry offsets in a scroll's directory: 8 bytes per entry, where it starts in the record.
pub(crate) const OFFSETS_FILE: &str = "offsets";

/// The directory of the look-ups.
pub(crate) const LOOKUP_DIR: &str = "lookup";

/// When work is done that costs time. The defaults are for a node; tests make everything happen early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tuning {
    /// A snapshot is due after this many entries.
    pub snapshot_every: u64,
    /// A commit does maintenance itself when a look-up has this many points in memory, 16 to 24 bytes each.
    pub max_pending: usize,
    /// The journal grows in steps of this many bytes.
    pub journal_step: u64,
    /// The journal is compacted when its seals take this many bytes.
    pub journal_compact: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            snapshot_every: 262_144,
            max_pending: 1 << 20,
            journal_step: 1 << 20,
            journal_compact: 4 << 20,
        }
    }
}

/// A committed state of the scroll. Published as a whole: whoever holds one sees one size, root, frontier
/// and set of cursors that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) position: Position,
    pub(crate) frontier: Frontier,
    pub(crate) cursors: Arc<Cursors>,
}

pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) spec: ScrollSpec,
    pub(crate) record: Named,
    pub(crate) offsets: Named,
    pub(crate) tree: Tree,
    /// In the order of [`Index::ALL`].
    pub(crate) lookups: [Lookup; 3],
    pub(crate) indexer: Arc<dyn Indexer>,
    pub(crate) tuning: Tuning,
    pub(crate) head: RwLock<Arc<Head>>,
    pub(crate) maintenance: Mutex<Maintenance>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scroll")
            .field("dir", &self.dir)
            .field("position", &self.head().position)
            .finish_non_exhaustive()
    }
}

/// Owned by whoever does maintenance.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    /// Size of the newest durable snapshot.
    pub(crate) snapshot: Option<u64>,
    pub(crate) upkeep: [Upkeep; 3],
    /// A sync of a derived file failed: nothing about those files can be promised until they were written
    /// again, which the next start does.
    pub(crate) stopped: bool,
}

impl Shared {
    pub(crate) fn head(&self) -> Arc<Head> {
        Arc::clone(&self.head.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn publish(&self, head: Head) {
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(head);
    }

    pub(crate) fn lookup(&self, index: Index) -> &Lookup {
        let [leaf, id, time] = &self.lookups;
        match index {
            Index::Leaf => leaf,
            Index::Id => id,
            Index::Time => time,
        }
    }

    /// Points in memory of the fullest look-up.
    pub(crate) fn pending(&self) -> usize {
        self.lookups.iter().map(Lookup::pending).max().unwrap_or(0)
    }

    /// Makes consecutive entries findable, the first of which has index `first`.
    pub(crate) fn index<'a>(
        &self,
        first: u64,
        entries: impl Iterator<Item = (&'a Hash, &'a EntryKeys)> + Clone,
    ) {
        let numbered = (first..).zip(entries);
        let [leaf, id, time] = &self.lookups;
        leaf.insert(numbered.clone().map(|(index, (leaf, _))| Point {
            key: leaf_key(leaf),
            index,
        }));
        id.insert(numbered.clone().flat_map(|(index, (_, keys))| {
            keys.ids().iter().map(move |key| Point { key: *key, index })
        }));
        time.insert(numbered.filter_map(|(index, (_, keys))| {
            Some(Point {
                key: time_key(keys.time()?),
                index,
            })
        }));
    }
}
