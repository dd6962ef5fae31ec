//! Small mutable state in one transactional store: signed heads and writer tokens.
//!
//! Every commit is synchronous: when a method returns `Ok`, what it wrote is on disk (R2). Signed heads
//! are written here before a checkpoint leaves the process.

use std::path::Path;
use std::sync::Arc;

use quorate_merkle::Hash;
use quorate_store::Disk;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableHandle as _};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::database::{self, DatabaseError};

/// Scroll name → newest signed checkpoint note. The note carries size, root and signatures.
const SIGNED_HEADS: Heads = TableDefinition::new("signed_heads_v1");
/// Scroll name → newest quorate checkpoint note, as [`SIGNED_HEADS`].
const QUORATE_HEADS: Heads = TableDefinition::new("quorate_heads_v1");
/// Token id → JSON of [`TokenRecord`].
const TOKENS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("tokens_v1");

/// A table of heads.
type Heads = TableDefinition<'static, &'static str, &'static [u8]>;

/// Scroll name → why its heads are not signed any more.
const HALTS: TableDefinition<'_, &str, &str> = TableDefinition::new("halts_v1");
/// What else holds of this directory.
const FACTS: TableDefinition<'_, &str, &str> = TableDefinition::new("facts_v1");
/// The policy of the last start, in its text: one cannot just be left out.
const POLICY: &str = "policy";
/// It has been a witness: positions must be there.
const WITNESS: &str = "witness";

/// Why the state store could not answer. The environment's fault; the last write may or may not stand,
/// so the caller must not promise what it would have recorded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The database failed.
    #[error("the state store failed: {0}")]
    Database(#[from] Box<redb::Error>),
    /// The database cannot be opened or made.
    #[error("the state store cannot be opened: {0}")]
    Open(#[from] DatabaseError),
    /// A record does not decode: the file was damaged or written by another version.
    #[error("the state store holds a damaged {what} record for {key:?}")]
    Damaged {
        /// Kind of record.
        what: &'static str,
        /// Its key.
        key: String,
    },
    /// A head smaller than the one already signed, or another root at the same size.
    #[error("refusing to replace the head of {scroll:?} at size {signed} by one at size {offered}")]
    Rollback {
        /// The scroll.
        scroll: String,
        /// Size signed before.
        signed: u64,
        /// Size offered now.
        offered: u64,
    },
    /// Nothing new may be signed of this scroll until an operator resumes it. Nothing was recorded.
    #[error("the heads of {scroll:?} are not signed any more: {reason}")]
    Halted {
        /// The scroll.
        scroll: String,
        /// Why.
        reason: String,
    },
}

macro_rules! database_error {
    ($($kind:ty),*) => { $(impl From<$kind> for StateError {
        fn from(e: $kind) -> Self { Self::Database(Box::new(e.into())) }
    })* };
}
database_error!(
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

/// A writer's token as stored: never the token itself, only its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRecord {
    /// BLAKE3 of the token text, hex.
    pub hash: String,
    /// The actor DID this token writes as.
    pub actor: String,
    /// Scrolls it may write to and read.
    pub scrolls: Vec<String>,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// When it was revoked, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
}

/// The newest head this node signed for one scroll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedHead {
    /// Tree size.
    pub size: u64,
    /// Tree root.
    pub root: Hash,
    /// When it was signed, microseconds since the epoch.
    pub signed_at: i64,
    /// The complete checkpoint note.
    pub note: Vec<u8>,
}

/// The state store.
#[derive(Debug)]
pub(crate) struct State {
    db: Database,
}

impl State {
    /// Opens or creates the store. The data directory's lock keeps other processes out.
    ///
    /// # Errors
    /// [`StateError::Open`] when the file is damaged or unreadable; nothing was changed.
    pub(crate) fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<Self, StateError> {
        let db = database::open(disk, path, |tx| {
            tx.open_table(SIGNED_HEADS)?;
            tx.open_table(QUORATE_HEADS)?;
            tx.open_table(TOKENS)?;
            tx.open_table(HALTS)?;
            tx.open_table(FACTS)?;
            Ok(())
        })?;
        Ok(Self { db })
    }

