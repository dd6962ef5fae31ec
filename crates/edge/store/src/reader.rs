//! Reading a scroll: entries, proofs, tiles, look-ups. Nothing is returned that was not checked against the
//! root of the published head.

use std::ops::Range;
use std::sync::Arc;

use quorate_merkle::{
    BundleId, Hash, LeafRuns, MultiProof, Proof, ProveError, RunsError, TileId, bundle,
    encode_hashes, leaf_hash, prove_consistency, prove_inclusion, prove_runs, root_at,
    verify_consistency, verify_inclusion, verify_runs,
};
use thiserror::Error;

use crate::entries::{id_fingerprint, leaf_key, split_entry};
use crate::error::{Corrupt, Damage, DiskError, Fault};
use crate::lookup::point::{Index, Point, Query, key_time, time_key};
use crate::maintain::{MaintainError, Maintained, Urgency};
use crate::seal::Position;
use crate::shared::{Head, Shared};
use crate::spec::{Kind, ScrollSpec};

/// Why something could not be read. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The scroll is not that long. The caller's fault.
    #[error("{end} is beyond the {size} entries there are")]
    OutOfRange {
        /// End of what was asked for.
        end: u64,
        /// Entries there are.
        size: u64,
    },
    /// No proof or tile of this form exists: sizes out of order, indices not increasing, a tile not in the
    /// tree. The caller's fault.
    #[error("{0}")]
    Request(String),
    /// The disk failed, or a file is damaged. What the damaged file holds is not served.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<DiskError> for ReadError {
    fn from(error: DiskError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Corrupt> for ReadError {
    fn from(error: Corrupt) -> Self {
        Self::Fault(error.into())
    }
}

impl From<ProveError<Fault>> for ReadError {
    fn from(error: ProveError<Fault>) -> Self {
        match error {
            ProveError::Read(fault) => Self::Fault(fault),
            ProveError::OutOfRange { end, size } => Self::OutOfRange { end, size },
            other => Self::Request(other.to_string()),
        }
    }
}

/// A handle for reading, cheap to clone and to share. Every call sees the newest published head.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

/// Entries asked for in one go are read with one read of at most about this many bytes of offsets.
const MAX_ENTRIES: u64 = 65_536;

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reader").field(&self.shared).finish()
    }
}

impl Reader {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// What was fixed at creation.
    #[must_use]
    pub fn spec(&self) -> &ScrollSpec {
        &self.shared.spec
    }

