//! Holders whose copy is not what was published, and strangers.

use std::fs;
use std::os::unix::fs::FileExt as _;

use crate::process::{Scene, noise, ran};

fn damaged(change: impl Fn(&fs::File)) -> String {
    let scene = Scene::new();
    fs::write(scene.path("big"), noise(3_000_000)).unwrap();
    let mut publisher = scene.publish("publisher", &["big"]);
    let (hash, ticket) = publisher.shown[0].clone();
    publisher.kill();
    let copy = fs::File::options()
        .write(true)
        .open(scene.copy("publisher", &hash))
        .unwrap();
    change(&copy);
    let _publisher = scene.publish_again("publisher");
    let saved = scene.path("saved");
    let (code, answer, error) = ran(scene.fetch(&ticket, &hash, &["-o", saved.to_str().unwrap()]));
    assert_eq!(code, 1, "{answer} {error}");
    assert!(answer.is_null(), "there is no transport result: {answer}");
    assert!(!saved.exists());
    error
}

#[test]
fn a_corrupted_copy_is_not_delivered() {
    let error = damaged(|copy| copy.write_all_at(b"?", 1_500_000).unwrap());
    assert_eq!(error, "not-held");
}

#[test]
fn a_truncated_copy_is_not_delivered() {
    let error = damaged(|copy| copy.set_len(2_000_000).unwrap());
    assert_eq!(error, "not-held");
}

#[test]
fn what_the_disk_lost_after_it_was_fetched_is_not_judged() {
    let scene = Scene::new();
    let bundle = fs::read(scene.path("bundle.json")).unwrap();
    let publisher = scene.publish("publisher", &["bundle.json"]);
    let (hash, ticket) = &publisher.shown[0];
    // Fetched by the library, which keeps it until it is told; then the disk changes a byte.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = scene.path("fetcher/replicas/fetching");
    let parsed = ticket.parse().unwrap();
    let fetched = runtime
        .block_on(quorate_replication::fetch(
            &folder,
            &parsed,
            1 << 20,
            |_, _| {},
        ))
        .unwrap();
    assert_eq!(fetched.size(), bundle.len() as u64);
    drop(fetched);
    let data = scene.fetching(hash).join(format!("blobs/data/{hash}.data"));
    let file = fs::File::options().write(true).open(&data).unwrap();
    file.write_all_at(b" ", 40).unwrap();

    let saved = scene.path("saved.json");
    let fetch = || scene.fetch(ticket, hash, &["-o", saved.to_str().unwrap()]);
    let (code, _, error) = ran(fetch());
    assert_eq!((code, error.as_str()), (3, "lost"));
    assert!(!saved.exists());
    // What is damaged is gone, and the next attempt brings it whole.
    assert_eq!(ran(fetch()).0, 0);
    assert_eq!(fs::read(&saved).unwrap(), bundle);
}
