//! The sigsum grammar: what differs from C2SP, and the cases its reference implementation tests.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{hex, log_vkey, witness_vkey};
use quorate_policy::{Dialect, NodeKind, Policy, PolicyErrorKind as Kind, Quorum, Role, Statement};

fn refused(file: impl AsRef<[u8]>) -> (usize, usize, Kind) {
    let error = Policy::parse(file.as_ref()).unwrap_err();
    (error.line, error.column, error.kind)
}

// The operator's guide: two of three witnesses in three failure domains.
#[test]
fn sigsum_policy_of_the_split_trust_guide_parses() {
    let file = format!(
        "# A Sigsum-style policy: 2 of my 3 own witnesses must co-sign.\n\
         # `log` is recorded for grammar completeness (future submission routing),\n\
         # not used by the quorum evaluator.\n\
         log     {}\n\n\
         witness aws-use1   {}   https://witness-a.example:8443\n\
         witness gcp-euw1   {}   https://witness-b.example:8443\n\
         witness fly-iad    {}   https://witness-c.example:8443\n\n\
         group   my-quorum  2  aws-use1 gcp-euw1 fly-iad\n\
         quorum  my-quorum\n",
        hex(100),
        hex(1),
        hex(2),
        hex(3)
    );
    let policy = Policy::parse(file.as_bytes()).unwrap();
    assert_eq!(policy.dialect(), Dialect::Sigsum);
    let urls: Vec<_> = policy
        .witnesses()
        .map(|w| w.url().unwrap().to_string())
        .collect();
    assert_eq!(
        urls,
        [
            "https://witness-a.example:8443",
            "https://witness-b.example:8443",
            "https://witness-c.example:8443"
        ]
    );
    let Quorum::Node(root) = policy.quorum() else {
        panic!("no quorum")
    };
    let NodeKind::Group(group) = root.kind() else {
        panic!("not a group")
    };
    assert_eq!((group.required(), group.members().len()), (2, 3));
}

// Logs with and without URL and after the quorum, indented lines, a key that is both log and witness,
// nested groups of any, k and all, and a witness the quorum does not reach.
#[test]
fn sigsum_policy_with_everything_parses() {
    let file = format!(
        "\n# example\nlog {} http://log.example.org\n  # comment\n  log {}\n\n\
         witness W1 {} http://w1\n# same key as a log\nwitness W2 {}\nwitness W3 {} http://w3\n\
         witness W4 {} https://w4/\nwitness W5 {} https://w5\n\n\
         group G1 any W1 W2\ngroup G2 2 W3 W4 W5\ngroup G3 all G1 G2\n\nquorum G3\n\n\
         \x20 log {}\nwitness W6 {}\n",
        hex(100),
        hex(101),
        hex(1),
        hex(100),
        hex(3),
        hex(4),
        hex(5),
        hex(102),
        hex(6),
    );
    let policy = Policy::parse(file.as_bytes()).unwrap();
    assert_eq!(policy.logs().len(), 3);
    assert_eq!(
        policy
            .logs()
            .iter()
            .filter(|log| log.url().is_some())
            .count(),
        1
    );
    assert_eq!(policy.witnesses().count(), 6);
    assert_eq!(policy.witnesses().filter(|w| w.url().is_some()).count(), 4);
}

// "Public keys are written in raw hex representation, case insensitive." Written back in lower case.
#[test]
fn sigsum_keys_are_case_insensitive() {
    let lower = format!("log {}\nquorum none\n", hex(1));
    let upper = format!("log {}\nquorum none\n", hex(1).to_uppercase());
    let policy = Policy::parse(upper.as_bytes()).unwrap();
    assert_eq!(policy, Policy::parse(lower.as_bytes()).unwrap());
    assert_eq!(policy.render(), lower.as_bytes());
    let both = format!(
        "log {}\nlog {}\nquorum none\n",
        hex(1),
        hex(1).to_uppercase()
    );
    assert_eq!(
        refused(both),
        (2, 5, Kind::DuplicateKey { role: Role::Log })
    );
}

