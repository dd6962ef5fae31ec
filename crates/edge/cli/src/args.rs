//! The arguments, and nothing but the arguments: what clap understood, before anything is opened.
//!
//! Two stages. Here words become typed values and every mistake that can be seen without the world is a
//! usage error (exit 2). The modules under `command` then act on those values.

mod follow;
mod import;
pub(crate) mod policy;
mod provenance;
mod replication;
mod selector;
mod settings;
mod value;
mod watch;
mod when;
mod witness;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub(crate) use follow::Follow;
pub(crate) use import::Import;
pub(crate) use policy::Policy;
pub(crate) use provenance::{Actor, Bundle, Parent, Session, Source, Step, TrustAnchor};
pub(crate) use replication::{Fetch, Publish, Replicas};
pub(crate) use selector::Selector;
pub(crate) use settings::{Completions, Config, Man};
pub(crate) use watch::{Audit, Evidence, Monitor};
pub(crate) use when::When;
pub(crate) use witness::{Serve, Witness};

/// Append-only logs whose every line can be proved, and whose rewriting can be noticed.
#[derive(Debug, Parser)]
#[command(
    name = "quorate",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 refused or not verified, 2 usage, 3 environment (disk, network).\n\
                  'quorate up' starts a node; every other command talks to it over the socket in its data \
                  directory, or opens the directory read-only when no node runs."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) action: Action,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The data directory [default: $QUORATE_DATA_DIR or ~/.local/share/quorate]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Settings in TOML, weaker than environment and flags [default: $QUORATE_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Answer in JSON, one document per line; errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Start a node
    Up(Up),
    /// Append receipts, text lines or sealed content to a scroll
    Append(Append),
    /// Create, read, check and export scrolls
    #[command(subcommand, arg_required_else_help = true)]
    Log(Log),
    /// Write a proof that an entry is in a scroll
    Prove(Prove),
    /// Verify a proof with nothing but files
    Verify(Verify),
    /// Who may record sessions, and with which keys
    #[command(subcommand, arg_required_else_help = true)]
    Actor(Actor),
    /// Record what an agent or service does, step by step
    #[command(subcommand, arg_required_else_help = true)]
    Session(Session),
    /// Sessions as files that anyone can check anywhere
    #[command(subcommand, arg_required_else_help = true)]
    Bundle(Bundle),
    /// Copies of published bundles on your own machines
    #[command(subcommand, arg_required_else_help = true)]
    Replicas(Replicas),
    /// Whom and what to believe, in one file for every tool
    #[command(subcommand, arg_required_else_help = true)]
    TrustAnchor(TrustAnchor),
    /// Show, write, check and compare quorum policies
    #[command(subcommand, arg_required_else_help = true)]
    Policy(Policy),
    /// The node's identity and its keys
    #[command(subcommand, arg_required_else_help = true)]
    Key(Key),
    /// Co-sign for other logs, so that nobody can rewrite them alone
    #[command(subcommand, arg_required_else_help = true)]
    Witness(Witness),
    /// Tokens for programs that write over HTTP
    #[command(subcommand, arg_required_else_help = true)]
    Token(Token),
    /// Print a link that logs a browser in to the console, once
    Login,
    /// Copy the data directory while the node runs
    Backup(Backup),
    /// Put a backup into an empty data directory
    Restore(Restore),
    /// Show and explain the configuration
    #[command(subcommand, arg_required_else_help = true)]
    Config(Config),
    /// Print completions for a shell
    Completions(Completions),
    /// Print or write manual pages
    Man(Man),
}

/// `quorate up`
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Address of the HTTP API [default: 127.0.0.1:8484]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = value::address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Prefix of the origins of scrolls made from now on: a domain you own [default: the node's fingerprint]
    #[arg(long, value_name = "PREFIX")]
    pub(crate) origin_prefix: Option<String>,
    /// Another host name that requests may use (repeatable)
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// The policy whose quorum of witnesses must co-sign every head [default: $QUORATE_POLICY, or none]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Append every line written to FILE; follows rotation (repeatable, each with its --scroll)
    #[arg(long = "follow", value_name = "FILE", requires = "follow_scroll")]
    follow_file: Vec<PathBuf>,
    /// The scroll that the --follow before it fills
    #[arg(
        long = "scroll",
        id = "follow_scroll",
        value_name = "NAME",
        requires = "follow_file"
    )]
    follow_scroll: Vec<String>,
    /// The --follow before it is any text, not JSON receipts
    #[arg(
        long = "raw",
        id = "follow_raw",
        num_args = 0,
        default_missing_value = "true",
        requires = "follow_file"
    )]
    follow_raw: Vec<bool>,
    /// The three above, paired by their order on the command line.
    #[arg(skip)]
    pub(crate) follow: Vec<Follow>,
}

