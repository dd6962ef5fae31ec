//! The calls of tlog-witness over HTTP. Nobody is authenticated: the log's signature is.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use quorate_note::SignatureLine;
use quorate_witness::{MAX_BODY_LEN, Refusal};

use super::Witness;
use super::service::NotSigned;
use crate::lane::Whole;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// tlog-witness "add-checkpoint": the body of a 409.
const TREE_SIZE: HeaderValue = HeaderValue::from_static("text/x.tlog.size");
/// Monitors may be a few seconds behind.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=5");

/// The calls below a submission prefix and a monitoring prefix, which are one.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(witness: Arc<Witness>) -> Router<S> {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/sign-subtree", post(sign_subtree))
        .route("/{hash}/checkpoint", get(checkpoint))
        .with_state(witness)
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Body) -> Response {
    // The body's room is kept until the answer: what waits to be decided takes as much.
    let answer = match read(&witness, body).await {
        Ok(body) => witness.add_checkpoint(&body).await,
        Err(unread) => return unread,
    };
    answered(&witness, answer)
}

async fn sign_subtree(State(witness): State<Arc<Witness>>, body: Body) -> Response {
    let answer = match read(&witness, body).await {
        Ok(body) => witness.sign_subtree(&body),
        Err(unread) => return unread,
    };
    answered(&witness, answer)
}

async fn checkpoint(State(witness): State<Arc<Witness>>, Path(hash): Path<String>) -> Response {
    match witness.checkpoint(&hash).await {
        Ok(Some(note)) => {
            let headers = [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, CACHE)];
            (headers, Bytes::from_owner(note)).into_response()
        }
        Ok(None) => text(
            StatusCode::NOT_FOUND,
            "nothing of this log was co-signed here",
        ),
        Err(error) => refused(&error),
    }
}

async fn read(witness: &Witness, body: Body) -> Result<Whole, Response> {
    let read = witness.bodies.at_most(MAX_BODY_LEN, body).await;
    read.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is longer than 131072 bytes",
        ),
        StatusCode::TOO_MANY_REQUESTS => later(1, "too many requests are being read"),
        status => text(status, error.message()),
    })
}

fn answered(witness: &Witness, answer: Result<Vec<SignatureLine>, NotSigned>) -> Response {
    let response = match &answer {
        Ok(lines) => {
            let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
            ([(header::CONTENT_TYPE, TEXT)], body).into_response()
        }
        Err(error) => refused(error),
    };
    witness.count(answer.map(drop).map_err(|_| response.status().as_u16()));
    response
}

fn refused(error: &NotSigned) -> Response {
    match error {
        NotSigned::Refused(Refusal::Conflict { size }) => (
            StatusCode::CONFLICT,
            [(header::CONTENT_TYPE, TREE_SIZE)],
            format!("{size}\n"),
        )
            .into_response(),
        NotSigned::Refused(refusal) => {
            let status = StatusCode::from_u16(refusal.status());
            text(
                status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                &refusal.to_string(),
            )
        }
        NotSigned::RateLimited { wait } => later(*wait, "this log has used up its requests"),
        NotSigned::Busy => later(1, "too many requests wait"),
        NotSigned::Halted(size) => text(
            StatusCode::SERVICE_UNAVAILABLE,
            &format!(
                "a checkpoint of size {size} bears a co-signature of this witness that it does not remember; \
                 nothing is signed for this log until its operator has looked"
            ),
        ),
        NotSigned::Stopped => text(StatusCode::SERVICE_UNAVAILABLE, "this witness is stopping"),
        NotSigned::Keys(reason) => {
            tracing::error!(
                reason,
                "a co-signature could not be made; the position is stored, and the log gets its co-signature when it \
                 submits the checkpoint again"
            );
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the co-signature could not be made; submit the checkpoint again",
            )
        }
    }
}

fn later(seconds: u64, why: &str) -> Response {
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, why);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn text(status: StatusCode, message: &str) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, TEXT)],
        format!("{message}\n"),
    )
        .into_response()
}
