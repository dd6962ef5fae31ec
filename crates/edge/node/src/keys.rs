//! Private keys on disk: one 32-byte seed per file, `DATA/keys/<name>.seed`, mode 0600.
//!
//! A seed is read only if nobody but its owner can read it (R3), and is wiped from memory on drop. Which
//! public keys count is decided by the lineage, never by what lies in this folder.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

/// Why a key could not be read or kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file system failed. A key that was being written does not count.
    #[error("cannot {what} the key file {path}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others may read the file.
    #[error(
        "the key file {path} has mode {mode:04o}; it must not be readable by group or others (chmod 600)"
    )]
    Permissions {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not 64 lower-case hex digits and a newline.
    #[error("the key file {path} does not hold one 32-byte seed in hex")]
    Format {
        /// Which file.
        path: PathBuf,
    },
    /// The operating system gave no randomness; nothing was made.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// A secret seed.
pub(crate) type Seed = Zeroizing<[u8; 32]>;

/// The folder of private keys.
#[derive(Debug, Clone)]
pub(crate) struct KeyDir {
    path: PathBuf,
}

impl KeyDir {
    /// The folder `DATA/keys`, made with mode 0700 if it does not exist.
    ///
    /// # Errors
    /// [`KeyError::Io`].
    pub(crate) fn open(data_dir: &Path) -> Result<Self, KeyError> {
        let path = data_dir.join("keys");
        if !path.is_dir() {
            std::fs::DirBuilder::new()
                .mode(0o700)
                .recursive(true)
                .create(&path)
                .map_err(|source| KeyError::Io {
                    what: "make the folder of",
                    path: path.clone(),
                    source,
                })?;
        }
        Ok(Self { path })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.seed"))
    }

    /// Whether a key of this name is kept here.
    #[must_use]
    pub(crate) fn has(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// Reads a seed.
    ///
    /// # Errors
    /// See [`KeyError`]; nothing was changed.
    pub(crate) fn read(&self, name: &str) -> Result<Seed, KeyError> {
        read_seed(&self.file(name))
    }

    /// Keeps a seed durably under a new name; an existing file is never overwritten.
    ///
    /// # Errors
    /// See [`KeyError`]; on an error the key must not be used.
    pub(crate) fn write(&self, name: &str, seed: &Seed) -> Result<(), KeyError> {
        let path = self.file(name);
        let io = |what: &'static str| {
            let path = path.clone();
            move |source| KeyError::Io { what, path, source }
        };
        let temporary = self.path.join(format!(".{name}.tmp"));
        let mut hex = Zeroizing::new(base16ct::lower::encode_string(seed.as_ref()));
        hex.push('\n');
        let _stale = std::fs::remove_file(&temporary);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(io("write"))?;
        file.write_all(hex.as_bytes()).map_err(io("write"))?;
        file.sync_all().map_err(io("sync"))?;
        std::fs::hard_link(&temporary, &path).map_err(io("name"))?;
        std::fs::remove_file(&temporary).map_err(io("tidy"))?;
        self.sync()
    }

    /// Reads a seed, or makes it if it is not there.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub(crate) fn read_or_generate(&self, name: &str) -> Result<Seed, KeyError> {
        if self.has(name) {
            self.read(name)
        } else {
            self.generate(name)
        }
    }

    /// Makes a fresh seed and keeps it durably.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub(crate) fn generate(&self, name: &str) -> Result<Seed, KeyError> {
        let seed = fresh_seed()?;
        self.write(name, &seed)?;
        Ok(seed)
    }

    /// Removes a seed for good: it was moved out of the machine, or its key is retired.
    ///
    /// # Errors
    /// [`KeyError::Io`]; the file may still be there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), KeyError> {
        let path = self.file(name);
        std::fs::remove_file(&path).map_err(|source| KeyError::Io {
            what: "remove",
            path: path.clone(),
            source,
        })?;
        self.sync()
    }

    /// Removes what a crash left of writes: it may be the seed of a key that ended since.
    ///
    /// # Errors
    /// [`KeyError::Io`].
    pub(crate) fn remove_unfinished(&self) -> Result<(), KeyError> {
        let io = |what: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| KeyError::Io { what, path, source }
        };
        for entry in std::fs::read_dir(&self.path).map_err(io("look for", &self.path))? {
            let path = entry.map_err(io("look for", &self.path))?.path();
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            if name.starts_with(b".") && name.ends_with(b".tmp") {
                std::fs::remove_file(&path).map_err(io("remove", &path))?;
            }
        }
        self.sync()
    }

    fn sync(&self) -> Result<(), KeyError> {
        std::fs::File::open(&self.path)
            .and_then(|d| d.sync_all())
            .map_err(|source| KeyError::Io {
                what: "sync the folder of",
                path: self.path.clone(),
                source,
            })
    }
}

