//! Publishers and fetchers as processes, and a bundle with its anchor.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// The time at which the vectors' bundle is judged.
pub(crate) const NOW: &str = "2026-11-20T00:10:00Z";

pub(crate) fn vector(name: &str) -> Vec<u8> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../sdk/verifier/test/vectors/cases.json");
    let file: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    file["files"][name].as_str().unwrap().into()
}

/// Bytes that do not repeat.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A folder with a bundle, an anchor, and data directories.
pub(crate) struct Scene(tempfile::TempDir);

impl Scene {
    pub(crate) fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        fs::write(scene.path("bundle.json"), vector("closed")).unwrap();
        fs::write(scene.path("anchor.json"), vector("anchor")).unwrap();
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn quorate(&self, data: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command
            .env_clear()
            .arg("--json")
            .arg("--data-dir")
            .arg(self.path(data));
        command
    }

    /// Publishes files from a data directory, and waits until it serves.
    pub(crate) fn publish(&self, data: &str, files: &[&str]) -> Publisher {
        let mut command = self.quorate(data);
        command.args(["bundle", "publish", "--bind", "127.0.0.1:0"]);
        command.args(files.iter().map(|f| self.path(f)));
        Publisher::start(command)
    }

    /// Publishes again what was published, at the address of before.
    pub(crate) fn publish_again(&self, data: &str) -> Publisher {
        let mut command = self.quorate(data);
        command.args(["bundle", "publish"]);
        Publisher::start(command)
    }

    /// Serves what is published and kept in a data directory.
    pub(crate) fn keep(&self, data: &str, more: &[&str]) -> Publisher {
        let mut command = self.quorate(data);
        command.args(["replicas", "serve"]).args(more);
        Publisher::start(command)
    }

    /// `quorate replicas …`
    pub(crate) fn replicas(&self, data: &str, args: &[&str]) -> (i32, Value, String) {
        let mut command = self.quorate(data);
        command.arg("replicas").args(args);
        ran(command)
    }

    pub(crate) fn fetch(&self, ticket: &str, hash: &str, more: &[&str]) -> Command {
        let mut command = self.quorate("fetcher");
        command
            .args(["bundle", "fetch", ticket, hash, "--now", NOW])
            .arg("--trust-anchor")
            .arg(self.path("anchor.json"))
            .args(more);
        command
    }

    /// The folder in which a hash is fetched.
    pub(crate) fn fetching(&self, hash: &str) -> PathBuf {
        self.path("fetcher").join("replicas/fetching").join(hash)
    }

    /// A publisher's copy.
    pub(crate) fn copy(&self, data: &str, hash: &str) -> PathBuf {
        let blobs = self.path(data).join("replicas/blobs/data");
        blobs.join(format!("{hash}.data"))
    }
}

/// Kills a process that leads a group, and the group: what strace follows goes on without strace.
pub(crate) fn kill(child: &mut Child) {
    let group = format!("-{}", child.id());
    let _gone = Command::new("kill").args(["-9", "--", &group]).output();
    let _gone = child.kill();
    let _reaped = child.wait();
}

/// A process that serves. It is killed when it is dropped.
pub(crate) struct Publisher {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    /// Hash and ticket of each file.
    pub(crate) shown: Vec<(String, String)>,
    /// The machine's name for others.
    pub(crate) peer: Option<String>,
}

impl Publisher {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (mut shown, mut peer) = (Vec::new(), None);
        loop {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).unwrap();
            if read == 0 {
                let said = child.wait_with_output().unwrap();
                panic!(
                    "it does not serve: {}",
                    String::from_utf8_lossy(&said.stderr)
                );
            }
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["serving"].is_u64() {
                break;
            }
            if let Some(name) = line["peer"].as_str() {
                peer = Some(name.to_owned());
                continue;
            }
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            shown.push((text("blake3_hash"), text("node_ticket")));
        }
        Self {
            child,
            _stdout: stdout,
            shown,
            peer,
        }
    }

    /// Without a chance to finish anything. What the system holds in memory stays, other than in a power cut.
    pub(crate) fn kill(&mut self) {
        kill(&mut self.child);
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        kill(&mut self.child);
    }
}

/// Exit code, what was answered, and the error's code.
pub(crate) fn ran(mut command: Command) -> (i32, Value, String) {
    let done = command.output().unwrap();
    let value = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let error: Value = value(&done.stderr);
    let code = error["error"]["code"].as_str().unwrap_or_default();
    (
        done.status.code().unwrap_or(-1),
        value(&done.stdout),
        code.to_owned(),
    )
}
