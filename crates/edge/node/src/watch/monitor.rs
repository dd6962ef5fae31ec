//! One check of one log: what it shows now against what is remembered, and against what its witnesses saw.
//!
//! A head is remembered only as a `Successor`, which `rules` makes of heads that were proven to be of one history; so a
//! head that contradicts another never takes its place. It is durable before a report says that it is remembered (R2).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_note::{
    MAX_NOTE_LEN, SignedCheckpoint, VerifiedCheckpoint, VerifiedCosignature, WitnessKey,
};
use quorate_policy::{CheckpointRefused, Policy};
use thiserror::Error;

use super::audit::checkpoint;
use super::fetch::{FetchError, Fetcher, Patience};
use super::finding::Finding;
use super::memory::{Facts, Memory, MemoryError, Remembered, hex};
use super::place::{Place, PlaceError};
use super::rules::{Fits, Standing, Successor, standing};
use super::tree::TreeError;
use super::weigh::{SPLIT_VIEW, Weighed};
use crate::clock;
use crate::outbound::TlsError;
use crate::tasks::off_thread;

/// A head that a witness co-signed less long ago may still be on its way to the log's readers.
const SETTLED: u64 = 300;
/// Clocks may differ by that much, in seconds.
const SKEW: u64 = 300;

/// What to watch, and by whose word.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The logs.
    pub logs: Vec<Place>,
    /// The policy that each of them is held to.
    pub policy: Policy,
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
    /// [`PlaceError`], with what is no address.
    pub fn witnesses_of(policy: &Policy) -> Result<Vec<Place>, (String, PlaceError)> {
        let urls: BTreeSet<String> = policy
            .witnesses()
            .filter_map(|w| w.url())
            .map(|url| String::from_utf8_lossy(url.as_bytes()).into_owned())
            .collect();
        urls.into_iter()
            .map(|url| url.parse().map_err(|e| (url, e)))
            .collect()
    }
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

/// A head with what was verified of it.
struct Seen {
    head: VerifiedCheckpoint,
    cosignatures: Vec<VerifiedCosignature>,
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
        if watch.policy.logs().is_empty() {
            return Err(MonitorError::NoLogKey);
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
        let standing = standing(&self.watch.policy, &seen.head, &seen.cosignatures)
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
        if let Some(before) = &before
            && before.checkpoint().origin() != seen.head.checkpoint().origin()
        {
            return Err(Finding::OtherLog {
                before: before.checkpoint().origin().to_string(),
                now: origin,
            });
        }
        let remembered = self.remembered(&origin).await?;
        checked.remembered = remembered.as_ref().map(|r| r.head.checkpoint().size());
        let facts = facts(remembered.as_ref(), &seen.head, &standing, checked.at);
        let mut newest = remembered.as_ref().map(|r| r.head.clone());
        self.freshness(checked, standing, &facts);
        // That it shows less than it did needs no tiles, and is told even where they cannot be read.
        let shown = seen.head.checkpoint().size();
        let went_back = before.as_ref().filter(|b| shown < b.checkpoint().size());
        if let Some(before) = went_back {
            let finding = self.went_back(before, &seen.head, from()).await?;
            checked.findings.push(finding);
        }
        match self.weigh(place, newest.as_ref(), &seen.head).await? {
            Weighed::Next(next) => {
                let same = |r: &Remembered| r.facts == facts && r.head.note() == next.head().note();
                if !remembered.as_ref().is_some_and(same) {
                    self.remember(&next, &facts).await?;
                }
                self.showed(place, before.as_ref(), next.fits()).await?;
                checked.remembered = Some(next.head().checkpoint().size());
                newest = Some(next.head().clone());
            }
            Weighed::Behind(_) if went_back.is_some() => {}
            // Another place is ahead of this one.
            Weighed::Behind(Ok(fits)) => self.showed(place, before.as_ref(), fits).await?,
            weighed => {
                if let Some(newest) = &newest {
                    let finding = self.against(newest, &seen.head, from(), weighed).await?;
                    checked.findings.extend(finding);
                }
            }
        }
        if let Some(newest) = newest {
            self.ask_witnesses(place, checked, newest, &facts).await;
        }
        Ok(())
    }

