//! The processes on the scene and how they are spoken to.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{DOMAINS, Domain};
use crate::failure::{Failure, Result, doing, promise};
use crate::http::{self, Answer};
use crate::process::{Place, Running, Said};
use crate::screen::Screen;

/// The scroll that is written, attacked and verified.
pub(super) const SCROLL: &str = "Journal";
/// What this run did, a line each: what the scroll records.
pub(super) const JOURNAL: &str = "journal.log";
/// The policy that node and auditor hold.
pub(super) const POLICY: &str = "quorum.policy";
/// The auditor's policy: the same quorum, and the log's keys.
pub(super) const AUDITOR: &str = "my.policy";

/// How long a busy machine may take for what takes moments.
const PATIENCE: Duration = Duration::from_secs(120);

/// One witness.
pub(super) struct Witness {
    pub(super) domain: &'static Domain,
    pub(super) address: String,
    pub(super) vkey: String,
    running: Option<Running>,
}

/// The log, its witnesses, and somebody who looks on.
pub(super) struct Scene<'a> {
    pub(super) place: &'a Place,
    pub(super) screen: &'a Screen,
    pub(super) witnesses: Vec<Witness>,
    pub(super) origin: String,
    node: Option<(Running, String)>,
}

/// The name under which a witness co-signs.
pub(super) fn key_name(domain: &Domain) -> String {
    format!("witness.example/{}", domain.name)
}

/// Where a witness's seed lies.
pub(super) fn seed_file(domain: &Domain) -> String {
    format!("{}.seed", domain.name)
}

/// A string member of an answer, or nothing.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// A number of an answer.
pub(super) fn number(value: &Value, pointer: &str) -> Result<u64> {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.ok_or_else(|| Failure::Answer {
        from: format!("who was asked for {pointer}"),
        said: value.to_string(),
    })
}

impl<'a> Scene<'a> {
    pub(super) fn new(place: &'a Place, screen: &'a Screen) -> Self {
        Self {
            place,
            screen,
            witnesses: Vec::new(),
            origin: String::new(),
            node: None,
        }
    }

    /// Makes the key of every witness and starts it on a free port.
    pub(super) fn start_witnesses(&mut self) -> Result<()> {
        for domain in &DOMAINS {
            let (name, seed) = (key_name(domain), seed_file(domain));
            let made = ["key", "generate", "--name", &name, "-o", &seed];
            let made = self.place.json("nowhere", &made)?;
            self.witnesses.push(Witness {
                domain,
                address: "127.0.0.1:0".to_owned(),
                vkey: text(&made, "/vkey").to_owned(),
                running: None,
            });
        }
        (0..DOMAINS.len()).try_for_each(|i| self.start_witness(i))
    }

    /// Starts a witness where it was before.
    pub(super) fn start_witness(&mut self, i: usize) -> Result<()> {
        let Some(witness) = self.witnesses.get_mut(i) else {
            return Ok(());
        };
        let (name, seed) = (key_name(witness.domain), seed_file(witness.domain));
        let words = ["witness", "serve", "--bind", &witness.address];
        let flags = ["--witness-name", &name, "--seed-file", &seed];
        let running = self
            .place
            .serve(witness.domain.name, &[&words[..], &flags].concat())?;
        witness.address = running.address("witness_listen")?;
        witness.running = Some(running);
        Ok(())
    }

    /// Kills a witness.
    pub(super) fn stop_witness(&mut self, i: usize) {
        if let Some(witness) = self.witnesses.get_mut(i) {
            witness.running = None;
        }
    }

    pub(super) fn start_node(&mut self, flags: &[&str]) -> Result<()> {
        let words = [
            "up",
            "--listen",
            "127.0.0.1:0",
            "--origin-prefix",
            "log.example",
        ];
        let running = self.place.serve("node", &[&words[..], flags].concat())?;
        let address = running.address("listen")?;
        self.node = Some((running, address));
        Ok(())
    }

    /// Kills the node, as if the power went.
    pub(super) fn stop_node(&mut self) {
        self.node = None;
    }

    pub(super) fn node_address(&self) -> &str {
        self.node.as_ref().map_or("", |(_, address)| address)
    }

    /// A data directory under another name.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        let done = std::fs::rename(self.place.path(from), self.place.path(to));
        doing(format!("rename {from} to {to}"), done)
    }

    /// Writes a line about what was done into the journal.
    pub(super) fn note(&self, what: &str) -> Result<String> {
        let line = format!("{} {what}", jiff::Timestamp::now());
        let mut text = self.place.read(JOURNAL).unwrap_or_default();
        text.push_str(&line);
        text.push('\n');
        self.place.write(JOURNAL, text)?;
        Ok(line)
    }

    /// Records a line over HTTP; answers when it is quorate, or after so many seconds.
    pub(super) fn record(&self, line: &str, seconds: u64) -> Result<(u16, Value)> {
        let token = self.place.read("node/operator.token")?;
        let head = format!(
            "authorization: Bearer {}\r\ncontent-type: application/json\r\n",
            token.trim()
        );
        let path = format!("/scrolls/{SCROLL}/receipts?wait=quorate&timeout={seconds}");
        let body = json!({"type": "log_line", "line": line}).to_string();
        let answer = http::call(self.node_address(), "POST", &path, &head, body.as_bytes())?;
        let value = serde_json::from_str(&answer.body).map_err(|_| Failure::Answer {
            from: "the node".to_owned(),
            said: answer.body,
        })?;
        Ok((answer.status, value))
    }

    /// The same where it has to become quorate; what was answered.
    pub(super) fn record_quorate(&self, what: &str) -> Result<Value> {
        let line = self.note(what)?;
        let (status, answer) = self.record(&line, 60)?;
        let holds = status == 200 && text(&answer, "/watermark") == "quorate";
        promise("what enough witnesses co-sign is quorate", holds, &answer)?;
        Ok(answer)
    }

    /// The scroll as `quorate log show` has it.
    pub(super) fn info(&self) -> Result<Value> {
        self.place.json("node", &["log", "show", SCROLL])
    }

    /// Waits until the scroll is as promised.
    pub(super) fn until(&self, promised: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
        let begun = Instant::now();
        loop {
            let info = self.info()?;
            if holds(&info) {
                return Ok(info);
            }
            promise(promised, begun.elapsed() < PATIENCE, &info)?;
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// Asks a witness to co-sign.
    pub(super) fn ask(&self, witness: &Witness, request: &[u8]) -> Result<Answer> {
        http::call(&witness.address, "POST", "/add-checkpoint", "", request)
    }

    /// Verifies offline, with the auditor's own policy: `NAME.tlog-proof` and `NAME.entry`.
    pub(super) fn verify(&self, name: &str) -> Result<Said> {
        let (proof, entry) = (format!("{name}.tlog-proof"), format!("{name}.entry"));
        let words = ["verify", &proof, "--entry", &entry, "--policy", AUDITOR];
        self.screen
            .command(&format!("quorate {}", words.join(" ")))?;
        self.place.run("nowhere", &words)
    }
}
