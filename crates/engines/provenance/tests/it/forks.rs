//! Evidence of two histories of one session.

use quorate_provenance::{Fork, Invalid, MAX_FORK_LEN, NotAFork, Recorder, StepDraft};
use quorate_receipt::json::{self, Value};
use quorate_receipt::{MAX_RECEIPT_LEN, Receipt};

use crate::support::{actor, edited, note, open, resigned, secret, time};

/// An opening, and two steps that both claim to be the first.
fn sides() -> [Receipt; 3] {
    let (mut recorder, opening) = open(1);
    let one = note(&mut recorder, 1);
    recorder.rejoin(*opening.root_hash(), 1);
    let other = note(&mut recorder, 2);
    [opening, one, other]
}

fn fork() -> Fork {
    let [opening, one, other] = sides();
    Fork::of(&opening, &one, &other).unwrap()
}

#[test]
fn two_receipts_for_one_place_are_evidence_in_either_order() {
    let [opening, one, other] = sides();
    let fork = fork();
    assert_eq!(Fork::of(&opening, &other, &one).unwrap(), fork);
    assert_eq!((fork.session(), fork.sequence()), (opening.root_hash(), 1));
    assert_eq!(fork.opening().subject, actor(1));
    let [first, second] = fork.sides();
    assert!(first.root_hash() < second.root_hash());
}

#[test]
fn a_step_and_a_closing_for_one_place_are_evidence() {
    let (mut recorder, opening) = open(1);
    let step = note(&mut recorder, 1);
    recorder.rejoin(*opening.root_hash(), 1);
    let closing = recorder.close(None, time(1)).unwrap();
    assert!(Fork::of(&opening, &step, &closing).is_ok());
}

#[test]
fn r8_evidence_is_portable_canonical_json() {
    let fork = fork();
    let bytes = fork.to_bytes();
    assert!(json::is_canonical(&bytes));
    assert_eq!(Fork::parse(&bytes).unwrap(), fork);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("{\"evidence\":\"quorate/session-fork/v1\",\"first\":{"));
}

#[test]
fn evidence_is_read_in_its_one_form_only() {
    let text = String::from_utf8(fork().to_bytes()).unwrap();
    for wrong in [
        String::new(),
        "{}".to_owned(),
        format!("{text}\n"),
        format!(" {text}"),
        text.replace("session-fork/v1", "session-fork/v2"),
        text.replace(",\"opening\":", ", \"opening\":"),
        text.replace(",\"second\":", ",\"third\":"),
        text[..text.len() - 1].to_owned(),
        text.replacen("\"first\":{", "\"first\":[", 1),
        " ".repeat(MAX_FORK_LEN + 1),
    ] {
        assert_eq!(
            Fork::parse(wrong.as_bytes()).unwrap_err(),
            NotAFork::Form,
            "{wrong}"
        );
    }
    let changed = text.replacen("\"sequence\":1", "\"sequence\":2", 1);
    assert!(matches!(
        Fork::parse(changed.as_bytes()),
        Err(NotAFork::Receipt(_))
    ));
}

#[test]
fn the_sides_stand_in_the_order_of_their_hashes() {
    let fork = fork();
    let text = String::from_utf8(fork.to_bytes()).unwrap();
    let [first, second] = fork.sides().map(Receipt::text);
    let swapped = text
        .replace(first, "FIRST")
        .replace(second, first)
        .replace("FIRST", second);
    assert_ne!(swapped, text);
    assert_eq!(
        Fork::parse(swapped.as_bytes()).unwrap_err(),
        NotAFork::Order
    );
}

#[test]
fn the_longest_receipts_fit_and_braces_in_strings_and_depth_do_no_harm() {
    let (mut recorder, opening) = open(1);
    let filled = |recorder: &mut Recorder, text: String| {
        recorder.step(StepDraft::note().inline(text), time(1))
    };
    let short = filled(&mut recorder, "}{\\\"".to_owned()).unwrap();
    let room = MAX_RECEIPT_LEN - short.bytes().len();
    recorder.rejoin(*opening.root_hash(), 1);
    let long = filled(&mut recorder, format!("}}{{\\\"{}", "x".repeat(room))).unwrap();
    assert_eq!(long.bytes().len(), MAX_RECEIPT_LEN);
    recorder.rejoin(*opening.root_hash(), 1);
    // The receipt and `content` are two levels, and the number none.
    let deep =
        (0..json::MAX_DEPTH - 2).fold(Value::from(1_u32), |inner, _| Value::from(vec![inner]));
    let deep = recorder
        .step(StepDraft::note().inline(deep), time(1))
        .unwrap();
    for (one, other) in [(&short, &long), (&long, &deep), (&short, &deep)] {
        let fork = Fork::of(&opening, one, other).unwrap();
        assert_eq!(Fork::parse(&fork.to_bytes()).unwrap(), fork);
    }
}

#[test]
fn one_receipt_twice_proves_nothing() {
    let [opening, one, _] = sides();
    assert_eq!(Fork::of(&opening, &one, &one).unwrap_err(), NotAFork::Same);
}

#[test]
fn two_places_prove_nothing() {
    let (mut recorder, opening) = open(1);
    let (one, two) = (note(&mut recorder, 1), note(&mut recorder, 2));
    assert_eq!(
        Fork::of(&opening, &one, &two).unwrap_err(),
        NotAFork::Sequences {
            first: 1,
            second: 2
        }
    );
}

#[test]
fn nobody_can_make_evidence_against_another() {
    let [opening, one, other] = sides();
    let bad = NotAFork::Invalid(Invalid::BadSignature { subject: actor(1) });
    let mut thief = Recorder::resume(
        secret(2),
        actor(1),
        *opening.root_hash(),
        *opening.root_hash(),
        1,
    );
    let forged = note(&mut thief, 3);
    assert_eq!(Fork::of(&opening, &one, &forged).unwrap_err(), bad);
    assert_eq!(Fork::of(&opening, &forged, &one).unwrap_err(), bad);
    let other_time = edited(&opening, |object| {
        object.insert("timestamp", time(1).to_string());
    });
    assert_eq!(Fork::of(&other_time, &one, &other).unwrap_err(), bad);
    // A real opening, but of another session.
    let another = resigned(&opening, 1, |object| {
        object.insert("timestamp", time(1).to_string());
    });
    assert!(matches!(
        Fork::of(&another, &one, &other),
        Err(NotAFork::Invalid(Invalid::OtherSession { .. }))
    ));
}

#[test]
fn other_records_prove_nothing() {
    let [opening, one, other] = sides();
    assert!(matches!(
        Fork::of(&one, &one, &other),
        Err(NotAFork::Invalid(Invalid::NotAnOpening(_)))
    ));
    for (a, b) in [(&opening, &one), (&one, &opening)] {
        assert!(matches!(
            Fork::of(&opening, a, b),
            Err(NotAFork::Invalid(Invalid::NotAStep(_)))
        ));
    }
}
