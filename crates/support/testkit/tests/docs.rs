//! What the documents say must be there (R10).

mod house;

use std::collections::BTreeSet;

/// The documents at the root and below `docs/`, as (path, text).
fn documents() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["", "docs/"] {
        let Ok(entries) = std::fs::read_dir(house::root().join(folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                let path = format!("{folder}{name}");
                let text = house::read(&path);
                found.push((path, text));
            }
        }
    }
    found
}

#[test]
fn readme_begins_with_two_commands_and_ci_runs_its_test_command() {
    let readme = house::read("README.md");
    let commands: Vec<&str> = fenced_commands(&readme).take(2).collect();
    let [up, test] = commands[..] else {
        panic!("README.md has no two commands: {commands:?}")
    };
    assert!(
        up.starts_with("cargo run --release -- up"),
        "first command of README.md: {up}"
    );
    assert!(
        test.starts_with("cargo test --workspace"),
        "second command of README.md: {test}"
    );
    let command = test.split('#').next().unwrap_or(test).trim_end();
    let run = house::read(".ci/run");
    assert!(
        run.lines()
            .any(|line| line.trim().ends_with(command) && !line.trim_start().starts_with('#')),
        ".ci/run does not call README's test command: {command}"
    );
}

/// The lines inside fenced blocks, prompts taken off.
fn fenced_commands(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().filter_map(move |line| {
        if line.trim_start().starts_with("```") {
            inside = !inside;
            return None;
        }
        let command = line.trim().trim_start_matches("$ ");
        (inside && !command.is_empty() && !command.starts_with('#')).then_some(command)
    })
}

/// Words in back quotes that can only be the names of tests, metrics or configuration keys: three underscores or more.
fn named_tests(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|word| {
        word.bytes().filter(|b| *b == b'_').count() >= 3
            && word
                .bytes()
                .all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// A metric or a configuration key stands in the sources as a string or as a field.
fn is_written_in(sources: &[(String, String)], name: &str) -> bool {
    let forms = [
        format!("\"{name}\""),
        format!("{name}: "),
        format!(" {name} "),
    ];
    let mut texts = sources.iter().map(|(_, text)| text);
    texts.any(|text| forms.iter().any(|form| text.contains(form)))
}

#[test]
fn r10_every_test_that_the_documents_name_exists() {
    let sources = house::rust_files("crates");
    let functions: BTreeSet<String> = sources
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| {
            line.trim_start()
                .trim_start_matches("async ")
                .strip_prefix("fn ")
        })
        .filter_map(|rest| rest.split(['(', '<']).next())
        .map(str::to_owned)
        .collect();
    let missing: Vec<String> = documents()
        .iter()
        .flat_map(|(path, text)| named_tests(text).map(move |name| format!("{path}: {name}")))
        .filter(|line| {
            line.rsplit(' ')
                .next()
                .is_some_and(|name| !functions.contains(name) && !is_written_in(&sources, name))
        })
        .collect();
    assert!(
        missing.is_empty(),
        "R10: named in the documents and nowhere else: {missing:#?}"
    );
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in documents() {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next())
        {
            let outside = link.is_empty() || link.contains("://") || link.starts_with("mailto:");
            if !outside && !house::root().join(folder).join(link).exists() {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_name_scan_finds_names_and_nothing_else() {
    let text = "a `test_of_some_rule` and `verify_strict`, `Cargo.toml`, `a_b_c_D`, ``, test_not_in_quotes_here";
    assert_eq!(named_tests(text).collect::<Vec<_>>(), ["test_of_some_rule"]);
}
