//! Data directories to start from, and runs of the binary under strace.

use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::trace::{Fault, Point, points};

/// How long a busy machine may take for what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// The groups in which lines arrive: each is a commit of its own where they come one after the other.
const GROUPS: [usize; 3] = [2, 1, 3];

/// The content that is sealed.
pub(crate) const CONTENT: &[u8] = b"name and address\n";

/// Two data directories with a history.
pub(crate) struct Scene {
    root: TempDir,
}

/// Which thread's calls fail.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Thread {
    Main,
    /// The thread of this name, from the moment at which the directory is open.
    Named(&'static str),
}

/// An append to a copy of one directory.
pub(crate) struct Run {
    base: PathBuf,
    thread: Thread,
    pub(crate) scroll: &'static str,
    /// Entries before the append.
    pub(crate) before: u64,
    pub(crate) seal: bool,
    input: PathBuf,
}

/// How an append ended.
pub(crate) struct Outcome {
    /// `None`: it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  exit {:?}\n  stdout {}  stderr {}",
            self.code, self.stdout, self.stderr
        )
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.seal { "sealing" } else { "lines" };
        write!(f, "{what}, {:?}", self.thread)
    }
}

/// The binary on a data directory.
pub(crate) fn quorate(data: &Path) -> Command {
    binary(data, Command::new(env!("CARGO_BIN_EXE_quorate")))
}

fn binary(data: &Path, mut command: Command) -> Command {
    command
        .env_clear()
        .env("HOME", data)
        .arg("--data-dir")
        .arg(data)
        .arg("--json");
    command
}

