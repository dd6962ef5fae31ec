//! The check of a running node, which it makes itself.

use http::Method;
use http_body_util::BodyExt as _;
use indicatif::ProgressBar;
use serde_json::Value;

use super::super::scroll::{array, number, string};
use crate::client::{Client, Without, broken, empty, refusal, request};
use crate::failure::Failure;
use crate::local::Settings;
use crate::out::Out;
use crate::progress;
use crate::uri::Uri;

/// The longest line of the answer: a report names one file and one reason.
const MAX_LINE: usize = 64 << 10;

/// Has every scroll checked, or one.
pub(super) async fn check(
    settings: &Settings,
    name: Option<&str>,
    what: &str,
    out: Out,
) -> Result<Vec<Value>, Failure> {
    let mut client = Client::connect(settings, Without::Refuse).await?;
    let list = client.get(&Uri::path(&["scrolls"]), what).await?;
    let mut answers = Vec::new();
    for scroll in array(&list, "scrolls") {
        let scroll = string(scroll, "name");
        if name.is_none_or(|n| n == scroll) {
            let bar = progress::bar(Some(0), out);
            let report = one(&mut client, scroll, &bar).await;
            bar.finish_and_clear();
            answers.push(report?);
        }
    }
    Ok(answers)
}

async fn one(client: &mut Client, scroll: &str, bar: &ProgressBar) -> Result<Value, Failure> {
    let what = format!("cannot check {scroll}");
    let uri = Uri::path(&["scrolls", scroll, "fsck"]);
    let answer = client
        .ask(request(Method::POST, &uri, empty()), &what)
        .await?;
    let status = answer.status();
    let mut body = answer.into_body();
    let mut held = Vec::new();
    let mut found = None;
    // To its end: a connection whose answer was left unread takes no further request.
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|e| broken(&what, &*e))?.into_data() else {
            continue;
        };
        held.extend_from_slice(&data);
        while let Some(end) = held.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = held.drain(..=end).collect();
            let line: Value = serde_json::from_slice(&line).map_err(|e| broken(&what, &e))?;
            if let Some(progress) = line.get("progress") {
                bar.set_length(number(progress, "total"));
                bar.set_position(number(progress, "done"));
            } else if let Some(report) = line.get("report") {
                let mut report = report.clone();
                report["repaired"] = false.into();
                found = Some(report);
            } else {
                let status = if line.get("error").is_some() {
                    http::StatusCode::INTERNAL_SERVER_ERROR
                } else {
                    status
                };
                return Err(refusal(status, &line, &what));
            }
        }
        if held.len() > MAX_LINE {
            break;
        }
    }
    found.ok_or_else(|| {
        Failure::environment("connection-lost", what, "the answer ends without a report")
            .hint("try again; the node's log says why it stopped")
    })
}
