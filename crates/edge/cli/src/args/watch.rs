//! The words of `quorate log audit` and `quorate log monitor`: looking at logs from outside.

use std::path::PathBuf;

use clap::Args;
use quorate_node::watch::Place;

/// `quorate log audit`
#[derive(Debug, Args)]
#[command(
    after_help = "Needs no node. Reads any C2SP tiled log (c2sp.org/tlog-tiles) whose entries are its leaves: a \
                  scroll at http://HOST/scrolls/NAME, the folder that 'quorate log export --tiles' wrote, another \
                  log's prefix. Exit 0 only if everything was verified."
)]
pub(crate) struct Audit {
    /// The log's prefix: https://, http://, file://, or a folder
    #[arg(value_name = "URL")]
    pub(crate) place: Place,
    /// Whom to believe: the log's keys, witnesses and quorum
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Check hashes only, down to the leaf hashes: the entries are not read
    #[arg(long)]
    pub(crate) hashes_only: bool,
}
