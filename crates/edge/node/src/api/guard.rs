//! What every request passes before its handler: Host, Origin, credentials.
//!
//! Threats: DNS rebinding (a foreign name that resolves to us: refused by Host), a web page posting to
//! localhost (refused by Origin and by the missing token), another local user (no token; the socket checks
//! the peer's uid).

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::error::ApiError;
use crate::auth::Principal;

/// Name of the console's session cookie.
pub(crate) const COOKIE: &str = "quorate_session";

/// Set by the listener on connections whose peer the operating system vouches for, and on calls from
/// within the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrustedPeer;

/// Checks Host and Origin and finds out who is asking; handlers get a [`Principal`] and a
/// [`Lane`](crate::lane::Lane) extension.
pub(crate) async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let lane = match request.extensions().get::<TrustedPeer>() {
        Some(TrustedPeer) => &app.lanes.operator,
        None => &app.lanes.network,
    };
    match identify(&app, &request) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            request.extensions_mut().insert(lane.clone());
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn identify(app: &App, request: &Request) -> Result<Principal, ApiError> {
    if request.extensions().get::<TrustedPeer>().is_some() {
        return Ok(Principal::Operator);
    }
    let host = host_of(request)?;
    if !app.is_our_host(&host) {
        return Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "unknown-host",
            format!("this node does not answer to the name {host:?}"),
            "use the listen address, or add the name with --host or 'hosts' in the configuration",
        ));
    }
    let writes = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if writes && let Some(origin) = request.headers().get(header::ORIGIN) {
        let ours = origin
            .to_str()
            .ok()
            .and_then(|o| {
                o.strip_prefix("http://")
                    .or_else(|| o.strip_prefix("https://"))
            })
            .is_some_and(|o| o.eq_ignore_ascii_case(&host));
        if !ours {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "foreign-origin",
                "a web page of another site may not write here; nothing was changed",
                "send writes from a program with a token, not from a browser",
            ));
        }
    }
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|v| v.strip_prefix("Bearer "));
        return token
            .and_then(|t| app.credentials().bearer(t))
            .ok_or_else(ApiError::unauthenticated);
    }
    if session_cookie(request.headers()).is_some_and(|c| app.credentials().session(c)) {
        return Ok(Principal::Console);
    }
    // Nobody's bodies are not even read; the console's own forms are short, and what may be verified for anyone is bounded.
    if writes && !matches!(request.uri().path(), "/login" | "/logout" | "/verify") {
        return Err(ApiError::unauthenticated());
    }
    Ok(Principal::Anonymous)
}

fn host_of(request: &Request) -> Result<String, ApiError> {
    // HTTP/2 carries it as the authority of the URI.
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .map(str::to_owned)
        .or_else(|| request.uri().authority().map(ToString::to_string));
    host.ok_or_else(|| {
        ApiError::bad_request(
            "missing-host",
            "the request names no host",
            "send a Host header",
        )
    })
}

pub(crate) fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}
