//! Backup of a running node, and restoring one.
//!
//! A backup holds the record of every scroll at one commit each, sealed content, published checkpoints and
//! the private keys. It does not hold tokens (a revocation made since would be undone) nor anything that is
//! only true now, such as what was promised to others. `BACKUP` is written last: without it the folder is
//! not a backup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_store::{Disk, FORMAT_FILE, MODE_SHARED, OsDisk, write_atomic};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock;
use crate::node::Inner;

/// The manifest of a backup.
pub(crate) const MANIFEST: &str = "BACKUP";
/// In a data directory: where it was restored from.
pub(crate) const RESTORED: &str = "RESTORED";
/// The copy of `FORMAT`. Under its own name a backup could be started as a node beside the real one.
const FORMAT_COPY: &str = "FORMAT.backup";
const VERSION: u32 = 1;

/// Why a backup or a restore failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The target is not empty. Nothing was changed.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// The folder has no manifest, or not one of this version. Nothing was changed.
    #[error("{0} is not a complete backup")]
    NotABackup(PathBuf),
    /// A scroll could not be copied. The target is not a backup.
    #[error("the scroll {name:?} could not be copied: {source}")]
    Scroll {
        /// Which.
        name: String,
        /// Why.
        source: quorate_store::BackupError,
    },
    /// The copy of a scroll does not check out. Nothing was restored.
    #[error("the copy of {name:?} is damaged: {reason}")]
    Damaged {
        /// Which.
        name: String,
        /// What was found first.
        reason: String,
    },
    /// The file system failed.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A durable write failed.
    #[error(transparent)]
    Disk(#[from] quorate_store::DiskError),
}

/// What a backup holds, or what was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    /// The node.
    pub node: String,
    /// When the backup was taken.
    pub taken_at: String,
    /// Its scrolls.
    pub scrolls: Vec<ScrollCopy>,
}

/// One scroll of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScrollCopy {
    /// Its name.
    pub name: String,
    /// Entries.
    pub size: u64,
    /// Root over them, hex.
    pub root: String,
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_path_buf();
    move |source| BackupError::Io { what, path, source }
}

/// Copies a running node into `to`, an empty or new directory.
///
/// # Errors
/// See [`BackupError`]; on an error `to` has no manifest.
pub(crate) fn backup(node: &Inner, to: &Path) -> Result<Manifest, BackupError> {
    make_empty(to)?;
    let data = &node.config.data_dir;
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    copy_file(&data.join(FORMAT_FILE), &to.join(FORMAT_COPY), MODE_SHARED)?;
    let mut scrolls = Vec::new();
    for scroll in node.scrolls() {
        let name = &scroll.spec().name;
        let lower = name.to_ascii_lowercase();
        // The checkpoint first: the copied record then covers it.
        if let Some(newest) = scroll.checkpoints().newest() {
            write_atomic(
                &*disk,
                &to.join(format!("ROOT.{lower}.txt")),
                &newest.root_file(),
                MODE_SHARED,
            )?;
        }
        let target = to.join("receipts").join(&lower);
        let copied = scroll
            .reader()
            .backup_to(&disk, &target, &mut |_| ())
            .map_err(|source| BackupError::Scroll {
                name: name.clone(),
                source,
            })?;
        // Sealed content last: what the copied receipts commit to was kept before them.
        copy_tree(
            &data.join("receipts").join(&lower).join("sealed"),
            &target.join("sealed"),
        )?;
        scrolls.push(ScrollCopy {
            name: name.clone(),
            size: copied.size,
            root: copied.root.to_string(),
        });
    }
    copy_tree(&data.join("keys"), &to.join("keys"))?;
    let manifest = Manifest {
        version: VERSION,
        node: node.identity().fingerprint().to_string(),
        taken_at: clock::now().to_string(),
        scrolls,
    };
    write_manifest(&*disk, &to.join(MANIFEST), &manifest)?;
    Ok(manifest)
}

