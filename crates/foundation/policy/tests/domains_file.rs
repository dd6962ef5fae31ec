//! The domains file: unknown is an error, and every mistake has its place.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use proptest::prelude::*;
use quorate_policy::{
    DomainKind, Domains, DomainsErrorKind as Kind, LabelError, Labels, MAX_DOMAINS_LEN, Name,
    Policy, read_domains,
};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// For a policy with the witnesses `a`, `b` and `c.d`.
fn read(file: &str) -> Result<Labels, Vec<(usize, usize, Kind)>> {
    domains(file).map(|domains| domains.labels().clone())
}

/// All of the file, for the same policy.
fn domains(file: &str) -> Result<Domains, Vec<(usize, usize, Kind)>> {
    let known = [name("a"), name("b"), name("c.d")];
    read_domains(file.as_bytes(), |name| known.contains(name)).map_err(|wrong| {
        assert!(!wrong.is_empty());
        let wrong = wrong.into_iter();
        wrong.map(|e| (e.line, e.column, e.kind)).collect()
    })
}

fn refused(file: &str) -> Vec<(usize, usize, Kind)> {
    read(file).unwrap_err()
}

#[test]
fn domains_file_labels_witnesses() {
    let labels = read(
        "# who and where\n[witness.a]\noperator = \"acme\"; region = \"x\"\n"
            .replace("; ", "\n")
            .as_str(),
    )
    .unwrap();
    assert_eq!(
        labels
            .get(&name("a"), DomainKind::Operator)
            .unwrap()
            .as_str(),
        "acme"
    );
    assert_eq!(labels.get(&name("a"), DomainKind::Cloud), None);
    assert_eq!(labels.get(&name("b"), DomainKind::Operator), None);
    let labels = read("[witness.\"c.d\"]\ncloud = 'aws'\nwitness.x = 1\n");
    assert_eq!(
        labels.unwrap_err(),
        [(
            3,
            1,
            Kind::UnknownKind {
                key: "witness".into()
            }
        )]
    );
    for nothing in ["", "\n# nothing\n", "[witness]\n", "[witness.a]\n"] {
        assert_eq!(read(nothing).unwrap(), Labels::new());
    }
}

#[test]
fn domains_file_has_all_five_kinds() {
    let mut file = "[witness.a]\n".to_owned();
    for (i, kind) in DomainKind::ALL.iter().enumerate() {
        file += &format!("{kind} = \"label {i}\"\n");
    }
    let labels = read(&file).unwrap();
    for (i, kind) in DomainKind::ALL.into_iter().enumerate() {
        let label = labels.get(&name("a"), kind).unwrap();
        assert_eq!(label.as_str(), format!("label {i}"));
    }
}

#[test]
fn domains_file_accepts_a_single_domain_of_the_kinds_it_names() {
    let accepted = |file: &str| {
        let domains = domains(file).unwrap();
        DomainKind::ALL.map(|kind| domains.accepts_single(kind))
    };
    for nothing in ["", "[witness.a]\n", "accept_single = []\n"] {
        assert_eq!(accepted(nothing), [false; 5], "{nothing}");
    }
    assert_eq!(
        accepted("accept_single = [\"operator\"]\n[witness.a]\ncloud = \"x\"\n"),
        [true, false, false, false, false]
    );
    assert_eq!(
        accepted("accept_single = [\n  'key_store', # one HSM\n  'cloud',\n]\n"),
        [false, false, true, false, true]
    );
    assert_eq!(
        accepted("accept_single = ['operator', 'region', 'cloud', 'account']\n"),
        [true, true, true, true, false]
    );
}

