//! A small scroll with everything happening early, and a check of all that can be read from it.

use std::path::Path;
use std::sync::Arc;

use quorate_merkle::{
    Hash, LeafRuns, bundles_for_size, leaf_hash, tiles_for_size, verify_consistency,
    verify_inclusion, verify_many,
};
use quorate_store::{
    Batch, Commit, CommitError, Disk, EntryKeys, IndexError, Indexer, Kind, OpenError, OpenOptions,
    OpenReport, PreparedEntry, Reader, Scroll, ScrollSpec, Tuning, Visibility, id_fingerprint,
};
use quorate_testkit::disk::FakeDisk;
use quorate_testkit::oracle::Oracle;

pub(crate) const DIR: &str = "data/receipts/tests";

/// Entries are `<time> <id> <anything>`; other entries have no keys.
#[derive(Debug)]
pub(crate) struct Words;

pub(crate) fn keys_of(entry: &[u8]) -> EntryKeys {
    let text = str::from_utf8(entry).unwrap_or("");
    let mut words = text.split(' ');
    let Some(time) = words.next().and_then(|w| w.parse().ok()) else {
        return EntryKeys::default();
    };
    let mut keys = EntryKeys::at(time);
    if let Some(id) = words.next() {
        keys.push_id(id_fingerprint(id));
    }
    keys.push_id(id_fingerprint(text));
    keys
}

impl Indexer for Words {
    fn keys(&self, entry: &[u8]) -> Result<EntryKeys, IndexError> {
        Ok(keys_of(entry))
    }
}

pub(crate) fn spec(kind: Kind) -> ScrollSpec {
    ScrollSpec {
        name: "Tests".into(),
        kind,
        visibility: Visibility::Restricted,
        origin: "example.org/tests".into(),
        created_at: "2026-11-20T13:37:42Z".into(),
    }
}

/// Steps so small that a few dozen entries pass through all of them.
pub(crate) fn eager() -> OpenOptions {
    let mut tuning = Tuning::default();
    tuning.snapshot_every = 40;
    tuning.max_pending = 150;
    tuning.journal_step = 4096;
    tuning.journal_compact = 3000;
    OpenOptions {
        at_least: None,
        tuning,
    }
}

pub(crate) fn disk_of(fake: &FakeDisk) -> Arc<dyn Disk> {
    Arc::new(fake.clone())
}

pub(crate) fn create(fake: &FakeDisk, kind: Kind) {
    Scroll::create(&disk_of(fake), Path::new(DIR), &spec(kind)).unwrap();
}

pub(crate) fn open_with(
    fake: &FakeDisk,
    options: &OpenOptions,
) -> Result<(Scroll, OpenReport), OpenError> {
    Scroll::open(&disk_of(fake), Path::new(DIR), Arc::new(Words), options)
}

pub(crate) fn open(fake: &FakeDisk) -> Scroll {
    open_with(fake, &eager()).unwrap().0
}

/// The entry that tests put at index `i`: times go up and down a little, ids repeat.
pub(crate) fn entry(i: u64) -> Vec<u8> {
    let padding = "x".repeat(usize::try_from(i * 37 % 90).unwrap());
    format!(
        "{} id-{} entry {i} {padding}",
        1_000_000 + i * 10 - i % 7 * 30,
        i % 50
    )
    .into_bytes()
}

pub(crate) fn prepared(bytes: &[u8]) -> PreparedEntry {
    PreparedEntry::new(bytes.to_vec(), keys_of(bytes)).unwrap()
}

pub(crate) fn commit(scroll: &mut Scroll, entries: &[Vec<u8>]) -> Result<Commit, CommitError> {
    scroll.writer().commit(Batch {
        entries: entries.iter().map(|e| prepared(e)).collect(),
        cursors: Vec::new(),
        at: 7,
    })
}

/// Commits the test entries from the scroll's size up to `size`, in batches of 1, 2, 3, … 7, 1, ….
pub(crate) fn grow(scroll: &mut Scroll, size: u64) {
    let mut width = 1;
    while scroll.reader().size() < size {
        let from = scroll.reader().size();
        let entries: Vec<Vec<u8>> = (from..size.min(from + width)).map(entry).collect();
        let commit = commit(scroll, &entries).unwrap();
        assert_eq!(commit.first_index, from);
        width = width % 7 + 1;
    }
}

