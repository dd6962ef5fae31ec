//! Appending, reading, reopening.

use std::path::Path;

use quorate_store::{
    Batch, CommitError, CreateError, Damage, EntryError, EntryKeys, Kind, OpenError, OpenOptions,
    PreparedEntry, ReadError, Scroll, SnapshotUse, Urgency, write_atomic,
};
use quorate_testkit::disk::{FakeDisk, Fault};

use crate::support::{
    DIR, EXTENT, Words, check_all, commit, create, disk_of, eager, entry, grow, model, open,
    open_with, prepared, root_of, spec,
};

#[test]
fn what_is_committed_is_read_back_in_every_way() {
    for kind in [Kind::Receipts, Kind::Raw] {
        let fake = FakeDisk::new();
        create(&fake, kind);
        let mut scroll = open(&fake);
        for size in [0, 1, 2, 30, 255, 256, 257, 700] {
            grow(&mut scroll, size);
            check_all(&scroll.reader(), &model(size));
            scroll.reader().maintain(Urgency::WhenDue).unwrap();
            check_all(&scroll.reader(), &model(size));
        }
    }
}

#[test]
fn a_reopened_scroll_is_the_same_with_and_without_its_snapshot() {
    let fake = FakeDisk::new();
    create(&fake, Kind::Receipts);
    let mut scroll = open(&fake);
    grow(&mut scroll, 300);
    scroll.split().0.close().unwrap();
    let mut scroll = open(&fake);
    grow(&mut scroll, 310);
    drop(scroll);

    let (scroll, report) = open_with(&fake, &eager()).unwrap();
    assert_eq!(
        (report.snapshot, report.replayed),
        (SnapshotUse::Used(300), 10)
    );
    check_all(&scroll.reader(), &model(310));
    drop(scroll);

    fake.lose(&Path::new(DIR).join("snapshot"));
    let (mut scroll, report) = open_with(&fake, &eager()).unwrap();
    assert_eq!(
        (report.snapshot, report.replayed),
        (SnapshotUse::Missing, 310)
    );
    check_all(&scroll.reader(), &model(310));
    grow(&mut scroll, 320);
    check_all(&scroll.reader(), &model(320));
}

#[test]
fn each_derived_file_can_be_lost() {
    let fake = FakeDisk::new();
    create(&fake, Kind::Receipts);
    let mut scroll = open(&fake);
    grow(&mut scroll, 300);
    scroll.split().0.close().unwrap();
    for (path, _) in fake.files() {
        let name = path.strip_prefix(DIR).unwrap().to_str().unwrap();
        if name.starts_with("tree/")
            || name.starts_with("lookup/")
            || name == "offsets"
            || name == "snapshot"
        {
            let copy = fake.fork();
            copy.lose(&path);
            check_all(&open(&copy).reader(), &model(300));
        }
    }
}

#[test]
fn a_batch_with_an_entry_that_cannot_stand_names_it_and_changes_nothing() {
    let fake = FakeDisk::new();
    create(&fake, Kind::Receipts);
    let mut scroll = open(&fake);
    grow(&mut scroll, 3);
    let before = fake.operations();
    let batch = Batch {
        entries: vec![prepared(b"good"), prepared(b"two\nlines")],
        ..Batch::default()
    };
    assert_eq!(
        scroll.writer().commit(batch),
        Err(CommitError::Entry {
            position: 1,
            error: EntryError::LineFeed
        })
    );
    assert_eq!(fake.operations(), before);
    grow(&mut scroll, 5);
    check_all(&scroll.reader(), &model(5));
}

#[test]
fn a_scroll_behind_its_signed_head_is_refused() {
    let fake = FakeDisk::new();
    create(&fake, Kind::Raw);
    let mut scroll = open(&fake);
    grow(&mut scroll, 20);
    drop(scroll);
    let with = |size, root| OpenOptions {
        at_least: Some((size, root)),
        ..eager()
    };
    let (right, wrong) = (root_of(&model(12)), root_of(&model(13)));
    assert!(open_with(&fake, &with(12, right)).is_ok());
    assert_eq!(
        open_with(&fake, &with(21, right)).unwrap_err(),
        OpenError::Behind {
            size: 20,
            promised: 21
        }
    );
    assert_eq!(
        open_with(&fake, &with(12, wrong)).unwrap_err(),
        OpenError::Contradicts {
            size: 12,
            found: right,
            promised: wrong
        }
    );
}

