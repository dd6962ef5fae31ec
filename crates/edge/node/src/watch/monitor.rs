//! One check of one log: what it shows now against what is remembered, and against what its witnesses saw.
//!
//! A head is remembered only as a `Successor`, which `rules` makes of heads that were proven to be of one history; so a
//! head that contradicts another never takes its place. It is durable before a report says that it is remembered (R2).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_note::{LogKey, SignedCheckpoint, VerifiedCheckpoint, VerifiedCosignature, WitnessKey};
use quorate_policy::{CheckpointRefused, Policy};
use thiserror::Error;

use super::audit::checkpoint;
use super::fetch::{Fetcher, Patience};
use super::finding::Finding;
use super::memory::{Before, Facts, Memory, MemoryError};
use super::place::{Place, PlaceError};
use super::policies::{NotAccepted, listed_twice, listing};
use super::rules::{Fits, Standing, Successor, standing};
use super::tree::TreeError;
use super::weigh::{SPLIT_VIEW, Weighed};
use super::witnesses::Heard;
use crate::clock;
use crate::outbound::TlsError;
use crate::tasks::off_thread;

/// Clocks may differ by that much, in seconds.
const SKEW: u64 = 300;

/// What to watch, and by whose word.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The logs.
    pub logs: Vec<Place>,
    /// Whom to believe. A log is held to the one policy that lists it: by its origin, as a key may be listed once in a
    /// policy and sign for several logs.
    pub policies: Vec<Policy>,
    /// Monitoring prefixes of witnesses that are asked what they saw.
    pub witnesses: Vec<Place>,
    /// How old the newest head of a log may be.
    pub max_age: Option<Duration>,
    /// Where to remember.
    pub state: PathBuf,
}

impl Watch {
    /// The witnesses of the policy that have a URL: C2SP tlog-witness lets a monitoring prefix be the submission prefix.
    ///
    /// # Errors
    /// [`WitnessUrl`]: a URL is not at `https://` or `http://`, so that its witness cannot be asked.
    pub fn witnesses_of(policy: &Policy) -> Result<Vec<Place>, WitnessUrl> {
        let mut places = BTreeSet::new();
        for witness in policy.witnesses() {
            let Some(url) = witness.url() else { continue };
            let url = String::from_utf8_lossy(url.as_bytes()).into_owned();
            let place = Place::on_the_web(&url).map_err(|source| WitnessUrl {
                witness: witness.name().to_string(),
                url,
                source,
            })?;
            places.insert(place);
        }
        Ok(places.into_iter().collect())
    }
}

/// A witness of a policy that cannot be asked. The fault is in the policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("witness {witness} cannot be asked at its URL {url:?}: {source}")]
pub struct WitnessUrl {
    witness: String,
    url: String,
    source: PlaceError,
}

/// Why there is no monitor. Nothing was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// No log.
    #[error("no log is named")]
    NoLog,
    /// The policy trusts no log.
    #[error("the policy has no `log` line, so it trusts no log's signature")]
    NoLogKey,
    /// Two policies list one log, and nothing says which of them counts.
    #[error("two policies list the log {0}")]
    TwoPolicies(String),
    /// A witness is in a folder that is not there. The caller's.
    #[error("the witness at {0} is no address at https:// or http://, and no folder that exists")]
    NoWitness(Place),
    /// TLS cannot be used. The environment's.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// What a check of one log saw.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Checked {
    /// Where.
    pub place: Place,
    /// What the log shows, if it is signed by a key of the policy.
    pub head: Option<Shown>,
    /// Size of the head that is remembered now, durably.
    pub remembered: Option<u64>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// When, POSIX seconds.
    pub at: u64,
}

/// A head that a log shows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Shown {
    /// The checkpoint.
    pub head: VerifiedCheckpoint,
    /// When its quorum was met, POSIX seconds; none if it is not, or the policy asks for none.
    pub quorate_at: Option<u64>,
    /// Whether the policy asks for no co-signature.
    pub unwitnessed: bool,
}

impl Checked {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether something is wrong with the log, or with what it shows.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        self.findings.iter().any(|f| !f.is_environment())
    }
}

/// Watches logs.
#[derive(Debug)]
pub struct Monitor {
    pub(super) watch: Watch,
    pub(super) fetcher: Fetcher,
    memory: Arc<Memory>,
    logs: Mutex<BTreeMap<String, Known>>,
}

/// A log that was seen at one of the places. There are at most as many as the policy has log keys.
#[derive(Debug, Default)]
struct Known {
    /// One check at a time compares and remembers.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Where it was seen: each may have tiles that another no longer has, or not yet.
    at: BTreeSet<Place>,
}

