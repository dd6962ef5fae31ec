//! Feeding followed files into scrolls: one task per file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding as _};
use quorate_merkle::leaf_hash;
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{Receipt, ReceiptError};
use quorate_store::{Kind, MAX_ENTRY_LEN, PreparedEntry};
use tokio::sync::watch;

use crate::api::ApiError;
use crate::clock;
use crate::follow::{Cursor, Follower, Gap, Taken};
use crate::prepare::{self, PrepareError};
use crate::scroll::Scroll;
use crate::sequencer::Append;
use crate::tasks::off_thread;

/// How often a file is looked at when nothing comes.
const IDLE: Duration = Duration::from_millis(200);
/// After a failed read the file is left alone this long.
const RETRY: Duration = Duration::from_secs(5);

/// The type of a receipt that holds one line of text.
pub(crate) const LOG_LINE: &str = "log_line";
/// The type of a receipt that says where lines may be missing.
pub(crate) const FOLLOW_GAP: &str = "follow_gap";
/// The type of a receipt that stands for a line that is no receipt, or too long for one.
pub(crate) const FOLLOW_REJECTED: &str = "follow_rejected";

/// Why a line of a followed file is recorded by its hash.
const TOO_LONG: &str = "longer than 65535 bytes";

/// The name of a followed file's cursor in the journal.
#[must_use]
pub(crate) fn cursor_name(file: &Path) -> String {
    format!(
        "follow:{}",
        blake3::hash(file.as_os_str().as_encoded_bytes()).to_hex()
    )
}

/// Follows `file` into `scroll` until `stop` or until the scroll no longer appends. Lines of a batch and
/// the cursor behind them are one append.
pub(crate) async fn run(
    scroll: Arc<Scroll>,
    file: std::path::PathBuf,
    raw: bool,
    mut stop: watch::Receiver<bool>,
) {
    let name = cursor_name(&file);
    let mut follower = resume(&scroll, &file, &name);
    loop {
        let look = move || {
            let taken = follower.take(Instant::now());
            (follower, taken)
        };
        let Some((returned, taken)) = off_thread(look).await else {
            return;
        };
        follower = returned;
        let wait = match taken {
            Ok(Taken { cursor: None, .. }) => IDLE,
            Ok(taken) => match append(&scroll, &file, raw, &name, taken).await {
                Ok(()) => Duration::ZERO,
                Err(error) => {
                    tracing::error!(file = %file.display(), error = error.message(), "following stopped; the next start goes on after the last durable line");
                    return;
                }
            },
            Err(error) => {
                // What was taken but not appended is taken again, from the last durable line.
                follower = resume(&scroll, &file, &name);
                tracing::warn!(file = %file.display(), %error, "the followed file cannot be read; trying again");
                RETRY
            }
        };
        if *stop.borrow() {
            return;
        }
        if !wait.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|s| *s) => return,
            }
        }
    }
}

/// A follower from the last durable line on.
fn resume(scroll: &Scroll, file: &Path, name: &str) -> Follower {
    let cursor = scroll
        .reader()
        .cursor(name)
        .and_then(|bytes| Cursor::from_bytes(&bytes));
    Follower::new(file.to_path_buf(), cursor)
}

async fn append(
    scroll: &Scroll,
    file: &Path,
    raw: bool,
    name: &str,
    taken: Taken,
) -> Result<(), ApiError> {
    let Taken {
        gaps,
        lines,
        cursor,
    } = taken;
    let kind = scroll.spec().kind;
    let mut entries = Vec::with_capacity(lines.len() + gaps.len());
    for gap in &gaps {
        tracing::warn!(file = %file.display(), ?gap, "lines may be missing from the followed file; recorded");
        entries.push(note_entry(kind, &gap_note(file, gap))?);
    }
    let mut rejected = 0_u64;
    for line in &lines {
        entries.push(match line_entry(kind, raw, line)? {
            Ok(entry) => entry,
            Err(reason) => {
                // One warning for each batch: a file that is no JSON at all must not fill the log.
                if rejected == 0 {
                    tracing::warn!(file = %file.display(), reason, "a followed line is no entry; its hash and the reason are recorded in its place");
                }
                rejected += 1;
                note_entry(kind, &rejected_note(file, line, &reason))?
            }
        });
    }
    if rejected > 1 {
        tracing::warn!(file = %file.display(), rejected, "more followed lines are no entries; recorded likewise");
    }
    let cursor = cursor.map(|c| (name.to_owned(), c.to_bytes()));
    let append = Append {
        entries,
        cursors: cursor.into_iter().collect(),
    };
    scroll.enqueue(append).await?.durable().await?;
    Ok(())
}

/// The entry of a line, or why the line cannot be one.
fn line_entry(
    kind: Kind,
    raw: bool,
    line: &[u8],
) -> Result<Result<PreparedEntry, String>, ApiError> {
    let entry = if kind == Kind::Raw {
        if line.len() > MAX_ENTRY_LEN {
            return Ok(Err(TOO_LONG.to_owned()));
        }
        prepare::raw_entry(line.to_vec())
    } else {
        let receipt = if raw {
            Receipt::from_object(&line_object(line), clock::now()).map_err(PrepareError::from)
        } else {
            prepare::accept(line, clock::now(), None)
        };
        match receipt {
            Ok(receipt) => prepare::entry_of(receipt),
            // What its own words advise is for somebody who appends, not for a file's writer.
            Err(PrepareError::Receipt(ReceiptError::TooLong { .. })) => {
                return Ok(Err(TOO_LONG.to_owned()));
            }
            Err(error) => return Ok(Err(error.to_string())),
        }
    };
    entry.map(Ok).map_err(|e| crate::api::refused(&e))
}

/// A line as a receipt: as text where it is text, in base64 where it is not.
#[must_use]
pub fn line_object(line: &[u8]) -> Object {
    let object = Object::new().with("type", LOG_LINE);
    match std::str::from_utf8(line) {
        Ok(text) => object.with("line", text),
        Err(_) => object.with("line_base64", Base64::encode_string(line)),
    }
}

fn gap_note(file: &Path, gap: &Gap) -> Object {
    let (reason, read_to) = match gap {
        Gap::Truncated { read_to } => ("truncated", *read_to),
        Gap::Replaced { read_to } => ("replaced", *read_to),
    };
    Object::new()
        .with("type", FOLLOW_GAP)
        .with("file", file.display().to_string())
        .with("reason", reason)
        .with("read_to", Value::try_from(read_to).unwrap_or(Value::Null))
}

/// A line that cannot be logged itself is logged by its hash: it is not lost silently, and whoever has it
/// can show that it was there.
fn rejected_note(file: &Path, line: &[u8], reason: &str) -> Object {
    Object::new()
        .with("type", FOLLOW_REJECTED)
        .with("file", file.display().to_string())
        .with("leaf_hash", format!("sha256:{}", leaf_hash(line)))
        .with(
            "length",
            Value::try_from(line.len() as u64).unwrap_or(Value::Null),
        )
        .with("reason", reason)
}

/// In a scroll of receipts a receipt; in a raw scroll the same canonical JSON as an entry.
fn note_entry(kind: Kind, note: &Object) -> Result<PreparedEntry, ApiError> {
    let receipt = Receipt::from_object(note, clock::now()).map_err(|e| {
        ApiError::internal(format!("a note on the followed file is no receipt: {e}"))
    })?;
    match kind {
        Kind::Receipts => prepare::entry_of(receipt),
        Kind::Raw => prepare::raw_entry(receipt.into_bytes()),
    }
    .map_err(|e| crate::api::refused(&e))
}
