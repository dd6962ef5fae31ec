//! `quorate bundle publish | fetch`, `quorate replicas …`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use quorate_receipt::Timestamp;
use quorate_replication::{ContentHash, Endpoint, Peer, Ticket};

/// `quorate bundle publish`
#[derive(Debug, Args)]
#[command(
    after_help = "Serves until Ctrl-C. Whoever reaches the address and knows a hash can read its bytes: a ticket is an \
                  address, no permission. Only direct addresses are used: no relay, no discovery, no DNS."
)]
pub(crate) struct Publish {
    /// The files to add; without one, what was published before is served. If a process serves this directory already,
    /// it takes them over and this one ends
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// UDP address to listen on [default: that of the last time; at first 0.0.0.0 and a free port]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::value::address)]
    pub(crate) bind: Option<SocketAddr>,
}

/// `quorate bundle fetch`
#[derive(Debug, Args)]
#[command(
    after_help = "That the bytes are those of the hash says nothing of what they claim: both results are shown apart, and \
                  exit code 0 needs both. The hash is BLAKE3-256 of the file's exact bytes, and no CID."
)]
pub(crate) struct Fetch {
    /// Where to get it: the 'node-ticket' that 'publish' printed
    pub(crate) ticket: Ticket,
    /// What to get: the 'blake3-hash' that 'publish' printed; a ticket for another one is refused
    pub(crate) hash: ContentHash,
    /// Whom to believe, as for 'verify'
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_anchor: PathBuf,
    /// Save it here, if it verifies; '-' is no file name here
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The payload, if it came beside the bundle
    #[arg(long, value_name = "FILE")]
    pub(crate) payload: Option<PathBuf>,
    /// Show the payload that the bundle carries
    #[arg(long)]
    pub(crate) show_payload: bool,
    /// Refuse more than so many bytes before anything is downloaded
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 30)]
    pub(crate) max_size: u64,
    /// Judge age and expiry as of this time, RFC 3339 [default: the clock's]
    #[arg(long, value_name = "TIME", value_parser = super::value::time)]
    pub(crate) now: Option<Timestamp>,
}

/// `quorate replicas …`
#[derive(Debug, Subcommand)]
pub(crate) enum Replicas {
    /// Serve what is published and kept here, and keep copies for the machines that were added
    Serve {
        /// UDP address to listen on [default: that of the last time; at first 0.0.0.0 and a free port]
        #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::value::address)]
        bind: Option<SocketAddr>,
    },
    /// Add one of your machines: it may ask for copies to be kept here, and is asked to keep copies
    Add(Add),
    /// Forget a machine; what is kept for it stays
    Remove {
        /// Its key: what stands before the '@' of its name
        endpoint: Endpoint,
    },
    /// Show machines, files and what the last audit found; nobody is asked
    Status,
    /// Have every copy prove that it is there, and count the good ones
    Audit(Samples),
    /// As 'audit', and then repair what is damaged and copy what is missing
    Repair(Samples),
}

/// `quorate replicas add`
#[derive(Debug, Args)]
#[command(
    after_help = "Both machines add each other. 'quorate replicas serve' and 'quorate replicas status' print the name of \
                  the machine that they run on. A key without addresses may ask, and is not asked."
)]
pub(crate) struct Add {
    /// ENDPOINT@ADDRESS:PORT[,ADDRESS:PORT...]
    pub(crate) peer: Peer,
    /// Keep so many copies of each file that is published here, the one on this machine included [default: as before;
    /// at first one on every machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) copies: Option<u32>,
    /// Keep at most so many bytes here for that machine
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 30)]
    pub(crate) max_bytes: u64,
}

/// How hard to look.
#[derive(Debug, Args)]
#[command(
    after_help = "The copy on this machine is read in full. Of every other copy the last piece and some that nobody can \
                  foresee are asked for, each of 16 KiB and verified against the hash: if a part f of a copy is damaged, \
                  K pieces find it with probability 1 - (1 - f)^K. Exit code 1: too few good copies."
)]
pub(crate) struct Samples {
    /// Pieces of each copy on another machine
    #[arg(long, value_name = "K", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) samples: u32,
    /// Every piece: as much traffic as fetching it all
    #[arg(long, conflicts_with = "samples")]
    pub(crate) full: bool,
}

impl Samples {
    /// How many pieces.
    pub(crate) fn count(&self) -> u32 {
        if self.full { u32::MAX } else { self.samples }
    }
}
