//! One run: a node to measure and the figures taken from it.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use tempfile::TempDir;

use crate::Arguments;
use crate::failure::{Doing, Failure, Result};
use crate::http::Target;
use crate::node::{self, Node};
use crate::payload::Template;
use crate::single::{self, Kind, Plan};
use crate::table::{Figure, Latencies, millis, thousands};
use crate::volume::{self, Filled};
use crate::{bundle, durability, ndjson, proofs, quorum, replicate, verify, witness};

/// How much `all` does.
#[derive(Args, Clone, Copy)]
pub(crate) struct Sizes {
    /// Receipts in the filled data directory
    #[arg(long, default_value_t = 5_000_000)]
    receipts: u64,
    /// Seconds for each load of single appends
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Writers of single appends
    #[arg(long, default_value_t = 256)]
    writers: usize,
    /// Connections of the NDJSON load
    #[arg(long, default_value_t = 1)]
    streams: u64,
}

/// A filled data directory.
#[derive(Args, Clone, Copy)]
pub(crate) struct Volume {
    /// Receipts to fill it with
    #[arg(long, default_value_t = 5_000_000)]
    pub(crate) receipts: u64,
}

/// Where to measure.
pub(crate) struct Session {
    place: Place,
}

enum Place {
    /// A node that runs already.
    Running(Target),
    /// Nodes of our own, on data directories that vanish with this value.
    Own { program: PathBuf, work: TempDir },
}

/// A node under measurement and the way to it.
struct Bench {
    node: Option<Node>,
    target: Target,
}

impl Bench {
    /// What both sides spent on processors since `began`, in cores: the reason behind a ceiling.
    fn cores(&self, since: &Spent) -> String {
        let wall = since.at.elapsed().as_secs_f64();
        let client = (node::own_cpu().saturating_sub(since.client)).as_secs_f64() / wall;
        match &self.node {
            Some(node) => {
                let server = (node.cpu().saturating_sub(since.server)).as_secs_f64() / wall;
                format!(" (node {server:.2} cores, client {client:.2})")
            }
            None => format!(" (client {client:.2} cores)"),
        }
    }

    fn spent(&self) -> Spent {
        Spent {
            at: Instant::now(),
            client: node::own_cpu(),
            server: self.node.as_ref().map(Node::cpu).unwrap_or_default(),
        }
    }
}

struct Spent {
    at: Instant,
    client: Duration,
    server: Duration,
}

impl Session {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self> {
        let place = match (arguments.node, &arguments.token_file) {
            (Some(address), Some(file)) => {
                let token = fs::read_to_string(file).doing(format!("read {}", file.display()))?;
                Place::Running(Target {
                    address,
                    token: token.trim_end().to_owned(),
                })
            }
            _ => {
                let parent = arguments.work.clone().unwrap_or_else(std::env::temp_dir);
                let work = tempfile::Builder::new()
                    .prefix("quorate-load-")
                    .tempdir_in(&parent)
                    .doing(format!("make a folder in {}", parent.display()))?;
                Place::Own {
                    program: arguments.program()?,
                    work,
                }
            }
        };
        Ok(Self { place })
    }

    /// The same of a witness.
    pub(crate) fn witness_durability(&self) -> Result<String> {
        let (program, work) = self.own()?;
        witness::durability(program, work)
    }

    /// A witness under load, after its durability check.
    pub(crate) fn witness(&self, load: witness::Load) -> Result<Figure> {
        let (program, work) = self.own()?;
        println!("{}", witness::durability(program, work)?);
        witness::figure(program, work, load)
    }

    /// Appends that wait for their quorum, after the durability checks.
    pub(crate) fn quorum(&self, load: quorum::Load) -> Result<Figure> {
        let (program, work) = self.own()?;
        eprintln!("{}", self.durability()?);
        eprintln!("{}", self.witness_durability()?);
        quorum::figure(program, work, load)
    }

