//! Signing heads: persisted before they are published, never rolled back, only when the tree grew.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use quorate_merkle::Hash;
use quorate_note::{Checkpoint, Origin, SignedCheckpoint};
use quorate_store::Reader;
use thiserror::Error;
use tokio::sync::{Notify, watch};

use crate::clock;
use crate::fanout::Gate;
use crate::identity::{IdentityError, Signers};
use crate::state::{SignedHead, State, StateError};
use crate::tasks::off_thread;
use crate::waiting::Progress;

/// How long a caller waits while the witnesses have not said what they remember.
const ASKING: Duration = Duration::from_secs(10);

/// A signed head as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// The log's origin.
    pub origin: String,
    /// Tree size.
    pub size: u64,
    /// Tree root.
    pub root: Hash,
    /// Head hash, `blake3:<hex>`.
    pub head_hash: String,
    /// When it was signed, microseconds since the epoch.
    pub signed_at: i64,
    /// The complete note.
    pub note: Vec<u8>,
}

impl Published {
    /// Whether exactly these keys signed it.
    fn is_signed_by(&self, signers: &[quorate_note::LogSigner]) -> bool {
        SignedCheckpoint::parse(&self.note).is_ok_and(|signed| {
            let lines = signed.note().signatures();
            lines.len() == signers.len()
                && signers
                    .iter()
                    .all(|s| lines.iter().any(|l| l.id() == s.verifier_key().id()))
        })
    }

    /// `ROOT.<scroll>.txt`: head hash and size on a line each, then the checkpoint note.
    pub(crate) fn root_file(&self) -> Vec<u8> {
        let mut text = format!("{}\n{}\n", self.head_hash, self.size).into_bytes();
        text.extend_from_slice(&self.note);
        text
    }
}

/// Why no checkpoint could be made. Nothing was published.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The head could not be recorded before publishing, or would roll back.
    #[error(transparent)]
    State(#[from] StateError),
    /// The root file could not be written; the checkpoint is recorded and served all the same.
    #[error("cannot write {path}: {source}")]
    RootFile {
        /// Which file.
        path: std::path::PathBuf,
        /// What the system said.
        source: quorate_store::DiskError,
    },
    /// The origin, size or root do not form a checkpoint.
    #[error("the head cannot be signed: {0}")]
    Invalid(#[from] quorate_note::CheckpointError),
    /// The log keys cannot be used.
    #[error(transparent)]
    Keys(#[from] IdentityError),
    /// The note could not be signed.
    #[error("the head cannot be signed: {0}")]
    Signing(#[from] quorate_note::SignError),
    /// The witnesses have not said yet what they remember (R2).
    #[error(
        "too few witnesses have said yet what they remember of this scroll, so nothing new is signed"
    )]
    Asking,
    /// A witness remembers what this node does not (R2).
    #[error("nothing new is signed: {0}")]
    Refused(String),
    /// The node is offline: it signs nothing.
    #[error("this process signs nothing")]
    Offline,
}

/// Asks the checkpointer of one scroll, and follows what it publishes.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoints {
    published: watch::Receiver<Option<Arc<Published>>>,
    wanted: Arc<Notify>,
    signs: bool,
    gate: watch::Receiver<Gate>,
}

impl Checkpoints {
    /// The newest published checkpoint.
    #[must_use]
    pub(crate) fn newest(&self) -> Option<Arc<Published>> {
        self.published.borrow().clone()
    }

    /// Whether this process signs.
    pub(crate) fn signs(&self) -> bool {
        self.signs
    }

    /// Has a head signed at once if the tree has grown since the last, else as soon as it grows.
    pub(crate) fn wanted(&self) -> Arc<Notify> {
        Arc::clone(&self.wanted)
    }

    /// What is published, as it comes.
    pub(crate) fn heads(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.published.clone()
    }

