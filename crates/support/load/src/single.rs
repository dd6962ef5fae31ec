//! Single appends: many keep-alive connections, one receipt or raw entry in each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::failure::{Doing, Failure, Result};
use crate::http::{Reader, Target, number_member};
use crate::payload::Template;
use crate::table::{Latencies, per_second, thousands};

/// What is appended, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// JSON receipts to `POST /scrolls/{s}/receipts`.
    Receipt,
    /// Opaque entries of the same bytes to `POST /scrolls/{s}/add`.
    Raw,
}

/// A load of single appends.
pub(crate) struct Plan {
    pub(crate) scroll: String,
    pub(crate) kind: Kind,
    pub(crate) writers: usize,
    pub(crate) time: Duration,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) appends: u64,
    pub(crate) time: Duration,
    pub(crate) latencies: Latencies,
}

impl Outcome {
    pub(crate) fn rate(&self) -> u64 {
        per_second(self.appends, self.time)
    }

    /// `21,000/s, p50 … max …`
    pub(crate) fn text(&self) -> String {
        format!("{}/s, {}", thousands(self.rate()), self.latencies)
    }
}

/// Runs the load on one thread: the machine's other core belongs to the node.
///
/// Every answer must say 200 and an index that no other answer said.
pub(crate) fn run(target: &Target, plan: &Plan, template: &Template) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing("start tokio")?;
    runtime.block_on(run_writers(target, plan, template))
}

async fn run_writers(target: &Target, plan: &Plan, template: &Template) -> Result<Outcome> {
    let mut streams = Vec::with_capacity(plan.writers);
    for _ in 0..plan.writers {
        let stream = TcpStream::connect(target.address).await.doing("connect")?;
        stream.set_nodelay(true).doing("set TCP_NODELAY")?;
        streams.push(stream);
    }
    let (path, media) = match plan.kind {
        Kind::Receipt => (
            format!("/scrolls/{}/receipts", plan.scroll),
            "application/json",
        ),
        Kind::Raw => (
            format!("/scrolls/{}/add", plan.scroll),
            "application/octet-stream",
        ),
    };
    let head = target.head("POST", &path, media, template.len() as u64);
    let next = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let writers: Vec<_> = streams
        .into_iter()
        .map(|stream| {
            let writer = Writer {
                stream,
                kind: plan.kind,
                head: head.clone().into_bytes(),
                template: template.clone(),
                next: Arc::clone(&next),
                stop: Arc::clone(&stop),
                done: Vec::new(),
            };
            tokio::spawn(writer.run())
        })
        .collect();
    tokio::time::sleep(plan.time).await;
    stop.store(true, Ordering::Relaxed);
    let mut done = Vec::new();
    for writer in writers {
        let joined = writer
            .await
            .map_err(|e| Failure::Missing(format!("a writer stopped: {e}")))?;
        done.extend(joined?);
    }
    let time = began.elapsed();
    let appends = done.len() as u64;
    let (mut indexes, latencies): (Vec<u64>, Vec<Duration>) = done.into_iter().unzip();
    unique(&mut indexes)?;
    Ok(Outcome {
        appends,
        time,
        latencies: Latencies::new(latencies),
    })
}

/// An index given twice is an acknowledgement that was a lie.
fn unique(indexes: &mut [u64]) -> Result<()> {
    indexes.sort_unstable();
    match indexes.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Failure::Broken(format!(
            "index {} was acknowledged twice",
            pair[0]
        ))),
        None => Ok(()),
    }
}

struct Writer {
    stream: TcpStream,
    kind: Kind,
    head: Vec<u8>,
    template: Template,
    next: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    done: Vec<(u64, Duration)>,
}

impl Writer {
    async fn run(mut self) -> Result<Vec<(u64, Duration)>> {
        let mut request = self.head.clone();
        let mut reader = Reader::default();
        while !self.stop.load(Ordering::Relaxed) {
            request.truncate(self.head.len());
            self.template
                .write(self.next.fetch_add(1, Ordering::Relaxed), &mut request);
            let began = Instant::now();
            self.stream
                .write_all(&request)
                .await
                .doing("send an append")?;
            let answer = loop {
                if let Some(answer) = reader.take()? {
                    break answer;
                }
                if self
                    .stream
                    .read_buf(reader.buffer())
                    .await
                    .doing("read an answer")?
                    == 0
                {
                    return Err(Failure::Broken(
                        "a connection closed before its answer".to_owned(),
                    ));
                }
            };
            let took = began.elapsed();
            if answer.status == 429 {
                // Pushback is an answer; a writer that heeds it is what the figure is about.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
            let body = answer.expect(200, "append")?;
            let index = match self.kind {
                Kind::Receipt => number_member(&body, "index"),
                Kind::Raw => std::str::from_utf8(&body)
                    .ok()
                    .and_then(|text| text.trim_end().parse().ok()),
            };
            let index = index
                .ok_or_else(|| Failure::Broken("an acknowledgement without an index".to_owned()))?;
            self.done.push((index, took));
        }
        Ok(self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_acknowledged_twice_stops_the_run() {
        assert!(unique(&mut [3, 1, 2]).is_ok());
        assert!(matches!(unique(&mut [3, 1, 3]), Err(Failure::Broken(_))));
    }
}
