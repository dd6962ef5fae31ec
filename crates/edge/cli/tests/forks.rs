//! Two bundles side by side: an actor that told two stories, a log that showed two heads, and the evidence of either.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod scene;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use scene::{ACTOR, Scene, text};

impl Scene {
    /// What stands on standard output beside the refusal, and its code.
    fn accused(&self, words: &str) -> (Value, String) {
        let done = self.run(&format!("{words} --json"));
        assert_eq!(done.status.code(), Some(1), "{words}: {done:?}");
        let error: Value = serde_json::from_slice(&done.stderr).unwrap();
        let code = text(&error["error"], "code").to_owned();
        (serde_json::from_slice(&done.stdout).unwrap(), code)
    }

    /// The data directory as it is, under another name.
    fn copied(&self) {
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(self.file("data")).arg(self.file("copy"));
        assert!(copy.status().unwrap().success());
    }

    /// A trust anchor that names the log too, as `log.json`, and the log's policy.
    fn names_the_log(&self) {
        self.does("policy show Provenance -o log.policy");
        let key = self.does("actor key seed").trim().to_owned();
        self.does(&format!(
            "trust-anchor new --actor {ACTOR}={key} --policy log.policy -o log.json"
        ));
    }

    fn opened(&self) -> String {
        let words = format!("session open --subject {ACTOR} --key seed");
        self.does(&words).trim().to_owned()
    }

    /// Goes on with the session in each copy, once more after `before` in the second.
    fn told_twice(&mut self, before: impl Fn(&Self)) -> String {
        let session = self.opened();
        self.names_the_log();
        self.stop();
        self.copied();
        for (data, told) in [("data", "one"), ("copy", "other")] {
            self.start(data);
            if data == "copy" {
                before(self);
            }
            self.does(&format!(
                "session step {session} --key seed --tool {told} --source user"
            ));
            self.does(&format!("session close {session} --key seed"));
            self.does(&format!("bundle export {session} -o {told}"));
            self.stop();
            // Each by itself is without fault.
            self.does(&format!("bundle verify {told} --trust-anchor log.json"));
        }
        session
    }
}

/// The data directory is copied behind a closed session, and each copy grows by another one.
#[test]
fn two_heads_of_one_size_are_evidence_against_the_log() {
    let mut scene = Scene::new();
    let session = scene.opened();
    scene.does(&format!("session close {session} --key seed"));
    scene.names_the_log();
    scene.stop();
    scene.copied();
    for (data, bundle, later) in [("data", "one", "late"), ("copy", "other", "later")] {
        scene.start(data);
        let more = scene.opened();
        scene.does(&format!("session close {more} --key seed"));
        scene.does(&format!("bundle export {more} -o {later}"));
        scene.does(&format!("bundle export {session} -o {bundle}"));
        scene.stop();
    }
    let compare = "bundle forks one other --trust-anchor log.json -o proof";
    let (answer, code) = scene.accused(compare);
    assert_eq!(code, "log-fork");
    let heads = &answer["log"]["heads"];
    assert_eq!(heads[0]["size"], heads[1]["size"]);
    assert_ne!(heads[0]["root"], heads[1]["root"]);
    assert_eq!(
        (
            &answer["fork"],
            text(&answer, "why"),
            &answer["log"]["fork"]
        ),
        (&json!(false), "one-history", &json!(true))
    );
    assert_eq!(
        (text(&answer["log"], "why"), text(&answer["log"], "file")),
        ("one-size", "proof")
    );
    let proven = scene.json("log evidence proof --policy log.policy");
    assert_eq!(
        (text(&proven, "kind"), &proven["heads"], &proven["origin"]),
        ("equivocation", heads, &answer["log"]["origin"])
    );
    let said = scene.run(&compare.replace("-o proof", "-o -"));
    assert_eq!(said.stdout, fs::read(scene.file("proof")).unwrap());
    let said = String::from_utf8(scene.run(&compare.replace(" -o proof", "")).stdout).unwrap();
    assert!(
        said.contains("The actor did not fork: as far as both go, they tell one story."),
        "{said}"
    );
    assert!(
        said.contains("signed two heads that are of no one history"),
        "{said}"
    );
    // Two sessions of one log show it just as well, and a head beside itself shows nothing.
    let (answer, code) = scene.accused("bundle forks late later --trust-anchor log.json");
    assert_eq!(
        (&*code, text(&answer, "why")),
        ("log-fork", "other-sessions")
    );
    let same = scene.json("bundle forks one late --trust-anchor log.json");
    assert_eq!(text(&same["log"], "why"), "one-head");
    // Nobody is accused by whom the anchor does not name, or by what the log did not sign.
    let nobody = scene.json("bundle forks one other --trust-anchor anchor.json");
    assert_eq!(
        (&nobody["log"]["fork"], text(&nobody["log"], "reason")),
        (&Value::Null, "the trust anchor names no log")
    );
    let known = fs::read_to_string(scene.file("one")).unwrap();
    let bundle: Value = serde_json::from_str(&known).unwrap();
    let root = text(&bundle, "checkpoint").lines().nth(2).unwrap();
    let first = if root.starts_with('A') { "B" } else { "A" };
    let forged = known.replacen(root, &format!("{first}{}", &root[1..]), 1);
    fs::write(scene.file("forged"), forged).unwrap();
    let words = "bundle forks one forged --trust-anchor log.json -o none";
    let judged = scene.json(words);
    assert_eq!(
        (&judged["log"]["fork"], text(&judged["log"], "why")),
        (&Value::Null, "not-judged")
    );
    assert!(!scene.file("none").exists());
}

