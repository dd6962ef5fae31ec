//! Every step of storage fails, before and after it persisted; crashes at any point of a random load.

use std::collections::BTreeSet;
use std::path::Path;

use quorate_store::{Kind, Urgency};
use quorate_testkit::disk::{FakeDisk, Fault};
use quorate_testkit::rng::Rng;

use crate::ledger::{Client, Restart, random_step};
use crate::support::{DIR, create, eager, grow, open, open_with};

/// Creation, commits of different sizes, journal growth and compaction, snapshots with merges, a clean close,
/// a second life.
fn scenario(client: &mut Client) {
    for count in [1, 2, 40] {
        client.step(|c| c.append(count));
    }
    client.step(|c| c.maintain(Urgency::WhenDue));
    for _ in 0..4 {
        for count in [1, 9] {
            client.step(|c| c.append(count));
        }
        client.step(|c| c.maintain(Urgency::IfAnything));
    }
    client.close();
    client.restart();
    for count in [1, 2, 1] {
        client.step(|c| c.append(count));
    }
}

/// Lets each operation of the scenario fail in each way, with `restart` after it. Returns what failed.
fn table(restart: Restart) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    for fault in [
        Fault::Before,
        Fault::After,
        Fault::Half,
        Fault::SyncLost,
        Fault::Stop,
        Fault::StopAfter,
    ] {
        for nth in 0.. {
            let disk = FakeDisk::new();
            disk.fail_at(nth, fault);
            let mut client = Client::new(disk.clone(), restart);
            scenario(&mut client);
            let Some(step) = disk.failed() else { break };
            let same_as_before = match fault {
                Fault::Half => !step.starts_with("write"),
                Fault::SyncLost => !step.starts_with("sync"),
                _ => false,
            };
            if !same_as_before {
                client.finish();
                // A batch that ended uncertainly and was there after all was appended once more.
                assert!(
                    (87..=127).contains(&client.acknowledged),
                    "{fault:?} of {step}"
                );
            }
            reached.insert(step);
        }
    }
    reached
}

#[test]
fn every_storage_step_may_fail_with_a_new_process_after_it() {
    let reached = table(Restart::Process);
    // Every kind of durable step was among those that failed.
    for step in [
        "create_dir_all tree",
        "create tests_events.jsonl",
        "create commit.journal.tmp",
        "rename commit.journal",
        "create scroll.json.tmp",
        "rename scroll.json",
        "sync receipts",
        "write tests_events.jsonl",
        "sync tests_events.jsonl",
        "write commit.journal",
        "sync commit.journal",
        "write 0",
        "sync 0",
        "write offsets",
        "sync offsets",
        "write 0000000000000000.run",
        "sync 0000000000000000.run",
        "sync leaf",
        "rename snapshot",
        "sync tests",
        "remove 0000000000000000.run",
    ] {
        assert!(reached.contains(step), "{step} never failed: {reached:?}");
    }
}

#[test]
fn every_storage_step_may_fail_with_a_crash_after_it() {
    table(Restart::Crash(1));
}

#[test]
fn what_a_start_cuts_off_is_in_the_record_or_beside_it_whatever_fails() {
    let good = FakeDisk::new();
    create(&good, Kind::Receipts);
    grow(&mut open(&good), 20);
    let record = Path::new(DIR).join("tests_events.jsonl");
    let tail = b"{\"never\":\"acknowledged\"}\n{".repeat(40);
    good.tamper(&record, |bytes| bytes.extend_from_slice(&tail));
    let mut reached = BTreeSet::new();
    for fault in [
        Fault::Before,
        Fault::After,
        Fault::Half,
        Fault::SyncLost,
        Fault::StopAfter,
    ] {
        for nth in 0.. {
            let fake = good.fork();
            fake.fail_at(nth, fault);
            let opened = open_with(&fake, &eager());
            let Some(step) = fake.failed() else { break };
            for seed in 0..6 {
                let after = fake.crash(seed);
                let kept = after.contents(&Path::new(DIR).join("tests_events.jsonl.cut"));
                let there = after.contents(&record).unwrap().ends_with(&tail);
                assert!(there || kept.as_ref() == Some(&tail), "{fault:?} of {step}");
                let (scroll, _) = open_with(&after, &eager()).unwrap();
                assert_eq!(scroll.reader().size(), 20);
            }
            drop(opened);
            reached.insert(step);
        }
    }
    for step in [
        "create tests_events.jsonl.cut.tmp",
        "set_len tests_events.jsonl",
    ] {
        assert!(reached.contains(step), "{step} never failed: {reached:?}");
    }
}

#[test]
fn random_crashes_lose_nothing_that_was_acknowledged() {
    let runs = std::env::var("QUORATE_CRASH_RUNS").map_or(400, |n| n.parse().unwrap());
    let mut restarts = 0;
    for seed in 0..runs {
        let mut rng = Rng::new(seed);
        let mut client = Client::new(FakeDisk::new(), Restart::Crash(seed));
        for _life in 0..5 {
            let fault = [Fault::Stop, Fault::StopAfter, Fault::SyncLost, Fault::Half]
                [rng.below(4) as usize];
            client.disk.fail_at(rng.below(150), fault);
            let target = client.restarts + 1;
            for _ in 0..40 {
                random_step(&mut client, &mut rng);
                if client.restarts >= target {
                    break;
                }
            }
        }
        restarts += client.restarts;
        client.finish();
    }
    println!("{runs} runs, {restarts} crashes");
    assert!(restarts >= runs * 2);
}
