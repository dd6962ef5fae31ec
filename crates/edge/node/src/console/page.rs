//! What all pages share: the frame around them, answers, errors.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::assets::{ICON, STYLE};
use super::words::short_text;
use crate::api::{ApiError, App};
use crate::auth::Principal;

/// The frame around a page.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) style: String,
    pub(super) icon: String,
    /// The node's fingerprint, whole and short.
    pub(super) node: String,
    pub(super) node_short: String,
    pub(super) version: &'static str,
    /// Why the node is stopping, if it is.
    pub(super) failure: Option<String>,
    /// A console session, which can be ended.
    pub(super) logged_in: bool,
    pub(super) anonymous: bool,
    /// The scroll that the search box at the top is limited to.
    pub(super) within: Option<String>,
}

impl Frame {
    pub(super) fn new(app: &App, principal: &Principal, title: impl Into<String>) -> Self {
        let node = app.identity().fingerprint().to_string();
        Self {
            title: title.into(),
            style: STYLE.address(),
            icon: ICON.address(),
            node_short: short_text(&node),
            node,
            version: env!("CARGO_PKG_VERSION"),
            failure: app.failure(),
            logged_in: *principal == Principal::Console,
            anonymous: *principal == Principal::Anonymous,
            within: None,
        }
    }

    pub(super) fn within(mut self, scroll: &str) -> Self {
        self.within = Some(scroll.to_owned());
        self
    }
}

#[derive(Debug, Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    heading: &'static str,
    message: String,
    advice: &'static str,
    login: bool,
}

/// Renders a page, or the error that came in its place.
pub(super) fn answer<T: Template>(
    app: &App,
    principal: &Principal,
    page: Result<T, ApiError>,
) -> Response {
    match page {
        Ok(page) => render(StatusCode::OK, &page),
        Err(error) => refuse(app, principal, &error),
    }
}

/// An error as a page.
pub(super) fn refuse(app: &App, principal: &Principal, error: &ApiError) -> Response {
    let (heading, advice) = match error.status() {
        StatusCode::NOT_FOUND => (
            "Not here",
            "Check the name, index or hash, or start from the list of scrolls.",
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            "Restricted",
            "Heads are never secret, contents of restricted scrolls are.",
        ),
        s if s.is_client_error() => (
            "This cannot be answered",
            "Go back, or start from the list of scrolls.",
        ),
        _ => (
            "Something is wrong with this node",
            "Nothing unverified was shown. The node's log says more.",
        ),
    };
    // The API's sentence speaks of calls and tokens; a page says how to log in.
    let login = error.status() == StatusCode::UNAUTHORIZED;
    let message = if login {
        "This scroll is restricted.".to_owned()
    } else {
        error.message().to_owned()
    };
    let page = ErrorPage {
        frame: Frame::new(app, principal, heading),
        heading,
        message,
        advice,
        login,
    };
    let mut response = render(error.status(), &page);
    if login {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Renders a page. What it shows depends on who asks and when, so nothing keeps it.
pub(super) fn render<T: Template>(status: StatusCode, page: &T) -> Response {
    let (status, body) = match page.render() {
        Ok(body) => (status, body),
        Err(error) => {
            tracing::error!(%error, "a console page could not be rendered");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the page could not be rendered\n".to_owned(),
            )
        }
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

/// Another page, asked for with GET.
pub(super) fn see_other(address: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(address) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    (
        StatusCode::SEE_OTHER,
        [
            (header::LOCATION, location),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ],
    )
        .into_response()
}
