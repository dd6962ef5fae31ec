//! The one way entries come into a scroll.

use std::sync::Arc;

use quorate_merkle::{Frontier, Hash};
use thiserror::Error;

use crate::entries::{EntryError, MAX_BATCH_BYTES, PreparedEntry, frame_entry};
use crate::error::DiskError;
use crate::journal::{Journal, Trouble};
use crate::lookup::point::MAX_INDEX;
use crate::maintain::{MaintainError, Maintained, Urgency};
use crate::seal::{MAX_CURSOR_NAME, MAX_CURSOR_VALUE, MAX_CURSORS, Position, apply_cursors};
use crate::shared::{Head, Shared};
use crate::tree::NewHashes;

/// Entries and input positions that are committed together, all or none.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The entries, in order. May be empty when cursors are not.
    pub entries: Vec<PreparedEntry>,
    /// Input positions, by name, sealed with the entries; an empty value removes the cursor.
    pub cursors: Vec<(String, Vec<u8>)>,
    /// When, in microseconds since the Unix epoch. The store has no clock.
    pub at: i64,
}

/// What a commit achieved. When there is one, the entries are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// Index of the first entry of the batch.
    pub first_index: u64,
    /// Size after the batch.
    pub size: u64,
    /// Root after the batch.
    pub root: Hash,
}

/// Why a batch was not committed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommitError {
    /// An entry cannot stand in this scroll. The caller's fault; nothing was written and the writer works on.
    #[error("entry {position} of the batch: {error}")]
    Entry {
        /// Its position in the batch, counted from 0.
        position: usize,
        /// Why.
        error: EntryError,
    },
    /// The batch takes more than [`MAX_BATCH_BYTES`] in the record. The caller's fault; nothing was written
    /// and the writer works on.
    #[error("a batch of {bytes} bytes is over the limit of {MAX_BATCH_BYTES}")]
    BatchTooLarge {
        /// What it would take.
        bytes: usize,
    },
    /// A cursor's name or value is empty or too long, or there would be more than [`MAX_CURSORS`]. The
    /// caller's fault; nothing was written and the writer works on.
    #[error("the cursor {name:?} is over a limit")]
    Cursor {
        /// Its name.
        name: String,
    },
    /// The scroll has as many entries as its look-ups can count, 2⁴⁰. Nothing was written.
    #[error("the scroll is full")]
    ScrollFull,
    /// Look-ups fill the memory and cannot be written out. The environment's fault; nothing of the batch was
    /// written.
    #[error("look-ups cannot be written out: {0}")]
    Maintenance(MaintainError),
    /// The disk refused before the batch was sealed, for example because it is full. The environment's fault;
    /// the batch is not there and will not be, and the writer works on.
    #[error("nothing was committed: {0}")]
    Disk(DiskError),
    /// The disk failed. Whether the batch will be there after the next start is not known, so it must be
    /// neither acknowledged nor reported as refused. The writer takes nothing more.
    #[error("the outcome of the commit is not known: {0}")]
    Uncertain(DiskError),
    /// An earlier commit ended in [`CommitError::Uncertain`]. Nothing was written; open the scroll again.
    #[error("the writer stopped after a failed commit")]
    Stopped,
}

/// The only appender of a scroll.
pub struct Writer {
    shared: Arc<Shared>,
    journal: Journal,
    head: Arc<Head>,
    stopped: bool,
    framed: Vec<u8>,
    offsets: Vec<u8>,
    hashes: NewHashes,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("scroll", &self.shared)
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}

