//! Names of meshes and actors.

use std::fmt;
use std::str::FromStr;

/// Text that is not a DID of this system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DidError {
    /// None of the four forms.
    #[error("expected `did:vm:mesh:…`, `did:vm:human:…`, `did:vm:agent:…` or `engine:…`")]
    Form,
    /// The part behind the last colon.
    #[error(
        "the name in a DID is 1 to 128 of `a-z`, `0-9`, `.`, `_`, `-` and begins with a letter or digit"
    )]
    Name,
}

/// What a DID names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DidKind {
    /// A mesh: `did:vm:mesh:<name>`.
    Mesh,
    /// A person: `did:vm:human:<name>`.
    Human,
    /// A program that acts for somebody: `did:vm:agent:<name>`.
    Agent,
    /// A part of the node: `engine:<name>`.
    Engine,
}

impl DidKind {
    const ALL: [Self; 4] = [Self::Mesh, Self::Human, Self::Agent, Self::Engine];

    /// What the text begins with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Mesh => "did:vm:mesh:",
            Self::Human => "did:vm:human:",
            Self::Agent => "did:vm:agent:",
            Self::Engine => "engine:",
        }
    }
}

/// The name of a mesh or an actor. A DID is a claim: which key lineage stands behind it is decided elsewhere.
///
/// Names are lower case, so that no two of them differ only in case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Did {
    kind: DidKind,
    text: Box<str>,
}

impl Did {
    /// The longest name behind the prefix, in bytes.
    pub const MAX_NAME: usize = 128;

    /// The DID of this kind and name.
    ///
    /// # Errors
    /// [`DidError::Name`] if the name is not one.
    pub fn new(kind: DidKind, name: &str) -> Result<Self, DidError> {
        let valid = (1..=Self::MAX_NAME).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if !valid {
            return Err(DidError::Name);
        }
        Ok(Self {
            kind,
            text: format!("{}{name}", kind.prefix()).into(),
        })
    }

    /// What it names.
    #[must_use]
    pub fn kind(&self) -> DidKind {
        self.kind
    }

    /// The part behind the prefix.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text
            .get(self.kind.prefix().len()..)
            .unwrap_or_default()
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Did {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = DidKind::ALL
            .into_iter()
            .find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))
            .ok_or(DidError::Form)?;
        Self::new(kind, name)
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}
