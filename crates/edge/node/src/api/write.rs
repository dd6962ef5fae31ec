//! Appending over HTTP. Nothing is answered before it is durable (R2).

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::App;
use super::error::ApiError;
use super::stream::stream;
use crate::auth::{Principal, Writer};
use crate::clock;
use crate::lane::{Lane, Room, Whole};
use crate::prepare::{self, PrepareError};
use crate::scroll::{NOT_SIGNING, Scroll};
use crate::sequencer::{Append, AppendError, REQUEST_BYTES, size_of_entry};
use quorate_store::PreparedEntry;

/// A single receipt, entry or JSON array: 64 MiB holds an array of a thousand receipts of the largest size.
pub(crate) const MAX_BODY: usize = 64 << 20;

/// How long `?wait=quorate` waits unless told otherwise, in seconds.
const QUORATE_WAIT: &str = "10";
/// The longest it may be told to.
const LONGEST_QUORATE_WAIT: u64 = 60;

/// `?wait=checkpoint` or `?wait=quorate&timeout=`: answer with the finished proof.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitQuery {
    wait: Option<String>,
    timeout: Option<String>,
}

/// What the caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// The receipt is durable.
    Durable,
    /// A checkpoint covers it.
    Checkpoint,
    /// A quorate checkpoint covers it, for so long.
    Quorate(Duration),
}

impl WaitQuery {
    fn read(&self, scroll: &Scroll) -> Result<Wait, ApiError> {
        let refused = |code, message: String, hint| {
            Err(ApiError::bad_request(
                code,
                format!("{message}; nothing was appended"),
                hint,
            ))
        };
        let wait = match self.wait.as_deref() {
            None => Wait::Durable,
            Some("checkpoint") => Wait::Checkpoint,
            Some("quorate") if scroll.witnessing().is_none() => {
                return Err(ApiError::new(
                    StatusCode::CONFLICT,
                    "unwitnessed",
                    "this scroll has no witnesses, so nothing in it becomes quorate; nothing was appended",
                    "use wait=checkpoint for a proof under a checkpoint that only this node signed",
                ));
            }
            Some("quorate") => {
                let given = self.timeout.as_deref().unwrap_or(QUORATE_WAIT);
                match quorate_note::decimal::parse_u64(given.as_bytes()) {
                    Ok(seconds @ 1..=LONGEST_QUORATE_WAIT) => {
                        return Ok(Wait::Quorate(Duration::from_secs(seconds)));
                    }
                    _ => {
                        return refused(
                            "timeout",
                            format!("timeout={given:?} is not a number of seconds from 1 to 60"),
                            "leave it out for ten seconds",
                        );
                    }
                }
            }
            Some(other) => {
                return refused(
                    "unknown-wait",
                    format!("wait={other:?} is not known"),
                    "use wait=checkpoint or wait=quorate",
                );
            }
        };
        match self.timeout {
            None => Ok(wait),
            Some(_) => refused(
                "timeout",
                "timeout belongs to wait=quorate".to_owned(),
                "leave it out",
            ),
        }
    }
}

/// Only one receipt can be waited for until it is quorate.
fn one_only() -> ApiError {
    ApiError::bad_request(
        "one-receipt",
        "wait=quorate takes one receipt; nothing was appended",
        "send one JSON object, or ask for the proofs later",
    )
}

/// The proof under a quorate head, which is asked for at once. `None` when it did not become quorate in time: the receipt
/// is durable whatever becomes of its head.
async fn quorate_proof(
    scroll: &Arc<Scroll>,
    lane: &Lane,
    index: u64,
    limit: Duration,
) -> Result<Option<String>, ApiError> {
    let quorate = async { scroll.witnessing()?.covering(index + 1).await };
    let Ok(Some(published)) = tokio::time::timeout(limit, quorate).await else {
        return Ok(None);
    };
    let scroll = Arc::clone(scroll);
    let prove = move || Ok(scroll.proof_under(index, &published, None)?.to_text());
    lane.blocking(prove).await.map(Some)
}

