//! Sorted runs: the part of a look-up that is on disk.
//!
//! A run is a file of 4 KiB blocks of points, each block with its own checksum, followed by the first point
//! of every block. The latter is held in memory; its checksum stands in the snapshot.

use std::path::Path;
use std::sync::Arc;

use super::point::{Index, MAX_INDEX, POINT_LEN, Point, Query};
use crate::disk::{Disk, MODE_SHARED, Named};
use crate::error::{Corrupt, Damage, DiskError, Fault};

pub(crate) const BLOCK: usize = 4096;
const CHECKSUM: usize = 16;
/// Points of a full block: (4096 − 16 bytes of checksum − 2 of count) / 13.
pub(crate) const PER_BLOCK: usize = (BLOCK - CHECKSUM - 2) / POINT_LEN;
const COUNT_AT: usize = BLOCK - CHECKSUM - 2;
const WRITE_BLOCKS: usize = 64;
const BLOCK_CONTEXT: &str = "quorate v1 lookup block";
const FENCE_CONTEXT: &str = "quorate v1 lookup fences";

/// What the snapshot says of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunMeta {
    pub(crate) id: u64,
    pub(crate) points: u64,
    /// Over the id, the number of points and the first point of every block.
    pub(crate) fences: [u8; 32],
}

impl RunMeta {
    pub(crate) fn file_name(&self) -> String {
        file_name(self.id)
    }

    const fn blocks(&self) -> u64 {
        self.points.div_ceil(PER_BLOCK as u64)
    }
}

pub(crate) fn file_name(id: u64) -> String {
    format!("{id:016x}.run")
}

/// A run, open for reading.
#[derive(Debug)]
pub(crate) struct Run {
    file: Named,
    index: Index,
    meta: RunMeta,
    fences: Vec<Point>,
}

impl Run {
    /// Opens the run that `meta` describes.
    pub(crate) fn open(
        disk: &dyn Disk,
        dir: &Path,
        index: Index,
        meta: RunMeta,
    ) -> Result<Self, Fault> {
        let path = dir.join(meta.file_name());
        let Some(file) = Named::open_existing(disk, &path)? else {
            return Err(Corrupt::new(&path, 0, Damage::Missing).into());
        };
        let blocks = meta.blocks();
        let fences_at = blocks * BLOCK as u64;
        if file.len()? != fences_at + blocks * POINT_LEN as u64 {
            return Err(Corrupt::new(&path, fences_at, Damage::Short).into());
        }
        let mut bytes = vec![0; blocks as usize * POINT_LEN];
        file.read(&mut bytes, fences_at)?;
        if fences_checksum(index, meta.id, meta.points, &bytes) != meta.fences {
            return Err(Corrupt::new(&path, fences_at, Damage::Checksum).into());
        }
        let (points, _) = bytes.as_chunks::<POINT_LEN>();
        let fences = points.iter().map(Point::decode).collect();
        Ok(Self {
            file,
            index,
            meta,
            fences,
        })
    }

    pub(crate) const fn meta(&self) -> &RunMeta {
        &self.meta
    }

    /// Appends at most `query.limit` points that `query` wants to `out`, in order.
    pub(crate) fn collect(&self, query: &Query, out: &mut Vec<Point>) -> Result<(), Fault> {
        let mut left = query.limit;
        let first = self
            .fences
            .partition_point(|fence| *fence <= query.from)
            .saturating_sub(1);
        let mut block = Vec::new();
        for number in first..self.fences.len() {
            if left == 0 || self.fences[number].key > query.last_key {
                break;
            }
            self.read_block(number, &mut block)?;
            for point in block.iter().filter(|p| query.wants(**p)).take(left) {
                out.push(*point);
                left -= 1;
            }
        }
        Ok(())
    }

