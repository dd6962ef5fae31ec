//! What may reach a listening node, and what may not.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set up its node must stop"
)]

mod common;

use std::time::Duration;

use common::{config, get_json, new_scroll, post, rig, try_open};
use quorate_node::{Config, FollowSpec, LocalApi, Mode, socket_path};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Live {
    dir: tempfile::TempDir,
    api: LocalApi,
    address: std::net::SocketAddr,
    token: String,
    stop: oneshot::Sender<()>,
    done: JoinHandle<Result<(), quorate_node::NodeError>>,
}

async fn live() -> Live {
    let rig = rig().await;
    let listening = rig.node.listen().await.unwrap();
    let address = listening.address().unwrap();
    let token = std::fs::read_to_string(rig.dir.path().join("data/operator.token"))
        .unwrap()
        .trim()
        .to_owned();
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(listening.serve(async move {
        let _either = stopped.await;
    }));
    Live {
        dir: rig.dir,
        api: rig.api,
        address,
        token,
        stop,
        done,
    }
}

impl Live {
    /// One request with exactly these header lines; answers the status.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String) {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !headers.iter().any(|(name, _)| *name == "host") {
            text += &format!("host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        text += body;
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer[9..12].parse().unwrap(), answer)
    }

    /// Stops the node in order; its directory lives on with what this returns.
    async fn end(self) -> tempfile::TempDir {
        drop(self.api);
        self.stop.send(()).unwrap();
        self.done.await.unwrap().unwrap();
        self.dir
    }
}

