//! The structure of a policy: names, groups and the quorum, a test per rule of tlog-policy and one per row in
//! which known parsers differ from it.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{log_vkey, witness_vkey};
use quorate_policy::{
    Dialect, MAX_GROUP_DEPTH, MAX_POLICY_LEN, Name, NodeKind, Policy, PolicyErrorKind as Kind,
    Quorum, Statement, Threshold,
};

/// A file with witnesses `a`, `b`, `c` (lines 1 to 3), followed by `rest` from line 4 on.
fn abc(rest: &str) -> String {
    format!(
        "witness a {}\nwitness b {}\nwitness c {}\n{rest}",
        witness_vkey(1),
        witness_vkey(2),
        witness_vkey(3)
    )
}

fn refused(file: impl AsRef<[u8]>) -> (usize, usize, Kind) {
    let error = Policy::parse(file.as_ref()).unwrap_err();
    (error.line, error.column, error.kind)
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

// "Example policy", with keys.
#[test]
fn tlog_policy_example_parses() {
    let file = format!(
        "log {}\n\nwitness X1 {}\nwitness X2 {}\nwitness X3 {}\ngroup X-witnesses 2 X1 X2 X3\n\n\
         witness Y1 {}\nwitness Y2 {}\nwitness Y3 {}\ngroup Y-witnesses any Y1 Y2 Y3\n\n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
        log_vkey(100),
        witness_vkey(1),
        witness_vkey(2),
        witness_vkey(3),
        witness_vkey(4),
        witness_vkey(5),
        witness_vkey(6),
    );
    let policy = Policy::parse(file.as_bytes()).unwrap();
    assert_eq!(policy.dialect(), Dialect::C2sp);
    assert_eq!(policy.logs().len(), 1);
    assert_eq!(policy.witnesses().count(), 6);
    let Quorum::Node(root) = policy.quorum() else {
        panic!("no quorum")
    };
    let NodeKind::Group(group) = root.kind() else {
        panic!("not a group")
    };
    assert_eq!(group.required(), 2);
    let seen: Vec<(String, usize, usize)> = group
        .members()
        .map(|member| match member.kind() {
            NodeKind::Group(group) => (
                group.name().to_string(),
                group.required(),
                group.members().len(),
            ),
            NodeKind::Witness(_) => panic!("not a group"),
        })
        .collect();
    assert_eq!(
        seen,
        [("X-witnesses".into(), 2, 3), ("Y-witnesses".into(), 1, 3)]
    );
}

// "A line defining a group can only reference names of groups and witnesses defined on preceding lines."
#[test]
fn policy_group_refers_backwards_only() {
    let file = format!("group g all a\nwitness a {}\nquorum g\n", witness_vkey(1));
    assert_eq!(
        refused(file),
        (
            1,
            13,
            Kind::ForwardReference {
                name: name("a"),
                defined_on: 2
            }
        )
    );
    assert_eq!(
        refused(abc("group g any a g\nquorum g\n")),
        (
            4,
            15,
            Kind::ForwardReference {
                name: name("g"),
                defined_on: 4
            }
        )
    );
    assert_eq!(
        refused(abc("group g any a z\nquorum g\n")),
        (4, 15, Kind::UnknownName { name: name("z") })
    );
}

// "Similarly, the quorum line must specify a witness or group defined earlier." Table 6.4 "quorum before
// its group".
#[test]
fn policy_quorum_refers_backwards_only() {
    assert_eq!(
        refused(abc("quorum g\ngroup g all a b\n")),
        (
            4,
            8,
            Kind::ForwardReference {
                name: name("g"),
                defined_on: 5
            }
        )
    );
    assert_eq!(
        refused(abc("quorum z\n")),
        (4, 8, Kind::UnknownName { name: name("z") })
    );
}

// "Witnesses and groups share a single namespace."
#[test]
fn policy_names_are_defined_once() {
    let duplicate = || Kind::DuplicateName { name: name("a") };
    assert_eq!(
        refused(abc(&format!("witness a {}\n", witness_vkey(4)))),
        (4, 9, duplicate())
    );
    assert_eq!(refused(abc("group a any b c\n")), (4, 7, duplicate()));
    let file = abc(&format!("group g any b c\nwitness g {}\n", witness_vkey(4)));
    assert_eq!(
        refused(file),
        (5, 9, Kind::DuplicateName { name: name("g") })
    );
}

// "In the simplest case, the name refers to a witness".
#[test]
fn policy_quorum_may_name_a_witness_or_a_group() {
    for rest in ["quorum b\n", "group g all a b\nquorum g\n"] {
        assert!(matches!(
            Policy::parse(abc(rest).as_bytes()).unwrap().quorum(),
            Quorum::Node(_)
        ));
    }
}

// "one can use the predefined name `none`"; "in this case, the set of witnesses may be empty"; "a policy
// with an empty set of logs".
#[test]
fn policy_quorum_none_needs_neither_logs_nor_witnesses() {
    let policy = Policy::parse(b"quorum none\n").unwrap();
    assert!(matches!(policy.quorum(), Quorum::None));
    assert!(policy.logs().is_empty());
    assert!(matches!(
        Policy::parse(abc("quorum none\n").as_bytes())
            .unwrap()
            .quorum(),
        Quorum::None
    ));
}

// "The special name `none` is predefined; … it is invalid as a group member." Table 6.4 "none redefined".
#[test]
fn policy_none_is_reserved() {
    let file = format!("witness none {}\nquorum none\n", witness_vkey(1));
    assert_eq!(refused(file), (1, 9, Kind::ReservedName));
    assert_eq!(
        refused(abc("group none any a\nquorum none\n")),
        (4, 7, Kind::ReservedName)
    );
    assert_eq!(
        refused(abc("group g any a none\nquorum g\n")),
        (4, 15, Kind::ReservedName)
    );
}

// "A policy file must include exactly one quorum line." Table 6.4 "several quorum lines".
#[test]
fn policy_needs_exactly_one_quorum_line() {
    assert_eq!(refused(""), (1, 1, Kind::MissingQuorum));
    assert_eq!(refused(abc("# quorum a\n")), (4, 1, Kind::MissingQuorum));
    assert_eq!(
        refused(abc("quorum a\nquorum a\n")),
        (5, 1, Kind::RepeatedQuorum)
    );
    assert_eq!(
        refused("quorum none\nquorum none\n"),
        (2, 1, Kind::RepeatedQuorum)
    );
    assert_eq!(
        refused(abc("quorum a\nquorum none\n")),
        (5, 1, Kind::RepeatedQuorum)
    );
}

// "At least one member must be listed (i.e., n >= 1)." Table 6.4 "empty group" (`group g all`).
#[test]
fn policy_group_needs_a_member() {
    for threshold in ["all", "any", "1"] {
        let file = abc(&format!("group g {threshold}\nquorum g\n"));
        assert_eq!(refused(file), (4, 1, Kind::EmptyGroup));
    }
    let statement = Statement::Group;
    assert_eq!(
        refused(abc("group g\n")),
        (4, 1, Kind::MissingField { statement })
    );
}

// "it is required that 1 <= k <= n". Table 6.4 "k = 0".
#[test]
fn policy_threshold_zero_is_refused() {
    assert_eq!(
        refused(abc("group g 0 a b\nquorum g\n")),
        (4, 9, Kind::ThresholdZero)
    );
}

// "it is required that 1 <= k <= n": an unsatisfiable group is an error, not a policy.
#[test]
fn policy_threshold_exceeds_members_is_refused() {
    let exceeds = |k| (4, 9, Kind::ThresholdExceedsMembers { k, n: 2 });
    assert_eq!(refused(abc("group g 3 a b\nquorum g\n")), exceeds(3));
    assert_eq!(
        refused(abc("group g 4294967297 a b\n")),
        exceeds(4_294_967_297)
    );
    for k in [
        "18446744073709551617",
        "184467440737095516161",
        &"9".repeat(99),
    ] {
        assert_eq!(
            refused(abc(&format!("group g {k} a b\n"))),
            exceeds(u64::MAX)
        );
    }
    for k in 1..=2 {
        assert!(Policy::parse(abc(&format!("group g {k} a b\nquorum g\n")).as_bytes()).is_ok());
    }
}

// "If k is given numerically, it must be written in decimal".
#[test]
fn policy_threshold_is_a_plain_decimal() {
    for k in [
        "02", "+2", "-1", "0x2", "2.0", "1_0", "two", "ALL", "00", "²", "٢",
    ] {
        assert_eq!(
            refused(abc(&format!("group g {k} a b\n"))),
            (4, 9, Kind::BadThreshold),
            "{k}"
        );
    }
}

// "The `any` variant is a shorthand for k = 1, and the `all` variant is a shorthand for k = n."
#[test]
fn policy_any_and_all_are_shorthands() {
    for (word, k) in [("any", 1), ("all", 3), ("2", 2)] {
        let policy =
            Policy::parse(abc(&format!("group g {word} a b c\nquorum g\n")).as_bytes()).unwrap();
        let Quorum::Node(root) = policy.quorum() else {
            panic!("no quorum")
        };
        let NodeKind::Group(group) = root.kind() else {
            panic!("not a group")
        };
        assert_eq!(group.required(), k);
        assert_eq!(group.threshold().to_string(), word);
    }
}

// "Each defined name can be listed as a group member at most once." Table 6.4 "member reuse" (`group g 2
// a a` met by one witness).
#[test]
fn policy_name_is_a_member_once_in_the_whole_file() {
    let again = |group: &str| Kind::DuplicateMember {
        member: name("a"),
        group: name(group),
    };
    assert_eq!(
        refused(abc("group g 2 a a\nquorum g\n")),
        (4, 13, again("g"))
    );
    assert_eq!(
        refused(abc("group g any a b\ngroup h any c a\nquorum h\n")),
        (5, 15, again("g"))
    );
    let file = abc("group g any a b\ngroup h any g c\ngroup i all h g\n");
    let (line, column, kind) = refused(file);
    assert_eq!((line, column), (6, 15));
    assert_eq!(
        kind,
        Kind::DuplicateMember {
            member: name("g"),
            group: name("h")
        }
    );
}

// "names must be handled as opaque octet strings, e.g., the name 0x4B (ASCII "K") is different from the
// name 0xE2 0x84 0xAA (a Kelvin sign encoded using UTF-8)."
#[test]
fn policy_names_are_opaque_octets() {
    let names: [&[u8]; 5] = [
        b"K",
        "\u{212a}".as_bytes(),
        "\u{e9}".as_bytes(),
        "e\u{301}".as_bytes(),
        b"\xff",
    ];
    let mut file = Vec::new();
    for (i, name) in (1..).zip(names) {
        file.extend([b"witness ", name, b" ", witness_vkey(i).as_bytes(), b"\n"].concat());
    }
    file.extend(b"group g 5 K \xe2\x84\xaa \xc3\xa9 e\xcc\x81 \xff\nquorum g\n");
    let policy = Policy::parse(&file).unwrap();
    let seen: Vec<_> = policy
        .witnesses()
        .map(|w| w.name().as_bytes().to_vec())
        .collect();
    assert_eq!(seen, names);
    assert_eq!(policy.render(), file);
}

// Names that look like keywords, numbers or comments are told apart by position.
#[test]
fn policy_names_may_look_like_anything() {
    let file = format!(
        "witness any {}\nwitness 2 {}\nwitness #x {}\ngroup all 2 any 2 #x\nquorum all\n",
        witness_vkey(1),
        witness_vkey(2),
        witness_vkey(3)
    );
    assert_eq!(
        Policy::parse(file.as_bytes()).unwrap().render(),
        file.as_bytes()
    );
}

// "at least up to 32 logs, 32 witnesses, and 32 groups", each group inside the next.
#[test]
fn policy_supports_32_logs_witnesses_and_groups() {
    let mut file = String::new();
    for i in 0..32 {
        file += &format!(
            "log {}\nwitness w{i} {}\n",
            log_vkey(100 + i),
            witness_vkey(i)
        );
    }
    file += "group g0 all w0\n";
    for i in 1..32 {
        file += &format!("group g{i} all g{} w{i}\n", i - 1);
    }
    file += "quorum g31\n";
    let policy = Policy::parse(file.as_bytes()).unwrap();
    assert_eq!(
        (
            policy.logs().len(),
            policy.witnesses().count(),
            policy.nodes().len()
        ),
        (32, 32, 64)
    );
}

#[test]
fn policy_nesting_is_bounded() {
    let nested = |depth: usize| {
        let mut file = format!("witness w {}\ngroup g1 all w\n", witness_vkey(1));
        for i in 2..=depth {
            file += &format!("group g{i} all g{}\n", i - 1);
        }
        file + &format!("quorum g{depth}\n")
    };
    assert!(Policy::parse(nested(MAX_GROUP_DEPTH).as_bytes()).is_ok());
    let (line, _, kind) = refused(nested(MAX_GROUP_DEPTH + 1));
    assert_eq!((line, kind), (MAX_GROUP_DEPTH + 2, Kind::TooDeep));
}

#[test]
fn policy_length_is_bounded() {
    let mut file = b"quorum none\n#".to_vec();
    file.resize(MAX_POLICY_LEN, b'x');
    assert!(Policy::parse(&file).is_ok());
    file.push(b'x');
    assert_eq!(
        refused(&file),
        (
            1,
            1,
            Kind::TooLarge {
                len: MAX_POLICY_LEN + 1
            }
        )
    );
}

// Lines are not limited to 64 KiB: a scanner with that limit would read a different file.
#[test]
fn policy_lines_may_be_long() {
    let file = format!("#{}\nquorum none\n", "x".repeat(100_000));
    assert!(Policy::parse(file.as_bytes()).is_ok());
}

#[test]
fn policy_threshold_required_is_k() {
    assert_eq!(Threshold::Any.required(5), 1);
    assert_eq!(Threshold::All.required(5), 5);
    assert_eq!(Threshold::AtLeast(3).required(5), 3);
}
