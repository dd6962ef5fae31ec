//! Random trees over random signer sets, against an oracle that knows no counting: a group's truth table is
//! the union, over every choice of k members, of the sets that satisfy all of them.

mod common;

use std::sync::LazyLock;

use common::tree::Tree;
use common::{verified, witness_vkey};
use proptest::prelude::*;
use quorate_note::{VerifiedCheckpoint, VerifiedCosignature};
use quorate_policy::{NotQuorate, Policy, PolicyBuilder, Threshold, Verdict};

/// Witnesses in a tree: every subset of them is one bit of a `u64`.
const WITNESSES: usize = 6;

static COSIGNED: LazyLock<(VerifiedCheckpoint, Vec<VerifiedCosignature>)> =
    LazyLock::new(|| verified(3, &[1, 2, 3, 4, 5, 6]));

fn tree() -> impl Strategy<Value = Tree> {
    common::tree::tree(WITNESSES)
}

fn file(tree: &Tree, spelling: usize) -> String {
    common::tree::file(tree, WITNESSES, spelling, 1)
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
