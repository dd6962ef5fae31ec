//! `wait=quorate` under a steady load: a node, and witnesses of its own beside it, each a process with a disk of its own.
//!
//! The load is open: each append has a moment at which it is due, and its latency counts from there, so that a stall is
//! not hidden by writers that wait it out.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use quorate_note::{CosignSigner, KeyName, TlogProof, ed25519};
use quorate_policy::Policy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::failure::{Doing, Failure, Result};
use crate::http::{Reader, Target};
use crate::node::{self, Node, free_address};
use crate::payload::Template;
use crate::table::{Figure, Latencies, per_second, thousands};
use crate::witness::{self, Running};

/// The scroll.
const SCROLL: &str = "LoadQuorum";

/// How much load.
#[derive(Args, Clone, Copy)]
pub(crate) struct Load {
    /// Witnesses; all but one are needed
    #[arg(long, default_value_t = 3)]
    pub(crate) witnesses: u8,
    /// Appends a second
    #[arg(long, default_value_t = 1000)]
    pub(crate) rate: u64,
    /// Connections, each with one append under way
    #[arg(long, default_value_t = 128)]
    pub(crate) connections: u64,
    /// How long
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
}

/// A node whose scroll is witnessed.
struct Quorate {
    target: Target,
    _node: Node,
    _witnesses: Vec<Running>,
}

fn start(program: &Path, work: &Path, count: u8) -> Result<Quorate> {
    let mut witnesses = Vec::new();
    let (mut policy, mut names) = (String::new(), String::new());
    for n in 0..count {
        let name = format!("w{n}.load.example");
        let seed = 100 + n;
        let address = free_address()?;
        let running = witness::start_as(program, work, &name, seed, address)?;
        let key_name =
            KeyName::new(&name).map_err(|e| Failure::Missing(format!("no key name: {e}")))?;
        let secret = ed25519::SecretKey::from_seed([seed; 32]);
        let key = CosignSigner::ed25519(key_name, secret);
        let vkey = key.verifier_key();
        policy.push_str(&format!("witness w{n} {vkey} http://{address}\n"));
        names.push_str(&format!(" w{n}"));
        witnesses.push(running);
    }
    let needed = u8::max(1, count.saturating_sub(1));
    policy.push_str(&format!("group q {needed}{names}\nquorum q\n"));
    let file = work.join("quorum.policy");
    fs::write(&file, policy).doing("write the policy")?;
    let address = free_address()?;
    let (listen, file) = (address.to_string(), file.to_string_lossy().into_owned());
    let words = ["up", "--listen", &listen, "--policy", &file];
    let data = work.join("quorum");
    let node = Node::start_with(program, &data, &[], &words, address, "/scrolls", 200)?;
    let target = node.target()?;
    node::create_scroll(&target, SCROLL, "receipts")?;
    let shown = target.call("GET", &format!("/scrolls/{SCROLL}"), "text/plain", b"")?;
    let shown = shown.expect(200, "the scroll")?;
    let shown: serde_json::Value =
        serde_json::from_slice(&shown).map_err(|e| Failure::Broken(format!("no JSON: {e}")))?;
    let keys = shown["vkeys"].as_array().cloned().unwrap_or_default();
    for witness in &witnesses {
        for key in keys.iter().filter_map(serde_json::Value::as_str) {
            witness.follow(program, key)?;
        }
    }
    Ok(Quorate {
        target,
        _node: node,
        _witnesses: witnesses,
    })
}

