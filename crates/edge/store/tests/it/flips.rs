//! A flipped bit in any file stops the start or the read that meets it; it is never served.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use quorate_merkle::{bundles_for_size, leaf_hash, tiles_for_size};
use quorate_store::{
    Damage, Fault, Kind, OpenError, OpenOptions, ReadError, Reader, SpecError, id_fingerprint,
};
use quorate_testkit::disk::FakeDisk;
use quorate_testkit::oracle::Oracle;
use quorate_testkit::rng::Rng;

use crate::support::{
    DIR, EXTENT, create, eager, grow, journal_of, keys_of, lanes, model, open, open_with, root_of,
};

const SIZE: u64 = 300;

/// A scroll with a snapshot at 290 of 300 entries, several runs per look-up, and seals before and after it.
fn sample(kind: Kind) -> FakeDisk {
    let fake = FakeDisk::new();
    create(&fake, kind);
    let mut scroll = open(&fake);
    for size in [100, 200, 270, 290] {
        grow(&mut scroll, size);
        scroll
            .reader()
            .maintain(quorate_store::Urgency::IfAnything)
            .unwrap();
    }
    grow(&mut scroll, SIZE);
    fake
}

/// `Some` when a read gave an answer, which the caller compares; `None` when it refused because of damage.
fn answer<T>(result: Result<T, ReadError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(ReadError::Fault(Fault::Corrupt(_))) => None,
        Err(other) => panic!("neither an answer nor damage: {other}"),
    }
}

/// Everything a reader says is right. Returns how often it refused.
fn all_right_or_refused(reader: &Reader, model: &[Vec<u8>]) -> usize {
    let size = model.len() as u64;
    let root = root_of(model);
    assert_eq!(reader.head(), (size, root));
    let mut refused = 0;
    let mut right = |right: Option<bool>| match right {
        Some(right) => assert!(right, "a wrong answer"),
        None => refused += 1,
    };
    let mut by_id: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (index, bytes) in (0..).zip(model) {
        let leaf = leaf_hash(bytes);
        right(answer(reader.entry(index)).map(|e| e == *bytes));
        right(answer(reader.leaf(index)).map(|l| l == leaf));
        right(answer(reader.find_leaf(&leaf, 9)).map(|found| found == [index]));
        right(answer(reader.prove_inclusion(index, size)).map(|proof| {
            quorate_merkle::verify_inclusion(index, &leaf, size, &root, &proof).is_ok()
        }));
        for id in keys_of(bytes).ids() {
            by_id.entry(*id).or_default().push(index);
        }
    }
    for name in (0..50).map(|i| format!("id-{i}")) {
        let expected = &by_id[&id_fingerprint(&name)];
        right(answer(reader.find_id(&name, 99)).map(|found| found == *expected));
    }
    let mut times: Vec<(i64, u64)> = (0..)
        .zip(model)
        .filter_map(|(i, e)| Some((keys_of(e).time()?, i)))
        .collect();
    times.sort_unstable();
    right(answer(reader.by_time_after((i64::MIN, 0), i64::MAX, 999)).map(|found| found == times));
    right(answer(reader.entries(0..size, usize::MAX)).map(|found| found == model));
    let old = size / 2;
    right(
        answer(reader.root_at(old)).map(|r| r == root_of(&model[..usize::try_from(old).unwrap()])),
    );
    let oracle = Oracle::new(model);
    for id in tiles_for_size(size) {
        right(answer(reader.tile(&id, size)).map(|bytes| bytes == oracle.tile(&id)));
    }
    for id in bundles_for_size(size) {
        right(answer(reader.entry_bundle(&id, size)).map(|bytes| bytes == oracle.bundle(&id)));
    }
    refused
}

