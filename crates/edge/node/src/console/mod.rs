//! The console: pages for people, rendered here, readable without JavaScript, nothing loaded from elsewhere.
//!
//! Receipts are untrusted: templates escape markup, `words` makes unseen characters visible, and the content
//! security policy of `api` allows neither inline styles nor inline scripts; the verifier's page (`verify`), a file of its
//! own, has one of each, by their hashes. Pages only read; the two forms that change anything are login and logout.

mod assets;
mod home;
mod page;
mod path;
mod pretty;
mod quorum;
mod receipt;
mod rows;
mod scroll;
mod search;
mod session;
mod verify;
mod witnessed;
mod words;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::api::App;

/// A login code with its field name is below 100 bytes.
const MAX_FORM: usize = 1024;

/// Routes of the console.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(home::show))
        // Not below /console/, where it would hide a scroll of the name `search`.
        .route("/search", get(search::show))
        .route("/witnessed", get(witnessed::show))
        .route("/witnessed/{id}", get(witnessed::evidence))
        .route("/console/{scroll}", get(scroll::show))
        .route("/console/{scroll}/{index}", get(receipt::show))
        .route(
            "/login",
            get(session::ask)
                .post(session::login)
                .layer(DefaultBodyLimit::max(MAX_FORM)),
        )
        .route(
            "/logout",
            post(session::logout).layer(DefaultBodyLimit::max(MAX_FORM)),
        )
        .route("/verify", get(verify::show))
        .route("/assets/{name}", get(assets::serve))
}