/// Buffers larger than this are given back after a commit.
const KEEP_BUFFER: usize = 8 << 20;

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, journal: Journal) -> Self {
        let head = shared.head();
        Self {
            shared,
            journal,
            head,
            stopped: false,
            framed: Vec::new(),
            offsets: Vec::new(),
            hashes: NewHashes::default(),
        }
    }

    /// Number of committed entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.head.position.size
    }

    /// Commits a batch: when this returns a [`Commit`], the entries and cursors are durable and readers see
    /// them. A batch with neither entries nor cursors is committed by doing nothing.
    ///
    /// Steps: the bytes go into the record, the hashes and offsets into their files (not yet durable: they can
    /// be derived); the record is synced; the seal is written and synced; the head is published.
    ///
    /// # Errors
    /// See [`CommitError`]; each variant says what was written.
    pub fn commit(&mut self, batch: Batch) -> Result<Commit, CommitError> {
        if self.stopped {
            return Err(CommitError::Stopped);
        }
        let first_index = self.head.position.size;
        if batch.entries.is_empty() && batch.cursors.is_empty() {
            return Ok(self.committed(first_index));
        }
        self.check(&batch)?;
        let mut cursors = Arc::clone(&self.head.cursors);
        apply_cursors(&mut cursors, &batch.cursors);
        if cursors.len() > MAX_CURSORS {
            let name = batch
                .cursors
                .into_iter()
                .next()
                .map_or_else(String::new, |c| c.0);
            return Err(CommitError::Cursor { name });
        }
        if self.shared.pending() >= self.shared.tuning.max_pending {
            self.maintain(Urgency::IfAnything)
                .map_err(CommitError::Maintenance)?;
        }
        // From here on only the whole way to the published head, or the whole way back, makes the writer usable
        // again.
        self.stopped = true;
        let (position, frontier) = match self.persist(&batch) {
            Ok(persisted) => persisted,
            Err(Trouble::Uncertain(e)) => return Err(CommitError::Uncertain(e)),
            Err(Trouble::Refused(e)) => {
                let record = &self.shared.record;
                record
                    .set_len(self.head.position.bytes)
                    .map_err(CommitError::Uncertain)?;
                self.stopped = false;
                return Err(CommitError::Disk(e));
            }
        };
        self.shared.index(
            first_index,
            batch.entries.iter().map(|e| (e.leaf(), e.keys())),
        );
        self.shared.publish(Head {
            position,
            frontier,
            cursors,
        });
        self.head = self.shared.head();
        self.stopped = false;
        Ok(self.committed(first_index))
    }

    fn committed(&self, first_index: u64) -> Commit {
        Commit {
            first_index,
            size: self.head.position.size,
            root: self.head.position.root,
        }
    }

    fn check(&self, batch: &Batch) -> Result<(), CommitError> {
        let kind = self.shared.spec.kind;
        let mut bytes = 0;
        for (position, entry) in batch.entries.iter().enumerate() {
            entry
                .check(kind)
                .map_err(|error| CommitError::Entry { position, error })?;
            bytes += entry.bytes().len() + kind.framing_len();
        }
        if bytes > MAX_BATCH_BYTES {
            return Err(CommitError::BatchTooLarge { bytes });
        }
        for (name, value) in &batch.cursors {
            if name.is_empty() || name.len() > MAX_CURSOR_NAME || value.len() > MAX_CURSOR_VALUE {
                return Err(CommitError::Cursor { name: name.clone() });
            }
        }
        if batch.cursors.len() > MAX_CURSORS {
            return Err(CommitError::Cursor {
                name: String::new(),
            });
        }
        if self.size() + batch.entries.len() as u64 > MAX_INDEX {
            return Err(CommitError::ScrollFull);
        }
        Ok(())
    }

    fn persist(&mut self, batch: &Batch) -> Result<(Position, Frontier), Trouble> {
        let before = self.head.position;
        self.framed.clear();
        self.offsets.clear();
        self.hashes.clear();
        let kind = self.shared.spec.kind;
        let mut frontier = self.head.frontier.clone();
        for entry in &batch.entries {
            let start = before.bytes + self.framed.len() as u64;
            self.offsets.extend_from_slice(&start.to_be_bytes());
            frame_entry(kind, entry.bytes(), &mut self.framed);
            // `check` held the size to MAX_INDEX, far below the largest tree.
            let _index = frontier.push_visiting(*entry.leaf(), |level, _, hash| {
                self.hashes.visit(level, &hash);
            });
        }
        let after = Position {
            size: frontier.size(),
            bytes: before.bytes + self.framed.len() as u64,
            root: frontier.root(),
            at: batch.at,
        };
        let checksum = *blake3::hash(&self.framed).as_bytes();
        let cursors = batch.cursors.clone();
        self.journal
            .prepare_seal(&before, after, checksum, cursors, &self.head.cursors)?;
        if !self.framed.is_empty() {
            self.write_batch(&before).map_err(Trouble::Refused)?;
            // The data first: a seal is proof that its batch was durable before it. After a sync that failed, it
            // is not known what of the file the next one would vouch for.
            self.shared.record.sync_data().map_err(Trouble::Uncertain)?;
        }
        self.journal.seal().map_err(Trouble::Uncertain)?;
        if self.framed.capacity() > KEEP_BUFFER {
            self.framed = Vec::new();
        }
        Ok((after, frontier))
    }

    fn write_batch(&self, before: &Position) -> Result<(), DiskError> {
        self.shared.record.write(&self.framed, before.bytes)?;
        self.shared.offsets.write(&self.offsets, before.size * 8)?;
        self.shared.tree.write(before.size, &self.hashes)
    }

    /// As [`crate::Reader::maintain`].
    ///
    /// # Errors
    /// See [`MaintainError`]; the record is not concerned.
    pub fn maintain(&self, urgency: Urgency) -> Result<Maintained, MaintainError> {
        self.shared.maintain(urgency)
    }

    /// Ends writing, leaving a snapshot behind. Dropping the writer instead loses nothing but the time the
    /// next start needs.
    ///
    /// # Errors
    /// See [`MaintainError`]; the record is not concerned.
    pub fn close(self) -> Result<Maintained, MaintainError> {
        if self.stopped {
            return Ok(Maintained::default());
        }
        self.shared.maintain(Urgency::IfAnything)
    }
}
