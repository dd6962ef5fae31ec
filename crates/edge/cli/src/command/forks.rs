//! `quorate bundle forks` and `quorate bundle evidence`: an actor that told two stories of one session. Files only.

use std::path::Path;

use quorate_provenance::{Fork, MAX_FORK_LEN, NotAFork};
use quorate_receipt::Receipt;
use quorate_verify::anchor::Anchor;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::trust_anchor::read_anchor;
use super::verify::read;
use crate::failure::{Failure, Stop, reason};
use crate::out::{Out, Sink};
use crate::text::{Fields, Paint, printable};

/// The largest bundle that is held in memory: of half a million steps.
const MAX_COMPARED: u64 = 512 << 20;

/// What this needs of a bundle: its receipts, each as it stands there.
#[derive(Deserialize)]
struct Steps<'a> {
    #[serde(borrow)]
    steps: Vec<&'a RawValue>,
}

/// A bundle, or a presentation of one.
#[derive(Deserialize)]
struct Shown<'a> {
    #[serde(borrow)]
    bundle: &'a RawValue,
}

pub(super) fn run(
    first: &Path,
    second: &Path,
    anchor: &Path,
    output: Option<&Path>,
    out: Out,
) -> Result<(), Stop> {
    let anchor = read_anchor(anchor)?;
    let (one, other) = (read(first, MAX_COMPARED)?, read(second, MAX_COMPARED)?);
    let (one, other) = (receipts(first, &one)?, receipts(second, &other)?);
    let (Some(opening), Some(second_opening)) = (one.first(), other.first()) else {
        return Err(no_bundle(first, "it has no receipt").into());
    };
    let differ = (0..one.len().min(other.len())).find(|at| one[*at].get() != other[*at].get());
    let at = match differ {
        Some(0) => {
            let (a, b) = (receipt(first, opening)?, receipt(second, second_opening)?);
            let answer = json!({
                "fork": false,
                "why": "other-sessions",
                "sessions": [a.root_hash().to_string(), b.root_hash().to_string()],
            });
            return out.answer(&answer, |_| {
                "No fork: these are two sessions, and an actor may have many.\n".to_owned()
            });
        }
        None => {
            let session = receipt(first, opening)?.root_hash().to_string();
            let answer = json!({"fork": false, "why": "one-history", "sessions": [session]});
            return out.answer(&answer, |_| {
                "No fork: as far as both go, they tell one story.\n".to_owned()
            });
        }
        Some(at) => at,
    };
    let opening = receipt(first, opening)?;
    let (a, b) = (receipt(first, one[at])?, receipt(second, other[at])?);
    let fork = Fork::of(&opening, &a, &b).map_err(|error| {
        let what = format!(
            "{} and {} differ, but prove nothing",
            first.display(),
            second.display()
        );
        Failure::refused("fork-unproven", what, reason(&error)).hint(
            "verify each with 'quorate bundle verify': one of them is not what the actor signed",
        )
    })?;
    believed(&anchor, &fork).map_err(|why| unknown_key("the bundles", why))?;
    if let Some(path) = output {
        let mut sink = Sink::open(Some(path))?;
        sink.write(&fork.to_bytes())?;
        sink.finish()?;
    }
    let file = output.map(|path| path.display().to_string());
    let mut answer = view(&fork);
    answer["fork"] = true.into();
    answer["file"] = file.clone().into();
    if output != Some(Path::new("-")) {
        out.answer(&answer, |paint| text(&fork, paint))?;
    }
    let what = format!(
        "{} told two stories of the session {}",
        fork.opening().subject,
        fork.session()
    );
    let why = format!(
        "two receipts with the sequence number {} are signed by its key",
        fork.sequence()
    );
    let hint = match file {
        Some(file) => {
            format!("keep {file} and both bundles; 'quorate bundle evidence' checks it anywhere")
        }
        None => "keep both bundles; with --output what proves it is written to a file".to_owned(),
    };
    Err(Failure::refused("fork", what, why).hint(hint).into())
}

