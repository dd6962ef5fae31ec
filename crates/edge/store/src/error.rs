//! What every operation of the store can fail with: the disk's fault, or damage found.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The operating system refused an operation. The environment's fault; each error that carries one says
/// whether state changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot {op} {}: {detail}", path.display())]
pub struct DiskError {
    /// The operation, as a verb: `write`, `sync`, `rename`, …
    pub op: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The kind of failure.
    pub kind: io::ErrorKind,
    /// The operating system's number for it, if it gave one.
    pub code: Option<i32>,
    /// The operating system's own words.
    pub detail: String,
}

/// What Linux says when a medium does not give back what is stored (`EIO`, `ENODATA`), or a file system's own
/// checksum over it fails (`EBADMSG`, `EUCLEAN`).
const UNREADABLE: [i32; 4] = [5, 61, 74, 117];

/// Whether the bytes are on the medium but cannot be had: not a passing trouble, and not absence.
pub(crate) fn is_unreadable(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| UNREADABLE.contains(&code))
}

impl DiskError {
    /// Wraps an [`io::Error`] with what was being done to which path.
    #[must_use]
    pub fn new(op: &'static str, path: &Path, error: &io::Error) -> Self {
        Self {
            op,
            path: path.to_owned(),
            kind: error.kind(),
            code: error.raw_os_error(),
            detail: error.to_string(),
        }
    }

    /// Whether a block of the file cannot be read: by itself, or to fill up what a write or a cut leaves of
    /// it. A sync that fails with the same number says something else, that writes were lost.
    pub(crate) fn is_unreadable(&self) -> bool {
        let reads = matches!(self.op, "read" | "write" | "set the length of");
        reads && self.code.is_some_and(|code| UNREADABLE.contains(&code))
    }
}

/// A file holds something other than what was written to it. Nobody can repair a record or a journal from
/// itself: restore a backup. Derived files (everything else in a scroll's directory but `scroll.json`) can
/// be rebuilt by [`crate::repair`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} is damaged at byte {offset}: {damage}", file.display())]
pub struct Corrupt {
    /// The damaged file.
    pub file: PathBuf,
    /// Where, in bytes from the start of the file: the start of the smallest checked unit (frame, entry,
    /// tile or block) that fails its check; of what cannot be read, the start of the first 4 KiB block.
    pub offset: u64,
    /// What is wrong there.
    pub damage: Damage,
}

impl Corrupt {
    pub(crate) fn new(file: &Path, offset: u64, damage: Damage) -> Self {
        Self {
            file: file.to_owned(),
            offset,
            damage,
        }
    }
}

/// What is wrong with a damaged piece of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// The file is not there.
    #[error("the file is missing")]
    Missing,
    /// The disk does not give the bytes back: an unreadable sector.
    #[error("the disk cannot read it")]
    Unreadable,
    /// The file ends before the data that was acknowledged or recorded does.
    #[error("the file ends early")]
    Short,
    /// A checksum does not match.
    #[error("a checksum does not match")]
    Checksum,
    /// The bytes do not have the form this file has.
    #[error("the bytes are not in the file's format")]
    Format,
    /// The file has the form of another version of this program.
    #[error(
        "the file is in the format of another version of this program, which this one does not read"
    )]
    Version,
    /// A sealed batch is missing between two others, or the seals do not follow from each other.
    #[error("a seal is missing or does not follow from the one before it")]
    Chain,
    /// More stands behind the last seal than one batch: seals were lost, or the journal is an older copy.
    #[error("more follows the last seal than can ever be unsealed")]
    Unsealed,
    /// The tree over the entries has another root than the one sealed.
    #[error("the entries do not hash to the sealed root")]
    Root,
    /// An entry is not the one its leaf hash stands for.
    #[error("the entry does not match its leaf hash")]
    Entry,
    /// A tile does not lead to the root.
    #[error("the tile's hashes do not lead to the root")]
    Tile,
    /// An entry offset points somewhere else.
    #[error("the offset does not point at its entry")]
    Offset,
    /// A look-up names an entry that does not have the key.
    #[error("the look-up names an entry that does not have this key")]
    Lookup,
    /// The snapshot and the journal say different things of the same scroll.
    #[error("the snapshot contradicts the journal")]
    Snapshot,
    /// The file is whole but belongs to another scroll.
    #[error("the file belongs to another scroll")]
    Foreign,
    /// Content does not match its commitment.
    #[error("the content does not match its commitment")]
    Commitment,
}

/// What any look into a scroll's files can fail with: the disk, or damage. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// The operating system refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file is not what was written.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}