#[test]
fn domains_file_refuses_what_cannot_be_accepted() {
    let unknown = |key: &str| Kind::UnknownKind { key: key.into() };
    for (file, column, kind) in [
        ("accept_single = ['operator', 'zone']", 30, unknown("zone")),
        ("accept_single = ['Operator']", 18, unknown("Operator")),
        ("accept_single = ['']", 18, unknown("")),
        (
            "accept_single = ['cloud', 'region', \"cloud\"]",
            37,
            Kind::AcceptedTwice {
                kind: DomainKind::Cloud,
            },
        ),
        ("accept_single = 'operator'", 17, Kind::NotKinds),
        ("accept_single = true", 17, Kind::NotKinds),
        ("accept_single = [1]", 18, Kind::NotKinds),
        ("accept_single = [['operator']]", 18, Kind::NotKinds),
        ("accept_single.operator = true", 1, Kind::NotKinds),
        (
            "accept_singles = []",
            1,
            Kind::UnknownKey {
                key: "accept_singles".into(),
            },
        ),
        (
            "accept_single = ['key_store', 'account', 'cloud', 'region', 'operator']",
            1,
            Kind::AllAccepted,
        ),
    ] {
        let wrong = refused(file);
        assert_eq!(
            wrong.iter().map(|e| (e.0, &e.2)).collect::<Vec<_>>(),
            [(1, &kind)],
            "{file}"
        );
        assert_eq!(wrong[0].1, column, "{file}");
    }
    // Below a table it would be that table's.
    assert_eq!(
        refused("[witness.a]\naccept_single = ['operator']\n"),
        [(2, 1, Kind::AcceptedBelow)]
    );
    let twice = refused("accept_single = []\naccept_single = []\n");
    assert!(matches!(twice[0].2, Kind::Syntax { .. }));
}

#[test]
fn domains_file_refuses_what_it_does_not_know() {
    let key = |key: &str| Kind::UnknownKey { key: key.into() };
    assert_eq!(refused("[witnesses.a]\n"), [(1, 2, key("witnesses"))]);
    assert_eq!(refused("version = 1\n"), [(1, 1, key("version"))]);
    assert_eq!(
        refused("[witness.a]\nzone = \"x\"\n"),
        [(2, 1, Kind::UnknownKind { key: "zone".into() })]
    );
    assert_eq!(
        refused("[witness.z]\noperator = \"x\"\n"),
        [(1, 10, Kind::UnknownWitness { name: "z".into() })]
    );
    // No name in a policy has a space, or is empty.
    for (quoted, name) in [("'a b'", "a b"), ("''", "")] {
        assert_eq!(
            refused(&format!("[witness.{quoted}]\n")),
            [(1, 10, Kind::UnknownWitness { name: name.into() })]
        );
    }
}

#[test]
fn domains_file_refuses_what_is_not_a_table_of_strings() {
    let not = |key: &str| Kind::NotATable { key: key.into() };
    assert_eq!(refused("witness = 1\n"), [(1, 1, not("witness"))]);
    assert_eq!(refused("[[witness]]\n"), [(1, 3, not("witness"))]);
    assert_eq!(refused("[witness]\na = 'acme'\n"), [(2, 1, not("a"))]);
    assert_eq!(
        refused("[witness.a]\naccount = 1234\n"),
        [(2, 11, Kind::NotAString)]
    );
}

#[test]
fn domains_file_reports_everything_in_its_order() {
    let file = "[witness.b]\nzone = 1\noperator = \"\"\n\n[witness.a]\noperator = \"x\"\nregion = 2\n\n[other]\n";
    let places: Vec<_> = refused(file).iter().map(|e| (e.0, e.1)).collect();
    assert_eq!(places, [(2, 1), (3, 12), (7, 10), (9, 2)]);
}

#[test]
fn domains_file_tells_where_it_is_not_toml() {
    let wrong = refused("[witness.a]\noperator = acme\n");
    assert_eq!((wrong[0].0, wrong[0].1), (2, 12));
    assert!(matches!(wrong[0].2, Kind::Syntax { .. }));
    // A second label of one kind, a second table of one witness.
    for twice in [
        "[witness.a]\ncloud = 'x'\ncloud = 'y'\n",
        "[witness.a]\n[witness.a]\n",
    ] {
        assert!(matches!(refused(twice)[0].2, Kind::Syntax { .. }));
    }
    let known = |_: &Name| true;
    let wrong = read_domains(b"[witness.a]\n# \xff\n", known).unwrap_err();
    assert_eq!(
        (wrong[0].line, wrong[0].column, &wrong[0].kind),
        (2, 3, &Kind::NotUtf8)
    );
}