/// `quorate append`
#[derive(Debug, Args)]
#[command(
    after_help = "Reads JSON lines: a missing timestamp is added, a missing type is refused. What was made durable \
                  before a bad line stays, and the command says how far it got."
)]
pub(crate) struct Append {
    /// The scroll to append to
    #[arg(long, value_name = "NAME")]
    pub(crate) scroll: String,
    /// The file to read; '-' or nothing is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Lines of any text: receipts {"type":"log_line","line":…}, or the entries of a raw scroll
    #[arg(long)]
    pub(crate) raw: bool,
    /// Keep the whole input beside the log behind a salted commitment, erasable later
    #[arg(long, conflicts_with = "raw")]
    pub(crate) seal: bool,
    /// The type of the receipt that --seal makes
    #[arg(
        long = "type",
        value_name = "TYPE",
        requires = "seal",
        default_value = "sealed_content"
    )]
    pub(crate) type_: String,
    /// Append without a node: takes the lock of the data directory and signs nothing
    #[arg(long)]
    pub(crate) offline: bool,
}

/// What a scroll holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Canonical JSON receipts
    Receipts,
    /// Opaque entries of up to 65535 bytes
    Raw,
}

impl Format {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Receipts => "receipts",
            Self::Raw => "raw",
        }
    }
}

/// Who may read a scroll's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Visibility {
    /// The operator, and writers of the scroll
    Restricted,
    /// Anybody
    Public,
}

impl Visibility {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Public => "public",
        }
    }
}

/// `quorate log …`
#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// Make a scroll; its name, format, visibility and origin never change
    Create {
        /// Letters, digits, '-' and '_'; begins with a letter; at most 64
        name: String,
        /// What it holds
        #[arg(long, value_enum, default_value_t = Format::Receipts)]
        format: Format,
        /// Who may read its contents; heads are never secret
        #[arg(long, value_enum, default_value_t = Visibility::Restricted)]
        visibility: Visibility,
    },
    /// List the scrolls
    List,
    /// Show one scroll: size, head, keys, newest checkpoint
    Show {
        /// The scroll
        name: String,
    },
    /// Write one entry's exact bytes
    Get {
        /// The scroll
        name: String,
        /// Which entry: INDEX, HASH or ID
        #[arg(value_name = "INDEX|HASH|ID")]
        entry: Selector,
        /// The sealed content the receipt commits to, instead of the receipt
        #[arg(long)]
        content: bool,
        /// Write to FILE instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show the newest entries
    Tail(Tail),
    /// Write the whole record: JSON lines or length-framed raw entries; or a web server's files
    Export {
        /// The scroll
        name: String,
        /// Write to FILE instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Write the tiled log (c2sp.org/tlog-tiles) into DIR; later only what is new
        #[arg(long, value_name = "DIR", conflicts_with = "output")]
        tiles: Option<PathBuf>,
    },
    /// Show the newest signed head
    Root {
        /// The scroll
        name: String,
        /// Write the signed note itself, octet for octet
        #[arg(long)]
        note: bool,
    },
    /// Rebuild everything from the record and name the first difference
    Fsck {
        /// One scroll [default: all]
        name: Option<String>,
        /// Rebuild derived files, never the record; needs the node stopped
        #[arg(long)]
        repair: bool,
    },
    /// Let the heads of a halted scroll be signed again
    #[command(
        long_about = "Let the heads of a halted scroll be signed again.\n\nA scroll is halted when a witness says that it \
            co-signed more than this node ever signed, or something else. Either this disk is an older copy: stop the node \
            and bring back the newer one. Or somebody else has this node's log key: rotate it, and compare the witness's \
            checkpoint with yours. Or the witness lies: take it out of the policy and restart.\n\nAfterwards the witnesses \
            are asked again, and one that still claims the same halts the scroll again."
    )]
    Resume {
        /// The scroll
        name: String,
    },
    /// Check a log from end to end: signatures, quorum, every hash, every entry
    Audit(Audit),
    /// Watch logs: remember their heads, report what does not go with them
    Monitor(Monitor),
    /// Verify a proof that a log signed two histories
    Evidence(Evidence),
    /// Erase the sealed content of one receipt; the receipt and its proofs stay
    Erase {
        /// The scroll
        name: String,
        /// The receipt whose content goes
        index: u64,
        /// Why; recorded in the scroll
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// `quorate log tail`
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The scroll
    pub(crate) name: String,
    /// How many entries [default: 10, or all in the time range]
    #[arg(short = 'n', long = "lines", value_name = "N")]
    pub(crate) lines: Option<u64>,
    /// Go on showing entries as they are appended
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Entries of this time or later: RFC 3339, or an age such as 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<When>,
    /// Entries before this time
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub(crate) until: Option<When>,
}