    /// Reads and checks one block.
    pub(crate) fn read_block(&self, number: usize, out: &mut Vec<Point>) -> Result<(), Fault> {
        let offset = number as u64 * BLOCK as u64;
        let mut bytes = [0; BLOCK];
        self.file.read(&mut bytes, offset)?;
        let bad = |damage| Fault::from(Corrupt::new(&self.file.path, offset, damage));
        let (body, sum) = bytes.split_at(BLOCK - CHECKSUM);
        if block_checksum(self.index, self.meta.id, number as u64, body) != sum {
            return Err(bad(Damage::Checksum));
        }
        let count = usize::from(u16::from_be_bytes([body[COUNT_AT], body[COUNT_AT + 1]]));
        let (points, _) = body[..COUNT_AT].as_chunks::<POINT_LEN>();
        let points = points.get(..count).ok_or_else(|| bad(Damage::Format))?;
        out.clear();
        out.extend(points.iter().map(Point::decode));
        // The fence is what the search went by.
        if out.first() != self.fences.get(number) {
            return Err(bad(Damage::Format));
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    pub(crate) fn blocks(&self) -> usize {
        self.fences.len()
    }
}

/// Writes a run, point by point in order.
#[derive(Debug)]
pub(crate) struct RunWriter {
    file: Named,
    index: Index,
    id: u64,
    points: u64,
    written: u64,
    block: Vec<u8>,
    buffer: Vec<u8>,
    fences: Vec<u8>,
}

impl RunWriter {
    pub(crate) fn create(
        disk: &dyn Disk,
        dir: &Path,
        index: Index,
        id: u64,
    ) -> Result<Self, DiskError> {
        Ok(Self {
            file: Named::create(disk, &dir.join(file_name(id)), MODE_SHARED)?,
            index,
            id,
            points: 0,
            written: 0,
            block: Vec::with_capacity(BLOCK),
            buffer: Vec::with_capacity(WRITE_BLOCKS * BLOCK),
            fences: Vec::new(),
        })
    }

    pub(crate) fn push(&mut self, point: Point) -> Result<(), DiskError> {
        debug_assert!(point.index < MAX_INDEX);
        if self.block.is_empty() {
            self.fences.extend_from_slice(&point.encode());
        }
        self.block.extend_from_slice(&point.encode());
        self.points += 1;
        if self.block.len() == PER_BLOCK * POINT_LEN {
            self.end_block()?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), DiskError> {
        let count = (self.block.len() / POINT_LEN) as u16;
        self.block.resize(COUNT_AT, 0);
        self.block.extend_from_slice(&count.to_be_bytes());
        let number = (self.fences.len() / POINT_LEN) as u64 - 1;
        let sum = block_checksum(self.index, self.id, number, &self.block);
        self.buffer.extend_from_slice(&self.block);
        self.buffer.extend_from_slice(&sum);
        self.block.clear();
        if self.buffer.len() >= WRITE_BLOCKS * BLOCK {
            self.write_out()?;
        }
        Ok(())
    }

    fn write_out(&mut self) -> Result<(), DiskError> {
        self.file.write(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Ends the run and makes its contents durable; its name is not, until the directory is synced.
    pub(crate) fn finish(mut self) -> Result<RunMeta, DiskError> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let fences = fences_checksum(self.index, self.id, self.points, &self.fences);
        self.buffer.extend_from_slice(&self.fences);
        self.write_out()?;
        self.file.sync_all()?;
        Ok(RunMeta {
            id: self.id,
            points: self.points,
            fences,
        })
    }
}

/// Reads runs from front to back as one sorted stream.
#[derive(Debug)]
pub(crate) struct Merged {
    cursors: Vec<RunCursor>,
}

#[derive(Debug)]
struct RunCursor {
    run: Arc<Run>,
    next_block: usize,
    block: Vec<Point>,
    at: usize,
}

impl RunCursor {
    fn peek(&mut self) -> Result<Option<Point>, Fault> {
        if self.at == self.block.len() {
            if self.next_block == self.run.blocks() {
                return Ok(None);
            }
            self.run.read_block(self.next_block, &mut self.block)?;
            self.next_block += 1;
            self.at = 0;
        }
        Ok(self.block.get(self.at).copied())
    }
}

impl Merged {
    pub(crate) fn new(runs: &[Arc<Run>]) -> Self {
        let cursors = runs
            .iter()
            .map(|run| RunCursor {
                run: Arc::clone(run),
                next_block: 0,
                block: Vec::new(),
                at: 0,
            })
            .collect();
        Self { cursors }
    }

    /// The next point. Few runs are merged at a time: a scan of their heads is as good as a heap.
    pub(crate) fn next(&mut self) -> Result<Option<Point>, Fault> {
        let mut least: Option<(Point, usize)> = None;
        for (i, cursor) in self.cursors.iter_mut().enumerate() {
            if let Some(point) = cursor.peek()?
                && least.is_none_or(|(p, _)| point < p)
            {
                least = Some((point, i));
            }
        }
        Ok(least.map(|(point, i)| {
            self.cursors[i].at += 1;
            point
        }))
    }
}

/// Ties a block to its place: a block of another run, or of another place, fails.
fn block_checksum(index: Index, id: u64, number: u64, body: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new_derive_key(BLOCK_CONTEXT);
    hasher.update(index.name().as_bytes());
    hasher.update(&id.to_be_bytes());
    hasher.update(&number.to_be_bytes());
    hasher.update(body);
    let mut out = [0; CHECKSUM];
    out.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM]);
    out
}

fn fences_checksum(index: Index, id: u64, points: u64, fences: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(FENCE_CONTEXT);
    hasher.update(index.name().as_bytes());
    hasher.update(&id.to_be_bytes());
    hasher.update(&points.to_be_bytes());
    hasher.update(fences);
    *hasher.finalize().as_bytes()
}
