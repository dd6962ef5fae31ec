//! Entries on their way in: framed, hashed and keyed by whoever prepares them, so that the commit path only
//! copies.

use std::fmt::Debug;

use quorate_merkle::{Hash, leaf_hash};
use thiserror::Error;

use crate::spec::Kind;

/// Longest entry: C2SP entry bundles give it a two-byte length (tlog-tiles, "Log Entries").
pub const MAX_ENTRY_LEN: usize = 65_535;

/// Largest batch, in bytes of the record.
pub const MAX_BATCH_BYTES: usize = 64 << 20;

/// Most text keys one entry may have.
pub const MAX_IDS: usize = 4;

/// Why an entry cannot be appended. The caller's fault; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Longer than [`MAX_ENTRY_LEN`].
    #[error("an entry of {len} bytes is over the limit of {MAX_ENTRY_LEN}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A line feed inside an entry of a JSONL record would be read back as two entries.
    #[error("an entry of a receipt scroll cannot hold a line feed")]
    LineFeed,
    /// An empty entry of a JSONL record would be an empty line.
    #[error("an entry of a receipt scroll cannot be empty")]
    Empty,
}

/// What an entry can be found by, besides its index and leaf hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryKeys {
    time: Option<i64>,
    ids: [u64; MAX_IDS],
    count: u8,
}

impl EntryKeys {
    /// Findable by a time, in microseconds since the Unix epoch. [`EntryKeys::default`] is without one.
    #[must_use]
    pub const fn at(micros: i64) -> Self {
        Self {
            time: Some(micros),
            ids: [0; MAX_IDS],
            count: 0,
        }
    }

    /// Makes the entry findable by a text as well, by its [`id_fingerprint`]: its `root_hash`, its id. One
    /// past [`MAX_IDS`] and a repeated one are left out.
    pub fn push_id(&mut self, fingerprint: u64) {
        let count = usize::from(self.count);
        if count < MAX_IDS && !self.ids().contains(&fingerprint) {
            self.ids[count] = fingerprint;
            self.count += 1;
        }
    }

    /// The time key.
    #[must_use]
    pub const fn time(&self) -> Option<i64> {
        self.time
    }

    /// The fingerprints of the text keys.
    #[must_use]
    pub fn ids(&self) -> &[u64] {
        &self.ids[..usize::from(self.count)]
    }
}

/// The look-up key of a text: the first 8 bytes of its BLAKE3 hash. Only ever a candidate: what it finds is
/// confirmed against the entry.
#[must_use]
pub fn id_fingerprint(id: &str) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    first_u64(hash.as_bytes())
}

/// The look-up key of a leaf hash: its first 8 bytes.
pub(crate) fn leaf_key(leaf: &Hash) -> u64 {
    first_u64(leaf.as_bytes())
}

fn first_u64(bytes: &[u8; 32]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    u64::from_be_bytes(first)
}

/// Says what an entry can be found by. The store calls it when it rebuilds look-ups from the record and when
/// it confirms what a look-up found; it must give the keys the entry was appended with.
pub trait Indexer: Debug + Send + Sync {
    /// The keys of one entry of the record.
    ///
    /// # Errors
    /// When the bytes are not an entry of this scroll; the start or the rebuild then stops and names the
    /// entry's place in the record.
    fn keys(&self, entry: &[u8]) -> Result<EntryKeys, IndexError>;
}

/// The entry is not one that this scroll could hold, in the indexer's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct IndexError(pub String);

/// An indexer for entries of which nothing is known: no time, no ids. Right for raw scrolls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Opaque;

impl Indexer for Opaque {
    fn keys(&self, _entry: &[u8]) -> Result<EntryKeys, IndexError> {
        Ok(EntryKeys::default())
    }
}

/// An entry ready to be committed: its leaf hash is computed here, on the thread of whoever prepares it, and
/// cannot be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedEntry {
    bytes: Vec<u8>,
    leaf: Hash,
    keys: EntryKeys,
    has_line_feed: bool,
}

