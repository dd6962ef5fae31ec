//! The two lanes of a journal: where they lie in the file, and what stands in them.

use std::ops::Range;
use std::path::Path;

use crate::disk::{BLOCK, Disk, Named};
use crate::error::{Corrupt, Damage, Fault};
use crate::frame::{self, Frame, Place};

/// The lanes take turns in the file, in extents of this many bytes: more than any block or page that storage
/// commonly loses in one piece.
pub(crate) const EXTENT: u64 = 64 << 10;

/// A journal is compacted long before each lane has 64 MiB; a larger file is not one of ours.
const MAX_JOURNAL: u64 = 128 << 20;

/// Where in the file a place of a lane is.
///
/// The order of the extents is 0 1, 1 0, 0 1, …: where one ends and the next begins, they are of one lane, or
/// the places in their lanes are an extent apart. So bytes that are neighbours in the file are not the two
/// copies of one record either, unless that record is nearly as long as an extent.
pub(crate) const fn in_file(place: Place) -> u64 {
    let turn = place.at / EXTENT;
    let extent = 2 * turn + (place.lane as u64 ^ (turn & 1));
    extent * EXTENT + place.at % EXTENT
}

/// Which lane an extent of the file belongs to.
const fn lane_of(extent: u64) -> usize {
    ((extent ^ (extent / 2)) & 1) as usize
}

/// The pieces of `len` bytes of a lane from `at` on that lie together in the file.
pub(crate) fn pieces(at: u64, len: usize) -> impl Iterator<Item = Range<u64>> {
    let end = at + len as u64;
    let next = move |from: u64| (from / EXTENT + 1).saturating_mul(EXTENT).min(end);
    std::iter::successors(Some(at), move |from| Some(next(*from)))
        .take_while(move |from| *from < end)
        .map(move |from| from..next(from))
}

/// What stands in one lane at a place where a record may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copy<'a> {
    /// A whole frame that was written to this place.
    Whole(Frame<'a>),
    /// Nothing was begun.
    Blank,
    /// Something that is no frame of this place: not finished, or damaged.
    Other,
    /// The disk does not say.
    Unreadable,
}

/// One lane, in one piece.
#[derive(Debug, Default)]
pub(super) struct Lane {
    number: u8,
    bytes: Vec<u8>,
    /// What could not be read; zeros stand for it in `bytes`.
    unreadable: Vec<Range<u64>>,
}

impl Lane {
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn from(&self, at: u64) -> &[u8] {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.bytes.get(at..).unwrap_or_default()
    }

    /// The copy at `at` of a record of the scroll with this fingerprint.
    pub(super) fn copy(&self, at: u64, scroll: &[u8; 32]) -> Copy<'_> {
        let bytes = self.from(at);
        match frame::decode(bytes, scroll) {
            Some(frame) if frame.place == self.place(at) => Copy::Whole(frame),
            _ if self.is_unreadable(at, frame::span(bytes) as u64) => Copy::Unreadable,
            _ if frame::is_blank(bytes) => Copy::Blank,
            _ => Copy::Other,
        }
    }

    /// The copy of the base record, which names its scroll itself.
    pub(super) fn base(&self) -> Copy<'_> {
        let claimed = frame::unchecked(&self.bytes).and_then(|frame| frame.payload.first_chunk());
        self.copy(0, claimed.unwrap_or(&[0; 32]))
    }

    /// The frames of this scroll that begin at `at` or after it, wherever they were written to.
    pub(super) fn frames<'a>(
        &'a self,
        at: u64,
        scroll: &'a [u8; 32],
    ) -> impl Iterator<Item = Frame<'a>> {
        let rest = self.from(at);
        (0..rest.len())
            .step_by(frame::ALIGN)
            .filter_map(move |skip| frame::decode(&rest[skip..], scroll))
    }

    /// Whether only zeros follow.
    pub(super) fn is_clean(&self, at: u64) -> bool {
        self.from(at).iter().all(|b| *b == 0)
    }

    pub(super) fn is_other_version(&self) -> bool {
        frame::is_other_version(&self.bytes)
    }

    pub(super) fn place(&self, at: u64) -> Place {
        Place {
            lane: self.number,
            at,
        }
    }

    fn is_unreadable(&self, at: u64, len: u64) -> bool {
        let hit = |lost: &Range<u64>| lost.start < at + len && at < lost.end;
        self.unreadable.iter().any(hit)
    }

    /// Where in the file the first block is that could not be read.
    pub(super) fn first_unreadable(&self) -> Option<u64> {
        let first = self.unreadable.first()?;
        Some(in_file(self.place(first.start)))
    }
}

