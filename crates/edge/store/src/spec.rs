//! What is fixed about a scroll when it is created, and the file `scroll.json` that says so.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::disk::{Disk, MODE_SHARED, read_small, write_atomic};
use crate::error::DiskError;

/// The file in a scroll's directory that holds its [`ScrollSpec`].
pub const SPEC_FILE: &str = "scroll.json";

/// The version of a scroll's files that this program writes and the only one it reads.
pub const SCROLL_FORMAT: u32 = 1;

/// Four texts of at most 255 bytes, escaped, and the member names.
const MAX_SPEC_LEN: u64 = 16 << 10;
const MAX_TEXT: usize = 255;
const CONTEXT: &str = "quorate v1 scroll spec";

/// How the names of records end: of receipts, of raw entries.
pub(crate) const RECORD_ENDINGS: [&str; 2] = ["_events.jsonl", "_entries.bin"];

/// What the entries of a scroll are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Canonical receipts, one per line of a JSONL file.
    Receipts,
    /// Opaque bytes, each after its length in two bytes, big-endian.
    Raw,
}

impl Kind {
    /// Bytes that framing adds to each entry of the record.
    pub(crate) const fn framing_len(self) -> usize {
        match self {
            Self::Receipts => 1,
            Self::Raw => 2,
        }
    }
}

/// Who may read a scroll's entries. Heads are never secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// The operator, and peers whose agreement shares the scroll.
    Restricted,
    /// Anyone.
    Public,
}

/// What is fixed about a scroll when it is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrollSpec {
    /// The name as the operator wrote it: `[A-Za-z][A-Za-z0-9_-]{0,63}`.
    pub name: String,
    /// What its entries are.
    pub kind: Kind,
    /// Who may read its entries.
    pub visibility: Visibility,
    /// The origin of its checkpoints, at most 255 bytes.
    pub origin: String,
    /// When it was created, as the caller writes times.
    pub created_at: String,
}

/// Why a scroll's `scroll.json` cannot be used. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The name is not a scroll name, or a text is empty, over 255 bytes or has control characters. The
    /// caller's fault.
    #[error("{0} is not usable in a scroll")]
    Unusable(&'static str),
    /// There is no `scroll.json`: the scroll was never created, or not completely.
    #[error("no scroll in {}", .0.display())]
    NoScroll(PathBuf),
    /// The file was written by another version of the program.
    #[error("{} has format {found}; this program reads format {SCROLL_FORMAT}", file.display())]
    UnknownFormat {
        /// The file.
        file: PathBuf,
        /// The version it names.
        found: u32,
    },
    /// The file is not one that this program wrote, or a byte of it changed since.
    #[error("{} is damaged: it is not what was written when the scroll was created", .0.display())]
    Damaged(PathBuf),
    /// The disk's fault.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// The file's members, in the order they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    format: u32,
    name: String,
    kind: Kind,
    visibility: Visibility,
    origin: String,
    created_at: String,
    checksum: String,
}

