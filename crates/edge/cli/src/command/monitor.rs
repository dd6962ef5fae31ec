//! `quorate log monitor`: what logs show now against what is remembered of them, once or as a service.

use std::collections::BTreeSet;
use std::path::PathBuf;

use futures_util::StreamExt as _;
use quorate_node::watch::{
    Checked, Finding, MemoryError, Monitor, MonitorError, MonitorService, Watch, time_text,
};
use serde_json::{Value, json};

use super::policy::usable;
use super::scroll::{array, number, string};
use super::{run_async, up};
use crate::args;
use crate::exit::Exit;
use crate::failure::{Failure, Stop, reason};
use crate::out::Out;
use crate::text::{Fields, Paint, count, printable};

/// Logs that are checked at once.
const AT_ONCE: usize = 8;
const WHAT: &str = "cannot watch logs";
const ALARM: &str = "exit code 1: what a log shows is not as it should be (3: somebody could not be asked; 0: all well)\n\
                     keep the evidence, rely on nothing these logs say, and ask their operators what happened";
const UNKNOWN: &str = "exit code 3: somebody could not be asked, nothing speaks against a log (1: something does; 0: all well)\n\
                       check address and network and run it again; if it lasts, ask whoever runs what is named above";

pub(super) fn run(global: &args::Global, words: &args::Monitor, out: Out) -> Result<(), Stop> {
    // Whoever says both knows where a monitor remembers: the flag is one for all commands.
    if global.data_dir.is_some() && words.state.is_none() {
        let why =
            "a monitor has no data directory: what it remembers of logs is in a folder of its own";
        return Err(Failure::usage(WHAT, why)
            .hint("name that folder with --state, and leave --data-dir out")
            .into());
    }
    let mut witnesses = words.witnesses.clone();
    let mut policies = Vec::new();
    for file in &words.policies {
        let policy = usable(file)?;
        if !words.logs_only {
            witnesses.extend(Watch::witnesses_of(&policy).map_err(|error| {
                let why = format!("the policy's {error}");
                Failure::refused("policy", WHAT, why)
                    .hint("correct the policy, or ask the logs only with --logs-only")
            })?);
        }
        policies.push(policy);
    }
    let (mut logs, state) = (words.logs.clone(), state(words)?);
    for list in [&mut logs, &mut witnesses] {
        let mut named = BTreeSet::new();
        list.retain(|place| named.insert(place.clone()));
    }
    let monitor = Monitor::open(Watch {
        logs,
        policies,
        witnesses,
        max_age: words.max_age.0,
        state: state.clone(),
    })
    .map_err(|error| opening(&error))?;
    match words.serve {
        Some(address) => {
            up::log_to_stderr()?;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(|e| Failure::environment("runtime", "cannot start", reason(&e)))?;
            let state = state.display().to_string();
            runtime.block_on(serve(monitor, address, words, &state, out))
        }
        None => run_async(async || once(&monitor, words.quiet, out).await),
    }
}

/// Where to remember.
fn state(words: &args::Monitor) -> Result<PathBuf, Failure> {
    let home = || std::env::var_os("HOME").filter(|home| !home.is_empty());
    let default = || home().map(|h| PathBuf::from(h).join(".local/share/quorate-monitor"));
    words.state.clone().or_else(default).ok_or_else(|| {
        Failure::usage(WHAT, "there is no home folder to remember heads in")
            .hint("name a folder with --state")
    })
}

fn opening(error: &MonitorError) -> Failure {
    let (exit, code, hint) = match error {
        MonitorError::NoWitness(_) => (
            Exit::Usage,
            "usage",
            "name its monitoring prefix, such as https://witness.example, or the folder of its files",
        ),
        MonitorError::NoLog => (Exit::Usage, "usage", "name the prefix of a log"),
        MonitorError::NoLogKey => (
            Exit::Refused,
            "policy",
            "a policy needs a 'log' line; 'quorate policy show' writes one",
        ),
        MonitorError::TwoPolicies(_) => (
            Exit::Refused,
            "policy",
            "give one policy for each log: each log is held to the one that lists its origin",
        ),
        MonitorError::Memory(MemoryError::InUse(_)) => (
            Exit::Environment,
            "in-use",
            "wait for the other run, or give this one a --state of its own",
        ),
        MonitorError::Memory(MemoryError::NotOurs(_)) => (
            Exit::Refused,
            "not-empty",
            "name a folder that is empty, new, or was used before with --state; nothing was changed",
        ),
        MonitorError::Memory(_) => (
            Exit::Environment,
            "state",
            "check its owner, its permissions and the disk",
        ),
        MonitorError::Tls(_) => (
            Exit::Environment,
            "tls",
            "install the system's CA certificates (such as the package ca-certificates)",
        ),
        _ => (Exit::Environment, "monitor", "nothing was asked"),
    };
    Failure::new(exit, code, WHAT, reason(error)).hint(hint)
}

