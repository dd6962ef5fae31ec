//! `quorate bundle …`: sessions as files.

use std::io::Read;
use std::path::{Path, PathBuf};

use http::{HeaderValue, Method, header};
use http_body_util::BodyExt as _;
use quorate_provenance::{Label, SourceClass, Step, StepKind, Verified};
use quorate_receipt::{Blake3Hash, Timestamp};
use quorate_verify::bundle::{
    BundleError, BundleReport, BundleVerifier, Failure as Judged, Presentation, Source,
    payload_hash,
};
use serde_json::{Value, json};

use super::actor::secret;
use super::trust_anchor::read_anchor;
use super::verify::{laid_out, read};
use crate::args::Bundle;
use crate::client::{Client, Without, broken, empty, full, request};
use crate::failure::{Failure, Stop, reason};
use crate::local::Settings;
use crate::out::{Out, Sink};
use crate::text::{octets, printable};
use crate::uri::Uri;

/// The largest payload that is compared.
const MAX_PAYLOAD: u64 = 1 << 30;
/// The largest bundle that is held in memory, to be presented: of half a million steps.
const MAX_PRESENTED: u64 = 512 << 20;
/// Steps that --steps lists.
const MAX_LISTED: usize = 10_000;

/// What is wanted in a bundle.
pub(super) struct Wanted {
    pub(super) payload: Option<PathBuf>,
    pub(super) with_sealed: bool,
}

pub(super) async fn export(
    settings: &Settings,
    session: &Blake3Hash,
    output: &Path,
    wanted: &Wanted,
    out: Out,
) -> Result<(), Stop> {
    let what = format!("cannot export the session {session}");
    let id = session.to_string();
    let mut uri = Uri::path(&["sessions", &id, "bundle"]);
    if wanted.with_sealed {
        uri = uri.query("sealed", "true");
    }
    let asked = match &wanted.payload {
        None => request(Method::GET, &uri, empty()),
        Some(file) => {
            let mut asked = request(Method::POST, &uri, full(read(file, MAX_PAYLOAD)?));
            let json = HeaderValue::from_static("application/json");
            asked.headers_mut().insert(header::CONTENT_TYPE, json);
            asked
        }
    };
    let mut client = Client::connect(settings, Without::Read).await?;
    let answer = client.ask(asked, &what).await?;
    let mut sink = Sink::open(Some(output))?;
    let mut body = answer.into_body();
    let mut length = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| broken(&what, &*e))?;
        if let Some(data) = frame.data_ref() {
            sink.write(data)?;
            length += data.len() as u64;
        }
    }
    sink.finish()?;
    if output == Path::new("-") {
        return Ok(());
    }
    let file = output.display().to_string();
    let report = json!({"session": id, "file": file, "octets": length});
    out.answer(&report, |paint| {
        format!(
            "{} of {}: {file}\n{}\n",
            paint.bold("Bundle"),
            octets(length),
            paint.dim(
                "To verify it anywhere, with a trust anchor that did not come with it:\n  \
                 quorate bundle verify FILE --trust-anchor ANCHOR"
            )
        )
    })
}

pub(super) fn run(bundle: Bundle, out: Out) -> Result<(), Stop> {
    match bundle {
        Bundle::Export { .. } => Ok(()),
        Bundle::Verify {
            bundle,
            trust_anchor,
            payload,
            steps,
        } => verify(&bundle, &trust_anchor, payload.as_deref(), steps, out),
        Bundle::Forks {
            first,
            second,
            trust_anchor,
            output,
        } => super::forks::run(&first, &second, &trust_anchor, output.as_deref(), out),
        Bundle::Evidence { file, trust_anchor } => {
            super::forks::evidence(&file, &trust_anchor, out)
        }
        Bundle::Present {
            bundle,
            audience,
            nonce,
            expires,
            key,
            output,
        } => {
            let text = read(&bundle, MAX_PRESENTED)?;
            let key = secret(&key)?;
            let what = || format!("cannot present {}", bundle.display());
            let subject = subject_of(&text).ok_or_else(|| {
                Failure::refused("bundle-malformed", what(), "it is not a bundle")
                    .hint("'quorate bundle export' writes one")
            })?;
            let shown =
                Presentation::present(&text, &audience, &nonce, expires, (&subject, &key), now()?);
            let shown = shown.map_err(|e| {
                Failure::refused("presentation-malformed", what(), reason(&e))
                    .hint("audience and nonce are 1 to 1024 bytes without control characters")
            })?;
            let mut sink = Sink::open(Some(&output))?;
            sink.write(&shown)?;
            sink.finish()?;
            if output == Path::new("-") {
                return Ok(());
            }
            let file = output.display().to_string();
            let answer =
                json!({"file": file, "audience": audience, "expires": expires.to_string()});
            out.answer(&answer, |_| {
                format!("Presented to {audience} until {expires}: {file}\n")
            })
        }
    }
}

/// Whose session a bundle holds, as it says itself: the first receipt's subject.
fn subject_of(bundle: &[u8]) -> Option<quorate_provenance::Subject> {
    let value = quorate_receipt::json::parse(bundle).ok()?;
    let steps = value.as_object()?.get("steps")?.as_array()?;
    steps.first()?.as_object()?.get_str("subject")?.parse().ok()
}

