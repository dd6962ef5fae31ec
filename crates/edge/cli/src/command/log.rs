//! `quorate log …`: scrolls and their entries.

use std::path::Path;

use http::Method;
use http_body_util::BodyExt as _;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::keyline::key_lines;
use super::record::Record;
use super::scroll::{array, entries, index_of, info, number, string};
use super::{fsck, scroll, tail, tiles};
use crate::args::{Format, Log, Selector, Visibility};
use crate::client::{Client, Without, broken, empty, request};
use crate::failure::{Failure, Stop};
use crate::local::Settings;
use crate::out::{Out, Sink};
use crate::progress;
use crate::text::{Fields, Paint, Table, printable, seconds};
use crate::uri::Uri;

/// In place of a time.
const UNKNOWN: &str = "time not known";

pub(super) async fn run(settings: &Settings, log: Log, out: Out) -> Result<(), Stop> {
    match log {
        // Done before: they need no node.
        Log::Audit(_) | Log::Monitor(_) | Log::Evidence(_) => Ok(()),
        Log::Create {
            name,
            format,
            visibility,
        } => create(settings, &name, format, visibility, out).await,
        Log::List => list(settings, out).await,
        Log::Show { name } => show(settings, &name, out).await,
        Log::Get {
            name,
            entry,
            content,
            output,
        } => get(settings, &name, &entry, content, output.as_deref(), out).await,
        Log::Tail(tail) => tail::run(settings, &tail, out).await,
        Log::Export {
            name,
            tiles: Some(dir),
            ..
        } => tiles::export(settings, &name, &dir, out).await,
        Log::Export { name, output, .. } => export(settings, &name, output.as_deref(), out).await,
        Log::Root { name, note } => root(settings, &name, note, out).await,
        Log::Fsck { name, repair } => fsck::run(settings, name.as_deref(), repair, out).await,
        Log::Resume { name } => resume(settings, &name, out).await,
        Log::Erase {
            name,
            index,
            reason,
        } => erase(settings, &name, index, &reason, out).await,
    }
}

async fn create(
    settings: &Settings,
    name: &str,
    format: Format,
    visibility: Visibility,
    out: Out,
) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Refuse).await?;
    let what = format!("cannot create the scroll {name}");
    let body = json!({"name": name, "format": format.as_str(), "visibility": visibility.as_str()});
    let made = client
        .change(Method::POST, &Uri::path(&["scrolls"]), Some(&body), &what)
        .await?;
    out.answer(&made, |paint| {
        let fields = Fields::new()
            .row(
                "holds",
                format!(
                    "{}, {}",
                    string(&made, "format"),
                    string(&made, "visibility")
                ),
            )
            .row("origin", string(&made, "origin"));
        let title = paint.bold(&format!("Created {name}"));
        let mut text = format!("{title}\n{}", fields.render(paint));
        if made["witnessing"].is_object() {
            let title = "Its witnesses must follow it before it gets quorate. On each of them:";
            text.push_str(&remedy(title, &made, paint));
        }
        text
    })
}

/// What the operators of witnesses run, on lines of their own: they are copied. The Ed25519 keys only; ML-DSA-44 keys are in
/// --json.
fn remedy(title: &str, scroll: &Value, paint: Paint) -> String {
    let keys = array(scroll, "vkeys").iter().filter_map(Value::as_str);
    let short = keys.filter(|key| key.len() < 256);
    let lines: String = short
        .map(|key| format!("  quorate witness add-log {key}\n"))
        .collect();
    format!("{}\n{lines}", paint.dim(title))
}

async fn resume(settings: &Settings, name: &str, out: Out) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Refuse).await?;
    let what = format!("cannot resume {name}");
    let path = Uri::path(&["scrolls", name, "resume"]);
    let now = client.change(Method::POST, &path, None, &what).await?;
    out.answer(&now, |paint| {
        let title = paint.bold(&format!("{name} may be signed again"));
        match &now["witnessing"] {
            Value::String(_) => format!("{title}\n"),
            _ => format!("{title}, once its witnesses have said what they remember.\n"),
        }
    })
}

async fn list(settings: &Settings, out: Out) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Read).await?;
    let list = client
        .get(&Uri::path(&["scrolls"]), "cannot list the scrolls")
        .await?;
    out.answer(&list, |paint| scroll_table(&list, paint))
}

async fn show(settings: &Settings, name: &str, out: Out) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Read).await?;
    let scroll = info(&mut client, name, &format!("cannot show {name}")).await?;
    out.answer(&scroll, |paint| scroll_page(&scroll, paint))
}

