//! Keys in a real ssh-agent.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use quorate_note::{KeyKind, KeyName, VerifierKey, WitnessKey};

use crate::log::Log;
use crate::process::{NAME, Witness, quorate};

struct Agent {
    child: Child,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn run(dir: &Path, program: &str, words: &[&str]) -> String {
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

#[test]
#[ignore = "needs openssh-client"]
fn a_key_in_a_real_ssh_agent_cosigns_and_its_absence_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (agent, fingerprint) = agent(dir.path());
    let log = Log::new("log.example/a", 1);
    let data = dir.path().join("data");
    let mut command = quorate(&data);
    command
        .env("SSH_AUTH_SOCK", dir.path().join("agent.sock"))
        .args([
            "witness",
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--witness-name",
            NAME,
        ])
        .args(["--ssh-agent", "--agent-key", &fingerprint])
        .args(["--origin", &log.flag()])
        .stderr(Stdio::null());
    let witness = Witness::run(&data, command);
    let hex = witness.json(&["show"])["pubkey_hex"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let key: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let name = KeyName::new(NAME).unwrap();
    let key = VerifierKey::from_bytes(name, KeyKind::Ed25519Cosignature, &key).unwrap();
    let key = WitnessKey::try_from(key).unwrap();
    let answer = witness.add(&log.request(0, 5, "a"));
    let checkpoint = log.signed(5, "a").verify_log(&[log.key()]).unwrap();
    assert_eq!(
        checkpoint
            .cosignatures_in(&answer.lines(), &[key])
            .unwrap()
            .len(),
        1
    );

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
    assert_eq!(witness.add(&log.request(7, 7, "a")).status, 200);
    drop(agent);
    assert_eq!(witness.add(&log.request(7, 8, "a")).status, 500);
}