pub(crate) fn writable(
    app: &App,
    principal: &Principal,
    name: &str,
) -> Result<Arc<Scroll>, ApiError> {
    if matches!(principal, Principal::Anonymous) {
        return Err(ApiError::unauthenticated());
    }
    let scroll = app.scroll(name)?;
    if !principal.may_write(&scroll.spec().name) {
        return Err(ApiError::forbidden(format!(
            "these credentials may not append to {name:?}"
        )));
    }
    if scroll.is_engine() {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "engine-scroll",
            format!(
                "{name:?} is written by the node itself; generic appends would bypass its rules"
            ),
            "append to a scroll of your own; 'quorate log create' makes one",
        ));
    }
    Ok(scroll)
}

fn writer_of(principal: &Principal) -> Option<&Arc<Writer>> {
    match principal {
        Principal::Writer(writer) => Some(writer),
        _ => None,
    }
}

/// `POST /scrolls/{scroll}/add`: one raw entry, answered with its decimal index.
pub(crate) async fn add(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
    body: Whole,
) -> Result<Response, ApiError> {
    let scroll = writable(&app, &principal, &name)?;
    scroll.require_raw()?;
    let (bytes, _room) = body.into_parts();
    let entry = prepare::raw_entry(bytes).map_err(|e| refused(&e))?;
    let appended = scroll.append(Append::one(entry)).await?;
    Ok((
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        appended.first_index.to_string(),
    )
        .into_response())
}

/// `POST /scrolls/{scroll}/receipts`: one receipt, a JSON array of them, or an NDJSON stream.
pub(crate) async fn receipts(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
    Extension(lane): Extension<Lane>,
    Query(query): Query<WaitQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let scroll = writable(&app, &principal, &name)?;
    scroll.require_receipts()?;
    let wait = query.read(&scroll)?;
    if media_type(&headers) == "application/x-ndjson" {
        if matches!(wait, Wait::Quorate(_)) {
            return Err(one_only());
        }
        let writer = writer_of(&principal).cloned();
        let prepare = move |line: &[u8]| {
            prepare::accept(line, clock::now(), writer.as_deref()).and_then(prepare::entry_of)
        };
        return stream(
            scroll,
            &lane,
            body,
            prepare,
            may_still_write(&app, &principal),
        )
        .await;
    }
    let (bytes, room) = lane.whole(body).await?.into_parts();
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        if matches!(wait, Wait::Quorate(_)) {
            return Err(one_only());
        }
        let writer = writer_of(&principal).cloned();
        let prepare = move || entries_of(&bytes, room, writer.as_deref());
        let (entries, _room) = lane.blocking(prepare).await?;
        return array(&scroll, entries).await;
    }
    let writer = writer_of(&principal).map(Arc::as_ref);
    let receipt = prepare::accept(&bytes, clock::now(), writer).map_err(|e| refused(&e))?;
    let root_hash = receipt.root_hash().to_string();
    let entry = prepare::entry_of(receipt).map_err(|e| refused(&e))?;
    let leaf = *entry.leaf();
    let appended = scroll.append(Append::one(entry)).await?;
    // Whoever waits on for a proof holds no room for it.
    drop((bytes, room));
    let mut answer = json!({
        "index": appended.first_index,
        "leaf_hash": format!("sha256:{leaf}"),
        "root_hash": root_hash,
        "watermark": "durable",
    });
    match wait {
        Wait::Durable => {}
        Wait::Checkpoint => {
            match scroll.prove(&lane, appended.first_index).await {
                Ok(proof) => answer["proof"] = Value::String(proof),
                // It is durable all the same.
                Err(error) if error.code() == NOT_SIGNING => {
                    return Ok((StatusCode::ACCEPTED, Json(answer)).into_response());
                }
                Err(error) => return Err(error),
            }
        }
        Wait::Quorate(limit) => {
            match quorate_proof(&scroll, &lane, appended.first_index, limit).await? {
                Some(proof) => {
                    answer["watermark"] = "quorate".into();
                    answer["proof"] = Value::String(proof);
                }
                None => return Ok((StatusCode::ACCEPTED, Json(answer)).into_response()),
            }
        }
    }
    Ok(Json(answer).into_response())
}

