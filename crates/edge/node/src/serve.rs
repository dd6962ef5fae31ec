//! Listening: TCP for everyone, a Unix socket in the data directory for the operator.
//!
//! The socket is the operator's authority: its folder and file are private, and the peer's uid must be ours
//! or root's. TCP connections are never trusted, loopback included (R3).

use std::io;
use std::net::SocketAddr;
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
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt as _;

use crate::api::{self, TrustedPeer};
use crate::config::Config;
use crate::node::{Inner, Node, NodeError};

/// How much of the node connections may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// TCP connections served at once; further ones wait to be accepted.
    tcp: u32,
    /// Connections to the operator's socket served at once: no stranger can take these.
    socket: u32,
    /// A connection that has not begun to say which protocol it speaks by then is closed.
    opening: Duration,
}

/// Together below the 1024 descriptors that a process usually has, with room for the scrolls' files.
const LIMITS: Limits = Limits {
    tcp: 768,
    socket: 64,
    opening: Duration::from_secs(10),
};
/// An HTTP/1 client that has not sent its headers by then, or an HTTP/2 client that does not answer a ping, is
/// cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// What every HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests of one HTTP/2 connection at once.
const STREAMS: u32 = 64;
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
    tcp: Option<TcpListener>,
    witness: Option<TcpListener>,
    unix: UnixListener,
}

impl Node {
    /// Binds the listen addresses and the operator's socket.
    ///
    /// # Errors
    /// [`NodeError::Listen`]; nothing is served.
    pub async fn listen(self) -> Result<Listening, NodeError> {
        let config = &self.inner.config;
        let tcp = bind(config.listen).await?;
        let witness = bind(config.witness.as_ref().and_then(|w| w.listen)).await?;
        let path = socket_path(&config.data_dir);
        let unix = bind_socket(&path).map_err(|source| NodeError::Listen {
            address: path.display().to_string(),
            source,
        })?;
        if let Some(bound) = tcp.as_ref().and_then(|tcp| tcp.local_addr().ok()) {
            self.inner.set_listening(bound);
        }
        Ok(Listening {
            node: self,
            tcp,
            witness,
            unix,
        })
    }
}

/// Whether the listen addresses are free now, all at once.
///
/// # Errors
/// [`NodeError::Listen`].
pub(crate) fn can_listen(config: &Config) -> Result<(), NodeError> {
    let witness = config.witness.as_ref().and_then(|w| w.listen);
    let addresses = [config.listen, witness].into_iter().flatten();
    let bound = addresses.map(|address| {
        std::net::TcpListener::bind(address).map_err(|source| NodeError::Listen {
            address: address.to_string(),
            source,
        })
    });
    bound.collect::<Result<Vec<_>, _>>().map(drop)
}

