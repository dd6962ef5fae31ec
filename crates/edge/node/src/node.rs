//! A node: one data directory, its keys, its scrolls, and the one write path over them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use quorate_policy::Policy;
use quorate_store::{DataDir, Disk, OsDisk};
use serde_json::Value;
use thiserror::Error;
use tokio::sync::watch;

use crate::api::{LocalApi, Strangers};
use crate::auth::{Credentials, TokenError, secret};
use crate::clock;
use crate::config::Config;
use crate::fanout::{Client, Limits, NodeQuorum, QuorumError};
use crate::identity::{Identity, IdentityError};
use crate::keys::{KeyDir, KeyError};
use crate::lane::Lanes;
use crate::outbound::TlsError;
use crate::provenance::Ledger;
use crate::scroll::Scroll;
use crate::state::{State, StateError};
use crate::witness::{Surroundings, Witness, WitnessError};

/// What a process does with a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Appends, signs and serves.
    Online,
    /// Reads only.
    Offline,
    /// Appends, signs nothing.
    OfflineAppend,
}

/// Why a data directory could not be opened. Nothing was served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The directory is in use, of another node, of an unknown format, or unreadable.
    #[error(transparent)]
    DataDir(#[from] quorate_store::DataDirError),
    /// A scroll cannot be opened.
    #[error("the scroll {name:?} cannot be opened: {source}")]
    Scroll {
        /// Which.
        name: String,
        /// Why.
        source: quorate_store::OpenError,
    },
    /// A scroll cannot be made.
    #[error("the scroll {name:?} cannot be made: {reason}")]
    Create {
        /// Which.
        name: String,
        /// Why.
        reason: String,
    },
    /// A signed checkpoint on disk contradicts another, or does not verify with our keys.
    #[error("the stored checkpoint of {name:?} cannot be trusted: {reason}")]
    StoredCheckpoint {
        /// Of which scroll.
        name: String,
        /// Why.
        reason: String,
    },
    /// An entry does not continue the sessions of the Provenance scroll: a bug, or somebody else's writing.
    #[error("the sessions in {name:?} cannot be replayed: its entry {index}: {reason}")]
    History {
        /// The scroll.
        name: String,
        /// The entry.
        index: u64,
        /// Why.
        reason: String,
    },
    /// A head of this scroll was signed, but the scroll is not there.
    #[error(
        "the scroll {name:?} is missing: a head of it was signed, so it must be in this directory"
    )]
    Missing {
        /// Which.
        name: String,
    },
    /// The operator's token file was altered or can be read by others.
    #[error(
        "{path} must hold one token as the node wrote it and be readable by its owner only (chmod 600); delete it and a new one is made"
    )]
    OperatorToken {
        /// The file.
        path: PathBuf,
    },
    /// A private key is missing, readable by others, or damaged.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The identity cannot be established.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The state store failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The node cannot be the witness that it is configured to be.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The policy that its scrolls must meet cannot be used.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// Its witnesses cannot be asked over TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The note of where the directory was restored from cannot be read.
    #[error(transparent)]
    Backup(#[from] crate::backup::BackupError),
    /// The tokens cannot be loaded.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The file system failed.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no node in the directory, and this command does not make one.
    #[error("there is no node in {0}; 'quorate up' makes one")]
    Empty(PathBuf),
    /// The listen address cannot be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The node stopped because a promise could not be kept.
    #[error("the node stopped: {0}")]
    Failed(String),
}

