//! `quorate actor | session | bundle | trust-anchor …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use quorate_provenance::Subject;
use quorate_receipt::{Blake3Hash, PublicKeyText, Timestamp};

use super::replication::{Fetch, Publish};
use super::value;

/// `quorate actor …`
#[derive(Debug, Subcommand)]
pub(crate) enum Actor {
    /// Make a key for an actor: its seed goes into a file, its public half is printed
    Generate {
        /// Where the seed goes (a new file, mode 0600)
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Print the public half of a seed's key
    Key {
        /// The file with the seed
        file: PathBuf,
    },
    /// Pin a key: from now on it may record sessions for this actor
    Add {
        /// A SPIFFE ID or a DID, such as did:vm:agent:builder
        #[arg(value_name = "ID")]
        actor: Subject,
        /// Its public key, ed25519:z…
        key: PublicKeyText,
        /// The first time at which the key counts, RFC 3339
        #[arg(long, value_name = "TIME", value_parser = value::time)]
        not_before: Option<Timestamp>,
        /// The last time at which the key counts
        #[arg(long, value_name = "TIME", value_parser = value::time)]
        not_after: Option<Timestamp>,
        /// Pin a key that was taken back with 'actor remove' once more
        #[arg(long)]
        again: bool,
    },
    /// Take a pinned key back: it records nothing more
    Remove {
        /// The actor
        #[arg(value_name = "ID")]
        actor: Subject,
        /// Its public key
        key: PublicKeyText,
    },
    /// List the pinned keys
    List,
}

/// `quorate session …`
#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// Open a session; its id is printed
    Open {
        /// Who acts: the ID that the key is pinned for
        #[arg(long, value_name = "ID")]
        subject: Subject,
        /// The file with the actor's seed
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// A remark, for everybody who reads the session (repeatable)
        #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = value::attribute)]
        attributes: Vec<(String, String)>,
    },
    /// Record a step; its hash is printed
    Step(Box<Step>),
    /// Close a session: nothing can be added or left out after that
    Close {
        /// The session
        #[arg(value_parser = value::session)]
        session: Blake3Hash,
        /// The file with the actor's seed
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// What the session led to: the closing binds its hash (JSON in canonical form, anything else byte for byte)
        #[arg(long, value_name = "FILE")]
        payload: Option<PathBuf>,
        /// Its media type [default: application/json if it is JSON]
        #[arg(long, value_name = "TYPE", requires = "payload")]
        media_type: Option<String>,
        /// Bind the payload's bytes as they are, also if it is JSON: the hash is what sha256sum prints, and the payload goes
        /// beside the bundle, not into it
        #[arg(long, requires = "payload")]
        as_bytes: bool,
    },
    /// Record a trace or an agent's log as sessions; their ids are printed
    Import(Box<super::Import>),
    /// List the sessions
    List,
    /// Show one session: who, how many steps, and where in the scroll
    Show {
        /// The session
        #[arg(value_parser = value::session)]
        session: Blake3Hash,
    },
}

