//! Reading a journal: which records count, what is damaged, and where the last one ends.

use std::path::Path;
use std::sync::Arc;

use super::lanes::{self, Copy, Lane, in_file};
use crate::disk::Disk;
use crate::error::{Corrupt, Damage, Fault};
use crate::frame::{Frame, Place};
use crate::seal::{BASE, Base, Cursors, Position, SEAL, Seal, apply_cursors, chain};

/// What a journal says, read without changing it.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) base: Base,
    pub(crate) seals: Vec<Seal>,
    /// Where in its lanes the last record begins.
    pub(super) last: u64,
    /// Where it ends.
    pub(super) end: u64,
    /// Where the base record ends.
    pub(super) base_end: u64,
    /// Up to here both lanes have room.
    pub(super) allocated: u64,
    /// Offset of the first damaged copy of a record whose other copy is whole, or of a block that cannot be
    /// read where nothing stands by the other lane.
    pub(crate) damaged_copy: Option<u64>,
    /// End of the longer lane, if something other than zeros follows the last record.
    pub(super) dirty_to: Option<u64>,
    /// The last record's kind and payload.
    pub(super) last_record: (u8, Vec<u8>),
    pub(crate) cursors: Arc<Cursors>,
    pub(super) chain: [u8; 32],
    pub(super) seq: u64,
}

/// A record that counts.
struct Record<'a, T> {
    frame: Frame<'a>,
    says: T,
    /// Offset of its damaged copy.
    damaged: Option<u64>,
}

impl Scan {
    /// Where the record stands by this journal.
    pub(crate) fn position(&self) -> Position {
        self.seals.last().map_or(self.base.position, |s| s.after)
    }

    /// Offset in the file of the end of the last record.
    pub(crate) fn end_in_file(&self) -> u64 {
        first_copy(self.end)
    }

    /// Whether nothing was ever sealed by this journal or by the ones it continues.
    pub(crate) fn is_pristine(&self) -> bool {
        let position = self.position();
        (self.seq, position.size, position.bytes) == (0, 0, 0) && self.cursors.is_empty()
    }

    /// Reads the journal at `path`, of the scroll with this fingerprint.
    pub(crate) fn read(disk: &dyn Disk, path: &Path, spec: &[u8; 32]) -> Result<Self, Fault> {
        let lanes = lanes::read(disk, path)?;
        let base = base(&lanes, path)?;
        if base.says.spec != *spec {
            return Err(Corrupt::new(path, 0, Damage::Foreign).into());
        }
        Ok(Self::after(base, &lanes, path)?)
    }

    /// As [`Scan::read`], of whichever scroll the journal is.
    pub(crate) fn read_any(disk: &dyn Disk, path: &Path) -> Result<Self, Fault> {
        let lanes = lanes::read(disk, path)?;
        Ok(Self::after(base(&lanes, path)?, &lanes, path)?)
    }

    pub(crate) fn parse(bytes: &[u8], path: &Path, spec: &[u8; 32]) -> Result<Self, Corrupt> {
        let lanes = lanes::split(bytes, &[]);
        let base = base(&lanes, path)?;
        if base.says.spec != *spec {
            return Err(Corrupt::new(path, 0, Damage::Foreign));
        }
        Self::after(base, &lanes, path)
    }

    fn after(base: Record<'_, Base>, lanes: &[Lane; 2], path: &Path) -> Result<Self, Corrupt> {
        let end = base.frame.len as u64;
        let payload = base.frame.payload.to_vec();
        let base_damaged = base.damaged;
        let base = base.says;
        let mut scan = Self {
            seals: Vec::new(),
            last: 0,
            end,
            base_end: end,
            allocated: 0,
            damaged_copy: base_damaged,
            dirty_to: None,
            last_record: (BASE, payload),
            cursors: Arc::new(base.cursors.clone()),
            chain: base.chain,
            seq: base.seq,
            base,
        };
        while let Some(record) = scan.next(lanes, path)? {
            let seal = record.says;
            scan.chain = chain(record.frame.payload);
            scan.seq = seal.seq;
            apply_cursors(&mut scan.cursors, &seal.cursors);
            scan.damaged_copy = scan.damaged_copy.or(record.damaged);
            scan.last_record = (SEAL, record.frame.payload.to_vec());
            scan.last = scan.end;
            scan.end += record.frame.len as u64;
            scan.seals.push(seal);
        }
        let strays = scan.nothing_more(lanes, path)?;
        let unreadable = || lanes.iter().find_map(Lane::first_unreadable);
        scan.damaged_copy = scan.damaged_copy.or(strays).or_else(unreadable);
        let [first, second] = lanes;
        scan.allocated = first.len().min(second.len());
        let dirty = lanes.iter().any(|lane| !lane.is_clean(scan.end));
        scan.dirty_to = dirty.then(|| first.len().max(second.len()));
        Ok(scan)
    }