    /// A checkpoint that covers `size` entries, made at once if there is none yet.
    ///
    /// # Errors
    /// [`CheckpointError::Offline`] if this process does not sign, or stopped signing; [`CheckpointError::Refused`] if
    /// it may not, and [`CheckpointError::Asking`] if it does not know within [`ASKING`] whether it may.
    pub(crate) async fn covering(&self, size: u64) -> Result<Arc<Published>, CheckpointError> {
        let asking = async {
            let mut gate = self.gate.clone();
            match gate.wait_for(|g| *g != Gate::Asking).await {
                Ok(answered) => match &*answered {
                    Gate::Refused(reason) => return CheckpointError::Refused(reason.clone()),
                    Gate::Open | Gate::Asking => {}
                },
                Err(_) => return CheckpointError::Offline,
            }
            std::future::pending().await
        };
        let too_long = async {
            tokio::time::sleep(ASKING).await;
            let mut gate = self.gate.clone();
            let still = *gate.borrow_and_update() == Gate::Asking;
            if !still {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            covered = self.signed(size) => covered,
            refused = asking => Err(refused),
            () = too_long => Err(CheckpointError::Asking),
        }
    }

    async fn signed(&self, size: u64) -> Result<Arc<Published>, CheckpointError> {
        let mut published = self.published.clone();
        loop {
            if let Some(p) = published.borrow_and_update().as_ref()
                && p.size >= size
            {
                return Ok(Arc::clone(p));
            }
            if !self.signs {
                return Err(CheckpointError::Offline);
            }
            self.wanted.notify_one();
            published
                .changed()
                .await
                .map_err(|_| CheckpointError::Offline)?;
        }
    }
}

impl Checkpoints {
    /// Publishes the newest stored checkpoint and never signs.
    pub(crate) fn stored_only(newest: Option<Published>) -> Self {
        let (_publish, published) = watch::channel(newest.map(Arc::new));
        Self {
            published,
            wanted: Arc::new(Notify::new()),
            signs: false,
            gate: watch::channel(Gate::Open).1,
        }
    }
}

/// What signing one scroll's heads needs.
pub(crate) struct Checkpointer {
    pub(crate) scroll: String,
    pub(crate) origin: Origin,
    pub(crate) reader: Reader,
    /// Held for reading while a head is signed and recorded.
    pub(crate) signing: Arc<RwLock<()>>,
    /// Changes when keys did: the newest head is then signed anew, even if nothing was appended.
    pub(crate) keys_changed: watch::Receiver<u64>,
    /// Set when the node closes: what was appended is signed without waiting.
    pub(crate) closing: watch::Receiver<bool>,
    /// The log keys in force. Asked for again whenever keys changed: a retired key signs nothing more.
    pub(crate) signers: Box<dyn Fn() -> Result<Signers, IdentityError> + Send + Sync>,
    pub(crate) state: Arc<State>,
    pub(crate) root_file: std::path::PathBuf,
    pub(crate) interval: Duration,
    /// Whether a new head may be signed.
    pub(crate) gate: watch::Receiver<Gate>,
    /// What waits for a checkpoint.
    pub(crate) progress: Arc<Progress>,
    /// A checkpoint is not the end of waiting: a quorum is.
    pub(crate) witnessed: bool,
}

/// The log keys in force, and the number of key changes before they were read. A change is counted under the lock that
/// signing holds, so with an equal count they are in force.
type Held = Option<(u64, Signers)>;

impl Checkpointer {
    /// Signs the current head, records it, then publishes it. Answers `None` if there is
    /// nothing new: no growth, and the same keys.
    fn sign(
        &self,
        newest: Option<&Published>,
        held: &mut Held,
    ) -> Result<Option<Published>, CheckpointError> {
        // Keys do not change between choosing them and recording what they signed.
        let _keys_stay = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        let changes = *self.keys_changed.borrow();
        let signers = match held.take() {
            Some((read_at, signers)) if read_at == changes => signers,
            _ => (self.signers)()?,
        };
        let signers = &held.insert((changes, signers)).1;
        let (size, root) = match newest {
            _ if *self.gate.borrow() == Gate::Open => self.reader.head(),
            // What was signed may be signed again, and the empty tree is consistent with everything.
            Some(newest) => (newest.size, newest.root),
            None => (0, Hash::EMPTY_ROOT),
        };
        if newest.is_some_and(|n| n.size == size && n.is_signed_by(signers)) {
            return Ok(None);
        }
        let signed_at = clock::now_micros();
        let checkpoint = Checkpoint::new(self.origin.clone(), size, root)?;
        let seconds = u64::try_from(signed_at / 1_000_000).unwrap_or(0);
        let note = SignedCheckpoint::sign(&checkpoint, signers, seconds)?.to_bytes();
        let head_hash = checkpoint.head_hash().to_string();
        let recorded = self.state.record_signed_head(
            &self.scroll,
            &SignedHead {
                size,
                root,
                signed_at,
                note: note.clone(),
            },
        );
        match recorded {
            // The gate closes too, if it has not yet.
            Err(StateError::Halted { .. }) => return Ok(None),
            recorded => recorded?,
        }
        Ok(Some(Published {
            origin: self.origin.to_string(),
            size,
            root,
            head_hash,
            signed_at,
            note,
        }))
    }

    /// Nothing up to `size` waits for a checkpoint any more.
    fn reached(&self, size: u64) {
        self.progress.checkpoint.reached(size);
        if !self.witnessed {
            self.progress.quorum.reached(size);
        }
    }

    /// `ROOT.<scroll>.txt`: head hash and size on a line each, then the checkpoint note.
    fn write_root_file(&self, p: &Published) -> Result<(), CheckpointError> {
        let text = p.root_file();
        quorate_store::write_atomic(
            &quorate_store::OsDisk,
            &self.root_file,
            &text,
            quorate_store::MODE_SHARED,
        )
        .map_err(|source| CheckpointError::RootFile {
            path: self.root_file.clone(),
            source,
        })
    }

