//! Auditing a log: everything it serves, from the checkpoint's signatures down to each entry.
//!
//! The tree comes first (`tree`), then each entry is compared with its leaf hash in it. Memory does not grow with the
//! log: of each level one tile, and [`AT_ONCE`] bundles of at most 16,777,472 octets each.

use std::sync::Arc;

use axum::body::Bytes;
use futures_util::StreamExt as _;
use quorate_merkle::bundle::{self, BundleError, MAX_BUNDLE_LEN, MAX_ENTRY_LEN};
use quorate_merkle::{BundleId, Hash, TileId, bundles_for_size, leaf_hash, root_of_leaf_hashes};
use quorate_note::{MAX_NOTE_LEN, SignedCheckpoint, SignedCheckpointError, VerifiedCheckpoint};
use quorate_policy::{CheckpointRefused, Policy, Verdict};
use thiserror::Error;
use tokio::task::JoinHandle;

use super::fetch::{FetchError, Fetcher, Patience};
use super::place::Place;
use super::tree::{Tree, TreeError, fetch_tile};
use crate::outbound::TlsError;

/// Bundles that are read at once: at most 8 · 16,777,472 octets = 134 MB.
const AT_ONCE: usize = 8;

/// How deep an audit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// To the entries.
    Entries,
    /// To the leaf hashes. The entries are not read.
    Hashes,
}

/// A log that was audited: whatever its checkpoint commits to is served, and is what the checkpoint commits to.
///
/// Made by [`audit`] only. What it does not say: that others were shown the same, that it is the newest, or that what
/// the entries say is true.
#[derive(Debug)]
pub struct Audited {
    verdict: Verdict,
    depth: Depth,
    tiles: u64,
    entry_octets: u64,
}

impl Audited {
    /// The checkpoint, and what the policy says of it.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        self.verdict.checkpoint()
    }

    /// How deep it went.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Hash tiles that were read: all that the tree has.
    #[must_use]
    pub fn tiles(&self) -> u64 {
        self.tiles
    }

    /// Octets of the entries, without what frames them. 0 if they were not read.
    #[must_use]
    pub fn entry_octets(&self) -> u64 {
        self.entry_octets
    }
}

/// Why a log is not verified. Nothing was changed anywhere.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// TLS cannot be used. The environment's.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is nothing at the place.
    #[error("there is no {at}{}", question(meant.as_deref()))]
    NoCheckpoint {
        /// Address of the checkpoint.
        at: String,
        /// The address on the web that was meant, if that was no folder but looks like one.
        meant: Option<String>,
    },
    /// Reading failed; or an answer is longer than any could be, which is the log's fault.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What is at the place of the checkpoint is none.
    #[error("{at} is not a checkpoint: {source}")]
    Malformed {
        /// Its address.
        at: String,
        /// Why.
        source: SignedCheckpointError,
    },
    /// The policy does not accept it.
    #[error(transparent)]
    Refused(#[from] CheckpointRefused),
    /// The tiles do not lead to the checkpoint's root, or are not there.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// An entry bundle is not there.
    #[error("there is no {at}")]
    NoBundle {
        /// Its address.
        at: String,
    },
    /// An entry bundle is none.
    #[error("{at} is not an entry bundle: {source}")]
    Bundle {
        /// Its address.
        at: String,
        /// Why.
        source: BundleError,
    },
    /// An entry is not the one that the tree has at its place.
    #[error(
        "entry {index}, number {} in tile/{bundle}, is not the one that the tree has there: its leaf hash is {found}, and the tree has {expected}",
        index % 256
    )]
    Entry {
        /// Its index in the log.
        index: u64,
        /// The bundle it is in.
        bundle: BundleId,
        /// The hash of what the log serves.
        found: Hash,
        /// The leaf hash that leads to the root.
        expected: Hash,
    },
    /// The program is stopping.
    #[error("the audit was interrupted")]
    Interrupted,
}

fn question(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"))
}

impl AuditError {
    /// Whether the network, the disk or the server failed: the same may work later, and nothing is known of the log.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Tls(_) | Self::NoCheckpoint { .. } | Self::Interrupted => true,
            Self::Fetch(error) | Self::Tree(TreeError::Fetch(error)) => error.is_environment(),
            _ => false,
        }
    }
}

/// Reads the newest checkpoint of a log. Nothing of it is verified.
pub(super) async fn checkpoint(
    fetcher: &Fetcher,
    place: &Place,
) -> Result<SignedCheckpoint, AuditError> {
    let at = || place.below("checkpoint");
    let note = fetcher.get(place, "checkpoint", MAX_NOTE_LEN).await?;
    let note = note.ok_or_else(|| AuditError::NoCheckpoint {
        at: at(),
        meant: place.meant(),
    })?;
    SignedCheckpoint::parse(&note).map_err(|source| AuditError::Malformed { at: at(), source })
}

