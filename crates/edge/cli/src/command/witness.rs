//! `quorate witness …`: what the operator of a witness sees and changes.

mod lists;
mod serve;

use std::io::Read as _;
use std::path::Path;

use http::Method;
use serde_json::{Value, json};

use super::scroll::{entries, number, string};
use crate::args::{Global, Serve, Witness};
use crate::client::{Client, Without};
use crate::failure::{Failure, Stop};
use crate::local::Settings;
use crate::out::{Out, Sink};
use crate::text::{Fields, Paint, Table, middle, printable, seconds};
use crate::uri::Uri;

/// The largest list that is read. Public lists have a few thousand logs of about 300 bytes.
const MAX_LIST: u64 = 16 << 20;

/// As much of an origin as leaves the table 80 columns; `show` and `--json` have all of it.
const MAX_ORIGIN: usize = 36;

pub(super) fn serve(global: &Global, serve: &Serve, out: Out) -> Result<(), Stop> {
    serve::run(global, serve, out)
}

/// The running witness. Its state is read through it also where nothing is changed: it holds the store.
async fn reach(settings: &Settings) -> Result<Client, Failure> {
    let reached = Client::connect(settings, Without::Refuse).await;
    reached.map_err(|failure| match failure.is("no-node") {
        true => Failure::environment(
            "no-node",
            format!("no witness runs on {}", settings.data_dir().display()),
            "what a witness remembers is told by the running witness",
        )
        .hint(
            "start it with 'quorate witness serve', or with 'quorate up' if a node is the witness; --data-dir names another \
             directory",
        ),
        false => failure,
    })
}

pub(super) async fn run(settings: &Settings, witness: Witness, out: Out) -> Result<(), Stop> {
    match witness {
        // Started before: it is a node.
        Witness::Serve(_) => Ok(()),
        Witness::AddLog {
            vkey,
            origin,
            qpd,
            contact,
        } => {
            let log = json!({"vkey": vkey, "origin": origin, "qpd": qpd, "contact": contact});
            add(settings, &log, out).await
        }
        Witness::Import { file } => import(settings, &file, out).await,
        Witness::List => list(settings, out).await,
        Witness::Show { origin: None } => show_witness(settings, out).await,
        Witness::Show {
            origin: Some(origin),
        } => show_log(settings, &origin, out).await,
        Witness::Disable { origin, key } => {
            let body = json!({"origin": origin, "vkey": key});
            change(settings, "disable", &body, out).await
        }
        Witness::Enable { origin } => {
            change(settings, "enable", &json!({"origin": origin}), out).await
        }
        Witness::Resume { origin } => {
            change(settings, "resume", &json!({"origin": origin}), out).await
        }
        Witness::Evidence { id: None, .. } => list_evidence(settings, out).await,
        Witness::Evidence {
            id: Some(id),
            output,
        } => evidence(settings, &id, output.as_deref(), out).await,
    }
}

async fn add(settings: &Settings, log: &Value, out: Out) -> Result<(), Stop> {
    let mut client = reach(settings).await?;
    let uri = Uri::path(&["witness", "logs"]);
    let added = client
        .change(Method::POST, &uri, Some(log), "cannot follow the log")
        .await?;
    out.answer(&added, |paint| log_page(&added, paint))?;
    Ok(())
}

async fn import(settings: &Settings, file: &Path, out: Out) -> Result<(), Stop> {
    let text = read(file)?;
    let logs = lists::parse(&text).map_err(|error| {
        Failure::refused(
            "malformed",
            format!("cannot import {}", file.display()),
            error.to_string(),
        )
        .hint("nothing was changed; a list begins with 'logs/v0', or is YAML with 'Logs:'")
    })?;
    let mut client = reach(settings).await?;
    let uri = Uri::path(&["witness", "logs"]);
    let body: Value = logs.iter().map(lists::Listed::json).collect();
    let added = client
        .change(Method::POST, &uri, Some(&body), "cannot follow the logs")
        .await?;
    let count = added.as_array().map_or(0, Vec::len);
    out.answer(&added, |_| {
        let logs = crate::text::count(count as u64, "log", "logs");
        format!("Followed: {logs} of {}.\n", file.display())
    })?;
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(MAX_LIST)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|f| f.take(MAX_LIST).read_to_string(&mut text))
    };
    read.map_err(|e| Failure::file("read", file, &e))?;
    Ok(text)
}

async fn list(settings: &Settings, out: Out) -> Result<(), Stop> {
    let mut client = reach(settings).await?;
    let logs = client
        .get(&Uri::path(&["witness", "logs"]), "cannot list the logs")
        .await?;
    out.answer(&logs, |paint| {
        let all = logs.as_array().map(Vec::as_slice).unwrap_or_default();
        if all.is_empty() {
            return "No logs are followed. 'quorate witness add-log VKEY' adds one.\n".to_owned();
        }
        let mut table = Table::new(&["log", "size", "co-signed", "state"]);
        for log in all {
            let size = log.get("size").and_then(Value::as_u64);
            table.push(&[
                &middle(&printable(string(log, "origin")), MAX_ORIGIN),
                &size.map_or_else(|| "never".to_owned(), |s| s.to_string()),
                &time(log),
                state(log),
            ]);
        }
        table.render(paint)
    })?;
    Ok(())
}