/// One check of each log. Something wrong with a log outweighs what could not be asked.
async fn once(monitor: &Monitor, quiet: bool, out: Out) -> Result<(), Stop> {
    let checks = monitor.logs().iter().map(|log| monitor.check(log));
    let mut checks = futures_util::stream::iter(checks).buffered(AT_ONCE);
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    // Nobody reads, or the disk is full: what the logs did is found out and told by the exit code all the same.
    let mut unread = Ok(());
    while let Some(checked) = checks.next().await {
        let named = || format!("{}: {}", checked.place, codes(&checked).join(", "));
        if checked.is_alarm() {
            wrong.push(named());
        } else if !checked.is_well() {
            unknown.push(named());
        }
        if unread.is_ok() && !(quiet && checked.is_well()) {
            unread = out.answer(&view(&checked), |paint| text(&checked, paint));
        }
    }
    let logs = |n: usize| count(n as u64, "log", "logs");
    if !wrong.is_empty() {
        let what = format!("something is wrong with {}", logs(wrong.len()));
        wrong.extend(unknown);
        return Err(Failure::refused("alarm", what, wrong.join("\n"))
            .hint(ALARM)
            .into());
    }
    if !unknown.is_empty() {
        let what = format!("{} could not be checked completely", logs(unknown.len()));
        return Err(
            Failure::environment("unreachable", what, unknown.join("\n"))
                .hint(UNKNOWN)
                .into(),
        );
    }
    unread
}

fn codes(checked: &Checked) -> Vec<&'static str> {
    let mut codes: Vec<&str> = checked.findings.iter().map(Finding::code).collect();
    codes.dedup();
    codes
}

fn view(checked: &Checked) -> Value {
    let findings: Vec<Value> = checked
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code(),
                "what": finding.to_string(),
                "environment": finding.is_environment(),
                "evidence": finding.evidence().map(|e| e.display().to_string()),
            })
        })
        .collect();
    let head = checked.head.as_ref();
    let checkpoint = head.map(|shown| shown.head.checkpoint());
    json!({
        "url": checked.place.to_string(),
        "checked_at": time_text(checked.at),
        "well": checked.is_well(),
        "origin": checkpoint.map(|c| c.origin().to_string()),
        "size": checkpoint.map(quorate_note::Checkpoint::size),
        "root": checkpoint.map(|c| format!("sha256:{}", c.root())),
        "head_hash": checkpoint.map(|c| c.head_hash().to_string()),
        "quorate_at": head.and_then(|shown| shown.quorate_at).map(time_text),
        "witnessing": head.map(|shown| match (shown.unwitnessed, shown.quorate_at) {
            (true, _) => "unwitnessed",
            (false, Some(_)) => "quorate",
            (false, None) => "not quorate",
        }),
        "remembered": checked.remembered,
        "findings": findings,
    })
}

fn text(checked: &Checked, paint: Paint) -> String {
    let url = printable(&checked.place.to_string());
    let (mark, label) = if checked.is_alarm() {
        (paint.error("wrong"), "wrong  ")
    } else if checked.is_well() {
        (paint.good("well"), "well   ")
    } else {
        (paint.caution("unknown"), "unknown")
    };
    let pad = " ".repeat(7 - label.trim_end().len());
    let mut text = format!("{mark}{pad}  {url}\n");
    let mut fields = Fields::new();
    if let Some(shown) = &checked.head {
        let checkpoint = shown.head.checkpoint();
        let state = match (shown.unwitnessed, shown.quorate_at) {
            (true, _) => "unwitnessed".to_owned(),
            (false, Some(at)) => format!("quorate at {}", time_text(at)),
            (false, None) => "not quorate".to_owned(),
        };
        fields.push("log", checkpoint.origin());
        let entries = count(checkpoint.size(), "entry", "entries");
        fields.push("shows", format!("{entries}, {state}"));
    }
    if let Some(size) = checked.remembered {
        fields.push("remembered", count(size, "entry", "entries"));
    }
    for finding in &checked.findings {
        fields.push(finding.code(), finding.to_string());
        if let Some(evidence) = finding.evidence() {
            fields.push("", format!("evidence: {}", evidence.display()));
        }
    }
    text.push_str(&fields.render(paint));
    text
}

async fn serve(
    monitor: Monitor,
    address: std::net::SocketAddr,
    words: &args::Monitor,
    state: &str,
    out: Out,
) -> Result<(), Stop> {
    // Before anything is asked: a signal must find its handler.
    let shutdown = up::shutdown()?;
    let logs: Vec<String> = monitor.logs().iter().map(ToString::to_string).collect();
    let service = MonitorService::bind(monitor, address, words.every.0)
        .await
        .map_err(|error| {
            Failure::environment("listen", WHAT, reason(&error))
                .hint("choose an address of this machine that no other program uses, with --serve")
        })?;
    let start = json!({
        "listen": service.address().map(|address| format!("http://{address}")),
        "logs": logs,
        "state": state,
        "every_seconds": words.every.0.as_secs(),
    });
    // Nobody may be reading, for instance under a service manager.
    if let Err(Stop::Failed(failure)) = out.answer(&start, |paint| page(&start, paint)) {
        tracing::warn!(error = %failure.json(), "the start could not be announced");
    }
    service.run(shutdown).await.map_err(|error| {
        Failure::environment("stopped", "the monitor stopped itself", reason(&error))
            .hint("what was remembered is whole; start it again")
    })?;
    Ok(())
}

fn page(start: &Value, paint: Paint) -> String {
    let mut fields = Fields::new();
    for (i, log) in array(start, "logs").iter().enumerate() {
        let label = if i == 0 { "logs" } else { "" };
        fields.push(label, log.as_str().unwrap_or_default());
    }
    let listen = string(start, "listen");
    fields.push("state", string(start, "state"));
    fields.push("every", format!("{} s", number(start, "every_seconds")));
    fields.push("metrics", format!("{listen}/metrics"));
    fields.push("health", format!("{listen}/healthz"));
    format!("{}\n{}", paint.bold("Watching."), fields.render(paint))
}
