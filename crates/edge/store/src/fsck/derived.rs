//! Comparing derived files with what they should hold.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_merkle::{Frontier, Hash};

use crate::disk::{Disk, Named};
use crate::entries::{EntryKeys, Indexer, leaf_key};
use crate::error::{Corrupt, Damage, DiskError, Fault};
use crate::lookup::point::{Index, Point, time_key};
use crate::lookup::run::{BLOCK, Run};
use crate::replay::{Stretch, read_entries};
use crate::shared::{LOOKUP_DIR, OFFSETS_FILE};
use crate::snapshot::{SNAPSHOT_FILE, Snapshot};
use crate::spec::Kind;
use crate::tree::{HASH, LEVELS, hashes_at, level_path};

/// Expected bytes are compared in pieces of this many.
const PIECE: usize = 64 << 10;

/// Points are summed up in this many groups per look-up: when sums differ, one group is compared point by
/// point, which needs memory for one group only.
const GROUPS: usize = 4096;

/// Everything that a snapshot vouches for.
pub(super) struct Derived {
    snapshot: Snapshot,
    snapshot_path: PathBuf,
    lookup_dir: PathBuf,
    tree: Vec<Comparison>,
    offsets: Comparison,
    sums: Vec<[u128; GROUPS]>,
    runs: Vec<Vec<Run>>,
    difference: Option<Corrupt>,
    /// The piece of `tree/0` that was read last.
    window: Vec<u8>,
    window_at: u64,
}

/// A file that should begin with the bytes that are fed in.
struct Comparison {
    file: Option<Named>,
    path: PathBuf,
    expected: Vec<u8>,
    at: u64,
    difference: Option<Corrupt>,
}

impl Comparison {
    fn open(disk: &dyn Disk, path: PathBuf) -> Result<Self, DiskError> {
        let file = Named::open_existing(disk, &path)?;
        let difference = file
            .is_none()
            .then(|| Corrupt::new(&path, 0, Damage::Missing));
        Ok(Self {
            file,
            path,
            expected: Vec::with_capacity(PIECE),
            at: 0,
            difference,
        })
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.expected.extend_from_slice(bytes);
        if self.expected.len() >= PIECE {
            self.compare()
        } else {
            Ok(())
        }
    }

    fn compare(&mut self) -> Result<(), Fault> {
        let expected = std::mem::take(&mut self.expected);
        let at = self.at;
        self.at += expected.len() as u64;
        let (Some(file), None) = (&self.file, &self.difference) else {
            return Ok(());
        };
        let len = file.len()?;
        if len < self.at {
            self.difference = Some(Corrupt::new(&self.path, len, Damage::Short));
            return Ok(());
        }
        let mut found = vec![0; expected.len()];
        match file.read(&mut found, at) {
            Ok(()) => {}
            Err(Fault::Corrupt(damage)) => {
                self.difference = Some(damage);
                return Ok(());
            }
            Err(e) => return Err(e),
        }
        if let Some(first) = found.iter().zip(&expected).position(|(a, b)| a != b) {
            self.difference = Some(Corrupt::new(
                &self.path,
                at + first as u64,
                Damage::Checksum,
            ));
        }
        Ok(())
    }
}

impl Derived {
    pub(super) fn open(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        snapshot: Snapshot,
    ) -> Result<Self, DiskError> {
        let mut difference = None;
        let mut runs = Vec::new();
        for (index, files) in Index::ALL.iter().zip(&snapshot.lookups) {
            let lookup = dir.join(LOOKUP_DIR).join(index.name());
            let mut open = Vec::new();
            for meta in &files.runs {
                match Run::open(&**disk, &lookup, *index, *meta) {
                    Ok(run) => open.push(run),
                    Err(Fault::Corrupt(damage)) => difference = difference.or(Some(damage)),
                    Err(Fault::Disk(e)) => return Err(e),
                }
            }
            runs.push(open);
        }
        let tree = (0..LEVELS)
            .map(|level| Comparison::open(&**disk, level_path(dir, level)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            snapshot,
            snapshot_path: dir.join(SNAPSHOT_FILE),
            lookup_dir: dir.join(LOOKUP_DIR),
            tree,
            offsets: Comparison::open(&**disk, dir.join(OFFSETS_FILE))?,
            sums: vec![[0; GROUPS]; Index::ALL.len()],
            runs,
            difference,
            window: Vec::new(),
            window_at: 0,
        })
    }

