//! Checking a scroll from the record up, and rebuilding what is derived.

mod derived;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use quorate_merkle::{Frontier, Hash, leaf_hash};
use thiserror::Error;

use crate::disk::{Disk, Named, sync_dir};
use crate::entries::{IndexError, Indexer};
use crate::error::{Corrupt, Damage, DiskError, Fault};
use crate::journal::{JOURNAL_FILE, Scan};
use crate::maintain::MaintainError;
use crate::reader::Reader;
use crate::replay::{Stretch, read_entries, stretch_is_whole, stretches};
use crate::scroll::{OpenError, OpenOptions, OpenReport, Scroll, cut_path, remove_if_there};
use crate::snapshot::{SNAPSHOT_FILE, Snapshot};
use crate::spec::{ScrollSpec, SpecError};
use derived::Derived;

/// How far a check got, in bytes of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes done.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Progress is reported after this many bytes.
const REPORT_EVERY: u64 = 1 << 20;

/// What a check found. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FsckReport {
    /// Entries that the journal says were committed.
    pub size: u64,
    /// Their root, by the journal.
    pub root: Option<Hash>,
    /// The first difference in what cannot be derived: the journal, the record. Only a backup helps.
    pub record: Option<Corrupt>,
    /// The first entry that the indexer refuses.
    pub refused: Option<RefusedEntry>,
    /// The first difference in derived files. [`repair`] rebuilds them.
    pub derived: Option<Corrupt>,
    /// The expected head is not a head of this scroll.
    pub behind: bool,
    /// Size up to which derived files were compared: that of the snapshot. What lies beyond it is derived anew
    /// at the next start.
    pub compared: Option<u64>,
    /// Bytes at the end of the record that were never sealed; the next start cuts them and puts them aside. No damage.
    pub unsealed: u64,
    /// What the last start that cut something off the record put aside. No damage.
    pub cut_file: Option<PathBuf>,
    /// The offset of a damaged copy of a journal record whose other copy is good; the next start heals it.
    pub damaged_copy: Option<u64>,
}

/// An entry that is in the record but is not one of such a scroll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEntry {
    /// The record.
    pub file: PathBuf,
    /// Offset of the entry.
    pub offset: u64,
    /// Its index.
    pub index: u64,
    /// Why it is refused.
    pub error: IndexError,
}

impl FsckReport {
    /// Whether everything is as it was written.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.record.is_none() && self.refused.is_none() && self.derived.is_none() && !self.behind
    }
}