#[test]
fn a_scroll_is_not_created_over_another() {
    let fake = FakeDisk::new();
    create(&fake, Kind::Raw);
    let again = Scroll::create(&disk_of(&fake), Path::new(DIR), &spec(Kind::Receipts));
    assert_eq!(again, Err(CreateError::Exists(DIR.into())));
}

#[test]
fn a_scroll_that_lost_its_description_is_neither_adopted_nor_written_over() {
    let path = |name: &str| Path::new(DIR).join(name);
    let refused = |fake: &FakeDisk, kind, found: &str| {
        fake.lose(&path("scroll.json"));
        let before = fake.files();
        let operations = fake.operations();
        let again = Scroll::create(&disk_of(fake), Path::new(DIR), &spec(kind));
        assert_eq!(again, Err(CreateError::NotEmpty(path(found))));
        assert_eq!((fake.files(), fake.operations()), (before, operations));
    };
    let filled = |kind| {
        let fake = FakeDisk::new();
        create(&fake, kind);
        grow(&mut open(&fake), 5);
        fake
    };
    for kind in [Kind::Receipts, Kind::Raw] {
        for other in [Kind::Receipts, Kind::Raw] {
            refused(&filled(kind), other, "commit.journal");
            // The record alone, whatever kind the new scroll would be of.
            let fake = filled(kind);
            fake.lose(&path("commit.journal"));
            refused(&fake, other, &spec(kind).record_name());
        }
    }
    // The journal alone, or what cannot be read of it.
    let fake = filled(Kind::Raw);
    fake.lose(&path("tests_entries.bin"));
    refused(&fake, Kind::Raw, "commit.journal");
    fake.tamper(&path("commit.journal"), |bytes| bytes.fill(0xa5));
    refused(&fake, Kind::Raw, "commit.journal");
    fake.unreadable(&path("commit.journal"), 0..1 << 20);
    refused(&fake, Kind::Raw, "commit.journal");
    // Cursors without entries are a scroll as well.
    let fake = FakeDisk::new();
    create(&fake, Kind::Raw);
    let batch = Batch {
        cursors: vec![("input".into(), b"here".to_vec())],
        ..Batch::default()
    };
    open(&fake).writer().commit(batch).unwrap();
    refused(&fake, Kind::Raw, "commit.journal");
    // A snapshot, or what was cut off a record.
    for name in ["snapshot", "tests_entries.bin.cut"] {
        let fake = FakeDisk::new();
        create(&fake, Kind::Raw);
        write_atomic(&fake, &path(name), b"x", 0o644).unwrap();
        refused(&fake, Kind::Raw, name);
    }
}

#[test]
fn an_unfinished_creation_is_taken_over_by_the_next_also_of_the_other_kind() {
    for nth in 0.. {
        let fake = FakeDisk::new();
        fake.fail_at(nth, Fault::StopAfter);
        let first = Scroll::create(&disk_of(&fake), Path::new(DIR), &spec(Kind::Receipts));
        if fake.failed().is_none() {
            assert_eq!(first, Ok(()));
            break;
        }
        for seed in 0..4 {
            let fake = fake.crash(seed);
            let again = Scroll::create(&disk_of(&fake), Path::new(DIR), &spec(Kind::Raw));
            if again != Err(CreateError::Exists(DIR.into())) {
                assert_eq!(again, Ok(()), "{nth}");
            }
            grow(&mut open(&fake), 3);
        }
    }
}

#[test]
fn readers_see_whole_commits_only() {
    let fake = FakeDisk::new();
    create(&fake, Kind::Receipts);
    let mut scroll = open(&fake);
    let reader = scroll.reader();
    grow(&mut scroll, 9);
    assert_eq!(reader.size(), 9);
    assert_eq!(
        reader.entry(9),
        Err(ReadError::OutOfRange { end: 10, size: 9 })
    );
    assert_eq!(
        reader.prove_inclusion(0, 10),
        Err(ReadError::OutOfRange { end: 10, size: 9 })
    );
    assert_eq!(reader.entries(9..9, 100), Ok(Vec::new()));
    commit(&mut scroll, &[entry(9), entry(10)]).unwrap();
    assert_eq!(reader.size(), 11);
}

