//! Scrolls on disk: the record, the commit journal that decides what exists, and everything derived from
//! them.
//!
//! # In scope
//! - One directory per scroll ([`Scroll`]): `scroll.json`, the record (`*_events.jsonl` or `*_entries.bin`),
//!   `commit.journal`; derived and rebuilt at need: `tree/`, `offsets`, `lookup/`, `snapshot`.
//! - Commits that are durable when they return ([`Writer`]), reads that were checked against the root
//!   ([`Reader`]).
//!
//! # Out of scope
//! What entries mean, signatures, clocks, threads, the network. Checkpoints are kept elsewhere; the store is
//! told the last one when it opens a scroll ([`OpenOptions::at_least`]).
//!
//! # What holds
//! - A commit that returned survives any crash; no index is ever given to two entries.
//! - A flipped bit in what was sealed stops the start or the read that meets it; it is never served.
//! - The record and the journal are never removed. Of the record only bytes that were never sealed are cut, and
//!   the last ones that were are kept beside it (`*.cut`).
#![forbid(unsafe_code)]

mod backup;
mod datadir;
mod disk;
mod entries;
mod error;
mod frame;
mod fsck;
#[doc(hidden)]
pub mod fuzz;
mod journal;
mod lookup;
mod maintain;
mod reader;
mod replay;
mod scroll;
mod seal;
mod sealed;
mod shared;
mod snapshot;
mod spec;
mod tree;
mod writer;

pub use backup::{BackedUp, BackupError};
pub use datadir::{DATA_FORMAT, DataDir, DataDirError, FORMAT_FILE, LOCK_FILE, LockedDir};
pub use disk::{Disk, DiskFile, MODE_PRIVATE, MODE_SHARED, OsDisk, write_atomic};
pub use entries::{
    EntryError, EntryKeys, IndexError, Indexer, MAX_BATCH_BYTES, MAX_ENTRY_LEN, MAX_IDS, Opaque,
    PreparedEntry, id_fingerprint,
};
pub use error::{Corrupt, Damage, DiskError, Fault};
pub use fsck::{FsckError, FsckReport, Progress, RefusedEntry, RepairError, fsck, repair};
pub use maintain::{MaintainError, Maintained, Urgency};
pub use reader::{ReadError, Reader};
pub use scroll::{CreateError, OpenError, OpenOptions, OpenReport, Scroll, SnapshotUse};
pub use seal::{MAX_CURSOR_NAME, MAX_CURSOR_VALUE, MAX_CURSORS};
pub use sealed::{CommitFn, MAX_SEALED_LEN, SALT_LEN, SealedContent, SealedError, SealedStore};
pub use shared::Tuning;
pub use spec::{Kind, SCROLL_FORMAT, SPEC_FILE, ScrollSpec, SpecError, Visibility};
pub use writer::{Batch, Commit, CommitError, Writer};
