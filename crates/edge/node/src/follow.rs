//! Following a file: each line becomes one entry, once, across rotation and restart.
//!
//! The cursor (which file, how far, and a fingerprint of the bytes before that point) is sealed in the same
//! group commit as the lines it covers, so neither a crash nor a restart loses or repeats a line. Rotation
//! by rename is followed: the old file is read until it stayed quiet for a minute, because its writer may
//! not have reopened yet. What cannot be known is recorded, not hidden:
//! if the file was truncated in place, or replaced while nobody watched and the old one is gone, a
//! `follow_gap` entry says where.
//!
//! Limits: lines end with LF; a last line without one waits until it is complete. A file that is truncated
//! and rewritten to the same bytes before the cursor cannot be told from one that was not.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;
/// Lines taken at once from one file: each becomes a receipt of some 200 bytes at least, and one append may
/// be 31 MiB.
const READ_LINES: usize = 16_384;
/// Rotated files read on at once: their positions must fit into a sealed cursor (1024 bytes).
const MAX_ROTATED: usize = 4;
/// Bytes before the cursor that are remembered by their hash.
const FINGERPRINT_BYTES: u64 = 1024;
/// A file that was rotated away is read until nothing came for this long: its writer may still hold it.
pub(crate) const ROTATED_QUIET: Duration = Duration::from_secs(60);
/// A longer line is not waited for: it is passed on in its oversized state for the caller to record.
pub(crate) const MAX_LINE: usize = 16 << 20;

/// How far one file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    /// Device and inode: which file it is, whatever its name.
    dev: u64,
    ino: u64,
    /// Byte offset after the last complete line that was taken.
    offset: u64,
    /// BLAKE3 of the up to 1024 bytes before `offset`, hex.
    before: String,
}

/// How far a path was read: the files that were rotated away and may still be written to, oldest first,
/// then the one that stood at the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    files: Vec<Position>,
}

impl Cursor {
    /// As sealed in the journal: JSON.
    #[must_use]
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a sealed cursor.
    #[must_use]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Something the file did that may have lost lines before they could be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub(crate) enum Gap {
    /// The file got shorter, or what stood before the cursor changed: it was truncated in place.
    Truncated {
        /// The offset up to which lines had been taken.
        read_to: u64,
    },
    /// Another file stands at the path and the one read before could not be found beside it.
    Replaced {
        /// The offset up to which lines had been taken from the old file.
        read_to: u64,
    },
}

/// What one look at the file brought.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Gaps before the lines, if there were any.
    pub gaps: Vec<Gap>,
    /// Complete lines without their LF.
    pub lines: Vec<Vec<u8>>,
    /// The cursor after them, to be sealed with them; `None` if nothing changed.
    pub cursor: Option<Cursor>,
}

#[derive(Debug)]
struct Open {
    file: File,
    position: Position,
    /// When it was found rotated away or last grew after that; `None` while it stands at the path.
    quiet_since: Option<Instant>,
}

/// Follows one path.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    /// Oldest first; the last one stood at the path when it was opened.
    open: Vec<Open>,
    resumed: Option<Cursor>,
}

impl Follower {
    /// Follows `path` from `cursor` on, or from its beginning.
    #[must_use]
    pub(crate) fn new(path: PathBuf, cursor: Option<Cursor>) -> Self {
        Self {
            path,
            open: Vec::new(),
            resumed: cursor,
        }
    }

    /// Takes the lines that are complete now, at most about 1 MiB from each file. No cursor in the result
    /// means there is nothing new. Lines taken must be committed together with the cursor before the next
    /// call, or [`Follower::new`] must start again from the last committed one.
    ///
    /// # Errors
    /// The file system's; nothing was taken.
    pub(crate) fn take(&mut self, now: Instant) -> io::Result<Taken> {
        let mut taken = Taken::default();
        let mut changed = self.open_new(now, &mut taken)?;
        for open in &mut self.open {
            if !prefix_is_intact(&open.file, &open.position)? {
                taken.gaps.push(Gap::Truncated {
                    read_to: open.position.offset,
                });
                open.position = start_of(&open.file)?;
                changed = true;
            }
            if read_lines(open, &mut taken.lines)? {
                changed = true;
                open.quiet_since = open.quiet_since.map(|_| now);
            }
        }
        changed |= self.close_quiet(now, &mut taken.lines)?;
        if changed {
            taken.cursor = Some(Cursor {
                files: self.open.iter().map(|o| o.position.clone()).collect(),
            });
        }
        Ok(taken)
    }

