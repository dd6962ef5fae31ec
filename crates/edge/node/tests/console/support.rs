//! A node on loopback, and a browser's view of it.
#![expect(clippy::unwrap_used, reason = "test helper")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use quorate_node::{Config, KeySources, LocalApi, Mode, Node, SecretSource, WitnessConfig};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// A node that serves until it is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    api: LocalApi,
    _stop: oneshot::Sender<()>,
    dir: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The body without tags, white space folded, as a reader without a browser sees it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut inside = false;
        for c in self.body.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => text.push(c),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    pub(crate) fn shows(&self, what: &str) {
        assert!(
            self.text().contains(what),
            "{what:?} is not shown in:\n{}",
            self.text()
        );
    }

    #[track_caller]
    pub(crate) fn hides(&self, what: &str) {
        assert!(!self.body.contains(what), "{what:?} is in:\n{}", self.body);
    }

    #[track_caller]
    pub(crate) fn links_to(&self, address: &str) {
        assert!(
            self.body.contains(&format!("href=\"{address}\"")),
            "no link to {address} in:\n{}",
            self.body
        );
    }
}

impl Served {
    pub(crate) async fn start() -> Self {
        Self::start_as(None).await
    }

    /// A node that is also a witness.
    pub(crate) async fn start_witness() -> Self {
        let seed = "07".repeat(32).into();
        Self::start_as(Some(WitnessConfig {
            name: "w.example".to_owned(),
            listen: None,
            keys: KeySources {
                seeds: vec![SecretSource::Environment {
                    name: "SEED",
                    value: seed,
                }],
                ..KeySources::default()
            },
            logs: Vec::new(),
            new_keys: true,
        }))
        .await
    }

    async fn start_as(witness: Option<WitnessConfig>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            flow: quorate_provenance::Rules::default(),
            data_dir: dir.path().join("data"),
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            origin_prefix: Some("log.example".to_owned()),
            hosts: Vec::new(),
            checkpoint_interval: Duration::from_millis(5),
            follow: Vec::new(),
            witness,
            policy: None,
            extras: Duration::ZERO,
            longest_checkpoint_wait: Duration::from_secs(60),
            longest_quorum_wait: Duration::from_secs(60),
            verify_kib_per_second: 0,
        };
        let node = tokio::task::spawn_blocking(move || Node::open(config, Mode::Online))
            .await
            .unwrap()
            .unwrap();
        let api = node.api();
        let listening = node.listen().await.unwrap();
        let address = listening.address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(listening.serve(async move {
            let _dropped = stopped.await;
        }));
        Self {
            address,
            api,
            _stop: stop,
            dir,
        }
    }

    /// Where a test may leave files while the node runs.
    pub(crate) fn scratch(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Calls the API as the operator.
    pub(crate) async fn operator(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Body>,
    ) -> String {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(body.into())
            .unwrap();
        let response = self.api.call(request).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        text
    }

    pub(crate) async fn create(&self, name: &str, format: &str, visibility: &str) {
        let body = json!({"name": name, "format": format, "visibility": visibility}).to_string();
        self.operator(Method::POST, "/scrolls", body).await;
    }

    /// Appends a receipt; answers what the API says of it.
    pub(crate) async fn append(&self, scroll: &str, receipt: Value) -> Value {
        let path = format!("/scrolls/{scroll}/receipts");
        serde_json::from_str(
            &self
                .operator(Method::POST, &path, receipt.to_string())
                .await,
        )
        .unwrap()
    }

    /// As anyone.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    /// With a session.
    pub(crate) async fn get_as(&self, session: &str, path: &str) -> Reply {
        self.send(Method::GET, path, &[("cookie", session)], "")
            .await
    }

    /// Sends a form as a browser does from one of our pages.
    pub(crate) async fn submit(&self, path: &str, form: &str) -> Reply {
        let origin = format!("http://{}", self.address);
        let headers = [
            ("origin", origin.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.send(Method::POST, path, &headers, form).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(bytes::Bytes::from(body.to_owned())))
            .unwrap();
        let client: Client<_, Full<bytes::Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// A one-time link as `quorate up` prints it, without scheme and host.
    pub(crate) async fn login_link(&self) -> String {
        let answer: Value =
            serde_json::from_str(&self.operator(Method::POST, "/login-link", "").await).unwrap();
        let url = answer["url"].as_str().unwrap().to_owned();
        url.strip_prefix(&format!("http://{}", self.address))
            .unwrap()
            .to_owned()
    }

    /// The cookie of a fresh session.
    pub(crate) async fn session(&self) -> String {
        let link = self.login_link().await;
        let reply = self
            .submit("/login", link.strip_prefix("/login?").unwrap())
            .await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
        reply
            .header(header::SET_COOKIE)
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    }

    /// Scrolls of every kind with something in them.
    pub(crate) async fn furnish(&self) {
        self.create("Audit", "receipts", "public").await;
        self.create("Treasury", "receipts", "restricted").await;
        self.create("Journal", "raw", "public").await;
        for i in 0..30 {
            let at = format!("2024-11-20T12:00:{i:02}Z");
            self.append("Audit", json!({"type": "build_finished", "build_id": format!("build-{i}"), "timestamp": at, "tags": ["ci"], "passed": true, "steps": [1, 2.5, {"name": "test"}]})).await;
        }
        self.append(
            "Treasury",
            json!({"type": "payment_approved", "id": "payment-77", "amount": 125_000}),
        )
        .await;
        self.operator(
            Method::POST,
            "/scrolls/Journal/add",
            "kernel: a line of text",
        )
        .await;
        self.operator(Method::POST, "/scrolls/Journal/add", vec![0_u8, 255, 16])
            .await;
    }

    /// Seals content in a scroll; answers its index.
    pub(crate) async fn seal(&self, scroll: &str, content: &str) -> u64 {
        let path = format!("/scrolls/{scroll}/sealed?type=contract_signed");
        let answer: Value =
            serde_json::from_str(&self.operator(Method::POST, &path, content.to_owned()).await)
                .unwrap();
        answer["index"].as_u64().unwrap()
    }

    pub(crate) async fn erase(&self, scroll: &str, index: u64) -> u64 {
        let body = json!({"index": index, "reason": "request 12"}).to_string();
        let path = format!("/scrolls/{scroll}/erase");
        let answer: Value =
            serde_json::from_str(&self.operator(Method::POST, &path, body).await).unwrap();
        answer["index"].as_u64().unwrap()
    }
}
