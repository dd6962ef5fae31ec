//! The commit journal: the file that decides which entries exist.
//!
//! One seal per batch, written after the batch's bytes are durable and made durable itself before the
//! append is acknowledged. The file is filled with zeros ahead of use, so that making a seal durable is an
//! overwrite and changes no metadata.
//!
//! Each record stands in the file twice, once in each of two *lanes* that take turns in extents of 64 KiB: no
//! block or page up to that size holds bytes of both, nor do two neighbouring ones hold both copies of one
//! record (unless cursors make it nearly that long). What one lane lost, the other has, so that damage is told
//! from a record that was never finished:
//! - at least one whole copy: the record counts;
//! - no whole copy, and nothing after it: it was never acknowledged, and is cut;
//! - no whole copy, and a later record anywhere, or a copy that the disk does not give back while the other
//!   is not blank: damage, and the start is refused.
//!
//! A frame says which place it was written to, and is checked together with the scroll's fingerprint; its
//! payload has the sequence number and the hash of the record before it. What stands where it does not belong
//! is damage of that copy. A journal with a damaged copy is written anew at the start.
//!
//! The trade-off: a commit writes two blocks that lie apart instead of one, and syncs once. Both writes are
//! on their way when the sync begins, so its price is that of one flush as before. A second sync between the
//! two would protect against a power cut that destroys, in both lanes at once, the old contents of the block
//! that is being overwritten; it would double the latency, and storage that keeps its promises for sectors
//! does not do that. A head that was signed, and a snapshot, notice such a loss.

mod lanes;
mod scan;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, MODE_SHARED, Named, sync_dir, temporary};
use crate::error::DiskError;
use crate::frame;
use crate::seal::{BASE, Base, Cursors, Position, SEAL, Seal, chain};
use frame::Place;
#[cfg(test)]
pub(crate) use lanes::EXTENT;
use lanes::{in_file, pieces};
pub(crate) use scan::Scan;

/// The journal's name in a scroll's directory.
pub(crate) const JOURNAL_FILE: &str = "commit.journal";

/// When a journal grows and when it is compacted, in bytes of each lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JournalSteps {
    /// Zeros are laid down in steps of this many bytes.
    pub(crate) prealloc: u64,
    /// Compacted when its seals take this many bytes.
    pub(crate) compact_at: u64,
}

/// The two copies of a record, framed for the place where they go.
fn frames(kind: u8, payload: &[u8], scroll: &[u8; 32], at: u64) -> [Vec<u8>; 2] {
    [0, 1].map(|lane| {
        let mut out = Vec::with_capacity(frame::frame_len(payload.len()));
        frame::encode(kind, payload, scroll, Place { lane, at }, &mut out);
        out
    })
}

/// Writes into both lanes from `at` on. Not durable.
fn write_lanes(file: &Named, at: u64, bytes: &[Vec<u8>; 2]) -> Result<(), DiskError> {
    for (lane, bytes) in (0..).zip(bytes) {
        for piece in pieces(at, bytes.len()) {
            let part = &bytes[(piece.start - at) as usize..(piece.end - at) as usize];
            let at = piece.start;
            file.write(part, in_file(Place { lane, at }))?;
        }
    }
    Ok(())
}

/// A commit met trouble.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Before anything of the batch could count: it is not there and will not be.
    Refused(DiskError),
    /// Only reading the journal again tells.
    Uncertain(DiskError),
}

/// The journal, open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Named,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    steps: JournalSteps,
    spec: [u8; 32],
    /// Where the next record goes, in each lane.
    end: u64,
    base_end: u64,
    /// Up to here the lanes are zero-filled and durable.
    allocated: u64,
    seq: u64,
    chain: [u8; 32],
    buffers: [Vec<u8>; 2],
    payload: Vec<u8>,
}

impl Journal {
    /// Writes a journal that begins with `base`, atomically replacing one that is there, and opens it.
    pub(crate) fn create(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        base: &Base,
        steps: JournalSteps,
    ) -> Result<Self, DiskError> {
        let journal = Self::prepare(disk, dir, base, steps)?;
        journal.install()?;
        Ok(journal)
    }

    /// Writes a journal under a temporary name, durably. Nothing that counts has changed.
    fn prepare(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        base: &Base,
        steps: JournalSteps,
    ) -> Result<Self, DiskError> {
        let path = dir.join(JOURNAL_FILE);
        let mut buffers = frames(BASE, &base.encode(), &base.spec, 0);
        let end = buffers[0].len() as u64;
        let allocated = end + steps.prealloc;
        for buffer in &mut buffers {
            buffer.resize(allocated as usize, 0);
        }
        let file = Named::create(&**disk, &temporary(&path), MODE_SHARED)?;
        write_lanes(&file, 0, &buffers)?;
        file.sync_all()?;
        Ok(Self {
            file: Named {
                file: file.file,
                path: path.into(),
            },
            disk: Arc::clone(disk),
            dir: dir.to_owned(),
            steps,
            spec: base.spec,
            end,
            base_end: end,
            allocated,
            seq: base.seq,
            chain: base.chain,
            buffers: Default::default(),
            payload: Vec::new(),
        })
    }

