//! The operator's calls about the node's witness. The calls of other logs are in `crate::witness`.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;

use super::App;
use super::admin::{json_body, operator};
use super::error::ApiError;
use crate::auth::Principal;
use crate::lane::{Lane, Whole};
use crate::witness::{NewLog, Witness, WitnessError};

/// `?origin=`: origins may hold slashes and spaces.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfLog {
    origin: Option<String>,
}

/// What to do with a log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    origin: String,
    #[serde(default)]
    vkey: Option<String>,
}

impl From<WitnessError> for ApiError {
    fn from(error: WitnessError) -> Self {
        let message = error.to_string();
        match error {
            WitnessError::Unknown(_) | WitnessError::UnknownKey { .. } => Self::new(
                StatusCode::NOT_FOUND,
                "unknown-log",
                message,
                "nothing was changed; 'quorate witness list' shows the logs, 'quorate witness show LOG' the keys of one",
            ),
            WitnessError::NotHalted(_) | WitnessError::Recall(_) | WitnessError::OwnName(_) => {
                Self::new(
                    StatusCode::CONFLICT,
                    "refused",
                    message,
                    "nothing was changed",
                )
            }
            WitnessError::Store(_) | WitnessError::Stopped => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "witness-failed",
                message,
                "see the node's log",
            ),
            _ => Self::bad_request("malformed", message, "nothing was changed"),
        }
    }
}

fn witness(app: &App, principal: &Principal) -> Result<Arc<Witness>, ApiError> {
    operator(principal)?;
    app.witness().ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "no-witness",
            "this node is not a witness",
            "start it with 'quorate witness serve', or name its directory with --data-dir, or set [witness] in the configuration",
        )
    })
}

pub(crate) async fn info(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(witness(&app, &principal)?.info()))
}

pub(crate) async fn logs(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Query(of): Query<OfLog>,
) -> Result<Json<Value>, ApiError> {
    let witness = witness(&app, &principal)?;
    Ok(Json(match of.origin {
        None => witness.list(),
        Some(origin) => witness.show(&origin)?,
    }))
}

/// One log, or an array of them, all or none.
pub(crate) async fn add_logs(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    body: Whole,
) -> Result<Response, ApiError> {
    let witness = witness(&app, &principal)?;
    let added = lane.blocking(move || {
        if body.first() == Some(&b'[') {
            return Ok(Value::Array(witness.follow(json_body(&body)?)?));
        }
        let added = witness.follow(vec![json_body::<NewLog>(&body)?])?;
        added.into_iter().next().ok_or_else(ApiError::stopped)
    });
    Ok((StatusCode::CREATED, Json(added.await?)).into_response())
}

pub(crate) async fn disable(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    body: Whole,
) -> Result<Json<Value>, ApiError> {
    let witness = witness(&app, &principal)?;
    let change: Change = json_body(&body)?;
    let changed = lane.blocking(move || match change.vkey {
        Some(vkey) => Ok(witness.retire_key(&change.origin, &vkey)?),
        None => Ok(witness.set_disabled(&change.origin, true)?),
    });
    Ok(Json(changed.await?))
}

pub(crate) async fn enable(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    body: Whole,
) -> Result<Json<Value>, ApiError> {
    let witness = witness(&app, &principal)?;
    let change: Change = json_body(&body)?;
    let changed = lane.blocking(move || Ok(witness.set_disabled(&change.origin, false)?));
    Ok(Json(changed.await?))
}

pub(crate) async fn resume(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    body: Whole,
) -> Result<Json<Value>, ApiError> {
    let witness = witness(&app, &principal)?;
    let change: Change = json_body(&body)?;
    Ok(Json(witness.resume(&change.origin).await?))
}

pub(crate) async fn list_evidence(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
) -> Result<Json<Value>, ApiError> {
    let witness = witness(&app, &principal)?;
    let list = lane.blocking(move || Ok(witness.list_evidence()?));
    Ok(Json(list.await?))
}

pub(crate) async fn evidence(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let witness = witness(&app, &principal)?;
    let record = lane.blocking(move || Ok(witness.evidence(&id)?)).await?;
    let record = record.ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "unknown-evidence",
            "there is no one evidence with this id",
            "'quorate witness evidence' lists it",
        )
    })?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((headers, record.text).into_response())
}
