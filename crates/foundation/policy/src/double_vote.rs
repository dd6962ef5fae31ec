//! One witness that votes twice, once with each of its keys.

use std::collections::{BTreeMap, BTreeSet};

use quorate_note::KeyKind;

use crate::label::{DomainKind, Label, Labels};
use crate::name::Name;
use crate::policy::{Group, Node, NodeKind, Policy, Quorum, Witness};

/// Two votes in one hand: what looks like one witness's Ed25519 and ML-DSA-44 keys, below different members of
/// a group that asks for more than one. They belong into an `any` group of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubleVote {
    operator: Label,
    group: Name,
    witnesses: Vec<Name>,
}

impl DoubleVote {
    /// Whose witness it is.
    #[must_use]
    pub fn operator(&self) -> &Label {
        &self.operator
    }

    /// The group that counts its keys as several votes.
    #[must_use]
    pub fn group(&self) -> &Name {
        &self.group
    }

    /// The `witness` lines of its keys, in the order of the tree. More than two where labels do not tell which
    /// two belong together.
    #[must_use]
    pub fn witnesses(&self) -> &[Name] {
        &self.witnesses
    }
}

/// Every double vote of a policy, inner groups first.
pub(crate) fn double_votes(policy: &Policy, labels: &Labels) -> Vec<DoubleVote> {
    let mut double = Vec::new();
    if let Quorum::Node(root) = policy.quorum() {
        voters(root, labels, &mut double);
    }
    double
}

/// A `witness` line whose operator is known.
#[derive(Clone, Copy)]
struct Voter<'a> {
    witness: &'a Witness,
    operator: &'a Label,
    labels: [Option<&'a Label>; DomainKind::ALL.len()],
}

impl<'a> Voter<'a> {
    fn new(witness: &'a Witness, labels: &'a Labels) -> Option<Self> {
        Some(Self {
            witness,
            operator: labels.get(witness.name(), DomainKind::Operator)?,
            labels: DomainKind::ALL.map(|kind| labels.get(witness.name(), kind)),
        })
    }

    fn is_mldsa(&self) -> bool {
        match self.witness.key().kind() {
            KeyKind::MlDsa44 => true,
            KeyKind::Ed25519 | KeyKind::Ed25519Cosignature => false,
        }
    }

    /// One witness with two algorithms, for all that labels tell: two machines of one operator differ in some
    /// label. Two keys of one algorithm are two witnesses; no witness needs both. Both operators are known, so
    /// they are among the labels that must not differ.
    fn is_the_witness_of(&self, other: &Self) -> bool {
        let both = self.labels.iter().zip(&other.labels);
        self.is_mldsa() != other.is_mldsa()
            && both.filter_map(|(a, b)| a.zip(*b)).all(|(a, b)| a == b)
    }
}

/// The voters below a node. Recursion is bounded by [`MAX_GROUP_DEPTH`](crate::MAX_GROUP_DEPTH).
fn voters<'a>(node: Node<'a>, labels: &'a Labels, double: &mut Vec<DoubleVote>) -> Vec<Voter<'a>> {
    match node.kind() {
        NodeKind::Witness(witness) => Voter::new(witness, labels).into_iter().collect(),
        NodeKind::Group(group) => {
            let members = group.members();
            let members: Vec<_> = members.map(|node| voters(node, labels, double)).collect();
            // Where one member is enough, whoever they are, the group above hears one vote.
            if group.required() > 1 {
                double.extend(between(group, &members));
            }
            members.concat()
        }
    }
}

/// The double votes of a group whose voters are below different members. ML-DSA-44 keys are long, so a policy
/// has few, and few pairs.
fn between<'a>(group: Group<'a>, members: &[Vec<Voter<'a>>]) -> Vec<DoubleVote> {
    let numbered = members.iter().enumerate();
    let all: Vec<(usize, Voter<'a>)> = numbered
        .flat_map(|(member, voters)| voters.iter().map(move |voter| (member, *voter)))
        .collect();
    let places = || all.iter().enumerate();
    let mut found: BTreeMap<&Label, BTreeSet<usize>> = BTreeMap::new();
    for (i, (member, voter)) in places().filter(|(_, (_, voter))| voter.is_mldsa()) {
        for (j, (_, other)) in places().filter(|(_, (other, _))| other != member) {
            if voter.is_the_witness_of(other) {
                found.entry(voter.operator).or_default().extend([i, j]);
            }
        }
    }
    let found = found.into_iter();
    found
        .map(|(operator, places)| DoubleVote {
            operator: operator.clone(),
            group: group.name().clone(),
            witnesses: places
                .into_iter()
                .filter_map(|place| all.get(place))
                .map(|(_, voter)| voter.witness.name().clone())
                .collect(),
        })
        .collect()
}
