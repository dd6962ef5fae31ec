//! `watch::Monitor`, against a log that goes back, forks, falls silent and changes what it serves.

use std::fs;

use quorate_node::watch::{Finding, Monitor, MonitorError, Place};
use quorate_testkit::rng::Rng;
use quorate_testkit::server::{Reply, Server, serving};
use quorate_testkit::site::{Files, Log, entries};
use quorate_witness::{Equivocation, Inconsistency};

use crate::rig::{ORIGIN, Rig, codes, hex, history, now, witness};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_grows_is_well_whatever_its_sizes() {
    let rig = Rig::new();
    let log = history("", 1400, 1400);
    let mut rng = Rng::new(3);
    let mut size = 0;
    while size <= 1400 {
        rig.show(&log, size);
        let checked = rig.check().await;
        assert!(checked.is_well(), "{size}: {:?}", checked.findings);
        assert_eq!(checked.remembered, Some(size));
        // Small steps and large ones, and both sides of a full tile.
        size += match rng.below(4) {
            0 if size > 0 => 0,
            1 => 1,
            2 => 256 - size % 256,
            _ => 1 + rng.below(90),
        };
    }
    assert!(rig.evidence().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn growth_over_three_levels_of_tiles_is_proven_from_few_of_them() {
    let rig = Rig::new();
    let log = history("", 70_000, 70_000);
    rig.show(&log, 65_000);
    assert!(rig.check().await.is_well());
    let mut files = rig.files(&log, 70_000);
    // What was before the old edge, and what lies between the two edges, is not asked for.
    files.retain(|path, _| {
        !path.contains("entries") && path != "tile/0/000" && path != "tile/0/260"
    });
    rig.server.now_of(files);
    let checked = rig.check().await;
    assert!(checked.is_well(), "{:?}", checked.findings);
    assert_eq!(checked.remembered, Some(70_000));
}

/// For any sizes and any fork: two histories are noticed exactly when they are two, and the proof convinces others.
#[tokio::test(flavor = "multi_thread")]
async fn r8_a_log_that_shows_two_histories_is_caught_and_the_proof_is_kept() {
    let mut rng = Rng::new(5);
    for round in 0..24 {
        let rig = Rig::new();
        let (old, new) = (1 + rng.below(700), 1 + rng.below(700));
        let (old, new) = (old.min(new), old.max(new));
        let fork = rng.below(old + 20);
        let (a, b) = (
            history("a", 700, fork as usize),
            history("b", 700, fork as usize),
        );
        assert!(rig.found(&a, old).await.is_empty(), "{round}");
        let found = rig.found(&b, new).await;
        if old <= fork {
            assert!(found.is_empty(), "{old} {new} {fork}: {found:?}");
            continue;
        }
        assert_eq!(found, ["split-view"], "{old} {new} {fork}");
        let kept = rig.evidence();
        assert_eq!(kept.len(), 2, "the description and the proof: {kept:?}");
        let proof = kept
            .iter()
            .find(|p| p.extension().unwrap() == "evidence")
            .unwrap();
        let proof = fs::read(proof).unwrap();
        if old == new {
            Equivocation::verify(&proof, &[a.key()]).unwrap();
        } else {
            Inconsistency::verify(&proof, &[a.key()]).unwrap();
        }
        let description = kept
            .iter()
            .find(|p| p.extension().unwrap() == "json")
            .unwrap();
        let text = fs::read(description).unwrap();
        let described: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(described["origin"], ORIGIN);
        assert_eq!(described["proof"].as_str().unwrap().as_bytes(), proof);
        assert_eq!(described["vkeys"][0], a.vkey());
        let second = described["second"].as_str().unwrap();
        assert!(
            second.contains("w2.example"),
            "as it came, co-signatures too: {second}"
        );

        // Again: the same is found, nothing more is kept, and nothing of it is written anew.
        let checked = rig.check().await;
        assert_eq!(codes(&checked), ["split-view"]);
        assert_eq!(
            checked.remembered,
            Some(old),
            "the head that came first stays"
        );
        assert_eq!(rig.evidence(), kept);
        assert_eq!(fs::read(description).unwrap(), text);

        // It behaves again; that it lied stays true.
        assert_eq!(rig.found(&a, 700).await, ["proof-kept"]);
        assert_eq!(rig.evidence(), kept);
        rig.server.now(|_| Reply::status(403, Vec::new()));
        assert_eq!(codes(&rig.check().await), ["proof-kept", "unreachable"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_goes_back_is_told_with_both_heads_even_if_it_serves_nothing_else() {
    let rig = Rig::new();
    let log = history("", 600, 600);
    assert!(rig.found(&log, 600).await.is_empty());
    assert_eq!(rig.found(&log, 590).await, ["rollback"]);
    let kept = rig.evidence();
    assert_eq!(kept.len(), 1);
    let text = fs::read_to_string(kept.first().unwrap()).unwrap();
    let described: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(
        described["first"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{ORIGIN}\n600\n"))
    );
    assert!(
        described["second"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{ORIGIN}\n590\n"))
    );
    assert_eq!(described["proof"], serde_json::Value::Null);

    let mut serve = serving(rig.files(&log, 590));
    rig.server.now(move |path| match path {
        "checkpoint" => serve(path),
        _ => Reply::status(403, Vec::new()),
    });
    let checked = rig.check().await;
    assert_eq!(codes(&checked), ["rollback", "unreachable"]);
    assert!(checked.is_alarm());
    assert_eq!((checked.remembered, rig.evidence()), (Some(600), kept));
    assert!(rig.found(&log, 600).await.is_empty(), "it came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_goes_back_into_another_history_is_told_both() {
    let rig = Rig::new();
    let (a, b) = (history("a", 600, 300), history("b", 600, 300));
    assert!(rig.found(&a, 600).await.is_empty());
    // The tiles of the larger head are still there beside the smaller head of the other history.
    let mut files = rig.files(&a, 600);
    files.extend(
        rig.files(&b, 500)
            .into_iter()
            .filter(|(path, _)| path == "checkpoint"),
    );
    rig.server.now_of(files);
    assert_eq!(codes(&rig.check().await), ["split-view", "rollback"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn growth_that_the_tiles_do_not_show_is_not_remembered() {
    let rig = Rig::new();
    let log = history("", 600, 600);
    assert!(rig.found(&log, 300).await.is_empty());
    for (path, change) in [
        ("tile/1/000.p/2", false),
        ("tile/0/002.p/88", false),
        ("tile/0/001", false),
        ("tile/0/001", true),
    ] {
        let mut files = rig.files(&log, 600);
        if change {
            files.get_mut(path).unwrap()[1] ^= 1;
        } else {
            files.remove(path);
        }
        rig.server.now_of(files);
        let checked = rig.check().await;
        assert_eq!(codes(&checked), ["unproven"], "{path}");
        let said = checked.findings[0].to_string();
        assert!(said.contains(path), "{said}");
        assert_eq!(checked.remembered, Some(300), "{path}");
        assert_eq!(rig.evidence().len(), 1, "one for the two heads: {path}");
    }
    assert!(rig.found(&log, 600).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_quorum_lacks_is_told_by_name_and_since_when() {
    let rig = Rig::new();
    let log = history("", 20, 20);
    rig.server.now_of(log.files(10, &[(&rig.keys[1], now())]));
    let first = rig.check().await;
    assert_eq!(codes(&first), ["missing-quorum"]);
    let Finding::MissingQuorum { short, since } = &first.findings[0] else {
        panic!("{:?}", first.findings)
    };
    assert_eq!(
        short.missing().map(ToString::to_string).collect::<Vec<_>>(),
        ["w0", "w2"]
    );
    assert_eq!(*since, first.at);
    assert_eq!(first.remembered, Some(10), "the log signed it all the same");
    // Larger, and still without: since the first time, which was a while ago.
    let record = rig.place_record(&rig.place());
    let text = fs::read_to_string(&record).unwrap();
    let earlier = since - 500;
    let text = text.replace(
        &format!("\"short_since\": {since}"),
        &format!("\"short_since\": {earlier}"),
    );
    fs::write(&record, text).unwrap();
    rig.server.now_of(log.files(12, &[]));
    let second = rig.check().await;
    let Finding::MissingQuorum { since: again, .. } = &second.findings[0] else {
        panic!("{:?}", second.findings)
    };
    assert_eq!(*again, earlier);
    assert!(rig.found(&log, 12).await.is_empty());
    rig.server.now_of(log.files(13, &[(&rig.keys[1], now())]));
    let third = rig.check().await;
    let Finding::MissingQuorum { since, .. } = &third.findings[0] else {
        panic!("{:?}", third.findings)
    };
    assert_eq!(*since, third.at, "it had one in between");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_stale_by_the_time_of_its_quorum() {
    let rig = Rig::new();
    let log = history("", 20, 20);
    let show = |times: [u64; 2]| {
        let cosigned = [(&rig.keys[0], times[0]), (&rig.keys[1], times[1])];
        rig.server.now_of(log.files(10, &cosigned));
    };
    show([now() - 3000, now() - 3000]);
    assert!(rig.check().await.is_well());
    show([now() - 4000, now() - 4000]);
    let checked = rig.check().await;
    assert_eq!(codes(&checked), ["stale"]);
    assert!(checked.is_alarm());
    // One fresh witness is no quorum.
    show([now(), now() - 4000]);
    assert_eq!(codes(&rig.check().await), ["stale"]);
    show([now() + 1000, now() + 1000]);
    let checked = rig.check().await;
    assert_eq!(codes(&checked), ["clock"]);
    assert!(!checked.is_alarm(), "a clock is not the log's");
    let mut relaxed = rig.watch.clone();
    relaxed.max_age = None;
    show([now() - 4000, now() - 4000]);
    assert!(
        Monitor::open(relaxed)
            .unwrap()
            .check(&rig.place())
            .await
            .is_well()
    );
}

/// Without witnesses a head is as old as this monitor's knowledge of it.
#[tokio::test(flavor = "multi_thread")]
async fn without_witnesses_a_head_is_stale_by_when_it_was_seen_first() {
    let rig = Rig::unwitnessed();
    let log = history("", 20, 20);
    rig.server.now_of(log.files(10, &[]));
    assert!(rig.check().await.is_well());
    let record = rig.place_record(&rig.place());
    let text = fs::read_to_string(&record).unwrap();
    let since = text
        .split("\"head_since\": ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    fs::write(&record, text.replace(since, &(now() - 4000).to_string())).unwrap();
    assert_eq!(codes(&rig.check().await), ["stale"]);
    rig.server.now_of(log.files(11, &[]));
    assert!(rig.check().await.is_well());
}

/// The log shows us one history, and the witnesses another: no view by itself tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_split_view_is_found_through_a_witness() {
    for (ours, theirs) in [(300, 300), (300, 280), (280, 300)] {
        let mut rig = Rig::new();
        let (a, b) = (history("a", 400, 200), history("b", 400, 200));
        assert!(rig.found(&a, ours).await.is_empty());
        let w = witness(b.note(theirs, &[(&rig.keys[0], now()), (&rig.keys[1], now())]));
        rig.watch.witnesses = vec![w.url().parse().unwrap()];
        // Where theirs is larger, the log has to serve its tiles to somebody: here it does so to us.
        if theirs > ours {
            let mut files = rig.files(&b, theirs);
            files.extend(
                rig.files(&a, ours)
                    .into_iter()
                    .filter(|(path, _)| path == "checkpoint"),
            );
            rig.server.now_of(files);
        }
        let checked = rig.check().await;
        assert_eq!(codes(&checked), ["split-view"], "{ours} {theirs}");
        let Finding::SplitView { from, evidence, .. } = &checked.findings[0] else {
            panic!("{:?}", checked.findings)
        };
        assert!(from.contains(&w.url()), "{from}");
        let proof = fs::read(evidence.as_ref().unwrap().with_extension("evidence")).unwrap();
        let equal = Equivocation::verify(&proof, &[a.key()]).is_ok();
        assert!(equal || Inconsistency::verify(&proof, &[a.key()]).is_ok());
        assert_eq!(checked.remembered, Some(ours));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_saw_the_same_history_is_well_ahead_or_behind() {
    let mut rig = Rig::new();
    let log = history("", 400, 400);
    let note = |size| log.note(size, &[(&rig.keys[0], now())]);
    let w = witness(note(280));
    rig.watch.witnesses = vec![w.url().parse().unwrap()];
    assert!(rig.found(&log, 300).await.is_empty());
    w.now_of(Files::from([(
        format!("{}/checkpoint", hex(ORIGIN)),
        note(300),
    )]));
    assert!(rig.check().await.is_well());
    // Ahead, and the log has the tiles already.
    w.now_of(Files::from([(
        format!("{}/checkpoint", hex(ORIGIN)),
        note(310),
    )]));
    let mut files = rig.files(&log, 310);
    files.insert(
        "checkpoint".into(),
        rig.files(&log, 300).remove("checkpoint").unwrap(),
    );
    rig.server.now_of(files);
    let checked = rig.check().await;
    assert!(checked.is_well(), "{:?}", checked.findings);
    assert_eq!(checked.remembered, Some(310));
    // The log itself still shows the smaller one, which is no going back.
    assert!(rig.check().await.is_well());
    assert_eq!(
        rig.found(&history("b", 400, 305), 310).await,
        ["split-view"]
    );
    // It never co-signed the log.
    w.now_of(Files::new());
    assert_eq!(rig.found(&log, 311).await, ["proof-kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_only_a_witness_has_is_withheld_once_it_had_time_to_arrive() {
    let mut rig = Rig::new();
    let log = history("", 400, 400);
    assert!(rig.found(&log, 300).await.is_empty());
    for (age, found) in [(10, vec![]), (1000, vec!["withheld"])] {
        let w = witness(log.note(350, &[(&rig.keys[0], now() - age)]));
        rig.watch.witnesses = vec![w.url().parse().unwrap()];
        let checked = rig.check().await;
        assert_eq!(codes(&checked), found);
        assert_eq!(checked.remembered, Some(300));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_lies_or_is_away_is_told_and_changes_nothing() {
    let mut rig = Rig::new();
    let log = history("", 400, 400);
    assert!(rig.found(&log, 300).await.is_empty());
    let stranger = Log::new(ORIGIN, 9, &entries(400, 400, ""));
    let w = witness(stranger.note(300, &[]));
    let gone = Server::of(Files::new());
    let away: Place = gone.url().parse().unwrap();
    drop(gone);
    rig.watch.witnesses = vec![w.url().parse().unwrap(), away];
    assert_eq!(
        codes(&rig.check().await),
        ["not-verified", "witness-unreachable"]
    );
    // A co-signature by a key of the policy that does not verify.
    let mut note = String::from_utf8(log.note(300, &[(&rig.keys[0], now())])).unwrap();
    let at = note.rfind(' ').unwrap() + 30;
    note.replace_range(at..=at, if &note[at..=at] == "A" { "B" } else { "A" });
    w.now_of(Files::from([(
        format!("{}/checkpoint", hex(ORIGIN)),
        note.into_bytes(),
    )]));
    rig.watch.witnesses.truncate(1);
    assert_eq!(codes(&rig.check().await), ["not-verified"]);
    // Another log's head in place of this one's.
    let other = Log::new("log.example/b", 2, &entries(300, 300, ""));
    w.now_of(Files::from([(
        format!("{}/checkpoint", hex(ORIGIN)),
        other.note(300, &[]),
    )]));
    assert_eq!(codes(&rig.check().await), ["not-verified"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_at_an_address_is_not_taken_for_the_one_before() {
    let rig = Rig::new();
    assert!(rig.found(&history("", 20, 20), 10).await.is_empty());
    // Its key is in the policy too.
    let other = Log::new("log.example/b", 2, &entries(20, 20, ""));
    assert_eq!(rig.found(&other, 15).await, ["other-log"]);
    assert_eq!(rig.found(&other, 16).await, ["other-log"], "again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_is_not_the_logs_is_told_and_not_remembered() {
    let rig = Rig::new();
    let log = history("", 20, 20);
    let stranger = Log::new(ORIGIN, 9, &entries(20, 20, ""));
    assert_eq!(rig.found(&stranger, 10).await, ["not-verified"]);
    rig.server
        .now(|_| Reply::ok(b"<html>log in to this network</html>".to_vec()));
    assert_eq!(codes(&rig.check().await), ["not-verified"]);
    rig.server.now_of(Files::new());
    let checked = rig.check().await;
    assert_eq!(codes(&checked), ["unreachable"]);
    assert!(!checked.is_alarm() && checked.remembered.is_none());
    assert!(
        rig.found(&log, 5).await.is_empty(),
        "nothing smaller was remembered"
    );
}

/// Two addresses of one log: one behind the other went not back, and shows no other history unnoticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_behind_did_not_go_back_and_one_that_differs_is_caught() {
    let mut rig = Rig::new();
    let (log, other) = (history("", 600, 600), history("b", 600, 280));
    let mirror = Server::of(rig.files(&log, 200));
    let at: Place = mirror.url().parse().unwrap();
    rig.watch.logs.push(at.clone());
    rig.show(&log, 600);
    let monitor = Monitor::open(rig.watch.clone()).unwrap();
    assert!(monitor.check(&at).await.is_well());
    assert!(monitor.check(&rig.place()).await.is_well());
    for size in [200, 290] {
        mirror.now_of(rig.files(&log, size));
        let checked = monitor.check(&at).await;
        assert!(checked.is_well(), "{:?}", checked.findings);
        assert_eq!(checked.remembered, Some(600));
    }
    mirror.now_of(rig.files(&log, 250));
    assert_eq!(
        codes(&monitor.check(&at).await),
        ["rollback"],
        "at its own address"
    );
    mirror.now_of(rig.files(&other, 300));
    assert_eq!(codes(&monitor.check(&at).await), ["split-view"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_at_a_time_in_a_folder_of_its_own() {
    let rig = Rig::new();
    let first = Monitor::open(rig.watch.clone()).unwrap();
    let second = Monitor::open(rig.watch.clone()).unwrap_err();
    assert!(second.to_string().contains("another monitor"), "{second}");
    drop(first);
    Monitor::open(rig.watch.clone()).unwrap();
    let mut elsewhere = rig.watch.clone();
    elsewhere.state = rig.state.path().join("full");
    fs::create_dir(&elsewhere.state).unwrap();
    fs::write(elsewhere.state.join("letter"), "x").unwrap();
    let refused = Monitor::open(elsewhere.clone()).unwrap_err();
    assert!(
        matches!(&refused, MonitorError::Memory(e) if !e.is_environment()),
        "{refused}"
    );
    fs::write(elsewhere.state.join("LOCK"), "quorate monitor 1\n").unwrap();
    let refused = Monitor::open(elsewhere).unwrap_err();
    assert!(refused.to_string().contains("something else"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_a_memory_that_was_changed_is_not_believed_and_not_overwritten() {
    let rig = Rig::new();
    let log = history("", 20, 20);
    assert!(rig.found(&log, 10).await.is_empty());
    for folder in ["logs", "places"] {
        let dir = fs::read_dir(rig.watch.state.join(folder)).unwrap();
        let record = dir.map(|e| e.unwrap().path()).next().unwrap();
        let whole = fs::read_to_string(&record).unwrap();
        for changed in [
            whole.replace("\\n10\\n", "\\n9\\n"),
            whole.replace("\"head\"", "\"heads\""),
            whole[..whole.len() / 2].to_owned(),
            String::new(),
            "x".repeat(1 << 21),
        ] {
            assert_ne!(changed, whole);
            fs::write(&record, &changed).unwrap();
            let checked = rig.check().await;
            assert_eq!(codes(&checked), ["memory"], "{folder}: {changed:.40}");
            assert!(checked.is_alarm());
            assert_eq!(fs::read_to_string(&record).unwrap(), changed);
        }
        fs::write(&record, whole).unwrap();
    }
    // A record under another address.
    let mirror = Server::of(rig.files(&log, 10));
    let at = |url: &str| rig.watch.state.join(format!("places/{}.json", hex(url)));
    fs::copy(at(&rig.server.url()), at(&mirror.url())).unwrap();
    let mut watch = rig.watch.clone();
    watch.logs = vec![mirror.url().parse().unwrap()];
    let place = watch.logs[0].clone();
    let checked = Monitor::open(watch).unwrap().check(&place).await;
    assert_eq!(codes(&checked), ["memory"]);
    // A record under another log's name.
    let name = |origin: &str| rig.watch.state.join(format!("logs/{}.json", hex(origin)));
    fs::copy(name(ORIGIN), name("log.example/b")).unwrap();
    let other = Log::new("log.example/b", 2, &entries(20, 20, ""));
    let elsewhere = Server::of(rig.files(&other, 10));
    let mut watch = rig.watch.clone();
    watch.logs = vec![elsewhere.url().parse().unwrap()];
    let place = watch.logs[0].clone();
    let checked = Monitor::open(watch).unwrap().check(&place).await;
    assert_eq!(codes(&checked), ["memory"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_what_cannot_be_written_is_not_called_remembered() {
    let rig = Rig::new();
    let log = history("", 20, 20);
    assert!(rig.found(&log, 10).await.is_empty());
    let logs = rig.watch.state.join("logs");
    let temporary = logs.join(format!("{}.json.tmp", hex(ORIGIN)));
    fs::create_dir(&temporary).unwrap();
    rig.show(&log, 12);
    let checked = rig.check().await;
    assert_eq!(codes(&checked), ["memory"]);
    assert!(!checked.is_alarm(), "the disk's fault");
    assert_eq!(checked.remembered, Some(10));
    fs::remove_dir(&temporary).unwrap();
    assert_eq!(rig.check().await.remembered, Some(12));
}

/// R8: what is kept is bounded for each kind, so that lesser evidence leaves room for a proof.
#[tokio::test(flavor = "multi_thread")]
async fn r8_evidence_is_bounded_and_a_proof_still_finds_its_place() {
    let rig = Rig::new();
    let log = history("", 400, 400);
    assert!(rig.found(&log, 300).await.is_empty());
    for size in 200..220 {
        assert_eq!(rig.found(&log, size).await, ["rollback"]);
    }
    assert_eq!(rig.evidence().len(), 16);
    assert_eq!(
        rig.found(&history("b", 400, 100), 300).await,
        ["split-view"]
    );
    assert_eq!(rig.evidence().len(), 18);
}
