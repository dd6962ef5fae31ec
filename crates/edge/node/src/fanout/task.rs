//! The task of one scroll: it takes heads to the witnesses, stores what becomes quorate, then shows it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quorate_merkle::Proof;
use quorate_note::{
    LogKey, SignedCheckpoint, VerifiedCheckpoint, VerifiedCosignature, VerifierKey,
};
use quorate_policy::{Policy, PolicyErrorKind, Verdict};
use quorate_store::Reader;
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::audience::Audience;
use super::client::{Answer, Client, SubmitError};
use super::plan::{NotPublished, Outcome, Plan, Quorate, Submission};
use super::quorum::NodeQuorum;
use super::recall::{Gate, Recall};
use super::remote::Remote;
use super::roster::{Roster, Trouble};
use super::standing::{Behind, QuorateHead, Standing, Witnessing};
use crate::checkpoint::Published;
use crate::clock;
use crate::state::{SignedHead, State, StateError};
use crate::tasks::off_thread;
use crate::waiting::Progress;

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
    /// What waits for a quorum.
    pub(crate) progress: Arc<Progress>,
    /// How each witness follows the scroll.
    pub(crate) roster: Roster,
    /// Who waits for a quorate head.
    pub(crate) audience: Audience,
    /// Has a head signed without waiting for the interval.
    pub(crate) wanted: Arc<Notify>,
}