/// Why a scroll could not be checked. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FsckError {
    /// There is no usable `scroll.json`.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The disk's fault.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a scroll could not be repaired. The record and the journal were not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The check itself failed. Nothing was changed.
    #[error(transparent)]
    Fsck(#[from] FsckError),
    /// The record or the journal is damaged: there is nothing right to rebuild from. Nothing was changed.
    #[error("{0}; this cannot be derived from anything, restore a backup")]
    Record(Corrupt),
    /// The rebuilt scroll cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The snapshot of the rebuilt files could not be written; the next start rebuilds them again.
    #[error(transparent)]
    Maintain(#[from] MaintainError),
}

/// Computes everything again from the record and compares: the journal's checksums and roots, `expected` (the
/// last signed head), and up to the snapshot every hash, offset and look-up. Memory stays flat.
///
/// The caller holds the data directory's lock; on a running node use [`Reader::fsck`].
///
/// # Errors
/// See [`FsckError`]. Damage is not an error: it is in the report.
pub fn fsck(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    indexer: &dyn Indexer,
    expected: Option<(u64, Hash)>,
    progress: &mut dyn FnMut(Progress),
) -> Result<FsckReport, FsckError> {
    let spec = ScrollSpec::read(&**disk, dir)?;
    let mut check = Check {
        disk,
        dir,
        spec: &spec,
        indexer,
        expected,
        report: FsckReport::default(),
    };
    match check.run(progress) {
        Ok(()) => {}
        Err(Fault::Corrupt(damage)) => check.report.record = Some(damage),
        Err(Fault::Disk(e)) => return Err(e.into()),
    }
    Ok(check.report)
}

/// Rebuilds every derived file from the record. The record and the journal are checked first and never
/// changed by it.
///
/// # Errors
/// See [`RepairError`].
pub fn repair(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    indexer: Arc<dyn Indexer>,
    progress: &mut dyn FnMut(Progress),
) -> Result<OpenReport, RepairError> {
    let report = fsck(disk, dir, &*indexer, None, progress)?;
    if let Some(damage) = report.record {
        return Err(RepairError::Record(damage));
    }
    let failed = |e: DiskError| RepairError::Fsck(e.into());
    remove_if_there(&**disk, &dir.join(SNAPSHOT_FILE)).map_err(failed)?;
    sync_dir(&**disk, dir).map_err(failed)?;
    let (scroll, report) = Scroll::open(disk, dir, indexer, &OpenOptions::default())?;
    scroll.split().0.close()?;
    Ok(report)
}

impl Reader {
    /// [`fsck`] of an open scroll. Commits and reads go on; maintenance waits.
    ///
    /// # Errors
    /// See [`FsckError`].
    pub fn fsck(
        &self,
        expected: Option<(u64, Hash)>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<FsckReport, FsckError> {
        let shared = self.shared();
        // Holds the snapshot and the files it names in place.
        let _maintenance = shared
            .maintenance
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        fsck(
            &shared.disk,
            &shared.dir,
            &*shared.indexer,
            expected,
            progress,
        )
    }
}

struct Check<'a> {
    disk: &'a Arc<dyn Disk>,
    dir: &'a Path,
    spec: &'a ScrollSpec,
    indexer: &'a dyn Indexer,
    expected: Option<(u64, Hash)>,
    report: FsckReport,
}

impl Check<'_> {
    /// An error is damage to what cannot be derived.
    fn run(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<(), Fault> {
        let fingerprint = self.spec.fingerprint();
        let journal = self.dir.join(JOURNAL_FILE);
        let scan = Scan::read(&**self.disk, &journal, &fingerprint)?;
        let end = scan.position();
        self.report.size = end.size;
        self.report.root = Some(end.root);
        self.report.damaged_copy = scan.damaged_copy;
        self.report.behind = self.expected.is_some_and(|(size, _)| size > end.size);
        let record = self.open_record(end.bytes)?;

        let snapshot = match Snapshot::read(&**self.disk, self.dir, &fingerprint) {
            Ok(snapshot) => snapshot,
            Err(Fault::Corrupt(damage)) => {
                self.report.derived = Some(damage);
                None
            }
            Err(e) => return Err(e),
        };
        let mut derived = None;
        if let Some(snapshot) = snapshot {
            if snapshot.frontier.size() > end.size || snapshot.bytes > end.bytes {
                return Err(Corrupt::new(&journal, scan.end_in_file(), Damage::Short).into());
            }
            self.report.compared = Some(snapshot.frontier.size());
            derived = Some(Derived::open(self.disk, self.dir, snapshot)?);
        }
        let everything = stretches(&scan, 0, 0)
            .ok_or_else(|| Corrupt::new(&journal, scan.end_in_file(), Damage::Chain))?;
        self.check_record(&record, &everything, end.bytes, &mut derived, progress)?;
        if let Some(mut derived) = derived {
            derived.finish(&record, self.spec.kind, &everything, self.indexer)?;
            self.report.derived = self.report.derived.take().or(derived.into_difference());
        }
        Ok(())
    }

    fn open_record(&mut self, sealed: u64) -> Result<Named, Fault> {
        let path = self.dir.join(self.spec.record_name());
        let cut = cut_path(&path);
        let found = self.disk.exists(&cut);
        if found.map_err(|e| DiskError::new("look for", &cut, &e))? {
            self.report.cut_file = Some(cut);
        }
        let record = Named::open_existing(&**self.disk, &path)?
            .ok_or_else(|| Corrupt::new(&path, 0, Damage::Missing))?;
        let len = record.len()?;
        if len < sealed {
            return Err(Corrupt::new(&path, len, Damage::Short).into());
        }
        self.report.unsealed = len - sealed;
        Ok(record)
    }

    fn check_record(
        &mut self,
        record: &Named,
        stretches: &[Stretch],
        total: u64,
        derived: &mut Option<Derived>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Fault> {
        let mut frontier = Frontier::new();
        let mut reported = 0;
        progress(Progress { done: 0, total });
        for stretch in stretches {
            // A bad checksum says that the stretch changed; which entry, only the tree can tell.
            let whole = stretch_is_whole(record, stretch)?;
            let unchecked = Stretch {
                checksum: None,
                ..stretch.clone()
            };
            let mut suspect = None;
            let read =
                read_entries::<Fault>(record, self.spec.kind, &unchecked, |offset, entry| {
                    self.expect_head(&frontier);
                    let index = frontier.size();
                    let leaf = leaf_hash(entry);
                    let keys = self.indexer.keys(entry);
                    if let Some(derived) = derived
                        && !derived.add(offset, leaf, keys.as_ref().ok(), &mut frontier)?
                    {
                        suspect = suspect.or(Some(offset));
                    } else if derived.is_none() {
                        frontier
                            .push(leaf)
                            .map_err(|_| Corrupt::new(&record.path, offset, Damage::Root))?;
                    }
                    if let (Err(error), None) = (keys, &self.report.refused) {
                        self.report.refused = Some(RefusedEntry {
                            file: record.path.to_path_buf(),
                            offset,
                            index,
                            error,
                        });
                    }
                    if offset - reported >= REPORT_EVERY {
                        reported = offset;
                        progress(Progress {
                            done: offset,
                            total,
                        });
                    }
                    Ok(())
                });
            let right =
                frontier.size() == stretch.after.size && frontier.root() == stretch.after.root;
            if !whole || !right {
                let offset = suspect.unwrap_or(stretch.bytes.start);
                let damage = if whole {
                    Damage::Root
                } else {
                    Damage::Checksum
                };
                return Err(match read {
                    Err(Fault::Corrupt(lost)) if lost.damage == Damage::Unreadable => lost.into(),
                    // Where the form breaks is nearer to the damage than where the stretch begins.
                    Err(Fault::Corrupt(broken)) if suspect.is_none() => broken.into(),
                    Err(Fault::Disk(e)) => e.into(),
                    _ => Corrupt::new(&record.path, offset, damage).into(),
                });
            }
            read?;
        }
        self.expect_head(&frontier);
        if let Some(derived) = derived {
            derived.compare_frontier(&frontier, total);
        }
        progress(Progress { done: total, total });
        Ok(())
    }

    /// Compares with the expected head when the check passes its size.
    fn expect_head(&mut self, frontier: &Frontier) {
        if let Some((size, root)) = self.expected
            && size == frontier.size()
            && root != frontier.root()
        {
            self.report.behind = true;
        }
    }
}
