//! `quorate replicas …`: copies on one's own machines.

use quorate_receipt::Timestamp;
use quorate_replication::{Audit, Audited, Copy, Done, Known, Listed, Order, State, Status, order};
use serde_json::{Value, json};

use super::{failure, folder, publish};
use crate::args::Replicas;
use crate::failure::{Failure, Stop, reason};
use crate::local::Settings;
use crate::out::Out;
use crate::text::{Fields, Paint, Table, count, octets};

pub(crate) async fn replicas(
    settings: &Settings,
    replicas: Replicas,
    out: Out,
) -> Result<(), Stop> {
    let (order, what) = match replicas {
        Replicas::Serve { bind } => return publish::keep(settings, bind, out).await,
        Replicas::Add(add) => {
            let known = Known {
                peer: add.peer,
                max_bytes: add.max_bytes,
            };
            let copies = add.copies;
            (Order::Add { known, copies }, "cannot add the machine")
        }
        Replicas::Remove { endpoint } => (Order::Remove { endpoint }, "cannot remove the machine"),
        Replicas::Status => (Order::Status, "cannot tell the status"),
        Replicas::Audit(samples) => {
            let samples = samples.count();
            (Order::Audit { samples }, "cannot audit the copies")
        }
        Replicas::Repair(samples) => {
            let samples = samples.count();
            (Order::Repair { samples }, "cannot repair the copies")
        }
    };
    let done = carried_out(settings, order, what).await?;
    match done {
        // What is so from now on, in the words of 'status'.
        Done::Kept => match carried_out(settings, Order::Status, "cannot tell the status").await? {
            Done::Status(status) => shown(&status, out),
            Done::Published { .. } | Done::Kept | Done::Audited(_) => Ok(()),
        },
        Done::Status(status) => shown(&status, out),
        Done::Audited(audit) => judged(&audit, out),
        Done::Published { .. } => Ok(()),
    }
}

async fn carried_out(settings: &Settings, wanted: Order, what: &str) -> Result<Done, Stop> {
    let done = order(&folder(settings), wanted).await;
    Ok(done.map_err(|e| failure(what, &e))?)
}

/// The audit, and an alarm if a file has too few good copies.
fn judged(audit: &Audit, out: Out) -> Result<(), Stop> {
    out.answer(&audit_value(audit), |paint| audit_text(audit, paint))?;
    let short = audit.files.iter().filter(|f| f.good < f.wanted).count();
    if short == 0 {
        return Ok(());
    }
    let files = count(audit.files.len() as u64, "file", "files");
    let why = format!("{short} of {files} has fewer good copies than are wanted");
    Err(
        Failure::refused("too-few-copies", "the copies are not what they should be", why)
            .hint("'quorate replicas repair' mends what can be reached; look at the machines that it cannot reach")
            .into(),
    )
}

fn audit_value(audit: &Audit) -> Value {
    let files: Vec<Value> = audit.files.iter().map(file_value).collect();
    json!({"at": time(audit.at), "files": files, "met": audit.is_met()})
}

fn file_value(file: &Audited) -> Value {
    let copies: Vec<Value> = file
        .copies
        .iter()
        .map(|copy| {
            json!({
                "endpoint": copy.holder,
                "repaired_octets": copy.repaired,
                "state": copy.state,
                "verified_octets": copy.verified,
                "why": copy.why,
            })
        })
        .collect();
    json!({"blake3_hash": file.hash, "copies": copies, "good": file.good, "wanted": file.wanted})
}

fn time(seconds: u64) -> Option<String> {
    let seconds = i64::try_from(seconds).ok()?;
    Timestamp::from_seconds(seconds).map(|t| t.to_string())
}

fn audit_text(audit: &Audit, paint: Paint) -> String {
    let mut page = String::new();
    for file in &audit.files {
        let copies = format!("{} of {} good", file.good, file.wanted);
        let copies = match file.good >= file.wanted {
            true => paint.good(&copies),
            false => paint.error(&copies),
        };
        page.push_str(&format!("{}  {copies}\n", file.hash));
        let mut fields = Fields::new();
        for copy in &file.copies {
            let holder = copy.holder.map(|h| h.to_string());
            let holder = holder.as_deref().map_or("this machine", |h| &h[..16]);
            fields.push(&format!("  {holder}"), copy_text(copy));
        }
        page.push_str(&fields.render(paint));
    }
    page
}

fn copy_text(copy: &Copy) -> String {
    let mut text = match copy.state {
        State::Good if copy.holder.is_none() => {
            format!("good: all {} read", octets(copy.verified))
        }
        State::Good => format!("good: {} proven", octets(copy.verified)),
        State::Missing => "missing".to_owned(),
        State::Damaged => "damaged".to_owned(),
        State::WrongBytes => "sent other bytes than those of the hash".to_owned(),
        State::Unreachable => "not reached".to_owned(),
    };
    if copy.repaired > 0 {
        text.push_str(&format!(", repaired with {}", octets(copy.repaired)));
    }
    if let Some(why) = &copy.why {
        text.push_str(&format!(": {why}"));
    }
    text
}

fn shown(status: &Status, out: Out) -> Result<(), Stop> {
    let mut value = serde_json::to_value(status)
        .map_err(|e| Failure::environment("report", "cannot write the status", reason(&e)))?;
    value["published"] = listed_value(&status.published);
    value["held"] = listed_value(&status.held);
    value["last_audit"] = status.last_audit.as_ref().map_or(Value::Null, audit_value);
    out.answer(&value, |paint| status_text(status, paint))
}

fn listed_value(files: &[Listed]) -> Value {
    files
        .iter()
        .map(|file| {
            json!({
                "blake3_hash": file.hash,
                "node_ticket": file.ticket,
                "octets": file.size,
                "owner": file.owner,
            })
        })
        .collect()
}

fn status_text(status: &Status, paint: Paint) -> String {
    let mut page = Fields::new()
        .row("peer", status.peer.to_string())
        .row("copies wanted", status.wanted.to_string())
        .row(
            "last audit",
            status.last_audit.as_ref().map_or_else(
                || "never".to_owned(),
                |audit| {
                    let met = if audit.is_met() { "enough" } else { "too few" };
                    let at = time(audit.at).unwrap_or_default();
                    format!("{at}, {met} good copies")
                },
            ),
        )
        .render(paint);
    page.push_str(&format!("\n{}\n", paint.bold("Machines")));
    for known in &status.peers {
        let kept = octets(known.max_bytes);
        page.push_str(&format!(
            "{}\n  at most {kept} are kept here for it\n",
            known.peer
        ));
    }
    if status.peers.is_empty() {
        page.push_str("none\n");
    }
    let mut table = Table::new(&["blake3-hash", "size", "for"]);
    for file in status.published.iter().chain(&status.held) {
        let owner = file.owner.map(|o| o.to_string());
        let owner = owner.as_deref().map_or("this machine", |o| &o[..16]);
        table.push(&[&file.hash.to_string(), &octets(file.size), owner]);
    }
    page.push_str(&format!("\n{}\n", paint.bold("Files")));
    match status.published.is_empty() && status.held.is_empty() {
        true => page.push_str("none\n"),
        false => page.push_str(&table.render(paint)),
    }
    let more = status.files - status.published.len() - status.held.len();
    if more > 0 {
        page.push_str(&format!("and {more} more\n"));
    }
    page
}
