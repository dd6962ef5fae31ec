//! Two histories of one node, and the evidence of them.

mod support;

use quorate_lineage::{Change, Fork, Invalid, Lineage, NotAFork, Role, Slot};
use support::*;

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