    /// The newest signed head of `scroll`.
    ///
    /// # Errors
    /// The environment's; nothing was changed.
    pub(crate) fn signed_head(&self, scroll: &str) -> Result<Option<SignedHead>, StateError> {
        self.head(SIGNED_HEADS, scroll)
    }

    /// The newest quorate head of `scroll`.
    ///
    /// # Errors
    /// The environment's; nothing was changed.
    pub(crate) fn quorate_head(&self, scroll: &str) -> Result<Option<SignedHead>, StateError> {
        self.head(QUORATE_HEADS, scroll)
    }

    fn head(&self, heads: Heads, scroll: &str) -> Result<Option<SignedHead>, StateError> {
        let tx = self.db.begin_read()?;
        let table = tx.open_table(heads)?;
        table
            .get(scroll)?
            .map(|v| decode_head(scroll, v.value()))
            .transpose()
    }

    /// The scrolls of which a head was signed.
    ///
    /// # Errors
    /// The environment's; nothing was changed.
    pub(crate) fn signed_scrolls(&self) -> Result<Vec<String>, StateError> {
        let tx = self.db.begin_read()?;
        let table = tx.open_table(SIGNED_HEADS)?;
        let mut names = Vec::new();
        for row in table.iter()? {
            names.push(row?.0.value().to_owned());
        }
        Ok(names)
    }

    /// Records `head` as signed, durably, unless it would roll the scroll back, or the scroll is halted and the head is
    /// new. Compare and write are one transaction.
    ///
    /// # Errors
    /// [`StateError::Rollback`] if a larger head, or another root of the same size, was signed before;
    /// [`StateError::Halted`]; otherwise the environment's, and then the head must not be published.
    pub(crate) fn record_signed_head(
        &self,
        scroll: &str,
        head: &SignedHead,
    ) -> Result<(), StateError> {
        self.record(SIGNED_HEADS, scroll, head)
    }

    /// Remembers, durably, that nothing new is signed of `scroll`. The first reason stays.
    ///
    /// # Errors
    /// The environment's: a restart may forget it.
    pub(crate) fn halt(&self, scroll: &str, reason: &str) -> Result<(), StateError> {
        let tx = self.db.begin_write()?;
        {
            let mut table = tx.open_table(HALTS)?;
            if table.get(scroll)?.is_none() {
                table.insert(scroll, reason)?;
            }
        }
        tx.commit()?;
        Ok(())
    }

    /// Why nothing new is signed of `scroll`, if that is so.
    ///
    /// # Errors
    /// The environment's; nothing was changed.
    pub(crate) fn halted(&self, scroll: &str) -> Result<Option<String>, StateError> {
        let tx = self.db.begin_read()?;
        let reason = tx.open_table(HALTS)?.get(scroll)?;
        Ok(reason.map(|r| r.value().to_owned()))
    }

    /// New heads of `scroll` may be signed again.
    ///
    /// # Errors
    /// The environment's: it may still be halted.
    pub(crate) fn resume(&self, scroll: &str) -> Result<(), StateError> {
        let tx = self.db.begin_write()?;
        tx.open_table(HALTS)?.remove(scroll)?;
        tx.commit()?;
        Ok(())
    }

    /// Records `head` as quorate, by the same rules.
    ///
    /// # Errors
    /// As [`State::record_signed_head`].
    pub(crate) fn record_quorate_head(
        &self,
        scroll: &str,
        head: &SignedHead,
    ) -> Result<(), StateError> {
        self.record(QUORATE_HEADS, scroll, head)
    }

