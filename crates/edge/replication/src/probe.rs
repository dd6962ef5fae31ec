//! Whether another machine has a blob, by random pieces of it.

use std::collections::BTreeSet;

use iroh::endpoint::Connection;
use iroh_blobs::Hash;
use iroh_blobs::get::{GetError, fsm};
use iroh_blobs::protocol::{ChunkRanges, ChunkRangesExt as _, ChunkRangesSeq, GetRequest};

use crate::error::Error;
use crate::fault::{Fault, next, whole};
use crate::place::PIECE;
use crate::transfer::proven_size;

/// Asks for the last piece, which proves the size, and for `samples` others that nobody can foresee; for all if there
/// are no more. Nothing is kept. So many bytes came, and belong to the hash.
pub(crate) async fn probe(connection: &Connection, hash: Hash, samples: u32) -> Result<u64, Fault> {
    let size = proven_size(connection, hash).await?;
    let (ranges, expected) = choose(size, samples)?;
    match whole(expected, received(connection, hash, ranges)).await? {
        octets if octets == expected => Ok(octets),
        // The decoder ends with the ranges: fewer bytes would be a defect of ours, and are no proof.
        _ => Err(Fault::Damaged),
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

/// Bytes that came, each of them verified.
async fn received(connection: &Connection, hash: Hash, ranges: ChunkRanges) -> Result<u64, Fault> {
    let request = GetRequest::new(hash, ChunkRangesSeq::from_ranges([ranges]));
    let asked = fsm::start(connection.clone(), request, Default::default());
    let connected = next(asked.next()).await?.map_err(GetError::from)?;
    let begun = next(connected.next()).await?.map_err(GetError::from)?;
    let fsm::ConnectedNext::StartRoot(root) = begun else {
        return Ok(0);
    };
    let (mut content, _) = next(root.next().next()).await?.map_err(GetError::from)?;
    loop {
        match next(content.next()).await? {
            fsm::BlobContentNext::More((more, item)) => {
                item.map_err(GetError::from)?;
                content = more;
            }
            fsm::BlobContentNext::Done(end) => {
                let fsm::EndBlobNext::Closing(closing) = end.next() else {
                    return Ok(0);
                };
                let stats = next(closing.next()).await?.map_err(GetError::from)?;
                return Ok(stats.counters.payload_bytes_read);
            }
        }
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
