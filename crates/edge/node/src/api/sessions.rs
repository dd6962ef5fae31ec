//! Actors, sessions and their bundles.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use quorate_note::base64;
use quorate_provenance::{SessionEntry, Subject};
use quorate_receipt::json::Object;
use quorate_receipt::{Blake3Hash, MAX_RECEIPT_LEN, PublicKeyText, Receipt, Sealed, Timestamp};
use quorate_verify::bundle::{Head, MAX_PAYLOAD_LEN};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::admin::{json_body, operator};
use super::error::ApiError;
use super::read::readable;
use crate::auth::Principal;
use crate::checkpoint::Published;
use crate::lane::{Lane, Whole};
use crate::provenance::{Batch, Content, Ledger, Pinning, Place, Recorded, Wanted, export};
use crate::scroll::{PROVENANCE, Scroll};

/// Sessions in one answer, unless less is asked for.
const PAGE: usize = 1000;
/// How long an export waits for a quorate head.
const QUORUM_WAIT: Duration = Duration::from_secs(10);
/// Receipts read for one piece of a bundle, and their bytes.
const PIECE: (u64, usize) = (4096, 4 << 20);

/// `POST /actors`, `POST /actors/remove`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Actor {
    actor: String,
    key: String,
    #[serde(default)]
    not_before: Option<String>,
    #[serde(default)]
    not_after: Option<String>,
    /// Of `POST /actors`: also if the key was taken back before.
    #[serde(default)]
    again: bool,
}

fn invalid(what: &str, why: &dyn std::fmt::Display) -> ApiError {
    ApiError::bad_request(
        "malformed",
        format!("{what}: {why}; nothing was recorded"),
        "see docs/provenance.md",
    )
}

/// Of a call that records nothing, whatever it is answered.
fn unreadable(what: &str, why: &dyn std::fmt::Display) -> ApiError {
    ApiError::bad_request("malformed", format!("{what}: {why}"), "see docs/api.md")
}

impl Actor {
    fn names(&self) -> Result<(Subject, PublicKeyText), ApiError> {
        let actor = self.actor.parse().map_err(|e| invalid("actor", &e))?;
        let key = self.key.parse().map_err(|e| invalid("key", &e))?;
        Ok((actor, key))
    }
}

fn time(what: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let parsed = text.map(|text| Timestamp::parse(text.as_bytes()));
    parsed.transpose().map_err(|e| invalid(what, &e))
}

/// Pins a key.
pub(super) async fn add_actor(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    body: Whole,
) -> Result<Response, ApiError> {
    operator(&principal)?;
    let new: Actor = json_body(&body)?;
    let (actor, key) = new.names()?;
    let pinning = Pinning::Add {
        actor,
        key,
        not_before: time("not_before", new.not_before.as_deref())?,
        not_after: time("not_after", new.not_after.as_deref())?,
        again: new.again,
    };
    let recorded = app.pin(pinning).await?;
    Ok((StatusCode::CREATED, Json(recorded_value(&recorded))).into_response())
}

/// Takes a pinned key back.
pub(super) async fn remove_actor(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    body: Whole,
) -> Result<Json<Value>, ApiError> {
    operator(&principal)?;
    let gone: Actor = json_body(&body)?;
    let (actor, key) = gone.names()?;
    let recorded = app.pin(Pinning::Remove { actor, key }).await?;
    Ok(Json(recorded_value(&recorded)))
}

fn recorded_value(recorded: &Recorded) -> Value {
    let receipts = recorded.receipts.iter();
    let receipts: Vec<Value> = receipts
        .map(|(root, leaf)| json!({"root_hash": root.to_string(), "leaf_hash": format!("sha256:{leaf}")}))
        .collect();
    json!({
        "first_index": recorded.appended.first_index,
        "receipts": receipts,
        "watermark": "durable",
    })
}

