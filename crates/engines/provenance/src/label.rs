//! Integrity labels: what a step derives from, and how far that can be trusted.
//!
//! The rules are Biba's strict integrity policy: nothing has a label above any of its ancestors'. A label is a claim
//! of the actor that signs the step: it binds what the actor declares, and shows who declared it.

use std::fmt;
use std::ops::BitOr;

/// Where what enters a session comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SourceClass {
    /// The person for whom the actor acts.
    User,
    /// Whoever runs the actor: its configuration and instructions.
    Operator,
    /// A file on the actor's machine.
    LocalFile,
    /// What the actor itself remembered from earlier sessions.
    Memory,
    /// An index of documents that are retrieved by likeness.
    RagIndex,
    /// The open web.
    Web,
    /// The answer of a tool.
    Tool,
    /// Nothing was declared.
    Undeclared,
}

impl SourceClass {
    /// Every class, in the order of the bits of a [`Label`].
    pub const ALL: [Self; 8] = [
        Self::User,
        Self::Operator,
        Self::LocalFile,
        Self::Memory,
        Self::RagIndex,
        Self::Web,
        Self::Tool,
        Self::Undeclared,
    ];

    /// As receipts and rules write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::LocalFile => "local_file",
            Self::Memory => "memory",
            Self::RagIndex => "rag_index",
            Self::Web => "web",
            Self::Tool => "tool",
            Self::Undeclared => "undeclared",
        }
    }

    /// Reads [`SourceClass::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// Whether a retrieval of `url` can have this class: what is fetched was not said by a person, and what comes over the
    /// network is no file of this machine.
    #[must_use]
    pub fn fits_retrieval(self, url: &str) -> bool {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        match self {
            Self::User | Self::Operator => false,
            Self::LocalFile => scheme.is_none_or(|scheme| scheme.eq_ignore_ascii_case("file")),
            _ => true,
        }
    }

    /// How far content of this class can be trusted.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::User | Self::Operator | Self::LocalFile => Level::Trusted,
            Self::Memory | Self::RagIndex | Self::Tool => Level::Untrusted,
            Self::Web | Self::Undeclared => Level::Adversarial,
        }
    }
}

impl fmt::Display for SourceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How far something can be trusted, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Somebody who means harm may have written it.
    Adversarial,
    /// Nobody vouches for it.
    Untrusted,
    /// The user, the operator or their machine is its source.
    Trusted,
}

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Self; 3] = [Self::Adversarial, Self::Untrusted, Self::Trusted];

    /// As rules write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adversarial => "adversarial",
            Self::Untrusted => "untrusted",
            Self::Trusted => "trusted",
        }
    }

    /// Reads [`Level::as_str`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The set of classes that something derives from.
///
/// Labels are a lattice: `a ⊑ b` iff `a ⊇ b`, so more sources mean lower integrity; the meet is the union and the top
/// is the empty set.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Label(u8);

impl Label {
    /// Derives from nothing.
    pub const TOP: Self = Self(0);

    /// Derives from one class.
    #[must_use]
    pub const fn of(class: SourceClass) -> Self {
        Self(1 << class as u8)
    }

    /// The label with these bits, one for each of [`SourceClass::ALL`].
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// One bit for each of [`SourceClass::ALL`].
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// What derives from both.
    #[must_use]
    pub const fn meet(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `self ⊑ other`: this derives from everything that the other derives from.
    #[must_use]
    pub const fn is_at_or_below(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if it derives from this class.
    #[must_use]
    pub const fn contains(self, class: SourceClass) -> bool {
        self.is_at_or_below(Self::of(class))
    }

    /// The classes.
    pub fn classes(self) -> impl Iterator<Item = SourceClass> {
        SourceClass::ALL
            .into_iter()
            .filter(move |class| self.contains(*class))
    }

    /// The lowest level of its classes; [`Level::Trusted`] if there are none.
    #[must_use]
    pub fn level(self) -> Level {
        self.classes()
            .map(SourceClass::level)
            .min()
            .unwrap_or(Level::Trusted)
    }

    /// The label of a step with this source and parents of these labels. A step with neither is undeclared.
    pub fn effective(source: Option<SourceClass>, parents: impl IntoIterator<Item = Self>) -> Self {
        let own = source.map_or(Self::TOP, Self::of);
        // No label of a step is empty, so the meet is empty only without a source and without parents.
        match parents.into_iter().fold(own, Self::meet) {
            Self::TOP => Self::of(SourceClass::Undeclared),
            label => label,
        }
    }
}

impl BitOr<SourceClass> for Label {
    type Output = Self;

    fn bitor(self, class: SourceClass) -> Self {
        self.meet(Self::of(class))
    }
}

impl FromIterator<SourceClass> for Label {
    fn from_iter<I: IntoIterator<Item = SourceClass>>(classes: I) -> Self {
        classes
            .into_iter()
            .fold(Self::TOP, |label, class| label | class)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, class) in self.classes().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(class.as_str())?;
        }
        f.write_str("}")
    }
}
