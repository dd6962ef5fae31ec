//! The witness of a node: its logs, keys, memory and the thread that decides.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use quorate_note::{KeyName, NameError, Origin, SignError, SignatureLine, VerifierKeyError};
use quorate_store::Disk;
use quorate_witness::{
    AddCheckpoint, Durable, KnownLogError, MAX_BODY_LEN, Malformed, PositionError, Refusal,
    SignSubtree, authenticate, grant_subtree,
};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::sync::Semaphore;

use super::NewLog;
use super::committer::{Committer, NoOutcome};
use super::core::{Core, Outcome};
use super::keys::{KeySources, WitnessKeyError, WitnessKeys, hex};
use super::log::{Kind, Log, Published};
use super::registry::Known;
use super::store::{WitnessStore, WitnessStoreError};
use crate::lane::Lane;

/// The store's file in the data directory.
pub(crate) const WITNESS_FILE: &str = "witness.redb";

/// Bytes of request bodies in memory at once, over all connections to the witness: 512 of the largest, 64 MiB.
const BODIES: usize = 512 * MAX_BODY_LEN;
/// A body that has not come whole by then never will.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Signatures that may wait for a key that is kept elsewhere.
const SLOW_QUEUE: usize = 64;

/// What makes a node a witness for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessConfig {
    /// The name under which it co-signs.
    pub name: String,
    /// An address of its own; besides, the calls are served under `/witness` of the node's API.
    pub listen: Option<SocketAddr>,
    /// Its keys.
    pub keys: KeySources,
    /// Logs to follow from the start: origin and vkey.
    pub logs: Vec<(String, String)>,
    /// The keys have never co-signed anything: without that word, a memory that should be there and is not stops the
    /// start.
    pub new_keys: bool,
}

/// Why there is no witness, or a change of its logs was refused. Nothing was signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The name cannot be a key name.
    #[error("the witness name {name:?} cannot be used: {source}")]
    Name {
        /// Which.
        name: String,
        /// Why.
        source: NameError,
    },
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] WitnessKeyError),
    /// The memory failed or is damaged.
    #[error(transparent)]
    Store(#[from] WitnessStoreError),
    /// The directory came from a backup, which holds no positions, or lost them: these keys may have co-signed more
    /// than is remembered.
    #[error(
        "this directory was restored from a backup, or lost its witness's positions: these keys may have co-signed what is not remembered here"
    )]
    Restored,
    /// There was a store and it is gone.
    #[error(
        "the witness's state {0} is missing, but this directory has been a witness: its keys have co-signed what is not remembered here"
    )]
    Missing(String),
    /// An origin is none.
    #[error("{origin:?} cannot be an origin: {source}")]
    Origin {
        /// Which.
        origin: String,
        /// Why.
        source: NameError,
    },
    /// A vkey is none.
    #[error(transparent)]
    LogKey(VerifierKeyError),
    /// Keys and origin do not fit.
    #[error(transparent)]
    Log(KnownLogError),
    /// A stored position is damaged.
    #[error("the position of {origin:?} cannot be trusted: {source}")]
    Position {
        /// Of which log.
        origin: String,
        /// Why.
        source: PositionError,
    },
    /// The witness bears the log's name: its co-signature could pass for the log's signature.
    #[error("the witness bears the name of the log {0}")]
    OwnName(String),
    /// The environment's.
    #[error("cannot start the witness: {0}")]
    Thread(std::io::Error),
    /// The log is not known.
    #[error("this witness does not know the log {0:?}")]
    Unknown(String),
    /// The log has no such key in use.
    #[error("the log {origin:?} has no key {key:?} in use")]
    UnknownKey {
        /// Which log.
        origin: String,
        /// The key that was named.
        key: String,
    },
    /// Nothing to resume.
    #[error("the log {0:?} is not halted")]
    NotHalted(String),
    /// What the halt holds cannot become a position.
    #[error("the forgotten checkpoint cannot be taken up: {0}")]
    Recall(String),
    /// The witness has stopped.
    #[error("the witness has stopped; see the node's log")]
    Stopped,
}

