//! What the operator sees and changes while the witness runs.

use quorate_note::LogKey;

use crate::log::Log;
use crate::process::{NAME, Witness, quorate, serve};

#[test]
fn logs_are_added_listed_disabled_and_enabled_live() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/a", 1);
    let witness = Witness::start(dir.path(), &[]);
    assert_eq!(witness.add(&log.request(0, 5, "a")).status, 404);
    assert!(
        witness
            .operator(&["add-log", &log.vkey().to_string()])
            .status
            .success()
    );
    assert_eq!(witness.add(&log.request(0, 5, "a")).status, 200);
    assert_eq!(witness.json(&["list"])[0]["size"], 5);
    assert!(
        witness
            .operator(&["disable", "log.example/a"])
            .status
            .success()
    );
    assert_eq!(witness.add(&log.request(5, 7, "a")).status, 404);
    assert!(
        witness
            .operator(&["enable", "log.example/a"])
            .status
            .success()
    );
    assert_eq!(
        witness.add(&log.request(0, 7, "b")).status,
        409,
        "it remembers"
    );
    assert_eq!(witness.add(&log.request(5, 7, "a")).status, 200);
}

#[test]
fn a_logs_keys_rotate_by_adding_the_new_and_retiring_the_old() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Log::new("log.example/a", 1), Log::new("log.example/a", 2));
    let witness = Witness::start(dir.path(), &[]);
    witness.operator(&["add-log", &old.vkey().to_string()]);
    assert_eq!(witness.add(&old.request(0, 3, "a")).status, 200);
    witness.operator(&["add-log", &new.vkey().to_string()]);
    assert_eq!(witness.add(&new.request(3, 4, "a")).status, 200);
    assert_eq!(witness.add(&old.request(4, 5, "a")).status, 200);
    let retired = ["disable", "log.example/a", "--key", &old.vkey().to_string()];
    assert!(witness.operator(&retired).status.success());
    assert_eq!(witness.add(&old.request(5, 6, "a")).status, 403);
    witness.kill();
    let witness = Witness::start(dir.path(), &[]);
    assert_eq!(witness.json(&["show", "log.example/a"])["size"], 5);
    assert_eq!(witness.add(&new.request(5, 6, "a")).status, 200);
    let last = ["disable", "log.example/a", "--key", &new.vkey().to_string()];
    assert_eq!(
        witness.operator(&last).status.code(),
        Some(1),
        "the last key stays"
    );
}

#[test]
fn w_19_a_fork_is_listed_and_exported_as_evidence_that_anyone_can_check() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/a", 1);
    let flag = log.flag();
    let witness = Witness::start(dir.path(), &["--origin", &flag]);
    witness.add(&log.request(0, 5, "a"));
    assert_eq!(witness.add(&log.request(5, 5, "b")).status, 422);
    let list = witness.json(&["evidence"]);
    assert_eq!(list.as_array().unwrap().len(), 1);
    let id = &list[0]["id"].as_str().unwrap()[..12];
    let file = dir.path().join("evidence");
    let export = witness.operator(&["evidence", id, "-o", file.to_str().unwrap()]);
    assert!(export.status.success());
    let bytes = std::fs::read(file).unwrap();
    let keys: [LogKey; 1] = [log.key()];
    quorate_witness::Equivocation::verify(&bytes, &keys).unwrap();
}

#[test]
fn lists_are_imported_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let witness = Witness::start(dir.path(), &[]);
    let (a, b) = (Log::new("a.example", 1), Log::new("b.example", 2));
    let list = dir.path().join("list");
    std::fs::write(
        &list,
        format!("logs/v0\nvkey {}\nqpd 7\nvkey BAD\n", a.vkey()),
    )
    .unwrap();
    let list = list.to_str().unwrap();
    assert_eq!(witness.operator(&["import", list]).status.code(), Some(1));
    assert_eq!(witness.json(&["list"]).as_array().unwrap().len(), 0);
    std::fs::write(
        list,
        format!("logs/v0\nvkey {}\nqpd 7\nvkey {}\n", a.vkey(), b.vkey()),
    )
    .unwrap();
    assert!(witness.operator(&["import", list]).status.success());
    assert_eq!(witness.add(&b.request(0, 5, "a")).status, 200);
    // The witness's own name cannot be a log's; the ones before it are not followed either.
    let own = Log::new(NAME, 4);
    let c = Log::new("d.example", 5);
    std::fs::write(
        list,
        format!("logs/v0\nvkey {}\nvkey {}\n", c.vkey(), own.vkey()),
    )
    .unwrap();
    assert_eq!(witness.operator(&["import", list]).status.code(), Some(1));
    assert_eq!(witness.add(&c.request(0, 5, "a")).status, 404);
    let yaml = format!(
        "Logs:\n  - Origin: c.example\n    PublicKey: {}\n",
        b.vkey()
    );
    std::fs::write(list, yaml).unwrap();
    assert!(witness.operator(&["import", list]).status.success());
    let list = witness.json(&["list"]);
    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .any(|log| log["origin"] == "c.example")
    );
}