/// Runs the load and gives its figure.
pub(crate) fn figure(program: &Path, work: &Path, load: Load) -> Result<Figure> {
    let quorate = start(program, work, load.witnesses)?;
    let policy = quorate.target.call(
        "GET",
        &format!("/scrolls/{SCROLL}/policy"),
        "text/plain",
        b"",
    )?;
    let policy = Policy::parse(&policy.expect(200, "the policy")?)
        .map_err(|e| Failure::Broken(format!("the policy that is served is none: {e}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing("start tokio")?;
    // The first one waits until the witnesses, which refused the scroll before they followed it, are asked again.
    let first = Load {
        rate: 1,
        connections: 1,
        seconds: 1,
        ..load
    };
    runtime.block_on(drive(&quorate.target, first, &policy))?;
    let began = Instant::now();
    let latencies = runtime.block_on(drive(&quorate.target, load, &policy))?;
    let elapsed = began.elapsed();
    let rate = per_second(latencies.len() as u64, elapsed);
    let latencies = Latencies::new(latencies);
    let met = rate >= load.rate * 95 / 100
        && latencies.percentile(50.0) <= Duration::from_millis(10)
        && latencies.percentile(99.0) <= Duration::from_millis(50);
    Ok(Figure {
        name: format!(
            "`wait=quorate`, {} local witnesses, {} appends/s due",
            load.witnesses,
            thousands(load.rate)
        ),
        measured: format!("{}/s, {latencies}", thousands(rate)),
        target: "p50 ≤ 10 ms, p99 ≤ 50 ms",
        met: (load.rate == 1000 && load.witnesses == 3).then_some(met),
        command: format!("quorum --rate {}", load.rate),
    })
}

async fn drive(target: &Target, load: Load, policy: &Policy) -> Result<Vec<Duration>> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let run = format!(
        "{:016x}",
        since.unwrap_or_default().as_nanos() & u128::from(u64::MAX)
    );
    let template = Arc::new(Template::new(&run)?);
    let path = format!("/scrolls/{SCROLL}/receipts?wait=quorate&timeout=60");
    let head = target.head("POST", &path, "application/json", template.len() as u64);
    let head: Arc<[u8]> = head.into_bytes().into();
    let mut writers = Vec::new();
    let began = Instant::now();
    for n in 0..load.connections {
        let stream = TcpStream::connect(target.address).await.doing("connect")?;
        stream.set_nodelay(true).doing("set TCP_NODELAY")?;
        let writer = Writer {
            stream,
            head: Arc::clone(&head),
            template: Arc::clone(&template),
            load,
            n,
            began,
            policy: policy.clone(),
        };
        writers.push(tokio::spawn(writer.run()));
    }
    let mut latencies = Vec::new();
    for writer in writers {
        let joined = writer.await;
        latencies.extend(joined.map_err(|e| Failure::Missing(format!("a writer stopped: {e}")))??);
    }
    Ok(latencies)
}

struct Writer {
    stream: TcpStream,
    head: Arc<[u8]>,
    template: Arc<Template>,
    load: Load,
    /// Which of the connections: it sends append `n`, `n + connections`, …
    n: u64,
    began: Instant,
    policy: Policy,
}

impl Writer {
    async fn run(mut self) -> Result<Vec<Duration>> {
        let mut reader = Reader::default();
        let mut latencies = Vec::new();
        let mut answer = Vec::new();
        for n in (self.n..self.load.rate * self.load.seconds).step_by(step(self.load)) {
            let due = self.began + Duration::from_micros(n * 1_000_000 / self.load.rate);
            tokio::time::sleep_until(due.into()).await;
            let mut request = self.head.to_vec();
            self.template.write(n, &mut request);
            self.stream
                .write_all(&request)
                .await
                .doing("send an append")?;
            answer = loop {
                if let Some(answer) = reader.take()? {
                    break answer.expect(200, "an append that waits for its quorum")?;
                }
                let read = self.stream.read_buf(reader.buffer()).await;
                if read.doing("read an answer")? == 0 {
                    return Err(Failure::Broken(
                        "a connection closed before its answer".to_owned(),
                    ));
                }
            };
            latencies.push(due.elapsed());
        }
        if !answer.is_empty() {
            check(&answer, &self.policy)?;
        }
        Ok(latencies)
    }
}

fn step(load: Load) -> usize {
    usize::try_from(load.connections).unwrap_or(usize::MAX)
}

/// The last answer of each connection is one that an auditor would take.
fn check(answer: &[u8], policy: &Policy) -> Result<()> {
    let broken =
        |what: &dyn std::fmt::Display| Failure::Broken(format!("a quorate answer: {what}"));
    let answer: serde_json::Value = serde_json::from_slice(answer).map_err(|e| broken(&e))?;
    let proof = answer["proof"].as_str().unwrap_or_default();
    let proof = TlogProof::parse(proof.as_bytes()).map_err(|e| broken(&e))?;
    let (_, verdict) = policy.verify(proof.checkpoint).map_err(|e| broken(&e))?;
    match verdict.quorum_met() {
        Some(_) => Ok(()),
        None => Err(broken(&"its checkpoint is not quorate")),
    }
}
