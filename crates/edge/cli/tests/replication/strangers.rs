//! Holders that lie, machines that were never added, and transfers between machines that break off.

use std::fs;

use iroh::Endpoint;
use iroh::endpoint::Connection;
use iroh::protocol::{AcceptError, ProtocolHandler, Router};
use iroh_blobs::BlobsProtocol;
use iroh_blobs::provider::events::EventSender;
use iroh_blobs::store::mem::MemStore;
use iroh_blobs::ticket::BlobTicket;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::guest::{Guest, REPLICAS, address, endpoint, silent_after};
use crate::process::{Scene, noise, ran};

fn name(endpoint: &Endpoint) -> String {
    format!("{}@{}", endpoint.id(), endpoint.bound_sockets()[0])
}

/// Says that it holds whatever it is asked to hold.
#[derive(Debug)]
struct Yes;

impl ProtocolHandler for Yes {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let (mut send, mut recv) = connection.accept_bi().await?;
        let _asked = recv.read_to_end(4096).await;
        let said = send.write_all(br#"{"held":{"fetched":10000}}"#).await;
        said.map_err(AcceptError::from_err)?;
        send.finish()?;
        connection.closed().await;
        Ok(())
    }
}

/// Answers every question for bytes with bytes of its own.
#[derive(Debug)]
struct Others {
    size: u64,
}

impl ProtocolHandler for Others {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        while let Ok((mut send, mut recv)) = connection.accept_bi().await {
            let _asked = recv.read_to_end(4096).await;
            let _sent = send.write_all(&self.size.to_le_bytes()).await;
            let _sent = send.write_all(&[7; 10_000]).await;
            let _sent = send.finish();
        }
        Ok(())
    }
}

#[test]
fn a_holder_that_only_says_that_it_holds_is_found() {
    let scene = Scene::new();
    let runtime = Runtime::new().unwrap();
    let _enter = runtime.enter();
    let (router, liar) = runtime.block_on(async {
        let endpoint = endpoint().await;
        let liar = name(&endpoint);
        let router = Router::builder(endpoint)
            .accept(REPLICAS, Yes)
            .accept(iroh_blobs::ALPN, BlobsProtocol::new(&MemStore::new(), None))
            .spawn();
        (router, liar)
    });
    let _serving = scene.publish("a", &["bundle.json"]);
    assert_eq!(scene.replicas("a", &["add", &liar]).0, 0);
    let (code, answer, error) = scene.replicas("a", &["repair"]);
    assert_eq!((code, error.as_str()), (1, "too-few-copies"));
    let copy = &answer["files"][0]["copies"][1];
    assert_eq!(copy["state"], "missing", "its word is no proof: {copy}");
    runtime.block_on(router.shutdown()).unwrap();
}

#[test]
fn a_holder_that_sends_other_bytes_is_found() {
    let scene = Scene::new();
    let runtime = Runtime::new().unwrap();
    let _enter = runtime.enter();
    let (router, liar) = runtime.block_on(async {
        let endpoint = endpoint().await;
        let liar = name(&endpoint);
        let router = Router::builder(endpoint)
            .accept(REPLICAS, Yes)
            .accept(iroh_blobs::ALPN, Others { size: 10_000 })
            .spawn();
        (router, liar)
    });
    fs::write(scene.path("file"), noise(10_000)).unwrap();
    let _serving = scene.publish("a", &["file"]);
    assert_eq!(scene.replicas("a", &["add", &liar]).0, 0);
    let (code, answer, _) = scene.replicas("a", &["repair"]);
    assert_eq!(code, 1);
    let copy = &answer["files"][0]["copies"][1];
    assert_eq!(copy["state"], "wrong-bytes", "{copy}");
    runtime.block_on(router.shutdown()).unwrap();
}

#[test]
fn a_holder_that_sends_other_bytes_or_another_size_delivers_nothing() {
    let scene = Scene::new();
    let bytes = noise(10_000);
    let hash = blake3::hash(&bytes).to_string();
    for size in [10_000, 9_999, u64::MAX, 1 << 40, 0] {
        let runtime = Runtime::new().unwrap();
        let _enter = runtime.enter();
        let (router, ticket) = runtime.block_on(async {
            let endpoint = endpoint().await;
            let hash = iroh_blobs::Hash::new(&bytes);
            let ticket = BlobTicket::new(address(&endpoint), hash, iroh_blobs::BlobFormat::Raw);
            let router = Router::builder(endpoint)
                .accept(iroh_blobs::ALPN, Others { size })
                .spawn();
            (router, ticket.to_string())
        });
        let saved = scene.path("saved");
        let more = ["--max-size", "20000", "-o", saved.to_str().unwrap()];
        let (code, answer, error) = ran(scene.fetch(&ticket, &hash, &more));
        assert_eq!(code, 1, "{size}: {answer} {error}");
        assert!(
            ["not-of-this-hash", "not-held"].contains(&error.as_str()),
            "{size}: {error}"
        );
        assert!(!saved.exists());
        runtime.block_on(router.shutdown()).unwrap();
    }
}

