//! A file's contents: what was written, what is durable, and what a crash makes of the two.

use std::io;
use std::ops::Range;

use crate::rng::Rng;

/// The unit in which a write can be torn.
pub const SECTOR: u64 = 512;

#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    pub(super) written: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// Since the last sync, in order.
    pub(super) pending: Vec<Change>,
    /// What the medium does not give back.
    pub(super) unreadable: Vec<Range<u64>>,
}

#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { offset: u64, data: Vec<u8> },
    SetLen(u64),
}

/// `EIO`.
fn unreadable() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl Inode {
    /// Whether `len` bytes from `offset` can be read.
    pub(super) fn read(&self, offset: u64, len: u64) -> io::Result<()> {
        let end = offset.saturating_add(len);
        let hit = |bad: &Range<u64>| bad.start < end && offset < bad.end;
        if self.unreadable.iter().any(hit) {
            return Err(unreadable());
        }
        Ok(())
    }

    /// A write makes readable what it covers as a whole; to fill up a part it would have to be read.
    pub(super) fn overwrite(&mut self, offset: u64, len: u64) -> io::Result<()> {
        let end = offset + len;
        let before = self.unreadable.clone();
        self.unreadable
            .retain(|bad| bad.start < offset || end < bad.end);
        self.read(offset, len)
            .inspect_err(|_| self.unreadable = before)
    }

    /// What is cut off is no longer there to be read; the block that is cut through is read.
    pub(super) fn cut(&mut self, len: u64) -> io::Result<()> {
        let through = |bad: &Range<u64>| bad.start < len && len < bad.end;
        if len < self.written.len() as u64 && self.unreadable.iter().any(through) {
            return Err(unreadable());
        }
        self.unreadable.retain(|bad| bad.start < len);
        Ok(())
    }

    pub(super) fn write(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
        let (start, end) = (offset as usize, offset as usize + data.len());
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(data);
    }

    /// `durable` plus an arbitrary subset of the sectors written since, with a length between the shortest
    /// and the longest the file had.
    pub(super) fn after_crash(&self, rng: &mut Rng, keep: u64) -> Vec<u8> {
        if self.pending.is_empty() {
            return self.durable.clone();
        }
        let mut bytes = self.durable.clone();
        let (mut shortest, mut longest) = (bytes.len() as u64, bytes.len() as u64);
        let mut len = bytes.len() as u64;
        for change in &self.pending {
            len = match change {
                Change::Write { offset, data } => len.max(offset + data.len() as u64),
                Change::SetLen(new) => *new,
            };
            shortest = shortest.min(len);
            longest = longest.max(len);
        }
        for change in &self.pending {
            match change {
                Change::Write { offset, data } => {
                    let mut at = *offset;
                    let end = offset + data.len() as u64;
                    while at < end {
                        let next = ((at / SECTOR + 1) * SECTOR).min(end);
                        if rng.below(1024) < keep {
                            let piece = &data[(at - offset) as usize..(next - offset) as usize];
                            Self::write(&mut bytes, at, piece);
                        }
                        at = next;
                    }
                }
                Change::SetLen(new) => {
                    if rng.below(1024) < keep {
                        bytes.resize(*new as usize, 0);
                    }
                }
            }
        }
        let len = match rng.below(4) {
            0 => shortest,
            1 => longest,
            2 => (bytes.len() as u64).clamp(shortest, longest),
            _ => shortest + rng.below(longest - shortest + 1),
        };
        bytes.resize(len as usize, 0);
        bytes
    }
}