/// What handlers and tasks share.
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) mode: Mode,
    pub(crate) identity: Identity,
    pub(crate) state: Arc<State>,
    pub(crate) credentials: Credentials,
    pub(crate) lanes: Lanes,
    pub(crate) strangers: Strangers,
    pub(crate) scrolls: RwLock<BTreeMap<String, Arc<Scroll>>>,
    /// Set once, when the node must stop.
    pub(crate) failure: watch::Sender<Option<String>>,
    /// Set when the node closes: followers and upkeep end.
    pub(crate) closing: watch::Sender<bool>,
    pub(crate) threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    /// Checkpointers and followers.
    pub(crate) tasks: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    /// Held for reading while a head is signed and recorded, for writing while keys change.
    pub(crate) signing: Arc<RwLock<()>>,
    /// Counts changes of keys: heads are signed anew.
    pub(crate) keys_changed: watch::Sender<u64>,
    /// One change of keys or scrolls at a time.
    pub(crate) changes: tokio::sync::Mutex<()>,
    /// One look at a time whether the disk takes anything.
    pub(crate) probing: Mutex<()>,
    /// One check of a whole scroll at a time.
    pub(crate) checking: Arc<tokio::sync::Semaphore>,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) listening: Mutex<Option<std::net::SocketAddr>>,
    pub(crate) started_at: i64,
    /// The backup this directory came from, if it was restored.
    pub(crate) restored: Option<crate::backup::Manifest>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) data_dir: Mutex<Option<DataDir>>,
    witness: OnceLock<Arc<Witness>>,
    /// What its scrolls must meet to be quorate, and who asks for it; `None` if it is unwitnessed.
    pub(crate) quorum: Option<(Arc<NodeQuorum>, Client)>,
    /// One batch at a time: those behind it wait without holding a thread.
    pub(crate) provenance_turn: Arc<tokio::sync::Mutex<()>>,
    /// Held while a batch is judged and appended.
    pub(crate) provenance: Mutex<Ledger>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("data_dir", &self.config.data_dir)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// The node's witness, if it is one.
    pub(crate) fn witness(&self) -> Option<Arc<Witness>> {
        self.witness.get().map(Arc::clone)
    }

    /// The node's own witness never counts towards its quorum.
    fn refuse_own_witness(&self) -> Result<(), NodeError> {
        if let (Some((quorum, _)), Some(witness)) = (&self.quorum, self.witness()) {
            quorum.refuse_own(&witness.public_keys())?;
        }
        Ok(())
    }

    fn open_witness(self: &Arc<Self>) -> Result<(), NodeError> {
        let Some(config) = self.config.witness.as_ref() else {
            return Ok(());
        };
        if self.mode != Mode::Online {
            return Ok(());
        }
        let around = Surroundings {
            disk: &self.disk,
            data_dir: &self.config.data_dir,
            restored: self.restored.is_some(),
            before: self.state.is_witness()?,
        };
        let node = Arc::downgrade(self);
        let (witness, thread) = Witness::open(config, &around, move |reason| {
            if let Some(node) = node.upgrade() {
                node.fail(reason);
            }
        })?;
        self.state.set_witness()?;
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
        // Opened once, here.
        let _first = self.witness.set(Arc::new(witness));
        Ok(())
    }
}

/// A node on its data directory.
#[derive(Debug)]
pub struct Node {
    pub(crate) inner: Arc<Inner>,
    first_start: bool,
}

impl Node {
    /// Opens the data directory; `Mode::Online` makes a node there if it is empty. Must be called within a
    /// tokio runtime, and may block: files are read and synced.
    ///
    /// # Errors
    /// See [`NodeError`]; [`NodeError::Listen`] where a first start could not listen. Of a first start that cannot listen,
    /// has no usable policy, witness's key or origin prefix nothing is left, not even the directory.
    pub fn open(config: Config, mode: Mode) -> Result<Self, NodeError> {
        Self::open_on(Arc::new(OsDisk), config, mode)
    }

    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        config: Config,
        mode: Mode,
    ) -> Result<Self, NodeError> {
        // What can be refused is refused before anything is made.
        let first = DataDir::read_node(&*disk, &config.data_dir)?.is_none();
        if first && mode != Mode::Online {
            return Err(NodeError::Empty(config.data_dir));
        }
        let policy = config.policy.as_deref().map(NodeQuorum::read).transpose()?;
        let quorum = policy.as_ref().map(NodeQuorum::of).transpose()?.flatten();
        if first {
            can_begin(&config)?;
        }
        make_private_dir(&config.data_dir)?;
        // Keys are made under the lock: of two first starts at once one makes the node.
        let locked = DataDir::lock(Arc::clone(&disk), &config.data_dir)?;
        let known = locked.node().map(str::to_owned);
        let identity = Identity::open(KeyDir::open(&config.data_dir)?, known.as_deref())?;
        let data_dir = locked.open(&identity.fingerprint().to_string())?;
        let state = Arc::new(State::open(&disk, &config.data_dir.join("state.redb"))?);
        let quorum = match &policy {
            Some(_) => quorum,
            None => forgotten_policy(&state, mode)?,
        };
        let quorum = quorum.map(|q| with_client(q, mode)).transpose()?;
        let credentials = Credentials::load(&state, &operator_token(&*disk, &config.data_dir)?)?;
        let restored = crate::backup::restored(&config.data_dir)?;
        let inner = Arc::new(Inner {
            strangers: Strangers::new(config.verify_kib_per_second),
            config,
            mode,
            identity,
            state,
            credentials,
            lanes: Lanes::default(),
            scrolls: RwLock::default(),
            failure: watch::channel(None).0,
            closing: watch::channel(false).0,
            threads: Mutex::default(),
            tasks: Mutex::default(),
            signing: Arc::default(),
            keys_changed: watch::channel(0).0,
            changes: tokio::sync::Mutex::default(),
            probing: Mutex::default(),
            checking: Arc::new(tokio::sync::Semaphore::new(1)),
            runtime: tokio::runtime::Handle::current(),
            listening: Mutex::default(),
            started_at: clock::now_micros(),
            restored,
            disk,
            data_dir: Mutex::new(Some(data_dir)),
            witness: OnceLock::new(),
            quorum,
            provenance_turn: Arc::default(),
            provenance: Mutex::default(),
        });
        inner.open_witness()?;
        inner.refuse_own_witness()?;
        if let Some(policy) = &policy {
            remember_policy(&inner.state, policy, mode)?;
        }
        inner.open_scrolls()?;
        inner.start_upkeep()?;
        Ok(Self {
            inner,
            first_start: known.is_none(),
        })
    }

    /// Whether this call made the node.
    #[must_use]
    pub fn first_start(&self) -> bool {
        self.first_start
    }

    /// The API within the process, as the operator.
    #[must_use]
    pub fn api(&self) -> LocalApi {
        LocalApi::new(Arc::clone(&self.inner))
    }

    /// What an operator wants to see at the start: see `GET /node`.
    #[must_use]
    pub fn summary(&self) -> Value {
        self.inner.node_info()
    }

    /// A fresh one-time login link for the console.
    ///
    /// # Errors
    /// [`NodeError::Token`].
    pub fn login_link(&self) -> Result<String, NodeError> {
        Ok(self.inner.login_link()?)
    }

    /// Ends the node in order, leaving snapshots behind. May block. Dropping a node instead loses nothing
    /// but the time the next start needs.
    pub fn close(self) {
        self.inner.close();
    }
}

