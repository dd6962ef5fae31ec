//! Opening a node's scrolls: stored heads first, then the Identity scroll, then the others.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use quorate_lineage::Heads;
use quorate_note::{Checkpoint, KeyKind, KeyName, LogKey, Origin, SignedCheckpoint, VerifierKey};
use quorate_receipt::{Receipt, ScrollName, Sealed};
use quorate_store::{
    Batch, Indexer, Kind, Opaque, OpenOptions, Reader, ScrollSpec, SealedStore, Visibility, Writer,
};
use tokio::sync::watch;

use crate::checkpoint::{Checkpointer, Checkpoints, Published};
use crate::clock;
use crate::fanout::{Audience, Fanout, Gate, QuorumError, Roster, Witnessing, judged_again};
use crate::identity::{IdentityError, Signers};
use crate::node::{Inner, Mode, NodeError, make_private_dir};
use crate::prepare::{self, ReceiptIndexer};
use crate::provenance::Ledger;
use crate::scroll::{ENGINE_SCROLLS, PROVENANCE, Scroll};
use crate::sequencer::Sequencer;
use crate::state::StateError;

/// A scroll's store, opened, before anything runs on it.
pub(crate) struct Opened {
    spec: ScrollSpec,
    writer: Writer,
    reader: Reader,
    newest: Option<Published>,
    /// Something was cut off the record.
    cut: bool,
}

impl Inner {
    pub(crate) fn receipts_dir(&self) -> PathBuf {
        self.config.data_dir.join("receipts")
    }

    fn root_file(&self, name: &str) -> PathBuf {
        self.config
            .data_dir
            .join(format!("ROOT.{}.txt", name.to_ascii_lowercase()))
    }

    /// Opens the Identity scroll first, because its lineage says which keys sign the others.
    pub(crate) fn open_scrolls(self: &Arc<Self>) -> Result<(), NodeError> {
        let identity_name = ENGINE_SCROLLS[0];
        let found = self.scroll_dirs()?;
        if !found.iter().any(|n| n.eq_ignore_ascii_case(identity_name)) {
            if self.mode != Mode::Online {
                return Err(NodeError::Empty(self.config.data_dir.clone()));
            }
            self.make_scroll_files(identity_name, Kind::Receipts, Visibility::Public)?;
        }
        let mut identity = self.open_store(identity_name)?;
        self.establish_identity(&mut identity)?;
        self.start_scroll(identity)?;
        // Only now is the key history known to be ours, whole, and under a head that we signed.
        if self.mode == Mode::Online {
            self.identity.remove_ended()?;
        }
        for name in found
            .iter()
            .filter(|n| !n.eq_ignore_ascii_case(identity_name))
        {
            let opened = self.open_store(name)?;
            if name.eq_ignore_ascii_case(PROVENANCE) {
                self.replay_provenance(&opened)?;
            }
            self.start_scroll(opened)?;
        }
        self.require_signed_scrolls()
    }

    /// What was recorded is judged again, whoever wrote the directory.
    fn replay_provenance(&self, opened: &Opened) -> Result<(), NodeError> {
        let replayed = Ledger::replay(&opened.reader);
        let replayed = replayed.map_err(|(index, reason)| NodeError::History {
            name: opened.spec.name.clone(),
            index,
            reason,
        })?;
        // Nobody has had it yet.
        *self
            .provenance
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = replayed;
        Ok(())
    }