    fn record(&self, heads: Heads, scroll: &str, head: &SignedHead) -> Result<(), StateError> {
        let tx = self.db.begin_write()?;
        {
            let mut table = tx.open_table(heads)?;
            let before = table
                .get(scroll)?
                .map(|v| decode_head(scroll, v.value()))
                .transpose()?;
            if let Some(before) = &before
                && (head.size < before.size
                    || (head.size == before.size && head.root != before.root))
            {
                return Err(StateError::Rollback {
                    scroll: scroll.to_owned(),
                    signed: before.size,
                    offered: head.size,
                });
            }
            if heads.name() == SIGNED_HEADS.name()
                && head.size > before.map_or(0, |b| b.size)
                && let Some(reason) = tx.open_table(HALTS)?.get(scroll)?
            {
                return Err(StateError::Halted {
                    scroll: scroll.to_owned(),
                    reason: reason.value().to_owned(),
                });
            }
            table.insert(scroll, encode_head(head).as_slice())?;
        }
        tx.commit()?;
        Ok(())
    }

    /// Whether this directory has been a witness.
    ///
    /// # Errors
    /// The environment's; nothing was changed.
    pub(crate) fn is_witness(&self) -> Result<bool, StateError> {
        let tx = self.db.begin_read()?;
        Ok(tx.open_table(FACTS)?.get(WITNESS)?.is_some())
    }

    /// Remembers that it has, durably.
    ///
    /// # Errors
    /// The environment's.
    pub(crate) fn set_witness(&self) -> Result<(), StateError> {
        if self.is_witness()? {
            return Ok(());
        }
        let tx = self.db.begin_write()?;
        tx.open_table(FACTS)?.insert(WITNESS, "")?;
        tx.commit()?;
        Ok(())
    }

    /// The policy of the last start that named one.
    ///
    /// # Errors
    /// The environment's; nothing was changed.
    pub(crate) fn policy(&self) -> Result<Option<String>, StateError> {
        let tx = self.db.begin_read()?;
        let policy = tx.open_table(FACTS)?.get(POLICY)?;
        Ok(policy.map(|text| text.value().to_owned()))
    }

    /// Remembers the policy of this start, durably.
    ///
    /// # Errors
    /// The environment's.
    pub(crate) fn set_policy(&self, text: &str) -> Result<(), StateError> {
        if self.policy()?.as_deref() == Some(text) {
            return Ok(());
        }
        let tx = self.db.begin_write()?;
        tx.open_table(FACTS)?.insert(POLICY, text)?;
        tx.commit()?;
        Ok(())
    }

    /// All tokens with their ids, revoked ones included.
    ///
    /// # Errors
    /// The environment's; nothing was changed.
    pub(crate) fn tokens(&self) -> Result<Vec<(String, TokenRecord)>, StateError> {
        let tx = self.db.begin_read()?;
        let table = tx.open_table(TOKENS)?;
        let mut all = Vec::new();
        for row in table.iter()? {
            let (key, value) = row?;
            all.push((
                key.value().to_owned(),
                decode_token(key.value(), value.value())?,
            ));
        }
        Ok(all)
    }

    /// Stores a token record, durably.
    ///
    /// # Errors
    /// The environment's; the token must not be handed out.
    pub(crate) fn put_token(&self, id: &str, record: &TokenRecord) -> Result<(), StateError> {
        let bytes = serde_json::to_vec(record).map_err(|_| StateError::Damaged {
            what: "token",
            key: id.to_owned(),
        })?;
        let tx = self.db.begin_write()?;
        tx.open_table(TOKENS)?.insert(id, bytes.as_slice())?;
        tx.commit()?;
        Ok(())
    }
}

/// `size u64be ‖ root 32 ‖ signed_at i64be ‖ note`.
fn encode_head(head: &SignedHead) -> Vec<u8> {
    let mut out = Vec::with_capacity(48 + head.note.len());
    out.extend_from_slice(&head.size.to_be_bytes());
    out.extend_from_slice(head.root.as_bytes());
    out.extend_from_slice(&head.signed_at.to_be_bytes());
    out.extend_from_slice(&head.note);
    out
}

