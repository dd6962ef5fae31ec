//! What continues a lineage and what does not.

mod support;

use quorate_lineage::{
    Change, DraftError, Event, Fingerprint, Invalid, Lineage, Malformed, Reason, Role, RoleKeys,
    Slot,
};
use quorate_receipt::json::Value;
use quorate_receipt::{PublicKeyText, Receipt};
use support::*;

#[test]
fn an_inception_says_who_the_node_is() {
    let lineage = begin();
    assert_eq!(*lineage.fingerprint(), Fingerprint::of(public(0)));
    assert_eq!(lineage.fingerprint().to_string(), public(0).to_string());
    assert_eq!(lineage.fingerprint().origin_prefix(), public(0).multibase());
    assert!(lineage.fingerprint().origin_prefix().starts_with("z6Mk"));
    assert_eq!(*lineage.identity_key(), public(0));
    assert_eq!(*lineage.commitment(), next(1).commitment());
    assert_eq!(lineage.next_seq(), 1);
}

#[test]
fn an_inception_is_signed_by_the_key_that_is_the_identity() {
    let honest = event(&inception());
    assert_eq!(
        Lineage::inception(&forged(&honest, &[(Slot::Identity, 7)])),
        Err(Invalid::BadSignature {
            slot: Slot::Identity,
            key: public(0)
        })
    );
    assert_eq!(
        Lineage::inception(&forged(&honest, &[])),
        Err(Invalid::Signatures(vec![Slot::Identity]))
    );
    let stolen = Event {
        node: Fingerprint::of(public(7)),
        ..honest
    };
    assert_eq!(
        Lineage::inception(&forged(&stolen, &[(Slot::Identity, 0)])),
        Err(Invalid::BadSignature {
            slot: Slot::Identity,
            key: public(7)
        })
    );
}

#[test]
fn a_lineage_begins_with_its_only_inception() {
    let honest = event(&inception());
    for wrong in [
        Event {
            seq: 1,
            ..honest.clone()
        },
        Event {
            prev: Some(honest.hash()),
            ..honest.clone()
        },
    ] {
        assert_eq!(
            Lineage::inception(&forged(&wrong, &[(Slot::Identity, 0)])),
            Err(Invalid::Beginning)
        );
    }
    let lineage = begin();
    assert_eq!(
        Lineage::inception(&rotation(&lineage, 0, heads(&[]))),
        Err(Invalid::Beginning)
    );
    let again = Event {
        seq: 1,
        prev: Some(honest.hash()),
        ..honest
    };
    assert_eq!(
        lineage.apply(&forged(&again, &[(Slot::Identity, 0)])),
        Err(Invalid::Beginning)
    );
    assert_eq!(Lineage::replay([]), Err(Invalid::Beginning));
}

#[test]
fn a_lineage_replays_from_its_receipts() {
    let (lineage, receipts) = rich();
    assert_eq!(Lineage::replay(&receipts), Ok(lineage.clone()));
    assert_eq!(lineage.receipts().cloned().collect::<Vec<_>>(), receipts);
    // Through the bytes that the scroll holds, too.
    let stored: Vec<Receipt> = receipts
        .iter()
        .map(|r| Receipt::parse_canonical(r.bytes()).unwrap())
        .collect();
    assert_eq!(Lineage::replay(&stored), Ok(lineage));
}

#[test]
fn every_field_tampered_with_is_refused() {
    let (_, receipts) = rich();
    let mut tried = 0;
    for index in 0..receipts.len() {
        let before = (index > 0).then(|| Lineage::replay(&receipts[..index]).unwrap());
        for variation in variations(&Value::Object(receipts[index].object().clone())) {
            let Value::Object(mut object) = variation else {
                continue;
            };
            object.remove("root_hash");
            // What is no receipt any more does not even get here.
            let Ok(tampered) = Receipt::from_object(&object, time(0)) else {
                continue;
            };
            if tampered == receipts[index] {
                continue;
            }
            tried += 1;
            let result = before
                .as_ref()
                .map_or_else(|| Lineage::inception(&tampered), |l| l.apply(&tampered));
            assert!(result.is_err(), "{} was accepted", tampered.text());
        }
    }
    assert!(tried > 2000, "{tried}");
}

