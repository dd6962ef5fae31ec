//! What two quorums share: how few witnesses stand between a stolen log key and two histories.

use quorate_note::KeyKind;

use crate::policy::{Group, Node, NodeKind, Policy, Quorum, Witness};

impl Policy {
    /// The fewest witnesses that any two sets which satisfy the quorum share; none for `quorum none`. For K of N
    /// witnesses that is 2K − N, and 0 where that is less.
    ///
    /// Two histories can both be quorate only if each witness that both quorums share co-signed both, which an honest
    /// one never does. With the log's own key, so many stolen witnesses are enough if the others that are needed are
    /// behind. A witness with two keys in one `any` group is one witness here.
    #[must_use]
    pub fn smallest_overlap(&self) -> Option<usize> {
        match self.quorum() {
            Quorum::None => None,
            Quorum::Node(root) => Some(overlap(root)),
        }
    }

    /// How many witnesses the file lists, where an `any` group of one Ed25519 and one ML-DSA-44 key is one witness.
    #[must_use]
    pub fn distinct_witnesses(&self) -> usize {
        let groups = self.nodes().filter_map(|node| match node.kind() {
            NodeKind::Group(group) => Some(group),
            NodeKind::Witness(_) => None,
        });
        self.witnesses().count() - groups.filter(|group| is_one_witness(*group)).count()
    }
}

/// Members share no witness, as a name is a member once. So the smallest overlap of a K of N group has as few common
/// members as two choices of K can have, and of those the ones with the smallest overlaps of their own. More than K on
/// either side never make it smaller. Recursion is bounded by the depth that a policy may have.
fn overlap(node: Node<'_>) -> usize {
    match node.kind() {
        NodeKind::Witness(_) => 1,
        NodeKind::Group(group) if is_one_witness(group) => 1,
        NodeKind::Group(group) => {
            let mut members: Vec<usize> = group.members().map(overlap).collect();
            let common = (2 * group.required()).saturating_sub(members.len());
            members.sort_unstable();
            members.iter().take(common).sum()
        }
    }
}

/// One machine's two keys: whoever holds one of them has its vote.
fn is_one_witness(group: Group<'_>) -> bool {
    let mldsa = |witness: &Witness| witness.key().kind() == KeyKind::MlDsa44;
    let witnesses: Option<Vec<&Witness>> = group
        .members()
        .map(|member| match member.kind() {
            NodeKind::Witness(witness) => Some(witness),
            NodeKind::Group(_) => None,
        })
        .collect();
    match witnesses.as_deref() {
        Some([a, b]) => group.required() == 1 && mldsa(a) != mldsa(b),
        _ => false,
    }
}
