//! `quorate bundle fetch`: a bundle's exact bytes from another machine, and its provenance afterwards.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use quorate_replication::{Checked, ContentHash, Endpoint, Fetched, Ticket, fetch as download};
use quorate_verify::bundle::{BundleReport, BundleVerifier, Failure as Judged, Source};
use serde_json::{Value, json};

use super::{failure, folder, payload};
use crate::args::Fetch;
use crate::command::bundle::{MAX_PAYLOAD, refusal, text};
use crate::command::session::now;
use crate::command::trust_anchor::read_anchor;
use crate::command::verify::{laid_out, read};
use crate::failure::{Failure, Stop, reason};
use crate::local::Settings;
use crate::out::{Out, Sink};
use crate::progress;
use crate::text::{octets, printable};

pub(crate) async fn fetch(settings: &Settings, fetch: &Fetch, out: Out) -> Result<(), Stop> {
    let Fetch { ticket, hash, .. } = fetch;
    let what = format!("cannot fetch {hash}");
    if ticket.hash() != *hash {
        let why = format!("the ticket is for {}", ticket.hash());
        let failure = Failure::refused("ticket-mismatch", what, why);
        let hint = "take hash and ticket from the same 'quorate bundle publish'; nobody was asked";
        return Err(failure.hint(hint).into());
    }
    // Whatever can be wrong on this side is, before anyone is asked.
    let anchor = read_anchor(&fetch.trust_anchor)?;
    let at = fetch.now.map_or_else(now, Ok)?;
    let mut verifier = BundleVerifier::new(&anchor, at);
    if let Some(file) = &fetch.payload {
        verifier = verifier.with_payload_file(&read(file, MAX_PAYLOAD)?);
    }

    let folder = folder(settings).join("fetching");
    let bar = progress::bar(Some(0), out);
    let fetched = download(&folder, ticket, fetch.max_size, |here, all| {
        bar.set_length(all);
        bar.set_position(here);
    });
    let fetched = fetched.await;
    bar.finish_and_clear();
    let fetched = fetched.map_err(|e| failure(&what, &e))?;
    tokio::task::block_in_place(|| judge(fetch, fetched, verifier, out))
}

/// Verifies what arrived, and saves it if it holds: the bytes that are judged are those that are written, and the end of
/// them is only reached if they are those of the hash.
fn judge(
    fetch: &Fetch,
    fetched: Fetched,
    verifier: BundleVerifier<'_>,
    out: Out,
) -> Result<(), Stop> {
    let broken = |e| failure("cannot read what was fetched", &e);
    let mut sink = fetch.output.as_deref().map(named).transpose()?;
    let pieces = Pieces {
        reader: fetched.read().map_err(broken)?,
        copy: sink.as_mut(),
    };
    let judged = verifier.verify_each(pieces, |_, _| {});
    let transport = Transport::of(&fetched, &fetch.ticket);
    match judged {
        Ok(report) => {
            let carried = match fetch.show_payload {
                true => payload::carried(fetched.read().map_err(broken)?)?,
                false => None,
            };
            if let Some(sink) = sink {
                sink.finish()?;
            }
            let told = accepted(fetch, &transport, &report, carried, out);
            drop_copy(fetched, out);
            told
        }
        Err(Judged::Read(Halt::Write(stop))) => Err(stop),
        Err(Judged::Read(Halt::Read(e))) => Err(unread(fetched, &e, out).into()),
        Err(Judged::Refused(error)) => {
            // A bundle is refused at the first thing that is wrong: whether the rest is what was fetched is read still.
            let whole = fetched.read().map_err(broken)?;
            if let Err(e) = io::copy(&mut { whole }, &mut io::sink()) {
                return Err(unread(fetched, &e, out).into());
            }
            let name = PathBuf::from(fetch.hash.to_string());
            let refused = json!({"code": error.code(), "verified": false, "why": reason(&error)});
            let answer =
                json!({"provenance": refused, "saved": null, "transport": transport.json()});
            out.answer(&answer, |_| transport.text())?;
            drop_copy(fetched, out);
            Err(refusal(&name, Judged::Refused(error)).into())
        }
    }
}

