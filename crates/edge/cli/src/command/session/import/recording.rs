//! One session on its way into the log: signed here, sent in batches that are recorded whole or not at all.

use std::sync::Arc;

use quorate_provenance::{Attributes, Recorder, StepDraft, Subject};
use quorate_receipt::{Blake3Hash, Receipt, Sealed, Timestamp};
use quorate_trace::{Planned, Trace};
use serde_json::{Value, json};

use super::super::draft::Drafted;
use super::super::{line, now, random, send, unwritable};
use super::Work;
use crate::client::Client;
use crate::command::scroll::string;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::uri::Uri;

/// A batch is sent when it has so many octets: far below what the node takes at once, and enough that its two syncs of the
/// disk do not count.
const BATCH_OCTETS: usize = 4 << 20;
/// The longest content that is sealed here: in base64, and with its receipt, it must fit into a request of 31 MiB.
const MAX_SEALED: usize = 20 << 20;

/// A content that cannot be sealed is refused before anything is recorded.
pub(super) fn check_sealed(trace: &Trace<'_>) -> Result<(), Failure> {
    let contents = trace.steps.iter().filter_map(|step| step.content.as_ref());
    match contents.map(|content| content.text().len()).max() {
        Some(octets) if octets > MAX_SEALED => {
            let why = format!("a step has {octets} octets, and {MAX_SEALED} can be sealed");
            Err(Failure::refused("too-long", "cannot seal the content", why)
                .hint("nothing was recorded; without --seal its hash is"))
        }
        _ => Ok(()),
    }
}

pub(super) struct Recording<'a> {
    work: &'a Work<'a>,
    trace: &'a Trace<'a>,
    recorder: Recorder,
    /// The steps' hashes. Those of an earlier run are asked for when a step derives from them.
    hashes: Vec<Option<Blake3Hash>>,
    last: Option<Timestamp>,
    batch: Vec<u8>,
    /// Whether the node said that the session is open.
    opened: bool,
    /// Steps that the node said are durable.
    durable: usize,
    /// Where the opening landed, or what this run added first.
    index: Value,
}

impl<'a> Recording<'a> {
    pub(super) fn open(
        work: &'a Work<'a>,
        trace: &'a Trace<'a>,
        subject: Subject,
        attributes: Attributes,
    ) -> Result<Self, Failure> {
        let began = match trace.began {
            Some(began) => began,
            None => now()?,
        };
        let key = Arc::clone(&work.key);
        let opened = Recorder::open(key, subject, &random("open a session")?, attributes, began);
        let (recorder, opening) = opened.map_err(|e| unwritable(&e))?;
        let mut recording = Self::resume(work, trace, recorder, 0, Some(began));
        recording.opened = false;
        recording.push(opening.bytes());
        Ok(recording)
    }