impl Scene {
    /// `crashed` ends in the middle of a batch and without snapshots, `clean` was closed in order.
    pub(crate) fn new() -> Self {
        let scene = Self {
            root: tempfile::tempdir().unwrap(),
        };
        let lines: String = (0..GROUPS.iter().sum()).map(line).collect();
        fs::write(scene.path("lines"), lines).unwrap();
        fs::write(scene.path("content"), CONTENT).unwrap();
        fs::write(scene.path("history"), "{\"type\":\"history\"}\n".repeat(3)).unwrap();
        let (crashed, clean) = (scene.path("crashed"), scene.path("clean"));
        scene.node(&crashed, "A", "-KILL");
        let record = crashed.join("receipts/a/a_events.jsonl");
        let mut record = fs::OpenOptions::new().append(true).open(record).unwrap();
        record.write_all(b"{\"never\":\"sealed").unwrap();
        scene.node(&clean, "Files", "-TERM");
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Lets a node make a directory with one scroll of three entries.
    fn node(&self, data: &Path, scroll: &str, signal: &str) {
        let done = |command: &mut Command| {
            let done = command.output().unwrap();
            assert!(
                done.status.success(),
                "{}",
                String::from_utf8_lossy(&done.stderr)
            );
        };
        let mut node = quorate(data)
            .args(["up", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let socket = data.join("quorate.sock");
        until(|| std::os::unix::net::UnixStream::connect(&socket).is_ok());
        done(quorate(data).args(["log", "create", scroll]));
        done(
            quorate(data)
                .args(["append", "--scroll", scroll])
                .arg(self.path("history")),
        );
        done(Command::new("kill").arg(signal).arg(node.id().to_string()));
        node.wait().unwrap();
    }

    pub(crate) fn lines_after_a_crash(&self, thread: Thread) -> Run {
        Run {
            base: self.path("crashed"),
            thread,
            scroll: "A",
            before: 3,
            seal: false,
            input: self.path("lines"),
        }
    }

    pub(crate) fn sealing_after_a_clean_stop(&self, thread: Thread) -> Run {
        Run {
            base: self.path("clean"),
            thread,
            scroll: "Files",
            before: 3,
            seal: true,
            input: self.path("content"),
        }
    }
}

/// The text of input line `n`.
fn line(n: usize) -> String {
    format!("{{\"type\":\"x\",\"n\":{n}}}\n")
}

impl Run {
    /// Lines of the input, or 1 for content.
    pub(crate) fn entries(&self) -> u64 {
        if self.seal {
            1
        } else {
            GROUPS.iter().sum::<usize>() as u64
        }
    }

    pub(crate) fn record(&self, data: &Path) -> PathBuf {
        let name = self.scroll.to_ascii_lowercase();
        data.join("receipts")
            .join(&name)
            .join(format!("{name}_events.jsonl"))
    }

    /// The calls of a run in which nothing fails.
    pub(crate) fn points(&self) -> Vec<Point> {
        let (dir, outcome, trace) = self.run(&[]);
        assert_eq!(outcome.code, Some(0), "{self}: {outcome}");
        points(&trace, &dir.path().join("data"))
    }

    /// A run in which one call fails. An error: the call was not met.
    pub(crate) fn fail(&self, point: &Point, fault: Fault) -> Result<(TempDir, Outcome), String> {
        let (dir, outcome, trace) = self.run(&point.inject(fault));
        if !point.was_met(fault, &trace, &dir.path().join("data")) {
            return Err(format!("the fault met another call:\n{trace}"));
        }
        Ok((dir, outcome))
    }

    /// Runs it on a fresh copy under strace with these arguments. The copy lies in `data`.
    fn run(&self, strace: &[String]) -> (TempDir, Outcome, String) {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        copy(&self.base, &data);
        let trace = dir.path().join("trace");
        let mut tracer = Command::new("strace");
        // Whole lines are needed, their texts are not.
        tracer
            .args(["-y", "-s", "8", "-o"])
            .arg(&trace)
            .args(strace);
        let outcome = match self.thread {
            Thread::Main => self.run_under(&data, tracer),
            Thread::Named(name) => self.run_beside(&data, tracer, name),
        };
        (dir, outcome, fs::read_to_string(&trace).unwrap_or_default())
    }

    fn words(&self, command: &mut Command) {
        command.args(["append", "--offline", "--scroll", self.scroll]);
        if self.seal {
            command.arg("--seal");
        }
    }

    /// strace starts it and, without `-f`, sees the main thread only.
    fn run_under(&self, data: &Path, mut tracer: Command) -> Outcome {
        tracer.arg(env!("CARGO_BIN_EXE_quorate"));
        let mut command = binary(data, tracer);
        // strace itself must be found, and keeps nothing else of our environment.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        self.words(&mut command);
        let done = command
            .arg(&self.input)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Outcome {
            code: done.status.code(),
            stdout: String::from_utf8(done.stdout).unwrap(),
            stderr: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// strace joins one thread of a process that has opened the directory and waits for its input.
    fn run_beside(&self, data: &Path, mut tracer: Command, name: &str) -> Outcome {
        let mut command = quorate(data);
        self.words(&mut command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The last thread that opening starts; a thread gives itself its name when it first runs.
        until(|| thread(child.id(), "upkeep").is_some() && thread(child.id(), name).is_some());
        let id = thread(child.id(), name).unwrap();
        let mut tracer = tracer
            .args(["-p", &id])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(tracer.stderr.take().unwrap());
        let mut attached = String::new();
        said.read_line(&mut attached).unwrap();
        assert!(attached.contains("attached"), "{attached}");
        self.feed(&mut child, data);
        let done = child.wait_with_output().unwrap();
        said.read_to_string(&mut attached).unwrap();
        tracer.wait().unwrap();
        Outcome {
            code: done.status.code(),
            stdout: String::from_utf8(done.stdout).unwrap(),
            stderr: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// Gives the input in its groups, the next when the one before is in the record or nobody takes it.
    fn feed(&self, child: &mut Child, data: &Path) {
        let mut stdin = child.stdin.take().unwrap();
        if self.seal {
            let _gone = stdin.write_all(CONTENT);
            return;
        }
        let mut sent = 0;
        for group in GROUPS {
            let text: String = (sent..sent + group).map(line).collect();
            let _gone = stdin.write_all(text.as_bytes());
            sent += group;
            let written = self.before as usize + sent;
            until(|| {
                child.try_wait().unwrap().is_some() || lines(&self.record(data)).len() >= written
            });
        }
    }
}

/// The whole lines of a file.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read(path).unwrap();
    let whole = text
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |end| end + 1);
    text[..whole]
        .split_inclusive(|b| *b == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap_or(Value::Null))
        .collect()
}

/// The id of a process's thread of this name.
fn thread(process: u32, name: &str) -> Option<String> {
    for task in fs::read_dir(format!("/proc/{process}/task")).ok()? {
        let task = task.ok()?;
        let named = fs::read_to_string(task.path().join("comm")).ok()?;
        if named.trim_end() == name {
            return task.file_name().into_string().ok();
        }
    }
    None
}

fn until(mut holds: impl FnMut() -> bool) {
    let asked = Instant::now();
    while !holds() {
        assert!(asked.elapsed() < PATIENCE, "it did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Copies a directory with its permissions, sockets left out.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to);
        } else if !kind.is_socket() {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
