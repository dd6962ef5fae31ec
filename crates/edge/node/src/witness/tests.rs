//! The witness's memory on a disk that fails, forgets and reorders; what two processes on one state do; a clock that
//! runs back.

use std::path::Path;
use std::sync::Arc;

use quorate_merkle::{LeafHashes, leaf_hash, prove_consistency, root_of_leaf_hashes};
use quorate_note::{
    Checkpoint, CosignSigner, KeyName, LogSigner, Origin, SignedCheckpoint, WitnessKey, ed25519,
};
use quorate_store::Disk;
use quorate_testkit::disk::{FakeDisk, Fault};
use quorate_testkit::rng::Rng;
use quorate_witness::{AddCheckpoint, authenticate};

use super::core::{Core, NotResumed, Now, Outcome, Request};
use super::log::Log;
use super::store::{LogRecord, WitnessStore, WitnessStoreError};

const FILE: &str = "/data/witness.redb";
const NOW: u64 = 1_795_000_000;

/// A log with two histories.
struct Source {
    origin: Origin,
    seed: u8,
}

impl Source {
    fn new(index: u8) -> Self {
        Self {
            origin: Origin::new(&format!("log{index}.example")).unwrap(),
            seed: index + 1,
        }
    }

    fn signer(&self) -> LogSigner {
        let name = KeyName::of_log(&self.origin).unwrap();
        LogSigner::ed25519(name, ed25519::SecretKey::from_seed([self.seed; 32]))
    }

    fn leaves(size: u64, history: &str) -> Vec<quorate_merkle::Hash> {
        (0..size)
            .map(|i| leaf_hash(format!("{}{i}", if i < 2 { "" } else { history }).as_bytes()))
            .collect()
    }

    fn request(&self, old: u64, size: u64, history: &str) -> AddCheckpoint {
        let leaves = Self::leaves(size, history);
        let root = root_of_leaf_hashes(&leaves);
        let checkpoint = Checkpoint::new(self.origin.clone(), size, root).unwrap();
        let signed = SignedCheckpoint::sign(&checkpoint, &[self.signer()], NOW).unwrap();
        let proof = prove_consistency(old.min(size), size, &LeafHashes(&leaves)).unwrap();
        AddCheckpoint::new(old, proof, signed)
    }

    fn record(&self) -> LogRecord {
        LogRecord {
            vkeys: vec![self.signer().verifier_key().to_string()],
            retired: Vec::new(),
            qpd: None,
            contact: None,
            added_at: "2026-11-27T00:00:00Z".to_owned(),
            disabled: false,
        }
    }
}

fn signer() -> CosignSigner {
    let name = KeyName::new("w.example").unwrap();
    CosignSigner::ed25519(name, ed25519::SecretKey::from_seed([9; 32]))
}

fn own() -> Vec<WitnessKey> {
    vec![WitnessKey::try_from(signer().verifier_key().clone()).unwrap()]
}

/// A witness process on a disk.
struct Process {
    store: Arc<WitnessStore>,
    core: Core,
    logs: Vec<Arc<Log>>,
}

impl Process {
    fn start(disk: &FakeDisk, sources: &[Source]) -> Result<Self, WitnessStoreError> {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let store = Arc::new(WitnessStore::open(&disk, Path::new(FILE))?);
        for source in sources {
            if !store
                .logs()?
                .iter()
                .any(|l| l.origin == source.origin.as_str())
            {
                store.put_logs(&[(source.origin.to_string(), source.record())])?;
            }
        }
        Self::on(store)
    }

    fn on(store: Arc<WitnessStore>) -> Result<Self, WitnessStoreError> {
        let logs = store
            .logs()?
            .into_iter()
            .map(|l| Arc::new(Log::new(l, 0).unwrap()));
        Ok(Self {
            logs: logs.collect(),
            core: Core::new(Arc::clone(&store), own())?,
            store,
        })
    }

    fn request(&self, source: &Source, old: u64, size: u64, history: &str) -> Option<Request> {
        let log = self.logs.iter().find(|l| *l.origin() == source.origin)?;
        let request = source.request(old, size, history);
        let authenticated = authenticate(Ok(request), |_| Some((log.known(), log.size()))).ok()?;
        Some(Request {
            log: Arc::clone(log),
            authenticated,
        })
    }

    fn size(&self, source: &Source) -> u64 {
        let log = self.logs.iter().find(|l| *l.origin() == source.origin);
        log.map_or(0, |log| log.size())
    }
}

fn at(seconds: u64) -> Now {
    Now {
        seconds,
        text: "2026-11-27T00:00:00Z".to_owned(),
    }
}

