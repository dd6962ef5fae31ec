//! Creating a scroll, and opening one: the journal decides what exists, the rest is checked against it or
//! derived again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use quorate_merkle::{Frontier, Hash};
use thiserror::Error;

use crate::disk::{Disk, MODE_SHARED, Named, sync_dir, temporary};
use crate::entries::{IndexError, Indexer, MAX_BATCH_BYTES};
use crate::error::{Corrupt, Damage, DiskError, Fault};
use crate::journal::{JOURNAL_FILE, Journal, JournalSteps, Scan};
use crate::lookup::point::Index;
use crate::lookup::{Lookup, Upkeep};
use crate::maintain::Urgency;
use crate::reader::{ReadError, Reader};
use crate::replay::{ReplayError, Stretch, replay, stretches};
use crate::seal::{Base, Cursors, Position};
use crate::shared::{Head, LOOKUP_DIR, Maintenance, OFFSETS_FILE, Shared, Tuning};
use crate::snapshot::{LookupFiles, SNAPSHOT_FILE, Snapshot};
use crate::spec::{SPEC_FILE, ScrollSpec, SpecError};
use crate::tree::{TREE_DIR, Tree};
use crate::writer::Writer;

/// Why a scroll could not be created.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is one already. Nothing was changed.
    #[error("there is a scroll in {} already", .0.display())]
    Exists(PathBuf),
    /// The directory holds entries but no `scroll.json`: a scroll that lost its description, not one that was
    /// never finished. Nothing was changed.
    #[error("{} holds entries of a scroll without a description", .0.display())]
    NotEmpty(PathBuf),
    /// The spec cannot be used. Nothing was changed.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The disk's fault. Files may have been left; creating again takes them over.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a scroll could not be opened. What was acknowledged is unchanged in every case.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no usable `scroll.json`.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The disk failed, or a file that cannot be derived again is damaged.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The scroll is shorter than what was promised of it. The copy is old or entries were lost: nothing may
    /// be appended.
    #[error("the scroll has {size} entries, but a head over {promised} was signed")]
    Behind {
        /// Entries there are.
        size: u64,
        /// Entries that were promised.
        promised: u64,
    },
    /// The scroll's first entries are not the ones that were promised.
    #[error("the first {size} entries have the root {found}, but {promised} was signed")]
    Contradicts {
        /// Size of the promised head.
        size: u64,
        /// The root there is.
        found: Hash,
        /// The root that was promised.
        promised: Hash,
    },
    /// The indexer refuses an entry of the record.
    #[error("entry {index}, at byte {offset} of {}, is not one of this scroll: {error}", file.display())]
    Entry {
        /// The record.
        file: PathBuf,
        /// Offset of the entry.
        offset: u64,
        /// Its index.
        index: u64,
        /// Why.
        error: IndexError,
    },
}

impl From<DiskError> for OpenError {
    fn from(error: DiskError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Corrupt> for OpenError {
    fn from(error: Corrupt) -> Self {
        Self::Fault(error.into())
    }
}

/// How to open a scroll.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions {
    /// Size and root of the last head that was signed: a scroll behind it or with another root is refused.
    pub at_least: Option<(u64, Hash)>,
    /// When work is done that costs time.
    pub tuning: Tuning,
}

/// What opening found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// Committed entries.
    pub size: u64,
    /// Bytes cut from the record: written, but never sealed, so never acknowledged.
    pub cut_bytes: u64,
    /// One copy of a record of the journal was damaged; it was written anew from the other.
    pub healed_journal: bool,
    /// Where deriving began.
    pub snapshot: SnapshotUse,
    /// Entries that were derived again from the record.
    pub replayed: u64,
}

/// What the snapshot was worth.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotUse {
    /// Derived files were taken over up to this size.
    Used(u64),
    /// There was none.
    Missing,
    /// It, or a file it vouches for, was damaged: everything was derived again.
    Damaged(Corrupt),
}

/// An open scroll: one writer, any number of readers.
#[derive(Debug)]
pub struct Scroll {
    writer: Writer,
    reader: Reader,
}

