//! `quorate log export --tiles`: what it writes verifies from nothing but the files, run after run.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its node must stop"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use quorate_merkle::{
    Frontier, Hash, TILE_WIDTH, TileId, bundle, bundles_for_size, encode_hashes, leaf_hash,
    tiles_for_size,
};
use quorate_note::SignedCheckpoint;
use serde_json::Value;

/// How long a busy machine may take for what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

struct Place {
    root: tempfile::TempDir,
}

impl Place {
    /// A data directory with the empty scroll A.
    fn new() -> Self {
        let place = Self {
            root: tempfile::tempdir().unwrap(),
        };
        place.with_node("data", || place.done("data", &["log", "create", "A"]));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn quorate(&self, data: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command
            .env_clear()
            .env("HOME", self.root.path())
            .stdin(Stdio::null());
        command
            .current_dir(self.root.path())
            .args(["--json", "--data-dir", data]);
        command
    }

    /// What a command that must succeed answers.
    fn done(&self, data: &str, words: &[&str]) -> Value {
        let done = self.quorate(data).args(words).output().unwrap();
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {stderr}");
        serde_json::from_slice(&done.stdout).unwrap_or_default()
    }

    /// The code of the error of a command that must be refused.
    fn refused(&self, data: &str, words: &[&str]) -> String {
        let done = self.quorate(data).args(words).output().unwrap();
        assert_eq!(done.status.code(), Some(1), "{words:?}");
        let error: Value = serde_json::from_slice(&done.stderr).unwrap();
        error["error"]["code"].as_str().unwrap().to_owned()
    }

    fn with_node<T>(&self, data: &str, act: impl FnOnce() -> T) -> T {
        let mut up = self.quorate(data);
        up.args(["up", "--listen", "127.0.0.1:0"]);
        let node = up
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut node = Running(node);
        let (socket, asked) = (self.path(data).join("quorate.sock"), Instant::now());
        while UnixStream::connect(&socket).is_err() {
            assert!(asked.elapsed() < PATIENCE, "the node did not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        let answer = act();
        let id = node.0.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        node.0.wait().unwrap();
        answer
    }

    /// Appends receipts and has a checkpoint made that covers them.
    fn append(&self, data: &str, what: &str, count: u64) {
        let lines: String = (0..count)
            .map(|n| format!("{{\"type\":\"{what}\",\"n\":{n}}}\n"))
            .collect();
        fs::write(self.path("lines"), lines).unwrap();
        let report = self.done(data, &["append", "--scroll", "A", "lines"]);
        let last = report["runs"][0]["first_index"].as_u64().unwrap() + count - 1;
        self.done(data, &["prove", "A", &last.to_string(), "-o", "proof"]);
    }

    fn export(&self, data: &str) -> Value {
        self.done(data, &["log", "export", "A", "--tiles", "site"])
    }
}

/// Killed where a test ends early.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// The names of all files below a directory.
fn files(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap();
                found.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// The hashes of a tile, from the leaves alone.
fn tile(id: &TileId, leaves: &[Hash]) -> Vec<u8> {
    let under = usize::from(TILE_WIDTH).pow(u32::from(id.level()));
    let first = id.first_hash() as usize;
    let hashes: Vec<Hash> = (first..first + usize::from(id.width()))
        .map(|i| root(&leaves[i * under..(i + 1) * under]))
        .collect();
    encode_hashes(&hashes)
}

fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(*leaf).unwrap();
    }
    if let [leaf] = leaves {
        *leaf
    } else {
        frontier.root()
    }
}

/// Checks a site from its checkpoint, its bundles and its tiles; answers its size.
fn verify(site: &Path) -> u64 {
    let note = fs::read(site.join("checkpoint")).unwrap();
    let signed = SignedCheckpoint::parse(&note).unwrap();
    let checkpoint = signed.checkpoint_unverified();
    let mut leaves = Vec::new();
    for id in bundles_for_size(checkpoint.size()) {
        let octets = fs::read(site.join("tile").join(id.path())).unwrap();
        let entries = bundle::decode_bundle(&id, &octets).unwrap();
        leaves.extend(entries.into_iter().map(leaf_hash));
    }
    assert_eq!(leaves.len() as u64, checkpoint.size());
    assert_eq!(root(&leaves), *checkpoint.root());
    for id in tiles_for_size(checkpoint.size()) {
        let octets = fs::read(site.join("tile").join(id.path())).unwrap();
        assert_eq!(octets, tile(&id, &leaves), "{id}");
    }
    checkpoint.size()
}

#[test]
fn an_exported_log_verifies_from_scratch_after_each_run() {
    let place = Place::new();
    let site = place.path("site");
    let inode = |name: &str| fs::metadata(site.join(name)).unwrap().ino();
    place.with_node("data", || {
        place.append("data", "x", 300);
        assert_eq!(place.export("data")["size"], 300, "beside a running node");
        assert_eq!(verify(&site), 300);
        place.append("data", "x", 400);
    });
    let full = ["tile/0/000", "tile/entries/000"].map(|name| (name, inode(name)));

    let report = place.export("data");
    assert_eq!(report["size"], 700, "without a node");
    assert_eq!(verify(&site), 700);
    for (name, before) in full {
        assert_eq!(inode(name), before, "{name} is full and was written again");
    }
    assert_eq!(
        report["removed"], 2,
        "a partial tile and bundle became full"
    );
    let expected = [
        ".quorate",
        "checkpoint",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/188",
        "tile/1/000.p/1",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/188",
    ];
    assert_eq!(files(&site), expected.map(str::to_owned).into());

    place.with_node("data", || place.append("data", "x", 5));
    place.export("data");
    assert_eq!(verify(&site), 705);
    // L-23: a partial tile of a checkpoint that was published stays until the full one is there.
    assert!(site.join("tile/0/002.p/188").exists() && site.join("tile/0/002.p/193").exists());
    assert_eq!(place.export("data")["files"], 0, "there is nothing new");
}

#[test]
fn an_export_that_was_cut_short_is_gone_on_with() {
    let place = Place::new();
    let site = place.path("site");
    place.with_node("data", || place.append("data", "x", 300));
    place.export("data");
    fs::remove_file(site.join("checkpoint")).unwrap();
    fs::remove_file(site.join("tile/entries/001.p/44")).unwrap();
    fs::write(site.join("tile/0/000"), "half").unwrap();
    place.export("data");
    assert_eq!(verify(&site), 300);

    // The checkpoint waits for the last of its tiles.
    place.with_node("data", || place.append("data", "x", 400));
    fs::create_dir(site.join("tile/1/000.p/2")).unwrap();
    let words = ["log", "export", "A", "--tiles", "site"];
    let failed = place.quorate("data").args(words).output().unwrap();
    assert_eq!(failed.status.code(), Some(3));
    assert_eq!(verify(&site), 300);
    fs::remove_dir(site.join("tile/1/000.p/2")).unwrap();
    place.export("data");
    assert_eq!(verify(&site), 700);
}

#[test]
fn a_checkpoint_is_only_replaced_by_one_that_is_consistent_with_it() {
    let place = Place::new();
    let site = place.path("site");
    place.with_node("data", || {
        place.append("data", "x", 300);
        place.done("data", &["backup", "copy"]);
    });
    place.done("other", &["restore", "copy"]);
    place.with_node("data", || place.append("data", "x", 10));
    place.export("data");
    let before = fs::read(site.join("checkpoint")).unwrap();
    let words = ["log", "export", "A", "--tiles", "site"];

    assert_eq!(place.refused("other", &words), "ahead");
    place.with_node("other", || place.append("other", "y", 10));
    assert_eq!(place.refused("other", &words), "inconsistent", "same size");
    place.with_node("other", || place.append("other", "y", 10));
    assert_eq!(place.refused("other", &words), "inconsistent", "larger");

    let words = ["log", "export", "Identity", "--tiles", "site"];
    assert_eq!(place.refused("data", &words), "another-log");
    fs::remove_file(site.join("checkpoint")).unwrap();
    assert_eq!(place.refused("data", &words), "another-log", "by its mark");
    fs::write(site.join("checkpoint"), &before).unwrap();
    fs::remove_file(site.join(".quorate")).unwrap();
    assert_eq!(
        place.refused("data", &words),
        "another-log",
        "by its checkpoint"
    );
    assert_eq!(fs::read(site.join("checkpoint")).unwrap(), before);
    assert_eq!(verify(&site), 310);
}

#[test]
fn two_exports_do_not_write_into_one_directory_at_once() {
    let place = Place::new();
    place.with_node("data", || place.append("data", "x", 3));
    place.export("data");
    let mark = fs::File::open(place.path("site/.quorate")).unwrap();
    mark.try_lock().unwrap();
    let mut second = place.quorate("data");
    let second = second
        .args(["log", "export", "A", "--tiles", "site"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in-use"));
}
