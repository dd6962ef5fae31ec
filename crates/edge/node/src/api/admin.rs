//! The operator's calls: scrolls, sealed content, tokens, keys, backup, login.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::error::ApiError;
use super::read::{decimal, octets, readable};
use crate::auth::{Principal, TokenError};
use crate::checkpoint::CheckpointError;
use crate::clock;
use crate::lane::{Lane, Whole};

pub(super) fn operator(principal: &Principal) -> Result<(), ApiError> {
    match principal {
        Principal::Operator => Ok(()),
        Principal::Anonymous => Err(ApiError::unauthenticated()),
        Principal::Writer(_) | Principal::Console => {
            Err(ApiError::forbidden("only the operator may do this"))
        }
    }
}

/// `POST /scrolls`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewScroll {
    name: String,
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    visibility: Option<String>,
}

pub(crate) async fn create_scroll(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    body: Whole,
) -> Result<Response, ApiError> {
    operator(&principal)?;
    let new: NewScroll = json_body(&body)?;
    let kind = match new.format.as_deref() {
        None | Some("receipts") => quorate_store::Kind::Receipts,
        Some("raw") => quorate_store::Kind::Raw,
        Some(other) => {
            return Err(ApiError::bad_request(
                "unknown-format",
                format!("{other:?} is not a scroll format"),
                "use \"receipts\" or \"raw\"",
            ));
        }
    };
    let visibility = match new.visibility.as_deref() {
        None | Some("restricted") => quorate_store::Visibility::Restricted,
        Some("public") => quorate_store::Visibility::Public,
        Some(other) => {
            return Err(ApiError::bad_request(
                "unknown-visibility",
                format!("{other:?} is not a visibility"),
                "use \"restricted\" or \"public\"",
            ));
        }
    };
    let creator = Arc::clone(&app);
    let create = move || creator.create_scroll(&new.name, kind, visibility);
    let scroll = lane.blocking(create).await?;
    // Whoever made the scroll finds its first head, that of the empty tree.
    scroll.checkpoints().covering(0).await?;
    Ok((StatusCode::CREATED, Json(app.info(&scroll))).into_response())
}

pub(super) fn json_body<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|e| {
        ApiError::bad_request(
            "malformed",
            format!("the body is not what this call takes: {e}"),
            "see the API reference",
        )
    })
}

/// `POST /scrolls/{scroll}/checkpoint`: one that covers everything durable now.
pub(crate) async fn force_checkpoint(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let scroll = app.scroll(&name)?;
    if !principal.may_write(&scroll.spec().name) {
        return Err(match principal {
            Principal::Anonymous => ApiError::unauthenticated(),
            _ => ApiError::forbidden(format!(
                "these credentials may not ask for a checkpoint of {name:?}"
            )),
        });
    }
    let published = scroll
        .checkpoints()
        .covering(scroll.reader().size())
        .await?;
    Ok(octets(
        published.note.clone(),
        HeaderValue::from_static("text/plain; charset=utf-8"),
        HeaderValue::from_static("no-store"),
    ))
}

/// `POST /scrolls/{scroll}/resume`: new heads of a halted scroll may be signed again.
pub(crate) async fn resume(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    operator(&principal)?;
    let scroll = app.scroll(&name)?;
    if !scroll.signs() {
        return Err(CheckpointError::Offline.into());
    }
    lane.blocking(move || {
        let resumed = app.resume(&scroll);
        if resumed.map_err(|e| ApiError::internal(e.to_string()))? {
            return Ok(Json(app.info(&scroll)));
        }
        Err(ApiError::new(
            StatusCode::CONFLICT,
            "not-halted",
            format!("the heads of {name:?} are being signed; nothing was changed"),
            "see 'quorate log show' for how the scroll stands",
        ))
    })
    .await
}

/// `?type=` of the receipt that seals content.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealQuery {
    #[serde(rename = "type")]
    type_: Option<String>,
}

/// `POST /scrolls/{scroll}/sealed`.
pub(crate) async fn seal(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(name): Path<String>,
    Query(query): Query<SealQuery>,
    body: Whole,
) -> Result<Json<Value>, ApiError> {
    let scroll = super::write::writable(&app, &principal, &name)?;
    scroll.require_receipts()?;
    let writer = match principal {
        Principal::Writer(w) => Some(w),
        _ => None,
    };
    let type_ = query
        .type_
        .unwrap_or_else(|| crate::sealed::DEFAULT_TYPE.to_owned());
    // Carried to its end whoever goes away: content without a receipt must not stay because a caller hung up.
    let sealing =
        tokio::spawn(async move { crate::sealed::seal(&scroll, &lane, type_, body, writer).await });
    let sealed = sealing.await.map_err(|_| ApiError::stopped())?;
    let (receipt, leaf, appended) = sealed?;
    Ok(Json(json!({
        "index": appended.first_index,
        "leaf_hash": format!("sha256:{leaf}"),
        "root_hash": receipt.root_hash().to_string(),
        "watermark": "durable",
    })))
}

