//! The part of a policy that votes, as a threshold tree over numbered leaves, decided leaf by leaf.

use crate::policy::{NodeDef, Policy, Witness};

/// A threshold tree. Its leaves are the witnesses that the quorum reaches, numbered in the order in which
/// the tree is drawn.
#[derive(Debug, Clone)]
pub(crate) struct Tree<'a> {
    /// Members before the groups they are in; the root is the last one.
    groups: Vec<TreeGroup>,
    /// The group of each leaf.
    parents: Vec<usize>,
    witnesses: Vec<&'a Witness>,
}

#[derive(Debug, Clone)]
struct TreeGroup {
    required: usize,
    parent: Option<usize>,
    groups: Vec<usize>,
    leaves: Vec<usize>,
}

/// What is still open in a [`Tree`] after some leaves were decided. Two histories that leave the same open
/// are the same state, however they came there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct State {
    /// What each group still needs; none where its outcome, or that of a group around it, is settled.
    groups: Box<[Option<Open>]>,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    /// More members that must be satisfied: at least 1.
    need: usize,
    /// Members without an outcome: at least `need`.
    undecided: usize,
}

/// What the decided leaves mean for the whole tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It depends on the others.
    Open,
    /// Satisfied, whatever the others do.
    Met,
    /// Out of reach, whatever the others do.
    OutOfReach,
}

impl<'a> Tree<'a> {
    /// The tree below the `quorum` line; none for `quorum none`.
    pub(crate) fn new(policy: &'a Policy) -> Option<Self> {
        let root = policy.quorum?;
        let mut tree = Self {
            groups: Vec::new(),
            parents: Vec::new(),
            witnesses: Vec::new(),
        };
        match &policy.nodes[root] {
            // A witness alone is a group of one.
            NodeDef::Witness(_) => {
                tree.add_group(policy, 1, &[root]);
            }
            NodeDef::Group(group) => {
                let required = group.threshold.required(group.members.len());
                tree.add_group(policy, required, &group.members);
            }
        }
        Some(tree)
    }

    /// Recursion is bounded by [`MAX_GROUP_DEPTH`](crate::MAX_GROUP_DEPTH).
    fn add_group(&mut self, policy: &'a Policy, required: usize, members: &[usize]) -> usize {
        let (mut groups, mut leaves) = (Vec::new(), Vec::new());
        for &member in members {
            match &policy.nodes[member] {
                NodeDef::Witness(witness) => {
                    leaves.push(self.witnesses.len());
                    self.witnesses.push(witness);
                    self.parents.push(0);
                }
                NodeDef::Group(group) => {
                    let required = group.threshold.required(group.members.len());
                    groups.push(self.add_group(policy, required, &group.members));
                }
            }
        }
        let index = self.groups.len();
        for &group in &groups {
            self.groups[group].parent = Some(index);
        }
        for &leaf in &leaves {
            self.parents[leaf] = index;
        }
        self.groups.push(TreeGroup {
            required,
            parent: None,
            groups,
            leaves,
        });
        index
    }

    /// The tree that is satisfied by exactly those leaves whose loss leaves this one unsatisfied: k of n
    /// becomes n − k + 1 of n.
    pub(crate) fn dual(&self) -> Self {
        let mut dual = self.clone();
        for group in &mut dual.groups {
            group.required = group.groups.len() + group.leaves.len() - group.required + 1;
        }
        dual
    }

    /// Leaf `i` is witness `i`.
    pub(crate) fn witnesses(&self) -> &[&'a Witness] {
        &self.witnesses
    }

    /// How many groups and leaves it has.
    pub(crate) fn len(&self) -> usize {
        self.groups.len() + self.witnesses.len()
    }

    /// Nothing is decided.
    pub(crate) fn undecided(&self) -> State {
        let open = |group: &TreeGroup| {
            Some(Open {
                need: group.required,
                undecided: group.groups.len() + group.leaves.len(),
            })
        };
        State {
            groups: self.groups.iter().map(open).collect(),
            outcome: Outcome::Open,
        }
    }

    /// Decides a leaf that was not decided before.
    pub(crate) fn decide(&self, state: &mut State, leaf: usize, satisfied: bool) {
        let (mut group, mut satisfied) = (self.parents[leaf], satisfied);
        loop {
            let Some(open) = &mut state.groups[group] else {
                return;
            };
            open.undecided -= 1;
            open.need -= usize::from(satisfied);
            satisfied = match *open {
                Open { need: 0, .. } => true,
                Open { need, undecided } if need > undecided => false,
                _ => return,
            };
            self.settle(state, group);
            match self.groups[group].parent {
                Some(parent) => group = parent,
                None if satisfied => state.outcome = Outcome::Met,
                None => state.outcome = Outcome::OutOfReach,
            }
        }
    }

    /// Forgets a group and everything in it: none of it matters any more.
    fn settle(&self, state: &mut State, group: usize) {
        let mut inside = vec![group];
        while let Some(group) = inside.pop() {
            if state.groups[group].take().is_some() {
                inside.extend(&self.groups[group].groups);
            }
        }
    }

    /// The least total of what the leaves cost that together satisfy the tree. A leaf without a cost is
    /// decided.
    ///
    /// Exact, and in one pass: in a tree every leaf counts on one path, so each group takes its cheapest
    /// members.
    pub(crate) fn least(&self, state: &State, cost: impl Fn(usize) -> Option<u64>) -> u64 {
        let mut totals: Vec<Option<u64>> = Vec::with_capacity(self.groups.len());
        for (group, open) in self.groups.iter().zip(&state.groups) {
            totals.push(open.map(|open| {
                let leaves = group.leaves.iter().filter_map(|&leaf| cost(leaf));
                let groups = group.groups.iter().filter_map(|&member| totals[member]);
                let mut members: Vec<u64> = leaves.chain(groups).collect();
                members.sort_unstable();
                members.iter().take(open.need).sum()
            }));
        }
        totals.last().copied().flatten().unwrap_or(0)
    }
}

impl State {
    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome
    }
}
