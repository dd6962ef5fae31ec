//! Checking a scroll of a running node.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop as tests do")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use common::{Rig, call, new_scroll, post, rig, stream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

/// Every line of the answer.
async fn check(rig: &Rig, scroll: &str) -> Vec<Value> {
    let (status, body) = call(
        &rig.api,
        "POST",
        &format!("/scrolls/{scroll}/fsck"),
        "application/json",
        b"",
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    let lines = body.strip_suffix(b"\n").unwrap().split(|b| *b == b'\n');
    lines.map(|l| serde_json::from_slice(l).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_scroll_is_checked_while_it_grows() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "restricted").await;
    let lines = "{\"type\":\"x\"}\n".repeat(20_000);
    stream(&rig.api, "/scrolls/A/receipts", lines.as_bytes()).await;
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (api, stop) = (rig.api.clone(), std::sync::Arc::clone(&stop));
        async move {
            let mut written = 20_000;
            while !stop.load(Ordering::Relaxed) {
                let (status, _) = post(&api, "/scrolls/A/receipts", json!({"type": "y"})).await;
                assert_eq!(status, StatusCode::OK);
                written += 1;
            }
            written
        }
    });
    let mut sizes = Vec::new();
    for _ in 0..5 {
        let lines = check(&rig, "A").await;
        let (last, progress) = lines.split_last().unwrap();
        assert_eq!(last["report"]["clean"], true, "{last}");
        assert_eq!(last["report"]["name"], "A");
        assert!(progress.len() >= 2, "the record has more than one MiB");
        assert!(progress.iter().all(|p| p["progress"]["total"].is_u64()));
        sizes.push(last["report"]["size"].as_u64().unwrap());
    }
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert!(sizes.is_sorted() && sizes[0] >= 20_000 && sizes[4] <= written);
    let last = check(&rig, "A").await.pop().unwrap();
    assert_eq!(last["report"]["size"], written);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_under_a_running_node_is_named() {
    use std::os::unix::fs::FileExt as _;
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "restricted").await;
    for n in 0..3 {
        post(
            &rig.api,
            "/scrolls/A/receipts",
            json!({"type": "x", "n": n}),
        )
        .await;
    }
    let record = rig.dir.path().join("data/receipts/a/a_events.jsonl");
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(record)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 200).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 200).unwrap();
    let last = check(&rig, "A").await.pop().unwrap();
    assert_eq!(last["report"]["clean"], false);
    let difference = &last["report"]["difference"];
    assert_eq!(difference["in"], "record", "{difference}");
    assert_eq!(difference["file"], "receipts/a/a_events.jsonl");
    let identity = check(&rig, "Identity").await.pop().unwrap();
    assert_eq!(identity["report"]["clean"], true, "the others are whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_may_have_a_scroll_checked() {
    let rig = rig().await;
    new_scroll(&rig.api, "A", "receipts", "public").await;
    let (_, token) = post(
        &rig.api,
        "/tokens",
        json!({"actor": "did:vm:agent:a", "scrolls": ["A"]}),
    )
    .await;
    let operator = std::fs::read_to_string(rig.dir.path().join("data/operator.token")).unwrap();
    let listening = rig.node.listen().await.unwrap();
    let address = listening.address().unwrap();
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(listening.serve(async move {
        let _either = stopped.await;
    }));
    let ask = async |token: Option<&str>| {
        let credentials = token.map(|t| format!("authorization: Bearer {t}\r\n"));
        let text = format!(
            "POST /scrolls/A/fsck HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n{}\r\n",
            credentials.unwrap_or_default()
        );
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer[9..12].parse::<u16>().unwrap()
    };
    assert_eq!(ask(None).await, 401);
    assert_eq!(ask(token["token"].as_str()).await, 403);
    assert_eq!(ask(Some(operator.trim())).await, 200);
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}
