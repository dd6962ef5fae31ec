//! Random trees over random signer sets, against an oracle that knows no counting: a group's truth table is
//! the union, over every choice of k members, of the sets that satisfy all of them.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::LazyLock;

use common::{log_vkey, verified, witness_vkey};
use proptest::prelude::*;
use quorate_note::{VerifiedCheckpoint, VerifiedCosignature};
use quorate_policy::{NotQuorate, Policy, PolicyBuilder, Threshold, Verdict};

/// Witnesses in a tree: every subset of them is one bit of a `u64`.
const WITNESSES: usize = 6;

static COSIGNED: LazyLock<(VerifiedCheckpoint, Vec<VerifiedCosignature>)> =
    LazyLock::new(|| verified(3, &[1, 2, 3, 4, 5, 6]));

#[derive(Debug, Clone)]
enum Tree {
    Witness(usize),
    Group(usize, Vec<Self>),
}

impl Tree {
    /// Bit `s` is set if the witnesses in the bits of `s` satisfy this node.
    fn table(&self) -> u64 {
        match self {
            Self::Witness(w) => (0..1_u64 << WITNESSES)
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

    /// Writes the node's lines after those it needs, and returns its name.
    fn write(&self, file: &mut String, groups: &mut usize, spelling: usize) -> String {
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

/// A forest of the six witnesses, joined step by step: each step takes some of the loose nodes, each node
/// once, under a new group. The last loose node is the quorum.
fn tree() -> impl Strategy<Value = Tree> {
    proptest::collection::vec((any::<u8>(), any::<u8>()), 0..6).prop_map(|steps| {
        let mut loose: Vec<Tree> = (0..WITNESSES).map(Tree::Witness).collect();
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

fn file(tree: &Tree, spelling: usize) -> String {
    let mut file = format!("log {}\n", log_vkey(100));
    for w in 0..WITNESSES {
        file += &format!(
            "witness w{w} {}\n",
            witness_vkey(u8::try_from(w).unwrap() + 1)
        );
    }
    let quorum = tree.write(&mut file, &mut 0, spelling);
    file + &format!("quorum {quorum}\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn policy_evaluation_agrees_with_a_brute_force_oracle(tree in tree(), spelling in 0_usize..2) {
        let policy = Policy::parse(file(&tree, spelling).as_bytes()).unwrap();
        let table = tree.table();
        let (checkpoint, all) = &*COSIGNED;
        for set in 0..1_u64 << WITNESSES {
            let chosen: Vec<_> = (0..WITNESSES)
                .filter(|w| set >> w & 1 == 1)
                .map(|w| all[w].clone())
                .collect();
            match policy.evaluate(checkpoint, &chosen) {
                Ok(Verdict::Quorate(met)) => {
                    prop_assert_eq!(table >> set & 1, 1);
                    prop_assert_eq!(met.signers().len(), chosen.len());
                }
                Err(NotQuorate::Short(short)) => {
                    prop_assert_eq!(table >> set & 1, 0);
                    prop_assert!(short.satisfied().count() < short.required());
                    prop_assert_eq!(
                        short.satisfied().count() + short.missing().count(),
                        short.members()
                    );
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    // What is written is read back as the same policy, and is already in the written form.
    #[test]
    fn policy_render_parses_back(tree in tree(), spelling in 0_usize..2) {
        let text = file(&tree, spelling);
        let policy = Policy::parse(text.as_bytes()).unwrap();
        let written = policy.render();
        prop_assert_eq!(&written, text.as_bytes());
        let shown = policy.to_string();
        prop_assert_eq!(shown.as_bytes(), &written[..]);
    }

    // No input makes the parser panic, and what it accepts survives being written.
    #[test]
    fn policy_parse_never_panics(input in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(policy) = Policy::parse(&input) {
            prop_assert_eq!(Policy::parse(&policy.render()), Ok(policy));
        }
    }

    // Close to valid: lines of keywords, names and thresholds in any order.
    #[test]
    fn policy_parse_of_shuffled_words_never_panics(words in proptest::collection::vec(0_usize..14, 0..60)) {
        let vocabulary = [
            "log", "witness", "group", "quorum", "none", "all", "any", "0", "1", "2", "a", "b", "\n", "\n",
        ];
        let text: Vec<&str> = words.iter().map(|&w| vocabulary[w]).collect();
        let text = text.join(" ").replace(" b ", &format!(" {} ", witness_vkey(1)));
        if let Ok(policy) = Policy::parse(text.as_bytes()) {
            prop_assert_eq!(Policy::parse(&policy.render()), Ok(policy));
        }
    }
}

// The builder holds the same rules; what it builds is what the file says.
#[test]
fn policy_builder_builds_what_a_file_says() {
    let file = file(&Tree::Group(2, (0..3).map(Tree::Witness).collect()), 1);
    let parsed = Policy::parse(file.as_bytes()).unwrap();
    let mut builder = PolicyBuilder::new();
    for log in parsed.logs() {
        builder.log(log.key().clone(), log.url().cloned()).unwrap();
    }
    for witness in parsed.witnesses() {
        builder
            .witness(witness.name().clone(), witness.key().clone(), None)
            .unwrap();
    }
    let members: Vec<_> = parsed
        .witnesses()
        .take(3)
        .map(|w| w.name().clone())
        .collect();
    builder
        .group("g0".parse().unwrap(), Threshold::AtLeast(2), &members)
        .unwrap();
    builder.quorum(&"g0".parse().unwrap()).unwrap();
    assert_eq!(builder.build().unwrap(), parsed);
}
