//! A client that remembers what it was promised, and lives through restarts of the store.

use std::path::Path;

use quorate_merkle::Hash;
use quorate_store::{
    Batch, CommitError, CreateError, FsckReport, Kind, OpenError, OpenOptions, ReadError, Reader,
    Scroll, SnapshotUse, SpecError, Urgency, fsck,
};
use quorate_testkit::disk::FakeDisk;
use quorate_testkit::rng::Rng;

use crate::support::{DIR, Words, disk_of, eager, entry, open_with, prepared, root_of, spec};

/// What happens between one life of the process and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    /// The process ended; the machine goes on.
    Process,
    /// Power was lost.
    Crash(u64),
}

const CLOSED: &str = "the scroll is closed";

/// The client, the disk, and the scroll while it is open.
pub(crate) struct Client {
    pub(crate) disk: FakeDisk,
    restart: Restart,
    scroll: Option<Scroll>,
    /// Entries 0..acknowledged were acknowledged; the cursor `input` says the same.
    pub(crate) acknowledged: u64,
    /// A batch whose commit ended uncertainly.
    uncertain: u64,
    pub(crate) restarts: u64,
    /// Commits since the last restart.
    commits: u64,
}

impl Client {
    pub(crate) fn new(disk: FakeDisk, restart: Restart) -> Self {
        Self {
            disk,
            restart,
            scroll: None,
            acknowledged: 0,
            uncertain: 0,
            restarts: 0,
            commits: 0,
        }
    }

    fn expected(&self, size: u64) -> Vec<Vec<u8>> {
        (0..size).map(entry).collect()
    }

    fn acknowledged_root(&self) -> Hash {
        root_of(&self.expected(self.acknowledged))
    }

    /// The process ended or the machine crashed.
    pub(crate) fn restart(&mut self) {
        self.scroll = None;
        self.restarts += 1;
        self.commits = 0;
        self.disk = match self.restart {
            Restart::Process => self.disk.fork(),
            Restart::Crash(seed) => self.disk.crash(seed.wrapping_add(self.restarts)),
        };
    }

    /// Runs `step` on the open scroll, opening it first if need be, and again after a restart if the disk
    /// failed.
    pub(crate) fn step(&mut self, step: impl Fn(&mut Self) -> Result<(), String>) {
        let mut failures = Vec::new();
        for _ in 0..3 {
            match self.ready().and_then(|()| step(self)) {
                Ok(()) => return,
                Err(failure) => failures.push(failure),
            }
            self.restart();
        }
        panic!("one fault, and three attempts failed: {failures:#?}");
    }

    fn ready(&mut self) -> Result<(), String> {
        if self.scroll.is_some() {
            return Ok(());
        }
        let options = OpenOptions {
            at_least: Some((self.acknowledged, self.acknowledged_root())),
            ..eager()
        };
        let scroll = match open_with(&self.disk, &options) {
            Ok((scroll, _)) => scroll,
            Err(OpenError::Spec(SpecError::NoScroll(_))) => {
                assert_eq!(
                    (self.acknowledged, self.uncertain),
                    (0, 0),
                    "a scroll with entries is gone"
                );
                self.create()?;
                return self.ready();
            }
            Err(
                e @ (OpenError::Spec(SpecError::Disk(_))
                | OpenError::Fault(quorate_store::Fault::Disk(_))),
            ) => {
                return Err(e.to_string());
            }
            Err(e) => panic!("refused to open: {e}"),
        };
        self.reconcile(&scroll.reader())?;
        self.scroll = Some(scroll);
        Ok(())
    }

    fn create(&self) -> Result<(), String> {
        match Scroll::create(&disk_of(&self.disk), Path::new(DIR), &spec(Kind::Receipts)) {
            Ok(()) | Err(CreateError::Exists(_)) => Ok(()),
            Err(e @ CreateError::Disk(_)) => Err(e.to_string()),
            Err(e) => panic!("cannot create: {e}"),
        }
    }

    /// What was acknowledged is there; an uncertain batch is there whole or not at all; and from here on it
    /// stays, whatever happens.
    fn reconcile(&mut self, reader: &Reader) -> Result<(), String> {
        let size = reader.size();
        assert!(
            size == self.acknowledged || size == self.acknowledged + self.uncertain,
            "{} acknowledged, {} uncertain, {size} found",
            self.acknowledged,
            self.uncertain
        );
        self.acknowledged = size;
        self.uncertain = 0;
        assert_eq!(reader.root(), self.acknowledged_root());
        if size > 0 {
            let entries = match reader.entries(0..size, usize::MAX) {
                Err(e @ ReadError::Fault(quorate_store::Fault::Disk(_))) => {
                    return Err(e.to_string());
                }
                other => other.unwrap(),
            };
            assert_eq!(entries, self.expected(size));
        }
        let cursor = (size > 0).then(|| size.to_string().into_bytes());
        assert_eq!(reader.cursor("input"), cursor);
        self.survives_a_crash(size, reader.root());
        Ok(())
    }