    /// Opens what stands at the path if it is not open yet, and on the first call what the cursor names.
    fn open_new(&mut self, now: Instant, taken: &mut Taken) -> io::Result<bool> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
        };
        let mut start = start_of(&file)?;
        let mut changed = false;
        for position in self.resumed.take().map(|c| c.files).unwrap_or_default() {
            if same_file(&position, &start) {
                start = position;
            } else if let Some(file) = find_beside(&self.path, &position)? {
                self.open.push(Open {
                    file,
                    position,
                    quiet_since: Some(now),
                });
            } else {
                taken.gaps.push(Gap::Replaced {
                    read_to: position.offset,
                });
                changed = true;
            }
        }
        if self
            .open
            .last()
            .is_some_and(|o| same_file(&o.position, &start))
        {
            return Ok(changed);
        }
        for old in &mut self.open {
            old.quiet_since.get_or_insert(now);
        }
        while self.open.len() > MAX_ROTATED {
            // Rotated this often, the oldest is let go of; what may still come there is recorded as a gap.
            let oldest = self.open.remove(0);
            taken.gaps.push(Gap::Replaced {
                read_to: oldest.position.offset,
            });
        }
        self.open.push(Open {
            file,
            position: start,
            quiet_since: None,
        });
        Ok(true)
    }

    /// Lets go of files that were rotated away and stayed quiet. An unfinished last line there will never
    /// be finished, so it is taken as it is.
    fn close_quiet(&mut self, now: Instant, lines: &mut Vec<Vec<u8>>) -> io::Result<bool> {
        let mut kept = Vec::new();
        let mut changed = false;
        for open in self.open.drain(..) {
            if open
                .quiet_since
                .is_some_and(|t| now.duration_since(t) >= ROTATED_QUIET)
            {
                let rest = read_at(&open.file, open.position.offset, READ_BYTES)?;
                if !rest.is_empty() {
                    lines.push(rest);
                }
                changed = true;
            } else {
                kept.push(open);
            }
        }
        self.open = kept;
        Ok(changed)
    }
}

fn same_file(a: &Position, b: &Position) -> bool {
    (a.dev, a.ino) == (b.dev, b.ino)
}

fn start_of(file: &File) -> io::Result<Position> {
    let meta = file.metadata()?;
    Ok(Position {
        dev: meta.dev(),
        ino: meta.ino(),
        offset: 0,
        before: fingerprint(b""),
    })
}

fn fingerprint(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn fingerprint_before(file: &File, offset: u64) -> io::Result<String> {
    let from = offset.saturating_sub(FINGERPRINT_BYTES);
    let length = usize::try_from(offset - from).unwrap_or(0);
    Ok(fingerprint(&read_at(file, from, length)?))
}

fn prefix_is_intact(file: &File, position: &Position) -> io::Result<bool> {
    Ok(file.metadata()?.len() >= position.offset
        && fingerprint_before(file, position.offset)? == position.before)
}

fn read_at(file: &File, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; limit];
    let mut filled = 0;
    while filled < limit {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}

/// Takes the complete lines behind the position; answers whether there were any.
fn read_lines(open: &mut Open, lines: &mut Vec<Vec<u8>>) -> io::Result<bool> {
    let Open { file, position, .. } = open;
    if file.metadata()?.len() == position.offset {
        return Ok(false);
    }
    let mut limit = READ_BYTES;
    let mut buffer = read_at(file, position.offset, limit)?;
    // A line longer than one read: read on until its end, the end of the file, or the limit.
    while !buffer.contains(&b'\n') && buffer.len() == limit && limit < MAX_LINE {
        limit *= 2;
        buffer = read_at(file, position.offset, limit)?;
    }
    if let Some((at, _)) = buffer
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'\n')
        .nth(READ_LINES - 1)
    {
        buffer.truncate(at + 1);
    }
    let complete = match buffer.iter().rposition(|b| *b == b'\n') {
        Some(last) => last + 1,
        None if buffer.len() >= MAX_LINE => buffer.len(),
        None => return Ok(false),
    };
    let text = &buffer[..complete];
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    lines.extend(body.split(|b| *b == b'\n').map(<[u8]>::to_vec));
    position.offset += complete as u64;
    position.before = fingerprint_before(file, position.offset)?;
    Ok(true)
}

