//! What should be in the store: what was published here, and what is kept for whom. A store that is gone, or a blob that
//! it lost, is missed by this list.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::error::Error;
use crate::hash::ContentHash;
use crate::peer::Endpoint;
use crate::place::{self, Place};

/// One list of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// What was published here.
    Published,
    /// What is kept for a machine, or was begun to be fetched for it.
    Held(Endpoint),
}

impl Place {
    fn list_folder(&self, list: List) -> PathBuf {
        match list {
            List::Published => self.folder().join("published"),
            List::Held(owner) => self.folder().join("held").join(owner.to_string()),
        }
    }

    /// Enters a file and its size in bytes, durably: a small file with the hash as its name.
    pub(crate) fn enter(&self, list: List, hash: ContentHash, size: u64) -> Result<(), Error> {
        let folder = self.list_folder(list);
        place::make(&folder)?;
        let path = folder.join(hash.to_string());
        place::write(&path, format!("{size}\n").as_bytes())
    }

    /// The files of a list with their sizes, in the order of the hashes.
    pub(crate) fn listed(&self, list: List) -> Result<Vec<(ContentHash, u64)>, Error> {
        let folder = self.list_folder(list);
        let mut files = Vec::new();
        for name in names(&folder)? {
            let path = folder.join(&name);
            let hash = name.parse().map_err(|_| Error::Damaged(path.clone()))?;
            let text = place::read(&path)?.unwrap_or_default();
            let size = std::str::from_utf8(&text).ok();
            let size = size.and_then(|t| t.strip_suffix('\n')?.parse().ok());
            files.push((hash, size.ok_or(Error::Damaged(path))?));
        }
        files.sort_unstable();
        Ok(files)
    }

    /// The machines for which something is kept.
    pub(crate) fn owners(&self) -> Result<Vec<Endpoint>, Error> {
        let folder = self.folder().join("held");
        let mut owners = Vec::new();
        for name in names(&folder)? {
            let owner = name.parse();
            owners.push(owner.map_err(|_| Error::Damaged(folder.join(&name)))?);
        }
        owners.sort_unstable();
        Ok(owners)
    }
}

/// The names in a folder, but for those of files that were not finished.
fn names(folder: &std::path::Path) -> Result<Vec<String>, Error> {
    let listed = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(Error::disk("read", folder))?,
    };
    let mut names = Vec::new();
    for entry in listed {
        let entry = entry.map_err(Error::disk("read", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".tmp") {
            names.push(name);
        }
    }
    Ok(names)
}
