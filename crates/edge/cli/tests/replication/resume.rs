//! Transfers that are cut off by a kill, and go on.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use iroh::protocol::Router;
use iroh_blobs::store::mem::MemStore;
use iroh_blobs::ticket::BlobTicket;
use iroh_blobs::{BlobFormat, BlobsProtocol};

use crate::guest::{address, endpoint, silent_after};
use crate::process::{Scene, noise, ran};

const LENGTH: usize = 48 << 20;

/// Serves `bytes`, and falls silent after `limit` of them.
async fn stalling(bytes: &[u8], limit: u64) -> (Router, String) {
    let store = MemStore::new();
    let hash = store.add_slice(bytes).temp_tag().await.unwrap();
    let (events, _told) = silent_after(limit);
    let endpoint = endpoint().await;
    let ticket = BlobTicket::new(address(&endpoint), hash.hash(), BlobFormat::Raw).to_string();
    // The data must outlive the test's function.
    std::mem::forget(hash);
    let router = Router::builder(endpoint)
        .accept(iroh_blobs::ALPN, BlobsProtocol::new(&store, Some(events)))
        .spawn();
    (router, ticket)
}

#[test]
fn a_killed_fetch_goes_on_where_it_was() {
    let scene = Scene::new();
    let bytes = noise(LENGTH);
    fs::write(scene.path("big"), &bytes).unwrap();
    let hash = blake3::hash(&bytes).to_string();
    let limit = 20 << 20;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (router, ticket) = runtime.block_on(stalling(&bytes, limit));

    let mut fetch = scene.fetch(&ticket, &hash, &[]);
    fetch.stdout(Stdio::null()).stderr(Stdio::null());
    let mut fetch = fetch.spawn().unwrap();
    // It has the last piece, and some of the front: what it wrote last is at the end of what is not a hole.
    let data = scene
        .fetching(&hash)
        .join(format!("blobs/data/{hash}.data"));
    let blocks = || {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(&data).map_or(0, |m| m.blocks() * 512)
    };
    while blocks() < 8 << 20 {
        assert!(fetch.try_wait().unwrap().is_none(), "it must not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    fetch.kill().unwrap();
    fetch.wait().unwrap();
    runtime.block_on(router.shutdown()).unwrap();

    let publisher = scene.publish("publisher", &["big"]);
    let (_, answer, error) = ran(scene.fetch(&publisher.shown[0].1, &hash, &[]));
    assert_eq!(error, "bundle-malformed", "{answer}");
    assert_eq!(answer["transport"]["octets"], LENGTH as u64);
    let resumed = answer["transport"]["resumed_octets"].as_u64().unwrap();
    assert!(
        (6 << 20..LENGTH as u64).contains(&resumed),
        "{resumed} were kept"
    );
}

#[test]
fn a_killed_publisher_breaks_the_transfer_off_and_the_next_attempt_goes_on() {
    let scene = Scene::new();
    fs::write(scene.path("big"), noise(LENGTH)).unwrap();
    let mut publisher = scene.publish("publisher", &["big"]);
    let (hash, ticket) = publisher.shown[0].clone();
    let folder = scene.path("fetcher/replicas/fetching");
    let parsed = ticket.parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut killed = false;
    let broken = runtime.block_on(quorate_replication::fetch(
        &folder,
        &parsed,
        u64::MAX,
        |here, _| {
            if here > 1 << 20 && !killed {
                killed = true;
                publisher.kill();
            }
        },
    ));
    assert!(killed);
    let error = broken.map(drop).unwrap_err();
    assert!(
        matches!(error, quorate_replication::Error::Broken(_)),
        "{error:?}"
    );

    let _publisher = scene.publish_again("publisher");
    let (_, answer, error) = ran(scene.fetch(&ticket, &hash, &[]));
    assert_eq!(error, "bundle-malformed", "{answer}");
    assert!(answer["transport"]["resumed_octets"].as_u64().unwrap() > 1 << 19);
}
