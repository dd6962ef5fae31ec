//! What to send to which witness, and when a head is quorate. No clock, no network, no randomness: time and jitter are
//! arguments.
//!
//! A *round* takes one head to every witness. It lasts until the head is quorate, or until no witness can be asked for
//! it soon and a newer head waits. So heads between two rounds are skipped, and a head is not given up while
//! co-signatures for it are on their way, or while a witness asks for a moment: a log that grows faster than its
//! witnesses answer, or than they let it, still gets quorate.
//!
//! Between rounds the last head still goes to the witnesses that missed it: one that stays behind could be shown another
//! history.

use std::time::Duration;

use quorate_note::{CarryError, SignedCheckpoint, VerifiedCheckpoint, VerifiedCosignature};
use quorate_policy::{NotQuorate, Policy, QuorumMet, Verdict};
use thiserror::Error;

/// Signature lines under a published checkpoint: what every verifier must take (signed-note "Format"). More only if the
/// quorum itself needs them.
pub(crate) const MAX_LINES: usize = 16;
/// The first wait after a failure; each further one doubles it.
const FIRST_WAIT: u64 = 1_000;
/// The longest of those waits: five minutes.
const LONGEST_WAIT: u64 = 300_000;
/// The longest wait that a witness may ask for: an hour.
pub(crate) const LONGEST_BUSY: u64 = 3_600_000;
/// The longest wait after a 404: whoever adds the log there sees it co-signed soon, and it costs the witness a look-up.
const LONGEST_UNKNOWN: u64 = 16_000;
/// A head is not given up for a newer one while a witness that it lacks can be asked within this time: witnesses that let
/// a log co-sign once a second must spend their turns on the same head.
const PATIENCE: u64 = 3_000;
/// Nor before it has been under way for so long: without a quorum in sight, heads go to who answers once a second.
const SHORTEST_ROUND: u64 = 1_000;
/// A refusal counts as so many failures at least: it needs an operator, so it is not asked again for 16 to 32 seconds.
const REFUSAL: u32 = 6;

/// What became of a submission.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Co-signatures over what was submitted.
    Cosigned(Vec<VerifiedCosignature>),
    /// The witness says that it co-signed this size last.
    Conflict {
        /// The size.
        size: u64,
    },
    /// It will not co-sign.
    Refused,
    /// It does not follow this log.
    NotFollowed,
    /// It may later.
    Busy {
        /// When it asks to be asked again.
        wait: Option<Duration>,
    },
    /// Nothing that counts came back.
    Failed,
}

/// A witness to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Submission {
    /// Which one, by its place in the list.
    pub(crate) remote: usize,
    /// What it co-signed last, as far as we know.
    pub(crate) old: u64,
    /// The head's size.
    pub(crate) size: u64,
}

/// A witness says that it co-signed more than this log ever signed: somebody else has the key, this log was set back,
/// or the witness lies. Nothing new may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it co-signed {claimed} entries, and this node signed no more than {signed}")]
pub(crate) struct Ahead {
    /// What the witness says.
    pub(crate) claimed: u64,
    /// The largest head that was signed here.
    pub(crate) signed: u64,
}

/// A checkpoint with the co-signatures that make it quorate. Made from a [`QuorumMet`] only.
#[derive(Debug, Clone)]
pub(crate) struct Quorate {
    met: QuorumMet,
    note: SignedCheckpoint,
}

impl Quorate {
    /// Keeps what made the quorum, and further lines as long as there are no more than [`MAX_LINES`].
    ///
    /// # Errors
    /// [`NotQuorate`].
    pub(crate) fn of(
        policy: &Policy,
        head: &VerifiedCheckpoint,
        cosignatures: &[VerifiedCosignature],
    ) -> Result<Self, NotPublished> {
        let judged = |count: usize| policy.evaluate(head, &cosignatures[..count]);
        let all = judged(cosignatures.len())?;
        let enough = (1..=cosignatures.len())
            .find(|count| matches!(judged(*count), Ok(Verdict::Quorate(_))))
            .unwrap_or(cosignatures.len());
        let room = MAX_LINES.saturating_sub(head.log_lines().len());
        let mut kept = room.max(enough).min(cosignatures.len());
        let mut note = head.with_cosignatures(&cosignatures[..kept]);
        if note.is_err() {
            // What cannot stand in one note with the rest, by its length or its id, is not needed for the quorum.
            kept = enough;
            note = head.with_cosignatures(&cosignatures[..kept]);
        }
        let note = note?;
        let verdict = if kept == cosignatures.len() {
            all
        } else {
            judged(kept)?
        };
        let met = verdict.quorum_met().ok_or(NotPublished::Unwitnessed)?;
        Ok(Self { met, note })
    }

