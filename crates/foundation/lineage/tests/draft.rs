//! Events that are signed in several places, some of them offline.

mod support;

use quorate_lineage::{Draft, DraftError, NextKey, Reason, Role, RotationPlan, Slot};
use quorate_receipt::SignatureText;
use support::*;

#[test]
fn a_draft_collects_signatures_from_elsewhere() {
    let lineage = begin();
    let draft = lineage
        .certify(Role::Log, keys(Role::Log, 100), heads(&[]), time(1))
        .unwrap();
    assert_eq!(
        draft.missing(),
        [(Slot::Identity, public(0)), (Slot::Role, public(100))]
    );
    assert_eq!(
        draft.finish(),
        Err(DraftError::Missing {
            slot: Slot::Identity,
            key: public(0)
        })
    );
    assert_eq!(
        draft.clone().sign(&secret(5)),
        Err(DraftError::NotASigner(public(5)))
    );
    let by = |n: u32| SignatureText::from_bytes(secret(n).sign(&draft.message()));
    assert_eq!(
        draft.clone().with_signature(Slot::Identity, by(100)),
        Err(DraftError::BadSignature {
            slot: Slot::Identity,
            key: public(0)
        })
    );
    assert_eq!(
        draft.clone().with_signature(Slot::Outgoing, by(0)),
        Err(DraftError::NoSuchSlot(Slot::Outgoing))
    );
    let draft = draft
        .clone()
        .with_signature(Slot::Identity, by(0))
        .unwrap()
        .with_signature(Slot::Role, by(100))
        .unwrap();
    assert!(lineage.apply(&draft.finish().unwrap()).is_ok());
}

#[test]
fn a_rotation_can_be_signed_on_a_machine_that_has_nothing_but_the_next_key() {
    let lineage = begin();
    // Out of the node: the plan. On the other machine: the key that was moved there.
    let plan = lineage
        .plan_rotation(Reason::Scheduled, heads(&[("Identity", 1)]), time(1))
        .to_bytes();
    let carried = next(1).to_text();
    let draft = {
        let key = NextKey::parse(carried.as_bytes()).unwrap();
        let plan = RotationPlan::parse(&plan).unwrap();
        assert_eq!(
            (plan.node(), plan.commitment(), plan.reason()),
            (
                lineage.fingerprint(),
                lineage.commitment(),
                Reason::Scheduled
            )
        );
        plan.complete(&key, next(2).commitment())
            .unwrap()
            .to_bytes()
    };
    // Back on the node: the outgoing key signs too.
    let draft = Draft::parse(&draft).unwrap();
    assert_eq!(draft.missing(), [(Slot::Outgoing, public(0))]);
    let receipt = draft.sign(&secret(0)).unwrap().finish().unwrap();
    assert_eq!(*lineage.apply(&receipt).unwrap().identity_key(), public(1));
}

#[test]
fn drafts_and_plans_have_one_text() {
    let lineage = begin();
    let plan = lineage.plan_rotation(Reason::Scheduled, heads(&[("Identity", 1)]), time(1));
    let draft = plan.complete(&next(1), next(2).commitment()).unwrap();
    assert_eq!(Draft::parse(&draft.to_bytes()).as_ref(), Ok(&draft));
    for text in [plan.to_bytes(), draft.to_bytes()] {
        let spaced = String::from_utf8(text.clone())
            .unwrap()
            .replacen(',', ", ", 1);
        let more = String::from_utf8(text.clone())
            .unwrap()
            .replacen('{', r#"{"!":1,"#, 1);
        let cut = &text[..text.len() - 1];
        for wrong in [spaced.as_bytes(), more.as_bytes(), cut, b"{}", b"[]", b""] {
            assert!(Draft::parse(wrong).is_err());
            assert!(RotationPlan::parse(wrong).is_err());
        }
    }
    let other_signature = String::from_utf8(draft.to_bytes())
        .unwrap()
        .replace("\"revealed\":\"z", "\"outgoing\":\"z");
    assert!(matches!(
        Draft::parse(other_signature.as_bytes()),
        Err(DraftError::BadSignature { .. })
    ));
}
