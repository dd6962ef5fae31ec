//! What the store itself costs: commits of different sizes, reads, look-ups, proofs.
//!
//! `cargo bench -p quorate-store`. Commits go to a real disk, in `QUORATE_BENCH_DIR` or the system's directory
//! for temporary files, with every sync; entries have 300 bytes.
#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::path::PathBuf;
use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use quorate_merkle::leaf_hash;
use quorate_store::{
    Batch, Disk, EntryKeys, IndexError, Indexer, Kind, OpenOptions, OsDisk, PreparedEntry, Scroll,
    ScrollSpec, Urgency, Visibility, id_fingerprint,
};

/// Entries of the scroll that is read from.
const SIZE: u64 = 1 << 18;

fn main() {
    divan::main();
}

#[derive(Debug)]
struct First16;

fn keys(entry: &[u8]) -> EntryKeys {
    let mut keys = EntryKeys::at(i64::from(entry[0]));
    keys.push_id(id_fingerprint(str::from_utf8(&entry[..16]).unwrap_or("")));
    keys
}

impl Indexer for First16 {
    fn keys(&self, entry: &[u8]) -> Result<EntryKeys, IndexError> {
        Ok(keys(entry))
    }
}

fn entry(i: u64) -> Vec<u8> {
    let mut bytes = format!("{i:016}").into_bytes();
    bytes.resize(300, b'.');
    bytes
}

fn prepared(i: u64) -> PreparedEntry {
    let bytes = entry(i);
    let keys = keys(&bytes);
    PreparedEntry::new(bytes, keys).unwrap()
}

struct Bench {
    scroll: Scroll,
    _dir: tempfile::TempDir,
}

fn bench() -> Bench {
    let base = std::env::var_os("QUORATE_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(base).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let path = dir.path().join("receipts/bench");
    let spec = ScrollSpec {
        name: "Bench".into(),
        kind: Kind::Receipts,
        visibility: Visibility::Restricted,
        origin: "example.org/bench".into(),
        created_at: "2026-11-20T13:37:42Z".into(),
    };
    Scroll::create(&disk, &path, &spec).unwrap();
    let (scroll, _) =
        Scroll::open(&disk, &path, Arc::new(First16), &OpenOptions::default()).unwrap();
    Bench { scroll, _dir: dir }
}

fn filled() -> Bench {
    let mut bench = bench();
    for chunk in 0..SIZE / 8192 {
        let entries = (chunk * 8192..(chunk + 1) * 8192).map(prepared).collect();
        let batch = Batch {
            entries,
            ..Batch::default()
        };
        bench.scroll.writer().commit(batch).unwrap();
    }
    bench.scroll.reader().maintain(Urgency::IfAnything).unwrap();
    bench
}

/// Preparing (framing, leaf hash) is not in it: it is done on the callers' threads.
#[divan::bench(args = [1, 16, 256, 4096, 16384], min_time = 1, max_time = 2)]
fn commit(bencher: Bencher<'_, '_>, batch: u64) {
    let mut bench = bench();
    bencher
        .counter(ItemsCount::new(batch))
        .with_inputs(|| Batch {
            entries: (0..batch).map(prepared).collect(),
            ..Batch::default()
        })
        .bench_local_values(|batch| {
            let done = bench.scroll.writer().commit(batch).unwrap();
            // As a node's background thread would.
            bench.scroll.reader().maintain(Urgency::WhenDue).unwrap();
            done
        });
}

#[divan::bench(max_time = 1)]
fn prepare(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(|| entry(1))
        .counter(ItemsCount::new(1_u32))
        .bench_values(|bytes| PreparedEntry::new(bytes, EntryKeys::default()));
}

/// Multiplying by an odd number walks through all entries without order.
fn scattered(i: &mut u64) -> u64 {
    *i = i.wrapping_add(0x9e37_79b9_7f4a_7c15);
    *i % SIZE
}

#[divan::bench(max_time = 1)]
fn read_entry(bencher: Bencher<'_, '_>) {
    let bench = filled();
    let (reader, mut i) = (bench.scroll.reader(), 0);
    bencher.bench_local(|| reader.entry(black_box(scattered(&mut i))).unwrap());
}

#[divan::bench(max_time = 1)]
fn read_entries_in_order(bencher: Bencher<'_, '_>) {
    let bench = filled();
    let (reader, mut at) = (bench.scroll.reader(), 0);
    bencher.counter(ItemsCount::new(4096_u32)).bench_local(|| {
        let entries = reader.entries(at..at + 4096, usize::MAX).unwrap();
        at = (at + 4096) % SIZE;
        entries
    });
}

#[divan::bench(max_time = 1)]
fn prove_inclusion(bencher: Bencher<'_, '_>) {
    let bench = filled();
    let (reader, mut i) = (bench.scroll.reader(), 0);
    bencher.bench_local(|| reader.prove_inclusion(scattered(&mut i), SIZE).unwrap());
}

#[divan::bench(max_time = 1)]
fn find_leaf(bencher: Bencher<'_, '_>) {
    let bench = filled();
    let (reader, mut i) = (bench.scroll.reader(), 0);
    bencher
        .with_inputs(|| leaf_hash(&entry(scattered(&mut i))))
        .bench_local_values(|leaf| reader.find_leaf(&leaf, 1).unwrap());
}

#[divan::bench(max_time = 1)]
fn find_id(bencher: Bencher<'_, '_>) {
    let bench = filled();
    let (reader, mut i) = (bench.scroll.reader(), 0);
    bencher
        .with_inputs(|| format!("{:016}", scattered(&mut i)))
        .bench_local_values(|id| reader.find_id(&id, 1).unwrap());
}
