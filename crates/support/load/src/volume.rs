//! What a filled data directory costs: start-up, memory, disk.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::{Doing, Result};
use crate::node::{self, Node};
use crate::payload::STORED;
use crate::table::{Figure, Latencies, millis, thousands};

/// The scroll that is filled.
pub(crate) const SCROLL: &str = "LoadVolume";

/// What was found.
pub(crate) struct Filled {
    pub(crate) start: Vec<Figure>,
    pub(crate) memory: Vec<Figure>,
    pub(crate) disk: Vec<Figure>,
}

/// Measures `node`, whose data directory holds `receipts` receipts: its memory after the load, its disk use
/// once stopped, then a start after a stop and one after a kill.
pub(crate) fn measure(program: &Path, node: Node, receipts: u64) -> Result<Filled> {
    let count = thousands(receipts);
    let data = node.data().to_owned();
    let (loaded, peak) = node.memory_kib()?;
    node.stop()?;
    let used = node::disk_use(&data)?;

    let node = Node::start(program, &data, &[])?;
    let stopped = node.started_in;
    let (rested, _) = node.memory_kib()?;
    node.kill()?;
    let node = Node::start(program, &data, &[])?;
    let killed = node.started_in;
    node.stop()?;

    let megabytes = |kib: u64| format!("{} MB", kib * 1024 / 1_000_000);
    let memory_met = |kib: u64| Some(kib * 1024 <= 200_000_000);
    let start = |name: &str, time: Duration| Figure {
        name: format!("start with {count} receipts, after {name}"),
        measured: millis(time),
        target: "≤ 2 s",
        met: Some(time <= Duration::from_secs(2)),
        command: format!("start --receipts {receipts}"),
    };
    let memory = |name: &str, measured: String, kib: u64| Figure {
        name: format!("resident memory at {count} receipts, {name}"),
        measured,
        target: "≤ 200 MB",
        met: memory_met(kib),
        command: format!("rss --receipts {receipts}"),
    };
    let payload = receipts * STORED as u64;
    let hundredths = used * 100 / payload.max(1);
    Ok(Filled {
        start: vec![start("a stop", stopped), start("SIGKILL", killed)],
        memory: vec![
            memory("after a start", megabytes(rested), rested),
            memory(
                "after the load",
                format!("{}, highest {}", megabytes(loaded), megabytes(peak)),
                loaded,
            ),
        ],
        disk: vec![Figure {
            name: format!("disk at {count} receipts, indexes included"),
            measured: format!("{}.{:02} × payload", hundredths / 100, hundredths % 100),
            target: "≤ 1.5 × payload",
            met: Some(hundredths <= 150),
            command: format!("disk --receipts {receipts}"),
        }],
    })
}

/// The median time of an append of 4 KiB and an fdatasync on the disk that holds `dir`: what one durable
/// step costs before any of our code.
pub(crate) fn sync_time(dir: &Path) -> Result<Duration> {
    let path = dir.with_extension("sync");
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .doing(format!("create {}", path.display()))?;
    let mut all = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[0; 4096]).doing("write")?;
        file.sync_data().doing("sync")?;
        all.push(began.elapsed());
    }
    fs::remove_file(&path).doing("remove the file of the sync test")?;
    Ok(Latencies::new(all).percentile(50.0))
}
