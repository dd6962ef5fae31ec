//! The witness of a node: its logs, keys, memory and the thread that decides.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use quorate_note::{KeyName, NameError, Origin, SignError, SignatureLine, VerifierKeyError};
use quorate_store::Disk;
use quorate_witness::{
    AddCheckpoint, Durable, KnownLogError, Malformed, PositionError, Refusal, SignSubtree,
    authenticate, grant_subtree,
};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::committer::{Committer, NoOutcome};
use super::core::{Core, Outcome};
use super::keys::{KeySources, WitnessKeyError, WitnessKeys, hex};
use super::log::{Log, Published, known};
use super::store::{LogRecord, Stored, WitnessStore, WitnessStoreError};

/// The store's file in the data directory.
pub(crate) const WITNESS_FILE: &str = "witness.redb";

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
    /// The directory came from a backup, which holds no positions: these keys may have co-signed more than is
    /// remembered.
    #[error(
        "this directory was restored from a backup, which never holds a witness's positions: its keys may have co-signed what is not remembered here"
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
    logs: RwLock<HashMap<Origin, Arc<Log>>>,
    by_hash: RwLock<HashMap<String, Arc<Log>>>,
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

impl Witness {
    /// Opens the memory, reads the keys, starts the thread that decides.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub(crate) fn open(
        config: &WitnessConfig,
        around: &Surroundings<'_>,
        on_failure: impl FnOnce(String) + Send + 'static,
    ) -> Result<(Self, std::thread::JoinHandle<()>), WitnessError> {
        let name = KeyName::new(&config.name).map_err(|source| WitnessError::Name {
            name: config.name.clone(),
            source,
        })?;
        let keys = WitnessKeys::load(&name, &config.keys)?;
        let path = around.data_dir.join(WITNESS_FILE);
        if !config.new_keys && !WitnessStore::exists(&**around.disk, &path)? {
            if around.restored {
                return Err(WitnessError::Restored);
            }
            if around.before {
                return Err(WitnessError::Missing(path.display().to_string()));
            }
        }
        let store = Arc::new(WitnessStore::open(around.disk, &path)?);
        for key in &keys.public {
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
            committer,
            started,
            counters: Counters::default(),
            changes: Mutex::default(),
        };
        for (origin, vkey) in &config.logs {
            witness.add_log(origin, std::slice::from_ref(vkey), None, None)?;
        }
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
        log.take(self.monotonic())
            .map_err(|wait| NotSigned::RateLimited { wait })?;
        let outcome = self.committer.decide(Arc::clone(&log), authenticated).await;
        match outcome {
            Ok(Outcome::Accepted(durable)) => self.cosign(log, durable).await,
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
                size: position.checkpoint().size(),
                timestamp: position.timestamp(),
                note: note.to_bytes().into(),
            });
            Ok(lines)
        };
        if self.keys.slow {
            let signed = tokio::task::spawn_blocking(sign).await;
            signed.unwrap_or(Err(NotSigned::Stopped))
        } else {
            sign()
        }
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
            log.take(self.monotonic())
                .map_err(|wait| NotSigned::RateLimited { wait })?;
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
        // After a start the co-signatures are made again, from what is stored.
        self.cosign(Arc::clone(&log), last.durable()).await?;
        Ok(log.published().map(|p| p.note))
    }

    /// Follows a log, or gives a log that is followed more keys. It is enabled.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing was changed.
    pub(super) fn add_log(
        &self,
        origin: &str,
        vkeys: &[String],
        qpd: Option<u32>,
        contact: Option<String>,
    ) -> Result<Arc<Log>, WitnessError> {
        let _one_at_a_time = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let existing = self.log(origin);
        let mut record = existing.as_ref().map_or_else(
            || LogRecord {
                vkeys: Vec::new(),
                retired: Vec::new(),
                qpd: None,
                contact: None,
                added_at: crate::clock::now().to_string(),
                disabled: false,
            },
            |log| log.record(),
        );
        record.disabled = false;
        for vkey in vkeys {
            if !record.vkeys.contains(vkey) {
                record.retired.retain(|old| old != vkey);
                record.vkeys.push(vkey.clone());
            }
        }
        record.qpd = qpd.or(record.qpd);
        record.contact = contact.or(record.contact);
        self.put(origin, record, existing)
    }

    /// Changes a log's record, durably, then in memory.
    pub(super) fn put(
        &self,
        origin: &str,
        record: LogRecord,
        existing: Option<Arc<Log>>,
    ) -> Result<Arc<Log>, WitnessError> {
        let typed = known(origin, &record)?;
        if typed.origin().is_name(&self.name) {
            return Err(WitnessError::OwnName(origin.to_owned()));
        }
        if existing.as_ref().is_some_and(|log| log.record() == record) {
            return existing.ok_or(WitnessError::Stopped);
        }
        self.store.put_log(origin, &record)?;
        if let Some(log) = existing {
            log.change(typed, record, self.monotonic());
            return Ok(log);
        }
        let stored = Stored {
            origin: origin.to_owned(),
            record,
            position: None,
            halt: None,
        };
        let log = Arc::new(Log::new(stored, self.monotonic())?);
        let mut by_hash = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        by_hash.insert(origin_hash(log.origin()), Arc::clone(&log));
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        logs.insert(log.origin().clone(), Arc::clone(&log));
        Ok(log)
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
