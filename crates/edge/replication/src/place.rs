//! Folders on disk: the lock, the endpoint's key, its address, small files that are there whole and durable.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use iroh::SecretKey;
use iroh_blobs::store::fs::FsStore;
use iroh_blobs::store::fs::options::{InlineOptions, Options, PathOptions};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::audit::Audit;
use crate::error::Error;
use crate::peer::Peers;

/// Up to so many bytes a blob is one piece, and has no tree.
pub(crate) const PIECE: u64 = 16 << 10;

/// A folder of this process alone, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    lock: PathBuf,
    // Held, never read: closing it gives the lock back, on every way out, a kill included.
    _held: File,
}

impl Place {
    /// Makes the folder, readable by its owner only, and takes its lock, which lies in it.
    pub(crate) fn take(folder: &Path) -> Result<Self, Error> {
        let folder = std::path::absolute(folder).map_err(Error::disk("find", folder))?;
        make(&folder)?;
        let lock = folder.join("LOCK");
        Self::locked(folder, lock)
    }

    /// As [`Place::take`], for a folder that will be removed: its lock lies beside it.
    pub(crate) fn take_for_once(folder: &Path) -> Result<Self, Error> {
        let folder = std::path::absolute(folder).map_err(Error::disk("find", folder))?;
        if let Some(parent) = folder.parent() {
            make(parent)?;
        }
        let lock = folder.with_extension("lock");
        let place = Self::locked(folder, lock)?;
        make(&place.folder)?;
        Ok(place)
    }

    fn locked(folder: PathBuf, lock: PathBuf) -> Result<Self, Error> {
        loop {
            let held = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&lock)
                .map_err(Error::disk("open", &lock))?;
            match held.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::InUse(folder)),
                Err(TryLockError::Error(e)) => return Err(Error::disk("lock", &lock)(e)),
            }
            // Whoever had it may have removed it in between: a lock on a file without a name keeps nobody out.
            let ours = held.metadata().map_err(Error::disk("read", &lock))?;
            if fs::metadata(&lock).is_ok_and(|named| named.ino() == ours.ino()) {
                return Ok(Self {
                    folder,
                    lock,
                    _held: held,
                });
            }
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.folder.join("blobs")
    }

    /// Removes a folder that was for once, and its lock.
    pub(crate) fn remove(self) -> Result<(), Error> {
        fs::remove_dir_all(&self.folder).map_err(Error::disk("remove", &self.folder))?;
        fs::remove_file(&self.lock).map_err(Error::disk("remove", &self.lock))
    }

    /// The endpoint's secret key: 32 bytes in `key`, made the first time, readable by its owner only.
    pub(crate) fn key(&self) -> Result<SecretKey, Error> {
        let path = self.folder.join("key");
        let mut seed = Zeroizing::new([0; 32]);
        match File::open(&path) {
            Ok(mut file) => {
                let exact = file.metadata().is_ok_and(|m| m.len() == 32);
                if !exact || file.read_exact(&mut *seed).is_err() {
                    return Err(Error::Damaged(path));
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                getrandom::fill(&mut *seed).map_err(|e| Error::Randomness(e.into()))?;
                write(&path, &*seed)?;
            }
            Err(e) => return Err(Error::disk("read", &path)(e)),
        }
        Ok(SecretKey::from_bytes(&seed))
    }

    /// The address that was listened on the last time.
    pub(crate) fn address(&self) -> Result<Option<SocketAddr>, Error> {
        let path = self.folder.join("address");
        let Some(text) = read(&path)? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&text).ok();
        let address = text.and_then(|t| t.strip_suffix('\n')?.parse().ok());
        address.map(Some).ok_or(Error::Damaged(path))
    }

    pub(crate) fn keep_address(&self, address: SocketAddr) -> Result<(), Error> {
        let path = self.folder.join("address");
        write(&path, format!("{address}\n").as_bytes())
    }

    pub(crate) fn peers(&self) -> Result<Peers, Error> {
        let path = self.folder.join("peers.json");
        match read(&path)? {
            None => Ok(Peers::default()),
            Some(text) => Peers::parse(&text).ok_or(Error::Damaged(path)),
        }
    }

    pub(crate) fn keep_peers(&self, peers: &Peers) -> Result<(), Error> {
        self.keep("peers.json", peers)
    }

    /// The last audit. A file that is damaged is none: the next audit writes it anew.
    pub(crate) fn audit(&self) -> Result<Option<Audit>, Error> {
        let text = read(&self.folder.join("audit.json"))?;
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    pub(crate) fn keep_audit(&self, audit: &Audit) -> Result<(), Error> {
        self.keep("audit.json", audit)
    }

    fn keep(&self, name: &str, what: &impl Serialize) -> Result<(), Error> {
        let path = self.folder.join(name);
        let text = serde_json::to_vec(what);
        let text = text.map_err(|e| Error::disk("write", &path)(e.into()))?;
        write(&path, &text)
    }

    /// Opens the store. Everything is a file: what is served can be synced, and what is fetched can be read.
    pub(crate) async fn store(&self) -> Result<FsStore, Error> {
        let path = self.blobs();
        let paths = PathOptions::new(&path);
        // What an import left that was killed, or found no room.
        clear(&paths.temp_path)?;
        let options = Options {
            path: paths,
            inline: InlineOptions::NO_INLINE,
            ..Options::new(&path)
        };
        let store = FsStore::load_with_opts(path.join("blobs.db"), options).await;
        store.map_err(|e| Error::Store {
            path,
            source: e.into(),
        })
    }

    /// The file with a blob's bytes.
    pub(crate) fn data(&self, hash: iroh_blobs::Hash) -> PathBuf {
        PathOptions::new(&self.blobs()).data_path(&hash)
    }

    /// The file with a blob's tree, without the size in front. Up to 16 KiB there is none.
    pub(crate) fn tree(&self, hash: iroh_blobs::Hash) -> PathBuf {
        PathOptions::new(&self.blobs()).outboard_path(&hash)
    }

    /// Makes a blob durable: its bytes, its tree, their names.
    pub(crate) fn sync(&self, hash: iroh_blobs::Hash) -> Result<(), Error> {
        let data = self.data(hash);
        let size = fs::metadata(&data).map_err(Error::disk("sync", &data))?;
        sync(&data)?;
        if size.len() > PIECE {
            sync(&self.tree(hash))?;
        }
        sync(&PathOptions::new(&self.blobs()).data_path)?;
        sync(&self.blobs())?;
        sync(&self.folder)
    }
}

/// Makes a folder and those that it is in, readable by the owner only, durably.
pub(crate) fn make(folder: &Path) -> Result<(), Error> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|f| !f.exists()).collect();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(Error::disk("make", folder))?;
    for made in missing {
        if let Some(parent) = made.parent() {
            sync(parent)?;
        }
    }
    Ok(())
}

fn clear(folder: &Path) -> Result<(), Error> {
    let listed = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        listed => listed.map_err(Error::disk("read", folder))?,
    };
    for file in listed {
        let file = file.map_err(Error::disk("read", folder))?.path();
        fs::remove_file(&file).map_err(Error::disk("remove", &file))?;
    }
    Ok(())
}

/// A small file of ours, if it is there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::disk("read", path)(e)),
    }
}

/// A file that is there complete and durable, or not at all. Nobody else may write it at the same time.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = path.with_added_extension("tmp");
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    written().map_err(Error::disk("write", path))?;
    path.parent().map_or(Ok(()), sync)
}

pub(crate) fn sync(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|f| f.sync_all())
        .map_err(Error::disk("sync", path))
}