    /// The seal that comes next, by either of its copies. `None` when no copy is one.
    fn next<'a>(
        &self,
        lanes: &'a [Lane; 2],
        path: &Path,
    ) -> Result<Option<Record<'a, Seal>>, Corrupt> {
        let copies = lanes.each_ref().map(|lane| {
            let Copy::Whole(frame) = lane.copy(self.end, &self.base.spec) else {
                return None;
            };
            let seal = Seal::decode(frame.payload).filter(|_| frame.kind == SEAL)?;
            let follows = seal.follows(&self.chain, self.seq, &self.position());
            follows.then_some((frame, seal))
        });
        one_of(copies, self.end).map_err(|at| Corrupt::new(path, at, Damage::Chain))
    }

    /// Makes sure that no record stands at the end or after it. Returns the offset of a frame that is there
    /// but does not belong there, which is one lane's damage.
    ///
    /// A frame with a later sequence number, in whichever lane and place, says that seals were lost. Else the
    /// lane that is in order is believed: what counts stands in both.
    fn nothing_more(&self, lanes: &[Lane; 2], path: &Path) -> Result<Option<u64>, Corrupt> {
        let refused = |damage| Corrupt::new(path, first_copy(self.end), damage);
        let mut strays = [false; 2];
        for (lane, stray) in lanes.iter().zip(&mut strays) {
            for frame in lane.frames(self.end, &self.base.spec) {
                if sequence(&frame).is_none_or(|seq| seq > self.seq) {
                    return Err(refused(Damage::Chain));
                }
                *stray = true;
            }
        }
        if strays == [true; 2] {
            return Err(refused(Damage::Chain));
        }
        let copies = lanes
            .each_ref()
            .map(|lane| lane.copy(self.end, &self.base.spec));
        for (lane, pair) in lanes.iter().zip([copies, [copies[1], copies[0]]]) {
            if pair[0] == Copy::Unreadable && pair[1] != Copy::Blank {
                let at = in_file(lane.place(self.end));
                return Err(Corrupt::new(path, at, Damage::Unreadable));
            }
        }
        let stray = lanes.iter().zip(strays).find(|(_, stray)| *stray);
        Ok(stray.map(|(lane, _)| in_file(lane.place(self.end))))
    }
}

/// Offset in the file of the first copy of the record at `at`.
const fn first_copy(at: u64) -> u64 {
    in_file(Place { lane: 0, at })
}

/// The base record, by either of its copies.
fn base<'a>(lanes: &'a [Lane; 2], path: &Path) -> Result<Record<'a, Base>, Corrupt> {
    let copies = lanes.each_ref().map(|lane| {
        let Copy::Whole(frame) = lane.base() else {
            return None;
        };
        let base = Base::decode(frame.payload).filter(|_| frame.kind == BASE)?;
        Some((frame, base))
    });
    let found = one_of(copies, 0).map_err(|at| Corrupt::new(path, at, Damage::Chain))?;
    found.ok_or_else(|| {
        let unreadable = lanes.iter().find(|l| l.base() == Copy::Unreadable);
        match unreadable {
            Some(lane) => Corrupt::new(path, in_file(lane.place(0)), Damage::Unreadable),
            None if lanes.iter().any(Lane::is_other_version) => {
                Corrupt::new(path, 0, Damage::Version)
            }
            None => Corrupt::new(path, 0, Damage::Checksum),
        }
    })
}

/// What the copies of the record at `at` say. An error, with an offset, when they contradict each other.
fn one_of<T>(copies: [Option<(Frame<'_>, T)>; 2], at: u64) -> Result<Option<Record<'_, T>>, u64> {
    let (frame, says, damaged) = match copies {
        [Some((a, says)), Some((b, _))] if a.payload == b.payload => (a, says, None),
        [Some(_), Some(_)] => return Err(first_copy(at)),
        [Some((a, says)), None] => (a, says, Some(in_file(Place { lane: 1, at }))),
        [None, Some((b, says))] => (b, says, Some(first_copy(at))),
        [None, None] => return Ok(None),
    };
    Ok(Some(Record {
        frame,
        says,
        damaged,
    }))
}

/// The sequence number that a record carries.
fn sequence(frame: &Frame<'_>) -> Option<u64> {
    match frame.kind {
        BASE => Base::decode(frame.payload).map(|base| base.seq),
        SEAL => Seal::decode(frame.payload).map(|seal| seal.seq),
        _ => None,
    }
}
