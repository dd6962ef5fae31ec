//! `quorate log audit`, `monitor` and `evidence` as a person and as cron run them, on a log that forks.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its log must stop"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use quorate_note::CosignSigner;
use quorate_testkit::server::{Reply, Server, serving};
use quorate_testkit::site::{Log, entries, witness};
use serde_json::Value;

/// How long a busy machine may take for what takes moments.
const PATIENCE: Duration = Duration::from_secs(60);

struct Rig {
    root: tempfile::TempDir,
    server: Server,
    keys: [CosignSigner; 3],
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn history(name: &str, common: usize) -> Log {
    Log::new("log.example/a", 1, &entries(900, common, name))
}

impl Rig {
    fn new() -> Self {
        let rig = Self {
            root: tempfile::tempdir().unwrap(),
            server: Server::of(history("", 900).files(0, &[])),
            keys: [0, 1, 2].map(|i| witness(&format!("w{i}.example"), 40 + i)),
        };
        let mut policy = format!("log {}\n", history("", 900).vkey());
        for (i, key) in rig.keys.iter().enumerate() {
            policy.push_str(&format!("witness w{i} {}\n", key.verifier_key()));
        }
        policy.push_str("group q 2 w0 w1 w2\nquorum q\n");
        fs::write(rig.path("policy"), policy).unwrap();
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn show(&self, log: &Log, size: u64) {
        let cosigned = [(&self.keys[0], now()), (&self.keys[1], now())];
        self.server.now_of(log.files(size, &cosigned));
    }

    fn quorate(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command
            .env_clear()
            .env("HOME", self.root.path())
            .current_dir(self.root.path())
            .args(["log"])
            .args(words)
            .stdin(Stdio::null());
        command
    }

    /// Exit code, standard output, standard error.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.quorate(words).output().unwrap();
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn audit(&self) -> (i32, String, String) {
        self.run(&["audit", &self.server.url(), "--policy", "policy"])
    }

    fn monitor(&self) -> (i32, String, String) {
        let url = self.server.url();
        self.run(&[
            "monitor", &url, "--policy", "policy", "--state", "memory", "--quiet",
        ])
    }

    fn evidence(&self, file: &str) -> (i32, String, String) {
        self.run(&["evidence", file, "--policy", "policy"])
    }
}

#[test]
fn cron_hears_nothing_while_all_is_well_and_gets_proof_when_it_is_not() {
    let rig = Rig::new();
    let (a, b) = (history("", 900), history("b", 250));
    rig.show(&a, 300);
    assert_eq!(rig.monitor(), (0, String::new(), String::new()));
    rig.show(&a, 800);
    assert_eq!(rig.monitor(), (0, String::new(), String::new()));
    let (code, said, _) = rig.audit();
    assert_eq!(code, 0);
    assert!(said.contains("Verdict: quorate"), "{said}");
    assert!(said.contains("800 entries"), "{said}");

    rig.show(&b, 850);
    let (code, said, error) = rig.monitor();
    assert_eq!(code, 1);
    assert!(
        said.contains("split-view") && error.contains("split-view"),
        "{said}{error}"
    );
    // The fork is whole in itself: an audit alone does not see it, and says that it would not.
    let (code, said, _) = rig.audit();
    assert_eq!(code, 0);
    assert!(said.contains("continues what"), "{said}");

    let kept = fs::read_dir(rig.path("memory/evidence")).unwrap();
    let mut kept: Vec<PathBuf> = kept.map(|e| e.unwrap().path()).collect();
    kept.sort();
    let [proof, description] = &kept[..] else {
        panic!("{kept:?}")
    };
    let (code, said, _) = rig.evidence(proof.to_str().unwrap());
    assert_eq!(code, 0, "{said}");
    assert!(
        said.starts_with("Proven: log.example/a signed two heads"),
        "{said}"
    );
    let json = rig
        .run(&[
            "evidence",
            proof.to_str().unwrap(),
            "--policy",
            "policy",
            "--json",
        ])
        .1;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["kind"], "inconsistency");
    assert_eq!(
        (&json["heads"][0]["size"], &json["heads"][1]["size"]),
        (&800.into(), &850.into())
    );

