//! Names, ids and free text, each with its bound.

use std::fmt;
use std::str::FromStr;

use quorate_receipt::{Did, DidKind};

use crate::limits::{MAX_NAME_LEN, MAX_PROOF_LEN, MAX_REMARK_LEN, MAX_URL_LEN};

/// Text that is not in its one form. What that form is stands where the text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct TextError(pub(crate) &'static str);

macro_rules! text {
    ($name:ident, $doc:literal, $expected:literal, $accepts:expr) => {
        #[doc = $doc]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            pub(crate) const EXPECTED: &'static str = $expected;

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                let accepts: fn(&str) -> bool = $accepts;
                if accepts(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(TextError(Self::EXPECTED))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

fn is_plain(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.chars().any(char::is_control)
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        (1..=MAX_NAME_LEN).contains(&rest.len())
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    })
}

fn is_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else {
        return false;
    };
    text.len() <= MAX_URL_LEN
        && !rest.is_empty()
        && !rest.starts_with('/')
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'?' | b'#' | b'\\'))
}

text!(
    Name,
    "A short name that somebody chose: a jurisdiction, a credential. A claim, shown and compared, never trusted.",
    "1 to 64 bytes without control characters",
    |text| !text.is_empty() && is_plain(text, MAX_NAME_LEN)
);
text!(
    Remark,
    "A sentence that somebody wrote, carried verbatim. May be empty.",
    "at most 512 bytes without control characters",
    |text| is_plain(text, MAX_REMARK_LEN)
);
text!(
    Proof,
    "What a proposer offers as proof of who it is or what it can, carried verbatim and shown. May be empty.",
    "at most 4096 bytes without control characters",
    |text| is_plain(text, MAX_PROOF_LEN)
);
text!(
    EndpointUrl,
    "Where a mesh answers: `https://`, a host, perhaps a port and a path; no user, query or fragment.",
    "an `https://` URL of at most 2048 bytes without user, query and fragment",
    is_url
);
text!(
    ProposalId,
    "The name that a proposer gave its proposal: `fed-proposal-` and 1 to 64 letters, digits, `.`, `_`, `-`. Unique only \
     among its proposals.",
    "`fed-proposal-` and 1 to 64 letters, digits, `.`, `_` or `-`",
    |text| is_id(text, PROPOSAL)
);
text!(
    AgreementId,
    "The name of an agreement: its proposal's, with `fed-agreement-` in place of `fed-proposal-`. Two proposers may have \
     chosen the same; the agreement's hash is unique.",
    "`fed-agreement-` and 1 to 64 letters, digits, `.`, `_` or `-`",
    |text| is_id(text, AGREEMENT)
);

impl Default for Remark {
    /// Nothing to say.
    fn default() -> Self {
        Self("".into())
    }
}

const PROPOSAL: &str = "fed-proposal-";
const AGREEMENT: &str = "fed-agreement-";

impl AgreementId {
    /// The name of the agreement that a proposal leads to.
    #[must_use]
    pub fn of(proposal: &ProposalId) -> Self {
        let rest = proposal.as_str().strip_prefix(PROPOSAL).unwrap_or_default();
        Self(format!("{AGREEMENT}{rest}").into())
    }
}

/// The name of a mesh: `did:vm:mesh:<name>`. A claim, until its key lineage is known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeshId(Did);

impl MeshId {
    pub(crate) const EXPECTED: &'static str =
        "a mesh, `did:vm:mesh:…`, whose name does not end in `-`";

    /// The DID.
    #[must_use]
    pub fn did(&self) -> &Did {
        &self.0
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The last part of the name, behind its last `-`: `dublin` of `did:vm:mesh:vaultmesh-dublin`. It names the mesh in
    /// `dublin_federation_key`, where two parties need different ones.
    #[must_use]
    pub fn label(&self) -> &str {
        self.0.name().rsplit('-').next().unwrap_or_default()
    }

    /// What the mesh's key is called in an agreement's `key_exchange`.
    #[must_use]
    pub fn key_member(&self) -> String {
        format!("{}_federation_key", self.label())
    }
}

impl FromStr for MeshId {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let did: Did = text.parse().map_err(|_| TextError(Self::EXPECTED))?;
        let mesh = Self(did);
        if mesh.0.kind() == DidKind::Mesh && !mesh.label().is_empty() {
            Ok(mesh)
        } else {
            Err(TextError(Self::EXPECTED))
        }
    }
}

impl fmt::Display for MeshId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str())
    }
}

impl fmt::Debug for MeshId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.as_str(), f)
    }
}
