//! The rules of one session. Whatever is refused leaves it as it was.

use quorate_provenance::{Invalid, Malformed, Recorder, Session, StepDraft, Taken, Verified};
use quorate_receipt::json::Object;
use quorate_receipt::{PublicKeyText, Receipt};

use crate::support::{
    actor, edited, hash, integer, note, open, public, refused, resigned, secret, session, time,
};

/// An opening, three steps of which the last derives from the first two, and the closing.
fn history() -> Vec<Receipt> {
    let (mut recorder, opening) = open(1);
    let one = note(&mut recorder, 1);
    let two = note(&mut recorder, 2);
    let parents = [*one.root_hash(), *two.root_hash()];
    let three = recorder.step(StepDraft::merge(parents), time(3)).unwrap();
    vec![
        opening,
        one,
        two,
        three,
        recorder.close(None, time(4)).unwrap(),
    ]
}

fn replay(history: &[Receipt]) -> Result<Session, Invalid> {
    let mut session = Session::open(&history[0])?;
    for receipt in &history[1..] {
        session.take(receipt)?;
    }
    Ok(session)
}

#[test]
fn a_session_says_what_it_took() {
    let history = history();
    let session = replay(&history).unwrap();
    assert_eq!(session.id(), history[0].root_hash());
    assert_eq!((session.subject(), session.key()), (&actor(1), &public(1)));
    assert_eq!((session.steps(), session.next_sequence()), (3, 5));
    assert_eq!(session.head(), *history[4].root_hash());
    assert!(session.is_closed());
    assert_eq!(
        session.closing().map(Verified::hash),
        Some(history[4].root_hash())
    );
    for sequence in 1..=3 {
        let hash = session.step_hash(sequence).unwrap();
        assert_eq!(hash, *history[sequence as usize].root_hash());
        assert_eq!(session.sequence_of(&hash), Some(sequence));
        assert!(session.label(sequence).is_some());
    }
    assert_eq!((session.step_hash(0), session.step_hash(4)), (None, None));
    assert_eq!((session.label(0), session.label(4)), (None, None));
}

#[test]
fn no_receipt_can_be_dropped_doubled_or_swapped() {
    let history = history();
    assert!(replay(&history).is_ok());
    for at in 1..history.len() {
        let mut dropped = history.clone();
        dropped.remove(at);
        // Only the last can be missing unseen, and then the session is not closed.
        match replay(&dropped) {
            Ok(session) => assert!(at == 4 && !session.is_closed()),
            Err(error) => assert!(matches!(error, Invalid::Sequence { .. }), "{error}"),
        }
        let mut doubled = history.clone();
        doubled.insert(at, history[at].clone());
        assert!(replay(&doubled).is_err(), "{at} doubled");
        for other in 1..at {
            let mut swapped = history.clone();
            swapped.swap(at, other);
            assert!(replay(&swapped).is_err(), "{at} and {other} swapped");
        }
    }
}

#[test]
fn steps_cannot_be_dropped_from_the_end_of_a_closed_session() {
    let history = history();
    // Whoever cuts the tail must sign another closing; the actor's own counts three steps.
    let cut = [&history[..3], &history[4..]].concat();
    assert_eq!(
        replay(&cut).unwrap_err(),
        Invalid::Sequence {
            expected: 3,
            found: 4
        }
    );
}

#[test]
fn any_changed_member_breaks_the_signature() {
    let (mut recorder, mut session) = session();
    let first = note(&mut recorder, 1);
    session.take(&first).unwrap();
    let draft = StepDraft::tool_call("send")
        .inline(1_u32)
        .attribute("a", "b");
    let receipt = recorder.step(draft, time(2)).unwrap();
    for (member, value) in [
        ("timestamp", time(3).to_string().into()),
        ("sequence", integer(3)),
        ("previous", hash(9).to_string().into()),
        ("parents", vec![first.root_hash().to_string()].into()),
        ("step", Object::new().with("kind", "note").into()),
        ("source", "user".into()),
        ("content", Object::new().with("inline", false).into()),
        ("attributes", Object::new().with("a", "c").into()),
    ] {
        let changed = edited(&receipt, |object| {
            object.insert(member, value);
        });
        let error = refused(&mut session, &changed);
        assert_eq!(
            error,
            Invalid::BadSignature { subject: actor(1) },
            "{member}"
        );
    }
    assert!(session.take(&receipt).is_ok());
}