/// What the witnesses remember of a log.
enum Recalled {
    /// No more than is known here: heads may be signed, and taken to them.
    NoMore(Box<Plan>),
    /// More. Nothing new may be signed.
    More(String),
    /// The node stops.
    Ended,
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
        mut closing: watch::Receiver<bool>,
        on_failure: impl FnOnce(FanoutError) + Send + 'static,
    ) -> (Witnessing, impl Future<Output = ()> + Send + 'static) {
        let (required, members) = self.quorum.k_of_n();
        let newest = heads.borrow().as_ref().map(|h| h.size);
        let quorate = stored.as_ref().map(|q| q.published.size);
        self.progress.quorum.reached(quorate.unwrap_or(0));
        let behind = (quorate.is_none() || quorate != newest).then_some(Behind {
            has: 0,
            required,
            members,
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
            roster: self.roster.clone(),
            audience: self.audience.clone(),
            progress: Some(Arc::clone(&self.progress)),
        };
        let closes = self.audience.closes();
        let task = async move {
            let _closes = closes;
            tokio::select! {
                ended = Arc::new(self).run(&show, heads, &gate) => {
                    if let Err(error) = ended {
                        on_failure(error);
                    }
                }
                _ = closing.wait_for(|c| *c) => {}
            }
        };
        (witnessing, task)
    }

    /// Asks what the witnesses remember, then takes heads to them, until one claims what cannot be; and again once an
    /// operator resumes the scroll.
    async fn run(
        self: Arc<Self>,
        show: &watch::Sender<Standing>,
        heads: watch::Receiver<Option<Arc<Published>>>,
        gate: &watch::Sender<Gate>,
    ) -> Result<(), FanoutError> {
        loop {
            let alarm = gate.borrow().refusal().map(str::to_owned);
            show.send_modify(|s| s.alarm = alarm);
            let may_ask = |g: &Gate| g.refusal().is_none();
            if gate.subscribe().wait_for(may_ask).await.is_err() {
                return Ok(());
            }
            show.send_modify(|s| s.alarm = None);
            let claim = match Arc::clone(&self).recall(show, heads.clone()).await? {
                Recalled::Ended => return Ok(()),
                Recalled::More(claim) => claim,
                Recalled::NoMore(plan) => {
                    gate.send_replace(Gate::Open);
                    match Arc::clone(&self).follow(*plan, show, heads.clone()).await? {
                        None => return Ok(()),
                        Some(claim) => claim,
                    }
                }
            };
            self.halt(gate, claim).await?;
        }
    }

    /// Nothing new is signed from now on, and after a restart (R2).
    async fn halt(
        self: &Arc<Self>,
        gate: &watch::Sender<Gate>,
        claim: String,
    ) -> Result<(), FanoutError> {
        let scroll = &self.scroll;
        tracing::error!(scroll, claim, "this scroll is not signed any more");
        // Closed at once; refused, which an operator can end, only once it is stored.
        gate.send_replace(Gate::Asking);
        let reason = format!("{claim} (seen {})", clock::now());
        let (this, stored) = (Arc::clone(self), reason.clone());
        let recorded = off_thread(move || this.state.halt(&this.scroll, &stored)).await;
        recorded.unwrap_or(Ok(()))?;
        gate.send_replace(Gate::Refused(reason));
        Ok(())
    }

    /// Takes heads to the witnesses. What one claims that cannot be, or `None` when the node stops.
    async fn follow(
        self: Arc<Self>,
        mut plan: Plan,
        show: &watch::Sender<Standing>,
        mut heads: watch::Receiver<Option<Arc<Published>>>,
    ) -> Result<Option<String>, FanoutError> {
        let started = Instant::now();
        let mut asked: JoinSet<Option<Answered>> = JoinSet::new();
        let mut wanted_beyond = None;
        heads.mark_changed();
        loop {
            let now = millis(started.elapsed());
            for submission in plan.due(now) {
                let Some(head) = plan.wanted().cloned() else {
                    break;
                };
                let this = Arc::clone(&self);
                asked.spawn(async move { this.ask(submission, &head).await });
            }
            if let Some(quorate) = self.published(&mut plan, now)? {
                // It is signed while this one is stored.
                self.want_head(&plan, &heads, &mut wanted_beyond);
                let Some(stored) = Arc::clone(&self).store(quorate).await? else {
                    return Ok(None);
                };
                self.progress.quorum.reached(stored.published.size);
                let published = Arc::clone(&stored.published);
                show.send_modify(|s| s.quorate = Some(stored));
                self.audience.reached(&published);
                self.show_distance(&plan, show, &heads);
                continue;
            }
            self.want_head(&plan, &heads, &mut wanted_beyond);
            self.show_distance(&plan, show, &heads);
            let wake = plan.wake_at().map(Duration::from_millis);
            tokio::select! {
                changed = heads.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                    let newest = heads.borrow_and_update().clone();
                    if let Some(newest) = newest {
                        self.take(&mut plan, show, &newest)?;
                    }
                }
                Some(done) = asked.join_next() => {
                    let Some((submission, answer)) = joined(done) else {
                        return Ok(None);
                    };
                    plan.signed(heads.borrow().as_ref().map_or(0, |h| h.size));
                    let now = millis(started.elapsed());
                    if let Some(claim) = self.hear(&mut plan, show, submission, answer, now) {
                        return Ok(Some(claim));
                    }
                }
                () = self.audience.came() => {}
                () = tokio::time::sleep_until((started + wake.unwrap_or_default()).into()), if wake.is_some() => {}
            }
        }
    }

    /// Asks for a head that covers what callers wait for, once, and not while one is under way: a head that is signed
    /// earlier covers less when its turn comes.
    fn want_head(
        &self,
        plan: &Plan,
        heads: &watch::Receiver<Option<Arc<Published>>>,
        wanted_beyond: &mut Option<u64>,
    ) {
        let signed = heads.borrow().as_ref().map_or(0, |h| h.size);
        let is_wanted = plan.under_way().is_none() && self.audience.waits_beyond(signed);
        if is_wanted && *wanted_beyond != Some(signed) {
            *wanted_beyond = Some(signed);
            self.wanted.notify_one();
        }
    }

    /// The next quorate head. One that makes no note is not published, and the next may.
    fn published(&self, plan: &mut Plan, now: u64) -> Result<Option<Quorate>, FanoutError> {
        match plan.quorate(now, self.audience.waits()) {
            Err(NotPublished::Carry(error)) => {
                tracing::error!(
                    scroll = self.scroll,
                    %error,
                    "the co-signatures of a quorum do not fit under one checkpoint, so it is not shown as quorate"
                );
                Ok(None)
            }
            published => Ok(published?),
        }
    }

    /// Asks the witnesses what they remember, until no quorum of them can remember more than is known here (R2).
    async fn recall(
        self: Arc<Self>,
        show: &watch::Sender<Standing>,
        mut heads: watch::Receiver<Option<Arc<Published>>>,
    ) -> Result<Recalled, FanoutError> {
        let newest = match heads.wait_for(Option::is_some).await {
            Ok(newest) => newest.clone(),
            Err(_) => None,
        };
        let Some(newest) = newest else {
            return Ok(Recalled::Ended);
        };
        let (mut head, _) = self.judged_by(&newest.note)?;
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
                changed = heads.changed() => {
                    // Of the same size, signed anew because keys changed: some witness may know only those of today.
                    let newest = heads.borrow_and_update().clone();
                    let (Ok(()), Some(newest)) = (changed, newest) else {
                        return Ok(Recalled::Ended);
                    };
                    let (signed_anew, policy) = self.judged_by(&newest.note)?;
                    self.judge_shown(show, &policy, newest.size);
                    head = signed_anew;
                }
                Some(done) = asked.join_next() => {
                    let Some((submission, answer)) = joined(done) else {
                        return Ok(Recalled::Ended);
                    };
                    match trouble_of(&answer) {
                        Some(trouble) => self.note_trouble(submission.remote, trouble),
                        None => self.note_answer(submission.remote),
                    }
                    let now = millis(started.elapsed());
                    let said = recall.answered(submission.remote, &answer, now, jitter());
                    if let (Err(forgotten), Some(remote)) = (said, self.quorum.remotes().get(submission.remote)) {
                        return Ok(Recalled::More(format!("the witness {} says: {forgotten}", remote.label())));
                    }
                }
                () = tokio::time::sleep_until((started + wake.unwrap_or_default()).into()), if wake.is_some() => {}
            }
        }
        let mut plan = Plan::new(self.quorum.remotes().len(), self.extras);
        plan.learn(recall.known());
        Ok(Recalled::NoMore(Box::new(plan)))
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
        self.judge_shown(show, &policy, newest.size);
        if is_quorate(&show.borrow(), &head) {
            plan.settled(head);
        } else {
            plan.head(head, policy);
        }
        Ok(())
    }

    /// Keys may have ended since: whoever checks what is shown has the keys of today.
    fn judge_shown(&self, show: &watch::Sender<Standing>, policy: &Policy, size: u64) {
        let fell = show.send_if_modified(|s| {
            let shown = s.quorate.as_ref();
            let stands = shown.is_none_or(|q| is_signed_for(policy, &q.published.note));
            if !stands {
                s.quorate = None;
            }
            !stands
        });
        if fell {
            self.progress.quorum.lost(size, Instant::now());
        }
    }

    async fn ask(&self, submission: Submission, head: &VerifiedCheckpoint) -> Option<Answered> {
        let (reader, old) = (self.reader.clone(), submission.old);
        let proof = off_thread(move || proof(&reader, old, submission.size)).await?;
        let remote = self.quorum.remotes().get(submission.remote)?;
        let answer = match proof {
            Ok(proof) => self.client.submit(remote, old, proof, head).await,
            Err(error) => Answer::Failed(SubmitError::Proof(error.to_string())),
        };
        Some((submission, answer))
    }

    /// Takes in what a witness said. `Some` if it claims what cannot be: nothing new may be signed.
    fn hear(
        &self,
        plan: &mut Plan,
        show: &watch::Sender<Standing>,
        submission: Submission,
        answer: Answer,
        now: u64,
    ) -> Option<String> {
        let remote = self.quorum.remotes().get(submission.remote)?;
        let mut trouble = trouble_of(&answer);
        let circles = plan.is_going_in_circles(submission.remote);
        let outcome = match answer {
            Answer::Cosigned(cosignatures) => {
                self.note_cosigned(submission, &cosignatures);
                Outcome::Cosigned(cosignatures)
            }
            Answer::Conflict { size } => {
                if circles {
                    let why = format!("it goes on to say that it co-signed {size} entries");
                    trouble = Some(Trouble::Other(why));
                }
                Outcome::Conflict { size }
            }
            Answer::Refused { status: 404, .. } => Outcome::NotFollowed,
            Answer::Refused { .. } => Outcome::Refused,
            Answer::Busy { wait } => Outcome::Busy { wait },
            Answer::Failed(_) => Outcome::Failed,
        };
        if let Some(trouble) = trouble {
            self.note_trouble(submission.remote, trouble);
        }
        let alarm = self.roster.other_history();
        show.send_if_modified(|s| {
            let changed = s.alarm != alarm;
            s.alarm = alarm;
            changed
        });
        let ahead = plan.answered(submission, outcome, now, jitter()).err()?;
        Some(format!("the witness {} says: {ahead}", remote.label()))
    }

    /// The log of the node tells changes only.
    fn note_cosigned(&self, submission: Submission, cosignatures: &[VerifiedCosignature]) {
        let newest = cosignatures
            .iter()
            .map(VerifiedCosignature::timestamp)
            .max();
        let seconds = newest.and_then(|at| i64::try_from(at).ok()).unwrap_or(0);
        let at = seconds.saturating_mul(1_000_000);
        if self.roster.cosigned(submission.remote, submission.size, at) {
            let witness = self.label(submission.remote);
            tracing::info!(scroll = self.scroll, witness, "co-signs again");
        }
    }

    /// It answered, whatever it was before.
    fn note_answer(&self, remote: usize) {
        if self.roster.answered(remote) {
            tracing::info!(
                scroll = self.scroll,
                witness = self.label(remote),
                "answers again"
            );
        }
    }

    fn note_trouble(&self, remote: usize, trouble: Trouble) {
        if !self.roster.troubled(remote, trouble.clone()) {
            return;
        }
        let (scroll, witness) = (&self.scroll, self.label(remote));
        match trouble {
            Trouble::Busy => tracing::debug!(scroll, witness, "asks to be asked later"),
            Trouble::NotFollowed => tracing::info!(
                scroll,
                witness,
                "does not follow this scroll yet; its operator adds it with 'quorate witness add-log VKEY', and 'quorate \
                 log show' prints the vkeys"
            ),
            Trouble::OtherHistory(why) => tracing::error!(
                scroll,
                witness,
                why,
                "says that it co-signed another history of this scroll"
            ),
            Trouble::Other(why) => tracing::warn!(scroll, witness, "does not co-sign: {why}"),
        }
    }

    fn label(&self, remote: usize) -> String {
        let remote = self.quorum.remotes().get(remote);
        remote.map(Remote::label).unwrap_or_default()
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
            });
            let changed = standing.behind != behind;
            standing.behind = behind;
            changed
        });
    }
}

