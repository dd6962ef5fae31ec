//! What unit tests that need a whole node share.

use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::api::{App, router};
use crate::{Config, Mode, Node, Overrides};

pub(crate) fn config(dir: &Path) -> Config {
    let overrides = Overrides {
        data_dir: Some(dir.to_owned()),
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..Overrides::default()
    };
    Config::load(None, overrides).unwrap()
}

pub(crate) async fn node(dir: &Path) -> Node {
    let config = config(dir);
    tokio::task::spawn_blocking(move || Node::open(config, Mode::Online))
        .await
        .unwrap()
        .unwrap()
}

pub(crate) async fn close(node: Node) {
    tokio::task::spawn_blocking(move || node.close())
        .await
        .unwrap();
}

/// Calls the API as the operator would over TCP.
pub(crate) struct Network {
    app: App,
    bearer: String,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Network {
    pub(crate) fn new(node: &Node) -> Self {
        let path = node.inner.config.data_dir.join("operator.token");
        let token = std::fs::read_to_string(path).unwrap();
        Self {
            app: Arc::clone(&node.inner),
            bearer: format!("Bearer {}", token.trim()),
        }
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("authorization", &self.bearer)
            .header("content-type", kind)
            .body(body.into())
            .unwrap();
        let response = router(Arc::clone(&self.app))
            .oneshot(request)
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.call("POST", path, "application/json", body).await
    }
}
