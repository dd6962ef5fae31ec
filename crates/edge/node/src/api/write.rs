//! Appending over HTTP. Nothing is answered before it is durable (R2).

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::{FutureExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::error::ApiError;
use crate::auth::{Principal, Writer};
use crate::clock;
use crate::prepare::{self, PrepareError};
use crate::scroll::Scroll;
use crate::sequencer::{Append, AppendError, Appended};
use quorate_store::PreparedEntry;

/// A single receipt, entry or JSON array: 64 MiB holds an array of a thousand receipts of the largest size.
pub(crate) const MAX_BODY: usize = 64 << 20;
/// A stream is cut into chunks of about this many bytes; each is appended all or nothing.
const CHUNK_BYTES: usize = 1 << 20;
/// The longest line of a stream: the longest text a receipt may be submitted as, see `MAX_SUBMITTED_LEN`.
const MAX_LINE: usize = quorate_receipt::MAX_SUBMITTED_LEN;
/// Chunks of one stream that may be prepared or committed at the same time.
const CHUNKS_IN_FLIGHT: usize = 3;

/// `?wait=checkpoint`: answer with the finished proof.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitQuery {
    wait: Option<String>,
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
    body: Bytes,
) -> Result<Response, ApiError> {
    let scroll = writable(&app, &principal, &name)?;
    scroll.require_raw()?;
    let entry = prepare::raw_entry(body.into()).map_err(|e| refused(&e))?;
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
    Query(query): Query<WaitQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let scroll = writable(&app, &principal, &name)?;
    scroll.require_receipts()?;
    let wait = match query.wait.as_deref() {
        None => false,
        Some("checkpoint") => true,
        Some("quorate") => {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "unwitnessed",
                "this scroll has no witnesses, so nothing in it becomes quorate; nothing was appended",
                "use wait=checkpoint for a proof under a checkpoint that only this node signed",
            ));
        }
        Some(other) => {
            return Err(ApiError::bad_request(
                "unknown-wait",
                format!("wait={other:?} is not known; nothing was appended"),
                "use wait=checkpoint",
            ));
        }
    };
    if media_type(&headers) == "application/x-ndjson" {
        let writer = writer_of(&principal).cloned();
        let prepare = move |line: &[u8]| {
            prepare::accept(line, clock::now(), writer.as_deref()).and_then(prepare::entry_of)
        };
        return stream(scroll, body, prepare, may_still_write(&app, &principal)).await;
    }
    let bytes = read_body(body).await?;
    let writer = writer_of(&principal).map(Arc::as_ref);
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return array(&scroll, &bytes, writer).await;
    }
    let receipt = prepare::accept(&bytes, clock::now(), writer).map_err(|e| refused(&e))?;
    let root_hash = receipt.root_hash().to_string();
    let entry = prepare::entry_of(receipt).map_err(|e| refused(&e))?;
    let leaf = *entry.leaf();
    let appended = scroll.append(Append::one(entry)).await?;
    let mut answer = json!({
        "index": appended.first_index,
        "leaf_hash": format!("sha256:{leaf}"),
        "root_hash": root_hash,
        "watermark": "durable",
    });
    if wait {
        let proof = scroll.prove(appended.first_index).await?;
        answer["proof"] = Value::String(proof);
    }
    Ok(Json(answer).into_response())
}

/// `POST /scrolls/{scroll}/entries`: lines of any text, each one raw entry.
pub(crate) async fn entries(
    State(app): State<App>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let scroll = writable(&app, &principal, &name)?;
    scroll.require_raw()?;
    let prepare = |line: &[u8]| prepare::raw_entry(line.to_vec());
    stream(scroll, body, prepare, may_still_write(&app, &principal)).await
}

/// Asked before every chunk of a stream, which may last longer than its token.
fn may_still_write(app: &App, principal: &Principal) -> impl Fn() -> bool + use<> {
    let (app, token) = (
        Arc::clone(app),
        writer_of(principal).map(|w| w.token_id.clone()),
    );
    move || token.as_ref().is_none_or(|id| app.credentials().holds(id))
}

