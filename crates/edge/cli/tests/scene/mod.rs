//! A folder with a node, an actor and a trust anchor.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub(crate) const ACTOR: &str = "did:vm:agent:release";

/// A folder, and the node of one data directory in it.
pub(crate) struct Scene {
    root: tempfile::TempDir,
    data: &'static str,
    node: Option<Child>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(mut node) = self.node.take() {
            let _gone = node.kill();
            let _reaped = node.wait();
        }
    }
}

impl Scene {
    /// A node that runs, an actor that is pinned, and a trust anchor that knows him.
    pub(crate) fn new() -> Self {
        let mut scene = Self {
            root: tempfile::tempdir().unwrap(),
            data: "data",
            node: None,
        };
        scene.configured("");
        scene.start("data");
        scene.does("actor generate -o seed");
        let key = scene.does("actor key seed").trim().to_owned();
        scene.does(&format!("actor add {ACTOR} {key}"));
        scene.does(&format!(
            "trust-anchor new --actor {ACTOR}={key} -o anchor.json"
        ));
        scene
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command
            .args(words.split(' '))
            .current_dir(self.root.path())
            .env_clear()
            .env("COLUMNS", "9999")
            .env("QUORATE_DATA_DIR", self.file(self.data));
        command
    }

    pub(crate) fn configured(&self, config: &str) {
        fs::write(self.file("config.toml"), config).unwrap();
    }

    pub(crate) fn start(&mut self, data: &'static str) {
        self.data = data;
        let mut node = self
            .command("up --listen 127.0.0.1:0 --config config.toml")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(node.stdout.take().unwrap()).lines();
        self.node = Some(node);
        let listens = |line: String| line.contains("http://127.0.0.1:");
        assert!(lines.map_while(Result::ok).any(listens));
    }

    pub(crate) fn stop(&mut self) {
        let mut node = self.node.take().unwrap();
        let asked = Command::new("kill").arg(node.id().to_string()).status();
        assert!(asked.unwrap().success() && node.wait().unwrap().success());
    }

    pub(crate) fn run(&self, words: &str) -> Output {
        self.command(words).output().unwrap()
    }

    pub(crate) fn does(&self, words: &str) -> String {
        let done = self.run(words);
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words}: {errors}");
        String::from_utf8(done.stdout).unwrap()
    }

    pub(crate) fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.does(&format!("{words} --json"))).unwrap()
    }

    /// The code of the refusal.
    pub(crate) fn refused(&self, words: &str) -> String {
        let done = self.run(&format!("{words} --json"));
        assert_eq!(done.status.code(), Some(1), "{words}");
        let error: Value = serde_json::from_slice(&done.stderr).unwrap();
        error["error"]["code"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member]
        .as_str()
        .unwrap_or_else(|| panic!("{member} of {value}"))
}