/// What clients hold: every co-signature that was ever given out, per log, in order.
#[derive(Default)]
struct Ledger(std::collections::HashMap<String, Vec<(u64, quorate_merkle::Hash, u64)>>);

impl Ledger {
    /// Adds what was given out, and holds it against everything given out before.
    fn add(&mut self, outcome: &Outcome) {
        let Outcome::Accepted(durable) = outcome else {
            return;
        };
        let position = durable.position();
        let (checkpoint, time) = (position.checkpoint(), position.timestamp());
        let of_log = self.0.entry(checkpoint.origin().to_string()).or_default();
        for (size, root, earlier) in &*of_log {
            assert!(
                *size <= checkpoint.size(),
                "rolled back from {size} to {}",
                checkpoint.size()
            );
            assert!(*earlier <= time, "the time ran back");
            // Which history a tree is of follows from its root; 2 leaves are common to both.
            let history = |size: u64, root| {
                ["a", "b"].map(|h| root_of_leaf_hashes(&Source::leaves(size, h)) == root)
            };
            let (a, b) = (
                history(*size, *root),
                history(checkpoint.size(), *checkpoint.root()),
            );
            assert!(
                (a[0] && b[0]) || (a[1] && b[1]),
                "two inconsistent co-signatures"
            );
        }
        of_log.push((checkpoint.size(), *checkpoint.root(), time));
    }

    /// Nothing that was given out is forgotten.
    fn check(&self, process: &Process, sources: &[Source]) {
        for source in sources {
            let signed = self.0.get(source.origin.as_str()).and_then(|l| l.last());
            let size = signed.map_or(0, |(size, ..)| *size);
            assert!(
                process.size(source) >= size,
                "{} was forgotten",
                source.origin
            );
        }
    }
}