    /// What a reader was shown, or what was acknowledged, is there if power is lost now. The first commits after
    /// a restart rest on what the start made durable.
    fn survives_a_crash(&self, size: u64, root: Hash) {
        for seed in [size, size + 1000] {
            let (after, report) = open_with(&self.disk.crash(seed), &eager()).unwrap();
            assert_eq!(
                after.reader().head(),
                (size, root),
                "a crash took what counts"
            );
            let damaged = matches!(report.snapshot, SnapshotUse::Damaged(_));
            assert!(
                !damaged,
                "a snapshot vouched for what was not durable: {report:?}"
            );
        }
    }

    /// Appends the next `count` entries, with the cursor that goes with them.
    pub(crate) fn append(&mut self, count: u64) -> Result<(), String> {
        let first = self.acknowledged;
        let batch = Batch {
            entries: (first..first + count)
                .map(|i| prepared(&entry(i)))
                .collect(),
            cursors: vec![("input".into(), (first + count).to_string().into_bytes())],
            at: 1,
        };
        let Some(scroll) = &mut self.scroll else {
            return Err(CLOSED.into());
        };
        let mut done = scroll.writer().commit(batch.clone());
        if matches!(done, Err(CommitError::Disk(_))) {
            // Certain: not there. The writer works on, if the disk does.
            assert_eq!(scroll.reader().size(), first);
            done = scroll.writer().commit(batch.clone());
        }
        match done {
            Ok(commit) => {
                assert_eq!((commit.first_index, commit.size), (first, first + count));
                self.acknowledged = first + count;
                self.commits += 1;
                if self.restarts > 0 && self.commits <= 2 {
                    self.survives_a_crash(commit.size, commit.root);
                }
                Ok(())
            }
            Err(e @ CommitError::Uncertain(_)) => {
                self.uncertain = count;
                assert_eq!(
                    scroll.reader().size(),
                    first,
                    "an uncertain batch was published"
                );
                assert_eq!(scroll.writer().commit(batch), Err(CommitError::Stopped));
                Err(e.to_string())
            }
            Err(e @ (CommitError::Maintenance(_) | CommitError::Disk(_))) => Err(e.to_string()),
            Err(e) => panic!("refused to append: {e}"),
        }
    }

    /// Maintenance may fail without harm.
    pub(crate) fn maintain(&mut self, urgency: Urgency) -> Result<(), String> {
        let Some(scroll) = &self.scroll else {
            return Err(CLOSED.into());
        };
        drop(scroll.reader().maintain(urgency));
        Ok(())
    }

    pub(crate) fn close(&mut self) {
        if let Some(scroll) = self.scroll.take() {
            drop(scroll.split().0.close());
        }
    }

    pub(crate) fn fsck(&self) -> FsckReport {
        let expected = Some((self.acknowledged, self.acknowledged_root()));
        fsck(
            &disk_of(&self.disk),
            Path::new(DIR),
            &Words,
            expected,
            &mut |_| (),
        )
        .unwrap()
    }

    /// The end of a run: everything is there, also after a crash, and every file is right.
    pub(crate) fn finish(&mut self) {
        self.disk.heal();
        self.step(|_| Ok(()));
        if let Some(scroll) = &self.scroll {
            crate::support::check_lookups(&scroll.reader(), &self.expected(self.acknowledged));
        }
        self.close();
        let report = self.fsck();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.size, self.acknowledged);
        assert_eq!(report.compared, Some(self.acknowledged));
        self.disk = self.disk.crash(99);
        let report = self.fsck();
        assert!(report.is_clean(), "after a crash: {report:?}");
        assert_eq!((report.size, report.unsealed), (self.acknowledged, 0));
    }
}

/// Random appends, maintenance and restarts.
pub(crate) fn random_step(client: &mut Client, rng: &mut Rng) {
    match rng.below(12) {
        0 => client.step(|c| c.maintain(Urgency::WhenDue)),
        1 if rng.below(3) == 0 => client.step(|c| c.maintain(Urgency::IfAnything)),
        2 if rng.below(4) == 0 => {
            client.close();
            client.restart();
        }
        _ => {
            let count = 1 + rng.below(12);
            client.step(|c| c.append(count));
        }
    }
}
