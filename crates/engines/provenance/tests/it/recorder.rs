//! What a recorder writes, a session takes.

use proptest::prelude::*;
use quorate_provenance::{
    Attributes, Content, Direction, DraftError, Level, MAX_STEPS, Malformed, Payload, Record,
    Recorder, Session, SourceClass, StepDraft, StepKind, Taken,
};
use quorate_receipt::json::Value;
use quorate_receipt::{Receipt, ReceiptError, Sealed, Sha256Text, signed_message};

use crate::support::{actor, hash, note, open, secret, session, time};

fn kind() -> impl Strategy<Value = StepKind> {
    let name = || "[!-~]([ -~]{0,18}[!-~])?".prop_map(Box::<str>::from);
    let direction = prop_oneof![Just(Direction::Prompt), Just(Direction::Response)];
    prop_oneof![
        name().prop_map(|tool| StepKind::ToolCall { tool }),
        (name(), prop::option::of(name()), direction).prop_map(|(provider, model, direction)| {
            StepKind::ModelCall {
                provider,
                model,
                direction,
            }
        }),
        name().prop_map(|name| StepKind::Retrieval {
            url: format!("https://{name}").into(),
        }),
        (name(), prop::option::of(name()))
            .prop_map(|(name, media_type)| StepKind::Artifact { name, media_type }),
        Just(StepKind::Merge),
        Just(StepKind::Note),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let hashed = (
        any::<[u8; 32]>(),
        0_u64..1 << 53,
        prop::option::of("[a-z]{1,9}"),
    );
    prop_oneof![
        "\\PC{0,40}".prop_map(|text| Content::Inline(Value::from(text))),
        hashed.prop_map(|(hash, length, media_type)| Content::Hashed {
            hash: Sha256Text::from_bytes(hash),
            length,
            media_type: media_type.map(Into::into),
        }),
        any::<[u8; 32]>().prop_map(|salt| Content::Sealed(Sealed::commit(&salt, b"content"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn a_session_takes_what_its_recorder_writes(
        steps in prop::collection::vec(
            (
                kind(),
                prop::option::of(0_usize..8),
                prop::option::of(content()),
                prop::collection::vec(any::<prop::sample::Index>(), 0..6),
                prop::collection::btree_map("\\PC{1,8}", "\\PC{0,20}", 0..3),
                0_u32..2,
            ),
            0..24,
        ),
    ) {
        let (mut recorder, mut session) = session();
        let mut hashes = Vec::new();
        let mut at = 0;
        for (kind, source, content, parents, attributes, seconds) in steps {
            at += seconds;
            let mut parents: Vec<usize> = parents
                .iter()
                .filter(|_| !hashes.is_empty())
                .map(|parent| parent.index(hashes.len()))
                .collect();
            parents.sort_unstable();
            parents.dedup();
            let source = source.map(|class| SourceClass::ALL[class]);
            let named: Vec<_> = parents.iter().map(|parent| hashes[*parent]).collect();
            let mut draft = StepDraft::new(kind.clone()).parents(named.clone());
            if let Some(source) = source {
                draft = draft.source(source);
            }
            if let Some(content) = content.clone() {
                draft = draft.content(content);
            }
            for (name, value) in &attributes {
                draft = draft.attribute(name, value);
            }
            let fits = match kind {
                StepKind::Merge => named.len() >= 2,
                StepKind::Retrieval { .. } => source.is_some_and(|class| class.level() < Level::Trusted),
                _ => true,
            };
            let receipt = recorder.step(draft, time(at));
            prop_assert_eq!(receipt.is_ok(), fits);
            let Ok(receipt) = receipt else { continue };
            let reread = Receipt::parse_canonical(receipt.bytes()).unwrap();
            let Ok(Taken::Step(step, _)) = session.take(&reread) else { panic!("refused") };
            prop_assert_eq!(&step.kind, &kind);
            prop_assert_eq!(&step.parents, &named);
            prop_assert_eq!(step.source, source);
            prop_assert_eq!(&step.content, &content);
            prop_assert_eq!(&step.attributes, &attributes);
            prop_assert_eq!(receipt.signed_message(), signed_message(receipt.object()));
            hashes.push(*receipt.root_hash());
            prop_assert_eq!(session.head(), *recorder.head());
            prop_assert_eq!(session.next_sequence(), recorder.next_sequence());
        }
        for (hash, sequence) in hashes.iter().zip(1..) {
            prop_assert_eq!(session.sequence_of(hash), Some(sequence));
        }
        let payload = Payload { hash: Sha256Text::from_bytes([1; 32]), media_type: None };
        session.take(&recorder.close(Some(payload.clone()), time(at)).unwrap()).unwrap();
        prop_assert_eq!(session.payload(), Some(&payload));
        prop_assert!(session.is_closed());
    }
}

#[test]
fn a_session_is_resumed_from_its_head() {
    let (mut recorder, mut session) = session();
    session.take(&note(&mut recorder, 1)).unwrap();
    let mut resumed = Recorder::resume(
        secret(1),
        actor(1),
        *session.id(),
        session.head(),
        session.next_sequence(),
    );
    session.take(&note(&mut resumed, 2)).unwrap();
    session
        .take(&resumed.close(None, time(3)).unwrap())
        .unwrap();
    assert_eq!(session.steps(), 2);
}

#[test]
fn openings_and_closings_carry_attributes() {
    let attributes = Attributes::from([("task".to_owned(), "42".to_owned())]);
    let nonce = [9; 32];
    let (recorder, opening) =
        Recorder::open(secret(1), actor(1), &nonce, attributes.clone(), time(0)).unwrap();
    let mut session = Session::open(&opening).unwrap();
    assert_eq!(session.opening().attributes, attributes);
    assert_eq!(session.opening().nonce, nonce);
    session
        .take(
            &recorder
                .close_with(None, attributes.clone(), time(0))
                .unwrap(),
        )
        .unwrap();
    assert_eq!(session.closing().unwrap().attributes, attributes);
}

#[test]
fn a_draft_that_makes_no_record_leaves_the_recorder_as_it_was() {
    let (mut recorder, mut session) = session();
    let head = *recorder.head();
    let mut fails = |draft: StepDraft| recorder.step(draft, time(1)).unwrap_err();
    assert_eq!(
        fails(StepDraft::merge([hash(1)])),
        DraftError::Malformed(Malformed::MergeParents(1))
    );
    let content = |length| StepDraft::note().hashed(Sha256Text::from_bytes([0; 32]), length, None);
    assert_eq!(fails(content(1 << 53)), DraftError::Number(1 << 53));
    let sealed = Sealed {
        length: 1 << 53,
        ..Sealed::commit(&[0; 32], b"")
    };
    assert_eq!(
        fails(StepDraft::note().sealed(sealed)),
        DraftError::Number(1 << 53)
    );
    assert!(matches!(
        fails(StepDraft::note().inline("x".repeat(70_000))),
        DraftError::Receipt(ReceiptError::TooLong { .. })
    ));
    assert_eq!((*recorder.head(), recorder.next_sequence()), (head, 1));
    session.take(&note(&mut recorder, 1)).unwrap();
}

#[test]
fn a_recorder_does_not_sign_an_earlier_time() {
    let (mut recorder, _) = session();
    let _ = note(&mut recorder, 5);
    let error = DraftError::Time {
        last: time(5),
        now: time(4),
    };
    assert_eq!(
        recorder.step(StepDraft::note(), time(4)).unwrap_err(),
        error
    );
    assert_eq!(recorder.close(None, time(4)).unwrap_err(), error);
}

/// Both sides know the limit. A session of 2^20 steps takes minutes to sign, so the session's side is shown in
/// `a_session_refuses_more_steps_than_it_may_have`.
#[test]
fn a_recorder_signs_no_more_steps_than_a_session_takes() {
    let (_, opening) = open(1);
    let id = *opening.root_hash();
    let at = |sequence| Recorder::resume(secret(1), actor(1), id, id, sequence);
    assert!(at(MAX_STEPS).step(StepDraft::note(), time(1)).is_ok());
    assert_eq!(
        at(MAX_STEPS + 1)
            .step(StepDraft::note(), time(1))
            .unwrap_err(),
        DraftError::TooManySteps
    );
    let last = at(MAX_STEPS + 1).close(None, time(1)).unwrap();
    let Ok(Record::Closed(closing)) = Record::parse(&last) else {
        panic!("a closing")
    };
    assert_eq!(closing.unverified().steps, MAX_STEPS);
}