/// The file a position names, renamed within the same folder. An inode number is used again after
/// deletion, so the bytes before the position decide.
fn find_beside(path: &Path, position: &Position) -> io::Result<Option<File>> {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    for entry in std::fs::read_dir(folder)? {
        let Ok(file) = entry.and_then(|e| File::open(e.path())) else {
            continue;
        };
        let Ok(meta) = file.metadata() else { continue };
        if (meta.dev(), meta.ino()) == (position.dev, position.ino) && meta.is_file() {
            return Ok(if prefix_is_intact(&file, position)? {
                Some(file)
            } else {
                None
            });
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    struct Rig {
        dir: tempfile::TempDir,
        follower: Follower,
        sealed: Option<Cursor>,
        lines: Vec<String>,
        gaps: Vec<Gap>,
        now: Instant,
    }

    impl Rig {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let follower = Follower::new(dir.path().join("app.log"), None);
            Self {
                dir,
                follower,
                sealed: None,
                lines: Vec::new(),
                gaps: Vec::new(),
                now: Instant::now(),
            }
        }
        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }
        fn append(&self, name: &str, text: &str) {
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.path(name))
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        fn pump(&mut self) {
            loop {
                let taken = self.follower.take(self.now).unwrap();
                self.gaps.extend(taken.gaps);
                self.lines.extend(
                    taken
                        .lines
                        .into_iter()
                        .map(|l| String::from_utf8(l).unwrap()),
                );
                match taken.cursor {
                    Some(cursor) => {
                        self.sealed = Some(Cursor::from_bytes(&cursor.to_bytes()).unwrap());
                    }
                    None => break,
                }
            }
        }
        fn restart(&mut self) {
            self.follower = Follower::new(self.path("app.log"), self.sealed.clone());
        }
    }

    #[test]
    fn a_line_without_its_newline_waits() {
        let mut rig = Rig::new();
        rig.pump();
        rig.append("app.log", "one\ntw");
        rig.pump();
        assert_eq!(rig.lines, ["one"]);
        rig.append("app.log", "o\n\n");
        rig.pump();
        assert_eq!(rig.lines, ["one", "two", ""]);
    }

    #[test]
    fn rotation_and_restart_lose_and_repeat_no_line() {
        let mut rig = Rig::new();
        rig.append("app.log", "1\n2\n");
        rig.pump();
        rig.restart();
        rig.append("app.log", "3\n");
        std::fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        rig.append("app.log.1", "4\n");
        rig.append("app.log", "5\n");
        rig.pump();
        rig.append("app.log", "6\n");
        rig.pump();
        rig.restart();
        rig.pump();
        assert_eq!(rig.lines, ["1", "2", "3", "4", "5", "6"]);
        assert_eq!(rig.gaps, []);
    }

    #[test]
    fn a_writer_that_keeps_the_rotated_file_open_is_still_read() {
        let mut rig = Rig::new();
        rig.append("app.log", "1\n");
        rig.pump();
        std::fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        rig.append("app.log", "2\n");
        rig.pump();
        rig.append("app.log.1", "3\n");
        rig.pump();
        rig.restart();
        rig.append("app.log.1", "4\n");
        rig.append("app.log", "5\n");
        rig.pump();
        assert_eq!(rig.lines, ["1", "2", "3", "4", "5"]);
        assert_eq!(rig.gaps, []);
    }

    #[test]
    fn a_rotation_while_the_node_was_down_is_followed_by_inode() {
        let mut rig = Rig::new();
        rig.append("app.log", "1\n");
        rig.pump();
        rig.append("app.log", "2\n");
        std::fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        rig.append("app.log", "3\n");
        rig.restart();
        rig.pump();
        assert_eq!(rig.lines, ["1", "2", "3"]);
        assert_eq!(rig.gaps, []);
    }

    #[test]
    fn a_replaced_file_whose_predecessor_is_gone_is_recorded_as_a_gap() {
        let mut rig = Rig::new();
        rig.append("app.log", "1\n");
        rig.pump();
        // The new file exists before the old one goes, so that the inode number differs.
        rig.append("new", "3\n");
        std::fs::rename(rig.path("new"), rig.path("app.log")).unwrap();
        rig.restart();
        rig.pump();
        assert_eq!(rig.lines, ["1", "3"]);
        assert_eq!(rig.gaps, [Gap::Replaced { read_to: 2 }]);
    }

    #[test]
    fn truncation_in_place_is_detected_and_recorded() {
        let mut rig = Rig::new();
        rig.append("app.log", "a long first line\n");
        rig.pump();
        std::fs::write(rig.path("app.log"), "x\n").unwrap();
        rig.pump();
        assert_eq!(rig.lines, ["a long first line", "x"]);
        assert_eq!(rig.gaps, [Gap::Truncated { read_to: 18 }]);
    }

    #[test]
    fn truncation_that_grew_past_the_cursor_again_is_detected_by_the_fingerprint() {
        let mut rig = Rig::new();
        rig.append("app.log", "1\n2\n");
        rig.pump();
        std::fs::write(rig.path("app.log"), "x\ny\nz\n").unwrap();
        rig.pump();
        assert_eq!(rig.lines, ["1", "2", "x", "y", "z"]);
        assert_eq!(rig.gaps, [Gap::Truncated { read_to: 4 }]);
    }

    #[test]
    fn an_unfinished_last_line_of_a_rotated_file_is_taken() {
        let mut rig = Rig::new();
        rig.append("app.log", "1\nunfinished");
        rig.pump();
        std::fs::rename(rig.path("app.log"), rig.path("app.log.1")).unwrap();
        rig.append("app.log", "2\n");
        rig.pump();
        assert_eq!(rig.lines, ["1", "2"]);
        rig.now += ROTATED_QUIET;
        rig.pump();
        assert_eq!(rig.lines, ["1", "2", "unfinished"]);
    }

    #[test]
    fn a_line_longer_than_one_read_is_one_line() {
        let mut rig = Rig::new();
        let long = "x".repeat(READ_BYTES * 3);
        rig.append("app.log", &format!("{long}\nshort\n"));
        rig.pump();
        assert_eq!(rig.lines.len(), 2);
        assert_eq!(rig.lines[0].len(), long.len());
    }
}
