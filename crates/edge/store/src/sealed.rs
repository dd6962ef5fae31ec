//! Sealed content: what a receipt commits to, kept beside the log so that it can be erased (R7).

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use crate::disk::{Disk, MODE_PRIVATE, Named, sync_dir, temporary, write_atomic};
use crate::error::{Corrupt, Damage, DiskError, Fault};

/// Length of a salt, in bytes.
pub const SALT_LEN: usize = 32;

/// Largest content, in bytes: it is read and hashed in one piece.
pub const MAX_SEALED_LEN: u64 = 1 << 30;

/// Computes the commitment to content under a salt.
pub type CommitFn = fn(salt: &[u8; SALT_LEN], content: &[u8]) -> [u8; 32];

/// Why sealed content could not be kept, read or erased.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealedError {
    /// The content does not have the commitment it was offered under. The caller's fault; nothing was changed.
    #[error("the content does not have this commitment")]
    Mismatch,
    /// Over [`MAX_SEALED_LEN`]. The caller's fault; nothing was changed.
    #[error("{len} bytes are more than sealed content may have ({MAX_SEALED_LEN})")]
    TooLong {
        /// Its length.
        len: u64,
    },
    /// The disk failed, or the stored content is damaged. After a failed `put` the content may or may not be
    /// there; after a failed `erase` it may or may not be gone: both can be repeated.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<DiskError> for SealedError {
    fn from(error: DiskError) -> Self {
        Self::Fault(error.into())
    }
}

/// Content with the salt of its commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedContent {
    /// The salt.
    pub salt: [u8; SALT_LEN],
    /// The content.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for SealedContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedContent({} bytes)", self.content.len())
    }
}

/// The sealed content of one scroll: a file per commitment, `<2 hex>/<62 hex>`, salt first. Clones are of one
/// store; two stores must not be made over one directory at the same time.
#[derive(Debug, Clone)]
pub struct SealedStore {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    commit: CommitFn,
    /// What was put since this store was made, as long as orphans were not looked for: its receipt may be on the
    /// way into the log.
    fresh: Arc<Mutex<Option<HashSet<[u8; 32]>>>>,
}

/// What begins with these hex digits of a commitment is in one directory.
const DIR_DIGITS: usize = 2;

