//! Maintenance: writing look-ups out, merging them, and the snapshot that makes the next start quick.

use std::sync::PoisonError;

use thiserror::Error;

use crate::error::{Corrupt, DiskError, Fault};
use crate::lookup::point::Index;
use crate::shared::{Maintenance, Shared};
use crate::snapshot::{LookupFiles, Snapshot};

/// When maintenance works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// When enough entries came since the last snapshot.
    WhenDue,
    /// When any came: the scroll is idle, or about to be closed.
    IfAnything,
}

/// What maintenance did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Maintained {
    /// The size a new snapshot was written at.
    pub snapshot: Option<u64>,
    /// Damage met in look-up files. They are left as they are and no longer merged; what touches the
    /// damage fails, and [`crate::repair`] rebuilds them.
    pub damaged: Vec<Corrupt>,
}

/// Why maintenance failed. The record is not concerned: commits go on, and what was derived is derived
/// again at the next start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MaintainError {
    /// A file could not be written or read; it may work the next time.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A sync failed earlier. No snapshot is written until the scroll was opened again.
    #[error("a sync of derived files failed earlier; they are written anew at the next start")]
    Stopped,
}

impl From<DiskError> for MaintainError {
    fn from(error: DiskError) -> Self {
        Self::Fault(error.into())
    }
}

impl Shared {
    /// Does what is due. Commits and readers go on meanwhile.
    pub(crate) fn maintain(&self, urgency: Urgency) -> Result<Maintained, MaintainError> {
        let mut maintenance = self
            .maintenance
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if maintenance.stopped {
            return Err(MaintainError::Stopped);
        }
        let size = self.head().position.size;
        let due = match (urgency, maintenance.snapshot) {
            (Urgency::WhenDue, before) => size - before.unwrap_or(0) >= self.tuning.snapshot_every,
            (Urgency::IfAnything, before) => before != Some(size),
        };
        if !due {
            return Ok(Maintained::default());
        }
        let done = self.snapshot(&mut maintenance);
        if let Err(Fault::Disk(e)) = &done {
            maintenance.stopped = e.op == "sync";
        }
        Ok(done?)
    }

    fn snapshot(&self, maintenance: &mut Maintenance) -> Result<Maintained, Fault> {
        // Everything of a smaller size is in the files or in memory when this head is taken.
        let head = self.head();
        let size = head.position.size;
        let mut lookups: [LookupFiles; 3] = Default::default();
        for ((index, upkeep), files) in Index::ALL
            .iter()
            .zip(&mut maintenance.upkeep)
            .zip(&mut lookups)
        {
            let lookup = self.lookup(*index);
            lookup.flush(size, upkeep)?;
            files.runs = lookup.runs();
            files.next_id = upkeep.next_id;
        }
        self.tree.sync()?;
        self.offsets.sync_data()?;
        let snapshot = Snapshot {
            spec: self.spec.fingerprint(),
            bytes: head.position.bytes,
            frontier: head.frontier.clone(),
            lookups,
        };
        snapshot.write(&self.disk, &self.dir)?;
        maintenance.snapshot = Some(size);
        for (index, upkeep) in Index::ALL.iter().zip(&mut maintenance.upkeep) {
            self.lookup(*index).remove_obsolete(upkeep)?;
        }
        Ok(Maintained {
            snapshot: Some(size),
            damaged: maintenance
                .upkeep
                .iter()
                .filter_map(|u| u.damaged.clone())
                .collect(),
        })
    }

    /// Writes look-ups out during a replay, where there is no head to take a snapshot of yet.
    pub(crate) fn flush_lookups(&self, size: u64) -> Result<(), Fault> {
        let mut maintenance = self
            .maintenance
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (index, upkeep) in Index::ALL.iter().zip(&mut maintenance.upkeep) {
            self.lookup(*index).flush(size, upkeep)?;
        }
        Ok(())
    }
}