/// `quorate prove`
#[derive(Debug, Args)]
#[command(
    after_help = "The proof does not contain the entry. To verify, others also need it ('quorate log get') and the \
                  scroll's policy ('quorate policy show')."
)]
pub(crate) struct Prove {
    /// The scroll
    pub(crate) scroll: String,
    /// Which entry: INDEX, HASH or ID
    #[arg(value_name = "INDEX|HASH|ID")]
    pub(crate) entry: Selector,
    /// Where the .tlog-proof goes; '-' is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// `quorate verify`
#[derive(Debug, Args)]
#[command(
    after_help = "Needs no node, no network and no data directory. Exit 0 only if everything was verified."
)]
pub(crate) struct Verify {
    /// The .tlog-proof
    pub(crate) proof: PathBuf,
    /// The entry, octet for octet as it was logged
    #[arg(long, value_name = "FILE")]
    pub(crate) entry: PathBuf,
    /// Whom to believe: the log's keys, witnesses and quorum
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
}

/// Whose key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// The node's identity itself: the key committed to before takes over
    Identity,
    /// Signs the heads of scrolls: the new key signs beside the old one until that is retired
    Log,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Log => "log",
        }
    }
}

/// `quorate key …`
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Show the node's fingerprint and its current keys
    Show,
    /// Replace the key of one role
    Rotate {
        /// Whose key
        #[arg(long, value_enum)]
        role: Role,
        /// For the identity: the file that 'quorate key offline' wrote; '-' is standard input
        #[arg(long, value_name = "FILE")]
        next_key: Option<PathBuf>,
        /// The old key is lost or in the wrong hands; recorded as the reason
        #[arg(long)]
        compromised: bool,
        /// End the key that was replaced, instead of replacing one
        #[arg(long, conflicts_with = "next_key")]
        retire: bool,
    },
    /// Show every key this node ever had and when it counted
    History,
    /// Make a key for a witness: its seed goes into a file, its public half is printed
    Generate {
        /// The name under which it will co-sign: a domain you own, one name for each witness
        #[arg(long, value_name = "NAME")]
        name: quorate_note::KeyName,
        /// An ML-DSA-44 key (FIPS 204) instead of an Ed25519 key; a witness has one of each
        #[arg(long)]
        ml_dsa_44: bool,
        /// Where the seed goes (a new file, mode 0600)
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Move the next identity key out of this machine
    Offline {
        /// Where the secret goes (a new file, mode 0600): take it away from this machine
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

/// `quorate token …`
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token; it is shown once
    New {
        /// The actor every receipt of this writer is recorded under, such as did:vm:agent:builder
        #[arg(long, value_name = "DID")]
        actor: String,
        /// A scroll it may write and read (repeatable)
        #[arg(long = "scroll", value_name = "NAME", required = true)]
        scrolls: Vec<String>,
    },
    /// List the tokens
    List,
    /// Revoke a token at once
    Revoke {
        /// Its id, as 'quorate token list' shows it
        id: String,
    },
}

/// `quorate backup`
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// A directory that is empty or does not exist
    pub(crate) dir: PathBuf,
}

/// `quorate restore`
#[derive(Debug, Args)]
#[command(
    after_help = "Restores into --data-dir, which must be empty or not exist. A restored node asks its witnesses what \
                  they remember before it signs again."
)]
pub(crate) struct Restore {
    /// The directory that 'quorate backup' wrote
    pub(crate) backup: PathBuf,
}

impl Cli {
    /// Every command with its words, for what describes them elsewhere.
    pub(crate) fn words() -> clap::Command {
        let mut command = Self::command();
        // What every command takes stands in every command only then.
        command.build();
        command
    }

    /// Understands the words of a command line.
    ///
    /// # Errors
    /// Usage errors, and the answers to `--help` and `--version`, as clap words them.
    pub(crate) fn parse_from(
        words: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let mut matches = command
            .try_get_matches_from_mut(words)
            .map_err(misplaced_anchor)?;
        let follow = match matches.subcommand() {
            Some(("up", up)) => follow::pair(up).map_err(|e| e.into_clap(&mut command))?,
            _ => Vec::new(),
        };
        let mut cli = Self::from_arg_matches_mut(&mut matches)?;
        if let Action::Up(up) = &mut cli.action {
            up.follow = follow;
        }
        Ok(cli)
    }
}

/// 'quorate verify' is about proofs of entries; who gives it a trust anchor has a bundle.
fn misplaced_anchor(mut error: clap::Error) -> clap::Error {
    let is = |kind, text: &str| {
        let said = error.get(kind).map(ToString::to_string);
        said.is_some_and(|said| said.contains(text))
    };
    let here = error.kind() == ErrorKind::UnknownArgument
        && is(ContextKind::InvalidArg, "--trust-anchor")
        && is(ContextKind::Usage, "quorate verify ");
    if here {
        let tip = "bundles are verified by 'quorate bundle verify BUNDLE --trust-anchor FILE'";
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
