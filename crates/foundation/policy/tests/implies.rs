//! Whether one policy implies another: against every set of keys, and where sets are too many.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::tree::{Tree, file, tree};
use common::{hex, log_vkey, log_vkey_named, witness_vkey, witness_vkey_named};
use proptest::prelude::*;
use quorate_policy::{Implication, LogGap, Policy};

const WITNESSES: usize = 6;

fn parse(file: &str) -> Policy {
    Policy::parse(file.as_bytes()).unwrap()
}

/// The tree over the keys of the seeds `shift`, `shift` + 1, …
fn policy(tree: &Tree, shift: u8) -> Policy {
    parse(&file(tree, WITNESSES, 0, shift))
}

/// The size of a smallest set of keys that satisfies `a` and not `b`. Key `i` is witness `i` - shift.
fn brute_force(a: (&Tree, u8), b: (&Tree, u8)) -> Option<usize> {
    (0..1_u32 << (WITNESSES + 3))
        .filter(|set| a.0.holds(set >> a.1) && !b.0.holds(set >> b.1))
        .map(|set| set.count_ones() as usize)
        .min()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn implies_agrees_with_a_brute_force_oracle(
        a in tree(WITNESSES),
        b in tree(WITNESSES),
        shifts in (0_u8..3, 0_u8..3),
        work in prop_oneof![Just(usize::MAX), 0_usize..2_000],
    ) {
        let truth = brute_force((&a, shifts.0), (&b, shifts.1));
        let (first, second) = (policy(&a, shifts.0), policy(&b, shifts.1));
        match first.implies_within(&second, work).witnesses() {
            Implication::Implied => prop_assert_eq!(truth, None),
            Implication::Counterexample(witnesses) => {
                prop_assert_eq!(truth, Some(witnesses.len()));
                let set = witnesses
                    .iter()
                    .map(|w| w.name().to_string()[1..].parse::<u32>().unwrap())
                    .fold(0_u32, |all, w| all | 1 << (w + u32::from(shifts.0)));
                prop_assert!(a.holds(set >> shifts.0) && !b.holds(set >> shifts.1));
            }
            Implication::NoneBelow(n) => {
                prop_assert!(work < usize::MAX);
                prop_assert!(truth.is_none_or(|truth| *n <= truth));
            }
        }
    }

    #[test]
    fn implies_is_reflexive(a in tree(WITNESSES), spelling in 0_usize..2) {
        let (first, second) = (policy(&a, 1), parse(&file(&a, WITNESSES, spelling, 1)));
        let comparison = first.implies(&second);
        prop_assert_eq!(comparison.witnesses(), &Implication::Implied);
        prop_assert!(comparison.logs().is_empty() && comparison.renamed().is_empty());
    }

    // A third of the triples are made to imply one another, so that the rule is put to the test.
    #[test]
    fn implies_is_transitive(a in tree(4), b in tree(4), c in tree(4), related in 0_u8..3) {
        let (b, c) = match related {
            0 => (a.weaker(), a.weaker().weaker()),
            1 => (b.clone(), b.weaker()),
            _ => (b, c),
        };
        let [a, b, c] = [&a, &b, &c].map(|tree| policy(tree, 1));
        let implies = |a: &Policy, b: &Policy| *a.implies(b).witnesses() == Implication::Implied;
        if implies(&a, &b) && implies(&b, &c) {
            prop_assert!(implies(&a, &c));
        } else {
            prop_assert!(related > 0, "a weaker policy is implied");
        }
    }
}

fn flat(k: usize, seeds: std::ops::Range<u8>) -> Policy {
    let mut file = String::new();
    let mut members = String::new();
    for seed in seeds {
        file += &format!("witness w{seed} {}\n", witness_vkey(seed));
        members += &format!(" w{seed}");
    }
    parse(&format!("{file}group g {k}{members}\nquorum g\n"))
}