#[test]
fn an_opening_is_signed_by_the_key_that_it_names() {
    let (_, opening) = open(1);
    let stolen = edited(&opening, |object| {
        object.insert("key", public(2).to_string());
    });
    assert_eq!(
        Session::open(&stolen).unwrap_err(),
        Invalid::BadSignature { subject: actor(1) }
    );
}

#[test]
fn an_opening_in_anothers_name_is_refused() {
    let (_, opening) = open(1);
    let stolen = edited(&opening, |object| {
        object.insert("subject", actor(2).as_str());
    });
    assert_eq!(
        Session::open(&stolen).unwrap_err(),
        Invalid::OtherActor {
            subject: actor(2),
            by: actor(1)
        }
    );
}

#[test]
fn a_key_of_small_order_opens_nothing() {
    let (_, opening) = open(1);
    // The neutral element: under lax rules anybody can sign for it.
    let mut weak = [0; 32];
    weak[0] = 1;
    let weak = PublicKeyText::from_bytes(weak);
    let opening = edited(&opening, |object| {
        object.insert("key", weak.to_string());
    });
    assert_eq!(
        Session::open(&opening).unwrap_err(),
        Invalid::UnusableKey(weak)
    );
}

#[test]
fn a_session_begins_with_an_opening_and_has_only_one() {
    let history = history();
    assert_eq!(
        Session::open(&history[1]).unwrap_err(),
        Invalid::NotAnOpening("session_step".into())
    );
    let mut session = Session::open(&history[0]).unwrap();
    assert_eq!(
        refused(&mut session, &history[0]),
        Invalid::NotAStep("session_opened".into())
    );
}