pub(super) fn evidence(file: &Path, anchor: &Path, out: Out) -> Result<(), Stop> {
    let anchor = read_anchor(anchor)?;
    let bytes = read(file, MAX_FORK_LEN as u64 + 1)?;
    let proves_nothing = || format!("{} proves nothing", file.display());
    let fork = Fork::parse(&bytes).map_err(|error| {
        let hint = match error {
            NotAFork::Form => {
                "name the file that 'quorate bundle forks' wrote, as it is to the last byte"
            }
            _ => "whoever made it has no case; ask for the file again if it may have been damaged",
        };
        Failure::refused("evidence", proves_nothing(), reason(&error)).hint(hint)
    })?;
    believed(&anchor, &fork).map_err(|why| unknown_key(&file.display().to_string(), why))?;
    let mut answer = view(&fork);
    answer["proven"] = true.into();
    out.answer(&answer, |paint| text(&fork, paint))
}

fn receipts<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<&'a RawValue>, Failure> {
    let whole: &RawValue =
        serde_json::from_slice(bytes).map_err(|e| no_bundle(path, &reason(&e)))?;
    let bundle = match serde_json::from_str::<Shown<'a>>(whole.get()) {
        Ok(shown) => shown.bundle,
        Err(_) => whole,
    };
    let steps: Steps<'a> =
        serde_json::from_str(bundle.get()).map_err(|e| no_bundle(path, &reason(&e)))?;
    match steps.steps.is_empty() {
        true => Err(no_bundle(path, "it has no receipt")),
        false => Ok(steps.steps),
    }
}

fn receipt(path: &Path, text: &RawValue) -> Result<Receipt, Failure> {
    Receipt::parse_canonical(text.get().as_bytes()).map_err(|e| no_bundle(path, &reason(&e)))
}

fn no_bundle(path: &Path, why: &str) -> Failure {
    let what = format!("cannot compare {}", path.display());
    Failure::refused(
        "bundle-malformed",
        what,
        format!("it is not a bundle: {why}"),
    )
    .hint("'quorate bundle export' writes one")
}

/// The anchor must know the key, for this actor and for the times that the receipts state: else anybody could make a fork
/// with a key of his own.
fn believed(anchor: &Anchor, fork: &Fork) -> Result<(), String> {
    let opening = fork.opening();
    let (key, subject) = (&opening.key, &opening.subject);
    let known = anchor.actors().iter().find(|actor| actor.key() == key);
    let actor = known.ok_or_else(|| format!("the trust anchor does not know the key {key}"))?;
    if !actor.acts_for(subject) {
        return Err(format!(
            "the trust anchor's key {key} does not act for {subject}"
        ));
    }
    let times = [opening.timestamp()]
        .into_iter()
        .chain(fork.sides().map(Receipt::timestamp));
    match times.into_iter().find(|time| !actor.counts_at(*time)) {
        Some(time) => Err(format!(
            "the trust anchor's key {key} does not count at {time}"
        )),
        None => Ok(()),
    }
}

fn unknown_key(file: &str, why: String) -> Failure {
    Failure::refused(
        "evidence-key",
        format!("{file} proves nothing about an actor"),
        why,
    )
    .hint("is this the trust anchor for that actor, with the keys of that time?")
}

fn view(fork: &Fork) -> Value {
    let side = |receipt: &Receipt| {
        json!({
            "type": receipt.type_(),
            "at": receipt.timestamp().to_string(),
            "root_hash": receipt.root_hash().to_string(),
        })
    };
    json!({
        "session": fork.session().to_string(),
        "subject": fork.opening().subject.as_str(),
        "key": fork.opening().key.to_string(),
        "sequence": fork.sequence(),
        "sides": fork.sides().map(side),
    })
}

fn text(fork: &Fork, paint: Paint) -> String {
    let subject = printable(fork.opening().subject.as_str());
    let sequence = fork.sequence();
    let proven =
        format!("{subject} signed two receipts with the sequence number {sequence} in one session");
    let mut fields = Fields::new()
        .row("session", fork.session().to_string())
        .row("key", fork.opening().key.to_string());
    for side in fork.sides() {
        fields.push(side.type_(), side.root_hash().to_string());
    }
    let open = "Not proven: which of the two came first or is true, or that the actor itself did it; whoever has its key can \
                have signed either.";
    let proven = paint.paragraph("Proven: ", &proven);
    let proven = proven.replacen("Proven", &paint.good("Proven"), 1);
    format!(
        "{proven}{}{}",
        fields.render(paint),
        paint.paragraph("", open)
    )
}