/// Restores the backup in `from` as the data directory `to`, which must be empty or not exist. The copy is
/// checked whole before it takes its name.
///
/// # Errors
/// See [`BackupError`]; on an error `to` is as it was.
pub fn restore(from: &Path, to: &Path) -> Result<Manifest, BackupError> {
    let manifest = read_manifest(from)?;
    require_empty(to)?;
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    let staged = to.with_file_name(name);
    if staged.exists() {
        fs::remove_dir_all(&staged).map_err(io_error("clear", &staged))?;
    }
    make_empty(&staged)?;
    copy_tree(&from.join("keys"), &staged.join("keys"))?;
    copy_tree(&from.join("receipts"), &staged.join("receipts"))?;
    for scroll in &manifest.scrolls {
        let lower = scroll.name.to_ascii_lowercase();
        let root_file = format!("ROOT.{lower}.txt");
        if from.join(&root_file).exists() {
            copy_file(
                &from.join(&root_file),
                &staged.join(&root_file),
                MODE_SHARED,
            )?;
        }
        check_copy(scroll, &staged.join("receipts").join(&lower))?;
    }
    let disk = OsDisk;
    write_manifest(&disk, &staged.join(RESTORED), &manifest)?;
    copy_file(
        &from.join(FORMAT_COPY),
        &staged.join(FORMAT_FILE),
        MODE_SHARED,
    )?;
    // An empty directory gives way to a rename; anything in it would make this fail.
    fs::rename(&staged, to).map_err(io_error("name", to))?;
    let parent = to
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    disk.sync_dir(parent).map_err(io_error("sync", parent))?;
    Ok(manifest)
}

/// Rebuilds the copy of a scroll in memory and compares it with the manifest.
fn check_copy(scroll: &ScrollCopy, dir: &Path) -> Result<(), BackupError> {
    let damaged = |reason: String| BackupError::Damaged {
        name: scroll.name.clone(),
        reason,
    };
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let options = quorate_store::OpenOptions::default();
    let spec = quorate_store::ScrollSpec::read(&*disk, dir).map_err(|e| damaged(e.to_string()))?;
    let indexer = crate::open::indexer_of(spec.kind);
    let (opened, _) = quorate_store::Scroll::open(&disk, dir, indexer, &options)
        .map_err(|e| damaged(e.to_string()))?;
    let (size, root) = opened.reader().head();
    if (size, root.to_string()) != (scroll.size, scroll.root.clone()) {
        return Err(damaged(format!(
            "it has {size} entries with the root {root}, the backup says {} with {}",
            scroll.size, scroll.root
        )));
    }
    Ok(())
}

/// What a data directory was restored from, if it was.
///
/// # Errors
/// See [`BackupError`].
pub(crate) fn restored(data_dir: &Path) -> Result<Option<Manifest>, BackupError> {
    let path = data_dir.join(RESTORED);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| BackupError::NotABackup(path)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BackupError::Io {
            what: "read",
            path,
            source,
        }),
    }
}

fn read_manifest(from: &Path) -> Result<Manifest, BackupError> {
    let path = from.join(MANIFEST);
    let not_one = || BackupError::NotABackup(from.to_path_buf());
    let bytes = fs::read(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => not_one(),
        _ => BackupError::Io {
            what: "read",
            path: path.clone(),
            source: e,
        },
    })?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|_| not_one())?;
    if manifest.version == VERSION {
        Ok(manifest)
    } else {
        Err(not_one())
    }
}

fn write_manifest(disk: &dyn Disk, path: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let mut bytes = serde_json::to_vec_pretty(manifest).map_err(|e| BackupError::Io {
        what: "write",
        path: path.to_path_buf(),
        source: io::Error::other(e),
    })?;
    bytes.push(b'\n');
    Ok(write_atomic(disk, path, &bytes, MODE_SHARED)?)
}

fn require_empty(dir: &Path) -> Result<(), BackupError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(BackupError::NotEmpty(dir.to_path_buf())),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(BackupError::Io {
            what: "look into",
            path: dir.to_path_buf(),
            source,
        }),
    }
}

fn make_empty(dir: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::DirBuilderExt as _;
    require_empty(dir)?;
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(io_error("make", dir))
}

/// Copies a folder of small files with their modes, durably. What is not there is not copied.
fn copy_tree(from: &Path, to: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(BackupError::Io {
                what: "look into",
                path: from.to_path_buf(),
                source,
            });
        }
    };
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(to)
        .map_err(io_error("make", to))?;
    for entry in entries {
        let path = entry.map_err(io_error("look into", from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_tree(&path, &target)?;
            continue;
        }
        match fs::copy(&path, &target) {
            Ok(_) => {}
            // Erased between listing and copying: it is meant to be gone.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => {
                return Err(BackupError::Io {
                    what: "copy",
                    path,
                    source,
                });
            }
        }
        fs::File::open(&target)
            .and_then(|f| f.sync_all())
            .map_err(io_error("sync", &target))?;
    }
    OsDisk.sync_dir(to).map_err(io_error("sync", to))
}

fn copy_file(from: &Path, to: &Path, mode: u32) -> Result<(), BackupError> {
    let bytes = fs::read(from).map_err(io_error("read", from))?;
    Ok(write_atomic(&OsDisk, to, &bytes, mode)?)
}
