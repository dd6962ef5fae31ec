//! One scroll of a running node: its store, its sequencer, its checkpoints.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use quorate_note::TlogProof;
use quorate_store::{Kind, Reader, ScrollSpec, SealedStore, Visibility};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::api::ApiError;
use crate::checkpoint::{CheckpointError, Checkpoints, Published};
use crate::fanout::{Gate, Witnessing};
use crate::lane::Lane;
use crate::sequencer::{Append, AppendError, Appended, Input, Patience, Pending, Sequencer};
use crate::waiting::Progress;

/// A scroll as handlers see it.
#[derive(Debug)]
pub(crate) struct Scroll {
    pub(crate) spec: ScrollSpec,
    pub(crate) reader: Reader,
    /// `None` in a process that appends nothing.
    pub(crate) sequencer: Option<Sequencer>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) sealed: SealedStore,
    /// `None` if the scroll is unwitnessed.
    pub(crate) witnessing: Option<Witnessing>,
    /// Whether new heads may be signed.
    pub(crate) gate: watch::Sender<Gate>,
    /// The head that was shown last while none was quorate.
    pub(crate) shown: Mutex<Option<Arc<Published>>>,
}

/// The code of an answer that lacks a checkpoint because none may be signed.
pub(crate) const NOT_SIGNING: &str = "not-signing";

/// Scrolls written by the node's own rules only.
pub(crate) const ENGINE_SCROLLS: [&str; 2] = ["Identity", PROVENANCE];

/// Actors and their sessions.
pub(crate) const PROVENANCE: &str = "Provenance";

impl Scroll {
    /// What was fixed at creation.
    #[must_use]
    pub(crate) fn spec(&self) -> &ScrollSpec {
        &self.spec
    }

    /// The store's reading side.
    #[must_use]
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The published checkpoints.
    #[must_use]
    pub(crate) fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Who co-signs its heads; `None` if nobody does.
    #[must_use]
    pub(crate) fn witnessing(&self) -> Option<&Witnessing> {
        self.witnessing.as_ref()
    }

    /// Why nothing new is signed, if that is so until an operator has looked.
    pub(crate) fn halted(&self) -> Option<String> {
        self.gate.borrow().refusal().map(str::to_owned)
    }

    /// How it gets on; `None` in a process that appends nothing.
    pub(crate) fn progress(&self) -> Option<&Progress> {
        Some(&**self.sequencer.as_ref()?.progress())
    }

    /// Whether this process signs its heads.
    pub(crate) fn signs(&self) -> bool {
        self.checkpoints.signs()
    }

