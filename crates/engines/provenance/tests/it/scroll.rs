//! A scroll of sessions: pins, undo, and what a node may write.

use proptest::prelude::*;
use quorate_provenance::{
    Command, Invalid, Recorder, Refusal, Rules, SessionEntry, SourceClass, State, StepDraft,
    decide, record,
};
use quorate_receipt::{PublicKeyText, Receipt, Timestamp};

use crate::support::{actor, edited, hash, note, open, public, resigned, secret, time};

fn add(actor_: u32, key: u32) -> Command {
    Command::AddActor {
        actor: actor(actor_),
        key: public(key),
        not_before: None,
        not_after: None,
    }
}

fn remove(actor_: u32, key: u32) -> Command {
    Command::RemoveActor {
        actor: actor(actor_),
        key: public(key),
    }
}

/// Decides and applies.
fn run(state: &mut State, command: Command) -> Result<(), Refusal> {
    for receipt in decide(state, command, time(0))? {
        let _ = state.apply(&receipt).unwrap();
    }
    Ok(())
}

fn refused(state: &mut State, receipt: &Receipt) -> Invalid {
    let before = state.clone();
    let error = state.apply(receipt).unwrap_err();
    assert_eq!(*state, before);
    error
}

/// What the node would not write itself: to see that `apply` refuses it too.
fn forced(command: Command) -> Receipt {
    decide(&State::new(), command, time(0)).unwrap().remove(0)
}

/// Actor 1 pinned.
fn pinned() -> State {
    let mut state = State::new();
    run(&mut state, add(1, 1)).unwrap();
    state
}

fn opened() -> (State, Recorder) {
    let mut state = pinned();
    let (recorder, opening) = open(1);
    run(&mut state, Command::Record(opening)).unwrap();
    (state, recorder)
}

#[test]
fn a_session_opens_only_under_a_pinned_key() {
    let mut state = State::new();
    let (_, opening) = open(1);
    let unpinned = Invalid::NotPinned {
        subject: actor(1),
        key: public(1),
    };
    assert_eq!(refused(&mut state, &opening), unpinned);
    run(&mut state, add(2, 1)).unwrap();
    assert_eq!(
        refused(&mut state, &opening),
        unpinned,
        "another actor's key"
    );
    assert!(pinned().apply(&opening).is_ok());
}

#[test]
fn a_removed_key_signs_nothing_more() {
    let (mut state, mut recorder) = opened();
    let step = note(&mut recorder, 1);
    let _ = state.apply(&step).unwrap();
    run(&mut state, remove(1, 1)).unwrap();
    let gone = Invalid::NotPinned {
        subject: actor(1),
        key: public(1),
    };
    assert_eq!(refused(&mut state, &note(&mut recorder, 2)), gone);
    recorder.rejoin(*step.root_hash(), 2);
    assert_eq!(
        refused(&mut state, &recorder.close(None, time(2)).unwrap()),
        gone
    );
    let (_, opening) = open(1);
    let again = resigned(&opening, 1, |object| {
        object.insert("timestamp", time(3).to_string());
    });
    assert_eq!(refused(&mut state, &again), gone);
}

#[test]
fn a_key_counts_within_its_window_only() {
    let mut state = State::new();
    let (mut recorder, opening) = open(1);
    let pin = Command::AddActor {
        actor: actor(1),
        key: public(1),
        not_before: Some(time(0)),
        not_after: Some(time(2)),
    };
    run(&mut state, pin).unwrap();
    let early = resigned(&opening, 1, |object| {
        let before = Timestamp::from_seconds(time(0).seconds() - 1).unwrap();
        object.insert("timestamp", before.to_string());
    });
    assert!(matches!(
        refused(&mut state, &early),
        Invalid::OutsideWindow { .. }
    ));
    let _ = state.apply(&opening).unwrap();
    let step = note(&mut recorder, 2);
    let _ = state.apply(&step).unwrap();
    assert_eq!(
        refused(&mut state, &note(&mut recorder, 3)),
        Invalid::OutsideWindow {
            key: public(1),
            timestamp: time(3)
        }
    );
    recorder.rejoin(*step.root_hash(), 2);
    let closing = recorder.close(None, time(3)).unwrap();
    assert!(matches!(
        refused(&mut state, &closing),
        Invalid::OutsideWindow { .. }
    ));
}

#[test]
fn a_key_is_one_actors_for_ever() {
    let mut state = pinned();
    let another = Invalid::PinnedForAnother {
        actor: actor(1),
        key: public(1),
    };
    assert_eq!(refused(&mut state, &forced(add(2, 1))), another);
    run(&mut state, remove(1, 1)).unwrap();
    assert_eq!(refused(&mut state, &forced(add(2, 1))), another);
    run(&mut state, add(1, 1)).unwrap();
    assert!(state.pins().all(|(_, pin)| pin.in_force()));
}

