//! A node and three witnesses as processes: two of three must co-sign, and an offline verifier holds the node to it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot set up its processes must stop"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a busy machine may take for what takes moments.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process with the first line it printed.
struct Running {
    child: Child,
    start: Value,
}

impl Running {
    fn of(mut command: Command) -> Self {
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

    fn address(&self) -> String {
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

struct Place(tempfile::TempDir);

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn quorate(&self, data: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command
            .env_clear()
            .env("HOME", self.0.path())
            .current_dir(self.0.path())
            .args(["--data-dir", data]);
        command
    }

    fn run(&self, data: &str, words: &[&str]) -> Output {
        let mut command = self.quorate(data);
        command.args(words).stdin(Stdio::null()).output().unwrap()
    }

    fn done(&self, data: &str, words: &[&str]) -> String {
        let done = self.run(data, words);
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {stderr}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Witness number `i`, where it was before or on a free port.
    fn witness(&self, i: u8, address: &str) -> Running {
        let mut command = self.quorate(&format!("w{i}"));
        let seed = format!("{:02x}", 0x51 + i).repeat(32);
        command
            .env("QUORATE_WITNESS_SEED_HEX", &seed)
            .env("QUORATE_WITNESS_ML_DSA_SEED_HEX", &seed)
            .args(["witness", "serve", "--bind", address])
            .args(["--witness-name", &format!("witness.example/{i}")]);
        Running::of(command)
    }

    fn node(&self, more: &[&str]) -> Running {
        let mut command = self.quorate("node");
        command.args(["up", "--listen", "127.0.0.1:0"]).args(more);
        Running::of(command)
    }

    /// One request over the operator's socket.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
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

    fn append(&self, timeout: u64) -> (u16, Value) {
        let path = format!("/scrolls/Deeds/receipts?wait=quorate&timeout={timeout}");
        self.ask("POST", &path, r#"{"type":"deed"}"#)
    }

    fn until(&self, what: impl Fn(&Value) -> bool) -> Value {
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
    fn verify(&self, proof: &str, index: u64) -> Output {
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

fn policy(path: &Path, witnesses: &[Running]) {
    let mut text = String::new();
    let mut groups = String::new();
    for (i, witness) in witnesses.iter().enumerate() {
        let vkeys = witness.start["witness"]["vkeys"].as_array().unwrap();
        let mut names = String::new();
        for (algorithm, vkey) in vkeys.iter().enumerate() {
            let (vkey, url) = (vkey.as_str().unwrap(), witness.address());
            text.push_str(&format!("witness w{i}-{algorithm} {vkey} http://{url}\n"));
            names.push_str(&format!(" w{i}-{algorithm}"));
        }
        text.push_str(&format!("group w{i} any{names}\n"));
        groups.push_str(&format!(" w{i}"));
    }
    std::fs::write(path, format!("{text}group q 2{groups}\nquorum q\n")).unwrap();
}

/// A node with the scroll Deeds whose heads go to three witnesses, two of which must co-sign.
fn quorum(place: &Place, visibility: &str) -> (Vec<Running>, Running) {
    let unwitnessed = place.node(&[]);
    let words = ["log", "create", "Deeds", "--visibility", visibility];
    place.done("node", &words);
    let shown = place.done("node", &["log", "show", "Deeds", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    drop(unwitnessed);

    let witnesses: Vec<Running> = (0..3).map(|i| place.witness(i, "127.0.0.1:0")).collect();
    for i in 0..3 {
        for vkey in shown["vkeys"].as_array().unwrap() {
            place.done(
                &format!("w{i}"),
                &["witness", "add-log", vkey.as_str().unwrap()],
            );
        }
    }
    policy(&place.path("policy"), &witnesses);
    let node = place.node(&["--policy", "policy"]);
    assert_eq!(node.start["witnessing"], "quorum q: 2 of 3");
    (witnesses, node)
}

#[test]
fn two_of_three_witnesses_make_a_head_quorate_and_anyone_can_check_it_offline() {
    let place = Place(tempfile::tempdir().unwrap());
    let (mut witnesses, _node) = quorum(&place, "restricted");

    let (status, answer) = place.append(60);
    assert_eq!(
        (status, &answer["watermark"]),
        (200, &"quorate".into()),
        "{answer}"
    );
    let proof = answer["proof"].as_str().unwrap();
    let verified = place.verify(proof, 0);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{said}");
    let lines = proof.lines().filter(|l| l.contains("witness.example/"));
    assert!(
        lines.count() >= 4,
        "both algorithms of two witnesses: {proof}"
    );

    // Without its co-signatures it does not verify: the policy that is served has the quorum in it.
    let bare: String = proof
        .lines()
        .filter(|l| !l.contains("witness.example/"))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(place.verify(&bare, 0).status.code(), Some(1));

    // One is away: still quorate.
    let addresses: Vec<String> = witnesses.iter().map(Running::address).collect();
    drop(witnesses.pop());
    let (status, answer) = place.append(60);
    assert_eq!(
        (status, &answer["watermark"]),
        (200, &"quorate".into()),
        "{answer}"
    );

    // Two are away: durable, and it says how far it is.
    drop(witnesses.pop());
    let (status, answer) = place.append(1);
    assert_eq!(
        (status, &answer["watermark"]),
        (202, &"durable".into()),
        "{answer}"
    );
    let behind = place.until(|i| i["witnessing"]["behind"]["has"] == 1);
    assert_eq!(behind["witnessing"]["quorate"]["size"], 2);
    let state = place.done("node", &["log", "show", "Deeds"]);
    assert!(
        state.contains("durable, not quorate: 1 of 3 (2 needed), since"),
        "{state}"
    );

    // One comes back, and nobody has to do anything.
    witnesses.push(place.witness(1, &addresses[1]));
    let again = place.until(|i| i["watermark"] == "quorate");
    assert_eq!(again["witnessing"]["quorate"]["size"], 3);
    place.done("node", &["prove", "Deeds", "2", "-o", "late"]);
    let late = std::fs::read_to_string(place.path("late")).unwrap();
    assert!(place.verify(&late, 2).status.success());
}

/// From outside, with nothing but the node's address and the policy it serves.
#[test]
fn anyone_can_audit_and_watch_a_scroll_of_a_running_node_and_its_witnesses() {
    let place = Place(tempfile::tempdir().unwrap());
    let (mut witnesses, node) = quorum(&place, "public");
    let lines = "{\"type\":\"deed\"}\n".repeat(700);
    std::fs::write(place.path("lines"), lines).unwrap();
    place.done("node", &["append", "--scroll", "Deeds", "lines"]);
    let (status, answer) = place.append(60);
    assert_eq!(status, 200, "{answer}");
    place.done("node", &["policy", "show", "Deeds", "-o", "served.policy"]);

    let url = format!("{}/scrolls/Deeds", node.start["listen"].as_str().unwrap());
    let audit = ["log", "audit", &url, "--policy", "served.policy", "--json"];
    let audited: Value = serde_json::from_str(&place.done("nowhere", &audit)).unwrap();
    assert_eq!(
        (&audited["verdict"], &audited["size"]),
        (&"quorate".into(), &701.into())
    );

    let monitor = [
        "log",
        "monitor",
        &url,
        "--policy",
        "served.policy",
        "--json",
    ];
    let watched = || -> Value {
        let done = place.run("nowhere", &monitor);
        serde_json::from_slice(&done.stdout).unwrap()
    };
    let first = watched();
    assert_eq!(
        (&first["well"], &first["remembered"]),
        (&true.into(), &701.into()),
        "{first}"
    );
    let (status, answer) = place.append(60);
    assert_eq!(status, 200, "{answer}");
    let second = watched();
    assert_eq!(
        (&second["well"], &second["remembered"]),
        (&true.into(), &702.into()),
        "{second}"
    );

    // A witness that is away is told, and nothing is wrong with the log.
    drop(witnesses.pop());
    let third = watched();
    assert_eq!(third["findings"][0]["code"], "unreachable", "{third}");
    assert_eq!(place.run("nowhere", &monitor).status.code(), Some(3));
}
