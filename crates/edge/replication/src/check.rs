//! Whether files are what their hash says: read from the disk, by path, each time.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bao_tree::io::outboard::PreOrderOutboard;
use bao_tree::io::sync::valid_ranges;
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};
use iroh_blobs::Hash;

use crate::error::Error;
use crate::hash::ContentHash;
use crate::place::{PIECE, Place};

/// What a blob's files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Every byte and its tree belong to the hash; so many bytes.
    Whole(u64),
    /// Some do not, or the end or the tree is missing.
    Damaged,
    /// There is no file.
    Missing,
}

/// Reads a blob's bytes and its tree in full.
///
/// The store is not asked: it keeps files open for whoever reads them, and would go on with one that has no name any more.
pub(crate) fn check(place: &Place, hash: Hash) -> Result<Found, Error> {
    let path = place.data(hash);
    let data = match File::open(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        data => data.map_err(Error::disk("read", &path))?,
    };
    let size = data.metadata().map_err(Error::disk("read", &path))?.len();
    let whole = match size > PIECE {
        false => is_of(&data, hash),
        true => with_tree(&data, size, &place.tree(hash), hash),
    };
    match whole.map_err(Error::disk("read", &path))? {
        true => Ok(Found::Whole(size)),
        false => Ok(Found::Damaged),
    }
}

fn is_of(data: &File, hash: Hash) -> io::Result<bool> {
    let mut bytes = Vec::new();
    data.take(PIECE + 1).read_to_end(&mut bytes)?;
    Ok(blake3::hash(&bytes).as_bytes() == hash.as_bytes())
}

fn with_tree(data: &File, size: u64, tree: &Path, hash: Hash) -> io::Result<bool> {
    let outboard = match File::open(tree) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        outboard => outboard?,
    };
    let outboard = PreOrderOutboard {
        root: (*hash.as_bytes()).into(),
        // Chunk groups of 16 KiB.
        tree: BaoTree::new(size, BlockSize::from_chunk_log(4)),
        data: &outboard,
    };
    let mut valid = ChunkRanges::empty();
    for range in valid_ranges(outboard, data, &ChunkRanges::all()) {
        match range {
            Ok(range) => valid |= ChunkRanges::from(range),
            // The tree is cut short.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(e) => return Err(e),
        }
    }
    Ok(valid.is_superset(&ChunkRanges::from(..ChunkNum::chunks(size))))
}

/// A file whose end is only reached if it was the file of its hash: another one is an error of the kind
/// [`io::ErrorKind::InvalidData`] in place of the end.
///
/// Whoever acts on what was read only after the end acts on the bytes of the hash.
#[derive(Debug)]
pub struct Checked<R> {
    inner: R,
    hasher: Box<blake3::Hasher>,
    hash: ContentHash,
}

impl<R: Read> Checked<R> {
    pub(crate) fn new(inner: R, hash: ContentHash) -> Self {
        Self {
            inner,
            hasher: Box::new(blake3::Hasher::new()),
            hash,
        }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        let ended = read == 0 && !buffer.is_empty();
        if ended && self.hasher.finalize().as_bytes() != self.hash.as_bytes() {
            let why = "the file does not belong to its hash";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_reached_only_by_the_bytes_of_the_hash() {
        let bytes = vec![7; 100_000];
        let hash = ContentHash::from(*blake3::hash(&bytes).as_bytes());
        let mut read = Vec::new();
        let mut good = Checked::new(&*bytes, hash);
        assert_eq!(good.read_to_end(&mut read).unwrap(), 100_000);
        let longer = [bytes.as_slice(), b" "].concat();
        for other in [&bytes[1..], &bytes[..99_999], &longer, b""] {
            let refused = Checked::new(other, hash).read_to_end(&mut read);
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
