//! Copying a scroll while it is written to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_merkle::{Frontier, Hash, leaf_hash};
use thiserror::Error;

use crate::disk::{Disk, MODE_SHARED, Named};
use crate::entries::frame_entry;
use crate::error::{Corrupt, Damage, DiskError, Fault};
use crate::fsck::Progress;
use crate::journal::{Journal, JournalSteps};
use crate::reader::Reader;
use crate::replay::{Stretch, read_entries};
use crate::scroll::{create_dirs, finish_create, journal_steps};
use crate::seal::{Base, Cursors};
use crate::shared::Tuning;
use crate::spec::SPEC_FILE;

/// Entries are copied in pieces of about this many bytes.
const PIECE: usize = 1 << 20;

/// Why a scroll could not be backed up. The scroll itself was not changed; the copy has no `scroll.json` and
/// so cannot be mistaken for one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is a scroll in the target directory, or something with the record's name. Nothing was changed.
    #[error("{} is in the way", .0.display())]
    Exists(PathBuf),
    /// The disk failed, or the record is damaged: what is copied is checked against the root.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<DiskError> for BackupError {
    fn from(error: DiskError) -> Self {
        Self::Fault(error.into())
    }
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackedUp {
    /// Entries.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// Bytes of the record.
    pub bytes: u64,
}

impl Reader {
    /// Copies the scroll as it is now, record and cursors at one commit, to `target` on `disk`, which may be a
    /// directory that does not exist yet. Commits go on meanwhile. Every copied entry was hashed, and the
    /// whole agrees with the root, before the copy becomes a scroll. Derived files are not copied: opening the
    /// copy derives them.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn backup_to(
        &self,
        disk: &Arc<dyn Disk>,
        target: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<BackedUp, BackupError> {
        let shared = self.shared();
        let head = shared.head();
        let position = head.position;
        let spec = &shared.spec;
        let record_path = target.join(spec.record_name());
        for path in [target.join(SPEC_FILE), record_path.clone()] {
            let found = disk.exists(&path);
            if found.map_err(|e| DiskError::new("look for", &path, &e))? {
                return Err(BackupError::Exists(path));
            }
        }
        create_dirs(&**disk, target)?;
        let copy = Named::create(&**disk, &record_path, MODE_SHARED)?;
        let whole = Stretch {
            bytes: 0..position.bytes,
            checksum: None,
            after: position,
        };
        let total = position.bytes;
        let mut frontier = Frontier::new();
        let mut buffer = Vec::with_capacity(PIECE * 2);
        let mut written = 0;
        let mut write_out = |buffer: &mut Vec<u8>| {
            copy.write(buffer, written)?;
            written += buffer.len() as u64;
            buffer.clear();
            progress(Progress {
                done: written,
                total,
            });
            Ok::<_, Fault>(())
        };
        let damaged = |offset| Corrupt::new(&shared.record.path, offset, Damage::Root);
        read_entries::<Fault>(&shared.record, spec.kind, &whole, |offset, entry| {
            frontier
                .push(leaf_hash(entry))
                .map_err(|_| damaged(offset))?;
            frame_entry(spec.kind, entry, &mut buffer);
            if buffer.len() >= PIECE {
                write_out(&mut buffer)
            } else {
                Ok(())
            }
        })?;
        write_out(&mut buffer)?;
        if frontier.size() != position.size || frontier.root() != position.root {
            return Err(Fault::from(damaged(0)).into());
        }
        copy.sync_all()?;
        let base = Base {
            spec: spec.fingerprint(),
            seq: 0,
            chain: [0; 32],
            position,
            cursors: Cursors::clone(&head.cursors),
        };
        let steps = JournalSteps {
            prealloc: 0,
            ..journal_steps(&Tuning::default())
        };
        Journal::create(disk, target, &base, steps)?;
        finish_create(disk, target, spec)?;
        Ok(BackedUp {
            size: position.size,
            root: position.root,
            bytes: position.bytes,
        })
    }
}
