//! Bringing up what is derived: as far as a snapshot vouches for it, or all of it from the record.

use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

use quorate_merkle::{Frontier, Hash};

use super::{OpenError, SnapshotUse, create_dirs, journal_damage, remove_if_there};
use crate::disk::{Disk, MODE_SHARED, Named, sync_dir};
use crate::entries::Indexer;
use crate::error::{Corrupt, Damage, DiskError, Fault};
use crate::journal::Scan;
use crate::lookup::point::Index;
use crate::lookup::{Lookup, Upkeep};
use crate::reader::ReadError;
use crate::replay::{ReplayError, Stretch, replay, stretches};
use crate::shared::{Head, LOOKUP_DIR, Maintenance, OFFSETS_FILE, Shared, Tuning};
use crate::snapshot::{LookupFiles, SNAPSHOT_FILE, Snapshot};
use crate::spec::ScrollSpec;
use crate::tree::{TREE_DIR, Tree};

/// A scroll whose derived files are to be brought up.
pub(super) struct Place<'a> {
    pub(super) disk: &'a Arc<dyn Disk>,
    pub(super) dir: &'a Path,
    pub(super) spec: &'a ScrollSpec,
    pub(super) record: &'a Named,
    pub(super) indexer: &'a Arc<dyn Indexer>,
    pub(super) tuning: Tuning,
    pub(super) at_least: Option<(u64, Hash)>,
    pub(super) scan: &'a Scan,
}

