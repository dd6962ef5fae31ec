//! The data directory: whose it is, which format it has, and that one process at a time uses it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::disk::{Disk, MODE_SHARED, read_small, sync_dir, write_atomic};
use crate::error::DiskError;

/// The file that says what a data directory is.
pub const FORMAT_FILE: &str = "FORMAT";

/// The file that is locked while a process uses the directory.
pub const LOCK_FILE: &str = "LOCK";

/// The version of the directory's layout that this program writes and the only one it opens.
pub const DATA_FORMAT: u32 = 1;

/// What may be there before a directory is a node's. A first start that was interrupted leaves `keys`: it makes the
/// node's keys before it names the node. Publishing and fetching bundles needs no node and keeps to `replicas`.
const BEFORE_FORMAT: [&str; 3] = [LOCK_FILE, "keys", "replicas"];

const MAX_FORMAT_LEN: u64 = 4096;
const MAX_NODE_LEN: usize = 255;
const HEADER: &str = "quorate-data ";

/// Why a data directory cannot be used. Nothing was changed, unless it is [`DataDirError::Disk`]: then the
/// directory, `LOCK` or `FORMAT` may have been made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// Another process uses it.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// It was written by another version of the program.
    #[error("{} has format {found}; this program reads format {DATA_FORMAT}", dir.display())]
    UnknownFormat {
        /// The directory.
        dir: PathBuf,
        /// The version it names.
        found: String,
    },
    /// It belongs to another node.
    #[error("{} belongs to the node {found}, not to {expected}", dir.display())]
    OtherNode {
        /// The directory.
        dir: PathBuf,
        /// Whose it is.
        found: String,
        /// Who asked.
        expected: String,
    },
    /// `FORMAT` is not a file that this program wrote.
    #[error("{} is not a format file", .0.display())]
    Damaged(PathBuf),
    /// It has files in it, but no `FORMAT`.
    #[error("{} is not empty and not a data directory: there is {found:?} in it", dir.display())]
    NotOurs {
        /// The directory.
        dir: PathBuf,
        /// A name in it.
        found: String,
    },
    /// The node id is empty, over 255 bytes, or has control characters. The caller's fault.
    #[error("the node id cannot stand in a format file")]
    NodeId,
    /// The disk's fault.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A data directory in use by this process. Dropping it lets another process in.
pub struct DataDir {
    path: PathBuf,
    node: String,
    _lock: Box<dyn Send + Sync>,
}

impl std::fmt::Debug for DataDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataDir")
            .field("path", &self.path)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl DataDir {
    /// Locks the data directory of `node` and checks that it is one. A directory that does not exist, is empty,
    /// or holds nothing but `keys` and `replicas` becomes one: `FORMAT` is written, durably.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn open(disk: Arc<dyn Disk>, path: &Path, node: &str) -> Result<Self, DataDirError> {
        check_node_id(node)?;
        Self::lock(disk, path)?.open(node)
    }

    /// Locks a directory before it is known whose it is, so that whoever makes a node there is alone.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn lock(disk: Arc<dyn Disk>, path: &Path) -> Result<LockedDir, DataDirError> {
        disk.create_dir_all(path)
            .map_err(|e| DiskError::new("create", path, &e))?;
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            match sync_dir(&*disk, parent) {
                // A parent that we cannot read had the directory in it before us.
                Err(e) if e.kind == io::ErrorKind::PermissionDenied => {}
                other => other?,
            }
        }
        let lock_path = path.join(LOCK_FILE);
        let lock = disk.try_lock(&lock_path).map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock => DataDirError::InUse(path.to_owned()),
            _ => DiskError::new("lock", &lock_path, &e).into(),
        })?;
        let node = Self::read_node(&*disk, path)?;
        Ok(LockedDir {
            disk,
            path: path.to_owned(),
            node,
            lock,
        })
    }

    /// Whose data directory it is, without locking it; `None` when it could become anybody's.
    ///
    /// # Errors
    /// See [`DataDirError`]; nothing was changed.
    pub fn read_node(disk: &dyn Disk, path: &Path) -> Result<Option<String>, DataDirError> {
        let file = path.join(FORMAT_FILE);
        let damaged = || DataDirError::Damaged(file.clone());
        let bytes = match read_small(disk, &file, MAX_FORMAT_LEN) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Self::adoptable(disk, path).map(|()| None),
            Err(e) if e.kind == io::ErrorKind::FileTooLarge => return Err(damaged()),
            Err(e) => return Err(e.into()),
        };
        let text = String::from_utf8(bytes).map_err(|_| damaged())?;
        let (version, rest) = text
            .strip_prefix(HEADER)
            .and_then(|rest| rest.split_once('\n'))
            .ok_or_else(damaged)?;
        if version != DATA_FORMAT.to_string() {
            return Err(DataDirError::UnknownFormat {
                dir: path.to_owned(),
                found: version.to_owned(),
            });
        }
        let node = rest
            .strip_prefix("node ")
            .and_then(|rest| rest.strip_suffix('\n'))
            .filter(|node| !node.is_empty() && !node.chars().any(char::is_control))
            .ok_or_else(damaged)?;
        Ok(Some(node.to_owned()))
    }

    /// Whether a directory without `FORMAT` may be taken.
    fn adoptable(disk: &dyn Disk, path: &Path) -> Result<(), DataDirError> {
        let names = match disk.list(path) {
            Ok(names) => names,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(DiskError::new("list", path, &e).into()),
        };
        let unfinished = format!("{FORMAT_FILE}.tmp");
        let foreign =
            |name: &String| !BEFORE_FORMAT.contains(&name.as_str()) && *name != unfinished;
        match names.into_iter().find(foreign) {
            None => Ok(()),
            Some(found) => Err(DataDirError::NotOurs {
                dir: path.to_owned(),
                found,
            }),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The node it belongs to.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }
}

fn check_node_id(node: &str) -> Result<(), DataDirError> {
    if node.is_empty() || node.len() > MAX_NODE_LEN || node.chars().any(char::is_control) {
        return Err(DataDirError::NodeId);
    }
    Ok(())
}

/// A directory that this process alone uses and that may still be nobody's.
pub struct LockedDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    node: Option<String>,
    lock: Box<dyn Send + Sync>,
}

impl std::fmt::Debug for LockedDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockedDir")
            .field("path", &self.path)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl LockedDir {
    /// Whose it is; `None` when it can become anybody's.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// As the data directory of `node`; one that is nobody's becomes its: `FORMAT` is written, durably.
    ///
    /// # Errors
    /// See [`DataDirError`].
    pub fn open(self, node: &str) -> Result<DataDir, DataDirError> {
        check_node_id(node)?;
        match self.node {
            Some(found) if found == node => {}
            Some(found) => {
                return Err(DataDirError::OtherNode {
                    dir: self.path,
                    found,
                    expected: node.to_owned(),
                });
            }
            None => {
                let text = format!("{HEADER}{DATA_FORMAT}\nnode {node}\n");
                let file = self.path.join(FORMAT_FILE);
                write_atomic(&*self.disk, &file, text.as_bytes(), MODE_SHARED)?;
            }
        }
        Ok(DataDir {
            path: self.path,
            node: node.to_owned(),
            _lock: self.lock,
        })
    }
}
