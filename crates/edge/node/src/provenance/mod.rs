//! The Provenance scroll: actors and their sessions, by the rules of `quorate-provenance`.
//!
//! One batch at a time: judged, applied, appended, and only when it is durable does anybody see it or judge by it. A batch
//! of which nothing was written is taken back whole. The work goes on when its caller goes away: what is durable must be
//! what the next batch is judged by.

mod bundle;
mod ledger;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};

use axum::http::StatusCode;
use quorate_merkle::Hash;
use quorate_provenance::{Invalid, Refusal, Subject};
use quorate_receipt::{Blake3Hash, PublicKeyText, Receipt, Sealed, Timestamp};
use quorate_store::{Kind, Visibility};
use serde_json::json;

use crate::api::ApiError;
use crate::node::{Inner, Mode};
use crate::ops::offline;
use crate::prepare;
use crate::scroll::{PROVENANCE, Scroll};
use crate::sequencer::{Append, AppendError, Appended};
use crate::tasks::off_thread;

pub(crate) use bundle::{Wanted, export};
pub(crate) use ledger::{Ledger, Pinning, Place, Shape};

/// What one call records, all or nothing.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// In order.
    pub(crate) receipts: Vec<Receipt>,
    /// Sealed content, durable before the receipts that commit to it.
    pub(crate) contents: Vec<Content>,
}

/// Content that a receipt of the same batch commits to.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) sealed: Sealed,
    pub(crate) salt: [u8; 32],
    pub(crate) bytes: Vec<u8>,
}

/// Where a batch landed.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) appended: Appended,
    pub(crate) receipts: Vec<(Blake3Hash, Hash)>,
}

impl Inner {
    /// The scroll, if anything was ever recorded in it.
    pub(crate) fn provenance_scroll(&self) -> Option<Arc<Scroll>> {
        self.scroll(PROVENANCE).ok()
    }

