//! `quorate up`: starts a node, says what it is and what it does not protect against, serves until told to
//! stop.

use std::io::IsTerminal as _;

use quorate_node::{Listening, Mode, Node, NodeError};
use quorate_store::DataDirError;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::scroll::{array, string};
use crate::args::{Global, Up};
use crate::client::socket_fits;
use crate::exit::Exit;
use crate::failure::{Failure, Stop, reason};
use crate::local::{Settings, opening};
use crate::near;
use crate::out::Out;
use crate::text::{Fields, Paint, printable, seconds};

/// What the start looks like to people.
type Page = fn(&Value, Paint) -> String;

pub(super) fn run(global: &Global, up: &Up, out: Out) -> Result<(), Stop> {
    run_with(&Settings::for_up(global, up)?, page, out)
}

/// Runs a node until it is told to stop.
pub(super) fn run_with(settings: &Settings, page: Page, out: Out) -> Result<(), Stop> {
    socket_fits(settings.data_dir())?;
    log_to_stderr()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::environment("runtime", "cannot start", reason(&e)))?;
    runtime.block_on(serve(settings, page, out))
}

pub(super) fn log_to_stderr() -> Result<(), Failure> {
    let wanted = std::env::var("QUORATE_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_new(&wanted).map_err(|e| {
        Failure::usage("cannot use QUORATE_LOG", format!("{wanted:?}: {e}"))
            .hint("such as QUORATE_LOG=debug, or QUORATE_LOG=quorate_node=debug")
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    match std::env::var("QUORATE_LOG_FORMAT").as_deref() {
        Err(_) | Ok("text") => {
            let colour = Paint::when(std::io::stderr().is_terminal()).is_on();
            log.with_ansi(colour).init();
        }
        Ok("json") => log.json().flatten_event(true).init(),
        Ok(other) => {
            let why = format!("{other:?} is not a format");
            return Err(Failure::usage("cannot use QUORATE_LOG_FORMAT", why)
                .hint("text, or json for one JSON object a line"));
        }
    }
    Ok(())
}

async fn serve(settings: &Settings, page: Page, out: Out) -> Result<(), Stop> {
    // Before anything is opened: a signal must find its handler.
    let shutdown = shutdown()?;
    let failed = |e| {
        let failure = opening(settings.data_dir(), &e);
        match &e {
            NodeError::DataDir(DataDirError::InUse(_)) => failure.hint(
                "most likely a node is running here already: stop that one first, or give this one a --data-dir of its own",
            ),
            NodeError::Listen { address, .. } if settings.is_for_witness(address) => failure.hint(
                "choose an address of this machine that no other program uses, with --bind of 'witness serve' or with 'listen' under \
                 [witness] in the configuration",
            ),
            _ => failure,
        }
    };
    if settings.is_first_start().map_err(failed)? {
        // There is no scroll yet: refused before a node is made.
        followed_scrolls_exist(&[], settings)?;
    }
    let node = Node::open(settings.config(), Mode::Online).map_err(failed)?;
    let first = node.first_start();
    let summary = node.summary();
    let scrolls = array(&summary, "scrolls").iter();
    let scrolls: Vec<&str> = scrolls.filter_map(Value::as_str).collect();
    followed_scrolls_exist(&scrolls, settings)?;
    let listening = node.listen().await.map_err(failed)?;
    let start = start(&listening, settings, first)?;
    // Nobody may be reading, for instance under a service manager; the node serves all the same.
    if let Err(Stop::Failed(failure)) = out.answer(&start, |paint| page(&start, paint)) {
        tracing::warn!(error = %failure.json(), "the start could not be announced");
    }
    listening.serve(shutdown).await.map_err(|e| {
        Failure::environment("stopped", "the node stopped itself", reason(&e))
            .hint("what was acknowledged is durable; run 'quorate log fsck', then start it again")
    })?;
    Ok(())
}

/// A scroll is made on purpose, with its format and visibility; a misspelt name must not make one.
fn followed_scrolls_exist(names: &[&str], settings: &Settings) -> Result<(), Failure> {
    match settings
        .follow()
        .iter()
        .find(|f| !names.contains(&f.scroll.as_str()))
    {
        None => Ok(()),
        Some(f) => {
            let failure = Failure::refused(
                "unknown-scroll",
                format!("cannot follow {} into {}", f.file.display(), f.scroll),
                format!("there is no scroll {:?}", f.scroll),
            )
            .hint(format!(
                "start without it, make the scroll with 'quorate log create {}', and start again",
                f.scroll
            ));
            Err(near::or(failure, &f.scroll, names.iter().copied()))
        }
    }
}

/// Resolves at SIGINT or SIGTERM; a second signal does not wait any longer.
pub(super) fn shutdown() -> Result<impl Future<Output = ()>, Failure> {
    let install = |kind| {
        signal(kind).map_err(|e| Failure::environment("signals", "cannot start", reason(&e)))
    };
    let mut interrupt = install(SignalKind::interrupt())?;
    let mut terminate = install(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: finishing what is under way");
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            // Safe at any moment: what was acknowledged is durable, and the next start cuts off the rest.
            tracing::warn!("stopping at once");
            std::process::exit(i32::from(Exit::Environment.code()));
        });
    })
}

