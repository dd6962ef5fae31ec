//! fsck, repair and backup.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_store::{BackupError, Damage, FsckReport, Kind, RepairError, Scroll, fsck, repair};
use quorate_testkit::disk::FakeDisk;

use crate::support::{DIR, Words, check_all, create, disk_of, eager, grow, model, open, root_of};

fn closed(kind: Kind, size: u64) -> FakeDisk {
    let fake = FakeDisk::new();
    create(&fake, kind);
    let mut scroll = open(&fake);
    while scroll.reader().size() < size {
        let next = size.min(scroll.reader().size() + 100);
        grow(&mut scroll, next);
        scroll
            .reader()
            .maintain(quorate_store::Urgency::IfAnything)
            .unwrap();
    }
    scroll.split().0.close().unwrap();
    fake
}

fn check(fake: &FakeDisk) -> FsckReport {
    fsck(&disk_of(fake), Path::new(DIR), &Words, None, &mut |_| ()).unwrap()
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

#[test]
fn fsck_names_the_first_difference_in_each_derived_file_and_repair_mends_it() {
    let good = closed(Kind::Receipts, 700);
    assert!(check(&good).is_clean());
    for (file, _) in good.files() {
        let name = file.strip_prefix(DIR).unwrap().to_str().unwrap().to_owned();
        if !(name.starts_with("tree/")
            || name.starts_with("lookup/")
            || name == "offsets"
            || name == "snapshot")
        {
            continue;
        }
        let len = good.contents(&file).unwrap().len() as u64;
        for at in [0, len / 2, len.saturating_sub(1)] {
            let fake = good.fork();
            if !fake.flip(&file, at, 3) {
                continue;
            }
            let report = check(&fake);
            let damage = report.derived.clone().unwrap();
            assert_eq!(damage.file, file, "byte {at}");
            assert!(damage.offset <= at, "{damage} for byte {at}");
            if name.starts_with("tree/") || name == "offsets" {
                assert_eq!(damage.offset, at);
            }
            assert_eq!(report.record, None);
            repair(
                &disk_of(&fake),
                Path::new(DIR),
                Arc::new(Words),
                &mut |_| (),
            )
            .unwrap();
            assert!(check(&fake).is_clean());
            check_all(&open(&fake).reader(), &model(700));
        }
        let fake = good.fork();
        fake.lose(&file);
        if len > 0 && name != "snapshot" {
            assert_eq!(
                check(&fake).derived.map(|d| (d.file, d.damage)),
                Some((file, Damage::Missing))
            );
        }
    }
}

#[test]
fn fsck_names_the_changed_entry_of_the_record_and_repair_refuses() {
    for kind in [Kind::Receipts, Kind::Raw] {
        let good = closed(kind, 200);
        let (file, len) = good
            .files()
            .into_iter()
            .find(|(p, _)| p.ends_with(crate::support::spec(kind).record_name()))
            .unwrap();
        let mut start = 0;
        for entry in model(200) {
            let framed = entry.len() as u64 + if kind == Kind::Raw { 2 } else { 1 };
            let fake = good.fork();
            // A byte of the entry itself.
            fake.flip(&file, start + 2, 1);
            let damage = check(&fake).record.unwrap();
            assert_eq!((&damage.file, damage.offset), (&file, start), "{damage}");
            let before = fake.contents(&file);
            let refused = repair(
                &disk_of(&fake),
                Path::new(DIR),
                Arc::new(Words),
                &mut |_| (),
            );
            assert_eq!(refused, Err(RepairError::Record(damage)));
            assert_eq!(fake.contents(&file), before);
            start += framed;
        }
        assert_eq!(start, len);
    }
}

#[test]
fn fsck_finds_a_lookup_that_names_a_wrong_entry_under_right_checksums() {
    // The look-ups of another scroll with the same names, sizes and shape, but one other entry.
    let fake = closed(Kind::Receipts, 60);
    let other = FakeDisk::new();
    create(&other, Kind::Receipts);
    let mut scroll = open(&other);
    let mut entries = model(60);
    entries[33] = b"5 other other".to_vec();
    crate::support::commit(&mut scroll, &entries).unwrap();
    scroll.split().0.close().unwrap();
    for (file, _) in other.files() {
        let name = file.strip_prefix(DIR).unwrap();
        if name.starts_with("lookup/id") || name == Path::new("snapshot") {
            let bytes = other.contents(&file).unwrap();
            fake.tamper(&file, |b| *b = bytes);
        }
    }
    assert!(check(&fake).derived.is_some());
}

#[test]
fn fsck_of_an_expected_head_that_is_not_ours_says_so() {
    let fake = closed(Kind::Receipts, 50);
    let with = |size, root| {
        fsck(
            &disk_of(&fake),
            Path::new(DIR),
            &Words,
            Some((size, root)),
            &mut |_| (),
        )
        .unwrap()
    };
    assert!(with(20, root_of(&model(20))).is_clean());
    assert!(with(50, root_of(&model(50))).is_clean());
    assert!(with(0, root_of(&[])).is_clean());
    assert!(with(20, root_of(&model(21))).behind);
    assert!(with(51, root_of(&model(51))).behind);
}

#[test]
fn fsck_runs_beside_a_writer() {
    let fake = closed(Kind::Receipts, 100);
    let mut scroll = open(&fake);
    grow(&mut scroll, 150);
    let mut calls = 0;
    let report = scroll
        .reader()
        .fsck(None, &mut |p| calls += u64::from(p.done <= p.total))
        .unwrap();
    assert!(report.is_clean());
    assert_eq!((report.size, report.compared), (150, Some(100)));
    assert!(calls >= 2);
    grow(&mut scroll, 160);
    check_all(&scroll.reader(), &model(160));
}

#[test]
fn a_backup_of_a_live_scroll_opens_as_the_same_scroll() {
    for kind in [Kind::Receipts, Kind::Raw] {
        let fake = closed(kind, 120);
        let mut scroll = open(&fake);
        grow(&mut scroll, 150);
        scroll
            .writer()
            .commit(quorate_store::Batch {
                cursors: vec![("input".into(), b"here".to_vec())],
                ..Default::default()
            })
            .unwrap();
        let target = FakeDisk::new();
        let reader = scroll.reader();
        let done = reader
            .backup_to(&disk_of(&target), Path::new(DIR), &mut |_| ())
            .unwrap();
        assert_eq!((done.size, done.root), reader.head());
        grow(&mut scroll, 170);

        let target = target.crash(5);
        let mut copy = Scroll::open(&disk_of(&target), Path::new(DIR), Arc::new(Words), &eager())
            .unwrap()
            .0;
        check_all(&copy.reader(), &model(150));
        assert_eq!(copy.reader().cursor("input"), Some(b"here".to_vec()));
        grow(&mut copy, 155);
        check_all(&copy.reader(), &model(155));
        let again = reader.backup_to(&disk_of(&target), Path::new(DIR), &mut |_| ());
        assert!(matches!(again, Err(BackupError::Exists(_))));
    }
}

#[test]
fn a_backup_of_a_damaged_record_is_not_made() {
    let fake = closed(Kind::Receipts, 120);
    let scroll = open(&fake);
    fake.flip(&path("tests_events.jsonl"), 500, 0);
    let target = FakeDisk::new();
    let done = scroll
        .reader()
        .backup_to(&disk_of(&target), Path::new(DIR), &mut |_| ());
    assert!(matches!(
        done,
        Err(BackupError::Fault(quorate_store::Fault::Corrupt(_)))
    ));
    assert_eq!(target.contents(&path("scroll.json")), None);
}
