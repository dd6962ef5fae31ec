//! NDJSON: few connections, each one long request body of many receipts.

use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::http::Target;
use crate::payload::Template;
use crate::table::per_second;

/// Bytes given to the socket at once.
const PIECE: usize = 256 * 1024;

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) receipts: u64,
    pub(crate) time: Duration,
}

impl Outcome {
    pub(crate) fn rate(&self) -> u64 {
        per_second(self.receipts, self.time)
    }
}

/// Sends `receipts` receipts numbered from `first`, divided among `streams` connections, and waits for every
/// answer. Each must say that all its lines are durable.
pub(crate) fn run(
    target: &Target,
    scroll: &str,
    template: &Template,
    first: u64,
    receipts: u64,
    streams: u64,
) -> Result<Outcome> {
    let began = Instant::now();
    let streams = streams.clamp(1, receipts.max(1));
    thread::scope(|scope| {
        let parts: Vec<_> = (0..streams)
            .map(|part| {
                let from = first + receipts * part / streams;
                let to = first + receipts * (part + 1) / streams;
                scope.spawn(move || stream(target, scroll, template, from, to))
            })
            .collect();
        parts.into_iter().try_for_each(|part| {
            part.join()
                .unwrap_or_else(|_| Err(Failure::Missing("a stream's thread stopped".to_owned())))
        })
    })?;
    Ok(Outcome {
        receipts,
        time: began.elapsed(),
    })
}

fn stream(target: &Target, scroll: &str, template: &Template, from: u64, to: u64) -> Result<()> {
    let line = template.len() as u64 + 1;
    let path = format!("/scrolls/{scroll}/receipts");
    let mut connection = target.connect()?;
    connection.send(
        target
            .head("POST", &path, "application/x-ndjson", line * (to - from))
            .as_bytes(),
    )?;
    let mut piece = Vec::with_capacity(PIECE + template.len() + 1);
    let mut sent = Ok(());
    for n in from..to {
        template.write(n, &mut piece);
        piece.push(b'\n');
        if piece.len() >= PIECE || n + 1 == to {
            sent = connection.send(&piece);
            if sent.is_err() {
                // The node may have answered and closed; its answer says more than the broken pipe.
                break;
            }
            piece.clear();
        }
    }
    let answer = match (connection.receive(), sent) {
        (Ok(answer), _) => answer,
        (Err(_), Err(unsent)) => return Err(unsent),
        (Err(unread), Ok(())) => return Err(unread),
    };
    let body = answer.expect(200, "NDJSON stream")?;
    let report: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    match report["lines"].as_u64() {
        Some(lines) if lines == to - from => Ok(()),
        lines => Err(Failure::Broken(format!(
            "{} lines sent, answer says {lines:?}",
            to - from
        ))),
    }
}