    pub(super) fn resume(
        work: &'a Work<'a>,
        trace: &'a Trace<'a>,
        recorder: Recorder,
        done: usize,
        last: Option<Timestamp>,
    ) -> Self {
        Self {
            work,
            trace,
            recorder,
            hashes: vec![None; trace.steps.len()],
            last,
            batch: Vec::new(),
            opened: true,
            durable: done,
            index: Value::Null,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.trace.steps.len()
    }

    pub(super) fn session(&self) -> Blake3Hash {
        *self.recorder.session()
    }

    /// Records what is missing, and closes the session unless it is to stay open.
    pub(super) async fn run(mut self, client: &mut Client) -> Result<Value, Failure> {
        match self.record(client).await {
            Ok(closing) => Ok(json!({
                "session": self.session().to_string(),
                "trace": self.trace.id,
                "steps": self.len(),
                "closing": closing.map(|hash| hash.to_string()),
                "payload": self.work.payload.as_ref().map(|p| p.hash.to_string()),
                "index": self.index,
            })),
            Err(failure) => Err(self.broken_off(failure)),
        }
    }

    async fn record(&mut self, client: &mut Client) -> Result<Option<Blake3Hash>, Failure> {
        let steps = self.len();
        for at in self.durable..steps {
            self.step(client, at).await?;
            if self.batch.len() >= BATCH_OCTETS {
                self.flush(client, at + 1).await?;
            }
        }
        let mut closing = None;
        if !self.work.import.open {
            let receipt = self.close(self.not_before_last(now()?))?;
            closing = Some(*receipt.root_hash());
            self.push(receipt.bytes());
        }
        self.flush(client, steps).await?;
        Ok(closing)
    }

    async fn step(&mut self, client: &mut Client, at: usize) -> Result<(), Failure> {
        let step = &self.trace.steps[at];
        for parent in &step.parents {
            if self.hashes[*parent].is_none() {
                let hash = recorded(client, &self.session(), *parent).await?;
                self.hashes[*parent] = Some(hash);
            }
        }
        let time = self.not_before_last(match step.time {
            Some(time) => time,
            None => now()?,
        });
        // Every parent has its hash by now.
        let draft = step.draft(|parent| self.hashes[parent].unwrap_or_else(|| self.session()));
        let Drafted { draft, sealed } = self.with_content(draft, step)?;
        let receipt = self
            .recorder
            .step(draft, time)
            .map_err(|e| unwritable(&e))?;
        self.last = Some(time);
        self.hashes[at] = Some(*receipt.root_hash());
        let line = line(&receipt, sealed.as_ref());
        self.push(&line);
        Ok(())
    }

    fn with_content(&self, draft: StepDraft, step: &Planned<'_>) -> Result<Drafted, Failure> {
        let clear = |draft| Drafted {
            draft,
            sealed: None,
        };
        let Some(content) = &step.content else {
            return Ok(clear(draft));
        };
        if self.work.import.seal {
            let bytes = content.text().as_bytes().to_vec();
            let salt = random("seal the content")?;
            return Ok(Drafted {
                draft: draft.sealed(Sealed::commit(&salt, &bytes)),
                sealed: Some((salt, bytes)),
            });
        }
        Ok(clear(match content.inline() {
            Some(value) => draft.inline(value),
            None => {
                let (hash, length) = content.hashed();
                draft.hashed(hash, length, Some("application/json"))
            }
        }))
    }

    fn close(&self, time: Timestamp) -> Result<Receipt, Failure> {
        let recorder = Recorder::resume(
            Arc::clone(&self.work.key),
            self.recorder.subject().clone(),
            self.session(),
            *self.recorder.head(),
            self.recorder.next_sequence(),
        );
        let closing = recorder.close(self.work.payload.clone(), time);
        closing.map_err(|e| unwritable(&e))
    }

    /// Times of a session do not run backwards.
    fn not_before_last(&self, time: Timestamp) -> Timestamp {
        match self.last {
            Some(last) if time < last => last,
            _ => time,
        }
    }

    fn push(&mut self, line: &[u8]) {
        if !self.batch.is_empty() {
            self.batch.push(b'\n');
        }
        self.batch.extend_from_slice(line);
    }

    /// Sends what is signed: all steps before `until` are durable then.
    async fn flush(&mut self, client: &mut Client, until: usize) -> Result<(), Failure> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let what = format!("cannot import {}", self.work.import.file.display());
        let batch = std::mem::take(&mut self.batch);
        let recorded = send(client, batch, &what).await?;
        if self.index.is_null() {
            self.index = recorded["first_index"].clone();
        }
        (self.opened, self.durable) = (true, until);
        Ok(())
    }

    /// What was recorded, and how it goes on.
    fn broken_off(&self, failure: Failure) -> Failure {
        let (session, durable, all) = (self.session(), self.durable, self.len());
        // A refusal says that nothing of the batch was recorded; after a broken connection nobody knows.
        let known = failure.exit() == Exit::Refused;
        let file = self.work.import.file.display();
        let go_on = format!(
            "go on with 'quorate session import {file} --resume {session}' and the flags of this call but --subject and --trace"
        );
        match (self.opened, known) {
            (false, true) => failure.and_hint("nothing of this session was recorded"),
            (false, false) => failure.and_hint(&format!(
                "it is not known whether the session {session} was opened: 'quorate session show {session}' tells; if it is open, {go_on}"
            )),
            (true, true) => failure.and_hint(&format!(
                "{durable} of {all} steps of the session {session} are recorded, and it is open; {go_on}"
            )),
            (true, false) => failure.and_hint(&format!(
                "at least {durable} of {all} steps of the session {session} are recorded; {go_on}"
            )),
        }
    }
}

/// The hash of a step that an earlier run recorded. Sequence numbers count from 1.
async fn recorded(
    client: &mut Client,
    session: &Blake3Hash,
    at: usize,
) -> Result<Blake3Hash, Failure> {
    let sequence = (at + 1).to_string();
    let what = format!("cannot look up step {sequence} of {session}");
    let uri = Uri::path(&["sessions", &session.to_string(), "steps", &sequence]);
    let shown = client.get(&uri, &what).await?;
    string(&shown, "step").parse().map_err(|_| {
        Failure::environment("not-json", what, "the node's answer is not that of a step")
            .hint("is the node of the same version as this program? compare 'quorate --version'")
    })
}