#[test]
fn a_second_process_on_the_same_state_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Witness::start(dir.path(), &[]);
    let second = serve(dir.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(3));
}

/// A type 04 message does not contain the name, so a key must never serve under two.
#[test]
fn s_01_a_key_that_signed_under_another_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    Witness::start(dir.path(), &[]).kill();
    let mut renamed = quorate(dir.path());
    renamed
        .env("QUORATE_WITNESS_SEED_HEX", "42".repeat(32))
        .args([
            "witness",
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--witness-name",
            "other.example",
        ]);
    let done = renamed.output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(error.contains("has co-signed under the name"), "{error}");
}

/// What was signed with these keys is not remembered: the state is gone, or the directory is a restored backup.
#[test]
fn w_26_a_witness_whose_state_is_gone_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let witness = Witness::start(&data, &[]);
    let backup = dir.path().join("backup");
    let copied = quorate(&data).arg("backup").arg(&backup).output().unwrap();
    assert!(
        copied.status.success(),
        "{}",
        String::from_utf8_lossy(&copied.stderr)
    );
    witness.kill();
    std::fs::remove_file(data.join("witness.redb")).unwrap();
    assert_eq!(serve(&data).output().unwrap().status.code(), Some(1));

    let restored = dir.path().join("restored");
    let done = quorate(&restored)
        .arg("restore")
        .arg(&backup)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(serve(&restored).output().unwrap().status.code(), Some(1));
    Witness::start(&restored, &["--new-keys"]).kill();
    // Those keys are known now; others are not, and the flag is no longer needed for the first.
    Witness::start(&restored, &[]).kill();
    let mut other = quorate(&restored);
    other
        .env("QUORATE_WITNESS_SEED_HEX", "43".repeat(32))
        .args([
            "witness",
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--witness-name",
            NAME,
        ]);
    assert_eq!(other.output().unwrap().status.code(), Some(1));
}

/// The start line of a service file is older than what the operator did since.
#[test]
fn a_restart_brings_back_neither_a_disabled_log_nor_a_retired_key() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Log::new("log.example/a", 1), Log::new("log.example/a", 2));
    let disabled = Log::new("log.example/b", 3);
    let flags = [old.flag(), disabled.flag()];
    let words = ["--origin", &flags[0], "--origin", &flags[1]];
    let witness = Witness::start(dir.path(), &words);
    witness.operator(&["add-log", &new.vkey().to_string()]);
    let short = format!("{}+{}", old.vkey().name(), old.vkey().id());
    let retired = witness.operator(&["disable", "log.example/a", "--key", &short]);
    assert!(retired.status.success());
    assert!(
        witness
            .operator(&["disable", "log.example/b"])
            .status
            .success()
    );
    witness.kill();
    let witness = Witness::start(dir.path(), &words);
    assert_eq!(witness.add(&old.request(0, 3, "a")).status, 403);
    assert_eq!(witness.add(&new.request(0, 3, "a")).status, 200);
    assert_eq!(witness.add(&disabled.request(0, 3, "a")).status, 404);
}

#[test]
fn retiring_a_key_that_is_none_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/a", 1);
    let flag = log.flag();
    let witness = Witness::start(dir.path(), &["--origin", &flag]);
    let other = Log::new("log.example/a", 2).vkey().to_string();
    let done = witness.operator(&["disable", "log.example/a", "--key", &other]);
    assert_eq!(done.status.code(), Some(1));
}

/// A checkpoint that bears our signature and that we do not remember: nothing is signed for the log in any way until the
/// operator says so.
#[test]
fn w_26_a_halted_log_gets_no_signature_of_any_kind() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/a", 1);
    let flag = log.flag();
    let witness = Witness::start(dir.path(), &["--origin", &flag]);
    assert_eq!(witness.add(&log.request(0, 3, "a")).status, 200);
    let forgotten = log.cosigned_by_the_witness(7, "a");
    let answer = witness.add(&log.request_carrying(3, &forgotten));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(witness.json(&["show"])["halted"][0], "log.example/a");
    assert_eq!(witness.add(&log.request(3, 9, "a")).status, 503);
    witness.kill();
    let witness = Witness::start(dir.path(), &[]);
    let path = witness.json(&["show", "log.example/a"])["path"].clone();
    let path = format!("/{}", path.as_str().unwrap());
    assert_eq!(witness.get(&path).status, 503);
    let hash = quorate_note::base64::encode(Log::root(1, "a").as_bytes());
    let body = format!(
        "subtree 0 1\n{hash}\n{}\n{forgotten}",
        log.proof_of_the_first(7, "a")
    );
    assert_eq!(witness.post("/sign-subtree", body.as_bytes()).status, 503);
    assert!(
        witness
            .operator(&["resume", "log.example/a"])
            .status
            .success()
    );
    assert_eq!(witness.post("/sign-subtree", body.as_bytes()).status, 200);
    assert_eq!(
        witness.operator(&["resume", "log.example/a"]).status.code(),
        Some(1)
    );
    assert_eq!(witness.add(&log.request(7, 9, "a")).status, 200);
}
