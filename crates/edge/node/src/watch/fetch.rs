//! Reading what a log serves. Every answer has a longest length and a longest time; what may be better a moment later
//! is asked for again, a few times.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::response::Parts;
use http::{HeaderMap, Request, StatusCode, header};
use thiserror::Error;

use super::place::Place;
use crate::outbound::{AskError, Outbound, TlsError, retry_after};
use crate::tasks::off_thread;

/// How long a log may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// To accept a connection.
    pub(super) connect: Duration,
    /// For one resource, connecting included. An entry bundle has at most 16,777,472 octets: 280 kB/s.
    pub(super) answer: Duration,
    /// How often one resource is asked for.
    pub(super) attempts: u32,
    /// Before the second time; twice as long before each further one.
    pub(super) pause: Duration,
    /// However long the log asks to be left alone.
    pub(super) longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            attempts: 4,
            pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(10),
        }
    }
}

/// Why a resource could not be read.
#[derive(Debug, Error)]
#[error("{at}: {problem}")]
pub struct FetchError {
    at: String,
    problem: Problem,
}

#[derive(Debug, Error)]
enum Problem {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("the address cannot be asked: {0}")]
    Address(#[from] http::Error),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("status {0}: the log does not show it to everybody")]
    Denied(u16),
    #[error("it leads to {0}, and redirects are not followed: name that address, if it is right")]
    Redirect(String),
    #[error("it is encoded as {0:?}, which was not asked for")]
    Encoding(String),
    #[error("it is longer than it can be")]
    TooLong,
    #[error("it is no regular file")]
    NoFile,
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("the program is stopping")]
    Stopping,
}

impl FetchError {
    /// What happened, for a report that names the address itself.
    pub(super) fn why(&self) -> String {
        self.problem.to_string()
    }

    /// Whether the resource exists and is not for everybody.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }

    /// Whether the network, the disk or the server failed, so that the same may work later. If not, the log answered
    /// with what is no part of any log.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        !matches!(
            self.problem,
            Problem::TooLong | Problem::Ask(AskError::TooLong)
        )
    }
}

impl Problem {
    /// Whether asking again in a moment may help.
    fn passes(&self) -> bool {
        match self {
            Self::Ask(error) => !matches!(error, AskError::TooLong),
            Self::Status(status) => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }
}

/// Reads resources of logs.
#[derive(Debug)]
pub(super) struct Fetcher {
    http: Outbound,
    patience: Patience,
}

impl Fetcher {
    /// Reads the system's roots if a log is asked over TLS, which may block.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(super) fn new(patience: Patience, needs_tls: bool) -> Result<Self, TlsError> {
        Ok(Self {
            http: Outbound::new(patience.connect, needs_tls)?,
            patience,
        })
    }

    /// The resource at `path`, of at most `longest` octets; none if there is none.
    ///
    /// # Errors
    /// [`FetchError`].
    pub(super) async fn get(
        &self,
        place: &Place,
        path: &str,
        longest: usize,
    ) -> Result<Option<Bytes>, FetchError> {
        self.at(place, path, longest, self.patience.attempts).await
    }

    /// The same, asked for once.
    ///
    /// # Errors
    /// [`FetchError`].
    pub(super) async fn get_once(
        &self,
        place: &Place,
        path: &str,
        longest: usize,
    ) -> Result<Option<Bytes>, FetchError> {
        self.at(place, path, longest, 1).await
    }

    async fn at(
        &self,
        place: &Place,
        path: &str,
        longest: usize,
        attempts: u32,
    ) -> Result<Option<Bytes>, FetchError> {
        let at = || place.below(path);
        let found = match place.folder() {
            Some(folder) => read(folder.join(path), longest).await,
            None => self.ask(&at(), longest, attempts).await,
        };
        found.map_err(|problem| FetchError { at: at(), problem })
    }

    async fn ask(
        &self,
        address: &str,
        longest: usize,
        attempts: u32,
    ) -> Result<Option<Bytes>, Problem> {
        let mut pause = self.patience.pause;
        for _ in 1..attempts {
            let (problem, asked) = match self.once(address, longest).await {
                Ok(found) => return Ok(found),
                Err((problem, _)) if !problem.passes() => return Err(problem),
                Err(failed) => failed,
            };
            tracing::debug!(address, %problem, "asking again");
            let pause_now = asked.unwrap_or_default().max(jittered(pause));
            tokio::time::sleep(pause_now.min(self.patience.longest_pause)).await;
            pause *= 2;
        }
        let last = self.once(address, longest).await;
        last.map_err(|(problem, _)| problem)
    }

    /// One request. With a failure comes how long the log asks to be left alone.
    async fn once(
        &self,
        address: &str,
        longest: usize,
    ) -> Result<Option<Bytes>, (Problem, Option<Duration>)> {
        let request = Request::get(address)
            .header(header::ACCEPT_ENCODING, "identity")
            .body(Body::empty())
            .map_err(|e| (e.into(), None))?;
        let asked = self.http.ask(request, longest, self.patience.answer).await;
        let (head, body) = asked.map_err(|e| (e.into(), None))?;
        let wait = retry_after(&head.headers);
        answer(&head, body).map_err(|problem| (problem, wait))
    }
}

fn answer(head: &Parts, body: Bytes) -> Result<Option<Bytes>, Problem> {
    let status = head.status.as_u16();
    match head.status {
        StatusCode::OK => match encoding(&head.headers) {
            None => Ok(Some(body)),
            Some(other) => Err(Problem::Encoding(other)),
        },
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Problem::Denied(status)),
        _ if head.status.is_redirection() => {
            let to = head.headers.get(header::LOCATION);
            let to = to.map_or_else(String::new, |to| {
                String::from_utf8_lossy(to.as_bytes()).into()
            });
            Err(Problem::Redirect(to))
        }
        _ => Err(Problem::Status(status)),
    }
}

/// An encoding other than none.
fn encoding(headers: &HeaderMap) -> Option<String> {
    let encoding = headers.get(header::CONTENT_ENCODING)?;
    let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
    (!encoding.eq_ignore_ascii_case("identity")).then_some(encoding)
}

/// A file of at most `longest` octets; none if there is none.
async fn read(path: PathBuf, longest: usize) -> Result<Option<Bytes>, Problem> {
    let read = off_thread(move || -> Result<Option<Bytes>, Problem> {
        use io::Read as _;
        // To open a named pipe is to wait for its writer, for ever.
        let file = match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => std::fs::File::open(&path),
            Ok(_) => return Err(Problem::NoFile),
            Err(error) => Err(error),
        };
        let file = match file {
            Ok(file) => file,
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(e) => return Err(e.into()),
        };
        let mut octets = Vec::new();
        // One more, so that what is too long does not pass for whole.
        file.take(longest as u64 + 1).read_to_end(&mut octets)?;
        if octets.len() > longest {
            return Err(Problem::TooLong);
        }
        Ok(Some(octets.into()))
    });
    read.await.unwrap_or(Err(Problem::Stopping))
}

/// Between half of a time and all of it, so that readers who failed together do not come back together.
pub(super) fn jittered(time: Duration) -> Duration {
    // Without randomness they come back together.
    let part = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    time.mul_f64(0.5 + part / 2.0)
}