/// Random places in a file, half of them where something was written.
fn places(bytes: &[u8], rng: &mut Rng) -> Vec<(u64, u8)> {
    let len = bytes.len() as u64;
    let mut places = vec![(0, 0), (len - 1, 7), (len / 2, 3)];
    let written: Vec<u64> = (0..len).filter(|at| bytes[*at as usize] != 0).collect();
    for _ in 0..if written.is_empty() { 0 } else { 12 } {
        let at = written[rng.below(written.len() as u64) as usize];
        places.push((at, (rng.next_u64() % 8) as u8));
    }
    places.extend((0..12).map(|_| (rng.below(len), (rng.next_u64() % 8) as u8)));
    places
}

/// Flips bits of the files whose name begins with `prefix`, each time in a fresh copy, once before the start
/// and once under an open scroll. Returns how often the start was refused and how often a read was.
fn flip_each(kind: Kind, prefix: &str) -> (usize, usize) {
    let good = sample(kind);
    let model = model(SIZE);
    let mut rng = Rng::new(prefix.len() as u64);
    let (mut starts, mut reads, mut files) = (0, 0, 0);
    for (path, len) in good.files() {
        let name = path.strip_prefix(DIR).unwrap().to_str().unwrap();
        if !name.starts_with(prefix) || len == 0 {
            continue;
        }
        files += 1;
        for (at, bit) in places(&good.contents(&path).unwrap(), &mut rng) {
            let fake = good.fork();
            assert!(fake.flip(&path, at, bit));
            match open_with(&fake, &eager()) {
                Ok((scroll, _)) => reads += all_right_or_refused(&scroll.reader(), &model),
                Err(OpenError::Fault(Fault::Corrupt(damage))) => {
                    starts += 1;
                    assert!(
                        damage.offset <= at || damage.file != path,
                        "{damage} for byte {at}"
                    );
                }
                Err(OpenError::Spec(SpecError::Damaged(_) | SpecError::UnknownFormat { .. })) => {
                    starts += 1;
                }
                Err(OpenError::Entry { .. }) => starts += 1,
                Err(other) => panic!("{other}"),
            }
            let fake = good.fork();
            let scroll = open(&fake);
            fake.flip(&path, at, bit);
            reads += all_right_or_refused(&scroll.reader(), &model);
        }
    }
    assert!(files > 0, "no file {prefix}");
    (starts, reads)
}

#[test]
fn a_flipped_bit_in_scroll_json_stops_the_start() {
    let (starts, _) = flip_each(Kind::Receipts, "scroll.json");
    assert_eq!(starts, 27);
}

#[test]
fn a_flipped_bit_in_the_record_of_receipts_is_never_served() {
    let (starts, reads) = flip_each(Kind::Receipts, "tests_events.jsonl");
    // The last entries are replayed at the start; the others are checked when they are read.
    assert!(starts > 0 && reads > 0);
}

#[test]
fn a_flipped_bit_in_the_record_of_raw_entries_is_never_served() {
    let (starts, reads) = flip_each(Kind::Raw, "tests_entries.bin");
    assert!(starts > 0 && reads > 0);
}

#[test]
fn a_flipped_bit_in_the_journal_changes_nothing_because_each_record_stands_twice() {
    assert_eq!(flip_each(Kind::Receipts, "commit.journal"), (0, 0));
}

#[test]
fn a_flipped_bit_in_the_tree_is_never_served() {
    for kind in [Kind::Receipts, Kind::Raw] {
        let (starts, reads) = flip_each(kind, "tree/");
        assert!(starts == 0 && reads > 0);
    }
}

#[test]
fn a_flipped_bit_in_the_offsets_is_never_served() {
    for kind in [Kind::Receipts, Kind::Raw] {
        let (starts, reads) = flip_each(kind, "offsets");
        assert!(starts == 0 && reads > 0);
    }
}

#[test]
fn a_flipped_bit_in_a_lookup_is_damage_and_not_absence() {
    for index in ["lookup/leaf", "lookup/id", "lookup/time"] {
        let (starts, reads) = flip_each(Kind::Receipts, index);
        assert!(starts == 0 && reads > 0);
    }
}

