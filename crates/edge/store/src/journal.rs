//! The commit journal: the file that decides which entries exist.
//!
//! One seal per batch, written after the batch's bytes are durable and made durable itself before the
//! append is acknowledged. The file is filled with zeros ahead of use, so that making a seal durable is an
//! overwrite and changes no metadata. Each record stands there twice, so that damage to one copy is told
//! from a record that was never finished:
//! - at least one whole copy: the record counts;
//! - no whole copy, nothing after it: it was never acknowledged, and is cut;
//! - no whole copy, a whole record after it: damage, and the start is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, MODE_SHARED, Named, read_small, sync_dir, temporary};
use crate::error::{Corrupt, Damage, DiskError, Fault};
use crate::frame;
use crate::seal::{BASE, Base, Cursors, Position, SEAL, Seal, apply_cursors, chain};

/// The journal's name in a scroll's directory.
pub(crate) const JOURNAL_FILE: &str = "commit.journal";

/// A journal is compacted long before this; a larger file is not one of ours.
const MAX_JOURNAL: u64 = 64 << 20;

/// When a journal grows and when it is compacted, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JournalSteps {
    /// Zeros are laid down in steps of this many bytes.
    pub(crate) prealloc: u64,
    /// Compacted when its seals take this many bytes.
    pub(crate) compact_at: u64,
}

/// What a journal says, read without changing it.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) base: Base,
    pub(crate) seals: Vec<Seal>,
    /// Offset of the last record.
    last: usize,
    /// End of the last record.
    pub(crate) end: usize,
    /// End of the base record.
    base_end: usize,
    /// Length of the file.
    len: usize,
    /// Offset of the first damaged copy of a record whose other copy is whole.
    pub(crate) damaged_copy: Option<u64>,
    /// Whether something other than zeros follows the last record.
    dirty_tail: bool,
    /// The last record's kind and payload.
    last_record: (u8, Vec<u8>),
    pub(crate) cursors: Arc<Cursors>,
    chain: [u8; 32],
    seq: u64,
}

impl Scan {
    /// Where the record stands by this journal.
    pub(crate) fn position(&self) -> Position {
        self.seals.last().map_or(self.base.position, |s| s.after)
    }

    /// Reads the journal at `path`, of the scroll with this fingerprint.
    pub(crate) fn read(disk: &dyn Disk, path: &Path, spec: &[u8; 32]) -> Result<Self, Fault> {
        let bytes = match read_small(disk, path, MAX_JOURNAL) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(Corrupt::new(path, 0, Damage::Missing).into()),
            Err(e) if e.kind == std::io::ErrorKind::FileTooLarge => {
                return Err(Corrupt::new(path, MAX_JOURNAL, Damage::Format).into());
            }
            Err(e) => return Err(e.into()),
        };
        Ok(Self::parse(&bytes, path, spec)?)
    }

    pub(crate) fn parse(bytes: &[u8], path: &Path, spec: &[u8; 32]) -> Result<Self, Corrupt> {
        let bad = |at: usize, damage| Corrupt::new(path, at as u64, damage);
        let first = locate(bytes, 0, path)?.ok_or_else(|| bad(0, Damage::Checksum))?;
        if first.kind != BASE {
            return Err(bad(0, Damage::Format));
        }
        let base = Base::decode(first.payload).ok_or_else(|| bad(0, Damage::Format))?;
        if base.spec != *spec {
            return Err(bad(0, Damage::Foreign));
        }
        let mut scan = Self {
            seals: Vec::new(),
            last: 0,
            end: first.end,
            base_end: first.end,
            len: bytes.len(),
            damaged_copy: first.damaged,
            dirty_tail: false,
            last_record: (BASE, first.payload.to_vec()),
            cursors: Arc::new(base.cursors.clone()),
            chain: base.chain,
            seq: base.seq,
            base,
        };
        while let Some(record) = locate(bytes, scan.end, path)? {
            let at = scan.end;
            if record.kind != SEAL {
                return Err(bad(at, Damage::Format));
            }
            let seal = Seal::decode(record.payload).ok_or_else(|| bad(at, Damage::Format))?;
            if !seal.follows(&scan.chain, scan.seq, &scan.position()) {
                return Err(bad(at, Damage::Chain));
            }
            scan.chain = chain(record.payload);
            scan.seq = seal.seq;
            apply_cursors(&mut scan.cursors, &seal.cursors);
            scan.damaged_copy = scan.damaged_copy.or(record.damaged);
            scan.last_record = (SEAL, record.payload.to_vec());
            scan.last = at;
            scan.end = record.end;
            scan.seals.push(seal);
        }
        scan.dirty_tail = bytes[scan.end..].iter().any(|b| *b != 0);
        Ok(scan)
    }
}