impl Scroll {
    /// Creates an empty scroll in `dir`, which is made if need be. When this returns it survives a crash; if it
    /// does not return, it exists completely or not at all.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn create(disk: &Arc<dyn Disk>, dir: &Path, spec: &ScrollSpec) -> Result<(), CreateError> {
        spec.check()?;
        let exists = |path: &Path| {
            disk.exists(path)
                .map_err(|e| DiskError::new("look for", path, &e))
        };
        if exists(&dir.join(SPEC_FILE))? {
            return Err(CreateError::Exists(dir.to_owned()));
        }
        create_dirs(&**disk, dir)?;
        // Left by an attempt that did not get to the end, the record is empty.
        let record = dir.join(spec.record_name());
        if let Some(file) = Named::open_existing(&**disk, &record)?
            && file.len()? > 0
        {
            return Err(CreateError::NotEmpty(dir.to_owned()));
        }
        Named::create(&**disk, &record, MODE_SHARED)?.sync_all()?;
        let base = Base {
            spec: spec.fingerprint(),
            seq: 0,
            chain: [0; 32],
            position: Position {
                size: 0,
                bytes: 0,
                root: Hash::EMPTY_ROOT,
                at: 0,
            },
            cursors: Cursors::new(),
        };
        // The first commit lays down room, in the steps of whoever opened the scroll.
        let steps = JournalSteps {
            prealloc: 0,
            ..journal_steps(&Tuning::default())
        };
        Journal::create(disk, dir, &base, steps)?;
        finish_create(disk, dir, spec)?;
        Ok(())
    }

    /// Opens the scroll in `dir`. The caller holds the data directory's lock.
    ///
    /// Only what cannot be derived is ever refused; a missing or damaged snapshot or derived file costs time.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        indexer: Arc<dyn Indexer>,
        options: &OpenOptions,
    ) -> Result<(Self, OpenReport), OpenError> {
        let found = disk.exists(dir);
        if !found.map_err(|e| DiskError::new("look for", dir, &e))? {
            return Err(SpecError::NoScroll(dir.to_owned()).into());
        }
        // Names first: a rename that a process saw but never synced must not be built upon.
        sync_down_to(&**disk, dir)?;
        let spec = ScrollSpec::read(&**disk, dir)?;
        let fingerprint = spec.fingerprint();
        let scan = Scan::read(&**disk, &dir.join(JOURNAL_FILE), &fingerprint)?;
        let end = scan.position();
        if let Some((promised, _)) = options.at_least
            && promised > end.size
        {
            return Err(OpenError::Behind {
                size: end.size,
                promised,
            });
        }
        // Everything that can show that more was acknowledged than the journal still says is asked before
        // anything is cut: what is cut is gone.
        let snapshot = Snapshot::read(&**disk, dir, &fingerprint);
        if let Ok(Some(snapshot)) = &snapshot {
            not_behind_snapshot(dir, &scan, snapshot)?;
        }
        let (record, cut_bytes) = open_record(&**disk, &dir.join(spec.record_name()), &end)?;
        let tuning = options.tuning;
        let mut journal = Journal::open(disk, dir, &scan, journal_steps(&tuning))?;
        for name in [JOURNAL_FILE, SNAPSHOT_FILE, SPEC_FILE] {
            remove_if_there(&**disk, &temporary(&dir.join(name)))?;
        }

        let place = Place {
            disk,
            dir,
            spec: &spec,
            record: &record,
            indexer: &indexer,
            tuning,
            scan: &scan,
        };
        let (shared, snapshot, replayed) = place.derive(snapshot)?;
        if let Some((size, promised)) = options.at_least {
            let found = shared.root_at(&shared.head(), size).map_err(|e| match e {
                ReadError::Fault(fault) => OpenError::Fault(fault),
                _ => OpenError::Behind {
                    size: end.size,
                    promised: size,
                },
            })?;
            if found != promised {
                return Err(OpenError::Contradicts {
                    size,
                    found,
                    promised,
                });
            }
        }
        if scan.damaged_copy.is_some() {
            // While the other copy is good, write both anew. Not before everything was checked by it.
            journal.compact(end, &scan.cursors)?;
        }
        let shared = Arc::new(shared);
        let report = OpenReport {
            size: end.size,
            cut_bytes,
            healed_journal: scan.damaged_copy.is_some(),
            snapshot,
            replayed,
        };
        if replayed >= tuning.snapshot_every {
            // A failure costs the next start the same time again, nothing else.
            drop(shared.maintain(Urgency::IfAnything));
        }
        let scroll = Self {
            writer: Writer::new(Arc::clone(&shared), journal),
            reader: Reader::new(shared),
        };
        Ok((scroll, report))
    }

    /// A handle for reading.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// The writer.
    pub const fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// The writer and a handle for reading, to live on different threads.
    #[must_use]
    pub fn split(self) -> (Writer, Reader) {
        (self.writer, self.reader)
    }
}

