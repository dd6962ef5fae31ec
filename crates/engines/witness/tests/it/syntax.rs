//! What is no request.

use quorate_note::base64;
use quorate_witness::{AddCheckpoint, MAX_BODY_LEN, Malformed, Refusal, Unreadable};

use crate::support::{Log, Witness};

fn text() -> String {
    String::from_utf8(Log::of(7).request(3).to_bytes()).unwrap()
}

fn refused(body: &str) -> Unreadable {
    let error = AddCheckpoint::parse(body.as_bytes()).unwrap_err();
    let refusal = Witness::at(&Log::of(3)).post(body.as_bytes()).unwrap_err();
    assert_eq!(refusal.status(), 400, "{refusal}");
    error
}

#[test]
fn w_11_what_a_log_writes_is_read_back() {
    let request = Log::of(7).request(3);
    assert_eq!(AddCheckpoint::parse(&request.to_bytes()).unwrap(), request);
}

#[test]
fn w_11_the_first_line_is_old_and_a_decimal() {
    for first in [
        "old 03", "old +3", "old -3", "old  3", "old 3 ", "Old 3", "old", "old 3\r", "",
    ] {
        let body = text().replacen("old 3\n", &format!("{first}\n"), 1);
        let error = refused(&body);
        assert!(matches!(
            error,
            Unreadable::Malformed(Malformed::FirstLine { .. })
        ));
    }
    refused("old 3");
    refused("");
}

#[test]
fn w_11_a_proof_line_is_one_canonical_hash() {
    let body = text();
    let line = body.lines().nth(1).unwrap().to_owned();
    let mut noncanonical = line.clone();
    let last = noncanonical.len() - 2;
    let replaced = if noncanonical.as_bytes()[last] == b'B' {
        "C"
    } else {
        "B"
    };
    noncanonical.replace_range(last..=last, replaced);
    for bad in [
        line.trim_end_matches('=').to_owned(),
        format!("{line} "),
        format!(" {line}"),
        format!("{line}\r"),
        base64::encode(&[1; 31]),
        base64::encode(&[1; 33]),
        noncanonical,
    ] {
        let error = refused(&body.replacen(&line, &bad, 1));
        assert!(
            matches!(error, Unreadable::Malformed(Malformed::Hash { line: 2 })),
            "{bad:?}: {error}"
        );
    }
}

#[test]
fn w_11_at_most_63_proof_lines() {
    let line = format!("{}\n", base64::encode(&[7; 32]));
    let with = |n: usize| text().replacen("old 3\n", &format!("old 3\n{}", line.repeat(n)), 1);
    let proof = Log::of(7).proof(3).hashes().len();
    assert!(AddCheckpoint::parse(with(63 - proof).as_bytes()).is_ok());
    let error = refused(&with(64 - proof));
    assert!(matches!(
        error,
        Unreadable::Malformed(Malformed::ProofTooLong)
    ));
}

#[test]
fn w_11_an_empty_line_and_a_checkpoint_follow() {
    let error = refused("old 3\n");
    assert!(matches!(
        error,
        Unreadable::Malformed(Malformed::NoEmptyLine)
    ));
    refused("old 3\n\n");
    let body = text();
    refused(body.trim_end_matches('\n'));
    refused(&format!("{body}\n"));
    refused(&format!("{body}more\n"));
    refused(&body.replace('\n', "\r\n"));
}

#[test]
fn w_22_extension_lines_are_refused() {
    let body = text();
    let at = body.find("\n\n\u{2014}").unwrap();
    let extended = format!("{}\nextension{}", &body[..at], &body[at..]);
    refused(&extended);
}

#[test]
fn a_body_longer_than_128_kib_is_refused() {
    let long = "x".repeat(MAX_BODY_LEN + 1);
    assert!(matches!(
        refused(&long),
        Unreadable::Malformed(Malformed::TooLong { .. })
    ));
}

/// A line that claims a key of the log and cannot be decoded counts as one that fails; by anybody else it makes the
/// body malformed.
#[test]
fn w_13_an_undecodable_line_by_a_known_name_is_403() {
    let body = text();
    let bad = format!("{}\n", body.trim_end_matches(['=', '\n']));
    let refusal = Witness::at(&Log::of(3)).post(bad.as_bytes()).unwrap_err();
    assert!(matches!(refusal, Refusal::Undecodable { .. }), "{refusal}");
    assert_eq!(refusal.status(), 403);
    let by_another = body.clone() + "\u{2014} stranger.example AA=\n";
    assert_eq!(
        refused(&by_another),
        AddCheckpoint::parse(by_another.as_bytes()).unwrap_err()
    );
    let unknown = bad.replace("log.example", "gol.example");
    assert_eq!(
        Witness::at(&Log::of(3))
            .post(unknown.as_bytes())
            .unwrap_err()
            .status(),
        404
    );
}