struct Located<'a> {
    kind: u8,
    payload: &'a [u8],
    end: usize,
    damaged: Option<u64>,
}

/// The record at `at`, by either of its copies. `None` when no whole frame begins at `at` or after it.
fn locate<'a>(bytes: &'a [u8], at: usize, path: &Path) -> Result<Option<Located<'a>>, Corrupt> {
    let Some(rest) = bytes.get(at..) else {
        return Ok(None);
    };
    if let Some((kind, payload, len)) = frame::decode(rest) {
        let whole = rest.get(len..2 * len) == Some(&rest[..len]);
        return Ok(Some(Located {
            kind,
            payload,
            end: (at + 2 * len).min(bytes.len()),
            damaged: (!whole).then_some((at + len) as u64),
        }));
    }
    for skip in (frame::ALIGN..rest.len()).step_by(frame::ALIGN) {
        if let Some((kind, payload, len)) = frame::decode(&rest[skip..]) {
            if len != skip {
                return Err(Corrupt::new(path, at as u64, Damage::Chain));
            }
            return Ok(Some(Located {
                kind,
                payload,
                end: at + 2 * len,
                damaged: Some(at as u64),
            }));
        }
    }
    Ok(None)
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
    /// Where the next record goes.
    end: u64,
    base_end: u64,
    /// Up to here the file is zero-filled and durable.
    allocated: u64,
    seq: u64,
    chain: [u8; 32],
    buffer: Vec<u8>,
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
        let mut buffer = Vec::new();
        let payload = base.encode();
        frame::encode(BASE, &payload, &mut buffer);
        frame::encode(BASE, &payload, &mut buffer);
        let end = buffer.len() as u64;
        let allocated = end + steps.prealloc;
        buffer.resize(allocated as usize, 0);
        let file = Named::create(&**disk, &temporary(&path), MODE_SHARED)?;
        file.write(&buffer, 0)?;
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
            buffer: Vec::new(),
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
    /// sync can report success although the page never reached the disk. What lies after it is zeroed.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        scan: &Scan,
        steps: JournalSteps,
    ) -> Result<Self, DiskError> {
        let file = Named::open(&**disk, &dir.join(JOURNAL_FILE))?;
        let mut buffer = Vec::new();
        frame::encode(scan.last_record.0, &scan.last_record.1, &mut buffer);
        frame::encode(scan.last_record.0, &scan.last_record.1, &mut buffer);
        let end = (scan.last + buffer.len()) as u64;
        let allocated = end.max(scan.len as u64);
        if scan.dirty_tail {
            buffer.resize((allocated - scan.last as u64) as usize, 0);
        }
        file.write(&buffer, scan.last as u64)?;
        file.sync_all()?;
        Ok(Self {
            file,
            disk: Arc::clone(disk),
            dir: dir.to_owned(),
            steps,
            spec: scan.base.spec,
            end,
            base_end: scan.base_end as u64,
            allocated,
            seq: scan.seq,
            chain: scan.chain,
            buffer: Vec::new(),
            payload: Vec::new(),
        })
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
        self.buffer.clear();
        frame::encode(SEAL, &self.payload, &mut self.buffer);
        frame::encode(SEAL, &self.payload, &mut self.buffer);
        self.reserve(self.end + self.buffer.len() as u64)
            .map_err(Trouble::Refused)
    }

    /// Writes the prepared seal and makes it durable. When it returns, the batch exists.
    ///
    /// On an error the seal may or may not be durable: nobody may append until the journal was read again.
    pub(crate) fn seal(&mut self) -> Result<(), DiskError> {
        self.file.write(&self.buffer, self.end)?;
        self.file.sync_data()?;
        self.end += self.buffer.len() as u64;
        self.seq += 1;
        self.chain = chain(&self.payload);
        Ok(())
    }

    /// Makes sure that zeros are durable up to `end` at least.
    fn reserve(&mut self, end: u64) -> Result<(), DiskError> {
        if end <= self.allocated {
            return Ok(());
        }
        let target = end.max(self.allocated + self.steps.prealloc);
        let zeros = vec![0; (target - self.allocated) as usize];
        self.file.write(&zeros, self.allocated)?;
        self.file.sync_all()?;
        self.allocated = target;
        Ok(())
    }

    /// Replaces the journal by one that begins with where it stands now. On an error the old or the new
    /// file may be in place; they say the same.
    pub(crate) fn compact(
        &mut self,
        position: Position,
        cursors: &Arc<Cursors>,
    ) -> Result<(), DiskError> {
        let base = self.base(position, cursors);
        *self = Self::create(&self.disk, &self.dir, &base, self.steps)?;
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
