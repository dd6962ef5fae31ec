//! `quorate-load`: measures a node from outside. The durability check comes first; a figure of a node that
//! does not keep its promises is not printed.
//!
//! `quorate-load all` prints the README's table. Client and node share the machine, so the client is made
//! cheap: requests are bytes made beforehand, one thread serves all single writers.
#![forbid(unsafe_code)]

mod bundle;
mod durability;
mod failure;
mod http;
mod ndjson;
mod node;
mod payload;
mod proofs;
mod quorum;
mod replicate;
mod session;
mod single;
mod table;
mod trace;
mod verify;
mod volume;
mod witness;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::{Failure, Result};
use crate::session::Session;

/// Load generator and durability check for a Quorate node.
#[derive(Parser)]
#[command(name = "quorate-load")]
pub(crate) struct Arguments {
    /// The program to measure [default: `quorate` beside this program]
    #[arg(long, global = true, value_name = "FILE")]
    quorate: Option<PathBuf>,
    /// Folder for data directories; must be on the disk to be measured [default: the system's temporary folder]
    #[arg(long, global = true, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Measure a node that runs already, without the durability check
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS:PORT",
        requires = "token_file"
    )]
    node: Option<SocketAddr>,
    /// The running node's operator.token
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Everything, as one table
    All(session::Sizes),
    /// Under strace: the data's sync and the seal's sync return before the answer is sent
    Durability,
    /// Single appends by many writers
    Single {
        /// Keep-alive connections, each with one append under way
        #[arg(long, default_value_t = 256)]
        writers: usize,
        /// How long
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Entries of a raw scroll instead of receipts
        #[arg(long)]
        raw: bool,
    },
    /// Streams of 300-byte receipts
    Ndjson {
        /// Receipts in all
        #[arg(long, default_value_t = 2_000_000)]
        receipts: u64,
        /// Connections
        #[arg(long, default_value_t = 1)]
        streams: u64,
    },
    /// One writer, nothing else: the time to a durable answer
    Latency {
        /// Appends in all
        #[arg(long, default_value_t = 2_000)]
        appends: u64,
    },
    /// Inclusion proofs verified on one core
    Proofs {
        /// Size of the tree
        #[arg(long, default_value_t = 5_000_000)]
        leaves: u64,
        /// How long
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// Time from starting the program on a filled data directory to its first answer
    Start(session::Volume),
    /// Resident memory with a filled data directory
    Rss(session::Volume),
    /// Disk use of a filled data directory against its payload
    Disk(session::Volume),
    /// A witness that co-signs for logs which grow as fast as it answers; its durability is checked first
    Witness(witness::Load),
    /// Appends that wait for their quorum, at a steady rate, with witnesses on this machine; durability is checked first
    Quorum(quorum::Load),
    /// Bundles of a session, verified by the library and by the program
    Bundle {
        /// Steps of the session
        #[arg(long, default_value_t = 1000)]
        steps: u64,
    },
    /// Files fetched from a program that publishes them, over loopback
    Replicate {
        /// Size of the file
        #[arg(long, default_value_t = 512)]
        mebibytes: u64,
    },
    /// Whole verifications on one core
    Verify {
        /// How long
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("quorate-load: {failure}");
            failure.exit_code()
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let session = Session::new(&arguments)?;
    let figures = match arguments.mode {
        Mode::Durability => {
            println!("{}", session.durability()?);
            println!("{}", session.witness_durability()?);
            return Ok(());
        }
        Mode::All(sizes) => session.all(&sizes)?,
        Mode::Single {
            writers,
            seconds,
            raw,
        } => vec![session.single(writers, seconds, raw)?],
        Mode::Ndjson { receipts, streams } => vec![session.ndjson(receipts, streams)?],
        Mode::Latency { appends } => vec![session.latency(appends)?],
        Mode::Proofs { leaves, seconds } => vec![proofs::figure(leaves, seconds)?],
        Mode::Start(volume) => session.volume(&volume)?.start,
        Mode::Rss(volume) => session.volume(&volume)?.memory,
        Mode::Disk(volume) => session.volume(&volume)?.disk,
        Mode::Witness(load) => vec![session.witness(load)?],
        Mode::Quorum(load) => vec![session.quorum(load)?],
        Mode::Bundle { steps } => session.bundle(steps)?,
        Mode::Replicate { mebibytes } => session.replicate(mebibytes)?,
        Mode::Verify { seconds } => vec![verify::figure(seconds)?],
    };
    table::print(&figures);
    Ok(())
}

impl Arguments {
    /// The program to measure.
    fn program(&self) -> Result<PathBuf> {
        let program = match &self.quorate {
            Some(program) => program.clone(),
            None => std::env::current_exe()
                .ok()
                .and_then(|own| Some(own.parent()?.join("quorate")))
                .unwrap_or_else(|| PathBuf::from("quorate")),
        };
        program.canonicalize().map_err(|e| {
            Failure::Missing(format!(
                "{}: {e}; build it with cargo build --release -p quorate",
                program.display()
            ))
        })
    }
}
