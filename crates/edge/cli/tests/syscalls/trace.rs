//! What strace saw a thread do, and what it is told to do to it.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `EIO`.
    Io,
    /// `ENOSPC`.
    Full,
    /// The process is killed before the call does anything.
    Kill,
}

/// A call that touches the data directory: the `nth` of its name on its thread.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    call: String,
    nth: usize,
    /// The call as strace shows it, with `DATA` for the directory.
    shown: String,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} number {}: {}", self.call, self.nth, self.shown)
    }
}

impl Point {
    /// Whether the call may change what is on disk, or decides what is durable.
    pub(crate) fn writes(&self) -> bool {
        const WRITES: [&str; 7] = [
            "write", "sync", "trunc", "alloc", "rename", "mkdir", "unlink",
        ];
        WRITES.iter().any(|w| self.call.contains(w)) || self.shown.contains("O_RDWR")
    }

    /// Whether an acknowledgement rests on this call: it writes the record, its seals or sealed content. strace
    /// lets a sync fail without losing anything, so that only the acknowledgement shows that it was ignored.
    pub(crate) fn promises(&self) -> bool {
        const PROMISES: [&str; 3] = ["_events.jsonl", "commit.journal", "/sealed"];
        self.writes() && PROMISES.iter().any(|p| self.shown.contains(p))
    }

    /// What tells strace to let this call fail, and nothing else.
    pub(crate) fn inject(&self, fault: Fault) -> [String; 4] {
        let how = match fault {
            Fault::Io => "error=EIO",
            Fault::Full => "error=ENOSPC",
            Fault::Kill => "signal=KILL",
        };
        [
            "-e".to_owned(),
            format!("trace={}", self.call),
            "-e".to_owned(),
            format!("inject={}:{how}:when={}", self.call, self.nth),
        ]
    }

    /// Whether a trace shows that the fault met the call it was meant for.
    pub(crate) fn was_met(&self, fault: Fault, trace: &str, data: &Path) -> bool {
        let met = if fault == Fault::Kill {
            trace.contains("+++ killed by SIGKILL +++").then(|| {
                let mut calls = trace.lines().filter(|l| !l.starts_with("+++"));
                calls.next_back().unwrap_or_default()
            })
        } else {
            trace.lines().find(|l| l.contains("(INJECTED)"))
        };
        met.is_some_and(|line| line.contains(&*data.to_string_lossy()))
    }
}

/// The calls that touch `data`, in the order of a trace of one thread (`strace -y`), numbered as strace counts.
///
/// Closing a listed directory is left out: it cannot fail on Linux, and Rust's library asserts that.
pub(crate) fn points(trace: &str, data: &Path) -> Vec<Point> {
    let data = data.to_string_lossy();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut points = Vec::new();
    let mut listed = "";
    for line in trace.lines() {
        let Some((call, _)) = line.split_once('(') else {
            continue;
        };
        if !call.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') || call == "execve" {
            continue;
        }
        let nth = counts.entry(call).or_default();
        *nth += 1;
        let file = line.split_once([',', ')']).map_or("", |(first, _)| first);
        match call {
            "getdents64" => listed = file.trim_start_matches("getdents64"),
            "close" if file.trim_start_matches("close") == listed => {
                listed = "";
                continue;
            }
            _ => {}
        }
        if line.contains(&*data) {
            points.push(Point {
                call: call.to_owned(),
                nth: *nth,
                shown: line.replace(&*data, "DATA"),
            });
        }
    }
    points
}

#[test]
fn calls_on_the_directory_are_numbered_as_strace_counts_them() {
    let trace = "execve(\"/q\", [\"/q\", \"--data-dir\", \"/d\"], 0x1) = 0\n\
                 openat(AT_FDCWD</w>, \"/etc/ld.so.cache\", O_RDONLY) = 3</etc/ld.so.cache>\n\
                 openat(AT_FDCWD</w>, \"/d/LOCK\", O_RDWR|O_CREAT) = 3</d/LOCK>\n\
                 --- SIGCHLD {} ---\n\
                 pread64(4</d/state.redb>, \"\"..., 8, 0) = 8\n\
                 getdents64(5</d/keys>, 0x1 /* 0 entries */, 32768) = 0\n\
                 close(5</d/keys>) = 0\n\
                 close(5</d/keys>) = 0\n\
                 openat(AT_FDCWD</w>, \"/d/FORMAT\", O_RDONLY) = 4</d/FORMAT>\n";
    let points = points(trace, Path::new("/d"));
    let seen: Vec<_> = points
        .iter()
        .map(|p| (p.call.as_str(), p.nth, p.writes()))
        .collect();
    assert_eq!(
        seen,
        [
            ("openat", 2, true),
            ("pread64", 1, false),
            ("getdents64", 1, false),
            ("close", 2, false),
            ("openat", 3, false)
        ]
    );
    let failed = "openat(AT_FDCWD</w>, \"/d/LOCK\", O_RDWR|O_CREAT) = -1 EIO (Input/output error) (INJECTED)\n";
    assert!(points[0].was_met(Fault::Io, failed, Path::new("/d")));
    assert!(!points[0].was_met(Fault::Io, trace, Path::new("/d")));
    assert!(!points[0].was_met(Fault::Kill, failed, Path::new("/d")));
    assert!(!points[0].was_met(Fault::Io, failed, Path::new("/e")));
}
