//! The durability check: a node under strace, appends one at a time, and for each the order of its syncs and
//! its answer. No figure is worth anything before this has passed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Doing, Failure, Result};
use crate::http::number_member;
use crate::node::{self, Node};
use crate::payload::Template;
use crate::trace::{self, Files};

/// Appends checked in each way of appending.
const APPENDS: u64 = 20;

/// What may carry data to a file or an answer to a socket, and what makes data durable. A node that used
/// another way (io_uring, a mapping) would show no write and fail the check, which is the safe side.
const CALLS: &str = "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync";

/// Runs the check in a data directory of its own below `work`, and says what it saw.
pub(crate) fn check(program: &Path, work: &Path) -> Result<String> {
    let strace = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !strace.is_ok_and(|status| status.success()) {
        return Err(Failure::Missing(
            "strace is missing: apt-get install strace".to_owned(),
        ));
    }
    let data = work.join("durability");
    let output = work.join("strace.txt");
    let output_name = output.to_string_lossy().into_owned();
    // -s: enough of each write to see the marker; a receipt here is 300 bytes.
    let before = [
        "strace",
        "-f",
        "-yy",
        "-s",
        "2048",
        "-e",
        CALLS,
        "-e",
        "signal=none",
        "-o",
        &output_name,
    ];
    let node = Node::start(program, &data, &before)?;
    let target = node.target()?;
    node::create_scroll(&target, "Durable", "receipts")?;
    node::create_scroll(&target, "DurableRaw", "raw")?;
    let template = Template::new("durability")?;

    let mut connection = target.connect()?;
    for n in 0..APPENDS {
        let body = template.receipt(n);
        connection.send(&target.request(
            "POST",
            "/scrolls/Durable/receipts",
            "application/json",
            &body,
        ))?;
        let body = connection.receive()?.expect(200, "append of a receipt")?;
        number_member(&body, "index")
            .ok_or_else(|| Failure::Broken("an answer without an index".to_owned()))?;
    }
    for n in APPENDS..2 * APPENDS {
        let body = template.receipt(n);
        connection.send(&target.request(
            "POST",
            "/scrolls/DurableRaw/add",
            "application/octet-stream",
            &body,
        ))?;
        connection.receive()?.expect(200, "append of a raw entry")?;
    }
    for n in 2 * APPENDS..3 * APPENDS {
        let mut body = template.receipt(n);
        body.push(b'\n');
        connection.send(&target.request(
            "POST",
            "/scrolls/Durable/receipts",
            "application/x-ndjson",
            &body,
        ))?;
        connection.receive()?.expect(200, "append of a stream")?;
    }
    node.stop()?;

    let text = fs::read(&output).doing("read strace's output")?;
    let calls = trace::parse(&String::from_utf8_lossy(&text));
    let receipts = Files {
        record: "/durable_events.jsonl",
        journal: "/durable/commit.journal",
    };
    let raw = Files {
        record: "/durableraw_entries.bin",
        journal: "/durableraw/commit.journal",
    };
    for n in 0..3 * APPENDS {
        let files = if (APPENDS..2 * APPENDS).contains(&n) {
            &raw
        } else {
            &receipts
        };
        trace::judge(&calls, files, &format!("{n:012} x")).map_err(|unproven| {
            Failure::Broken(format!("append {n}: {unproven}; {}", keep(&output)))
        })?;
    }
    Ok(format!(
        "PASS: {} appends (receipts, raw entries, streams): record synced, seal written and synced, then answered",
        3 * APPENDS
    ))
}

/// Moves the trace out of the folder that is about to vanish, and says where it is.
fn keep(output: &Path) -> String {
    let kept = std::env::temp_dir().join(format!("quorate-load-{}.strace", std::process::id()));
    match fs::copy(output, &kept) {
        Ok(_) => format!("see {}", kept.display()),
        Err(e) => format!("the trace could not be kept: {e}"),
    }
}
