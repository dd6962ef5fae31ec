//! Keys in a real ssh-agent.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use quorate_note::{KeyKind, KeyName, VerifierKey, WitnessKey};

use crate::log::Log;
use crate::process::{Answer, NAME, Witness, bytes, quorate};

struct Agent {
    child: Child,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A program of OpenSSH, with the agent whose socket is `agent.sock` in `dir`.
pub(crate) fn run(dir: &Path, program: &str, words: &[&str]) -> String {
    let done = Command::new(program)
        .args(words)
        .env("SSH_AUTH_SOCK", dir.join("agent.sock"))
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}; .ci/setup installs openssh-client"));
    assert!(
        done.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

/// An agent with one fresh Ed25519 key; answers with the key's fingerprint as `ssh-add -l` prints it.
fn agent(dir: &Path) -> (Agent, String) {
    let socket = dir.join("agent.sock");
    let child = Command::new("ssh-agent")
        .args(["-D", "-a", socket.to_str().unwrap()])
        .stdout(Stdio::null())
        .spawn()
        .expect("ssh-agent: .ci/setup installs openssh-client");
    let agent = Agent { child };
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let key = dir.join("key");
    let key = key.to_str().unwrap();
    run(
        dir,
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-f", key],
    );
    run(dir, "ssh-add", &["-q", key]);
    let list = run(dir, "ssh-add", &["-l"]);
    let fingerprint = list.split(' ').nth(1).unwrap().to_owned();
    (agent, fingerprint)
}

/// `quorate witness serve` with a key of the agent whose socket is `agent.sock` in `dir`, its data beside that.
pub(crate) fn serve(dir: &Path, agent_key: &str, log: &Log) -> Command {
    let socket = dir.join("agent.sock");
    let mut command = quorate(&dir.join("data"));
    command
        .args(["witness", "serve", "--bind", "127.0.0.1:0"])
        .args(["--witness-name", NAME, "--origin", &log.flag()])
        .arg(format!("--ssh-agent={}", socket.display()))
        .args(["--agent-key", agent_key])
        .stderr(Stdio::null());
    command
}

/// The key of a witness called [`NAME`].
pub(crate) fn witness_key(public: &[u8]) -> WitnessKey {
    let name = KeyName::new(NAME).unwrap();
    let key = VerifierKey::from_bytes(name, KeyKind::Ed25519Cosignature, public).unwrap();
    WitnessKey::try_from(key).unwrap()
}

/// Exactly one co-signature over the log's head of that size came, by the key.
pub(crate) fn assert_cosigned(answer: &Answer, log: &Log, size: u64, key: &WitnessKey) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let checkpoint = log.signed(size, "a").verify_log(&[log.key()]).unwrap();
    let lines = answer.lines();
    assert_eq!(lines.len(), 1, "{}", answer.text());
    let keys = std::slice::from_ref(key);
    let verified = checkpoint.cosignatures_in(&lines, keys).unwrap();
    assert_eq!(verified.len(), 1);
}

#[test]
#[ignore = "needs openssh-client"]
fn a_key_in_a_real_ssh_agent_cosigns_and_its_absence_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (agent, fingerprint) = agent(dir.path());
    let log = Log::new("log.example/a", 1);
    let data = dir.path().join("data");
    let witness = Witness::run(&data, serve(dir.path(), &fingerprint, &log));
    let shown = witness.json(&["show"]);
    let key = witness_key(&bytes(shown["pubkey_hex"][0].as_str().unwrap()));
    assert_cosigned(&witness.add(&log.request(0, 5, "a")), &log, 5, &key);

    run(dir.path(), "ssh-add", &["-q", "-D"]);
    let answer = witness.add(&log.request(5, 7, "a"));
    assert_eq!(answer.status, 500);
    run(
        dir.path(),
        "ssh-add",
        &["-q", dir.path().join("key").to_str().unwrap()],
    );
    assert_eq!(
        witness.add(&log.request(5, 7, "a")).text(),
        "7\n",
        "the position was stored"
    );
    assert_cosigned(&witness.add(&log.request(7, 7, "a")), &log, 7, &key);
    drop(agent);
    assert_eq!(witness.add(&log.request(7, 8, "a")).status, 500);
}