/// A first start that would end here later leaves nothing behind, not even the directory.
fn can_begin(config: &Config) -> Result<(), NodeError> {
    crate::serve::can_listen(config)?;
    if let Some(witness) = &config.witness {
        Witness::check_keys(witness)?;
    }
    match &config.origin_prefix {
        Some(prefix) => crate::open::origin_of(prefix, crate::scroll::ENGINE_SCROLLS[0]).map(drop),
        None => Ok(()),
    }
}

/// The next start must name a policy too.
fn remember_policy(state: &State, policy: &Policy, mode: Mode) -> Result<(), StateError> {
    if mode != Mode::Online {
        return Ok(());
    }
    // Names may be octets that are no text; that there was a policy is what counts.
    state.set_policy(&String::from_utf8_lossy(&policy.render()))
}

/// A policy that was there cannot just be left out: the node would sign without asking its witnesses (R2, R3). A process
/// that signs nothing shows what was quorate under it.
fn forgotten_policy(state: &State, mode: Mode) -> Result<Option<NodeQuorum>, NodeError> {
    let Some(text) = state.policy()? else {
        return Ok(None);
    };
    let Ok(policy) = Policy::parse(text.as_bytes()) else {
        return Err(QuorumError::Forgotten.into());
    };
    match NodeQuorum::of(&policy)? {
        Some(_) if mode == Mode::Online => Err(QuorumError::Forgotten.into()),
        quorum => Ok(quorum),
    }
}

fn with_client(quorum: NodeQuorum, mode: Mode) -> Result<(Arc<NodeQuorum>, Client), TlsError> {
    let client = Client::new(
        Limits::default(),
        mode == Mode::Online && quorum.needs_tls(),
    )?;
    Ok((Arc::new(quorum), client))
}

pub(crate) fn make_private_dir(path: &Path) -> Result<(), NodeError> {
    use std::os::unix::fs::DirBuilderExt as _;
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| NodeError::Io {
            what: "make",
            path: path.to_path_buf(),
            source,
        })
}

/// `qo_`, 64 hex digits and a newline, for its owner only.
fn is_private_token(path: &Path, text: &str) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let private = std::fs::metadata(path)?.mode() & 0o077 == 0;
    let digits = text.strip_prefix("qo_").and_then(|t| t.strip_suffix('\n'));
    Ok(private && digits.is_some_and(|d| d.parse::<quorate_merkle::Hash>().is_ok()))
}

/// Reads `DATA/operator.token`, or makes it.
fn operator_token(disk: &dyn Disk, data_dir: &Path) -> Result<String, NodeError> {
    let path = data_dir.join("operator.token");
    let read =
        std::fs::read_to_string(&path).and_then(|text| Ok((is_private_token(&path, &text)?, text)));
    match read {
        Ok((false, _)) => Err(NodeError::OperatorToken { path }),
        Ok((true, text)) => Ok(text.trim_end_matches('\n').to_owned()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let token = secret("qo_")?;
            quorate_store::write_atomic(
                disk,
                &path,
                format!("{token}\n").as_bytes(),
                quorate_store::MODE_PRIVATE,
            )
            .map_err(|e| NodeError::Failed(format!("the operator's token cannot be kept: {e}")))?;
            Ok(token)
        }
        Err(source) => Err(NodeError::Io {
            what: "read",
            path,
            source,
        }),
    }
}
