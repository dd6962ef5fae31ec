//! `quorate log tail`: the newest entries, and those that come.

use std::collections::VecDeque;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::scroll::{info, number, string};
use crate::args::Tail;
use crate::client::{Client, LOST, Without, broken, empty, octets, request};
use crate::failure::{Failure, Stop};
use crate::local::Settings;
use crate::out::Out;
use crate::text::{Paint, printable, seconds};
use crate::uri::Uri;

/// Entries shown unless told otherwise.
const DEFAULT_LINES: u64 = 10;
/// Entries asked for at once; the node's own limits are higher in number and may be lower in octets.
const PAGE: u64 = 1000;
/// In an answer after which there is more: the query that goes on.
const NEXT: &str = "x-quorate-next";
/// How often a follower looks.
const LOOK: Duration = Duration::from_millis(250);

pub(super) async fn run(settings: &Settings, tail: &Tail, out: Out) -> Result<(), Stop> {
    // A directory opened in process does not grow: to follow it means to wait for nothing.
    let without = if tail.follow {
        Without::Refuse
    } else {
        Without::Read
    };
    let mut client = Client::connect(settings, without).await?;
    let what = format!("cannot show the entries of {}", tail.name);
    let size = number(&info(&mut client, &tail.name, &what).await?, "size");
    let mut list = List {
        client: &mut client,
        scroll: &tail.name,
        what: &what,
        out,
    };
    if tail.since.is_some() || tail.until.is_some() {
        let now = Timestamp::now();
        let since = tail.since.as_ref().map(|t| t.rfc3339(now));
        let until = tail.until.as_ref().map(|t| t.rfc3339(now));
        list.between(since, until.as_deref(), tail.lines).await?;
    } else {
        let from = size.saturating_sub(tail.lines.unwrap_or(DEFAULT_LINES));
        list.up_to(from, size).await?;
    }
    let mut next = size;
    if !tail.follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(LOOK).await;
        next = list.up_to(next, u64::MAX).await.map_err(stopped)?;
    }
}

/// A follower only reads: that the node went away leaves nothing to look after.
fn stopped(stop: Stop) -> Stop {
    match stop {
        Stop::Failed(failure) if failure.is(LOST) => {
            Failure::environment(LOST, "the node stopped", "it closed the connection")
                .hint("what was shown stands; start the node with 'quorate up' and follow again")
                .into()
        }
        other => other,
    }
}

/// Pages through a scroll.
struct List<'a> {
    client: &'a mut Client,
    scroll: &'a str,
    what: &'a str,
    out: Out,
}

impl List<'_> {
    fn uri(&self) -> Uri {
        Uri::path(&["scrolls", self.scroll, "receipts"]).query("limit", &PAGE.to_string())
    }

    /// One page, and the query of the next one.
    async fn page(&mut self, uri: &Uri) -> Result<(Vec<Value>, Option<String>), Stop> {
        let asked = request(Method::GET, uri, empty());
        let answer = self.client.ask(asked, self.what).await?;
        let next = answer.headers().get(NEXT).and_then(|n| n.to_str().ok());
        let next = next.map(str::to_owned);
        let octets = octets(answer, self.what).await?;
        let lines = octets
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty());
        let entries = lines
            .map(serde_json::from_slice)
            .collect::<Result<Vec<Value>, _>>();
        let entries = entries.map_err(|e| broken(self.what, &e))?;
        Ok((entries, next))
    }

    fn show(&self, entry: &Value) -> Result<(), Stop> {
        self.out.line(&if self.out.json() {
            entry.to_string()
        } else {
            line_of(entry, self.out.paint())
        })
    }

    /// Shows the entries from one index to another; answers the index after the last one shown.
    async fn up_to(&mut self, from: u64, to: u64) -> Result<u64, Stop> {
        let mut next = from;
        while next < to {
            let uri = self.uri().query("from", &next.to_string());
            let (page, _) = self.page(&uri).await?;
            if page.is_empty() {
                break;
            }
            for entry in page.iter().filter(|e| number(e, "index") < to) {
                self.show(entry)?;
            }
            next = page.last().map_or(to, |e| number(e, "index") + 1);
        }
        Ok(next)
    }

    /// Shows the entries of a time range, or its last few, in the order of their times.
    async fn between(
        &mut self,
        since: Option<String>,
        until: Option<&str>,
        last: Option<u64>,
    ) -> Result<(), Stop> {
        let mut held = VecDeque::new();
        let mut uri = self.uri().query_some("since", since.as_deref());
        loop {
            let (page, next) = self.page(&uri.query_some("until", until)).await?;
            for entry in page {
                match last {
                    None => self.show(&entry)?,
                    Some(n) => {
                        held.push_back(entry);
                        if held.len() as u64 > n {
                            held.pop_front();
                        }
                    }
                }
            }
            let Some(next) = next else { break };
            let pairs = next.split('&').filter_map(|pair| pair.split_once('='));
            uri = pairs.fold(self.uri(), |uri, (name, value)| uri.query(name, value));
        }
        for entry in &held {
            self.show(entry)?;
        }
        Ok(())
    }
}

/// `   12  2026-11-20T12:00:00Z  deploy  {"…"}`
fn line_of(entry: &Value, paint: Paint) -> String {
    let index = paint.dim(&format!("{:>8}", number(entry, "index")));
    let Some(receipt) = entry.get("receipt").and_then(Value::as_object) else {
        return format!(
            "{index}  {}",
            printable(&raw_text(string(entry, "entry_base64")))
        );
    };
    let member = |name: &str| receipt.get(name).and_then(Value::as_str).unwrap_or("-");
    let rest: serde_json::Map<String, Value> = receipt
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "timestamp" | "type" | "root_hash"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let rest = if rest.is_empty() {
        String::new()
    } else {
        printable(&Value::Object(rest).to_string())
    };
    let line = format!(
        "{index}  {}  {}  {rest}",
        paint.dim(&printable(&seconds(member("timestamp")))),
        paint.bold(&printable(member("type")))
    );
    line.trim_end().to_owned()
}

/// A raw entry as text, where it is text.
fn raw_text(base64: &str) -> String {
    match quorate_note::base64::decode(base64.as_bytes()).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        _ => format!("base64 {base64}"),
    }
}