pub(crate) const fn journal_steps(tuning: &Tuning) -> JournalSteps {
    JournalSteps {
        prealloc: tuning.journal_step,
        compact_at: tuning.journal_compact,
    }
}

/// The directories of a scroll, durable.
pub(crate) fn create_dirs(disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
    let mut dirs = vec![dir.join(TREE_DIR)];
    dirs.extend(Index::ALL.map(|index| dir.join(LOOKUP_DIR).join(index.name())));
    for dir in &dirs {
        disk.create_dir_all(dir)
            .map_err(|e| DiskError::new("create", dir, &e))?;
    }
    sync_dir(disk, &dir.join(LOOKUP_DIR))?;
    sync_dir(disk, dir)
}

/// Makes the names of a scroll's directory, and of the two above it, durable: data directory, `receipts`,
/// scroll. Each may be as new as the scroll.
fn sync_down_to(disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
    let mut dirs: Vec<&Path> = dir
        .ancestors()
        .take(3)
        .filter(|d| !d.as_os_str().is_empty())
        .collect();
    dirs.reverse();
    for above in dirs {
        match sync_dir(disk, above) {
            // Above our own directories there may be one that we cannot read: then we did not make it.
            Err(e) if above != dir && e.kind == std::io::ErrorKind::PermissionDenied => {}
            other => other?,
        }
    }
    Ok(())
}

/// The last steps of making a scroll: its description, and its own name.
pub(crate) fn finish_create(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    spec: &ScrollSpec,
) -> Result<(), DiskError> {
    sync_down_to(&**disk, dir)?;
    spec.write(&**disk, dir)
}

fn journal_damage(dir: &Path, scan: &Scan, damage: Damage) -> Corrupt {
    Corrupt::new(&dir.join(JOURNAL_FILE), scan.end as u64, damage)
}

/// A snapshot is written after the seals it covers were durable, so a journal that ends before it lost seals.
fn not_behind_snapshot(dir: &Path, scan: &Scan, snapshot: &Snapshot) -> Result<(), OpenError> {
    let end = scan.position();
    if snapshot.frontier.size() > end.size || snapshot.bytes > end.bytes {
        return Err(journal_damage(dir, scan, Damage::Short).into());
    }
    Ok(())
}

/// Opens the record, cuts what was never sealed and makes the rest durable: a crashed process may have left it
/// in memory only.
fn open_record(disk: &dyn Disk, path: &Path, end: &Position) -> Result<(Named, u64), OpenError> {
    let Some(record) = Named::open_existing(disk, path)? else {
        return Err(Corrupt::new(path, 0, Damage::Missing).into());
    };
    let len = record.len()?;
    if len < end.bytes {
        return Err(Corrupt::new(path, len, Damage::Short).into());
    }
    // At most one batch is ever in the record without its seal. More means that seals were lost, or that the
    // journal is an older copy: nothing is cut.
    if len - end.bytes > MAX_BATCH_BYTES as u64 {
        return Err(Corrupt::new(path, end.bytes, Damage::Unsealed).into());
    }
    if len > end.bytes {
        record.set_len(end.bytes)?;
    }
    record.sync_all()?;
    Ok((record, len - end.bytes))
}

pub(crate) fn remove_if_there(disk: &dyn Disk, path: &Path) -> Result<(), DiskError> {
    match disk.exists(path) {
        Ok(false) => Ok(()),
        Ok(true) => disk
            .remove(path)
            .map_err(|e| DiskError::new("remove", path, &e)),
        Err(e) => Err(DiskError::new("look for", path, &e)),
    }
}

/// A scroll whose derived files are to be brought up.
struct Place<'a> {
    disk: &'a Arc<dyn Disk>,
    dir: &'a Path,
    spec: &'a ScrollSpec,
    record: &'a Named,
    indexer: &'a Arc<dyn Indexer>,
    tuning: Tuning,
    scan: &'a Scan,
}

impl Place<'_> {
    /// Takes over what the snapshot covers and derives the rest, or derives everything.
    fn derive(
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
        Ok((shared, known, replayed))
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
            Err(Fault::Corrupt(damage)) => return Ok(Err(damage)),
            Err(Fault::Disk(e)) => return Err(e.into()),
        };
        match self.replay(&shared, snapshot.frontier.clone(), &rest) {
            Ok(replayed) => Ok(Ok((shared, replayed))),
            // Before the base, only the root tells; a wrong one may be the snapshot's fault.
            Err(OpenError::Fault(Fault::Corrupt(damage))) if damage.damage == Damage::Root => {
                Ok(Err(damage))
            }
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
        offsets.set_len(size * 8)?;
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
