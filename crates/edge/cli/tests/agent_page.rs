//! The page "Prove what an agent did": its commands run in their order, on two machines that are folders. Only the node's has
//! a node; what is handed over is copied.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its machines must stop"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PAGE: &str = include_str!("../../../../docs/prove-what-an-agent-did.md");

/// A fenced block, and the machine that runs it.
fn blocks() -> Vec<(String, String)> {
    let fenced = PAGE.split("```sh\n").skip(1);
    let blocks = fenced.map(|rest| {
        let text = rest.split_once("```").unwrap().0;
        let who = text.lines().next().and_then(|l| l.strip_prefix("# on "));
        (who.unwrap().to_owned(), text.to_owned())
    });
    blocks.collect()
}

struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn start(data: &Path) -> Node {
    let mut child = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let node = Node(child);
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.contains("listening on"))
    );
    node
}

#[test]
fn every_command_of_prove_what_an_agent_did_works() {
    let place = tempfile::tempdir().unwrap();
    let tools = place.path().join("tools");
    let (node, auditor) = (place.path().join("node"), place.path().join("auditor"));
    for folder in [&tools, &node, &auditor] {
        fs::create_dir(folder).unwrap();
    }
    let program = tools.join("quorate");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_quorate"), &program).unwrap();
    let data = place.path().join("data");
    let running = start(&data);
    let path = format!("{}:/usr/bin:/bin", tools.display());
    let blocks = blocks();
    assert!(blocks.len() >= 9, "{}", blocks.len());
    let mut said = String::new();
    for (machine, text) in blocks {
        let home = place.path().join(&machine);
        let data = match machine.as_str() {
            "node" => data.clone(),
            _ => place.path().join("none"),
        };
        // Handed over: what an auditor gets, and nothing else.
        for file in [
            "release.bundle.json",
            "release.intoto.json",
            "anchor.json",
            "asked.json",
            "shown.json",
        ] {
            let _not_made_yet = fs::copy(node.join(file), auditor.join(file));
        }
        let script = format!("set -eu\n{text}");
        let ran = Command::new("sh")
            .args(["-c", &script])
            .current_dir(&home)
            .env_clear()
            .env("PATH", &path)
            .env("HOME", &home)
            .env("QUORATE_DATA_DIR", &data)
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&ran.stdout).into_owned();
        let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{text}\n{out}\n{errors}");
        // `!` hides any failure: each of these is a refusal, not a mistake in the command.
        let refusals = text.lines().filter(|line| line.starts_with("! ")).count();
        assert_eq!(
            errors.matches("does not verify").count(),
            refusals,
            "{text}\n{errors}"
        );
        said.push_str(&out);
        said.push_str(&errors);
    }
    for expected in [
        "complete, 5 steps",
        "adversarial (from user, web, tool)",
        "payload",
        "payload has the hash",
        "must not derive from web",
        "presented  to \"auditor.example\"",
        "asks for an audience",
    ] {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words(&said).contains(&words(expected)),
            "{expected}\n{said}"
        );
    }
    drop(running);
}
