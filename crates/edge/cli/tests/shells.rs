//! Completions and manual pages hold every command and flag, and the programs that read them can.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot run its programs must stop"
)]

mod program;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use program::{quorate, said};

/// Every command of the program with its long flags, as its help has them.
fn commands() -> Vec<(Vec<String>, BTreeSet<String>)> {
    let (mut todo, mut found) = (vec![Vec::<String>::new()], Vec::new());
    while let Some(command) = todo.pop() {
        let words: Vec<&str> = command
            .iter()
            .map(String::as_str)
            .chain(["--help"])
            .collect();
        let help = said(&words);
        let rest = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
        let names = rest.lines().take_while(|l| !l.is_empty());
        let names = names.filter(|l| l.starts_with("  ") && !l.starts_with("   "));
        for name in names.filter_map(|l| l.split_whitespace().next()) {
            if name != "help" {
                todo.push([&command[..], &[name.to_owned()]].concat());
            }
        }
        let flags = help
            .lines()
            .map(str::trim_start)
            .filter(|l| l.starts_with('-'));
        let flags =
            flags.filter_map(|l| l.split([' ', ',', '[', '=']).find(|w| w.starts_with("--")));
        found.push((command, flags.map(str::to_owned).collect()));
    }
    assert!(found.len() > 40, "{}", found.len());
    found
}

#[test]
fn completions_know_every_command_and_flag() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]);
        for (command, flags) in commands() {
            for word in &command {
                assert!(script.contains(word), "{shell}: {word}");
            }
            for flag in flags {
                // fish names long flags without their dashes.
                let found =
                    script.contains(&flag) || script.contains(&format!("-l {}", &flag[2..]));
                assert!(found, "{shell}: {command:?} {flag}");
            }
        }
        // In bash's script a flag that can be chosen stands before a blank.
        let refused = if shell == "bash" {
            "--witness-seed-hex "
        } else {
            "witness-seed-hex"
        };
        assert!(!script.contains(refused), "{shell} offers what is refused");
    }
}

#[test]
fn every_command_has_a_manual_page_with_its_flags() {
    let folder = tempfile::tempdir().unwrap();
    said(&["man", "--out", folder.path().to_str().unwrap()]);
    let commands = commands();
    for (command, flags) in &commands {
        let name = [&["quorate".to_owned()][..], command].concat();
        let path = folder.path().join(format!("{}.1", name.join("-")));
        let page =
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let title = name.join("-").to_uppercase();
        let version = env!("CARGO_PKG_VERSION");
        let heading = format!(".TH {title} 1  \"quorate {version}\" Quorate\n");
        let synopsis = format!(
            ".SH SYNOPSIS\n\\fB{}\\fR ",
            name.join(" ").replace('-', "\\-")
        );
        assert!(page.contains(&heading), "{page}");
        assert!(page.contains(&synopsis), "{page}");
        assert!(!page.contains(".SH EXTRA"), "{page}");
        for flag in flags.iter().filter(|f| *f != "--help" && *f != "--version") {
            let written = flag.replace('-', "\\-");
            assert!(page.contains(&written), "{name:?} {flag}\n{page}");
        }
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        commands.len()
    );
    let first = std::fs::read(folder.path().join("quorate.1")).unwrap();
    assert_eq!(quorate(&["man"]).stdout, first);
}

fn completed(shell: &str, script: &Path, program: &str) -> String {
    let done = Command::new(shell)
        .args(["-c", program])
        .arg(shell)
        .arg(script)
        .output()
        .unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(
        done.status.success(),
        "{shell}: {text}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    text
}

#[test]
#[ignore = "needs bash, zsh and fish"]
fn shells_complete_commands_flags_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let script = |shell: &str| {
        let path = folder.path().join(shell);
        std::fs::write(&path, said(&["completions", shell])).unwrap();
        path
    };
    let bash = completed(
        "bash",
        &script("bash"),
        "set -e; . \"$1\"; COMP_WORDS=(quorate witness add); COMP_CWORD=2; _quorate quorate add witness; echo \"${COMPREPLY[@]}\"",
    );
    assert_eq!(bash.trim(), "add-log");
    let fish = completed(
        "fish",
        &script("fish"),
        "source $argv[2]; complete -C 'quorate log create A --visibility '",
    );
    assert!(
        fish.contains("public") && fish.contains("restricted"),
        "{fish}"
    );
    completed("zsh", &script("zsh"), "zsh -n \"$1\"");
}

#[test]
#[ignore = "needs groff"]
fn groff_reads_every_manual_page_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    said(&["man", "--out", folder.path().to_str().unwrap()]);
    for page in std::fs::read_dir(folder.path()).unwrap() {
        let page = page.unwrap().path();
        let done = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-Kutf8"])
            .arg(&page)
            .output()
            .unwrap();
        assert!(
            done.status.success() && done.stderr.is_empty(),
            "{}: {}",
            page.display(),
            String::from_utf8_lossy(&done.stderr)
        );
    }
}
