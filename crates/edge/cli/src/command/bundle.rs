//! `quorate bundle …`: sessions as files.

use std::io::Read;
use std::path::{Path, PathBuf};

use http::{HeaderValue, Method, header};
use http_body_util::BodyExt as _;
use quorate_provenance::{Label, Step, Verified};
use quorate_receipt::{Blake3Hash, Timestamp};
use quorate_verify::bundle::view::{Listing, StepView};
use quorate_verify::bundle::{
    AttestError, BundleError, BundleReport, BundleVerifier, Failure as Judged, MAX_STATEMENT_LEN,
    Presentation, Source, opening,
};
use serde_json::json;

use super::actor::secret;
use super::kind::Kind;
use super::session::{self, now};
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
pub(super) const MAX_PAYLOAD: u64 = 1 << 30;
/// The largest bundle that is held in memory, to be presented: of half a million steps.
const MAX_PRESENTED: u64 = 512 << 20;

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
    let payload = wanted.payload.as_deref();
    let payload = payload.map(|file| json_payload(file, &what)).transpose()?;
    let mut uri = Uri::path(&["sessions", &id, "bundle"]);
    if wanted.with_sealed {
        uri = uri.query("sealed", "true");
    }
    let asked = match payload {
        None => request(Method::GET, &uri, empty()),
        Some(payload) => {
            let mut asked = request(Method::POST, &uri, full(payload));
            let json = HeaderValue::from_static("application/json");
            asked.headers_mut().insert(header::CONTENT_TYPE, json);
            asked
        }
    };
    let mut client = Client::connect(settings, Without::Read).await?;
    let answer = client.ask(asked, &what).await?;
    let stdout = output == Path::new("-");
    let mut sink = match wanted.with_sealed && !stdout {
        // What was sealed is for whoever it is shown to.
        true => Sink::open_private(output)?,
        false => Sink::open(Some(output))?,
    };
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
    // Asked afterwards: a session that is open now was open then. The bundle is written, whatever the answer is.
    let closed = session::is_closed(&mut client, session).await.ok();
    if !stdout {
        let file = output.display().to_string();
        let report = json!({"session": id, "file": file, "octets": length, "complete": closed});
        out.answer(&report, |paint| {
            format!(
                "{} of {}: {file}\n{}\n",
                paint.bold("Bundle"),
                octets(length),
                paint.dim(&format!(
                    "To verify it anywhere, with a trust anchor that did not come with it:\n  \
                     quorate bundle verify {file} --trust-anchor ANCHOR"
                ))
            )
        })?;
    }
    if closed == Some(false) {
        out.aside(&format!(
            "The session is open: every trust anchor refuses this bundle as incomplete, unless it says \
             \"require\":{{\"complete\":false}}.\nTo close it: quorate session close {id} --key FILE; then export it again."
        ));
    }
    Ok(())
}

/// The payload as it is, if it can stand in a bundle.
fn json_payload(file: &Path, what: &str) -> Result<Vec<u8>, Failure> {
    let bytes = read(file, MAX_PAYLOAD)?;
    let judged = match bytes.is_empty() {
        true => Err("it is empty".to_owned()),
        false => quorate_receipt::json::parse(&bytes).map_err(|e| reason(&e)),
    };
    match judged {
        Ok(_) => Ok(bytes),
        Err(why) => {
            let file = file.display();
            let why = format!("{file} is not JSON, which alone can stand in a bundle: {why}");
            Err(Failure::refused("malformed", what, why).hint(format!(
                "export without --payload, and hand {file} over beside the bundle: \
                 quorate bundle verify BUNDLE --trust-anchor ANCHOR --payload {file}"
            )))
        }
    }
}

pub(super) fn run(bundle: Bundle, out: Out) -> Result<(), Stop> {
    match bundle {
        Bundle::Export { .. } | Bundle::Publish(_) | Bundle::Fetch(_) => Ok(()),
        Bundle::Verify {
            bundle,
            trust_anchor,
            payload,
            steps,
            now,
        } => verify(
            &bundle,
            &trust_anchor,
            payload.as_deref(),
            (steps, now),
            out,
        ),
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
            let opening = opening(&text).map_err(|error| {
                Failure::refused(error.code(), what(), reason(&error))
                    .hint("give it as 'quorate bundle export' wrote it")
            })?;
            if opening.key.as_bytes() != key.public().as_bytes() {
                let why = format!(
                    "the session is signed by {}, which is another key",
                    opening.key
                );
                return Err(Failure::refused("key-mismatch", what(), why)
                    .hint("give the seed of the key that recorded the session")
                    .into());
            }
            let now = now()?;
            if expires.micros() < now.micros() {
                let why = format!("{expires} is over: it is {now}");
                return Err(Failure::refused("presentation-expired", what(), why)
                    .hint("give --expires a time that is still to come")
                    .into());
            }
            let shown = Presentation::present(
                &text,
                &audience,
                &nonce,
                expires,
                (&opening.subject, &key),
                now,
            );
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
        Bundle::Attest {
            bundle,
            trust_anchor,
            key,
            output,
        } => attest(&bundle, &trust_anchor, &key, &output, out),
    }
}

