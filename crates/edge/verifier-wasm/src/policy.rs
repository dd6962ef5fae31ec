//! A policy as plain data: the members that `quorate policy check --json` has of these names.

use quorate_policy::{Node, NodeKind, Policy, Quorum, Reading};
use serde::Serialize;

/// What a policy says, or what is wrong with it.
#[derive(Debug, Serialize)]
pub(crate) struct PolicyView {
    /// Every refused line.
    problems: Vec<ProblemView>,
    /// How many logs; null where there are problems, as below.
    logs: Option<usize>,
    /// `none`, or a tree.
    quorum: Option<QuorumView>,
    /// How many witnesses, two keys of one counted once.
    witnesses: Option<usize>,
    /// The fewest witnesses that two quorums share; null for `quorum none` too.
    overlap: Option<usize>,
}

#[derive(Debug, Serialize)]
struct ProblemView {
    /// From 1.
    line: usize,
    /// In octets, from 1.
    column: usize,
    what: String,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum QuorumView {
    None(&'static str),
    Tree(NodeView),
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum NodeView {
    Witness {
        name: String,
    },
    Group {
        name: String,
        required: usize,
        members: Vec<Self>,
    },
}

impl PolicyView {
    pub(crate) fn of(reading: &Reading) -> Self {
        let problems = reading.problems().iter().map(|problem| ProblemView {
            line: problem.line,
            column: problem.column,
            what: problem.kind.to_string(),
        });
        let policy = reading.policy();
        Self {
            problems: problems.collect(),
            logs: policy.map(|policy| policy.logs().len()),
            quorum: policy.map(|policy| match policy.quorum() {
                Quorum::None => QuorumView::None("none"),
                Quorum::Node(root) => QuorumView::Tree(NodeView::of(root)),
            }),
            witnesses: policy.map(Policy::distinct_witnesses),
            overlap: policy.and_then(Policy::smallest_overlap),
        }
    }
}

impl NodeView {
    /// Recursion is bounded by the depth that a policy may have.
    fn of(node: Node<'_>) -> Self {
        let name = node.name().to_string();
        match node.kind() {
            NodeKind::Witness(_) => Self::Witness { name },
            NodeKind::Group(group) => Self::Group {
                name,
                required: group.required(),
                members: group.members().map(Self::of).collect(),
            },
        }
    }
}
