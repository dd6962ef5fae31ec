//! Entry bundles: the entries of a log, 256 at a time (`tlog-tiles`, "Log entries").
//!
//! A bundle is each entry behind its length as two big-endian bytes, nothing before, between or after. An entry may
//! be empty. What a bundle holds is unauthenticated until each entry's [`leaf_hash`](crate::leaf_hash) is compared
//! with the tile of level 0 at the same place.

use crate::{BundleId, TILE_WIDTH};

/// The longest entry the two-byte length can frame: 65,535 bytes.
pub const MAX_ENTRY_LEN: usize = u16::MAX as usize;

/// The longest bundle: 256 · (2 + 65,535) = 16,777,472 bytes. A reader can refuse more before holding it.
pub const MAX_BUNDLE_LEN: usize = TILE_WIDTH as usize * (LENGTH_LEN + MAX_ENTRY_LEN);

const LENGTH_LEN: usize = 2;

/// The entry cannot be framed. The fault is in the entry; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entry of {len} bytes: an entry bundle holds entries up to 65535 bytes")]
pub struct EntryTooLong {
    /// Length of the entry in bytes.
    pub len: usize,
}

/// The bytes are not the bundle that was asked for. The fault is the bytes' source's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The bytes end inside entry `position`, or before it.
    #[error("the bundle ends within entry {position} of {width}")]
    Truncated {
        /// Position in the bundle, counted from 0.
        position: u16,
        /// Entries the bundle should have.
        width: u16,
    },
    /// Bytes follow the last entry.
    #[error("{len} bytes follow the last entry of the bundle")]
    Trailing {
        /// How many.
        len: usize,
    },
}

/// Appends one framed entry to `bundle`.
///
/// # Errors
/// [`EntryTooLong`] past [`MAX_ENTRY_LEN`]; `bundle` is unchanged.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), EntryTooLong> {
    let len = u16::try_from(entry.len()).map_err(|_| EntryTooLong { len: entry.len() })?;
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle, which must be exactly as many as its width says and fill the bytes exactly.
///
/// # Errors
/// [`BundleError`] with the position.
pub fn decode_bundle<'a>(id: &BundleId, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, BundleError> {
    let width = id.width();
    let mut rest = bytes;
    let mut entries = Vec::with_capacity(usize::from(width));
    for position in 0..width {
        let (entry, after) = split_entry(rest).ok_or(BundleError::Truncated { position, width })?;
        entries.push(entry);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(BundleError::Trailing { len: rest.len() });
    }
    Ok(entries)
}

/// The first framed entry and the bytes after it, or `None` when the bytes end before it does.
#[must_use]
pub fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<LENGTH_LEN>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
