//! One blob over one connection into a store, verified while it arrives.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use iroh::endpoint::Connection;
use iroh_blobs::api::Store;
use iroh_blobs::api::remote::GetProgressItem;
use iroh_blobs::get::GetError;
use iroh_blobs::get::fsm::{AtBlobHeaderNextError, DecodeError};
use iroh_blobs::get::request::get_verified_size;
use iroh_blobs::protocol::{
    ChunkRanges, ChunkRangesExt as _, ChunkRangesSeq, ERR_INTERNAL, GetRequest,
};
use iroh_blobs::{Hash, HashAndFormat};

use crate::error::{Cause, Error};

/// How long a peer that holds the connection may send nothing.
pub(crate) const STALL: Duration = Duration::from_secs(30);
/// The slowest transfer that is waited for, in bytes a second. A peer that sends a little now and then is given up.
const SLOWEST: u64 = 64 << 10;

/// How long a transfer of so many bytes may take.
pub(crate) fn deadline(bytes: u64) -> Duration {
    STALL + Duration::from_secs(bytes / SLOWEST)
}

/// Whether the holder ended the stream because its own copy is missing or does not belong to the hash.
pub(crate) fn gave_up(error: &GetError) -> bool {
    error.iroh_error_code() == Some(ERR_INTERNAL)
}

/// A store, and where it lies, to name it when it fails.
#[derive(Clone, Copy)]
pub(crate) struct Local<'a> {
    pub(crate) store: &'a Store,
    pub(crate) path: &'a std::path::Path,
}

impl Local<'_> {
    /// Whether all of a blob is here, and how many bytes are.
    pub(crate) async fn local(&self, hash: Hash) -> Result<(bool, u64), Error> {
        let local = self.store.remote().local(HashAndFormat::raw(hash)).await;
        let local = local.map_err(|e| self.failed(e.into()))?;
        Ok((local.is_complete(), local.local_bytes()))
    }

    /// The size of a blob, proven by its last chunk. Nothing is kept.
    pub(crate) async fn proven_size(
        &self,
        connection: &Connection,
        hash: Hash,
    ) -> Result<u64, Error> {
        let size = tokio::time::timeout(STALL, get_verified_size(connection, &hash)).await;
        let size = size.map_err(|_| Error::Stalled(STALL.as_secs()))?;
        size.map(|(size, _)| size).map_err(|e| self.of_transfer(e))
    }

    /// Downloads what is not here yet; the size.
    ///
    /// The size is proven by the last chunk before anything else is asked for, and held against `max` (bytes).
    pub(crate) async fn download(
        &self,
        connection: Connection,
        hash: Hash,
        max: u64,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<u64, Error> {
        let (_, here) = self.local(hash).await?;
        let silent = |_| Error::Stalled(STALL.as_secs());
        let size = self.proven_size(&connection, hash).await?;
        if size > max {
            return Err(Error::TooLarge { size, max });
        }
        // The last chunk first, and recorded: from here on the store knows the size, and a killed attempt is resumed.
        let last = ChunkRangesSeq::from_ranges([ChunkRanges::last_chunk()]);
        let last = GetRequest::new(hash, last);
        let last = self.store.remote().execute_get(connection.clone(), last);
        let last = tokio::time::timeout(STALL, last.complete()).await;
        last.map_err(silent)?.map_err(|e| self.of_transfer(e))?;
        let recorded = self.store.sync_db().await;
        recorded.map_err(|e| self.failed(e.into()))?;

        let all = self.store.remote();
        let all = all.fetch(connection, HashAndFormat::raw(hash));
        let mut all = std::pin::pin!(all.stream());
        let arriving = async {
            loop {
                let next = tokio::time::timeout(STALL, all.next()).await;
                match next.map_err(silent)? {
                    Some(GetProgressItem::Progress(bytes)) => {
                        progress(here.saturating_add(bytes).min(size), size);
                    }
                    Some(GetProgressItem::Done(_)) => return Ok(()),
                    Some(GetProgressItem::Error(e)) => return Err(self.of_transfer(e)),
                    None => {
                        return Err(Error::Broken("the transfer ended without a result".into()));
                    }
                }
            }
        };
        let limit = deadline(size);
        let arrived = tokio::time::timeout(limit, arriving).await;
        arrived.map_err(|_| Error::Slow(limit.as_secs()))??;
        match self.local(hash).await? {
            (true, length) if length == size => Ok(size),
            _ => Err(self.failed("it does not have what it took".into())),
        }
    }

    pub(crate) fn failed(&self, source: Cause) -> Error {
        Error::Store {
            path: PathBuf::from(self.path),
            source,
        }
    }

    /// Whose fault a failed transfer is.
    pub(crate) fn of_transfer(&self, error: GetError) -> Error {
        if gave_up(&error) {
            return Error::NotHeld;
        }
        match error {
            GetError::AtBlobHeaderNext {
                source: AtBlobHeaderNextError::NotFound { .. },
                ..
            } => Error::NotHeld,
            GetError::Decode { source, .. } => match source {
                DecodeError::ChunkNotFound { .. }
                | DecodeError::ParentNotFound { .. }
                | DecodeError::LeafNotFound { .. } => Error::NotHeld,
                DecodeError::ParentHashMismatch { .. } | DecodeError::LeafHashMismatch { .. } => {
                    Error::NotOfThisHash(source.into())
                }
                DecodeError::Write { .. } => self.failed(source.into()),
                other => Error::Broken(other.into()),
            },
            GetError::LocalFailure { source, .. } => self.failed(source.into()),
            GetError::IrpcSend { source, .. } => self.failed(source.into()),
            other => Error::Broken(other.into()),
        }
    }
}
