//! Look-ups: from a key to the entries that have it. Derived from the record.
//!
//! New points gather in memory; maintenance writes them out as sorted runs and merges runs of like size, so
//! that their number grows with the logarithm of the scroll. What a look-up returns is a candidate only; what
//! it does not return is not there, because every block it read has a checksum.

pub(crate) mod memtable;
pub(crate) mod point;
pub(crate) mod run;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::disk::{Disk, sync_dir};
use crate::error::{Corrupt, DiskError, Fault};
use memtable::Memtable;
use point::{Index, Point, Query};
use run::{Merged, Run, RunMeta, RunWriter};

/// Runs of like size are merged when there are this many.
const FAN_IN: usize = 4;
/// Runs with fewer points than this are of one size.
const SMALLEST_TIER: u64 = 4096;

#[derive(Debug)]
pub(crate) struct Lookup {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    index: Index,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    active: Memtable,
    /// Being written out; still searched.
    frozen: Option<Arc<Memtable>>,
    runs: Vec<Arc<Run>>,
}

/// What maintenance knows of a look-up besides its contents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upkeep {
    pub(crate) next_id: u64,
    /// Merged away, but named by the newest snapshot, or left by a failure: removed when the next snapshot is
    /// durable.
    pub(crate) obsolete: Vec<u64>,
    /// A block of a run is damaged: runs are no longer merged, lookups that touch it fail.
    pub(crate) damaged: Option<Corrupt>,
}

impl Lookup {
    /// A look-up with these runs and nothing in memory.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        parent: &Path,
        index: Index,
        runs: &[RunMeta],
    ) -> Result<Self, Fault> {
        let dir = parent.join(index.name());
        let runs = runs
            .iter()
            .map(|meta| Run::open(&**disk, &dir, index, *meta).map(Arc::new))
            .collect::<Result<_, _>>()?;
        let active = match index {
            Index::Leaf | Index::Id => Memtable::of_hashes(),
            Index::Time => Memtable::of_times(),
        };
        Ok(Self {
            disk: Arc::clone(disk),
            dir,
            index,
            state: RwLock::new(State {
                active,
                frozen: None,
                runs,
            }),
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds points; indices never go down from call to call.
    pub(crate) fn insert(&self, points: impl Iterator<Item = Point>) {
        let mut state = self.write();
        for point in points {
            state.active.push(point);
        }
    }

    /// Points in memory.
    pub(crate) fn pending(&self) -> usize {
        let state = self.read();
        state.active.len() + state.frozen.as_ref().map_or(0, |t| t.len())
    }

    /// The first `query.limit` points that `query` wants, in order.
    pub(crate) fn find(&self, query: &Query) -> Result<Vec<Point>, Fault> {
        let mut found = Vec::new();
        let runs = {
            let state = self.read();
            state.active.collect(query, &mut found);
            if let Some(frozen) = &state.frozen {
                frozen.collect(query, &mut found);
            }
            state.runs.clone()
        };
        // Memory may hold a quarter of a million points of a wide range: only the first are wanted.
        if let Some(last) = query
            .limit
            .checked_sub(1)
            .filter(|last| *last < found.len())
        {
            found.select_nth_unstable(last);
            found.truncate(query.limit);
        }
        for run in &runs {
            run.collect(query, &mut found)?;
        }
        found.sort_unstable();
        found.truncate(query.limit);
        Ok(found)
    }

    /// Writes out everything in memory of entries below `size`, and merges what has become too many runs.
    pub(crate) fn flush(&self, size: u64, upkeep: &mut Upkeep) -> Result<(), Fault> {
        loop {
            let frozen = {
                let mut state = self.write();
                if state.frozen.is_none() {
                    let taken = state.active.take_below(size);
                    if taken.len() == 0 {
                        break;
                    }
                    state.frozen = Some(Arc::new(taken));
                }
                state.frozen.clone()
            };
            let Some(frozen) = frozen else { break };
            let mut points = frozen.points().to_vec();
            points.sort_unstable();
            let run = self.write_run(upkeep, |writer| {
                for point in points {
                    writer.push(point)?;
                }
                Ok(())
            })?;
            let mut state = self.write();
            state.runs.push(run);
            state.frozen = None;
        }
        if upkeep.damaged.is_none() {
            match self.merge(upkeep) {
                Err(Fault::Corrupt(damage)) => upkeep.damaged = Some(damage),
                other => other?,
            }
        }
        sync_dir(&*self.disk, &self.dir)?;
        Ok(())
    }

    /// Writes one run. What a failure leaves of it is removed: on a full disk each further attempt would leave
    /// another.
    fn write_run(
        &self,
        upkeep: &mut Upkeep,
        fill: impl FnOnce(&mut RunWriter) -> Result<(), Fault>,
    ) -> Result<Arc<Run>, Fault> {
        let id = upkeep.next_id;
        upkeep.next_id += 1;
        let written = || {
            let mut writer = RunWriter::create(&*self.disk, &self.dir, self.index, id)?;
            fill(&mut writer)?;
            let meta = writer.finish()?;
            Run::open(&*self.disk, &self.dir, self.index, meta)
        };
        let run = written();
        if run.is_err() && self.remove_run(id).is_err() {
            upkeep.obsolete.push(id);
        }
        run.map(Arc::new)
    }

    fn merge(&self, upkeep: &mut Upkeep) -> Result<(), Fault> {
        loop {
            // Not in the loop's head: the guard would live as long as the body, which writes.
            let crowded = crowded_tier(&self.read().runs);
            let Some(old) = crowded else { return Ok(()) };
            let mut merged = Merged::new(&old);
            let run = self.write_run(upkeep, |writer| {
                while let Some(point) = merged.next()? {
                    writer.push(point)?;
                }
                Ok(())
            })?;
            let mut state = self.write();
            state
                .runs
                .retain(|run| !old.iter().any(|o| o.meta().id == run.meta().id));
            state.runs.push(run);
            upkeep.obsolete.extend(old.iter().map(|run| run.meta().id));
        }
    }

    /// The runs, for the snapshot.
    pub(crate) fn runs(&self) -> Vec<RunMeta> {
        self.read().runs.iter().map(|run| *run.meta()).collect()
    }

    /// Removes the files of runs that no snapshot names any more.
    pub(crate) fn remove_obsolete(&self, upkeep: &mut Upkeep) -> Result<(), DiskError> {
        while let Some(id) = upkeep.obsolete.last() {
            self.remove_run(*id)?;
            upkeep.obsolete.pop();
        }
        Ok(())
    }

    fn remove_run(&self, id: u64) -> Result<(), DiskError> {
        let path = self.dir.join(run::file_name(id));
        match self.disk.remove(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(DiskError::new("remove", &path, &e))
            }
            _ => Ok(()),
        }
    }
}

/// The runs of a tier that holds [`FAN_IN`] of them. Tiers grow by the same factor, so that each point is
/// rewritten once per tier.
fn crowded_tier(runs: &[Arc<Run>]) -> Option<Vec<Arc<Run>>> {
    let tier = |run: &Run| {
        (run.meta().points / SMALLEST_TIER)
            .max(1)
            .ilog(FAN_IN as u64)
    };
    (0..=tier(runs.iter().max_by_key(|r| r.meta().points)?)).find_map(|t| {
        let members: Vec<Arc<Run>> = runs.iter().filter(|r| tier(r) == t).cloned().collect();
        (members.len() >= FAN_IN).then_some(members)
    })
}
