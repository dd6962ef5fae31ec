//! `watch::Monitor`, against a log, a mirror or a witness that hides something by what it does not answer.

use std::fs;
use std::sync::{Arc, Barrier, Mutex};

use quorate_node::watch::{Checked, Finding, Monitor, MonitorError, Place, Watch};
use quorate_policy::Policy;
use quorate_testkit::server::{Reply, Server, serving};
use quorate_testkit::site::{Files, Log};
use quorate_witness::Equivocation;

use crate::rig::{Rig, codes, history, now, witness};

/// The log shows this head, and answers every request for a tile with that status.
fn show_without_tiles(rig: &Rig, log: &Log, size: u64, status: u16) {
    let mut serve = serving(rig.files(log, size));
    rig.server.now(move |path| match path {
        "checkpoint" => serve(path),
        _ => Reply::status(status, Vec::new()).header("retry-after: 0"),
    });
}

/// R8: whatever a log answers for its tiles, the witnesses are asked; and two roots of one size need no tiles.
#[tokio::test(flavor = "multi_thread")]
async fn r8_a_log_that_keeps_its_tiles_back_hides_no_split_view_from_a_witness() {
    for status in [401, 403, 302, 503] {
        let mut rig = Rig::new();
        let (a, b) = (history("a", 400, 90), history("b", 400, 90));
        assert!(rig.found(&a, 100).await.is_empty());
        let w = witness(a.note(120, &[(&rig.keys[0], now())]));
        rig.watch.witnesses = vec![w.url().parse().unwrap()];
        show_without_tiles(&rig, &b, 120, status);
        let checked = rig.check().await;
        assert_eq!(codes(&checked), ["split-view", "unreachable"], "{status}");
        let evidence = checked.findings[0].evidence().unwrap();
        let proof = fs::read(evidence.with_extension("evidence")).unwrap();
        Equivocation::verify(&proof, &[a.key()]).unwrap();
        assert_eq!(checked.remembered, Some(100), "{status}");
        // It stays one when nobody shows it any more.
        w.now_of(Files::new());
        assert_eq!(rig.found(&a, 130).await, ["proof-kept"], "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_whose_tiles_stay_away_is_kept() {
    let rig = Rig::new();
    let (a, b) = (history("a", 400, 90), history("b", 400, 90));
    assert!(rig.found(&a, 100).await.is_empty());
    show_without_tiles(&rig, &b, 120, 403);
    let checked = rig.check().await;
    assert_eq!(codes(&checked), ["unreachable"]);
    assert!(rig.evidence().is_empty(), "once may be an outage");
    for _ in 0..2 {
        let checked = rig.check().await;
        assert_eq!(codes(&checked), ["unreachable"]);
        assert!(!checked.is_alarm());
        assert_eq!(checked.remembered, Some(100));
        let kept = checked.findings[0].evidence().unwrap();
        let files: Vec<_> = rig.evidence().into_iter().collect();
        assert_eq!(&files[..], std::slice::from_ref(kept));
        let text = fs::read(kept).unwrap();
        let described: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(described["kind"], "unproven");
        assert_eq!(described["proof"], serde_json::Value::Null);
        let shown = String::from_utf8(b.note(120, &[])).unwrap();
        let second = described["second"].as_str().unwrap();
        assert!(second.starts_with(&shown), "{second}");
    }
}

/// A witness that cannot be asked must not pass for one that never co-signed.
#[tokio::test(flavor = "multi_thread")]
async fn r3_a_witness_that_is_nowhere_is_not_one_that_never_cosigned() {
    let mut rig = Rig::new();
    let log = history("", 20, 20);
    for url in ["witness.example", "file:///srv/witness", "ftp://w.example"] {
        let key = rig.keys[0].verifier_key();
        let text = format!("log {}\nwitness w0 {key} {url}\nquorum w0\n", log.vkey());
        let refused = Watch::witnesses_of(&text.parse::<Policy>().unwrap()).unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("witness w0") && said.contains(url), "{said}");
    }
    let folder = rig.state.path().join("witness");
    rig.watch.witnesses = vec![folder.to_str().unwrap().parse().unwrap()];
    let refused = Monitor::open(rig.watch.clone()).unwrap_err();
    assert!(matches!(refused, MonitorError::NoWitness(_)), "{refused}");
    fs::create_dir(&folder).unwrap();
    let monitor = Monitor::open(rig.watch.clone()).unwrap();
    rig.show(&log, 10);
    assert!(monitor.check(&rig.place()).await.is_well());
    fs::remove_dir(&folder).unwrap();
    let checked = monitor.check(&rig.place()).await;
    assert_eq!(codes(&checked), ["witness-unreachable"]);
}

/// Makes what is remembered of an address older.
fn age(rig: &Rig, place: &Place) {
    let record = rig.place_record(place);
    let text = fs::read_to_string(&record).unwrap();
    let mut record_now: serde_json::Value = serde_json::from_str(&text).unwrap();
    record_now["facts"]["head_since"] = (now() - 4000).into();
    fs::write(&record, record_now.to_string()).unwrap();
}

/// Without witnesses each address is as fresh as the head it shows, whatever another one shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_stands_still_goes_stale_at_each_of_its_addresses() {
    let mut rig = Rig::unwitnessed();
    let log = history("", 400, 400);
    let mirror = Server::of(log.files(200, &[]));
    let at: Place = mirror.url().parse().unwrap();
    rig.watch.logs.push(at.clone());
    let check = async |place: &Place| Monitor::open(rig.watch.clone()).unwrap().check(place).await;
    rig.server.now_of(log.files(300, &[]));
    assert!(check(&rig.place()).await.is_well());
    assert!(check(&at).await.is_well());
    age(&rig, &at);
    assert_eq!(codes(&check(&at).await), ["stale"]);
    assert_eq!(codes(&check(&at).await), ["stale"], "again");
    assert!(check(&rig.place()).await.is_well(), "another address");
    mirror.now_of(log.files(210, &[]));
    assert!(check(&at).await.is_well(), "it moves");
    // A head of which nothing can be said is as old as its first sight too.
    age(&rig, &rig.place());
    show_without_tiles(&rig, &log, 310, 403);
    assert_eq!(codes(&check(&rig.place()).await), ["unreachable"]);
    age(&rig, &rig.place());
    let checked = check(&rig.place()).await;
    assert_eq!(codes(&checked), ["stale", "unreachable"]);
}