#[test]
fn a_key_is_pinned_once_and_removed_once() {
    let mut state = pinned();
    assert_eq!(
        refused(&mut state, &forced(add(1, 1))),
        Invalid::AlreadyPinned(public(1))
    );
    let removal = decide(&state, remove(1, 1), time(0)).unwrap().remove(0);
    let not_pinned = |n| Invalid::NotPinned {
        subject: actor(n),
        key: public(1),
    };
    assert_eq!(refused(&mut State::new(), &removal), not_pinned(1));
    let by_another = edited(&removal, |object| {
        object.insert("actor", actor(2).as_str());
    });
    assert_eq!(refused(&mut state, &by_another), not_pinned(2));
    let _ = state.apply(&removal).unwrap();
    assert_eq!(refused(&mut state, &removal), not_pinned(1));
}

#[test]
fn a_key_of_small_order_cannot_be_pinned() {
    let mut weak = [0; 32];
    weak[0] = 1;
    let key = PublicKeyText::from_bytes(weak);
    let command = Command::AddActor {
        actor: actor(1),
        key,
        not_before: None,
        not_after: None,
    };
    assert_eq!(
        decide(&State::new(), command, time(0)),
        Err(Refusal::Invalid(Invalid::UnusableKey(key)))
    );
}

#[test]
fn an_opening_is_taken_once_also_after_its_session() {
    let (mut state, mut recorder) = opened();
    let (_, opening) = open(1);
    let exists = Invalid::SessionExists(*opening.root_hash());
    assert_eq!(refused(&mut state, &opening), exists);
    let _ = state.apply(&note(&mut recorder, 1)).unwrap();
    let _ = state
        .apply(&recorder.close(None, time(2)).unwrap())
        .unwrap();
    assert_eq!(refused(&mut state, &opening), exists);
}

#[test]
fn a_step_of_no_session_is_refused() {
    let mut state = pinned();
    let (mut recorder, opening) = open(1);
    assert_eq!(
        refused(&mut state, &note(&mut recorder, 1)),
        Invalid::UnknownSession(*opening.root_hash())
    );
}

#[test]
fn a_closed_session_keeps_its_summary_and_takes_nothing_more() {
    let (mut state, mut recorder) = opened();
    let id = *recorder.session();
    let _ = state.apply(&note(&mut recorder, 1)).unwrap();
    let mut after = Recorder::resume(secret(1), actor(1), id, *recorder.head(), 2);
    let closing = recorder.close(None, time(2)).unwrap();
    let _ = state.apply(&closing).unwrap();
    let Some(SessionEntry::Closed(closed)) = state.session(&id) else {
        panic!("not closed")
    };
    assert_eq!((closed.id(), closed.steps()), (&id, 1));
    assert_eq!(closed.closing(), closing.root_hash());
    assert_eq!((closed.subject(), closed.key()), (&actor(1), &public(1)));
    assert!(state.open_session(&id).is_none());
    after.rejoin(*closing.root_hash(), 3);
    assert_eq!(
        refused(&mut state, &note(&mut after, 3)),
        Invalid::Closed(id)
    );
}

#[test]
fn a_caller_behind_the_head_learns_where_the_session_goes_on() {
    let (mut state, mut mine) = opened();
    let mut other = Recorder::resume(secret(1), actor(1), *mine.session(), *mine.head(), 1);
    let taken = note(&mut other, 1);
    run(&mut state, Command::Record(taken.clone())).unwrap();
    let late = mine.step(StepDraft::tool_call("t"), time(1)).unwrap();
    let Err(Refusal::HeadMoved {
        session,
        next,
        head,
    }) = decide(&state, Command::Record(late), time(1))
    else {
        panic!("not moved")
    };
    assert_eq!(
        (session, next, head),
        (*mine.session(), 2, *taken.root_hash())
    );
    mine.rejoin(head, next);
    run(&mut state, Command::Record(note(&mut mine, 1))).unwrap();
}

#[test]
fn the_head_is_told_to_nobody_without_the_sessions_key() {
    let (state, recorder) = opened();
    let mut thief = Recorder::resume(secret(2), actor(1), *recorder.session(), hash(0), 9);
    let refusal = decide(&state, Command::Record(note(&mut thief, 1)), time(1)).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Invalid(Invalid::BadSignature { subject: actor(1) })
    );
}

#[test]
fn a_time_more_than_five_minutes_ahead_is_refused() {
    let (state, recorder) = opened();
    let at = |seconds: u32| {
        let mut recorder = Recorder::resume(
            secret(1),
            actor(1),
            *recorder.session(),
            *recorder.head(),
            1,
        );
        decide(
            &state,
            Command::Record(note(&mut recorder, seconds)),
            time(10),
        )
    };
    assert!(at(310).is_ok());
    assert_eq!(
        at(311),
        Err(Refusal::Ahead {
            timestamp: time(311),
            now: time(10)
        })
    );
}

