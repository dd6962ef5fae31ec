//! Listening: TCP for everyone, a Unix socket in the data directory for the operator.
//!
//! The socket is the operator's authority: its folder and file are private, and the peer's uid must be ours
//! or root's. TCP connections are never trusted, loopback included (R3).

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt as _;

use crate::api::{self, TrustedPeer};
use crate::node::{Inner, Node, NodeError};

/// Connections served at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;
/// A client that has not sent its headers by then is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests under way at a stop get this long.
const DRAIN: Duration = Duration::from_secs(10);

/// The operator's socket in a data directory.
#[must_use]
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("quorate.sock")
}

/// A node that listens.
#[derive(Debug)]
pub struct Listening {
    node: Node,
    tcp: TcpListener,
    unix: UnixListener,
}

impl Node {
    /// Binds the listen address and the operator's socket.
    ///
    /// # Errors
    /// [`NodeError::Listen`]; nothing is served.
    pub async fn listen(self) -> Result<Listening, NodeError> {
        let address = self.inner.config.listen;
        let listen = |address: String| move |source| NodeError::Listen { address, source };
        let tcp = TcpListener::bind(address)
            .await
            .map_err(listen(address.to_string()))?;
        let bound = tcp.local_addr().map_err(listen(address.to_string()))?;
        let path = socket_path(&self.inner.config.data_dir);
        let unix = bind_socket(&path).map_err(listen(path.display().to_string()))?;
        self.inner.set_listening(bound);
        Ok(Listening {
            node: self,
            tcp,
            unix,
        })
    }
}

/// The lock on the data directory is ours, so a socket file that is there was left by a process that died.
fn bind_socket(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

impl Listening {
    /// The TCP address that was bound.
    #[must_use]
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        self.tcp.local_addr().ok()
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Serves until `shutdown` resolves or a promise can no longer be kept, then closes the node.
    ///
    /// # Errors
    /// [`NodeError::Failed`] if the node had to stop itself.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        let Self { node, tcp, unix } = self;
        node.inner
            .start_followers()
            .map_err(|e| NodeError::Failed(e.message().to_owned()))?;
        let router = api::router(Arc::clone(&node.inner));
        let (stop, stopped) = watch::channel(false);
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let tcp = tokio::spawn(accept_tcp(
            tcp,
            router.clone(),
            Arc::clone(&places),
            stopped.clone(),
        ));
        let uid = own_uid(&node.inner);
        let unix = tokio::spawn(accept_unix(unix, uid, router, Arc::clone(&places), stopped));
        let mut failure = node.inner.failures();
        let failed = tokio::select! {
            () = shutdown => None,
            failed = first_failure(&mut failure) => failed,
        };
        stop.send_replace(true);
        let _ended = tokio::join!(tcp, unix);
        let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
        let _drained = tokio::time::timeout(DRAIN, places.acquire_many(all)).await;
        let _gone = std::fs::remove_file(socket_path(&node.inner.config.data_dir));
        let inner = Arc::clone(&node.inner);
        let closed = tokio::task::spawn_blocking(move || inner.close()).await;
        if closed.is_err() {
            tracing::error!("closing the node was interrupted");
        }
        match failed {
            None => Ok(()),
            Some(reason) => Err(NodeError::Failed(reason)),
        }
    }
}

async fn first_failure(failure: &mut watch::Receiver<Option<String>>) -> Option<String> {
    failure
        .wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|f| f.clone())
}

fn own_uid(inner: &Inner) -> u32 {
    // The data directory is ours: `Node::open` made it or took its lock.
    std::fs::metadata(&inner.config.data_dir).map_or(u32::MAX, |m| m.uid())
}

async fn accept_tcp(
    listener: TcpListener,
    router: Router,
    places: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                // Answers are small: waiting to fill a packet would only add latency.
                let _best_effort = stream.set_nodelay(true);
                let connection =
                    serve_connection(TokioIo::new(stream), router.clone(), false, stop.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

async fn accept_unix(
    listener: UnixListener,
    uid: u32,
    router: Router,
    places: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let trusted = stream
                    .peer_cred()
                    .is_ok_and(|c| c.uid() == uid || c.uid() == 0);
                let connection =
                    serve_connection(TokioIo::new(stream), router.clone(), trusted, stop.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// Resolves when the node stops, or whoever would say so is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _either = stop.wait_for(|s| *s).await;
}

/// Out of file descriptors, most likely: trying again at once would only spin.
async fn pause_after(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn serve_connection<I>(io: I, router: Router, trusted: bool, mut stop: watch::Receiver<bool>)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        if trusted {
            request.extensions_mut().insert(TrustedPeer);
        }
        router.clone().oneshot(request)
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
