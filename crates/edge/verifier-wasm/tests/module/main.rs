//! What `sdk/verifier/test` judges with the module is judged here with the library, and the answers are the same: the
//! files in `sdk/verifier/test/vectors` are written by these tests and held by both sides.
//!
//! `QUORATE_FIXTURES=write cargo test --workspace --test module` writes them anew: read the diff.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../../../verify/tests/common/mod.rs"]
mod common;
#[path = "../../../../verify/tests/bundle/world.rs"]
#[expect(dead_code, reason = "made for the tests of the verifier")]
mod world;

mod accepted;
mod cases;
mod demo;
mod file;
mod hostile;
mod mutants;
mod policies;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use cases::{Case, cases};
use mutants::Rng;

/// Codes without a case: each needs a log in which content was erased, as the tests of `quorate-verify` have it.
const NOT_SHOWN: [&str; 5] = [
    "extra-receipt-invalid",
    "extra-nothing-sealed",
    "extra-other-content",
    "extra-not-after-entry",
    "extra-not-included",
];

fn sdk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../sdk/verifier")
}

fn hold(name: &str, found: &str) {
    hold_at(&sdk().join("test/vectors").join(name), found);
}

fn hold_at(path: &Path, found: &str) {
    if std::env::var_os("QUORATE_FIXTURES").is_some_and(|v| v == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, found).unwrap();
    }
    let held = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        held == found,
        "{} differs (QUORATE_FIXTURES=write writes it anew)",
        path.display()
    );
}

fn code_of(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap();
    match answer["error"]["code"].as_str() {
        Some(code) => code.to_owned(),
        None => {
            assert!(answer.get("ok").is_some());
            "accepted".to_owned()
        }
    }
}

#[test]
fn each_case_is_judged_as_it_must_be_and_stands_in_the_file() {
    let cases = cases();
    for case in &cases {
        let answer = case.answer();
        assert_eq!(code_of(&answer), case.code, "{}: {answer}", case.name);
    }
    hold("cases.json", &file::text(&cases));
}

#[test]
fn the_demonstration_holds_and_is_what_the_example_writes() {
    let files = demo::files().map(|(name, text)| (name, String::from_utf8(text).unwrap()));
    let [(_, bundle), (_, anchor)] = &files;
    let options = format!(r#"{{"now":"{}"}}"#, world::now());
    let args = [bundle, anchor, &options].map(|text| text.as_bytes().to_vec());
    let answer: Value = serde_json::from_str(&judged("steps", &args)).unwrap();
    assert_eq!(answer["ok"]["report"]["complete"], true, "{answer}");
    assert_eq!(answer["ok"]["report"]["log"]["verdict"], "quorate");
    assert_eq!(answer["ok"]["steps"].as_array().unwrap().len(), 11);
    for (name, text) in &files {
        hold_at(&sdk().join("demo").join(name), text);
    }
}

#[test]
fn every_code_of_a_bundle_and_a_proof_has_a_case() {
    let shown: BTreeSet<&str> = cases().iter().map(|case| case.code).collect();
    let sources = [
        "src/bundle/error.rs",
        "src/bundle/attestation.rs",
        "src/bundle/presentation.rs",
        "src/error.rs",
        "src/anchor/error.rs",
    ];
    let mut missing = Vec::new();
    for source in sources {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../verify")
            .join(source);
        let text = std::fs::read_to_string(path).unwrap();
        let (_, rest) = text.split_once("fn code(").unwrap();
        // `… => "code",`, or the code alone in a block.
        let codes = rest.lines().filter_map(|line| {
            let line = line.trim();
            let value = match line.split_once("=> ") {
                Some((_, value)) => value.strip_suffix(',')?,
                None => line,
            };
            let code = value.strip_prefix('"')?.strip_suffix('"')?;
            (!code.contains(' ')).then_some(code)
        });
        let codes: Vec<_> = codes.collect();
        assert!(!codes.is_empty(), "{source}");
        let not_shown = |code: &&str| !shown.contains(code) && !NOT_SHOWN.contains(code);
        missing.extend(codes.into_iter().filter(not_shown).map(str::to_owned));
    }
    assert!(missing.is_empty(), "no case: {missing:?}");
}

#[test]
fn a_report_of_a_proof_names_the_entry_that_was_given() {
    let case = cases()
        .into_iter()
        .find(|case| case.name == "proof")
        .unwrap();
    let answer: Value = serde_json::from_str(&case.answer()).unwrap();
    let leaf = quorate_merkle::leaf_hash(&case.args[1]);
    assert_eq!(answer["ok"]["leaf_hash"], format!("sha256:{leaf}"));
}

#[test]
fn each_mutant_is_judged_as_the_file_says() {
    let cases = cases();
    hold(
        "mutants.txt",
        &mutants::text(&cases, &mut Rng::new(1), 1000),
    );
}

/// New mutants each time, judged by the library and by the committed module.
#[test]
#[ignore = "needs Node.js 20"]
fn the_module_judges_new_mutants_as_the_library_does() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = match std::env::var("QUORATE_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from(now.unwrap().subsec_nanos()),
    };
    println!("QUORATE_SEED={seed}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants.txt");
    std::fs::write(&path, mutants::text(&cases(), &mut Rng::new(seed), 2000)).unwrap();
    let output = Command::new("node")
        .args(["--test", "test/mutants.test.mjs"])
        .env("QUORATE_MUTANTS", &path)
        .current_dir(sdk())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "QUORATE_SEED={seed}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Case {
    fn answer(&self) -> String {
        judged(self.call, &self.args)
    }
}

/// What the module's export of this name answers.
fn judged(call: &str, args: &[Vec<u8>]) -> String {
    use quorate_verifier::{check_policy, verify_bundle, verify_proof, verify_steps};
    match (call, args) {
        ("verifyBundle", [bundle, anchor, options]) => {
            verify_bundle(bundle, anchor, str::from_utf8(options).unwrap())
        }
        ("steps", [bundle, anchor, options]) => {
            verify_steps(bundle, anchor, str::from_utf8(options).unwrap())
        }
        ("verifyProof", [proof, entry, policy]) => verify_proof(proof, entry, policy),
        ("checkPolicy", [policy]) => check_policy(policy),
        _ => panic!("{call} with {} arguments", args.len()),
    }
}
