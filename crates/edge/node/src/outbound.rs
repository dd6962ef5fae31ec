//! Requests to other machines: one pool of connections, TLS by the system's roots, and a bound on the time and the
//! size of every answer. Redirects are not followed: an address is the one that somebody chose.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use quorate_note::decimal;
use thiserror::Error;

use crate::tls::TlsTrouble;

/// Connections kept open to one host: as many as one is asked at once, by an audit or for all scrolls of a node.
const IDLE_PER_HOST: usize = 16;
/// The most that is read of an answer whose status says that it is not what was asked for, in octets: somebody's words
/// about it. It has any length, whatever the length of what was asked for.
const MAX_WORDS: usize = 64 * 1024;

/// No roots of trust for TLS. The environment's fault; nothing was sent.
#[derive(Debug, Error)]
#[error("the system's certificates cannot be used: {0}")]
pub struct TlsError(String);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum AskError {
    /// No connection, or it broke.
    #[error("it cannot be reached: {0}")]
    Network(String),
    /// A connection, and no TLS. Nothing was sent.
    #[error(transparent)]
    Tls(#[from] TlsTrouble),
    /// The answer did not come in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// The answer is longer than what was asked for can be.
    #[error("its answer is longer than it can be")]
    TooLong,
    /// The answer began and did not end.
    #[error("its answer broke off: {0}")]
    BrokeOff(String),
}

/// A client.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    http: legacy::Client<HttpsConnector<HttpConnector>, Body>,
}

impl Outbound {
    /// Reads the system's roots if somebody is asked over TLS, which may block.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn new(connect: Duration, needs_tls: bool) -> Result<Self, TlsError> {
        let tls = rustls::ClientConfig::builder_with_provider(
            rustls::crypto::ring::default_provider().into(),
        )
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError(e.to_string()))?;
        let tls = if needs_tls {
            tls.with_native_roots()
                .map_err(|e| TlsError(e.to_string()))?
        } else {
            tls.with_root_certificates(rustls::RootCertStore::empty())
        };
        let tls = tls.with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(connect));
        tcp.set_nodelay(true);
        // Who may be asked over plain HTTP is the callers' decision.
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(90))
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(connector);
        Ok(Self { http })
    }

    /// Sends a request and reads the answer within `within`: all of it, of at most `longest` octets, where the status is
    /// 200; of any other its beginning, of at most 64 KiB, since the status is the answer.
    ///
    /// # Errors
    /// [`AskError`].
    pub(crate) async fn ask(
        &self,
        mut request: Request<Body>,
        longest: usize,
        within: Duration,
    ) -> Result<(Parts, Bytes), AskError> {
        let agent = HeaderValue::from_static(concat!("quorate/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, agent);
        match tokio::time::timeout(within, self.answer(request, longest)).await {
            Ok(answered) => answered,
            Err(_) => Err(AskError::TimedOut),
        }
    }

    async fn answer(
        &self,
        request: Request<Body>,
        longest: usize,
    ) -> Result<(Parts, Bytes), AskError> {
        let response = self.http.request(request).await;
        let (head, mut body) = response.map_err(|error| unreached(&error))?.into_parts();
        let asked_for = head.status == StatusCode::OK;
        let longest = if asked_for { longest } else { MAX_WORDS };
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) if asked_for => return Err(AskError::BrokeOff(chain(&error))),
                Err(_) => break,
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let room = longest.saturating_sub(whole.len());
            if data.len() > room {
                if asked_for {
                    return Err(AskError::TooLong);
                }
                whole.extend_from_slice(data.get(..room).unwrap_or_default());
                break;
            }
            whole.extend_from_slice(&data);
        }
        Ok((head, whole.into()))
    }
}

fn unreached(error: &legacy::Error) -> AskError {
    TlsTrouble::of(error).map_or_else(|| AskError::Network(chain(error)), AskError::Tls)
}

/// Every cause, since the outermost says only that there is one.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Seconds only; a date would need a clock that agrees with the other's.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    decimal::parse_u64(value.trim().as_bytes())
        .ok()
        .map(Duration::from_secs)
}
