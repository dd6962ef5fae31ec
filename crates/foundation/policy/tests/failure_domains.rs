//! How few failure domains forge or stop a quorum: against every subset, and where subsets are too many.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;

use common::tree::{Tree, file, tree};
use common::{mldsa_witness_vkey, witness_vkey};
use proptest::prelude::*;
use quorate_policy::{
    Domain, DomainKind, FailureDomains, Fewest, KindReport, Label, Labels, Name, Policy,
};

/// Witnesses of a random policy: every subset of their domains is tried.
const WITNESSES: usize = 9;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn labels(all: &[(&str, DomainKind, &str)]) -> Labels {
    let mut labels = Labels::new();
    for (witness, kind, text) in all {
        labels.add(name(witness), *kind, label(text)).unwrap();
    }
    labels
}

fn report(domains: &FailureDomains, kind: DomainKind) -> &KindReport {
    domains
        .kinds()
        .iter()
        .find(|report| report.kind() == kind)
        .unwrap()
}

fn names(fewest: &Fewest) -> Vec<String> {
    match fewest {
        Fewest::Exactly(domains) => domains.iter().map(ToString::to_string).collect(),
        Fewest::AtLeast(n) => panic!("only at least {n}"),
    }
}

/// A policy with the witnesses `w0`, `w1`, …, whose lines end with `rest`.
fn policy(witnesses: u8, rest: &str) -> Policy {
    let mut file = String::new();
    for w in 0..witnesses {
        file += &format!("witness w{w} {}\n", witness_vkey(w));
    }
    Policy::parse((file + rest).as_bytes()).unwrap()
}

/// The fewest of `domains` (masks of witnesses) that together do it.
fn brute_force(domains: &[u32], does: impl Fn(u32) -> bool) -> usize {
    (0..1_u32 << domains.len())
        .filter(|choice| {
            let chosen = (0..domains.len()).filter(|d| choice >> d & 1 == 1);
            does(chosen.fold(0, |all, d| all | domains[d]))
        })
        .map(|choice| choice.count_ones() as usize)
        .min()
        .unwrap()
}

/// Domains by number, as the oracle sees them: number 0 is no label.
fn masks(tree: &Tree, numbers: &[u8]) -> BTreeMap<u8, u32> {
    let mut masks = BTreeMap::new();
    for (w, number) in numbers.iter().enumerate() {
        if tree.witnesses() >> w & 1 == 1 {
            *masks.entry(*number).or_insert(0) |= 1 << w;
        }
    }
    masks
}

fn labelled(numbers: &[u8], kind: DomainKind) -> Labels {
    let mut labels = Labels::new();
    for (w, number) in numbers.iter().enumerate().filter(|(_, n)| **n > 0) {
        labels
            .add(name(&format!("w{w}")), kind, label(&format!("d{number}")))
            .unwrap();
    }
    labels
}