fn attest(path: &Path, anchor: &Path, key: &Path, output: &Path, out: Out) -> Result<(), Stop> {
    let anchor = read_anchor(anchor)?;
    let bundle = read(path, MAX_STATEMENT_LEN as u64)?;
    let attested = BundleVerifier::new(&anchor, now()?).attest(&bundle, &secret(key)?);
    let attested = attested.map_err(|error| match error {
        AttestError::Refused(error) => refusal(path, Judged::Refused(error)),
        error => {
            let what = format!("cannot attest {}", path.display());
            let code = match error {
                AttestError::OtherKey => "key-mismatch",
                AttestError::NotBare => "not-bare",
                _ => "too-large",
            };
            Failure::refused(code, what, reason(&error)).hint(
                "give the bundle as 'quorate bundle export' wrote it, and the seed of the key that recorded the session",
            )
        }
    })?;
    let mut sink = Sink::open(Some(output))?;
    sink.write(&attested)?;
    sink.finish()?;
    if output == Path::new("-") {
        return Ok(());
    }
    let file = output.display().to_string();
    let answer = json!({"file": file, "octets": attested.len()});
    out.answer(&answer, |_| {
        format!(
            "Attested as an in-toto Statement, {}: {file}\n",
            octets(attested.len() as u64)
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
    (steps, at): (bool, Option<Timestamp>),
    out: Out,
) -> Result<(), Stop> {
    let anchor = read_anchor(anchor)?;
    let given = Given {
        path,
        payload: payload.is_some(),
        now: at,
    };
    let at = at.map_or_else(now, Ok)?;
    let mut verifier = BundleVerifier::new(&anchor, at);
    if let Some(file) = payload {
        verifier = verifier.with_payload_file(&read(file, MAX_PAYLOAD)?);
    }
    let mut listing = Listing::new(steps);
    let each = |step: &Verified<Step>, label: Label| listing.see(step, label);
    let judged = match path == Path::new("-") {
        true => verifier.verify_each(Pieces(std::io::stdin().lock()), each),
        false => {
            let file = std::fs::File::open(path).map_err(|e| Failure::file("read", path, &e))?;
            verifier.verify_each(Pieces(file), each)
        }
    };
    let report = judged.map_err(|error| given.refusal(error))?;
    let listed = text(&report, listing.steps());
    let verdict = serde_json::to_value(listing.verdict(&report));
    let verdict = verdict
        .map_err(|e| Failure::environment("report", "cannot write the report", reason(&e)))?;
    out.answer(&verdict, |paint| {
        listed
            .lines()
            .map(|line| laid_out(&printable(line), paint))
            .collect()
    })
}

pub(super) fn refusal(path: &Path, error: Judged<std::io::Error>) -> Failure {
    match error {
        Judged::Read(error) => Failure::file("read", path, &error),
        Judged::Refused(error) => {
            let what = format!("{} does not verify", path.display());
            Failure::refused(error.code(), what, reason(&error)).hint(error.hint())
        }
    }
}

/// What a verification was given, where a refusal may have its cause.
struct Given<'a> {
    path: &'a Path,
    payload: bool,
    now: Option<Timestamp>,
}

impl Given<'_> {
    /// The verifier's verdict and code, with a hint that knows the command line.
    fn refusal(&self, error: Judged<std::io::Error>) -> Failure {
        let hint = match &error {
            Judged::Read(_) => None,
            Judged::Refused(error) => self.hint(error),
        };
        let failure = refusal(self.path, error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    fn hint(&self, error: &BundleError) -> Option<&'static str> {
        match error.code() {
            "bundle-malformed" | "presentation-malformed" | "attestation-malformed"
                if self.path != Path::new("-") =>
            {
                Kind::of_file(self.path).as_bundle()
            }
            "payload-unbound" if !self.payload => Some(
                "if the trust anchor asks for a payload: this session was closed without one, so ask for another, or use an anchor \
                 that does not ask\nif a payload is in the bundle: do not believe that it came from the session",
            ),
            "from-the-future" if self.now.is_some() => {
                Some("--now is before the co-signatures: give a later time, or leave it out")
            }
            _ => None,
        }
    }
}

/// The report, with the steps before what is not proven.
pub(super) fn text(report: &BundleReport, listed: &[StepView]) -> String {
    let mut text = report.proven_text();
    for step in listed {
        let line = format!(
            "  {:>4}  {} {}  [{}]\n",
            step.sequence,
            step.kind,
            step.name
                .as_ref()
                .map_or(String::new(), |name| format!("{name:?}")),
            step.integrity
        );
        text.push_str(&line);
    }
    text + &report.not_proven_text()
}
