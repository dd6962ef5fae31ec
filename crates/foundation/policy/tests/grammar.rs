//! The lines of a C2SP tlog-policy file: a test per rule of "Policy file syntax and structure", and one per row
//! in which known parsers differ from it. What the lines add up to is in `structure.rs`.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{hex, log_vkey, mldsa_log_vkey, mldsa_witness_vkey, witness_vkey};
use quorate_policy::{Name, Policy, PolicyErrorKind as Kind, Role, Statement};

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

#[test]
fn policy_error_names_line_and_column() {
    let error = Policy::parse(abc("  group g 3 a b\n").as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "policy line 4, column 11: the threshold 3 exceeds the group's 2 members"
    );
}
