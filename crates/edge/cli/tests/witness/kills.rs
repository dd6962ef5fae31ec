//! SIGKILL under load, again and again, against a ledger that the logs keep.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quorate_merkle::Hash;
use quorate_note::VerifiedCosignature;

use crate::log::Log;
use crate::process::{Answer, Witness, keys, try_ask};

const LOGS: u8 = 8;
const KILLS: usize = 1000;

/// Every co-signature that a log was given, in order: size, root, time, history.
type Ledger = HashMap<u8, Vec<(u64, Hash, u64)>>;

fn cosigned(log: &Log, size: u64, history: &str, answer: &Answer) -> Vec<VerifiedCosignature> {
    let checkpoint = log.signed(size, history).verify_log(&[log.key()]).unwrap();
    let found = checkpoint
        .cosignatures_in(&answer.lines(), &keys()[..1])
        .unwrap();
    assert!(!found.is_empty(), "an answer without a co-signature");
    found
}

/// One log that grows as fast as it can and tries to fork now and then; it knows what it was told, nothing more.
fn drive(address: std::net::SocketAddr, index: u8, ledger: &Mutex<Ledger>, stop: &AtomicBool) {
    let log = Log::new(&format!("log{index}.example"), index + 1);
    let mut old = 0;
    let mut round = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        // Trees stay small, so that making proofs is not what takes the time.
        let (size, history) = match round % 7 {
            0 => (old.max(1), "b"),
            3 => (old + 2, "b"),
            _ => (old + 1, "a"),
        };
        let body = log.request(old, size, history);
        let Some(answer) = try_ask(address, "POST", "/add-checkpoint", &body) else {
            continue;
        };
        match answer.status {
            200 => {
                let times = cosigned(&log, size, history, &answer);
                let time = times[0].timestamp();
                let root = Log::root(size, history);
                ledger
                    .lock()
                    .unwrap()
                    .entry(index)
                    .or_default()
                    .push((size, root, time));
                old = size;
            }
            409 => old = answer.text().trim().parse().unwrap(),
            422 | 429 => {}
            status => panic!("unexpected answer {status}: {}", answer.text()),
        }
    }
}

/// Each log's co-signatures form one growing history. Which history a tree is of follows from its root.
fn check(ledger: &Ledger) {
    for (index, signed) in ledger {
        let first_of_b = signed
            .iter()
            .any(|(size, root, _)| *size > 1 && *root == Log::root(*size, "b"));
        let history = if first_of_b { "b" } else { "a" };
        for pair in signed.windows(2) {
            let [(before, _, earlier), (after, _, later)] = pair else {
                unreachable!()
            };
            assert!(
                before <= after,
                "log {index} was rolled back from {before} to {after}"
            );
            assert!(earlier <= later, "the time of log {index} ran back");
        }
        for (size, root, _) in signed {
            assert_eq!(
                *root,
                Log::root(*size, history),
                "log {index} has two histories"
            );
        }
    }
}

fn kill_and_check(kills: usize) {
    let dir = tempfile::tempdir().unwrap();
    let flags: Vec<String> = (0..LOGS)
        .map(|i| Log::new(&format!("log{i}.example"), i + 1).flag())
        .collect();
    let words: Vec<&str> = flags
        .iter()
        .flat_map(|f| ["--origin", f.as_str()])
        .collect();
    let ledger: Arc<Mutex<Ledger>> = Arc::default();
    for round in 0..kills {
        // The clock cannot be set here; that it runs back is tested on the memory alone.
        let witness = Witness::start(dir.path(), &words);
        {
            // What was given out before is remembered by the process that runs now.
            let ledger = ledger.lock().unwrap();
            if round % 20 == 0 {
                for log in witness.json(&["list"]).as_array().unwrap() {
                    let origin = log["origin"].as_str().unwrap();
                    let index: u8 = origin["log".len()..origin.find('.').unwrap()]
                        .parse()
                        .unwrap();
                    let told = ledger.get(&index).and_then(|s| s.last()).map_or(0, |s| s.0);
                    assert!(
                        log["size"].as_u64().unwrap_or(0) >= told,
                        "{origin} was forgotten"
                    );
                }
            }
        }
        let stop = Arc::new(AtomicBool::new(false));
        let drivers: Vec<_> = (0..LOGS)
            .map(|index| {
                let (ledger, stop, address) =
                    (Arc::clone(&ledger), Arc::clone(&stop), witness.address);
                std::thread::spawn(move || drive(address, index, &ledger, &stop))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20 + (round as u64 * 7) % 60));
        witness.kill();
        stop.store(true, Ordering::Relaxed);
        for driver in drivers {
            driver.join().unwrap();
        }
    }
    let ledger = ledger.lock().unwrap();
    check(&ledger);
    let total: usize = ledger.values().map(Vec::len).sum();
    println!("{kills} kills, {total} co-signatures");
    assert!(total > kills, "too little was co-signed to tell anything");
}

#[test]
fn r2_a_witness_killed_under_load_contradicts_nothing_it_cosigned() {
    kill_and_check(5);
}

#[test]
#[ignore = "kills a witness a thousand times: minutes"]
fn r2_a_witness_killed_a_thousand_times_under_load_contradicts_nothing_it_cosigned() {
    kill_and_check(KILLS);
}
