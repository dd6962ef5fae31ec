//! Runs text fixtures of the command line against the real binary.
//!
//! A fixture is a terminal session: `$ words` is a command, the lines below it what it must print. Standard
//! output comes as it is, standard error behind `! `, an exit code other than 0 as a last line `[code]`.
//! `{file.member}` stands for a member of a JSON file that an earlier command wrote. Lines with `# ` are comments. After each command the runner waits until checkpoints have caught up. Each fixture has a fresh folder, an empty environment and no network but its
//! own node. What differs from run to run is replaced by a name in capitals.
//!
//! `QUORATE_FIXTURES=write cargo test -p quorate` writes what was printed into the fixtures: read the diff.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test helper: a broken fixture stops the test"
)]

mod redact;
mod words;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use words::{Line, parse};

/// How long a node may take to start or stop on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One fixture while it runs.
pub(crate) struct Session {
    root: tempfile::TempDir,
    node: Option<Child>,
    node_output: Option<std::thread::JoinHandle<String>>,
}

struct Said {
    stdout: String,
    stderr: String,
    code: i32,
}

/// Runs a fixture and compares, or writes it anew.
pub(crate) fn run(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let mut session = Session::new();
    let mut seen = String::new();
    for block in blocks(&text) {
        match block {
            Block::Comment(line) => {
                let _ = writeln!(seen, "{line}");
            }
            Block::Command(command) => {
                let said = session.command(command);
                session.settle();
                let _ = writeln!(seen, "$ {command}");
                seen.push_str(&session.shown(&said));
            }
        }
    }
    session.stop();
    if std::env::var_os("QUORATE_FIXTURES").is_some_and(|v| v == "write") {
        fs::write(path, seen).unwrap();
        return;
    }
    assert!(seen == text, "{}", difference(path, &text, &seen));
}

/// Every fixture of a folder, by name.
pub(crate) fn run_all(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no fixture", folder.display());
    let only = std::env::var("QUORATE_FIXTURE").ok();
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if only.as_ref().is_none_or(|o| *o == name) {
            run(&path);
        }
    }
}

enum Block<'a> {
    Comment(&'a str),
    Command(&'a str),
}

/// Comments and commands in order; what stands below a command is its output, which is compared as text.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut output = false;
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            blocks.push(Block::Command(command));
            output = true;
        } else if line.starts_with("# ") || !output {
            blocks.push(Block::Comment(line));
        }
    }
    blocks
}

fn difference(path: &Path, wanted: &str, seen: &str) -> String {
    let mut text = format!(
        "\n{} differs (QUORATE_FIXTURES=write writes it anew)\n",
        path.display()
    );
    let (wanted, seen): (Vec<_>, Vec<_>) = (wanted.lines().collect(), seen.lines().collect());
    let same = wanted.iter().zip(&seen).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(4);
    for line in &wanted[from..same] {
        let _ = writeln!(text, "  {line}");
    }
    for line in wanted.iter().skip(same).take(12) {
        let _ = writeln!(text, "- {line}");
    }
    for line in seen.iter().skip(same).take(24) {
        let _ = writeln!(text, "+ {line}");
    }
    text
}