/// What is wrong with a witness that answered this.
fn trouble_of(answer: &Answer) -> Option<Trouble> {
    match answer {
        Answer::Cosigned(_) | Answer::Conflict { .. } => None,
        Answer::Refused { status: 404, .. } => Some(Trouble::NotFollowed),
        Answer::Refused {
            status: 422,
            reason,
        } => Some(Trouble::OtherHistory(reason.clone())),
        Answer::Refused { status, reason } => {
            let why = format!("it refuses with status {status}: {reason}");
            Some(Trouble::Other(why))
        }
        Answer::Busy { .. } => Some(Trouble::Busy),
        Answer::Failed(error) => Some(Trouble::Other(error.to_string())),
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

/// Whether a key of the policy signed a note that was verified when it was shown: by name and id, so it costs nothing.
fn is_signed_for(policy: &Policy, note: &[u8]) -> bool {
    SignedCheckpoint::parse(note).is_ok_and(|signed| {
        let keys = policy
            .logs()
            .iter()
            .filter_map(|log| log.key().verifier_key());
        let ids: Vec<_> = keys.map(VerifierKey::id).collect();
        let mut lines = signed.note().signatures().iter();
        lines.any(|line| ids.contains(&line.id()))
    })
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

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Spreads the retries of many logs. Without randomness they come together, and nothing worse happens.
fn jitter() -> u32 {
    getrandom::u32().unwrap_or_default()
}
