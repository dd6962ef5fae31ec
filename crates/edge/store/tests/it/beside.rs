//! What lies beside the scrolls: sealed content, the data directory.

use std::path::Path;
use std::sync::Arc;

use quorate_store::{
    Damage, DataDir, DataDirError, Disk, Fault, OsDisk, SealedContent, SealedError, SealedStore,
    write_atomic,
};
use quorate_testkit::disk::{FakeDisk, Fault as Injected};

use crate::support::{create, disk_of};

fn commitment(salt: &[u8; 32], content: &[u8]) -> [u8; 32] {
    // Any function will do: the store is told which.
    let leaf = quorate_merkle::leaf_hash(&[salt.as_slice(), content].concat());
    *leaf.as_bytes()
}

fn sealed(fake: &FakeDisk) -> SealedStore {
    SealedStore::new(
        disk_of(fake),
        Path::new("data/receipts/tests/sealed"),
        commitment,
    )
}

#[test]
fn sealed_content_is_kept_read_and_erased() {
    let fake = FakeDisk::new();
    create(&fake, quorate_store::Kind::Receipts);
    let store = sealed(&fake);
    let (salt, content) = ([7; 32], b"personal".to_vec());
    let name = commitment(&salt, &content);
    assert_eq!(store.get(&name), Ok(None));
    assert_eq!(
        store.put(&name, &salt, b"other"),
        Err(SealedError::Mismatch)
    );
    store.put(&name, &salt, &content).unwrap();
    let kept = Ok(Some(SealedContent { salt, content }));
    assert_eq!(store.get(&name), kept);
    assert_eq!(sealed(&fake.crash(3)).get(&name), kept);
    assert_eq!(store.erase(&name), Ok(true));
    for fake in [fake.crash(4), fake.crash(5)] {
        assert_eq!(sealed(&fake).get(&name), Ok(None));
    }
    assert_eq!(store.exists(&name), Ok(false));
    assert_eq!(store.erase(&name), Ok(false));
}

#[test]
fn sealed_content_that_was_promised_survives_any_fault_and_erased_content_does_not_come_back() {
    let (salt, content) = ([7; 32], vec![9; 3000]);
    let name = commitment(&salt, &content);
    let present = Some(SealedContent {
        salt,
        content: content.clone(),
    });
    for fault in [
        Injected::Before,
        Injected::After,
        Injected::Half,
        Injected::StopAfter,
    ] {
        for nth in 0..20 {
            let fake = FakeDisk::new();
            create(&fake, quorate_store::Kind::Receipts);
            fake.fail_at(nth, fault);
            let put = sealed(&fake).put(&name, &salt, &content);
            let fake = fake.crash(nth);
            let found = sealed(&fake).get(&name).unwrap();
            assert!(
                found == present || (put.is_err() && found.is_none()),
                "{nth} {fault:?}"
            );

            sealed(&fake).put(&name, &salt, &content).unwrap();
            fake.fail_at(nth, fault);
            let erased = sealed(&fake).erase(&name);
            let fake = fake.crash(nth);
            match sealed(&fake).get(&name) {
                Ok(None) => {}
                // Not promised yet: it may be there, whole or overwritten in part.
                found => assert!(erased.is_err(), "{nth} {fault:?}: {found:?}"),
            }
            sealed(&fake).erase(&name).unwrap();
            assert_eq!(sealed(&fake.crash(nth)).get(&name), Ok(None));
        }
    }
}

#[test]
fn orphans_are_erased_whole_and_nothing_that_is_committed_to_or_new() {
    let fake = FakeDisk::new();
    create(&fake, quorate_store::Kind::Receipts);
    let put = |store: &SealedStore, salt: u8| {
        let (salt, content) = ([salt; 32], b"personal".to_vec());
        let name = commitment(&salt, &content);
        store.put(&name, &salt, &content).unwrap();
        name
    };
    let store = sealed(&fake);
    let (kept, orphan) = (put(&store, 1), put(&store, 2));
    // A file that is not ours, and what a put leaves that stopped before the rename.
    let unfinished = commitment(&[3; 32], b"personal");
    let hex: String = unfinished.iter().map(|b| format!("{b:02x}")).collect();
    let dir = Path::new("data/receipts/tests/sealed").join(&hex[..2]);
    fake.create_dir_all(&dir).unwrap();
    write_atomic(
        &fake,
        &dir.join(format!("{}.tmp", &hex[2..])),
        b"personal",
        0o600,
    )
    .unwrap();
    write_atomic(&fake, &dir.join("README"), b"by hand", 0o600).unwrap();

    let store = sealed(&fake);
    let mut all = vec![kept, orphan, unfinished];
    all.sort_unstable();
    assert_eq!(store.commitments(), Ok(all));
    let new = put(&store, 4);
    let mut asked = Vec::new();
    let erased = store.erase_orphans(|name| {
        asked.push(*name);
        *name == kept
    });
    let mut gone = vec![orphan, unfinished];
    gone.sort_unstable();
    assert_eq!(erased, Ok(gone));
    assert!(!asked.contains(&new), "its receipt may be on the way");
    for seed in 0..4 {
        let after = fake.crash(seed);
        let mut left = vec![kept, new];
        left.sort_unstable();
        assert_eq!(sealed(&after).commitments(), Ok(left));
        assert_eq!(
            after.contents(&dir.join("README")),
            Some(b"by hand".to_vec())
        );
    }
    // Once: what is put from now on is not even remembered.
    let newer = put(&store, 5);
    assert_eq!(store.erase_orphans(|_| false), Ok(Vec::new()));
    assert_eq!(store.exists(&newer), Ok(true));
}

