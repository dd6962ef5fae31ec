//! Paths of tiles and entry bundles below `<prefix>/tile/` (`tlog-tiles`, "Merkle Tree" and "Log entries").
//!
//! Only the form that [`Display`](core::fmt::Display) prints is accepted. The specification pads the index into
//! groups of three digits without saying that there must be no more groups than needed; `x000/067` is refused here,
//! because two paths for one tile would be two cache entries.

use core::fmt;
use core::str::FromStr;

use crate::{BundleId, TILE_WIDTH, TileError, TileId};

/// Highest level that the path grammar knows (`tlog-tiles`: "a decimal ASCII integer between 0 and 63").
const MAX_PATH_LEVEL: u64 = 63;

/// What stands between an index and the width of a partial tile.
const PARTIAL: &str = ".p/";

/// A resource below `tile/`: a tile of hashes or a bundle of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TilePath {
    /// `<L>/<N>[.p/<W>]`
    Tile(TileId),
    /// `entries/<N>[.p/<W>]`
    Entries(BundleId),
}

/// The path is not one of a tile or bundle. The fault is in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TilePathError {
    /// Not a decimal 0 to 63 without leading zeros, nor `entries` where bundles are expected, before the first `/`.
    #[error("the tile level is not a decimal from 0 to 63")]
    Level,
    /// Not groups of three digits, all but the last behind an `x`, no group more than needed.
    #[error("the tile index is not in three-digit groups, all but the last marked with x")]
    Index,
    /// Not a decimal 1 to 255 without leading zeros after `.p/`.
    #[error("the width of a partial tile is not a decimal from 1 to 255")]
    Width,
    /// Well formed, but no tree has it.
    #[error(transparent)]
    Tile(#[from] TileError),
}

impl TileId {
    /// Path below `<prefix>/tile/`.
    #[must_use]
    pub fn path(&self) -> String {
        self.to_string()
    }
}

impl BundleId {
    /// Path below `<prefix>/tile/`.
    #[must_use]
    pub fn path(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.level())?;
        write_position(f, self.index(), self.width())
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries/")?;
        write_position(f, self.index(), self.width())
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tile(tile) => tile.fmt(f),
            Self::Entries(bundle) => bundle.fmt(f),
        }
    }
}

/// `<N>[.p/<W>]`
fn write_position(f: &mut fmt::Formatter<'_>, index: u64, width: u16) -> fmt::Result {
    write_groups(f, index)?;
    if width < TILE_WIDTH {
        write!(f, "{PARTIAL}{width}")?;
    }
    Ok(())
}

fn write_groups(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    if index >= 1000 {
        write_marked(f, index / 1000)?;
    }
    write!(f, "{:03}", index % 1000)
}

fn write_marked(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    if index >= 1000 {
        write_marked(f, index / 1000)?;
    }
    write!(f, "x{:03}/", index % 1000)
}

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(path: &str) -> Result<Self, TilePathError> {
        let (level, position) = path.split_once('/').ok_or(TilePathError::Level)?;
        if level == "entries" {
            let (index, width) = parse_position(position)?;
            return Ok(Self::Entries(BundleId::new(index, width)?));
        }
        let level = parse_decimal(level)
            .filter(|level| *level <= MAX_PATH_LEVEL)
            .and_then(|level| u8::try_from(level).ok())
            .ok_or(TilePathError::Level)?;
        let (index, width) = parse_position(position)?;
        Ok(Self::Tile(TileId::new(level, index, width)?))
    }
}

impl FromStr for TileId {
    type Err = TilePathError;

    fn from_str(path: &str) -> Result<Self, TilePathError> {
        match path.parse()? {
            TilePath::Tile(tile) => Ok(tile),
            TilePath::Entries(_) => Err(TilePathError::Level),
        }
    }
}

impl FromStr for BundleId {
    type Err = TilePathError;

    fn from_str(path: &str) -> Result<Self, TilePathError> {
        match path.parse()? {
            TilePath::Entries(bundle) => Ok(bundle),
            TilePath::Tile(_) => Err(TilePathError::Level),
        }
    }
}

/// `<N>[.p/<W>]` into index and width.
fn parse_position(position: &str) -> Result<(u64, u16), TilePathError> {
    let Some((index, width)) = position.split_once(PARTIAL) else {
        return Ok((parse_groups(position)?, TILE_WIDTH));
    };
    let width = parse_decimal(width)
        .and_then(|width| u16::try_from(width).ok())
        .filter(|width| (1..TILE_WIDTH).contains(width))
        .ok_or(TilePathError::Width)?;
    Ok((parse_groups(index)?, width))
}

fn parse_groups(text: &str) -> Result<u64, TilePathError> {
    let mut groups = text.split('/').peekable();
    let mut index = 0_u64;
    while let Some(group) = groups.next() {
        if groups.peek().is_none() {
            return append_group(index, group);
        }
        let digits = group.strip_prefix('x').ok_or(TilePathError::Index)?;
        index = append_group(index, digits)?;
        // A leading group of zeros is a group more than needed.
        if index == 0 {
            break;
        }
    }
    Err(TilePathError::Index)
}

fn append_group(index: u64, digits: &str) -> Result<u64, TilePathError> {
    if digits.len() != 3 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(TilePathError::Index);
    }
    let group: u64 = digits.parse().map_err(|_| TilePathError::Index)?;
    index
        .checked_mul(1000)
        .and_then(|index| index.checked_add(group))
        .ok_or(TilePathError::Index)
}

/// A decimal of ASCII digits without leading zeros.
fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    if !canonical || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}
