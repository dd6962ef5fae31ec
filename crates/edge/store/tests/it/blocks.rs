//! Any one block of the journal may be lost, come back old, or hold something else: what was acknowledged is
//! still there.

use std::path::{Path, PathBuf};

use quorate_store::{Batch, Damage, Fault, Kind, OpenError, OpenOptions, Urgency};
use quorate_testkit::disk::FakeDisk;
use quorate_testkit::rng::Rng;

use crate::support::{
    DIR, EXTENT, create, eager, entry, grow, journal_of, lanes, model, open, open_with, prepared,
    root_of,
};

const BLOCK: usize = 4096;

fn journal() -> PathBuf {
    Path::new(DIR).join("commit.journal")
}

fn bytes_of(fake: &FakeDisk) -> Vec<u8> {
    fake.contents(&journal()).unwrap()
}

/// No snapshot and no compaction: every seal counts, and nothing else would notice that it is gone.
fn patient() -> OpenOptions {
    let mut options = eager();
    options.tuning.snapshot_every = u64::MAX;
    options.tuning.max_pending = usize::MAX;
    options.tuning.journal_compact = 1 << 20;
    options
}

/// A journal whose lanes have more than one extent, with what it was at several times before.
struct Sample {
    disk: FakeDisk,
    size: u64,
    before: Vec<Vec<u8>>,
}

fn sample(commits: u64, cursor: usize) -> Sample {
    let disk = FakeDisk::new();
    create(&disk, Kind::Receipts);
    let mut scroll = open_with(&disk, &patient()).unwrap().0;
    let mut before = Vec::new();
    for i in 0..commits {
        if i + 1 == commits || i % (commits / 3) == 1 {
            before.push(bytes_of(&disk));
        }
        let batch = Batch {
            entries: vec![prepared(&entry(i))],
            cursors: vec![("input".into(), vec![i as u8; cursor])],
            at: 1,
        };
        scroll.writer().commit(batch).unwrap();
    }
    assert_eq!(disk.contents(&Path::new(DIR).join("snapshot")), None);
    Sample {
        disk,
        size: commits,
        before,
    }
}

impl Sample {
    /// Everything that was acknowledged is there, and so it is after another start, commit and crash.
    /// Whether the journal was written anew.
    fn recovers(&self, fake: &FakeDisk, what: &str) -> bool {
        let (mut scroll, report) = open_with(fake, &patient())
            .unwrap_or_else(|refused| panic!("{what}: refused, {refused}"));
        assert_eq!((report.size, report.cut_bytes), (self.size, 0), "{what}");
        assert_eq!(scroll.reader().root(), root_of(&model(self.size)), "{what}");
        let healed = report.healed_journal;
        let cursor = scroll.reader().cursor("input").unwrap();
        assert_eq!(cursor[0], (self.size - 1) as u8, "{what}");
        grow(&mut scroll, self.size + 2);
        let (again, report) = open_with(&fake.crash(5), &patient()).unwrap();
        assert_eq!(again.reader().root(), root_of(&model(self.size + 2)));
        assert!(!report.healed_journal, "{what}");
        healed
    }

    fn with(&self, change: impl FnOnce(&mut Vec<u8>)) -> FakeDisk {
        let fake = self.disk.fork();
        fake.tamper(&journal(), change);
        fake
    }
}

/// What a range of the file may hold instead of what was written to it last.
fn replacements(sample: &Sample, range: &std::ops::Range<usize>) -> Vec<(&'static str, Vec<u8>)> {
    let mut rng = Rng::new(range.start as u64);
    let garbage = range.clone().map(|_| rng.next_u64() as u8).collect();
    let mut all = vec![("zeros", vec![0; range.len()]), ("garbage", garbage)];
    for old in &sample.before {
        let end = range.end.min(old.len());
        let mut then = old[range.start.min(end)..end].to_vec();
        then.resize(range.len(), 0);
        all.push(("older content", then));
    }
    let file = bytes_of(&sample.disk);
    for other in [
        0,
        EXTENT,
        EXTENT - BLOCK,
        range.start ^ EXTENT,
        range.start.wrapping_sub(BLOCK),
    ] {
        if let Some(bytes) = file.get(other..other.wrapping_add(range.len())) {
            all.push(("content of another place", bytes.to_vec()));
        }
    }
    all
}