#[test]
fn a_flipped_bit_in_the_snapshot_costs_time_only() {
    assert_eq!(flip_each(Kind::Receipts, "snapshot"), (0, 0));
}

/// The files that hold what was acknowledged, byte for byte.
fn acknowledged(fake: &FakeDisk) -> Vec<Option<Vec<u8>>> {
    let record = |path: &Path| path.to_string_lossy().ends_with("_events.jsonl");
    let files = fake.files().into_iter().map(|(path, _)| path);
    files
        .filter(|path| *path == journal() || record(path))
        .map(|path| fake.contents(&path))
        .collect()
}

fn journal() -> PathBuf {
    Path::new(DIR).join("commit.journal")
}

/// Offsets at which records of the journal begin: both copies of each begin with the magic, one in each lane.
fn copies(fake: &FakeDisk) -> Vec<[u64; 2]> {
    let bytes = fake.contents(&journal()).unwrap();
    assert!(bytes.len() < 2 * EXTENT, "one extent for each lane");
    let in_lane = |lane: &[u8]| -> Vec<u64> {
        let found = lane.windows(4).enumerate().filter(|(_, w)| w == b"QSJ2");
        found.map(|(i, _)| i as u64).collect()
    };
    let (first, second) = bytes.split_at(EXTENT);
    let pairs = in_lane(first).into_iter().zip(in_lane(second));
    pairs.map(|(a, b)| [a, EXTENT as u64 + b]).collect()
}

#[test]
fn a_journal_record_with_both_copies_damaged_between_others_stops_the_start() {
    let good = sample(Kind::Receipts);
    let copies = copies(&good);
    assert!(copies.len() >= 3);
    for pair in &copies[..copies.len() - 1] {
        let fake = good.fork();
        fake.flip(&journal(), pair[0] + 20, 0);
        fake.flip(&journal(), pair[1] + 20, 0);
        match open_with(&fake, &eager()) {
            Err(OpenError::Fault(Fault::Corrupt(damage))) => {
                assert_eq!((damage.file, damage.offset), (journal(), pair[0]));
            }
            other => panic!("{:?}", other.map(|(_, report)| report)),
        }
    }
}

#[test]
fn an_acknowledged_seal_that_is_gone_is_noticed_by_the_signed_head_and_by_the_snapshot() {
    let good = sample(Kind::Receipts);
    let last_two = copies(&good).pop().unwrap();
    let lost = |fake: &FakeDisk| {
        for at in last_two {
            fake.flip(&journal(), at + 20, 0);
        }
    };
    let fake = good.fork();
    lost(&fake);
    let options = OpenOptions {
        at_least: Some((SIZE, root_of(&model(SIZE)))),
        ..eager()
    };
    let refused = open_with(&fake, &options).unwrap_err();
    assert!(
        matches!(refused, OpenError::Behind { promised: SIZE, .. }),
        "{refused}"
    );

    let fake = good.fork();
    open(&fake).split().0.close().unwrap();
    lost(&fake);
    let before = acknowledged(&fake);
    match open_with(&fake, &eager()) {
        Err(OpenError::Fault(Fault::Corrupt(damage))) => {
            assert_eq!((damage.file, damage.damage), (journal(), Damage::Short));
        }
        other => panic!("{:?}", other.map(|(_, report)| report)),
    }
    assert_eq!(
        acknowledged(&fake),
        before,
        "what was acknowledged is unchanged by the refusal"
    );
}

#[test]
fn a_healed_journal_survives_the_loss_of_the_other_copy() {
    let good = sample(Kind::Receipts);
    for copy in copies(&good).into_iter().flatten() {
        let fake = good.fork();
        fake.flip(&journal(), copy + 30, 5);
        let (scroll, report) = open_with(&fake, &eager()).unwrap();
        assert!(report.healed_journal);
        drop(scroll);
        let (_, report) = open_with(&fake, &eager()).unwrap();
        assert!(!report.healed_journal);
    }
}

