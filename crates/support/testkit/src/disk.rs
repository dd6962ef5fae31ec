//! A disk in memory that forgets what was not synced, and fails where it is told to.
//!
//! It is harsher than real disks: file contents are durable only after a sync of the file, names only after
//! a sync of their directory, and of what was not synced a [`FakeDisk::crash`] keeps an arbitrary subset, in
//! 512-byte sectors, in any order. Blocks can go bad under a file ([`FakeDisk::unreadable`]).

mod inode;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_store::{Disk, DiskFile, MODE_PRIVATE};

use crate::rng::Rng;
pub use inode::SECTOR;
use inode::{Change, Inode};

/// How a chosen operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect. A sync that fails so can be retried.
    Before,
    /// It fails after it took full effect.
    After,
    /// A write stops half-way. Anything else: as [`Fault::Before`].
    Half,
    /// A sync fails, and what it should have made durable never will be, though it can still be read and a
    /// later sync reports success: what Linux does after a write-back error. Anything else, directories
    /// included (their changes are journaled, and a broken journal stops the file system): as `Before`.
    SyncLost,
    /// It fails without effect and so does every later operation: the process or the machine stops here.
    Stop,
    /// As [`Fault::Stop`], but this one operation took effect.
    StopAfter,
}

/// The disk. Clones share it.
#[derive(Clone, Default)]
pub struct FakeDisk(Arc<Mutex<State>>);

impl std::fmt::Debug for FakeDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FakeDisk").field(&self.files()).finish()
    }
}

#[derive(Debug, Clone, Default)]
struct State {
    inodes: Vec<Inode>,
    /// What a running process sees.
    names: BTreeMap<PathBuf, usize>,
    dirs: BTreeSet<PathBuf>,
    /// What a crash leaves.
    durable_names: BTreeMap<PathBuf, usize>,
    durable_dirs: BTreeSet<PathBuf>,
    pending_names: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    /// The operation that the fault hit.
    failed: Option<String>,
    stopped: bool,
    /// How many bytes files may still grow by.
    room: Option<u64>,
}

/// A change of names that a journaling file system makes as one.
#[derive(Debug, Clone)]
struct NameChange {
    unset: Option<PathBuf>,
    set: Option<(PathBuf, usize)>,
    dir: Option<PathBuf>,
    parent: PathBuf,
}