/// Enough of any version's file to tell which version it is.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl ScrollSpec {
    /// Whether every field can stand in a scroll.
    ///
    /// # Errors
    /// [`SpecError::Unusable`] names the field.
    pub fn check(&self) -> Result<(), SpecError> {
        let mut name = self.name.bytes();
        let named = name.next().is_some_and(|b| b.is_ascii_alphabetic())
            && name.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            && self.name.len() <= 64;
        if !named {
            return Err(SpecError::Unusable("the name"));
        }
        let text =
            |t: &str| !t.is_empty() && t.len() <= MAX_TEXT && !t.chars().any(char::is_control);
        if !text(&self.origin) {
            return Err(SpecError::Unusable("the origin"));
        }
        if !text(&self.created_at) {
            return Err(SpecError::Unusable("the time of creation"));
        }
        Ok(())
    }

    /// The name in file names: lower case, so that names that differ only in case share a directory and the
    /// second one is refused.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// The name of the record in the scroll's directory.
    #[must_use]
    pub fn record_name(&self) -> String {
        let [receipts, raw] = RECORD_ENDINGS;
        let ending = match self.kind {
            Kind::Receipts => receipts,
            Kind::Raw => raw,
        };
        format!("{}{ending}", self.file_name())
    }

    /// What ties a journal, a snapshot and a backup to this scroll and no other.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        blake3::derive_key(CONTEXT, &self.encode_with(String::new()))
    }

    fn encode_with(&self, checksum: String) -> Vec<u8> {
        let file = OnDisk {
            format: SCROLL_FORMAT,
            name: self.name.clone(),
            kind: self.kind,
            visibility: self.visibility,
            origin: self.origin.clone(),
            created_at: self.created_at.clone(),
            checksum,
        };
        // Strings and unit enums only: serialisation to memory has no failing case.
        let mut bytes = serde_json::to_vec_pretty(&file).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The contents of `scroll.json`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let checksum = blake3::Hash::from_bytes(self.fingerprint()).to_hex();
        self.encode_with(format!("blake3:{checksum}"))
    }

    /// Reads the spec of the scroll in `dir`, accepting only what [`ScrollSpec`] would write.
    ///
    /// # Errors
    /// See [`SpecError`]; nothing was changed.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Self, SpecError> {
        let path = dir.join(SPEC_FILE);
        let bytes = match read_small(disk, &path, MAX_SPEC_LEN) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(SpecError::NoScroll(dir.to_owned())),
            Err(e) if e.kind == io::ErrorKind::FileTooLarge => {
                return Err(SpecError::Damaged(path));
            }
            Err(e) => return Err(e.into()),
        };
        Self::decode(&bytes, &path)
    }

    pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Self, SpecError> {
        let damaged = || SpecError::Damaged(path.to_owned());
        let file: OnDisk = match serde_json::from_slice(bytes) {
            Ok(file) => file,
            Err(_) => {
                return Err(match serde_json::from_slice(bytes) {
                    Ok(FormatOnly { format }) if format != SCROLL_FORMAT => {
                        SpecError::UnknownFormat {
                            file: path.to_owned(),
                            found: format,
                        }
                    }
                    _ => damaged(),
                });
            }
        };
        if file.format != SCROLL_FORMAT {
            return Err(SpecError::UnknownFormat {
                file: path.to_owned(),
                found: file.format,
            });
        }
        let spec = Self {
            name: file.name,
            kind: file.kind,
            visibility: file.visibility,
            origin: file.origin,
            created_at: file.created_at,
        };
        // One form, and a checksum in it: any other byte sequence was not written by us.
        if spec.encode() != bytes || spec.check().is_err() {
            return Err(damaged());
        }
        Ok(spec)
    }

    /// Writes `scroll.json`: the step that makes the scroll exist.
    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
        write_atomic(disk, &dir.join(SPEC_FILE), &self.encode(), MODE_SHARED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ScrollSpec {
        ScrollSpec {
            name: "PsiField".into(),
            kind: Kind::Receipts,
            visibility: Visibility::Restricted,
            origin: "example.org/psifield".into(),
            created_at: "2026-11-20T13:37:42Z".into(),
        }
    }

    #[test]
    fn a_spec_comes_back_as_written() {
        assert_eq!(
            ScrollSpec::decode(&spec().encode(), Path::new("s")),
            Ok(spec())
        );
        assert_eq!(spec().record_name(), "psifield_events.jsonl");
    }

    #[test]
    fn every_flipped_bit_of_scroll_json_is_refused() {
        let good = spec().encode();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(
                ScrollSpec::decode(&bad, Path::new("s")).is_err(),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn another_format_version_is_named() {
        let text = String::from_utf8(spec().encode()).unwrap();
        for changed in [
            text.replace("\"format\": 1", "\"format\": 2"),
            "{\"format\": 2, \"new\": true}".to_owned(),
        ] {
            assert!(matches!(
                ScrollSpec::decode(changed.as_bytes(), Path::new("s")),
                Err(SpecError::UnknownFormat { found: 2, .. })
            ));
        }
    }

    #[test]
    fn names_that_could_leave_the_directory_are_refused() {
        for name in ["", "..", "a/b", "1a", "a b", "é", "a\n", &"a".repeat(65)] {
            let bad = ScrollSpec {
                name: name.into(),
                ..spec()
            };
            assert_eq!(
                bad.check(),
                Err(SpecError::Unusable("the name")),
                "{name:?}"
            );
        }
    }
}
