//! `watch::Monitor`, on a log that nothing is remembered of yet.

use std::fs;

use quorate_node::watch::{Monitor, MonitorError};
use quorate_policy::Policy;
use quorate_testkit::server::Server;
use quorate_testkit::site::{self, Files, Log, entries};
use quorate_witness::{Equivocation, Inconsistency};

use crate::rig::{Rig, codes, history, now, witness};

/// A fork that no witness co-signed is the first this monitor sees, and the witnesses have the other history.
#[tokio::test(flavor = "multi_thread")]
async fn r8_a_first_head_that_a_witness_contradicts_is_not_remembered() {
    for (ours, theirs) in [(300, 300), (300, 280), (280, 300)] {
        let mut rig = Rig::new();
        let (a, b) = (history("a", 400, 200), history("b", 400, 200));
        let w = witness(a.note(theirs, &[(&rig.keys[0], now()), (&rig.keys[1], now())]));
        rig.watch.witnesses = vec![w.url().parse().unwrap()];
        let mut files = rig.files(&a, theirs);
        files.extend(b.files(ours, &[]));
        if theirs > ours {
            // The tiles of theirs, so that it can be told that ours is no beginning of it.
            files.extend(
                rig.files(&a, theirs)
                    .into_iter()
                    .filter(|(path, _)| path != "checkpoint"),
            );
        }
        for _ in 0..2 {
            rig.server.now_of(files.clone());
            let checked = rig.check().await;
            assert_eq!(
                codes(&checked),
                ["split-view", "missing-quorum"],
                "{ours} {theirs}"
            );
            assert_eq!(checked.remembered, None, "{ours} {theirs}");
            let proof = fs::read(checked.findings[0].evidence().unwrap()).unwrap();
            let equal = Equivocation::verify(&proof, &[a.key()]).is_ok();
            assert!(equal || Inconsistency::verify(&proof, &[a.key()]).is_ok());
        }
        // The history of the witnesses is taken up once it is shown.
        rig.show(&a, 310);
        let checked = rig.check().await;
        assert_eq!(codes(&checked), ["proof-kept"]);
        assert_eq!(checked.remembered, Some(310));
    }
}

/// Two witnesses are ahead of a first head, one of them on another history: neither is remembered.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_first_head_nothing_is_remembered_before_all_witnesses_were_heard() {
    let mut rig = Rig::new();
    let (a, b) = (history("a", 400, 200), history("b", 400, 200));
    let ahead = witness(b.note(320, &[(&rig.keys[0], now())]));
    let other = witness(a.note(320, &[(&rig.keys[1], now())]));
    rig.watch.witnesses = vec![ahead.url().parse().unwrap(), other.url().parse().unwrap()];
    let mut files = rig.files(&b, 320);
    files.extend(
        rig.files(&b, 300)
            .into_iter()
            .filter(|(path, _)| path == "checkpoint"),
    );
    rig.server.now_of(files);
    let checked = rig.check().await;
    assert_eq!(codes(&checked), ["split-view"]);
    assert_eq!(checked.remembered, None);
    assert_eq!(
        fs::read_dir(rig.watch.state.join("logs")).unwrap().count(),
        0
    );
    // Without a contradiction the one that is ahead is what is remembered.
    other.now_of(Files::new());
    let checked = rig.check().await;
    assert_eq!(codes(&checked), ["proof-kept"]);
    assert_eq!(checked.remembered, Some(320));
}

/// The policy does not know the witness's key: how long ago it co-signed is what it says itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_outside_the_policy_has_the_same_time_for_its_head_to_arrive() {
    let mut rig = Rig::new();
    let log = history("", 400, 400);
    let stranger = site::witness("stranger.example", 77);
    assert!(rig.found(&log, 300).await.is_empty());
    for (at, found) in [
        (now() - 10, vec![]),
        (now() - 1000, vec!["withheld"]),
        (now() + 1_000_000, vec!["withheld"]),
    ] {
        let w = witness(log.note(350, &[(&stranger, at)]));
        rig.watch.witnesses = vec![w.url().parse().unwrap()];
        assert_eq!(codes(&rig.check().await), found, "{at}");
    }
    // Without any time there is nothing to wait for.
    let w = witness(log.note(350, &[]));
    rig.watch.witnesses = vec![w.url().parse().unwrap()];
    assert_eq!(codes(&rig.check().await), ["withheld"]);
}