    /// Puts a prepared journal in the place of the one that is there.
    fn install(&self) -> Result<(), DiskError> {
        let from = temporary(&self.file.path);
        self.disk
            .rename(&from, &self.file.path)
            .map_err(|e| DiskError::new("rename", &from, &e))?;
        sync_dir(&*self.disk, &self.dir)
    }

    /// Opens a scanned journal for appending, and makes durable what the scan found.
    ///
    /// The last record is written again: its sync may have failed in an earlier process, after which a
    /// sync can report success although the page never reached the disk. What lies after it is zeroed. Not
    /// for a journal with a damaged copy ([`Journal::renew`]).
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        scan: &Scan,
        steps: JournalSteps,
    ) -> Result<Self, DiskError> {
        let file = Named::open(&**disk, &dir.join(JOURNAL_FILE))?;
        let (kind, payload) = &scan.last_record;
        let mut buffers = frames(*kind, payload, &scan.base.spec, scan.last);
        let allocated = scan.end.max(scan.allocated).max(scan.dirty_to.unwrap_or(0));
        if scan.dirty_to.is_some() {
            for buffer in &mut buffers {
                buffer.resize((allocated - scan.last) as usize, 0);
            }
        }
        write_lanes(&file, scan.last, &buffers)?;
        file.sync_all()?;
        Ok(Self {
            file,
            disk: Arc::clone(disk),
            dir: dir.to_owned(),
            steps,
            spec: scan.base.spec,
            end: scan.end,
            base_end: scan.base_end,
            allocated,
            seq: scan.seq,
            chain: scan.chain,
            buffers: Default::default(),
            payload: Vec::new(),
        })
    }

    /// Writes a scanned journal anew, from the copies that are whole, and opens it. On an error the old or the
    /// new file may be in place; they say the same.
    pub(crate) fn renew(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        scan: &Scan,
        steps: JournalSteps,
    ) -> Result<Self, DiskError> {
        let base = Base {
            spec: scan.base.spec,
            seq: scan.seq,
            chain: scan.chain,
            position: scan.position(),
            cursors: Cursors::clone(&scan.cursors),
        };
        Self::create(disk, dir, &base, steps)
    }

    /// Encodes the seal of the batch after `before` and makes sure that there is durable room for it,
    /// compacting the journal if it is long.
    ///
    /// On an error that is [`Trouble::Refused`], nothing that counts has changed.
    pub(crate) fn prepare_seal(
        &mut self,
        before: &Position,
        after: Position,
        checksum: [u8; 32],
        cursors: Vec<(String, Vec<u8>)>,
        all_cursors: &Arc<Cursors>,
    ) -> Result<(), Trouble> {
        if self.end - self.base_end >= self.steps.compact_at {
            let base = self.base(*before, all_cursors);
            let compacted = Self::prepare(&self.disk, &self.dir, &base, self.steps)
                .map_err(Trouble::Refused)?;
            compacted.install().map_err(Trouble::Uncertain)?;
            *self = compacted;
        }
        let seal = Seal {
            seq: self.seq + 1,
            prev: self.chain,
            first: before.size,
            start: before.bytes,
            checksum,
            after,
            cursors,
        };
        self.payload.clear();
        seal.encode(&mut self.payload);
        for (lane, buffer) in (0..).zip(&mut self.buffers) {
            let at = self.end;
            buffer.clear();
            frame::encode(SEAL, &self.payload, &self.spec, Place { lane, at }, buffer);
        }
        self.reserve(self.end + self.buffers[0].len() as u64)
            .map_err(Trouble::Refused)
    }

    /// Writes the prepared seal and makes it durable. When it returns, the batch exists.
    ///
    /// On an error the seal may or may not be durable: nobody may append until the journal was read again.
    pub(crate) fn seal(&mut self) -> Result<(), DiskError> {
        write_lanes(&self.file, self.end, &self.buffers)?;
        self.file.sync_data()?;
        self.end += self.buffers[0].len() as u64;
        self.seq += 1;
        self.chain = chain(&self.payload);
        Ok(())
    }

    /// Makes sure that zeros are durable in both lanes up to `end` at least.
    fn reserve(&mut self, end: u64) -> Result<(), DiskError> {
        if end <= self.allocated {
            return Ok(());
        }
        let target = end.max(self.allocated + self.steps.prealloc);
        let zeros = vec![0; (target - self.allocated) as usize];
        write_lanes(&self.file, self.allocated, &[zeros.clone(), zeros])?;
        self.file.sync_all()?;
        self.allocated = target;
        Ok(())
    }

    /// A base record that says what this journal says.
    fn base(&self, position: Position, cursors: &Arc<Cursors>) -> Base {
        Base {
            spec: self.spec,
            seq: self.seq,
            chain: self.chain,
            position,
            cursors: Cursors::clone(cursors),
        }
    }
}
