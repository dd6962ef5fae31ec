//! Asking witnesses which head of a log they co-signed, and comparing that with what the log shows and what is remembered.
//!
//! All are asked at once, within one time, and only once: one that is slow keeps nobody waiting, and the next check asks
//! again.

use std::time::Duration;

use axum::body::Bytes;
use futures_util::future::join_all;
use quorate_note::{MAX_NOTE_LEN, SignedCheckpoint, VerifiedCheckpoint, VerifiedCosignature};
use quorate_witness::EvidenceError;
use tokio::time::{Instant, timeout_at};

use super::fetch::FetchError;
use super::finding::Finding;
use super::memory::hex;
use super::monitor::{Checked, Monitor, not_verified, unreachable};
use super::place::Place;
use super::rules::{Relation, Successor, relation};
use super::tree::TreeError;
use super::weigh::Weighed;
use crate::tasks::off_thread;

/// How long all witnesses together may take.
const ASKING: Duration = Duration::from_secs(30);
/// A head that a witness co-signed less long ago may still be on its way to the log's readers.
const SETTLED: u64 = 300;

/// What a witness answered; none if it took too long.
type Answer = Option<Result<Option<Bytes>, FetchError>>;

impl Monitor {
    /// Asks each witness which head of the log it co-signed. `tiles` is whether the log's tiles can be read: if not, only
    /// heads are compared.
    pub(super) async fn ask_witnesses(
        &self,
        checked: &mut Checked,
        mut newest: VerifiedCheckpoint,
        mut tiles: bool,
    ) {
        let witnesses = &self.watch.witnesses;
        let origin = newest.checkpoint().origin().as_str();
        let path = format!("{}/checkpoint", hex(origin.as_bytes(), 64));
        let ask = |witness| self.fetcher.get_once(witness, &path, MAX_NOTE_LEN);
        let answers = in_time(ASKING, witnesses.iter().map(ask)).await;
        for (witness, answer) in witnesses.iter().zip(answers) {
            let heard = self.hear(witness, answer, checked, &newest, &mut tiles);
            match heard.await {
                Ok(None) => {}
                Ok(Some(next)) => {
                    checked.remembered = Some(next.head().checkpoint().size());
                    newest = next.head().clone();
                }
                Err(finding) => checked.findings.push(finding),
            }
        }
    }

    /// The head that one witness co-signed, if it is to be remembered from now on.
    async fn hear(
        &self,
        witness: &Place,
        answer: Answer,
        checked: &Checked,
        newest: &VerifiedCheckpoint,
        tiles: &mut bool,
    ) -> Result<Option<Successor>, Finding> {
        let from = || format!("the witness at {witness}");
        let Some(note) = note(witness, answer, &from()).await? else {
            return Ok(None);
        };
        let signed = SignedCheckpoint::parse(&note).map_err(|e| not_verified(from(), &e))?;
        let seen = self.verify(&signed).map_err(|e| not_verified(from(), &e))?;
        if seen.head.checkpoint().origin() != newest.checkpoint().origin() {
            let why = "it shows another log's head".to_owned();
            return Err(Finding::NotVerified { from: from(), why });
        }
        // What is remembered has been compared with what the log shows.
        if seen.head.checkpoint() == newest.checkpoint() {
            return Ok(None);
        }
        let bug = |e: EvidenceError| unreachable(&e);
        // Two roots of one size need no tiles: a log that keeps them back hides nothing by that.
        let shown = checked.head.as_ref().map(|shown| &shown.head);
        for known in [Some(newest), shown].into_iter().flatten() {
            if let Relation::Contradicts(proof) = relation(Some(known), &seen.head).map_err(bug)? {
                let proof = Weighed::TwoHistories(proof.to_bytes());
                let against = self.against(known, &seen.head, from(), proof).await?;
                return against.map_or(Ok(None), Err);
            }
        }
        let shown = shown.map_or(0, |head| head.checkpoint().size());
        if !*tiles {
            return Ok(None);
        }
        let weighed = self.weigh(&checked.place, Some(newest), &seen.head).await;
        match weighed.inspect_err(|_| *tiles = false)? {
            Weighed::Next(next) => {
                self.remember(&next).await?;
                Ok(Some(next))
            }
            Weighed::Unproven(TreeError::Missing { .. }) => {
                let times = seen.cosignatures.iter();
                let at = times.map(VerifiedCosignature::timestamp).max();
                if at.is_some_and(|at| at.saturating_add(SETTLED) > checked.at) {
                    return Ok(None);
                }
                Err(Finding::Withheld {
                    from: from(),
                    size: seen.head.checkpoint().size(),
                    shown,
                })
            }
            // The place is behind another of the log, and never had these tiles.
            Weighed::Behind(Err(error @ TreeError::Missing { .. }))
                if shown < newest.checkpoint().size() =>
            {
                Err(unreachable(&error))
            }
            other => match self.against(newest, &seen.head, from(), other).await? {
                Some(finding) => Err(finding),
                None => Ok(None),
            },
        }
    }
}

/// The octets of an answer. 404: it never co-signed the log, or shows nothing to monitors.
async fn note(witness: &Place, answer: Answer, from: &str) -> Result<Option<Bytes>, Finding> {
    let away = |why: &str| Finding::Unreachable {
        why: format!("{from}: {why}"),
        evidence: None,
    };
    match answer {
        None => Err(away(&format!(
            "it did not answer within {} seconds",
            ASKING.as_secs()
        ))),
        Some(Err(error)) if error.is_environment() => Err(away(&error.to_string())),
        Some(Err(error)) => Err(not_verified(from.to_owned(), &error)),
        Some(Ok(Some(note))) => Ok(Some(note)),
        Some(Ok(None)) => {
            let witness = witness.clone();
            match off_thread(move || witness.may_be_asked()).await {
                Some(true) => Ok(None),
                _ => Err(away("there is no such folder")),
            }
        }
    }
}

/// What each of them came to, in their order; none where it took longer. They go on at once.
async fn in_time<T>(
    within: Duration,
    asked: impl Iterator<Item = impl Future<Output = T>>,
) -> Vec<Option<T>> {
    let end = Instant::now() + within;
    let answers = join_all(asked.map(|asked| timeout_at(end, asked))).await;
    answers.into_iter().map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::Pin;

    use super::*;

    #[tokio::test]
    async fn a_witness_that_never_answers_keeps_no_other_from_being_heard() {
        let asked: [Pin<Box<dyn Future<Output = u8>>>; 3] =
            [Box::pin(pending()), Box::pin(ready(2)), Box::pin(pending())];
        let heard = in_time(Duration::from_millis(10), asked.into_iter()).await;
        assert_eq!(heard, [None, Some(2), None]);
    }
}