impl PreparedEntry {
    /// Hashes an entry.
    ///
    /// # Errors
    /// [`EntryError::TooLong`]. Whether it can stand in a scroll of some kind is for [`Self::check`].
    pub fn new(bytes: Vec<u8>, keys: EntryKeys) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY_LEN {
            return Err(EntryError::TooLong { len: bytes.len() });
        }
        Ok(Self {
            leaf: leaf_hash(&bytes),
            has_line_feed: bytes.contains(&b'\n'),
            keys,
            bytes,
        })
    }

    /// Whether it can stand in a scroll of this kind. A commit asks again.
    ///
    /// # Errors
    /// [`EntryError::LineFeed`] and [`EntryError::Empty`].
    pub const fn check(&self, kind: Kind) -> Result<(), EntryError> {
        match kind {
            Kind::Raw => Ok(()),
            Kind::Receipts if self.bytes.is_empty() => Err(EntryError::Empty),
            Kind::Receipts if self.has_line_feed => Err(EntryError::LineFeed),
            Kind::Receipts => Ok(()),
        }
    }

    /// The entry.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its leaf hash.
    #[must_use]
    pub const fn leaf(&self) -> &Hash {
        &self.leaf
    }

    /// What it can be found by.
    #[must_use]
    pub const fn keys(&self) -> &EntryKeys {
        &self.keys
    }
}

/// Appends `entry` as it stands in the record. It is within [`MAX_ENTRY_LEN`].
pub(crate) fn frame_entry(kind: Kind, entry: &[u8], out: &mut Vec<u8>) {
    match kind {
        Kind::Receipts => {
            out.extend_from_slice(entry);
            out.push(b'\n');
        }
        Kind::Raw => {
            let [_, _, high, low] = (entry.len() as u32).to_be_bytes();
            out.extend_from_slice(&[high, low]);
            out.extend_from_slice(entry);
        }
    }
}

/// The entry at the start of `bytes`, and the length of its frame; `None` when it is not whole or not in
/// the record's form.
pub(crate) fn split_entry(kind: Kind, bytes: &[u8]) -> Option<(&[u8], usize)> {
    match kind {
        Kind::Receipts => {
            let window = &bytes[..bytes.len().min(MAX_ENTRY_LEN + 1)];
            let end = find_line_feed(window)?;
            (end > 0).then(|| (&bytes[..end], end + 1))
        }
        Kind::Raw => {
            let (length, rest) = bytes.split_first_chunk::<2>()?;
            let len = usize::from(u16::from_be_bytes(*length));
            Some((rest.get(..len)?, len + 2))
        }
    }
}

/// Position of the first line feed. Works on blocks, which the compiler turns into wide compares: replay and
/// bulk reads spend their time here otherwise.
fn find_line_feed(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for block in bytes.chunks(32) {
        if block.iter().fold(false, |found, b| found | (*b == b'\n')) {
            return block.iter().position(|b| *b == b'\n').map(|i| at + i);
        }
        at += block.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, bytes: &[u8]) -> Result<(), EntryError> {
        PreparedEntry::new(bytes.to_vec(), EntryKeys::default())?.check(kind)
    }

    #[test]
    fn a_receipt_entry_with_a_line_feed_is_refused() {
        assert_eq!(check(Kind::Receipts, b"{}\n{}"), Err(EntryError::LineFeed));
        assert_eq!(check(Kind::Raw, b"{}\n{}"), Ok(()));
    }

    #[test]
    fn an_empty_receipt_entry_is_refused_and_an_empty_raw_entry_is_not() {
        assert_eq!(check(Kind::Receipts, b""), Err(EntryError::Empty));
        assert_eq!(check(Kind::Raw, b""), Ok(()));
    }

    #[test]
    fn an_entry_over_the_limit_is_refused_with_its_length() {
        for kind in [Kind::Receipts, Kind::Raw] {
            assert_eq!(check(kind, &[b'x'; MAX_ENTRY_LEN]), Ok(()));
            let len = MAX_ENTRY_LEN + 1;
            assert_eq!(
                check(kind, &vec![b'x'; len]),
                Err(EntryError::TooLong { len })
            );
        }
    }

    #[test]
    fn what_is_framed_is_split_again() {
        for kind in [Kind::Receipts, Kind::Raw] {
            let mut framed = Vec::new();
            let entries: Vec<Vec<u8>> = [1, 31, 32, 33, 64, 500, MAX_ENTRY_LEN]
                .into_iter()
                .map(|len| vec![b'x'; len])
                .collect();
            for entry in &entries {
                frame_entry(kind, entry, &mut framed);
            }
            let mut rest = framed.as_slice();
            for entry in &entries {
                assert_eq!(
                    split_entry(kind, &rest[..rest.len().min(entry.len())]),
                    None
                );
                let (found, used) = split_entry(kind, rest).unwrap();
                assert_eq!(found, entry);
                rest = &rest[used..];
            }
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn repeated_and_surplus_ids_are_left_out() {
        let mut keys = EntryKeys::at(1);
        for id in [1, 1, 2, 3, 4, 5] {
            keys.push_id(id);
        }
        assert_eq!(keys.ids(), [1, 2, 3, 4]);
    }
}