/// A head with what was verified of it, by the policy that lists its log.
pub(super) struct Seen<'a> {
    policy: &'a Policy,
    pub(super) head: VerifiedCheckpoint,
    pub(super) cosignatures: Vec<VerifiedCosignature>,
}

impl Monitor {
    /// Opens the memory and locks it.
    ///
    /// # Errors
    /// [`MonitorError`].
    pub fn open(watch: Watch) -> Result<Self, MonitorError> {
        if watch.logs.is_empty() {
            return Err(MonitorError::NoLog);
        }
        if watch.policies.is_empty() || watch.policies.iter().any(|p| p.logs().is_empty()) {
            return Err(MonitorError::NoLogKey);
        }
        if let Some(log) = listed_twice(&watch.policies) {
            return Err(MonitorError::TwoPolicies(log));
        }
        if let Some(nowhere) = watch.witnesses.iter().find(|w| !w.may_be_asked()) {
            return Err(MonitorError::NoWitness(nowhere.clone()));
        }
        let mut asked = watch.logs.iter().chain(&watch.witnesses);
        let tls = asked.any(Place::needs_tls);
        Ok(Self {
            fetcher: Fetcher::new(Patience::default(), tls)?,
            memory: Arc::new(Memory::open(&watch.state)?),
            logs: Mutex::default(),
            watch,
        })
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> &[Place] {
        &self.watch.logs
    }

    /// Checks one log. Whatever fails is in the answer.
    pub async fn check(&self, place: &Place) -> Checked {
        let mut checked = Checked {
            place: place.clone(),
            head: None,
            remembered: None,
            findings: Vec::new(),
            at: now(),
        };
        if let Err(finding) = self.look(place, &mut checked).await {
            checked.findings.push(finding);
        }
        // Whatever failed: what was proven before is proven.
        if let Err(finding) = self.proofs_kept(&mut checked).await {
            checked.findings.push(finding);
        }
        let order = |f: &Finding| Finding::CODES.iter().position(|code| *code == f.code());
        checked.findings.sort_by_key(order);
        checked
    }

    async fn look(&self, place: &Place, checked: &mut Checked) -> Result<(), Finding> {
        let from = || place.to_string();
        let signed = checkpoint(&self.fetcher, place).await.map_err(|error| {
            if error.is_environment() {
                unreachable(&error)
            } else {
                not_verified(from(), &error)
            }
        })?;
        let seen = self.verify(&signed).map_err(|e| not_verified(from(), &e))?;
        let standing = standing(seen.policy, &seen.head, &seen.cosignatures)
            .map_err(|e| not_verified(from(), &e))?;
        checked.head = Some(Shown {
            head: seen.head.clone(),
            quorate_at: match standing {
                Standing::Quorate { at } => Some(at),
                Standing::Unwitnessed | Standing::Short(_) => None,
            },
            unwitnessed: standing == Standing::Unwitnessed,
        });
        let origin = seen.head.checkpoint().origin().to_string();
        let turn = self.turn(&origin, place);
        let _turn = turn.lock().await;

        let before = self.place_before(place).await?;
        if let Some(before) = before.as_ref().map(|before| before.head.checkpoint())
            && before.origin() != seen.head.checkpoint().origin()
        {
            return Err(Finding::OtherLog {
                before: before.origin().to_string(),
                now: origin,
            });
        }
        let remembered = self.remembered(&origin).await?;
        checked.remembered = remembered.as_ref().map(|head| head.checkpoint().size());
        let facts = facts(
            before.as_ref().map(|b| &b.facts),
            &seen.head,
            &standing,
            checked.at,
        );
        self.freshness(checked, standing, &facts);
        let before = before.as_ref();
        if remembered.is_none() {
            // Of a log's first head nothing else is known: it is remembered only if no witness speaks against it.
            let heard = self.ask_witnesses(checked, &seen.head, true).await;
            if !heard.against {
                self.settle(checked, before, None, &seen.head, &facts).await;
                self.remember_heard(checked, heard).await;
            }
            return Ok(());
        }
        // Whatever the log says or does not say to us: its witnesses are asked.
        let (newest, tiles) = self
            .settle(checked, before, remembered, &seen.head, &facts)
            .await;
        let newest = newest.unwrap_or(seen.head);
        let heard = self.ask_witnesses(checked, &newest, tiles).await;
        self.remember_heard(checked, heard).await;
        Ok(())
    }

    /// Remembers the newest head that a witness had, if it continues what is remembered.
    async fn remember_heard(&self, checked: &mut Checked, heard: Heard) {
        let Some(next) = heard.next else { return };
        match self.remember(&next).await {
            Ok(()) => checked.remembered = Some(next.head().checkpoint().size()),
            Err(finding) => checked.findings.push(finding),
        }
    }

    /// Compares what a place shows with what is remembered, and remembers what may be. The newest head that is remembered
    /// now, and whether the log's tiles can be read as far as is known.
    async fn settle(
        &self,
        checked: &mut Checked,
        before: Option<&Before>,
        remembered: Option<VerifiedCheckpoint>,
        seen: &VerifiedCheckpoint,
        facts: &Facts,
    ) -> (Option<VerifiedCheckpoint>, bool) {
        let place = checked.place.clone();
        let (mut newest, mut fits, mut tiles) = (remembered, None, true);
        // That it shows less than it did needs no tiles, and is told even where they cannot be read.
        let shown = seen.checkpoint().size();
        let went_back = before.filter(|b| shown < b.head.checkpoint().size());
        if let Some(before) = went_back {
            let told = self.went_back(&before.head, seen, place.to_string()).await;
            checked.findings.extend(told);
        }
        match self.weigh(&place, newest.as_ref(), seen).await {
            Ok(Weighed::Next(next)) => {
                let same = |head: &VerifiedCheckpoint| head.note() == next.head().note();
                let written = if newest.as_ref().is_some_and(same) {
                    Ok(())
                } else {
                    self.remember(&next).await
                };
                match written {
                    Ok(()) => {
                        checked.remembered = Some(next.head().checkpoint().size());
                        fits = Some(next.fits());
                        newest = Some(next.head().clone());
                    }
                    Err(finding) => checked.findings.push(finding),
                }
            }
            Ok(Weighed::Behind(_)) if went_back.is_some() => {}
            // Another place is ahead of this one.
            Ok(Weighed::Behind(Ok(behind))) => fits = Some(behind),
            // This one never had the other's tiles.
            Ok(Weighed::Behind(Err(error @ TreeError::Missing { .. }))) => {
                checked.findings.push(Finding::Unreachable {
                    why: format!("{place} is behind another address of the log: {error}"),
                    evidence: None,
                });
            }
            Ok(weighed) => {
                if let Some(newest) = &newest {
                    let told = self.against(newest, seen, place.to_string(), weighed).await;
                    checked.findings.extend(told);
                }
            }
            Err(mut finding) => {
                tiles = false;
                // Once may be an outage. If it stays so, somebody may ask the log about this head later.
                let again = before.is_some_and(|before| before.facts.head == facts.head);
                if let (Finding::Unreachable { why, evidence }, Some(newest)) =
                    (&mut finding, &newest)
                    && again
                    && went_back.is_none()
                {
                    let kept = self.kept_unread(newest, seen, place.to_string(), why).await;
                    match kept {
                        Ok(kept) => *evidence = kept,
                        Err(failed) => checked.findings.push(failed),
                    }
                }
                checked.findings.push(finding);
            }
        }
        if let Err(finding) = self.showed(&place, before, fits, facts).await {
            checked.findings.push(finding);
        }
        (newest, tiles)
    }

    /// Signatures by keys of the policy. How many co-signatures there are does not matter here.
    pub(super) fn verify(&self, signed: &SignedCheckpoint) -> Result<Seen<'_>, NotAccepted> {
        let origin = signed.checkpoint_unverified().origin();
        let policy = listing(&self.watch.policies, origin)?;
        let refused = CheckpointRefused::from;
        let head = signed.verify_log(&policy.log_keys()).map_err(refused)?;
        let keys: Vec<WitnessKey> = policy.witness_keys();
        let cosignatures = head.cosignatures(&keys).map_err(CheckpointRefused::from)?;
        Ok(Seen {
            policy,
            head,
            cosignatures,
        })
    }