impl FakeDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many operations that change or sync something were started so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets the `nth` changing operation from now (0: the next one) fail.
    pub fn fail_at(&self, nth: u64, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.operations + nth, fault));
        state.failed = None;
    }

    /// What the fault hit, for example `write commit.journal`; `None` while it has not been reached.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        self.state().failed.clone()
    }

    /// From now on the disk is full when files have grown by this many bytes: a write then takes what fits and
    /// fails. What is removed gives no room.
    pub fn set_room(&self, bytes: u64) {
        self.state().room = Some(bytes);
    }

    /// Takes the fault back, and lets a stopped or full disk work again.
    pub fn heal(&self) {
        let mut state = self.state();
        state.room = None;
        state.fault = None;
        state.stopped = false;
    }

    /// What the machine finds after power was lost now: all that was synced, and of the rest whatever
    /// `seed` says. This disk works on; the new one shares nothing with it.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let state = self.state();
        let mut rng = Rng::new(seed);
        // Some crashes keep nothing unsynced, some nearly everything, most something between.
        let keep = [0, 128, 512, 900, 1024][rng.below(5) as usize];
        let mut names = state.durable_names.clone();
        let mut dirs = state.durable_dirs.clone();
        for change in &state.pending_names {
            if rng.below(1024) < keep {
                change.apply(&mut names, &mut dirs);
            }
        }
        // What is in a directory that is not there is not there either. Parents sort before children.
        let mut whole = BTreeSet::new();
        let there = |whole: &BTreeSet<PathBuf>, path: &Path| {
            let above = parent(path);
            above.as_os_str().is_empty() || above == Path::new("/") || whole.contains(&above)
        };
        for dir in dirs {
            if there(&whole, &dir) {
                whole.insert(dir);
            }
        }
        names.retain(|path, _| there(&whole, path));
        let dirs = whole;
        let mut after = State {
            durable_dirs: dirs.clone(),
            dirs,
            ..State::default()
        };
        for (path, inode) in names {
            let contents = state.inodes[inode].after_crash(&mut rng, keep);
            after.names.insert(path, after.inodes.len());
            after.inodes.push(Inode {
                durable: contents.clone(),
                written: contents,
                pending: Vec::new(),
                unreadable: state.inodes[inode].unreadable.clone(),
            });
        }
        after.durable_names = after.names.clone();
        Self(Arc::new(Mutex::new(after)))
    }

    /// A disk with the same state, that shares nothing with this one and has no locks or faults.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut state = self.state().clone();
        state.fault = None;
        state.stopped = false;
        state.room = None;
        state.locks.clear();
        Self(Arc::new(Mutex::new(state)))
    }

    /// All files, with their lengths.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let state = self.state();
        let len = |i: &usize| state.inodes[*i].written.len() as u64;
        state
            .names
            .iter()
            .map(|(p, i)| (p.clone(), len(i)))
            .collect()
    }

    /// The contents of a file, `None` when there is none.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = *state.names.get(path)?;
        Some(state.inodes[inode].written.clone())
    }

    /// Changes a file behind everybody's back, durably. `false` when there is none.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut state = self.state();
        let Some(inode) = state.names.get(path).copied() else {
            return false;
        };
        let inode = &mut state.inodes[inode];
        change(&mut inode.written);
        inode.durable = inode.written.clone();
        inode.pending.clear();
        true
    }

    /// Flips one bit of a file, durably. `false` when the file is not that long.
    pub fn flip(&self, path: &Path, offset: u64, bit: u8) -> bool {
        let mut flipped = false;
        self.tamper(path, |bytes| {
            if let Some(byte) = bytes.get_mut(offset as usize) {
                *byte ^= 1 << (bit % 8);
                flipped = true;
            }
        });
        flipped
    }

    /// From now on the disk cannot read these bytes of a file: `EIO`, also after a crash. The file keeps its
    /// length. They can be read again when they were cut off or overwritten as a whole; a write or a cut that
    /// goes through them fails as well. `false` when there is no such file.
    pub fn unreadable(&self, path: &Path, bytes: std::ops::Range<u64>) -> bool {
        let mut state = self.state();
        let Some(inode) = state.names.get(path).copied() else {
            return false;
        };
        state.inodes[inode].unreadable.push(bytes);
        true
    }

    /// Removes a file behind everybody's back, durably.
    pub fn lose(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    /// Runs one changing operation, failing it if it is the chosen one.
    fn change<T>(
        &self,
        op: &'static str,
        path: &Path,
        run: impl FnOnce(&mut State, Effect) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state();
        if state.stopped {
            return Err(io::Error::other("the disk has stopped"));
        }
        let number = state.operations;
        state.operations += 1;
        let Some(fault) = state.fault.filter(|f| f.0 == number).map(|f| f.1) else {
            return run(&mut state, Effect::Full);
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        state.failed = Some(format!("{op} {name}"));
        state.stopped = matches!(fault, Fault::Stop | Fault::StopAfter);
        match fault {
            Fault::Before | Fault::Stop => {}
            Fault::After | Fault::StopAfter => drop(run(&mut state, Effect::Full)?),
            Fault::Half if op == "write" => drop(run(&mut state, Effect::Half)?),
            Fault::SyncLost if op == "sync" && !state.dirs.contains(path) => {
                drop(run(&mut state, Effect::Lost)?);
            }
            Fault::Half | Fault::SyncLost => {}
        }
        Err(io::Error::other(format!("fault injected: {fault:?}")))
    }

    fn look<T>(&self, run: impl FnOnce(&State) -> io::Result<T>) -> io::Result<T> {
        let state = self.state();
        if state.stopped {
            return Err(io::Error::other("the disk has stopped"));
        }
        run(&state)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Full,
    Half,
    Lost,
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>, dirs: &mut BTreeSet<PathBuf>) {
        if let Some(path) = &self.unset {
            names.remove(path);
        }
        if let Some((path, inode)) = &self.set {
            names.insert(path.clone(), *inode);
        }
        if let Some(dir) = &self.dir {
            dirs.insert(dir.clone());
        }
    }
}

impl State {
    fn rename_entry(&mut self, change: NameChange) {
        change.apply(&mut self.names, &mut self.dirs);
        self.pending_names.push(change);
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("no such file: {}", path.display()),
    )
}

#[derive(Debug)]
struct FakeFile {
    disk: FakeDisk,
    path: PathBuf,
    inode: usize,
}

impl FakeFile {
    fn sync(&self) -> io::Result<()> {
        self.disk.change("sync", &self.path, |state, effect| {
            let inode = &mut state.inodes[self.inode];
            let pending = std::mem::take(&mut inode.pending);
            if effect == Effect::Lost {
                return Ok(());
            }
            for change in pending {
                match change {
                    Change::Write { offset, data } => {
                        Inode::write(&mut inode.durable, offset, &data);
                    }
                    Change::SetLen(len) => inode.durable.resize(len as usize, 0),
                }
            }
            Ok(())
        })
    }
}

impl DiskFile for FakeFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.look(|state| {
            let inode = &state.inodes[self.inode];
            let written = &inode.written;
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let end = start.saturating_add(buf.len());
            let bytes = written
                .get(start..end)
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            inode.read(offset, buf.len() as u64)?;
            buf.copy_from_slice(bytes);
            Ok(())
        })
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.disk.change("write", &self.path, |state, effect| {
            let half = if effect == Effect::Half {
                data.len() / 2
            } else {
                data.len()
            };
            let inode = &mut state.inodes[self.inode];
            let grows = (offset + half as u64).saturating_sub(inode.written.len() as u64);
            let room = state.room.map_or(grows, |room| room.min(grows));
            state.room = state.room.map(|left| left - room);
            let fits = half.saturating_sub((grows - room) as usize);
            let data = data[..fits].to_vec();
            inode.overwrite(offset, data.len() as u64)?;
            Inode::write(&mut inode.written, offset, &data);
            inode.pending.push(Change::Write { offset, data });
            if fits < half {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.disk
            .look(|state| Ok(state.inodes[self.inode].written.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.change("set_len", &self.path, |state, _| {
            let inode = &mut state.inodes[self.inode];
            inode.cut(len)?;
            inode.written.resize(len as usize, 0);
            inode.pending.push(Change::SetLen(len));
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
}

/// Ends a lock when dropped.
struct FakeLock {
    disk: FakeDisk,
    path: PathBuf,
}

impl Drop for FakeLock {
    fn drop(&mut self) {
        self.disk.state().locks.remove(&self.path);
    }
}

impl Disk for FakeDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.look(|state| {
            state
                .names
                .get(path)
                .copied()
                .ok_or_else(|| not_found(path))
        })?;
        Ok(Arc::new(FakeFile {
            disk: self.clone(),
            path: path.to_owned(),
            inode,
        }))
    }

    fn create(&self, path: &Path, _mode: u32) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.change("create", path, |state, _| {
            if let Some(inode) = state.names.get(path).copied() {
                state.inodes[inode].cut(0)?;
                state.inodes[inode].written.clear();
                state.inodes[inode].pending.push(Change::SetLen(0));
                return Ok(inode);
            }
            if !parent(path).as_os_str().is_empty() && !state.dirs.contains(&parent(path)) {
                return Err(not_found(&parent(path)));
            }
            let inode = state.inodes.len();
            state.inodes.push(Inode::default());
            state.rename_entry(NameChange {
                unset: None,
                set: Some((path.to_owned(), inode)),
                dir: None,
                parent: parent(path),
            });
            Ok(inode)
        })?;
        Ok(Arc::new(FakeFile {
            disk: self.clone(),
            path: path.to_owned(),
            inode,
        }))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.look(|state| Ok(state.names.contains_key(path) || state.dirs.contains(path)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.look(|state| {
            if !state.dirs.contains(dir) {
                return Err(not_found(dir));
            }
            let names = state.names.keys().chain(&state.dirs);
            let mut inside: Vec<String> = names
                .filter(|path| path.parent() == Some(dir))
                .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
                .collect();
            inside.sort_unstable();
            Ok(inside)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change("rename", to, |state, _| {
            let inode = state
                .names
                .get(from)
                .copied()
                .ok_or_else(|| not_found(from))?;
            state.rename_entry(NameChange {
                unset: Some(from.to_owned()),
                set: Some((to.to_owned(), inode)),
                dir: None,
                parent: parent(to),
            });
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change("remove", path, |state, _| {
            if !state.names.contains_key(path) {
                return Err(not_found(path));
            }
            state.rename_entry(NameChange {
                unset: Some(path.to_owned()),
                set: None,
                dir: None,
                parent: parent(path),
            });
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change("sync", dir, |state, _| {
            if !state.dirs.contains(dir) {
                return Err(not_found(dir));
            }
            let pending = std::mem::take(&mut state.pending_names);
            for change in pending {
                if change.parent != dir {
                    state.pending_names.push(change);
                } else {
                    change.apply(&mut state.durable_names, &mut state.durable_dirs);
                }
            }
            Ok(())
        })
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.change("create_dir_all", dir, |state, _| {
            let mut chain: Vec<&Path> = dir
                .ancestors()
                .filter(|d| !d.as_os_str().is_empty())
                .collect();
            chain.reverse();
            for dir in chain {
                if state.dirs.contains(dir) {
                    continue;
                }
                let change = NameChange {
                    unset: None,
                    set: None,
                    dir: Some(dir.to_owned()),
                    parent: parent(dir),
                };
                if parent(dir).as_os_str().is_empty() || parent(dir) == Path::new("/") {
                    // The top of the tree was there before us.
                    change.apply(&mut state.durable_names, &mut state.durable_dirs);
                }
                state.rename_entry(change);
            }
            Ok(())
        })
    }

    fn try_lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        if !self.exists(path)? {
            self.create(path, MODE_PRIVATE)?;
        }
        if !self.state().locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(FakeLock {
            disk: self.clone(),
            path: path.to_owned(),
        }))
    }
}
