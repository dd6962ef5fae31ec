//! A scroll's files after somebody wrote into one of them: opening and reading never panics, and whatever is
//! still served is what was committed.
//!
//! With `forge` the checksums of the journal's frames are made right again, so that the fuzzer gets past them
//! to what they frame; then nothing but the absence of a panic is asked.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use quorate_store::{
    Batch, Disk, EntryKeys, Kind, Opaque, OpenOptions, PreparedEntry, Scroll, ScrollSpec, Tuning,
    Urgency, Visibility,
};
use quorate_testkit::disk::FakeDisk;

const ENTRIES: u64 = 5;
const DIR: &str = "/data/scroll";

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    file: u8,
    offset: u32,
    cut: bool,
    forge: bool,
    patch: &'a [u8],
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry number {index}").into_bytes()
}

fn options() -> OpenOptions {
    // Small steps: the whole disk is copied for each input.
    let mut tuning = Tuning::default();
    tuning.snapshot_every = 2;
    tuning.max_pending = 16;
    tuning.journal_step = 4096;
    tuning.journal_compact = 8192;
    OpenOptions {
        at_least: None,
        tuning,
    }
}

/// A scroll of a few entries with everything derived that can be.
fn committed() -> &'static FakeDisk {
    static DISK: OnceLock<FakeDisk> = OnceLock::new();
    DISK.get_or_init(|| {
        let fake = FakeDisk::new();
        let disk: Arc<dyn Disk> = Arc::new(fake.clone());
        let spec = ScrollSpec {
            name: "Fuzz".to_owned(),
            kind: Kind::Raw,
            visibility: Visibility::Restricted,
            origin: "example.org/Fuzz".to_owned(),
            created_at: "2026-11-20T12:00:00Z".to_owned(),
        };
        Scroll::create(&disk, Path::new(DIR), &spec).expect("create");
        let (scroll, _) =
            Scroll::open(&disk, Path::new(DIR), Arc::new(Opaque), &options()).expect("open");
        let (mut writer, _reader) = scroll.split();
        for index in 0..ENTRIES {
            let prepared = PreparedEntry::new(entry(index), EntryKeys::default()).expect("short");
            let cursors = vec![("input".to_owned(), vec![1, 2, 3])];
            writer
                .commit(Batch {
                    entries: vec![prepared],
                    cursors,
                    at: 1,
                })
                .expect("commit");
            if index == 2 {
                writer.maintain(Urgency::IfAnything).expect("maintain");
            }
        }
        // The journal is made with room in its two lanes; without it an input takes less time.
        fake.tamper(&Path::new(DIR).join("commit.journal"), |bytes| {
            let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
            bytes.truncate(used.next_multiple_of(4096));
        });
        fake
    })
}

fuzz_target!(|input: Input<'_>| {
    let fake = committed().fork();
    let files: Vec<PathBuf> = fake.files().into_iter().map(|(path, _)| path).collect();
    let Some(path) = files.get(usize::from(input.file) % files.len()) else {
        return;
    };
    let forged = input.forge && path.ends_with("commit.journal");
    fake.tamper(path, |bytes| {
        let start = input.offset as usize % (bytes.len() + 1);
        let end = start + input.patch.len();
        if bytes.len() < end || input.cut {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(input.patch);
        if forged {
            quorate_store::fuzz::forge_journal(bytes);
        }
    });
    let disk: Arc<dyn Disk> = Arc::new(fake);
    let Ok((scroll, _)) = Scroll::open(&disk, Path::new(DIR), Arc::new(Opaque), &options()) else {
        return;
    };
    let reader = scroll.reader();
    let size = reader.size();
    assert!(forged || size <= ENTRIES);
    for index in 0..size.min(2 * ENTRIES) {
        if let Ok(found) = reader.entry(index) {
            assert!(
                forged || found == entry(index),
                "entry {index} of {path:?} is not what was committed"
            );
        }
        let _ = reader.prove_inclusion(index, size);
    }
    let _ = reader.cursors();
});