// Table 6.4 "keys": one file uses one grammar.
#[test]
fn policy_of_mixed_dialects_is_refused() {
    let (c2sp, sigsum) = (Dialect::C2sp, Dialect::Sigsum);
    let file = format!("log {}\nwitness w {}\nquorum w\n", log_vkey(1), hex(2));
    assert_eq!(
        refused(file),
        (
            2,
            11,
            Kind::MixedDialects {
                first: c2sp,
                found: sigsum
            }
        )
    );
    let file = format!("witness w {}\nlog {}\nquorum w\n", hex(2), log_vkey(1));
    assert_eq!(
        refused(file),
        (
            2,
            5,
            Kind::MixedDialects {
                first: sigsum,
                found: c2sp
            }
        )
    );
    let file = format!(
        "witness w {}\nwitness v {}\nquorum w\n",
        hex(2),
        witness_vkey(1)
    );
    assert_eq!(
        refused(file),
        (
            2,
            11,
            Kind::MixedDialects {
                first: sigsum,
                found: c2sp
            }
        )
    );
}

// The invalid files of the reference implementation's catalogue, in this grammar.
#[test]
fn sigsum_invalid_policies_are_refused() {
    let (k1, k2, k3) = (hex(1), hex(2), hex(3));
    let cases: Vec<(String, Kind)> = vec![
        (String::new(), Kind::MissingQuorum),
        (
            "# \x0c\nquorum none\n".into(),
            Kind::ControlCharacter { byte: 0x0c },
        ),
        (
            "# \x7f\nquorum none\n".into(),
            Kind::ControlCharacter { byte: 0x7f },
        ),
        (
            format!("log {k1}\n  log {k1}\n"),
            Kind::DuplicateKey { role: Role::Log },
        ),
        (
            format!("log {k1} http://example.org #comment\n"),
            Kind::TrailingComment,
        ),
        (
            format!("witness W1 {k1}\nwitness W2 {k1}\n"),
            Kind::DuplicateKey {
                role: Role::Witness,
            },
        ),
        (
            format!("witness W1 {k1}\nwitness W1 {k2}\n"),
            Kind::DuplicateName {
                name: "W1".parse().unwrap(),
            },
        ),
        (format!("witness none {k1}\n"), Kind::ReservedName),
        (
            format!("witness W1 {k1}\nwitness W2 {k2}\ngroup G all W1 W3 W2\n"),
            Kind::UnknownName {
                name: "W3".parse().unwrap(),
            },
        ),
        (
            format!("witness W1 {k1}\nwitness W2 {k2}\ngroup G all W1 W2\n"),
            Kind::MissingQuorum,
        ),
        (
            format!("witness W1 {k1}\nwitness W2 {k2}\ngroup G all W1 W2 W1\n"),
            Kind::DuplicateMember {
                member: "W1".parse().unwrap(),
                group: "G".parse().unwrap(),
            },
        ),
        (
            format!(
                "witness W1 {k1}\nwitness W2 {k2}\nwitness W3 {k3}\ngroup G1 all W1 W2\ngroup G2 all W3 W2\n"
            ),
            Kind::DuplicateMember {
                member: "W2".parse().unwrap(),
                group: "G1".parse().unwrap(),
            },
        ),
        (
            format!("log {k1}\nwitness W {k2}\ngroup G all W none\nquorum G\n"),
            Kind::ReservedName,
        ),
        (
            format!("witness W {k2}\ngroup G 2 W\nquorum G\n"),
            Kind::ThresholdExceedsMembers { k: 2, n: 1 },
        ),
        (
            format!("log {k1} u v\n"),
            Kind::ExtraField {
                statement: Statement::Log,
            },
        ),
    ];
    for (file, kind) in cases {
        assert_eq!(refused(&file).2, kind, "{file}");
    }
}
