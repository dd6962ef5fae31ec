//! `watch::audit`, against logs in folders and on a web server that lies.

use std::path::Path;
use std::sync::{Arc, Mutex};

use quorate_node::watch::{AuditError, Audited, Depth, Place, TreeError, audit};
use quorate_policy::{CheckpointRefused, NotQuorate, Policy, Verdict};
use quorate_testkit::rng::Rng;
use quorate_testkit::server::{Reply, Server, serving};
use quorate_testkit::site::{self, Files, Log, entries};

pub(crate) const ORIGIN: &str = "log.example/a";

/// A log of `count` entries.
fn log(count: usize) -> Log {
    Log::new(ORIGIN, 1, &entries(count, count, ""))
}

fn unwitnessed(log: &Log) -> Policy {
    format!("log {}\nquorum none\n", log.vkey())
        .parse()
        .unwrap()
}

fn place(text: &str) -> Place {
    text.parse().unwrap()
}

async fn of(place: &Place, policy: &Policy, depth: Depth) -> Result<Audited, AuditError> {
    audit(place, policy, depth, |_, _| {}).await
}

async fn of_files(files: &Files, log: &Log, depth: Depth) -> Result<Audited, AuditError> {
    let folder = tempfile::tempdir().unwrap();
    site::write(files, folder.path());
    let place = place(folder.path().to_str().unwrap());
    of(&place, &unwitnessed(log), depth).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_whole_is_verified_whatever_its_size() {
    for size in [
        0, 1, 2, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_793,
    ] {
        let log = log(size);
        let files = log.files(size as u64, &[]);
        let tiles = quorate_merkle::tiles_for_size(size as u64).count() as u64;
        for depth in [Depth::Entries, Depth::Hashes] {
            let audited = of_files(&files, &log, depth).await;
            let audited = audited.unwrap_or_else(|e| panic!("{size}: {e}"));
            assert_eq!(audited.checkpoint().checkpoint().size(), size as u64);
            assert_eq!(audited.tiles(), tiles, "{size}: all that the tree has");
            let octets = match depth {
                Depth::Entries => log.oracle().entries().iter().map(|e| e.len() as u64).sum(),
                Depth::Hashes => 0,
            };
            assert_eq!(audited.entry_octets(), octets);
        }
    }
}

/// Whatever octet is another, the audit fails, and names the file or the entry that is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn no_octet_of_a_log_can_be_another() {
    let log = log(600);
    let files = log.files(600, &[]);
    let folder = tempfile::tempdir().unwrap();
    site::write(&files, folder.path());
    let place = place(folder.path().to_str().unwrap());
    let policy = unwitnessed(&log);
    let mut rng = Rng::new(7);
    for (path, octets) in &files {
        let at = folder.path().join(path);
        for _ in 0..24 {
            let mut other = octets.clone();
            let position = rng.below(octets.len() as u64) as usize;
            other[position] ^= 1 << rng.below(8);
            std::fs::write(&at, &other).unwrap();
            let error = of(&place, &policy, Depth::Entries).await.unwrap_err();
            assert!(!error.is_environment(), "{path} {position}: {error}");
            let said = error.to_string();
            match path.as_str() {
                "checkpoint" => {}
                // The tiles at the edge are told together.
                _ if path.contains(".p/") && !path.contains("entries") => {
                    assert!(
                        said.contains(&format!("{path} ")) || said.contains(&format!("{path},")),
                        "{path}: {said}"
                    );
                }
                _ => assert!(said.contains(path), "{path} {position}: {said}"),
            }
        }
        std::fs::write(&at, octets).unwrap();
    }
    of(&place, &policy, Depth::Entries).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_another_is_named_by_its_index() {
    let log = log(70_000);
    let mut files = log.files(70_000, &[]);
    let bundle = files.get_mut("tile/entries/258").unwrap();
    let last = bundle.len() - 1;
    bundle[last] ^= 1;
    let error = of_files(&files, &log, Depth::Entries).await.unwrap_err();
    let AuditError::Entry {
        index,
        bundle,
        found,
        expected,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((*index, bundle.index()), (258 * 256 + 255, 258));
    assert_eq!(*expected, log.oracle().leaves()[*index as usize]);
    assert_ne!(found, expected);
    assert!(
        error
            .to_string()
            .starts_with("entry 66303, number 255 in tile/entries/258, is not")
    );
    // The hashes are right all the same.
    of_files(&files, &log, Depth::Hashes).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_of_any_level_that_is_another_is_named_and_no_other() {
    let log = log(70_000);
    let files = log.files(70_000, &[]);
    for (path, parent) in [
        ("tile/0/100", "tile/1/000"),
        ("tile/1/000", "tile/2/000.p/1"),
    ] {
        let mut files = files.clone();
        files.get_mut(path).unwrap()[3] ^= 1;
        let error = of_files(&files, &log, Depth::Hashes).await.unwrap_err();
        let AuditError::Tree(TreeError::Mismatch {
            tile,
            parent: above,
            ..
        }) = &error
        else {
            panic!("{error}")
        };
        assert_eq!(
            (format!("tile/{tile}"), format!("tile/{above}")),
            (path.to_owned(), parent.to_owned())
        );
    }
}

/// Every entry and every tile is from another history, and only the checkpoint is the right one; and the other way round.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_other_history_under_the_checkpoint_is_noticed() {
    let log = log(600);
    let other = Log::new(ORIGIN, 1, &entries(600, 599, "other"));
    let mut files = other.files(600, &[]);
    files.insert("checkpoint".into(), log.note(600, &[]));
    for depth in [Depth::Entries, Depth::Hashes] {
        let error = of_files(&files, &log, depth).await.unwrap_err();
        assert!(
            matches!(error, AuditError::Tree(TreeError::Edge { .. })),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn octets_that_are_cut_or_added_are_no_tile_and_no_bundle() {
    let log = log(600);
    let files = log.files(600, &[]);
    for path in files.keys() {
        for change in [0, 1] {
            let mut files = files.clone();
            let octets = files.get_mut(path).unwrap();
            match change {
                0 => {
                    octets.pop();
                }
                _ => octets.push(b'\n'),
            }
            let error = of_files(&files, &log, Depth::Entries).await.unwrap_err();
            assert!(!error.is_environment(), "{path}: {error}");
        }
    }
}

#[tokio::test]
async fn r4_a_file_is_read_to_its_limit_and_no_further() {
    let log = log(1);
    let mut files = log.files(1, &[]);
    files.insert(
        "checkpoint".into(),
        vec![b'x'; quorate_note::MAX_NOTE_LEN + 1],
    );
    let error = of_files(&files, &log, Depth::Entries).await.unwrap_err();
    assert!(
        matches!(error, AuditError::Fetch(_)) && !error.is_environment(),
        "{error}"
    );
    assert!(
        error.to_string().contains("longer than it can be"),
        "{error}"
    );
}

/// tlog-tiles, "Partial Tiles": a client falls back to the full tile when the partial one is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_grows_during_an_audit_is_audited_at_its_checkpoint() {
    let log = log(1024);
    let mut files = log.files(1024, &[]);
    for size in [300, 513, 767] {
        files.insert("checkpoint".into(), log.note(size, &[]));
        for depth in [Depth::Entries, Depth::Hashes] {
            let audited = of_files(&files, &log, depth).await;
            // The full tile of level 1 is not there: 1,024 entries do not fill it.
            let error = audited.unwrap_err();
            assert!(error.to_string().contains("there is no"), "{error}");
        }
        let mut files = files.clone();
        let partial = format!("tile/1/000.p/{}", size / 256);
        let id = quorate_merkle::TileId::in_tree(1, 0, size).unwrap();
        files.insert(partial, log.oracle().tile(&id));
        for depth in [Depth::Entries, Depth::Hashes] {
            let audited = of_files(&files, &log, depth).await.unwrap();
            assert_eq!(audited.checkpoint().checkpoint().size(), size);
        }
        // What the full bundle has beyond the checkpoint is not under it; what is under it must be right.
        let bundle = format!("tile/entries/00{}", size / 256);
        files.get_mut(&bundle).unwrap()[3] ^= 1;
        let error = of_files(&files, &log, Depth::Entries).await.unwrap_err();
        assert!(matches!(error, AuditError::Entry { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_log_signed_for_and_does_not_serve_is_named() {
    let log = log(600);
    let files = log.files(600, &[]);
    for path in files.keys() {
        let mut files = files.clone();
        files.remove(path);
        let error = of_files(&files, &log, Depth::Entries).await.unwrap_err();
        assert!(error.to_string().contains(path), "{path}: {error}");
        // Nothing at all is no log; a part of one is a log that does not serve what it signed for.
        assert_eq!(
            error.is_environment(),
            path == "checkpoint",
            "{path}: {error}"
        );
    }
}

/// A full tile has no fuller one to read in its place: the log is asked for it once.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_tile_that_is_gone_is_asked_for_once() {
    let log = log(600);
    let mut files = log.files(600, &[]);
    files.remove("tile/0/000");
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let mut serve = serving(files);
    let error = over_http(move |path| {
        *count.lock().unwrap() += usize::from(path == "tile/0/000");
        serve(path)
    })
    .await
    .unwrap_err();
    assert!(error.to_string().contains("tile/0/000"), "{error}");
    assert_eq!(*asked.lock().unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_counts_by_the_policys_keys_and_quorum_only() {
    let log = log(5);
    let [a, b, c] = [11, 12, 13].map(|seed| site::witness(&format!("w{seed}.example"), seed));
    let lines: String = [&a, &b, &c]
        .iter()
        .zip(["a", "b", "c"])
        .map(|(w, name)| format!("witness {name} {}\n", w.verifier_key()))
        .collect();
    let text = format!("log {}\n{lines}group q 2 a b c\nquorum q\n", log.vkey());
    let policy: Policy = text.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path().to_str().unwrap());

    site::write(&log.files(5, &[(&a, 100), (&c, 300)]), folder.path());
    let audited = of(&place, &policy, Depth::Entries).await.unwrap();
    let Verdict::Quorate(met) = audited.verdict() else {
        panic!("not quorate")
    };
    let times: Vec<u64> = met
        .signers()
        .iter()
        .map(quorate_policy::Signer::timestamp)
        .collect();
    assert_eq!(times, [100, 300]);

    site::write(&log.files(5, &[(&b, 200)]), folder.path());
    let error = of(&place, &policy, Depth::Entries).await.unwrap_err();
    let AuditError::Refused(CheckpointRefused::NotQuorate(NotQuorate::Short(short))) = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        short.missing().map(ToString::to_string).collect::<Vec<_>>(),
        ["a", "c"]
    );
    assert!(error.to_string().contains("missing: a, c"), "{error}");

    let stranger = Log::new(ORIGIN, 2, &entries(5, 5, ""));
    site::write(&stranger.files(5, &[(&a, 1), (&b, 1)]), folder.path());
    let error = of(&place, &policy, Depth::Entries).await.unwrap_err();
    assert!(
        matches!(error, AuditError::Refused(CheckpointRefused::Log(_))),
        "{error}"
    );
}

async fn over_http(
    script: impl FnMut(&str) -> Reply + Send + 'static,
) -> Result<Audited, AuditError> {
    let server = Server::start(script);
    of(
        &place(&server.url()),
        &unwitnessed(&log(600)),
        Depth::Entries,
    )
    .await
}

/// What a server in front of a log says of an error, which is longer than a partial tile.
fn page() -> Vec<u8> {
    b"<html>".repeat(700)
}

/// tlog-tiles, "Partial Tiles", where whatever is gone has a page that is longer than what was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_says_404_is_a_404_and_the_full_tile_is_read() {
    let log = log(1024);
    let mut files = log.files(1024, &[]);
    files.insert("checkpoint".into(), log.note(513, &[]));
    let id = quorate_merkle::TileId::in_tree(1, 0, 513).unwrap();
    files.insert(format!("tile/{id}"), log.oracle().tile(&id));
    let server = Server::start(move |path| match files.get(path) {
        Some(octets) => Reply::ok(octets.clone()),
        None => Reply::status(404, page()),
    });
    for depth in [Depth::Entries, Depth::Hashes] {
        let audited = of(&place(&server.url()), &unwitnessed(&log), depth).await;
        assert_eq!(audited.unwrap().checkpoint().checkpoint().size(), 513);
    }
}

/// To open a named pipe is to wait for whoever writes to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_checkpoint_is_no_regular_file_is_refused_at_once() {
    let log = log(1);
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("checkpoint");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let place = place(folder.path().to_str().unwrap());
    let policy = unwitnessed(&log);
    let asked = of(&place, &policy, Depth::Entries);
    let patience = std::time::Duration::from_secs(60);
    let Ok(answered) = tokio::time::timeout(patience, asked).await else {
        // Lets the reader go, so that the test ends.
        std::fs::write(&pipe, "x").unwrap();
        panic!("it waits for a writer");
    };
    let error = answered.unwrap_err();
    assert!(error.to_string().contains("no regular file"), "{error}");
    assert!(error.is_environment(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_asked_for_again_and_the_rest_is_not() {
    let files = || serving(log(600).files(600, &[]));
    // Once busy, once broken off, once failing.
    let mut serve = files();
    let mut asked = std::collections::BTreeMap::<String, u32>::new();
    let flaky = move |path: &str| {
        let times = asked.entry(path.to_owned()).or_default();
        *times += 1;
        match *times {
            1 if path == "checkpoint" => Reply::status(503, page()).header("retry-after: 0"),
            1 if path == "tile/0/000" => Reply {
                cut: true,
                ..serve(path)
            },
            1 if path == "tile/1/000.p/2" => Reply::status(503, page()).header("retry-after: 0"),
            1 if path == "tile/entries/001" => Reply::status(500, page()),
            _ => serve(path),
        }
    };
    over_http(flaky).await.unwrap();

    for (reply, said, environment) in [
        (Reply::status(500, page()), "status 500", true),
        (
            Reply::status(403, vec![b'x'; 1 << 20]),
            "does not show it to everybody",
            true,
        ),
        (
            Reply::status(401, Vec::new()),
            "does not show it to everybody",
            true,
        ),
        (
            Reply {
                cut: true,
                ..Reply::status(403, page())
            },
            "does not show it to everybody",
            true,
        ),
        (
            Reply::status(302, page()).header("location: http://elsewhere.example/x"),
            "it leads to http://elsewhere.example/x",
            true,
        ),
        (Reply::ok(vec![0; 1 << 20]), "longer than it can be", false),
        (
            Reply::ok(b"x".to_vec()).header("content-encoding: br"),
            "\"br\"",
            true,
        ),
    ] {
        for at in [
            "checkpoint",
            "tile/1/000.p/2",
            "tile/0/001",
            "tile/entries/002.p/88",
        ] {
            let mut serve = files();
            let reply = reply.clone();
            let asked = Arc::new(Mutex::new(0));
            let count = Arc::clone(&asked);
            let error = over_http(move |path| {
                if path == at {
                    *count.lock().unwrap() += 1;
                    return reply.clone();
                }
                serve(path)
            })
            .await
            .unwrap_err();
            // A bundle of 88 entries may have 5.8 MB.
            if at.contains("entries") && !environment {
                assert!(error.to_string().contains("not an entry bundle"), "{error}");
            } else {
                assert!(error.to_string().contains(said), "{at}: {error}");
                assert!(error.to_string().contains(at), "{at}: {error}");
            }
            assert_eq!(error.is_environment(), environment, "{at}: {error}");
            let expected = if said == "status 500" { 4 } else { 1 };
            assert_eq!(*asked.lock().unwrap(), expected, "{at}: {error}");
        }
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_reached_is_the_environments_fault() {
    let gone = Server::start(|_| Reply::ok(Vec::new()));
    let url = gone.url();
    drop(gone);
    let nothing = log(1);
    let error = of(&place(&url), &unwitnessed(&nothing), Depth::Entries)
        .await
        .unwrap_err();
    assert!(error.is_environment(), "{error}");
    let error = of(&place("/nowhere"), &unwitnessed(&nothing), Depth::Entries)
        .await
        .unwrap_err();
    assert!(error.is_environment(), "{error}");
    assert!(!Path::new("/nowhere").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_goes_from_nothing_to_all_entries() {
    let log = log(600);
    let folder = tempfile::tempdir().unwrap();
    site::write(&log.files(600, &[]), folder.path());
    let seen = Mutex::new(Vec::new());
    let place = place(folder.path().to_str().unwrap());
    audit(&place, &unwitnessed(&log), Depth::Entries, |done, size| {
        seen.lock().unwrap().push((done, size));
    })
    .await
    .unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        [(0, 600), (256, 600), (512, 600), (600, 600)]
    );
}
