//! One request to one witness, as the log (C2SP tlog-witness, "add-checkpoint").
//!
//! A witness may answer anything. What counts of an answer is a co-signature that verifies, over exactly the checkpoint
//! that was sent, by a key that the policy lists for this witness (L-32).

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{HeaderMap, Request, StatusCode, header};
use quorate_merkle::Proof;
use quorate_note::{
    CarryError, CosignatureError, SignatureLine, SignatureLineError, VerifiedCheckpoint,
    VerifiedCosignature, decimal,
};
use quorate_witness::AddCheckpoint;
use thiserror::Error;

use super::remote::Remote;
use crate::outbound::{AskError, Outbound, TlsError, retry_after};

/// The longest answer that is read, in bytes: a line of each algorithm, 3,600 bytes at most, for each of nine names.
const MAX_ANSWER: usize = 64 * 1024;
/// As much of a refusal's text is kept.
const MAX_REASON: usize = 200;
/// The type of a 409 that says which size the witness co-signed last.
const TREE_SIZE: &str = "text/x.tlog.size";

/// How long a witness may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// To accept a connection.
    pub(crate) connect: Duration,
    /// From the request to the last byte of the answer, connecting included.
    pub(crate) answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(10),
        }
    }
}

/// What a witness answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It co-signed exactly what was sent; at least one.
    Cosigned(Vec<VerifiedCosignature>),
    /// It co-signed this size last. Nobody signed that: it is a hint (L-33).
    Conflict {
        /// The size.
        size: u64,
    },
    /// It will not co-sign: 400, 403, 404 or 422, or a 409 without a size.
    Refused {
        /// The status.
        status: u16,
        /// The beginning of what it said.
        reason: String,
    },
    /// It may later.
    Busy {
        /// When it asks to be asked again.
        wait: Option<Duration>,
    },
    /// Nothing that counts came back.
    Failed(SubmitError),
}

/// Why nothing that counts came back. Whether the witness stored the checkpoint is not known.
#[derive(Debug, Error)]
pub(crate) enum SubmitError {
    /// The request could not be put together. A bug of ours.
    #[error("the request cannot be made: {0}")]
    Request(#[from] http::Error),
    /// What the witness needs to see cannot be read here. This node's environment's fault.
    #[error("this node cannot make the proof for it: {0}")]
    Proof(String),
    /// The checkpoint could not be put together. A bug of ours.
    #[error("the request cannot be made: {0}")]
    Carry(#[from] CarryError),
    /// No answer came, or none that is whole.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// A status that tlog-witness does not know.
    #[error("it answered with status {0}")]
    Status(u16),
    /// The answer is not made of lines.
    #[error("its answer is not lines of text")]
    NotLines,
    /// One of the lines is no signature line.
    #[error("its answer holds something else than co-signatures: {0}")]
    NotASignature(#[from] SignatureLineError),
    /// A line claims one of its keys and fails (L-32): the whole answer is rejected, and only this answer.
    #[error(transparent)]
    Forged(#[from] CosignatureError),
    /// No line is by a key that the policy lists for it.
    #[error("it answered with no co-signature by a key of the policy")]
    NoKnownKey,
}

/// A client with one pool of connections (L-33: keep-alive).
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: Outbound,
    answer: Duration,
}

impl Client {
    /// Reads the system's roots if a witness is asked over TLS, which may block.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn new(limits: Limits, needs_tls: bool) -> Result<Self, TlsError> {
        Ok(Self {
            http: Outbound::new(limits.connect, needs_tls)?,
            answer: limits.answer,
        })
    }

    /// Asks `remote` to co-sign `checkpoint`, of which it co-signed `old` leaves last.
    pub(crate) async fn submit(
        &self,
        remote: &Remote,
        old: u64,
        proof: Proof,
        checkpoint: &VerifiedCheckpoint,
    ) -> Answer {
        // Waiting for the others is not the witness's delay.
        let _place = remote.place().await;
        match self.ask(remote, old, proof, checkpoint).await {
            Ok((head, body)) => read(remote, checkpoint, &head, &body),
            Err(error) => Answer::Failed(error),
        }
    }

    async fn ask(
        &self,
        remote: &Remote,
        old: u64,
        proof: Proof,
        checkpoint: &VerifiedCheckpoint,
    ) -> Result<(http::response::Parts, Bytes), SubmitError> {
        // The log's own lines only: some witnesses take no more than 16 KiB (L-34).
        let note = checkpoint.with_cosignatures(&[])?;
        let body = AddCheckpoint::new(old, proof, note).to_bytes();
        let request = Request::post(remote.add_checkpoint().clone())
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Body::from(body))?;
        Ok(self.http.ask(request, MAX_ANSWER, self.answer).await?)
    }
}

fn read(
    remote: &Remote,
    checkpoint: &VerifiedCheckpoint,
    head: &http::response::Parts,
    body: &[u8],
) -> Answer {
    match head.status {
        StatusCode::OK => match cosignatures(remote, checkpoint, body) {
            Ok(cosignatures) => Answer::Cosigned(cosignatures),
            Err(error) => Answer::Failed(error),
        },
        StatusCode::CONFLICT => match conflict(&head.headers, body) {
            Some(size) => Answer::Conflict { size },
            None => refused(head.status, body),
        },
        StatusCode::BAD_REQUEST
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::UNPROCESSABLE_ENTITY => refused(head.status, body),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Answer::Busy {
            wait: retry_after(&head.headers),
        },
        other => Answer::Failed(SubmitError::Status(other.as_u16())),
    }
}

/// The answer's lines: each ends in a newline, and all that claim a key of this witness verify.
fn cosignatures(
    remote: &Remote,
    checkpoint: &VerifiedCheckpoint,
    body: &[u8],
) -> Result<Vec<VerifiedCosignature>, SubmitError> {
    let text = str::from_utf8(body).map_err(|_| SubmitError::NotLines)?;
    let lines = text.strip_suffix('\n').ok_or(SubmitError::NotLines)?;
    let lines: Vec<SignatureLine> = lines
        .split('\n')
        .map(SignatureLine::parse)
        .collect::<Result<_, _>>()?;
    let verified = checkpoint.cosignatures_in(&lines, remote.keys())?;
    if verified.is_empty() {
        return Err(SubmitError::NoKnownKey);
    }
    Ok(verified)
}

/// The size in a 409, if it is the answer that tlog-witness describes.
fn conflict(headers: &HeaderMap, body: &[u8]) -> Option<u64> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let size = decimal::parse_u64(body.strip_suffix(b"\n")?).ok()?;
    kind.eq_ignore_ascii_case(TREE_SIZE).then_some(size)
}

fn refused(status: StatusCode, body: &[u8]) -> Answer {
    let said = String::from_utf8_lossy(body);
    let said = said.trim().lines().next().unwrap_or_default();
    Answer::Refused {
        status: status.as_u16(),
        // It ends in our log and on an operator's terminal.
        reason: said
            .chars()
            .filter(|c| !c.is_control())
            // Nor may it reorder what stands around it.
            .map(|c| if c.is_ascii() { c } else { '?' })
            .take(MAX_REASON)
            .collect(),
    }
}
