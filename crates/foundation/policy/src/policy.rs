//! The validated policy and its tree.

use std::fmt;

use quorate_note::{LogKey, WitnessKey};

use crate::name::{Name, Url};

/// How deep groups may be nested: a group of witnesses has depth 1. The spec asks for at least 32 groups
/// ("Implementation limits"), which is a depth of 32 when each holds the one before it; twice that keeps
/// every walk of the tree, recursive ones included, trivially bounded.
pub const MAX_GROUP_DEPTH: usize = 64;

/// How a policy file writes its keys, which is what tells the two grammars apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// C2SP tlog-policy: vkeys, with key name and type.
    C2sp,
    /// sigsum: 64 hexadecimal digits, always Ed25519, nameless. A co-signature line belongs to such a
    /// key when its key ID follows from the line's own name and that key.
    Sigsum,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::C2sp => "vkey",
            Self::Sigsum => "hexadecimal",
        })
    }
}

/// One `log` line. Several are alternatives: a checkpoint needs one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    pub(crate) key: LogKey,
    pub(crate) url: Option<Url>,
}

impl Log {
    /// The key. In a vkey its name is the log's origin.
    #[must_use]
    pub fn key(&self) -> &LogKey {
        &self.key
    }

    /// The URL, uninterpreted.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }
}

/// One `witness` line.
#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    pub(crate) name: Name,
    pub(crate) key: WitnessKey,
    pub(crate) url: Option<Url>,
}

impl Witness {
    /// Its name in this file.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The key that co-signs.
    #[must_use]
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// The URL, uninterpreted; by recommendation the submission prefix of tlog-witness.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }
}

/// A group's threshold, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// k = 1.
    Any,
    /// k = n.
    All,
    /// k in decimal.
    AtLeast(usize),
}

impl Threshold {
    /// k, given the number of members.
    #[must_use]
    pub fn required(self, members: usize) -> usize {
        match self {
            Self::Any => 1,
            Self::All => members,
            Self::AtLeast(k) => k,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::All => f.write_str("all"),
            Self::AtLeast(k) => write!(f, "{k}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GroupDef {
    pub(crate) name: Name,
    pub(crate) threshold: Threshold,
    /// Indices into [`Policy::nodes`], each smaller than the group's own.
    pub(crate) members: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeDef {
    Witness(Witness),
    Group(GroupDef),
}

/// A validated policy: what a checkpoint must carry to count.
///
/// Invariants, held by the only constructor ([`PolicyBuilder`](crate::PolicyBuilder)): every group has
/// 1 ≤ k ≤ n; every member refers backwards; every node has at most one parent, so the quorum is a tree
/// and each witness votes on one path; no public key is listed twice in one role.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(crate) dialect: Dialect,
    pub(crate) logs: Vec<Log>,
    /// Witnesses and groups in the order of their definition.
    pub(crate) nodes: Vec<NodeDef>,
    /// `None` is `quorum none`.
    pub(crate) quorum: Option<usize>,
}

/// What the `quorum` line asks for.
#[derive(Debug, Clone, Copy)]
pub enum Quorum<'a> {
    /// `quorum none`: no co-signature is required, so nobody but the log vouches for a checkpoint.
    None,
    /// A witness or a group.
    Node(Node<'a>),
}

/// A witness or group of a policy's tree.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) index: usize,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, Copy)]
pub enum NodeKind<'a> {
    /// A leaf: one key, one vote.
    Witness(&'a Witness),
    /// k of n members.
    Group(Group<'a>),
}

/// A group of a policy's tree.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    policy: &'a Policy,
    def: &'a GroupDef,
}

impl<'a> Node<'a> {
    /// Its name in the file.
    #[must_use]
    pub fn name(self) -> &'a Name {
        match &self.policy.nodes[self.index] {
            NodeDef::Witness(witness) => &witness.name,
            NodeDef::Group(group) => &group.name,
        }
    }

    /// Witness or group.
    #[must_use]
    pub fn kind(self) -> NodeKind<'a> {
        match &self.policy.nodes[self.index] {
            NodeDef::Witness(witness) => NodeKind::Witness(witness),
            NodeDef::Group(def) => NodeKind::Group(Group {
                policy: self.policy,
                def,
            }),
        }
    }
}

impl<'a> Group<'a> {
    /// Its name in the file.
    #[must_use]
    pub fn name(self) -> &'a Name {
        &self.def.name
    }

    /// The threshold as written.
    #[must_use]
    pub fn threshold(self) -> Threshold {
        self.def.threshold
    }

    /// k: how many members must be satisfied, 1 ≤ k ≤ n.
    #[must_use]
    pub fn required(self) -> usize {
        self.def.threshold.required(self.def.members.len())
    }

    /// The n members in the order of the file.
    pub fn members(self) -> impl ExactSizeIterator<Item = Node<'a>> + use<'a> {
        let policy = self.policy;
        self.def
            .members
            .iter()
            .map(move |&index| Node { policy, index })
    }
}

impl Policy {
    /// How its keys are written. A policy without keys counts as C2SP.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The log lines: alternatives. May be empty, when the application knows its logs from elsewhere.
    #[must_use]
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// All witness lines in the order of the file, those that the quorum does not reach included.
    pub fn witnesses(&self) -> impl Iterator<Item = &Witness> {
        self.nodes.iter().filter_map(|node| match node {
            NodeDef::Witness(witness) => Some(witness),
            NodeDef::Group(_) => None,
        })
    }

    /// All witnesses and groups in the order of the file, each after everything it refers to.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'_>> {
        (0..self.nodes.len()).map(|index| Node {
            policy: self,
            index,
        })
    }

    /// The root of the tree.
    #[must_use]
    pub fn quorum(&self) -> Quorum<'_> {
        match self.quorum {
            None => Quorum::None,
            Some(index) => Quorum::Node(Node {
                policy: self,
                index,
            }),
        }
    }
}
