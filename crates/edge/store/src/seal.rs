//! What the commit journal says: one base record, then one seal per committed batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_merkle::{Hash, MAX_TREE_SIZE};

/// Longest cursor name, in bytes.
pub const MAX_CURSOR_NAME: usize = 128;
/// Longest cursor value, in bytes.
pub const MAX_CURSOR_VALUE: usize = 1024;
/// Most cursors of one scroll. All of them at their limits are 1024 × (1 + 128 + 2 + 1024) bytes ≈ 1.2 MiB.
pub const MAX_CURSORS: usize = 1024;

/// Kind byte of a base record.
pub(crate) const BASE: u8 = 1;
/// Kind byte of a seal.
pub(crate) const SEAL: u8 = 2;

/// The inputs' positions, sealed with the entries that were read up to there: name → opaque bytes.
pub(crate) type Cursors = BTreeMap<String, Arc<[u8]>>;

/// Where the record stands after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Entries.
    pub(crate) size: u64,
    /// Bytes of the record.
    pub(crate) bytes: u64,
    /// Root of the tree over the entries.
    pub(crate) root: Hash,
    /// Time of the commit, microseconds since the epoch, as the caller gave it.
    pub(crate) at: i64,
}

/// The first record of a journal: everything that the seals before it said, in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    /// The scroll this journal belongs to ([`crate::ScrollSpec`]).
    pub(crate) spec: [u8; 32],
    /// Sequence number of the last seal it stands for; the next one has this plus one.
    pub(crate) seq: u64,
    /// Chain value after that seal.
    pub(crate) chain: [u8; 32],
    pub(crate) position: Position,
    pub(crate) cursors: Cursors,
}

/// One committed batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) seq: u64,
    /// Chain value before this seal.
    pub(crate) prev: [u8; 32],
    pub(crate) first: u64,
    pub(crate) start: u64,
    /// BLAKE3 of the batch's bytes in the record.
    pub(crate) checksum: [u8; 32],
    pub(crate) after: Position,
    /// Cursors that changed with the batch; an empty value removes the cursor.
    pub(crate) cursors: Vec<(String, Vec<u8>)>,
}

/// The chain value after a record: BLAKE3 of its payload, which holds the value before.
pub(crate) fn chain(payload: &[u8]) -> [u8; 32] {
    *blake3::hash(payload).as_bytes()
}

impl Base {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&self.spec);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.chain);
        put_position(&self.position, &mut out);
        put_cursors(
            self.cursors.iter().map(|(n, v)| (n.as_str(), v.as_ref())),
            &mut out,
        );
        out
    }

    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let mut input = Input(payload);
        let base = Self {
            spec: input.array()?,
            seq: input.u64()?,
            chain: input.array()?,
            position: input.position()?,
            cursors: input
                .cursors()?
                .into_iter()
                .map(|(n, v)| (n, Arc::from(v)))
                .collect(),
        };
        (input.0.is_empty() && base.encode() == payload).then_some(base)
    }
}

impl Seal {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.prev);
        out.extend_from_slice(&self.first.to_be_bytes());
        out.extend_from_slice(&self.start.to_be_bytes());
        out.extend_from_slice(&self.checksum);
        put_position(&self.after, out);
        put_cursors(
            self.cursors.iter().map(|(n, v)| (n.as_str(), v.as_slice())),
            out,
        );
    }

    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let mut input = Input(payload);
        let seal = Self {
            seq: input.u64()?,
            prev: input.array()?,
            first: input.u64()?,
            start: input.u64()?,
            checksum: input.array()?,
            after: input.position()?,
            cursors: input.cursors()?,
        };
        let ordered = seal.first <= seal.after.size && seal.start <= seal.after.bytes;
        (ordered && input.0.is_empty()).then_some(seal)
    }

    /// Whether this seal comes right after the record that left `chain`, `seq` and `position`.
    pub(crate) fn follows(&self, chain: &[u8; 32], seq: u64, position: &Position) -> bool {
        self.prev == *chain
            && Some(self.seq) == seq.checked_add(1)
            && self.first == position.size
            && self.start == position.bytes
    }
}

/// Applies a seal's cursor changes.
pub(crate) fn apply_cursors(cursors: &mut Arc<Cursors>, changes: &[(String, Vec<u8>)]) {
    if changes.is_empty() {
        return;
    }
    let cursors = Arc::make_mut(cursors);
    for (name, value) in changes {
        if value.is_empty() {
            cursors.remove(name);
        } else {
            cursors.insert(name.clone(), Arc::from(value.as_slice()));
        }
    }
}

fn put_position(position: &Position, out: &mut Vec<u8>) {
    out.extend_from_slice(&position.size.to_be_bytes());
    out.extend_from_slice(&position.bytes.to_be_bytes());
    out.extend_from_slice(position.root.as_bytes());
    out.extend_from_slice(&position.at.to_be_bytes());
}

/// Names and values are within their limits: the writer checked them, or the decoder.
fn put_cursors<'a>(cursors: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>, out: &mut Vec<u8>) {
    out.extend_from_slice(&(cursors.len() as u16).to_be_bytes());
    for (name, value) in cursors {
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&(value.len() as u16).to_be_bytes());
        out.extend_from_slice(value);
    }
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn bytes(&mut self, len: usize) -> Option<&[u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn position(&mut self) -> Option<Position> {
        let position = Position {
            size: self.u64()?,
            bytes: self.u64()?,
            root: Hash::from_bytes(self.array()?),
            at: self.array().map(i64::from_be_bytes)?,
        };
        (position.size <= MAX_TREE_SIZE && position.bytes <= i64::MAX as u64).then_some(position)
    }

    fn cursors(&mut self) -> Option<Vec<(String, Vec<u8>)>> {
        let count = usize::from(u16::from_be_bytes(self.array()?));
        if count > MAX_CURSORS {
            return None;
        }
        let mut cursors = Vec::with_capacity(count);
        for _ in 0..count {
            let [len] = self.array()?;
            let name = str::from_utf8(self.bytes(usize::from(len))?)
                .ok()?
                .to_owned();
            let len = usize::from(u16::from_be_bytes(self.array()?));
            let value = self.bytes(len)?.to_vec();
            if name.is_empty() || name.len() > MAX_CURSOR_NAME || value.len() > MAX_CURSOR_VALUE {
                return None;
            }
            cursors.push((name, value));
        }
        Some(cursors)
    }
}
