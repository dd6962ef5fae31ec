//! Random policies whose meaning is known without the crate under test.

use proptest::prelude::*;

use super::{log_vkey, witness_vkey};

#[derive(Debug, Clone)]
pub(crate) enum Tree {
    Witness(usize),
    Group(usize, Vec<Self>),
}

impl Tree {
    /// For six witnesses: bit `s` is set if the witnesses in the bits of `s` satisfy this node.
    pub(crate) fn table(&self) -> u64 {
        match self {
            Self::Witness(w) => (0..1_u64 << 6)
                .filter(|s| s >> w & 1 == 1)
                .map(|s| 1 << s)
                .sum(),
            Self::Group(k, members) => {
                let tables: Vec<u64> = members.iter().map(Self::table).collect();
                (0..1_u32 << tables.len())
                    .filter(|choice| choice.count_ones() as usize == *k)
                    .map(|choice| {
                        let chosen = (0..tables.len()).filter(|m| choice >> m & 1 == 1);
                        chosen.fold(u64::MAX, |all, m| all & tables[m])
                    })
                    .fold(0, |any, table| any | table)
            }
        }
    }

    /// Whether the witnesses in the bits of `set` satisfy this node.
    pub(crate) fn holds(&self, set: u32) -> bool {
        match self {
            Self::Witness(w) => set >> w & 1 == 1,
            Self::Group(k, members) => members.iter().filter(|m| m.holds(set)).count() >= *k,
        }
    }

    /// The witnesses below this node.
    pub(crate) fn witnesses(&self) -> u32 {
        match self {
            Self::Witness(w) => 1 << w,
            Self::Group(_, members) => members.iter().map(Self::witnesses).fold(0, |a, b| a | b),
        }
    }

    /// Every group's k one less, where it can be: whatever satisfies the tree satisfies this one.
    pub(crate) fn weaker(&self) -> Self {
        match self {
            Self::Witness(w) => Self::Witness(*w),
            Self::Group(k, members) => {
                let k = if *k > 1 { k - 1 } else { 1 };
                Self::Group(k, members.iter().map(Self::weaker).collect())
            }
        }
    }

    /// Writes the node's lines after those it needs, and returns its name.
    pub(crate) fn write(&self, file: &mut String, groups: &mut usize, spelling: usize) -> String {
        match self {
            Self::Witness(w) => format!("w{w}"),
            Self::Group(k, members) => {
                let names: Vec<String> = members
                    .iter()
                    .map(|m| m.write(file, groups, spelling))
                    .collect();
                let k = match (*k, spelling % 2) {
                    (1, 0) => "any".to_owned(),
                    (k, 0) if k == names.len() => "all".to_owned(),
                    (k, _) => k.to_string(),
                };
                let name = format!("g{groups}");
                *groups += 1;
                *file += &format!("group {name} {k} {}\n", names.join(" "));
                name
            }
        }
    }
}

/// A forest of so many witnesses, joined step by step: each step takes some of the loose nodes, each node
/// once, under a new group. The last loose node is the quorum.
pub(crate) fn tree(witnesses: usize) -> impl Strategy<Value = Tree> {
    proptest::collection::vec((any::<u8>(), any::<u8>()), 0..6).prop_map(move |steps| {
        let mut loose: Vec<Tree> = (0..witnesses).map(Tree::Witness).collect();
        for (pick, k) in steps {
            let chosen = |i: usize| pick >> (i % 8) & 1 == 1;
            let (mut members, mut rest) = (Vec::new(), Vec::new());
            for (index, node) in loose.into_iter().enumerate() {
                let side = if chosen(index) {
                    &mut members
                } else {
                    &mut rest
                };
                side.push(node);
            }
            loose = rest;
            if !members.is_empty() {
                let k = usize::from(k) % members.len() + 1;
                loose.push(Tree::Group(k, members));
            }
        }
        loose.pop().unwrap_or(Tree::Witness(0))
    })
}

/// The tree as a policy; witness `w` has the key of seed `w` + `first_seed`.
pub(crate) fn file(tree: &Tree, witnesses: usize, spelling: usize, first_seed: u8) -> String {
    let mut file = format!("log {}\n", log_vkey(100));
    for w in 0..witnesses {
        let seed = u8::try_from(w).unwrap() + first_seed;
        file += &format!("witness w{w} {}\n", witness_vkey(seed));
    }
    let quorum = tree.write(&mut file, &mut 0, spelling);
    file + &format!("quorum {quorum}\n")
}
