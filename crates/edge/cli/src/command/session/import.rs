//! `quorate session import`: a trace or a log, recorded as sessions.

mod preview;
mod recording;

use std::path::Path;
use std::sync::Arc;

use quorate_note::ed25519::SecretKey;
use quorate_provenance::{Attributes, MAX_AHEAD_SECONDS};
use quorate_receipt::{Blake3Hash, Receipt, Sha256Text, Timestamp};
use quorate_trace::{Log, ReadError, Trace};
use quorate_verify::bundle::payload_hash;

use self::recording::{Recording, check_sealed};
use super::{Bound, MAX_CONTENT, now, resumed};
use crate::args::Import;
use crate::client::{Client, Without};
use crate::command::actor::secret;
use crate::command::verify::read;
use crate::failure::{Failure, Stop, reason};
use crate::local::Settings;
use crate::out::Out;
use crate::text::count;
use crate::uri::Uri;

/// The attribute of an opening that names what was to be recorded, so that a later run can go on with exactly that.
const PLAN: &str = "import.plan";

pub(in crate::command) fn dry_run(import: &Import, out: Out) -> Result<(), Stop> {
    let bytes = source(&import.file)?;
    let log = chosen(import, &bytes)?;
    preview::show(&log, import.seal, out)
}

pub(super) async fn run(settings: &Settings, import: &Import, out: Out) -> Result<(), Stop> {
    let bytes = source(&import.file)?;
    let log = chosen(import, &bytes)?;
    let (Some(key), started) = (&import.key, now()?) else {
        return dry_run(import, out);
    };
    for trace in &log.traces {
        check_times(trace, started)?;
        if import.seal {
            check_sealed(trace)?;
        }
    }
    let bound = import
        .payload
        .as_ref()
        .map(|file| {
            let bytes = read(file, MAX_CONTENT)?;
            Ok::<_, Failure>((file, Bound::of(&bytes, import.media_type.clone())))
        })
        .transpose()?;
    if bound.is_some() && log.traces.len() > 1 {
        return Err(Failure::usage(
            "cannot bind one payload to several sessions",
            format!(
                "{} holds {} traces",
                import.file.display(),
                log.traces.len()
            ),
        )
        .hint("name one with --trace; --dry-run lists them")
        .into());
    }
    let key = Arc::new(secret(key)?);
    let mut client = Client::connect(settings, Without::Refuse).await?;
    if log.repeated > 0 {
        let spans = match log.repeated {
            1 => "1 span that stands".to_owned(),
            n => format!("{n} spans that stand"),
        };
        out.aside(&format!(
            "Left out: {spans} there once more, the same to the letter."
        ));
    }
    let work = Work {
        import,
        key,
        payload: bound.as_ref().map(|(_, bound)| bound.payload.clone()),
        file: payload_hash(&bytes),
        format: log.format.as_str(),
    };
    match &import.resume {
        Some(session) => work.resume(&mut client, &log, session, out).await?,
        None => {
            for trace in &log.traces {
                work.record(&mut client, trace, out).await?;
            }
        }
    }
    if let Some((file, bound)) = bound {
        bound.beside(file, out);
    }
    Ok(())
}

/// What all sessions of one import share.
struct Work<'a> {
    import: &'a Import,
    key: Arc<SecretKey>,
    payload: Option<quorate_provenance::Payload>,
    file: Sha256Text,
    format: &'static str,
}

