//! How many failure domains stand between a quorum and whoever wants to forge or stop it.

use std::collections::BTreeMap;
use std::fmt;

use crate::double_vote::{DoubleVote, double_votes};
use crate::label::{DomainKind, Label, Labels};
use crate::name::Name;
use crate::policy::Policy;
use crate::search::{Choice, Found, MAX_SEARCH_WORK, fewest};
use crate::tree::Tree;

/// One failure domain of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Domain {
    /// The witnesses with this label.
    Labelled(Label),
    /// The witnesses without a label of the kind. What is unknown is taken as shared: together they count as
    /// one domain.
    Unlabelled,
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Labelled(label) => label.fmt(f),
            Self::Unlabelled => f.write_str("(no label)"),
        }
    }
}

/// How few domains do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fewest {
    /// These do, and no smaller set does.
    Exactly(Vec<Domain>),
    /// No smaller number does; the search ended at [`MAX_SEARCH_WORK`], before it knew how many do.
    AtLeast(usize),
}

impl Fewest {
    /// A number that no smaller set reaches: the answer itself where it is exact.
    #[must_use]
    pub fn at_least(&self) -> usize {
        match self {
            Self::Exactly(domains) => domains.len(),
            Self::AtLeast(n) => *n,
        }
    }

    fn of(found: Found, domains: &[Domain]) -> Self {
        match found {
            Found::Fewest(chosen) => {
                Self::Exactly(chosen.iter().map(|&c| domains[c].clone()).collect())
            }
            // All domains together hold every witness, which satisfies any policy; were it not so, no number
            // of them would do.
            Found::Nothing => Self::AtLeast(domains.len() + 1),
            Found::AtLeast(n) => Self::AtLeast(n),
        }
    }
}

/// What one kind of failure domain means for a quorum. A statement about a policy, never about a
/// checkpoint: what accepts one is [`QuorumMet`](crate::QuorumMet) alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindReport {
    kind: DomainKind,
    domains: Vec<Domain>,
    forge: Fewest,
    stop: Fewest,
    unlabelled: Vec<Name>,
}

impl KindReport {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> DomainKind {
        self.kind
    }

    /// Every domain of this kind that holds a voting witness.
    #[must_use]
    pub fn domains(&self) -> &[Domain] {
        &self.domains
    }

    /// The fewest domains whose witnesses, all in one hand, satisfy the quorum.
    #[must_use]
    pub fn forge(&self) -> &Fewest {
        &self.forge
    }

    /// The fewest domains without whose witnesses nothing satisfies the quorum.
    #[must_use]
    pub fn stop(&self) -> &Fewest {
        &self.stop
    }

    /// The voting witnesses without a label of this kind.
    #[must_use]
    pub fn unlabelled(&self) -> &[Name] {
        &self.unlabelled
    }

    fn new(
        tree: &Tree<'_>,
        dual: &Tree<'_>,
        labels: &Labels,
        kind: DomainKind,
        work: usize,
    ) -> Self {
        let mut domains = Vec::new();
        let mut choices: Vec<Choice> = Vec::new();
        let mut numbers = BTreeMap::new();
        let mut unlabelled = Vec::new();
        for (leaf, witness) in tree.witnesses().iter().enumerate() {
            let domain = match labels.get(witness.name(), kind) {
                Some(label) => Domain::Labelled(label.clone()),
                None => {
                    unlabelled.push(witness.name().clone());
                    Domain::Unlabelled
                }
            };
            let number = *numbers.entry(domain.clone()).or_insert_with(|| {
                domains.push(domain);
                choices.push(Choice::default());
                choices.len() - 1
            });
            choices[number].satisfies.push(leaf);
        }
        let number = |tree| Fewest::of(fewest(tree, None, &choices, work), &domains);
        Self {
            kind,
            forge: number(tree),
            stop: number(dual),
            unlabelled,
            domains,
        }
    }
}

/// A policy's quorum seen by failure domains. It says what the labels say: it is as true as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureDomains {
    kinds: Vec<KindReport>,
    double_votes: Vec<DoubleVote>,
}

impl FailureDomains {
    /// One report per kind, in the order of [`DomainKind::ALL`].
    #[must_use]
    pub fn kinds(&self) -> &[KindReport] {
        &self.kinds
    }

    /// Where a witness has two votes.
    #[must_use]
    pub fn double_votes(&self) -> &[DoubleVote] {
        &self.double_votes
    }
}

impl Policy {
    /// What the labels of its witnesses mean for its quorum; none for `quorum none`, which nobody needs to
    /// forge and nothing stops.
    ///
    /// Each number is exact or says that it is not ([`Fewest::AtLeast`]).
    #[must_use]
    pub fn failure_domains(&self, labels: &Labels) -> Option<FailureDomains> {
        self.failure_domains_within(labels, MAX_SEARCH_WORK)
    }

    /// [`failure_domains`](Self::failure_domains) with another limit than [`MAX_SEARCH_WORK`] for each
    /// search.
    #[must_use]
    pub fn failure_domains_within(&self, labels: &Labels, work: usize) -> Option<FailureDomains> {
        let tree = Tree::new(self)?;
        let dual = tree.dual();
        Some(FailureDomains {
            kinds: DomainKind::ALL
                .map(|kind| KindReport::new(&tree, &dual, labels, kind, work))
                .into(),
            double_votes: double_votes(self, labels),
        })
    }
}