/// Why a request got no co-signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotSigned {
    /// By the rules of tlog-witness.
    Refused(Refusal),
    /// The log's rate is used up.
    RateLimited {
        /// Seconds until the next request.
        wait: u64,
    },
    /// Too many requests wait.
    Busy,
    /// We co-signed a tree of this size that we do not remember.
    Halted(u64),
    /// The witness has stopped.
    Stopped,
    /// The keys did not sign. The position is stored: the same checkpoint can be submitted again.
    Keys(String),
}

impl From<Refusal> for NotSigned {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Counters, by outcome.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) refused: Mutex<HashMap<u16, u64>>,
}

/// A node's witness.
pub(crate) struct Witness {
    name: KeyName,
    pub(super) keys: Arc<WitnessKeys>,
    pub(super) store: Arc<WitnessStore>,
    pub(super) logs: RwLock<HashMap<Origin, Arc<Log>>>,
    pub(super) by_hash: RwLock<HashMap<String, Arc<Log>>>,
    /// Bytes of bodies that are being read or answered.
    pub(super) bodies: Lane,
    /// Signing with keys that are kept elsewhere: one at a time, so that a device that does not answer holds up nothing
    /// but itself, and so many may wait.
    slow: Arc<Semaphore>,
    slow_queue: Arc<Semaphore>,
    pub(super) committer: Committer,
    started: Instant,
    pub(super) counters: Counters,
    /// One change of logs at a time.
    pub(super) changes: Mutex<()>,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What opening needs to know of the data directory.
pub(crate) struct Surroundings<'a> {
    pub(crate) disk: &'a Arc<dyn Disk>,
    pub(crate) data_dir: &'a Path,
    /// The directory came from a backup.
    pub(crate) restored: bool,
    /// It has been a witness before.
    pub(crate) before: bool,
}

fn keys_of(config: &WitnessConfig) -> Result<(KeyName, WitnessKeys), WitnessError> {
    let name = KeyName::new(&config.name).map_err(|source| WitnessError::Name {
        name: config.name.clone(),
        source,
    })?;
    let keys = WitnessKeys::load(&name, &config.keys)?;
    Ok((name, keys))
}

impl Witness {
    /// Whether the witness has a name and the keys to sign with. Nothing is opened but them.
    ///
    /// # Errors
    /// [`WitnessError::Name`], [`WitnessError::Key`].
    pub(crate) fn check_keys(config: &WitnessConfig) -> Result<(), WitnessError> {
        keys_of(config).map(drop)
    }

