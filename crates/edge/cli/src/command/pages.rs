//! `quorate completions` and `quorate man`: made from the same description of the arguments that reads them.

use std::path::Path;

use clap::Command;
use serde_json::json;

use crate::args::Cli;
use crate::failure::{Failure, Stop};
use crate::out::{Out, Sink};
use crate::text::count;

pub(super) fn completions(shell: clap_complete::Shell, out: Out) -> Result<(), Stop> {
    let mut script = Vec::new();
    let mut words = Cli::words();
    clap_complete::generate(shell, &mut words, "quorate", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    // The generators offer hidden flags too: bash's as a word of a list, the others' on a line of its own.
    for flag in hidden(&words) {
        script = if shell == clap_complete::Shell::Bash {
            script.replace(&format!("--{flag} "), "")
        } else {
            let lines = script.lines().filter(|line| !line.contains(&flag));
            lines.map(|line| format!("{line}\n")).collect()
        };
    }
    out.text(&script)
}

/// The flags that help does not show: those that are refused with the reason.
fn hidden(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter(|a| a.is_hide_set());
    let own = own.filter_map(|a| a.get_long().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(hidden))
        .collect()
}

pub(super) fn man(folder: Option<&Path>, out: Out) -> Result<(), Stop> {
    let mut pages = Vec::new();
    pages_of(Cli::words(), "quorate", "quorate", &mut pages)
        .map_err(|e| Failure::environment("page", "cannot make the manual page", e.to_string()))?;
    let Some(folder) = folder else {
        let first = pages.first().map(|(_, page)| page.as_slice());
        return out.octets(first.unwrap_or_default());
    };
    std::fs::create_dir_all(folder).map_err(|e| Failure::file("write", folder, &e))?;
    for (name, page) in &pages {
        let mut sink = Sink::open(Some(&folder.join(format!("{name}.1"))))?;
        sink.write(page)?;
        sink.finish()?;
    }
    let files: Vec<String> = pages.iter().map(|(name, _)| format!("{name}.1")).collect();
    let answer = json!({"directory": folder.display().to_string(), "files": files});
    out.answer(&answer, |_| {
        let pages = count(files.len() as u64, "page", "pages");
        format!("{pages} in {}\n", folder.display())
    })
}

/// The page of a command and those of the commands below it; `quorate-log-tail` is that of `quorate log tail`.
fn pages_of(
    command: Command,
    name: &str,
    called: &str,
    pages: &mut Vec<(String, Vec<u8>)>,
) -> std::io::Result<()> {
    let below: Vec<Command> = command
        .get_subcommands()
        .filter(|c| c.get_name() != "help" && !c.is_hide_set())
        .cloned()
        .collect();
    let mut page = Vec::new();
    // Its name and synopsis are those under which it is called.
    let command = command
        .disable_help_subcommand(true)
        .display_name(name)
        .bin_name(called);
    clap_mangen::Man::new(command)
        .title(name.to_uppercase())
        .source(concat!("quorate ", env!("CARGO_PKG_VERSION")))
        .manual("Quorate")
        .render(&mut page)?;
    let page = String::from_utf8_lossy(&page).replace(".SH EXTRA", ".SH NOTES");
    pages.push((name.to_owned(), page.into_bytes()));
    for command in below {
        let name = format!("{name}-{}", command.get_name());
        let called = format!("{called} {}", command.get_name());
        pages_of(command, &name, &called, pages)?;
    }
    Ok(())
}