const RECEIPT: &str = r#"{"type":"x"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_unauthenticated_local_process_cannot_write() {
    let live = live().await;
    new_scroll(&live.api, "A", "receipts", "public").await;
    let writes = [
        "/scrolls/A/receipts",
        "/scrolls",
        "/tokens",
        "/keys/rotate",
        "/scrolls/A/erase",
        "/scrolls/A/checkpoint",
        "/login-link",
    ];
    for path in writes {
        assert_eq!(live.ask("POST", path, &[], RECEIPT).await.0, 401, "{path}");
        assert_eq!(
            live.ask(
                "POST",
                path,
                &[("authorization", "Bearer qo_guess")],
                RECEIPT
            )
            .await
            .0,
            401,
            "{path}"
        );
    }
    let bearer = format!("Bearer {}", live.token);
    assert_eq!(
        live.ask(
            "POST",
            "/scrolls/A/receipts",
            &[("authorization", &bearer)],
            RECEIPT
        )
        .await
        .0,
        200
    );
    assert_eq!(get_json(&live.api, "/scrolls/A").await["size"], 1);
    live.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_the_operators_browser_cannot_write() {
    let live = live().await;
    new_scroll(&live.api, "A", "receipts", "public").await;
    let bearer = format!("Bearer {}", live.token);
    let foreign = [
        ("authorization", bearer.as_str()),
        ("origin", "https://evil.example"),
    ];
    let (status, answer) = live
        .ask("POST", "/scrolls/A/receipts", &foreign, RECEIPT)
        .await;
    assert_eq!(status, 403, "{answer}");
    assert_eq!(
        live.ask(
            "POST",
            "/scrolls/A/receipts",
            &[("origin", "null")],
            RECEIPT
        )
        .await
        .0,
        403
    );
    assert_eq!(get_json(&live.api, "/scrolls/A").await["size"], 0);
    live.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_host_is_refused() {
    let live = live().await;
    assert_eq!(
        live.ask("GET", "/scrolls", &[("host", "evil.example")], "")
            .await
            .0,
        421
    );
    assert_eq!(
        live.ask("GET", "/scrolls", &[("host", "localhost:1")], "")
            .await
            .0,
        421
    );
    let local = format!("localhost:{}", live.address.port());
    assert_eq!(
        live.ask("GET", "/scrolls", &[("host", &local)], "").await.0,
        200
    );
    live.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_restricted_scroll_everything_but_heads_needs_credentials() {
    let live = live().await;
    new_scroll(&live.api, "Secret", "receipts", "restricted").await;
    new_scroll(&live.api, "Other", "receipts", "restricted").await;
    for _ in 0..3 {
        post(
            &live.api,
            "/scrolls/Secret/receipts?wait=checkpoint",
            json!({"type": "x", "id": "a"}),
        )
        .await;
    }
    let (_, made) = post(
        &live.api,
        "/tokens",
        json!({"actor": "did:vm:agent:reader", "scrolls": ["Secret"]}),
    )
    .await;
    let (_, elsewhere) = post(
        &live.api,
        "/tokens",
        json!({"actor": "did:vm:agent:other", "scrolls": ["Other"]}),
    )
    .await;
    let bearer = |t: &serde_json::Value| format!("Bearer {}", t["token"].as_str().unwrap());
    let (reader, other) = (bearer(&made), bearer(&elsewhere));
    for path in [
        "/scrolls/Secret",
        "/scrolls/Secret/checkpoint",
        "/scrolls/Secret/policy",
        "/scrolls",
    ] {
        assert_eq!(live.ask("GET", path, &[], "").await.0, 200, "{path}");
    }
    let contents = [
        "/scrolls/Secret/tile/0/000.p/3",
        "/scrolls/Secret/tile/entries/000.p/3",
        "/scrolls/Secret/receipts?from=0",
        "/scrolls/Secret/receipts?id=a",
        "/scrolls/Secret/entries/0",
        "/scrolls/Secret/proof?index=0",
        "/scrolls/Secret/consistency?old=1&new=2",
        "/scrolls/Secret/export",
        "/scrolls/Secret/sealed/0",
    ];
    for path in contents {
        let (status, answer) = live.ask("GET", path, &[], "").await;
        assert_eq!(status, 401, "{path}");
        assert!(
            !answer.contains("\"type\""),
            "{path} shows contents: {answer}"
        );
        assert_eq!(
            live.ask("GET", path, &[("authorization", &other)], "")
                .await
                .0,
            403,
            "{path}"
        );
        let (status, _) = live
            .ask("GET", path, &[("authorization", &reader)], "")
            .await;
        assert!(
            status == 200 || path.contains("/sealed/"),
            "{path}: {status}"
        );
    }
    live.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writers_token_writes_as_its_actor_into_its_scrolls_until_revoked() {
    let live = live().await;
    new_scroll(&live.api, "A", "receipts", "restricted").await;
    new_scroll(&live.api, "B", "receipts", "restricted").await;
    let (_, made) = post(
        &live.api,
        "/tokens",
        json!({"actor": "did:vm:agent:builder", "scrolls": ["A"]}),
    )
    .await;
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let auth = [("authorization", bearer.as_str())];
    assert_eq!(
        live.ask("POST", "/scrolls/A/receipts", &auth, RECEIPT)
            .await
            .0,
        200
    );
    assert_eq!(
        live.ask("POST", "/scrolls/B/receipts", &auth, RECEIPT)
            .await
            .0,
        403
    );
    let posing = r#"{"actor":"did:vm:human:ceo","type":"x"}"#;
    assert_eq!(
        live.ask("POST", "/scrolls/A/receipts", &auth, posing)
            .await
            .0,
        403
    );
    assert_eq!(live.ask("POST", "/tokens", &auth, "{}").await.0, 403);
    let (_, body) = common::get(&live.api, "/scrolls/A/entries/0").await;
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("did:vm:agent:builder")
    );
    let id = made["id"].as_str().unwrap();
    let (status, _) = common::call(&live.api, "DELETE", &format!("/tokens/{id}"), "", b"").await;
    assert!(status.is_success());
    assert_eq!(
        live.ask("POST", "/scrolls/A/receipts", &auth, RECEIPT)
            .await
            .0,
        401
    );
    live.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_socket_needs_no_token_and_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let live = live().await;
    let path = socket_path(&live.dir.path().join("data"));
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stream
        .write_all(b"GET /tokens HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let _dir = live.end().await;
    assert!(!path.exists(), "a stopped node leaves no socket behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_directory_is_refused() {
    let live = live().await;
    let error = try_open(config(live.dir.path()), Mode::Online)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    let error = try_open(config(live.dir.path()), Mode::Offline)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    let dir = live.end().await;
    common::close(try_open(config(dir.path()), Mode::Online).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_file_is_taken_over_across_restarts_without_loss_or_repetition() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.log");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    {
        let rig_node = common::open(dir.path(), Mode::Online).await;
        new_scroll(&rig_node.api(), "Log", "receipts", "public").await;
        common::close(rig_node).await;
    }
    let follow = Config {
        follow: vec![FollowSpec {
            file: file.clone(),
            scroll: "Log".into(),
            raw: true,
        }],
        ..config(dir.path())
    };
    let mut expected = vec!["one".to_owned(), "two".to_owned()];
    for round in 0..3 {
        let node = try_open(follow.clone(), Mode::Online).await.unwrap();
        let api = node.api();
        let listening = node.listen().await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(listening.serve(async move {
            let _either = stopped.await;
        }));
        let line = format!("round {round}");
        append(&file, &line);
        expected.push(line);
        wait_for_size(&api, expected.len() as u64).await;
        drop(api);
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
    }
    let node = try_open(config(dir.path()), Mode::Offline).await.unwrap();
    let (_, lines) = common::get(&node.api(), "/scrolls/Log/receipts?from=0").await;
    let lines: Vec<String> = lines
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| {
            serde_json::from_slice::<serde_json::Value>(l).unwrap()["receipt"]["line"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(lines, expected);
}

fn append(file: &std::path::Path, line: &str) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// Waits as long as it takes; the test harness bounds it.
async fn wait_for_size(api: &LocalApi, size: u64) {
    while get_json(api, "/scrolls/Log").await["size"]
        .as_u64()
        .unwrap()
        < size
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_token_is_revoked() {
    let live = live().await;
    new_scroll(&live.api, "A", "receipts", "restricted").await;
    let body = json!({"actor": "did:vm:agent:builder", "scrolls": ["A"]});
    let (_, made) = post(&live.api, "/tokens", body).await;
    let mut stream = tokio::net::TcpStream::connect(live.address).await.unwrap();
    let head = format!(
        "POST /scrolls/A/receipts HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n",
        live.address,
        made["token"].as_str().unwrap()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
        .write_all(b"d\r\n{\"type\":\"x\"}\n\r\n")
        .await
        .unwrap();
    while get_json(&live.api, "/scrolls/A").await["size"] != 1 {
        tokio::task::yield_now().await;
    }
    let id = made["id"].as_str().unwrap();
    common::call(&live.api, "DELETE", &format!("/tokens/{id}"), "", b"").await;
    stream
        .write_all(b"d\r\n{\"type\":\"x\"}\n\r\n0\r\n\r\n")
        .await
        .unwrap();
    let mut answer = vec![0; 4096];
    let n = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..n]).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 401") && answer.contains("\"lines\":1"),
        "{answer}"
    );
    assert_eq!(get_json(&live.api, "/scrolls/A").await["size"], 1);
    drop(stream);
    live.end().await;
}
