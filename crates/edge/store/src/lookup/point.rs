//! What a look-up holds: keys and the entries that have them.

/// One key of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) key: u64,
    /// The entry's index, below [`MAX_INDEX`].
    pub(crate) index: u64,
}

/// Indices take 5 bytes in a run.
pub(crate) const MAX_INDEX: u64 = 1 << 40;

/// Bytes of a point in a run.
pub(crate) const POINT_LEN: usize = 13;

impl Point {
    /// Big-endian, so that the order of the bytes is the order of the points.
    pub(crate) fn encode(self) -> [u8; POINT_LEN] {
        let mut out = [0; POINT_LEN];
        out[..8].copy_from_slice(&self.key.to_be_bytes());
        out[8..].copy_from_slice(&self.index.to_be_bytes()[3..]);
        out
    }

    pub(crate) fn decode(bytes: &[u8; POINT_LEN]) -> Self {
        let mut key = [0; 8];
        let mut index = [0; 8];
        key.copy_from_slice(&bytes[..8]);
        index[3..].copy_from_slice(&bytes[8..]);
        Self {
            key: u64::from_be_bytes(key),
            index: u64::from_be_bytes(index),
        }
    }
}

/// Which points a query wants: from `from`, up to and including those of `last_key`, of entries below
/// `below`, at most `limit`, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query {
    pub(crate) from: Point,
    pub(crate) last_key: u64,
    pub(crate) below: u64,
    pub(crate) limit: usize,
}

impl Query {
    pub(crate) fn wants(&self, point: Point) -> bool {
        point >= self.from && point.key <= self.last_key && point.index < self.below
    }
}

/// The three look-ups of a scroll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    /// First 8 bytes of the leaf hash.
    Leaf,
    /// Fingerprints of texts.
    Id,
    /// Microseconds since the epoch, biased so that unsigned order is time order.
    Time,
}

impl Index {
    pub(crate) const ALL: [Self; 3] = [Self::Leaf, Self::Id, Self::Time];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Leaf => "leaf",
            Self::Id => "id",
            Self::Time => "time",
        }
    }
}

/// The key of a time.
pub(crate) const fn time_key(micros: i64) -> u64 {
    micros.cast_unsigned() ^ (1 << 63)
}

/// The time of a key.
pub(crate) const fn key_time(key: u64) -> i64 {
    (key ^ (1 << 63)).cast_signed()
}
