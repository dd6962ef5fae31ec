//! Who counted where: the quorum's tree with what each node has.

use crate::name::Name;
use crate::policy::{NodeDef, Policy};

/// The quorum's tree, evaluated for one checkpoint: one row per witness and group, parents before their
/// members, members in the order of the file. [`TallyRow::depth`] is enough to draw it. Empty for
/// `quorum none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    rows: Vec<TallyRow>,
}

/// One witness or group of a [`Tally`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallyRow {
    depth: usize,
    name: Name,
    kind: TallyKind,
}

/// What a [`TallyRow`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TallyKind {
    /// A witness.
    Witness {
        /// Its co-signature's time (POSIX seconds), if it co-signed.
        cosigned_at: Option<u64>,
    },
    /// A group.
    Group {
        /// k.
        required: usize,
        /// How many of its members are satisfied.
        satisfied: usize,
        /// n.
        members: usize,
    },
}

impl TallyKind {
    /// Whether the node witnesses the checkpoint: "if and only if at least k of its n members have
    /// witnessed that checkpoint"; for a witness, if it co-signed.
    #[must_use]
    pub fn is_satisfied(self) -> bool {
        match self {
            Self::Witness { cosigned_at } => cosigned_at.is_some(),
            Self::Group {
                required,
                satisfied,
                ..
            } => satisfied >= required,
        }
    }
}

impl TallyRow {
    /// Distance from the root.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Name in the policy file.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// What it has.
    #[must_use]
    pub fn kind(&self) -> TallyKind {
        self.kind
    }

    /// Whether it is satisfied.
    #[must_use]
    pub fn is_satisfied(&self) -> bool {
        self.kind.is_satisfied()
    }
}

impl Tally {
    /// Evaluates every node of `policy` and lists those the quorum reaches. `cosigned_at` has one value
    /// per node of the policy, `Some` where that node is a witness that co-signed.
    pub(crate) fn new(policy: &Policy, cosigned_at: &[Option<u64>]) -> Self {
        // Members refer backwards, so one pass in the order of the file sees every member before its
        // group.
        let mut kinds: Vec<TallyKind> = Vec::with_capacity(policy.nodes.len());
        for (node, &cosigned_at) in policy.nodes.iter().zip(cosigned_at) {
            kinds.push(match node {
                NodeDef::Witness(_) => TallyKind::Witness { cosigned_at },
                NodeDef::Group(group) => TallyKind::Group {
                    required: group.threshold.required(group.members.len()),
                    satisfied: group
                        .members
                        .iter()
                        .filter(|&&m| kinds[m].is_satisfied())
                        .count(),
                    members: group.members.len(),
                },
            });
        }
        let mut rows = Vec::new();
        let mut open: Vec<(usize, usize)> =
            policy.quorum.map(|root| (0, root)).into_iter().collect();
        while let Some((depth, index)) = open.pop() {
            let name = match &policy.nodes[index] {
                NodeDef::Witness(witness) => &witness.name,
                NodeDef::Group(group) => {
                    open.extend(
                        group
                            .members
                            .iter()
                            .rev()
                            .map(|&member| (depth + 1, member)),
                    );
                    &group.name
                }
            };
            rows.push(TallyRow {
                depth,
                name: name.clone(),
                kind: kinds[index],
            });
        }
        Self { rows }
    }

    /// All rows, the root first.
    #[must_use]
    pub fn rows(&self) -> &[TallyRow] {
        &self.rows
    }

    /// The row of the node that the `quorum` line names; `None` for `quorum none`.
    #[must_use]
    pub fn root(&self) -> Option<&TallyRow> {
        self.rows.first()
    }

    /// The root's direct members (the root itself, if it is a witness).
    pub fn top(&self) -> impl Iterator<Item = &TallyRow> {
        let depth = usize::from(self.rows.len() > 1);
        self.rows.iter().filter(move |row| row.depth == depth)
    }
}