#[test]
fn a_flipped_bit_in_sealed_content_is_damage() {
    let fake = FakeDisk::new();
    let (salt, content) = ([7; 32], b"personal".to_vec());
    let name = commitment(&salt, &content);
    sealed(&fake).put(&name, &salt, &content).unwrap();
    let (path, len) = fake.files().pop().unwrap();
    for at in 0..len {
        let fake = fake.fork();
        fake.flip(&path, at, 2);
        let Err(SealedError::Fault(Fault::Corrupt(damage))) = sealed(&fake).get(&name) else {
            panic!("byte {at} was served");
        };
        assert_eq!(
            (damage.file, damage.damage),
            (path.clone(), Damage::Commitment)
        );
    }
}

#[test]
fn a_data_directory_is_used_by_one_process_of_one_node() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/data");
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let first = DataDir::open(Arc::clone(&disk), &path, "node-a").unwrap();
    assert_eq!(
        DataDir::open(Arc::clone(&disk), &path, "node-a").unwrap_err(),
        DataDirError::InUse(path.clone())
    );
    drop(first);
    let other = DataDir::open(Arc::clone(&disk), &path, "node-b").unwrap_err();
    assert!(matches!(other, DataDirError::OtherNode { .. }), "{other}");
    assert_eq!(DataDir::read_node(&*disk, &path), Ok(Some("node-a".into())));
    let again = DataDir::open(Arc::clone(&disk), &path, "node-a").unwrap();
    assert_eq!((again.path(), again.node()), (path.as_path(), "node-a"));
}

#[test]
fn a_directory_that_is_not_ours_or_of_an_unknown_format_is_refused() {
    let open = |fake: &FakeDisk| DataDir::open(disk_of(fake), Path::new("data"), "n").map(|_| ());
    let fake = FakeDisk::new();
    fake.create_dir_all(Path::new("data/keys")).unwrap();
    assert_eq!(open(&fake), Ok(()));
    assert_eq!(open(&fake), Ok(()));

    let strange = FakeDisk::new();
    strange.create_dir_all(Path::new("data")).unwrap();
    write_atomic(&strange, Path::new("data/thesis.txt"), b"x", 0o644).unwrap();
    let refused = open(&strange).unwrap_err();
    assert!(
        matches!(&refused, DataDirError::NotOurs { found, .. } if found == "thesis.txt"),
        "{refused}"
    );
    assert_eq!(strange.contents(Path::new("data/FORMAT")), None);

    for (text, unknown) in [
        ("quorate-data 2\nnode n\n", true),
        ("quorate-data 01\nnode n\n", true),
        ("quorate-data 1\nnode n", false),
        ("quorate-data 1\r\nnode n\r\n", true),
        ("quorate-data 1\nnode n\nmore\n", false),
        ("", false),
    ] {
        let fake = fake.fork();
        fake.tamper(Path::new("data/FORMAT"), |b| *b = text.into());
        match open(&fake).unwrap_err() {
            DataDirError::UnknownFormat { .. } => assert!(unknown, "{text:?}"),
            DataDirError::Damaged(_) => assert!(!unknown, "{text:?}"),
            other => panic!("{text:?}: {other}"),
        }
    }
}

#[test]
fn a_small_file_is_replaced_whole_or_not_at_all() {
    let path = Path::new("data/ROOT.tests.txt");
    for fault in [Injected::Stop, Injected::StopAfter, Injected::Half] {
        for nth in 0..6 {
            let fake = FakeDisk::new();
            fake.create_dir_all(Path::new("data")).unwrap();
            write_atomic(&fake, path, b"old contents", 0o644).unwrap();
            fake.fail_at(nth, fault);
            let written = write_atomic(&fake, path, b"new", 0o600);
            for seed in 0..8 {
                let found = fake.crash(seed).contents(path).unwrap();
                assert!(found == b"new" || (written.is_err() && found == b"old contents"));
            }
        }
    }
}

#[test]
fn private_files_are_private_also_over_a_left_over_temporary_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(dir.path().join("key.tmp"), b"left over").unwrap();
    write_atomic(&OsDisk, &path, b"secret", quorate_store::MODE_PRIVATE).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"secret");
}
