//! The page "Bundles on your other machines": its commands run in their order, on two machines that are folders.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::process::{Scene, vector};

const PAGE: &str = include_str!("../../../../../docs/replication.md");

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Runs what serves until the end of the test; the lines that it printed.
fn serve(mut shell: Command, text: &str, labels: &[&str]) -> (Serving, Vec<String>) {
    let mut child = shell
        .args(["-c", &format!("exec {text}")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // What it says when it serves.
    let mut aside = BufReader::new(child.stderr.take().unwrap()).lines();
    let serving = Serving(child);
    let said = labels.iter().map(|label| {
        let line = lines.next().unwrap().unwrap();
        line.strip_prefix(label).unwrap().to_owned()
    });
    let said = said.collect();
    assert!(aside.next().unwrap().unwrap().contains("Serving"));
    (serving, said)
}

#[test]
fn every_command_of_the_page_works() {
    let scene = Scene::new();
    let tools = scene.path("tools");
    fs::create_dir(&tools).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_quorate"), tools.join("quorate")).unwrap();
    let mut told: Vec<(&str, String)> = Vec::new();
    let mut serving = Vec::new();
    let mut blocks = 0;
    for rest in PAGE.split("```sh\n# on ").skip(1) {
        let (machine, rest) = rest.split_once('\n').unwrap();
        let text = rest.split_once("```").unwrap().0;
        let home = scene.path(machine);
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("anchor.json"), vector("anchor")).unwrap();
        let shell = || {
            let mut shell = Command::new("sh");
            shell
                .current_dir(&home)
                .env_clear()
                .env("PATH", format!("{}:/usr/bin:/bin", tools.display()))
                .env("HOME", &home)
                .envs(told.iter().map(|(name, value)| (*name, value)));
            shell
        };
        blocks += 1;
        if text.starts_with("quorate bundle publish") {
            fs::write(home.join("release.bundle.json"), vector("closed")).unwrap();
            let (child, said) = serve(shell(), text, &["blake3-hash: ", "node-ticket: "]);
            let status = shell()
                .args(["-c", "quorate --json replicas status"])
                .output();
            let status: Value = serde_json::from_slice(&status.unwrap().stdout).unwrap();
            told.push(("HASH", said[0].clone()));
            told.push(("TICKET", said[1].clone()));
            told.push(("PUBLISHER", status["peer"].as_str().unwrap().to_owned()));
            serving.push(child);
            continue;
        }
        if text.starts_with("quorate replicas serve") {
            let (child, said) = serve(shell(), text, &["peer: "]);
            told.push(("ARCHIVE", said[0].clone()));
            serving.push(child);
            continue;
        }
        let ran = shell().args(["-c", &format!("set -eu\n{text}")]).output();
        let ran = ran.unwrap();
        let out = String::from_utf8_lossy(&ran.stdout);
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{text}\n{out}\n{errors}");
        // `!` hides any failure: each of these is a refusal, not a mistake in the command.
        let refusals = text.lines().filter(|line| line.starts_with("! ")).count();
        let refused = ["cannot fetch", "the copies are not"];
        let found: usize = refused.iter().map(|r| errors.matches(r).count()).sum();
        assert_eq!(found, refusals, "{text}\n{errors}");
        if text.starts_with("quorate bundle fetch") {
            for word in [
                "Transport:",
                "Provenance:",
                "Payload: {",
                "Saved: release.bundle.json",
            ] {
                assert!(out.contains(word), "{word}\n{out}");
            }
        }
        if text.contains("replicas repair") {
            for word in ["1 of 2 good", "2 of 2 good", "missing", "good: all"] {
                assert!(out.contains(word), "{word}\n{out}");
            }
        }
    }
    assert_eq!(blocks, 8);
}
