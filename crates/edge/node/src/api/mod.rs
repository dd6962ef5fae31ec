//! The HTTP API: routes, and nothing else.

mod admin;
mod error;
mod fsck;
mod guard;
mod keys;
mod metrics;
mod read;
mod search;
mod sessions;
mod stream;
#[cfg(test)]
mod tests;
mod verify;
#[cfg(test)]
mod verify_tests;
mod witness;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::middleware;
use axum::routing::{delete, get, post};
use tower::ServiceExt as _;

pub use error::ApiError;
pub use fsck::fsck_value;
pub(crate) use guard::{COOKIE, TrustedPeer, session_cookie};
pub(crate) use read::readable;
pub(crate) use search::Search;
pub(crate) use verify::Strangers;
pub(crate) use write::{MAX_BODY, refused};

use crate::console;
use crate::node::Inner;

/// What handlers share.
pub(crate) type App = Arc<Inner>;

/// All routes with their guard.
pub(crate) fn router(app: App) -> Router {
    let guarded = guarded(&app);
    match app.witness() {
        None => guarded,
        // Beside the guard: the log's signature is all that counts here, and a witness has no secrets to tell.
        Some(witness) => guarded.nest("/witness", crate::witness::router(witness)),
    }
    .layer(middleware::map_response(harden))
    .with_state(app)
}

fn guarded(app: &App) -> Router<App> {
    let scroll = Router::new()
        .route("/", get(read::show))
        .route(
            "/checkpoint",
            get(read::checkpoint).post(admin::force_checkpoint),
        )
        .route("/policy", get(read::policy))
        .route("/tile/{*path}", get(read::tile))
        .route("/add", post(write::add))
        .route("/receipts", get(search::receipts).post(write::receipts))
        .route("/entries", post(write::entries))
        .route("/entries/{index}", get(read::entry))
        .route("/sealed", post(admin::seal))
        .route("/sealed/{index}", get(admin::sealed_content))
        .route("/erase", post(admin::erase))
        .route("/resume", post(admin::resume))
        .route("/fsck", post(fsck::fsck))
        .route("/proof", get(read::proof))
        .route("/consistency", get(read::consistency))
        .route("/export", get(read::export));
    Router::new()
        .route("/healthz", get(admin::healthz))
        .route("/metrics", get(metrics::metrics))
        .route("/node", get(admin::node))
        .route("/scrolls", get(read::list).post(admin::create_scroll))
        .nest("/scrolls/{scroll}", scroll)
        .route("/actors", get(sessions::actors).post(sessions::add_actor))
        .route("/actors/remove", post(sessions::remove_actor))
        .route("/sessions", get(sessions::list).post(sessions::record))
        .route("/sessions/{id}", get(sessions::show))
        .route("/sessions/{id}/steps/{step}", get(sessions::step))
        .route(
            "/sessions/{id}/bundle",
            get(sessions::bundle).post(sessions::bundle_with_payload),
        )
        .route("/verify", post(verify::verify))
        .route("/keys", get(keys::show))
        .route("/keys/history", get(keys::history))
        .route("/keys/rotate", post(keys::rotate))
        .route("/keys/offline", post(keys::offline))
        .route("/tokens", get(admin::tokens).post(admin::new_token))
        .route("/tokens/{id}", delete(admin::revoke_token))
        .route("/backup", post(admin::backup))
        .route("/login-link", post(admin::login_link))
        .route("/witness", get(witness::info))
        .route("/witness/logs", get(witness::logs).post(witness::add_logs))
        .route("/witness/logs/disable", post(witness::disable))
        .route("/witness/logs/enable", post(witness::enable))
        .route("/witness/logs/resume", post(witness::resume))
        .route("/witness/evidence", get(witness::list_evidence))
        .route("/witness/evidence/{id}", get(witness::evidence))
        .merge(console::router())
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            guard::guard,
        ))
}

async fn not_found() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no-such-resource",
        "nothing is served at this path",
        "GET /scrolls lists what is here",
    )
}

/// Headers that keep a browser from guessing, framing or running anything.
async fn harden<B>(mut response: Response<B>) -> Response<B> {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    // The one page that has a script brings its own.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    );
    response
}

/// The API called from within the process, as the operator, with no network between.
#[derive(Debug, Clone)]
pub struct LocalApi {
    router: Router,
}

impl LocalApi {
    pub(crate) fn new(app: App) -> Self {
        Self {
            router: router(app),
        }
    }

    /// Answers one request.
    pub async fn call(&self, mut request: Request<axum::body::Body>) -> Response<axum::body::Body> {
        request.extensions_mut().insert(TrustedPeer);
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
