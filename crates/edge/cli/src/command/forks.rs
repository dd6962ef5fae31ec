//! `quorate bundle forks` and `quorate bundle evidence`: an actor that told two stories of one session, and a log that showed
//! two heads. Files only.

mod heads;

use std::path::{Path, PathBuf};

use quorate_provenance::{Fork, MAX_FORK_LEN, NotAFork};
use quorate_receipt::{Blake3Hash, Receipt};
use quorate_verify::anchor::Anchor;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use self::heads::Heads;
use super::trust_anchor::read_anchor;
use super::verify::read;
use crate::failure::{Failure, Stop, reason};
use crate::out::{Out, Sink};
use crate::text::{Fields, Paint, printable};

/// The largest bundle that is held in memory: of half a million steps.
const MAX_COMPARED: u64 = 512 << 20;

/// What this needs of a bundle: its receipts, each as it stands there, and what says where they stand.
struct Shown<'a> {
    path: &'a Path,
    checkpoint: String,
    leaves: Vec<(u64, u64)>,
    proof: Vec<String>,
    steps: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Bundle<'a> {
    checkpoint: String,
    leaves: Vec<(u64, u64)>,
    proof: Vec<String>,
    #[serde(borrow)]
    steps: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Presented<'a> {
    #[serde(borrow)]
    bundle: &'a RawValue,
}

