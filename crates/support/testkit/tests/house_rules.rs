//! House rules that a reader could break without noticing, each held by a test that bears its name.

mod house;

use std::fmt::Write as _;

use house::code::{line_of, paths_through, shipped, without_comments_and_literals};

/// Floors whose crates are part of what ships.
const SHIPPED: [&str; 4] = [
    "crates/foundation/",
    "crates/engines/",
    "crates/verify",
    "crates/edge/",
];
/// Floors that are pure: no disk, network, clock, randomness, threads.
const PURE: [&str; 3] = ["crates/foundation/", "crates/engines/", "crates/verify"];
/// The longest a source file may be. A file that passes 600 lines of code is asking to be two.
const MAX_LINES: usize = 700;

fn on(floors: &[&str], folder: &str) -> bool {
    floors.iter().any(|floor| folder.starts_with(floor))
}

/// Uses of `std::process` (or of another module of that name) beyond what `folder` may call.
fn process_uses(folder: &str, code: &str) -> Vec<(usize, String)> {
    let allowed: &[&str] = match folder {
        // The one place that decides exit codes.
        "crates/edge/cli" => &["exit", "ExitCode", "Termination", "id"],
        _ => &["id"],
    };
    let mut found = Vec::new();
    for (offset, names) in paths_through(code, "process") {
        for name in names {
            if !allowed.contains(&name) {
                found.push((offset, format!("process::{name}")));
            }
        }
    }
    found
}

/// Calls that start or load a program without naming `std::process`.
const SPREADING_WORDS: [&str; 11] = [
    "libloading",
    "dlopen",
    "posix_spawn",
    "execv",
    "execve",
    "execvp",
    "fexecve",
    "unistd",
    "CommandExt",
    "memfd_create",
    "Command::new",
];

/// Crates that start programs, load code, open remote shells or replace the running binary.
const SPREADING_CRATES: [&str; 18] = [
    "libloading",
    "dlopen",
    "dlopen2",
    "abi_stable",
    "duct",
    "subprocess",
    "async-process",
    "xshell",
    "cmd_lib",
    "command-group",
    "self_update",
    "self-replace",
    "axoupdater",
    "ssh2",
    "openssh",
    "russh",
    "portable-pty",
    "wasmtime",
];

#[test]
fn r9_no_process_spawning_in_shipped_crates() {
    let mut wrong = String::new();
    for member in house::members().iter().filter(|m| on(&SHIPPED, &m.folder)) {
        for (path, text) in member.sources("src") {
            let code = without_comments_and_literals(&shipped(&text));
            let mut uses = process_uses(&member.folder, &code);
            for word in SPREADING_WORDS {
                uses.extend(words(&code, word).map(|offset| (offset, word.to_owned())));
            }
            for (offset, what) in uses {
                let _ = writeln!(wrong, "{path}:{}: {what}", line_of(&code, offset));
            }
        }
        assert!(
            !member.manifest.contains_key("build-dependencies")
                && !house::root().join(&member.folder).join("build.rs").exists(),
            "{}: a build script runs programs on the machine that builds",
            member.folder
        );
    }
    assert!(
        wrong.is_empty(),
        "R9: no code path in what ships starts or loads a program\n{wrong}"
    );
}