#[test]
fn domains_file_length_is_bounded() {
    let mut file = vec![b'#'; MAX_DOMAINS_LEN];
    assert!(read_domains(&file, |_| true).is_ok());
    file.push(b'#');
    let wrong = read_domains(&file, |_| true).unwrap_err();
    assert!(matches!(wrong[0].kind, Kind::TooLarge { .. }));
}

// A slip of the pen must not count as one more independent domain.
#[test]
fn domains_file_labels_that_look_alike_are_alike() {
    let file =
        "[witness.a]\noperator = \"Acme\"\ncloud = \"acme\"\n[witness.b]\noperator = \"acme\"\n";
    let wrong = refused(file);
    assert!(matches!(
        wrong[..],
        [(
            5,
            12,
            Kind::Label(LabelError::CaseOnly {
                kind: DomainKind::Operator,
                ..
            })
        )]
    ));
    for bad in [
        "acme ",
        " acme",
        "a  b",
        "acm\u{435}",
        "z\u{fc}rich",
        "a\\tb",
        "(no label)",
        "a,b",
        "",
    ] {
        let wrong = refused(&format!("[witness.a]\noperator = \"{bad}\"\n"));
        assert!(matches!(wrong[..], [(2, 12, Kind::Label(_))]), "{bad}");
    }
    let arn = "arn:aws:kms:us-east-1:123456789012:key/0a1b-2c3d_e.f@x+y";
    assert!(read(&format!("[witness.a]\nkey_store = \"{arn}\"\n")).is_ok());
    assert!(read(&format!("[witness.a]\nregion = \"{}\"\n", "x".repeat(128))).is_ok());
    assert!(read(&format!("[witness.a]\nregion = \"{}\"\n", "x".repeat(129))).is_err());
}

// The examples of the page that explains both files.
#[test]
fn the_page_about_policies_shows_what_is_read() {
    let page = include_str!("../../../../docs/policy.md");
    let block = |fence: &str| {
        let (_, rest) = page.split_once(fence).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let policy = Policy::parse(block("```\n").as_bytes()).unwrap();
    let witnesses: Vec<_> = policy.witnesses().map(|w| w.name().clone()).collect();
    let labels = read_domains(block("```toml\n").as_bytes(), |name| {
        witnesses.contains(name)
    });
    let domains = labels.unwrap();
    let labelled = |kind| domains.labels().get(&witnesses[0], kind).is_some();
    assert!(DomainKind::ALL.into_iter().all(labelled));
    assert!(domains.accepts_single(DomainKind::Operator));
}

proptest! {
    #[test]
    fn domains_file_reading_never_panics(file in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(wrong) = read_domains(&file, |_| true) {
            prop_assert!(!wrong.is_empty());
        }
    }

    #[test]
    fn domains_file_of_shuffled_words_never_panics(words in proptest::collection::vec(0_usize..16, 0..40)) {
        let vocabulary = [
            "[witness.a]", "[witness.b]", "[", "]", "witness", ".a", "=", "operator", "cloud", "{", "}",
            "\"x\"", "\n", "\n", "accept_single", "\"operator\"",
        ];
        let text: Vec<&str> = words.iter().map(|&w| vocabulary[w]).collect();
        if let Err(wrong) = read_domains(text.concat().as_bytes(), |_| true) {
            prop_assert!(!wrong.is_empty());
            let lines = text.concat().matches('\n').count() + 1;
            prop_assert!(wrong.iter().all(|e| (1..=lines).contains(&e.line)));
        }
    }
}