fn disk_with_dir() -> FakeDisk {
    let disk = FakeDisk::new();
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

/// One group of requests: honest, late, repeated and forked.
fn group(rng: &mut Rng, process: &Process, sources: &[Source]) -> Vec<Request> {
    let mut requests = Vec::new();
    for _ in 0..=rng.below(4) {
        let source = &sources[rng.below(sources.len() as u64) as usize];
        let last = process.size(source);
        let old = if rng.below(5) == 0 {
            rng.below(12)
        } else {
            last
        };
        let size = if rng.below(6) == 0 {
            rng.below(12)
        } else {
            last + rng.below(4)
        };
        let history = if rng.below(4) == 0 { "b" } else { "a" };
        requests.extend(process.request(source, old, size, history));
    }
    requests
}

#[test]
fn r2_every_storage_step_may_fail_and_no_cosignature_is_ever_contradicted() {
    let sources = [Source::new(0), Source::new(1)];
    let faults = [
        Fault::Before,
        Fault::After,
        Fault::Half,
        Fault::SyncLost,
        Fault::Stop,
        Fault::StopAfter,
    ];
    let mut hit = 0;
    for fault in faults {
        for nth in 1.. {
            let disk = disk_with_dir();
            let mut ledger = Ledger::default();
            let mut rng = Rng::new(nth);
            disk.fail_at(disk.operations() + nth, fault);
            let run = |disk: &FakeDisk, ledger: &mut Ledger, rng: &mut Rng| {
                let mut process = Process::start(disk, &sources)?;
                for round in 0..6 {
                    let requests = group(rng, &process, &sources);
                    let outcomes = process.core.process(&requests, &at(NOW + round))?;
                    outcomes.iter().for_each(|o| ledger.add(o));
                }
                Ok::<_, WitnessStoreError>(())
            };
            let _failed = run(&disk, &mut ledger, &mut rng);
            let failed = disk.failed();
            let after = disk.crash(nth);
            let process = Process::start(&after, &sources)
                .unwrap_or_else(|e| panic!("{fault:?} at {nth} ({failed:?}): {e}"));
            ledger.check(&process, &sources);
            drop(process);
            run(&after, &mut ledger, &mut rng).unwrap();
            if failed.is_none() {
                break;
            }
            hit += 1;
        }
    }
    assert!(hit > 200, "only {hit} steps were failed");
}

fn crashes(seed: u64, restarts: u64) {
    let mut rng = Rng::new(seed);
    let sources: Vec<Source> = (0..5).map(Source::new).collect();
    let mut ledger = Ledger::default();
    let mut disk = disk_with_dir();
    for restart in 0..restarts {
        let Ok(mut process) = Process::start(&disk, &sources) else {
            disk = disk.crash(rng.next_u64());
            disk.heal();
            continue;
        };
        ledger.check(&process, &sources);
        let fault = [Fault::Stop, Fault::StopAfter, Fault::Half, Fault::SyncLost];
        let fault = fault[rng.below(4) as usize];
        disk.fail_at(disk.operations() + 1 + rng.below(60), fault);
        for round in 0..20 {
            let requests = group(&mut rng, &process, &sources);
            // A clock that jumps about.
            let clock = NOW + restart + rng.below(100) - 50 + round;
            match process.core.process(&requests, &at(clock)) {
                Ok(outcomes) => outcomes.iter().for_each(|o| ledger.add(o)),
                Err(_) => break,
            }
        }
        drop(process);
        disk = disk.crash(rng.next_u64());
        disk.heal();
    }
    assert!(ledger.0.values().map(Vec::len).sum::<usize>() > restarts as usize / 4);
}

#[test]
fn r2_crashes_anywhere_roll_no_log_back() {
    for seed in 0..4 {
        crashes(seed, 40);
    }
}

#[test]
#[ignore = "takes QUORATE_SOAK_SECONDS"]
fn r2_crashes_anywhere_for_long() {
    let seconds = std::env::var("QUORATE_SOAK_SECONDS").map_or(20, |s| s.parse().unwrap());
    let until = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    let mut restarts = 0;
    for seed in 1000.. {
        crashes(seed, 50);
        restarts += 50;
        if std::time::Instant::now() > until {
            break;
        }
    }
    println!("{restarts} restarts");
}

/// A memory that another one has overtaken in the same store: it finds that the state moved, and signs nothing.
#[test]
fn w_20_a_stale_memory_signs_nothing() {
    let sources = [Source::new(0)];
    let mut first = Process::start(&disk_with_dir(), &sources).unwrap();
    let mut second = Process::on(Arc::clone(&first.store)).unwrap();
    let mine = vec![first.request(&sources[0], 0, 5, "a").unwrap()];
    let theirs = vec![second.request(&sources[0], 0, 5, "b").unwrap()];
    let outcomes = first.core.process(&mine, &at(NOW)).unwrap();
    assert!(matches!(outcomes[..], [Outcome::Accepted(_)]));
    let refused = second.core.process(&theirs, &at(NOW));
    assert!(
        matches!(refused, Err(WitnessStoreError::Moved { .. })),
        "{refused:?}"
    );
}

/// Two requests for one log that were both checked against the same position: one advances, the other conflicts.
#[test]
fn w_20_of_two_requests_from_the_same_position_one_is_signed() {
    let sources = [Source::new(0)];
    let mut process = Process::start(&disk_with_dir(), &sources).unwrap();
    let requests = vec![
        process.request(&sources[0], 0, 5, "a").unwrap(),
        process.request(&sources[0], 0, 5, "b").unwrap(),
        process.request(&sources[0], 0, 7, "a").unwrap(),
    ];
    let outcomes = process.core.process(&requests, &at(NOW)).unwrap();
    let mut ledger = Ledger::default();
    outcomes.iter().for_each(|o| ledger.add(o));
    assert!(matches!(
        outcomes[..],
        [
            Outcome::Accepted(_),
            Outcome::Refused(_),
            Outcome::Refused(_)
        ]
    ));
    assert_eq!(
        process.store.evidence().unwrap().len(),
        1,
        "two trees of five leaves"
    );
}

#[test]
fn w_19_evidence_survives_a_restart_and_is_kept_once() {
    let sources = [Source::new(0)];
    let disk = disk_with_dir();
    let mut process = Process::start(&disk, &sources).unwrap();
    let ask = |process: &mut Process, old, size, history: &str| {
        let request = vec![process.request(&sources[0], old, size, history).unwrap()];
        process.core.process(&request, &at(NOW)).unwrap()
    };
    ask(&mut process, 0, 5, "a");
    for _ in 0..3 {
        ask(&mut process, 5, 5, "b");
    }
    drop(process);
    let disk = disk.crash(1);
    let mut process = Process::start(&disk, &sources).unwrap();
    ask(&mut process, 5, 5, "b");
    let evidence = process.store.evidence().unwrap();
    assert_eq!(evidence.len(), 1);
    let keys = process.logs[0].known().all_keys();
    quorate_witness::Equivocation::verify(evidence[0].1.text.as_bytes(), &keys).unwrap();
}

/// A restored older disk: a log brings a checkpoint that bears our signature and is larger than what we remember.
#[test]
fn w_26_a_restored_disk_is_noticed_and_nothing_more_is_signed_until_the_operator_says_so() {
    let sources = [Source::new(0)];
    let disk = disk_with_dir();
    let mut process = Process::start(&disk, &sources).unwrap();
    let old = vec![process.request(&sources[0], 0, 3, "a").unwrap()];
    process.core.process(&old, &at(NOW)).unwrap();
    let snapshot = disk.fork();
    let new = vec![process.request(&sources[0], 3, 7, "a").unwrap()];
    let outcomes = process.core.process(&new, &at(NOW)).unwrap();
    let Outcome::Accepted(durable) = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    let published = durable
        .published(vec![durable.cosign(&signer()).unwrap()])
        .unwrap();
    drop(process);

    let snapshot = snapshot.crash(1);
    let mut restored = Process::start(&snapshot, &sources).unwrap();
    assert_eq!(restored.size(&sources[0]), 3);
    let log = Arc::clone(&restored.logs[0]);
    let carrying = AddCheckpoint::new(
        3,
        sources[0].request(3, 7, "a").proof().clone(),
        published.clone(),
    );
    let authenticated = authenticate(Ok(carrying), |_| Some((log.known(), 3))).unwrap();
    let request = vec![Request {
        log: Arc::clone(&log),
        authenticated,
    }];
    let outcomes = restored.core.process(&request, &at(NOW)).unwrap();
    assert!(matches!(outcomes[..], [Outcome::Halted(7)]));
    let fork = vec![restored.request(&sources[0], 3, 9, "b").unwrap()];
    let outcomes = restored.core.process(&fork, &at(NOW)).unwrap();
    assert!(matches!(outcomes[..], [Outcome::Halted(7)]));
    drop((restored, log));

    let mut again = Process::start(&snapshot.crash(2), &sources).unwrap();
    let log = Arc::clone(&again.logs[0]);
    assert_eq!(
        log.halt().map(|h| h.size),
        Some(7),
        "a halt survives a restart"
    );
    let halt = log.halt().unwrap();
    again.core.resume(&log, &halt, &at(NOW)).unwrap().unwrap();
    assert_eq!(again.size(&sources[0]), 7);
    let next = vec![again.request(&sources[0], 7, 9, "a").unwrap()];
    let outcomes = again.core.process(&next, &at(NOW)).unwrap();
    assert!(matches!(outcomes[..], [Outcome::Accepted(_)]));
    // The operator asked twice, and the log moved on in between.
    let late = again.core.resume(&log, &halt, &at(NOW)).unwrap();
    assert_eq!(late, Err(NotResumed::NotHalted));
    assert_eq!(again.size(&sources[0]), 9, "a position never goes back");
}

/// What a halted log is shown is kept: evidence against it, and the largest tree that bears our signature.
#[test]
fn w_26_a_halted_log_is_still_watched() {
    let sources = [Source::new(0)];
    let mut process = Process::start(&disk_with_dir(), &sources).unwrap();
    let request = vec![process.request(&sources[0], 0, 5, "a").unwrap()];
    process.core.process(&request, &at(NOW)).unwrap();
    let log = Arc::clone(&process.logs[0]);
    let ours = |size: u64, history: &str| {
        let request = sources[0].request(5, size, history);
        let signed = request.checkpoint().verify_log(log.known().keys()).unwrap();
        let line = signer().cosign(&signed, NOW).unwrap();
        let mut lines = signed.log_lines().to_vec();
        lines.push(line);
        let checkpoint = SignedCheckpoint::new(signed.checkpoint().clone(), lines).unwrap();
        let carrying = AddCheckpoint::new(5, request.proof().clone(), checkpoint);
        let authenticated = authenticate(Ok(carrying), |_| Some((log.known(), 5))).unwrap();
        vec![Request {
            log: Arc::clone(&log),
            authenticated,
        }]
    };
    for (size, history, halted) in [(5, "b", 5), (9, "a", 9), (7, "a", 9)] {
        let outcomes = process
            .core
            .process(&ours(size, history), &at(NOW))
            .unwrap();
        let Outcome::Halted(at) = outcomes[0] else {
            panic!("{outcomes:?}")
        };
        assert_eq!(at, halted);
        assert_eq!(log.halt().map(|h| h.size), Some(halted));
    }
    assert_eq!(process.store.evidence().unwrap().len(), 1);
    let halt = log.halt().unwrap();
    process.core.resume(&log, &halt, &at(NOW)).unwrap().unwrap();
    assert_eq!(process.size(&sources[0]), 9);
}

#[test]
fn s_01_a_key_serves_under_one_name() {
    let disk: Arc<dyn Disk> = Arc::new(disk_with_dir());
    let store = WitnessStore::open(&disk, Path::new(FILE)).unwrap();
    store.bind_key("aa", "one.example").unwrap();
    store.bind_key("aa", "one.example").unwrap();
    assert!(matches!(
        store.bind_key("aa", "two.example"),
        Err(WitnessStoreError::Renamed { .. })
    ));
}
