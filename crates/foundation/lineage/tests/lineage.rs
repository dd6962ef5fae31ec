//! What continues a lineage and what does not.

mod support;

use quorate_lineage::{
    Change, Draft, DraftError, Event, Fingerprint, Fork, Head, Heads, HeadsError, Invalid, Lineage,
    Malformed, NotAFork, Position, Reason, Role, RoleKeys, Slot,
};
use quorate_receipt::json::Value;
use quorate_receipt::{Blake3Hash, PublicKeyText, Receipt, SignatureText};
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
fn a_role_key_shows_that_it_is_held() {
    let lineage = begin();
    let draft = lineage
        .certify(Role::Witness, keys(Role::Witness, 100), heads(&[]), time(1))
        .unwrap();
    assert_eq!(
        lineage.apply(&forged(
            draft.event(),
            &[(Slot::Identity, 0), (Slot::Role, 0)]
        )),
        Err(Invalid::BadSignature {
            slot: Slot::Role,
            key: public(100)
        })
    );
    assert_eq!(
        lineage.apply(&forged(draft.event(), &[(Slot::Identity, 0)])),
        Err(Invalid::Signatures(vec![Slot::Identity, Slot::Role]))
    );
}

#[test]
fn logs_and_witnesses_have_an_ml_dsa_key_and_others_do_not() {
    let lineage = begin();
    for role in Role::CERTIFIED {
        let wrong = RoleKeys {
            ed25519: public(100),
            ml_dsa_44: (!role.has_ml_dsa()).then(|| ml_dsa(1)),
        };
        assert_eq!(
            lineage.certify(role, wrong, heads(&[]), time(1)),
            Err(Invalid::WrongKinds(role))
        );
        assert!(
            lineage
                .certify(role, keys(role, 100), heads(&[]), time(1))
                .is_ok()
        );
    }
    assert_eq!(
        lineage.certify(
            Role::Identity,
            keys(Role::Identity, 100),
            heads(&[]),
            time(1)
        ),
        Err(Invalid::IdentityRole)
    );
    assert_eq!(
        lineage.retire(
            Role::Identity,
            public(0),
            Reason::Scheduled,
            heads(&[]),
            time(1)
        ),
        Err(Invalid::IdentityRole)
    );
}

#[test]
fn old_and_new_role_keys_overlap_until_the_old_one_is_retired() {
    let lineage = begin();
    let lineage = lineage
        .apply(&certified(&lineage, 0, Role::Log, 100, heads(&[])))
        .unwrap();
    let lineage = lineage
        .apply(&certified(&lineage, 0, Role::Log, 101, heads(&[])))
        .unwrap();
    let in_force = |lineage: &Lineage| {
        lineage
            .in_force(Role::Log)
            .map(|r| r.keys.ed25519)
            .collect::<Vec<_>>()
    };
    assert_eq!(in_force(&lineage), [public(100), public(101)]);
    assert_eq!(
        lineage.certify(Role::Log, keys(Role::Log, 102), heads(&[]), time(1)),
        Err(Invalid::Overlap(Role::Log))
    );
    assert!(
        lineage
            .certify(Role::Witness, keys(Role::Witness, 102), heads(&[]), time(1))
            .is_ok()
    );
    let lineage = lineage
        .apply(&retired(&lineage, 0, Role::Log, 100, heads(&[])))
        .unwrap();
    assert_eq!(in_force(&lineage), [public(101)]);
    assert_eq!(
        lineage.retire(
            Role::Log,
            public(100),
            Reason::Scheduled,
            heads(&[]),
            time(1)
        ),
        Err(Invalid::NotInForce {
            role: Role::Log,
            key: public(100)
        })
    );
    assert_eq!(
        lineage.retire(
            Role::Witness,
            public(101),
            Reason::Scheduled,
            heads(&[]),
            time(1)
        ),
        Err(Invalid::NotInForce {
            role: Role::Witness,
            key: public(101)
        })
    );
}

#[test]
fn a_new_role_key_names_the_one_it_replaces() {
    let first = begin();
    let second = first
        .apply(&certified(&first, 0, Role::Log, 100, heads(&[])))
        .unwrap();
    for (lineage, wrong, in_force) in [
        (&first, Some(public(100)), None),
        (&second, None, Some(public(100))),
        (&second, Some(public(5)), Some(public(100))),
    ] {
        let draft = lineage
            .certify(Role::Log, keys(Role::Log, 101), heads(&[]), time(1))
            .unwrap();
        let mut bent = draft.event().clone();
        if let Change::RoleCertified { replaces, .. } = &mut bent.change {
            *replaces = wrong;
        }
        assert_eq!(
            lineage.apply(&forged(&bent, &[(Slot::Identity, 0), (Slot::Role, 101)])),
            Err(Invalid::Replaces {
                role: Role::Log,
                in_force
            })
        );
    }
}