    /// Asks each witness which head of the log it co-signed, and compares that with what is remembered.
    async fn ask_witnesses(
        &self,
        place: &Place,
        checked: &mut Checked,
        mut newest: VerifiedCheckpoint,
        facts: &Facts,
    ) {
        for witness in &self.watch.witnesses {
            match self
                .ask_witness(witness, place, checked, &newest, facts)
                .await
            {
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
    async fn ask_witness(
        &self,
        witness: &Place,
        place: &Place,
        checked: &Checked,
        newest: &VerifiedCheckpoint,
        facts: &Facts,
    ) -> Result<Option<Successor>, Finding> {
        let origin = newest.checkpoint().origin();
        let path = format!("{}/checkpoint", hex(origin.as_str().as_bytes(), 64));
        let from = || format!("the witness at {witness}");
        let note = self.fetcher.get(witness, &path, MAX_NOTE_LEN).await;
        // 404: it never co-signed the log, or shows nothing to monitors.
        let Some(note) = note.map_err(|e| not_fetched(from(), &e))? else {
            return Ok(None);
        };
        let signed = SignedCheckpoint::parse(&note).map_err(|e| not_verified(from(), &e))?;
        let seen = self.verify(&signed).map_err(|e| not_verified(from(), &e))?;
        if seen.head.checkpoint().origin() != origin {
            let why = "it shows another log's head".to_owned();
            return Err(Finding::NotVerified { from: from(), why });
        }
        match self.weigh(place, Some(newest), &seen.head).await? {
            Weighed::Next(next) if next.head().checkpoint() == newest.checkpoint() => Ok(None),
            Weighed::Next(next) => {
                let facts = Facts {
                    head_since: checked.at,
                    ..facts.clone()
                };
                self.remember(&next, &facts).await?;
                Ok(Some(next))
            }
            Weighed::Unproven(TreeError::Missing { .. }) => {
                let times = seen.cosignatures.iter();
                let at = times.map(VerifiedCosignature::timestamp).max();
                if at.is_some_and(|at| at.saturating_add(SETTLED) > checked.at) {
                    return Ok(None);
                }
                let shown = checked.head.as_ref();
                Err(Finding::Withheld {
                    from: from(),
                    size: seen.head.checkpoint().size(),
                    shown: shown.map_or(0, |shown| shown.head.checkpoint().size()),
                })
            }
            other => match self.against(newest, &seen.head, from(), other).await? {
                Some(finding) => Err(finding),
                None => Ok(None),
            },
        }
    }

    /// Signatures by keys of the policy. How many co-signatures there are does not matter here.
    fn verify(&self, signed: &SignedCheckpoint) -> Result<Seen, CheckpointRefused> {
        let head = signed.verify_log(&self.watch.policy.log_keys())?;
        let keys: Vec<WitnessKey> = self.watch.policy.witness_keys();
        let cosignatures = head.cosignatures(&keys)?;
        Ok(Seen { head, cosignatures })
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
        let Some(head) = before.as_ref().or(shown) else {
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

    async fn place_before(&self, place: &Place) -> Result<Option<VerifiedCheckpoint>, Finding> {
        let (place, keys) = (place.clone(), self.watch.policy.log_keys());
        let read = self.with_memory(move |memory| memory.place(&place, &keys));
        read.await
    }

    async fn remembered(&self, origin: &str) -> Result<Option<Remembered>, Finding> {
        let (origin, keys) = (origin.to_owned(), self.watch.policy.log_keys());
        let read = self.with_memory(move |memory| memory.log(&origin, &keys));
        read.await
    }

    async fn remember(&self, next: &Successor, facts: &Facts) -> Result<(), Finding> {
        let (next, facts) = (next.clone(), facts.clone());
        let written = self.with_memory(move |memory| memory.remember(&next, &facts));
        written.await
    }

    /// Remembers what a place shows, unless it is what is remembered of it.
    async fn showed(
        &self,
        place: &Place,
        before: Option<&VerifiedCheckpoint>,
        fits: Fits,
    ) -> Result<(), Finding> {
        if before.is_some_and(|before| before.checkpoint() == fits.head().checkpoint()) {
            return Ok(());
        }
        let place = place.clone();
        let written = self.with_memory(move |memory| memory.showed(&place, &fits));
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

    /// Where a log was seen, `first` before the others.
    pub(super) fn places_of(&self, first: &Place, origin: &str) -> Vec<Place> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let known = logs.get(origin);
        let others = known.map(|known| known.at.iter().filter(|p| *p != first));
        let mut places = vec![first.clone()];
        places.extend(others.into_iter().flatten().cloned());
        places
    }
}

/// What is to be remembered beside a head.
fn facts(
    remembered: Option<&Remembered>,
    seen: &VerifiedCheckpoint,
    standing: &Standing,
    now: u64,
) -> Facts {
    let before = remembered.map(|r| r.facts.clone()).unwrap_or_default();
    let same = remembered.is_some_and(|r| r.head.checkpoint() == seen.checkpoint());
    let (short_since, quorate_at) = match standing {
        Standing::Quorate { at } => (None, Some(*at)),
        Standing::Unwitnessed => (None, before.quorate_at),
        Standing::Short(_) => (before.short_since.or(Some(now)), before.quorate_at),
    };
    Facts {
        head_since: if same { before.head_since } else { now },
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
    }
}

fn not_verified(from: String, error: &dyn std::error::Error) -> Finding {
    Finding::NotVerified {
        from,
        why: error.to_string(),
    }
}

fn not_fetched(from: String, error: &FetchError) -> Finding {
    if error.is_environment() {
        Finding::Unreachable {
            why: format!("{from}: {error}"),
        }
    } else {
        not_verified(from, error)
    }
}
