//! The task of one scroll: it takes heads to the witnesses, stores what becomes quorate, then shows it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quorate_merkle::Proof;
use quorate_note::{LogKey, SignedCheckpoint, VerifiedCheckpoint};
use quorate_policy::{Policy, PolicyErrorKind, Verdict};
use quorate_store::Reader;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client::{Answer, Client};
use super::plan::{NotPublished, Outcome, Plan, Quorate, Submission};
use super::quorum::NodeQuorum;
use super::recall::{Gate, Recall};
use super::standing::{Behind, QuorateHead, Standing, Witnessing};
use crate::checkpoint::Published;
use crate::clock;
use crate::state::{SignedHead, State, StateError};
use crate::tasks::off_thread;

/// Why a scroll's fan-out ended. What is published stays; the node must stop.
#[derive(Debug, Error)]
pub(crate) enum FanoutError {
    /// A quorate head could not be stored, so it is not shown (R2).
    #[error(transparent)]
    State(#[from] StateError),
    /// What this node signed does not verify. A bug, or damage.
    #[error("this node's own head does not verify: {0}")]
    OwnHead(String),
    /// The log keys and the policy do not go together.
    #[error("the policy cannot be applied to this scroll: {0}")]
    Policy(#[from] PolicyErrorKind),
    /// A quorate head could not be put together. A bug of ours.
    #[error(transparent)]
    NotPublished(#[from] NotPublished),
}

/// The log keys: those in force, or all that ever were. Asked for every time.
type Keys = Box<dyn Fn(bool) -> Vec<LogKey> + Send + Sync>;

/// What taking one scroll's heads to the witnesses needs.
pub(crate) struct Fanout {
    pub(crate) scroll: String,
    pub(crate) reader: Reader,
    pub(crate) quorum: Arc<NodeQuorum>,
    pub(crate) client: Client,
    pub(crate) keys: Keys,
    pub(crate) state: Arc<State>,
    /// How long further co-signatures are waited for once there are enough.
    pub(crate) extras: Duration,
}

/// An answer that came back.
type Answered = (Submission, Answer);

impl Fanout {
    /// What it shows, and the task. `stored` is the newest quorate head of an earlier run, verified anew.
    pub(crate) fn task(
        self,
        stored: Option<QuorateHead>,
        heads: watch::Receiver<Option<Arc<Published>>>,
        gate: watch::Sender<Gate>,
        closing: watch::Receiver<bool>,
        on_failure: impl FnOnce(FanoutError) + Send + 'static,
    ) -> (Witnessing, impl Future<Output = ()> + Send + 'static) {
        let (required, members) = self.quorum.k_of_n();
        let newest = heads.borrow().as_ref().map(|h| h.size);
        let quorate = stored.as_ref().map(|q| q.published.size);
        let behind = (quorate.is_none() || quorate != newest).then(|| Behind {
            has: 0,
            required,
            members,
            since: clock::now_micros(),
        });
        let first = Standing {
            quorate: stored,
            behind,
            alarm: None,
        };
        let (show, standing) = watch::channel(first);
        let witnessing = Witnessing {
            quorum: self.quorum.summary(),
            standing,
            gate: gate.subscribe(),
        };
        let task = async move {
            if let Err(error) = Arc::new(self).run(&show, heads, &gate, closing).await {
                on_failure(error);
            }
        };
        (witnessing, task)
    }

    async fn run(
        self: Arc<Self>,
        show: &watch::Sender<Standing>,
        mut heads: watch::Receiver<Option<Arc<Published>>>,
        gate: &watch::Sender<Gate>,
        mut closing: watch::Receiver<bool>,
    ) -> Result<(), FanoutError> {
        let started = Instant::now();
        let mut plan = Plan::new(self.quorum.remotes().len(), self.extras);
        tokio::select! {
            recalled = Arc::clone(&self).recall(&mut plan, show, heads.clone(), gate) => recalled?,
            _ = closing.wait_for(|c| *c) => return Ok(()),
        }
        let mut asked: JoinSet<Option<Answered>> = JoinSet::new();
        let mut words = Words::default();
        heads.mark_changed();
        loop {
            let now = millis(started.elapsed());
            for submission in plan.due(now) {
                let Some(head) = plan.under_way().cloned() else {
                    break;
                };
                let this = Arc::clone(&self);
                asked.spawn(async move { this.ask(submission, &head).await });
            }
            if let Some(quorate) = plan.quorate(now)? {
                let Some(stored) = Arc::clone(&self).store(quorate).await? else {
                    return Ok(());
                };
                show.send_modify(|s| s.quorate = Some(stored));
                self.show_distance(&plan, show, &heads);
                continue;
            }
            self.show_distance(&plan, show, &heads);
            let wake = plan.wake_at().map(Duration::from_millis);
            tokio::select! {
                changed = heads.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let newest = heads.borrow_and_update().clone();
                    if let Some(newest) = newest {
                        self.take(&mut plan, show, &newest)?;
                    }
                }
                Some(done) = asked.join_next() => {
                    let Some((submission, answer)) = joined(done) else {
                        return Ok(());
                    };
                    let now = millis(started.elapsed());
                    self.hear(&mut plan, &mut words, show, submission, answer, now);
                }
                () = tokio::time::sleep_until((started + wake.unwrap_or_default()).into()), if wake.is_some() => {}
                _ = closing.wait_for(|c| *c) => return Ok(()),
            }
        }
    }

    /// Asks the witnesses what they remember, and opens the gate if that is no more than what is known here (R2). Never
    /// ends if it is more.
    async fn recall(
        self: Arc<Self>,
        plan: &mut Plan,
        show: &watch::Sender<Standing>,
        mut heads: watch::Receiver<Option<Arc<Published>>>,
        gate: &watch::Sender<Gate>,
    ) -> Result<(), FanoutError> {
        let newest = match heads.wait_for(Option::is_some).await {
            Ok(newest) => newest.clone(),
            Err(_) => None,
        };
        let Some(newest) = newest else {
            return std::future::pending().await;
        };
        let (head, _) = self.judged_by(&newest.note)?;
        let started = Instant::now();
        let mut recall = Recall::new(self.quorum.remotes().len(), newest.size);
        let mut asked: JoinSet<Option<Answered>> = JoinSet::new();
        while !recall.is_enough(&self.quorum) {
            for (remote, old) in recall.due(millis(started.elapsed())) {
                let (this, head) = (Arc::clone(&self), head.clone());
                let size = newest.size;
                let submission = Submission { remote, old, size };
                asked.spawn(async move { this.ask(submission, &head).await });
            }
            let wake = recall.wake_at().map(Duration::from_millis);
            tokio::select! {
                Some(done) = asked.join_next() => {
                    let Some((submission, answer)) = joined(done) else {
                        return std::future::pending().await;
                    };
                    let now = millis(started.elapsed());
                    let said = recall.answered(submission.remote, &answer, now, jitter());
                    if let (Err(forgotten), Some(remote)) = (said, self.quorum.remotes().get(submission.remote)) {
                        let reason = format!("of the witness {}: {forgotten}", remote.label());
                        tracing::error!(scroll = self.scroll, reason, "this scroll is not signed any more");
                        show.send_modify(|s| s.alarm = Some(reason.clone()));
                        gate.send_replace(Gate::Refused(reason));
                        return std::future::pending().await;
                    }
                }
                () = tokio::time::sleep_until((started + wake.unwrap_or_default()).into()), if wake.is_some() => {}
            }
        }
        plan.learn(recall.known());
        gate.send_replace(Gate::Open);
        Ok(())
    }

    /// A head of ours, with the policy that it must satisfy.
    fn judged_by(&self, note: &[u8]) -> Result<(VerifiedCheckpoint, Policy), FanoutError> {
        let own = |e: &dyn std::fmt::Display| FanoutError::OwnHead(e.to_string());
        let signed = SignedCheckpoint::parse(note).map_err(|e| own(&e))?;
        // A key may have ended since; its head then is not quorate, and is signed anew at once.
        let head = signed
            .verify_log(&(self.keys)(false))
            .map_err(|e| own(&e))?;
        Ok((head, self.quorum.for_log((self.keys)(true))?))
    }

    fn take(
        &self,
        plan: &mut Plan,
        show: &watch::Sender<Standing>,
        newest: &Published,
    ) -> Result<(), FanoutError> {
        let (head, policy) = self.judged_by(&newest.note)?;
        if !is_quorate(&show.borrow(), &head) {
            plan.head(head, policy);
        }
        Ok(())
    }

    async fn ask(&self, submission: Submission, head: &VerifiedCheckpoint) -> Option<Answered> {
        let (reader, old) = (self.reader.clone(), submission.old);
        let proof = off_thread(move || proof(&reader, old, submission.size)).await?;
        let remote = self.quorum.remotes().get(submission.remote)?;
        let answer = match proof {
            Ok(proof) => self.client.submit(remote, old, proof, head).await,
            Err(error) => {
                tracing::error!(scroll = self.scroll, %error, "no proof can be made for the witnesses");
                Answer::Busy { wait: None }
            }
        };
        Some((submission, answer))
    }

    fn hear(
        &self,
        plan: &mut Plan,
        words: &mut Words,
        show: &watch::Sender<Standing>,
        submission: Submission,
        answer: Answer,
        now: u64,
    ) {
        let Some(remote) = self.quorum.remotes().get(submission.remote) else {
            return;
        };
        let (outcome, said) = match answer {
            Answer::Cosigned(cosignatures) => (Outcome::Cosigned(cosignatures), None),
            Answer::Conflict { size } => (Outcome::Conflict { size }, None),
            Answer::Refused { status, reason } => {
                let said = format!("it refuses with status {status}: {reason}");
                (Outcome::Refused, Some(said))
            }
            Answer::Busy { wait } => (Outcome::Busy { wait }, Some("it is busy".to_owned())),
            Answer::Failed(error) => (Outcome::Failed, Some(error.to_string())),
        };
        let well = matches!(outcome, Outcome::Cosigned(_));
        if well || said.is_some() {
            words.say(&self.scroll, &remote.label(), submission.remote, said);
        }
        if let Err(ahead) = plan.answered(submission, outcome, now, jitter()) {
            let alarm = format!("the witness {}: {ahead}", remote.label());
            tracing::error!(
                scroll = self.scroll,
                alarm,
                "a witness claims what cannot be"
            );
            show.send_modify(|s| s.alarm = Some(alarm));
        }
    }

    /// Durable first (R2). `None` when the runtime is shutting down.
    async fn store(self: Arc<Self>, quorate: Quorate) -> Result<Option<QuorateHead>, FanoutError> {
        let head = quorate_head(&quorate, clock::now_micros());
        let stored = SignedHead {
            size: head.published.size,
            root: head.published.root,
            signed_at: head.published.signed_at,
            note: head.published.note.clone(),
        };
        let record = move || self.state.record_quorate_head(&self.scroll, &stored);
        match off_thread(record).await {
            None => Ok(None),
            Some(Ok(())) => Ok(Some(head)),
            Some(Err(error)) => Err(error.into()),
        }
    }

    /// How far the newest head is from being quorate.
    fn show_distance(
        &self,
        plan: &Plan,
        show: &watch::Sender<Standing>,
        heads: &watch::Receiver<Option<Arc<Published>>>,
    ) {
        let newest = heads.borrow().as_ref().map(|h| h.size);
        show.send_if_modified(|standing| {
            let quorate = standing.quorate.as_ref().map(|q| q.published.size);
            let level = quorate.is_some() && quorate == newest && plan.under_way().is_none();
            let (required, members) = self.quorum.k_of_n();
            let behind = (!level).then(|| Behind {
                has: plan.progress().unwrap_or(0),
                required,
                members,
                since: standing.behind.map_or_else(clock::now_micros, |b| b.since),
            });
            let changed = standing.behind != behind;
            standing.behind = behind;
            changed
        });
    }
}

/// `None` when the runtime is shutting down; a panic goes on in the caller.
fn joined(done: Result<Option<Answered>, tokio::task::JoinError>) -> Option<Answered> {
    match done {
        Ok(answered) => answered,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_shutting_down) => None,
        },
    }
}

