//! Standard input that stays open: lines are durable while it flows, an interrupt loses no whole line, and a
//! reader that goes away is no error.
#![expect(clippy::unwrap_used, reason = "test helper")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a busy machine may take for what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

struct Node {
    dir: tempfile::TempDir,
    child: Child,
}

impl Node {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut up = quorate(dir.path());
        up.args(["up", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let node = Self {
            child: up.spawn().unwrap(),
            dir,
        };
        let socket = node.dir.path().join(".local/share/quorate/quorate.sock");
        until(|| UnixStream::connect(&socket).is_ok());
        assert_eq!(node.run(&["log", "create", "A"]).0, Some(0));
        node
    }

    fn quorate(&self) -> Command {
        quorate(self.dir.path())
    }

    fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        let done = self
            .quorate()
            .args(words)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    }

    fn size(&self) -> u64 {
        let (_, text) = self.run(&["log", "show", "A", "--json"]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["size"].as_u64().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn quorate(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    // The path of `home` must not decide where an error's lines break.
    command.env_clear().env("HOME", home).env("COLUMNS", "9999");
    command
}

fn until(mut holds: impl FnMut() -> bool) {
    let asked = Instant::now();
    while !holds() {
        assert!(asked.elapsed() < PATIENCE, "it did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(
        Command::new("kill")
            .arg(name)
            .arg(child.id().to_string())
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn lines_of_a_live_input_are_durable_while_it_flows_and_an_interrupt_loses_none() {
    let node = Node::start();
    let mut append = node.quorate();
    append
        .args(["append", "--scroll", "A"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut append = append.spawn().unwrap();
    let mut input = append.stdin.take().unwrap();
    input.write_all(b"{\"type\":\"one\"}\n").unwrap();
    until(|| node.size() == 1);
    input
        .write_all(b"{\"type\":\"two\"}\n{\"type\":\"half")
        .unwrap();
    until(|| node.size() == 2);
    signal(&append, "-INT");
    // The input stays open: the interrupt must not wait for its end.
    let mut stdout = String::new();
    BufReader::new(append.stdout.take().unwrap())
        .read_line(&mut stdout)
        .unwrap();
    assert_eq!(stdout, "2 receipts durable, indices 0..1\n");
    assert_eq!(append.wait().unwrap().code(), Some(1));
    assert_eq!(node.size(), 2);
    drop(input);
}

#[test]
fn tail_follows_and_a_reader_that_goes_away_is_no_error() {
    let node = Node::start();
    let mut tail = node.quorate();
    tail.args(["log", "tail", "A", "-f"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut tail = tail.spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap());
    let append = || {
        let mut append = node.quorate();
        append
            .args(["append", "--scroll", "A"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut append = append.spawn().unwrap();
        append
            .stdin
            .take()
            .unwrap()
            .write_all(b"{\"type\":\"seen\"}\n")
            .unwrap();
        assert!(append.wait().unwrap().success());
    };
    append();
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.contains("seen"), "{line}");
    drop(lines);
    append();
    assert_eq!(tail.wait().unwrap().code(), Some(0));
}

#[test]
fn a_follower_is_told_that_the_node_stopped_and_nothing_about_writing() {
    let mut node = Node::start();
    let file = node.dir.path().join("one.jsonl");
    std::fs::write(&file, "{\"type\":\"seen\"}\n").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(node.run(&["append", "--scroll", "A", file]).0, Some(0));
    let mut tail = node.quorate();
    tail.args(["log", "tail", "A", "-f"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut tail = tail.spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    // A second line was appended behind the first look: it follows now.
    assert_eq!(node.run(&["append", "--scroll", "A", file]).0, Some(0));
    lines.read_line(&mut String::new()).unwrap();
    signal(&node.child, "-TERM");
    assert_eq!(node.child.wait().unwrap().code(), Some(0));
    let done = tail.wait_with_output().unwrap();
    let stderr = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(3), "{stderr}");
    assert!(stderr.starts_with("error: the node stopped\n"), "{stderr}");
    assert!(!stderr.contains("repeat"), "{stderr}");
}

#[test]
fn a_bad_line_in_a_large_input_is_named_with_what_is_durable() {
    let node = Node::start();
    let input = node.dir.path().join("input");
    let line = |i: u32| format!("{{\"n\":{i},\"type\":\"x\"}}\n");
    let lines: String = (0..60_000).map(line).collect();
    std::fs::write(&input, format!("{lines}not json\n{lines}")).unwrap();
    let mut append = node.quorate();
    let done = append
        .args(["append", "--scroll", "A", "--json"])
        .arg(&input)
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let durable = report["durable"].as_u64().unwrap();
    let error: serde_json::Value = serde_json::from_slice(&done.stderr).unwrap();
    let said = error["error"].to_string();
    assert!(
        said.contains("line 60001 of ") && said.contains(&format!("from line {} on", durable + 1)),
        "{said}"
    );
    // Whole chunks before the bad line stand, in order, and nothing behind them.
    assert!(durable <= 60_000);
    assert_eq!(node.size(), durable);
    let (_, record) = node.run(&["log", "export", "A"]);
    for (i, line) in record.lines().enumerate() {
        let receipt: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(receipt["n"], i);
    }
}

#[test]
fn a_second_node_on_the_same_directory_is_refused() {
    let node = Node::start();
    let done = node
        .quorate()
        .args(["up", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("in use"), "{stderr}");
}

#[test]
fn up_stops_in_order_on_either_signal() {
    for name in ["-INT", "-TERM"] {
        let mut node = Node::start();
        signal(&node.child, name);
        assert_eq!(node.child.wait().unwrap().code(), Some(0), "{name}");
        assert!(
            !node
                .dir
                .path()
                .join(".local/share/quorate/quorate.sock")
                .exists()
        );
        assert_eq!(
            node.run(&["log", "show", "A"]).0,
            Some(0),
            "the directory opens again"
        );
    }
}

#[test]
fn every_receipt_of_one_time_is_listed_however_many_there_are() {
    let node = Node::start();
    let line = "{\"type\":\"x\",\"timestamp\":\"2026-01-01T00:00:00Z\"}\n";
    let file = node.dir.path().join("receipts.jsonl");
    // More than two pages.
    std::fs::write(&file, line.repeat(2500)).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(node.run(&["append", "--scroll", "A", file]).0, Some(0));
    let since = [
        "log",
        "tail",
        "A",
        "--json",
        "--since",
        "2026-01-01T00:00:00Z",
    ];
    let (code, text) = node.run(&since);
    assert_eq!(code, Some(0));
    let indices: Vec<u64> = text
        .lines()
        .map(|l| {
            serde_json::from_str::<serde_json::Value>(l).unwrap()["index"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(indices, (0..2500).collect::<Vec<_>>());
}
