//! A witness as it is asked: where it takes submissions, and the keys that the policy lists for it.

use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;
use quorate_note::WitnessKey;
use quorate_policy::{Name, Url};
use thiserror::Error;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Why a witness of the policy cannot be asked. The policy's fault; nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// It votes, but its line has no URL.
    #[error("the witness {name} has no URL, so it cannot be asked to co-sign")]
    NoUrl {
        /// Its name in the policy.
        name: String,
    },
    /// The URL is not `https://host[:port][/path]`.
    #[error("the URL of the witness {name} is not a submission prefix such as https://host/path")]
    Url {
        /// Its name in the policy.
        name: String,
    },
    /// `http` to a host that is not given as an address of this machine or of a private network.
    #[error(
        "the URL of the witness {name} is http: only an address of this machine or of a private network may be"
    )]
    Plain {
        /// Its name in the policy.
        name: String,
    },
}

/// One submission prefix with every key that co-signs there: one request, however many lines share it.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    add_checkpoint: Uri,
    names: Vec<Name>,
    keys: Vec<WitnessKey>,
    /// Places for requests under way, over all scrolls of the node.
    places: Arc<Semaphore>,
}

/// Requests to one witness at once: of 350 scrolls, so that a slow witness takes neither all descriptors of the process
/// nor all threads that look up names.
const REQUESTS_AT_ONCE: usize = 16;

impl Remote {
    /// Groups witnesses by their submission prefix, in the order of the policy.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub(crate) fn of<'a>(
        witnesses: impl Iterator<Item = &'a quorate_policy::Witness>,
    ) -> Result<Vec<Self>, RemoteError> {
        let mut remotes: Vec<Self> = Vec::new();
        for witness in witnesses {
            let name = witness.name();
            let url = witness.url().ok_or_else(|| RemoteError::NoUrl {
                name: name.to_string(),
            })?;
            let uri = add_checkpoint(name, url)?;
            match remotes.iter_mut().find(|r| r.add_checkpoint == uri) {
                Some(remote) => {
                    remote.names.push(name.clone());
                    remote.keys.push(witness.key().clone());
                }
                None => remotes.push(Self {
                    add_checkpoint: uri,
                    names: vec![name.clone()],
                    keys: vec![witness.key().clone()],
                    places: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
                }),
            }
        }
        Ok(remotes)
    }

    /// Waits for a place among the requests under way.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }

    pub(crate) fn add_checkpoint(&self) -> &Uri {
        &self.add_checkpoint
    }

    /// The keys that count of its answer.
    pub(crate) fn keys(&self) -> &[WitnessKey] {
        &self.keys
    }

    /// Whether this is one of its names in the policy.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.names.iter().any(|n| n.to_string() == name)
    }

    /// What the policy calls it.
    pub(crate) fn label(&self) -> String {
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        names.join(", ")
    }
}

/// `<submission prefix>/add-checkpoint`.
fn add_checkpoint(name: &Name, url: &Url) -> Result<Uri, RemoteError> {
    let malformed = || RemoteError::Url {
        name: name.to_string(),
    };
    let text = str::from_utf8(url.as_bytes()).map_err(|_| malformed())?;
    if text.contains(['?', '#', '@']) {
        return Err(malformed());
    }
    let prefix = text.trim_end_matches('/');
    let uri: Uri = format!("{prefix}/add-checkpoint")
        .parse()
        .map_err(|_| malformed())?;
    let host = uri.host().filter(|h| !h.is_empty()).ok_or_else(malformed)?;
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_near(host) => Ok(uri),
        Some("http") => Err(RemoteError::Plain {
            name: name.to_string(),
        }),
        _ => Err(malformed()),
    }
}

/// Whether a host is `localhost`, or an address of this machine, a link or a private network (RFC 1918, RFC 4193).
fn is_near(host: &str) -> bool {
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse() {
        Ok(IpAddr::V4(v4)) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        Ok(IpAddr::V6(v6)) => {
            v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<String, RemoteError> {
        add_checkpoint(&Name::new(b"w").unwrap(), &url.parse().unwrap()).map(|u| u.to_string())
    }

    #[test]
    fn a_submission_prefix_is_https_or_near() {
        assert_eq!(
            of("https://w.example").unwrap(),
            "https://w.example/add-checkpoint"
        );
        assert_eq!(
            of("https://w.example:8/a/").unwrap(),
            "https://w.example:8/a/add-checkpoint"
        );
        for near in [
            "127.0.0.1:8",
            "localhost",
            "10.1.2.3",
            "192.168.0.9/w",
            "[::1]:8",
            "[fd00::1]",
        ] {
            assert!(of(&format!("http://{near}")).is_ok(), "{near}");
        }
        let name = || "w".to_owned();
        for far in [
            "w.example",
            "8.8.8.8",
            "127.0.0.1.example",
            "[2001:db8::1]",
            "172.32.0.1",
        ] {
            let refused = Err(RemoteError::Plain { name: name() });
            assert_eq!(of(&format!("http://{far}")), refused, "{far}");
        }
        for bad in [
            "w.example",
            "ftp://w",
            "https://",
            "https://a@b",
            "https://a?b",
            "https://a/#b",
            "/w",
        ] {
            assert_eq!(of(bad), Err(RemoteError::Url { name: name() }), "{bad}");
        }
    }
}