#[test]
fn cursors_are_sealed_with_their_batch_and_survive_compaction() {
    let fake = FakeDisk::new();
    create(&fake, Kind::Receipts);
    let mut scroll = open(&fake);
    let journal = Path::new(DIR).join("commit.journal");
    let mut longest = 0;
    for i in 0..200_u64 {
        let cursors = match i {
            5 => vec![("gone".to_owned(), b"x".to_vec())],
            6 => vec![("gone".to_owned(), Vec::new())],
            7 => vec![("kept".to_owned(), b"early".to_vec())],
            _ => vec![("follow".to_owned(), i.to_string().into_bytes())],
        };
        // Every third batch moves a cursor over input that gave no entries.
        let entries = if i % 3 == 2 {
            Vec::new()
        } else {
            vec![prepared(&entry(i))]
        };
        scroll
            .writer()
            .commit(Batch {
                entries,
                cursors,
                at: 1,
            })
            .unwrap();
        longest = longest.max(fake.contents(&journal).unwrap().len());
        if i % 50 == 49 {
            drop(scroll);
            scroll = open(&fake);
        }
        let reader = scroll.reader();
        let follow = if (5..=7).contains(&i) { 4 } else { i };
        assert_eq!(
            reader.cursor("follow"),
            Some(follow.to_string().into_bytes())
        );
        assert_eq!(reader.cursor("gone").is_some(), i == 5);
        assert_eq!(reader.cursor("kept").is_some(), i >= 7);
    }
    assert!(longest < 2 * EXTENT, "the journal grew to {longest} bytes");
}

#[test]
fn what_was_never_sealed_is_cut_at_the_start_and_reported() {
    let fake = FakeDisk::new();
    create(&fake, Kind::Receipts);
    let mut scroll = open(&fake);
    grow(&mut scroll, 20);
    let record = Path::new(DIR).join("tests_events.jsonl");
    let sealed = fake.contents(&record).unwrap();
    drop(scroll);
    fake.tamper(&record, |bytes| {
        bytes.extend_from_slice(b"{\"never\":\"acknowledged\"}\n{");
    });
    // And half of a seal: a frame that was never finished.
    let journal = Path::new(DIR).join("commit.journal");
    fake.tamper(&journal, |bytes| {
        let end = bytes[..EXTENT].iter().rposition(|b| *b != 0).unwrap() + 1;
        let end = end.next_multiple_of(8);
        bytes[end..end + 12].copy_from_slice(b"QSJ2\x02\0\0\0\0\0\0\x92");
    });
    let (mut scroll, report) = open_with(&fake, &eager()).unwrap();
    assert_eq!((report.size, report.cut_bytes), (20, 26));
    assert_eq!(fake.contents(&record).unwrap(), sealed);
    let second_lane = fake.contents(&journal).unwrap()[EXTENT..].to_vec();
    let used = second_lane.iter().rposition(|b| *b != 0).unwrap() + 1;
    let rest = fake.contents(&journal).unwrap()[used..EXTENT].to_vec();
    assert!(rest.iter().all(|b| *b == 0), "the half seal is still there");
    // What was cut is kept, and nothing else before the next cut.
    let cut = Path::new(DIR).join("tests_events.jsonl.cut");
    assert_eq!(report.cut_file, Some(cut.clone()));
    let kept = Some(b"{\"never\":\"acknowledged\"}\n{".to_vec());
    assert_eq!(fake.contents(&cut), kept);
    grow(&mut scroll, 25);
    drop(scroll);
    let (_, report) = open_with(&fake, &eager()).unwrap();
    assert_eq!((report.cut_bytes, report.cut_file), (0, None));
    let found =
        quorate_store::fsck(&disk_of(&fake), Path::new(DIR), &Words, None, &mut |_| ()).unwrap();
    assert!(found.is_clean());
    assert_eq!(found.cut_file, Some(cut.clone()));
    assert_eq!(fake.crash(3).contents(&cut), kept);
    fake.tamper(&record, |bytes| bytes.extend_from_slice(b"more"));
    open(&fake);
    assert_eq!(fake.contents(&cut), Some(b"more".to_vec()));
    check_all(&open(&fake).reader(), &model(25));
}

