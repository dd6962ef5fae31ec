//! What two quorums share, against every pair of sets.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::tree::{Tree, file, tree};
use common::{mldsa_witness_vkey, witness_vkey};
use proptest::prelude::*;
use quorate_policy::Policy;

/// Every pair of sets of witnesses is tried.
const WITNESSES: usize = 6;

fn brute_force(tree: &Tree) -> usize {
    let all = || (0..1_u32 << WITNESSES).filter(|set| tree.holds(*set));
    let shared = all().flat_map(|a| all().map(move |b| (a & b).count_ones()));
    shared.min().unwrap() as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_smallest_overlap_agrees_with_a_brute_force_oracle(tree in tree(WITNESSES)) {
        let policy = Policy::parse(file(&tree, WITNESSES, 0, 1).as_bytes()).unwrap();
        // A group of any one of two Ed25519 keys is two witnesses.
        prop_assert_eq!(policy.smallest_overlap(), Some(brute_force(&tree)));
        prop_assert_eq!(policy.distinct_witnesses(), WITNESSES);
    }
}

#[test]
fn of_k_of_n_the_smallest_overlap_is_2k_minus_n() {
    for (k, n) in [
        (2_usize, 2_usize),
        (2, 3),
        (3, 4),
        (3, 5),
        (4, 5),
        (4, 6),
        (5, 7),
        (1, 3),
        (2, 5),
    ] {
        let mut text = String::new();
        let names: Vec<String> = (0..n).map(|w| format!("w{w}")).collect();
        for (w, name) in (0_u8..).zip(&names) {
            text += &format!("witness {name} {}\n", witness_vkey(w));
        }
        text += &format!("group q {k} {}\nquorum q\n", names.join(" "));
        let policy: Policy = text.parse().unwrap();
        assert_eq!(
            policy.smallest_overlap(),
            Some((2 * k).saturating_sub(n)),
            "{k} of {n}"
        );
    }
    let none: Policy = "quorum none\n".parse().unwrap();
    assert_eq!(none.smallest_overlap(), None);
}

#[test]
fn a_witness_with_two_keys_is_one_witness() {
    let mut text = String::new();
    for w in 0_u8..3 {
        text += &format!("witness w{w}-ed {}\n", witness_vkey(w));
        text += &format!("witness w{w}-pq {}\n", mldsa_witness_vkey(w));
        text += &format!("group w{w} any w{w}-ed w{w}-pq\n");
    }
    text += "group q 2 w0 w1 w2\nquorum q\n";
    let policy: Policy = text.parse().unwrap();
    assert_eq!(
        (policy.witnesses().count(), policy.distinct_witnesses()),
        (6, 3)
    );
    assert_eq!(policy.smallest_overlap(), Some(1));
    // Both keys asked for is no choice between them.
    let both: Policy = text.replace(" any ", " all ").parse().unwrap();
    assert_eq!(both.distinct_witnesses(), 6);
}