/// Audits the log at a place: signatures and quorum of its newest checkpoint, then everything under it. `progress` is
/// told how many of how many entries are done. The log may grow meanwhile: what is audited is that checkpoint.
///
/// # Errors
/// [`AuditError`] names the first thing that does not fit.
pub async fn audit(
    place: &Place,
    policy: &Policy,
    depth: Depth,
    progress: impl Fn(u64, u64),
) -> Result<Audited, AuditError> {
    let fetcher = Arc::new(Fetcher::new(Patience::default(), place.needs_tls())?);
    let (checkpoint, verdict) = policy.verify(checkpoint(&fetcher, place).await?)?;
    let size = checkpoint.checkpoint().size();
    let mut tree = Tree::open(&fetcher, place, checkpoint.checkpoint()).await?;
    let mut parts = futures_util::stream::iter(bundles_for_size(size))
        .map(|id| Part::start(Arc::clone(&fetcher), place.clone(), id, depth))
        .buffered(AT_ONCE);
    let (mut done, mut entry_octets) = (0, 0);
    progress(done, size);
    while let Some(part) = parts.next().await {
        let part = part?;
        let leaves = match part.tile {
            Some(tile) => {
                tree.check(part.id.tile(), &tile.root).await?;
                tile.hashes.into()
            }
            None => tree.tile(0, part.id.index()).await?,
        };
        if let Some(entries) = part.entries {
            compare(part.id, &entries.leaves, &leaves)?;
            entry_octets += entries.octets;
        }
        done += u64::from(part.id.width());
        progress(done, size);
    }
    Ok(Audited {
        verdict,
        depth,
        tiles: tree.tiles(),
        entry_octets,
    })
}

/// Names the first entry that is not the tree's.
fn compare(bundle: BundleId, found: &[Hash], expected: &[Hash]) -> Result<(), AuditError> {
    for (index, (found, expected)) in (bundle.first_entry()..).zip(found.iter().zip(expected)) {
        if found != expected {
            return Err(AuditError::Entry {
                index,
                bundle,
                found: *found,
                expected: *expected,
            });
        }
    }
    Ok(())
}

/// A stretch of a log as it was served: up to 256 entries and, where it is full, the tile of their leaf hashes. The
/// hashes lead nowhere yet.
struct Part {
    id: BundleId,
    tile: Option<Tile>,
    entries: Option<Entries>,
}

struct Tile {
    hashes: Vec<Hash>,
    root: Hash,
}

struct Entries {
    leaves: Vec<Hash>,
    octets: u64,
}

impl Part {
    /// Reads and hashes on a task of its own, so that all cores take part.
    async fn start(
        fetcher: Arc<Fetcher>,
        place: Place,
        id: BundleId,
        depth: Depth,
    ) -> Result<Self, AuditError> {
        let mut task = Task(tokio::spawn(async move {
            // The partial one at the edge was read with the tree.
            let tile = if id.is_full() {
                Some(Tile::read(&fetcher, &place, id.tile()).await?)
            } else {
                None
            };
            let entries = match depth {
                Depth::Entries => Some(Entries::read(&fetcher, &place, id).await?),
                Depth::Hashes => None,
            };
            Ok(Self { id, tile, entries })
        }));
        match (&mut task.0).await {
            Ok(part) => part,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_stopping) => Err(AuditError::Interrupted),
            },
        }
    }
}

/// A task that ends with who waits for it.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tile {
    async fn read(fetcher: &Fetcher, place: &Place, id: TileId) -> Result<Self, TreeError> {
        let hashes = fetch_tile(fetcher, place, id).await?;
        let root = root_of_leaf_hashes(&hashes);
        Ok(Self { hashes, root })
    }
}

impl Entries {
    /// A bundle, or its beginning from the full bundle where the partial one is gone.
    async fn read(fetcher: &Fetcher, place: &Place, id: BundleId) -> Result<Self, AuditError> {
        let path = format!("tile/{id}");
        let longest = usize::from(id.width()) * (2 + MAX_ENTRY_LEN);
        if let Some(octets) = fetcher.get(place, &path, longest).await? {
            return Self::of(id, &octets, place.below(&path));
        }
        let at = place.below(&path);
        let full = id.tile().to_full().filter(|_| !id.is_full());
        let Some(full) = full.and_then(|t| BundleId::new(t.index(), t.width()).ok()) else {
            return Err(AuditError::NoBundle { at });
        };
        let path = format!("tile/{full}");
        let octets = fetcher.get(place, &path, MAX_BUNDLE_LEN).await?;
        let octets = octets.ok_or(AuditError::NoBundle { at })?;
        Self::of(id, beginning(id, &octets), place.below(&path))
    }

    fn of(id: BundleId, octets: &[u8], at: String) -> Result<Self, AuditError> {
        let entries = bundle::decode_bundle(&id, octets)
            .map_err(|source| AuditError::Bundle { at, source })?;
        Ok(Self {
            octets: entries.iter().map(|entry| entry.len() as u64).sum(),
            leaves: entries.into_iter().map(leaf_hash).collect(),
        })
    }
}

/// As much of a full bundle as `id` has entries; what follows is not under the checkpoint.
fn beginning(id: BundleId, octets: &Bytes) -> &[u8] {
    let mut rest: &[u8] = octets;
    for _ in 0..id.width() {
        let Some((_, after)) = bundle::split_entry(rest) else {
            return octets;
        };
        rest = after;
    }
    octets.get(..octets.len() - rest.len()).unwrap_or(octets)
}