/// The witnesses in these domains.
fn held(domains: &[Domain], masks: &BTreeMap<u8, u32>) -> u32 {
    domains
        .iter()
        .map(|domain| match domain {
            Domain::Unlabelled => masks[&0],
            Domain::Labelled(label) => masks[&label.as_str()[1..].parse().unwrap()],
        })
        .fold(0, |all, mask| all | mask)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn failure_domains_agree_with_a_brute_force_oracle(
        tree in tree(WITNESSES),
        numbers in proptest::collection::vec(0_u8..7, WITNESSES),
        kind in 0_usize..5,
        work in prop_oneof![Just(usize::MAX), 0_usize..2_000],
    ) {
        let policy = Policy::parse(file(&tree, WITNESSES, 0, 1).as_bytes()).unwrap();
        let kind = DomainKind::ALL[kind];
        let found = policy.failure_domains_within(&labelled(&numbers, kind), work).unwrap();
        let report = report(&found, kind);
        let masks = masks(&tree, &numbers);
        let domains: Vec<u32> = masks.values().copied().collect();
        prop_assert_eq!(report.domains().len(), domains.len());
        let unlabelled = masks.get(&0).map_or(0, |mask| mask.count_ones());
        prop_assert_eq!(report.unlabelled().len(), unlabelled as usize);

        let forges = |set: u32| tree.holds(set);
        let stops = |set: u32| !tree.holds(tree.witnesses() & !set);
        let forge = brute_force(&domains, forges);
        let stop = brute_force(&domains, stops);
        for (fewest, truth) in [(report.forge(), forge), (report.stop(), stop)] {
            match fewest {
                Fewest::Exactly(example) => prop_assert_eq!(example.len(), truth),
                // Out of work: less than the truth or the truth, never more.
                Fewest::AtLeast(n) => prop_assert!(*n <= truth && work < usize::MAX),
            }
            prop_assert!(fewest.at_least() <= truth);
        }
        if let Fewest::Exactly(example) = report.forge() {
            prop_assert!(forges(held(example, &masks)));
        }
        if let Fewest::Exactly(example) = report.stop() {
            prop_assert!(stops(held(example, &masks)));
        }
    }

    // The kinds that nobody labelled are one domain each.
    #[test]
    fn failure_domains_without_labels_are_one(tree in tree(WITNESSES)) {
        let policy = Policy::parse(file(&tree, WITNESSES, 0, 1).as_bytes()).unwrap();
        let found = policy.failure_domains(&Labels::new()).unwrap();
        for report in found.kinds() {
            for fewest in [report.forge(), report.stop()] {
                prop_assert_eq!(fewest, &Fewest::Exactly(vec![Domain::Unlabelled]));
            }
        }
        prop_assert_eq!(found.kinds().len(), 5);
        prop_assert!(found.double_votes().is_empty());
    }
}

#[test]
fn failure_domains_of_two_of_three() {
    use DomainKind::{Cloud, Operator, Region};
    let policy = policy(3, "group g 2 w0 w1 w2\nquorum g\n");
    let found = policy
        .failure_domains(&labels(&[
            ("w0", Region, "us"),
            ("w1", Region, "eu"),
            ("w2", Region, "ap"),
            ("w0", Cloud, "aws"),
            ("w1", Cloud, "aws"),
            ("w2", Cloud, "gcp"),
            ("w0", Operator, "acme"),
        ]))
        .unwrap();
    let numbers = |kind| {
        let report = report(&found, kind);
        (names(report.forge()), names(report.stop()))
    };
    let (forge, stop) = numbers(Region);
    assert_eq!((forge.len(), stop.len()), (2, 2));
    assert_eq!(numbers(Cloud), (vec!["aws".into()], vec!["aws".into()]));
    // Two without a label count as one domain, and it is named as what it is.
    let unknown = vec!["(no label)".to_owned()];
    assert_eq!(numbers(Operator), (unknown.clone(), unknown));
    assert_eq!(
        report(&found, Operator).unlabelled(),
        [name("w1"), name("w2")]
    );
}

// A witness that no vote depends on is neither a domain to hold nor one to lose.
#[test]
fn failure_domains_count_voting_witnesses_only() {
    let policy = policy(3, "group g all w0 w1\nquorum g\n");
    let region = DomainKind::Region;
    let found = policy
        .failure_domains(&labels(&[("w0", region, "us"), ("w1", region, "eu")]))
        .unwrap();
    let report = report(&found, region);
    assert_eq!(report.domains().len(), 2);
    assert!(report.unlabelled().is_empty());
    assert_eq!(
        (report.forge().at_least(), report.stop().at_least()),
        (2, 1)
    );
}

#[test]
fn failure_domains_of_a_single_witness_and_of_none() {
    let single = policy(1, "quorum w0\n")
        .failure_domains(&Labels::new())
        .unwrap();
    assert!(
        single
            .kinds()
            .iter()
            .all(|r| r.forge().at_least() == 1 && r.stop().at_least() == 1)
    );
    assert_eq!(
        policy(1, "quorum none\n").failure_domains(&Labels::new()),
        None
    );
}

fn group(name: &str, k: usize, members: impl Iterator<Item = usize>, of: &str) -> String {
    let members: Vec<String> = members.map(|m| format!("{of}{m}")).collect();
    format!("group {name} {k} {}\n", members.join(" "))
}

