//! Watching as a service: each log on its own task, metrics and health over HTTP.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::fetch::jittered;
use super::finding::Finding;
use super::monitor::{Checked, Monitor};
use super::place::Place;
use crate::serve::serve_router;
use crate::tasks::words;

/// Logs that are checked at once.
const AT_ONCE: usize = 8;
/// However often logs are checked, a check may take this long before the monitor counts as unwell.
const LONGEST_CHECK: Duration = Duration::from_secs(600);

/// Why a monitor does not serve.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The address cannot be listened on. The environment's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A bug in a check. What is remembered is whole.
    #[error("watching ended in a bug: {0}")]
    Bug(String),
}

/// A monitor that listens.
#[derive(Debug)]
pub struct MonitorService {
    listener: TcpListener,
    board: Arc<Board>,
}

/// What is shown of the checks.
#[derive(Debug)]
struct Board {
    monitor: Monitor,
    every: Duration,
    started: Instant,
    rows: Mutex<BTreeMap<Place, Row>>,
}

#[derive(Debug)]
struct Row {
    last: Checked,
    ended: Instant,
    checks: u64,
}

impl MonitorService {
    /// Listens; nothing is checked yet.
    ///
    /// # Errors
    /// [`ServiceError::Listen`].
    pub async fn bind(
        monitor: Monitor,
        address: SocketAddr,
        every: Duration,
    ) -> Result<Self, ServiceError> {
        let bound = TcpListener::bind(address).await;
        Ok(Self {
            listener: bound.map_err(|source| ServiceError::Listen { address, source })?,
            board: Arc::new(Board {
                monitor,
                every,
                started: Instant::now(),
                rows: Mutex::default(),
            }),
        })
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Checks every log again and again until `shutdown` resolves. A log that fails holds up no other.
    ///
    /// # Errors
    /// [`ServiceError::Bug`].
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServiceError> {
        let Self { listener, board } = self;
        let (stop, stopped) = watch::channel(false);
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthz))
            .with_state(Arc::clone(&board));
        let serving = tokio::spawn(serve_router(listener, router, stopped));
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut checks = JoinSet::new();
        for place in board.monitor.logs() {
            let (board, places, place) = (Arc::clone(&board), Arc::clone(&places), place.clone());
            checks.spawn(async move { watch_one(&board, &places, &place).await });
        }
        let ended = tokio::select! {
            () = shutdown => None,
            ended = checks.join_next() => ended,
        };
        // A record is replaced whole or not at all, whenever a check is cut short.
        checks.shutdown().await;
        stop.send_replace(true);
        let _ended = serving.await;
        match ended.map(|ended| ended.map_err(tokio::task::JoinError::try_into_panic)) {
            Some(Err(Ok(panic))) => Err(ServiceError::Bug(words(&*panic))),
            _ => Ok(()),
        }
    }
}

async fn watch_one(board: &Board, places: &Semaphore, place: &Place) {
    loop {
        {
            let _place = places.acquire().await;
            let checked = board.monitor.check(place).await;
            board.show(checked);
        }
        // From 0.9 to 1.1 of the time, so that monitors that started together do not ask together.
        let pause = board.every.mul_f64(0.7) + jittered(board.every.mul_f64(0.4));
        tokio::time::sleep(pause).await;
    }
}

impl Board {
    /// Shows a check, and tells in the log what is different from the one before.
    fn show(&self, checked: Checked) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let before = rows.get(&checked.place);
        let told = |code| before.is_some_and(|row| has(&row.last, code));
        let url = checked.place.to_string();
        for finding in checked.findings.iter().filter(|f| !told(f.code())) {
            let evidence = finding.evidence().map(|e| e.display().to_string());
            let code = finding.code();
            if finding.is_environment() {
                tracing::warn!(url, finding = code, "{finding}");
            } else {
                tracing::error!(url, finding = code, evidence, "{finding}");
            }
        }
        for code in Finding::CODES {
            if told(code) && !has(&checked, code) {
                tracing::info!(url, finding = code, "no longer so");
            }
        }
        tracing::debug!(url, remembered = checked.remembered, "checked");
        let checks = before.map_or(0, |row| row.checks) + 1;
        let row = Row {
            ended: Instant::now(),
            checks,
            last: checked,
        };
        rows.insert(row.last.place.clone(), row);
    }

    /// Why the monitor does not do its work.
    fn unwell(&self) -> Option<String> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = self.every * 3 + LONGEST_CHECK;
        self.monitor.logs().iter().find_map(|place| {
            let row = rows.get(place);
            if row.is_some_and(|row| has(&row.last, "memory")) {
                return Some(format!("what is remembered of {place} cannot be used"));
            }
            let since = row.map_or(self.started, |row| row.ended);
            (since.elapsed() > longest).then(|| format!("{place} was not checked in time"))
        })
    }
}

fn has(checked: &Checked, code: &str) -> bool {
    checked.findings.iter().any(|f| f.code() == code)
}

async fn healthz(State(board): State<Arc<Board>>) -> Response {
    match board.unwell() {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// One value of a log.
type Value = fn(&Row) -> Option<u64>;

/// Name, kind, help and value.
const FAMILIES: [(&str, &str, &str, Value); 5] = [
    (
        "quorate_monitor_checks_total",
        "counter",
        "Checks of the log since the start.",
        |row| Some(row.checks),
    ),
    (
        "quorate_monitor_last_check_timestamp_seconds",
        "gauge",
        "When the newest check began.",
        |row| Some(row.last.at),
    ),
    (
        "quorate_monitor_size",
        "gauge",
        "Entries under the head that the log shows.",
        |row| Some(row.last.head.as_ref()?.head.checkpoint().size()),
    ),
    (
        "quorate_monitor_remembered_size",
        "gauge",
        "Entries under the head that is remembered.",
        |row| row.last.remembered,
    ),
    (
        "quorate_monitor_quorum_timestamp_seconds",
        "gauge",
        "When the head that the log shows had its quorum.",
        |row| row.last.head.as_ref()?.quorate_at,
    ),
];

async fn metrics(State(board): State<Arc<Board>>) -> Response {
    let rows = board.rows.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = String::new();
    for (name, kind, help, value) in FAMILIES {
        let _infallible = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (place, row) in rows.iter() {
            if let Some(value) = value(row) {
                let _infallible = writeln!(out, "{name}{{url=\"{}\"}} {value}", label(place));
            }
        }
    }
    let name = "quorate_monitor_finding";
    let help = "Whether the newest check found this.";
    let _infallible = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (place, row) in rows.iter() {
        for code in Finding::CODES {
            let found = u8::from(has(&row.last, code));
            let url = label(place);
            let _infallible = writeln!(out, "{name}{{url=\"{url}\",finding=\"{code}\"}} {found}");
        }
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response()
}

/// As the text format writes a label's value.
fn label(place: &Place) -> String {
    let text = place.to_string();
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n")
}