    /// What is quorate, and who co-signed it.
    pub(crate) fn met(&self) -> &QuorumMet {
        &self.met
    }

    /// The log's lines and the co-signatures.
    pub(crate) fn note(&self) -> &SignedCheckpoint {
        &self.note
    }
}

/// Why a head is not published as quorate.
#[derive(Debug, Error)]
pub(crate) enum NotPublished {
    /// Too few co-signatures, or something that the caller mixed up.
    #[error(transparent)]
    NotQuorate(#[from] NotQuorate),
    /// The policy asks for no witness: nothing is ever quorate under it.
    #[error("the policy asks for no witness")]
    Unwitnessed,
    /// The lines make no note. A bug of ours.
    #[error(transparent)]
    Carry(#[from] CarryError),
}

/// What is known of one witness.
#[derive(Debug, Default)]
struct Follower {
    /// What it co-signed last.
    known: u64,
    /// The size that it is being asked about.
    asked: Option<u64>,
    /// It is not asked before.
    not_before: u64,
    failures: u32,
    /// Its size was corrected since it last co-signed: a second correction is a failure.
    corrected: bool,
}

#[derive(Debug)]
struct Round {
    head: VerifiedCheckpoint,
    policy: Policy,
    cosignatures: Vec<VerifiedCosignature>,
    /// Who needs not be asked any more.
    done: Vec<bool>,
    /// When somebody was asked first.
    began: Option<u64>,
    /// When the quorum was met.
    met_at: Option<u64>,
}

/// The fan-out of one scroll.
#[derive(Debug)]
pub(crate) struct Plan {
    followers: Vec<Follower>,
    /// The largest size that this log signed.
    signed: u64,
    round: Option<Round>,
    /// The head of the last round, which was quorate.
    last: Option<VerifiedCheckpoint>,
    /// A newer head, and the policy for it.
    waiting: Option<(VerifiedCheckpoint, Policy)>,
    /// How long further co-signatures are waited for once there are enough.
    extras: u64,
    /// When the head under way may be given up.
    give_up_at: Option<u64>,
}

impl Plan {
    /// For this many witnesses.
    pub(crate) fn new(remotes: usize, extras: Duration) -> Self {
        Self {
            followers: (0..remotes).map(|_| Follower::default()).collect(),
            signed: 0,
            round: None,
            last: None,
            waiting: None,
            extras: millis(extras),
            give_up_at: None,
        }
    }

    /// What each witness has said that it co-signed last.
    pub(crate) fn learn(&mut self, known: impl Iterator<Item = Option<u64>>) {
        for (follower, known) in self.followers.iter_mut().zip(known) {
            follower.known = known.unwrap_or(0);
        }
    }

    /// The log signed heads up to this size. Anyone may take what is published to a witness, so one may know a head before
    /// it is submitted here.
    pub(crate) fn signed(&mut self, size: u64) {
        self.signed = self.signed.max(size);
    }

    /// A head was signed. It is the log's newest.
    pub(crate) fn head(&mut self, head: VerifiedCheckpoint, policy: Policy) {
        self.signed(head.checkpoint().size());
        if self.round.is_none() {
            self.begin(head, policy);
        } else {
            self.waiting = Some((head, policy));
        }
    }

    fn begin(&mut self, head: VerifiedCheckpoint, policy: Policy) {
        self.round = Some(Round {
            head,
            policy,
            cosignatures: Vec::new(),
            done: vec![false; self.followers.len()],
            began: None,
            met_at: None,
        });
    }

    /// Whether what a witness says of its size was corrected and still does not help.
    pub(crate) fn is_going_in_circles(&self, remote: usize) -> bool {
        let follower = self.followers.get(remote);
        follower.is_some_and(|f| f.corrected && f.failures > 0)
    }

    /// A head that is quorate already, for the witnesses that missed it.
    pub(crate) fn settled(&mut self, head: VerifiedCheckpoint) {
        self.signed(head.checkpoint().size());
        self.last = Some(head);
    }

    /// What witnesses are asked for now: the head under way, else the last.
    pub(crate) fn wanted(&self) -> Option<&VerifiedCheckpoint> {
        self.under_way().or(self.last.as_ref())
    }

    /// Whether a witness needs not be asked for it any more.
    fn is_done(&self, remote: usize, size: u64) -> bool {
        match &self.round {
            Some(round) => round.done[remote],
            None => self.followers[remote].known >= size,
        }
    }

    /// The head under way.
    pub(crate) fn under_way(&self) -> Option<&VerifiedCheckpoint> {
        self.round.as_ref().map(|round| &round.head)
    }

    /// How many members of the quorum co-signed the head under way.
    pub(crate) fn progress(&self) -> Option<usize> {
        let round = self.round.as_ref()?;
        match round.policy.evaluate(&round.head, &round.cosignatures) {
            Err(NotQuorate::Short(shortfall)) => Some(shortfall.satisfied().count()),
            Ok(Verdict::Quorate(met)) => {
                Some(met.tally().top().filter(|row| row.is_satisfied()).count())
            }
            _ => Some(0),
        }
    }

    /// Who is to be asked now. Each is taken as asked, until [`answered`](Self::answered).
    pub(crate) fn due(&mut self, now: u64) -> Vec<Submission> {
        self.skip_passed();
        self.go_on(now);
        let Some(size) = self.wanted().map(|head| head.checkpoint().size()) else {
            return Vec::new();
        };
        let mut due = Vec::new();
        for remote in 0..self.followers.len() {
            let done = self.is_done(remote, size);
            let follower = &mut self.followers[remote];
            if !done && follower.asked.is_none() && follower.not_before <= now {
                follower.asked = Some(size);
                let old = follower.known;
                due.push(Submission { remote, old, size });
            }
        }
        due
    }

    /// A witness that has gone past the head under way can no longer co-sign it.
    fn skip_passed(&mut self) {
        let Some(round) = &mut self.round else { return };
        let size = round.head.checkpoint().size();
        for (follower, done) in self.followers.iter().zip(&mut round.done) {
            *done |= follower.known > size;
        }
    }

    /// Leaves a head that no witness can be asked for soon, if there is a newer one.
    fn go_on(&mut self, now: u64) {
        self.give_up_at = None;
        let Some(round) = &mut self.round else { return };
        let earliest = round
            .began
            .get_or_insert(now)
            .saturating_add(SHORTEST_ROUND);
        let size = round.head.checkpoint().size();
        let soon = now.saturating_add(PATIENCE);
        let hope = self.followers.iter().zip(&round.done).any(|(f, done)| {
            f.asked == Some(size) || (!done && f.asked.is_none() && f.not_before <= soon)
        });
        if round.met_at.is_some() || hope || self.waiting.is_none() {
            return;
        }
        // Who has nothing to answer for this head is not asked more often by leaving it.
        if now < earliest && !round.cosignatures.is_empty() {
            self.give_up_at = Some(earliest);
        } else if let Some((head, policy)) = self.waiting.take() {
            self.begin(head, policy);
            self.go_on(now);
        }
    }

    /// What became of a submission of `size`. `jitter` is any number, chosen anew each time.
    ///
    /// # Errors
    /// [`Ahead`]: nothing new may be signed.
    pub(crate) fn answered(
        &mut self,
        submission: Submission,
        outcome: Outcome,
        now: u64,
        jitter: u32,
    ) -> Result<(), Ahead> {
        let Submission { remote, size, .. } = submission;
        let signed = self.signed;
        let Some(follower) = self.followers.get_mut(remote) else {
            return Ok(());
        };
        follower.asked = None;
        match outcome {
            Outcome::Cosigned(cosignatures) => {
                follower.known = follower.known.max(size);
                follower.failures = 0;
                follower.corrected = false;
                self.take(remote, cosignatures, now);
            }
            Outcome::Conflict { size: claimed } if claimed > signed => {
                return Err(Ahead { claimed, signed });
            }
            Outcome::Conflict { size: claimed } => {
                // A hint that nobody signed: the proof is made anew from there, once.
                follower.known = claimed;
                if follower.corrected {
                    follower.fail(now, jitter, None);
                }
                follower.corrected = true;
            }
            Outcome::Refused => {
                follower.failures = follower.failures.max(REFUSAL - 1);
                follower.fail(now, jitter, None);
            }
            Outcome::NotFollowed => {
                follower.fail(now, jitter, None);
                let latest = now.saturating_add(LONGEST_UNKNOWN);
                follower.not_before = follower.not_before.min(latest);
            }
            Outcome::Busy { wait } => follower.fail(now, jitter, wait),
            Outcome::Failed => follower.fail(now, jitter, None),
        }
        Ok(())
    }

    /// Adds co-signatures over the head under way; late ones for an older head count for nothing.
    fn take(&mut self, remote: usize, cosignatures: Vec<VerifiedCosignature>, now: u64) {
        let Some(round) = &mut self.round else { return };
        for new in cosignatures {
            if new.checkpoint() != round.head.checkpoint() {
                continue;
            }
            round.done[remote] = true;
            // A key is one line: the newest.
            round.cosignatures.retain(|old| old.key() != new.key());
            round.cosignatures.push(new);
        }
        let judged = round.policy.evaluate(&round.head, &round.cosignatures);
        if let Ok(Verdict::Quorate(_)) = judged {
            round.met_at.get_or_insert(now);
        }
    }

    /// The head under way, if it is quorate and no further co-signature is worth waiting for, which none is if somebody
    /// waits for the head. That ends its round.
    ///
    /// # Errors
    /// [`NotPublished`]: a bug of ours, and nothing is published.
    pub(crate) fn quorate(
        &mut self,
        now: u64,
        awaited: bool,
    ) -> Result<Option<Quorate>, NotPublished> {
        let Some(round) = &self.round else {
            return Ok(None);
        };
        let Some(met_at) = round.met_at else {
            return Ok(None);
        };
        let size = round.head.checkpoint().size();
        let more = self.followers.iter().any(|f| f.asked == Some(size));
        if more && !awaited && now < met_at.saturating_add(self.extras) {
            return Ok(None);
        }
        let quorate = Quorate::of(&round.policy, &round.head, &round.cosignatures);
        self.last = self.round.take().map(|round| round.head);
        if let Some((head, policy)) = self.waiting.take() {
            self.begin(head, policy);
        }
        quorate.map(Some)
    }

    /// When something is to be done, unless an answer or a head comes first.
    pub(crate) fn wake_at(&self) -> Option<u64> {
        let size = self.wanted()?.checkpoint().size();
        let idle =
            |(remote, f): &(usize, &Follower)| !self.is_done(*remote, size) && f.asked.is_none();
        let retries = self.followers.iter().enumerate().filter(idle);
        let retries = retries.map(|(_, f)| f.not_before);
        let met_at = self.round.as_ref().and_then(|round| round.met_at);
        let extras = met_at.map(|at| at.saturating_add(self.extras));
        retries.chain(extras).chain(self.give_up_at).min()
    }
}

impl Follower {
    /// Waits, and no less than the witness asks for.
    fn fail(&mut self, now: u64, jitter: u32, asked_for: Option<Duration>) {
        let asked_for = asked_for.map_or(0, millis).min(LONGEST_BUSY);
        // Who is told "in a second" by many witnesses at once does not come back to all of them at once.
        let by_chance = (asked_for / 8).saturating_mul(u64::from(jitter)) >> 32;
        let earliest = now.saturating_add(asked_for).saturating_add(by_chance);
        self.not_before = backoff(now, self.failures, jitter).max(earliest);
        self.failures = self.failures.saturating_add(1);
    }
}

/// When to ask again after so many failures before this one: each wait is twice the one before, half of it certain, half
/// by chance, so that many logs do not come back to one witness at the same moment.
pub(crate) fn backoff(now: u64, failures: u32, jitter: u32) -> u64 {
    let wait = FIRST_WAIT
        .saturating_mul(1 << failures.min(10))
        .min(LONGEST_WAIT);
    let half = wait / 2;
    let by_chance = half.saturating_mul(u64::from(jitter)) >> 32;
    now.saturating_add(half + by_chance)
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
