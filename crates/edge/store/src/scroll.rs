//! Creating a scroll, and opening one: the journal decides what exists, the rest is checked against it or
//! derived again.

mod derive;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_merkle::Hash;
use thiserror::Error;

use crate::disk::{Disk, MODE_SHARED, Named, sync_dir, temporary, write_atomic};
use crate::entries::{IndexError, Indexer, MAX_BATCH_BYTES};
use crate::error::{Corrupt, Damage, DiskError, Fault};
use crate::journal::{JOURNAL_FILE, Journal, JournalSteps, Scan};
use crate::lookup::point::Index;
use crate::maintain::Urgency;
use crate::reader::Reader;
use crate::seal::{Base, Cursors, Position};
use crate::shared::{LOOKUP_DIR, Tuning};
use crate::snapshot::{SNAPSHOT_FILE, Snapshot};
use crate::spec::{RECORD_ENDINGS, SPEC_FILE, ScrollSpec, SpecError};
use crate::tree::TREE_DIR;
use crate::writer::Writer;
use derive::Place;

/// Why a scroll could not be created.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is one already. Nothing was changed.
    #[error("there is a scroll in {} already", .0.display())]
    Exists(PathBuf),
    /// The directory holds this file of a scroll, but no `scroll.json`: a scroll that lost its description, not
    /// one that was never finished. Nothing was changed; a backup has the description.
    #[error("{} is of a scroll that lost its {SPEC_FILE}: it is not written over", .0.display())]
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
    /// Where they were put: beside the record, its name with `.cut` at the end. Only the last cut is kept.
    pub cut_file: Option<PathBuf>,
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
        if let Some(found) = left_of_a_scroll(&**disk, dir)? {
            return Err(CreateError::NotEmpty(found));
        }
        create_dirs(&**disk, dir)?;
        let record = dir.join(spec.record_name());
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
    /// Only what cannot be derived is ever refused; a missing, damaged or unreadable snapshot or derived file
    /// costs time.
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
        let steps = journal_steps(&tuning);
        // While the other copy is good, write both anew: but not before everything was checked by it, and not
        // into blocks that may be bad.
        let sound = match scan.damaged_copy {
            None => Some(Journal::open(disk, dir, &scan, steps)?),
            Some(_) => None,
        };
        let replaced = [JOURNAL_FILE, SNAPSHOT_FILE, SPEC_FILE].map(|name| dir.join(name));
        for path in replaced.iter().chain([&cut_path(&record.path)]) {
            remove_if_there(&**disk, &temporary(path))?;
        }

        let place = Place {
            disk,
            dir,
            spec: &spec,
            record: &record,
            indexer: &indexer,
            tuning,
            at_least: options.at_least,
            scan: &scan,
        };
        let (shared, snapshot, replayed) = place.derive(snapshot)?;
        let journal = match sound {
            Some(journal) => journal,
            None => Journal::renew(disk, dir, &scan, steps)?,
        };
        let shared = Arc::new(shared);
        let report = OpenReport {
            size: end.size,
            cut_bytes,
            cut_file: (cut_bytes > 0).then(|| cut_path(&record.path)),
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

/// A file in `dir` that no unfinished [`Scroll::create`] leaves: it leaves an empty record of either kind, and
/// a journal that never sealed anything. What cannot be told is taken for a scroll's.
fn left_of_a_scroll(disk: &dyn Disk, dir: &Path) -> Result<Option<PathBuf>, DiskError> {
    let names = match disk.list(dir) {
        Ok(names) => names,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(DiskError::new("list", dir, &e)),
    };
    for name in names {
        let path = dir.join(&name);
        let is_record = RECORD_ENDINGS.iter().any(|ending| name.ends_with(ending));
        let found = if name == JOURNAL_FILE {
            match Scan::read_any(disk, &path) {
                Ok(scan) => !scan.is_pristine(),
                Err(Fault::Corrupt(_)) => true,
                Err(Fault::Disk(e)) => return Err(e),
            }
        } else if is_record {
            Named::open(disk, &path)?.len()? > 0
        } else {
            name == SNAPSHOT_FILE || name.ends_with(CUT_ENDING)
        };
        if found {
            return Ok(Some(path));
        }
    }
    Ok(None)
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
    Corrupt::new(&dir.join(JOURNAL_FILE), scan.end_in_file(), damage)
}

/// A snapshot is written after the seals it covers were durable, so a journal that ends before it lost seals.
fn not_behind_snapshot(dir: &Path, scan: &Scan, snapshot: &Snapshot) -> Result<(), OpenError> {
    let end = scan.position();
    if snapshot.frontier.size() > end.size || snapshot.bytes > end.bytes {
        return Err(journal_damage(dir, scan, Damage::Short).into());
    }
    Ok(())
}

/// How the name ends of the file with what was cut off a record.
const CUT_ENDING: &str = ".cut";

/// Where the bytes go that a start cuts off the record at `path`. Nobody was promised them; but if seals were
/// lost in a way that nothing here notices, this is where the entries are.
pub(crate) fn cut_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(CUT_ENDING);
    name.into()
}

/// Opens the record, cuts what was never sealed, having put it aside, and makes the rest durable: a crashed process may have left it
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
        // The batch limit above bounds what is held here and kept there.
        let mut cut = vec![0; usize::try_from(len - end.bytes).unwrap_or(0)];
        record.read(&mut cut, end.bytes)?;
        write_atomic(disk, &cut_path(path), &cut, MODE_SHARED)?;
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
