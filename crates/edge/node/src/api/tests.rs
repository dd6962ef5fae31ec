//! The API of a whole node, where more must be seen than its answers.

use std::sync::Arc;

use axum::http::Request;
use http_body_util::BodyExt as _;

use crate::testing::{Network, WatchedDisk, close, node_on};

/// On a runtime of one thread, so that every handler runs on the thread that must not touch the disk.
#[tokio::test]
async fn no_call_touches_the_disk_on_a_thread_of_the_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let disk = WatchedDisk::default();
    let watch = Arc::clone(&disk.0);
    let node = node_on(Arc::new(disk), dir.path()).await;
    watch.forbid_this_thread();
    let network = Network::new(&node);
    let receipts = "/scrolls/A/receipts";
    for (path, body) in [
        ("/scrolls", r#"{"name":"A"}"#),
        (
            receipts,
            r#"{"type":"x","id":"one","timestamp":"2026-01-01T00:00:00Z"}"#,
        ),
        (receipts, r#"[{"type":"x"},{"type":"y"}]"#),
        ("/scrolls/A/sealed", "content"),
        ("/scrolls/A/sealed", "other content"),
        ("/scrolls/A/erase", r#"{"index":3,"reason":"asked for"}"#),
        ("/tokens", r#"{"actor":"did:vm:agent:a","scrolls":["A"]}"#),
        ("/scrolls/A/checkpoint", ""),
        ("/scrolls/A/receipts?wait=checkpoint", r#"{"type":"x"}"#),
        ("/keys/offline", ""),
        ("/keys/rotate", r#"{"role":"log"}"#),
    ] {
        let answer = network.post(path, body).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert!(answer.status.is_success(), "{path}: {text}");
    }
    let by_index = network.get("/scrolls/A/receipts?from=0").await;
    let first: serde_json::Value =
        serde_json::from_slice(by_index.body.split(|b| *b == b'\n').next().unwrap()).unwrap();
    let hash = first["leaf_hash"].as_str().unwrap();
    for path in [
        "/scrolls/A/tile/0/000.p/3",
        "/scrolls/A/tile/entries/000.p/3",
        "/scrolls/A/receipts?id=one",
        &format!("/scrolls/A/receipts?hash={hash}"),
        "/scrolls/A/receipts?since=2026-01-01T00:00:00Z",
        "/scrolls/A/entries/0",
        "/scrolls/A/proof?index=0",
        "/scrolls/A/proof?index=3",
        "/scrolls/A/proof?id=one",
        "/scrolls/A/consistency?old=1&new=2",
        "/scrolls/A/export",
        "/scrolls/A/sealed/4",
        "/",
        "/search?scroll=A&q=one",
        "/console/A",
        "/console/A/3",
    ] {
        let before = watch.bytes_read();
        let answer = network.get(path).await;
        let text = String::from_utf8_lossy(&answer.body);
        let well = answer.status.is_success() || answer.status.is_redirection();
        assert!(well, "{path}: {text}");
        // The newest tiles are kept in memory.
        let read = watch.bytes_read() > before;
        assert!(
            read || path.contains("/tile/0") || path.contains("consistency"),
            "{path}"
        );
    }
    for path in [
        "/node",
        "/keys",
        "/keys/history",
        "/tokens",
        "/metrics",
        "/healthz",
        "/scrolls",
    ] {
        assert!(network.get(path).await.status.is_success(), "{path}");
    }
    assert_eq!(watch.touched(), Vec::<String>::new());
    close(node).await;
}

#[tokio::test]
async fn an_export_is_read_piece_by_piece_as_it_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let disk = WatchedDisk::default();
    let watch = Arc::clone(&disk.0);
    let node = node_on(Arc::new(disk), dir.path()).await;
    let network = Network::new(&node);
    network.post("/scrolls", r#"{"name":"A"}"#).await;
    let line = format!("{{\"type\":\"x\",\"pad\":\"{}\"}}\n", "p".repeat(60_000));
    let kind = "application/x-ndjson";
    let sent = network
        .call("POST", "/scrolls/A/receipts", kind, line.repeat(200))
        .await;
    assert!(sent.status.is_success());
    let record = node.inner.scroll("A").unwrap().reader().record_bytes();
    let before = watch.bytes_read();
    let request = Request::get("/scrolls/A/export").body(axum::body::Body::empty());
    let mut body = node.api().call(request.unwrap()).await.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.len() as u64 <= 4 << 20);
    assert!(
        watch.bytes_read() - before < record / 2,
        "the rest is not read before it is wanted"
    );
    let rest = body.collect().await.unwrap().to_bytes();
    assert_eq!((first.len() + rest.len()) as u64, record);
    close(node).await;
}