    /// The head that others are shown: the newest quorate one, else the newest that is durable. Who was shown a durable
    /// one is not shown a smaller one afterwards: to a monitor that is a rollback.
    #[must_use]
    pub(crate) fn shown(&self) -> Option<Arc<Published>> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match self.witnessing.as_ref().and_then(Witnessing::newest) {
            Some(quorate) if shown.as_ref().is_none_or(|s| s.size <= quorate.size) => Some(quorate),
            Some(_) => shown.clone(),
            None => {
                *shown = self.checkpoints.newest();
                shown.clone()
            }
        }
    }

    /// A head that covers `size` entries: the newest quorate one if it does, else one that is durable, made at once if
    /// there is none.
    pub(crate) async fn head_covering(&self, size: u64) -> Result<Arc<Published>, CheckpointError> {
        let quorate = self.witnessing.as_ref().and_then(Witnessing::newest);
        match quorate.filter(|q| q.size >= size) {
            Some(quorate) => Ok(quorate),
            None => self.checkpoints.covering(size).await,
        }
    }

    /// Content kept beside the log.
    #[must_use]
    pub(crate) fn sealed(&self) -> &SealedStore {
        &self.sealed
    }

    /// Whether only the node's own engine writes it.
    #[must_use]
    pub(crate) fn is_engine(&self) -> bool {
        ENGINE_SCROLLS
            .iter()
            .any(|s| s.eq_ignore_ascii_case(&self.spec.name))
    }

    /// Whether anyone may read its contents.
    #[must_use]
    pub(crate) fn is_public(&self) -> bool {
        self.spec.visibility == Visibility::Public
    }

    pub(crate) fn require_raw(&self) -> Result<(), ApiError> {
        self.require(
            Kind::Raw,
            "raw entries",
            "POST receipts to /scrolls/{scroll}/receipts, or create a scroll with --format raw",
        )
    }

    pub(crate) fn require_receipts(&self) -> Result<(), ApiError> {
        self.require(
            Kind::Receipts,
            "receipts",
            "POST the entry to /scrolls/{scroll}/add",
        )
    }

    fn require(&self, kind: Kind, what: &str, hint: &'static str) -> Result<(), ApiError> {
        if self.spec.kind == kind {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::CONFLICT,
            "wrong-format",
            format!(
                "the scroll {:?} does not hold {what}; nothing was appended",
                self.spec.name
            ),
            hint,
        ))
    }

    pub(crate) fn sequencer(&self) -> Result<&Sequencer, ApiError> {
        self.sequencer.as_ref().ok_or_else(|| {
            ApiError::new(
                StatusCode::CONFLICT,
                "offline",
                "no node is running on this data directory, so nothing can be appended",
                "start it with 'quorate up', or use 'quorate append --offline'",
            )
        })
    }

    /// Appends or pushes back; returns when durable.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, ApiError> {
        Ok(self.sequencer()?.append(append).await?)
    }

    /// Puts an append into the queue, waiting for room.
    pub(crate) async fn enqueue(&self, append: Append) -> Result<Pending, ApiError> {
        Ok(self.sequencer()?.enqueue(append, Patience::Wait).await?)
    }

    /// As [`Scroll::enqueue`]; refused when an earlier part of the same input was.
    pub(crate) async fn enqueue_part(
        &self,
        append: Append,
        input: &Input,
    ) -> Result<Pending, ApiError> {
        let input = Some(input.clone());
        let sequencer = self.sequencer()?;
        Ok(sequencer
            .enqueue_part(append, input, Patience::Wait)
            .await?)
    }

    /// The proof of one entry under a checkpoint that covers it, made at once if there is none.
    pub(crate) async fn prove(
        self: &Arc<Self>,
        lane: &Lane,
        index: u64,
    ) -> Result<String, ApiError> {
        let published = self.head_covering(index + 1).await?;
        let scroll = Arc::clone(self);
        let prove = move || Ok(scroll.proof_under(index, &published, None)?.to_text());
        lane.blocking(prove).await
    }

    /// The proof of one entry under a given checkpoint, with unauthenticated extra data.
    pub(crate) fn proof_under(
        &self,
        index: u64,
        published: &Published,
        extra: Option<Vec<u8>>,
    ) -> Result<TlogProof, ApiError> {
        let proof = self.reader.prove_inclusion(index, published.size)?;
        let checkpoint = quorate_note::SignedCheckpoint::parse(&published.note).map_err(|e| {
            ApiError::internal(format!("the published checkpoint does not parse: {e}"))
        })?;
        Ok(TlogProof::new(extra, index, proof, checkpoint))
    }

    /// What the API says of a scroll.
    #[must_use]
    pub(crate) fn info(&self, vkeys: &[String]) -> Value {
        let (size, root) = self.reader.head();
        let newest = self.checkpoints.newest();
        json!({
            "name": self.spec.name,
            "format": match self.spec.kind { Kind::Raw => "raw", Kind::Receipts => "receipts" },
            "visibility": match self.spec.visibility { Visibility::Public => "public", Visibility::Restricted => "restricted" },
            "origin": self.spec.origin,
            "engine": self.is_engine(),
            "size": size,
            "root": format!("sha256:{root}"),
            "head_hash": newest.as_ref().map(|n| n.head_hash.clone()),
            "vkeys": vkeys,
            "created_at": self.spec.created_at,
            "checkpoint": newest.as_deref().map(published_value),
            "watermark": match &self.witnessing { Some(w) if w.covers(size) => "quorate", _ => "durable" },
            "halted": self.halted(),
            "witnessing": match &self.witnessing { Some(w) => w.info(size), None => "unwitnessed".into() },
        })
    }
}

fn published_value(p: &Published) -> Value {
    json!({
        "size": p.size,
        "root": format!("sha256:{}", p.root),
        "head_hash": p.head_hash,
        // A restored node knows the head but not when it was signed: no clock has shown 1970.
        "signed_at": (p.signed_at > 0).then(|| text_of_micros(p.signed_at)),
    })
}

/// Microseconds since the epoch as RFC 3339.
#[must_use]
pub(crate) fn text_of_micros(micros: i64) -> String {
    quorate_receipt::Timestamp::from_micros(micros)
        .map(|t| t.to_string())
        .unwrap_or_default()
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Full => Self::busy(),
            AppendError::Refused(_) => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "not-stored",
                error.to_string(),
                "see whether the disk is full, and the node's log; then send the same request again",
            ),
            AppendError::TooLarge => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                format!("{error}; nothing was appended"),
                "send many receipts as an NDJSON stream (Content-Type: application/x-ndjson)",
            ),
            AppendError::Stopped => Self::stopped(),
        }
    }
}

impl From<CheckpointError> for ApiError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Offline => Self::new(
                StatusCode::CONFLICT,
                "no-checkpoint",
                "no signed checkpoint covers this entry yet, and this process signs nothing",
                "start the node with 'quorate up' and ask again",
            ),
            CheckpointError::Asking | CheckpointError::Refused(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                NOT_SIGNING,
                error.to_string(),
                "appends go on and are durable; 'quorate log show' says how the scroll stands, 'quorate log resume --help' what to do",
            ),
            other => Self::internal(other.to_string()),
        }
    }
}

impl From<quorate_store::ReadError> for ApiError {
    fn from(error: quorate_store::ReadError) -> Self {
        tracing::error!(%error, "a read of the store failed; nothing unverified was served");
        Self::internal(format!(
            "the store refused to serve damaged or unreadable data: {error}"
        ))
    }
}

impl Scroll {
    /// Requests and bytes waiting to be committed.
    #[must_use]
    pub(crate) fn backlog(&self) -> Option<(usize, usize)> {
        self.sequencer.as_ref().map(Sequencer::backlog)
    }
}