#[test]
fn r9_no_dependency_that_spawns_or_loads_code() {
    let shared = house::shared_dependencies();
    for member in house::members().iter().filter(|m| on(&SHIPPED, &m.folder)) {
        for name in member.dependencies(&shared) {
            assert!(
                !SPREADING_CRATES.contains(&name.as_str()),
                "{} uses {name}",
                member.folder
            );
        }
    }
    // tokio can start programs only with this feature (`full` includes it); features of one crate count for all.
    let features = |value: &toml::Value| {
        value
            .get("features")
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let mut asked = vec![features(&shared["tokio"])];
    for member in house::members() {
        for section in ["dependencies", "dev-dependencies"] {
            asked.extend(
                member
                    .manifest
                    .get(section)
                    .and_then(|s| s.get("tokio"))
                    .map(features),
            );
        }
    }
    for features in asked {
        assert!(
            !features.contains("\"process\"") && !features.contains("\"full\""),
            "tokio: {features}"
        );
    }
}

#[test]
fn r9_the_scan_sees_what_it_forbids() {
    let seen = |code: &str| {
        let code = without_comments_and_literals(&shipped(code));
        process_uses("crates/edge/node", &code).len()
            + SPREADING_WORDS
                .iter()
                .map(|w| words(&code, w).count())
                .sum::<usize>()
    };
    for bad in [
        "std::process::Command::new(x);",
        "use std::process::{id, Command};",
        "use std::process::*;",
        "use std::process;\nprocess::Command::new(x)",
        "use std::process as p;",
        "use std::{fs, process::Command};",
        "use std::{fs, process};",
        "tokio::process::Command::new(x)",
        "std::process::exit(1)",
        "nix::unistd::fork()",
        "libloading::Library::new(x)",
    ] {
        assert!(seen(bad) > 0, "not seen: {bad}");
    }
    for good in [
        "// std::process::Command is forbidden",
        "let text = \"std::process::Command\";",
        "let text = r#\"a \" std::process::Command\"#;",
        "#[cfg(test)]\nmod tests { fn f() { std::process::Command::new(x); } }",
        "let process = 1; fn process(x: u8) {} process(process);",
        "std::process::id()",
    ] {
        assert_eq!(seen(good), 0, "wrongly seen: {good}");
    }
    assert!(seen("#[cfg(test)]\nmod tests { fn f() {} }\nfn g() { std::process::abort() }") > 0);
    assert!(process_uses("crates/edge/cli", "std::process::exit(1)").is_empty());
    assert!(!process_uses("crates/edge/cli", "std::process::Command").is_empty());
}

#[test]
fn every_crate_forbids_unsafe_code_and_takes_the_house_lints() {
    for member in house::members() {
        let roots = member.crate_roots();
        assert!(!roots.is_empty(), "{} has no crate root", member.folder);
        for (path, text) in roots {
            let code = without_comments_and_literals(&text);
            assert!(
                code.contains("#![forbid(unsafe_code)]"),
                "{path}: #![forbid(unsafe_code)] is missing"
            );
        }
        let inherits = member
            .manifest
            .get("lints")
            .and_then(|l| l.get("workspace"))
            .and_then(toml::Value::as_bool);
        assert_eq!(
            inherits,
            Some(true),
            "{}: [lints] workspace = true is missing",
            member.folder
        );
    }
}

/// What a pure crate would need for I/O, a clock, randomness or threads, as (head of a path, names behind it;
/// none means any).
const IMPURE: [(&str, &[&str]); 8] = [
    (
        "std",
        &["fs", "net", "time", "thread", "process", "env", "os", "*"],
    ),
    ("SystemTime", &["now"]),
    ("Instant", &["now"]),
    ("Timestamp", &["now"]),
    ("Zoned", &["now"]),
    ("getrandom", &[]),
    ("rand", &[]),
    ("tokio", &[]),
];

fn impurities(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (head, forbidden) in IMPURE {
        for (offset, names) in paths_through(code, head) {
            for name in names {
                if forbidden.is_empty() || forbidden.contains(&name) {
                    found.push((offset, format!("{head}::{name}")));
                }
            }
        }
    }
    for word in ["println", "eprintln", "OsRng", "thread_rng"] {
        found.extend(words(code, word).map(|offset| (offset, word.to_owned())));
    }
    found
}

#[test]
fn pure_floors_use_no_disk_network_clock_randomness_or_thread() {
    let mut wrong = String::new();
    for member in house::members().iter().filter(|m| on(&PURE, &m.folder)) {
        for (path, text) in member.sources("src") {
            let code = without_comments_and_literals(&shipped(&text));
            for (offset, what) in impurities(&code) {
                let _ = writeln!(wrong, "{path}:{}: {what}", line_of(&code, offset));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_purity_scan_sees_what_it_forbids() {
    let count = |code: &str| impurities(&without_comments_and_literals(&shipped(code))).len();
    for bad in [
        "use std::fs;",
        "use std::{collections::BTreeMap, net::IpAddr};",
        "use std::*;",
        "std::thread::spawn(f)",
        "jiff::Timestamp::now()",
        "std::time::SystemTime::now()",
        "getrandom::fill(&mut x)",
        "println!(\"x\")",
    ] {
        assert!(count(bad) > 0, "not seen: {bad}");
    }
    for good in [
        "use std::fmt;",
        "core::time::Duration::from_secs(1)",
        "let fs = 1;",
        "#[cfg(test)]\nuse std::fs;",
    ] {
        assert_eq!(count(good), 0, "wrongly seen: {good}");
    }
}

#[test]
fn no_source_file_is_longer_than_700_lines() {
    let mut files = house::rust_files("crates");
    files.extend(house::rust_files("fuzz"));
    let long: Vec<String> = files
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "one concept per file: {long:#?}");
}

/// A dependency without a use is code to trust for nothing. `serde` counts as used by its derives.
#[test]
fn every_dependency_is_used() {
    let mut unused = Vec::new();
    let mut wanted: Vec<String> = house::shared_dependencies().keys().cloned().collect();
    for member in house::members() {
        let text_of = |parts: &[&str]| -> String {
            parts
                .iter()
                .flat_map(|part| member.sources(part))
                .map(|(_, text)| without_comments_and_literals(&text) + "\n")
                .collect()
        };
        for (section, code) in [
            ("dependencies", text_of(&["src"])),
            (
                "dev-dependencies",
                text_of(&["src", "tests", "benches", "examples"]),
            ),
        ] {
            let Some(table) = member.manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for name in table.keys() {
                wanted.retain(|w| w != name);
                if words(&code, &name.replace('-', "_")).next().is_none() {
                    unused.push(format!("{}: {section}: {name}", member.folder));
                }
            }
        }
    }
    unused.extend(
        wanted
            .into_iter()
            .map(|name| format!("Cargo.toml: workspace.dependencies: {name}")),
    );
    assert!(unused.is_empty(), "{unused:#?}");
}

/// Offsets where `word` stands as a whole word.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part_of_word = |b: Option<&u8>| b.is_some_and(|b| *b == b'_' || b.is_ascii_alphanumeric());
    code.match_indices(word)
        .map(|(offset, _)| offset)
        .filter(move |offset| {
            let bytes = code.as_bytes();
            !part_of_word(offset.checked_sub(1).and_then(|i| bytes.get(i)))
                && !part_of_word(bytes.get(offset + word.len()))
        })
}
