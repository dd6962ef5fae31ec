//! Private keys on disk: made by one start only, and gone when their keys have ended.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its node must stop"
)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Barrier};

use common::{close, config, open, post, rig, try_open};
use quorate_node::{Mode, Node};
use quorate_store::{DataDir, OsDisk};
use serde_json::json;

/// Every file in the folder of keys.
fn files(keys: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(keys)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect()
}

fn put(keys: &Path, name: &str, text: &[u8]) {
    let path = keys.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

async fn rotate(node: &Node, body: serde_json::Value) {
    let (status, answer) = post(&node.api(), "/keys/rotate", body).await;
    assert!(status.is_success(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds_that_a_crash_left_after_their_end_are_removed_at_start_and_no_others() {
    let rig = rig().await;
    drop(rig.api);
    let keys = rig.dir.path().join("data/keys");
    let before = files(&keys);
    rotate(&rig.node, json!({"role": "log"})).await;
    rotate(&rig.node, json!({"role": "log", "retire": true})).await;
    rotate(&rig.node, json!({"role": "identity"})).await;
    close(rig.node).await;
    let after = files(&keys);
    let ended: Vec<&String> = before.keys().filter(|n| !after.contains_key(*n)).collect();
    assert_eq!(
        ended,
        [
            "identity-0.seed",
            "identity-1-salt.seed",
            "log-0-ed25519.seed",
            "log-0-mldsa44.seed"
        ]
    );
    for name in ended {
        put(&keys, name, &before[name]);
    }
    put(&keys, ".log-0-ed25519.tmp", &before["log-0-ed25519.seed"]);
    let node = open(rig.dir.path(), Mode::Online).await;
    assert_eq!(files(&keys), after);
    // Everything that is left is enough to go on.
    rotate(&node, json!({"role": "identity"})).await;
    rotate(&node, json!({"role": "log"})).await;
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_that_only_has_the_name_of_an_ended_key_is_left_alone() {
    let rig = rig().await;
    drop(rig.api);
    let keys = rig.dir.path().join("data/keys");
    rotate(&rig.node, json!({"role": "log"})).await;
    rotate(&rig.node, json!({"role": "log", "retire": true})).await;
    rotate(&rig.node, json!({"role": "identity"})).await;
    close(rig.node).await;
    let mut there = files(&keys);
    for (name, of) in [
        ("identity-0.seed", "identity-1.seed"),
        ("log-0-ed25519.seed", "identity-2.seed"),
        ("log-0-mldsa44.seed", "log-1-mldsa44.seed"),
    ] {
        there.insert(name.to_owned(), there[of].clone());
        put(&keys, name, &there[of]);
    }
    let node = open(rig.dir.path(), Mode::Online).await;
    assert_eq!(files(&keys), there);
    close(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_made_in_a_directory_that_another_process_is_starting_in() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let first = DataDir::lock(Arc::new(OsDisk), &data).unwrap();
    assert_eq!(first.node(), None);
    let error = try_open(config(dir.path()), Mode::Online)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    assert!(!data.join("keys").exists());
    drop(first);
    close(open(dir.path(), Mode::Online).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_first_starts_at_once_one_makes_the_node_and_the_other_is_refused() {
    for round in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let gate = Arc::new(Barrier::new(2));
        let starts: Vec<_> = (0..2)
            .map(|_| {
                let (gate, config) = (Arc::clone(&gate), config(dir.path()));
                tokio::task::spawn_blocking(move || {
                    gate.wait();
                    Node::open(config, Mode::Online)
                })
            })
            .collect();
        // Both are kept until both have ended, so that the second does not find the first one gone.
        let mut ended = Vec::new();
        for start in starts {
            ended.push(start.await.unwrap());
        }
        let (nodes, refused): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
        assert_eq!((nodes.len(), refused.len()), (1, 1), "round {round}");
        let error = refused.into_iter().next().unwrap().unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
        let node = nodes.into_iter().next().unwrap().unwrap();
        let made = node.summary()["node"].clone();
        let keys = files(&dir.path().join("data/keys"));
        close(node).await;
        let again = open(dir.path(), Mode::Online).await;
        assert_eq!(again.summary()["node"], made);
        assert_eq!(files(&dir.path().join("data/keys")), keys);
        close(again).await;
    }
}