impl Work<'_> {
    async fn record(&self, client: &mut Client, trace: &Trace<'_>, out: Out) -> Result<(), Stop> {
        let Some(subject) = &self.import.subject else {
            return Err(Failure::usage("cannot open a session", "--subject is missing").into());
        };
        let mut attributes = Attributes::from([
            ("import.file".to_owned(), self.file.to_string()),
            ("import.format".to_owned(), self.format.to_owned()),
            (
                PLAN.to_owned(),
                trace.fingerprint(self.import.seal).to_string(),
            ),
        ]);
        if let Some(id) = &trace.id {
            attributes.insert("import.trace".to_owned(), id.clone());
        }
        let opened = Recording::open(self, trace, subject.clone(), attributes)?;
        self.finish(client, opened, out).await
    }

    async fn resume(
        &self,
        client: &mut Client,
        log: &Log<'_>,
        session: &Blake3Hash,
        out: Out,
    ) -> Result<(), Stop> {
        let (recorder, shown) = resumed(client, &self.key, session).await?;
        let plan = plan_of(client, &shown, session).await?;
        let trace = log
            .traces
            .iter()
            .find(|trace| Some(trace.fingerprint(self.import.seal).to_string()) == plan);
        let other = |why: &str| {
            Failure::refused(
                "other-import",
                format!("cannot go on with the session {session}"),
                why.to_owned(),
            )
            .hint("give the same file, --source and --seal as the import that broke off")
        };
        let trace = trace
            .ok_or_else(|| other("it was not opened by an import of this file with these flags"))?;
        let done = shown["steps"]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok());
        let done = done
            .filter(|done| *done <= trace.steps.len())
            .ok_or_else(|| other("it has more steps than that import had"))?;
        let last = shown["last_timestamp"].as_str();
        let last = last.and_then(|text| text.parse().ok());
        let resumed = Recording::resume(self, trace, recorder, done, last);
        self.finish(client, resumed, out).await
    }

    async fn finish(
        &self,
        client: &mut Client,
        recording: Recording<'_>,
        out: Out,
    ) -> Result<(), Stop> {
        let (steps, id) = (recording.len(), recording.session().to_string());
        let answer = recording.run(client).await?;
        out.answer(&answer, |_| format!("{id}\n"))?;
        let state = match self.import.open {
            true => "open".to_owned(),
            false => format!("closed; to hand it over: quorate bundle export {id} -o FILE"),
        };
        let steps = count(steps as u64, "step", "steps");
        out.aside(&format!("{steps}, {state}"));
        Ok(())
    }
}

/// The plan that a session's opening names.
async fn plan_of(
    client: &mut Client,
    shown: &serde_json::Value,
    session: &Blake3Hash,
) -> Result<Option<String>, Failure> {
    let index = shown["places"][0][0]
        .as_u64()
        .unwrap_or_default()
        .to_string();
    let uri = Uri::path(&["scrolls", "Provenance", "entries", &index]);
    let what = format!("cannot read the opening of the session {session}");
    let bytes = client.get_octets(&uri, &what).await?;
    let opening = Receipt::parse_canonical(&bytes).ok();
    let opening = opening.filter(|opening| opening.root_hash() == session);
    let plan = opening.and_then(|opening| {
        let attributes = opening.get("attributes")?.as_object()?;
        attributes.get_str(PLAN).map(str::to_owned)
    });
    Ok(plan)
}

fn source(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    if path != Path::new("-") {
        return read(path, MAX_CONTENT);
    }
    let mut bytes = Vec::new();
    let failed = |e| Failure::file("read", Path::new("standard input"), &e);
    std::io::stdin()
        .lock()
        .take(MAX_CONTENT + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_CONTENT {
        let why = format!("it is longer than {MAX_CONTENT} octets");
        return Err(
            Failure::refused("too-long", "cannot import standard input", why)
                .hint("import it in parts, a trace or a log at a time"),
        );
    }
    Ok(bytes)
}

/// The traces that are asked for.
fn chosen<'a>(import: &Import, bytes: &'a [u8]) -> Result<Log<'a>, Failure> {
    let what = || format!("cannot import {}", import.file.display());
    let format = import.format.map(Into::into);
    let mut log = quorate_trace::read(bytes, format, &import.sources).map_err(|error| {
        let hint = match error {
            ReadError::Json(_) | ReadError::NotUtf8 { .. } => {
                "it must be OTLP/JSON or one JSON object a line; is it whole?"
            }
            ReadError::TooManySteps { .. } => "record it in parts, one session each",
            _ => "nothing was recorded; --format says how a file is read, docs/provenance.md what it may hold",
        };
        Failure::refused("import-malformed", what(), reason(&error)).hint(hint)
    })?;
    if let Some(wanted) = &import.trace {
        let wanted = wanted.to_ascii_lowercase();
        log.traces
            .retain(|trace| trace.id.as_ref() == Some(&wanted));
        if log.traces.is_empty() {
            let why = format!("it holds no trace {wanted}");
            return Err(Failure::refused("no-trace", what(), why)
                .hint("--dry-run lists the traces of a file"));
        }
    }
    Ok(log)
}

/// A node refuses what has not happened yet; so does an import, before it has recorded a part.
fn check_times(trace: &Trace<'_>, now: Timestamp) -> Result<(), Failure> {
    let latest = now.micros().saturating_add(MAX_AHEAD_SECONDS * 1_000_000);
    let times = trace.steps.iter().filter_map(|step| step.time);
    match times.max_by_key(|time| time.micros()) {
        Some(time) if time.micros() > latest => Err(Failure::refused(
            "ahead",
            "cannot import what is in the future",
            format!("a step ends at {time}, and by this machine's clock it is {now}"),
        )
        .hint("set the clocks of the machine that was traced and of this one right")),
        _ => Ok(()),
    }
}