    // The description is for people, and half a proof is none.
    assert_eq!(rig.evidence(description.to_str().unwrap()).0, 1);
    let whole = fs::read(proof).unwrap();
    fs::write(rig.path("half"), &whole[..whole.len() - 9]).unwrap();
    assert_eq!(rig.evidence("half").0, 1);
    // One size, two roots.
    rig.show(&history("c", 700), 800);
    assert_eq!(rig.monitor().0, 1);
    let same_size = fs::read_dir(rig.path("memory/evidence")).unwrap();
    let same_size = same_size
        .map(|e| e.unwrap().path())
        .find(|p| !kept.contains(p) && p.extension().unwrap() == "evidence");
    let words = [
        "evidence",
        same_size.as_ref().unwrap().to_str().unwrap(),
        "--policy",
        "policy",
        "--json",
    ];
    let json: Value = serde_json::from_str(&rig.run(&words).1).unwrap();
    assert_eq!(json["kind"], "equivocation");
}

#[test]
fn an_alarm_outweighs_a_log_that_cannot_be_asked() {
    let rig = Rig::new();
    rig.show(&history("", 900), 300);
    let gone = Server::of(history("", 900).files(0, &[]));
    let (url, away) = (rig.server.url(), gone.url());
    drop(gone);
    let words = ["monitor", &url, &away, "--policy", "policy", "--quiet"];
    let (code, said, _) = rig.run(&words);
    assert_eq!(code, 3, "{said}");
    assert!(!said.contains(&url), "what is well is not told: {said}");
    assert!(
        rig.path(".local/share/quorate-monitor/LOCK").exists(),
        "the default"
    );
    rig.show(&history("", 900), 200);
    let (code, said, error) = rig.run(&words);
    assert_eq!(code, 1, "{said}");
    assert!(
        error.contains("rollback") && error.contains("unreachable"),
        "{error}"
    );
}

/// Of a restricted scroll everybody sees the head and nobody the tiles: to try again would not help.
#[test]
fn an_audit_of_a_restricted_log_says_what_to_do_about_it() {
    let rig = Rig::new();
    let cosigned = [(&rig.keys[0], now()), (&rig.keys[1], now())];
    let mut serve = serving(history("", 900).files(300, &cosigned));
    rig.server.now(move |path| match path {
        "checkpoint" => serve(path),
        _ => Reply::status(401, Vec::new()),
    });
    let (code, said, error) = rig.audit();
    assert_eq!((code, said), (3, String::new()), "{error}");
    let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(error.contains("--visibility public"), "{error}");
    assert!(error.contains("log export --tiles"), "{error}");
    assert!(!error.contains("and try again"), "{error}");
    // Every word of a report has its place within the screen, but for those that are longer.
    rig.show(&history("", 900), 300);
    let (code, said, error) = rig.audit();
    assert_eq!(code, 0, "{error}");
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
    assert!(said.contains("  root\n    sha256:"), "{said}");
}

/// Cron's reader may be gone and the disk full: all logs are checked, and the exit code is that of what was found.
#[test]
fn an_alarm_is_an_alarm_even_if_nobody_reads_it() {
    let rig = Rig::new();
    let well = Rig::new();
    let log = history("", 900);
    let (url, quiet) = (rig.server.url(), well.server.url());
    let run = |logs: &[&str], nowhere: Stdio| {
        let mut command = rig.quorate(&[&["monitor", "--policy", "policy"], logs].concat());
        let ended = command.stdout(nowhere).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        (ended.status.code().unwrap(), said)
    };
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    let full = || {
        let device = fs::File::options().write(true).open("/dev/full");
        Stdio::from(device.unwrap())
    };
    rig.show(&log, 300);
    // Another address of the same log, whose answer stands first.
    let files = log.files(300, &[(&rig.keys[0], now()), (&rig.keys[1], now())]);
    well.server.now_of(files);
    let logs = [quiet.as_str(), url.as_str()];
    assert_eq!(run(&logs, closed()).0, 0, "all is well");
    let (code, said) = run(&logs, full());
    assert_eq!(code, 3, "all is well, and the answer is lost: {said}");
    assert!(said.contains("standard output"), "{said}");
    rig.show(&log, 200);
    for nowhere in [closed(), full()] {
        let (code, said) = run(&logs, nowhere);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("rollback") && said.contains(&url), "{said}");
    }
}