// 2^32 sets are too many to try.
#[test]
fn implies_is_exact_for_32_witnesses() {
    let (strong, weak) = (flat(20, 0..32), flat(18, 0..32));
    assert_eq!(strong.implies(&weak).witnesses(), &Implication::Implied);
    let back = weak.implies(&strong);
    assert!(matches!(back.witnesses(), Implication::Counterexample(w) if w.len() == 18));
    // Twelve of the thirty-two are unknown to the second: 20 keys reach 8 of the others at the least.
    let some = flat(8, 0..20);
    assert_eq!(strong.implies(&some).witnesses(), &Implication::Implied);
    let more = strong.implies(&flat(9, 0..20));
    assert!(matches!(more.witnesses(), Implication::Counterexample(w) if w.len() == 20));
    // Eight groups of four against four columns of eight.
    let grid = |rows: bool, inner: usize, outer: usize| {
        let mut file = String::new();
        for w in 0..32 {
            file += &format!("witness w{w} {}\n", witness_vkey(w));
        }
        let (groups, size) = if rows { (8, 4) } else { (4, 8) };
        let mut all = String::new();
        for g in 0..groups {
            let members: Vec<String> = (0..size)
                .map(|m| format!("w{}", if rows { g * 4 + m } else { m * 4 + g }))
                .collect();
            file += &format!("group g{g} {inner} {}\n", members.join(" "));
            all += &format!(" g{g}");
        }
        parse(&format!("{file}group q {outer}{all}\nquorum q\n"))
    };
    // Three of four in all eight rows are 24, so some column of eight has six; but each may lack all eight of
    // one column.
    let rows = grid(true, 3, 8);
    assert_eq!(
        rows.implies(&grid(false, 6, 1)).witnesses(),
        &Implication::Implied
    );
    assert_eq!(
        rows.implies(&grid(false, 4, 3)).witnesses(),
        &Implication::Implied
    );
    let all = rows.implies(&grid(false, 1, 4));
    assert!(matches!(all.witnesses(), Implication::Counterexample(w) if w.len() == 24));
}

#[test]
fn implies_beyond_the_work_limit_is_a_bound() {
    let comparison = flat(20, 0..32).implies_within(&flat(18, 0..32), 100);
    assert_eq!(comparison.witnesses(), &Implication::NoneBelow(20));
}

// A quorum of nobody satisfies only a policy that asks for nobody.
#[test]
fn implies_takes_quorum_none_for_what_it_is() {
    let (none, some) = (parse("quorum none\n"), flat(1, 0..2));
    assert_eq!(
        none.implies(&some).witnesses(),
        &Implication::Counterexample(Vec::new())
    );
    assert_eq!(some.implies(&none).witnesses(), &Implication::Implied);
    assert_eq!(none.implies(&none).witnesses(), &Implication::Implied);
}

#[test]
fn implies_compares_keys_not_names() {
    let (a, b) = (witness_vkey(1), witness_vkey(2));
    let first = parse(&format!(
        "witness a {a}\nwitness b {b}\ngroup g all a b\nquorum g\n"
    ));
    let swapped = parse(&format!("witness b {a}\nwitness a {b}\nquorum b\n"));
    let comparison = first.implies(&swapped);
    assert_eq!(comparison.witnesses(), &Implication::Implied);
    assert!(comparison.renamed().is_empty());
    let same_name = parse(&format!("witness a {}\nquorum a\n", witness_vkey(3)));
    assert!(matches!(
        first.implies(&same_name).witnesses(),
        Implication::Counterexample(w) if w.len() == 2
    ));
    // One key in both grammars.
    let raw = parse(&format!("witness a {}\nquorum a\n", hex(1)));
    let comparison = first.implies(&raw);
    assert_eq!(comparison.witnesses(), &Implication::Implied);
    assert!(comparison.renamed().is_empty());
    // Under another name its co-signatures are other lines, and it is said.
    let renamed = parse(&format!(
        "witness a {}\nquorum a\n",
        witness_vkey_named(1, "new.example")
    ));
    let comparison = first.implies(&renamed);
    assert_eq!(comparison.witnesses(), &Implication::Implied);
    let names: Vec<_> = comparison
        .renamed()
        .iter()
        .map(|w| w.name().to_string())
        .collect();
    assert_eq!(names, ["a"]);
    // A nameless key takes every name, a named one its own.
    assert_eq!(raw.implies(&swapped).renamed().len(), 1);
}

#[test]
fn implies_compares_logs() {
    let logs = |keys: &[String]| {
        let lines: Vec<String> = keys.iter().map(|key| format!("log {key}\n")).collect();
        parse(&(lines.concat() + "quorum none\n"))
    };
    let (one, two) = (log_vkey(100), log_vkey(101));
    let both = logs(&[one.clone(), two.clone()]);
    let first = logs(std::slice::from_ref(&one));
    let none = logs(&[]);
    assert!(first.implies(&both).logs().is_empty());
    assert!(both.implies(&none).logs().is_empty());
    assert!(none.implies(&none).logs().is_empty());
    assert!(matches!(
        both.implies(&first).logs(),
        [LogGap::Unknown(log)] if log.key().verifier_key().unwrap().to_string() == two
    ));
    assert_eq!(none.implies(&first).logs(), [LogGap::AnyLog]);
    let elsewhere = logs(&[log_vkey_named(100, "other.example")]);
    assert!(matches!(
        first.implies(&elsewhere).logs(),
        [LogGap::OtherOrigin(_)]
    ));
    let raw = logs(&[hex(100)]);
    assert!(first.implies(&raw).logs().is_empty());
    assert!(matches!(
        raw.implies(&first).logs(),
        [LogGap::OtherOrigin(_)]
    ));
}
