//! What a monitor remembers, in a folder of its own: of each log the newest head that nothing contradicts, of each place
//! the last head it showed, and the evidence. Files are replaced whole and durably; evidence is never replaced.
//!
//! ```text
//! LOCK                                  one run at a time; says what the folder is
//! logs/<hex SHA-256 of the origin>.json
//! places/<hex SHA-256 of the address>.json
//! evidence/<kind>-<id>.json, .evidence
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use quorate_note::{LogKey, MAX_NOTE_LEN, SignedCheckpoint, VerifiedCheckpoint};
use quorate_store::{DiskError, MODE_SHARED, OsDisk, write_atomic};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::place::Place;
use super::rules::{Fits, Successor};

/// What the lock file of a monitor's folder says.
const MARK: &str = "quorate monitor 2\n";
/// The longest record: one note, with every octet escaped, and what stands beside it.
const MAX_RECORD: u64 = 6 * MAX_NOTE_LEN as u64 + 8192;
/// Evidence of one kind that is kept of one log. Two heads prove that it lies; the rest only fills the disk.
const MAX_EVIDENCE: usize = 16;

/// Why a monitor has no memory, or cannot trust it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The file system failed. The environment's.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be replaced. The environment's; the old one stands.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Another run works with it. The environment's.
    #[error("another monitor works with {}", .0.display())]
    InUse(PathBuf),
    /// The folder holds something else.
    #[error("{} holds something else than what a monitor remembers", .0.display())]
    NotOurs(PathBuf),
    /// A record cannot be trusted.
    #[error("{} cannot be trusted: {why}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl MemoryError {
    /// Whether the disk or the system failed, or another run is in the way.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Disk(_) | Self::InUse(_))
    }
}

/// What is remembered of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Before {
    /// The last head it showed that is of the history that is remembered.
    pub(super) head: VerifiedCheckpoint,
    pub(super) facts: Facts,
}

/// What a place showed last, and since when. Nothing is proven of it: a place that shows the same for ever is told as
/// that, whatever it shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    /// Hash of the head that was shown last.
    pub(super) head: String,
    /// When that was seen first, POSIX seconds.
    pub(super) head_since: u64,
    /// Since when no head had its quorum.
    pub(super) short_since: Option<u64>,
    /// When the last one that had was quorate, by its witnesses.
    pub(super) quorate_at: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogRecord {
    origin: String,
    head: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceRecord {
    url: String,
    head: String,
    facts: Facts,
}

/// Evidence as it is kept: both notes as they came, the keys they were checked with, and how they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Evidence {
    /// What this file is.
    pub(super) evidence: &'static str,
    pub(super) kind: &'static str,
    pub(super) origin: String,
    pub(super) seen_at: String,
    /// Keys of the log.
    pub(super) vkeys: Vec<String>,
    /// What happened, in words.
    pub(super) what: String,
    /// The note that was remembered, or that the log shows.
    pub(super) first: String,
    /// The note that does not go with it, and who showed it.
    pub(super) second: String,
    pub(super) second_from: String,
    /// The part that proves it to anybody with the log's key; null where there is no such proof.
    pub(super) proof: Option<String>,
}

/// The folder, locked.
#[derive(Debug)]
pub(super) struct Memory {
    dir: PathBuf,
    _lock: File,
}