    /// A scroll of which a head was signed cannot just be gone (R3).
    fn require_signed_scrolls(&self) -> Result<(), NodeError> {
        let here: Vec<String> = self
            .scrolls()
            .iter()
            .map(|s| s.spec().name.to_ascii_lowercase())
            .collect();
        let io = |source| NodeError::Io {
            what: "list",
            path: self.config.data_dir.clone(),
            source,
        };
        let mut promised = self.state.signed_scrolls()?;
        for entry in std::fs::read_dir(&self.config.data_dir).map_err(io)? {
            let file = entry.map_err(io)?.file_name();
            let name = file
                .to_str()
                .and_then(|n| n.strip_prefix("ROOT."))
                .and_then(|n| n.strip_suffix(".txt"));
            promised.extend(name.map(str::to_owned));
        }
        match promised
            .into_iter()
            .find(|name| !here.contains(&name.to_ascii_lowercase()))
        {
            None => Ok(()),
            Some(name) => Err(NodeError::Missing { name }),
        }
    }

    /// Directories that hold a scroll. One without `scroll.json` was never finished and holds nothing.
    fn scroll_dirs(&self) -> Result<Vec<String>, NodeError> {
        let dir = self.receipts_dir();
        make_private_dir(&dir)?;
        let io = |source| NodeError::Io {
            what: "list",
            path: dir.clone(),
            source,
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&dir).map_err(io)? {
            let entry = entry.map_err(io)?;
            let spec = entry.path().join(quorate_store::SPEC_FILE);
            // What cannot be looked at is not absent.
            if spec.try_exists().map_err(io)?
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    pub(crate) fn make_scroll_files(
        &self,
        name: &str,
        kind: Kind,
        visibility: Visibility,
    ) -> Result<(), NodeError> {
        let create = |reason: String| NodeError::Create {
            name: name.to_owned(),
            reason,
        };
        let scroll_name: ScrollName = name.parse().map_err(|e| create(format!("{e}")))?;
        let prefix = match &self.config.origin_prefix {
            Some(prefix) => prefix.clone(),
            None => self.identity.fingerprint().origin_prefix(),
        };
        let origin = origin_of(&prefix, name)?;
        let spec = ScrollSpec {
            name: name.to_owned(),
            kind,
            visibility,
            origin,
            created_at: clock::now().to_string(),
        };
        let dir = self.receipts_dir().join(scroll_name.file_name());
        quorate_store::Scroll::create(&self.disk, &dir, &spec).map_err(|e| create(e.to_string()))
    }

    pub(crate) fn open_store(&self, dir_name: &str) -> Result<Opened, NodeError> {
        let dir = self.receipts_dir().join(dir_name.to_ascii_lowercase());
        let scroll_error = |source: quorate_store::OpenError| NodeError::Scroll {
            name: dir_name.to_owned(),
            source,
        };
        let spec = ScrollSpec::read(&*self.disk, &dir).map_err(|e| scroll_error(e.into()))?;
        let newest = self.newest_signed(&spec)?;
        let indexer = indexer_of(spec.kind);
        let at_least = newest.as_ref().map(|n| (n.size, n.root));
        let options = OpenOptions {
            at_least,
            ..OpenOptions::default()
        };
        let (scroll, report) = quorate_store::Scroll::open(&self.disk, &dir, indexer, &options)
            .map_err(scroll_error)?;
        if report.cut_bytes > 0 {
            tracing::info!(
                scroll = spec.name,
                bytes = report.cut_bytes,
                kept = ?report.cut_file,
                "cut off what was never acknowledged"
            );
        }
        tracing::debug!(scroll = spec.name, ?report, "opened");
        let (writer, reader) = scroll.split();
        Ok(Opened {
            spec,
            writer,
            reader,
            newest,
            cut: report.cut_bytes > 0,
        })
    }

    /// The newest head this node signed: from the state store, or from the root file if that is newer (an
    /// older copy of the state store must not make us forget what we published).
    fn newest_signed(&self, spec: &ScrollSpec) -> Result<Option<Published>, NodeError> {
        let stored = self.state.signed_head(&spec.name)?;
        let from_state = stored
            .map(|head| published(&spec.name, head.note, head.signed_at))
            .transpose()?;
        let path = self.root_file(&spec.name);
        let from_file = match std::fs::read(&path) {
            Ok(bytes) => Some(parse_root_file(&spec.name, &bytes)?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => {
                return Err(NodeError::Io {
                    what: "read",
                    path,
                    source,
                });
            }
        };
        let newest = match (from_state, from_file) {
            (Some(a), Some(b)) if a.size == b.size && a.root != b.root => {
                return Err(NodeError::StoredCheckpoint {
                    name: spec.name.clone(),
                    reason: format!(
                        "the state store and {} hold different heads of size {}",
                        path.display(),
                        a.size
                    ),
                });
            }
            (Some(a), Some(b)) => Some(if b.size > a.size { b } else { a }),
            (a, b) => a.or(b),
        };
        if let Some(newest) = &newest
            && newest.origin != spec.origin
        {
            return Err(NodeError::StoredCheckpoint {
                name: spec.name.clone(),
                reason: format!(
                    "it is of the origin {:?}, not {:?}",
                    newest.origin, spec.origin
                ),
            });
        }
        Ok(newest)
    }

    /// Replays the lineage, and appends what a new node's still lacks.
    fn establish_identity(&self, opened: &mut Opened) -> Result<(), NodeError> {
        let size = opened.reader.size();
        let read = |e: quorate_store::ReadError| match e {
            quorate_store::ReadError::Fault(fault) => NodeError::Scroll {
                name: opened.spec.name.clone(),
                source: fault.into(),
            },
            other => NodeError::StoredCheckpoint {
                name: opened.spec.name.clone(),
                reason: format!("the key history cannot be read: {other}"),
            },
        };
        let mut receipts = Vec::new();
        // One call gives only so many entries.
        while (receipts.len() as u64) < size {
            let from = receipts.len() as u64;
            for entry in opened
                .reader
                .entries(from..size, usize::MAX)
                .map_err(read)?
            {
                let receipt =
                    Receipt::parse_canonical(&entry).map_err(|e| NodeError::StoredCheckpoint {
                        name: opened.spec.name.clone(),
                        reason: format!("the key history holds an entry that is no receipt: {e}"),
                    })?;
                receipts.push(receipt);
            }
        }
        self.identity.replay(&receipts)?;
        loop {
            let heads = head_of(&opened.spec, &opened.reader)?;
            let Some(step) = self.identity.next_founding_step(heads, clock::now())? else {
                return Ok(());
            };
            if self.mode != Mode::Online {
                return Err(NodeError::Empty(self.config.data_dir.clone()));
            }
            let entry = prepare::entry_of(step.receipt().clone())
                .map_err(|e| NodeError::Failed(format!("a key event cannot be appended: {e}")))?;
            let batch = Batch {
                entries: vec![entry],
                cursors: Vec::new(),
                at: clock::now_micros(),
            };
            opened
                .writer
                .commit(batch)
                .map_err(|e| NodeError::Failed(format!("a key event was not recorded: {e}")))?;
            self.identity.commit(step)?;
        }
    }

    /// Starts appending to and signing a scroll, as far as the mode allows.
    pub(crate) fn start_scroll(self: &Arc<Self>, opened: Opened) -> Result<Arc<Scroll>, NodeError> {
        let Opened {
            spec,
            writer,
            reader,
            newest,
            cut,
        } = opened;
        self.check_own_signature(&spec, newest.as_ref())?;
        let name = spec.name.clone();
        let sequencer = match self.mode {
            Mode::Offline => None,
            Mode::Online | Mode::OfflineAppend => {
                let node = Arc::downgrade(self);
                let scroll = name.clone();
                let (sequencer, thread) =
                    Sequencer::start(&name, writer, clock::now_micros, move |error| {
                        if let Some(node) = node.upgrade() {
                            node.fail(format!("an append to {scroll:?} failed: {error}"));
                        }
                    })
                    .map_err(|source| NodeError::Io {
                        what: "start a thread for",
                        path: self.receipts_dir(),
                        source,
                    })?;
                self.threads
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(thread);
                Some(sequencer)
            }
        };
        let gate = watch::Sender::new(match self.state.halted(&name)? {
            Some(reason) => Gate::Refused(reason),
            None => self.first_gate(),
        });
        let checkpoints = match (&sequencer, self.mode) {
            (Some(sequencer), Mode::Online) => {
                let node = Arc::downgrade(self);
                let scroll = name.clone();
                let checkpointer = Checkpointer {
                    scroll: name.clone(),
                    origin: Origin::new(&spec.origin).map_err(|e| NodeError::Create {
                        name: name.clone(),
                        reason: e.to_string(),
                    })?,
                    reader: reader.clone(),
                    signing: Arc::clone(&self.signing),
                    keys_changed: self.keys_changed.subscribe(),
                    closing: self.closing.subscribe(),
                    signers: self.signers_of(spec.origin.clone()),
                    state: Arc::clone(&self.state),
                    root_file: self.root_file(&name),
                    interval: self.config.checkpoint_interval,
                    gate: gate.subscribe(),
                    progress: Arc::clone(sequencer.progress()),
                    witnessed: self.quorum.is_some(),
                };
                let (checkpoints, task) =
                    checkpointer.task(newest, sequencer.committed(), move |error| {
                        if let Some(node) = node.upgrade() {
                            node.fail(format!(
                                "a checkpoint of {scroll:?} could not be made: {error}"
                            ));
                        }
                    });
                self.start_task(format!("signing the heads of {name:?}"), task);
                checkpoints
            }
            _ => Checkpoints::stored_only(newest),
        };
        let sealed_dir = self
            .receipts_dir()
            .join(name.to_ascii_lowercase())
            .join("sealed");
        let sealed = SealedStore::new(Arc::clone(&self.disk), &sealed_dir, commitment);
        // What the cut bytes commit to may be wanted together with them: it stays until the next start.
        if sequencer.is_some() && !cut {
            match crate::sealed::erase_orphans(&sealed, &reader) {
                Ok(0) => {}
                Ok(count) => tracing::info!(
                    scroll = name,
                    count,
                    "erased content whose receipt never got into the log"
                ),
                Err(error) => tracing::warn!(
                    scroll = name,
                    %error,
                    "content whose receipt never got into the log was not erased; the next start does it"
                ),
            }
        }
        let witnessing = self.start_fanout(
            &spec,
            &reader,
            sequencer.as_ref(),
            &checkpoints,
            gate.clone(),
        )?;
        let scroll = Arc::new(Scroll {
            spec,
            reader,
            sequencer,
            checkpoints,
            sealed,
            witnessing,
            gate,
            shown: Mutex::default(),
        });
        self.scrolls
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, Arc::clone(&scroll));
        Ok(scroll)
    }

    /// Whether a scroll that is not halted may be signed before its witnesses were asked (R2).
    fn first_gate(&self) -> Gate {
        match (&self.quorum, self.mode) {
            (Some(_), Mode::Online) => Gate::Asking,
            _ => Gate::Open,
        }
    }

    /// Lets the heads of a halted scroll be signed again: its witnesses, if it has any, are asked again first. `false`
    /// if it was not halted.
    pub(crate) fn resume(&self, scroll: &Scroll) -> Result<bool, StateError> {
        if scroll.halted().is_none() {
            return Ok(false);
        }
        self.state.resume(&scroll.spec.name)?;
        tracing::warn!(
            scroll = scroll.spec.name,
            "an operator lets it be signed again"
        );
        scroll.gate.send_replace(self.first_gate());
        Ok(true)
    }

    /// Starts taking the heads of a scroll to the witnesses, if the node has any. A process that signs nothing shows
    /// what was quorate.
    fn start_fanout(
        self: &Arc<Self>,
        spec: &ScrollSpec,
        reader: &Reader,
        sequencer: Option<&Sequencer>,
        checkpoints: &Checkpoints,
        gate: watch::Sender<Gate>,
    ) -> Result<Option<Witnessing>, NodeError> {
        let Some((quorum, client)) = &self.quorum else {
            return Ok(None);
        };
        let keys = self.log_keys(&spec.origin, false);
        let own: Vec<_> = keys.iter().map(|k| k.key_bytes().to_vec()).collect();
        quorum.refuse_own(&own)?;
        let policy = quorum
            .for_log(self.log_keys(&spec.origin, true))
            .map_err(|source| QuorumError::Scroll {
                scroll: spec.name.clone(),
                source,
            })?;
        let stored = self.state.quorate_head(&spec.name)?;
        let stored = stored.and_then(|stored| judged_again(&stored, &policy));
        if self.mode != Mode::Online {
            return Ok(Some(Witnessing::stored_only(
                quorum,
                stored,
                gate.subscribe(),
            )));
        }
        let (node, origin) = (Arc::downgrade(self), spec.origin.clone());
        let fanout = Fanout {
            scroll: spec.name.clone(),
            reader: reader.clone(),
            quorum: Arc::clone(quorum),
            client: client.clone(),
            keys: Box::new(move |in_force| {
                let node = node.upgrade();
                node.map_or_else(Vec::new, |node| node.log_keys(&origin, in_force))
            }),
            state: Arc::clone(&self.state),
            extras: self.config.extras,
            progress: sequencer.map_or_else(Arc::default, |s| Arc::clone(s.progress())),
            roster: Roster::of(quorum, stored.as_ref()),
            audience: Audience::default(),
            wanted: checkpoints.wanted(),
        };
        let (node, name) = (Arc::downgrade(self), spec.name.clone());
        let on_failure = move |error| {
            if let Some(node) = node.upgrade() {
                node.fail(format!(
                    "the heads of {name:?} cannot be witnessed: {error}"
                ));
            }
        };
        let closing = self.closing.subscribe();
        let (witnessing, task) =
            fanout.task(stored, checkpoints.heads(), gate, closing, on_failure);
        self.start_task(
            format!("taking the heads of {:?} to the witnesses", spec.name),
            task,
        );
        Ok(Some(witnessing))
    }

    fn signers_of(
        self: &Arc<Self>,
        origin: String,
    ) -> Box<dyn Fn() -> Result<Signers, IdentityError> + Send + Sync> {
        let node = Arc::downgrade(self);
        Box::new(move || match node.upgrade() {
            Some(node) => node.identity.signers(&origin),
            None => Err(IdentityError::Signer(origin.clone())),
        })
    }

    /// A stored checkpoint counts only if a key of this node, past or present, signed it.
    fn check_own_signature(
        &self,
        spec: &ScrollSpec,
        newest: Option<&Published>,
    ) -> Result<(), NodeError> {
        let Some(newest) = newest else { return Ok(()) };
        let untrusted = |reason: String| NodeError::StoredCheckpoint {
            name: spec.name.clone(),
            reason,
        };
        let keys = self.log_keys(&spec.origin, false);
        let signed = SignedCheckpoint::parse(&newest.note).map_err(|e| untrusted(e.to_string()))?;
        signed
            .verify_log(&keys)
            .map(|_| ())
            .map_err(|e| untrusted(e.to_string()))
    }

    /// The public log keys of this node as verifiers of a scroll: those in force, or all that ever were.
    pub(crate) fn log_keys(&self, origin: &str, in_force: bool) -> Vec<LogKey> {
        let Some(lineage) = self.identity.lineage() else {
            return Vec::new();
        };
        let Ok(name) = KeyName::new(origin) else {
            return Vec::new();
        };
        lineage
            .records()
            .iter()
            .filter(|r| r.role == quorate_lineage::Role::Log && !(in_force && r.ended.is_some()))
            .flat_map(|r| {
                let named =
                    |kind, key: &[u8]| VerifierKey::from_bytes(name.clone(), kind, key).ok();
                let ed25519 = named(KeyKind::Ed25519, r.keys.ed25519.as_bytes());
                let ml_dsa = r
                    .keys
                    .ml_dsa_44
                    .as_ref()
                    .and_then(|k| named(KeyKind::MlDsa44, k.as_bytes()));
                [ed25519, ml_dsa].into_iter().flatten()
            })
            .filter_map(|key| LogKey::try_from(key).ok())
            .collect()
    }
}

/// The origin of a scroll made under a prefix. The log's key name is its origin, so the origin must be able to be one
/// (L-02, L-09).
pub(crate) fn origin_of(prefix: &str, name: &str) -> Result<String, NodeError> {
    let origin = format!("{}/{name}", prefix.trim_end_matches('/'));
    match KeyName::new(&origin) {
        Ok(_) => Ok(origin),
        Err(e) => Err(NodeError::Create {
            name: name.to_owned(),
            reason: format!("the origin {origin:?} cannot be used: {e}"),
        }),
    }
}

/// What finds the look-up keys of stored entries again.
pub(crate) fn indexer_of(kind: Kind) -> Arc<dyn Indexer> {
    match kind {
        Kind::Receipts => Arc::new(ReceiptIndexer),
        Kind::Raw => Arc::new(Opaque),
    }
}

/// The sealed store's commitment: that of the receipt's `sealed` member.
fn commitment(salt: &[u8; 32], content: &[u8]) -> [u8; 32] {
    *Sealed::commit(salt, content).commitment.as_bytes()
}

fn head_of(spec: &ScrollSpec, reader: &Reader) -> Result<Heads, NodeError> {
    let mut heads = Heads::new();
    add_reader_head(&mut heads, spec, reader)?;
    Ok(heads)
}

pub(crate) fn add_reader_head(
    heads: &mut Heads,
    spec: &ScrollSpec,
    reader: &Reader,
) -> Result<(), NodeError> {
    let (size, root) = reader.head();
    let invalid = |reason: String| NodeError::StoredCheckpoint {
        name: spec.name.clone(),
        reason,
    };
    let origin = Origin::new(&spec.origin).map_err(|e| invalid(e.to_string()))?;
    let checkpoint = Checkpoint::new(origin, size, root).map_err(|e| invalid(e.to_string()))?;
    let head = quorate_receipt::Blake3Hash::from_bytes(*checkpoint.head_hash().as_bytes());
    Ok(crate::identity::add_head(heads, &spec.name, size, head)?)
}

fn published(name: &str, note: Vec<u8>, signed_at: i64) -> Result<Published, NodeError> {
    let signed = SignedCheckpoint::parse(&note).map_err(|e| NodeError::StoredCheckpoint {
        name: name.to_owned(),
        reason: e.to_string(),
    })?;
    let checkpoint = signed.checkpoint_unverified();
    Ok(Published {
        origin: checkpoint.origin().to_string(),
        size: checkpoint.size(),
        root: *checkpoint.root(),
        head_hash: checkpoint.head_hash().to_string(),
        signed_at,
        note,
    })
}

/// Head hash and size on a line each, then the note; both must be those of the note.
fn parse_root_file(name: &str, bytes: &[u8]) -> Result<Published, NodeError> {
    let damaged = || NodeError::StoredCheckpoint {
        name: name.to_owned(),
        reason: format!("ROOT.{}.txt was altered", name.to_ascii_lowercase()),
    };
    let mut lines = bytes.splitn(3, |b| *b == b'\n');
    let (Some(head_hash), Some(size), Some(note)) = (lines.next(), lines.next(), lines.next())
    else {
        return Err(damaged());
    };
    let published = published(name, note.to_vec(), 0)?;
    if published.head_hash.as_bytes() != head_hash || published.size.to_string().as_bytes() != size
    {
        return Err(damaged());
    }
    Ok(published)
}
