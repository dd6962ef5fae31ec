//! Whether another machine has a blob, by random pieces of it.

use std::collections::BTreeSet;

use iroh::endpoint::Connection;
use iroh_blobs::Hash;
use iroh_blobs::get::request::get_verified_size;
use iroh_blobs::get::{GetError, fsm};
use iroh_blobs::protocol::{ChunkRanges, ChunkRangesExt as _, ChunkRangesSeq, GetRequest};
use tokio::time::timeout;

use crate::error::Error;
use crate::place::PIECE;
use crate::transfer::{STALL, deadline, gave_up};

/// What became of the question.
#[derive(Debug)]
pub(crate) enum Probed {
    /// So many bytes came, and belong to the hash.
    Proven(u64),
    /// It has nothing of it, or says so.
    Missing,
    /// It has some, and could not send what it was asked for.
    Damaged,
    /// It sent bytes that do not belong to the hash.
    WrongBytes,
    /// The connection failed.
    Failed(Error),
}

/// Asks for the last piece, which proves the size, and for `samples` others that nobody can foresee; for all if there
/// are no more. Nothing is kept.
pub(crate) async fn probe(connection: &Connection, hash: Hash, samples: u32) -> Probed {
    let size = match timeout(STALL, get_verified_size(connection, &hash)).await {
        Err(_) => return Probed::Failed(Error::Stalled(STALL.as_secs())),
        Ok(Err(e)) => return judged(e),
        Ok(Ok((size, _))) => size,
    };
    let (ranges, expected) = match choose(size, samples) {
        Ok(chosen) => chosen,
        Err(e) => return Probed::Failed(e),
    };
    let limit = deadline(expected);
    let received = timeout(limit, received(connection, hash, ranges)).await;
    let Ok(received) = received else {
        return Probed::Failed(Error::Slow(limit.as_secs()));
    };
    match received {
        Err(Some(e)) => judged(e),
        Err(None) => Probed::Failed(Error::Stalled(STALL.as_secs())),
        // The decoder ends with the ranges: fewer bytes would be a defect of ours, and are no proof.
        Ok(octets) if octets != expected => Probed::Damaged,
        Ok(octets) => Probed::Proven(octets),
    }
}

/// Pieces that nobody can foresee, and how many bytes they are.
fn choose(size: u64, samples: u32) -> Result<(ChunkRanges, u64), Error> {
    let groups = size.div_ceil(PIECE);
    if u64::from(samples) >= groups {
        return Ok((ChunkRanges::all(), size));
    }
    let mut chosen = BTreeSet::new();
    while chosen.len() < samples as usize {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| Error::Randomness(e.into()))?;
        // The high word of the product is uniform up to a bias of groups / 2^64.
        let wide = u128::from(u64::from_le_bytes(random)) * u128::from(groups);
        chosen.insert((wide >> 64) as u64);
    }
    let mut ranges = ChunkRanges::empty();
    let mut octets = 0;
    for group in chosen {
        let (start, end) = (group * PIECE, ((group + 1) * PIECE).min(size));
        ranges |= ChunkRanges::bytes(start..end);
        octets += end - start;
    }
    Ok((ranges, octets))
}

/// Bytes that came, each of them verified. None for silence.
async fn received(
    connection: &Connection,
    hash: Hash,
    ranges: ChunkRanges,
) -> Result<u64, Option<GetError>> {
    let request = GetRequest::new(hash, ChunkRangesSeq::from_ranges([ranges]));
    let asked = fsm::start(connection.clone(), request, Default::default());
    let silent = |_| None;
    let connected = timeout(STALL, asked.next()).await.map_err(silent)?;
    let connected = connected.map_err(|e| Some(e.into()))?;
    let next = timeout(STALL, connected.next()).await.map_err(silent)?;
    let fsm::ConnectedNext::StartRoot(root) = next.map_err(|e| Some(e.into()))? else {
        return Ok(0);
    };
    let header = timeout(STALL, root.next().next()).await.map_err(silent)?;
    let (mut content, _) = header.map_err(|e| Some(e.into()))?;
    loop {
        match timeout(STALL, content.next()).await.map_err(silent)? {
            fsm::BlobContentNext::More((next, item)) => {
                item.map_err(|e| Some(e.into()))?;
                content = next;
            }
            fsm::BlobContentNext::Done(end) => {
                let fsm::EndBlobNext::Closing(closing) = end.next() else {
                    return Ok(0);
                };
                let stats = timeout(STALL, closing.next()).await.map_err(silent)?;
                return Ok(stats
                    .map_err(|e| Some(e.into()))?
                    .counters
                    .payload_bytes_read);
            }
        }
    }
}

/// Whose fault it is, as far as it can be told from here.
fn judged(error: GetError) -> Probed {
    use fsm::{AtBlobHeaderNextError, DecodeError};
    let gave_up = gave_up(&error);
    match error {
        GetError::AtBlobHeaderNext { .. } if gave_up => Probed::Missing,
        _ if gave_up => Probed::Damaged,
        GetError::AtBlobHeaderNext {
            source: AtBlobHeaderNextError::NotFound { .. },
            ..
        } => Probed::Missing,
        GetError::Decode { source, .. } => match source {
            DecodeError::ParentHashMismatch { .. } | DecodeError::LeafHashMismatch { .. } => {
                Probed::WrongBytes
            }
            DecodeError::ChunkNotFound { .. }
            | DecodeError::ParentNotFound { .. }
            | DecodeError::LeafNotFound { .. } => Probed::Damaged,
            other => Probed::Failed(Error::Broken(other.into())),
        },
        other => Probed::Failed(Error::Broken(other.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_asked_for_are_whole_groups_within_the_size_and_not_the_same_ones_again() {
        let size = 1000 * PIECE + 5;
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            let (ranges, octets) = choose(size, 8).unwrap();
            assert!((7 * PIECE + 5..=8 * PIECE).contains(&octets), "{octets}");
            assert!(ChunkRanges::bytes(..size).is_superset(&ranges));
            seen.insert(format!("{ranges:?}"));
        }
        assert!(seen.len() > 190, "{}", seen.len());
        assert_eq!(choose(size, 1001).unwrap(), (ChunkRanges::all(), size));
        assert_eq!(choose(5, 1).unwrap(), (ChunkRanges::all(), 5));
        let (ranges, octets) = choose(size, 1000).unwrap();
        assert!(octets == 1000 * PIECE || octets == 999 * PIECE + 5);
        assert_ne!(ranges, ChunkRanges::all());
    }
}