/// A stream that was reset, or ended without a word: which of the two comes first is the network's choice.
fn is_unanswered(asked: &Result<String, String>) -> bool {
    asked.as_ref().map_or(true, String::is_empty)
}

fn hold(bytes: &[u8]) -> Vec<u8> {
    let hash = blake3::hash(bytes);
    format!(r#"{{"hold":{{"hash":"{hash}"}}}}"#).into_bytes()
}

#[test]
fn a_stranger_cannot_have_a_copy_kept() {
    let scene = Scene::new();
    let serving = scene.keep("b", &["--bind", "127.0.0.1:0"]);
    let runtime = Runtime::new().unwrap();
    let bytes = noise(10_000);
    let refused = runtime.block_on(async {
        let guest = Guest::with(&[&bytes]).await;
        let connection = guest.connect(&serving).await;
        let request = hold(&bytes);
        let asked = guest.ask(&connection, EventSender::DEFAULT, &request);
        assert!(is_unanswered(&asked.await));
        connection.closed().await.to_string()
    });
    assert!(
        refused.contains("not one of this machine's peers"),
        "{refused}"
    );
    let hash = blake3::hash(&bytes).to_string();
    assert!(!scene.copy("b", &hash).exists());
}

#[test]
fn r3_a_request_that_is_none_is_not_answered_and_the_next_one_is() {
    let scene = Scene::new();
    let serving = scene.keep("b", &["--bind", "127.0.0.1:0"]);
    let runtime = Runtime::new().unwrap();
    let bytes = noise(10_000);
    let hash = blake3::hash(&bytes);
    let good = hold(&bytes);
    let mut long = good.clone();
    long.resize(5_000, b' ');
    let broken = [
        Vec::new(),
        b"hold".to_vec(),
        br#"{"drop":{}}"#.to_vec(),
        format!(r#"{{"hold":{{"hash":"{hash}","path":"/etc"}}}}"#).into_bytes(),
        format!(r#"{{"hold":{{"hash":"../../{hash}"}}}}"#).into_bytes(),
        [good.as_slice(), b"{}"].concat(),
        long,
    ];
    runtime.block_on(async {
        let guest = Guest::added(&scene, &[&bytes], &[]).await;
        for request in &broken {
            let connection = guest.connect(&serving).await;
            let asked = guest.ask(&connection, EventSender::DEFAULT, request).await;
            assert!(is_unanswered(&asked), "{request:?}: {asked:?}");
        }
        let connection = guest.connect(&serving).await;
        let asked = guest.ask(&connection, EventSender::DEFAULT, &good).await;
        assert_eq!(asked.unwrap(), r#"{"held":{"fetched":10000}}"#);
        let asked = guest.ask(&connection, EventSender::DEFAULT, &good).await;
        assert_eq!(
            asked.unwrap(),
            r#"{"held":{"fetched":0}}"#,
            "nothing moves twice"
        );
    });
    assert_eq!(fs::read(scene.copy("b", &hash.to_string())).unwrap(), bytes);
}

#[test]
fn a_machine_without_the_bytes_is_told_that_they_did_not_come() {
    let scene = Scene::new();
    let serving = scene.keep("b", &["--bind", "127.0.0.1:0"]);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let guest = Guest::added(&scene, &[], &[]).await;
        let connection = guest.connect(&serving).await;
        let request = hold(&noise(10_000));
        let asked = guest.ask(&connection, EventSender::DEFAULT, &request).await;
        assert_eq!(asked.unwrap(), r#"{"refused":{"why":"transfer"}}"#);
    });
    let (_, status, _) = scene.replicas("b", &["status"]);
    assert_eq!(status["held"], Value::Array(Vec::new()));
}

#[test]
fn what_breaks_off_counts_against_what_is_kept_for_a_machine() {
    let scene = Scene::new();
    let serving = scene.keep("b", &["--bind", "127.0.0.1:0"]);
    let runtime = Runtime::new().unwrap();
    let (first, second) = (noise(2_000_000), noise(2_000_001));
    runtime.block_on(async {
        let limit = ["--max-bytes", "3000000"];
        let guest = Guest::added(&scene, &[&first, &second], &limit).await;
        let (events, told) = silent_after(1_000_000);
        let connection = guest.connect(&serving).await;
        let request = hold(&first);
        tokio::select! {
            answer = guest.ask(&connection, events, &request) => panic!("{answer:?}"),
            told = told => told.unwrap(),
        }
        connection.close(0u32.into(), b"");
        let connection = guest.connect(&serving).await;
        let other = hold(&second);
        // It may take a moment to learn that the first one has ended.
        let busy = r#"{"refused":{"why":"busy"}}"#;
        let mut asked = busy.to_owned();
        while asked == busy {
            let again = guest.ask(&connection, EventSender::DEFAULT, &other).await;
            asked = again.unwrap();
        }
        assert_eq!(asked, r#"{"refused":{"why":"quota"}}"#);
        // What was begun may be ended.
        let asked = guest.ask(&connection, EventSender::DEFAULT, &request).await;
        assert!(asked.unwrap().contains("held"));
    });
}

#[test]
fn a_replica_killed_while_it_fetches_goes_on_where_it_was() {
    let scene = Scene::new();
    let mut serving = scene.keep("b", &["--bind", "127.0.0.1:0"]);
    let runtime = Runtime::new().unwrap();
    let bytes = noise(48 << 20);
    let hash = blake3::hash(&bytes).to_string();
    runtime.block_on(async {
        let guest = Guest::added(&scene, &[&bytes], &[]).await;
        let (events, half) = silent_after(24 << 20);
        let connection = guest.connect(&serving).await;
        let request = hold(&bytes);
        let asking = guest.ask(&connection, events, &request);
        tokio::select! {
            answer = asking => panic!("{answer:?}"),
            half = half => half.unwrap(),
        }
        serving.kill();
        drop(connection);

        let again = scene.keep("b", &[]);
        let connection = guest.connect(&again).await;
        let asked = guest.ask(&connection, EventSender::DEFAULT, &request).await;
        let answer: Value = serde_json::from_str(&asked.unwrap()).unwrap();
        let fetched = answer["held"]["fetched"].as_u64().unwrap();
        assert!(
            fetched < 47 << 20,
            "{fetched}: nothing was kept of the first attempt"
        );
    });
    assert_eq!(fs::read(scene.copy("b", &hash)).unwrap(), bytes);
}

#[test]
fn who_is_removed_while_connected_is_refused_from_then_on() {
    let scene = Scene::new();
    let serving = scene.keep("b", &["--bind", "127.0.0.1:0"]);
    let runtime = Runtime::new().unwrap();
    let bytes = noise(10_000);
    runtime.block_on(async {
        let guest = Guest::added(&scene, &[&bytes], &[]).await;
        let connection = guest.connect(&serving).await;
        assert_eq!(scene.replicas("b", &["remove", &guest.id()]).0, 0);
        let request = hold(&bytes);
        let asked = guest.ask(&connection, EventSender::DEFAULT, &request).await;
        assert!(is_unanswered(&asked), "{asked:?}");
        let why = connection.closed().await.to_string();
        assert!(why.contains("not one of this machine's peers"), "{why}");
    });
    let hash = blake3::hash(&bytes).to_string();
    assert!(!scene.copy("b", &hash).exists());
}

#[test]
fn who_drips_is_removed_at_once() {
    let scene = Scene::new();
    let serving = scene.keep("b", &["--bind", "127.0.0.1:0"]);
    let runtime = Runtime::new().unwrap();
    let bytes = noise(3_000_000);
    runtime.block_on(async {
        let guest = Guest::added(&scene, &[&bytes], &[]).await;
        let (events, told) = silent_after(1_000_000);
        let connection = guest.connect(&serving).await;
        let request = hold(&bytes);
        tokio::select! {
            answer = guest.ask(&connection, events, &request) => panic!("{answer:?}"),
            told = told => told.unwrap(),
        }
        // It holds its place; neither an order nor a file that is published waits for it.
        assert_eq!(scene.replicas("b", &["remove", &guest.id()]).0, 0);
        let why = connection.closed().await.to_string();
        assert!(why.contains("not one of this machine's peers"), "{why}");
    });
}

#[test]
fn nobody_keeps_a_file_open_by_observing_it() {
    use futures_util::StreamExt as _;
    use iroh_blobs::protocol::ObserveRequest;
    let scene = Scene::new();
    let publisher = scene.publish("a", &["bundle.json"]);
    let ticket: BlobTicket = publisher.shown[0].1.parse().unwrap();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let endpoint = endpoint().await;
        let at = ticket.addr().clone();
        let connection = endpoint.connect(at, iroh_blobs::ALPN).await.unwrap();
        let store = MemStore::new();
        let request = ObserveRequest::new(ticket.hash());
        let mut observed = store.remote().observe(connection.clone(), request);
        let first = std::pin::pin!(&mut observed).next().await;
        assert!(!matches!(first, Some(Ok(_))), "{first:?}");
        // And reading is open on the same connection.
        let size = iroh_blobs::get::request::get_verified_size(&connection, &ticket.hash()).await;
        size.unwrap();
    });
}