    /// Opens the memory, reads the keys, starts the thread that decides.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub(crate) fn open(
        config: &WitnessConfig,
        around: &Surroundings<'_>,
        on_failure: impl FnOnce(String) + Send + 'static,
    ) -> Result<(Self, std::thread::JoinHandle<()>), WitnessError> {
        let (name, keys) = keys_of(config)?;
        let store = Arc::new(open_store(config, around)?);
        for key in &keys.public {
            // A key that this memory does not know may have co-signed before the memory was lost.
            if store.is_rebuilt()? && !config.new_keys && !store.knows_key(&hex(key))? {
                return Err(WitnessError::Restored);
            }
            store.bind_key(&hex(key), name.as_str())?;
        }
        let started = Instant::now();
        let mut logs = HashMap::new();
        let mut by_hash = HashMap::new();
        for stored in store.logs()? {
            let log = Arc::new(Log::new(stored, 0)?);
            by_hash.insert(origin_hash(log.origin()), Arc::clone(&log));
            logs.insert(log.origin().clone(), log);
        }
        let core = Core::new(Arc::clone(&store), keys.public.clone())?;
        let (committer, thread) =
            Committer::start(core, on_failure).map_err(WitnessError::Thread)?;
        let witness = Self {
            name,
            keys: Arc::new(keys),
            store,
            logs: RwLock::new(logs),
            by_hash: RwLock::new(by_hash),
            bodies: Lane::new(BODIES, 1, BODY_TIME, BODY_TIME),
            slow: Arc::new(Semaphore::new(1)),
            slow_queue: Arc::new(Semaphore::new(SLOW_QUEUE)),
            committer,
            started,
            counters: Counters::default(),
            changes: Mutex::default(),
        };
        let configured = config.logs.iter().map(|(origin, vkey)| NewLog {
            vkey: vkey.clone(),
            origin: Some(origin.clone()),
            qpd: None,
            contact: None,
        });
        witness.add_logs(configured.collect(), Known::Kept)?;
        Ok((witness, thread))
    }

    pub(crate) fn name(&self) -> &KeyName {
        &self.name
    }

    /// The vkeys, one for each key.
    pub(crate) fn vkeys(&self) -> Vec<String> {
        self.keys
            .signers
            .iter()
            .map(|s| s.verifier_key().to_string())
            .collect()
    }

    /// The public keys, without type and name.
    pub(crate) fn public_keys(&self) -> Vec<Vec<u8>> {
        let keys = self.keys.public.iter();
        keys.map(|key| key.key_bytes().to_vec()).collect()
    }

    /// The raw Ed25519 public keys, hex, as sigsum policies list them.
    pub(crate) fn pubkeys_hex(&self) -> Vec<String> {
        self.keys
            .public
            .iter()
            .filter(|k| k.kind() == quorate_note::KeyKind::Ed25519Cosignature)
            .map(hex)
            .collect()
    }

    /// Whether it signs with ML-DSA-44 too.
    pub(crate) fn signs_ml_dsa(&self) -> bool {
        let kind = quorate_note::KeyKind::MlDsa44;
        self.keys.public.iter().any(|k| k.kind() == kind)
    }

    /// Milliseconds of a clock that does not run back.
    pub(super) fn monotonic(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Every log, disabled ones included, by origin.
    pub(super) fn logs(&self) -> Vec<Arc<Log>> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = logs.values().cloned().collect();
        all.sort_by(|a, b| a.origin().cmp(b.origin()));
        all
    }

    pub(super) fn log(&self, origin: &str) -> Option<Arc<Log>> {
        let origin = Origin::new(origin).ok()?;
        self.find(&origin)
    }

    fn find(&self, origin: &Origin) -> Option<Arc<Log>> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        logs.get(origin).cloned()
    }

    /// Answers an add-checkpoint request with co-signature lines.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub(super) async fn add_checkpoint(
        &self,
        body: &[u8],
    ) -> Result<Vec<SignatureLine>, NotSigned> {
        let mut found = None;
        let authenticated = authenticate(AddCheckpoint::parse(body), |origin| {
            let log = self.find(origin).filter(|log| log.is_enabled())?;
            let known = (log.known(), log.size());
            found = Some(log);
            Some(known)
        })?;
        let Some(log) = found else {
            return Err(NotSigned::Stopped);
        };
        let grows = authenticated.checkpoint().checkpoint().size() > log.size();
        let kind = if grows { Kind::Growth } else { Kind::Again };
        // Who is told what was co-signed last (409) costs nothing, and the log needs to hear it however many strangers
        // submit its checkpoints.
        if authenticated.old() == log.size()
            && let Err(wait) = log.ready(kind, self.monotonic())
        {
            // Nor does what was signed already.
            let checkpoint = authenticated.checkpoint().checkpoint();
            return match log.published() {
                Some(last) if last.checkpoint == *checkpoint && log.halt().is_none() => {
                    Ok(last.lines.to_vec())
                }
                _ => Err(NotSigned::RateLimited { wait }),
            };
        }
        let outcome = self.committer.decide(Arc::clone(&log), authenticated).await;
        match outcome {
            Ok(Outcome::Accepted(durable)) => {
                log.take(kind, self.monotonic());
                self.cosign(log, durable).await
            }
            Ok(Outcome::Refused(refusal)) => Err(refusal.into()),
            Ok(Outcome::Halted(size)) => Err(NotSigned::Halted(size)),
            Err(NoOutcome::Full) => Err(NotSigned::Busy),
            Err(NoOutcome::Stopped) => Err(NotSigned::Stopped),
        }
    }

    /// Signs with every key, and publishes before anybody gets the lines.
    async fn cosign(
        &self,
        log: Arc<Log>,
        durable: Durable,
    ) -> Result<Vec<SignatureLine>, NotSigned> {
        let keys = Arc::clone(&self.keys);
        let failed = |e: String| NotSigned::Keys(e);
        let sign = move || {
            let lines = sign_all(&keys, &durable).map_err(|e| failed(e.to_string()))?;
            let note = durable
                .published(lines.clone())
                .map_err(|e| failed(e.to_string()))?;
            let position = durable.position();
            log.publish(Published {
                checkpoint: position.checkpoint().clone(),
                timestamp: position.timestamp(),
                note: note.to_bytes().into(),
                lines: lines.clone().into(),
            });
            Ok(lines)
        };
        if !self.keys.slow {
            return sign();
        }
        let place = Arc::clone(&self.slow_queue).try_acquire_owned();
        let _place = place.map_err(|_| NotSigned::Busy)?;
        let turn = Arc::clone(&self.slow).acquire_owned().await;
        let turn = turn.map_err(|_| NotSigned::Stopped)?;
        let signed = tokio::task::spawn_blocking(move || {
            let _until_the_end = turn;
            sign()
        });
        signed.await.unwrap_or(Err(NotSigned::Stopped))
    }

    /// Answers a sign-subtree request with a line for each key that co-signed the tree.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub(super) fn sign_subtree(&self, body: &[u8]) -> Result<Vec<SignatureLine>, NotSigned> {
        let request = SignSubtree::parse(body).map_err(Refusal::from)?;
        let log = self.find(request.origin()).filter(|log| log.is_enabled());
        let granted = grant_subtree(&request, log.is_some(), &self.keys.public)?;
        if let Some(log) = log {
            if let Some(halt) = log.halt() {
                return Err(NotSigned::Halted(halt.size));
            }
            log.ready(Kind::Subtree, self.monotonic())
                .map_err(|wait| NotSigned::RateLimited { wait })?;
            log.take(Kind::Subtree, self.monotonic());
        }
        let signers = self.keys.signers.iter().filter(|s| granted.is_by(s));
        signers
            .map(|signer| granted.cosign(signer))
            .collect::<Result<_, _>>()
            .map_err(|e| NotSigned::Keys(e.to_string()))
    }

    /// The newest checkpoint of the log with this origin hash, with the log's lines and ours.
    ///
    /// # Errors
    /// The keys did not sign; `None` if nothing was co-signed.
    pub(super) async fn checkpoint(&self, hash: &str) -> Result<Option<Arc<[u8]>>, NotSigned> {
        let log = {
            let logs = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
            logs.get(hash).cloned()
        };
        let Some(log) = log else { return Ok(None) };
        let Some(last) = log.last() else {
            return Ok(None);
        };
        if let Some(published) = log.published() {
            return Ok(Some(published.note));
        }
        if let Some(halt) = log.halt() {
            return Err(NotSigned::Halted(halt.size));
        }
        // After a start the co-signatures are made again, from what is stored.
        self.cosign(Arc::clone(&log), last.durable()).await?;
        Ok(log.published().map(|p| p.note))
    }

    pub(super) fn count(&self, answer: Result<(), u16>) {
        match answer {
            Ok(()) => {
                self.counters.accepted.fetch_add(1, Ordering::Relaxed);
            }
            Err(status) => {
                let refused = &self.counters.refused;
                let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
                *refused.entry(status).or_default() += 1;
            }
        }
    }

    /// Ends the thread that decides. May block.
    pub(crate) fn stop(&self) {
        self.committer.stop();
    }
}

