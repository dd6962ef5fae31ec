//! A good copy of a blob in the store: the one that is there, or another in its place.

use iroh::endpoint::Connection;

use crate::check::{Found, check};
use crate::error::Error;
use crate::fetch;
use crate::hash::ContentHash;
use crate::holder::Inner;

/// Makes sure that the store has a good copy, from the machine at the other end if it has none. Bytes fetched: 0 if the
/// copy was good already. The caller works on the hash, alone.
///
/// # Errors
///
/// As [`fetch()`](crate::fetch()), and [`Error::NotKept`]. What is not damaged stays for the next attempt.
pub(crate) async fn obtain(
    inner: &Inner,
    connection: Connection,
    hash: ContentHash,
    max: u64,
) -> Result<u64, Error> {
    let local = inner.local();
    let mut fetched = 0;
    // What the store believes: its file may be damaged, or gone, and then the store cannot open it.
    if inner.size(hash).await?.is_none() {
        let (_, here) = local.here(hash.blob()).await?;
        let arrived = local.download(connection.clone(), hash.blob(), max, |_, _| {});
        fetched = arrived.await?.saturating_sub(here);
        inner.record().await?;
        inner.place.sync(hash.blob())?;
    }
    match inner.check(hash).await? {
        Found::Whole(size) if size > max => Err(Error::TooLarge { size, max }),
        Found::Whole(_) => {
            // What a repair left that was cut off.
            let left = inner.mending(hash);
            if left.exists() {
                std::fs::remove_dir_all(&left).map_err(Error::disk("remove", &left))?;
            }
            Ok(fetched)
        }
        Found::Damaged | Found::Missing => Ok(fetched + mend(inner, connection, hash, max).await?),
    }
}

/// Fetches a whole copy beside a damaged one, and puts it in its place. Until it is there, durably, the other stays, and
/// then the damaged one: most of it may be all that is left.
async fn mend(
    inner: &Inner,
    connection: Connection,
    hash: ContentHash,
    max: u64,
) -> Result<u64, Error> {
    let folder = inner.place.folder().join("mending");
    let from = async || Ok((connection, None));
    let fetched = fetch::into(&folder, hash, max, from, |_, _| {}).await?;
    fetched.sync()?;
    let size = fetched.size() - fetched.resumed();
    let imported = inner.import(&fetched.path()).await?;
    // What came was verified, and then read from the disk a second time: the disk decides what it gave.
    let whole = imported == hash && inner.check(hash).await? == Found::Whole(fetched.size());
    match whole {
        true => fetched.remove().map(|()| size),
        false => {
            fetched.remove()?;
            Err(Error::NotKept(inner.place.blobs()))
        }
    }
}

impl Inner {
    /// Reads the bytes of a blob and its tree in full.
    pub(crate) async fn check(&self, hash: ContentHash) -> Result<Found, Error> {
        // On a thread that may take its time: the others go on serving.
        tokio::task::block_in_place(|| check(&self.place, hash.blob()))
    }

    pub(crate) fn mending(&self, hash: ContentHash) -> std::path::PathBuf {
        self.place.folder().join("mending").join(hash.to_string())
    }
}
