//! Why bytes did not come from another machine, and whose fault it is, as far as it can be told from here.

use std::time::Duration;

use iroh_blobs::get::GetError;
use iroh_blobs::get::fsm::{AtBlobHeaderNextError, DecodeError};
use iroh_blobs::protocol::ERR_INTERNAL;
use tokio::time::timeout;

use crate::error::{Cause, Error};

/// How long a peer that holds the connection may send nothing.
const STALL: Duration = Duration::from_secs(30);
/// The slowest transfer that is waited for, in bytes a second. A peer that sends a little now and then is given up.
const SLOWEST: u64 = 64 << 10;

/// Why bytes did not come.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It has nothing of it, or says so.
    Missing,
    /// It has some, and could not send what it was asked for.
    Damaged,
    /// It sent bytes that do not belong to the hash.
    WrongBytes(Cause),
    /// The store here failed.
    Ours(Cause),
    /// The connection failed, or something else did.
    Failed(Error),
}

impl From<GetError> for Fault {
    fn from(error: GetError) -> Self {
        // The holder ended the stream because its own copy is missing or does not belong to the hash.
        let gave_up = error.iroh_error_code() == Some(ERR_INTERNAL);
        match error {
            GetError::AtBlobHeaderNext { .. } if gave_up => Self::Missing,
            _ if gave_up => Self::Damaged,
            GetError::AtBlobHeaderNext {
                source: AtBlobHeaderNextError::NotFound { .. },
                ..
            } => Self::Missing,
            GetError::Decode { source, .. } => match source {
                DecodeError::ChunkNotFound { .. }
                | DecodeError::ParentNotFound { .. }
                | DecodeError::LeafNotFound { .. } => Self::Damaged,
                DecodeError::ParentHashMismatch { .. } | DecodeError::LeafHashMismatch { .. } => {
                    Self::WrongBytes(source.into())
                }
                DecodeError::Write { .. } => Self::Ours(source.into()),
                other => Self::Failed(Error::Broken(other.into())),
            },
            GetError::LocalFailure { source, .. } => Self::Ours(source.into()),
            GetError::IrpcSend { source, .. } => Self::Ours(source.into()),
            other => Self::Failed(Error::Broken(other.into())),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Waits for the next thing from a peer, and not for ever.
pub(crate) async fn next<T>(coming: impl Future<Output = T>) -> Result<T, Error> {
    let came = timeout(STALL, coming).await;
    came.map_err(|_| Error::Stalled(STALL.as_secs()))
}

/// How long a transfer of so many bytes may take.
pub(crate) fn deadline(bytes: u64) -> Duration {
    STALL + Duration::from_secs(bytes / SLOWEST)
}

/// Waits for a whole transfer of so many bytes.
pub(crate) async fn whole<T, E: From<Error>>(
    bytes: u64,
    coming: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let limit = deadline(bytes);
    let came = timeout(limit, coming).await;
    came.unwrap_or_else(|_| Err(Error::Slow(limit.as_secs()).into()))
}
