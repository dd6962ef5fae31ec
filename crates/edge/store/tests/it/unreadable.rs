//! A block that the disk cannot read: damage of that file, and never absence.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_store::{
    Corrupt, Damage, Fault, FsckReport, Kind, OpenError, OpenOptions, ReadError, RepairError,
    SnapshotUse, Urgency, fsck, repair,
};
use quorate_testkit::disk::FakeDisk;

use crate::support::{
    DIR, Words, check_all, commit, create, disk_of, eager, grow, model, open, open_with,
};

const SIZE: u64 = 700;
const BLOCK: u64 = 4096;

/// A scroll with a snapshot at its end or, with `more`, that many entries before it, and several runs.
fn sample(more: u64) -> FakeDisk {
    let fake = FakeDisk::new();
    create(&fake, Kind::Receipts);
    let mut scroll = open(&fake);
    for size in [200, 400, 600, SIZE - more] {
        grow(&mut scroll, size);
        scroll.reader().maintain(Urgency::IfAnything).unwrap();
    }
    grow(&mut scroll, SIZE);
    fake
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn record() -> PathBuf {
    path("tests_events.jsonl")
}

fn check(fake: &FakeDisk) -> FsckReport {
    fsck(&disk_of(fake), Path::new(DIR), &Words, None, &mut |_| ()).unwrap()
}

/// Files with something in them that can be derived again.
fn derived(fake: &FakeDisk) -> Vec<(PathBuf, u64)> {
    let is_derived = |path: &Path| {
        let name = path.strip_prefix(DIR).unwrap().to_str().unwrap();
        name.starts_with("tree/")
            || name.starts_with("lookup/")
            || name == "offsets"
            || name == "snapshot"
    };
    let mut files = fake.files();
    files.retain(|(path, len)| is_derived(path) && *len > 0);
    files
}

/// Every block of a file that a disk can lose.
fn blocks(len: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    (0..len.div_ceil(BLOCK)).map(|n| n * BLOCK..(n + 1) * BLOCK)
}

fn kinds(files: &[(PathBuf, u64)]) -> usize {
    let mut kinds: Vec<&str> = [
        "tree/",
        "offsets",
        "lookup/leaf",
        "lookup/id",
        "lookup/time",
    ]
    .into();
    kinds.push("snapshot");
    kinds.retain(|kind| {
        files
            .iter()
            .any(|(p, _)| p.starts_with(path(kind.trim_end_matches('/'))))
    });
    kinds.len()
}

#[test]
fn an_unreadable_block_of_a_derived_file_costs_a_start_time_only() {
    for more in [0, 5] {
        let good = sample(more);
        let files = derived(&good);
        assert_eq!(kinds(&files), 6);
        let mut rederived = 0;
        for (file, len) in files {
            for bad in blocks(len) {
                let fake = good.fork();
                assert!(fake.unreadable(&file, bad.clone()));
                let (mut scroll, report) = open_with(&fake, &eager()).unwrap();
                assert_eq!((report.size, report.cut_bytes), (SIZE, 0));
                if let SnapshotUse::Damaged(damage) = &report.snapshot {
                    assert_eq!((&damage.file, damage.damage), (&file, Damage::Unreadable));
                    assert_eq!(report.replayed, SIZE);
                    check_all(&scroll.reader(), &model(SIZE));
                    grow(&mut scroll, SIZE + 20);
                    drop(scroll);
                    check_all(&open(&fake.crash(7)).reader(), &model(SIZE + 20));
                    rederived += 1;
                } else {
                    // Met when it is read, and not in the way of what is appended.
                    grow(&mut scroll, SIZE + 20);
                }
            }
        }
        assert!(rederived > 0);
    }
}

#[test]
fn fsck_names_an_unreadable_block_of_a_derived_file_and_repair_rebuilds_it() {
    let good = sample(0);
    for (file, len) in derived(&good) {
        for bad in blocks(len) {
            let fake = good.fork();
            fake.unreadable(&file, bad.clone());
            let report = check(&fake);
            let offset = if file.ends_with("snapshot") {
                0
            } else {
                bad.start
            };
            let expected = Corrupt {
                file: file.clone(),
                offset,
                damage: Damage::Unreadable,
            };
            let found = report.derived.clone().unwrap();
            // What a run is searched by stands at its end, after the last block of points.
            let within = found.offset >= offset && found.offset < bad.end;
            assert!(within, "{found} for {expected}");
            assert_eq!((found.file, found.damage), (expected.file, expected.damage));
            assert_eq!((report.record, report.refused), (None, None));
            repair(
                &disk_of(&fake),
                Path::new(DIR),
                Arc::new(Words),
                &mut |_| (),
            )
            .unwrap();
            assert!(check(&fake).is_clean());
            check_all(&open(&fake).reader(), &model(SIZE));
        }
    }
}

#[test]
fn a_read_that_meets_an_unreadable_block_says_which_and_serves_nothing() {
    let good = sample(0);
    for (name, wrong) in [("tree/0", 5_u64), ("offsets", 5), ("tests_events.jsonl", 5)] {
        let fake = good.fork();
        let scroll = open(&fake);
        fake.unreadable(&path(name), 0..BLOCK);
        match scroll.reader().entry(wrong) {
            Err(ReadError::Fault(Fault::Corrupt(damage))) => {
                assert_eq!(
                    (damage.file, damage.damage),
                    (path(name), Damage::Unreadable)
                );
                assert!(damage.offset < BLOCK);
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn damage_in_the_tree_below_the_signed_head_is_derived_again_and_the_head_is_still_compared() {
    let good = sample(0);
    let older = crate::support::root_of(&model(300));
    let with = |root| OpenOptions {
        at_least: Some((300, root)),
        ..eager()
    };
    let tree = path("tree/0");
    let flip = |fake: &FakeDisk| assert!(fake.flip(&tree, 299 * 32, 3));
    let lose = |fake: &FakeDisk| assert!(fake.unreadable(&tree, 2 * BLOCK..3 * BLOCK));
    for (spoil, damage) in [
        (&flip as &dyn Fn(&FakeDisk), Damage::Tile),
        (&lose, Damage::Unreadable),
    ] {
        let fake = good.fork();
        spoil(&fake);
        let (scroll, report) = open_with(&fake, &with(older)).unwrap();
        match report.snapshot {
            SnapshotUse::Damaged(found) => {
                assert_eq!((found.file, found.damage), (tree.clone(), damage));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(report.replayed, SIZE);
        check_all(&scroll.reader(), &model(SIZE));

        let fake = good.fork();
        spoil(&fake);
        let wrong = crate::support::root_of(&model(299));
        let refused = open_with(&fake, &with(wrong)).unwrap_err();
        assert!(
            matches!(refused, OpenError::Contradicts { size: 300, .. }),
            "{refused}"
        );
    }
}

#[test]
fn an_unreadable_block_of_the_record_is_named_and_never_taken_for_its_end() {
    let good = sample(5);
    let len = good.contents(&record()).unwrap().len() as u64;
    for bad in blocks(len) {
        // Without the snapshot a start reads all of the record.
        let fake = good.fork();
        fake.lose(&path("snapshot"));
        fake.unreadable(&record(), bad.clone());
        let is_named = |damage: &Corrupt| {
            damage.file == record()
                && damage.damage == Damage::Unreadable
                && (bad.start..bad.end).contains(&damage.offset)
        };
        let before = fake.contents(&record());
        match open_with(&fake, &eager()) {
            Err(OpenError::Fault(Fault::Corrupt(damage))) if is_named(&damage) => {}
            other => panic!("{bad:?}: {:?}", other.map(|(_, report)| report)),
        }
        let report = check(&fake);
        let damage = report.record.clone().unwrap();
        assert!(is_named(&damage), "{damage}");
        let refused = repair(
            &disk_of(&fake),
            Path::new(DIR),
            Arc::new(Words),
            &mut |_| (),
        );
        assert_eq!(refused, Err(RepairError::Record(damage)));
        assert_eq!(fake.contents(&record()), before);
    }
}

#[test]
fn fsck_names_the_place_in_the_record_although_the_tree_is_damaged_elsewhere() {
    // What the tree cannot say must not be held against an entry that is right.
    let fake = sample(5);
    fake.unreadable(&path("tree/0"), BLOCK..2 * BLOCK);
    fake.flip(&record(), 300, 0);
    let damage = check(&fake).record.unwrap();
    assert_eq!(damage.file, record());
    assert!(damage.offset <= 300, "{}", damage.offset);

    // So much before the journal's base that it is read in several pieces.
    let fake = FakeDisk::new();
    create(&fake, Kind::Receipts);
    let mut scroll = open(&fake);
    for _ in 0..40 {
        commit(&mut scroll, &[vec![b'x'; 60_000]]).unwrap();
    }
    scroll.split().0.close().unwrap();
    fake.flip(&path("tree/0"), 100, 0);
    let bad = 400 * BLOCK..401 * BLOCK;
    fake.unreadable(&record(), bad.clone());
    let damage = check(&fake).record.unwrap();
    assert_eq!((damage.file, damage.damage), (record(), Damage::Unreadable));
    assert_eq!(damage.offset, bad.start);
}