    /// Takes the next entry into account and pushes its leaf. `false` when the tree's file has another hash for
    /// it, which may as well be the record's fault.
    pub(super) fn add(
        &mut self,
        offset: u64,
        leaf: Hash,
        keys: Option<&EntryKeys>,
        frontier: &mut Frontier,
    ) -> Result<bool, Fault> {
        let index = frontier.size();
        self.compare_frontier(frontier, offset);
        let covered = index < self.snapshot.frontier.size();
        let mut completed: [Option<Hash>; LEVELS] = [None; LEVELS];
        frontier
            .push_visiting(leaf, |level, _, hash| {
                if level.is_multiple_of(8)
                    && let Some(slot) = completed.get_mut(usize::from(level / 8))
                {
                    *slot = Some(hash);
                }
            })
            .map_err(|_| Corrupt::new(&self.snapshot_path, 0, Damage::Format))?;
        if !covered {
            return Ok(true);
        }
        for (comparison, hash) in self.tree.iter_mut().zip(completed) {
            if let Some(hash) = hash {
                comparison.feed(hash.as_bytes())?;
            }
        }
        self.offsets.feed(&offset.to_be_bytes())?;
        for (which, point) in points(index, &leaf, keys) {
            let (group, sum) = group_and_sum(&point);
            let slot = &mut self.sums[which][group];
            *slot = slot.wrapping_add(sum);
        }
        self.leaf_is_stored(index, &leaf)
    }

    /// Whether `tree/0` has this leaf, told from what was compared so far; the rest is compared later.
    fn leaf_is_stored(&mut self, index: u64, leaf: &Hash) -> Result<bool, Fault> {
        let level = &mut self.tree[0];
        if let Some(difference) = &level.difference {
            let unknown = difference.damage == Damage::Unreadable;
            return Ok(unknown || difference.offset / HASH != index);
        }
        let Some(file) = &level.file else {
            return Ok(true);
        };
        let at = index * HASH;
        if at < self.window_at || at >= self.window_at + self.window.len() as u64 {
            let rest = file.len()?.saturating_sub(at).min(PIECE as u64);
            self.window.resize(usize::try_from(rest).unwrap_or(0), 0);
            self.window_at = at;
            match file.read(&mut self.window, at) {
                Ok(()) => {}
                Err(Fault::Corrupt(damage)) => {
                    level.difference = Some(damage);
                    return Ok(true);
                }
                Err(e) => return Err(e),
            }
        }
        let start = usize::try_from(at - self.window_at).unwrap_or(0);
        let stored = self.window.get(start..start + HASH as usize);
        Ok(stored.is_none_or(|stored| stored == leaf.as_bytes()))
    }

    /// Compares the snapshot's frontier when the check passes its size.
    pub(super) fn compare_frontier(&mut self, frontier: &Frontier, bytes: u64) {
        let vouched = &self.snapshot.frontier;
        let wrong = frontier.size() == vouched.size()
            && (frontier != vouched || bytes != self.snapshot.bytes);
        if wrong && self.difference.is_none() {
            self.difference = Some(Corrupt::new(&self.snapshot_path, 0, Damage::Snapshot));
        }
    }

