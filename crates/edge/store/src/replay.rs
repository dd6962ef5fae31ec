//! Deriving from the record: the same hashes, offsets and look-ups that a commit wrote, for what no snapshot
//! covers.

use std::ops::Range;

use quorate_merkle::{Frontier, Hash};

use crate::disk::Named;
use crate::entries::{EntryKeys, IndexError, Indexer, split_entry};
use crate::error::{Corrupt, Damage, Fault};
use crate::journal::Scan;
use crate::seal::Position;
use crate::shared::Shared;
use crate::spec::Kind;
use crate::tree::NewHashes;

/// The record is read in pieces of this many bytes.
const PIECE: usize = 1 << 20;

/// A part of the record whose end the journal vouches for.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    pub(crate) bytes: Range<u64>,
    /// BLAKE3 of the bytes; `None` for what lies before the journal's base.
    pub(crate) checksum: Option<[u8; 32]>,
    pub(crate) after: Position,
}

/// What the journal vouches for, from `size` entries and `bytes` bytes on; `None` when that is no place
/// where a batch ended.
pub(crate) fn stretches(scan: &Scan, size: u64, bytes: u64) -> Option<Vec<Stretch>> {
    let mut out = Vec::new();
    let base = scan.base.position;
    let mut at = (size, bytes);
    if size < base.size && bytes < base.bytes {
        out.push(Stretch {
            bytes: bytes..base.bytes,
            checksum: None,
            after: base,
        });
        at = (base.size, base.bytes);
    }
    for seal in &scan.seals {
        if (seal.first, seal.start) == at && seal.after.size > seal.first {
            out.push(Stretch {
                bytes: seal.start..seal.after.bytes,
                checksum: Some(seal.checksum),
                after: seal.after,
            });
            at = (seal.after.size, seal.after.bytes);
        }
    }
    let end = scan.position();
    (at == (end.size, end.bytes)).then_some(out)
}

/// Why the record could not be replayed.
#[derive(Debug)]
pub(crate) enum ReplayError {
    Fault(Fault),
    /// An entry that the scroll's indexer does not accept.
    Index {
        index: u64,
        offset: u64,
        error: IndexError,
    },
}

impl From<Corrupt> for ReplayError {
    fn from(error: Corrupt) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Fault> for ReplayError {
    fn from(error: Fault) -> Self {
        Self::Fault(error)
    }
}

/// Calls `visit` with the offset and bytes of each entry in `bytes`, in order, having checked the bytes
/// against the checksum first if there is one.
pub(crate) fn read_entries<E: From<Corrupt> + From<Fault>>(
    record: &Named,
    kind: Kind,
    stretch: &Stretch,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let Range { start, end } = stretch.bytes;
    if !stretch_is_whole(record, stretch)? {
        return Err(Corrupt::new(&record.path, start, Damage::Checksum).into());
    }
    let mut buffer: Vec<u8> = Vec::with_capacity(PIECE * 2);
    let mut consumed = 0;
    let mut read = start;
    while consumed < buffer.len() || read < end {
        let offset = read - (buffer.len() - consumed) as u64;
        if let Some((entry, used)) = split_entry(kind, &buffer[consumed..]) {
            visit(offset, entry)?;
            consumed += used;
            continue;
        }
        // Not whole, or not an entry: more bytes decide, and when there are none it is damage.
        if read == end || buffer.len() - consumed > crate::entries::MAX_ENTRY_LEN + 2 {
            return Err(Corrupt::new(&record.path, offset, Damage::Format).into());
        }
        buffer.drain(..consumed);
        consumed = 0;
        let kept = buffer.len();
        let more = usize::try_from(end - read).unwrap_or(PIECE).min(PIECE);
        buffer.resize(kept + more, 0);
        record.read(&mut buffer[kept..], read)?;
        read += more as u64;
    }
    Ok(())
}

/// Whether the bytes of a stretch are the ones that were sealed, as far as a checksum of them is known.
pub(crate) fn stretch_is_whole(record: &Named, stretch: &Stretch) -> Result<bool, Fault> {
    match stretch.checksum {
        Some(expected) => {
            Ok(batch_checksum(record, stretch.bytes.start, stretch.bytes.end)? == expected)
        }
        None => Ok(true),
    }
}

fn batch_checksum(record: &Named, start: u64, end: u64) -> Result<[u8; 32], Fault> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; PIECE];
    let mut at = start;
    while at < end {
        let piece = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        record.read(&mut buffer[..piece], at)?;
        hasher.update(&buffer[..piece]);
        at += piece as u64;
    }
    Ok(*hasher.finalize().as_bytes())
}

/// Entries derived but not yet written.
struct Pending {
    size: u64,
    hashes: NewHashes,
    offsets: Vec<u8>,
    keys: Vec<(Hash, EntryKeys)>,
}

/// Entries are written out after this many.
const CHUNK: usize = 8192;

impl Pending {
    fn write(&mut self, shared: &Shared) -> Result<(), Fault> {
        shared.offsets.write(&self.offsets, self.size * 8)?;
        shared.tree.write(self.size, &self.hashes)?;
        shared.index(self.size, self.keys.iter().map(|(leaf, keys)| (leaf, keys)));
        self.size += self.keys.len() as u64;
        self.hashes.clear();
        self.offsets.clear();
        self.keys.clear();
        if shared.pending() as u64 >= shared.tuning.snapshot_every {
            shared.flush_lookups(self.size)?;
        }
        Ok(())
    }
}

/// Derives everything after `frontier` from the record and returns the frontier at the end. Each stretch is
/// checked against the root the journal has for its end.
pub(crate) fn replay(
    shared: &Shared,
    mut frontier: Frontier,
    stretches: &[Stretch],
) -> Result<Frontier, ReplayError> {
    let mut pending = Pending {
        size: frontier.size(),
        hashes: NewHashes::default(),
        offsets: Vec::new(),
        keys: Vec::new(),
    };
    let indexer: &dyn Indexer = &*shared.indexer;
    for stretch in stretches {
        read_entries::<ReplayError>(
            &shared.record,
            shared.spec.kind,
            stretch,
            |offset, entry| {
                let keys = indexer.keys(entry).map_err(|error| ReplayError::Index {
                    index: frontier.size(),
                    offset,
                    error,
                })?;
                let leaf = quorate_merkle::leaf_hash(entry);
                frontier
                    .push_visiting(leaf, |level, _, hash| pending.hashes.visit(level, &hash))
                    .map_err(|_| Corrupt::new(&shared.record.path, offset, Damage::Root))?;
                pending.offsets.extend_from_slice(&offset.to_be_bytes());
                pending.keys.push((leaf, keys));
                if pending.keys.len() == CHUNK {
                    pending.write(shared)?;
                }
                Ok(())
            },
        )?;
        if frontier.size() != stretch.after.size || frontier.root() != stretch.after.root {
            return Err(
                Corrupt::new(&shared.record.path, stretch.bytes.start, Damage::Root).into(),
            );
        }
    }
    pending.write(shared)?;
    Ok(frontier)
}
