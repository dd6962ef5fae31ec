//! The words of `quorate config …`, `quorate completions` and `quorate man`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `quorate config …`
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show what file, environment and flags come to, as a configuration file
    #[command(
        after_help = "Nothing is opened. Exit 2 if the configuration cannot be used. Seeds from the environment are named, \
                      not shown. Flags of 'up' and 'witness serve' are not part of it."
    )]
    Show,
    /// Explain every key, or one, or those of a table
    #[command(after_help = "The same as docs/config.md, of this version.")]
    Reference {
        /// A key such as listen, or a table such as witness
        key: Option<String>,
    },
}

/// `quorate completions`
#[derive(Debug, Args)]
#[command(after_help = "The script belongs into\n  \
                        bash  /usr/share/bash-completion/completions/quorate\n  \
                        zsh   /usr/local/share/zsh/site-functions/_quorate\n  \
                        fish  ~/.config/fish/completions/quorate.fish")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `quorate man`
#[derive(Debug, Args)]
#[command(after_help = "To read one at once: quorate man | man -l -\n\
                        To install all: quorate man --out /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// Write the pages of all commands into DIR, which must exist; without it quorate(1) goes to standard output
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}