/// Reads the journal at `path`. Blocks that the disk does not give back are told from what it does.
pub(super) fn read(disk: &dyn Disk, path: &Path) -> Result<[Lane; 2], Fault> {
    let Some(file) = Named::open_existing(disk, path)? else {
        return Err(Corrupt::new(path, 0, Damage::Missing).into());
    };
    let len = file.len()?;
    if len > MAX_JOURNAL {
        return Err(Corrupt::new(path, MAX_JOURNAL, Damage::Format).into());
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    if is_read(file.read(&mut bytes, 0))? {
        return Ok(split(&bytes, &[]));
    }
    let mut unreadable = Vec::new();
    for (number, block) in (0..).zip(bytes.chunks_mut(BLOCK as usize)) {
        if !is_read(file.read(block, number * BLOCK))? {
            block.fill(0);
            unreadable.push(number * BLOCK);
        }
    }
    Ok(split(&bytes, &unreadable))
}

fn is_read(read: Result<(), Fault>) -> Result<bool, Fault> {
    match read {
        Ok(()) => Ok(true),
        Err(Fault::Corrupt(damage)) if damage.damage == Damage::Unreadable => Ok(false),
        Err(other) => Err(other),
    }
}

/// Takes a file's bytes apart. `unreadable` are the offsets of blocks.
pub(super) fn split(bytes: &[u8], unreadable: &[u64]) -> [Lane; 2] {
    let mut lanes = [Lane::default(), Lane::default()];
    lanes[1].number = 1;
    for (extent, chunk) in (0..).zip(bytes.chunks(EXTENT as usize)) {
        lanes[lane_of(extent)].bytes.extend_from_slice(chunk);
    }
    for offset in unreadable {
        let at = offset / (2 * EXTENT) * EXTENT + offset % EXTENT;
        lanes[lane_of(offset / EXTENT)]
            .unreadable
            .push(at..at + BLOCK);
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_lane_comes_back_from_its_place_in_the_file() {
        let file: Vec<u8> = (0..5 * EXTENT + 100)
            .map(|i| (i * 31 / 128) as u8)
            .collect();
        for lane in split(&file, &[]) {
            for at in (0..lane.len()).step_by(997) {
                let offset = in_file(lane.place(at)) as usize;
                assert_eq!(file[offset], lane.bytes[at as usize]);
            }
        }
    }

    #[test]
    fn no_extent_holds_bytes_of_both_lanes_and_pieces_stay_in_one() {
        let at = 3 * EXTENT - 10;
        let found: Vec<_> = pieces(at, EXTENT as usize + 20).collect();
        assert_eq!(
            found,
            [
                at..3 * EXTENT,
                3 * EXTENT..4 * EXTENT,
                4 * EXTENT..4 * EXTENT + 10
            ]
        );
        assert_eq!(pieces(5, 0).count(), 0);
        for piece in found {
            for lane in 0..2 {
                let file = |at| in_file(Place { lane, at });
                let len = piece.end - piece.start;
                assert_eq!(file(piece.end - 1) - file(piece.start), len - 1);
                assert_eq!(lane_of(file(piece.start) / EXTENT), usize::from(lane));
            }
        }
    }

    #[test]
    fn what_lies_side_by_side_in_the_file_is_of_one_lane_or_far_apart() {
        let bytes = vec![0; 9 * EXTENT as usize];
        let lanes = split(&bytes, &[]);
        let mut place_of = vec![None; bytes.len()];
        for lane in &lanes {
            for at in 0..lane.len() {
                place_of[in_file(lane.place(at)) as usize] = Some(lane.place(at));
            }
        }
        let near = |a: Place, b: Place| a.at.abs_diff(b.at) < EXTENT - BLOCK;
        for (a, b) in place_of.iter().zip(&place_of[BLOCK as usize..]) {
            let (a, b) = (a.unwrap(), b.unwrap());
            assert!(a.lane == b.lane || !near(a, b), "{a:?} {b:?}");
        }
    }
}