#[test]
fn a_full_disk_refuses_a_batch_and_the_next_one_goes_in() {
    for file in ["tests_events.jsonl", "offsets", "0"] {
        let fake = FakeDisk::new();
        create(&fake, Kind::Receipts);
        let mut scroll = open(&fake);
        grow(&mut scroll, 10);
        let step = format!("write {file}");
        let nth = ["write tests_events.jsonl", "write offsets", "write 0"]
            .iter()
            .position(|s| **s == step);
        fake.fail_at(nth.unwrap() as u64, Fault::Half);
        let refused = commit(&mut scroll, &[entry(100), entry(101), entry(102)]);
        assert!(matches!(refused, Err(CommitError::Disk(_))), "{refused:?}");
        assert_eq!(fake.failed(), Some(step));
        let record = fake.contents(&Path::new(DIR).join("tests_events.jsonl"));
        assert_eq!(
            record.map(|r| r.len() as u64),
            Some(scroll.reader().record_bytes())
        );
        grow(&mut scroll, 11);
        check_all(&scroll.reader(), &model(11));
        drop(scroll);
        check_all(&open(&fake.crash(1)).reader(), &model(11));
    }
}

#[test]
fn a_time_that_the_entry_does_not_have_is_damage_and_not_an_answer() {
    let fake = FakeDisk::new();
    create(&fake, Kind::Receipts);
    let mut scroll = open(&fake);
    // Keyed by other words than its own: what a look-up of another scroll would look like.
    let entry = PreparedEntry::new(b"10 id-1 x".to_vec(), EntryKeys::at(500)).unwrap();
    let batch = Batch {
        entries: vec![entry],
        ..Batch::default()
    };
    scroll.writer().commit(batch).unwrap();
    let found = scroll.reader().by_time(0..1000, 10);
    assert!(
        matches!(&found, Err(ReadError::Fault(quorate_store::Fault::Corrupt(c))) if c.damage == Damage::Lookup),
        "{found:?}"
    );
    assert_eq!(scroll.reader().by_time(0..500, 10), Ok(Vec::new()));
}

#[test]
fn a_failed_flush_or_merge_leaves_no_partial_run_behind() {
    let runs = |fake: &FakeDisk| {
        let files = fake.files().into_iter().map(|(path, _)| path);
        files
            .filter(|path| path.extension().is_some_and(|e| e == "run"))
            .count()
    };
    // Too little for a run; for a run and not for the merged one of the same points.
    for room in [0, 100, 3000, 5000, 9000] {
        let fake = FakeDisk::new();
        create(&fake, Kind::Receipts);
        let mut scroll = open(&fake);
        for size in [50, 100, 150] {
            grow(&mut scroll, size);
            scroll.reader().maintain(Urgency::IfAnything).unwrap();
        }
        grow(&mut scroll, 180);
        let before = runs(&fake);
        let maintain = || scroll.reader().maintain(Urgency::IfAnything);
        for _ in 0..12 {
            fake.set_room(room);
            let failed = maintain();
            assert!(room > 3000 || failed.is_err());
        }
        // Of each of three look-ups a run that was written out, and a merged one.
        assert!(runs(&fake) <= before + 6, "{room}: {}", runs(&fake));
        fake.heal();
        drop(maintain());
        drop(maintain());
        check_all(&scroll.reader(), &model(180));
        drop(scroll);
        check_all(&open(&fake.crash(room)).reader(), &model(180));
    }
}

#[test]
fn a_run_that_no_snapshot_names_is_removed_at_the_start() {
    let stray = Path::new(DIR).join("lookup/leaf/00000000000000ff.run");
    for with_snapshot in [true, false] {
        let fake = FakeDisk::new();
        create(&fake, Kind::Receipts);
        let mut scroll = open(&fake);
        grow(&mut scroll, 50);
        scroll.split().0.close().unwrap();
        if !with_snapshot {
            fake.lose(&Path::new(DIR).join("snapshot"));
        }
        write_atomic(&fake, &stray, b"half of a run", 0o644).unwrap();
        let scroll = open(&fake);
        assert_eq!(fake.contents(&stray), None);
        check_all(&scroll.reader(), &model(50));
    }
}