impl Memory {
    /// Opens a folder, or makes it. One that holds something else is refused.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub(super) fn open(dir: &Path) -> Result<Self, MemoryError> {
        let failed = |what| {
            move |source| MemoryError::Io {
                what,
                path: dir.to_owned(),
                source,
            }
        };
        make_durably(dir).map_err(failed("make"))?;
        let lock = dir.join("LOCK");
        let empty = fs::read_dir(dir).map_err(failed("read"))?.next().is_none();
        if !empty && !lock.try_exists().map_err(failed("read"))? {
            return Err(MemoryError::NotOurs(dir.to_owned()));
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock)
            .map_err(failed("lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(MemoryError::InUse(dir.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let mut mark = String::new();
        (&mut file)
            .take(MARK.len() as u64 + 1)
            .read_to_string(&mut mark)
            .map_err(failed("read"))?;
        match mark.as_str() {
            MARK => {}
            // A crash while it was made: nothing was remembered yet.
            "" => {
                file.write_all(MARK.as_bytes())
                    .and_then(|()| file.sync_all())
                    .map_err(failed("mark"))?;
            }
            _ => return Err(MemoryError::NotOurs(dir.to_owned())),
        }
        for folder in ["logs", "places", "evidence"] {
            fs::create_dir_all(dir.join(folder)).map_err(failed("make a folder in"))?;
        }
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(failed("sync"))?;
        Ok(Self {
            dir: dir.to_owned(),
            _lock: file,
        })
    }

    /// What is remembered of a log. Its head is verified again: a damaged file becomes nobody's statement.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub(super) fn log(
        &self,
        origin: &str,
        keys: &[LogKey],
    ) -> Result<Option<VerifiedCheckpoint>, MemoryError> {
        let path = self.log_path(origin);
        let Some(record) = read::<LogRecord>(&path)? else {
            return Ok(None);
        };
        let head = verified(&path, &record.head, keys)?;
        if record.origin != origin || head.checkpoint().origin().as_str() != origin {
            let why = "it is of another log".to_owned();
            return Err(MemoryError::Damaged { path, why });
        }
        Ok(Some(head))
    }

    /// Remembers a head. Durable when it returns.
    ///
    /// # Errors
    /// [`MemoryError`]; the old one stands.
    pub(super) fn remember(&self, next: &Successor) -> Result<(), MemoryError> {
        let head = next.head();
        let origin = head.checkpoint().origin().as_str();
        let record = LogRecord {
            origin: origin.to_owned(),
            head: head.note().to_string(),
        };
        write(&self.log_path(origin), &record)
    }

    /// What is remembered of a place.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub(super) fn place(
        &self,
        place: &Place,
        keys: &[LogKey],
    ) -> Result<Option<Before>, MemoryError> {
        let path = self.place_path(place);
        let Some(record) = read::<PlaceRecord>(&path)? else {
            return Ok(None);
        };
        if record.url != place.to_string() {
            let why = "it is of another address".to_owned();
            return Err(MemoryError::Damaged { path, why });
        }
        let head = verified(&path, &record.head, keys)?;
        let facts = record.facts;
        Ok(Some(Before { head, facts }))
    }

    /// Remembers what a place showed. Without a head that fits the one before stays; where there is none, nothing is
    /// written. Durable when it returns.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub(super) fn showed(
        &self,
        place: &Place,
        head: Option<&Fits>,
        facts: &Facts,
    ) -> Result<(), MemoryError> {
        let path = self.place_path(place);
        let head = match head {
            Some(fits) => fits.head().note().to_string(),
            None => match read::<PlaceRecord>(&path)? {
                Some(before) => before.head,
                None => return Ok(()),
            },
        };
        let record = PlaceRecord {
            url: place.to_string(),
            head,
            facts: facts.clone(),
        };
        write(&path, &record)
    }

    /// Keeps evidence, unless the same is kept already or there is enough of its kind. The file it is in, if it is kept:
    /// the proof where there is one, else the description. Durable when it returns.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub(super) fn keep(&self, evidence: &Evidence) -> Result<Option<PathBuf>, MemoryError> {
        let text = |note: &str| note.split("\n\n").next().unwrap_or_default().to_owned();
        let said = format!("{}\n\n{}", text(&evidence.first), text(&evidence.second));
        let log = hex(evidence.origin.as_bytes(), 16);
        let prefix = format!("{}-{log}-", evidence.kind);
        let name = format!("{prefix}{}", hex(said.as_bytes(), 16));
        let path = self.dir.join("evidence").join(format!("{name}.json"));
        let kept = self.evidence_files(&prefix)?;
        if kept.iter().filter(|p| has_extension(p, "json")).count() >= MAX_EVIDENCE
            && !kept.contains(&path)
        {
            return Ok(None);
        }
        // The proof first: where the description is, so is what it describes.
        let mut named = path.clone();
        if let Some(proof) = &evidence.proof {
            named.set_extension("evidence");
            if !kept.contains(&named) {
                write_atomic(&OsDisk, &named, proof.as_bytes(), MODE_SHARED)?;
            }
        }
        if !kept.contains(&path) {
            write(&path, evidence)?;
        }
        Ok(Some(named))
    }

    /// Proofs against a log that are kept. They do not go away when it behaves again.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub(super) fn proofs(&self, kind: &str, origin: &str) -> Result<Vec<PathBuf>, MemoryError> {
        let prefix = format!("{kind}-{}-", hex(origin.as_bytes(), 16));
        let mut files = self.evidence_files(&prefix)?;
        files.retain(|path| has_extension(path, "evidence"));
        Ok(files)
    }

    fn evidence_files(&self, prefix: &str) -> Result<Vec<PathBuf>, MemoryError> {
        let dir = self.dir.join("evidence");
        let failed = |source| MemoryError::Io {
            what: "read",
            path: dir.clone(),
            source,
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with(prefix)) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    fn log_path(&self, origin: &str) -> PathBuf {
        let name = format!("{}.json", hex(origin.as_bytes(), 64));
        self.dir.join("logs").join(name)
    }

    fn place_path(&self, place: &Place) -> PathBuf {
        let name = format!("{}.json", hex(place.to_string().as_bytes(), 64));
        self.dir.join("places").join(name)
    }
}

