//! The disk as the store sees it. Every durable step goes through [`Disk`], so that a test can fail, lose
//! and reorder each of them; [`OsDisk`] is the real one.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use crate::error::{Corrupt, Damage, DiskError, Fault, is_unreadable};

/// Permissions of a scroll's files, before the umask: the directory they are in is the owner's.
pub const MODE_SHARED: u32 = 0o644;

/// Permissions of what only the owner may read: keys, tokens, sealed content.
pub const MODE_PRIVATE: u32 = 0o600;

/// The unit in which a disk loses data: file systems and drives map, check and report blocks of this size.
pub(crate) const BLOCK: u64 = 4096;

/// A file system. Nothing is durable until the sync that says so: file contents until
/// [`DiskFile::sync_data`], names (create, rename, remove) until [`Disk::sync_dir`] of their directory.
pub trait Disk: Debug + Send + Sync {
    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Creates a file, or empties an existing one, for reading and writing. `mode` are the permissions of a
    /// new file, before the umask; an existing one is narrowed to them.
    ///
    /// # Errors
    /// The operating system's.
    fn create(&self, path: &Path, mode: u32) -> io::Result<Arc<dyn DiskFile>>;

    /// Whether something of this name exists.
    ///
    /// # Errors
    /// The operating system's.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// `NotFound` when there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Renames a file, atomically replacing `to`. Both are in the same directory.
    ///
    /// # Errors
    /// The operating system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Unlinks a file. Used on derived files, temporary files and sealed content only: a record or a
    /// journal is never removed (R7).
    ///
    /// # Errors
    /// The operating system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The operating system's; the names are then in an unknown state.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Creates a directory and its parents; those that are made are for the owner only.
    ///
    /// # Errors
    /// The operating system's.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Takes an exclusive lock on a file, created if need be, that ends with the returned value or with
    /// the process.
    ///
    /// # Errors
    /// `WouldBlock` when another holder has it.
    fn try_lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
}