async fn array(
    scroll: &Scroll,
    bytes: &[u8],
    writer: Option<&Writer>,
) -> Result<Response, ApiError> {
    let value = quorate_receipt::json::parse(bytes).map_err(|e| {
        ApiError::bad_request(
            "malformed",
            format!("the array is not acceptable JSON: {e}"),
            "send one JSON array of receipts, or an NDJSON stream",
        )
    })?;
    let items = value.as_array().unwrap_or_default();
    let now = clock::now();
    let mut entries = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let text = quorate_receipt::json::canonical(item);
        let entry = prepare::accept(&text, now, writer)
            .and_then(prepare::entry_of)
            .map_err(|e| refused(&e).at_line(i as u64 + 1))?;
        entries.push(entry);
    }
    let leaves: Vec<_> = entries.iter().map(|e| *e.leaf()).collect();
    if entries.is_empty() {
        return Ok(Json(json!({"receipts": [], "watermark": "durable"})).into_response());
    }
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

async fn read_body(body: Body) -> Result<Bytes, ApiError> {
    let limited = http_body_util::Limited::new(body, MAX_BODY);
    limited.collect().await.map(http_body_util::Collected::to_bytes).map_err(|_| {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("the body did not arrive whole or is over {MAX_BODY} bytes; nothing was appended"),
            "send many receipts as an NDJSON stream (Content-Type: application/x-ndjson)",
        )
    })
}

/// What a stream has got to: runs of lines that landed at consecutive indices.
#[derive(Default)]
struct Progress {
    runs: Vec<Run>,
}

struct Run {
    first_line: u64,
    lines: u64,
    first_index: u64,
}

impl Progress {
    fn landed(&mut self, first_line: u64, lines: u64, appended: Appended) {
        match self.runs.last_mut() {
            Some(run) if run.first_index + run.lines == appended.first_index => run.lines += lines,
            _ => self.runs.push(Run {
                first_line,
                lines,
                first_index: appended.first_index,
            }),
        }
    }

    fn to_value(&self) -> Value {
        let lines: u64 = self.runs.iter().map(|r| r.lines).sum();
        let chunks: Vec<_> = self
            .runs
            .iter()
            .map(|r| json!({"first_line": r.first_line, "lines": r.lines, "first_index": r.first_index}))
            .collect();
        json!({"lines": lines, "chunks": chunks, "watermark": "durable"})
    }
}

type Prepared = Result<Vec<PreparedEntry>, (u64, ApiError)>;

/// One chunk on its way, with its first line and its number of lines.
struct Stage<T> {
    first_line: u64,
    lines: u64,
    task: tokio::task::JoinHandle<T>,
}

/// Waits for the oldest chunk of a stage; losing the race in a `select!` loses nothing.
async fn oldest<T>(stage: &mut VecDeque<Stage<T>>) -> Option<(u64, u64, Result<T, ApiError>)> {
    let front = stage.front_mut()?;
    let done = (&mut front.task).await.map_err(|_| ApiError::stopped());
    stage.pop_front().map(|s| (s.first_line, s.lines, done))
}

/// Reads lines, prepares chunks of them on other threads, appends the chunks in order. A bad line fails its
/// whole chunk and ends the stream; earlier chunks stand, and the answer says how far they reach.
async fn stream<P>(
    scroll: Arc<Scroll>,
    body: Body,
    prepare: P,
    may_still_write: impl Fn() -> bool,
) -> Result<Response, ApiError>
where
    P: Fn(&[u8]) -> Result<PreparedEntry, PrepareError> + Send + Sync + Clone + 'static,
{
    let mut progress = Progress::default();
    let mut chunks = Chunks::new(body);
    let mut next_line = 1;
    let mut reading = true;
    let mut preparing: VecDeque<Stage<Prepared>> = VecDeque::new();
    let mut landing: VecDeque<Stage<Result<Appended, AppendError>>> = VecDeque::new();
    let mut failure = None;
    while reading || !preparing.is_empty() || !landing.is_empty() {
        tokio::select! {
            biased;
            Some((first_line, lines, done)) = oldest(&mut landing), if !landing.is_empty() => {
                match done.and_then(|d| d.map_err(ApiError::from)) {
                    Ok(appended) => progress.landed(first_line, lines, appended),
                    Err(e) => {
                        failure = Some(e);
                        break;
                    }
                }
            }
            Some((first_line, lines, done)) = oldest(&mut preparing),
                if !preparing.is_empty() && landing.len() < CHUNKS_IN_FLIGHT =>
            {
                match done.and_then(|d| d.map_err(|(line, e)| e.at_line(line))) {
                    Ok(entries) => {
                        let append = Append { entries, cursors: Vec::new() };
                        // A token that was revoked meanwhile writes nothing more.
                        let queued = if may_still_write() { scroll.enqueue(append).await } else { Err(ApiError::unauthenticated()) };
                        match queued {
                            Ok(pending) => {
                                landing.push_back(Stage { first_line, lines, task: tokio::spawn(pending.durable()) });
                            }
                            Err(e) => {
                                failure = Some(e.at_line(first_line));
                                reading = false;
                                preparing.clear();
                            }
                        }
                    }
                    Err(e) => {
                        failure = Some(e);
                        reading = false;
                        preparing.clear();
                    }
                }
            }
            chunk = chunks.next(), if reading && preparing.len() < CHUNKS_IN_FLIGHT => {
                match chunk {
                    Ok(Some((text, lines))) => {
                        let (first_line, prepare) = (next_line, prepare.clone());
                        next_line += lines;
                        let task = tokio::task::spawn_blocking(move || prepare_chunk(&text, first_line, &prepare));
                        preparing.push_back(Stage { first_line, lines, task });
                    }
                    Ok(None) => reading = false,
                    Err(e) => {
                        failure = Some(e.at_line(next_line));
                        reading = false;
                    }
                }
            }
        }
    }
    match failure {
        None => Ok(Json(progress.to_value()).into_response()),
        Some(error) => Err(error.with("durable", progress.to_value())),
    }
}