impl Session {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        fs::create_dir(root.path().join("work")).unwrap();
        Self {
            root,
            node: None,
            node_output: None,
        }
    }

    fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.work().join(name)
    }

    /// The binary with nothing but a home folder.
    fn quorate(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command
            .args(arguments)
            .current_dir(self.work())
            .env_clear()
            .env("HOME", self.root.path().join("home"))
            // A folder's path is as long as it happens to be, and must not decide where a line breaks. What is to be
            // seen broken says `COLUMNS=80`; help is.
            .env(
                "COLUMNS",
                if arguments.iter().any(|a| a == "--help") || arguments.len() < 2 {
                    "80"
                } else {
                    "9999"
                },
            );
        command
    }

    fn command(&mut self, text: &str) -> Said {
        let line = parse(&self.fill(text));
        let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
        let nothing = |stdout: String| Said {
            stdout,
            stderr: String::new(),
            code: 0,
        };
        match words.as_slice() {
            ["quorate", ..] => self.binary(&line),
            ["at-once", count, "quorate", words @ ..] => {
                nothing(self.at_once(count.parse().unwrap(), words))
            }
            // The runner's own words: enough of a shell for a session to make and compare its files.
            ["write", file, text] => {
                let text = text
                    .replace("\\\\", "\0")
                    .replace("\\n", "\n")
                    .replace("\\r", "\r")
                    .replace('\0', "\\");
                fs::write(self.file(file), text).unwrap();
                nothing(String::new())
            }
            ["example", name] => {
                let examples =
                    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/agent-trace");
                fs::copy(examples.join(name), self.file(name)).unwrap();
                nothing(String::new())
            }
            ["add", file, text] => {
                let mut file = fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(self.file(file))
                    .unwrap();
                file.write_all(text.replace("\\n", "\n").as_bytes())
                    .unwrap();
                nothing(String::new())
            }
            ["rename", from, to] => {
                fs::rename(self.file(from), self.file(to)).unwrap();
                nothing(String::new())
            }
            ["repeat", count, file, text] => {
                let count: usize = count.parse().unwrap();
                let lines: String = (0..count)
                    .map(|i| text.replace("%", &i.to_string()) + "\n")
                    .collect();
                let mut file = fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(self.file(file))
                    .unwrap();
                file.write_all(lines.as_bytes()).unwrap();
                nothing(String::new())
            }
            ["long", length, file] => {
                let filler = "x".repeat(length.parse().unwrap());
                fs::write(
                    self.file(file),
                    format!("{{\"type\":\"x\",\"long\":\"{filler}\"}}\n"),
                )
                .unwrap();
                nothing(String::new())
            }
            ["count", file, text] => {
                let found = fs::read_to_string(self.file(file))
                    .unwrap()
                    .matches(text)
                    .count();
                nothing(format!("{found}\n"))
            }
            ["cat", file] => {
                nothing(String::from_utf8_lossy(&fs::read(self.file(file)).unwrap()).into_owned())
            }
            ["compare", a, b] => {
                let same = fs::read(self.file(a)).unwrap() == fs::read(self.file(b)).unwrap();
                nothing(if same { "same\n" } else { "different\n" }.to_owned())
            }
            ["list", folder] => {
                let mut names: Vec<String> = fs::read_dir(self.file(folder))
                    .unwrap()
                    .map(|e| e.unwrap().file_name().into_string().unwrap())
                    .collect();
                names.sort();
                nothing(names.join("\n") + "\n")
            }
            ["mkdir", folder] => {
                fs::create_dir_all(self.file(folder)).unwrap();
                nothing(String::new())
            }
            ["flip", file, offset] => {
                let mut octets = fs::read(self.file(file)).unwrap();
                let offset: usize = offset.parse().unwrap();
                octets[offset] ^= 1;
                fs::write(self.file(file), octets).unwrap();
                nothing(String::new())
            }
            ["start", arguments @ ..] => {
                self.start(arguments);
                nothing(String::new())
            }
            ["stop"] => {
                self.stop();
                nothing(String::new())
            }
            ["stop", "--show"] => nothing(self.stop()),
            ["await", scroll, size] => {
                let size: u64 = size.parse().unwrap();
                self.wait(|scrolls| {
                    scrolls
                        .iter()
                        .any(|s| s["name"] == *scroll && s["size"] == size)
                });
                nothing(String::new())
            }
            ["log", word] => {
                let log = self.log();
                let lines = log.lines().filter(|l| l.contains(word));
                nothing(lines.map(|l| format!("{}\n", l.trim_start())).collect())
            }
            ["kill"] => {
                self.node.as_mut().unwrap().kill().unwrap();
                self.node.take().unwrap().wait().unwrap();
                nothing(String::new())
            }
            other => panic!("unknown command in a fixture: {other:?}"),
        }
    }

    /// Puts in members of JSON files: `{file.member}`.
    fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for word in text.split(['{', '}', ' ']) {
            if let Some((file, member)) = word.split_once('.')
                && [" ", "="]
                    .iter()
                    .any(|before| text.contains(&format!("{before}{{{word}}}")))
            {
                let value: serde_json::Value =
                    serde_json::from_slice(&fs::read(self.file(file)).unwrap()).unwrap();
                filled = filled.replace(&format!("{{{word}}}"), value[member].as_str().unwrap());
            }
        }
        filled
    }

    fn binary(&self, line: &Line) -> Said {
        let mut command = self.quorate(&line.words[1..]);
        for (name, value) in &line.environment {
            command.env(name, value);
        }
        match &line.input {
            Some(name) => command.stdin(File::open(self.file(name)).unwrap()),
            None => command.stdin(Stdio::null()),
        };
        let done = command.output().unwrap();
        let mut stdout = String::from_utf8_lossy(&done.stdout).into_owned();
        if let Some(name) = &line.output {
            fs::write(self.file(name), &done.stdout).unwrap();
            stdout.clear();
        }
        let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
        Said {
            stdout,
            stderr,
            code: done.status.code().unwrap_or(-1),
        }
    }

    /// Runs one command so many times at the same moment; how many were done, and what the others said.
    fn at_once(&self, count: usize, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let start = |_| {
            let mut command = self.quorate(&words);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let running: Vec<Child> = (0..count).map(start).collect();
        let ended = running
            .into_iter()
            .map(|run| run.wait_with_output().unwrap());
        let (done, failed): (Vec<_>, Vec<_>) = ended.partition(|run| run.status.success());
        let mut text = format!("{} of {count} done\n", done.len());
        for run in failed {
            text.push_str(&String::from_utf8_lossy(&run.stderr));
        }
        text
    }

    /// Starts a node and waits until it answers.
    fn start(&mut self, arguments: &[&str]) {
        assert!(self.node.is_none(), "one node at a time");
        let mut words = vec![
            "up".to_owned(),
            "--listen".to_owned(),
            "127.0.0.1:0".to_owned(),
        ];
        words.extend(arguments.iter().map(|&a| a.to_owned()));
        let log = File::create(self.root.path().join("node.log")).unwrap();
        let mut node = self
            .quorate(&words)
            .env("COLUMNS", "80")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let stdout = node.stdout.take().unwrap();
        self.node_output = Some(std::thread::spawn(move || {
            let mut text = String::new();
            let _ended = BufReader::new(stdout).read_to_string(&mut text);
            text
        }));
        self.node = Some(node);
        let started = Instant::now();
        let socket = self
            .root
            .path()
            .join("home/.local/share/quorate/quorate.sock");
        while UnixStream::connect(&socket).is_err() {
            let ended = self.node.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && started.elapsed() < PATIENCE,
                "the node did not start:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until every scroll's newest checkpoint covers it, so that answers do not depend on the moment.
    fn settle(&self) {
        if self.node.is_some() {
            self.wait(|scrolls| scrolls.iter().all(|s| s["checkpoint"]["size"] == s["size"]));
        }
    }

    fn wait(&self, holds: impl Fn(&[serde_json::Value]) -> bool) {
        let asked = Instant::now();
        loop {
            let words = ["log", "list", "--json"].map(str::to_owned);
            let list = self.quorate(&words).output().unwrap().stdout;
            let list: serde_json::Value = serde_json::from_slice(&list).unwrap_or_default();
            if list["scrolls"]
                .as_array()
                .is_some_and(|scrolls| holds(scrolls))
            {
                return;
            }
            assert!(
                asked.elapsed() < PATIENCE,
                "it did not happen: {list}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.root.path().join("node.log")).unwrap_or_default()
    }

    /// Stops the node as an operator does; what it printed.
    fn stop(&mut self) -> String {
        let Some(mut node) = self.node.take() else {
            return String::new();
        };
        let kill = Command::new("kill")
            .arg(node.id().to_string())
            .status()
            .unwrap();
        assert!(kill.success());
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = node.try_wait().unwrap() {
                break status;
            }
            if asked.elapsed() > PATIENCE {
                node.kill().unwrap();
                panic!("the node did not stop:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(
            status.success(),
            "the node ended with {status}:\n{}",
            self.log()
        );
        self.node_output
            .take()
            .map(|o| o.join().unwrap())
            .unwrap_or_default()
    }

    fn shown(&self, said: &Said) -> String {
        let mut text = said.stdout.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str("(no newline at the end)\n");
        }
        for line in said.stderr.lines() {
            let _ = writeln!(text, "! {line}");
        }
        if said.code != 0 {
            let _ = writeln!(text, "[{}]", said.code);
        }
        redact::redact(&text, self.root.path())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(mut node) = self.node.take() {
            let _gone = node.kill();
            let _reaped = node.wait();
        }
    }
}
