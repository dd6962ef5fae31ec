//! Checkpoints: origin, size and root of a log's tree (tlog-checkpoint "Note text").

use core::fmt;
use core::str::FromStr;

use quorate_merkle::{Hash, MAX_TREE_SIZE};

use crate::base64;
use crate::decimal;
use crate::name::{NameError, Origin};

/// Separates head hashes from every other use of BLAKE3.
const HEAD_HASH_CONTEXT: &str = "quorate v1 head hash";

/// Why text is not a checkpoint, or values cannot form one. The fault is in what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not three lines, each ending in a newline.
    #[error("a checkpoint is three lines: origin, size and root")]
    Form,
    /// A fourth line. Extension lines are refused: see the crate's description.
    #[error("the checkpoint has extension lines, which are not accepted")]
    ExtensionLine,
    /// The origin is not acceptable.
    #[error("checkpoint origin: {0}")]
    Origin(#[from] NameError),
    /// The size is not a canonical decimal.
    #[error("the checkpoint's size is not a decimal without leading zeros")]
    Size,
    /// The size is above [`MAX_TREE_SIZE`].
    #[error("a tree of {size} leaves is larger than 2^62")]
    TooLarge {
        /// The size.
        size: u64,
    },
    /// The root is not canonical base64 of 32 bytes.
    #[error("the checkpoint's root is not the canonical base64 of 32 bytes")]
    Root,
    /// The tree without leaves has one root, [`Hash::EMPTY_ROOT`], and this is another.
    #[error("the checkpoint of an empty tree must have the root of the empty tree")]
    EmptyRoot,
}

/// The head of a log's tree: its origin, number of leaves and root. A value, with no signature.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    origin: Origin,
    size: u64,
    root: Hash,
}

impl Checkpoint {
    /// Makes a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::TooLarge`] or [`CheckpointError::EmptyRoot`].
    pub fn new(origin: Origin, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        if size > MAX_TREE_SIZE {
            return Err(CheckpointError::TooLarge { size });
        }
        if size == 0 && root != Hash::EMPTY_ROOT {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(Self { origin, size, root })
    }

    /// Reads the text of a note. Exactly what [`note_text`](Self::note_text) writes is accepted.
    ///
    /// # Errors
    /// [`CheckpointError`] names the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let body = text.strip_suffix('\n').ok_or(CheckpointError::Form)?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Form);
        };
        if lines.next().is_some() {
            return Err(CheckpointError::ExtensionLine);
        }
        let origin = Origin::new(origin)?;
        let size = decimal::parse_u64(size.as_bytes()).map_err(|_| CheckpointError::Size)?;
        let root = base64::decode_array(root.as_bytes()).map_err(|_| CheckpointError::Root)?;
        Self::new(origin, size, Hash::from_bytes(root))
    }

    /// The three lines, each with its newline: the text that logs sign.
    #[must_use]
    pub fn note_text(&self) -> String {
        let root = base64::encode(self.root.as_bytes());
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// The log's identifier.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Number of leaves, at most 2^62.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    #[must_use]
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// The head hash: BLAKE3 in derive-key mode (context `quorate v1 head hash`) over the note text. It commits to
    /// origin and size too.
    #[must_use]
    pub fn head_hash(&self) -> HeadHash {
        let mut hasher = blake3::Hasher::new_derive_key(HEAD_HASH_CONTEXT);
        hasher.update(self.note_text().as_bytes());
        HeadHash(*hasher.finalize().as_bytes())
    }
}

/// The hash of a checkpoint's note text. Prints as `blake3:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeadHash([u8; 32]);

impl HeadHash {
    const PREFIX: &str = "blake3:";

    /// Takes 32 bytes that already are a head hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for HeadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for HeadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a head hash. The fault is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a head hash: need `blake3:` and exactly 64 lower-case hex digits")]
pub struct ParseHeadHashError;

impl FromStr for HeadHash {
    type Err = ParseHeadHashError;

    fn from_str(text: &str) -> Result<Self, ParseHeadHashError> {
        let digits = text.strip_prefix(Self::PREFIX).ok_or(ParseHeadHashError)?;
        let mut bytes = [0; 32];
        match base16ct::lower::decode(digits, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(bytes)),
            _ => Err(ParseHeadHashError),
        }
    }
}
