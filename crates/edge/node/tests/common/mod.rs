//! A real node on a real disk, called in process or over loopback.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its node must stop"
)]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::Path;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use quorate_node::{Config, LocalApi, Mode, Node, Overrides};
use serde_json::{Value, json};

pub(crate) struct Rig {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) node: Node,
    pub(crate) api: LocalApi,
}

pub(crate) fn config(dir: &Path) -> Config {
    let overrides = Overrides {
        data_dir: Some(dir.join("data")),
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..Overrides::default()
    };
    Config::load(None, overrides).unwrap()
}

pub(crate) async fn rig() -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let node = open(dir.path(), Mode::Online).await;
    let api = node.api();
    Rig { dir, node, api }
}

pub(crate) async fn open(dir: &Path, mode: Mode) -> Node {
    try_open(config(dir), mode).await.unwrap()
}

pub(crate) async fn try_open(config: Config, mode: Mode) -> Result<Node, quorate_node::NodeError> {
    tokio::task::spawn_blocking(move || Node::open(config, mode))
        .await
        .unwrap()
}

pub(crate) async fn close(node: Node) {
    tokio::task::spawn_blocking(move || node.close())
        .await
        .unwrap();
}

pub(crate) async fn call(
    api: &LocalApi,
    method: &str,
    path: &str,
    kind: &str,
    body: &[u8],
) -> (StatusCode, Vec<u8>) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind)
        .body(Body::from(body.to_vec()))
        .unwrap();
    let response = api.call(request).await;
    let status = response.status();
    (
        status,
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
}

pub(crate) async fn get(api: &LocalApi, path: &str) -> (StatusCode, Vec<u8>) {
    call(api, "GET", path, "", b"").await
}

pub(crate) async fn get_json(api: &LocalApi, path: &str) -> Value {
    let (status, body) = get(api, path).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

pub(crate) async fn post(api: &LocalApi, path: &str, body: Value) -> (StatusCode, Value) {
    let (status, body) = call(
        api,
        "POST",
        path,
        "application/json",
        body.to_string().as_bytes(),
    )
    .await;
    (status, serde_json::from_slice(&body).unwrap())
}

pub(crate) async fn stream(api: &LocalApi, path: &str, body: &[u8]) -> (StatusCode, Value) {
    let (status, body) = call(api, "POST", path, "application/x-ndjson", body).await;
    (status, serde_json::from_slice(&body).unwrap())
}

pub(crate) async fn new_scroll(api: &LocalApi, name: &str, format: &str, visibility: &str) {
    let (status, body) = post(
        api,
        "/scrolls",
        json!({"name": name, "format": format, "visibility": visibility}),
    )
    .await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
}