    /// Writes the newest head until no more come, at most once in each interval: where callers ask for a head each, its
    /// syncs would delay theirs.
    async fn keep_root_file(self: Arc<Self>, mut heads: watch::Receiver<Option<Arc<Published>>>) {
        let mut closing = self.closing.clone();
        while heads.changed().await.is_ok() {
            let Some(head) = heads.borrow_and_update().clone() else {
                continue;
            };
            let worker = Arc::clone(&self);
            let written = off_thread(move || worker.write_root_file(&head)).await;
            if let Some(Err(error)) = written {
                tracing::warn!(%error, "the root file is behind the published checkpoint");
            }
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                _ = closing.wait_for(|c| *c) => {}
            }
        }
    }

    /// What it publishes, and the task that signs. A failure to record ends it and is reported once: an
    /// uncertain write means no promise.
    pub(crate) fn task(
        self,
        newest: Option<Published>,
        mut committed: watch::Receiver<u64>,
        on_failure: impl FnOnce(CheckpointError) + Send + 'static,
    ) -> (Checkpoints, impl Future<Output = ()> + Send + 'static) {
        let (publish, published) = watch::channel(newest.map(Arc::new));
        let wanted = Arc::new(Notify::new());
        let asked = Arc::clone(&wanted);
        let (mut keys_changed, mut closing) = (self.keys_changed.clone(), self.closing.clone());
        let (mut gate, gate_seen) = (self.gate.clone(), self.gate.clone());
        let mut appending = committed.clone();
        let this = Arc::new(self);
        let root_file = Arc::clone(&this).keep_root_file(published.clone());
        let signing = async move {
            let mut held = None;
            loop {
                keys_changed.mark_unchanged();
                let current = publish.borrow().clone();
                let worker = Arc::clone(&this);
                let sign = move || (worker.sign(current.as_deref(), &mut held), held);
                let Some((signed, still_held)) = off_thread(sign).await else {
                    return;
                };
                held = still_held;
                match signed {
                    Ok(Some(p)) => {
                        publish.send_replace(Some(Arc::new(p)));
                    }
                    Ok(None) => {}
                    Err(error) => return on_failure(error),
                }
                let size = publish.borrow().as_ref().map_or(0, |p| p.size);
                this.reached(size);
                let may_grow = async {
                    if gate.wait_for(|g| *g == Gate::Open).await.is_err() {
                        std::future::pending::<()>().await;
                    }
                    committed.wait_for(|c| *c > size).await.is_ok()
                };
                // The last head is signed before the end is noticed.
                tokio::select! {
                    biased;
                    grown = may_grow => if !grown { return },
                    Ok(()) = keys_changed.changed() => continue,
                    () = ended(&mut appending) => return,
                }
                // Wait for the interval, or for a caller that cannot.
                tokio::select! {
                    () = tokio::time::sleep(this.interval) => {}
                    () = asked.notified() => {}
                    _ = closing.wait_for(|c| *c) => {}
                }
            }
        };
        let task = async move {
            tokio::join!(signing, root_file);
        };
        (
            Checkpoints {
                published,
                wanted,
                signs: true,
                gate: gate_seen,
            },
            task,
        )
    }
}

/// Resolves when nothing more is appended.
async fn ended(committed: &mut watch::Receiver<u64>) {
    while committed.changed().await.is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, node};

    #[tokio::test]
    async fn a_panic_while_signing_is_the_nodes_failure() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(dir.path()).await;
        let inner = &node.inner;
        let scroll = inner.scroll("Identity").unwrap();
        let checkpointer = Checkpointer {
            scroll: "Identity".to_owned(),
            origin: Origin::new(&scroll.spec().origin).unwrap(),
            reader: scroll.reader().clone(),
            signing: Arc::clone(&inner.signing),
            keys_changed: inner.keys_changed.subscribe(),
            closing: inner.closing.subscribe(),
            signers: Box::new(|| panic!("a bug in the keys")),
            state: Arc::clone(&inner.state),
            root_file: dir.path().join("ROOT"),
            interval: Duration::ZERO,
            gate: watch::channel(Gate::Open).1,
            progress: Arc::default(),
            witnessed: false,
        };
        let (_size, committed) = watch::channel(0);
        let (checkpoints, task) = checkpointer.task(None, committed, |_| ());
        inner.start_task("signing".to_owned(), task);
        let error = checkpoints.covering(1).await;
        assert!(error.is_err(), "nobody waits for ever");
        let inner = Arc::clone(inner);
        close(node).await;
        let expected = "signing ended in a bug: a bug in the keys";
        assert_eq!(inner.failure().as_deref(), Some(expected));
    }
}
