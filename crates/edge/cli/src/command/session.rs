//! `quorate session …`: recording what an actor does, signed where its key is.

mod again;
mod draft;
mod import;

use http::{HeaderValue, Method, header};
use quorate_note::{base64, ed25519::SecretKey};
use quorate_provenance::{DraftError, Payload, Recorder, Subject};
use quorate_receipt::{Blake3Hash, Receipt, Sha256Text, Timestamp};
use quorate_verify::bundle::{PayloadForm, payload_hash};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use self::again::again;
use self::draft::Drafted;
use super::actor::secret;
use super::scroll::{array, string};
use super::verify::read;
use crate::args::{Session, Step};
use crate::client::{Client, Without, full, json_body, request};
use crate::failure::{Failure, Stop, reason};
use crate::local::Settings;
use crate::out::Out;
use crate::text::{Fields, Table, count, seconds};
use crate::uri::Uri;

/// The largest file that content or payload may be read from.
const MAX_CONTENT: u64 = 1 << 30;
/// The media type of a payload in JSON, unless another is given.
const JSON: &str = "application/json";

pub(super) use import::dry_run;

pub(super) async fn run(settings: &Settings, session: Session, out: Out) -> Result<(), Stop> {
    match session {
        Session::Open {
            subject,
            key,
            attributes,
        } => {
            distinct(&attributes)?;
            let key = secret(&key)?;
            let mut client = Client::connect(settings, Without::Refuse).await?;
            open(&mut client, key, subject, attributes, out).await
        }
        Session::Step(step) => {
            distinct(&step.attributes)?;
            typed(&step)?;
            let key = Arc::new(secret(&step.key)?);
            let mut client = Client::connect(settings, Without::Refuse).await?;
            record_step(&mut client, key, &step, out).await
        }
        Session::Close {
            session,
            key,
            payload,
            media_type,
            as_bytes,
        } => {
            let key = Arc::new(secret(&key)?);
            let read = payload.as_deref().map(|file| read(file, MAX_CONTENT));
            let bytes = read.transpose()?;
            let bound = bytes.as_deref().map(|bytes| match as_bytes {
                true => Bound::bytes(bytes, media_type),
                false => Bound::of(bytes, media_type),
            });
            let mut client = Client::connect(settings, Without::Refuse).await?;
            close(&mut client, key, session, bound.as_ref(), out).await?;
            if let (Some(file), Some(bound)) = (payload, bound) {
                bound.beside(&file, out);
            }
            Ok(())
        }
        Session::Import(import) => import::run(settings, &import, out).await,
        Session::List => list(settings, out).await,
        Session::Show { session } => {
            let mut client = Client::connect(settings, Without::Read).await?;
            let shown = show(&mut client, &session).await?;
            out.answer(&shown, |paint| {
                let mut fields = Fields::new()
                    .row("session", string(&shown, "id"))
                    .row("subject", string(&shown, "subject"))
                    .row("key", string(&shown, "key"))
                    .row("state", string(&shown, "state"))
                    .row("steps", shown["steps"].to_string())
                    .row("opened", seconds(string(&shown, "opened_at")))
                    .row("last receipt", seconds(string(&shown, "last_at")));
                fields.push("head", string(&shown, "head"));
                fields.push("in Provenance", places(&shown));
                fields.render(paint)
            })?;
            Ok(())
        }
    }
}

/// A name with two values would keep one of them.
fn distinct(attributes: &[(String, String)]) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    match attributes.iter().find(|(name, _)| !names.insert(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let why = format!("{name:?} is given more than once, and has one value");
            Err(Failure::usage("cannot take the attributes", why)
                .hint("give each name once; nothing was recorded"))
        }
    }
}

/// A payload to bind, and what its hash is taken of.
struct Bound {
    payload: Payload,
    form: PayloadForm,
    /// The hash of the file's bytes.
    file: Sha256Text,
}

impl Bound {
    /// JSON counts in its canonical form, so that it can stand in a bundle; anything else byte for byte.
    fn of(bytes: &[u8], media_type: Option<String>) -> Self {
        match quorate_receipt::json::canonicalize(bytes) {
            Ok(text) => Self {
                form: PayloadForm::CanonicalJson,
                payload: Payload {
                    hash: payload_hash(&text),
                    media_type: Some(media_type.unwrap_or_else(|| JSON.to_owned()).into()),
                },
                file: payload_hash(bytes),
            },
            Err(_) => Self::bytes(bytes, media_type),
        }
    }

    /// Byte for byte, whatever it is.
    fn bytes(bytes: &[u8], media_type: Option<String>) -> Self {
        let is_json = || quorate_receipt::json::parse(bytes).is_ok();
        let media_type = media_type.or_else(|| is_json().then(|| JSON.to_owned()));
        let file = payload_hash(bytes);
        Self {
            form: PayloadForm::Bytes,
            payload: Payload {
                hash: file,
                media_type: media_type.map(Into::into),
            },
            file,
        }
    }

