//! What a witness must never forget, in one transactional store with synchronous commits: logs, positions, evidence.

use std::io;
use std::path::Path;
use std::sync::Arc;

use quorate_store::Disk;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::database::{self, DatabaseError};

/// Origin → JSON of [`LogRecord`].
const LOGS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("witness_logs_v1");
/// Origin → `Position::to_bytes`.
const POSITIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("witness_positions_v1");
/// Origin → JSON of [`Halt`].
const HALTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("witness_halts_v1");
/// Evidence id → JSON of [`EvidenceRecord`].
const EVIDENCE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("witness_evidence_v1");
/// What else holds of this state.
const FACTS: TableDefinition<'_, &str, &str> = TableDefinition::new("witness_facts_v1");
/// It was made where one was missing: keys that it does not know may have co-signed before.
const REBUILT: &str = "rebuilt";
/// Public key in hex → the name it signs under.
const KEYS: TableDefinition<'_, &str, &str> = TableDefinition::new("witness_keys_v1");

/// Evidence kept of one log. Two checkpoints prove that it lies; the rest only fills the disk.
pub(crate) const MAX_EVIDENCE_PER_LOG: usize = 16;

/// Why the witness's memory failed. Nothing may be signed on account of what should have been stored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WitnessStoreError {
    /// The database or the disk under it failed.
    #[error("the witness's state failed: {0}")]
    Database(#[from] DatabaseError),
    /// The file system failed.
    #[error("cannot look for the witness's state: {0}")]
    Io(io::Error),
    /// A record does not decode.
    #[error("the witness's state holds a damaged {what} record for {key:?}")]
    Damaged {
        /// Kind of record.
        what: &'static str,
        /// Its key.
        key: String,
    },
    /// The stored position is not the one that was decided on: somebody else writes to this state.
    #[error(
        "the position of {origin:?} changed under this process: two witnesses must not share one state"
    )]
    Moved {
        /// Of which log.
        origin: String,
    },
    /// A key serves under one name for ever: a type 04 message does not contain the name.
    #[error("the key {key} has co-signed under the name {before:?} and cannot serve as {now:?}")]
    Renamed {
        /// The public key, hex.
        key: String,
        /// Its name until now.
        before: String,
        /// The name it was given.
        now: String,
    },
}

macro_rules! database_error {
    ($($kind:ty),*) => { $(impl From<$kind> for WitnessStoreError {
        fn from(e: $kind) -> Self { Self::Database(e.into()) }
    })* };
}
database_error!(
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

/// A log as it was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogRecord {
    /// Keys that may sign, as vkeys.
    pub vkeys: Vec<String>,
    /// Keys that signed once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<String>,
    /// Requests a day; none for the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qpd: Option<u32>,
    /// Whom to ask about the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// When it was added, RFC 3339.
    pub added_at: String,
    /// Not followed for now; what was co-signed is remembered.
    #[serde(default)]
    pub disabled: bool,
}

/// A log for which nothing is signed until the operator has looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Halt {
    /// When, RFC 3339.
    pub at: String,
    /// The size that bears our signature and is not remembered.
    pub size: u64,
    /// That checkpoint, with the log's lines and ours.
    pub note: String,
}

/// Evidence against a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvidenceRecord {
    /// Which log.
    pub origin: String,
    /// When it was seen, RFC 3339.
    pub seen_at: String,
    /// The size of both trees.
    pub size: u64,
    /// The evidence file.
    pub text: String,
}

/// A position that replaces another.
#[derive(Debug)]
pub(crate) struct Move {
    pub origin: String,
    /// What must be stored now.
    pub before: Option<Vec<u8>>,
    pub after: Vec<u8>,
}

/// What one commit makes durable, all or nothing.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub moves: Vec<Move>,
    pub evidence: Vec<(String, EvidenceRecord)>,
    pub halts: Vec<(String, Halt)>,
    /// Halts that the operator ended.
    pub resumed: Vec<String>,
}

impl LogRecord {
    /// One without keys yet, made now.
    pub(crate) fn new() -> Self {
        Self {
            vkeys: Vec::new(),
            retired: Vec::new(),
            qpd: None,
            contact: None,
            added_at: crate::clock::now().to_string(),
            disabled: false,
        }
    }
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.moves.is_empty()
            && self.evidence.is_empty()
            && self.halts.is_empty()
            && self.resumed.is_empty()
    }
}

/// Everything stored about one log.
#[derive(Debug)]
pub(crate) struct Stored {
    pub origin: String,
    pub record: LogRecord,
    pub position: Option<Vec<u8>>,
    pub halt: Option<Halt>,
}

/// The store.
#[derive(Debug)]
pub(crate) struct WitnessStore {
    db: Database,
}

impl WitnessStore {
    /// Whether there is a store.
    ///
    /// # Errors
    /// The environment's.
    pub(crate) fn exists(disk: &dyn Disk, path: &Path) -> Result<bool, WitnessStoreError> {
        disk.exists(path).map_err(WitnessStoreError::Io)
    }

    /// Opens the store, or makes it.
    ///
    /// # Errors
    /// See [`WitnessStoreError`].
    pub(crate) fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<Self, WitnessStoreError> {
        let db = database::open(disk, path, |tx| {
            tx.open_table(LOGS)?;
            tx.open_table(POSITIONS)?;
            tx.open_table(HALTS)?;
            tx.open_table(EVIDENCE)?;
            tx.open_table(KEYS)?;
            tx.open_table(FACTS)?;
            Ok(())
        })?;
        Ok(Self { db })
    }

