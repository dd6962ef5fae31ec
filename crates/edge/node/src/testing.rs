//! What unit tests that need a whole node share.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use quorate_store::{Disk, DiskFile, OsDisk};
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
    node_on(Arc::new(OsDisk), dir).await
}

pub(crate) async fn node_on(disk: Arc<dyn Disk>, dir: &Path) -> Node {
    node_with(disk, config(dir)).await
}

pub(crate) async fn node_with(disk: Arc<dyn Disk>, config: Config) -> Node {
    tokio::task::spawn_blocking(move || Node::open_on(disk, config, Mode::Online))
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

    /// The same node without credentials.
    pub(crate) fn anonymous(&self) -> Self {
        Self {
            app: Arc::clone(&self.app),
            bearer: String::new(),
        }
    }

    /// The same node with other credentials.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            app: Arc::clone(&self.app),
            bearer: format!("Bearer {token}"),
        }
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", kind);
        if !self.bearer.is_empty() {
            request = request.header("authorization", &self.bearer);
        }
        let request = request.body(body.into()).unwrap();
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

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "", Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.call("POST", path, "application/json", body).await
    }
}

/// What a [`WatchedDisk`] saw.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The thread that must not touch the disk.
    forbidden: Mutex<Option<ThreadId>>,
    touched: Mutex<Vec<String>>,
    bytes_read: AtomicU64,
    full: AtomicBool,
}

impl Watch {
    pub(crate) fn forbid_this_thread(&self) {
        *self.forbidden.lock().unwrap() = Some(thread::current().id());
    }

    /// What the forbidden thread did to the disk.
    pub(crate) fn touched(&self) -> Vec<String> {
        self.touched.lock().unwrap().clone()
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::SeqCst)
    }

    /// Nothing more can be written, or again.
    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    fn see(&self, what: &str, path: &Path) {
        if *self.forbidden.lock().unwrap() == Some(thread::current().id()) {
            let seen = format!("{what} {}", path.display());
            self.touched.lock().unwrap().push(seen);
        }
    }
}

/// The operating system's disk, and who uses it.
#[derive(Debug, Clone, Default)]
pub(crate) struct WatchedDisk(pub(crate) Arc<Watch>);

#[derive(Debug)]
struct WatchedFile {
    file: Arc<dyn DiskFile>,
    path: std::path::PathBuf,
    watch: Arc<Watch>,
}

impl WatchedDisk {
    fn watched(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(WatchedFile {
            file,
            path: path.to_owned(),
            watch: Arc::clone(&self.0),
        })
    }
}

impl Disk for WatchedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.0.see("open", path);
        Ok(self.watched(path, OsDisk.open(path)?))
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<Arc<dyn DiskFile>> {
        self.0.see("create", path);
        Ok(self.watched(path, OsDisk.create(path, mode)?))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.0.see("exists", path);
        OsDisk.exists(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.see("list", dir);
        OsDisk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.see("rename", from);
        OsDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.see("remove", path);
        OsDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.see("sync", dir);
        OsDisk.sync_dir(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.0.see("create", dir);
        OsDisk.create_dir_all(dir)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        OsDisk.try_lock(path)
    }
}

impl DiskFile for WatchedFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.watch.see("read", &self.path);
        self.watch
            .bytes_read
            .fetch_add(buf.len() as u64, Ordering::SeqCst);
        self.file.read_exact_at(buf, offset)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.watch.see("write", &self.path);
        if self.watch.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_all_at(data, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.watch.see("measure", &self.path);
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.watch.see("cut", &self.path);
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.watch.see("sync", &self.path);
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.watch.see("sync", &self.path);
        self.file.sync_all()
    }
}