    /// `canonical-json` or `bytes`, as reports have it.
    fn form(&self) -> &'static str {
        match self.form {
            PayloadForm::CanonicalJson => "canonical-json",
            PayloadForm::Bytes => "bytes",
        }
    }

    /// Says how a payload that stands in no bundle comes to an auditor.
    fn beside(&self, file: &Path, out: Out) {
        if self.form == PayloadForm::CanonicalJson {
            return;
        }
        let file = file.display();
        out.aside(&format!(
            "{file} is bound byte for byte, and travels beside the bundle:\n\
             quorate bundle verify BUNDLE --trust-anchor ANCHOR --payload {file}"
        ));
    }

    /// For people, a line or two.
    fn text(&self) -> String {
        let hash = self.payload.hash;
        let of = match self.form {
            PayloadForm::CanonicalJson => "canonical JSON",
            PayloadForm::Bytes => "bytes",
        };
        let mut text = format!("It binds the payload {hash}, the hash of its {of}\n");
        if self.file != hash {
            text.push_str(&format!(
                "The file's own SHA-256 is another, {}: the file is not in canonical form\n",
                self.file
            ));
        }
        text
    }
}

/// A media type with nothing that it is of would be left out.
fn typed(step: &Step) -> Result<(), Failure> {
    match &step.media_type {
        Some(media_type) if step.artifact.is_none() && step.hash.is_none() => {
            let why =
                "it is that of an --artifact, or of what --hash names, and this step has neither";
            let hint = format!(
                "leave it out, or write it as a remark: --attribute media_type={media_type}"
            );
            let what = format!("cannot take the media type {media_type}");
            Err(Failure::usage(what, why).hint(hint))
        }
        _ => Ok(()),
    }
}

/// Where the receipts stand: `0..2, 5`.
fn places(session: &Value) -> String {
    let runs = array(session, "places").iter();
    let runs = runs.filter_map(|run| Some((run[0].as_u64()?, run[1].as_u64()?)));
    let text = runs.map(|(first, count)| match count {
        0 | 1 => first.to_string(),
        n => format!("{first}..{}", first + n - 1),
    });
    text.collect::<Vec<_>>().join(", ")
}

pub(super) fn now() -> Result<Timestamp, Failure> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.ok().and_then(|s| i64::try_from(s.as_micros()).ok());
    micros.and_then(Timestamp::from_micros).ok_or_else(|| {
        Failure::environment(
            "clock",
            "cannot tell the time",
            "the machine's clock shows none that can be written",
        )
    })
}

fn random(what: &str) -> Result<[u8; 32], Failure> {
    let mut octets = [0; 32];
    getrandom::fill(&mut octets)
        .map_err(|e| Failure::environment("randomness", format!("cannot {what}"), reason(&e)))?;
    Ok(octets)
}

fn unwritable(error: &DraftError) -> Failure {
    Failure::refused("malformed", "cannot sign the receipt", reason(error))
        .hint("nothing was recorded; shorten or correct what was given")
}

async fn open(
    client: &mut Client,
    key: SecretKey,
    subject: Subject,
    attributes: Vec<(String, String)>,
    out: Out,
) -> Result<(), Stop> {
    let nonce = random("open a session")?;
    let attributes = attributes.into_iter().collect();
    let opened = Recorder::open(key, subject, &nonce, attributes, now()?);
    let (_, opening) = opened.map_err(|e| unwritable(&e))?;
    let recorded = send(client, opening.bytes().to_vec(), "cannot open a session").await?;
    let id = opening.root_hash().to_string();
    let answer = json!({"session": id, "index": recorded["first_index"]});
    out.answer(&answer, |_| format!("{id}\n"))
}

/// Records lines of receipts.
async fn send(client: &mut Client, lines: Vec<u8>, what: &str) -> Result<Value, Failure> {
    let mut asked = request(Method::POST, &Uri::path(&["sessions"]), full(lines));
    let kind = HeaderValue::from_static("application/x-ndjson");
    asked.headers_mut().insert(header::CONTENT_TYPE, kind);
    let answer = client.ask(asked, what).await?;
    Ok(json_body(answer, what).await?.1)
}

async fn show(client: &mut Client, session: &Blake3Hash) -> Result<Value, Failure> {
    let what = format!("cannot show the session {session}");
    let uri = Uri::path(&["sessions", &session.to_string()]);
    client.get(&uri, &what).await.map_err(known)
}

/// Whether nothing can be added to a session any more.
pub(super) async fn is_closed(client: &mut Client, session: &Blake3Hash) -> Result<bool, Failure> {
    Ok(string(&show(client, session).await?, "state") == "closed")
}

fn known(failure: Failure) -> Failure {
    match failure.is("not-found") || failure.is("unknown-scroll") {
        true => failure.hint("'quorate session list' lists them"),
        false => failure,
    }
}