/// Lines of a policy, the domain of each witness, and the two numbers.
type Case<'a> = (&'a str, &'a dyn Fn(usize) -> String, usize, usize);

// "at least up to 32 logs, 32 witnesses, and 32 groups": exact at that size, where 2^32 subsets are too many.
#[test]
fn failure_domains_are_exact_for_32_witnesses() {
    let region = DomainKind::Region;
    let own = |w: usize| format!("d{w}");
    let by_column = |w: usize| format!("d{}", w % 4);
    let flat = group("g", 17, 0..32, "w") + "quorum g\n";
    let mut rows = String::new();
    for g in 0..8 {
        rows += &group(&format!("g{g}"), 3, g * 4..g * 4 + 4, "w");
    }
    rows += &(group("q", 6, 0..8, "g") + "quorum q\n");
    let cases: [Case<'_>; 5] = [
        (&flat, &own, 17, 16),
        // 17 of eight witnesses each: three domains hold 24, two take 16 and leave 16.
        (&flat, &by_column, 3, 2),
        // 6 × 3 and 3 × 2.
        (&rows, &own, 18, 6),
        // Each domain has one witness in each group: three satisfy all groups, two leave each group two.
        (&rows, &by_column, 3, 2),
        // Pairs across groups: w and w + 4 of the next group.
        (&rows, &|w| format!("d{}", w / 8 * 4 + w % 4), 9, 4),
    ];
    for (rest, domain, forge, stop) in cases {
        let policy = policy(32, rest);
        let mut labels = Labels::new();
        for w in 0..32 {
            labels
                .add(name(&format!("w{w}")), region, label(&domain(w)))
                .unwrap();
        }
        let found = policy.failure_domains(&labels).unwrap();
        let report = report(&found, region);
        assert_eq!(
            (names(report.forge()).len(), names(report.stop()).len()),
            (forge, stop),
            "{rest}"
        );
    }
}

// Beyond the work limit the answer is a bound and says so; it never exceeds the truth.
#[test]
fn failure_domains_beyond_the_work_limit_are_a_bound() {
    let policy = policy(32, &(group("g", 17, 0..32, "w") + "quorum g\n"));
    let region = DomainKind::Region;
    let mut labels = Labels::new();
    for w in 0..32 {
        labels
            .add(name(&format!("w{w}")), region, label(&format!("d{w}")))
            .unwrap();
    }
    let found = policy.failure_domains_within(&labels, 100).unwrap();
    let report = report(&found, region);
    assert_eq!(report.forge(), &Fewest::AtLeast(17));
    assert_eq!(report.stop(), &Fewest::AtLeast(16));
}

/// A policy with the witnesses `e0`, `e1` and `x` with Ed25519 keys, `m0` and `m1` with ML-DSA-44 keys, and its
/// double votes as (operator, group, witnesses).
fn double_votes(
    rest: &str,
    all: &[(&str, DomainKind, &str)],
) -> Vec<(String, String, Vec<String>)> {
    let mut file = String::new();
    for seed in 0..2 {
        file += &format!("witness e{seed} {}\n", witness_vkey(seed));
        file += &format!("witness m{seed} {}\n", mldsa_witness_vkey(seed));
    }
    file += &format!("witness x {}\n{rest}", witness_vkey(9));
    let policy = Policy::parse(file.as_bytes()).unwrap();
    let found = policy.failure_domains(&labels(all)).unwrap();
    let votes = found.double_votes().iter();
    votes
        .map(|v| {
            let witnesses = v.witnesses().iter().map(ToString::to_string);
            (
                v.operator().to_string(),
                v.group().to_string(),
                witnesses.collect(),
            )
        })
        .collect()
}

fn double(operator: &str, group: &str, witnesses: &[&str]) -> (String, String, Vec<String>) {
    let witnesses = witnesses.iter().map(|&w| w.to_owned()).collect();
    (operator.to_owned(), group.to_owned(), witnesses)
}

const PAIR: &str = "group q 2 e0 m0 x\nquorum q\n";

