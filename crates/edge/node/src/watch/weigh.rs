//! Weighing a head against the one that is remembered: by the log's tiles where their sizes differ, and keeping what
//! speaks against the log.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use quorate_merkle::{Hash, Proof};
use quorate_note::VerifiedCheckpoint;
use quorate_witness::EvidenceError;

use super::finding::Finding;
use super::memory::Evidence;
use super::monitor::{Monitor, unreachable};
use super::place::Place;
use super::rules::{Fits, History, Relation, Successor, history, relation};
use super::tree::{Tree, TreeError};
use crate::clock;

/// Reading the tiles that tell whether a head continues another takes at most 32 requests; longer than this is no answer.
const LONGEST_READ: Duration = Duration::from_secs(300);

/// Kinds of evidence.
pub(super) const SPLIT_VIEW: &str = "split-view";
const ROLLBACK: &str = "rollback";
const UNPROVEN: &str = "unproven";

/// How a head stands to the one that is remembered, once the tiles were read.
pub(super) enum Weighed {
    /// It may be remembered.
    Next(Successor),
    /// It is smaller, and of one history; or the tiles do not tell.
    Behind(Result<Fits, TreeError>),
    /// The octets of the proof.
    TwoHistories(Vec<u8>),
    /// It is larger, and the tiles do not tell.
    Unproven(TreeError),
}

impl Monitor {
    /// Compares a head with the one remembered; where their sizes differ, by the tiles at `place`, or at another place of
    /// the same log if those do not tell.
    pub(super) async fn weigh(
        &self,
        place: &Place,
        remembered: Option<&VerifiedCheckpoint>,
        seen: &VerifiedCheckpoint,
    ) -> Result<Weighed, Finding> {
        let bug = |e: EvidenceError| unreachable(&e);
        let (grew, old, new) = match (relation(remembered, seen).map_err(bug)?, remembered) {
            (Relation::Next(next), _) => return Ok(Weighed::Next(next)),
            (Relation::Contradicts(proof), _) => {
                return Ok(Weighed::TwoHistories(proof.to_bytes()));
            }
            (Relation::Grew, Some(remembered)) => (true, remembered, seen),
            (Relation::Behind, Some(remembered)) => (false, seen, remembered),
            (_, None) => return Err(unreachable(&EvidenceError::OtherLog)),
        };
        let read = tokio::time::timeout(LONGEST_READ, self.beginning(place, old, new)).await;
        let beginning = match read {
            Ok(Ok(beginning)) => beginning,
            Ok(Err(TreeError::Fetch(error))) if error.is_environment() => {
                return Err(unreachable(&error));
            }
            Ok(Err(error)) if grew => return Ok(Weighed::Unproven(error)),
            Ok(Err(error)) => return Ok(Weighed::Behind(Err(error))),
            Err(_) => {
                let why = format!("{place}: reading its tiles took longer than 5 minutes");
                let evidence = None;
                return Err(Finding::Unreachable { why, evidence });
            }
        };
        Ok(match history(old, new, beginning).map_err(bug)? {
            History::Two(proof) => Weighed::TwoHistories(proof.to_bytes()),
            History::One(next, _) if grew => Weighed::Next(next),
            History::One(_, fits) => Weighed::Behind(Ok(fits)),
        })
    }

    /// The root of as many leaves under `new` as `old` has, and that it leads to the root of `new`.
    async fn beginning(
        &self,
        place: &Place,
        old: &VerifiedCheckpoint,
        new: &VerifiedCheckpoint,
    ) -> Result<(Hash, Proof), TreeError> {
        let size = old.checkpoint().size();
        let read = async |place: &Place| {
            let mut tree = Tree::open(&self.fetcher, place, new.checkpoint()).await?;
            tree.prefix(size).await
        };
        let failed = match read(place).await {
            Ok(beginning) => return Ok(beginning),
            Err(error) => error,
        };
        let origin = new.checkpoint().origin().as_str();
        for other in self.other_places_of(place, origin).await {
            if let Ok(beginning) = read(&other).await {
                return Ok(beginning);
            }
        }
        Err(failed)
    }