#[test]
fn what_is_no_record_is_refused() {
    let (_, mut session) = session();
    let other = Receipt::accept(br#"{"type":"other"}"#, time(1)).unwrap();
    assert_eq!(
        refused(&mut session, &other),
        Malformed::UnknownType("other".into()).into()
    );
}

#[test]
fn another_key_cannot_sign_a_step() {
    let (mut recorder, mut session) = session();
    let step = note(&mut recorder, 1);
    let by_another = resigned(&step, 2, |_| {});
    assert_eq!(
        refused(&mut session, &by_another),
        Invalid::OtherActor {
            subject: actor(1),
            by: actor(2)
        }
    );
    let mut thief = Recorder::resume(secret(2), actor(1), *session.id(), session.head(), 1);
    assert_eq!(
        refused(&mut session, &note(&mut thief, 1)),
        Invalid::BadSignature { subject: actor(1) }
    );
}

#[test]
fn a_receipt_of_another_session_is_refused() {
    let (_, mut session) = session();
    let nonce = hash(77);
    let (mut other, opening) = Recorder::open(
        secret(1),
        actor(1),
        nonce.as_bytes(),
        Default::default(),
        time(0),
    )
    .unwrap();
    assert_eq!(
        refused(&mut session, &note(&mut other, 1)),
        Invalid::OtherSession {
            expected: *session.id(),
            found: *opening.root_hash()
        }
    );
}

#[test]
fn a_step_follows_the_last_receipt() {
    let (mut recorder, mut session) = session();
    let head = session.head();
    recorder.rejoin(hash(5), 1);
    let step = note(&mut recorder, 1);
    assert_eq!(
        refused(&mut session, &step),
        Invalid::Previous {
            expected: head,
            found: hash(5)
        }
    );
}

#[test]
fn sequence_numbers_have_no_gap() {
    let (mut recorder, mut session) = session();
    recorder.rejoin(session.head(), 2);
    let step = note(&mut recorder, 1);
    assert_eq!(
        refused(&mut session, &step),
        Invalid::Sequence {
            expected: 1,
            found: 2
        }
    );
}

#[test]
fn time_never_runs_backwards_within_a_session() {
    let (mut recorder, mut session) = session();
    session.take(&note(&mut recorder, 5)).unwrap();
    recorder.rejoin(session.head(), 2);
    assert_eq!(
        refused(&mut session, &note(&mut recorder, 4)),
        Invalid::Time {
            last: time(5),
            found: time(4)
        }
    );
    recorder.rejoin(session.head(), 2);
    session.take(&note(&mut recorder, 5)).unwrap();
}

#[test]
fn a_closing_is_not_before_the_last_step() {
    let (mut recorder, mut session) = session();
    session.take(&note(&mut recorder, 5)).unwrap();
    recorder.rejoin(session.head(), 2);
    let closing = recorder.close(None, time(4)).unwrap();
    assert!(matches!(
        refused(&mut session, &closing),
        Invalid::Time { .. }
    ));
}

#[test]
fn nothing_follows_the_closing() {
    let (mut recorder, mut session) = session();
    let key = || Recorder::resume(secret(1), actor(1), *session.id(), hash(1), 3);
    let mut after = key();
    let again = key();
    session.take(&note(&mut recorder, 1)).unwrap();
    session
        .take(&recorder.close(None, time(2)).unwrap())
        .unwrap();
    after.rejoin(session.head(), session.next_sequence());
    for receipt in [note(&mut after, 3), again.close(None, time(3)).unwrap()] {
        assert_eq!(
            refused(&mut session, &receipt),
            Invalid::Closed(*session.id())
        );
    }
}

#[test]
fn a_closing_counts_the_steps() {
    let (mut recorder, mut session) = session();
    session.take(&note(&mut recorder, 1)).unwrap();
    let closing = recorder.close(None, time(2)).unwrap();
    for steps in [0, 2] {
        let wrong = resigned(&closing, 1, |object| {
            object.insert("steps", integer(steps));
        });
        assert_eq!(
            refused(&mut session, &wrong),
            Invalid::Count {
                expected: 1,
                found: steps
            }
        );
    }
    assert!(matches!(session.take(&closing), Ok(Taken::Closed(_))));
}

#[test]
fn a_closing_is_signed_by_the_sessions_key_and_follows_its_head() {
    let (mut recorder, mut session) = session();
    session.take(&note(&mut recorder, 1)).unwrap();
    let (id, head) = (*session.id(), session.head());
    let closing = |key: u32, head, sequence| {
        Recorder::resume(secret(key), actor(1), id, head, sequence)
            .close(None, time(2))
            .unwrap()
    };
    let mut refused = |closing| refused(&mut session, &closing);
    assert!(matches!(
        refused(closing(2, head, 2)),
        Invalid::BadSignature { .. }
    ));
    assert!(matches!(
        refused(closing(1, id, 2)),
        Invalid::Previous { .. }
    ));
    assert!(matches!(
        refused(closing(1, head, 3)),
        Invalid::Sequence { .. }
    ));
}

#[test]
fn parents_are_earlier_steps_of_the_session() {
    let (mut recorder, mut session) = session();
    let id = *session.id();
    let first = note(&mut recorder, 1);
    session.take(&first).unwrap();
    // The opening is no step; a stranger is none of ours; and nobody knows his own hash.
    for parent in [id, hash(3)] {
        recorder.rejoin(session.head(), 2);
        let step = recorder
            .step(StepDraft::note().parents([parent]), time(2))
            .unwrap();
        assert_eq!(refused(&mut session, &step), Invalid::UnknownParent(parent));
    }
    recorder.rejoin(session.head(), 2);
    let draft = StepDraft::note().parents([*first.root_hash()]);
    session
        .take(&recorder.step(draft, time(2)).unwrap())
        .unwrap();
}

#[test]
fn parents_are_named_in_the_order_in_which_they_were_recorded() {
    let (mut recorder, mut session) = session();
    let one = *session_step(&mut recorder, &mut session, 1).root_hash();
    let two = *session_step(&mut recorder, &mut session, 2).root_hash();
    let wrong = recorder
        .step(StepDraft::merge([two, one]), time(3))
        .unwrap();
    assert_eq!(refused(&mut session, &wrong), Invalid::ParentOrder(one));
    recorder.rejoin(two, 3);
    let right = recorder
        .step(StepDraft::merge([one, two]), time(3))
        .unwrap();
    session.take(&right).unwrap();
}

fn session_step(recorder: &mut Recorder, session: &mut Session, at: u32) -> Receipt {
    let step = note(recorder, at);
    session.take(&step).unwrap();
    step
}
