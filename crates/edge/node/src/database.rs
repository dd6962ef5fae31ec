//! Opening a transactional store on a [`Disk`], so that tests can crash it, and making one in one step.

use std::io;
use std::path::Path;
use std::sync::Arc;

use quorate_store::{Disk, DiskFile, MODE_PRIVATE};
use redb::{Database, StorageBackend, WriteTransaction};
use thiserror::Error;

/// Why there is no database. The environment's fault; nothing was changed that counts.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The database or the disk under it failed.
    #[error(transparent)]
    Database(#[from] Box<redb::Error>),
    /// The file system failed.
    #[error("cannot {what} the file: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

macro_rules! database_error {
    ($($kind:ty),*) => { $(impl From<$kind> for DatabaseError {
        fn from(e: $kind) -> Self { Self::Database(Box::new(e.into())) }
    })* };
}
database_error!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

/// Opens the database at `path`; if there is none, makes it, with the tables that `tables` opens.
///
/// A database that is being made has another name until it is whole: a crash on the way must not leave a file that no
/// later start can read.
///
/// # Errors
/// [`DatabaseError`].
pub(crate) fn open(
    disk: &Arc<dyn Disk>,
    path: &Path,
    tables: impl Fn(&WriteTransaction) -> Result<(), redb::TableError>,
) -> Result<Database, DatabaseError> {
    let io = |what| move |source| DatabaseError::Io { what, source };
    if !disk.exists(path).map_err(io("look for"))? {
        let temporary = path.with_extension("new");
        let file = disk.create(&temporary, MODE_PRIVATE).map_err(io("make"))?;
        file.set_len(0).map_err(io("empty"))?;
        make_tables(&on(Arc::clone(&file))?, &tables)?;
        file.sync_all().map_err(io("sync"))?;
        disk.rename(&temporary, path).map_err(io("name"))?;
        if let Some(dir) = path.parent() {
            disk.sync_dir(dir).map_err(io("sync the folder of"))?;
        }
    }
    let database = on(disk.open(path).map_err(io("open"))?)?;
    make_tables(&database, &tables)?;
    Ok(database)
}

fn on(file: Arc<dyn DiskFile>) -> Result<Database, DatabaseError> {
    Ok(Database::builder().create_with_backend(Backend(file))?)
}

fn make_tables(
    database: &Database,
    tables: &impl Fn(&WriteTransaction) -> Result<(), redb::TableError>,
) -> Result<(), DatabaseError> {
    let tx = database.begin_write()?;
    tables(&tx)?;
    tx.commit()?;
    Ok(())
}

/// The database's file. The data directory's lock keeps other processes out.
#[derive(Debug)]
struct Backend(Arc<dyn DiskFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}