/// What arrived cannot be read: the disk has lost it, and another attempt must not go on from there, or it fails.
fn unread(fetched: Fetched, error: &io::Error, out: Out) -> Failure {
    if error.kind() != io::ErrorKind::InvalidData {
        let what = "cannot read what was fetched";
        return Failure::environment("file", what, reason(error))
            .hint("check the disk, and fetch it again: what arrived is kept");
    }
    drop_copy(fetched, out);
    let what = "what was fetched is not there any more";
    Failure::environment("lost", what, reason(error)).hint("fetch it again, and check the disk")
}

/// The bytes are where they were asked for, or are not wanted. That they could not be removed changes no verdict.
fn drop_copy(fetched: Fetched, out: Out) {
    if let Err(error) = fetched.remove() {
        out.aside(&format!("What was fetched stays: {}", reason(&error)));
    }
}

/// A file to save to. Standard output is for the two results.
fn named(path: &Path) -> Result<Sink, Failure> {
    if path == Path::new("-") {
        return Err(
            Failure::usage("cannot save to standard output", "the results stand there")
                .hint("name a file: '-o FILE', or './-'"),
        );
    }
    Sink::open(Some(path))
}

/// What the transport proved.
struct Transport {
    hash: ContentHash,
    endpoint: Endpoint,
    octets: u64,
    resumed: u64,
}

impl Transport {
    fn of(fetched: &Fetched, ticket: &Ticket) -> Self {
        Self {
            hash: fetched.hash(),
            endpoint: ticket.endpoint(),
            octets: fetched.size(),
            resumed: fetched.resumed(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "blake3_hash": self.hash,
            "endpoint": self.endpoint,
            "octets": self.octets,
            "resumed_octets": self.resumed,
            "verified": true,
        })
    }

    fn text(&self) -> String {
        let before = match self.resumed {
            0 => String::new(),
            n => format!(", {} of it from earlier attempts", octets(n)),
        };
        format!(
            "Transport: {}{before}, exactly the bytes of blake3-hash {}\n",
            octets(self.octets),
            self.hash
        )
    }
}

fn accepted(
    fetch: &Fetch,
    transport: &Transport,
    report: &BundleReport,
    carried: Option<String>,
    out: Out,
) -> Result<(), Stop> {
    let mut provenance = serde_json::to_value(report.view())
        .map_err(|e| Failure::environment("report", "cannot write the report", reason(&e)))?;
    provenance["verified"] = Value::Bool(true);
    let saved = fetch.output.as_ref().map(|f| f.display().to_string());
    let mut answer =
        json!({"provenance": provenance, "saved": saved, "transport": transport.json()});
    if fetch.show_payload {
        let value = carried.as_deref().map(serde_json::from_str).transpose();
        answer["payload"] = value
            .map_err(|e| Failure::environment("report", "cannot show the payload", reason(&e)))?
            .unwrap_or(Value::Null);
    }
    out.answer(&answer, |paint| {
        let mut page = transport.text();
        page.push_str("Provenance:\n");
        for line in text(report, &[]).lines() {
            page.push_str(&laid_out(&printable(line), paint));
        }
        if fetch.show_payload {
            let shown = carried.as_deref().map(printable);
            let shown = shown.unwrap_or_else(|| "the bundle carries none".into());
            page.push_str(&format!("Payload: {shown}\n"));
        }
        page.push_str(&match &saved {
            Some(file) => format!("Saved: {}\n", printable(file)),
            None => "Not saved: no -o FILE was given\n".to_owned(),
        });
        page
    })
}

/// What was fetched, in pieces, copied on its way to the verifier.
struct Pieces<'a> {
    reader: Checked<File>,
    copy: Option<&'a mut Sink>,
}

/// Why reading ended early.
enum Halt {
    Read(io::Error),
    Write(Stop),
}

impl Source for Pieces<'_> {
    type Error = Halt;

    fn more(&mut self, buffer: &mut Vec<u8>) -> Result<bool, Halt> {
        let before = buffer.len();
        let piece = (&mut self.reader).take(256 << 10).read_to_end(buffer);
        let read = piece.map_err(Halt::Read)?;
        if let Some(copy) = &mut self.copy {
            copy.write(&buffer[before..]).map_err(Halt::Write)?;
        }
        Ok(read > 0)
    }
}