/// Exact octets for files and pipes; on a terminal shown so that they cannot drive it.
async fn get(
    settings: &Settings,
    name: &str,
    entry: &Selector,
    content: bool,
    output: Option<&Path>,
    out: Out,
) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Read).await?;
    let (part, thing) = if content {
        ("sealed", "sealed content")
    } else {
        ("entries", "entry")
    };
    let what = format!("cannot get the {thing} of {name}");
    let index = index_of(&mut client, name, entry, &what).await?;
    let octets = client
        .get_octets(
            &Uri::path(&["scrolls", name, part, &index.to_string()]),
            &what,
        )
        .await?;
    if output.is_none() && out.terminal() {
        let text = String::from_utf8_lossy(&octets);
        let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
        return lines.map(printable).try_for_each(|line| out.line(&line));
    }
    let mut sink = Sink::open(output)?;
    sink.write(&octets)?;
    sink.finish()
}

async fn export(
    settings: &Settings,
    name: &str,
    output: Option<&Path>,
    out: Out,
) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Read).await?;
    let what = format!("cannot export {name}");
    let raw = string(&info(&mut client, name, &what).await?, "format") == "raw";
    let uri = Uri::path(&["scrolls", name, "export"]);
    let mut body = client
        .ask(request(Method::GET, &uri, empty()), &what)
        .await?
        .into_body();
    let file = output.filter(|p| *p != "-");
    let bar = if file.is_some() {
        progress::bar(None, out)
    } else {
        ProgressBar::hidden()
    };
    let mut sink = Sink::open(file)?;
    let mut octets = 0;
    let mut record = if raw {
        Record::framed()
    } else {
        Record::lines()
    };
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|e| broken(&what, &*e))?.into_data() else {
            continue;
        };
        octets += data.len() as u64;
        bar.inc(data.len() as u64);
        record.take(&data);
        sink.write(&data)?;
    }
    bar.finish_and_clear();
    if !record.whole() {
        return Err(Failure::environment(
            "connection-lost",
            what,
            "the record ends in the middle of an entry",
        )
        .hint("try again; the node's log says why it stopped")
        .into());
    }
    sink.finish()?;
    let Some(file) = file else { return Ok(()) };
    let report = json!({"scroll": name, "entries": record.entries(), "octets": octets, "file": file.display().to_string()});
    out.answer(&report, |_| {
        let form = if raw {
            "each behind its length"
        } else {
            "one per line"
        };
        format!(
            "{} in {}, {form}\n",
            entries(record.entries(), raw),
            file.display()
        )
    })
}

async fn erase(
    settings: &Settings,
    name: &str,
    index: u64,
    reason: &str,
    out: Out,
) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Refuse).await?;
    let what = format!("cannot erase the content of {name} {index}");
    let body = json!({"index": index, "reason": reason});
    let done = client
        .change(
            Method::POST,
            &Uri::path(&["scrolls", name, "erase"]),
            Some(&body),
            &what,
        )
        .await?;
    out.answer(&done, |_| {
        let before = done.get("already_erased").and_then(Value::as_bool) == Some(true);
        let gone = if before { "was already erased" } else { "is gone" };
        format!(
            "The content of {name} {index} {gone}; index {} records that. The receipt and its proofs stay.\n",
            number(&done, "index")
        )
    })
}

async fn root(settings: &Settings, name: &str, note: bool, out: Out) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Read).await?;
    let what = format!("cannot show the head of {name}");
    if note && !out.json() {
        return out.octets(
            &client
                .get_octets(&Uri::path(&["scrolls", name, "checkpoint"]), &what)
                .await?,
        );
    }
    let scroll = info(&mut client, name, &what).await?;
    let Some(checkpoint) = scroll.get("checkpoint").filter(|c| !c.is_null()) else {
        return Err(Failure::refused(
            "no-checkpoint",
            what,
            "no head of this scroll was signed yet",
        )
        .hint("start the node with 'quorate up': it signs the head when the scroll grows")
        .into());
    };
    let text = client
        .get_octets(&Uri::path(&["scrolls", name, "checkpoint"]), &what)
        .await?;
    let mut answer = checkpoint.clone();
    answer["scroll"] = name.into();
    answer["origin"] = scroll.get("origin").cloned().unwrap_or_default();
    answer["note"] = String::from_utf8_lossy(&text).into_owned().into();
    answer["witnessing"] = scroll.get("witnessing").cloned().unwrap_or_default();
    out.answer(&answer, |paint| {
        let fields = Fields::new()
            .row("head", string(&answer, "head_hash"))
            .row("size", number(&answer, "size").to_string())
            .row("root", string(&answer, "root"))
            .row("origin", string(&answer, "origin"))
            .row(
                "signed",
                signed(&answer).unwrap_or_else(|| UNKNOWN.to_owned()),
            )
            .row("witnesses", witnessing(&answer));
        format!("{}\n{}", paint.bold(name), fields.render(paint))
    })
}

fn scroll_table(list: &Value, paint: Paint) -> String {
    let mut table = Table::new(&[
        "name",
        "format",
        "visibility",
        ">size",
        "newest checkpoint",
        "state",
    ]);
    for scroll in array(list, "scrolls") {
        table.push(&[
            string(scroll, "name"),
            string(scroll, "format"),
            string(scroll, "visibility"),
            &number(scroll, "size").to_string(),
            &checkpoint(scroll),
            state(scroll),
        ]);
    }
    table.render(paint)
}

