//! A log on a web server, witnesses' keys, and a monitor that remembers.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use quorate_node::watch::{Checked, Finding, Monitor, Place, Watch};
use quorate_note::CosignSigner;
use quorate_policy::Policy;
use quorate_testkit::server::Server;
use quorate_testkit::site::{self, Files, Log, entries};
use sha2::{Digest as _, Sha256};

pub(crate) const ORIGIN: &str = "log.example/a";

pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// A log of which the first `common` entries are those of every history.
pub(crate) fn history(name: &str, count: usize, common: usize) -> Log {
    Log::new(ORIGIN, 1, &entries(count, common, name))
}

pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) state: tempfile::TempDir,
    pub(crate) keys: [CosignSigner; 3],
    pub(crate) watch: Watch,
}

impl Rig {
    /// With a policy that asks for two of three witnesses, whatever the log.
    pub(crate) fn new() -> Self {
        let keys = [0, 1, 2].map(|i| site::witness(&format!("w{i}.example"), 30 + i));
        let mut text = format!("log {}\n", history("", 1, 1).vkey());
        let other = Log::new("log.example/b", 2, &[]);
        text.push_str(&format!("log {}\n", other.vkey()));
        for (i, key) in keys.iter().enumerate() {
            text.push_str(&format!("witness w{i} {}\n", key.verifier_key()));
        }
        text.push_str("group q 2 w0 w1 w2\nquorum q\n");
        let server = Server::of(Files::new());
        let state = tempfile::tempdir().unwrap();
        let watch = Watch {
            logs: vec![server.url().parse().unwrap()],
            policies: vec![text.parse().unwrap()],
            witnesses: Vec::new(),
            max_age: Some(Duration::from_secs(3600)),
            state: state.path().join("memory"),
        };
        Self {
            server,
            state,
            keys,
            watch,
        }
    }

    /// With `quorum none`.
    pub(crate) fn unwitnessed() -> Self {
        let mut rig = Self::new();
        let text = format!("log {}\nquorum none\n", history("", 1, 1).vkey());
        rig.watch.policies = vec![text.parse::<Policy>().unwrap()];
        rig
    }

    pub(crate) fn place(&self) -> Place {
        self.watch.logs[0].clone()
    }

    /// The log's files under a head that two witnesses co-signed just now.
    pub(crate) fn files(&self, log: &Log, size: u64) -> Files {
        log.files(size, &[(&self.keys[0], now()), (&self.keys[2], now())])
    }

    pub(crate) fn show(&self, log: &Log, size: u64) {
        self.server.now_of(self.files(log, size));
    }

    /// A monitor of its own for each check, so that everything that counts is on the disk.
    pub(crate) async fn check(&self) -> Checked {
        let monitor = Monitor::open(self.watch.clone()).unwrap();
        monitor.check(&self.place()).await
    }

    /// What is found, once the log shows this.
    pub(crate) async fn found(&self, log: &Log, size: u64) -> Vec<&'static str> {
        self.show(log, size);
        codes(&self.check().await)
    }

    /// The file that remembers what the log's address showed.
    pub(crate) fn place_record(&self, place: &Place) -> PathBuf {
        let name = format!("{}.json", hex(&place.to_string()));
        self.watch.state.join("places").join(name)
    }

    pub(crate) fn evidence(&self) -> BTreeSet<PathBuf> {
        let dir = self.watch.state.join("evidence");
        let entries = std::fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// A witness at an address of its own, which shows monitors what it co-signed.
pub(crate) fn witness(note: Vec<u8>) -> Server {
    let path = format!("{}/checkpoint", hex(ORIGIN));
    Server::of(Files::from([(path, note)]))
}

pub(crate) fn hex(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub(crate) fn codes(checked: &Checked) -> Vec<&'static str> {
    checked.findings.iter().map(Finding::code).collect()
}