    /// What is recorded. After a panic that left it half changed, nothing is judged by it any more.
    pub(crate) fn ledger(&self) -> Result<MutexGuard<'_, Ledger>, ApiError> {
        self.provenance.lock().map_err(|_| {
            self.fail("a batch of the Provenance scroll ended in a bug".to_owned());
            ApiError::stopped()
        })
    }

    /// Pins a key, or takes a pinned key back. The first makes the scroll.
    pub(crate) async fn pin(self: Arc<Self>, pinning: Pinning) -> Result<Recorded, ApiError> {
        if self.mode != Mode::Online {
            return Err(offline());
        }
        let turn = Arc::clone(&self.provenance_turn).lock_owned().await;
        off_thread(move || {
            let _turn = turn;
            let scroll = match self.provenance_scroll() {
                Some(scroll) => scroll,
                None => {
                    self.create_engine_scroll(PROVENANCE, Kind::Receipts, Visibility::Restricted)?
                }
            };
            let mut ledger = self.ledger()?;
            if let Pinning::Add {
                actor,
                key,
                again: false,
                ..
            } = &pinning
                && let Some(at) = ledger.taken_back(actor, key)
            {
                return Err(taken_back(key, actor, at));
            }
            let decided = ledger.decide(pinning);
            let listed = "'quorate actor list' shows the keys that are pinned";
            let receipts = decided.map_err(|e| not_any_more(&ledger, &e, listed))?;
            let mut undo = Vec::new();
            for receipt in &receipts {
                match ledger.apply(receipt) {
                    Ok(taken) => undo.push(taken),
                    Err(invalid) => {
                        ledger.take_back(undo);
                        return Err(refusal(&Refusal::Invalid(invalid)));
                    }
                }
            }
            self.append_applied(&scroll, &mut ledger, receipts, undo)
        })
        .await
        .unwrap_or_else(|| Err(ApiError::stopped()))
    }

    /// Records what actors hand in. `may` judges whether the caller may speak for a subject.
    pub(crate) async fn record(
        self: Arc<Self>,
        batch: Batch,
        may: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<Recorded, ApiError> {
        if self.mode != Mode::Online {
            return Err(offline());
        }
        let scroll = self.provenance_scroll().ok_or_else(no_actors)?;
        let turn = Arc::clone(&self.provenance_turn).lock_owned().await;
        off_thread(move || {
            let _turn = turn;
            check_fresh(&scroll, &batch.contents)?;
            let mut ledger = self.ledger()?;
            let mut undo = Vec::new();
            for (n, receipt) in batch.receipts.iter().enumerate() {
                let taken = match ledger.subject_of(receipt) {
                    Some(subject) if !may(&subject) => Err(foreign(&subject)),
                    _ => ledger.record(receipt, &self.config.flow).map_err(|e| {
                        let other =
                            "sign with a key that is pinned: 'quorate actor list' shows them";
                        not_any_more(&ledger, &e, other)
                    }),
                };
                match taken {
                    Ok(taken) => undo.push(taken),
                    Err(error) => {
                        ledger.take_back(undo);
                        return Err(error.at_line(n as u64 + 1));
                    }
                }
            }
            if let Err(error) = keep(&scroll, &batch.contents) {
                ledger.take_back(undo);
                return Err(error);
            }
            let recorded = self.append_applied(&scroll, &mut ledger, batch.receipts, undo);
            if recorded.is_err() && self.failure().is_none() {
                drop_contents(&scroll, &batch.contents);
            }
            recorded
        })
        .await
        .unwrap_or_else(|| Err(ApiError::stopped()))
    }

    /// Appends what the ledger has applied already; takes it back if nothing was written.
    fn append_applied(
        &self,
        scroll: &Scroll,
        ledger: &mut Ledger,
        receipts: Vec<Receipt>,
        undo: Vec<ledger::Taken>,
    ) -> Result<Recorded, ApiError> {
        let shapes: Vec<Shape> = receipts.iter().map(Shape::of).collect();
        let mut entries = Vec::with_capacity(receipts.len());
        let mut hashes = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            let hash = *receipt.root_hash();
            match prepare::entry_of(receipt) {
                Ok(entry) => {
                    hashes.push((hash, *entry.leaf()));
                    entries.push(entry);
                }
                Err(error) => {
                    ledger.take_back(undo);
                    return Err(crate::api::refused(&error));
                }
            }
        }
        let cursors = Vec::new();
        let sequencer = match scroll.sequencer() {
            Ok(sequencer) => sequencer,
            Err(error) => {
                ledger.take_back(undo);
                return Err(error);
            }
        };
        let append = sequencer.append(Append { entries, cursors });
        match self.runtime.block_on(append) {
            Ok(appended) => {
                ledger.landed(appended.first_index, &shapes);
                Ok(Recorded {
                    appended,
                    receipts: hashes,
                })
            }
            Err(error) => {
                // Stopped: what is durable is not known, and the node ends. Nothing is judged by this state any more.
                if error != AppendError::Stopped {
                    ledger.take_back(undo);
                }
                Err(error.into())
            }
        }
    }
}

/// Each commitment is new. Content under one that stands in the log is, or was, another receipt's: it would be erased with a
/// batch that is refused, or come back after it was erased.
fn check_fresh(scroll: &Scroll, contents: &[Content]) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    for content in contents {
        let commitment = content.sealed.commitment.as_bytes();
        let used = !seen.insert(*commitment)
            || crate::sealed::find_commitment(scroll.reader(), commitment)?
            || scroll
                .sealed()
                .exists(commitment)
                .map_err(|e| ApiError::internal(e.to_string()))?;
        if used {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "sealed-before",
                format!(
                    "the commitment {} stands in the log already; nothing was recorded",
                    content.sealed.commitment
                ),
                "seal the content with a new random salt",
            ));
        }
    }
    Ok(())
}

fn keep(scroll: &Scroll, contents: &[Content]) -> Result<(), ApiError> {
    for content in contents {
        let commitment = content.sealed.commitment.as_bytes();
        let kept = scroll
            .sealed()
            .put(commitment, &content.salt, &content.bytes);
        if let Err(error) = kept {
            drop_contents(scroll, contents);
            return Err(ApiError::internal(format!(
                "the content could not be kept, so nothing was recorded: {error}"
            )));
        }
    }
    Ok(())
}

/// Erases content that no receipt commits to. If that fails, the next start does it.
fn drop_contents(scroll: &Scroll, contents: &[Content]) {
    for content in contents {
        if let Err(error) = scroll.sealed().erase(content.sealed.commitment.as_bytes()) {
            tracing::warn!(%error, "content without a receipt is left beside the log until the next start");
        }
    }
}