#[test]
fn a_key_that_ever_appeared_never_appears_again() {
    let (lineage, _) = rich();
    // Identity keys past and present, role keys past and present, each in every role.
    for n in [0, 1, 2, 100, 101, 102] {
        assert!(lineage.appeared(public(n).as_bytes()));
        for role in Role::CERTIFIED {
            let keys = RoleKeys {
                ed25519: public(n),
                ml_dsa_44: role.has_ml_dsa().then(|| ml_dsa(77)),
            };
            let result = lineage.certify(role, keys, lineage.heads().clone(), time(20));
            assert!(
                matches!(result, Err(Invalid::KeyReused(key)) if key == public(n)),
                "{n} {role}"
            );
        }
    }
    let recycled = RoleKeys {
        ed25519: public(200),
        ml_dsa_44: keys(Role::Log, 100).ml_dsa_44,
    };
    assert_eq!(
        lineage.certify(Role::Witness, recycled, lineage.heads().clone(), time(20)),
        Err(Invalid::MlDsaKeyReused(public(200)))
    );
    assert!(
        !lineage.appeared(public(3).as_bytes()),
        "the committed key has not appeared yet"
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
fn unusable_keys_are_refused() {
    let lineage = begin();
    // The neutral element, a point of order 8, and bytes that are no point.
    let order_8: [u8; 32] = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ];
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut no_point = [0; 32];
    no_point[0] = 2;
    for bytes in [neutral, order_8, no_point] {
        let key = PublicKeyText::from_bytes(bytes);
        let keys = RoleKeys {
            ed25519: key,
            ml_dsa_44: None,
        };
        assert_eq!(
            lineage.certify(Role::Transport, keys, heads(&[]), time(1)),
            Err(Invalid::UnusableKey(key))
        );
        let weak = Event {
            node: Fingerprint::of(key),
            ..event(&inception())
        };
        assert_eq!(
            Lineage::inception(&forged(&weak, &[(Slot::Identity, 0)])),
            Err(Invalid::UnusableKey(key))
        );
    }
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
fn heads_only_grow() {
    let lineage = begin();
    let receipt = certified(&lineage, 0, Role::Log, 100, heads(&[("A", 5), ("B", 7)]));
    let lineage = lineage.apply(&receipt).unwrap();
    let certify = |heads: Heads| {
        lineage
            .certify(Role::Witness, keys(Role::Witness, 101), heads, time(1))
            .map(|_| ())
    };
    assert_eq!(certify(heads(&[("A", 5), ("B", 8), ("C", 0)])), Ok(()));
    assert_eq!(
        certify(heads(&[("A", 5)])),
        Err(HeadsError::Missing(scroll("B")).into())
    );
    assert_eq!(
        certify(heads(&[("A", 4), ("B", 7)])),
        Err(HeadsError::Shrank {
            scroll: scroll("A"),
            before: 5,
            after: 4
        }
        .into())
    );
    let mut other = heads(&[("A", 5)]);
    other
        .insert(
            scroll("B"),
            Head {
                size: 7,
                head: Blake3Hash::of(b"another history"),
            },
        )
        .unwrap();
    assert_eq!(
        certify(other.clone()),
        Err(HeadsError::Differs(scroll("B")).into())
    );
    // Rotation and retirement record heads under the same rule.
    let result = lineage.retire(
        Role::Log,
        public(100),
        Reason::Scheduled,
        other.clone(),
        time(1),
    );
    assert_eq!(
        result.map(|_| ()),
        Err(HeadsError::Differs(scroll("B")).into())
    );
    let draft = lineage
        .plan_rotation(Reason::Compromise, other, time(1))
        .complete(&next(1), next(2).commitment())
        .unwrap();
    assert_eq!(
        lineage.apply(&draft.finish().unwrap()),
        Err(HeadsError::Differs(scroll("B")).into())
    );
}

#[test]
fn heads_name_scrolls_that_can_stand_beside_each_other() {
    let head = Head {
        size: 1,
        head: Blake3Hash::of(b""),
    };
    let mut heads = Heads::new();
    heads.insert(scroll("PsiField"), head).unwrap();
    assert_eq!(
        heads.insert(scroll("psifield"), head),
        Err(HeadsError::Unrecordable(scroll("psifield")))
    );
    let large = Head {
        size: 1 << 53,
        ..head
    };
    assert_eq!(
        heads.insert(scroll("B"), large),
        Err(HeadsError::Unrecordable(scroll("B")))
    );
}

#[test]
fn retired_keys_verify_history_up_to_there_and_nothing_later() {
    let a = scroll("A");
    let (early, late) = (scroll("Early"), scroll("Late"));
    let lineage = begin();
    let lineage = lineage
        .apply(&certified(
            &lineage,
            0,
            Role::Log,
            100,
            heads(&[("A", 10), ("Early", 1)]),
        ))
        .unwrap();
    let log = public(100);
    let valid = |lineage: &Lineage, at| lineage.key_valid_at(Role::Log, log.as_bytes(), at);
    // From the heads at certification on, without end.
    assert!(!valid(&lineage, Position::Entry(&a, 9)));
    assert!(valid(&lineage, Position::Entry(&a, 10)));
    assert!(!valid(&lineage, Position::Checkpoint(&a, 9)));
    assert!(valid(&lineage, Position::Checkpoint(&a, 10)));
    assert!(valid(&lineage, Position::Checkpoint(&late, 0)));
    assert!(valid(&lineage, Position::Entry(&a, u64::MAX)));
    assert!(valid(&lineage, Position::Now));
    // Up to the heads at retirement.
    let lineage = lineage
        .apply(&retired(
            &lineage,
            0,
            Role::Log,
            100,
            heads(&[("A", 20), ("Early", 1)]),
        ))
        .unwrap();
    assert!(valid(&lineage, Position::Entry(&a, 19)));
    assert!(!valid(&lineage, Position::Entry(&a, 20)));
    assert!(valid(&lineage, Position::Checkpoint(&a, 20)));
    assert!(!valid(&lineage, Position::Checkpoint(&a, 21)));
    assert!(!valid(&lineage, Position::Entry(&early, 1)));
    assert!(
        !valid(&lineage, Position::Entry(&late, 0)),
        "a scroll that did not exist yet"
    );
    assert!(!valid(&lineage, Position::Now));
    // The ML-DSA half lives and ends with the Ed25519 half; other roles know neither.
    let ml_dsa = keys(Role::Log, 100).ml_dsa_44.unwrap();
    assert!(lineage.key_valid_at(Role::Log, ml_dsa.as_bytes(), Position::Entry(&a, 19)));
    assert!(!lineage.key_valid_at(Role::Log, ml_dsa.as_bytes(), Position::Now));
    assert!(!lineage.key_valid_at(Role::Witness, log.as_bytes(), Position::Entry(&a, 19)));
    assert!(!lineage.key_valid_at(Role::Log, public(101).as_bytes(), Position::Entry(&a, 19)));
    let ended = lineage.records()[1].ended.as_ref().unwrap();
    assert_eq!(
        (ended.seq, ended.reason, ended.heads.get(&a).unwrap().size),
        (2, Reason::Scheduled, 20)
    );
}

#[test]
fn rotated_identity_keys_have_their_span_too() {
    let a = scroll("A");
    let before = begin();
    let lineage = before
        .apply(&rotation(&before, 0, heads(&[("A", 3)])))
        .unwrap();
    let valid = |n, at| lineage.key_valid_at(Role::Identity, public(n).as_bytes(), at);
    assert!(
        valid(0, Position::Entry(&a, 2))
            && !valid(0, Position::Entry(&a, 3))
            && !valid(0, Position::Now)
    );
    assert!(
        !valid(1, Position::Entry(&a, 2))
            && valid(1, Position::Entry(&a, 3))
            && valid(1, Position::Now)
    );
}

#[test]
fn only_keys_in_force_become_signing_keys() {
    let (lineage, _) = rich();
    for (role, n) in [
        (Role::Identity, 2),
        (Role::Log, 102),
        (Role::Transport, 101),
    ] {
        let key = lineage.signing_key(role, secret(n)).unwrap();
        assert_eq!((key.role(), key.public()), (role, public(n)));
        assert_eq!(key.sign(b"message"), secret(n).sign(b"message"));
        let gone = key.retire();
        assert_eq!((gone.role(), gone.public()), (role, public(n)));
    }
    // Retired, compromised, not yet revealed, of another role.
    for (role, n) in [
        (Role::Identity, 0),
        (Role::Identity, 1),
        (Role::Identity, 3),
        (Role::Log, 100),
        (Role::Log, 101),
        (Role::Witness, 102),
    ] {
        let result = lineage.signing_key(role, secret(n)).map(|key| key.public());
        assert_eq!(
            result,
            Err(Invalid::NotInForce {
                role,
                key: public(n)
            })
        );
    }
}

#[test]
fn debug_output_shows_no_secrets() {
    let (lineage, _) = rich();
    let key = lineage.signing_key(Role::Identity, secret(2)).unwrap();
    let hex: String = seed(2).iter().map(|byte| format!("{byte:02x}")).collect();
    for text in [format!("{key:?}"), format!("{:?}", next(2))] {
        assert!(
            !text.contains(&hex) && !text.contains(&format!("{:?}", seed(2))),
            "{text}"
        );
    }
}

#[test]
fn two_events_at_one_place_are_evidence_of_a_fork() {
    let (lineage, receipts) = rich();
    let before = Lineage::replay(&receipts[..3]).unwrap();
    let other = certified(&before, 0, Role::Federation, 150, heads(&[("Identity", 1)]));
    let Err(Invalid::Fork(fork)) = lineage.apply(&other) else {
        panic!("no fork");
    };
    assert_eq!((fork.node(), fork.seq()), (lineage.fingerprint(), 3));
    assert_eq!(fork.sides(), &[receipts[3].clone(), other.clone()]);
    assert_eq!(fork.prefix(), &receipts[..3]);
    // The evidence convinces somebody who has nothing else, from either side.
    assert_eq!(
        Fork::check(fork.prefix(), &fork.sides()[0], &fork.sides()[1]),
        Ok((*fork).clone())
    );
    assert!(Fork::check(fork.prefix(), &fork.sides()[1], &fork.sides()[0]).is_ok());
}

#[test]
fn two_inceptions_of_one_node_are_a_fork() {
    let (lineage, receipts) = rich();
    let other = Lineage::incept(public(0), next(50).commitment(), time(0))
        .sign(&secret(0))
        .unwrap()
        .finish()
        .unwrap();
    let Err(Invalid::Fork(fork)) = lineage.apply(&other) else {
        panic!("no fork");
    };
    assert_eq!((fork.seq(), fork.prefix().len()), (0, 0));
    assert_eq!(Fork::check(&[], &receipts[0], &other), Ok(*fork));
    let stranger = Lineage::incept(public(9), next(1).commitment(), time(0))
        .sign(&secret(9))
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(
        Fork::check(&[], &receipts[0], &stranger),
        Err(NotAFork::TwoNodes)
    );
}

#[test]
fn what_is_not_signed_proves_no_fork() {
    let (lineage, receipts) = rich();
    let before = Lineage::replay(&receipts[..3]).unwrap();
    let draft = before
        .certify(
            Role::Federation,
            keys(Role::Federation, 150),
            heads(&[("Identity", 1)]),
            time(1),
        )
        .unwrap();
    let false_evidence = forged(draft.event(), &[(Slot::Identity, 66), (Slot::Role, 150)]);
    assert!(matches!(
        lineage.apply(&false_evidence),
        Err(Invalid::BadSignature { .. })
    ));
    assert!(matches!(
        Fork::check(&receipts[..3], &receipts[3], &false_evidence),
        Err(NotAFork::Invalid(_))
    ));
    // Signed, but by a key that was not the identity key at that place.
    let mut bent = draft.event().clone();
    if let Change::RoleCertified { by, .. } = &mut bent.change {
        *by = public(1);
    }
    let late = forged(&bent, &[(Slot::Identity, 1), (Slot::Role, 150)]);
    assert!(matches!(
        lineage.apply(&late),
        Err(Invalid::NotCurrent { .. })
    ));
    assert_eq!(
        Fork::check(&receipts[..3], &receipts[3], &receipts[3]),
        Err(NotAFork::Same)
    );
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
        let key = quorate_lineage::NextKey::parse(carried.as_bytes()).unwrap();
        let plan = quorate_lineage::RotationPlan::parse(&plan).unwrap();
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
            assert!(quorate_lineage::RotationPlan::parse(wrong).is_err());
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
