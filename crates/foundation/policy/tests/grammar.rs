//! The C2SP tlog-policy grammar: a test per rule of "Policy file syntax and structure", and one per row
//! in which known parsers differ from it.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{hex, log_vkey, mldsa_log_vkey, mldsa_witness_vkey, witness_vkey};
use quorate_policy::{
    Dialect, MAX_GROUP_DEPTH, MAX_POLICY_LEN, Name, NodeKind, Policy, PolicyErrorKind as Kind,
    Quorum, Role, Statement, Threshold,
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

fn kind(file: impl AsRef<[u8]>) -> Kind {
    refused(file).2
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

// "The policy file is line based, where each line is terminated by ASCII newline"; input may lack the last.
#[test]
fn policy_last_newline_may_be_missing_on_input() {
    let with = Policy::parse(b"quorum none\n").unwrap();
    assert_eq!(Policy::parse(b"quorum none").unwrap(), with);
    assert_eq!(with.render(), b"quorum none\n");
}

// "sequences of ASCII space and tab characters", "Leading and trailing whitespace is allowed."
#[test]
fn policy_white_space_is_space_and_tab() {
    let file = format!(" \t witness \t a\t{} \t\n\t quorum  a \n", witness_vkey(1));
    assert_eq!(
        Policy::parse(file.as_bytes()).unwrap().witnesses().count(),
        1
    );
}

// Table 6.4 "white space": "*only*" those two. A no-break space is part of a field, a form feed invalid.
#[test]
fn policy_white_space_is_not_unicode_white_space() {
    assert_eq!(
        refused("quorum\u{a0}none\n"),
        (1, 1, Kind::UnknownStatement)
    );
    assert_eq!(
        refused("quorum none\u{3000}\n").2,
        Kind::UnknownName {
            name: name("none\u{3000}")
        }
    );
    assert_eq!(
        refused("quorum\x0cnone\n"),
        (1, 7, Kind::ControlCharacter { byte: 0x0c })
    );
    assert_eq!(
        refused("quorum\x0bnone\n"),
        (1, 7, Kind::ControlCharacter { byte: 0x0b })
    );
}

// "Empty lines (whitespace only) and comment lines (lines starting with "#", possibly preceded by
// whitespace) are allowed and ignored."
#[test]
fn policy_empty_and_comment_lines_are_ignored() {
    let file = b"\n \t\n# quorum x\n \t# another, \xff\xfe not UTF-8\n#\nquorum none\n\n";
    assert!(Policy::parse(file).is_ok());
}

// Table 6.4 "inline # …": a comment after a statement is not one.
#[test]
fn policy_comment_after_statement_is_refused() {
    assert_eq!(
        refused("quorum none # why\n"),
        (1, 13, Kind::TrailingComment)
    );
    assert_eq!(
        kind(format!("log {} # x\nquorum none\n", log_vkey(1))),
        Kind::TrailingComment
    );
    assert_eq!(
        kind(format!("log {} #x\nquorum none\n", log_vkey(1))),
        Kind::TrailingComment
    );
    assert_eq!(
        kind(format!("log {} https://l #x\nquorum none\n", log_vkey(1))),
        Kind::TrailingComment
    );
    assert_eq!(
        kind(format!("witness w {} #x\nquorum w\n", witness_vkey(1))),
        Kind::TrailingComment
    );
    assert_eq!(
        refused(abc("group g 1 a # b\n")),
        (4, 13, Kind::UnknownName { name: name("#") })
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

// "Lines defining witnesses and logs can appear in any order", after the quorum too.
#[test]
fn policy_logs_and_witnesses_may_follow_the_quorum() {
    let file = abc(&format!(
        "quorum a\nwitness late {}\nlog {}\n",
        witness_vkey(9),
        log_vkey(9)
    ));
    let policy = Policy::parse(file.as_bytes()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().count()), (1, 4));
}

// "Public keys are written in vkey format."
#[test]
fn policy_key_must_be_a_key() {
    assert_eq!(
        refused("log nonsense\nquorum none\n"),
        (1, 5, Kind::NotAKey)
    );
    assert_eq!(
        kind(format!("log {}\nquorum none\n", &hex(1)[..62])),
        Kind::NotAKey
    );
    assert_eq!(
        refused(format!("witness w {}0\nquorum w\n", hex(1))),
        (1, 11, Kind::NotAKey)
    );
    let wrong_id = log_vkey(1).replacen('+', "+0", 1);
    assert!(matches!(
        refused(format!("log {wrong_id}\nquorum none\n")),
        (1, 5, Kind::BadKey(_))
    ));
    assert!(matches!(kind("log a+b\nquorum none\n"), Kind::BadKey(_)));
    assert_eq!(
        kind(b"log a\xff+00000000+AA==\nquorum none\n"),
        Kind::NotAKey
    );
}

// A small-order key verifies signatures nobody made; the key rule of quorate-note holds here too.
#[test]
fn policy_small_order_key_is_refused() {
    let identity = format!("01{}", "0".repeat(62));
    assert!(matches!(
        kind(format!("log {identity}\nquorum none\n")),
        Kind::BadKey(_)
    ));
    assert!(matches!(
        kind(format!("witness w {identity}\nquorum w\n")),
        Kind::BadKey(_)
    ));
}

// "Log and witness keys must use a signature type approprate respective function". Table 6.4 "witness
// line: 04/06".
#[test]
fn policy_key_type_must_suit_the_role() {
    let file = format!("log {}\nquorum none\n", witness_vkey(1));
    assert!(matches!(
        refused(file),
        (
            1,
            5,
            Kind::WrongKeyRole {
                role: Role::Log,
                ..
            }
        )
    ));
    let file = format!("witness w {}\nquorum w\n", log_vkey(1));
    assert!(matches!(
        refused(file),
        (
            1,
            11,
            Kind::WrongKeyRole {
                role: Role::Witness,
                ..
            }
        )
    ));
    let file = format!(
        "log {}\nlog {}\nwitness w {}\nwitness v {}\nquorum none\n",
        log_vkey(1),
        mldsa_log_vkey(1),
        witness_vkey(3),
        mldsa_witness_vkey(4)
    );
    assert!(Policy::parse(file.as_bytes()).is_ok());
}

// "log <vkey> [<url>]"
#[test]
fn policy_log_line_has_one_or_two_fields() {
    assert_eq!(
        refused("log\nquorum none\n"),
        (
            1,
            1,
            Kind::MissingField {
                statement: Statement::Log
            }
        )
    );
    let vkey = log_vkey(1);
    assert_eq!(
        refused(format!("log {vkey} https://l x\nquorum none\n")),
        (
            1,
            5 + vkey.len() + 11,
            Kind::ExtraField {
                statement: Statement::Log
            }
        )
    );
    let policy = Policy::parse(format!("log {vkey} anything\nquorum none\n").as_bytes()).unwrap();
    assert_eq!(policy.logs()[0].url().unwrap().as_bytes(), b"anything");
}

// "witness <name> <vkey> [<url>]". Table 6.4: the URL is optional, extra fields are invalid, one URL does
// not tie two witnesses together.
#[test]
fn policy_witness_line_has_two_or_three_fields() {
    let statement = Statement::Witness;
    assert_eq!(
        refused("witness\nquorum none\n"),
        (1, 1, Kind::MissingField { statement })
    );
    assert_eq!(
        refused(" witness w\nquorum none\n"),
        (1, 2, Kind::MissingField { statement })
    );
    let file = format!("witness w {} u v\nquorum none\n", witness_vkey(1));
    assert_eq!(kind(file), Kind::ExtraField { statement });
    let file = format!(
        "witness w {} https://same/\nwitness v {} https://same/\nquorum w\n",
        witness_vkey(1),
        witness_vkey(2)
    );
    let policy = Policy::parse(file.as_bytes()).unwrap();
    assert!(
        policy
            .witnesses()
            .all(|w| w.url().unwrap().as_bytes() == b"https://same/")
    );
}

// Table 6.4 "extra fields".
#[test]
fn policy_quorum_line_has_one_field() {
    let statement = Statement::Quorum;
    assert_eq!(
        refused(abc("quorum\n")),
        (4, 1, Kind::MissingField { statement })
    );
    assert_eq!(
        refused(abc("quorum a b\n")),
        (4, 10, Kind::ExtraField { statement })
    );
}

#[test]
fn policy_unknown_statement_is_refused() {
    assert_eq!(
        refused("\n  mirror x\nquorum none\n"),
        (2, 3, Kind::UnknownStatement)
    );
    assert_eq!(kind("Quorum none\n"), Kind::UnknownStatement);
    assert_eq!(kind("\u{feff}quorum none\n"), Kind::UnknownStatement);
}

// "Duplicate logs, i.e., multiple log lines with the same public key, are not allowed", "even if they
// differ by key name and key id".
#[test]
fn policy_duplicate_log_is_refused() {
    let other_name = common::log_vkey_named(1, "another.example/name");
    let file = format!("log {}\n log {other_name}\nquorum none\n", log_vkey(1));
    assert_eq!(
        refused(file),
        (2, 6, Kind::DuplicateKey { role: Role::Log })
    );
}

// "Duplicate witnesses, i.e., multiple witness lines with the same public key, are not allowed." One key
// under two names would vote twice.
#[test]
fn policy_duplicate_witness_is_refused() {
    let other_name = common::witness_vkey_named(1, "another.example/name");
    let file = format!(
        "witness a {}\nwitness b {other_name}\nquorum a\n",
        witness_vkey(1)
    );
    assert_eq!(
        refused(file),
        (
            2,
            11,
            Kind::DuplicateKey {
                role: Role::Witness
            }
        )
    );
}

// Not forbidden, only unwise: one Ed25519 key as a log (01) and as a witness (04).
#[test]
fn policy_key_may_be_both_log_and_witness() {
    let file = format!(
        "log {}\nwitness w {}\nquorum w\n",
        log_vkey(1),
        witness_vkey(1)
    );
    assert!(Policy::parse(file.as_bytes()).is_ok());
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

// "The only allowed control characters are tab and newline". Table 6.4 "CRLF".
#[test]
fn policy_crlf_is_refused() {
    assert_eq!(
        refused("quorum none\r\n"),
        (1, 12, Kind::ControlCharacter { byte: b'\r' })
    );
    assert_eq!(
        refused("# comment\r\nquorum none\n").2,
        Kind::ControlCharacter { byte: b'\r' }
    );
    assert_eq!(
        refused("\r\nquorum none\n"),
        (1, 1, Kind::ControlCharacter { byte: b'\r' })
    );
}

// "the allowed octet values are 0x09 (tab), 0x0A (newline), 0x20-0x7E, and 0x80-0xFF", everywhere.
#[test]
fn policy_control_characters_are_refused() {
    for byte in (0..0x20).chain([0x7f]) {
        let file = [b"# ".as_slice(), &[byte], b"\nquorum none\n"].concat();
        match byte {
            b'\t' | b'\n' => assert!(Policy::parse(&file).is_ok()),
            _ => assert_eq!(refused(&file), (1, 3, Kind::ControlCharacter { byte })),
        }
    }
    for byte in 0x80..=0xff {
        assert!(Policy::parse(&[b"# ".as_slice(), &[byte], b"\nquorum none\n"].concat()).is_ok());
    }
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
fn policy_error_names_line_and_column() {
    let error = Policy::parse(abc("  group g 3 a b\n").as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "policy line 4, column 11: the threshold 3 exceeds the group's 2 members"
    );
}

#[test]
fn policy_threshold_required_is_k() {
    assert_eq!(Threshold::Any.required(5), 1);
    assert_eq!(Threshold::All.required(5), 5);
    assert_eq!(Threshold::AtLeast(3).required(5), 3);
}
