//! Every error the API answers, in one place: status, stable code, what failed, what to do.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// An error answer. Nothing was changed unless `durable` in the body says what was.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: &'static str,
    line: Option<u64>,
    retry_after: u64,
    extra: Map<String, Value>,
}

impl ApiError {
    /// An error with a stable `code`, a sentence that says what failed and why, and what to do.
    #[must_use]
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            hint,
            line: None,
            retry_after: 1,
            extra: Map::new(),
        }
    }

    /// Names the line of a batch or stream (from 1) that is at fault.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// When a busy node may be asked again, in seconds; 1 unless said otherwise.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = seconds;
        self
    }

    /// Adds a member beside `error`, such as `durable`.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.extra.insert(name.to_owned(), value);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What failed and why.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn bad_request(
        code: &'static str,
        message: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message, hint)
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "this call needs credentials and none, or unknown ones, were given",
            "send 'Authorization: Bearer TOKEN'; the operator's is in DATA/operator.token, writers get theirs from 'quorate token new'",
        )
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            message,
            "use a token whose scrolls include this one, or ask the operator",
        )
    }

    pub(crate) fn no_such_scroll(name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-scroll",
            format!("there is no scroll {name:?}"),
            "GET /scrolls lists them; 'quorate log create' makes one",
        )
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            what,
            "check the index, hash or id; the scroll's size is in GET /scrolls/{scroll}",
        )
    }

    pub(crate) fn busy() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "the append queue is full; nothing was appended",
            "wait as Retry-After says and send the same request again",
        )
    }

    pub(crate) fn crowded() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "the bodies of other requests take all the memory there is for them; nothing of this one was appended",
            "wait as Retry-After says and send the same request again",
        )
    }

    pub(crate) fn stopped() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "the node is stopping and does not append; whether this request was recorded is not known",
            "start the node again and look the receipt up before sending it again",
        )
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            message,
            "run 'quorate log fsck' and read the node's log",
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message, "hint": self.hint});
        if let (Some(line), Some(error)) = (self.line, error.as_object_mut()) {
            error.insert("line".to_owned(), line.into());
        }
        let mut body = self.extra;
        body.insert("error".to_owned(), error);
        let mut response = Response::new(Body::from(Value::Object(body).to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(self.retry_after));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
