//! The directory a log is exported into.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use quorate_note::{Checkpoint, MAX_NOTE_LEN, SignedCheckpoint};
use quorate_store::{MODE_SHARED, OsDisk, write_atomic};

use crate::failure::{Failure, reason};

/// Says which log the directory is for, before there is a checkpoint; locked while an export writes.
const MARK: &str = ".quorate";
const CHECKPOINT: &str = "checkpoint";
/// An origin is at most 255 octets, a newline follows.
const MAX_MARK: u64 = 256;

/// A directory that holds one log, or will.
pub(super) struct Site {
    dir: PathBuf,
    origin: String,
    what: String,
    _lock: File,
}

impl Site {
    /// Opens a directory for the log `origin`, or makes it. One that holds anything else is refused.
    pub(super) fn open(dir: &Path, origin: &str, what: &str) -> Result<Self, Failure> {
        let failed = |e: io::Error| Failure::file("write", dir, &e);
        if dir.exists() && !dir.is_dir() {
            return Err(
                Failure::refused("not-a-directory", what, "it is not a directory")
                    .hint("name a directory that is empty, new, or was exported into before"),
            );
        }
        make_dir(dir).map_err(failed)?;
        let mut names = fs::read_dir(dir).map_err(failed)?.peekable();
        let fresh = names.peek().is_none();
        let ours = dir.join(MARK).try_exists().map_err(failed)?
            || dir.join(CHECKPOINT).try_exists().map_err(failed)?;
        if !fresh && !ours {
            return Err(Failure::refused(
                "not-empty",
                what,
                "it holds something else than an exported log",
            )
            .hint("name a directory that is empty, new, or was exported into before"));
        }
        let site = Self {
            dir: dir.to_owned(),
            origin: origin.to_owned(),
            what: what.to_owned(),
            _lock: lock(&dir.join(MARK), what)?,
        };
        site.published()?;
        site.mark()?;
        Ok(site)
    }

    /// Leaves the origin behind, or compares it with the one that is there.
    fn mark(&self) -> Result<(), Failure> {
        let path = self.dir.join(MARK);
        let failed = |e: io::Error| Failure::file("write", &path, &e);
        let mut mark = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        let mut found = String::new();
        (&mut mark)
            .take(MAX_MARK)
            .read_to_string(&mut found)
            .map_err(failed)?;
        // One that was cut short by a crash was followed by nothing.
        match found.strip_suffix('\n') {
            Some(found) => self.is_of(found),
            None => mark
                .set_len(0)
                .and_then(|()| io::Seek::rewind(&mut mark))
                .and_then(|()| mark.write_all(format!("{}\n", self.origin).as_bytes()))
                .and_then(|()| mark.sync_all())
                .and_then(|()| File::open(&self.dir)?.sync_all())
                .map_err(failed),
        }
    }

    fn is_of(&self, found: &str) -> Result<(), Failure> {
        if found == self.origin {
            return Ok(());
        }
        Err(Failure::refused(
            "another-log",
            &self.what,
            format!("it holds the log {found}, and this is {}", self.origin),
        )
        .hint("name another directory: each log has its own"))
    }

    /// The checkpoint that is there.
    pub(super) fn published(&self) -> Result<Option<Checkpoint>, Failure> {
        let Some(note) = self.note()? else {
            return Ok(None);
        };
        let signed = SignedCheckpoint::parse(&note).map_err(|e| {
            let path = self.dir.join(CHECKPOINT);
            let why = format!("{} is no checkpoint: {}", path.display(), reason(&e));
            Failure::refused("damaged", &self.what, why).hint("name another directory")
        })?;
        let checkpoint = signed.checkpoint_unverified();
        self.is_of(checkpoint.origin().as_ref())?;
        Ok(Some(checkpoint.clone()))
    }

    fn note(&self) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.dir.join(CHECKPOINT);
        let failed = |e: io::Error| Failure::file("read", &path, &e);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let mut note = Vec::new();
        // One octet more, so that what is too long does not pass for whole.
        file.take(MAX_NOTE_LEN as u64 + 1)
            .read_to_end(&mut note)
            .map_err(failed)?;
        Ok(Some(note))
    }

    /// Writes a file durably; under its name it is whole or not there. Answers its length.
    pub(super) fn write(&self, path: &Path, octets: &[u8]) -> Result<u64, Failure> {
        let path = self.dir.join(path);
        let parent = path.parent().unwrap_or(&self.dir);
        make_dir(parent).map_err(|e| Failure::file("write", parent, &e))?;
        write_atomic(&OsDisk, &path, octets, MODE_SHARED).map_err(|e| {
            Failure::environment("file", &self.what, reason(&e))
                .hint("check the disk and the permissions; run it again to go on")
        })?;
        Ok(octets.len() as u64)
    }

    /// Puts the checkpoint in its place, unless exactly this one is there.
    pub(super) fn publish(&self, note: &[u8]) -> Result<Option<u64>, Failure> {
        if self.note()?.as_deref() == Some(note) {
            return Ok(None);
        }
        self.write(Path::new(CHECKPOINT), note).map(Some)
    }

    /// Removes the partial tiles beside a full one; whether there were any.
    pub(super) fn remove_partial(&self, full: &Path) -> Result<bool, Failure> {
        let mut name = self.dir.join(full).into_os_string();
        name.push(".p");
        let path = PathBuf::from(name);
        match fs::remove_dir_all(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Failure::file("remove", &path, &e)),
        }
    }
}

/// Two exports at once could put an older checkpoint over a newer one.
fn lock(path: &Path, what: &str) -> Result<File, Failure> {
    let failed = |e: io::Error| Failure::file("lock", path, &e);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(
                Failure::environment("in-use", what, "another export writes into it")
                    .hint("wait for it"),
            )
        }
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}

/// Makes a directory that a web server can read, and its name durable.
fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let above = dir.parent().filter(|p| !p.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    make_dir(above)?;
    fs::create_dir(dir)?;
    File::open(above)?.sync_all()
}
