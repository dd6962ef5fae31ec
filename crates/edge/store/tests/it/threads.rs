//! One writer, maintenance and readers at the same time, on a real disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quorate_merkle::{leaf_hash, verify_consistency, verify_inclusion};
use quorate_store::{Batch, Disk, Kind, OsDisk, Reader, Scroll, Urgency};
use quorate_testkit::rng::Rng;

use crate::support::{Words, check_lookups, eager, entry, keys_of, model, prepared, root_of, spec};

const SIZE: u64 = 6000;

/// Whatever was published is found, proved and read right, while the scroll grows and its files are rewritten.
fn read_at_random(reader: &Reader, done: &AtomicBool, seed: u64) -> u64 {
    let mut rng = Rng::new(seed);
    let mut reads = 0;
    while !done.load(Ordering::Relaxed) {
        let (size, root) = reader.head();
        if size == 0 {
            continue;
        }
        let index = rng.below(size);
        let expected = entry(index);
        let leaf = leaf_hash(&expected);
        assert_eq!(reader.entry(index), Ok(expected.clone()));
        assert_eq!(reader.find_leaf(&leaf, 1), Ok(vec![index]));
        let id = format!("id-{}", index % 50);
        assert!(reader.find_id(&id, usize::MAX).unwrap().contains(&index));
        let time = keys_of(&expected).time().unwrap();
        assert!(
            reader
                .by_time(time..time + 1, 100)
                .unwrap()
                .contains(&index)
        );
        let proof = reader.prove_inclusion(index, size).unwrap();
        assert_eq!(verify_inclusion(index, &leaf, size, &root, &proof), Ok(()));
        let old = reader.root_at(index).unwrap();
        let proof = reader.prove_consistency(index, size).unwrap();
        assert_eq!(verify_consistency(index, &old, size, &root, &proof), Ok(()));
        reads += 1;
    }
    reads
}

#[test]
fn readers_and_maintenance_run_beside_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("receipts/tests");
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    Scroll::create(&disk, &path, &spec(Kind::Receipts)).unwrap();
    let open = |path: &Path| {
        Scroll::open(&disk, path, Arc::new(Words), &eager())
            .unwrap()
            .0
    };
    let (mut writer, reader) = open(&path).split();
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for seed in 0..2 {
            let (reader, done) = (reader.clone(), &done);
            threads.spawn(move || assert!(read_at_random(&reader, done, seed) > 0));
        }
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                reader.maintain(Urgency::WhenDue).unwrap();
            }
        });
        threads.spawn(|| {
            let mut first = 0;
            while first < SIZE {
                let end = SIZE.min(first + 1 + first % 40);
                let batch = Batch {
                    entries: (first..end).map(|i| prepared(&entry(i))).collect(),
                    ..Batch::default()
                };
                first = writer.commit(batch).unwrap().size;
            }
            done.store(true, Ordering::Relaxed);
            writer.close().unwrap();
        });
    });
    assert!(
        reader
            .fsck(Some(reader.head()), &mut |_| ())
            .unwrap()
            .is_clean()
    );
    drop(reader);
    let scroll = open(&path);
    assert_eq!(scroll.reader().root(), root_of(&model(SIZE)));
    check_lookups(&scroll.reader(), &model(SIZE));
}
