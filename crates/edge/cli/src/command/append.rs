//! `quorate append`: lines or sealed content, streamed; says how far it got.

mod input;

use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use super::scroll::{array, entries, info, number, string};
use crate::args::Append;
use crate::client::{Client, Without, json_body, refusal, request};
use crate::failure::{Failure, Stop};
use crate::local::{Mode, Settings};
use crate::out::Out;
use crate::progress::bar as bar_over;
use crate::text::{Paint, count};
use crate::uri::Uri;

use input::{Form, Input};

pub(super) async fn run(settings: &Settings, append: &Append, out: Out) -> Result<(), Stop> {
    let what = format!("cannot append to {}", append.scroll);
    // Opened first: a wrong file name must not depend on whether a node runs.
    let input = Input::open(append.file.as_deref())?;
    let mut client = reach(settings, append.offline, &what).await?;
    let scroll = info(&mut client, &append.scroll, &what).await?;
    let raw = string(&scroll, "format") == "raw";
    if append.seal {
        if raw {
            let why = format!(
                "{} is a raw scroll; what is sealed is named by a receipt",
                append.scroll
            );
            return Err(Failure::refused("wrong-format", what, why)
                .hint("seal into a scroll of receipts: 'quorate log create NAME' makes one")
                .into());
        }
        seal(client, append, input, &what, out).await?;
    } else {
        lines(client, append, input, raw, &what, out).await?;
    }
    if let Some(reason) = scroll.get("halted").and_then(Value::as_str) {
        out.aside(&format!(
            "{} is halted: what was appended is durable, and no head over it is signed. {reason}",
            append.scroll
        ));
    }
    Ok(())
}

async fn reach(settings: &Settings, offline: bool, what: &str) -> Result<Client, Failure> {
    if !offline {
        return Client::connect(settings, Without::Refuse)
            .await
            .map_err(|failure| {
                if failure.is("no-node") {
                    failure.hint("start it with 'quorate up', or append without it: --offline")
                } else {
                    failure
                }
            });
    }
    if Client::node_runs(settings).await? {
        return Err(Failure::refused(
            "node-runs",
            what,
            "--offline was asked for, but a node runs on this data directory",
        )
        .hint("leave --offline out: the node appends, and signs what was appended"));
    }
    Client::in_process(settings, Mode::OfflineAppend)
}

/// Streams lines and reports what became durable.
async fn lines(
    mut client: Client,
    append: &Append,
    input: Input,
    raw: bool,
    what: &str,
    out: Out,
) -> Result<(), Stop> {
    let name = input.name();
    let bar = bar_over(input.length(), out);
    let form = match (raw, append.raw) {
        (true, _) => Form::Entries,
        (false, false) => Form::Receipts,
        (false, true) => Form::Wrapped,
    };
    let (body, watch) = input.stream(form, bar.clone());
    let uri = Uri::path(&["scrolls", &append.scroll, form.part()]);
    let mut request = request(Method::POST, &uri, body);
    request.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-ndjson"),
    );
    let sent = client.send(request, what).await;
    let answered = match sent {
        Ok(answer) => json_body(answer, what).await,
        Err(failure) => Err(failure),
    };
    bar.finish_and_clear();
    let (status, answer) = match answered {
        Ok(answered) => answered,
        Err(failure) => {
            return Err(watch.read_error().unwrap_or(failure).into());
        }
    };
    let durable = if status.is_success() {
        &answer
    } else {
        answer.get("durable").unwrap_or(&Value::Null)
    };
    let mut report = json!({
        "scroll": append.scroll,
        "durable": number(durable, "lines"),
        "runs": array(durable, "chunks"),
        "watermark": "durable",
    });
    if append.offline {
        report["offline"] = Value::Bool(true);
    }
    // Where nothing is durable, the error says so.
    if status.is_success() || out.json() || number(durable, "lines") > 0 {
        out.answer(&report, |paint| said(paint, &report, raw, append.offline))?;
    }
    if !status.is_success() {
        let mut failure = at_line(status, &answer, what, &name, number(durable, "lines"));
        if form == Form::Receipts && failure.is("malformed") && watch.text() {
            failure = failure.ask("lines of text? add --raw");
        }
        return Err(failure.into());
    }
    if let Some(failure) = watch.read_error() {
        return Err(failure.into());
    }
    if watch.interrupted() {
        let durable = number(&report, "durable");
        return Err(Failure::refused(
            "interrupted",
            what,
            format!("you stopped it before the end of {name}"),
        )
        .hint(format!(
            "{}: to go on, append from line {} on",
            first(durable),
            durable + 1
        ))
        .into());
    }
    Ok(())
}

/// `3 receipts durable, indices 4..6`.
fn said(paint: Paint, report: &Value, raw: bool, offline: bool) -> String {
    let durable = number(report, "durable");
    let runs: Vec<String> = array(report, "runs")
        .iter()
        .map(|run| {
            let (first, lines) = (number(run, "first_index"), number(run, "lines"));
            if lines == 1 {
                first.to_string()
            } else {
                format!("{first}..{}", first + lines.saturating_sub(1))
            }
        })
        .collect();
    let indices = match (durable, runs.as_slice()) {
        (0, _) | (_, []) => String::new(),
        (1, [one]) => format!(", index {one}"),
        (_, few) if few.len() <= 8 => format!(", indices {}", few.join(", ")),
        (_, many) => format!(
            ", indices {} … {} in {} runs",
            many[0],
            many[many.len() - 1],
            many.len()
        ),
    };
    let mut text = format!("{} durable{indices}\n", paint.bold(&entries(durable, raw)));
    if offline {
        text.push_str(&paint.dim("no checkpoint covers them until the node runs: 'quorate up'"));
        text.push('\n');
    }
    text
}

