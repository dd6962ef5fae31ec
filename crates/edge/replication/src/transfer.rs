//! One blob over one connection into a store, verified while it arrives.

use std::path::PathBuf;

use futures_util::StreamExt as _;
use iroh::endpoint::Connection;
use iroh_blobs::api::Store;
use iroh_blobs::api::remote::GetProgressItem;
use iroh_blobs::get::request::get_verified_size;
use iroh_blobs::protocol::{ChunkRanges, ChunkRangesExt as _, ChunkRangesSeq, GetRequest};
use iroh_blobs::{Hash, HashAndFormat};

use crate::error::{Cause, Error};
use crate::fault::{Fault, next, whole};

/// The size of a blob, proven by its last chunk. Nothing is kept.
pub(crate) async fn proven_size(connection: &Connection, hash: Hash) -> Result<u64, Fault> {
    let (size, _) = next(get_verified_size(connection, &hash)).await??;
    Ok(size)
}

/// A store, and where it lies, to name it when it fails.
pub(crate) struct Local<'a> {
    pub(crate) store: &'a Store,
    pub(crate) path: PathBuf,
}

impl Local<'_> {
    /// Whether all of a blob is here, and how many bytes are.
    pub(crate) async fn here(&self, hash: Hash) -> Result<(bool, u64), Error> {
        let local = self.store.remote().local(HashAndFormat::raw(hash)).await;
        let local = local.map_err(|e| self.failed(e.into()))?;
        Ok((local.is_complete(), local.local_bytes()))
    }

    /// Downloads what is not here yet; the size.
    ///
    /// The size is proven by the last chunk before anything else is asked for, and held against `max` (bytes).
    pub(crate) async fn download(
        &self,
        connection: Connection,
        hash: Hash,
        max: u64,
        progress: impl FnMut(u64, u64),
    ) -> Result<u64, Error> {
        let size = proven_size(&connection, hash).await;
        let size = size.map_err(|fault| self.error(fault))?;
        if size > max {
            return Err(Error::TooLarge { size, max });
        }
        let arrived = self.arrive(connection, hash, size, progress).await;
        arrived.map_err(|fault| self.error(fault))?;
        match self.here(hash).await? {
            (true, length) if length == size => Ok(size),
            _ => Err(self.failed("it does not have what it took".into())),
        }
    }

    async fn arrive(
        &self,
        connection: Connection,
        hash: Hash,
        size: u64,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<(), Fault> {
        let (_, here) = self.here(hash).await?;
        // The last chunk first, and recorded: from here on the store knows the size, and a killed attempt is resumed.
        let last = ChunkRangesSeq::from_ranges([ChunkRanges::last_chunk()]);
        let last = GetRequest::new(hash, last);
        let last = self.store.remote().execute_get(connection.clone(), last);
        next(last.complete()).await??;
        let recorded = self.store.sync_db().await;
        recorded.map_err(|e| Fault::Ours(e.into()))?;

        let all = self.store.remote();
        let all = all.fetch(connection, HashAndFormat::raw(hash));
        let mut all = std::pin::pin!(all.stream());
        let arriving = async {
            loop {
                match next(all.next()).await? {
                    Some(GetProgressItem::Progress(bytes)) => {
                        progress(here.saturating_add(bytes).min(size), size);
                    }
                    Some(GetProgressItem::Done(_)) => return Ok(()),
                    Some(GetProgressItem::Error(e)) => return Err(e.into()),
                    None => {
                        let why = "the transfer ended without a result";
                        return Err(Error::Broken(why.into()).into());
                    }
                }
            }
        };
        whole(size, arriving).await
    }

    pub(crate) fn failed(&self, source: Cause) -> Error {
        Error::Store {
            path: self.path.clone(),
            source,
        }
    }

    pub(crate) fn error(&self, fault: Fault) -> Error {
        match fault {
            Fault::Missing | Fault::Damaged => Error::NotHeld,
            Fault::WrongBytes(cause) => Error::NotOfThisHash(cause),
            Fault::Ours(cause) => self.failed(cause),
            Fault::Failed(error) => error,
        }
    }
}