/// Everything the start says, in one value.
fn start(listening: &Listening, settings: &Settings, first: bool) -> Result<Value, Failure> {
    let node = listening.node().summary();
    let login = listening
        .node()
        .login_link()
        .map_err(|e| opening(settings.data_dir(), &e))?;
    let url = |address| format!("http://{address}");
    let listen = listening.address().map(url);
    let witness_listen = listening.witness_address().map(url);
    let followed: Vec<Value> = settings
        .follow()
        .iter()
        .map(|f| json!({"file": f.file.display().to_string(), "scroll": f.scroll, "raw": f.raw}))
        .collect();
    Ok(json!({
        "first_start": first,
        "node": node.get("node"),
        "version": env!("CARGO_PKG_VERSION"),
        "data_dir": settings.data_dir().display().to_string(),
        "listen": listen,
        "console": login,
        "operator_token_file": settings.data_dir().join("operator.token").display().to_string(),
        "scrolls": node.get("scrolls"),
        "witnessing": node.get("witnessing"),
        "next_key": node.get("next_key"),
        "witness": node.get("witness"),
        "witness_listen": witness_listen,
        "restored_from": node.get("restored_from"),
        "follow": followed,
    }))
}

fn page(start: &Value, paint: Paint) -> String {
    if start.get("first_start").and_then(Value::as_bool) == Some(true) {
        first_page(start, paint)
    } else {
        short_page(start, paint)
    }
}

fn names(start: &Value) -> String {
    let names: Vec<&str> = array(start, "scrolls")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    names.join(", ")
}

/// What is followed, and into which scroll.
fn follows(start: &Value, fields: &mut Fields) {
    for (i, one) in array(start, "follow").iter().enumerate() {
        let label = if i == 0 { "following" } else { "" };
        let line = format!("{} into {}", string(one, "file"), string(one, "scroll"));
        fields.push(label, line);
    }
}

/// The first start: who the node is, where things are, what it protects against.
fn first_page(start: &Value, paint: Paint) -> String {
    let mut fields = Fields::new()
        .row("fingerprint", string(start, "node"))
        .row("data", string(start, "data_dir"))
        .row("scrolls", names(start))
        .row("listening on", string(start, "listen"))
        .row("token file", string(start, "operator_token_file"));
    follows(start, &mut fields);
    format!(
        "{}\n{}{}\n{}",
        paint.bold("A new node is running."),
        fields.render(paint),
        login(start, paint),
        limits(start, paint)
    )
}

/// The link has a line of its own: it is longer than most screens are wide.
fn login(start: &Value, paint: Paint) -> String {
    format!(
        "{}\n{}\n",
        paint.dim("  The console; this link logs in once, within ten minutes:"),
        printable(string(start, "console"))
    )
}

/// What holds, and what does not, in plain words.
fn limits(start: &Value, paint: Paint) -> String {
    let under = |text: &str| paint.paragraph("  ", text);
    let mut text = format!("{}\n", paint.bold("What this protects against"));
    text.push_str(&under(
        "Every entry is under a signed head. Whoever holds an earlier head, or a proof, can tell if an entry was \
         changed, removed or slipped in before it.",
    ));
    text.push_str(&paint.bold("What it does not protect against"));
    text.push('\n');
    if string(start, "witnessing") == "unwitnessed" {
        text.push_str(&paint.caution(&under(
            "It is unwitnessed: whoever controls this machine can rewrite its history.",
        )));
        text.push_str(&under(
            "Until witnesses co-sign, keep heads ('quorate log root NAME --note') and proofs elsewhere.",
        ));
    } else {
        let witnesses = printable(string(start, "witnessing"));
        text.push_str(&under(&format!(
            "What is durable and not yet quorate. The quorum ({witnesses}) is worth as much as its witnesses are independent."
        )));
    }
    text.push_str(&under(
        "It cannot tell whether what is written into it is true.",
    ));
    text
}

/// A later start: the same in few lines.
fn short_page(start: &Value, paint: Paint) -> String {
    let mut fields = Fields::new()
        .row("node", string(start, "node"))
        .row("data", string(start, "data_dir"));
    follows(start, &mut fields);
    if let Some(taken_at) = start.get("restored_from").and_then(Value::as_str) {
        fields.push(
            "restored",
            format!("from the backup of {}", seconds(taken_at)),
        );
        fields.push("", "do not run it beside the old one");
    }
    let state = match string(start, "witnessing") {
        "unwitnessed" => {
            let text = "Unwitnessed: whoever controls this machine can rewrite its history.";
            paint.caution(&paint.paragraph("", text))
        }
        other => paint.paragraph("", &printable(other)),
    };
    format!(
        "{} on {}\n{state}{}{}",
        paint.bold("Running"),
        string(start, "listen"),
        fields.render(paint),
        login(start, paint)
    )
}