#[test]
fn a_scheduled_rotation_needs_both_keys_and_nothing_else() {
    let lineage = begin();
    let honest = event(&rotation(&lineage, 0, heads(&[])));
    let needed = Invalid::Signatures(vec![Slot::Revealed, Slot::Outgoing]);
    for signers in [
        vec![],
        vec![(Slot::Revealed, 1)],
        vec![(Slot::Outgoing, 0)],
        vec![(Slot::Revealed, 1), (Slot::Identity, 0)],
        vec![
            (Slot::Revealed, 1),
            (Slot::Outgoing, 0),
            (Slot::Identity, 0),
        ],
    ] {
        assert_eq!(
            lineage.apply(&forged(&honest, &signers)),
            Err(needed.clone()),
            "{signers:?}"
        );
    }
    for (signers, slot, key) in [
        (
            [(Slot::Revealed, 0), (Slot::Outgoing, 0)],
            Slot::Revealed,
            public(1),
        ),
        (
            [(Slot::Revealed, 1), (Slot::Outgoing, 1)],
            Slot::Outgoing,
            public(0),
        ),
    ] {
        assert_eq!(
            lineage.apply(&forged(&honest, &signers)),
            Err(Invalid::BadSignature { slot, key })
        );
    }
    let after = lineage
        .apply(&forged(
            &honest,
            &[(Slot::Revealed, 1), (Slot::Outgoing, 0)],
        ))
        .unwrap();
    assert_eq!(*after.identity_key(), public(1));
    assert_eq!(after.fingerprint(), lineage.fingerprint());
}

#[test]
fn a_compromise_rotation_carries_the_revealed_key_s_signature_only() {
    let lineage = begin();
    let draft = lineage
        .plan_rotation(Reason::Compromise, heads(&[]), time(1))
        .complete(&next(1), next(2).commitment())
        .unwrap();
    assert_eq!(draft.missing(), []);
    let after = lineage.apply(&draft.finish().unwrap()).unwrap();
    assert_eq!(*after.identity_key(), public(1));
    let both = forged(draft.event(), &[(Slot::Revealed, 1), (Slot::Outgoing, 0)]);
    assert_eq!(
        lineage.apply(&both),
        Err(Invalid::Signatures(vec![Slot::Revealed]))
    );
    // The reason is signed: it cannot be changed to get around the outgoing key.
    let mut scheduled = rotation(&lineage, 0, heads(&[])).object().clone();
    scheduled.insert("reason", "compromise");
    assert!(matches!(
        lineage.apply(&receipt(&scheduled)),
        Err(Invalid::Signatures(_))
    ));
}

#[test]
fn a_thief_of_the_current_key_cannot_rotate() {
    let lineage = begin();
    let thief = 66;
    for reason in [Reason::Scheduled, Reason::Compromise] {
        let plan = lineage.plan_rotation(reason, heads(&[]), time(1));
        assert_eq!(
            plan.complete(&next(thief), next(67).commitment()),
            Err(DraftError::OtherNextKey {
                expected: *lineage.commitment(),
                found: next(thief).commitment()
            })
        );
        let change = |revealed: PublicKeyText, salt: [u8; 32]| Change::Rotation {
            outgoing: public(0),
            revealed,
            salt,
            next: next(67).commitment(),
            reason,
            heads: heads(&[]),
        };
        let bent = |change| Event {
            node: *lineage.fingerprint(),
            seq: 1,
            prev: Some(*lineage.last()),
            timestamp: time(1),
            change,
        };
        // His own key, the current key, and even the right key without its salt.
        for (key, n) in [(public(thief), thief), (public(0), 0), (public(1), 1)] {
            let event = bent(change(key, seed(5)));
            for signers in [
                vec![(Slot::Revealed, n)],
                vec![(Slot::Revealed, n), (Slot::Outgoing, 0)],
            ] {
                assert_eq!(
                    lineage.apply(&forged(&event, &signers)),
                    Err(Invalid::NotCommitted(key))
                );
            }
        }
        // The right key and salt, seen somewhere, but without the secret.
        let event = bent(change(public(1), *next(1).salt()));
        for signer in [0, thief] {
            let receipt = forged(&event, &[(Slot::Revealed, signer), (Slot::Outgoing, 0)]);
            assert!(matches!(
                lineage.apply(&receipt),
                Err(Invalid::BadSignature { .. } | Invalid::Signatures(_))
            ));
        }
    }
}