/// Blocks, what reaches from the middle of one into the next, and pairs of neighbours.
fn ranges(len: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let clip = move |start: usize, end: usize| (start < len).then(|| start..end.min(len));
    (0..len.div_ceil(BLOCK)).flat_map(move |n| {
        let at = n * BLOCK;
        let half = BLOCK / 2;
        let all = [
            clip(at, at + BLOCK),
            clip(at + half, at + half + BLOCK),
            clip(at, at + 2 * BLOCK),
        ];
        all.into_iter().flatten()
    })
}

fn every_range_may_change(sample: &Sample) {
    let good = bytes_of(&sample.disk);
    let mut changed = 0;
    for range in ranges(good.len()) {
        for (what, bytes) in replacements(sample, &range) {
            if good[range.clone()] == bytes {
                continue;
            }
            changed += 1;
            let fake = sample.with(|file| file[range.clone()].copy_from_slice(&bytes));
            sample.recovers(&fake, &format!("{what} at {range:?}"));
        }
    }
    assert!(changed > 100, "{changed}");
}

#[test]
fn any_block_of_the_journal_may_hold_something_else_and_no_acknowledged_entry_is_cut() {
    let short = sample(30, 1);
    assert!(bytes_of(&short.disk).len() < 2 * EXTENT);
    every_range_may_change(&short);
}

#[test]
fn any_block_of_a_journal_of_several_extents_may_hold_something_else() {
    let long = sample(90, 1000);
    assert!(bytes_of(&long.disk).len() > 3 * EXTENT);
    every_range_may_change(&long);
}

#[test]
fn any_block_of_the_journal_may_be_unreadable() {
    for sample in [sample(30, 1), sample(90, 1000)] {
        let len = bytes_of(&sample.disk).len();
        for range in ranges(len) {
            let fake = sample.disk.fork();
            fake.unreadable(&journal(), range.start as u64..range.end as u64);
            let healed = sample.recovers(&fake, &format!("unreadable {range:?}"));
            assert!(healed, "{range:?} will be in the way later");
        }
    }
}

#[test]
fn a_record_of_the_journal_that_cannot_be_read_in_either_lane_is_named_and_not_taken_for_the_end() {
    let sample = sample(30, 1);
    let used = lanes(&bytes_of(&sample.disk))[1]
        .iter()
        .rposition(|b| *b != 0);
    let record = Path::new(DIR).join("tests_events.jsonl");
    for block in 0..used.unwrap().div_ceil(BLOCK) {
        let at = (block * BLOCK) as u64;
        for beside in [0, 700, u64::MAX] {
            // With the other copy unreadable too, or damaged, nothing says where the record ends.
            let fake = sample.disk.fork();
            let other = at + EXTENT as u64;
            if beside == u64::MAX {
                let first = if block == 0 { 0 } else { 30 };
                let start = usize::try_from(other).unwrap() + first;
                fake.tamper(&journal(), |file| file[start..].fill(0xa5));
            } else {
                fake.unreadable(&journal(), other + beside..other + BLOCK as u64);
            }
            fake.unreadable(&journal(), at..at + BLOCK as u64);
            let before = fake.contents(&record);
            match open_with(&fake, &patient()) {
                Err(OpenError::Fault(Fault::Corrupt(damage))) => {
                    assert_eq!(damage.file, journal());
                    let known = matches!(damage.damage, Damage::Unreadable | Damage::Chain);
                    assert!(known, "{damage}");
                }
                other => panic!("{at} {beside}: {:?}", other.map(|(_, report)| report)),
            }
            assert_eq!(fake.contents(&record), before);
        }
    }
}

