//! A reading goes on after a refused line and reports each line's own mistake once.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{hex, log_vkey, witness_vkey};
use proptest::prelude::*;
use quorate_policy::{Name, Place, Policy, PolicyErrorKind as Kind, Statement};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn problems(file: &str) -> Vec<(usize, usize, Kind)> {
    let reading = Policy::read(file.as_bytes());
    assert_eq!(reading.policy().is_some(), reading.problems().is_empty());
    let problems = reading.problems().iter();
    problems
        .map(|p| (p.line, p.column, p.kind.clone()))
        .collect()
}

#[test]
fn reading_reports_every_refused_line() {
    let file = format!(
        "log nonsense\nwitness a {}\nwitness b {}\nwitness a {}\nfoo\r\n\ngroup g 5 a b\ngroup h any a z\n\
         quorum g extra\n",
        witness_vkey(1),
        hex(2),
        witness_vkey(3),
    );
    let found = problems(&file);
    let kinds: Vec<_> = found.iter().map(|(line, _, kind)| (*line, kind)).collect();
    assert!(matches!(
        kinds[..],
        [
            (1, Kind::NotAKey),
            (3, Kind::MixedDialects { .. }),
            (4, Kind::DuplicateName { .. }),
            (5, Kind::ControlCharacter { byte: b'\r' }),
            (7, Kind::ThresholdExceedsMembers { k: 5, n: 2 }),
            (8, Kind::UnknownName { .. }),
            (
                9,
                Kind::ExtraField {
                    statement: Statement::Quorum
                }
            ),
        ]
    ));
    assert_eq!((found[6].0, found[6].1), (9, 10));
}

// What a refused line would have defined is not missing below it.
#[test]
fn reading_does_not_blame_a_line_for_the_one_above() {
    let file = format!(
        "witness a nonsense\nwitness b {}\ngroup g all a b\ngroup h 9 g\nquorum h\n",
        witness_vkey(2)
    );
    let lines: Vec<_> = problems(&file).iter().map(|p| p.0).collect();
    assert_eq!(lines, [1, 4]);
    let file = format!("witness a {}\nquorum z\n", witness_vkey(1));
    assert_eq!(
        problems(&file),
        [(2, 8, Kind::UnknownName { name: name("z") })]
    );
    // A name that is defined too late is still used too early.
    let file = format!("bad\ngroup g all a\nwitness a {}\n", witness_vkey(1));
    let found = problems(&file);
    assert_eq!(found.len(), 3);
    assert_eq!(
        found[1].2,
        Kind::ForwardReference {
            name: name("a"),
            defined_on: 3
        }
    );
    assert_eq!(found[2], (3, 1, Kind::MissingQuorum));
}

#[test]
fn reading_tells_where_names_are_given() {
    let file = format!(
        "log {}\n witness a {}\nwitness b bad\ngroup g any a b\nquorum g\n",
        log_vkey(9),
        witness_vkey(1)
    );
    let reading = Policy::read(file.as_bytes());
    assert!(reading.policy().is_none());
    assert_eq!(
        reading.witness(&name("a")),
        Some(Place {
            line: 2,
            column: 10
        })
    );
    assert_eq!(
        reading.witness(&name("b")),
        Some(Place { line: 3, column: 9 })
    );
    assert_eq!(
        reading.group(&name("g")),
        Some(Place { line: 4, column: 7 })
    );
    assert_eq!(reading.witness(&name("g")), None);
    assert_eq!(reading.group(&name("a")), None);
}

proptest! {
    // The first problem is the one that parsing names; without a problem both give the same policy.
    #[test]
    fn reading_and_parsing_agree(words in proptest::collection::vec(0_usize..15, 0..60)) {
        let vocabulary = [
            "log", "witness", "group", "quorum", "none", "all", "any", "1", "2", "a", "b", "c", "\n", "\n", "\r",
        ];
        let text: Vec<&str> = words.iter().map(|&w| vocabulary[w]).collect();
        let text = text.join(" ").replace(" b ", &format!(" {} ", witness_vkey(1)));
        let reading = Policy::read(text.as_bytes());
        match Policy::parse(text.as_bytes()) {
            Ok(policy) => {
                prop_assert!(reading.problems().is_empty());
                prop_assert_eq!(reading.policy(), Some(&policy));
            }
            Err(error) => {
                prop_assert!(reading.policy().is_none());
                prop_assert_eq!(reading.problems().first(), Some(&error));
            }
        }
        // In the order of the file, at most one a line, and one for a missing quorum at its end.
        let lines: Vec<usize> = reading.problems().iter().map(|p| p.line).collect();
        prop_assert!(lines.is_sorted());
        let missing = reading.problems().iter().filter(|p| p.kind == Kind::MissingQuorum).count();
        let mut unique = lines.clone();
        unique.dedup();
        prop_assert!(lines.len() - unique.len() <= missing && missing <= 1);
    }
}