fn decode_head(scroll: &str, bytes: &[u8]) -> Result<SignedHead, StateError> {
    let damaged = || StateError::Damaged {
        what: "signed head",
        key: scroll.to_owned(),
    };
    let (size, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
    let (root, rest) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
    let (signed_at, note) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    Ok(SignedHead {
        size: u64::from_be_bytes(*size),
        root: Hash::from_bytes(*root),
        signed_at: i64::from_be_bytes(*signed_at),
        note: note.to_vec(),
    })
}

fn decode_token(id: &str, bytes: &[u8]) -> Result<TokenRecord, StateError> {
    serde_json::from_slice(bytes).map_err(|_| StateError::Damaged {
        what: "token",
        key: id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(size: u64, root: u8) -> SignedHead {
        SignedHead {
            size,
            root: Hash::from_bytes([root; 32]),
            signed_at: 7,
            note: b"note".to_vec(),
        }
    }

    #[test]
    fn l08_a_signed_head_is_never_rolled_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.redb");
        let disk: Arc<dyn Disk> = Arc::new(quorate_store::OsDisk);
        let state = State::open(&disk, &path).unwrap();
        state.record_signed_head("A", &head(5, 1)).unwrap();
        assert!(matches!(
            state.record_signed_head("A", &head(4, 2)),
            Err(StateError::Rollback { .. })
        ));
        assert!(matches!(
            state.record_signed_head("A", &head(5, 2)),
            Err(StateError::Rollback { .. })
        ));
        state.record_signed_head("A", &head(5, 1)).unwrap();
        state.record_signed_head("B", &head(1, 2)).unwrap();
        assert_eq!(state.quorate_head("A").unwrap(), None);
        state.record_quorate_head("A", &head(4, 3)).unwrap();
        assert!(matches!(
            state.record_quorate_head("A", &head(3, 3)),
            Err(StateError::Rollback { .. })
        ));
        drop(state);
        let state = State::open(&disk, &path).unwrap();
        assert_eq!(state.signed_head("A").unwrap(), Some(head(5, 1)));
        assert_eq!(state.quorate_head("A").unwrap(), Some(head(4, 3)));
    }

    #[test]
    fn r2_a_halt_outlives_the_process_and_lets_nothing_new_be_signed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.redb");
        let disk: Arc<dyn Disk> = Arc::new(quorate_store::OsDisk);
        let state = State::open(&disk, &path).unwrap();
        state.record_signed_head("A", &head(5, 1)).unwrap();
        state.halt("A", "first").unwrap();
        state.halt("A", "second").unwrap();
        drop(state);
        let state = State::open(&disk, &path).unwrap();
        assert_eq!(state.halted("A").unwrap().as_deref(), Some("first"));
        let refused = state.record_signed_head("A", &head(6, 2));
        assert!(matches!(refused, Err(StateError::Halted { .. })));
        // What was signed may be signed again, and be quorate; other scrolls go on.
        state.record_signed_head("A", &head(5, 1)).unwrap();
        state.record_quorate_head("A", &head(5, 1)).unwrap();
        state.record_signed_head("B", &head(6, 2)).unwrap();
        state.resume("A").unwrap();
        assert_eq!(state.halted("A").unwrap(), None);
        state.record_signed_head("A", &head(6, 2)).unwrap();
    }

    /// A first start that is cut off anywhere leaves a directory in which the next one succeeds.
    #[test]
    fn making_the_store_may_stop_at_every_step() {
        use quorate_testkit::disk::{FakeDisk, Fault};
        for fault in [Fault::Stop, Fault::StopAfter, Fault::SyncLost] {
            for nth in 1.. {
                let fake = FakeDisk::new();
                fake.create_dir_all(Path::new("/data")).unwrap();
                fake.sync_dir(Path::new("/")).unwrap();
                fake.fail_at(fake.operations() + nth, fault);
                let disk: Arc<dyn Disk> = Arc::new(fake.clone());
                let path = Path::new("/data/state.redb");
                drop(State::open(&disk, path));
                let after = fake.crash(nth);
                let disk: Arc<dyn Disk> = Arc::new(after);
                if let Err(error) = State::open(&disk, path) {
                    panic!("{fault:?} at {nth} ({:?}): {error}", fake.failed());
                }
                if fake.failed().is_none() {
                    break;
                }
            }
        }
    }
}