/// `GET /actors`.
pub(super) async fn actors(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
) -> Result<Json<Value>, ApiError> {
    if app.provenance_scroll().is_some() {
        readable(&app, &principal, PROVENANCE)?;
    }
    let list = move || {
        let ledger = app.ledger()?;
        let pins = ledger.state().pins();
        let actors: Vec<Value> = pins
            .map(|(key, pin)| {
                json!({
                    "actor": pin.actor().as_str(),
                    "key": key.to_string(),
                    "not_before": pin.not_before().map(|t| t.to_string()),
                    "not_after": pin.not_after().map(|t| t.to_string()),
                    "in_force": pin.in_force(),
                    "removed_at": match pin.in_force() {
                        true => None,
                        false => ledger.removed_at(key).map(|t| t.to_string()),
                    },
                })
            })
            .collect();
        Ok(Json(json!({"actors": actors})))
    };
    lane.blocking(list).await
}

/// `POST /sessions`: receipts that actors signed, one a line, recorded all or not at all. A line is a receipt, or
/// `{"receipt":…,"sealed":{"salt":…,"content":…}}` with base64 for a step that seals its content.
pub(super) async fn record(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    match &principal {
        Principal::Anonymous => return Err(ApiError::unauthenticated()),
        Principal::Console => return Err(ApiError::forbidden("the console writes nothing")),
        Principal::Operator | Principal::Writer(_) => {}
    }
    if !principal.may_write(PROVENANCE) {
        return Err(ApiError::forbidden(format!(
            "these credentials may not append to {PROVENANCE:?}"
        )));
    }
    let (bytes, _room) = lane.whole(body).await?.into_parts();
    let batch = lane.blocking(move || batch(&bytes)).await?;
    let speaks_for = match &principal {
        Principal::Writer(writer) => Some(writer.actor.to_string()),
        _ => None,
    };
    let may = move |subject: &str| speaks_for.as_ref().is_none_or(|actor| actor == subject);
    let recorded = app.record(batch, may).await?;
    Ok(Json(recorded_value(&recorded)))
}

fn batch(bytes: &[u8]) -> Result<Batch, ApiError> {
    let mut batch = Batch::default();
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    for (n, line) in text.split(|byte| *byte == b'\n').enumerate() {
        read_line(line, &mut batch).map_err(|error| error.at_line(n as u64 + 1))?;
    }
    Ok(batch)
}

fn read_line(line: &[u8], batch: &mut Batch) -> Result<(), ApiError> {
    if !line.starts_with(b"{\"receipt\":") {
        let receipt = Receipt::parse_canonical(line).map_err(|e| invalid("receipt", &e))?;
        batch.receipts.push(receipt);
        return Ok(());
    }
    let value = quorate_receipt::json::parse(line).map_err(|e| invalid("line", &e))?;
    let member = |name: &str| value.as_object().and_then(|o| o.get(name)?.as_object());
    let (Some(receipt), Some(sealed)) = (member("receipt"), member("sealed")) else {
        return Err(invalid("line", &"`receipt` and `sealed` must be objects"));
    };
    let receipt = quorate_receipt::json::canonical_object(receipt);
    let receipt = Receipt::parse_canonical(&receipt).map_err(|e| invalid("receipt", &e))?;
    let decoded = |name: &str| decoded(sealed, name);
    let salt = decoded("salt")?.try_into();
    let salt: [u8; 32] = salt.map_err(|_| invalid("salt", &"it must be 32 bytes"))?;
    let bytes = decoded("content")?;
    let committed = receipt.get(Sealed::MEMBER).map(Sealed::from_value);
    let Some(Ok(committed)) = committed else {
        return Err(invalid("receipt", &"it seals nothing"));
    };
    if !committed.opens(&salt, &bytes) {
        return Err(invalid("content", &"it is not what the receipt commits to"));
    }
    batch.contents.push(Content {
        sealed: committed,
        salt,
        bytes,
    });
    batch.receipts.push(receipt);
    Ok(())
}