    /// Bundles of a session with so many steps. Nothing is appended, so nothing has to be durable.
    pub(crate) fn bundle(&self, steps: u64) -> Result<Vec<Figure>> {
        let (program, work) = self.own()?;
        bundle::figures(program, work, steps)
    }

    /// A file of so many MiB between two processes. Nothing is appended: the node's durability is not part of it.
    pub(crate) fn replicate(&self, mebibytes: u64) -> Result<Vec<Figure>> {
        let (program, work) = self.own()?;
        replicate::figures(program, work, mebibytes)
    }

    fn own(&self) -> Result<(&std::path::Path, &std::path::Path)> {
        match &self.place {
            Place::Own { program, work } => Ok((program, work.path())),
            Place::Running(_) => Err(Failure::Missing(
                "a witness is only measured as a process of our own: leave --node out".to_owned(),
            )),
        }
    }

    /// The durability check, on a node of our own.
    pub(crate) fn durability(&self) -> Result<String> {
        match &self.place {
            Place::Own { program, work } => durability::check(program, work.path()),
            Place::Running(_) => Err(Failure::Missing(
                "the durability check starts its own node: leave --node out".to_owned(),
            )),
        }
    }

    /// A node to measure, checked for durability if it is ours.
    fn checked(&self) -> Result<Bench> {
        match &self.place {
            Place::Running(target) => Ok(Bench {
                node: None,
                target: target.clone(),
            }),
            Place::Own { .. } => {
                eprintln!("{}", self.durability()?);
                self.fresh("bench")
            }
        }
    }

    /// A node of our own on an empty data directory.
    fn fresh(&self, name: &str) -> Result<Bench> {
        match &self.place {
            Place::Running(target) => Ok(Bench {
                node: None,
                target: target.clone(),
            }),
            Place::Own { program, work } => {
                let node = Node::start(program, &work.path().join(name), &[])?;
                let target = node.target()?;
                Ok(Bench {
                    node: Some(node),
                    target,
                })
            }
        }
    }

    pub(crate) fn single(&self, writers: usize, seconds: u64, raw: bool) -> Result<Figure> {
        single_figure(&self.checked()?, writers, seconds, raw)
    }

    pub(crate) fn latency(&self, appends: u64) -> Result<Figure> {
        latency_figure(&self.checked()?, appends)
    }

    pub(crate) fn ndjson(&self, receipts: u64, streams: u64) -> Result<Figure> {
        ndjson_figure(&self.checked()?, receipts, streams)
    }

    pub(crate) fn volume(&self, volume: &Volume) -> Result<Filled> {
        let bench = self.checked()?;
        ndjson_figure(&bench, volume.receipts, 1)?;
        self.measure_filled(bench, volume.receipts)
    }

    fn measure_filled(&self, bench: Bench, receipts: u64) -> Result<Filled> {
        match (&self.place, bench.node) {
            (Place::Own { program, .. }, Some(node)) => volume::measure(program, node, receipts),
            _ => Err(Failure::Missing(
                "this needs a node of its own: leave --node out".to_owned(),
            )),
        }
    }

    /// The whole table.
    pub(crate) fn all(&self, sizes: &Sizes) -> Result<Vec<Figure>> {
        let durable = self.durability()?;
        eprintln!("{durable}");
        let mut figures = vec![Figure {
            name: "durability under strace".to_owned(),
            measured: durable,
            target: "sync before answer",
            met: Some(true),
            command: "durability".to_owned(),
        }];
        let mut add = |figure: Figure| {
            eprintln!("{}: {}", figure.name, figure.measured);
            figures.push(figure);
        };
        let bench = self.fresh("appends")?;
        add(latency_figure(&bench, 2_000)?);
        add(single_figure(&bench, sizes.writers, sizes.seconds, false)?);
        add(single_figure(&bench, sizes.writers, sizes.seconds, true)?);
        drop(bench);
        let bench = self.fresh("volume")?;
        add(ndjson_figure(&bench, sizes.receipts, sizes.streams)?);
        let filled = self.measure_filled(bench, sizes.receipts)?;
        filled
            .start
            .into_iter()
            .chain(filled.memory)
            .chain(filled.disk)
            .for_each(&mut add);
        add(proofs::figure(sizes.receipts, 5)?);
        add(verify::figure(5)?);
        Ok(figures)
    }
}

