//! `QUORATE_LOG_FORMAT=json`: what a node writes to standard error, for programs.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot start a node must stop"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// A witness that nobody is: the node warns about it.
fn policy_text() -> String {
    let name = "w.example".parse().unwrap();
    let secret = quorate_note::ed25519::SecretKey::from_seed([1; 32]);
    let key = quorate_note::CosignSigner::ed25519(name, secret);
    let vkey = key.verifier_key();
    format!("witness w {vkey} http://127.0.0.1:1\nquorum w\n")
}

#[test]
fn every_line_of_the_log_is_a_json_object_if_it_is_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let policy = place.path().join("policy");
    std::fs::write(&policy, policy_text()).unwrap();
    let mut node = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(place.path().join("data"))
        .arg("--policy")
        .arg(&policy)
        .env_clear()
        .env("QUORATE_LOG_FORMAT", "json")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(node.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    node.kill().unwrap();
    node.wait().unwrap();
    let rest = lines.map_while(Result::ok);
    for line in std::iter::once(first).chain(rest) {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(
            line["timestamp"].is_string() && line["level"].is_string(),
            "{line}"
        );
        assert!(line["message"].is_string(), "{line}");
    }
}