    /// Keys of all logs that are believed.
    fn log_keys(&self) -> Vec<LogKey> {
        self.watch
            .policies
            .iter()
            .flat_map(Policy::log_keys)
            .collect()
    }

    /// Too few co-signatures, or too old ones.
    fn freshness(&self, checked: &mut Checked, standing: Standing, facts: &Facts) {
        let at = match standing {
            Standing::Quorate { at } => at,
            Standing::Unwitnessed => facts.head_since,
            Standing::Short(short) => {
                let since = facts.short_since.unwrap_or(checked.at);
                let short = Box::new(short);
                checked
                    .findings
                    .push(Finding::MissingQuorum { short, since });
                facts.quorate_at.unwrap_or(since)
            }
        };
        let Some(max_age) = self.watch.max_age else {
            return;
        };
        if at > checked.at.saturating_add(SKEW) {
            checked.findings.push(Finding::Ahead { at });
        } else if checked.at.saturating_sub(at) > max_age.as_secs() {
            checked.findings.push(Finding::Stale { at });
        }
    }

    /// A proof that the log lied stays one. The log is the one that was at the place before; if none was, the one that is.
    async fn proofs_kept(&self, checked: &mut Checked) -> Result<(), Finding> {
        let before = self.place_before(&checked.place).await.unwrap_or_default();
        let shown = checked.head.as_ref().map(|shown| &shown.head);
        let Some(head) = before.as_ref().map(|b| &b.head).or(shown) else {
            return Ok(());
        };
        let origin = head.checkpoint().origin().to_string();
        let kept = self.with_memory(move |memory| memory.proofs(SPLIT_VIEW, &origin));
        let kept = kept.await?;
        let told = |f: &Finding| f.code() == SPLIT_VIEW;
        if let Some(evidence) = kept.first().filter(|_| !checked.findings.iter().any(told)) {
            checked.findings.push(Finding::ProofKept {
                files: kept.len(),
                evidence: evidence.clone(),
            });
        }
        Ok(())
    }