fn prepare_chunk<P>(text: &[u8], first_line: u64, prepare: &P) -> Prepared
where
    P: Fn(&[u8]) -> Result<PreparedEntry, PrepareError>,
{
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let lines = body.iter().filter(|b| **b == b'\n').count() + 1;
    let mut entries = Vec::with_capacity(lines);
    for (line, number) in body.split(|b| *b == b'\n').zip(first_line..) {
        if line.ends_with(b"\r") {
            return Err((number, carriage_return()));
        }
        entries.push(prepare(line).map_err(|e| (number, refused(&e)))?);
    }
    Ok(entries)
}

fn carriage_return() -> ApiError {
    ApiError::bad_request(
        "carriage-return",
        "the line ends with CR LF; lines end with LF",
        "convert the file, for example with 'tr -d \\\\r'",
    )
}

/// Cuts a body into pieces that end at a line's end.
struct Chunks {
    body: axum::body::BodyDataStream,
    buffer: Vec<u8>,
    ended: bool,
}

impl Chunks {
    fn new(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            buffer: Vec::with_capacity(2 * CHUNK_BYTES),
            ended: false,
        }
    }

    /// The next piece with its number of lines; losing a race in a `select!` loses nothing. It is handed on when it is full, or when nothing more has
    /// arrived yet, so that a live stream is not held back.
    async fn next(&mut self) -> Result<Option<(Vec<u8>, u64)>, ApiError> {
        while !self.ended {
            if self.buffer.len() >= CHUNK_BYTES
                && let Some(chunk) = self.cut()
            {
                return Ok(Some(chunk));
            }
            if self.buffer.len() > CHUNK_BYTES.max(MAX_LINE) {
                return Err(ApiError::bad_request(
                    "line-too-long",
                    format!("a line is longer than {MAX_LINE} bytes"),
                    "log the hash of large content, or seal it ('quorate append --seal')",
                ));
            }
            let more = if self.buffer.contains(&b'\n') {
                match self.body.next().now_or_never() {
                    Some(more) => more,
                    None => return Ok(self.cut()),
                }
            } else {
                self.body.next().await
            };
            match more {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                None => self.ended = true,
                Some(Err(_)) => {
                    return Err(ApiError::bad_request(
                        "broken-off",
                        "the stream broke off; what follows the durable lines was not appended",
                        "send the rest again, from the line after the last durable one",
                    ));
                }
            }
        }
        if let Some(chunk) = self.cut() {
            return Ok(Some(chunk));
        }
        // A last line without LF is complete when the stream ends.
        Ok(if self.buffer.is_empty() {
            None
        } else {
            Some((std::mem::take(&mut self.buffer), 1))
        })
    }

    fn cut(&mut self) -> Option<(Vec<u8>, u64)> {
        let end = self.buffer.iter().rposition(|b| *b == b'\n')? + 1;
        let rest = self.buffer.split_off(end);
        let piece = std::mem::replace(&mut self.buffer, rest);
        self.buffer.reserve(2 * CHUNK_BYTES);
        let lines = piece.iter().filter(|b| **b == b'\n').count() as u64;
        Some((piece, lines))
    }
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