/// Where a session goes on.
async fn resumed(
    client: &mut Client,
    key: &Arc<SecretKey>,
    session: &Blake3Hash,
) -> Result<(Recorder, Value), Failure> {
    let shown = show(client, session).await?;
    if string(&shown, "state") != "open" {
        return Err(Failure::refused(
            "session-closed",
            format!("cannot add to the session {session}"),
            "it is closed",
        )
        .hint("'quorate session open' opens another"));
    }
    let read = || {
        let subject = string(&shown, "subject").parse().ok()?;
        let head = string(&shown, "head").parse().ok()?;
        let next = shown["next_sequence"].as_u64()?;
        Some(Recorder::resume(
            Arc::clone(key),
            subject,
            *session,
            head,
            next,
        ))
    };
    let recorder = read().ok_or_else(|| {
        Failure::environment(
            "not-json",
            format!("cannot add to the session {session}"),
            "the node's answer is not that of a session",
        )
        .hint("is the node of the same version as this program? compare 'quorate --version'")
    })?;
    Ok((recorder, shown))
}

async fn record_step(
    client: &mut Client,
    key: Arc<SecretKey>,
    step: &Step,
    out: Out,
) -> Result<(), Stop> {
    let what = format!("cannot record a step of {}", step.session);
    let Drafted { draft, sealed } = Drafted::of(step)?;
    let recorded = again(async || {
        let (mut recorder, shown) = resumed(client, &key, &step.session).await?;
        let parents = draft::parents(client, &step.parents, &shown).await?;
        let sequence = recorder.next_sequence();
        let receipt = recorder
            .step(draft.clone().parents(parents), now()?)
            .map_err(|e| unwritable(&e))?;
        let recorded = send(client, line(&receipt, sealed.as_ref()), &what).await?;
        Ok((sequence, receipt.root_hash().to_string(), recorded))
    });
    let (sequence, hash, recorded) = recorded.await?;
    let answer = json!({
        "session": step.session.to_string(),
        "sequence": sequence,
        "step": hash,
        "index": recorded["first_index"],
    });
    out.answer(&answer, |_| format!("{sequence} {hash}\n"))
}

/// A receipt, with the content that it seals.
fn line(receipt: &Receipt, sealed: Option<&([u8; 32], Vec<u8>)>) -> Vec<u8> {
    let Some((salt, content)) = sealed else {
        return receipt.bytes().to_vec();
    };
    let (salt, content) = (base64::encode(salt), base64::encode(content));
    let receipt = receipt.text();
    format!(r#"{{"receipt":{receipt},"sealed":{{"content":"{content}","salt":"{salt}"}}}}"#).into()
}

async fn close(
    client: &mut Client,
    key: Arc<SecretKey>,
    session: Blake3Hash,
    bound: Option<&Bound>,
    out: Out,
) -> Result<(), Stop> {
    let what = format!("cannot close the session {session}");
    let payload = bound.map(|bound| bound.payload.clone());
    let recorded = again(async || {
        let (recorder, shown) = resumed(client, &key, &session).await?;
        let closing = recorder.close(payload.clone(), now()?);
        let closing = closing.map_err(|e| unwritable(&e))?;
        let recorded = send(client, closing.bytes().to_vec(), &what).await?;
        let steps = shown["steps"].as_u64().unwrap_or_default();
        Ok((steps, closing.root_hash().to_string(), recorded))
    });
    let (steps, closing, recorded) = recorded.await?;
    let answer = json!({
        "session": session.to_string(),
        "steps": steps,
        "closing": closing,
        "payload": bound.map(|b| b.payload.hash.to_string()),
        "payload_of": bound.map(Bound::form),
        "payload_file": bound.map(|b| b.file.to_string()),
        "index": recorded["first_index"],
    });
    out.answer(&answer, |paint| {
        let mut text = format!("Closed, with {}.\n", count(steps, "step", "steps"));
        if let Some(bound) = bound {
            text.push_str(&bound.text());
        }
        text.push_str(&paint.dim(&format!(
            "To hand it over: quorate bundle export {session} -o FILE"
        )));
        text.push('\n');
        text
    })
}

async fn list(settings: &Settings, out: Out) -> Result<(), Stop> {
    let mut client = Client::connect(settings, Without::Read).await?;
    let mut sessions: Vec<Value> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let uri = Uri::path(&["sessions"]).query_some("after", after.as_deref());
        let page = client.get(&uri, "cannot list the sessions").await?;
        sessions.extend(array(&page, "sessions").iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    let first = |session: &Value| session["first_index"].as_u64();
    sessions.sort_by_key(first);
    let answer = json!({"sessions": sessions});
    out.answer(&answer, |paint| {
        if sessions.is_empty() {
            return "No session was recorded. 'quorate session open' opens one.\n".to_owned();
        }
        let mut table = Table::new(&["subject", "state", ">steps", "opened", "session"]);
        for session in &sessions {
            let steps = session["steps"].to_string();
            table.push(&[
                string(session, "subject"),
                string(session, "state"),
                &steps,
                &seconds(string(session, "opened_at")),
                string(session, "id"),
            ]);
        }
        table.render(paint)
    })
}
