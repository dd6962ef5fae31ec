//! The demonstration runs, everything in it holds, and it leaves nothing behind.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its processes must stop"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a busy machine may take for what takes moments.
const PATIENCE: Duration = Duration::from_secs(120);

fn demo(temporary: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate-demo"));
    command
        .env_clear()
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .arg("quorum")
        .args(words);
    command
}

fn text(said: &Output) -> String {
    let (out, err) = (&said.stdout, &said.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn what_k_minus_1_domains_can_and_cannot_do_is_shown_and_holds() {
    let temporary = tempfile::tempdir().unwrap();
    let mine = temporary.path().join("mine.txt");
    std::fs::write(&mine, "a line of my own\n").unwrap();
    let said = demo(temporary.path(), &["--lines", mine.to_str().unwrap()])
        .output()
        .unwrap();
    let text = text(&said);
    assert_eq!(said.status.code(), Some(0), "{text}");
    let mut rest = text.as_str();
    for line in [
        "0  Set up",
        "region     forge       2",
        "entries  6, lines of this run",
        "state    quorate",
        "Proven: these exact bytes are entry 5 of log.example/Journal",
        "Verdict: quorate",
        "held  an auditor   verifies it with three files",
        "1  The log's disk is rewound",
        "Journal is not signed: the witness",
        "this node remembers having signed no more than 6",
        "held  the node     refuses to sign",
        "held  the node     signs again: 9 entries, quorate",
        "2  The log is forked",
        "what follows the snapshot            409       409       409",
        "what follows the head you co-signed  422       422       422",
        "the head you co-signed itself        422       422       422",
        "held  3 witnesses  refuse",
        "held  an auditor   without a co-signature it is refused: 0 of 2",
        "3  One failure domain",
        "held  an auditor   refuses it: 1 of 2",
        "held  the log      goes on while aws-use1 is silent",
        "4  Two failure domains",
        "FELL  the log      is no longer quorate while two are silent",
        "held  the log      is quorate again when they are back",
        "held  an auditor   refuses what the log's key did not sign",
        "FELL  an auditor   accepts the fork",
        "held  two auditors who compare receipts",
        "held  fly-iad      whose key nobody took",
        "5  One failure domain is taken, and an honest witness was away",
        "FELL  an auditor   accepts it: one stolen key",
        "held  two auditors who compare receipts: the log signed two histories, and so",
        "did aws-use1",
        "held  the log      hears from fly-iad",
        "held  aws-use1     who was robbed",
        "6  What it comes to",
        "Everything was as promised.",
    ] {
        assert!(
            rest.contains(line),
            "missing, or not in its place: {line}\n{text}"
        );
        rest = rest.split_once(line).unwrap().1;
    }
    for line in text.lines() {
        // A path is as long as the system's temporary folder makes it.
        let long = line.chars().count() > 80 && !line.contains(temporary.path().to_str().unwrap());
        assert!(!long, "longer than 80 columns: {line}");
    }
    assert_eq!(count(temporary.path()), 1, "something is left behind");
}

#[test]
fn keep_leaves_the_receipts_and_refuses_a_folder_that_is_in_use() {
    let temporary = tempfile::tempdir().unwrap();
    let kept = temporary.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    std::fs::write(kept.join("mine"), "").unwrap();
    let said = demo(temporary.path(), &["--keep", kept.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(3), "{}", text(&said));
    assert_eq!(count(&kept), 1);
}

/// A demonstration that waits for Enter behind its first act, and the address of one of its witnesses.
fn paused(temporary: &Path) -> (Child, String) {
    let mut command = demo(temporary, &["--pause"]);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::null()).spawn().unwrap();
    let out = child.stdout.as_mut().unwrap();
    let (mut text, mut octet) = (Vec::new(), [0]);
    while !String::from_utf8_lossy(&text).contains("Enter goes on") {
        out.read_exact(&mut octet).unwrap();
        text.push(octet[0]);
    }
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find(|l| l.contains("aws-use1")).unwrap();
    let address = line.split_whitespace().nth(1).unwrap().to_owned();
    (child, address)
}

fn gone(address: &str) {
    let asked = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(asked.elapsed() < PATIENCE, "a process is left running");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn told_to_stop_it_ends_its_processes_and_removes_its_folder() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut child, address) = paused(temporary.path());
    assert!(TcpStream::connect(&address).is_ok());
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    gone(&address);
    assert_eq!(count(temporary.path()), 0);
}

#[test]
fn killed_it_leaves_no_process_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut child, address) = paused(temporary.path());
    assert!(TcpStream::connect(&address).is_ok());
    child.stdin.as_mut().unwrap().flush().unwrap();
    signal(&child, "-KILL");
    assert_eq!(child.wait().unwrap().code(), None);
    gone(&address);
}