impl SealedStore {
    /// The store in `dir`, which is made when the first content comes.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, dir: &Path, commit: CommitFn) -> Self {
        Self {
            disk,
            dir: dir.to_owned(),
            commit,
            fresh: Arc::new(Mutex::new(Some(HashSet::new()))),
        }
    }

    /// Keeps content. When this returns it is durable. Content that is there already is written again.
    ///
    /// # Errors
    /// See [`SealedError`].
    pub fn put(
        &self,
        commitment: &[u8; 32],
        salt: &[u8; SALT_LEN],
        content: &[u8],
    ) -> Result<(), SealedError> {
        let len = content.len() as u64;
        if len > MAX_SEALED_LEN {
            return Err(SealedError::TooLong { len });
        }
        if (self.commit)(salt, content) != *commitment {
            return Err(SealedError::Mismatch);
        }
        if let Some(fresh) = &mut *self.fresh() {
            fresh.insert(*commitment);
        }
        let path = self.path(commitment);
        let dir = path.parent().unwrap_or(&self.dir);
        self.disk
            .create_dir_all(dir)
            .map_err(|e| DiskError::new("create", dir, &e))?;
        // Names from the top down: each directory is of no use before its parent knows it.
        for dir in [self.dir.parent(), Some(&*self.dir)].into_iter().flatten() {
            if !dir.as_os_str().is_empty() {
                sync_dir(&*self.disk, dir)?;
            }
        }
        write_atomic(
            &*self.disk,
            &path,
            &[salt.as_slice(), content].concat(),
            MODE_PRIVATE,
        )?;
        Ok(())
    }

    /// The content behind a commitment, checked against it; `None` when it was erased or never was.
    ///
    /// # Errors
    /// See [`SealedError`].
    pub fn get(&self, commitment: &[u8; 32]) -> Result<Option<SealedContent>, SealedError> {
        let path = self.path(commitment);
        let Some(file) = Named::open_existing(&*self.disk, &path)? else {
            return Ok(None);
        };
        let damaged = |damage| Fault::from(Corrupt::new(&path, 0, damage));
        let len = file.len()?;
        if len > MAX_SEALED_LEN + SALT_LEN as u64 {
            return Err(damaged(Damage::Commitment).into());
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        file.read(&mut bytes, 0)?;
        let (salt, content) = bytes
            .split_first_chunk::<SALT_LEN>()
            .ok_or_else(|| damaged(Damage::Short))?;
        if (self.commit)(salt, content) != *commitment {
            return Err(damaged(Damage::Commitment).into());
        }
        Ok(Some(SealedContent {
            salt: *salt,
            content: content.to_vec(),
        }))
    }

    /// Whether there is content behind a commitment. It is not checked.
    ///
    /// # Errors
    /// See [`SealedError`].
    pub fn exists(&self, commitment: &[u8; 32]) -> Result<bool, SealedError> {
        let path = self.path(commitment);
        Ok(self
            .disk
            .exists(&path)
            .map_err(|e| DiskError::new("look for", &path, &e))?)
    }

    /// Erases content and its salt. When this returns it does not come back after a crash. `false` when there
    /// was none.
    ///
    /// The file is overwritten and then unlinked. What the medium itself keeps (flash cells, copies that
    /// a file system or a backup made) is beyond a program's reach.
    ///
    /// # Errors
    /// See [`SealedError`]; it can be repeated.
    pub fn erase(&self, commitment: &[u8; 32]) -> Result<bool, SealedError> {
        let path = self.path(commitment);
        let Some(dir) = path.parent() else {
            return Ok(false);
        };
        // What a `put` left that did not come to its end is content as well.
        self.wipe(&temporary(&path))?;
        let found = self.wipe(&path)?;
        // Also when nothing was found: an earlier attempt may have stopped between unlink and sync.
        match self.disk.sync_dir(dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(DiskError::new("sync", dir, &e).into()),
            Ok(()) => Ok(found),
        }
    }

    /// Overwrites a file and unlinks it. `false` when there is none.
    fn wipe(&self, path: &Path) -> Result<bool, Fault> {
        let Some(file) = Named::open_existing(&*self.disk, path)? else {
            return Ok(false);
        };
        let zeros = vec![0; 1 << 16];
        let len = file.len()?;
        let mut at = 0;
        while at < len {
            let piece = (len - at).min(zeros.len() as u64);
            file.write(&zeros[..usize::try_from(piece).unwrap_or(0)], at)?;
            at += piece;
        }
        file.sync_all()?;
        self.disk
            .remove(path)
            .map_err(|e| DiskError::new("remove", path, &e))?;
        Ok(true)
    }

    /// The commitments that there are files for, in order: content, and what a `put` left that did not come to
    /// its end. Files of other names are not looked at.
    ///
    /// # Errors
    /// See [`SealedError`].
    pub fn commitments(&self) -> Result<Vec<[u8; 32]>, SealedError> {
        let mut found = Vec::new();
        for first in self.list(&self.dir)? {
            if first.len() != DIR_DIGITS {
                continue;
            }
            for rest in self.list(&self.dir.join(&first))? {
                let hex = format!("{first}{}", rest.strip_suffix(".tmp").unwrap_or(&rest));
                // Only the form that we write: it names the file again.
                if let Ok(hash) = blake3::Hash::from_hex(&hex)
                    && hash.to_hex().as_str() == hex
                {
                    found.push(*hash.as_bytes());
                }
            }
        }
        found.dedup();
        Ok(found)
    }

    /// Erases the content that no receipt commits to: of appends that were refused or that a crash cut short.
    /// Returns its commitments.
    ///
    /// `is_committed` says whether a receipt commits to it, and says yes when it cannot tell. It is asked about
    /// content only that was there when this store was made; the log must have been opened since, so that it
    /// is settled which receipts of the time before are in it. Once per store: when this returned, what is
    /// there is committed to or newer, and another call does nothing.
    ///
    /// # Errors
    /// See [`SealedError`]; what was erased before stays erased, and it can be repeated.
    pub fn erase_orphans(
        &self,
        mut is_committed: impl FnMut(&[u8; 32]) -> bool,
    ) -> Result<Vec<[u8; 32]>, SealedError> {
        let mut erased = Vec::new();
        for commitment in self.commitments()? {
            let is_fresh = |fresh: &Option<HashSet<_>>| {
                fresh
                    .as_ref()
                    .is_none_or(|fresh| fresh.contains(&commitment))
            };
            if is_fresh(&self.fresh()) || is_committed(&commitment) {
                continue;
            }
            // Held until it is gone: a `put` of the same content now comes after it.
            let fresh = self.fresh();
            if !is_fresh(&fresh) {
                self.erase(&commitment)?;
                erased.push(commitment);
            }
        }
        *self.fresh() = None;
        Ok(erased)
    }

    fn fresh(&self) -> MutexGuard<'_, Option<HashSet<[u8; 32]>>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>, DiskError> {
        match self.disk.list(dir) {
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(Vec::new())
            }
            other => other.map_err(|e| DiskError::new("list", dir, &e)),
        }
    }

    fn path(&self, commitment: &[u8; 32]) -> PathBuf {
        let hex = blake3::Hash::from_bytes(*commitment).to_hex();
        let (first, rest) = hex.as_str().split_at(DIR_DIGITS);
        self.dir.join(first).join(rest)
    }
}