#[test]
fn a_journal_record_that_was_cut_out_or_comes_from_elsewhere_stops_the_start() {
    let good = sample(Kind::Receipts);
    let copies = copies(&good);
    let span = |i: usize| copies[i][0] as usize..copies[i + 1][0] as usize;
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let fake = good.fork();
        fake.tamper(&journal(), |bytes| {
            let mut lanes = lanes(bytes);
            lanes.iter_mut().for_each(change);
            *bytes = journal_of(&lanes);
        });
        match open_with(&fake, &eager()) {
            Err(OpenError::Fault(Fault::Corrupt(damage))) => assert_eq!(damage.file, journal()),
            other => panic!("{:?}", other.map(|(_, report)| report)),
        }
    };
    let last = copies.len() - 2;
    assert!(last > 2);
    for i in [1, last] {
        // A seal after the base goes; the one after it has the next number, and says that it stood elsewhere.
        refused(&|lane| drop(lane.drain(span(i))));
        // A seal twice.
        refused(&|lane| {
            let again = lane[span(i)].to_vec();
            let at = span(i).end;
            lane.splice(at..at, again);
        });
        // A base among the seals.
        refused(&|lane| {
            let base = lane[span(0)].to_vec();
            let at = span(i).end;
            lane.splice(at..at, base);
        });
    }
}

#[test]
fn a_journal_of_another_scroll_is_refused() {
    let fake = sample(Kind::Receipts);
    let other = FakeDisk::new();
    create(&other, Kind::Raw);
    let foreign = other.contents(&journal()).unwrap();
    fake.tamper(&journal(), |bytes| *bytes = foreign);
    assert!(matches!(
        open_with(&fake, &eager()),
        Err(OpenError::Fault(Fault::Corrupt(quorate_store::Corrupt {
            damage: Damage::Foreign,
            ..
        })))
    ));
}

#[test]
fn a_journal_of_another_version_is_refused_with_that_reason() {
    let fake = sample(Kind::Receipts);
    fake.tamper(&journal(), |bytes| {
        for at in 0..bytes.len() - 4 {
            if &bytes[at..at + 4] == b"QSJ2" {
                bytes[at + 3] = b'1';
            }
        }
    });
    let before = acknowledged(&fake);
    match open_with(&fake, &eager()) {
        Err(OpenError::Fault(Fault::Corrupt(damage))) => {
            assert_eq!((damage.file, damage.damage), (journal(), Damage::Version));
        }
        other => panic!("{:?}", other.map(|(_, report)| report)),
    }
    assert_eq!(acknowledged(&fake), before);
}

#[test]
fn a_truncated_or_missing_record_or_journal_stops_the_start() {
    let promised = OpenOptions {
        at_least: Some((SIZE, root_of(&model(SIZE)))),
        ..eager()
    };
    for name in ["tests_events.jsonl", "commit.journal"] {
        let good = sample(Kind::Receipts);
        let path = Path::new(DIR).join(name);
        let len = good.contents(&path).unwrap().len();
        let last_seal = copies(&good).pop().unwrap()[0] + 100;
        for keep in (0..len).step_by(len / 37) {
            let fake = good.fork();
            fake.tamper(&path, |bytes| bytes.truncate(keep));
            let Err(refused) = open_with(&fake, &promised) else {
                // The second lane may go, and the first one's zeros.
                assert!(
                    name == "commit.journal" && keep as u64 >= last_seal,
                    "{keep}"
                );
                continue;
            };
            let known = matches!(
                refused,
                OpenError::Fault(Fault::Corrupt(_)) | OpenError::Behind { .. }
            );
            assert!(known, "{keep}: {refused}");
        }
        let fake = good.fork();
        fake.lose(&path);
        match open_with(&fake, &eager()) {
            Err(OpenError::Fault(Fault::Corrupt(damage))) => {
                assert_eq!((damage.file, damage.damage), (path, Damage::Missing));
            }
            other => panic!("{:?}", other.map(|(_, report)| report)),
        }
    }
}
