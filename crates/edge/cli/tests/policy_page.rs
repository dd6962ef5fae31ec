//! The page about policies shows what the binary does with its example.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PAGE: &str = include_str!("../../../../docs/policy.md");

/// The first block of the page that begins like this.
fn block(begins: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(begins).unwrap();
    rest.split_once("```").unwrap().0
}

fn check(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["policy", "check", "my.policy"])
        .current_dir(folder)
        .env_clear()
        .env("COLUMNS", "9999")
        .output()
        .unwrap()
}

// One operator, three witnesses of their own: what this product is for must not be called a problem.
#[test]
fn the_page_about_policies_shows_what_one_operator_sees() {
    let folder = tempfile::tempdir().unwrap();
    let domains = folder.path().join("my.policy.domains.toml");
    let accepting = block("```toml\n");
    fs::write(folder.path().join("my.policy"), block("```\n")).unwrap();
    fs::write(&domains, accepting).unwrap();
    let said = check(folder.path());
    assert_eq!(String::from_utf8(said.stderr).unwrap(), "");
    assert_eq!(
        String::from_utf8(said.stdout).unwrap(),
        block("```console\n$ quorate policy check my.policy\n")
    );
    assert_eq!(said.status.code(), Some(0));

    // Without the line that accepts it, it fails closed.
    let line = "accept_single = [\"operator\"]\n";
    assert_eq!(accepting.matches(line).count(), 1);
    fs::write(&domains, accepting.replace(line, "")).unwrap();
    let said = check(folder.path());
    assert_eq!(said.status.code(), Some(1));
    let stderr = String::from_utf8(said.stderr).unwrap();
    assert!(stderr.contains("one operator is enough to forge a quorum: acme"));
    assert!(stderr.contains(line.trim_end()));
}
