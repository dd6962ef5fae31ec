//! Every system call with which `quorate append --offline` touches its data directory fails once, from outside
//! the process, or the process is killed before it. After each: what was said is true, what was acknowledged
//! is there, `quorate log fsck` is content, and the next append works.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its processes must stop"
)]

mod judge;
mod scene;
mod trace;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use quorate_testkit::rng::Rng;

use scene::{Run, Scene, Thread};
use trace::{Fault, Point};

/// One call of one run that goes wrong in one way.
struct Case<'a> {
    run: &'a Run,
    point: Point,
    fault: Fault,
}

/// What is planned for one run: every call that may change what is on disk, failing in each way, and every
/// other call, failing to read.
fn plan(run: &Run) -> (Vec<Case<'_>>, Vec<Case<'_>>) {
    let case = |point: &Point, fault| Case {
        run,
        point: point.clone(),
        fault,
    };
    let (writes, others): (Vec<Point>, Vec<Point>) =
        run.points().into_iter().partition(Point::writes);
    let all = writes
        .iter()
        .flat_map(|p| [Fault::Io, Fault::Full, Fault::Kill].map(|fault| case(p, fault)))
        .collect();
    (all, others.iter().map(|p| case(p, Fault::Io)).collect())
}

/// Runs the cases on two threads until all are done or the time is over; how many were done.
fn run_all(cases: &[Case<'_>], until: Option<Instant>) -> usize {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let failures: Mutex<BTreeMap<String, Vec<String>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while until.is_none_or(|t| Instant::now() < t) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else { return };
                    if let Err((why, example)) = one(case) {
                        failures
                            .lock()
                            .unwrap()
                            .entry(why)
                            .or_default()
                            .push(example);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let mut text = String::new();
    for (why, examples) in failures.into_inner().unwrap() {
        text.push_str(&format!("\n{} times: {why}\n", examples.len()));
        examples.iter().take(3).for_each(|e| text.push_str(e));
    }
    assert!(text.is_empty(), "{text}");
    done.into_inner()
}

/// What did not hold, and where.
fn one(case: &Case<'_>) -> Result<(), (String, String)> {
    let shown = format!("  {}, {:?}: {}\n", case.run, case.fault, case.point);
    let (dir, outcome) = case
        .run
        .fail(&case.point, case.fault)
        .map_err(|why| (why, shown.clone()))?;
    judge::judge(case.run, &case.point, dir.path(), &outcome)
        .map_err(|why| (why, format!("{shown}{outcome}\n")))
}

/// `QUORATE_SOAK_SECONDS` bounds the calls that only read; those that write are all covered, always.
#[test]
#[ignore = "needs strace, and minutes; .ci/run runs it"]
fn r2_an_offline_append_survives_the_failure_of_every_system_call() {
    let seconds = std::env::var("QUORATE_SOAK_SECONDS").map_or(120, |s| s.parse().unwrap());
    let scene = Scene::new();
    // The main thread opens, keeps sealed content and closes; each scroll's sequencer commits and leaves a
    // snapshot behind. No other thread touches the directory.
    let runs = [
        scene.lines_after_a_crash(Thread::Main),
        scene.lines_after_a_crash(Thread::Named("seq-A")),
        scene.lines_after_a_crash(Thread::Named("seq-Identity")),
        scene.sealing_after_a_clean_stop(Thread::Main),
        scene.sealing_after_a_clean_stop(Thread::Named("seq-Files")),
    ];
    let mut writes = Vec::new();
    let mut reads = Vec::new();
    for run in &runs {
        let (w, r) = plan(run);
        eprintln!(
            "{run}: {} faults of calls that write, {} of others",
            w.len(),
            r.len()
        );
        writes.extend(w);
        reads.extend(r);
    }
    assert!(
        writes.len() > 300 && reads.len() > 300,
        "the traces show too little: {} and {}",
        writes.len(),
        reads.len()
    );
    run_all(&writes, None);
    let mut rng = Rng::new(20_261_120);
    for i in (1..reads.len()).rev() {
        reads.swap(i, rng.below(i as u64 + 1) as usize);
    }
    let done = run_all(&reads, Some(Instant::now() + Duration::from_secs(seconds)));
    eprintln!(
        "{} faults of calls that write, {done} of others",
        writes.len()
    );
}
