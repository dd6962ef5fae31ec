//! Where a log is read: the prefix of a tiled log on the web, or a folder that holds one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::Uri;
use thiserror::Error;

/// The longest address that is taken, in octets: what web servers take for a request line is 8,000.
const MAX_ADDRESS: usize = 2048;

/// Where a log is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Kind);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    /// `http(s)://host[:port][/path]`, without a slash at the end.
    Web(String),
    Folder(PathBuf),
}

/// Why words name no place. The fault is in the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Nothing.
    #[error("it is empty")]
    Empty,
    /// Longer than any address.
    #[error("it is longer than {MAX_ADDRESS} octets")]
    TooLong,
    /// Another scheme.
    #[error("a log is at https://, http:// or file://, or in a folder")]
    Scheme,
    /// Not on the web, where only an address there will do.
    #[error("it is not at https:// or http://")]
    NotWeb,
    /// A query, a fragment or credentials.
    #[error("the prefix of a log has no '?', '#' or '@'")]
    Extra,
    /// No host, or octets that no address has.
    #[error("it is not of the form https://host[:port][/path]")]
    Form,
    /// `file://` with a host, or without an absolute path.
    #[error("a file URL is file:// and an absolute path")]
    File,
}

impl Place {
    /// Whether it is asked over TLS.
    #[must_use]
    pub fn needs_tls(&self) -> bool {
        matches!(&self.0, Kind::Web(prefix) if prefix.starts_with("https"))
    }

    /// An address on the web, and nothing else: what somebody else wrote names no folder of this machine.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn on_the_web(text: &str) -> Result<Self, PlaceError> {
        let place: Self = text.parse()?;
        match place.0 {
            Kind::Web(_) => Ok(place),
            Kind::Folder(_) => Err(PlaceError::NotWeb),
        }
    }

    /// Whether it is no folder, or one that exists. May block.
    #[must_use]
    pub fn may_be_asked(&self) -> bool {
        self.folder().is_none_or(Path::is_dir)
    }

    /// The address on the web that was meant, where no such folder exists and its name looks like a host's.
    pub(super) fn meant(&self) -> Option<String> {
        let folder = self.folder().filter(|folder| !folder.is_dir())?;
        let text = folder.to_str()?;
        let host = text.split('/').next()?;
        let near = host == "localhost"
            || host.starts_with("localhost:")
            || host.starts_with(|c: char| c.is_ascii_digit());
        let scheme = if near { "http" } else { "https" };
        let is_host = near || (!host.starts_with('.') && host.contains(['.', ':']));
        let address = format!("{scheme}://{text}");
        (is_host && Self::on_the_web(&address).is_ok()).then_some(address)
    }

    /// The address of a resource below it, or the file it is in.
    pub(super) fn below(&self, path: &str) -> String {
        match &self.0 {
            Kind::Web(prefix) => format!("{prefix}/{path}"),
            Kind::Folder(folder) => folder.join(path).display().to_string(),
        }
    }

    /// The folder, if it is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Web(_) => None,
            Kind::Folder(folder) => Some(folder),
        }
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if text.is_empty() {
            return Err(PlaceError::Empty);
        }
        if text.len() > MAX_ADDRESS {
            return Err(PlaceError::TooLong);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self(Kind::Folder(text.into())));
        };
        match scheme {
            "https" | "http" => web(text).map(|prefix| Self(Kind::Web(prefix))),
            "file" => file(rest).map(|path| Self(Kind::Folder(path))),
            _ => Err(PlaceError::Scheme),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Web(prefix) => f.write_str(prefix),
            Kind::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

fn web(text: &str) -> Result<String, PlaceError> {
    if text.contains(['?', '#', '@']) {
        return Err(PlaceError::Extra);
    }
    let prefix = text.trim_end_matches('/');
    // Whoever copies the address of a checkpoint means the log below whose prefix it is.
    let prefix = prefix.strip_suffix("/checkpoint").unwrap_or(prefix);
    let prefix = prefix.trim_end_matches('/');
    let uri: Uri = format!("{prefix}/checkpoint")
        .parse()
        .map_err(|_| PlaceError::Form)?;
    let host = uri.host().filter(|host| !host.is_empty());
    host.map(|_| prefix.to_owned()).ok_or(PlaceError::Form)
}

/// The path of `file://` and `file://localhost`, with `%` and two digits for an octet.
fn file(rest: &str) -> Result<PathBuf, PlaceError> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') || path.contains(['?', '#']) {
        return Err(PlaceError::File);
    }
    let mut octets = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit(), digit());
                let octet = high
                    .zip(low)
                    .and_then(|(h, l)| u8::try_from(16 * h + l).ok());
                octet.filter(|o| *o != 0).ok_or(PlaceError::File)?
            }
            other => other,
        });
    }
    Ok(std::ffi::OsString::from_vec(octets).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(text: &str) -> Result<String, PlaceError> {
        text.parse::<Place>().map(|p| p.below("tile/0/000"))
    }

    #[test]
    fn a_log_is_at_a_prefix_or_in_a_folder() {
        for (text, expected) in [
            ("https://log.example", "https://log.example/tile/0/000"),
            ("http://[::1]:8/a/b/", "http://[::1]:8/a/b/tile/0/000"),
            (
                "https://log.example/checkpoint",
                "https://log.example/tile/0/000",
            ),
            ("http://h/a/checkpoint/", "http://h/a/tile/0/000"),
            (
                "http://h/my-checkpoint",
                "http://h/my-checkpoint/tile/0/000",
            ),
            ("file:///srv/a%20b%c3%a4", "/srv/a bä/tile/0/000"),
            ("file://localhost/srv", "/srv/tile/0/000"),
            ("site", "site/tile/0/000"),
            ("/srv/site", "/srv/site/tile/0/000"),
        ] {
            assert_eq!(below(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, error) in [
            ("", PlaceError::Empty),
            ("ftp://log.example", PlaceError::Scheme),
            ("https://", PlaceError::Form),
            ("https://a b", PlaceError::Form),
            ("https://user@log.example", PlaceError::Extra),
            ("https://log.example/?x", PlaceError::Extra),
            ("https://log.example/#x", PlaceError::Extra),
            ("file://host/srv", PlaceError::File),
            ("file://srv", PlaceError::File),
            ("file:///srv/%0", PlaceError::File),
            ("file:///srv/%00", PlaceError::File),
            ("file:///srv/%zz", PlaceError::File),
        ] {
            assert_eq!(below(text), Err(error), "{text}");
        }
        for text in ["file:///srv/site", "/srv/site", "witness.example"] {
            assert_eq!(Place::on_the_web(text), Err(PlaceError::NotWeb), "{text}");
        }
        assert!(Place::on_the_web("https://witness.example/a").is_ok());
        let long = format!("https://log.example/{}", "a".repeat(MAX_ADDRESS));
        assert_eq!(below(&long), Err(PlaceError::TooLong));
    }
    #[test]
    fn a_name_that_is_no_folder_and_looks_like_a_host_is_asked_about() {
        let meant = |text: &str| text.parse::<Place>().unwrap().meant();
        for (text, expected) in [
            ("log.example/2026", Some("https://log.example/2026")),
            (
                "127.0.0.1:1/scrolls/A",
                Some("http://127.0.0.1:1/scrolls/A"),
            ),
            ("localhost:1", Some("http://localhost:1")),
            ("nowhere", None),
            ("./log.example", None),
            ("/srv/log.example", None),
            ("https://log.example", None),
        ] {
            assert_eq!(meant(text).as_deref(), expected, "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(meant(folder.path().to_str().unwrap()), None);
    }
}