fn decoded(object: &Object, name: &str) -> Result<Vec<u8>, ApiError> {
    let text = object.get_str(name).unwrap_or_default();
    base64::decode(text.as_bytes()).map_err(|e| invalid(name, &e))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /sessions?after=ID&limit=N`: by id.
pub(super) async fn list(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Value>, ApiError> {
    if app.provenance_scroll().is_some() {
        readable(&app, &principal, PROVENANCE)?;
    }
    let after = query.after.as_deref().map(id).transpose()?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let list = move || {
        let ledger = app.ledger()?;
        let all = ledger.state().sessions();
        let rest = all.skip_while(|(id, _)| after.as_ref().is_some_and(|after| *id <= after));
        let mut page: Vec<Value> = rest
            .take(limit + 1)
            .map(|(id, entry)| {
                let mut value = session_value(id, entry);
                value["first_index"] = json!(ledger.places(id).first().map(|place| place.first));
                add_times(&mut value, &ledger, id);
                value
            })
            .collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let next = more
            .then(|| page.last().map(|last| last["id"].clone()))
            .flatten();
        Ok(Json(json!({"sessions": page, "next": next})))
    };
    lane.blocking(list).await
}

fn id(text: &str) -> Result<Blake3Hash, ApiError> {
    text.parse().map_err(|e| unreadable("session", &e))
}

fn session_value(id: &Blake3Hash, entry: &SessionEntry) -> Value {
    let mut value = match entry {
        SessionEntry::Open(session) => json!({
            "subject": session.subject().as_str(),
            "key": session.key().to_string(),
            "steps": session.steps(),
            "state": "open",
            "head": session.head().to_string(),
            "next_sequence": session.next_sequence(),
            "last_timestamp": session.last_timestamp().to_string(),
        }),
        SessionEntry::Closed(session) => json!({
            "subject": session.subject().as_str(),
            "key": session.key().to_string(),
            "steps": session.steps(),
            "state": "closed",
            "head": session.closing().to_string(),
        }),
    };
    value["id"] = id.to_string().into();
    value
}

/// By the actor's clock.
fn add_times(value: &mut Value, ledger: &Ledger, id: &Blake3Hash) {
    if let Some((opened, last)) = ledger.times(id) {
        value["opened_at"] = opened.to_string().into();
        value["last_at"] = last.to_string().into();
    }
}

fn no_session(id: &Blake3Hash) -> ApiError {
    ApiError::not_found(format!("there is no session {id}"))
}

/// `GET /sessions/{id}`.
pub(super) async fn show(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(wanted): Path<String>,
) -> Result<Json<Value>, ApiError> {
    readable(&app, &principal, PROVENANCE)?;
    let wanted = id(&wanted)?;
    let show = move || {
        let ledger = app.ledger()?;
        let entry = ledger.state().session(&wanted);
        let entry = entry.ok_or_else(|| no_session(&wanted))?;
        let mut value = session_value(&wanted, entry);
        let places = ledger.places(&wanted).iter();
        value["places"] = places.map(|p| json!([p.first, p.count])).collect();
        add_times(&mut value, &ledger, &wanted);
        Ok(Json(value))
    };
    lane.blocking(show).await
}

/// `GET /sessions/{id}/steps/{step}`: a step of an open session, by its number or its hash.
pub(super) async fn step(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path((session, step)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    readable(&app, &principal, PROVENANCE)?;
    let session = id(&session)?;
    let find = move || {
        let ledger = app.ledger()?;
        let open = ledger.state().open_session(&session);
        let open =
            open.ok_or_else(|| ApiError::not_found(format!("there is no open session {session}")))?;
        let found = match super::read::decimal(&step) {
            Ok(sequence) => open.step_hash(sequence).map(|hash| (sequence, hash)),
            Err(_) => {
                let hash = id(&step)?;
                open.sequence_of(&hash).map(|sequence| (sequence, hash))
            }
        };
        let (sequence, hash) = found.ok_or_else(|| {
            ApiError::not_found(format!("the session {session} has no step {step}"))
        })?;
        Ok(Json(
            json!({"sequence": sequence, "step": hash.to_string()}),
        ))
    };
    lane.blocking(find).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BundleQuery {
    #[serde(default)]
    sealed: bool,
}

/// `GET /sessions/{id}/bundle`: under a head that meets the node's policy. With `sealed=true`, what is still there of what
/// the session sealed is shown, to the operator only.
pub(super) async fn bundle(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(session): Path<String>,
    Query(query): Query<BundleQuery>,
) -> Result<Response, ApiError> {
    let wanted = Wanted {
        payload: None,
        sealed: query.sealed,
    };
    made(app, &principal, lane, &session, wanted).await
}

/// `POST /sessions/{id}/bundle`: the same with the payload inside that is the body, JSON in any formatting.
pub(super) async fn bundle_with_payload(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Extension(lane): Extension<Lane>,
    Path(session): Path<String>,
    Query(query): Query<BundleQuery>,
    body: Body,
) -> Result<Response, ApiError> {
    // Before anything is read or done for whoever may not.
    readable(&app, &principal, PROVENANCE)?;
    let body = lane.at_most(MAX_PAYLOAD_LEN, body).await?;
    let canonical =
        move || quorate_receipt::json::canonicalize(&body).map_err(|e| unreadable("payload", &e));
    let payload = lane.blocking(canonical).await?;
    let wanted = Wanted {
        payload: Some(payload),
        sealed: query.sealed,
    };
    made(app, &principal, lane, &session, wanted).await
}

async fn made(
    app: App,
    principal: &Principal,
    lane: Lane,
    session: &str,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    let scroll = readable(&app, principal, PROVENANCE)?;
    if wanted.sealed {
        operator(principal)?;
    }
    let session = id(session)?;
    let finder = Arc::clone(&app);
    let find = move || {
        let ledger = finder.ledger()?;
        match ledger.places(&session) {
            [] => Err(no_session(&session)),
            places => Ok(places.to_vec()),
        }
    };
    let places = lane.blocking(find).await?;
    let size = places.last().map_or(0, |last| last.first + last.count);
    let published = head_for(&scroll, size).await?;
    let (maker, at) = (Arc::clone(&scroll), places.clone());
    let make = move || {
        let policy = app.policy_of(&maker)?;
        export(&maker, session, &at, &published, &policy, wanted)
    };
    let head = lane.blocking(make).await?;
    let mut response = Response::new(streamed(lane, scroll, head, places));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

/// The head, then the receipts as they are read, then the end.
fn streamed(lane: Lane, scroll: Arc<Scroll>, head: Vec<u8>, places: Vec<Place>) -> Body {
    let end = places.last().map_or(0, |last| last.first + last.count);
    let places = Arc::new(places);
    let pieces = futures_util::stream::unfold((Some(head), 0), move |(head, at)| {
        let (lane, scroll, places) = (lane.clone(), Arc::clone(&scroll), Arc::clone(&places));
        async move {
            if let Some(head) = head {
                return Some((Ok(Bytes::from(head)), (None, at)));
            }
            if at > end {
                return None;
            }
            match lane.blocking(move || piece(&scroll, &places, at)).await {
                Ok((bytes, at)) => Some((Ok(Bytes::from(bytes)), (None, at))),
                // The connection is cut: a short answer must not look complete.
                Err(error) => {
                    let cut = std::io::Error::other(error.message().to_owned());
                    Some((Err(cut), (None, u64::MAX)))
                }
            }
        }
    });
    Body::from_stream(pieces)
}

/// A head that covers so many entries: a quorate one, unless the node is unwitnessed.
async fn head_for(scroll: &Scroll, size: u64) -> Result<Arc<Published>, ApiError> {
    let Some(witnessing) = scroll.witnessing() else {
        return Ok(scroll.checkpoints().covering(size).await?);
    };
    let quorate = tokio::time::timeout(QUORUM_WAIT, witnessing.covering(size)).await;
    quorate.ok().flatten().ok_or_else(|| {
        ApiError::new(
            StatusCode::CONFLICT,
            "not-quorate",
            format!("the session is {}", witnessing.state(size)),
            "see 'quorate log show Provenance' for the witnesses; export it again once they co-signed",
        )
    })
}

/// The next receipts from `at` on, with commas; behind the last, the bundle's end.
fn piece(scroll: &Scroll, places: &[Place], at: u64) -> Result<(Vec<u8>, u64), ApiError> {
    let here = places.iter().find(|place| at < place.first + place.count);
    let Some(place) = here else {
        return Ok((Head::TAIL.to_vec(), u64::MAX));
    };
    let from = at.max(place.first);
    let until = (place.first + place.count).min(from + PIECE.0);
    let entries = scroll.reader().entries(from..until, PIECE.1)?;
    let mut out = Vec::with_capacity(PIECE.1 + MAX_RECEIPT_LEN);
    for (index, entry) in (from..).zip(&entries) {
        if places.first().is_some_and(|first| first.first != index) {
            out.push(b',');
        }
        out.extend_from_slice(entry);
    }
    Ok((out, from + entries.len() as u64))
}