/// `POST /scrolls/{scroll}/entries`: lines of any text, each one raw entry.
pub(crate) async fn entries(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
    Extension(lane): Extension<Lane>,
    body: Body,
) -> Result<Response, ApiError> {
    let scroll = writable(&app, &principal, &name)?;
    scroll.require_raw()?;
    let prepare = |line: &[u8]| prepare::raw_entry(line.to_vec());
    let may_still_write = may_still_write(&app, &principal);
    stream(scroll, &lane, body, prepare, may_still_write).await
}

/// Asked before every chunk of a stream, which may last longer than its token.
fn may_still_write(app: &App, principal: &Principal) -> impl Fn() -> bool + use<> {
    let (app, token) = (
        Arc::clone(app),
        writer_of(principal).map(|w| w.token_id.clone()),
    );
    move || token.as_ref().is_none_or(|id| app.credentials().holds(id))
}

/// Appends the items of an array, all or nothing.
async fn array(scroll: &Scroll, entries: Vec<PreparedEntry>) -> Result<Response, ApiError> {
    if entries.is_empty() {
        return Ok(Json(json!({"receipts": [], "watermark": "durable"})).into_response());
    }
    let leaves: Vec<_> = entries.iter().map(|e| *e.leaf()).collect();
    let appended = scroll
        .append(Append {
            entries,
            cursors: Vec::new(),
        })
        .await?;
    let list: Vec<Value> = (appended.first_index..)
        .zip(leaves)
        .map(|(index, leaf)| json!({"index": index, "leaf_hash": format!("sha256:{leaf}")}))
        .collect();
    Ok(Json(json!({"receipts": list, "watermark": "durable"})).into_response())
}

/// Prepares the items of an array. They are taken as texts, because values would take many times as much
/// memory; each text is then read as strictly as a single receipt. `room` is that of the text and grows with
/// what is made of it.
fn entries_of(
    text: &[u8],
    mut room: Room,
    writer: Option<&Writer>,
) -> Result<(Vec<PreparedEntry>, Room), ApiError> {
    let items: Vec<&RawValue> = serde_json::from_slice(text).map_err(|e| {
        ApiError::bad_request(
            "malformed",
            format!("the array is not acceptable JSON: {e}; nothing was appended"),
            "send one JSON array of receipts, or an NDJSON stream",
        )
    })?;
    let now = clock::now();
    let mut entries = Vec::new();
    let mut bytes = 0;
    for (item, line) in items.iter().zip(1..) {
        let entry = prepare::accept(item.get().as_bytes(), now, writer)
            .and_then(prepare::entry_of)
            .map_err(|e| refused(&e).at_line(line))?;
        let size = size_of_entry(&entry);
        bytes += size;
        if bytes > REQUEST_BYTES {
            return Err(AppendError::TooLarge.into());
        }
        room.grow(size)?;
        entries.push(entry);
    }
    Ok((entries, room))
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    value
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase()
}

/// A refused entry as the API says it.
pub(crate) fn refused(error: &PrepareError) -> ApiError {
    use quorate_receipt::ReceiptError as R;
    let message = format!("{error}; nothing of it was appended");
    match error {
        PrepareError::ForeignActor { .. } | PrepareError::HashedWithoutActor { .. } => {
            ApiError::new(
                StatusCode::FORBIDDEN,
                "foreign-actor",
                message,
                "leave 'actor' and 'root_hash' out, or use the token of that actor",
            )
        }
        PrepareError::Entry(_) | PrepareError::Receipt(R::TooLong { .. }) => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-long",
            message,
            "log the hash of the content, or seal the content beside the log ('quorate append --seal')",
        ),
        PrepareError::Empty => ApiError::bad_request(
            "malformed",
            message,
            "leave blank lines out: each line is one receipt",
        ),
        PrepareError::Receipt(R::Json(_) | R::NotAnObject) => ApiError::bad_request(
            "malformed",
            message,
            "send one JSON object per receipt, UTF-8, no duplicate keys",
        ),
        PrepareError::Receipt(_)
        | PrepareError::MalformedSealed
        | PrepareError::ReservedErasure => ApiError::bad_request(
            "not-a-receipt",
            message,
            "a receipt has a 'type'; 'timestamp' and 'root_hash' may be left to the node",
        ),
    }
}
