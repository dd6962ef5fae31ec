//! Appending, reading, reopening.

use std::path::Path;

use quorate_store::{
    Batch, CommitError, CreateError, EntryError, Kind, OpenError, OpenOptions, ReadError, Scroll,
    SnapshotUse, Urgency,
};
use quorate_testkit::disk::FakeDisk;

use crate::support::{
    DIR, check_all, commit, create, disk_of, eager, entry, grow, model, open, open_with, prepared,
    root_of, spec,
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
    fake.lose(&Path::new(DIR).join("scroll.json"));
    fake.tamper(&Path::new(DIR).join("tests_entries.bin"), |bytes| {
        bytes.push(1);
    });
    let again = Scroll::create(&disk_of(&fake), Path::new(DIR), &spec(Kind::Raw));
    assert_eq!(again, Err(CreateError::NotEmpty(DIR.into())));
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
    assert!(longest < 16_384, "the journal grew to {longest} bytes");
}