fn state(log: &Value) -> &'static str {
    let enabled = log.get("enabled").and_then(Value::as_bool) == Some(true);
    let halted = log.get("halt").is_some_and(|h| !h.is_null());
    match (enabled, halted) {
        (_, true) => "HALTED",
        (true, false) => "followed",
        (false, false) => "disabled",
    }
}

/// When a log was co-signed last.
fn time(log: &Value) -> String {
    let at = log.get("cosigned_at").and_then(Value::as_i64);
    let at = at.and_then(|at| jiff::Timestamp::from_second(at).ok());
    at.map(|at| at.to_string()).unwrap_or_default()
}

async fn show_witness(settings: &Settings, out: Out) -> Result<(), Stop> {
    let mut client = reach(settings).await?;
    let info = client
        .get(&Uri::path(&["witness"]), "cannot show the witness")
        .await?;
    out.answer(&info, |paint| serve::witness_page(&info, paint))?;
    Ok(())
}

async fn show_log(settings: &Settings, origin: &str, out: Out) -> Result<(), Stop> {
    let mut client = reach(settings).await?;
    let uri = Uri::path(&["witness", "logs"]).query("origin", origin);
    let what = format!("cannot show the log {origin}");
    let log = client.get(&uri, &what).await?;
    out.answer(&log, |paint| log_page(&log, paint))?;
    Ok(())
}

async fn change(settings: &Settings, verb: &str, body: &Value, out: Out) -> Result<(), Stop> {
    let mut client = reach(settings).await?;
    let uri = Uri::path(&["witness", "logs", verb]);
    let what = format!("cannot {verb} {}", string(body, "origin"));
    let log = client.change(Method::POST, &uri, Some(body), &what).await?;
    out.answer(&log, |paint| log_page(&log, paint))?;
    Ok(())
}

fn log_page(log: &Value, paint: Paint) -> String {
    let keys: Vec<&str> = super::scroll::array(log, "keys")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let qpd = log.get("qpd").and_then(Value::as_u64).unwrap_or(864_000);
    let size = log.get("size").and_then(Value::as_u64);
    let mut fields = Fields::new()
        .row("log", printable(string(log, "origin")))
        .row("state", state(log))
        .row("keys", keys.join(", "))
        .row("requests", format!("{qpd} a day"));
    if let Some(size) = size {
        fields.push(
            "co-signed",
            format!("{}, {}", entries(size, true), time(log)),
        );
        fields.push("root", string(log, "root"));
    } else {
        fields.push("co-signed", "never");
    }
    fields.push("monitoring", string(log, "path"));
    let mut page = fields.render(paint);
    if let Some(halt) = log.get("halt").filter(|h| !h.is_null()) {
        page.push_str(&paint.error(&format!(
            "\nNothing is signed for this log: a checkpoint of {} bears our co-signature, seen {},\n\
             and is not remembered. Either this state is an older copy, or somebody else has the key.\n\
             'quorate witness resume --help' says what to do.\n",
            entries(number(halt, "size"), true),
            seconds(string(halt, "at")),
        )));
    }
    page
}

async fn list_evidence(settings: &Settings, out: Out) -> Result<(), Stop> {
    let mut client = reach(settings).await?;
    let uri = Uri::path(&["witness", "evidence"]);
    let list = client.get(&uri, "cannot list the evidence").await?;
    out.answer(&list, |paint| {
        let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
        if all.is_empty() {
            return "No log has shown this witness two trees.\n".to_owned();
        }
        let mut table = Table::new(&["id", "log", "size", "seen"]);
        for one in all {
            table.push(&[
                string(one, "id").get(..16).unwrap_or("-"),
                &printable(string(one, "origin")),
                &number(one, "size").to_string(),
                &seconds(string(one, "seen_at")),
            ]);
        }
        table.render(paint)
    })?;
    Ok(())
}

async fn evidence(
    settings: &Settings,
    id: &str,
    output: Option<&Path>,
    out: Out,
) -> Result<(), Stop> {
    let mut client = reach(settings).await?;
    let uri = Uri::path(&["witness", "evidence", id]);
    let what = format!("cannot export the evidence {id}");
    let text = client.get_octets(&uri, &what).await?;
    if out.json() && output.is_none() {
        let answer = json!({"id": id, "evidence": String::from_utf8_lossy(&text)});
        return out.line(&answer.to_string());
    }
    let mut sink = Sink::open(output)?;
    sink.write(&text)?;
    sink.finish()
}
