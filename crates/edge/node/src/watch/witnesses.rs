//! Asking witnesses which head of a log they co-signed, and comparing that with what the log shows and what is remembered.
//!
//! All are asked at once, within one time, and only once: one that is slow keeps nobody waiting, and the next check asks
//! again.

use std::time::Duration;

use axum::body::Bytes;
use futures_util::future::join_all;
use quorate_note::{
    MAX_NOTE_LEN, SignatureLine, SignedCheckpoint, VerifiedCheckpoint, VerifiedCosignature,
    ed25519, mldsa44,
};
use quorate_witness::EvidenceError;
use tokio::time::{Instant, timeout_at};

use super::fetch::FetchError;
use super::finding::Finding;
use super::memory::hex;
use super::monitor::{Checked, Monitor, Seen, not_verified, unreachable};
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

/// What the witnesses said.
#[derive(Default)]
pub(super) struct Heard {
    /// The newest head that continues the one they were compared with.
    pub(super) next: Option<Successor>,
    /// Whether one of them has a head that the log shows nothing to go with.
    pub(super) against: bool,
}

impl Monitor {
    /// Asks each witness which head of the log it co-signed. `tiles` is whether the log's tiles can be read: if not, only
    /// heads are compared. Nothing is remembered here.
    pub(super) async fn ask_witnesses(
        &self,
        checked: &mut Checked,
        newest: &VerifiedCheckpoint,
        mut tiles: bool,
    ) -> Heard {
        let witnesses = &self.watch.witnesses;
        let origin = newest.checkpoint().origin().as_str();
        let path = format!("{}/checkpoint", hex(origin.as_bytes(), 64));
        let ask = |witness| self.fetcher.get_once(witness, &path, MAX_NOTE_LEN);
        let answers = in_time(ASKING, witnesses.iter().map(ask)).await;
        let mut all = Heard::default();
        for (witness, answer) in witnesses.iter().zip(answers) {
            let newest = all.next.as_ref().map_or(newest, Successor::head);
            let heard = self.hear(witness, answer, checked, newest, &mut tiles);
            match heard.await {
                Ok(None) => {}
                Ok(Some(next)) => all.next = Some(next),
                Err(findings) => {
                    let against =
                        |f: &Finding| matches!(f.code(), "split-view" | "unproven" | "withheld");
                    all.against |= findings.iter().any(against);
                    checked.findings.extend(findings);
                }
            }
        }
        all
    }

    /// The head that one witness co-signed, if it is to be remembered from now on.
    async fn hear(
        &self,
        witness: &Place,
        answer: Answer,
        checked: &Checked,
        newest: &VerifiedCheckpoint,
        tiles: &mut bool,
    ) -> Result<Option<Successor>, Vec<Finding>> {
        let from = || format!("the witness at {witness}");
        let refused = |error: &dyn std::error::Error| vec![not_verified(from(), error)];
        let note = note(witness, answer, &from()).await;
        let Some(note) = note.map_err(|finding| vec![finding])? else {
            return Ok(None);
        };
        let signed = SignedCheckpoint::parse(&note).map_err(|e| refused(&e))?;
        let seen = self.verify(&signed).map_err(|e| refused(&e))?;
        if seen.head.checkpoint().origin() != newest.checkpoint().origin() {
            let why = "it shows another log's head".to_owned();
            return Err(vec![Finding::NotVerified { from: from(), why }]);
        }
        // What is remembered has been compared with what the log shows.
        if seen.head.checkpoint() == newest.checkpoint() {
            return Ok(None);
        }
        let none_or = |told: Vec<Finding>| if told.is_empty() { Ok(None) } else { Err(told) };
        let bug = |e: EvidenceError| vec![unreachable(&e)];
        // Two roots of one size need no tiles: a log that keeps them back hides nothing by that.
        let shown = checked.head.as_ref().map(|shown| &shown.head);
        for known in [Some(newest), shown].into_iter().flatten() {
            if let Relation::Contradicts(proof) = relation(Some(known), &seen.head).map_err(bug)? {
                let proof = Weighed::TwoHistories(proof.to_bytes());
                return none_or(self.against(known, &seen.head, from(), proof).await);
            }
        }
        let shown = shown.map_or(0, |head| head.checkpoint().size());
        if !*tiles {
            return Ok(None);
        }
        let weighed = self.weigh(&checked.place, Some(newest), &seen.head).await;
        let weighed = weighed.inspect_err(|_| *tiles = false);
        match weighed.map_err(|finding| vec![finding])? {
            Weighed::Next(next) => Ok(Some(next)),
            Weighed::Unproven(TreeError::Missing { .. }) => {
                let at = cosigned_at(&seen, &signed, checked.at);
                if at.is_some_and(|at| at.saturating_add(SETTLED) > checked.at) {
                    return Ok(None);
                }
                Err(vec![Finding::Withheld {
                    from: from(),
                    size: seen.head.checkpoint().size(),
                    shown,
                }])
            }
            // The place is behind another of the log, and never had these tiles.
            Weighed::Behind(Err(error @ TreeError::Missing { .. }))
                if shown < newest.checkpoint().size() =>
            {
                Err(vec![unreachable(&error)])
            }
            other => none_or(self.against(newest, &seen.head, from(), other).await),
        }
    }
}

/// When a head was co-signed, POSIX seconds. The policy's witnesses are believed by their signatures. Of a witness that
/// is not in it there is only its word: a false one gains it no more than no answer would.
fn cosigned_at(seen: &Seen<'_>, signed: &SignedCheckpoint, now: u64) -> Option<u64> {
    let verified = seen.cosignatures.iter().map(VerifiedCosignature::timestamp);
    verified.max().or_else(|| {
        let origin = signed.checkpoint_unverified().origin();
        let lines = signed.note().signatures().iter();
        // The log's own lines may carry a time too, which is not when a witness saw them.
        let lines = lines.filter(|line| !origin.is_name(line.name()));
        let times = lines.filter_map(claimed_time);
        // A time to come would put off the finding until then.
        times.filter(|at| *at <= now.saturating_add(SETTLED)).max()
    })
}

/// The time that a co-signature begins with (c2sp.org/tlog-cosignature), if the line is as long as one.
fn claimed_time(line: &SignatureLine) -> Option<u64> {
    let (time, signature) = line.signature().split_first_chunk()?;
    let known = matches!(
        signature.len(),
        ed25519::SIGNATURE_LEN | mldsa44::SIGNATURE_LEN
    );
    known.then(|| u64::from_be_bytes(*time))
}

/// The octets of an answer. 404: it never co-signed the log, or shows nothing to monitors.
async fn note(witness: &Place, answer: Answer, from: &str) -> Result<Option<Bytes>, Finding> {
    let away = |why: String| Finding::WitnessUnreachable {
        from: from.to_owned(),
        why,
    };
    match answer {
        None => Err(away(format!(
            "it did not answer within {} seconds",
            ASKING.as_secs()
        ))),
        Some(Err(error)) if error.is_environment() => Err(away(error.why())),
        Some(Err(error)) => Err(Finding::NotVerified {
            from: from.to_owned(),
            why: error.why(),
        }),
        Some(Ok(Some(note))) => Ok(Some(note)),
        Some(Ok(None)) => {
            let witness = witness.clone();
            match off_thread(move || witness.may_be_asked()).await {
                Some(true) => Ok(None),
                _ => Err(away("there is no such folder".to_owned())),
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