    /// Keeps two heads of which nothing is known, since the tiles could not be read.
    pub(super) async fn kept_unread(
        &self,
        remembered: &VerifiedCheckpoint,
        seen: &VerifiedCheckpoint,
        from: String,
        why: &str,
    ) -> Result<Option<PathBuf>, Finding> {
        let what = format!(
            "The log signed both heads, and its tiles could not be read, more than once: {why}. This is no proof: \
             whether they are of one history is not known."
        );
        self.keep(UNPROVEN, &what, remembered, seen, from, None)
            .await
    }

    /// The log shows less than it did at this very address.
    pub(super) async fn went_back(
        &self,
        before: &VerifiedCheckpoint,
        seen: &VerifiedCheckpoint,
        from: String,
    ) -> Vec<Finding> {
        let what = "The log showed the first head at this address, and later the second, which is smaller.";
        let (remembered, shown) = (before.checkpoint().size(), seen.checkpoint().size());
        let kept = self.keep(ROLLBACK, what, before, seen, from, None).await;
        told(kept, |evidence| Finding::Rollback {
            remembered,
            shown,
            evidence,
        })
    }

    /// What speaks against the log; nothing where nothing does. That evidence could not be written stands beside it.
    pub(super) async fn against(
        &self,
        remembered: &VerifiedCheckpoint,
        seen: &VerifiedCheckpoint,
        from: String,
        weighed: Weighed,
    ) -> Vec<Finding> {
        let (old, shown) = (remembered.checkpoint().size(), seen.checkpoint().size());
        match weighed {
            Weighed::Next(_) | Weighed::Behind(Ok(_)) => Vec::new(),
            Weighed::TwoHistories(proof) => {
                let what = "The log signed both heads, and they are of two histories. Anyone can check that with \
                            'proof', which is also in the file of the same name that ends in .evidence, and the \
                            log's key.";
                // Notes and base64 are UTF-8.
                let proof = Some(String::from_utf8_lossy(&proof).into_owned());
                let kept = self.keep(SPLIT_VIEW, what, remembered, seen, from.clone(), proof);
                told(kept.await, |evidence| Finding::SplitView {
                    remembered: old,
                    shown,
                    evidence,
                    from,
                })
            }
            Weighed::Unproven(error) | Weighed::Behind(Err(error)) => {
                let why = error.to_string();
                let what = format!(
                    "The log signed both heads, and nothing it served showed that they are of one history: {why}. \
                     This is no proof: somebody on the way may have changed or kept back what it serves."
                );
                let kept = self.keep(UNPROVEN, &what, remembered, seen, from.clone(), None);
                told(kept.await, |evidence| Finding::Unproven {
                    remembered: old,
                    shown,
                    evidence,
                    from,
                    why,
                })
            }
        }
    }

    async fn keep(
        &self,
        kind: &'static str,
        what: &str,
        first: &VerifiedCheckpoint,
        second: &VerifiedCheckpoint,
        second_from: String,
        proof: Option<String>,
    ) -> Result<Option<PathBuf>, Finding> {
        let keys = first.signed_by().iter().chain(second.signed_by());
        let vkeys: BTreeSet<String> = keys
            .map(|key| match key.verifier_key() {
                Some(vkey) => vkey.to_string(),
                None => base16ct::lower::encode_string(key.key_bytes()),
            })
            .collect();
        let evidence = Evidence {
            evidence: "quorate/monitor/v1",
            kind,
            origin: first.checkpoint().origin().to_string(),
            seen_at: clock::now().to_string(),
            vkeys: vkeys.into_iter().collect(),
            what: what.to_owned(),
            first: first.note().to_string(),
            second: second.note().to_string(),
            second_from,
            proof,
        };
        let kept = self.with_memory(move |memory| memory.keep(&evidence));
        kept.await
    }
}

/// A finding with the evidence that was kept of it. A full disk takes away the evidence, never the finding.
fn told(
    kept: Result<Option<PathBuf>, Finding>,
    finding: impl FnOnce(Option<PathBuf>) -> Finding,
) -> Vec<Finding> {
    match kept {
        Ok(evidence) => vec![finding(evidence)],
        Err(failed) => vec![finding(None), failed],
    }
}