/// Reads a seed from a file that only its owner can read: 64 lower-case hex digits and a newline.
///
/// # Errors
/// See [`KeyError`]; nothing was changed.
pub(crate) fn read_seed(path: &Path) -> Result<Seed, KeyError> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    read_seed_beside(credentials.as_deref(), path)
}

/// systemd gives a service its credentials (`LoadCredential=`) in a folder that only the service's user can enter, and
/// grants that user each file by an access list, whose mask stands where the group's bits would (mode 0440).
fn read_seed_beside(credentials: Option<&Path>, path: &Path) -> Result<Seed, KeyError> {
    let io = |source| KeyError::Io {
        what: "read",
        path: path.to_path_buf(),
        source,
    };
    let is_credential = credentials.is_some_and(|folder| path.parent() == Some(folder));
    let others = if is_credential { 0o037 } else { 0o077 };
    let mode = std::fs::metadata(path).map_err(io)?.mode() & 0o777;
    if mode & others != 0 {
        return Err(KeyError::Permissions {
            path: path.to_path_buf(),
            mode,
        });
    }
    let text = Zeroizing::new(std::fs::read(path).map_err(io)?);
    let seed = text.strip_suffix(b"\n").and_then(parse_seed);
    seed.ok_or_else(|| KeyError::Format {
        path: path.to_path_buf(),
    })
}

/// A seed of 64 lower-case hex digits.
pub(crate) fn parse_seed(hex: &[u8]) -> Option<Seed> {
    let mut seed = Zeroizing::new([0u8; 32]);
    let decoded = base16ct::lower::decode(hex, seed.as_mut()).ok()?;
    (decoded.len() == 32).then_some(seed)
}

/// 32 bytes from the operating system.
///
/// # Errors
/// [`KeyError::Randomness`].
pub(crate) fn fresh_seed() -> Result<Seed, KeyError> {
    let mut seed = Zeroizing::new([0u8; 32]);
    getrandom::fill(seed.as_mut()).map_err(KeyError::Randomness)?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn r3_only_in_the_folder_of_credentials_may_a_seed_have_a_mask_for_groups() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ed25519.seed");
        std::fs::write(&file, format!("{}\n", "51".repeat(32))).unwrap();
        let with = |mode, folder| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&file, permissions).unwrap();
            read_seed_beside(folder, &file).is_ok()
        };
        let here = Some(dir.path());
        assert!(with(0o440, here));
        assert!(!with(0o440, None));
        assert!(!with(0o440, dir.path().parent()));
        for mode in [0o444, 0o460, 0o640 | 0o020, 0o450, 0o604] {
            assert!(!with(mode, here), "{mode:o}");
        }
        assert!(with(0o600, None));
    }

    #[test]
    fn a_seed_is_kept_for_its_owner_only_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyDir::open(dir.path()).unwrap();
        let seed = keys.generate("identity-0").unwrap();
        assert_eq!(*keys.read("identity-0").unwrap(), *seed);
        let mode = std::fs::metadata(dir.path().join("keys/identity-0.seed"))
            .unwrap()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn r3_a_seed_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyDir::open(dir.path()).unwrap();
        keys.generate("a").unwrap();
        let path = dir.path().join("keys/a.seed");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            keys.read("a"),
            Err(KeyError::Permissions { mode: 0o640, .. })
        ));
    }

    #[test]
    fn an_existing_key_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyDir::open(dir.path()).unwrap();
        let seed = keys.generate("a").unwrap();
        assert!(keys.generate("a").is_err());
        assert_eq!(*keys.read("a").unwrap(), *seed);
    }

    #[test]
    fn r4_a_seed_file_in_any_other_form_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeyDir::open(dir.path()).unwrap();
        let path = dir.path().join("keys/a.seed");
        let hex = "ab".repeat(32);
        for bad in [
            hex.clone(),
            format!("{hex}\r\n"),
            format!("{}\n", hex.to_uppercase()),
            format!("{hex}00\n"),
        ] {
            std::fs::write(&path, bad).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(keys.read("a"), Err(KeyError::Format { .. })));
        }
    }
}