impl Place<'_> {
    /// Takes over what the snapshot covers and derives the rest, or derives everything.
    pub(super) fn derive(
        &self,
        snapshot: Result<Option<Snapshot>, Fault>,
    ) -> Result<(Shared, SnapshotUse, u64), OpenError> {
        let mut known = SnapshotUse::Missing;
        match snapshot {
            Ok(Some(snapshot)) => match self.take_snapshot(&snapshot)? {
                Ok((shared, replayed)) => {
                    return Ok((
                        shared,
                        SnapshotUse::Used(snapshot.frontier.size()),
                        replayed,
                    ));
                }
                Err(damage) => known = SnapshotUse::Damaged(damage),
            },
            Ok(None) => {}
            Err(Fault::Corrupt(damage)) => known = SnapshotUse::Damaged(damage),
            Err(Fault::Disk(e)) => return Err(e.into()),
        }
        let shared = self.empty()?;
        let everything =
            stretches(self.scan, 0, 0).ok_or_else(|| self.journal_damage(Damage::Chain))?;
        let replayed = self.replay(&shared, Frontier::new(), &everything)?;
        self.keeps_promise(&shared)?;
        Ok((shared, known, replayed))
    }

    /// Whether the scroll leads to the head that was signed. Reads the tree, if that head is an older one.
    fn keeps_promise(&self, shared: &Shared) -> Result<(), OpenError> {
        let Some((size, promised)) = self.at_least else {
            return Ok(());
        };
        let found = shared.root_at(&shared.head(), size).map_err(|e| match e {
            ReadError::Fault(fault) => OpenError::Fault(fault),
            _ => OpenError::Behind {
                size: self.scan.position().size,
                promised: size,
            },
        })?;
        if found == promised {
            return Ok(());
        }
        Err(OpenError::Contradicts {
            size,
            found,
            promised,
        })
    }

    /// What a fault says of a derived file, which only costs the time to derive it again; any other is given
    /// back.
    fn derived_damage(&self, fault: Fault) -> Result<Corrupt, Fault> {
        match fault {
            Fault::Corrupt(damage) if damage.file != *self.record.path => Ok(damage),
            Fault::Disk(e) if e.is_unreadable() && e.path != *self.record.path => {
                Ok(Corrupt::new(&e.path, 0, Damage::Unreadable))
            }
            other => Err(other),
        }
    }

    fn journal_damage(&self, damage: Damage) -> Corrupt {
        journal_damage(self.dir, self.scan, damage)
    }

    /// The outer error refuses the start; the inner one says that the snapshot is of no use.
    fn take_snapshot(
        &self,
        snapshot: &Snapshot,
    ) -> Result<Result<(Shared, u64), Corrupt>, OpenError> {
        let size = snapshot.frontier.size();
        let contradiction = Corrupt::new(&self.dir.join(SNAPSHOT_FILE), 0, Damage::Snapshot);
        let Some(rest) = stretches(self.scan, size, snapshot.bytes) else {
            return Err(contradiction.into());
        };
        let known = std::iter::once(&self.scan.base.position)
            .chain(self.scan.seals.iter().map(|seal| &seal.after))
            .find(|position| position.size == size);
        if known.is_some_and(|position| position.root != snapshot.frontier.root()) {
            return Err(contradiction.into());
        }
        let shared = match self.take_over(snapshot) {
            Ok(shared) => shared,
            Err(fault) => return Ok(Err(self.derived_damage(fault)?)),
        };
        let replayed = self.replay(&shared, snapshot.frontier.clone(), &rest);
        match replayed.and_then(|n| self.keeps_promise(&shared).map(|()| n)) {
            Ok(replayed) => Ok(Ok((shared, replayed))),
            // Before the base, only the root tells; a wrong one may be the snapshot's fault.
            Err(OpenError::Fault(Fault::Corrupt(damage))) if damage.damage == Damage::Root => {
                Ok(Err(damage))
            }
            Err(OpenError::Fault(fault)) => Ok(Err(self.derived_damage(fault)?)),
            Err(other) => Err(other),
        }
    }

    /// The derived files as far as the snapshot vouches for them.
    fn take_over(&self, snapshot: &Snapshot) -> Result<Shared, Fault> {
        let size = snapshot.frontier.size();
        for index in Index::ALL {
            let dir = self.dir.join(LOOKUP_DIR).join(index.name());
            if !self
                .disk
                .exists(&dir)
                .map_err(|e| DiskError::new("look for", &dir, &e))?
            {
                return Err(Corrupt::new(&dir, 0, Damage::Missing).into());
            }
            sync_dir(&**self.disk, &dir)?;
            let names = self
                .disk
                .list(&dir)
                .map_err(|e| DiskError::new("list", &dir, &e))?;
            for name in names.iter().filter(|name| !snapshot.has_run(index, name)) {
                remove_if_there(&**self.disk, &dir.join(name))?;
            }
        }
        let missing = |path: &Path| Corrupt::new(path, 0, Damage::Missing);
        let tree =
            Tree::open(&**self.disk, self.dir)?.ok_or_else(|| missing(&self.dir.join(TREE_DIR)))?;
        if !tree.cut(size)? {
            return Err(Corrupt::new(&self.dir.join(TREE_DIR), 0, Damage::Short).into());
        }
        let path = self.dir.join(OFFSETS_FILE);
        let offsets = Named::open_existing(&**self.disk, &path)?.ok_or_else(|| missing(&path))?;
        if offsets.len()? < size * 8 {
            return Err(Corrupt::new(&path, offsets.len()?, Damage::Short).into());
        }
        offsets.cut(size * 8)?;
        self.shared(tree, offsets, &snapshot.lookups, Some(size))
    }

    /// Derived files of an empty scroll. The snapshot goes first: it vouches for what is thrown away.
    fn empty(&self) -> Result<Shared, OpenError> {
        remove_if_there(&**self.disk, &self.dir.join(SNAPSHOT_FILE))?;
        create_dirs(&**self.disk, self.dir)?;
        for index in Index::ALL {
            let dir = self.dir.join(LOOKUP_DIR).join(index.name());
            let names = self
                .disk
                .list(&dir)
                .map_err(|e| DiskError::new("list", &dir, &e))?;
            for name in names {
                remove_if_there(&**self.disk, &dir.join(name))?;
            }
        }
        let tree = Tree::create(&**self.disk, self.dir)?;
        let offsets = Named::create(&**self.disk, &self.dir.join(OFFSETS_FILE), MODE_SHARED)?;
        sync_dir(&**self.disk, self.dir)?;
        Ok(self.shared(tree, offsets, &Default::default(), None)?)
    }

    fn shared(
        &self,
        tree: Tree,
        offsets: Named,
        files: &[LookupFiles; 3],
        snapshot: Option<u64>,
    ) -> Result<Shared, Fault> {
        let parent = self.dir.join(LOOKUP_DIR);
        let [leaf, id, time] = files;
        let open =
            |index, files: &LookupFiles| Lookup::open(self.disk, &parent, index, &files.runs);
        let upkeep = |files: &LookupFiles| Upkeep {
            next_id: files.next_id,
            ..Upkeep::default()
        };
        Ok(Shared {
            disk: Arc::clone(self.disk),
            dir: self.dir.to_owned(),
            spec: self.spec.clone(),
            record: self.record.clone(),
            offsets,
            tree,
            lookups: [
                open(Index::Leaf, leaf)?,
                open(Index::Id, id)?,
                open(Index::Time, time)?,
            ],
            indexer: Arc::clone(self.indexer),
            tuning: self.tuning,
            head: RwLock::new(Arc::new(Head {
                position: self.scan.position(),
                frontier: Frontier::new(),
                cursors: Arc::clone(&self.scan.cursors),
            })),
            maintenance: Mutex::new(Maintenance {
                snapshot,
                upkeep: [upkeep(leaf), upkeep(id), upkeep(time)],
                stopped: false,
            }),
        })
    }

    /// Derives the stretches and publishes the head. Returns how many entries that were.
    fn replay(
        &self,
        shared: &Shared,
        frontier: Frontier,
        stretches: &[Stretch],
    ) -> Result<u64, OpenError> {
        let from = frontier.size();
        let frontier = replay(shared, frontier, stretches).map_err(|e| match e {
            ReplayError::Fault(fault) => OpenError::Fault(fault),
            ReplayError::Index {
                index,
                offset,
                error,
            } => OpenError::Entry {
                file: self.record.path.to_path_buf(),
                offset,
                index,
                error,
            },
        })?;
        let replayed = frontier.size() - from;
        let position = self.scan.position();
        if frontier.root() != position.root {
            return Err(Corrupt::new(&self.record.path, 0, Damage::Root).into());
        }
        shared.publish(Head {
            position,
            frontier,
            cursors: Arc::clone(&self.scan.cursors),
        });
        Ok(replayed)
    }
}
