//! `quorate-demo`: a node and its witnesses as processes with state of their own, under attack.
//!
//! What ships starts no process (R9). This program links the `quorate` command and is itself every process that it
//! starts.
#![forbid(unsafe_code)]

mod attacker;
mod failure;
mod http;
mod process;
mod quorum;
mod screen;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Failure, Result, doing};
use crate::process::Place;
use crate::screen::Screen;

/// Shows what holds when parts of a deployment are in the wrong hands.
#[derive(Parser)]
#[command(
    name = "quorate-demo",
    version,
    after_help = "Exit codes: 0 everything held as promised, 1 something did not, 2 usage, 3 environment (disk, network)."
)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A log with a quorum of two of three witnesses: rewind it, fork it, take one key, take two
    Quorum(Quorum),
}

#[derive(Args)]
struct Quorum {
    /// Work in DIR (new, or empty), and leave everything there [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Record the lines of FILE too
    #[arg(long, value_name = "FILE")]
    lines: Option<PathBuf>,
    /// Wait for Enter before each act
    #[arg(long)]
    pause: bool,
}

fn main() -> ExitCode {
    if let Some(exit) = process::as_quorate() {
        return exit;
    }
    let What::Quorum(quorum) = Arguments::parse().what;
    match run(&quorum) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("quorate-demo: {failure}");
            failure.exit_code()
        }
    }
}

fn run(quorum: &Quorum) -> Result<()> {
    let lines = match &quorum.lines {
        None => String::new(),
        Some(file) => doing(
            format!("read {}", file.display()),
            std::fs::read_to_string(file),
        )?,
    };
    let (dir, temporary) = match &quorum.keep {
        Some(dir) => (empty(dir)?, None),
        None => {
            let made = tempfile::Builder::new().prefix("quorate-demo-").tempdir();
            let made = doing("make a temporary folder", made)?;
            (made.path().to_owned(), Some(made))
        }
    };
    let place = Place::new(&dir)?;
    when_told_to_stop(&place, temporary.is_some())?;
    let screen = Screen::new(quorum.pause);
    let shown = quorum::run(&place, &screen, &lines, temporary.is_none());
    place.stay_if_stopping();
    shown?;
    // Said explicitly: a folder of private keys that cannot be removed is not passed over.
    match temporary {
        None => Ok(()),
        Some(temporary) => doing(format!("remove {}", dir.display()), temporary.close()),
    }
}

/// The folder for `--keep`, made if it is not there.
fn empty(dir: &Path) -> Result<PathBuf> {
    let what = || format!("use {}", dir.display());
    doing(what(), std::fs::create_dir_all(dir))?;
    let mut entries = doing(what(), std::fs::read_dir(dir))?;
    if entries.next().is_some() {
        return Err(Failure::Io {
            what: what(),
            source: std::io::ErrorKind::DirectoryNotEmpty.into(),
        });
    }
    doing(what(), dir.canonicalize())
}

/// At SIGINT, SIGTERM or SIGHUP every process ends and the temporary folder goes.
fn when_told_to_stop(place: &Place, temporary: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = doing("wait for signals", runtime)?;
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let signals = runtime.block_on(async { kinds.map(signal).into_iter().collect() });
    let mut signals: Vec<_> = doing("wait for signals", signals)?;
    let place = place.clone();
    std::thread::spawn(move || {
        runtime.block_on(async {
            if let [interrupt, terminate, hangup] = &mut signals[..] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
            }
        });
        let _no_new_ones = place.end_all();
        if temporary {
            place.remove();
        }
        eprintln!("\nquorate-demo: stopped");
        std::process::exit(130);
    });
    Ok(())
}