    /// Whether it was made where one was missing.
    ///
    /// # Errors
    /// The environment's.
    pub(crate) fn is_rebuilt(&self) -> Result<bool, WitnessStoreError> {
        let tx = self.db.begin_read()?;
        Ok(tx.open_table(FACTS)?.get(REBUILT)?.is_some())
    }

    /// Remembers that it was, durably.
    ///
    /// # Errors
    /// The environment's.
    pub(crate) fn set_rebuilt(&self) -> Result<(), WitnessStoreError> {
        let tx = self.db.begin_write()?;
        tx.open_table(FACTS)?.insert(REBUILT, "")?;
        tx.commit()?;
        Ok(())
    }

    /// Whether a key has been bound here.
    ///
    /// # Errors
    /// The environment's.
    pub(crate) fn knows_key(&self, key: &str) -> Result<bool, WitnessStoreError> {
        let tx = self.db.begin_read()?;
        Ok(tx.open_table(KEYS)?.get(key)?.is_some())
    }

    /// Binds a key to the name it signs under, before it signs anything.
    ///
    /// # Errors
    /// [`WitnessStoreError::Renamed`].
    pub(crate) fn bind_key(&self, key: &str, name: &str) -> Result<(), WitnessStoreError> {
        let tx = self.db.begin_write()?;
        {
            let mut table = tx.open_table(KEYS)?;
            let before = table.get(key)?.map(|v| v.value().to_owned());
            match before {
                Some(before) if before != name => {
                    return Err(WitnessStoreError::Renamed {
                        key: key.to_owned(),
                        before,
                        now: name.to_owned(),
                    });
                }
                Some(_) => return Ok(()),
                None => table.insert(key, name)?,
            };
        }
        tx.commit()?;
        Ok(())
    }

    /// Every log.
    ///
    /// # Errors
    /// [`WitnessStoreError::Damaged`], or the environment's.
    pub(crate) fn logs(&self) -> Result<Vec<Stored>, WitnessStoreError> {
        let tx = self.db.begin_read()?;
        let (logs, positions, halts) = (
            tx.open_table(LOGS)?,
            tx.open_table(POSITIONS)?,
            tx.open_table(HALTS)?,
        );
        let mut all = Vec::new();
        for row in logs.iter()? {
            let (origin, record) = row?;
            let origin = origin.value();
            let halt = match halts.get(origin)? {
                Some(halt) => Some(decode("halt", origin, halt.value())?),
                None => None,
            };
            all.push(Stored {
                origin: origin.to_owned(),
                record: decode("log", origin, record.value())?,
                position: positions.get(origin)?.map(|p| p.value().to_vec()),
                halt,
            });
        }
        Ok(all)
    }

    /// Stores what is known of logs, durably, all or nothing.
    ///
    /// # Errors
    /// The environment's; the change may or may not stand.
    pub(crate) fn put_logs(
        &self,
        records: &[(String, LogRecord)],
    ) -> Result<(), WitnessStoreError> {
        let tx = self.db.begin_write()?;
        {
            let mut logs = tx.open_table(LOGS)?;
            for (origin, record) in records {
                logs.insert(origin.as_str(), encode("log", origin, record)?.as_slice())?;
            }
        }
        tx.commit()?;
        Ok(())
    }

    /// Makes changes durable, all of them or none. Compare and write are one transaction.
    ///
    /// # Errors
    /// [`WitnessStoreError::Moved`], or the environment's: nothing that depends on them may be signed, and the process
    /// must end, because whether they stand is not known.
    pub(crate) fn commit(&self, changes: &Changes) -> Result<(), WitnessStoreError> {
        let tx = self.db.begin_write()?;
        {
            let mut positions = tx.open_table(POSITIONS)?;
            for change in &changes.moves {
                let origin = change.origin.as_str();
                let stored = positions.get(origin)?;
                if stored.as_ref().map(redb::AccessGuard::value) != change.before.as_deref() {
                    return Err(WitnessStoreError::Moved {
                        origin: change.origin.clone(),
                    });
                }
                drop(stored);
                positions.insert(origin, change.after.as_slice())?;
            }
            let mut halts = tx.open_table(HALTS)?;
            for (origin, halt) in &changes.halts {
                halts.insert(origin.as_str(), encode("halt", origin, halt)?.as_slice())?;
            }
            for origin in &changes.resumed {
                halts.remove(origin.as_str())?;
            }
            let mut evidence = tx.open_table(EVIDENCE)?;
            for (id, record) in &changes.evidence {
                evidence.insert(id.as_str(), encode("evidence", id, record)?.as_slice())?;
            }
        }
        tx.commit()?;
        Ok(())
    }

    /// All evidence with its ids.
    ///
    /// # Errors
    /// [`WitnessStoreError::Damaged`], or the environment's.
    pub(crate) fn evidence(&self) -> Result<Vec<(String, EvidenceRecord)>, WitnessStoreError> {
        let tx = self.db.begin_read()?;
        let table = tx.open_table(EVIDENCE)?;
        let mut all = Vec::new();
        for row in table.iter()? {
            let (id, record) = row?;
            all.push((
                id.value().to_owned(),
                decode("evidence", id.value(), record.value())?,
            ));
        }
        Ok(all)
    }
}

fn encode<T: Serialize>(
    what: &'static str,
    key: &str,
    record: &T,
) -> Result<Vec<u8>, WitnessStoreError> {
    serde_json::to_vec(record).map_err(|_| WitnessStoreError::Damaged {
        what,
        key: key.to_owned(),
    })
}

fn decode<T: for<'de> Deserialize<'de>>(
    what: &'static str,
    key: &str,
    bytes: &[u8],
) -> Result<T, WitnessStoreError> {
    serde_json::from_slice(bytes).map_err(|_| WitnessStoreError::Damaged {
        what,
        key: key.to_owned(),
    })
}
