//! What can go wrong, and whose fault it is.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::peer::{Endpoint, MAX_PEERS};
use crate::protocol::Refusal;

/// What the transport or the store under it said.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why bytes were not published or not fetched.
///
/// What was published before stays published, and what of a fetch was verified stays on disk for the next attempt,
/// unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process works in the folder. Nothing was touched.
    #[error("another process works in {}", .0.display())]
    InUse(PathBuf),
    /// The disk failed, or the file is not what it must be.
    #[error("cannot {what} {}", path.display())]
    Disk {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file of ours does not hold what we wrote. Nothing was changed.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// An empty file has nothing to publish. The caller's fault.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    /// The operating system gives no random bytes.
    #[error("the system gives no random bytes")]
    Randomness(#[source] Cause),
    /// Nothing can listen at the address: it is taken, or not this machine's.
    #[error("cannot listen on {address}")]
    Bind {
        /// The UDP address.
        address: SocketAddr,
        /// Why.
        source: Cause,
    },
    /// This machine has no address that others could reach.
    #[error("this machine has no address")]
    NoAddress,
    /// The store on disk failed.
    #[error("the store in {} failed", path.display())]
    Store {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: Cause,
    },
    /// Nobody with the ticket's key answered at its addresses.
    #[error("no answer from the ticket's endpoint")]
    Unreachable(#[source] Cause),
    /// The peer went away or fell silent in the middle. Another attempt goes on from there.
    #[error("the transfer broke off")]
    Broken(#[source] Cause),
    /// The peer fell silent in the middle. Another attempt goes on from there.
    #[error("the peer sent nothing for {0} seconds")]
    Stalled(u64),
    /// The peer does not have the bytes, or not all of them undamaged.
    #[error("the peer does not have all of these bytes")]
    NotHeld,
    /// The peer sent bytes that are not of this hash. Nothing of them was kept.
    #[error("the peer sent bytes that do not belong to the hash")]
    NotOfThisHash(#[source] Cause),
    /// The peer sent less than 64 KiB a second for a long time. Another attempt goes on from there.
    #[error("the transfer was not done after {0} seconds")]
    Slow(u64),
    /// What was written to the store was not there when it was read again. The disk or the store failed.
    #[error("what was written to the store in {} is not there", .0.display())]
    NotKept(PathBuf),
    /// The bytes are more than the caller allows. Nothing was downloaded.
    #[error("it has {size} bytes, more than the {max} that are allowed")]
    TooLarge {
        /// Proven by the last chunk.
        size: u64,
        /// The caller's limit.
        max: u64,
    },
    /// Another machine keeps no copy. Its limit, or its fault.
    #[error("it keeps no copy: {0}")]
    Refused(Refusal),
    /// Another machine does not know this one, and keeps nothing for it.
    #[error("this machine was not added on that one")]
    NotAdded,
    /// A machine is no peer of itself. The caller's fault.
    #[error("that is this machine itself")]
    Itself,
    /// Nothing was published from this folder, so there is nothing to look at. The caller's fault, or files are lost.
    #[error("nothing was ever published from {}", .0.display())]
    NothingPublished(PathBuf),
    /// More machines than are kept track of.
    #[error("there are {MAX_PEERS} already")]
    TooManyPeers,
    /// A machine that was never added. The caller's fault.
    #[error("{0} is not one of this machine's peers")]
    NotKnown(Endpoint),
    /// What the process said that has the folder.
    #[error("{why}")]
    Told {
        /// What kind of error it was there.
        kind: Kind,
        /// The error and its causes.
        why: String,
    },
}

/// What kind of error it was, where it happened in another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// [`Error::InUse`]
    InUse,
    /// [`Error::Disk`] or [`Error::Store`]
    Disk,
    /// [`Error::Damaged`]
    Damaged,
    /// [`Error::Empty`]
    Empty,
    /// [`Error::Randomness`]
    Randomness,
    /// [`Error::Bind`] or [`Error::NoAddress`]
    Listen,
    /// [`Error::Unreachable`]
    Unreachable,
    /// [`Error::Broken`], [`Error::Stalled`] or [`Error::Slow`]
    BrokenOff,
    /// [`Error::NotHeld`]
    NotHeld,
    /// [`Error::NotOfThisHash`]
    NotOfThisHash,
    /// [`Error::NotKept`]
    NotKept,
    /// [`Error::TooLarge`]
    TooLarge,
    /// [`Error::Refused`] or [`Error::NotAdded`]
    Refused,
    /// [`Error::Itself`], [`Error::TooManyPeers`] or [`Error::NotKnown`]
    Peer,
    /// [`Error::NothingPublished`]
    NothingPublished,
    /// The process that has the folder is of another version.
    OtherVersion,
}

impl Error {
    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::InUse(_) => Kind::InUse,
            Self::Disk { .. } | Self::Store { .. } => Kind::Disk,
            Self::Damaged(_) => Kind::Damaged,
            Self::Empty(_) => Kind::Empty,
            Self::Randomness(_) => Kind::Randomness,
            Self::Bind { .. } | Self::NoAddress => Kind::Listen,
            Self::Unreachable(_) => Kind::Unreachable,
            Self::Broken(_) | Self::Stalled(_) | Self::Slow(_) => Kind::BrokenOff,
            Self::NotHeld => Kind::NotHeld,
            Self::NotOfThisHash(_) => Kind::NotOfThisHash,
            Self::NotKept(_) => Kind::NotKept,
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::Refused(_) | Self::NotAdded => Kind::Refused,
            Self::NothingPublished(_) => Kind::NothingPublished,
            Self::Itself | Self::TooManyPeers | Self::NotKnown(_) => Kind::Peer,
            Self::Told { kind, .. } => *kind,
        }
    }

    /// It and its causes, in a line.
    pub(crate) fn told(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            let cause_text = cause.to_string();
            if !text.ends_with(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            next = cause.source();
        }
        text
    }

    pub(crate) fn disk(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { what, path, source }
    }
}
