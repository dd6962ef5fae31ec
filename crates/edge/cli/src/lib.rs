//! The `quorate` command, as a library: what is shipped calls it once, and so does a program that shows several nodes at
//! work and must be all of them itself.
//!
//! `args` turns words into typed values, the modules under `command` act on them, `exit` decides how the program ends.
//! Reading and writing go through the node's HTTP API: over the socket in the data directory (`client`), or in process
//! where no node runs (`local`, the only module that knows the node as a library).

#![forbid(unsafe_code)]

mod args;
mod client;
mod command;
mod exit;
mod failure;
mod local;
mod near;
mod out;
mod progress;
mod socket;
pub mod text;
mod uri;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use args::Cli;
use exit::Exit;
use failure::Stop;
use out::Out;
use text::Paint;

/// Runs one command to its end. The first word is the program's name. The process's environment, standard streams and
/// signals are used as the command says.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::parse_from(words) {
        Ok(cli) => cli,
        Err(answer) => {
            let exit = if answer.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            // A reader that went away is not an error, and there is nobody left to tell another.
            let _unread = answer.print();
            return exit.into();
        }
    };
    let out = Out::new(cli.global.json);
    let exit = match command::run(cli, out) {
        Ok(()) | Err(Stop::BrokenPipe) => Exit::Done,
        Err(Stop::Failed(failure)) => {
            let mut stderr = std::io::stderr().lock();
            let text = if out.json() {
                format!("{}\n", failure.json())
            } else {
                failure.human(Paint::when(std::io::stderr().is_terminal()))
            };
            let _unread = stderr.write_all(text.as_bytes());
            failure.exit()
        }
    };
    exit.into()
}