// A witness's Ed25519 and ML-DSA-44 keys are two witness lines; outside an `any` group they are two votes.
#[test]
fn a_witness_with_two_keys_stands_in_one_any_group() {
    let two = [
        ("e0", DomainKind::Operator, "acme"),
        ("m0", DomainKind::Operator, "acme"),
        ("e1", DomainKind::Operator, "initech"),
        ("m1", DomainKind::Operator, "initech"),
    ];
    let votes = |rest: &str| double_votes(rest, &two);
    for good in [
        "group a any e0 m0\ngroup b any e1 m1\ngroup q 2 a b x\nquorum q\n",
        "group a 1 e0 m0\ngroup b 1 e1 m1\ngroup q all a b x\nquorum q\n",
        // One of them votes, or they are alternatives higher up.
        "group q all e0 e1 x\nquorum q\n",
        "group a all e0 x\ngroup b all m0 e1\ngroup q any a b\nquorum q\n",
        "group q any e0 m0 e1 m1 x\nquorum q\n",
    ] {
        assert_eq!(votes(good), [], "{good}");
    }
    let acme = |group| double("acme", group, &["e0", "m0"]);
    assert_eq!(votes(PAIR), [acme("q")]);
    assert_eq!(
        votes("group q all e0 m0 e1 m1\nquorum q\n"),
        [acme("q"), double("initech", "q", &["e1", "m1"])]
    );
    // In different members of one group, and in an `any` group only together with others.
    assert_eq!(
        votes("group a any e0 x\ngroup b any m0 e1\ngroup q all a b\nquorum q\n"),
        [acme("q")]
    );
    assert_eq!(
        votes("group a 2 e0 m0 x\ngroup q any a e1\nquorum q\n"),
        [acme("a")]
    );
}

// Several witnesses of one operator, in failure domains of their own, are what a quorum of one's own is made of.
#[test]
fn two_witnesses_of_one_operator_are_two_votes() {
    use DomainKind::{Account, Cloud, KeyStore, Operator, Region};
    let of = |witness| (witness, Operator, "acme");
    // One algorithm: two witnesses, whatever is known of them.
    assert_eq!(
        double_votes("group q 2 e0 e1 x\nquorum q\n", &["e0", "e1"].map(of)),
        []
    );
    assert_eq!(
        double_votes("group q 2 m0 m1 x\nquorum q\n", &["m0", "m1"].map(of)),
        []
    );
    let with = |more: &[(&'static str, DomainKind, &'static str)]| {
        double_votes(PAIR, &[&["e0", "m0"].map(of), more].concat())
    };
    for kind in [Region, Cloud, Account, KeyStore] {
        // Two algorithms, told apart by one label of each.
        assert_eq!(with(&[("e0", kind, "a"), ("m0", kind, "b")]), [], "{kind}");
        // One label alone, or the same one, tells nothing apart.
        let one = [double("acme", "q", &["e0", "m0"])];
        assert_eq!(with(&[("e0", kind, "a")]), one, "{kind}");
        assert_eq!(with(&[("e0", kind, "a"), ("m0", kind, "a")]), one, "{kind}");
    }
    // Of different operators, or of nobody that is known.
    assert_eq!(double_votes(PAIR, &[of("e0"), ("m0", Operator, "b")]), []);
    assert_eq!(double_votes(PAIR, &[of("e0")]), []);
    assert_eq!(double_votes(PAIR, &[]), []);
}

// Which of two ML-DSA-44 keys belongs to the Ed25519 key cannot be told; a third one is not meant.
#[test]
fn double_votes_name_the_keys_that_are_not_told_apart() {
    use DomainKind::{Operator, Region};
    let all = ["e0", "m0", "m1", "e1", "x"].map(|witness| (witness, Operator, "acme"));
    let regions = [
        ("e0", Region, "a"),
        ("m0", Region, "a"),
        ("m1", Region, "a"),
        ("e1", Region, "b"),
        ("x", Region, "c"),
    ];
    assert_eq!(
        double_votes(
            "group q 3 x m1 e1 e0 m0\nquorum q\n",
            &[all, regions].concat()
        ),
        [double("acme", "q", &["m1", "e0", "m0"])]
    );
}