/// An open file.
pub trait DiskFile: Debug + Send + Sync {
    /// Fills `buf` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `data` at `offset`; past the end, the file grows.
    ///
    /// # Errors
    /// The operating system's; part of the data may have been written.
    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends (with zeros) the file.
    ///
    /// # Errors
    /// The operating system's.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes contents, and a length that grew, durable (`fdatasync`).
    ///
    /// # Errors
    /// The operating system's; what was written since the last sync is then in an unknown state, and a
    /// later successful sync does not change that.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes contents and metadata durable (`fsync`).
    ///
    /// # Errors
    /// As [`DiskFile::sync_data`].
    fn sync_all(&self) -> io::Result<()>;
}

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(OsFile(file)))
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode);
        let file = options.open(path)?;
        // A file left by an earlier attempt keeps its permissions when it is emptied.
        let now = file.metadata()?.permissions().mode();
        if now & 0o777 & !mode != 0 {
            file.set_permissions(fs::Permissions::from_mode(now & mode))?;
        }
        Ok(Arc::new(OsFile(file)))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for item in fs::read_dir(dir)? {
            names.push(item?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE_PRIVATE)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

#[derive(Debug)]
struct OsFile(File);

impl DiskFile for OsFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

/// Replaces a small file so that after a crash either the old or the new contents are there, whole:
/// temporary file beside it, sync, rename, directory sync. Durable when it returns.
///
/// # Errors
/// The environment's. Until the rename the old contents stand; if the error is the directory's sync, either
/// may stand after a crash.
pub fn write_atomic(
    disk: &dyn Disk,
    path: &Path,
    bytes: &[u8],
    mode: u32,
) -> Result<(), DiskError> {
    let temporary = temporary(path);
    let fail = |op| move |e: io::Error| DiskError::new(op, path, &e);
    let file = disk.create(&temporary, mode).map_err(fail("create"))?;
    file.write_all_at(bytes, 0).map_err(fail("write"))?;
    file.sync_all().map_err(fail("sync"))?;
    disk.rename(&temporary, path).map_err(fail("rename"))?;
    let dir = path.parent().unwrap_or(Path::new("."));
    disk.sync_dir(dir)
        .map_err(|e| DiskError::new("sync", dir, &e))
}

/// The temporary file that becomes `path`: the same name with `.tmp` at the end.
pub(crate) fn temporary(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// A file with its path, so that every failure names it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) path: Arc<Path>,
}

impl Named {
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Self, DiskError> {
        let file = disk
            .open(path)
            .map_err(|e| DiskError::new("open", path, &e))?;
        Ok(Self {
            file,
            path: path.into(),
        })
    }

    /// `None` when there is no such file.
    pub(crate) fn open_existing(disk: &dyn Disk, path: &Path) -> Result<Option<Self>, DiskError> {
        match Self::open(disk, path) {
            Err(e) if e.kind == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    pub(crate) fn create(disk: &dyn Disk, path: &Path, mode: u32) -> Result<Self, DiskError> {
        let file = disk
            .create(path, mode)
            .map_err(|e| DiskError::new("create", path, &e))?;
        Ok(Self {
            file,
            path: path.into(),
        })
    }

    fn failed(&self, op: &'static str) -> impl FnOnce(io::Error) -> DiskError {
        let path = Arc::clone(&self.path);
        move |e| DiskError::new(op, &path, &e)
    }

    /// Fills `buf` from `offset`. Bytes that are not there or cannot be read are damage of this file; the
    /// caller knows whether it can be derived again.
    pub(crate) fn read(&self, buf: &mut [u8], offset: u64) -> Result<(), Fault> {
        let damage = |at, damage| Err(Corrupt::new(&self.path, at, damage).into());
        match self.file.read_exact_at(buf, offset) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => damage(offset, Damage::Short),
            Err(e) if is_unreadable(&e) => {
                damage(self.first_unreadable(offset, buf.len()), Damage::Unreadable)
            }
            Err(e) => Err(self.failed("read")(e).into()),
        }
    }

    /// Cuts the file to `len` bytes and reads the block that is cut through: what is appended next goes into
    /// it, and would be refused again and again if it could not be read.
    pub(crate) fn cut(&self, len: u64) -> Result<(), Fault> {
        if self.len()? != len {
            self.set_len(len)?;
        }
        let mut block = [0; BLOCK as usize];
        let within = (len % BLOCK) as usize;
        self.read(&mut block[..within], len - within as u64)
    }

    /// Where in the `len` bytes from `offset` the first block begins that cannot be read.
    fn first_unreadable(&self, offset: u64, len: usize) -> u64 {
        let end = offset + len as u64;
        let mut block = [0; BLOCK as usize];
        let mut at = offset;
        while at < end {
            let next = ((at / BLOCK + 1) * BLOCK).min(end);
            let piece = &mut block[..(next - at) as usize];
            if self.file.read_exact_at(piece, at).is_err() {
                return at;
            }
            at = next;
        }
        offset
    }

    pub(crate) fn write(&self, data: &[u8], offset: u64) -> Result<(), DiskError> {
        self.file
            .write_all_at(data, offset)
            .map_err(self.failed("write"))
    }

    pub(crate) fn len(&self) -> Result<u64, DiskError> {
        self.file.len().map_err(self.failed("measure"))
    }

    pub(crate) fn set_len(&self, len: u64) -> Result<(), DiskError> {
        self.file
            .set_len(len)
            .map_err(self.failed("set the length of"))
    }

    pub(crate) fn sync_data(&self) -> Result<(), DiskError> {
        self.file.sync_data().map_err(self.failed("sync"))
    }

    pub(crate) fn sync_all(&self) -> Result<(), DiskError> {
        self.file.sync_all().map_err(self.failed("sync"))
    }
}

/// [`Disk::sync_dir`] with the directory named in the error.
pub(crate) fn sync_dir(disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
    disk.sync_dir(dir)
        .map_err(|e| DiskError::new("sync", dir, &e))
}

/// Reads a whole small file.
///
/// `Ok(None)` when there is none; a file longer than `limit` bytes is refused with `FileTooLarge`.
pub(crate) fn read_small(
    disk: &dyn Disk,
    path: &Path,
    limit: u64,
) -> Result<Option<Vec<u8>>, DiskError> {
    let Some(file) = Named::open_existing(disk, path)? else {
        return Ok(None);
    };
    let len = file.len()?;
    if len > limit {
        return Err(DiskError::new(
            "read",
            path,
            &io::ErrorKind::FileTooLarge.into(),
        ));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.file
        .read_exact_at(&mut bytes, 0)
        .map_err(|e| DiskError::new("read", path, &e))?;
    Ok(Some(bytes))
}
