//! Getting one file by its hash, verified while it arrives.

use std::fs::File;
use std::path::{Path, PathBuf};

use iroh::Endpoint;
use iroh::endpoint::Connection;

use crate::check::Checked;
use crate::error::Error;
use crate::hash::ContentHash;
use crate::network;
use crate::place::Place;
use crate::ticket::Ticket;
use crate::transfer::Local;

/// Bytes that arrived and are those of the hash. They lie in a folder that is this process's alone; what they say is
/// not verified.
#[derive(Debug)]
pub struct Fetched {
    place: Place,
    hash: ContentHash,
    size: u64,
    resumed: u64,
}

impl Fetched {
    /// What was asked for.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        self.hash
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many of them earlier attempts had brought.
    #[must_use]
    pub fn resumed(&self) -> u64 {
        self.resumed
    }

    /// The bytes, from the beginning. The end is reached only if they are those of the hash ([`Checked`]): the disk may
    /// have changed since they arrived.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn read(&self) -> Result<Checked<File>, Error> {
        let path = self.path();
        let file = File::open(&path).map_err(Error::disk("read", &path))?;
        Ok(Checked::new(file, self.hash))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.place.data(self.hash.blob())
    }

    /// Makes the bytes durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.place.sync(self.hash.blob())
    }

    /// Removes the bytes. Without it they stay, and the next fetch has nothing to download.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn remove(self) -> Result<(), Error> {
        self.place.remove()
    }
}

/// Gets what a ticket is for, into a folder of its own under `folder`, or goes on where an earlier attempt ended.
///
/// The size is proven by the last chunk before anything else is asked for, and held against `max_size` (bytes). Then
/// every piece of up to 16 KiB is verified against the hash before it is written. `progress` is told how many bytes are
/// here and how many there are.
///
/// # Errors
///
/// [`Error::InUse`] while another process fetches the same, [`Error::TooLarge`] before a download,
/// [`Error::Unreachable`], [`Error::Broken`], [`Error::Stalled`], [`Error::Slow`], [`Error::NotHeld`],
/// [`Error::NotOfThisHash`], or the disk's. What was verified stays for the next attempt.
pub async fn fetch(
    folder: &Path,
    ticket: &Ticket,
    max_size: u64,
    progress: impl FnMut(u64, u64),
) -> Result<Fetched, Error> {
    let from = async || {
        let endpoint = network::endpoint(network::local_for(ticket.addresses()), None).await?;
        let connection = network::connect(&endpoint, ticket.address(), iroh_blobs::ALPN).await?;
        Ok((connection, Some(endpoint)))
    };
    into(folder, ticket.hash(), max_size, from, progress).await
}

/// As [`fetch`], over a connection that is made when there is something to ask for. An endpoint is closed at the end.
pub(crate) async fn into(
    folder: &Path,
    hash: ContentHash,
    max_size: u64,
    from: impl AsyncFnOnce() -> Result<(Connection, Option<Endpoint>), Error>,
    progress: impl FnMut(u64, u64),
) -> Result<Fetched, Error> {
    let place = Place::take_for_once(&folder.join(hash.to_string()))?;
    let store = place.store().await?;
    let local = Local {
        store: &store,
        path: place.blobs(),
    };
    let arrived = complete(&local, hash, max_size, from, progress).await;
    // In either case: what was verified is written out for the next attempt, or for the reader.
    let closed = store.shutdown().await;
    let (size, resumed) = arrived?;
    closed.map_err(|e| local.failed(e.into()))?;
    Ok(Fetched {
        place,
        hash,
        size,
        resumed,
    })
}

/// Makes the store's copy complete; the size, and how much of it was here before.
async fn complete(
    local: &Local<'_>,
    hash: ContentHash,
    max: u64,
    from: impl AsyncFnOnce() -> Result<(Connection, Option<Endpoint>), Error>,
    progress: impl FnMut(u64, u64),
) -> Result<(u64, u64), Error> {
    let (whole, here) = local.here(hash.blob()).await?;
    if whole {
        return match here > max {
            true => Err(Error::TooLarge { size: here, max }),
            false => Ok((here, here)),
        };
    }
    let (connection, endpoint) = from().await?;
    let done = local.download(connection, hash.blob(), max, progress).await;
    if let Some(endpoint) = endpoint {
        endpoint.close().await;
    }
    Ok((done?, here))
}