fn first(lines: u64) -> String {
    match lines {
        1 => "the first line is durable".to_owned(),
        n => format!("the first {n} lines are durable"),
    }
}

/// A refusal that knows where in the input it happened and how to go on.
fn at_line(status: StatusCode, answer: &Value, what: &str, name: &str, durable: u64) -> Failure {
    let line = answer
        .get("error")
        .and_then(|e| e.get("line"))
        .and_then(Value::as_u64);
    let what = match line {
        Some(line) => format!("{what}: line {line} of {name}"),
        None => what.to_owned(),
    };
    let failure = refusal(status, answer, &what);
    let go_on = match (line, durable) {
        _ if failure.is("stopping") => format!(
            "{} acknowledged; what is behind may be there or not: compare before you append again",
            count(durable, "line is", "lines are")
        ),
        (None, 0) => String::new(),
        (Some(_), 0) => {
            "nothing of this input was appended: mend the line and append it again".to_owned()
        }
        (Some(_), n) => format!(
            "{}: mend the input and append from line {} on",
            first(n),
            n + 1
        ),
        (None, n) => format!("{}: append from line {} on", first(n), n + 1),
    };
    failure.and_hint(&go_on)
}

/// Keeps the input beside the log and appends the receipt that commits to it.
async fn seal(
    mut client: Client,
    append: &Append,
    input: Input,
    what: &str,
    out: Out,
) -> Result<(), Stop> {
    let bar = bar_over(input.length(), out);
    let (body, watch) = input.stream(Form::Sealed, bar.clone());
    let uri = Uri::path(&["scrolls", &append.scroll, "sealed"]).query("type", &append.type_);
    let mut request = request(Method::POST, &uri, body);
    request.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    let answer = match client.ask(request, what).await {
        Ok(answer) => json_body(answer, what).await,
        Err(failure) => Err(failure),
    };
    bar.finish_and_clear();
    let (_, answer) = answer.map_err(|failure| watch.read_error().unwrap_or(failure))?;
    out.answer(&answer, |paint| {
        format!(
            "{} durable, index {}; its content is sealed beside the log\n",
            paint.bold("1 receipt"),
            number(&answer, "index")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(runs: &[(u64, u64)]) -> Value {
        let durable: u64 = runs.iter().map(|r| r.1).sum();
        let runs: Vec<_> = runs
            .iter()
            .map(|(i, n)| json!({"first_index": i, "lines": n}))
            .collect();
        json!({"durable": durable, "runs": runs})
    }

    #[test]
    fn the_report_names_every_index() {
        let said = |runs: &[(u64, u64)], raw| said(Paint::OFF, &report(runs), raw, false);
        assert_eq!(said(&[], false), "0 receipts durable\n");
        assert_eq!(said(&[(7, 1)], false), "1 receipt durable, index 7\n");
        assert_eq!(
            said(&[(0, 1000)], false),
            "1000 receipts durable, indices 0..999\n"
        );
        assert_eq!(
            said(&[(0, 2), (5, 1)], true),
            "3 entries durable, indices 0..1, 5\n"
        );
        let many: Vec<_> = (0..20).map(|i| (i * 3, 2)).collect();
        assert_eq!(
            said(&many, false),
            "40 receipts durable, indices 0..1 … 57..58 in 20 runs\n"
        );
    }

    #[test]
    fn a_bad_line_is_named_with_what_is_durable_and_how_to_go_on() {
        let answer = json!({"error": {"code": "malformed", "message": "not JSON", "hint": "send JSON", "line": 7}});
        let text = at_line(
            StatusCode::BAD_REQUEST,
            &answer,
            "cannot append to A",
            "x.jsonl",
            5,
        )
        .human(Paint::OFF);
        assert!(
            text.contains("cannot append to A: line 7 of x.jsonl"),
            "{text}"
        );
        assert!(
            text.contains("not JSON") && text.contains("from line 6 on"),
            "{text}"
        );
    }

    #[test]
    fn nobody_is_told_to_append_again_what_may_be_there() {
        let answer = json!({"error": {"code": "stopping", "message": "m", "hint": "h"}});
        for durable in [0, 5] {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let failure = at_line(status, &answer, "cannot append to A", "x", durable);
            let text = failure.human(Paint::OFF);
            assert!(text.contains("may be there or not"), "{text}");
            assert!(!text.contains("from line"), "{text}");
            assert_eq!(failure.exit(), crate::exit::Exit::Environment);
        }
        let full = json!({"error": {"code": "not-stored", "message": "m", "hint": "h"}});
        let text = at_line(StatusCode::INSUFFICIENT_STORAGE, &full, "cannot", "x", 5);
        let text = text.human(Paint::OFF);
        assert!(text.contains("append from line 6 on"), "{text}");
        assert!(!text.contains("mend"), "{text}");
    }
}