    /// Compares what is left when the whole record was read and found right.
    pub(super) fn finish(
        &mut self,
        record: &Named,
        kind: Kind,
        stretches: &[Stretch],
        indexer: &dyn Indexer,
    ) -> Result<(), Fault> {
        for comparison in self.tree.iter_mut().chain([&mut self.offsets]) {
            comparison.compare()?;
        }
        for (level, comparison) in self.tree.iter().enumerate() {
            debug_assert_eq!(
                comparison.at,
                hashes_at(level, self.snapshot.frontier.size()) * HASH
            );
        }
        for which in 0..Index::ALL.len() {
            if self.first().is_some() {
                return Ok(());
            }
            match self.sum_runs(which) {
                Ok(found) => {
                    let group = found
                        .iter()
                        .zip(&self.sums[which])
                        .position(|(a, b)| a != b);
                    if let Some(group) = group {
                        self.difference =
                            Some(self.locate(which, group, record, kind, stretches, indexer)?);
                    }
                }
                Err(Fault::Corrupt(damage)) => self.difference = Some(damage),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn first(&self) -> Option<&Corrupt> {
        let compared = self.tree.iter().chain([&self.offsets]);
        compared
            .filter_map(|c| c.difference.as_ref())
            .next()
            .or(self.difference.as_ref())
    }

    pub(super) fn into_difference(self) -> Option<Corrupt> {
        self.first().cloned()
    }

    /// The sums of the points that are in the runs; blocks are checked on the way, and that they rise.
    fn sum_runs(&self, which: usize) -> Result<Vec<u128>, Fault> {
        let mut sums = vec![0_u128; GROUPS];
        for run in &self.runs[which] {
            let mut last = None;
            visit_run(run, |offset, point| {
                if last.is_some_and(|last| last >= *point) {
                    return Err(Corrupt::new(run.path(), offset, Damage::Lookup));
                }
                last = Some(*point);
                let (group, sum) = group_and_sum(point);
                sums[group] = sums[group].wrapping_add(sum);
                Ok(())
            })?;
        }
        Ok(sums)
    }

    /// Compares one group point by point, reading the record once more.
    fn locate(
        &self,
        which: usize,
        group: usize,
        record: &Named,
        kind: Kind,
        stretches: &[Stretch],
        indexer: &dyn Indexer,
    ) -> Result<Corrupt, Fault> {
        let mut expected = Vec::new();
        let mut index = 0;
        for stretch in stretches {
            read_entries::<Fault>(record, kind, stretch, |_, entry| {
                if index < self.snapshot.frontier.size() {
                    let keys = indexer.keys(entry).ok();
                    let of_entry = points(index, &quorate_merkle::leaf_hash(entry), keys.as_ref());
                    expected.extend(
                        of_entry
                            .filter(|(w, p)| *w == which && group_and_sum(p).0 == group)
                            .map(|(_, point)| point),
                    );
                }
                index += 1;
                Ok(())
            })?;
        }
        expected.sort_unstable();
        let mut difference = None;
        for run in &self.runs[which] {
            let visited = visit_run(run, |offset, point| {
                let extra =
                    group_and_sum(point).0 == group && expected.binary_search(point).is_err();
                if extra && difference.is_none() {
                    difference = Some(Corrupt::new(run.path(), offset, Damage::Lookup));
                }
                Ok(())
            });
            match visited {
                // Read a moment ago and damaged since: still a look-up's damage, not the record's.
                Err(Fault::Corrupt(damage)) => return Ok(damage),
                other => other?,
            }
        }
        // Nothing there that should not be: then something is missing, from no place in particular.
        let dir = self.lookup_dir.join(Index::ALL[which].name());
        Ok(difference.unwrap_or_else(|| Corrupt::new(&dir, 0, Damage::Lookup)))
    }
}

/// Calls `visit` with each point of a run and the offset of its block.
fn visit_run(
    run: &Run,
    mut visit: impl FnMut(u64, &Point) -> Result<(), Corrupt>,
) -> Result<(), Fault> {
    let mut block = Vec::new();
    for number in 0..run.blocks() {
        run.read_block(number, &mut block)?;
        for point in &block {
            visit((number * BLOCK) as u64, point)?;
        }
    }
    Ok(())
}

/// The points of one entry, with the position of their look-up in [`Index::ALL`].
fn points<'a>(
    index: u64,
    leaf: &Hash,
    keys: Option<&'a EntryKeys>,
) -> impl Iterator<Item = (usize, Point)> + 'a {
    let at = move |key| Point { key, index };
    let ids = keys.into_iter().flat_map(EntryKeys::ids);
    let time = keys.and_then(EntryKeys::time);
    std::iter::once((0, at(leaf_key(leaf))))
        .chain(ids.map(move |key| (1, at(*key))))
        .chain(time.map(|time| (2, at(time_key(time)))))
}

/// Sums of hashes do not depend on the order of the points; which group a point is in depends on nothing else.
fn group_and_sum(point: &Point) -> (usize, u128) {
    let hash = blake3::hash(&point.encode());
    let mut sum = [0; 16];
    sum.copy_from_slice(&hash.as_bytes()[..16]);
    let sum = u128::from_be_bytes(sum);
    ((sum >> 116) as usize % GROUPS, sum)
}
