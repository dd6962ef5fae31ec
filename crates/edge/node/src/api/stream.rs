//! Streams of lines: cut into chunks, prepared on other threads, appended in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt as _, StreamExt as _};
use quorate_store::PreparedEntry;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::error::ApiError;
use super::write::refused;
use crate::lane::{Lane, Room};
use crate::prepare::PrepareError;
use crate::scroll::Scroll;
use crate::sequencer::{Append, AppendError, Appended, Input};

/// A stream is cut into chunks of about this many bytes; each is appended all or nothing.
const CHUNK_BYTES: usize = 512 << 10;
/// A chunk has at most this many lines, so that what is made of very short ones stays small, and far below
/// what one append may take.
const CHUNK_LINES: usize = 16_384;
/// The longest line of a stream: the longest text a receipt may be submitted as, see `MAX_SUBMITTED_LEN`.
const MAX_LINE: usize = quorate_receipt::MAX_SUBMITTED_LEN;
/// Chunks of one stream that may be prepared at the same time, and committed: enough for a group commit of
/// 2 MiB while the next one is prepared. A stream then takes at most some 10 MiB: a chunk that arrives, four as
/// text and entries at once, five as entries.
const CHUNKS_IN_FLIGHT: usize = 4;
/// What a prepared line takes besides a copy of itself, at most: time, hash and actor that are added to it, its
/// leaf hash and keys, and what the allocator adds.
const LINE_ROOM: usize = 512;

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
    /// What it takes of its lane until the queue has it.
    room: Option<Room>,
}

/// Waits for the oldest chunk of a stage; losing the race in a `select!` loses nothing. Its room is held by the
/// stage it leaves behind.
async fn oldest<T>(stage: &mut VecDeque<Stage<T>>) -> Option<(Stage<T>, Result<T, ApiError>)> {
    let front = stage.front_mut()?;
    let done = (&mut front.task).await.map_err(|_| ApiError::stopped());
    stage.pop_front().map(|s| (s, done))
}