/// `quorate session step`
#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("kind").required(true),
    group = clap::ArgGroup::new("what"),
    after_help = "What kind of step it is, is one of --tool, --prompt, --response, --retrieval, --artifact, --merge and \
                  --note. What it was about, if anything, is one of --text, --inline, --hash and --seal. Without \
                  --source a step is as trusted as its parents are; with neither it is 'undeclared', which counts as \
                  adversarial, and so does everything that derives from it."
)]
pub(crate) struct Step {
    /// The session
    #[arg(value_parser = value::session)]
    pub(crate) session: Blake3Hash,
    /// The file with the actor's seed
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// A call of this tool
    #[arg(long, value_name = "NAME", group = "kind")]
    pub(crate) tool: Option<String>,
    /// What is sent to a model
    #[arg(long, value_name = "PROVIDER[/MODEL]", group = "kind")]
    pub(crate) prompt: Option<String>,
    /// What a model answered
    #[arg(long, value_name = "PROVIDER[/MODEL]", group = "kind")]
    pub(crate) response: Option<String>,
    /// Something fetched from URL; needs --source
    #[arg(long, value_name = "URL", group = "kind", requires = "source")]
    pub(crate) retrieval: Option<String>,
    /// Something made, by its name
    #[arg(long, value_name = "NAME", group = "kind")]
    pub(crate) artifact: Option<String>,
    /// Branches that come together; needs two parents
    #[arg(long, group = "kind")]
    pub(crate) merge: bool,
    /// A remark
    #[arg(long, group = "kind")]
    pub(crate) note: bool,
    /// A step that this one derives from: its number, its hash, or 'last' (repeatable)
    #[arg(long = "parent", value_name = "STEP")]
    pub(crate) parents: Vec<Parent>,
    /// What kind of source it brings in
    #[arg(long, value_enum)]
    pub(crate) source: Option<Source>,
    /// Content: this text, in the receipt
    #[arg(long, value_name = "TEXT", group = "what")]
    pub(crate) text: Option<String>,
    /// Content: this JSON file, in the receipt
    #[arg(long, value_name = "FILE", group = "what")]
    pub(crate) inline: Option<PathBuf>,
    /// Content: the hash and length of FILE
    #[arg(long, value_name = "FILE", group = "what")]
    pub(crate) hash: Option<PathBuf>,
    /// Content: FILE, kept beside the log behind a salted commitment, erasable later
    #[arg(long, value_name = "FILE", group = "what")]
    pub(crate) seal: Option<PathBuf>,
    /// Media type of an artifact, or of what --hash names
    #[arg(long, value_name = "TYPE")]
    pub(crate) media_type: Option<String>,
    /// A remark, for everybody who reads the step (repeatable)
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = value::attribute)]
    pub(crate) attributes: Vec<(String, String)>,
}

/// A step of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    /// The one before.
    Last,
    /// By its number.
    Sequence(u64),
    /// By its hash.
    Hash(Blake3Hash),
}

impl std::str::FromStr for Parent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "last" {
            return Ok(Self::Last);
        }
        if let Ok(sequence) = text.parse() {
            return Ok(Self::Sequence(sequence));
        }
        let hash = text.parse().map(Self::Hash);
        hash.map_err(|_| "expected a step's number, its hash (blake3:…), or 'last'".to_owned())
    }
}

/// Where content comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Source {
    /// A person who uses the agent
    User,
    /// Whoever runs it
    Operator,
    /// A file on the machine
    LocalFile,
    /// The agent's memory of other sessions
    Memory,
    /// An index that others may write to
    RagIndex,
    /// The web
    Web,
    /// A tool's answer
    Tool,
}