#[test]
fn of_an_actor_and_a_log_that_forked_both_are_said_and_proven() {
    let mut scene = Scene::new();
    scene.told_twice(|_| {});
    let (answer, code) = scene.accused("bundle forks one other --trust-anchor log.json -o proof");
    assert_eq!(code, "fork");
    assert_eq!(
        (text(&answer, "file"), text(&answer["log"], "file")),
        ("proof", "proof.evidence")
    );
    let fork = scene.json("bundle evidence proof --trust-anchor log.json");
    assert_eq!(fork["sequence"], answer["sequence"]);
    let log = scene.json("log evidence proof.evidence --policy log.policy");
    assert_eq!(text(&log, "kind"), "equivocation");
    let said = scene.run("bundle forks one other --trust-anchor log.json");
    let (shown, error) = (
        String::from_utf8(said.stdout).unwrap(),
        String::from_utf8(said.stderr).unwrap(),
    );
    assert!(
        shown.contains("signed two receipts") && shown.contains("signed two heads"),
        "{shown}"
    );
    assert!(
        error.contains("told two stories") && error.contains("showed two heads"),
        "{error}"
    );
    // Where the actor is not the anchor's, the log is accused all the same.
    let known = fs::read_to_string(scene.file("log.json")).unwrap();
    fs::write(
        scene.file("else.json"),
        known.replace(ACTOR, "did:vm:agent:else"),
    )
    .unwrap();
    let (answer, code) = scene.accused("bundle forks one other --trust-anchor else.json -o alone");
    assert_eq!((&*code, &answer["fork"]), ("log-fork", &Value::Null));
    scene.does("log evidence alone --policy log.policy");
}

/// The second copy's log has one entry more before the session goes on.
#[test]
fn two_receipts_in_one_place_are_two_histories_of_the_log() {
    let mut scene = Scene::new();
    scene.told_twice(|scene| drop(scene.opened()));
    let words = "bundle forks one other --trust-anchor log.json";
    let (answer, code) = scene.accused(&format!("{words} -o proof"));
    let log = &answer["log"];
    assert_eq!(
        (&*code, text(log, "why"), &log["fork"]),
        ("fork", "one-place", &json!(true))
    );
    assert_ne!(log["heads"][0]["size"], log["heads"][1]["size"]);
    let read = |name: &str| fs::read_to_string(scene.file(name)).unwrap();
    let one: Value = serde_json::from_str(&read("one")).unwrap();
    let run = one["leaves"].as_array().unwrap().last().unwrap();
    let last = run[0].as_u64().unwrap() + run[1].as_u64().unwrap() - 1;
    assert_eq!(log["index"], last);
    // What is not proven to stand there accuses nobody.
    let other: Value = serde_json::from_str(&read("other")).unwrap();
    let from = other["proof"][0].as_str().unwrap();
    let to = text(&one, "checkpoint").lines().nth(2).unwrap();
    assert_ne!(from, to);
    fs::write(scene.file("other"), read("other").replacen(from, to, 1)).unwrap();
    for pair in ["one other", "other one"] {
        let (answer, _) = scene.accused(&words.replace("one other", pair));
        assert_eq!(
            (&answer["log"]["fork"], text(&answer["log"], "why")),
            (&Value::Null, "other-sizes")
        );
    }
}

#[test]
fn bundles_of_two_logs_accuse_neither() {
    let [scene, elsewhere] = [Scene::new(), Scene::new()];
    let mut policy = String::new();
    for (name, from) in [("one", &scene), ("other", &elsewhere)] {
        from.names_the_log();
        let session = from.opened();
        from.does(&format!("session close {session} --key seed"));
        from.does(&format!("bundle export {session} -o {name}"));
        let text = fs::read_to_string(from.file("log.policy")).unwrap();
        let logs = text.lines().filter(|line| line.starts_with("log "));
        policy.extend(logs.map(|line| format!("{line}\n")));
    }
    fs::copy(elsewhere.file("other"), scene.file("other")).unwrap();
    fs::write(scene.file("both"), policy + "quorum none\n").unwrap();
    let key = scene.does("actor key seed").trim().to_owned();
    scene.does(&format!(
        "trust-anchor new --actor {ACTOR}={key} --policy both -o both.json"
    ));
    let log = &scene.json("bundle forks one other --trust-anchor both.json -o none")["log"];
    assert_eq!(
        (&log["fork"], text(log, "why")),
        (&json!(false), "other-logs")
    );
    assert_ne!(log["origins"][0], log["origins"][1]);
    assert!(!scene.file("none").exists());
}