fn now() -> Result<Timestamp, Failure> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since.ok().and_then(|s| i64::try_from(s.as_secs()).ok());
    seconds.and_then(Timestamp::from_seconds).ok_or_else(|| {
        Failure::environment(
            "clock",
            "cannot tell the time",
            "the machine's clock shows none that can be written",
        )
    })
}

/// A file, or standard input, in pieces.
struct Pieces<R>(R);

impl<R: Read> Source for Pieces<R> {
    type Error = std::io::Error;

    fn more(&mut self, buffer: &mut Vec<u8>) -> Result<bool, std::io::Error> {
        let piece = 256 << 10;
        let read = (&mut self.0).take(piece).read_to_end(buffer)?;
        Ok(read > 0)
    }
}

fn verify(
    path: &Path,
    anchor: &Path,
    payload: Option<&Path>,
    steps: bool,
    out: Out,
) -> Result<(), Stop> {
    let anchor = read_anchor(anchor)?;
    let mut verifier = BundleVerifier::new(&anchor, now()?);
    if let Some(file) = payload {
        let bytes = read(file, MAX_PAYLOAD)?;
        let canonical = quorate_receipt::json::canonicalize(&bytes).ok();
        verifier = verifier.with_payload(payload_hash(canonical.as_deref().unwrap_or(&bytes)));
    }
    let mut listed: Vec<Value> = Vec::new();
    let each = |step: &Verified<Step>, label: Label| {
        if steps && listed.len() < MAX_LISTED {
            listed.push(listing(step, label));
        }
    };
    let judged = match path == Path::new("-") {
        true => verifier.verify_each(Pieces(std::io::stdin().lock()), each),
        false => {
            let file = std::fs::File::open(path).map_err(|e| Failure::file("read", path, &e))?;
            verifier.verify_each(Pieces(file), each)
        }
    };
    let report = judged.map_err(|error| refusal(path, error))?;
    let mut view = serde_json::to_value(report.view())
        .map_err(|e| Failure::environment("report", "cannot write the report", reason(&e)))?;
    view["verified"] = Value::Bool(true);
    if steps {
        view["listed"] = listed.iter().cloned().collect();
    }
    out.answer(&view, |paint| {
        let text = text(&report, &listed);
        text.lines()
            .map(|line| laid_out(&printable(line), paint))
            .collect()
    })
}

fn refusal(path: &Path, error: Judged<std::io::Error>) -> Failure {
    match error {
        Judged::Read(error) => Failure::file("read", path, &error),
        Judged::Refused(error) => {
            let what = format!("{} does not verify", path.display());
            Failure::refused(error.code(), what, reason(&error)).hint(hint(&error))
        }
    }
}

fn hint(error: &BundleError) -> &'static str {
    match error.code() {
        "incomplete" => {
            "ask for the bundle again once the session is closed; an anchor with \"require\":{\"complete\":false} takes it as it is"
        }
        "actor-unknown" | "actor-out-of-scope" | "actor-out-of-window" => {
            "is this the trust anchor for that actor? if so, do not believe the bundle"
        }
        "log-unknown" | "signature-unknown" => {
            "is this the trust anchor for the log it was recorded in? have the bundle exported for its policy"
        }
        "not-quorate" | "too-old" => "ask for a newer export: witnesses may have co-signed since",
        "payload-unbound" | "payload-mismatch" => {
            "do not believe that this payload came from the session"
        }
        "presentation-missing" => "ask its holder: 'quorate bundle present' makes one",
        "presentation-audience" | "presentation-nonce" | "presentation-expired" => {
            "it was made for somebody else or another time: ask its holder for one of your own"
        }
        "flow-refused" => "the trust anchor's rules keep such sources away from this step",
        _ => "do not believe it: keep it, and ask whoever it came from",
    }
}

fn listing(step: &Verified<Step>, label: Label) -> Value {
    let name = match &step.kind {
        StepKind::ToolCall { tool } => &**tool,
        StepKind::ModelCall { provider, .. } => &**provider,
        StepKind::Retrieval { url } => &**url,
        StepKind::Artifact { name, .. } => &**name,
        StepKind::Merge | StepKind::Note => "",
    };
    json!({
        "sequence": step.link.sequence,
        "step": step.hash().to_string(),
        "at": step.timestamp().to_string(),
        "kind": step.kind.name(),
        "name": name,
        "parents": step.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sources": label.classes().map(SourceClass::as_str).collect::<Vec<_>>(),
        "integrity": label.level().as_str(),
    })
}

/// The report, with the steps before what is not proven.
fn text(report: &BundleReport, listed: &[Value]) -> String {
    let whole = report.to_string();
    let (proven, open) = whole.split_once("Not proven:").unwrap_or((&whole, ""));
    let mut text = proven.to_owned();
    for step in listed {
        let part = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
        let line = format!(
            "  {:>4}  {} {}  [{}]\n",
            step["sequence"].as_u64().unwrap_or_default(),
            part("kind"),
            part("name"),
            part("integrity")
        );
        text.push_str(&line);
    }
    text + "Not proven:" + open
}