fn single_figure(bench: &Bench, writers: usize, seconds: u64, raw: bool) -> Result<Figure> {
    let (kind, scroll, format, flag) = if raw {
        (Kind::Raw, "LoadRaw", "raw", " --raw")
    } else {
        (Kind::Receipt, "LoadSingle", "receipts", "")
    };
    node::create_scroll(&bench.target, scroll, format)?;
    let template = Template::new(&run_name())?;
    let plan = Plan {
        scroll: scroll.to_owned(),
        kind,
        writers,
        time: Duration::from_secs(seconds),
    };
    let spent = bench.spent();
    let outcome = single::run(&bench.target, &plan, &template)?;
    let cores = bench.cores(&spent);
    let what = if raw { "raw entries" } else { "receipts" };
    Ok(Figure {
        name: format!("single appends of {what}, {writers} writers"),
        measured: format!("{}{cores}", outcome.text()),
        target: "≥ 20,000/s, p99 ≤ 25 ms",
        met: Some(
            outcome.rate() >= 20_000
                && outcome.latencies.percentile(99.0) <= Duration::from_millis(25),
        ),
        command: format!("single --writers {writers} --seconds {seconds}{flag}"),
    })
}

fn latency_figure(bench: &Bench, appends: u64) -> Result<Figure> {
    node::create_scroll(&bench.target, "LoadLatency", "receipts")?;
    let template = Template::new(&run_name())?;
    let mut connection = bench.target.connect()?;
    let mut all = Vec::new();
    for n in 0..appends {
        let body = template.receipt(n);
        let request = bench.target.request(
            "POST",
            "/scrolls/LoadLatency/receipts",
            "application/json",
            &body,
        );
        let began = Instant::now();
        connection.send(&request)?;
        connection.receive()?.expect(200, "append")?;
        all.push(began.elapsed());
    }
    let all = Latencies::new(all);
    let disk = bench
        .node
        .as_ref()
        .map(|node| volume::sync_time(node.data()))
        .transpose()?;
    let disk = disk
        .map(|d| format!("; one fdatasync here: p50 {}", millis(d)))
        .unwrap_or_default();
    Ok(Figure {
        name: "durable append, one writer, unloaded".to_owned(),
        measured: format!("{all}{disk}"),
        target: "p50 ≤ 1 ms",
        met: Some(all.percentile(50.0) <= Duration::from_millis(1)),
        command: format!("latency --appends {appends}"),
    })
}

fn ndjson_figure(bench: &Bench, receipts: u64, streams: u64) -> Result<Figure> {
    node::create_scroll(&bench.target, volume::SCROLL, "receipts")?;
    let template = Template::new(&run_name())?;
    let spent = bench.spent();
    let outcome = ndjson::run(
        &bench.target,
        volume::SCROLL,
        &template,
        0,
        receipts,
        streams,
    )?;
    Ok(Figure {
        name: format!("NDJSON, {} receipts of 300 bytes", thousands(receipts)),
        measured: format!("{}/s{}", thousands(outcome.rate()), bench.cores(&spent)),
        target: "≥ 300,000/s",
        met: Some(outcome.rate() >= 300_000),
        command: format!("ndjson --receipts {receipts} --streams {streams}"),
    })
}

/// A name that no other run has, so that a node measured twice gets different receipts.
fn run_name() -> String {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{:016x}", since.as_nanos() & u128::from(u64::MAX))
}
