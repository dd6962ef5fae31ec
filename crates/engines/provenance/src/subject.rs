//! Who acts in a session.

use std::fmt;
use std::str::FromStr;

use quorate_receipt::Did;

/// The longest SPIFFE ID, in bytes (SPIFFE-ID §2.3).
pub const MAX_SPIFFE_ID_LEN: usize = 2048;

/// The longest SPIFFE trust domain, in bytes (SPIFFE-ID §2.1).
pub const MAX_TRUST_DOMAIN_LEN: usize = 255;

const SCHEME: &str = "spiffe://";

/// Text that names no actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// Neither a DID of this system nor a SPIFFE ID.
    #[error(
        "expected `did:vm:mesh:…`, `did:vm:human:…`, `did:vm:agent:…`, `engine:…` or `spiffe://…`"
    )]
    Form,
    /// More than [`MAX_SPIFFE_ID_LEN`].
    #[error("a SPIFFE ID is at most {MAX_SPIFFE_ID_LEN} bytes long")]
    Length,
    /// The trust domain.
    #[error(
        "a SPIFFE trust domain is 1 to {MAX_TRUST_DOMAIN_LEN} of `a-z`, `0-9`, `.`, `_` and `-`"
    )]
    TrustDomain,
    /// The path.
    #[error(
        "the path of a SPIFFE ID is segments of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`, none of them empty, `.` or `..`"
    )]
    Path,
}

/// An actor: a DID of this system, or a SPIFFE ID (SPIFFE-ID §2). One actor has one text, compared byte for byte.
///
/// A name is a claim. Which key acts for it is what the operator pins.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Box<str>);

impl Subject {
    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(SCHEME) {
            Some(rest) => check_spiffe(text, rest)?,
            None => {
                text.parse::<Did>().map_err(|_| SubjectError::Form)?;
            }
        }
        Ok(Self(text.into()))
    }
}

fn check_spiffe(text: &str, rest: &str) -> Result<(), SubjectError> {
    if text.len() > MAX_SPIFFE_ID_LEN {
        return Err(SubjectError::Length);
    }
    let mut parts = rest.split('/');
    let domain = parts.next().unwrap_or_default();
    let is_domain = (1..=MAX_TRUST_DOMAIN_LEN).contains(&domain.len())
        && domain
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
    if !is_domain {
        return Err(SubjectError::TrustDomain);
    }
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    if parts.all(is_segment) {
        Ok(())
    } else {
        Err(SubjectError::Path)
    }
}

impl From<Did> for Subject {
    fn from(did: Did) -> Self {
        Self(did.as_str().into())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
