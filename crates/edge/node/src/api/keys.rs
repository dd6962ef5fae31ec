//! The node's key history over HTTP. Public keys and events are for anyone; changes are the operator's.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;

use super::App;
use super::admin::operator;
use super::error::ApiError;
use crate::auth::Principal;
use crate::key_change::Rotation;
use crate::lane::{Lane, Whole};

/// `GET /keys`: the keys in force.
pub(crate) async fn show(
    State(app): State<App>,
    Extension(lane): Extension<Lane>,
) -> Result<Json<Value>, ApiError> {
    lane.blocking(move || Ok(Json(app.identity().show()))).await
}

/// `GET /keys/history`: every lineage event, oldest first.
pub(crate) async fn history(State(app): State<App>) -> Json<Value> {
    Json(app.identity_history())
}

/// What to rotate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    role: String,
    /// For the identity: the offline key's text, if it lives outside the machine.
    #[serde(default)]
    next_key: Option<String>,
    #[serde(default)]
    compromised: bool,
    /// Ends the keys that were replaced, instead of replacing them.
    #[serde(default)]
    retire: bool,
}

/// `POST /keys/rotate`.
pub(crate) async fn rotate(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    body: Whole,
) -> Result<Json<Value>, ApiError> {
    operator(&principal)?;
    let rotate: Rotate = serde_json::from_slice(&body).map_err(|e| {
        ApiError::bad_request(
            "malformed",
            format!("the body is not what this call takes: {e}"),
            "send {\"role\":\"log\"}",
        )
    })?;
    let Rotate {
        role,
        next_key,
        compromised,
        retire,
    } = rotate;
    app.rotate(Rotation {
        role,
        next_key,
        compromised,
        retire,
    })
    .await
    .map(Json)
}

/// What the operator kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    commitment: String,
}

/// `POST /keys/offline`: without a body, the text of the next identity key; with its commitment, removes
/// the key from the machine. Two calls, so that an answer that got lost loses no key.
pub(crate) async fn offline(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    body: Whole,
) -> Result<Json<Value>, ApiError> {
    operator(&principal)?;
    let kept: Option<Kept> = if body.is_empty() {
        None
    } else {
        let kept = serde_json::from_slice(&body).map_err(|e| {
            ApiError::bad_request(
                "malformed",
                format!("the body is not what this call takes: {e}"),
                "send {\"commitment\":\"blake3:…\"}",
            )
        })?;
        Some(kept)
    };
    let change = move || app.next_key_offline(kept.as_ref().map(|k| k.commitment.as_str()));
    lane.blocking(change).await.map(Json)
}
