//! docs/config.md is what `quorate config reference` says, and flags that it names are those of the command line.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its files must stop"
)]

mod program;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use program::said;
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(&said(&["config", "reference", "--json"])).unwrap()
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value[name].as_str()
}

fn page() -> String {
    let reference = reference();
    let mut page = "# Configuration\n\n".to_owned();
    page.push_str(
        "A node takes its settings from a file in TOML (`--config FILE`, or `QUORATE_CONFIG`), from the environment, and \
         from flags; the later is stronger. An unknown key, an unknown variable that begins with `QUORATE_`, or a value of \
         the wrong type is refused with exit code 2 and the place where it stands; nothing is opened then. `quorate config \
         show` tells what they come to, `quorate config reference KEY` explains one, and this page is made from what that \
         says (`the_page_about_the_configuration_is_the_reference`).\n\nNothing that is secret stands in the file: seeds are \
         files of their own. It is read once, at the start.\n",
    );
    for key in reference["keys"].as_array().unwrap() {
        let text = |name| member(key, name).unwrap();
        let _ = writeln!(page, "\n## `{}`\n\n{}\n", text("name"), text("what"));
        page.push_str("| | |\n|---|---|\n");
        let rows = [
            ("takes", Some(text("kind"))),
            ("default", Some(text("default"))),
            ("environment", member(key, "variable")),
            ("flag", member(key, "flag")),
            ("if wrong", Some(text("wrong"))),
        ];
        for (label, value) in rows {
            let _ = writeln!(page, "| {label} | {} |", value.unwrap_or("none"));
        }
        let _ = writeln!(page, "\n```toml\n{}\n```", text("example"));
    }
    page.push_str(
        "\n## Variables that stand for no key\n\n| variable | what it does |\n|---|---|\n",
    );
    for variable in reference["variables"].as_array().unwrap() {
        let text = |name| member(variable, name).unwrap();
        let _ = writeln!(page, "| `{}` | {} |", text("name"), text("what"));
    }
    page
}

#[test]
fn the_page_about_the_configuration_is_the_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/config.md");
    let page = page();
    if std::env::var_os("QUORATE_FIXTURES").is_some_and(|v| v == "write") {
        std::fs::write(path, page).unwrap();
        return;
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert!(
        written == page,
        "docs/config.md differs (QUORATE_FIXTURES=write writes it anew)"
    );
}

/// Flags of `up` and `witness serve` that set no key, with the reason.
const WITHOUT_A_KEY: [&str; 5] = [
    "--config",   // names the file
    "--json",     // is about the answer
    "--help",     // is about the program
    "--new-keys", // a word about one start; in a file it would be said at every start
    "--version",
];

#[test]
fn the_flags_of_the_reference_are_those_of_the_command_line() {
    let reference = reference();
    let keys = reference["keys"].as_array().unwrap();
    let told: Vec<&str> = keys.iter().filter_map(|key| member(key, "flag")).collect();
    let flags_in = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        words
            .filter(|w| w.starts_with("--") && w.len() > 2)
            .map(str::to_owned)
            .collect()
    };
    for (name, words) in [
        ("up", vec!["up"]),
        ("witness serve", vec!["witness", "serve"]),
    ] {
        let help = said(&[&words[..], &["--help"]].concat());
        let defined = help
            .lines()
            .map(str::trim_start)
            .filter(|l| l.starts_with('-'));
        let defined: Vec<String> = defined
            .flat_map(|l| flags_in(l).into_iter().take(1))
            .collect();
        assert!(defined.len() > 5, "{defined:?}");
        for flag in &defined {
            let known = told
                .iter()
                .any(|t| flags_in(t).contains(flag) && (t.contains(name) || !t.contains(':')));
            assert!(
                known || WITHOUT_A_KEY.contains(&flag.as_str()),
                "{name} {flag} is not in the reference"
            );
        }
        for flag in told
            .iter()
            .filter(|t| t.contains(&format!("{name}:")) || t.contains(&format!("{name}, ")))
        {
            for flag in flags_in(flag) {
                assert!(defined.contains(&flag), "{name} has no {flag}");
            }
        }
    }
}

#[test]
fn what_config_show_prints_comes_to_the_same_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let reference = reference();
    let mut checked = 0;
    for key in reference["keys"].as_array().unwrap() {
        let example = folder.path().join("example.toml");
        std::fs::write(&example, member(key, "example").unwrap()).unwrap();
        let first = said(&["config", "show", "--config", example.to_str().unwrap()]);
        std::fs::write(&example, &first).unwrap();
        let second = said(&["config", "show", "--config", example.to_str().unwrap()]);
        assert_eq!(first, second);
        let last = member(key, "name").unwrap().rsplit('.').next().unwrap();
        let lines = member(key, "example").unwrap().lines();
        for line in lines.filter(|l| l.starts_with(&format!("{last} = "))) {
            assert!(first.contains(line), "{line} is not in\n{first}");
            checked += 1;
        }
    }
    assert!(checked > 15, "{checked}");
}

#[test]
fn config_show_names_a_seed_from_the_environment_and_does_not_show_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("q.toml");
    std::fs::write(&file, "[witness]\nname = \"w.example\"\n").unwrap();
    let seed = "51".repeat(32);
    let done = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["config", "show", "--config", file.to_str().unwrap()])
        .env_clear()
        .env("HOME", "/home/op")
        .env("QUORATE_WITNESS_SEED_HEX", &seed)
        .output()
        .unwrap();
    let shown = String::from_utf8(done.stdout).unwrap();
    assert!(
        shown.contains("#a seed from QUORATE_WITNESS_SEED_HEX in place of seed_files"),
        "{shown}"
    );
    assert!(!shown.contains(&seed));
}
