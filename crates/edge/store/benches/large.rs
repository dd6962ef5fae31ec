//! A large scroll: how long it takes to write and to start, how much disk and memory it takes.
//!
//! `QUORATE_BENCH_ENTRIES=5000000 cargo bench -p quorate-store --bench large`; entries have 300 bytes, and three
//! look-up keys besides the leaf hash. Prints one table.
#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use quorate_store::{
    Batch, Disk, EntryKeys, IndexError, Indexer, Kind, OpenOptions, OsDisk, PreparedEntry, Scroll,
    ScrollSpec, SnapshotUse, Urgency, Visibility, fsck, id_fingerprint,
};

const LEN: u64 = 300;
const BATCH: u64 = 8192;

#[derive(Debug)]
struct Words;

fn keys(entry: &[u8]) -> EntryKeys {
    let text = str::from_utf8(&entry[..16]).unwrap_or("");
    let mut keys = EntryKeys::at(text.parse().unwrap_or(0));
    keys.push_id(id_fingerprint(text));
    keys.push_id(id_fingerprint(&text[8..]));
    keys
}

impl Indexer for Words {
    fn keys(&self, entry: &[u8]) -> Result<EntryKeys, IndexError> {
        Ok(keys(entry))
    }
}

fn prepared(i: u64) -> PreparedEntry {
    let mut bytes = format!("{i:016}").into_bytes();
    bytes.resize(LEN as usize, b'.');
    let keys = keys(&bytes);
    PreparedEntry::new(bytes, keys).unwrap()
}

fn disk_use(path: &Path) -> u64 {
    std::fs::read_dir(path)
        .unwrap()
        .map(|item| {
            let item = item.unwrap();
            let meta = item.metadata().unwrap();
            if meta.is_dir() {
                disk_use(&item.path())
            } else {
                meta.len()
            }
        })
        .sum()
}

/// Peak and present resident memory, in MiB.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix(name))
            .unwrap_or("0");
        line.trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .unwrap_or(0)
            / 1024
    };
    (field("VmHWM:"), field("VmRSS:"))
}

fn main() {
    let count: u64 = std::env::var("QUORATE_BENCH_ENTRIES").map_or(500_000, |n| n.parse().unwrap());
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
    let open = || Scroll::open(&disk, &path, Arc::new(Words), &OpenOptions::default()).unwrap();

    let (mut writer, reader) = open().0.split();
    let started = Instant::now();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                reader.maintain(Urgency::WhenDue).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        for first in (0..count).step_by(BATCH as usize) {
            let entries = (first..count.min(first + BATCH)).map(prepared).collect();
            writer
                .commit(Batch {
                    entries,
                    ..Batch::default()
                })
                .unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let written = started.elapsed();
    let started = Instant::now();
    writer.close().unwrap();
    let closed = started.elapsed();
    drop(reader);
    let used = disk_use(&path);

    let started = Instant::now();
    let (scroll, report) = open();
    let opened = started.elapsed();
    assert_eq!(report.snapshot, SnapshotUse::Used(count));
    let reader = scroll.reader();
    let started = Instant::now();
    for i in 0..1000 {
        let index = i * 7919 % count;
        assert_eq!(reader.find_id(&format!("{index:016}"), 9).unwrap(), [index]);
    }
    let looked_up = started.elapsed() / 1000;
    let (peak, resident) = memory();

    println!("entries                     {count} of {LEN} bytes");
    println!(
        "prepare and commit          {:.0} entries/s",
        count as f64 / written.as_secs_f64()
    );
    println!("close (last snapshot)       {:.2} s", closed.as_secs_f64());
    println!("open with the snapshot      {:.3} s", opened.as_secs_f64());
    println!(
        "look-up by id               {:.1} µs",
        looked_up.as_secs_f64() * 1e6
    );
    println!(
        "disk                        {:.3} × payload",
        used as f64 / (count * LEN) as f64
    );
    println!("resident memory             {resident} MiB, peak {peak} MiB");
    drop(scroll);

    if std::env::var_os("QUORATE_BENCH_SLOW").is_some() {
        let started = Instant::now();
        assert!(
            fsck(&disk, &path, &Words, None, &mut |_| ())
                .unwrap()
                .is_clean()
        );
        println!(
            "fsck                        {:.2} s",
            started.elapsed().as_secs_f64()
        );
        std::fs::remove_file(path.join("snapshot")).unwrap();
        let started = Instant::now();
        assert_eq!(open().1.replayed, count);
        println!(
            "open without a snapshot     {:.2} s",
            started.elapsed().as_secs_f64()
        );
    }
}