#[test]
fn a_replaced_identity_key_certifies_nothing_any_more() {
    let before = begin();
    let lineage = before.apply(&rotation(&before, 0, heads(&[]))).unwrap();
    let draft = lineage
        .certify(Role::Log, keys(Role::Log, 100), heads(&[]), time(5))
        .unwrap();
    assert!(matches!(
        lineage.apply(&forged(
            draft.event(),
            &[(Slot::Identity, 0), (Slot::Role, 100)]
        )),
        Err(Invalid::BadSignature {
            slot: Slot::Identity,
            ..
        })
    ));
    let mut bent = draft.event().clone();
    if let Change::RoleCertified { by, .. } = &mut bent.change {
        *by = public(0);
    }
    assert_eq!(
        lineage.apply(&forged(&bent, &[(Slot::Identity, 0), (Slot::Role, 100)])),
        Err(Invalid::NotCurrent {
            current: public(1),
            named: public(0)
        })
    );
}

#[test]
fn a_scheduled_rotation_names_the_key_in_force() {
    let before = begin();
    let lineage = before.apply(&rotation(&before, 0, heads(&[]))).unwrap();
    let mut bent = event(&rotation(&lineage, 1, heads(&[])));
    // Somebody holds the committed key and a retired one, but not the one in force.
    if let Change::Rotation { outgoing, .. } = &mut bent.change {
        *outgoing = public(0);
    }
    assert_eq!(
        lineage.apply(&forged(&bent, &[(Slot::Revealed, 2), (Slot::Outgoing, 0)])),
        Err(Invalid::NotCurrent {
            current: public(1),
            named: public(0)
        })
    );
}

#[test]
fn a_rotation_cannot_bring_a_used_key_back() {
    // The owner commits to a key, then certifies that very key for a role, then reveals it.
    let lineage = begin();
    let keys = RoleKeys {
        ed25519: public(1),
        ml_dsa_44: None,
    };
    let draft = lineage
        .certify(Role::Transport, keys, heads(&[]), time(1))
        .unwrap();
    let lineage = lineage.apply(&signed(draft, &[0, 1])).unwrap();
    assert_eq!(
        lineage.apply(&rotation(&lineage, 0, heads(&[]))),
        Err(Invalid::KeyReused(public(1)))
    );
    // A commitment to the key that is being revealed could never be opened.
    let lineage = begin();
    let draft = lineage
        .plan_rotation(Reason::Compromise, heads(&[]), time(1))
        .complete(&next(1), next(1).commitment())
        .unwrap();
    assert_eq!(
        lineage.apply(&draft.finish().unwrap()),
        Err(Invalid::CommitmentRepeated)
    );
}

#[test]
fn events_follow_one_another_without_gaps() {
    let lineage = begin();
    let first = certified(&lineage, 0, Role::Log, 100, heads(&[]));
    let after = lineage.apply(&first).unwrap();
    let second = certified(&after, 0, Role::Witness, 101, heads(&[]));
    assert_eq!(
        lineage.apply(&second),
        Err(Invalid::Gap {
            expected: 1,
            found: 2
        })
    );
    assert_eq!(after.apply(&first), Err(Invalid::AlreadyApplied { seq: 1 }));
    assert_eq!(
        after.apply(&inception()),
        Err(Invalid::AlreadyApplied { seq: 0 })
    );
    let unsigned = forged(&event(&first), &[(Slot::Identity, 100), (Slot::Role, 100)]);
    assert!(matches!(
        after.apply(&unsigned),
        Err(Invalid::BadSignature { .. })
    ));
    let bent = Event {
        prev: Some(event(&inception()).hash()),
        ..event(&second)
    };
    assert_eq!(
        after.apply(&forged(&bent, &[(Slot::Identity, 0), (Slot::Role, 101)])),
        Err(Invalid::Prev {
            expected: *after.last(),
            found: bent.prev
        })
    );
    let bent = Event {
        prev: None,
        ..event(&second)
    };
    assert!(matches!(
        after.apply(&forged(&bent, &[(Slot::Identity, 0), (Slot::Role, 101)])),
        Err(Invalid::Prev { .. })
    ));
    let bent = Event {
        node: Fingerprint::of(public(9)),
        ..event(&second)
    };
    assert!(matches!(
        after.apply(&forged(&bent, &[(Slot::Identity, 0), (Slot::Role, 101)])),
        Err(Invalid::OtherNode { .. })
    ));
}

#[test]
fn other_receipts_are_no_events() {
    let lineage = begin();
    let note = Receipt::accept(br#"{"type":"note"}"#, time(0)).unwrap();
    assert_eq!(
        lineage.apply(&note),
        Err(Malformed { member: "type" }.into())
    );
    let rules = receipt(&inception().object().clone().with("rules", 2_u32));
    assert_eq!(
        Lineage::inception(&rules),
        Err(Malformed { member: "rules" }.into())
    );
}