/// `quorate bundle …`
#[derive(Debug, Subcommand)]
pub(crate) enum Bundle {
    /// Write a session as one file that anyone can check anywhere
    Export {
        /// The session
        #[arg(value_parser = value::session)]
        session: Blake3Hash,
        /// Where the bundle goes; '-' is standard output
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Put the payload that the closing binds inside (JSON)
        #[arg(long, value_name = "FILE")]
        payload: Option<PathBuf>,
        /// Show the content that the session sealed, as far as it was not erased
        #[arg(long)]
        with_sealed: bool,
    },
    /// Verify a bundle, a presentation or an attestation with nothing but files
    Verify {
        /// The bundle; '-' is standard input
        bundle: PathBuf,
        /// Whom to believe: a trust anchor, or a JWK set of actors' keys; never taken from where the bundle came from
        #[arg(long, value_name = "FILE")]
        trust_anchor: PathBuf,
        /// The payload, if it came beside the bundle
        #[arg(long, value_name = "FILE")]
        payload: Option<PathBuf>,
        /// List the steps
        #[arg(long)]
        steps: bool,
        /// Judge age and expiry as of this time, RFC 3339 [default: the clock's]
        #[arg(long, value_name = "TIME", value_parser = value::time)]
        now: Option<Timestamp>,
    },
    /// Compare two bundles: do they show that an actor told two stories, or that its log showed two heads?
    #[command(
        after_help = "Exit 1 if they do: then what proves it goes to --output, for anyone to check with 'quorate bundle \
                      evidence', or, where it is about the log, with 'quorate log evidence'. If it is both, the log's goes to \
                      FILE.evidence. Exit 0 if these two show nothing of the kind. The log is judged if the trust anchor names \
                      it. Heads of two sizes prove nothing by themselves: 'quorate log monitor' compares a log's heads, and \
                      'quorate log audit' reads a whole log."
    )]
    Forks {
        /// A bundle
        first: PathBuf,
        /// Another one: of the same session, or of the same log
        second: PathBuf,
        /// Whom to believe: a trust anchor, or a JWK set of actors' keys
        #[arg(long, value_name = "FILE")]
        trust_anchor: PathBuf,
        /// Where the evidence goes; '-' is standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Verify evidence that an actor told two stories, with nothing but files
    #[command(
        after_help = "Exit 0 only if the file proves it: two receipts for one place in one session, signed by a key that the \
                      trust anchor knows for the actor. 'quorate bundle forks' writes such files."
    )]
    Evidence {
        /// The evidence
        file: PathBuf,
        /// Whom to believe: a trust anchor, or a JWK set of actors' keys
        #[arg(long, value_name = "FILE")]
        trust_anchor: PathBuf,
    },
    /// Sign a bundle for one audience
    Present {
        /// The bundle
        bundle: PathBuf,
        /// Whom it is for
        #[arg(long, value_name = "TEXT")]
        audience: String,
        /// What the audience chose, so that it cannot be shown again
        #[arg(long, value_name = "TEXT")]
        nonce: String,
        /// The last moment at which it counts, RFC 3339
        #[arg(long, value_name = "TIME", value_parser = value::time)]
        expires: Timestamp,
        /// The file with the seed of the session's key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the presentation goes; '-' is standard output
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Sign a bundle as an in-toto Statement in a DSSE envelope, for tools of that world
    Attest {
        /// The bundle; what does not verify is not signed
        bundle: PathBuf,
        /// Whom to believe, as for 'verify'
        #[arg(long, value_name = "FILE")]
        trust_anchor: PathBuf,
        /// The file with the seed of the session's key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the attestation goes; '-' is standard output
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Serve bundles to your other machines, under the hash of their exact bytes
    Publish(Publish),
    /// Get a published bundle, and verify it
    Fetch(Fetch),
}

/// `quorate trust-anchor …`
#[derive(Debug, Subcommand)]
pub(crate) enum TrustAnchor {
    /// Write a trust anchor for others: actors' keys and a quorum policy
    New {
        /// A key that may act for ID, which may be a prefix that ends in /* or :* (repeatable)
        #[arg(long = "actor", value_name = "ID=KEY", required = true, value_parser = scoped)]
        actors: Vec<(String, PublicKeyText)>,
        /// The policy that the log's heads must meet; without one no log is judged
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// A session must bind a payload
        #[arg(long)]
        require_payload_binding: bool,
        /// The audience that a presentation must be for
        #[arg(long, value_name = "TEXT")]
        audience: Option<String>,
        /// The nonce that a presentation must have
        #[arg(long, value_name = "TEXT")]
        nonce: Option<String>,
        /// The quorum's oldest co-signature may be so many seconds old
        #[arg(long, value_name = "SECONDS", requires = "policy")]
        max_age: Option<u64>,
        /// Where the anchor goes [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Overwrite FILE if it exists: it says whom to believe
        #[arg(long, requires = "output")]
        force: bool,
    },
    /// Show whom and what a trust anchor believes
    Show {
        /// The trust anchor
        file: PathBuf,
    },
    /// Check that a file is a trust anchor, and say what it does not ask for
    Check {
        /// The trust anchor
        file: PathBuf,
    },
}

fn scoped(text: &str) -> Result<(String, PublicKeyText), String> {
    let (id, key) = text.rsplit_once('=').ok_or("expected ID=KEY")?;
    let key = key.parse().map_err(|e| format!("{key:?}: {e}"))?;
    Ok((id.to_owned(), key))
}