/// Reads everything a scroll offers and compares it with what is known to be in it.
pub(crate) fn check_all(reader: &Reader, model: &[Vec<u8>]) {
    let oracle = Oracle::new(model);
    let (size, root) = (oracle.size(), oracle.root());
    assert_eq!(reader.head(), (size, root));
    assert_eq!(reader.frontier().root(), root);
    let mut start = 0;
    while start < size {
        let entries = reader.entries(start..size, 700).unwrap();
        assert!(!entries.is_empty());
        for entry in entries {
            assert_eq!(entry, model[usize::try_from(start).unwrap()]);
            start += 1;
        }
    }
    for ((index, bytes), leaf) in (0..).zip(model).zip(oracle.leaves()) {
        assert_eq!(reader.entry(index).as_ref(), Ok(bytes));
        assert_eq!(reader.leaf(index).as_ref(), Ok(leaf));
        assert!(reader.find_leaf(leaf, 1000).unwrap().contains(&index));
        let proof = reader.prove_inclusion(index, size).unwrap();
        assert_eq!(verify_inclusion(index, leaf, size, &root, &proof), Ok(()));
        let old_root = oracle.root_at(index);
        assert_eq!(reader.root_at(index), Ok(old_root));
        let proof = reader.prove_consistency(index, size).unwrap();
        assert_eq!(
            verify_consistency(index, &old_root, size, &root, &proof),
            Ok(())
        );
    }
    check_many(reader, &oracle);
    check_lookups(reader, model);
    for id in tiles_for_size(size) {
        assert_eq!(reader.tile(&id, size), Ok(oracle.tile(&id)), "tile {id}");
    }
    for id in bundles_for_size(size) {
        assert_eq!(
            reader.entry_bundle(&id, size),
            Ok(oracle.bundle(&id)),
            "bundle {id}"
        );
    }
}

/// One proof for every third entry, at the size and at half of it.
fn check_many(reader: &Reader, oracle: &Oracle) {
    for size in [oracle.size(), oracle.size() / 2]
        .into_iter()
        .filter(|s| *s > 0)
    {
        let indices: Vec<u64> = (0..size).step_by(3).collect();
        let runs = LeafRuns::of_indices(indices.iter().copied()).unwrap();
        let proof = reader.prove_runs(&runs, size).unwrap();
        let leaf = |i: &u64| (*i, oracle.leaves()[usize::try_from(*i).unwrap()]);
        let leaves: Vec<(u64, Hash)> = indices.iter().map(leaf).collect();
        assert_eq!(
            verify_many(&leaves, size, &oracle.root_at(size), &proof),
            Ok(())
        );
    }
}

pub(crate) fn check_lookups(reader: &Reader, model: &[Vec<u8>]) {
    let mut by_time: Vec<(i64, u64)> = Vec::new();
    let mut by_id: std::collections::BTreeMap<u64, Vec<u64>> = std::collections::BTreeMap::new();
    for (index, bytes) in (0..).zip(model) {
        let keys = keys_of(bytes);
        by_time.extend(keys.time().map(|t| (t, index)));
        for id in keys.ids() {
            by_id.entry(*id).or_default().push(index);
        }
    }
    by_time.sort_unstable();
    for name in (0..51).map(|i| format!("id-{i}")) {
        let expected = by_id
            .get(&id_fingerprint(&name))
            .cloned()
            .unwrap_or_default();
        assert_eq!(reader.find_id(&name, usize::MAX), Ok(expected), "{name}");
    }
    assert_eq!(
        reader.by_time_after((i64::MIN, 0), i64::MAX, usize::MAX),
        Ok(by_time.clone())
    );
    if let Some((from, _)) = by_time.get(by_time.len() / 3) {
        let until = from + 200;
        let expected: Vec<u64> = by_time
            .iter()
            .filter(|(t, _)| (*from..until).contains(t))
            .map(|(_, i)| *i)
            .take(5)
            .collect();
        assert_eq!(reader.by_time(*from..until, 5), Ok(expected));
    }
    assert_eq!(
        reader.find_leaf(&leaf_hash(b"never appended"), 9),
        Ok(Vec::new())
    );
}

/// The lanes of a journal take turns in extents of this many bytes.
pub(crate) const EXTENT: usize = 64 << 10;

/// The parts of a journal's bytes that its two lanes are made of, in order.
pub(crate) fn lanes(journal: &[u8]) -> [Vec<u8>; 2] {
    [0, 1].map(|lane| {
        let extents = journal.chunks(EXTENT).enumerate();
        let own = extents.filter(|(i, _)| (i ^ (i / 2)) & 1 == lane);
        own.flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    })
}

/// The file of these lanes.
pub(crate) fn journal_of(lanes: &[Vec<u8>; 2]) -> Vec<u8> {
    let mut out = Vec::new();
    for (lane, bytes) in lanes.iter().enumerate() {
        for (turn, part) in bytes.chunks(EXTENT).enumerate() {
            let at = (2 * turn + (lane ^ (turn & 1))) * EXTENT;
            out.resize(out.len().max(at + part.len()), 0);
            out[at..at + part.len()].copy_from_slice(part);
        }
    }
    out
}

/// The test entries 0..size.
pub(crate) fn model(size: u64) -> Vec<Vec<u8>> {
    (0..size).map(entry).collect()
}

/// Root of a log of these entries.
pub(crate) fn root_of(entries: &[Vec<u8>]) -> Hash {
    Oracle::new(entries).root()
}