/// Opens the memory, or makes it where there was none and none is missing.
fn open_store(
    config: &WitnessConfig,
    around: &Surroundings<'_>,
) -> Result<WitnessStore, WitnessError> {
    let path = around.data_dir.join(WITNESS_FILE);
    let lost = around.restored || around.before;
    let missing = lost && !WitnessStore::exists(&**around.disk, &path)?;
    if missing && !config.new_keys {
        return Err(if around.restored {
            WitnessError::Restored
        } else {
            WitnessError::Missing(path.display().to_string())
        });
    }
    let store = WitnessStore::open(around.disk, &path)?;
    if missing {
        store.set_rebuilt()?;
    }
    Ok(store)
}

fn sign_all(keys: &WitnessKeys, durable: &Durable) -> Result<Vec<SignatureLine>, SignError> {
    keys.signers.iter().map(|s| durable.cosign(s)).collect()
}

/// The path of a log under the monitoring prefix: hex SHA-256 of its origin.
pub(super) fn origin_hash(origin: &Origin) -> String {
    base16ct::lower::encode_string(&Sha256::digest(origin.as_str().as_bytes()))
}

/// A body that is no request.
impl From<Malformed> for NotSigned {
    fn from(malformed: Malformed) -> Self {
        Self::Refused(malformed.into())
    }
}
