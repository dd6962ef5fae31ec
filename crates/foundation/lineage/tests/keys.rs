//! Which key counts, for what, and where in history.

mod support;

use quorate_lineage::{
    Change, Event, Fingerprint, Head, Heads, HeadsError, Invalid, Lineage, Position, Reason, Role,
    RoleKeys, Slot,
};
use quorate_receipt::{Blake3Hash, PublicKeyText};
use support::*;

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