/// A witness that cannot be asked must not pass for one that never co-signed.
#[test]
fn a_witness_that_is_nowhere_is_refused_by_name() {
    let rig = Rig::new();
    rig.show(&history("", 900), 300);
    let url = rig.server.url();
    let words = [
        "monitor",
        &url,
        "--policy",
        "policy",
        "--witness",
        "nowhere",
    ];
    let (code, said, error) = rig.run(&words);
    assert_eq!((code, said), (2, String::new()), "{error}");
    assert!(error.contains("witness at nowhere"), "{error}");
    let policy = fs::read_to_string(rig.path("policy")).unwrap();
    let key = rig.keys[1].verifier_key().to_string();
    let policy = policy.replace(&key, &format!("{key} witness.example/w1"));
    fs::write(rig.path("policy"), policy).unwrap();
    let (code, said, error) = rig.run(&words[..4]);
    assert_eq!((code, said), (1, String::new()), "{error}");
    let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(error.contains("witness w1 cannot be asked"), "{error}");
    assert!(error.contains("--logs-only"), "{error}");
    let words = ["monitor", &url, "--policy", "policy", "--logs-only"];
    assert_eq!(rig.run(&words).0, 0);
}

#[test]
fn without_a_quorum_an_audit_names_who_is_missing_and_reads_nothing_else() {
    let rig = Rig::new();
    let log = history("", 900);
    let files = log.files(300, &[(&rig.keys[1], now())]);
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked);
    let mut serve = serving(files);
    rig.server.now(move |path| {
        seen.lock().unwrap().push(path.to_owned());
        serve(path)
    });
    let (code, said, error) = rig.audit();
    assert_eq!((code, said), (1, String::new()));
    let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        error.contains("needs 2 of 3 and has 1; satisfied: w1; missing: w0, w2"),
        "{error}"
    );
    assert_eq!(*asked.lock().unwrap(), ["checkpoint"]);
}

#[test]
fn a_service_watches_until_it_is_told_to_stop() {
    let rig = Rig::new();
    rig.show(&history("", 900), 300);
    let url = rig.server.url();
    let words = [
        "monitor",
        &url,
        "--policy",
        "policy",
        "--state",
        "memory",
        "--serve",
        "127.0.0.1:0",
        "--every",
        "1s",
        "--json",
    ];
    let log = fs::File::create(rig.path("log")).unwrap();
    let mut service = rig
        .quorate(&words)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(service.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let start: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&start["every_seconds"], &start["logs"][0]),
        (&1.into(), &url.clone().into())
    );
    let address = start["listen"]
        .as_str()
        .unwrap()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let until = |line: String| {
        let begun = Instant::now();
        while !get("/metrics").lines().any(|l| l == line) {
            assert!(begun.elapsed() < PATIENCE, "{line}\n{}", get("/metrics"));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until(format!(
        "quorate_monitor_remembered_size{{url=\"{url}\"}} 300"
    ));
    assert!(get("/healthz").ends_with("ok\n"));
    assert_eq!(rig.monitor().0, 3, "one run at a time");
    rig.show(&history("", 900), 250);
    until(format!(
        "quorate_monitor_finding{{url=\"{url}\",finding=\"rollback\"}} 1"
    ));
    rig.show(&history("", 900), 350);
    until(format!(
        "quorate_monitor_finding{{url=\"{url}\",finding=\"rollback\"}} 0"
    ));

    let id = service.id().to_string();
    assert!(Command::new("kill").arg(id).status().unwrap().success());
    assert_eq!(service.wait().unwrap().code(), Some(0));
    let said = fs::read_to_string(rig.path("log")).unwrap();
    assert!(
        said.contains("the log went back: it showed 300 entries before, and shows 250 now"),
        "{said}"
    );
    assert!(said.contains("no longer so"), "{said}");
    assert_eq!(rig.monitor(), (0, String::new(), String::new()));
}
