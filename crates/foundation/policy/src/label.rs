//! Failure domains as the operator of a policy labels them.

use std::collections::BTreeMap;
use std::fmt;

use crate::name::Name;

/// The longest label: 128 octets. The ARN of a key in a cloud's key store has about 80.
pub const MAX_LABEL_LEN: usize = 128;

/// What witnesses can have in common, so that they fail or fall together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DomainKind {
    /// Who runs it.
    Operator,
    /// Where it stands.
    Region,
    /// On whose machines.
    Cloud,
    /// Under which account there.
    Account,
    /// What holds its key.
    KeyStore,
}

impl DomainKind {
    /// All five, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Operator,
        Self::Region,
        Self::Cloud,
        Self::Account,
        Self::KeyStore,
    ];

    /// The word for it in a domains file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Region => "region",
            Self::Cloud => "cloud",
            Self::Account => "account",
            Self::KeyStore => "key_store",
        }
    }
}

impl fmt::Display for DomainKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a label is not taken. Its author's mistake; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// Nothing, or more than [`MAX_LABEL_LEN`] octets.
    #[error("a label has 1 to {MAX_LABEL_LEN} octets; this one has {len}")]
    Length {
        /// How many it has.
        len: usize,
    },
    /// Two labels that look alike must be alike, or they count as two domains: ASCII only, no white space
    /// that cannot be seen.
    #[error(
        "a label is letters, digits and `. _ : / @ + -` in ASCII, begins with a letter or digit, and has \
         single spaces inside only"
    )]
    Form,
    /// Another label of the same kind differs in upper and lower case only: a slip that would count as one
    /// more independent domain.
    #[error("{kind} `{label}` differs from `{other}` in upper and lower case only")]
    CaseOnly {
        /// The kind of both.
        kind: DomainKind,
        /// This one.
        label: Label,
        /// The one before.
        other: Label,
    },
    /// The witness has a label of this kind.
    #[error("the witness has a label for {kind} already")]
    Repeated {
        /// The kind.
        kind: DomainKind,
    },
}

/// The name of one failure domain, such as `us-east-1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(String);

impl Label {
    /// Takes a text as a label.
    ///
    /// # Errors
    /// `Length`, `Form`.
    pub fn new(text: &str) -> Result<Self, LabelError> {
        if !(1..=MAX_LABEL_LEN).contains(&text.len()) {
            return Err(LabelError::Length { len: text.len() });
        }
        let inside = |b: u8| b.is_ascii_alphanumeric() || b" ._:/@+-".contains(&b);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins || !text.bytes().all(inside) || text.contains("  ") || text.ends_with(' ') {
            return Err(LabelError::Form);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Label({self})")
    }
}

/// The labels of a policy's witnesses. They are claims: nothing here can check who runs a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    of: BTreeMap<(Name, DomainKind), Label>,
    /// The first spelling of each label.
    spelt: BTreeMap<(DomainKind, String), Label>,
}

impl Labels {
    /// No labels: every witness shares every domain with every other.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Labels a witness.
    ///
    /// # Errors
    /// `CaseOnly`, `Repeated`; then nothing changed.
    pub fn add(&mut self, witness: Name, kind: DomainKind, label: Label) -> Result<(), LabelError> {
        let spelling = (kind, label.as_str().to_ascii_lowercase());
        match self.spelt.get(&spelling) {
            Some(other) if *other != label => {
                let other = other.clone();
                return Err(LabelError::CaseOnly { kind, label, other });
            }
            _ => {}
        }
        let of = (witness, kind);
        if self.of.contains_key(&of) {
            return Err(LabelError::Repeated { kind });
        }
        self.spelt.insert(spelling, label.clone());
        self.of.insert(of, label);
        Ok(())
    }

    /// The label of a witness.
    #[must_use]
    pub fn get(&self, witness: &Name, kind: DomainKind) -> Option<&Label> {
        self.of.get(&(witness.clone(), kind))
    }
}
