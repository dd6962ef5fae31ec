//! SIGKILL under load, again and again, against a ledger that the clients keep.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its node must stop"
)]

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quorate_merkle::{Hash, Proof, leaf_hash, verify_consistency};
use quorate_note::{LogKey, SignedCheckpoint};

const SCROLL: &str = "Ledger";
const CLIENTS: usize = 8;

/// What clients were told: index and leaf hash of every acknowledged receipt.
#[derive(Default)]
struct Ledger {
    acknowledged: HashMap<u64, Hash>,
    reused: Vec<u64>,
}

struct Node {
    data: PathBuf,
    child: Child,
}

fn quorate(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command
        .env_clear()
        .env("HOME", data)
        .env("COLUMNS", "9999")
        .arg("--data-dir")
        .arg(data);
    command
}

impl Node {
    fn start(data: &Path) -> Self {
        let child = quorate(data)
            .args(["up", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut node = Self {
            data: data.to_owned(),
            child,
        };
        while ask(&node.data, "GET", "/healthz", b"").is_none_or(|(status, _)| status != 200) {
            assert!(
                node.child.try_wait().unwrap().is_none(),
                "the node refused to start"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        node
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// One request over the operator's socket; `None` if the node went away before the whole answer came.
fn ask(data: &Path, method: &str, path: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let mut stream = UnixStream::connect(data.join("quorate.sock")).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
    let head = std::str::from_utf8(&answer[..end])
        .ok()?
        .to_ascii_lowercase();
    let length: usize = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "))?
        .trim()
        .parse()
        .ok()?;
    let body = answer.get(end..end + length)?.to_vec();
    Some((status, body))
}

fn client(data: &Path, ledger: &Mutex<Ledger>, stop: &AtomicBool, who: usize, round: usize) {
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let body = format!("{{\"type\":\"kill\",\"id\":\"{round}-{who}-{n}\"}}");
        let Some((200, answer)) = ask(
            data,
            "POST",
            &format!("/scrolls/{SCROLL}/receipts"),
            body.as_bytes(),
        ) else {
            continue;
        };
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        let index = answer["index"].as_u64().unwrap();
        let leaf = answer["leaf_hash"]
            .as_str()
            .unwrap()
            .strip_prefix("sha256:")
            .unwrap()
            .parse()
            .unwrap();
        let mut ledger = ledger.lock().unwrap();
        if ledger.acknowledged.insert(index, leaf).is_some() {
            ledger.reused.push(index);
        }
    }
}

fn newest_checkpoint(data: &Path, keys: &[LogKey]) -> (u64, Hash) {
    let (status, note) = ask(data, "GET", &format!("/scrolls/{SCROLL}/checkpoint"), b"").unwrap();
    assert_eq!(status, 200);
    let verified = SignedCheckpoint::parse(&note)
        .unwrap()
        .verify_log(keys)
        .unwrap();
    (verified.checkpoint().size(), *verified.checkpoint().root())
}

fn assert_consistent(data: &Path, old: (u64, Hash), new: (u64, Hash)) {
    assert!(
        old.0 <= new.0,
        "a checkpoint of size {} came after one of size {}",
        new.0,
        old.0
    );
    let path = format!("/scrolls/{SCROLL}/consistency?old={}&new={}", old.0, new.0);
    let (status, body) = ask(data, "GET", &path, b"").unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let hashes: Vec<Hash> = body["hashes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| {
            Hash::from_bytes(
                quorate_note::base64::decode_array(h.as_str().unwrap().as_bytes()).unwrap(),
            )
        })
        .collect();
    verify_consistency(
        old.0,
        &old.1,
        new.0,
        &new.1,
        &Proof::try_from(hashes).unwrap(),
    )
    .unwrap();
}

fn log_keys(data: &Path) -> Vec<LogKey> {
    let (_, info) = ask(data, "GET", &format!("/scrolls/{SCROLL}"), b"").unwrap();
    let info: serde_json::Value = serde_json::from_slice(&info).unwrap();
    let vkeys = info["vkeys"].as_array().unwrap();
    vkeys
        .iter()
        .map(|k| {
            LogKey::try_from(
                k.as_str()
                    .unwrap()
                    .parse::<quorate_note::VerifierKey>()
                    .unwrap(),
            )
            .unwrap()
        })
        .collect()
}

#[test]
#[ignore = "kills a node 200 times under load, about two minutes; .ci/run runs it"]
fn r2_a_node_killed_under_load_loses_no_acknowledged_receipt() {
    let kills: usize = std::env::var("QUORATE_TEST_KILLS").map_or(200, |k| k.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let first = Node::start(&data);
    let (status, _) = ask(
        &data,
        "POST",
        "/scrolls",
        format!("{{\"name\":\"{SCROLL}\"}}").as_bytes(),
    )
    .unwrap();
    assert_eq!(status, 201);
    let keys = log_keys(&data);
    let mut checkpoint = newest_checkpoint(&data, &keys);
    first.kill();
    let mut checked = 0;
    for round in 0..kills {
        let node = Node::start(&data);
        let newest = newest_checkpoint(&data, &keys);
        assert_consistent(&data, checkpoint, newest);
        checkpoint = newest;
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|who| {
                let (data, ledger, stop) = (data.clone(), Arc::clone(&ledger), Arc::clone(&stop));
                std::thread::spawn(move || client(&data, &ledger, &stop, who, round))
            })
            .collect();
        // Anywhere in the first checkpoints' and commits' lives: 0 to 120 ms, spread evenly over the rounds.
        std::thread::sleep(Duration::from_millis((round as u64 * 37) % 121));
        node.kill();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
        let fsck = quorate(&data).args(["log", "fsck"]).output().unwrap();
        assert!(
            fsck.status.success(),
            "round {round}: {}{}",
            String::from_utf8_lossy(&fsck.stdout),
            String::from_utf8_lossy(&fsck.stderr)
        );
        let node = Node::start(&data);
        let ledger = ledger.lock().unwrap();
        assert_eq!(
            ledger.reused,
            Vec::<u64>::new(),
            "round {round}: indices were given twice"
        );
        let mut indices: Vec<_> = ledger
            .acknowledged
            .keys()
            .copied()
            .filter(|i| *i >= checked)
            .collect();
        indices.sort_unstable();
        for index in indices {
            let (status, entry) = ask(
                &data,
                "GET",
                &format!("/scrolls/{SCROLL}/entries/{index}"),
                b"",
            )
            .unwrap();
            assert_eq!(
                status, 200,
                "round {round}: the acknowledged receipt {index} is lost"
            );
            assert_eq!(
                leaf_hash(&entry),
                ledger.acknowledged[&index],
                "round {round}: receipt {index} is another one"
            );
            checked = index + 1;
        }
        drop(ledger);
        node.kill();
    }
    let acknowledged = ledger.lock().unwrap().acknowledged.len();
    assert!(
        acknowledged > kills,
        "the load was no load: {acknowledged} receipts over {kills} kills"
    );
}