#[test]
fn actors_cannot_record_pins() {
    for command in [add(1, 1), add(2, 2)] {
        let pin = forced(command);
        assert_eq!(
            decide(&State::new(), Command::Record(pin), time(0)),
            Err(Refusal::NotOfASession("actor_added".into()))
        );
    }
}

#[test]
fn decide_changes_nothing_and_apply_takes_what_it_decides() {
    let state = pinned();
    let before = state.clone();
    let (_, opening) = open(1);
    let decided = decide(&state, Command::Record(opening.clone()), time(0)).unwrap();
    assert_eq!(decided, [opening]);
    assert_eq!(state, before);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// Each receipt is taken, taken back and taken again; both roads lead to one state, also deep into the session.
    #[test]
    fn undo_restores_the_state_exactly(choices in prop::collection::vec((0_u8..8, any::<u8>()), 1..40)) {
        let mut state = State::new();
        let mut undone = Vec::new();
        let mut recorders: Vec<Option<(Recorder, Vec<_>)>> = vec![None, None, None];
        let mut closed = 0;
        for (at, (choice, which)) in (1_u32..).zip(choices) {
            let n = u32::from(which % 3);
            let slot = &mut recorders[n as usize];
            let receipt = match (choice, &mut *slot) {
                (0, _) => decide(&state, add(n, n), time(at)).ok().map(|mut all| all.remove(0)),
                (1, _) => decide(&state, remove(n, n), time(at)).ok().map(|mut all| all.remove(0)),
                (2, Some(_)) => {
                    let (recorder, _) = slot.take().unwrap();
                    closed += 1;
                    Some(recorder.close(None, time(at)).unwrap())
                }
                (_, Some((recorder, steps))) => {
                    let parent = steps.get(usize::from(which) % (steps.len() + 1)).copied();
                    let step = recorder.step(StepDraft::note().parents(parent), time(at)).unwrap();
                    steps.push(*step.root_hash());
                    Some(step)
                }
                (_, None) => {
                    let nonce = hash(at + closed);
                    let (recorder, opening) = Recorder::open(
                        secret(n), actor(n), nonce.as_bytes(), Default::default(), time(at),
                    ).unwrap();
                    if state.check(&opening).is_ok() {
                        *slot = Some((recorder, Vec::new()));
                    }
                    Some(opening)
                }
            };
            let Some(receipt) = receipt else { continue };
            let before = state.clone();
            match state.apply(&receipt) {
                Err(_) => prop_assert_eq!(&state, &before),
                Ok(undo) => {
                    let after = state.clone();
                    state.undo(undo);
                    prop_assert_eq!(&state, &before);
                    let undo = state.apply(&receipt).unwrap();
                    prop_assert_eq!(&state, &after);
                    undone.push((before, undo));
                }
            }
        }
        while let Some((before, undo)) = undone.pop() {
            state.undo(undo);
            prop_assert_eq!(&state, &before);
        }
        prop_assert_eq!(state, State::new());
    }
}

/// A step that was taken back is no parent any more.
#[test]
fn undo_takes_a_step_out_of_the_index() {
    let (mut state, mut recorder) = opened();
    let step = note(&mut recorder, 1);
    let undo = state.apply(&step).unwrap();
    state.undo(undo);
    let id = *recorder.session();
    let session = state.open_session(&id).unwrap();
    assert_eq!(session.sequence_of(step.root_hash()), None);
    recorder.rejoin(id, 1);
    let child = recorder
        .step(StepDraft::note().parents([*step.root_hash()]), time(2))
        .unwrap();
    assert_eq!(
        refused(&mut state, &child),
        Invalid::UnknownParent(*step.root_hash())
    );
}

#[test]
fn what_is_recorded_keeps_todays_rules_and_what_is_replayed_does_not() {
    let rules = br#"[{"sink":{"kind":"artifact","name":"*"},"without":["web"]}]"#;
    let rules = Rules::parse(&quorate_receipt::json::parse(rules).unwrap()).unwrap();
    let (mut state, mut recorder) = opened();
    let page = StepDraft::retrieval("https://example.org", SourceClass::Web);
    let page = recorder.step(page, time(1)).unwrap();
    let _ = record(&mut state, Some(&rules), &page, time(1)).unwrap();
    let made = StepDraft::artifact("release", None).parents([*page.root_hash()]);
    let made = recorder.step(made, time(2)).unwrap();
    let before = state.clone();
    let refused = record(&mut state, Some(&rules), &made, time(2)).unwrap_err();
    assert!(matches!(refused, Refusal::Invalid(Invalid::Flow(_))));
    assert_eq!(state, before);
    let _ = state.clone().apply(&made).unwrap();
    let undo = record(&mut state, None, &made, time(2)).unwrap();
    state.undo(undo);
    assert_eq!(state, before);
    let early = Timestamp::from_micros(made.timestamp().micros() - 300_000_001).unwrap();
    let ahead = record(&mut state, None, &made, early).unwrap_err();
    assert!(matches!(ahead, Refusal::Ahead { .. }));
}
