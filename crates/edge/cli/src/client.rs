//! Asking the node: over the socket in its data directory, or in process when no node runs there.
//!
//! A TCP port is never used: anyone on the machine may hold one. The socket lies in the node's own
//! directory, and what answers there must run as the directory's owner (or root).

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::exit::Exit;
use crate::failure::{Failure, reason};
use crate::local::{Local, Mode, Settings};
use crate::near;
use crate::socket::Connection;
use crate::uri::Uri;

/// What a body may fail with.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of a request or an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The longest JSON answer that is held in memory. A tail of 10,000 entries of 64 KiB is streamed instead.
const MAX_ANSWER: usize = 64 << 20;
/// The longest path that fits into `sun_path`, which also holds a terminating zero (108 bytes on Linux).
const MAX_SOCKET_PATH: usize = 107;
/// The code of the failure that the node closed the connection.
pub(crate) const LOST: &str = "connection-lost";
/// The socket's name in the data directory.
const SOCKET: &str = "quorate.sock";

/// A node that answers.
pub(crate) struct Client {
    reach: Reach,
}

enum Reach {
    Socket(SendRequest<Body>),
    InProcess(Box<Local>),
}

/// What to do where no node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    /// Open the directory in process; nothing is signed and nothing is written.
    Read,
    /// This command needs a running node.
    Refuse,
}