/// What two bundles tell of the actor.
enum Stories {
    /// Of two sessions.
    OtherSessions([Blake3Hash; 2]),
    /// One, as far as both go.
    One(Blake3Hash),
    /// Two of one session.
    Two(Box<Fork>),
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
    let (one, other) = (shown(first, &one)?, shown(second, &other)?);
    let heads = Heads::of([&one, &other], &anchor.log_keys());
    let stories = stories(&anchor, &one, &other);
    let stories = match (stories, heads.accusation()) {
        (Err(failure), None) => return Err(failure.into()),
        (stories, _) => stories,
    };
    let fork = match &stories {
        Ok(Stories::Two(fork)) => Some(&**fork),
        Ok(_) | Err(_) => None,
    };
    let kept = Kept::write(output, fork, &heads)?;
    if output != Some(Path::new("-")) || kept.is_nothing() {
        let answer = answer(&stories, &heads, &kept);
        out.answer(&answer, |paint| said(&stories, &heads, paint))?;
    }
    match accusation(&stories, &heads, &kept) {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

fn stories(anchor: &Anchor, one: &Shown<'_>, other: &Shown<'_>) -> Result<Stories, Failure> {
    let differ = one.steps.iter().zip(&other.steps);
    let differ = differ
        .map(|(a, b)| a.get() != b.get())
        .position(|differ| differ);
    let opening = receipt(one, 0)?;
    let at = match differ {
        None => return Ok(Stories::One(*opening.root_hash())),
        Some(0) => {
            let sessions = [opening, receipt(other, 0)?].map(|opening| *opening.root_hash());
            return Ok(Stories::OtherSessions(sessions));
        }
        Some(at) => at,
    };
    let (a, b) = (receipt(one, at)?, receipt(other, at)?);
    let fork = Fork::of(&opening, &a, &b).map_err(|error| {
        let what = format!(
            "{} and {} differ, but prove nothing",
            one.path.display(),
            other.path.display()
        );
        Failure::refused("fork-unproven", what, reason(&error)).hint(
            "verify each with 'quorate bundle verify': one of them is not what the actor signed",
        )
    })?;
    believed(anchor, &fork).map_err(|why| unknown_key("the bundles", why))?;
    Ok(Stories::Two(Box::new(fork)))
}

/// Where evidence was written.
#[derive(Default)]
struct Kept {
    actor: Option<PathBuf>,
    log: Option<PathBuf>,
}

impl Kept {
    /// Of two proofs the actor's has the file's name, and the log's the same with `.evidence` behind it. Standard output
    /// takes one.
    fn write(output: Option<&Path>, fork: Option<&Fork>, heads: &Heads) -> Result<Self, Stop> {
        let mut kept = Self::default();
        let Some(path) = output else { return Ok(kept) };
        if let Some(fork) = fork {
            put(path, &fork.to_bytes())?;
            kept.actor = Some(path.to_path_buf());
        }
        if let Some(evidence) = heads.evidence() {
            let mut name = path.as_os_str().to_owned();
            match fork {
                Some(_) if path == Path::new("-") => return Ok(kept),
                Some(_) => name.push(".evidence"),
                None => {}
            }
            let path = PathBuf::from(name);
            put(&path, &evidence)?;
            kept.log = Some(path);
        }
        Ok(kept)
    }

    fn is_nothing(&self) -> bool {
        self.actor.is_none() && self.log.is_none()
    }
}

fn put(path: &Path, evidence: &[u8]) -> Result<(), Stop> {
    let mut sink = Sink::open(Some(path))?;
    sink.write(evidence)?;
    sink.finish()
}

fn answer(stories: &Result<Stories, Failure>, heads: &Heads, kept: &Kept) -> Value {
    let name = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let mut answer = match stories {
        Err(failure) => json!({"fork": null, "why": "not-judged", "reason": failure.said()}),
        Ok(Stories::OtherSessions(sessions)) => json!({
            "fork": false,
            "why": "other-sessions",
            "sessions": sessions.map(|id| id.to_string()),
        }),
        Ok(Stories::One(session)) => {
            json!({"fork": false, "why": "one-history", "sessions": [session.to_string()]})
        }
        Ok(Stories::Two(fork)) => {
            let mut answer = view(fork);
            answer["fork"] = true.into();
            answer["file"] = name(&kept.actor).into();
            answer
        }
    };
    answer["log"] = heads.view();
    if kept.log.is_some() {
        answer["log"]["file"] = name(&kept.log).into();
    }
    answer
}

fn said(stories: &Result<Stories, Failure>, heads: &Heads, paint: Paint) -> String {
    // Beside a log that is accused, who did nothing is named.
    let no_fork = match heads.accusation() {
        None => "No fork",
        Some(_) => "The actor did not fork",
    };
    let of_actor = match stories {
        Err(failure) => paint.paragraph(
            "",
            &printable(&format!("Of the actor: {}.", failure.said())),
        ),
        Ok(Stories::OtherSessions(_)) => {
            format!("{no_fork}: these are two sessions, and an actor may have many.\n")
        }
        Ok(Stories::One(_)) => format!("{no_fork}: as far as both go, they tell one story.\n"),
        Ok(Stories::Two(fork)) => text(fork, paint),
    };
    of_actor + &heads.text(paint)
}

/// Who told or showed two things; none if nobody is known to have.
fn accusation(stories: &Result<Stories, Failure>, heads: &Heads, kept: &Kept) -> Option<Failure> {
    let fork = match stories {
        Ok(Stories::Two(fork)) => Some(fork),
        Ok(_) | Err(_) => None,
    };
    let of_actor = fork.map(|fork| {
        let (subject, session) = (&fork.opening().subject, fork.session());
        let sequence = fork.sequence();
        (
            format!("{subject} told two stories of the session {session}"),
            format!("two receipts with the sequence number {sequence} are signed by its key"),
        )
    });
    let of_log = heads.accusation();
    let code = if of_actor.is_some() {
        "fork"
    } else {
        "log-fork"
    };
    let (what, why): (Vec<_>, Vec<_>) = of_actor.into_iter().chain(of_log).unzip();
    if what.is_empty() {
        return None;
    }
    let mut failure = Failure::refused(code, what.join(", and "), why.join("\n"));
    for (file, command) in [
        (&kept.actor, "bundle evidence"),
        (&kept.log, "log evidence"),
    ] {
        if let Some(file) = file {
            let file = match file == Path::new("-") {
                true => "what was printed".to_owned(),
                false => file.display().to_string(),
            };
            failure = failure.and_hint(&format!(
                "keep {file} and both bundles; 'quorate {command}' checks it anywhere"
            ));
        }
    }
    let unwritten =
        fork.is_some() && kept.actor.is_none() || heads.evidence().is_some() && kept.log.is_none();
    Some(match (unwritten, kept.is_nothing()) {
        (true, true) => {
            failure.and_hint("keep both bundles; with --output what proves it is written to a file")
        }
        (true, false) => failure
            .and_hint("with --output FILE the log's evidence is written too, to FILE.evidence"),
        (false, true) => failure.and_hint("keep both bundles: together they prove it"),
        (false, false) => failure,
    })
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

fn shown<'a>(path: &'a Path, bytes: &'a [u8]) -> Result<Shown<'a>, Failure> {
    let malformed = |error: serde_json::Error| no_bundle(path, &reason(&error));
    let whole: &RawValue = serde_json::from_slice(bytes).map_err(malformed)?;
    let bundle = match serde_json::from_str::<Presented<'a>>(whole.get()) {
        Ok(presented) => presented.bundle,
        Err(_) => whole,
    };
    let bundle: Bundle<'a> = serde_json::from_str(bundle.get()).map_err(malformed)?;
    if bundle.steps.is_empty() {
        return Err(no_bundle(path, "it has no receipt"));
    }
    Ok(Shown {
        path,
        checkpoint: bundle.checkpoint,
        leaves: bundle.leaves,
        proof: bundle.proof,
        steps: bundle.steps,
    })
}

/// The receipt at this position, which both bundles have.
fn receipt(bundle: &Shown<'_>, at: usize) -> Result<Receipt, Failure> {
    let text = bundle.steps.get(at).map_or("", |text| text.get());
    Receipt::parse_canonical(text.as_bytes()).map_err(|e| no_bundle(bundle.path, &reason(&e)))
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