fn no_actors() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "no-actors",
        "no actor's key is pinned on this node, so nobody can record a session",
        "the operator pins one with 'quorate actor add ID KEY'",
    )
}

fn foreign(subject: &str) -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "foreign-actor",
        format!("these credentials may not record for {subject}; nothing was recorded"),
        "use a token of that actor for the scroll Provenance, or the operator's",
    )
}

/// A key that was taken back does not come back in passing.
fn taken_back(key: &PublicKeyText, actor: &Subject, at: Timestamp) -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "taken-back",
        format!("{key} was taken back from {actor} at {at}; nothing was recorded"),
        "pin a new key; or this one once more, with \"again\":true",
    )
}

/// What a refusal is over HTTP; that of a key which was pinned once says since when it is not.
fn not_any_more(ledger: &Ledger, refused: &Refusal, hint: &'static str) -> ApiError {
    let was = match refused {
        Refusal::Invalid(Invalid::NotPinned { subject, key }) => {
            ledger.taken_back(subject, key).map(|at| (key, subject, at))
        }
        _ => None,
    };
    match was {
        Some((key, subject, at)) => ApiError::new(
            StatusCode::FORBIDDEN,
            "not-pinned",
            format!("{key} was taken back from {subject} at {at}; nothing was recorded"),
            hint,
        ),
        None => refusal(refused),
    }
}

/// What a refusal is over HTTP.
fn refusal(refusal: &Refusal) -> ApiError {
    let message = format!("{refusal}; nothing was recorded");
    match refusal {
        Refusal::HeadMoved {
            session,
            next,
            head,
        } => ApiError::new(
            StatusCode::CONFLICT,
            "head-moved",
            message,
            "sign for this head and try again, unless the head is the receipt itself",
        )
        .with(
            "session",
            json!({"id": session.to_string(), "next_sequence": next, "head": head.to_string()}),
        ),
        Refusal::Ahead { .. } => ApiError::bad_request(
            "time-ahead",
            message,
            "set the clock of whoever signs, or of this node",
        ),
        Refusal::NotOfASession(_) | Refusal::Receipt(_) => ApiError::bad_request(
            "malformed",
            message,
            "see docs/provenance.md for what a session's receipts are",
        ),
        Refusal::Invalid(invalid) => refused(invalid, message),
        _ => ApiError::bad_request("malformed", message, "see docs/provenance.md"),
    }
}

fn refused(invalid: &Invalid, message: String) -> ApiError {
    let conflict = |code, hint| ApiError::new(StatusCode::CONFLICT, code, message.clone(), hint);
    match invalid {
        Invalid::Malformed(_) => ApiError::bad_request(
            "malformed",
            message,
            "see docs/provenance.md for what a session's receipts are",
        ),
        Invalid::NotPinned { .. } | Invalid::OutsideWindow { .. } => ApiError::new(
            StatusCode::FORBIDDEN,
            "not-pinned",
            message,
            "the operator pins keys with 'quorate actor add ID KEY'",
        ),
        Invalid::UnusableKey(_) => ApiError::new(
            StatusCode::FORBIDDEN,
            "bad-signature",
            message,
            "no signature can be checked with it: copy the key from 'quorate actor key FILE'",
        ),
        Invalid::BadSignature { .. } | Invalid::OtherActor { .. } => ApiError::new(
            StatusCode::FORBIDDEN,
            "bad-signature",
            message,
            "sign with the key that the session's opening names",
        ),
        Invalid::Flow(_) => ApiError::new(
            StatusCode::FORBIDDEN,
            "flow-refused",
            message,
            "the node's configuration keeps such sources away from this sink ('provenance.flow')",
        ),
        Invalid::UnknownSession(_) => ApiError::not_found(message),
        Invalid::Closed(_) => conflict("session-closed", "open another session"),
        Invalid::SessionExists(_) => conflict("session-exists", "it was recorded already"),
        Invalid::AlreadyPinned(_) | Invalid::PinnedForAnother { .. } => {
            conflict("already-pinned", "see 'quorate actor list'")
        }
        _ => conflict(
            "out-of-order",
            "see the session's head with 'quorate session show ID'",
        ),
    }
}