/// Makes a folder and those above it. Each new name is durable in the folder it stands in: otherwise a power cut could
/// take the whole memory, and a monitor without one believes whatever it is shown first.
fn make_durably(dir: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut at = Some(dir);
    while let Some(folder) = at.filter(|at| !at.as_os_str().is_empty()) {
        if folder.try_exists()? {
            break;
        }
        missing.push(folder);
        at = folder.parent();
    }
    fs::create_dir_all(dir)?;
    for folder in missing.into_iter().rev() {
        let parent = folder.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e == extension)
}

/// The first digits of the SHA-256 of octets.
pub(super) fn hex(octets: &[u8], digits: usize) -> String {
    let mut hex = base16ct::lower::encode_string(&Sha256::digest(octets));
    hex.truncate(digits);
    hex
}

fn verified(path: &Path, note: &str, keys: &[LogKey]) -> Result<VerifiedCheckpoint, MemoryError> {
    let damaged = |why: String| MemoryError::Damaged {
        path: path.to_owned(),
        why,
    };
    let signed = SignedCheckpoint::parse(note.as_bytes()).map_err(|e| damaged(e.to_string()))?;
    signed.verify_log(keys).map_err(|e| damaged(e.to_string()))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, MemoryError> {
    let failed = |source| MemoryError::Io {
        what: "read",
        path: path.to_owned(),
        source,
    };
    let damaged = |why: String| MemoryError::Damaged {
        path: path.to_owned(),
        why,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let mut text = Vec::new();
    file.take(MAX_RECORD + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_RECORD {
        return Err(damaged("it is too long".to_owned()));
    }
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|e| damaged(e.to_string()))
}

fn write<T: Serialize>(path: &Path, record: &T) -> Result<(), MemoryError> {
    let mut text = serde_json::to_vec_pretty(record).map_err(|e| MemoryError::Io {
        what: "write",
        path: path.to_owned(),
        source: e.into(),
    })?;
    text.push(b'\n');
    write_atomic(&OsDisk, path, &text, MODE_SHARED)?;
    Ok(())
}