/// Whether what is shown as quorate is this very head, signed by the same keys.
fn is_quorate(standing: &Standing, head: &VerifiedCheckpoint) -> bool {
    let Some(quorate) = &standing.quorate else {
        return false;
    };
    SignedCheckpoint::parse(&quorate.published.note).is_ok_and(|shown| {
        let lines = shown.note().signatures();
        shown.checkpoint_unverified() == head.checkpoint()
            && head.log_lines().iter().all(|line| lines.contains(line))
    })
}

/// What is shown of a head that is quorate.
fn quorate_head(quorate: &Quorate, at: i64) -> QuorateHead {
    let checkpoint = quorate.met().checkpoint().checkpoint();
    let witnesses = quorate.met().signers().iter();
    QuorateHead {
        published: Arc::new(Published {
            origin: checkpoint.origin().to_string(),
            size: checkpoint.size(),
            root: *checkpoint.root(),
            head_hash: checkpoint.head_hash().to_string(),
            signed_at: at,
            note: quorate.note().to_bytes(),
        }),
        witnesses: witnesses.map(|s| s.name().to_string()).collect(),
    }
}

/// A stored quorate head, if the policy of today still calls it that.
pub(crate) fn judged_again(stored: &SignedHead, policy: &Policy) -> Option<QuorateHead> {
    let signed = SignedCheckpoint::parse(&stored.note).ok()?;
    let (head, verdict) = policy.verify(signed).ok()?;
    let cosignatures = head.cosignatures(&policy.witness_keys()).ok()?;
    let Verdict::Quorate(_) = verdict else {
        return None;
    };
    let quorate = Quorate::of(policy, &head, &cosignatures).ok()?;
    Some(quorate_head(&quorate, stored.signed_at))
}

fn proof(reader: &Reader, old: u64, size: u64) -> Result<Proof, quorate_store::ReadError> {
    if old == 0 || old == size {
        // L-31: no lines where there is nothing to prove.
        return Ok(Proof::empty());
    }
    reader.prove_consistency(old, size)
}

/// What was last said of each witness, so that the log of the node tells changes only.
#[derive(Debug, Default)]
struct Words(HashMap<usize, String>);

impl Words {
    fn say(&mut self, scroll: &str, witness: &str, remote: usize, said: Option<String>) {
        match said {
            None => {
                if self.0.remove(&remote).is_some() {
                    tracing::info!(scroll, witness, "co-signs again");
                }
            }
            Some(said) => {
                if self.0.get(&remote) != Some(&said) {
                    tracing::warn!(scroll, witness, "does not co-sign: {said}");
                    self.0.insert(remote, said);
                }
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Spreads the retries of many logs. Without randomness they come together, and nothing worse happens.
fn jitter() -> u32 {
    getrandom::u32().unwrap_or_default()
}
