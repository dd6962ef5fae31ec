//! Standard output: text for people or JSON for programs. A reader that went away is not an error.

use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::failure::{Failure, Stop, reason};
use crate::text::Paint;

/// Where answers go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    json: bool,
    terminal: bool,
    paint: Paint,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            json,
            terminal,
            paint: Paint::when(terminal),
        }
    }

    /// Whether a program asked.
    pub(crate) fn json(self) -> bool {
        self.json
    }

    /// Whether a person looks at the screen.
    pub(crate) fn terminal(self) -> bool {
        self.terminal
    }

    pub(crate) fn paint(self) -> Paint {
        self.paint
    }

    /// One JSON document on a line, or the text made from it.
    pub(crate) fn answer(
        self,
        value: &Value,
        human: impl FnOnce(Paint) -> String,
    ) -> Result<(), Stop> {
        if self.json {
            self.line(&value.to_string())
        } else {
            self.text(&human(self.paint))
        }
    }

    pub(crate) fn line(self, text: &str) -> Result<(), Stop> {
        self.text(&format!("{text}\n"))
    }

    pub(crate) fn text(self, text: &str) -> Result<(), Stop> {
        self.octets(text.as_bytes())
    }

    /// What explains an answer to people, on standard error: the answer alone is for `$(…)`.
    pub(crate) fn aside(self, text: &str) {
        if !self.json {
            let paint = Paint::when(io::stderr().is_terminal());
            // The answer itself has been given.
            let _unread = writeln!(io::stderr().lock(), "{}", paint.dim(text));
        }
    }

    /// Exact octets, written out before this returns.
    pub(crate) fn octets(self, octets: &[u8]) -> Result<(), Stop> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(octets)
            .and_then(|()| stdout.flush())
            .map_err(|e| stopped(&e))
    }
}

fn stopped(error: &io::Error) -> Stop {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Stop::BrokenPipe;
    }
    Failure::environment("output", "cannot write to standard output", reason(error))
        .hint("check where the output goes: a full disk, a closed terminal")
        .into()
}

/// Standard output or a file that appears complete or not at all.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Standard output.
    Stdout,
    /// A temporary file beside its final name.
    File(Pending),
    /// Something that is no regular file, such as a pipe or a device: written directly.
    Special(std::fs::File, std::path::PathBuf),
}

/// A file that is not yet under its name. Dropped before [`Sink::finish`], it disappears.
#[derive(Debug)]
pub(crate) struct Pending {
    file: std::fs::File,
    temporary: std::path::PathBuf,
    path: std::path::PathBuf,
}

impl Drop for Pending {
    fn drop(&mut self) {
        // After a rename there is nothing under this name.
        let _gone = std::fs::remove_file(&self.temporary);
    }
}

impl Sink {
    /// Opens `path`; none or `-` is standard output.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        Self::open_with(path, 0o666)
    }

    /// The same for what only the owner may read.
    pub(crate) fn open_private(path: &Path) -> Result<Self, Failure> {
        Self::open_with(Some(path), 0o600)
    }

    /// The same for what says whom its owner believes, such as `a policy`: an existing one is not replaced in passing.
    pub(crate) fn open_trusted(
        path: Option<&Path>,
        force: bool,
        kind: &str,
    ) -> Result<Self, Failure> {
        match path {
            Some(path) if !force && path != "-" && path.is_file() => {
                let what = format!("cannot write {}", path.display());
                let why = format!("it exists already, and {kind} says whom its owner believes");
                let hint =
                    "name a file that does not exist yet, or overwrite this one with --force";
                Err(Failure::refused("exists", what, why).hint(hint))
            }
            _ => Self::open(path),
        }
    }

    fn open_with(path: Option<&Path>, mode: u32) -> Result<Self, Failure> {
        let Some(path) = path.filter(|p| *p != Path::new("-")) else {
            return Ok(Self::Stdout);
        };
        let failed = |e: io::Error| Failure::file("write", path, &e);
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(meta) if !meta.is_file() => {
                let file = std::fs::OpenOptions::new()
                    .write(true)
                    .open(path)
                    .map_err(failed)?;
                return Ok(Self::Special(file, path.to_path_buf()));
            }
            _ => {}
        }
        let name = path
            .file_name()
            .ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| failed(io::Error::other(e)))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{:016x}.tmp", u64::from_le_bytes(random)));
        let temporary = path.with_file_name(hidden);
        // New, so that nothing that somebody put under this name is followed or overwritten.
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)
            .map_err(failed)?;
        Ok(Self::File(Pending {
            file,
            temporary,
            path: path.to_path_buf(),
        }))
    }

    pub(crate) fn write(&mut self, octets: &[u8]) -> Result<(), Stop> {
        match self {
            Self::Stdout => io::stdout()
                .lock()
                .write_all(octets)
                .map_err(|e| stopped(&e)),
            Self::File(Pending { file, path, .. }) | Self::Special(file, path) => file
                .write_all(octets)
                .map_err(|e| Failure::file("write", path, &e).into()),
        }
    }

    /// Makes the file durable and gives it its name.
    pub(crate) fn finish(self) -> Result<(), Stop> {
        match self {
            Self::Stdout => io::stdout().lock().flush().map_err(|e| stopped(&e)),
            Self::Special(..) => Ok(()),
            Self::File(pending) => {
                let folder = pending.path.parent().filter(|p| !p.as_os_str().is_empty());
                let folder = folder.unwrap_or(Path::new("."));
                let named = pending
                    .file
                    .sync_all()
                    .and_then(|()| std::fs::rename(&pending.temporary, &pending.path))
                    .and_then(|()| std::fs::File::open(folder)?.sync_all());
                named.map_err(|e| Failure::file("write", &pending.path, &e).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_appears_complete_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let mut sink = Sink::open(Some(&path)).unwrap();
        sink.write(b"half").unwrap();
        assert!(!path.exists());
        drop(sink);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let mut sink = Sink::open(Some(&path)).unwrap();
        sink.write(b"whole").unwrap();
        sink.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_private_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let mut sink = Sink::open_private(&path).unwrap();
        sink.write(b"secret").unwrap();
        sink.finish().unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    /// Two writers of one name do not share what is not finished, and neither name can be foreseen.
    #[test]
    fn an_unfinished_file_is_new_under_a_name_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let sinks = [Sink::open(Some(&path)), Sink::open(Some(&path))];
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        for (sink, text) in sinks.into_iter().zip([b"one", b"two"]) {
            let mut sink = sink.unwrap();
            sink.write(text).unwrap();
            sink.finish().unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
    }

    #[test]
    fn a_directory_is_no_output_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Sink::open(Some(dir.path())).is_err());
    }
}
