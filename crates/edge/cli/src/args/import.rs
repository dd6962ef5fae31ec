//! `quorate session import`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use quorate_provenance::Subject;
use quorate_receipt::Blake3Hash;
use quorate_trace::{Format, SourceRule};

use super::value;

/// `quorate session import`
#[derive(Debug, Args)]
#[command(
    after_help = "Each trace of an OTLP/JSON file becomes a session, and each span a step; a log becomes one session, and each \
                  line a step. docs/provenance.md says how they are mapped, what a step is taken to derive from, and what an \
                  import cannot know. Every import makes sessions of its own: what is imported twice is recorded twice."
)]
pub(crate) struct Import {
    /// The trace or the log; '-' is standard input
    pub(crate) file: PathBuf,
    /// How it is written [default: found out]
    #[arg(long, value_enum)]
    pub(crate) format: Option<ImportFormat>,
    /// Who acted: the ID that the key is pinned for
    #[arg(long, value_name = "ID", required_unless_present_any = ["dry_run", "resume"])]
    pub(crate) subject: Option<Subject>,
    /// The file with the actor's seed
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    pub(crate) key: Option<PathBuf>,
    /// Only this trace of the file, by its id in hexadecimal
    #[arg(long, value_name = "TRACE")]
    pub(crate) trace: Option<String>,
    /// The source of steps of a kind, or of that kind and name; a * at the end stands for any rest. The first that is about
    /// a step counts, before what the file says (repeatable)
    #[arg(long = "source", value_name = "KIND[:NAME]=CLASS")]
    pub(crate) sources: Vec<SourceRule>,
    /// Keep spans or lines beside the log behind salted commitments, erasable later; names and URLs stay in the receipts
    #[arg(long)]
    pub(crate) seal: bool,
    /// What the session led to: the closing binds its hash (JSON in canonical form, anything else byte for byte)
    #[arg(long, value_name = "FILE")]
    pub(crate) payload: Option<PathBuf>,
    /// Its media type [default: application/json if it is JSON]
    #[arg(long, value_name = "TYPE", requires = "payload")]
    pub(crate) media_type: Option<String>,
    /// Leave the session open
    #[arg(long, conflicts_with = "payload")]
    pub(crate) open: bool,
    /// Go on with an import that broke off: the same file and flags, and the session it had opened
    #[arg(long, value_name = "SESSION", value_parser = value::session, conflicts_with_all = ["trace", "subject"])]
    pub(crate) resume: Option<Blake3Hash>,
    /// Show the steps that would be recorded, and record nothing; needs no key and no node
    #[arg(long, conflicts_with_all = ["resume", "payload", "open"])]
    pub(crate) dry_run: bool,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// OpenTelemetry traces in OTLP/JSON: one request, or one after another
    Otlp,
    /// One JSON object a line
    Jsonl,
}

impl From<ImportFormat> for Format {
    fn from(format: ImportFormat) -> Self {
        match format {
            ImportFormat::Otlp => Self::Otlp,
            ImportFormat::Jsonl => Self::Jsonl,
        }
    }
}