/// One that is slow keeps no other waiting: each of them answers only once all were asked.
#[tokio::test(flavor = "multi_thread")]
async fn witnesses_are_asked_at_once_and_once() {
    let mut rig = Rig::new();
    let log = history("", 20, 20);
    rig.show(&log, 10);
    let note = log.note(10, &[(&rig.keys[0], now())]);
    let all = Arc::new(Barrier::new(3));
    let asked = Arc::new(Mutex::new(0));
    let servers = [200, 503, 200].map(|status| {
        let (all, asked, note) = (Arc::clone(&all), Arc::clone(&asked), note.clone());
        Server::start(move |_| {
            *asked.lock().unwrap() += 1;
            all.wait();
            Reply::status(status, note.clone())
        })
    });
    rig.watch.witnesses = servers.iter().map(|s| s.url().parse().unwrap()).collect();
    let checked = rig.check().await;
    assert_eq!(codes(&checked), ["witness-unreachable"]);
    assert!(
        !checked.is_alarm(),
        "that one is away says nothing of the log"
    );
    let said = checked.findings[0].to_string();
    assert_eq!(said.matches(&servers[1].url()).count(), 1, "{said}");
    assert_eq!(*asked.lock().unwrap(), 3);
}

/// A start after a while: what is remembered is ahead of what one address serves, and always was.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_behind_when_a_monitor_starts_is_no_alarm() {
    let mut rig = Rig::new();
    let log = history("", 600, 600);
    let mirror = Server::of(rig.files(&log, 200));
    let at: Place = mirror.url().parse().unwrap();
    rig.watch.logs.push(at.clone());
    let start = async |place: &Place| -> Checked {
        Monitor::open(rig.watch.clone()).unwrap().check(place).await
    };
    rig.show(&log, 600);
    assert!(start(&rig.place()).await.is_well());
    // The other address of the log has its tiles, though this run did not see it yet.
    for size in [200, 290] {
        mirror.now_of(rig.files(&log, size));
        let checked = start(&at).await;
        assert!(checked.is_well(), "{:?}", checked.findings);
        assert_eq!(checked.remembered, Some(600));
    }
    rig.server.now_of(Files::new());
    let checked = start(&at).await;
    assert_eq!(codes(&checked), ["unreachable"]);
    assert!(
        matches!(&checked.findings[0], Finding::Unreachable { why, .. } if why.contains("behind"))
    );
    assert!(rig.evidence().is_empty());
    // A witness that is behind what is remembered, too, has not the mirror's tiles at fault.
    let w = witness(log.note(250, &[(&rig.keys[0], now())]));
    let mut watch = rig.watch.clone();
    watch.witnesses = vec![w.url().parse().unwrap()];
    let checked = Monitor::open(watch).unwrap().check(&at).await;
    assert_eq!(codes(&checked), ["unreachable", "unreachable"]);
    // An address that showed more and shows less is told as that.
    assert_eq!(rig.found(&log, 400).await, ["rollback"]);
}
