//! The tree hash and the two functions that make one.

use core::fmt;
use core::str::FromStr;

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// RFC 6962 §2.1: a leaf is hashed behind this byte, so that no leaf can pass for an interior node.
const LEAF_PREFIX: u8 = 0x00;
/// RFC 6962 §2.1: an interior node is hashed behind this byte.
const NODE_PREFIX: u8 = 0x01;

/// A SHA-256 hash in an RFC 6962 tree: a leaf hash, an interior node or a root.
///
/// Prints as 64 lower-case hex digits and parses from exactly that. There is no default: a hash of zeros that
/// stands for "none" would be a hash that compares equal to another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Hash([u8; Self::LEN]);

impl Hash {
    /// Length of a hash in bytes.
    pub const LEN: usize = 32;

    /// Root of the tree without leaves, SHA-256 of the empty string (RFC 6962 §2.1).
    pub const EMPTY_ROOT: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// Takes 32 bytes that already are a tree hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// Leaf hash of `entry`: SHA-256(0x00 ‖ entry), RFC 6962 §2.1.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([LEAF_PREFIX]);
    hasher.update(entry);
    Hash(hasher.finalize().into())
}

/// Interior node over two children: SHA-256(0x01 ‖ left ‖ right), RFC 6962 §2.1.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    // A node is always 65 bytes, so both of its SHA-256 blocks are laid out here; the general hasher's buffering
    // costs a fifth of the time to verify a proof. 0x01 ‖ left ‖ right[..31], then right[31] ‖ padding ‖ length.
    let (right_start, right_end) = right.0.split_at(31);
    let mut blocks = [[0; 64], LAST_NODE_BLOCK];
    let [first, last] = &mut blocks;
    first[0] = NODE_PREFIX;
    first[1..33].copy_from_slice(&left.0);
    first[33..].copy_from_slice(right_start);
    last[..1].copy_from_slice(right_end);
    let mut state = SHA256_START;
    compress256(&mut state, &blocks);
    let mut bytes = [0; Hash::LEN];
    let (words, _) = bytes.as_chunks_mut::<4>();
    for (bytes, word) in words.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    Hash(bytes)
}

/// Second block of a node without its first byte: the padding's one bit, zeros, and the length of 520 bits
/// (FIPS 180-4 §5.1.1).
const LAST_NODE_BLOCK: [u8; 64] = {
    let mut block = [0; 64];
    block[1] = 0x80;
    [block[62], block[63]] = 520_u16.to_be_bytes();
    block
};

/// The initial hash value of SHA-256 (FIPS 180-4 §5.3.3).
const SHA256_START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a hash: not exactly 64 lower-case hex digits. The fault is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: need exactly 64 lower-case hex digits")]
pub struct ParseHashError;

impl FromStr for Hash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != Self::LEN || !rest.is_empty() {
            return Err(ParseHashError);
        }
        let mut bytes = [0; Self::LEN];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (hex_digit(*high)? << 4) | hex_digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

/// Upper case is refused: it is not the form we print.
fn hex_digit(digit: u8) -> Result<u8, ParseHashError> {
    match digit {
        b'0'..=b'9' => Ok(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Ok(digit.wrapping_sub(b'a').wrapping_add(10)),
        _ => Err(ParseHashError),
    }
}
