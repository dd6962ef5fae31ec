//! `quorate log audit`: any tiled log from end to end, over the network or in a folder.

use quorate_node::watch::{AuditError, Audited, Depth, TreeError, audit};
use quorate_policy::CheckpointRefused;
use quorate_verify::view::HeadView;
use quorate_verify::{HeadText, VerdictText, not_proven_of};
use serde_json::{Value, json};

use super::policy::usable;
use super::verify::laid_out;
use crate::args::Audit;
use crate::exit::Exit;
use crate::failure::{Failure, Stop, reason};
use crate::out::Out;
use crate::progress;
use crate::text::{Paint, count, octets, printable};

pub(super) async fn run(words: &Audit, out: Out) -> Result<(), Stop> {
    let policy = usable(&words.policy)?;
    let depth = if words.hashes_only {
        Depth::Hashes
    } else {
        Depth::Entries
    };
    let bar = progress::entries(out);
    let audited = audit(&words.place, &policy, depth, |done, size| {
        bar.set_length(size);
        bar.set_position(done);
    })
    .await;
    bar.finish_and_clear();
    let audited = audited.map_err(|error| failure(words, &error))?;
    let mut view = serde_json::to_value(HeadView::of(audited.verdict()))
        .map_err(|e| Failure::environment("report", "cannot write the report", reason(&e)))?;
    view["audited"] = json!(match audited.depth() {
        Depth::Entries => "entries",
        Depth::Hashes => "hashes",
    });
    view["url"] = words.place.to_string().into();
    view["tiles"] = audited.tiles().into();
    view["entry_octets"] = match audited.depth() {
        Depth::Entries => audited.entry_octets().into(),
        Depth::Hashes => Value::Null,
    };
    view["not_proven"] = not_proven(&audited).into();
    out.answer(&view, |paint| text(&audited, paint))
}

fn text(audited: &Audited, paint: Paint) -> String {
    let checkpoint = audited.checkpoint().checkpoint();
    let what = match audited.depth() {
        Depth::Entries => "every entry and every hash",
        Depth::Hashes => "every hash",
    };
    let mut lines = format!(
        "Proven: {what} that {} serves is what its signed head commits to\n",
        checkpoint.origin()
    );
    let entries = match audited.depth() {
        Depth::Entries => format!(
            "{}, {}",
            count(checkpoint.size(), "entry", "entries"),
            octets(audited.entry_octets())
        ),
        Depth::Hashes => "entries not read".to_owned(),
    };
    let tiles = count(audited.tiles(), "hash tile", "hash tiles");
    lines.push_str(&format!("  checked    {entries}; {tiles}\n"));
    lines.push_str(&HeadText(audited.verdict()).to_string());
    lines.push_str(&VerdictText(audited.verdict()).to_string());
    lines.push_str("Not proven:\n");
    for line in not_proven(audited) {
        lines.push_str(&format!("  - {line}\n"));
    }
    lines
        .lines()
        .map(|line| laid_out(&printable(line), paint))
        .collect()
}

/// What an audit leaves open, one sentence each.
fn not_proven(audited: &Audited) -> Vec<String> {
    let mut lines = vec![
        "That what the entries say is true: the log shows that these bytes were recorded, not that they are right."
            .to_owned(),
        "That this is the log's newest state, or that it continues what was seen before: 'quorate log monitor' \
         remembers heads and compares."
            .to_owned(),
    ];
    if audited.depth() == Depth::Hashes {
        lines.push("Anything about the entries: they were not read.".to_owned());
    }
    lines.extend(not_proven_of(audited.verdict()));
    lines
}

fn failure(words: &Audit, error: &AuditError) -> Failure {
    let what = format!("{} is not verified", words.place);
    let (code, hint) = match error {
        AuditError::NoCheckpoint { .. } => (
            "no-log",
            "name the prefix of a tiled log, below which 'checkpoint' and 'tile/' are",
        ),
        AuditError::Fetch(error) | AuditError::Tree(TreeError::Fetch(error))
            if error.is_denied() =>
        {
            (
                "restricted",
                "the log shows this to its own readers only, and trying again will not help. A node's restricted scroll is audited from the folder that 'quorate log export --tiles' writes; everybody can audit one made with --visibility public",
            )
        }
        AuditError::Malformed { .. } => (
            "malformed",
            "is this the prefix of a tiled log (c2sp.org/tlog-tiles)?",
        ),
        AuditError::Refused(refused) => refusal(refused),
        AuditError::Tree(TreeError::Missing { .. }) | AuditError::NoBundle { .. } => (
            "incomplete",
            "the log signed for what it does not serve; logs that remove old entries cannot be audited from end to end",
        ),
        AuditError::Bundle { .. } => (
            "inconsistent",
            "ask the log's operator; of a log whose leaves are not its entries (such as those of Certificate Transparency) --hashes-only checks the hashes",
        ),
        AuditError::Tls(_) => (
            "tls",
            "install the system's CA certificates (such as the package ca-certificates)",
        ),
        _ if error.is_environment() => (
            "unreachable",
            "nothing is known of the log: check the address and the network, and try again",
        ),
        _ => (
            "inconsistent",
            "run it again: if it says the same, keep the checkpoint and what the log serves, and ask its operator",
        ),
    };
    let exit = if error.is_environment() {
        Exit::Environment
    } else {
        Exit::Refused
    };
    Failure::new(exit, code, what, reason(error)).hint(hint)
}

/// Why the policy does not accept a checkpoint, and what to do about it.
pub(super) fn refusal(refused: &CheckpointRefused) -> (&'static str, &'static str) {
    match refused {
        CheckpointRefused::MissingLog => (
            "policy",
            "a policy needs a 'log' line; 'quorate policy show' writes one",
        ),
        CheckpointRefused::Log(_) => (
            "log-signature",
            "is this the policy of that log? if so, do not believe what it serves",
        ),
        CheckpointRefused::Cosignature(_) => (
            "cosignature",
            "do not believe this checkpoint: keep it, and ask the log and the witness about it",
        ),
        CheckpointRefused::NotQuorate(_) => (
            "not-quorate",
            "wait until the witnesses have co-signed the newest head, and run it again",
        ),
    }
}