/// No body.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is all there.
pub(crate) fn full(octets: impl Into<Bytes>) -> Body {
    Full::new(octets.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

impl Client {
    /// Reaches the node of a data directory.
    pub(crate) async fn connect(settings: &Settings, without: Without) -> Result<Self, Failure> {
        match socket(settings.data_dir()).await? {
            Some(sender) => Ok(Self {
                reach: Reach::Socket(sender),
            }),
            None if without == Without::Read => Self::in_process(settings, Mode::Offline),
            None => Err(Failure::environment(
                "no-node",
                format!("no node runs on {}", settings.data_dir().display()),
                "this command changes something or signs, which only a running node does",
            )
            .hint("start it with 'quorate up', or name another directory with --data-dir")),
        }
    }

    /// Opens the data directory in this process and takes its lock.
    pub(crate) fn in_process(settings: &Settings, mode: Mode) -> Result<Self, Failure> {
        let local = Local::open(settings, mode)?;
        Ok(Self {
            reach: Reach::InProcess(Box::new(local)),
        })
    }

    /// Whether a node answers on the socket.
    pub(crate) async fn node_runs(settings: &Settings) -> Result<bool, Failure> {
        Ok(socket(settings.data_dir()).await?.is_some())
    }

    /// Sends a request and returns whatever the answer is. `what` says what failed if nothing came back.
    pub(crate) async fn send(
        &mut self,
        request: Request<Body>,
        what: &str,
    ) -> Result<Response<Body>, Failure> {
        match &mut self.reach {
            Reach::Socket(sender) => {
                let lost = |e: hyper::Error| {
                    Failure::environment(LOST, what, format!("the node closed the connection: {}", reason(&e)))
                        .hint("whether it was done is not known: look before you repeat it; the node's log says why it stopped")
                };
                sender.ready().await.map_err(lost)?;
                let answer = sender.send_request(request).await.map_err(lost)?;
                Ok(answer.map(|body| body.map_err(BoxError::from).boxed_unsync()))
            }
            Reach::InProcess(local) => Ok(local.call(request).await),
        }
    }

    /// Sends a request and turns a refusal into a [`Failure`].
    pub(crate) async fn ask(
        &mut self,
        request: Request<Body>,
        what: &str,
    ) -> Result<Response<Body>, Failure> {
        let asked = scroll_of(request.uri());
        let answer = self.send(request, what).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (status, value) = json_body(answer, what).await?;
        let refused = refusal(status, &value, what);
        match asked {
            Some(name) if refused.is("unknown-scroll") => {
                let names = self.scrolls().await;
                Err(near::or(refused, &name, names.iter().map(String::as_str)))
            }
            _ => Err(refused),
        }
    }

    /// The names of the scrolls; none if the node does not say.
    async fn scrolls(&mut self) -> Vec<String> {
        let what = "cannot list the scrolls";
        let asked = request(Method::GET, &Uri::path(&["scrolls"]), empty());
        let list = match self.send(asked, what).await {
            Ok(answer) => json_body(answer, what).await.map(|(_, list)| list),
            Err(failure) => Err(failure),
        };
        let list = list.unwrap_or_default();
        let scrolls = list.get("scrolls").and_then(Value::as_array);
        let names = scrolls.into_iter().flatten().filter_map(|s| s.get("name"));
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// `GET`, answered in JSON.
    pub(crate) async fn get(&mut self, uri: &Uri, what: &str) -> Result<Value, Failure> {
        let answer = self.ask(request(Method::GET, uri, empty()), what).await?;
        Ok(json_body(answer, what).await?.1)
    }

    /// `GET`, answered in octets that fit into memory.
    pub(crate) async fn get_octets(&mut self, uri: &Uri, what: &str) -> Result<Bytes, Failure> {
        let answer = self.ask(request(Method::GET, uri, empty()), what).await?;
        octets(answer, what).await
    }

    /// `POST` or `DELETE` with a JSON body, answered in JSON.
    pub(crate) async fn change(
        &mut self,
        method: Method,
        uri: &Uri,
        body: Option<&Value>,
        what: &str,
    ) -> Result<Value, Failure> {
        let mut request = request(
            method,
            uri,
            body.map_or_else(empty, |b| full(b.to_string())),
        );
        if body.is_some() {
            request.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        let answer = self.ask(request, what).await?;
        Ok(json_body(answer, what).await?.1)
    }
}

/// A request of this program to its own node.
pub(crate) fn request(method: Method, uri: &Uri, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    // What `Uri` encodes always parses; the root would be answered with 404.
    *request.uri_mut() = uri.as_str().parse().unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    request
}

/// Reads a whole answer.
pub(crate) async fn octets(answer: Response<Body>, what: &str) -> Result<Bytes, Failure> {
    match Limited::new(answer.into_body(), MAX_ANSWER).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(e) if e.is::<LengthLimitError>() => Err(Failure::environment(
            "answer-too-long",
            what,
            format!("the answer is longer than {MAX_ANSWER} octets"),
        )),
        Err(e) => Err(broken(what, &*e)),
    }
}

/// The answer stopped in the middle.
pub(crate) fn broken(what: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::environment(
        LOST,
        what,
        format!("the answer broke off: {}", reason(error)),
    )
    .hint("try again; the node's log says why it stopped")
}

/// Reads a whole answer as JSON. An empty answer is `null`.
pub(crate) async fn json_body(
    answer: Response<Body>,
    what: &str,
) -> Result<(StatusCode, Value), Failure> {
    let status = answer.status();
    let body = octets(answer, what).await?;
    if body.is_empty() {
        return Ok((status, Value::Null));
    }
    match serde_json::from_slice(&body) {
        Ok(value) => Ok((status, value)),
        Err(_) if !status.is_success() => Ok((
            status,
            Value::String(String::from_utf8_lossy(&body).trim().to_owned()),
        )),
        Err(e) => Err(Failure::environment(
            "not-json",
            what,
            format!("the node's answer is not JSON: {e}"),
        )
        .hint("is the node of the same version as this program? compare 'quorate --version'")),
    }
}

/// What the node said when it refused, in our three parts.
pub(crate) fn refusal(status: StatusCode, answer: &Value, what: &str) -> Failure {
    let part = |name: &str| {
        answer
            .get("error")
            .and_then(|e| e.get(name))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let why = part("message").unwrap_or_else(|| match answer {
        Value::String(text) if !text.is_empty() => format!("the node answered {status}: {text}"),
        _ => format!("the node answered {status}"),
    });
    let code = part("code").unwrap_or_else(|| format!("http-{}", status.as_u16()));
    // The API's hints speak of its calls where it has one; here people have commands.
    let hint = match code.as_str() {
        "unknown-scroll" => {
            "'quorate log list' lists them; 'quorate log create' makes one".to_owned()
        }
        "not-found" => {
            "check the index, hash or id: 'quorate log show SCROLL' says how many there are"
                .to_owned()
        }
        _ => part("hint").unwrap_or_default(),
    };
    Failure::new(Exit::of_status(status), &code, what, why).hint(hint)
}

/// The scroll that a request names in its path.
fn scroll_of(uri: &http::Uri) -> Option<String> {
    let name = uri.path().strip_prefix("/scrolls/")?.split('/').next()?;
    Some(name.to_owned())
}

/// Connects to the node's socket; `None` if no node answers there.
async fn socket(data_dir: &Path) -> Result<Option<SendRequest<Body>>, Failure> {
    let what = || format!("cannot use the data directory {}", data_dir.display());
    let owner = match std::fs::metadata(data_dir) {
        Ok(meta) if meta.is_dir() => meta.uid(),
        Ok(_) => {
            return Err(
                Failure::environment("no-data-dir", what(), "it is not a directory")
                    .hint("name the node's directory with --data-dir"),
            );
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::environment(
                "no-data-dir",
                what(),
                "it does not exist: no node was ever started there",
            )
            .hint("start one with 'quorate up', or name its directory with --data-dir"));
        }
        Err(e) => {
            return Err(Failure::environment("no-data-dir", what(), reason(&e))
                .hint("check its path, owner and permissions"));
        }
    };
    // The handle must outlive the connecting: its number is part of the path.
    let (path, _handle) = short_path(data_dir)
        .map_err(|e| Failure::environment("no-data-dir", what(), reason(&e)))?;
    let stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(e) => {
            let what = format!("cannot reach the node on {}", data_dir.display());
            let hint = if e.kind() == io::ErrorKind::PermissionDenied {
                "run this as the user the node runs as"
            } else {
                "check that the node runs and answers"
            };
            return Err(Failure::environment("unreachable", what, reason(&e)).hint(hint));
        }
    };
    let peer = stream.peer_cred().map(|c| c.uid());
    if !matches!(peer, Ok(uid) if uid == owner || uid == 0) {
        return Err(Failure::refused(
            "foreign-socket",
            format!(
                "{} is not answered by the node's owner",
                data_dir.join(SOCKET).display()
            ),
            "the program behind it runs as another user than the owner of the data directory",
        )
        .hint("do not trust it: find out who made it, remove it and start the node again"));
    }
    let lost = |e: hyper::Error| {
        Failure::environment(
            "unreachable",
            format!("cannot reach the node on {}", data_dir.display()),
            reason(&e),
        )
    };
    let (sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(Connection::new(stream)))
            .await
            .map_err(lost)?;
    tokio::spawn(async move {
        // A failure here reaches the caller through its pending request.
        let _ended = connection.await;
    });
    Ok(Some(sender))
}

/// Whether a node can make its socket in this directory. Reaching a socket has a way around the limit, making
/// one has not.
pub(crate) fn socket_fits(data_dir: &Path) -> Result<(), Failure> {
    let length = data_dir.join(SOCKET).as_os_str().as_bytes().len();
    if length <= MAX_SOCKET_PATH {
        return Ok(());
    }
    let why = format!(
        "the path of its socket has {length} octets; the system takes at most {MAX_SOCKET_PATH}"
    );
    Err(Failure::environment(
        "path-too-long",
        format!("cannot start on {}", data_dir.display()),
        why,
    )
    .hint("name a shorter --data-dir, for instance a symbolic link to this one"))
}

/// A path to the socket that fits into a socket address. A long one goes through a handle on the directory.
fn short_path(data_dir: &Path) -> io::Result<(PathBuf, Option<std::fs::File>)> {
    use std::os::fd::AsRawFd as _;
    let path = data_dir.join(SOCKET);
    if path.as_os_str().as_bytes().len() <= MAX_SOCKET_PATH {
        return Ok((path, None));
    }
    let directory = std::fs::File::open(data_dir)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()));
    Ok((path, Some(directory)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn a_socket_path_over_107_octets_is_reached_through_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("x".repeat(120));
        std::fs::create_dir(&long).unwrap();
        assert!(socket(&long).await.unwrap().is_none());
        let (path, _handle) = short_path(&long).unwrap();
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        assert!(long.join(SOCKET).exists());
        assert!(socket(&long).await.unwrap().is_some());
        drop(listener);
        assert!(
            socket(&long).await.unwrap().is_none(),
            "a socket nobody listens on is no node"
        );
    }

    #[tokio::test]
    async fn a_data_directory_that_does_not_exist_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = socket(&dir.path().join("nowhere")).await.unwrap_err();
        assert_eq!(error.exit(), Exit::Environment);
        assert!(error.json().to_string().contains("nowhere"));
    }

    #[test]
    fn a_refusal_keeps_the_nodes_words_and_code_and_has_the_command_lines_hint() {
        let answer = json!({"error": {"code": "unknown-scroll", "message": "there is no scroll", "hint": "GET them"}});
        let failure = refusal(StatusCode::NOT_FOUND, &answer, "cannot show X");
        assert_eq!(failure.exit(), Exit::Refused);
        assert_eq!(
            failure.json(),
            json!({"error": {"code": "unknown-scroll", "what": "cannot show X", "why": "there is no scroll", "hint": "'quorate log list' lists them; 'quorate log create' makes one"}})
        );
        let failure = refusal(StatusCode::BAD_GATEWAY, &Value::Null, "x");
        assert_eq!(
            (failure.exit(), failure.json()["error"]["code"].as_str()),
            (Exit::Environment, Some("http-502"))
        );
    }
}