/// A full disk or a folder that cannot be written takes the evidence, and never the alarm.
#[tokio::test(flavor = "multi_thread")]
async fn r8_an_alarm_is_told_even_if_its_evidence_cannot_be_written() {
    let rig = Rig::new();
    let (a, b) = (history("a", 400, 200), history("b", 400, 200));
    assert!(rig.found(&a, 300).await.is_empty());
    let monitor = Monitor::open(rig.watch.clone()).unwrap();
    // Nothing can be written into what is no folder, whoever the test runs as.
    let folder = rig.watch.state.join("evidence");
    fs::remove_dir(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    rig.show(&a, 290);
    let checked = monitor.check(&rig.place()).await;
    assert_eq!(codes(&checked)[..2], ["rollback", "memory"]);
    assert!(checked.is_alarm());
    rig.show(&b, 310);
    let checked = monitor.check(&rig.place()).await;
    assert_eq!(codes(&checked)[..2], ["split-view", "memory"]);
    assert!(checked.is_alarm());
    assert_eq!(checked.findings[0].evidence(), None);
    assert_eq!(checked.remembered, Some(300));
}

/// A folder and those above it are made, wherever they begin.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_is_made_with_those_above_it() {
    let mut rig = Rig::new();
    rig.watch.state = rig.state.path().join("a/b/memory");
    assert!(rig.found(&history("", 20, 20), 10).await.is_empty());
    assert!(rig.watch.state.join("LOCK").exists());
}

/// Three logs of one node have one key, which a policy may list once: each log has a policy of its own.
#[tokio::test(flavor = "multi_thread")]
async fn each_log_is_held_to_the_policy_that_lists_it() {
    let mut rig = Rig::unwitnessed();
    let a = history("", 20, 20);
    let c = Log::new("log.example/c", 1, &entries(20, 20, ""));
    assert_eq!(a.key().key_bytes(), c.key().key_bytes(), "one key");
    rig.server.now_of(c.files(10, &[]));
    let checked = rig.check().await;
    assert_eq!(codes(&checked), ["not-verified"]);
    let said = checked.findings[0].to_string();
    assert!(
        said.contains("no policy lists the log log.example/c, only log.example/a"),
        "{said}"
    );
    assert!(said.contains("give its policy too"), "{said}");
    // Theirs asks for a witness, and the other log's does not.
    let w0 = rig.keys[0].verifier_key();
    let text = format!("log {}\nwitness w0 {w0}\nquorum w0\n", c.vkey());
    let theirs: Policy = text.parse().unwrap();
    rig.watch.policies.push(theirs.clone());
    assert_eq!(codes(&rig.check().await), ["missing-quorum"]);
    rig.server.now_of(c.files(10, &[(&rig.keys[0], now())]));
    assert!(rig.check().await.is_well());
    let mirror = Server::of(a.files(10, &[]));
    rig.watch.logs = vec![mirror.url().parse().unwrap()];
    assert!(rig.check().await.is_well());
    // Which of two counts must not be left to their order.
    rig.watch.policies.push(theirs);
    let refused = Monitor::open(rig.watch.clone()).unwrap_err();
    assert!(
        matches!(&refused, MonitorError::TwoPolicies(log) if log == "log.example/c"),
        "{refused}"
    );
    let nameless = format!(
        "log {}\nquorum none\n",
        "5866666666666666666666666666666666666666666666666666666666666666"
    );
    rig.watch.policies[1..]
        .clone_from_slice(&[nameless.parse().unwrap(), nameless.parse().unwrap()]);
    let refused = Monitor::open(rig.watch.clone()).unwrap_err();
    assert!(matches!(refused, MonitorError::TwoPolicies(_)), "{refused}");
}