/// `GET /scrolls/{scroll}/sealed/{index}`.
pub(crate) async fn sealed_content(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path((name, index)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    // Sealed content is what the law may require to be erased: a public scroll does not make it public.
    if principal == Principal::Anonymous {
        return Err(ApiError::unauthenticated());
    }
    let scroll = readable(&app, &principal, &name)?;
    if !principal.may_read(&scroll.spec().name, false) {
        return Err(ApiError::forbidden(format!(
            "these credentials may not read the sealed content of {name:?}"
        )));
    }
    let index = decimal(&index)?;
    let content = lane
        .blocking(move || crate::sealed::content(&scroll, index))
        .await?;
    Ok(octets(
        content,
        HeaderValue::from_static("application/octet-stream"),
        HeaderValue::from_static("no-store"),
    ))
}

/// What to erase and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Erase {
    index: u64,
    reason: String,
}

/// `POST /scrolls/{scroll}/erase`.
pub(crate) async fn erase(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(name): Path<String>,
    body: Whole,
) -> Result<Json<Value>, ApiError> {
    operator(&principal)?;
    let scroll = app.scroll(&name)?;
    let erase: Erase = json_body(&body)?;
    let done = crate::sealed::erase(&scroll, &lane, erase.index, &erase.reason).await?;
    Ok(Json(json!({
        "already_erased": done.before,
        "erased": erase.index,
        "index": done.index,
        "root_hash": done.receipt.root_hash().to_string(),
        "timestamp": done.receipt.timestamp().to_string(),
        "watermark": "durable",
    })))
}

/// Whom a token is for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    actor: String,
    scrolls: Vec<String>,
}

/// `POST /tokens`.
pub(crate) async fn new_token(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    body: Whole,
) -> Result<Response, ApiError> {
    operator(&principal)?;
    let new: NewToken = json_body(&body)?;
    let actor = new.actor.parse().map_err(|e| {
        ApiError::bad_request(
            "malformed-did",
            format!("{:?} is not an actor: {e}", new.actor),
            "use a DID such as did:vm:agent:builder",
        )
    })?;
    if new.scrolls.is_empty() {
        return Err(ApiError::bad_request(
            "no-scrolls",
            "a token is bound to at least one scroll",
            "name the scrolls it may write to",
        ));
    }
    let mut scrolls = Vec::new();
    for name in &new.scrolls {
        scrolls.push(app.scroll(name)?.spec().name.clone());
    }
    let bound = scrolls.clone();
    let make = move || {
        let made = app
            .credentials()
            .new_token(app.state(), actor, bound, clock::now().to_string());
        made.map_err(|e| token_error(&e))
    };
    let (id, token) = lane.blocking(make).await?;
    let body = json!({"id": id, "token": token, "actor": new.actor, "scrolls": scrolls});
    Ok((
        StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Json(body),
    )
        .into_response())
}

/// `GET /tokens`.
pub(crate) async fn tokens(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
) -> Result<Json<Value>, ApiError> {
    operator(&principal)?;
    let read = move || {
        app.state()
            .tokens()
            .map_err(|e| ApiError::internal(e.to_string()))
    };
    let tokens = lane.blocking(read).await?;
    let list: Vec<Value> = tokens
        .into_iter()
        .map(|(id, t)| json!({"id": id, "actor": t.actor, "scrolls": t.scrolls, "created_at": t.created_at, "revoked_at": t.revoked_at}))
        .collect();
    Ok(Json(json!({"tokens": list})))
}

/// `DELETE /tokens/{id}`.
pub(crate) async fn revoke_token(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    operator(&principal)?;
    let revoked = id.clone();
    let revoke = move || {
        app.credentials()
            .revoke(app.state(), &id, clock::now().to_string())
            .map_err(|e| token_error(&e))
    };
    lane.blocking(revoke).await?;
    Ok(Json(json!({"revoked": revoked})))
}

fn token_error(error: &TokenError) -> ApiError {
    match error {
        TokenError::Unknown(_) => ApiError::not_found(error.to_string()),
        other => ApiError::internal(other.to_string()),
    }
}

/// `POST /login-link`.
pub(crate) async fn login_link(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Value>, ApiError> {
    operator(&principal)?;
    Ok(Json(
        json!({"url": app.login_link().map_err(|e| ApiError::internal(e.to_string()))?}),
    ))
}

/// Where to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    to: std::path::PathBuf,
}

/// `POST /backup`.
pub(crate) async fn backup(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    body: Whole,
) -> Result<Json<Value>, ApiError> {
    operator(&principal)?;
    let to: Backup = json_body(&body)?;
    if !to.to.is_absolute() {
        return Err(ApiError::bad_request(
            "relative-path",
            "the backup folder must be an absolute path",
            "name it from the root",
        ));
    }
    lane.blocking(move || app.backup(&to.to)).await.map(Json)
}

/// `GET /node`.
pub(crate) async fn node(
    State(app): State<App>,
    Extension(lane): Extension<Lane>,
) -> Result<Json<Value>, ApiError> {
    // It says whether the next key's file is here.
    lane.blocking(move || Ok(Json(app.node_info()))).await
}

/// `GET /healthz`: 200 if every scroll can append and nothing has waited too long; else what is wrong, a line each.
pub(crate) async fn healthz(
    State(app): State<App>,
    Extension(lane): Extension<Lane>,
) -> Result<Response, ApiError> {
    let ills = lane.blocking(move || Ok(app.ills())).await?;
    if ills.is_empty() {
        return Ok("ok\n".into_response());
    }
    let text = format!("{}\n", ills.join("\n"));
    Ok((StatusCode::SERVICE_UNAVAILABLE, text).into_response())
}