    async fn place_before(&self, place: &Place) -> Result<Option<Before>, Finding> {
        let (place, keys) = (place.clone(), self.log_keys());
        let read = self.with_memory(move |memory| memory.place(&place, &keys));
        read.await
    }

    async fn remembered(&self, origin: &str) -> Result<Option<VerifiedCheckpoint>, Finding> {
        let (origin, keys) = (origin.to_owned(), self.log_keys());
        let read = self.with_memory(move |memory| memory.log(&origin, &keys));
        read.await
    }

    async fn remember(&self, next: &Successor) -> Result<(), Finding> {
        let next = next.clone();
        let written = self.with_memory(move |memory| memory.remember(&next));
        written.await
    }

    /// Remembers what a place shows, unless it is what is remembered of it.
    async fn showed(
        &self,
        place: &Place,
        before: Option<&Before>,
        fits: Option<Fits>,
        facts: &Facts,
    ) -> Result<(), Finding> {
        let same =
            |fits: &Fits, before: &Before| fits.head().checkpoint() == before.head.checkpoint();
        let known = before.is_some_and(|before| {
            before.facts == *facts && fits.as_ref().is_none_or(|fits| same(fits, before))
        });
        if known {
            return Ok(());
        }
        let (place, facts) = (place.clone(), facts.clone());
        let written = self.with_memory(move |memory| memory.showed(&place, fits.as_ref(), &facts));
        written.await
    }

    pub(super) async fn with_memory<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Memory) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, Finding> {
        let memory = Arc::clone(&self.memory);
        match off_thread(move || work(&memory)).await {
            Some(done) => done.map_err(|error| Finding::Memory {
                why: error.to_string(),
                environment: error.is_environment(),
            }),
            None => Err(Finding::Unreachable {
                why: "the program is stopping".to_owned(),
                evidence: None,
            }),
        }
    }

    /// The log's turn; it was seen at `place`.
    fn turn(&self, origin: &str, place: &Place) -> Arc<tokio::sync::Mutex<()>> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let known = logs.entry(origin.to_owned()).or_default();
        known.at.insert(place.clone());
        Arc::clone(&known.turn)
    }

    /// Where a log was seen beside `first`, in this run or an earlier one.
    pub(super) async fn other_places_of(&self, first: &Place, origin: &str) -> Vec<Place> {
        let seen = {
            let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
            let known = logs.get(origin);
            known.map(|known| known.at.clone()).unwrap_or_default()
        };
        let mut places = Vec::new();
        for place in self.watch.logs.iter().filter(|place| *place != first) {
            // A record that cannot be read is told where its own place is checked.
            let here = seen.contains(place)
                || matches!(self.place_before(place).await,
                    Ok(Some(before)) if before.head.checkpoint().origin().as_str() == origin);
            if here {
                places.push(place.clone());
            }
        }
        places
    }
}

/// What is to be remembered of what a place shows.
fn facts(
    before: Option<&Facts>,
    seen: &VerifiedCheckpoint,
    standing: &Standing,
    now: u64,
) -> Facts {
    let before = before.cloned().unwrap_or_default();
    let head = seen.checkpoint().head_hash().to_string();
    let (short_since, quorate_at) = match standing {
        Standing::Quorate { at } => (None, Some(*at)),
        Standing::Unwitnessed => (None, before.quorate_at),
        Standing::Short(_) => (before.short_since.or(Some(now)), before.quorate_at),
    };
    Facts {
        head_since: if before.head == head {
            before.head_since
        } else {
            now
        },
        head,
        short_since,
        quorate_at,
    }
}

fn now() -> u64 {
    u64::try_from(clock::now_micros() / 1_000_000).unwrap_or_default()
}

pub(super) fn unreachable(error: &dyn std::error::Error) -> Finding {
    Finding::Unreachable {
        why: error.to_string(),
        evidence: None,
    }
}

pub(super) fn not_verified(from: String, error: &dyn std::error::Error) -> Finding {
    Finding::NotVerified {
        from,
        why: error.to_string(),
    }
}