#[test]
fn of_heads_of_two_sizes_two_bundles_cannot_tell() {
    let scene = Scene::new();
    scene.names_the_log();
    let session = scene.opened();
    scene.does(&format!("session close {session} --key seed"));
    scene.does(&format!("bundle export {session} -o one"));
    let more = scene.opened();
    scene.does(&format!("session close {more} --key seed"));
    scene.does(&format!("bundle export {more} -o late"));
    scene.does(&format!("bundle export {session} -o other"));
    for second in ["late", "other"] {
        let words = format!("bundle forks one {second} --trust-anchor log.json -o none");
        let log = &scene.json(&words)["log"];
        assert_eq!(
            (&log["fork"], text(log, "why")),
            (&Value::Null, "other-sizes")
        );
        let said = scene.does(&words);
        for part in [
            "two bundles alone cannot tell",
            "'quorate log monitor'",
            "'quorate log audit'",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
    assert!(!scene.file("none").exists());
}

/// The data directory is copied while the session is open, and each copy goes on with it.
#[test]
fn two_histories_of_one_session_are_evidence_that_nobody_can_change() {
    let mut scene = Scene::new();
    let words = format!("session open --subject {ACTOR} --key seed");
    let session = scene.does(&words).trim().to_owned();
    scene.does(&format!(
        "session step {session} --key seed --note --source user"
    ));
    scene.stop();
    scene.copied();
    for (data, told) in [("data", "one"), ("copy", "other")] {
        scene.start(data);
        scene.does(&format!(
            "session step {session} --key seed --tool {told} --parent last"
        ));
        scene.does(&format!("session close {session} --key seed"));
        scene.does(&format!("bundle export {session} -o {told}"));
        scene.stop();
        // Each by itself is without fault.
        scene.does(&format!("bundle verify {told} --trust-anchor anchor.json"));
    }
    let compare = "bundle forks one other --trust-anchor anchor.json -o fork";
    assert_eq!(scene.refused(compare), "fork");
    let said = scene.does("bundle evidence fork --trust-anchor anchor.json");
    let proven = format!("{ACTOR} signed two receipts with the sequence number 2 in one session");
    assert!(
        said.starts_with(&format!("Proven: {proven}")) && said.contains("Not proven: which"),
        "{said}"
    );
    let proven = scene.json("bundle evidence fork --trust-anchor anchor.json");
    assert_eq!(
        (text(&proven, "session"), &proven["sequence"]),
        (session.as_str(), &Value::from(2))
    );
    // The order in which they are given makes no other evidence.
    let evidence = fs::read(scene.file("fork")).unwrap();
    assert_eq!(
        scene.refused("bundle forks other one --trust-anchor anchor.json -o fork2"),
        "fork"
    );
    assert_eq!(fs::read(scene.file("fork2")).unwrap(), evidence);
    assert_eq!(
        scene.json("bundle forks one one --trust-anchor anchor.json")["fork"],
        false
    );

    for at in 0..evidence.len() {
        let mut changed = evidence.clone();
        changed[at] ^= 1;
        assert!(quorate_provenance::Fork::parse(&changed).is_err(), "{at}");
    }
    let at = evidence.len() / 2;
    let mut changed = evidence;
    changed[at] ^= 1;
    fs::write(scene.file("changed"), changed).unwrap();
    assert_eq!(
        scene.refused("bundle evidence changed --trust-anchor anchor.json"),
        "evidence"
    );

    // Somebody else's key proves nothing about this actor, and one receipt that was not signed proves nothing at all.
    scene.does("actor generate -o other-seed");
    let key = scene.does("actor key other-seed").trim().to_owned();
    scene.does(&format!(
        "trust-anchor new --actor {ACTOR}={key} -o stranger.json"
    ));
    assert_eq!(
        scene.refused("bundle evidence fork --trust-anchor stranger.json"),
        "evidence-key"
    );
    assert_eq!(
        scene.refused("bundle forks one other --trust-anchor stranger.json -o none"),
        "evidence-key"
    );
    // Nor does the actor's own key where the anchor lets it act for another, or at another time.
    let known = fs::read(scene.file("anchor.json")).unwrap();
    for (member, value) in [
        ("subjects", serde_json::json!(["did:vm:agent:else"])),
        ("not_after", "2020-01-01T00:00:00Z".into()),
        ("not_before", "2999-01-01T00:00:00Z".into()),
    ] {
        let mut anchor: Value = serde_json::from_slice(&known).unwrap();
        anchor["trust_jwks"]["keys"][0][member] = value;
        fs::write(scene.file("narrow.json"), anchor.to_string()).unwrap();
        let words = "bundle evidence fork --trust-anchor narrow.json";
        assert_eq!(scene.refused(words), "evidence-key", "{member}");
    }
    let forged = fs::read_to_string(scene.file("other"))
        .unwrap()
        .replace("\"other\"", "\"third\"");
    fs::write(scene.file("forged"), forged).unwrap();
    let words = "bundle forks one forged --trust-anchor anchor.json -o none";
    assert_eq!(scene.refused(words), "bundle-malformed");
    assert!(!scene.file("none").exists());
}