#[test]
fn a_frame_of_an_earlier_time_or_another_place_in_one_lane_is_not_taken_for_a_seal() {
    // Compacted since: the old frames are whole, of this scroll, and stand where they were written.
    let disk = FakeDisk::new();
    create(&disk, Kind::Receipts);
    let mut scroll = open(&disk);
    grow(&mut scroll, 30);
    let [old, _] = lanes(&bytes_of(&disk));
    while lanes(&bytes_of(&disk))[0][..100] == old[..100] {
        let next = scroll.reader().size() + 1;
        grow(&mut scroll, next);
    }
    scroll.reader().maintain(Urgency::IfAnything).unwrap();
    let size = scroll.reader().size();
    drop(scroll);
    let file = bytes_of(&disk);
    let end = lanes(&file)[0].iter().rposition(|b| *b != 0).unwrap() + 1;
    let frame = old.windows(4).enumerate().filter(|(_, w)| w == b"QSJ2");
    let places: Vec<usize> = frame.map(|(at, _)| at).collect();
    assert!(places.len() > 3 && places.iter().any(|at| *at >= end));
    for lane in [0, 1] {
        for moved in [0, 64] {
            let fake = disk.fork();
            fake.tamper(&journal(), |file| {
                let mut both = lanes(file);
                let from = end.next_multiple_of(8) + moved;
                let len = (old.len() - end).min(both[lane].len() - from) / 2;
                let part = old[from - moved..][..len].to_vec();
                both[lane][from..from + len].copy_from_slice(&part);
                *file = journal_of(&both);
            });
            let (scroll, report) = open_with(&fake, &eager()).unwrap();
            assert_eq!((report.size, report.cut_bytes), (size, 0));
            assert!(report.healed_journal);
            assert_eq!(scroll.reader().root(), root_of(&model(size)));
        }
    }
}

#[test]
fn frames_of_the_other_lane_are_a_damaged_copy() {
    let sample = sample(30, 1);
    for lane in [0, 1] {
        let fake = sample.with(|file| {
            let mut both = lanes(file);
            let len = both[1].len();
            let other = both[1 - lane][..len].to_vec();
            both[lane][..len].copy_from_slice(&other);
            *file = journal_of(&both);
        });
        assert!(sample.recovers(&fake, "the other lane"));
    }
}

#[test]
fn frames_that_say_that_seals_were_lost_stop_the_start() {
    let sample = sample(30, 1);
    let places = |lane: &[u8]| -> Vec<usize> {
        let found = lane.windows(4).enumerate().filter(|(_, w)| w == b"QSJ2");
        found.map(|(at, _)| at).collect()
    };
    let at = places(&lanes(&bytes_of(&sample.disk))[0]);
    let refused = |change: &dyn Fn(&mut [Vec<u8>; 2])| {
        let fake = sample.with(|file| {
            let mut both = lanes(file);
            change(&mut both);
            *file = journal_of(&both);
        });
        match open_with(&fake, &patient()) {
            Err(OpenError::Fault(Fault::Corrupt(damage))) => {
                assert_eq!((damage.file, damage.damage), (journal(), Damage::Chain));
            }
            other => panic!("{:?}", other.map(|(_, report)| report)),
        }
    };
    for lane in [0, 1] {
        // A later seal, in one lane only.
        refused(&|both| {
            for bytes in both.iter_mut() {
                bytes[at[10]..at[11]].fill(0);
            }
            let rest = both[1 - lane].len();
            both[1 - lane][at[10]..rest].fill(0);
        });
    }
    // An earlier one, in both: neither lane is in order.
    refused(&|both| {
        for bytes in both.iter_mut() {
            let again = bytes[at[3]..at[4]].to_vec();
            let end = at[30] + (at[30] - at[29]);
            bytes[end..end + again.len()].copy_from_slice(&again);
        }
    });
}