async fn bind(address: Option<SocketAddr>) -> Result<Option<TcpListener>, NodeError> {
    let Some(address) = address else {
        return Ok(None);
    };
    let bound = TcpListener::bind(address).await;
    bound.map(Some).map_err(|source| NodeError::Listen {
        address: address.to_string(),
        source,
    })
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
    /// The TCP address of the API.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// The witness's own TCP address.
    #[must_use]
    pub fn witness_address(&self) -> Option<SocketAddr> {
        self.witness.as_ref()?.local_addr().ok()
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
        self.serve_within(LIMITS, shutdown).await
    }

    async fn serve_within(
        self,
        limits: Limits,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), NodeError> {
        let Self {
            node,
            tcp,
            witness,
            unix,
        } = self;
        node.inner
            .start_followers()
            .map_err(|e| NodeError::Failed(e.message().to_owned()))?;
        let router = api::router(Arc::clone(&node.inner));
        let (stop, stopped) = watch::channel(false);
        let tcp_places = Arc::new(Semaphore::new(limits.tcp as usize));
        let socket_places = Arc::new(Semaphore::new(limits.socket as usize));
        let uid = own_uid(&node.inner);
        let witness_router = node.inner.witness().map(crate::witness::router::<()>);
        let listeners = [
            ("listening on TCP", tcp.map(|tcp| (tcp, router.clone()))),
            ("listening for logs", witness.zip(witness_router)),
        ];
        let mut accepting = Vec::new();
        for (what, listener) in listeners {
            let Some((listener, router)) = listener else {
                continue;
            };
            let places = Arc::clone(&tcp_places);
            let accept = accept_tcp(listener, router, limits, places, stopped.clone());
            accepting.push(tokio::spawn(node.inner.watched(what.to_owned(), accept)));
        }
        let unix = accept_unix(unix, uid, router, Arc::clone(&socket_places), stopped);
        let unix = node
            .inner
            .watched("listening on the socket".to_owned(), unix);
        let unix = tokio::spawn(unix);
        let mut failure = node.inner.failures();
        let failed = tokio::select! {
            () = shutdown => None,
            failed = first_failure(&mut failure) => failed,
        };
        stop.send_replace(true);
        accepting.push(unix);
        for task in accepting {
            let _ended = task.await;
        }
        let drained = async {
            let _tcp = tcp_places.acquire_many(limits.tcp).await;
            let _socket = socket_places.acquire_many(limits.socket).await;
        };
        let _in_time = tokio::time::timeout(DRAIN, drained).await;
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

/// Serves a router on TCP as the node's own is served, until `stop` says so; then waits for what is under way.
pub(crate) async fn serve_router(
    listener: TcpListener,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(LIMITS.tcp as usize));
    accept_tcp(listener, router, LIMITS, Arc::clone(&places), stop).await;
    let drained = async {
        let _all = places.acquire_many(LIMITS.tcp).await;
    };
    let _in_time = tokio::time::timeout(DRAIN, drained).await;
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
    limits: Limits,
    places: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
) {
    let serve = move |mut stream: TcpStream, mut stop: watch::Receiver<bool>| {
        let router = router.clone();
        async move {
            // Answers are small: waiting to fill a packet would only add latency.
            let _best_effort = stream.set_nodelay(true);
            // Whoever says nothing, or not enough, gives its place to somebody else.
            let said = tokio::select! {
                said = tokio::time::timeout(limits.opening, opening(&mut stream)) => said,
                () = stopped(&mut stop) => return,
            };
            if let Ok(Ok(said)) = said {
                let (read, write) = stream.into_split();
                let stream = tokio::io::join(io::Cursor::new(said).chain(read), write);
                serve_connection(TokioIo::new(stream), router, false, stop).await;
            }
        }
    };
    accept_loop(listener, serve, places, stop).await;
}

/// Reads until the protocol is known: the whole HTTP/2 preface, or a byte that is not its. A connection that
/// ends before is an error.
async fn opening(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut said = Vec::with_capacity(PREFACE.len());
    while said.len() < PREFACE.len() && PREFACE.starts_with(&said) {
        if stream.read_buf(&mut said).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(said)
}

async fn accept_unix(
    listener: UnixListener,
    uid: u32,
    router: Router,
    places: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
) {
    let serve = move |stream: UnixStream, stop: watch::Receiver<bool>| {
        let trusted = stream
            .peer_cred()
            .is_ok_and(|c| c.uid() == uid || c.uid() == 0);
        serve_connection(TokioIo::new(stream), router.clone(), trusted, stop)
    };
    accept_loop(listener, serve, places, stop).await;
}

/// What both kinds of listener do.
trait Accept {
    type Stream;
    fn accept_one(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    async fn accept_one(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;
    async fn accept_one(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

/// Accepts while there are places, and serves each connection on its own task.
async fn accept_loop<L: Accept, F>(
    listener: L,
    serve: impl Fn(L::Stream, watch::Receiver<bool>) -> F,
    places: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = stopped(&mut stop) => return,
        };
        let Ok(place) = place else { return };
        let accepted = tokio::select! {
            accepted = listener.accept_one() => accepted,
            () = stopped(&mut stop) => return,
        };
        match accepted {
            Ok(stream) => {
                let connection = serve(stream, stop.clone());
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
    // A client that stopped answering is noticed and let go of.
    builder
        .http2()
        .max_concurrent_streams(STREAMS)
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIMEOUT)
        .keep_alive_timeout(HEADER_TIMEOUT);
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

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Empty};
    use tokio::io::AsyncWriteExt as _;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::testing::node;

    const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

    #[test]
    fn one_address_for_two_listeners_is_refused_before_anything_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = crate::testing::config(dir.path());
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        config.listen = Some(address);
        config.witness = Some(crate::witness::WitnessConfig {
            name: "w.example/a".to_owned(),
            listen: Some(address),
            keys: crate::witness::KeySources::default(),
            logs: Vec::new(),
            new_keys: false,
        });
        assert!(matches!(can_listen(&config), Err(NodeError::Listen { .. })));
    }

    struct Serving {
        dir: tempfile::TempDir,
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        done: JoinHandle<Result<(), NodeError>>,
    }

    /// A node with few places.
    async fn serving(opening: Duration) -> Serving {
        let dir = tempfile::tempdir().unwrap();
        let listening = node(dir.path()).await.listen().await.unwrap();
        let address = listening.address().unwrap();
        let limits = Limits {
            tcp: 2,
            socket: 1,
            opening,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(listening.serve_within(limits, async move {
            let _either = stopped.await;
        }));
        Serving {
            dir,
            address,
            stop,
            done,
        }
    }

    impl Serving {
        async fn end(self) {
            self.stop.send(()).unwrap();
            self.done.await.unwrap().unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bug_in_a_task_of_the_node_stops_it_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let listening = node(dir.path()).await.listen().await.unwrap();
        let task = async { panic!("a bug") };
        listening.node().inner.start_task("a task".to_owned(), task);
        let ended = listening.serve(std::future::pending()).await;
        let Err(NodeError::Failed(reason)) = ended else {
            panic!("it went on: {ended:?}")
        };
        assert_eq!(reason, "a task ended in a bug: a bug");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn silent_connections_neither_lock_the_operator_out_nor_stay() {
        let serving = serving(Duration::from_millis(50)).await;
        let mut silent = Vec::new();
        for _ in 0..4 {
            silent.push(TcpStream::connect(serving.address).await.unwrap());
        }
        let mut socket = UnixStream::connect(socket_path(serving.dir.path()))
            .await
            .unwrap();
        socket.write_all(REQUEST).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for mut stream in silent {
            assert_eq!(
                stream.read(&mut [0; 1]).await.unwrap(),
                0,
                "a silent connection is closed"
            );
        }
        serving.end().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_that_only_begins_the_http2_preface_is_closed_like_a_silent_one() {
        let serving = serving(Duration::from_millis(50)).await;
        let mut begun = Vec::new();
        for length in [1, 8, PREFACE.len() - 1] {
            let mut stream = TcpStream::connect(serving.address).await.unwrap();
            stream.write_all(&PREFACE[..length]).await.unwrap();
            begun.push(stream);
        }
        for mut stream in begun {
            // Longer than a person waits, and shorter than any other limit: without this one it stays.
            let mut byte = [0];
            let closed = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut byte));
            let read = closed.await.expect("it keeps its place");
            assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
        }
        serving.end().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_read_to_tell_the_protocol_is_not_lost() {
        let serving = serving(Duration::from_secs(3600)).await;
        // Byte by byte, and sharing its first two letters with the preface.
        let mut stream = TcpStream::connect(serving.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in b"PROPFIND /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n" {
            stream.write_all(&[*byte]).await.unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");

        let stream = TcpStream::connect(serving.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::get(format!("http://{}/healthz", serving.address));
        let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.collect().await.unwrap().to_bytes(), "ok\n");
        drop(sender);
        connection.await.unwrap().unwrap();
        serving.end().await;
    }
}