/// Reads lines, prepares chunks of them on other threads, appends the chunks in order. A bad line fails its
/// whole chunk and ends the stream; earlier chunks stand, and the answer says how far they reach.
pub(super) async fn stream<P>(
    scroll: Arc<Scroll>,
    lane: &Lane,
    body: Body,
    prepare: P,
    may_still_write: impl Fn() -> bool,
) -> Result<Response, ApiError>
where
    P: Fn(&[u8]) -> Result<PreparedEntry, PrepareError> + Send + Sync + Clone + 'static,
{
    let mut progress = Progress::default();
    let mut chunks = Chunks::new(body, lane);
    let mut next_line = 1;
    let mut reading = true;
    let mut preparing: VecDeque<Stage<Prepared>> = VecDeque::new();
    let mut landing: VecDeque<Stage<Result<Appended, AppendError>>> = VecDeque::new();
    let mut failure = None;
    let input = Input::default();
    while reading || !preparing.is_empty() || !landing.is_empty() {
        tokio::select! {
            biased;
            Some((Stage { first_line, lines, .. }, done)) = oldest(&mut landing), if !landing.is_empty() => {
                match done.and_then(|d| d.map_err(ApiError::from)) {
                    Ok(appended) => progress.landed(first_line, lines, appended),
                    Err(e) => {
                        failure = Some(e);
                        break;
                    }
                }
            }
            Some((Stage { first_line, lines, room: _room, .. }, done)) = oldest(&mut preparing),
                if !preparing.is_empty() && landing.len() < CHUNKS_IN_FLIGHT =>
            {
                match done.and_then(|d| d.map_err(|(line, e)| e.at_line(line))) {
                    Ok(entries) => {
                        let append = Append { entries, cursors: Vec::new() };
                        // A token that was revoked meanwhile writes nothing more.
                        let queued = if may_still_write() { scroll.enqueue_part(append, &input).await } else { Err(ApiError::unauthenticated()) };
                        match queued {
                            Ok(pending) => {
                                landing.push_back(Stage { first_line, lines, task: tokio::spawn(pending.durable()), room: None });
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
                    Ok(Some(Piece { text, lines, room })) => {
                        let (first_line, lines, prepare) = (next_line, lines as u64, prepare.clone());
                        next_line += lines;
                        let task = tokio::task::spawn_blocking(move || prepare_chunk(&text, first_line, &prepare));
                        preparing.push_back(Stage { first_line, lines, task, room: Some(room) });
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

/// Whole lines of a body, their number, and the room they take.
struct Piece {
    text: Vec<u8>,
    lines: usize,
    room: Room,
}

/// Cuts a body into pieces that end at a line's end.
struct Chunks {
    body: axum::body::BodyDataStream,
    buffer: Vec<u8>,
    /// Line ends in the buffer.
    lines: usize,
    room: Room,
    ended: bool,
    /// How long a line that has begun may take to end: it holds room that others wait for.
    line_time: Duration,
    /// When the line that has begun must have ended.
    deadline: Option<Instant>,
}

/// What lines take while they are prepared: themselves, and the entries made of them.
const fn room_of(bytes: usize, lines: usize) -> usize {
    2 * bytes + lines * LINE_ROOM
}

fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| **b == b'\n').count()
}

impl Chunks {
    fn new(body: Body, lane: &Lane) -> Self {
        Self {
            body: body.into_data_stream(),
            buffer: Vec::new(),
            lines: 0,
            room: lane.room(),
            ended: false,
            line_time: lane.body_time(),
            deadline: None,
        }
    }

    /// The next piece; losing a race in a `select!` loses nothing. It is handed on when it is full, or when
    /// nothing more has arrived yet, so that a live stream is not held back.
    async fn next(&mut self) -> Result<Option<Piece>, ApiError> {
        loop {
            let has_room = self.has_room();
            let full = self.buffer.len() >= CHUNK_BYTES || self.lines >= CHUNK_LINES;
            if self.lines > 0 && (full || self.ended || !has_room) {
                return Ok(Some(self.cut()));
            }
            if self.ended {
                return Ok(self.last_line());
            }
            if self.buffer.len() > CHUNK_BYTES.max(MAX_LINE) {
                return Err(ApiError::bad_request(
                    "line-too-long",
                    format!("a line is longer than {MAX_LINE} bytes"),
                    "log the hash of large content, or seal it ('quorate append --seal')",
                ));
            }
            if !has_room {
                // The line may not end before others give room back; no more of it is read until then.
                self.room.grow_patiently(self.missing()).await?;
            }
            let more = if self.lines > 0 {
                match self.body.next().now_or_never() {
                    Some(more) => more,
                    None => return Ok(Some(self.cut())),
                }
            } else if self.buffer.is_empty() {
                self.body.next().await
            } else {
                let line_time = self.line_time;
                let deadline = *self
                    .deadline
                    .get_or_insert_with(|| Instant::now() + line_time);
                let more = tokio::time::timeout_at(deadline, self.body.next()).await;
                more.map_err(|_| {
                    ApiError::new(
                        StatusCode::REQUEST_TIMEOUT,
                        "too-slow",
                        format!("a line did not end within {} s", line_time.as_secs()),
                        "send whole lines; what follows the durable ones was not appended",
                    )
                })?
            };
            match more {
                Some(Ok(bytes)) => {
                    self.lines += line_ends(&bytes);
                    if self.buffer.capacity() < CHUNK_BYTES {
                        self.buffer.reserve(CHUNK_BYTES + bytes.len());
                    }
                    self.buffer.extend_from_slice(&bytes);
                }
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
    }

    fn missing(&self) -> usize {
        room_of(self.buffer.len(), self.lines).saturating_sub(self.room.bytes())
    }

    /// Takes the room for what has arrived, if there is some.
    fn has_room(&mut self) -> bool {
        let missing = self.missing();
        missing == 0 || self.room.grow(missing).is_ok()
    }

    /// The whole lines, [`CHUNK_LINES`] of them at most.
    fn cut(&mut self) -> Piece {
        let is_end = |b: &u8| *b == b'\n';
        let end = if self.lines > CHUNK_LINES {
            let mut ends = (1..).zip(&self.buffer).filter(|(_, b)| is_end(b));
            ends.nth(CHUNK_LINES - 1).map(|(end, _)| end)
        } else {
            self.buffer.iter().rposition(is_end).map(|at| at + 1)
        };
        let end = end.unwrap_or(self.buffer.len());
        let lines = self.lines.min(CHUNK_LINES);
        let rest = self.buffer.split_off(end);
        self.deadline = None;
        self.lines -= lines;
        Piece {
            text: std::mem::replace(&mut self.buffer, rest),
            lines,
            room: self.room.split(room_of(end, lines)),
        }
    }

    /// A last line without LF is complete when the stream ends.
    fn last_line(&mut self) -> Option<Piece> {
        if self.buffer.is_empty() {
            return None;
        }
        let text = std::mem::take(&mut self.buffer);
        Some(Piece {
            room: self.room.split(room_of(text.len(), 1)),
            text,
            lines: 1,
        })
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::lane::Lane;
    use crate::testing::{Network, close, node};

    const HOUR: Duration = Duration::from_secs(3600);

    fn body(frames: &[&str]) -> Body {
        let frames: Vec<_> = frames
            .iter()
            .map(|f| Ok::<_, std::io::Error>((*f).to_owned()))
            .collect();
        Body::from_stream(futures_util::stream::iter(frames))
    }

    #[tokio::test]
    async fn a_stream_without_room_hands_on_whole_lines_and_waits_for_the_rest_of_one() {
        let lane = Lane::new(2 * (3 + LINE_ROOM), 1, HOUR, Duration::from_millis(1));
        let mut chunks = Chunks::new(body(&["a\n", "b\nc", "\nd"]), &lane);
        let first = chunks.next().await.unwrap().unwrap();
        let second = chunks.next().await.unwrap().unwrap();
        let texts = (&*first.text, &*second.text);
        assert_eq!(
            texts,
            (&b"a\nb\n"[..], &b"c\n"[..]),
            "no room to wait for more"
        );
        drop(first);
        let third = chunks.next().await.unwrap().unwrap();
        assert_eq!((&*third.text, third.lines), (&b"d"[..], 1));
        drop((second, third));
        let full = lane.crowd(0);
        let mut chunks = Chunks::new(body(&["half a line"]), &lane);
        let Err(refused) = chunks.next().await else {
            panic!("there was no room for it")
        };
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        drop((full, chunks));
        assert_eq!(lane.free(), 2 * (3 + LINE_ROOM), "all room is given back");
    }

    /// A line that never ends would hold its room for ever.
    #[tokio::test]
    async fn a_line_that_does_not_end_gives_its_room_back() {
        let lane = Lane::new(1 << 20, 1, Duration::from_millis(1), HOUR);
        let free = lane.free();
        let begun = futures_util::stream::iter([Ok::<_, std::io::Error>("a\nbegun")]);
        let body = Body::from_stream(begun.chain(futures_util::stream::pending()));
        let mut chunks = Chunks::new(body, &lane);
        assert_eq!(&*chunks.next().await.unwrap().unwrap().text, b"a\n");
        let Err(refused) = chunks.next().await else {
            panic!("it waits for ever")
        };
        assert_eq!(refused.status(), StatusCode::REQUEST_TIMEOUT);
        drop(chunks);
        assert_eq!(lane.free(), free);
    }

    #[tokio::test]
    async fn a_chunk_has_a_bounded_number_of_lines() {
        let lane = Lane::new(64 << 20, 1, HOUR, HOUR);
        let text = "\n".repeat(2 * CHUNK_LINES + 1);
        let mut chunks = Chunks::new(Body::from(text), &lane);
        let mut lines = Vec::new();
        while let Some(piece) = chunks.next().await.unwrap() {
            assert_eq!(piece.text.len(), piece.lines);
            assert_eq!(piece.room.bytes(), room_of(piece.lines, piece.lines));
            lines.push(piece.lines);
        }
        assert_eq!(lines, [CHUNK_LINES, CHUNK_LINES, 1]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stream_of_very_short_lines_is_taken_whole() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(dir.path()).await;
        let network = Network::new(&node);
        network
            .post("/scrolls", r#"{"name":"A","format":"raw"}"#)
            .await;
        // One chunk of so many would be more than one append may be.
        let lines = crate::sequencer::REQUEST_BYTES / 64 + 1;
        let answer = network
            .call("POST", "/scrolls/A/entries", "", "\n".repeat(lines))
            .await;
        assert_eq!(
            (answer.status, &answer.json()["lines"]),
            (StatusCode::OK, &json!(lines))
        );
        close(node).await;
    }
}