    /// Number of committed entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.head().position.size
    }

    /// Root over the committed entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.shared.head().position.root
    }

    /// Size and root, of one and the same head.
    #[must_use]
    pub fn head(&self) -> (u64, Hash) {
        let position = self.shared.head().position;
        (position.size, position.root)
    }

    /// Bytes of the record.
    #[must_use]
    pub fn record_bytes(&self) -> u64 {
        self.shared.head().position.bytes
    }

    /// Time of the last commit, in microseconds since the epoch, as its caller gave it.
    #[must_use]
    pub fn committed_at(&self) -> i64 {
        self.shared.head().position.at
    }

    /// The right edge of the tree.
    #[must_use]
    pub fn frontier(&self) -> quorate_merkle::Frontier {
        self.shared.head().frontier.clone()
    }

    /// The position sealed for an input, `None` when there is none.
    #[must_use]
    pub fn cursor(&self, name: &str) -> Option<Vec<u8>> {
        self.shared
            .head()
            .cursors
            .get(name)
            .map(|value| value.to_vec())
    }

    /// All sealed input positions, by name.
    #[must_use]
    pub fn cursors(&self) -> Vec<(String, Vec<u8>)> {
        let head = self.shared.head();
        head.cursors
            .iter()
            .map(|(n, v)| (n.clone(), v.to_vec()))
            .collect()
    }

    /// The exact bytes of one entry.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, ReadError> {
        let head = self.shared.head();
        self.check_range(&head, index, index.saturating_add(1))?;
        Ok(self.shared.entry(&head, index)?)
    }

    /// Consecutive entries: those of `range` from its start, until their bytes pass `max_bytes`; at least one
    /// of a range that is not empty, at most 65,536.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn entries(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        let head = self.shared.head();
        self.check_range(&head, range.start, range.end)?;
        Ok(self.shared.entries(&head, range, max_bytes)?)
    }

    /// The leaf hash of one entry.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn leaf(&self, index: u64) -> Result<Hash, ReadError> {
        let head = self.shared.head();
        self.check_range(&head, index, index.saturating_add(1))?;
        Ok(self.shared.tree.nodes(&head.frontier).leaf(index)?)
    }

    /// The root when the scroll had `size` entries.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn root_at(&self, size: u64) -> Result<Hash, ReadError> {
        let head = self.shared.head();
        self.check_range(&head, 0, size)?;
        self.shared.root_at(&head, size)
    }

    /// Proves that entry `index` is under the root of the first `size` entries.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Result<Proof, ReadError> {
        let head = self.shared.head();
        self.check_range(&head, index, size)?;
        let nodes = self.shared.tree.nodes(&head.frontier);
        let proof = prove_inclusion(index, size, &nodes)?;
        let (leaf, root) = (nodes.leaf(index)?, self.shared.root_at(&head, size)?);
        verify_inclusion(index, &leaf, size, &root, &proof).map_err(|_| self.wrong_proof())?;
        Ok(proof)
    }

    /// Proves that the first `old` entries are a prefix of the first `new`.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<Proof, ReadError> {
        let head = self.shared.head();
        self.check_range(&head, old, new)?;
        let proof = prove_consistency(old, new, &self.shared.tree.nodes(&head.frontier))?;
        let (old_root, root) = (
            self.shared.root_at(&head, old)?,
            self.shared.root_at(&head, new)?,
        );
        verify_consistency(old, &old_root, new, &root, &proof).map_err(|_| self.wrong_proof())?;
        Ok(proof)
    }

    /// Proves that entries are under the root of the first `size` entries, with one proof.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn prove_runs(&self, runs: &LeafRuns, size: u64) -> Result<MultiProof, ReadError> {
        let head = self.shared.head();
        self.check_range(&head, 0, size)?;
        let nodes = self.shared.tree.nodes(&head.frontier);
        let proof = prove_runs(runs, size, &nodes)?;
        let root = self.shared.root_at(&head, size)?;
        let mut indices = runs.indices();
        // There are as many as the runs name, and each is below the size.
        let next = || nodes.leaf(indices.next().unwrap_or_default());
        match verify_runs(runs, size, &root, &proof, next) {
            Ok(()) => Ok(proof),
            Err(RunsError::Leaf(fault)) => Err(fault.into()),
            Err(RunsError::Proof(_)) => Err(self.wrong_proof()),
        }
    }

    /// A proof that does not verify although each of its hashes was checked: not a state a file can cause.
    fn wrong_proof(&self) -> ReadError {
        Corrupt::new(
            &self.shared.dir.join(crate::tree::TREE_DIR),
            0,
            Damage::Root,
        )
        .into()
    }

    /// The bytes of a tile (C2SP tlog-tiles, "Merkle Tree") of the tree of the first `size` entries, so that
    /// nothing beyond a published checkpoint need be shown.
    ///
    /// # Errors
    /// See [`ReadError`]; [`ReadError::OutOfRange`] when that tree does not have the tile at this width.
    pub fn tile(&self, id: &TileId, size: u64) -> Result<Vec<u8>, ReadError> {
        let head = self.shared.head();
        self.check_range(&head, 0, size)?;
        if !id.is_within(size) {
            return Err(ReadError::OutOfRange {
                end: id.needs_size(),
                size,
            });
        }
        let width = usize::from(id.width());
        let nodes = self.shared.tree.nodes(&head.frontier);
        let tile = nodes.tile(usize::from(id.level()), id.index(), width as u64)?;
        Ok(encode_hashes(&tile.hashes()[..width]))
    }

    /// The bytes of an entry bundle (C2SP tlog-tiles, "Log Entries") of the tree of the first `size` entries.
    ///
    /// # Errors
    /// See [`ReadError`]; [`ReadError::OutOfRange`] when that tree does not have the bundle at this width.
    pub fn entry_bundle(&self, id: &BundleId, size: u64) -> Result<Vec<u8>, ReadError> {
        let head = self.shared.head();
        self.check_range(&head, 0, size)?;
        let end = id.first_entry() + u64::from(id.width());
        if !id.is_within(size) {
            return Err(ReadError::OutOfRange { end, size });
        }
        let mut bytes = Vec::new();
        for entry in self
            .shared
            .entries(&head, id.first_entry()..end, bundle::MAX_BUNDLE_LEN)?
        {
            bundle::push_entry(&mut bytes, &entry)
                .map_err(|e| ReadError::Request(e.to_string()))?;
        }
        Ok(bytes)
    }

    /// The entries with this leaf hash, lowest index first, at most `limit`.
    ///
    /// # Errors
    /// See [`ReadError`]. A damaged look-up is an error, never an empty answer.
    pub fn find_leaf(&self, leaf: &Hash, limit: usize) -> Result<Vec<u64>, ReadError> {
        let head = self.shared.head();
        let nodes = self.shared.tree.nodes(&head.frontier);
        let key = leaf_key(leaf);
        let mut found = Vec::new();
        let mut from = 0;
        while found.len() < limit {
            let candidates = self
                .shared
                .candidates(&head, Index::Leaf, key, from, limit)?;
            for index in &candidates {
                let stored = nodes.leaf(*index)?;
                if stored == *leaf {
                    found.push(*index);
                } else if leaf_key(&stored) != key {
                    return Err(self.shared.wrong_lookup(Index::Leaf).into());
                }
            }
            match candidates.last() {
                Some(last) if candidates.len() == limit => from = last + 1,
                _ => break,
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Entries that may have this id ([`crate::EntryKeys::push_id`]), lowest index first, at most `limit`.
    /// None that has it is left out. The caller reads each entry and decides: two texts can share a
    /// fingerprint.
    ///
    /// # Errors
    /// See [`ReadError`]. A damaged look-up is an error, never an empty answer.
    pub fn find_id(&self, id: &str, limit: usize) -> Result<Vec<u64>, ReadError> {
        let head = self.shared.head();
        let key = id_fingerprint(id);
        Ok(self.shared.candidates(&head, Index::Id, key, 0, limit)?)
    }

    /// The entries with a time in `range` (microseconds since the epoch), in order of time and then index, at
    /// most `limit`. Each is confirmed against the entry itself.
    ///
    /// # Errors
    /// See [`ReadError`]. A damaged look-up is an error, never an empty answer.
    pub fn by_time(&self, range: Range<i64>, limit: usize) -> Result<Vec<u64>, ReadError> {
        let found = self.by_time_after((range.start, 0), range.end, limit)?;
        Ok(found.into_iter().map(|(_, index)| index).collect())
    }

    /// As [`Reader::by_time`], from a time and index on (inclusive) up to a time (exclusive), with the times: a
    /// caller goes on where it stopped.
    ///
    /// # Errors
    /// As [`Reader::by_time`].
    pub fn by_time_after(
        &self,
        from: (i64, u64),
        until: i64,
        limit: usize,
    ) -> Result<Vec<(i64, u64)>, ReadError> {
        let head = self.shared.head();
        let Some(last) = until.checked_sub(1).filter(|last| *last >= from.0) else {
            return Ok(Vec::new());
        };
        let points = self.shared.lookup(Index::Time).find(&Query {
            from: Point {
                key: time_key(from.0),
                index: from.1,
            },
            last_key: time_key(last),
            below: head.position.size,
            limit,
        })?;
        let mut found = Vec::with_capacity(points.len());
        for point in points {
            let time = key_time(point.key);
            let entry = self.shared.entry(&head, point.index)?;
            let keys = self.shared.indexer.keys(&entry);
            if keys.ok().and_then(|k| k.time()) != Some(time) {
                return Err(self.shared.wrong_lookup(Index::Time).into());
            }
            found.push((time, point.index));
        }
        Ok(found)
    }

    /// Writes out and merges look-ups and takes a snapshot, if that is due. Meant for a background thread;
    /// commits and readers go on meanwhile.
    ///
    /// # Errors
    /// See [`MaintainError`]; the record is not concerned.
    pub fn maintain(&self, urgency: Urgency) -> Result<Maintained, MaintainError> {
        self.shared.maintain(urgency)
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn check_range(&self, head: &Head, start: u64, end: u64) -> Result<(), ReadError> {
        let size = head.position.size;
        if end > size {
            return Err(ReadError::OutOfRange { end, size });
        }
        if start > end {
            return Err(ReadError::Request(format!("{start} lies after {end}")));
        }
        Ok(())
    }
}

impl Shared {
    pub(crate) fn root_at(&self, head: &Head, size: u64) -> Result<Hash, ReadError> {
        if size == head.position.size {
            return Ok(head.position.root);
        }
        Ok(root_at(size, &self.tree.nodes(&head.frontier))?)
    }

    /// Indices, ascending from `from`, of entries that may have `key`.
    fn candidates(
        &self,
        head: &Head,
        which: Index,
        key: u64,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, Fault> {
        let points = self.lookup(which).find(&Query {
            from: Point { key, index: from },
            last_key: key,
            below: head.position.size,
            limit,
        })?;
        Ok(points.into_iter().map(|point| point.index).collect())
    }

    /// A look-up block with a good checksum that names an entry without the key.
    fn wrong_lookup(&self, index: Index) -> Corrupt {
        let dir = self.dir.join(crate::shared::LOOKUP_DIR).join(index.name());
        Corrupt::new(&dir, 0, Damage::Lookup)
    }

    /// Reads and checks one entry below the head's size.
    pub(crate) fn entry(&self, head: &Head, index: u64) -> Result<Vec<u8>, Fault> {
        let mut entries = self.entries(head, index..index + 1, 0)?;
        Ok(entries.pop().ok_or_else(|| self.bad_offset(index))?)
    }

    /// Reads and checks consecutive entries below the head's size; see [`Reader::entries`].
    fn entries(
        &self,
        head: &Head,
        range: Range<u64>,
        max_bytes: usize,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let spans = self.spans(
            &head.position,
            range.start..range.end.min(range.start + MAX_ENTRIES),
        )?;
        let start = spans[0].start;
        let mut count = 1;
        while spans
            .get(count)
            .is_some_and(|span| span.end - start <= max_bytes as u64)
        {
            count += 1;
        }
        let mut bytes = vec![0; (spans[count - 1].end - start) as usize];
        self.record.read(&mut bytes, start)?;
        let nodes = self.tree.nodes(&head.frontier);
        let kind = self.spec.kind;
        (range.start..)
            .zip(&spans[..count])
            .map(|(index, span)| {
                let framed = &bytes[(span.start - start) as usize..(span.end - start) as usize];
                let entry = split_entry(kind, framed).filter(|(_, used)| *used == framed.len());
                match entry {
                    Some((entry, _)) if leaf_hash(entry) == nodes.leaf(index)? => {
                        Ok(entry.to_vec())
                    }
                    // Whole frames where the offsets say: then it is the record that changed.
                    Some(_) if self.ends_before(span.start)? => {
                        Err(Corrupt::new(&self.record.path, span.start, Damage::Entry).into())
                    }
                    _ => Err(self.entry_or_offset(index, span, framed)),
                }
            })
            .collect()
    }

    /// Where entries lie in the record, by the offsets file: rising, within the record, each long enough to be
    /// framed. Whether they are right is seen in the entries.
    fn spans(&self, position: &Position, range: Range<u64>) -> Result<Vec<Range<u64>>, Fault> {
        let count = (range.end - range.start) as usize;
        let with_end = range.end < position.size;
        let mut bytes = vec![0; (count + usize::from(with_end)) * 8];
        self.offsets.read(&mut bytes, range.start * 8)?;
        let (words, _) = bytes.as_chunks::<8>();
        let mut starts: Vec<u64> = words.iter().map(|w| u64::from_be_bytes(*w)).collect();
        if !with_end {
            starts.push(position.bytes);
        }
        let longest = (crate::entries::MAX_ENTRY_LEN + self.spec.kind.framing_len()) as u64;
        starts
            .windows(2)
            .zip(range)
            .map(|(pair, index)| {
                let fits =
                    pair[0] < pair[1] && pair[1] - pair[0] <= longest && pair[1] <= position.bytes;
                if fits {
                    Ok(pair[0]..pair[1])
                } else {
                    Err(self.bad_offset(index).into())
                }
            })
            .collect()
    }

    fn bad_offset(&self, index: u64) -> Corrupt {
        Corrupt::new(&self.offsets.path, index * 8, Damage::Offset)
    }

    /// Whether an entry ends right before `start`, as far as its form shows.
    fn ends_before(&self, start: u64) -> Result<bool, Fault> {
        if start == 0 || self.spec.kind == Kind::Raw {
            return Ok(true);
        }
        let mut byte = [0];
        self.record.read(&mut byte, start - 1)?;
        Ok(byte[0] == b'\n')
    }

    /// The bytes at an entry's place are not one frame. A receipt's line feed at the end says that the offsets
    /// are right and the line changed.
    fn entry_or_offset(&self, index: u64, span: &Range<u64>, framed: &[u8]) -> Fault {
        if self.spec.kind == Kind::Receipts && framed.last() == Some(&b'\n') {
            Corrupt::new(&self.record.path, span.start, Damage::Format).into()
        } else {
            self.bad_offset(index).into()
        }
    }
}
