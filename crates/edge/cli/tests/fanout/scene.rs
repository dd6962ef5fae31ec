//! A node and witnesses as processes, in one directory.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a busy machine may take for what takes moments.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process with the first line it printed.
pub(crate) struct Running {
    child: Child,
    pub(crate) start: Value,
}

impl Running {
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command
            .arg("--json")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let start = serde_json::from_str(&line).expect("the process did not start");
        Self { child, start }
    }

    pub(crate) fn address(&self) -> String {
        let url = self.start["witness_listen"].as_str().unwrap();
        url.strip_prefix("http://").unwrap().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub(crate) struct Place(pub(crate) tempfile::TempDir);

impl Place {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn quorate(&self, data: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command
            .env_clear()
            .env("HOME", self.0.path())
            .current_dir(self.0.path())
            .args(["--data-dir", data]);
        command
    }

    pub(crate) fn run(&self, data: &str, words: &[&str]) -> Output {
        let mut command = self.quorate(data);
        command.args(words).stdin(Stdio::null()).output().unwrap()
    }

    pub(crate) fn done(&self, data: &str, words: &[&str]) -> String {
        let done = self.run(data, words);
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {stderr}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Witness number `i`, where it was before or on a free port.
    pub(crate) fn witness(&self, i: u8, address: &str) -> Running {
        let mut command = self.quorate(&format!("w{i}"));
        let seed = format!("{:02x}", 0x51 + i).repeat(32);
        command
            .env("QUORATE_WITNESS_SEED_HEX", &seed)
            .env("QUORATE_WITNESS_ML_DSA_SEED_HEX", &seed)
            .args(["witness", "serve", "--bind", address])
            .args(["--witness-name", &format!("witness.example/{i}")]);
        Running::of(command)
    }

    pub(crate) fn node(&self, more: &[&str]) -> Running {
        Running::of(self.up(more))
    }

    pub(crate) fn up(&self, more: &[&str]) -> Command {
        let mut command = self.quorate("node");
        command.args(["up", "--listen", "127.0.0.1:0"]).args(more);
        command
    }

    /// Makes the scroll with a node that has no witnesses yet, and has each of so many witnesses follow it.
    pub(crate) fn followed_scroll(&self, witnesses: u8, visibility: &str) -> Vec<Running> {
        let unwitnessed = self.node(&[]);
        let words = ["log", "create", "Deeds", "--visibility", visibility];
        self.done("node", &words);
        let shown = self.shown();
        drop(unwitnessed);
        let started = (0..witnesses).map(|i| self.witness(i, "127.0.0.1:0"));
        let started: Vec<Running> = started.collect();
        for i in 0..witnesses {
            for vkey in shown["vkeys"].as_array().unwrap() {
                let words = ["witness", "add-log", vkey.as_str().unwrap()];
                self.done(&format!("w{i}"), &words);
            }
        }
        started
    }

    /// What `quorate log show` says of the scroll.
    pub(crate) fn shown(&self) -> Value {
        let shown = self.done("node", &["log", "show", "Deeds", "--json"]);
        serde_json::from_str(&shown).unwrap()
    }

    /// One request over the operator's socket.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = UnixStream::connect(self.path("node/quorate.sock")).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (
            head[9..12].parse().unwrap(),
            serde_json::from_str(body).unwrap(),
        )
    }

    pub(crate) fn append(&self, timeout: u64) -> (u16, Value) {
        let path = format!("/scrolls/Deeds/receipts?wait=quorate&timeout={timeout}");
        self.ask("POST", &path, r#"{"type":"deed"}"#)
    }

    pub(crate) fn until(&self, what: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let (_, info) = self.ask("GET", "/scrolls/Deeds", "");
            if what(&info) {
                return info;
            }
            assert!(begun.elapsed() < PATIENCE, "it never came to that: {info}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Verifies the proof of an entry with nothing but files.
    pub(crate) fn verify(&self, proof: &str, index: u64) -> Output {
        std::fs::write(self.path("proof"), proof).unwrap();
        self.done(
            "node",
            &["log", "get", "Deeds", &index.to_string(), "-o", "entry"],
        );
        self.done(
            "node",
            &["policy", "show", "Deeds", "-o", "served.policy", "--force"],
        );
        let words = [
            "verify",
            "proof",
            "--entry",
            "entry",
            "--policy",
            "served.policy",
        ];
        self.run("nowhere", &words)
    }
}

/// A policy of `quorum` of these witnesses, each at its URL and with all its keys.
pub(crate) fn policy(path: &Path, quorum: usize, witnesses: &[(&Running, String)]) {
    let mut text = String::new();
    let mut groups = String::new();
    for (i, (witness, url)) in witnesses.iter().enumerate() {
        let vkeys = witness.start["witness"]["vkeys"].as_array().unwrap();
        let mut names = String::new();
        for (algorithm, vkey) in vkeys.iter().enumerate() {
            let vkey = vkey.as_str().unwrap();
            text.push_str(&format!("witness w{i}-{algorithm} {vkey} {url}\n"));
            names.push_str(&format!(" w{i}-{algorithm}"));
        }
        text.push_str(&format!("group w{i} any{names}\n"));
        groups.push_str(&format!(" w{i}"));
    }
    std::fs::write(path, format!("{text}group q {quorum}{groups}\nquorum q\n")).unwrap();
}