/// How far the newest entry is, in a word.
fn state(scroll: &Value) -> &str {
    if scroll.get("halted").is_some_and(Value::is_string) {
        return "halted";
    }
    match scroll.get("witnessing") {
        Some(Value::String(unwitnessed)) => unwitnessed,
        _ => string(scroll, "watermark"),
    }
}

fn scroll_page(scroll: &Value, paint: Paint) -> String {
    let raw = string(scroll, "format") == "raw";
    let mut fields = Fields::new()
        .row(
            "holds",
            format!(
                "{}, {}",
                entries(number(scroll, "size"), raw),
                string(scroll, "visibility")
            ),
        )
        .row("origin", string(scroll, "origin"))
        .row("root", root_line(scroll))
        .row("checkpoint", checkpoint(scroll));
    if let Some(head) = scroll.get("head_hash").and_then(Value::as_str) {
        fields.push("head", head);
    }
    if let Some(reason) = scroll.get("halted").and_then(Value::as_str) {
        fields.push("halted", reason);
    }
    fields.push("witnesses", witnessing(scroll));
    let witnesses = array(&scroll["witnessing"], "witnesses");
    for witness in witnesses {
        fields.push("", member(witness));
    }
    fields.push("created", seconds(string(scroll, "created_at")));
    for (i, key) in array(scroll, "vkeys")
        .iter()
        .filter_map(Value::as_str)
        .enumerate()
    {
        let (named, short) = key_lines(key);
        fields.push(if i == 0 { "keys" } else { "" }, named);
        fields.push("", short);
    }
    if scroll.get("engine").and_then(Value::as_bool) == Some(true) {
        fields.push("written by", "the node itself");
    }
    let is_unknown = |w: &Value| string(w, "trouble").contains("does not follow");
    let remedy = match witnesses.iter().any(is_unknown) {
        true => remedy("To have it followed, on those that do not:", scroll, paint),
        false => String::new(),
    };
    let name = printable(string(scroll, "name"));
    let whole = format!("whole keys: 'quorate policy show {name}', or --json");
    format!(
        "{}\n{}  {}\n{remedy}",
        paint.bold(&name),
        fields.render(paint),
        paint.dim(&whole)
    )
}

/// The root of all entries, whether a head over them is signed yet or not.
fn root_line(scroll: &Value) -> String {
    let root = string(scroll, "root");
    let size = number(scroll, "size");
    match size.saturating_sub(number(&scroll["checkpoint"], "size")) {
        0 => root.to_owned(),
        unsigned if unsigned == size => format!("{root}, not signed yet"),
        unsigned => {
            let raw = string(scroll, "format") == "raw";
            let newest = entries(unsigned, raw);
            let are = if unsigned == 1 { "is" } else { "are" };
            format!("{root}, not signed yet: the newest {newest} {are} under no checkpoint")
        }
    }
}

/// When a head was signed. A backup does not say.
fn signed(checkpoint: &Value) -> Option<String> {
    let time = checkpoint.get("signed_at").and_then(Value::as_str)?;
    Some(seconds(time))
}

fn checkpoint(scroll: &Value) -> String {
    match scroll.get("checkpoint").filter(|c| !c.is_null()) {
        Some(c) => {
            let size = number(c, "size");
            signed(c).map_or_else(
                || format!("{size}, {UNKNOWN}"),
                |time| format!("{size} at {time}"),
            )
        }
        None => "none yet".to_owned(),
    }
}

/// One witness: what it co-signed last, and why it does not go on.
fn member(witness: &Value) -> String {
    let name = string(witness, "name");
    let mut text = match witness.get("size").and_then(Value::as_u64) {
        Some(size) => {
            let at = seconds(string(witness, "cosigned_at"));
            format!("{name}: {size} at {at}")
        }
        None => format!("{name}: nothing since the start"),
    };
    if let Some(trouble) = witness.get("trouble").and_then(Value::as_str) {
        text.push_str("; ");
        text.push_str(trouble);
    }
    text
}

/// What witnesses there are, in words that do not promise more than there is.
fn witnessing(value: &Value) -> String {
    match scroll::witnessing(value) {
        "unwitnessed" => "none: whoever controls the node's machine can rewrite it".to_owned(),
        state => printable(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_that_no_head_covers_says_so() {
        let scroll = |signed: Value| json!({"size": 3, "root": "R", "checkpoint": signed});
        assert_eq!(root_line(&scroll(json!({"size": 3}))), "R");
        assert_eq!(root_line(&scroll(Value::Null)), "R, not signed yet");
        assert_eq!(
            root_line(&scroll(json!({"size": 2}))),
            "R, not signed yet: the newest 1 receipt is under no checkpoint"
        );
        assert_eq!(
            root_line(&scroll(json!({"size": 1}))),
            "R, not signed yet: the newest 2 receipts are under no checkpoint"
        );
        assert_eq!(root_line(&json!({"size": 0, "root": "R"})), "R");
    }
}
