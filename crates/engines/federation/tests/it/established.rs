//! What becomes of an agreement: established, suspended, resumed, revoked, followed by another.

use quorate_federation::{
    AcceptedBy, AgreementId, Answer, AnyMessage, Attestation, Change, Command, Invalid, NotQuorate,
    NotVerified, Notice, Party, ProposalKey, Quorate, QuorumPolicy, Record, Refusal, Scope,
    SignError, Signed, Standing, TrustLevel,
};
use quorate_merkle::{Proof, leaf_hash, node_hash};
use quorate_note::{
    Checkpoint, CosignSigner, KeyName, LogSigner, Origin, SignedCheckpoint, TlogProof,
};
use quorate_receipt::{Blake3Hash, Timestamp};

use crate::node::{Node, agreed, invalid, key_of, pair, proposing};
use crate::support::{Mesh, attestation, berlin, dublin, secret, singapore, text, time};

/// A tlog-proof that `entry` is the second of two, in a log of the mesh that its witness co-signed.
fn proof_in(mesh: &Mesh, entry: &[u8], witnessed: bool) -> TlogProof {
    let origin = format!("{}.example/federation", mesh.id.label());
    let sibling = leaf_hash(b"before");
    let root = node_hash(&sibling, &leaf_hash(entry));
    let checkpoint = Checkpoint::new(Origin::new(&origin).unwrap(), 2, root).unwrap();
    let log = LogSigner::ed25519(KeyName::new(&origin).unwrap(), secret(mesh.base + 3));
    let signed = SignedCheckpoint::sign(&checkpoint, &[log], 1_795_000_000).unwrap();
    let checkpoint = if witnessed {
        let name = KeyName::new(&format!("witness.{}.example", mesh.id.label())).unwrap();
        let witness = CosignSigner::ed25519(name, secret(mesh.base + 500));
        let keys = [mesh.vkey("federation").try_into().unwrap()];
        let verified = signed.verify_log(&keys).unwrap();
        let line = witness.cosign(&verified, 1_795_000_100).unwrap();
        let lines = verified.log_lines().iter().cloned().chain([line]).collect();
        SignedCheckpoint::new(checkpoint, lines).unwrap()
    } else {
        signed
    };
    TlogProof::new(None, 1, Proof::try_from(vec![sibling]).unwrap(), checkpoint)
}

/// Where a node recorded an agreement, and the quorum over it.
fn quorate(node: &Node, key: &ProposalKey) -> Quorate {
    let agreement = node.negotiation(key).agreement().unwrap();
    let receipt = node
        .scroll
        .iter()
        .find(|receipt| {
            **receipt
                == Record::from(agreement)
                    .receipt(receipt.timestamp())
                    .unwrap()
        })
        .unwrap();
    Quorate {
        recorded_at: receipt.timestamp(),
        proof: proof_in(&node.mesh, receipt.bytes(), true),
    }
}

pub(crate) fn evidence(a: &Node, b: &Node, key: &ProposalKey) -> [Quorate; 2] {
    let of = |node: &Node| quorate(node, key);
    if key.proposer == *a.id() {
        [of(a), of(b)]
    } else {
        [of(b), of(a)]
    }
}

fn establishing(a: &Node, b: &Node, key: &ProposalKey) -> Command {
    Command::Establish {
        agreement: a.negotiation(key).agreement().unwrap().hash(),
        quorate: Box::new(evidence(a, b, key)),
    }
}

/// Dublin and Berlin with an established agreement of this level, and its hash.
pub(crate) fn established(level: TrustLevel) -> (Node, Node, Blake3Hash) {
    let (mut a, mut b) = pair();
    let hash = agree(&mut a, &mut b, 1, level, 0);
    (a, b, hash)
}

/// `from` proposes, `to` accepts, both sign and establish.
fn agree(from: &mut Node, to: &mut Node, n: u32, level: TrustLevel, at: i64) -> Blake3Hash {
    let mut proposing = proposing(to.id(), n);
    proposing.trust_level = level;
    let sent = from
        .command(Command::Propose(Box::new(proposing)), at)
        .unwrap();
    to.hear(&sent[0], at + 1).unwrap();
    let key = key_of(from, n);
    let accept = to.command(Command::Accept(key.clone()), at + 2).unwrap();
    let agreement = from.hear(&accept[0], at + 3).unwrap();
    to.hear(&agreement[0], at + 4).unwrap();
    let command = establishing(from, to, &key);
    from.command(command.clone(), at + 5).unwrap();
    to.command(command, at + 6).unwrap();
    from.negotiation(&key).agreement().unwrap().hash()
}

fn notify(agreement: Blake3Hash, change: Change) -> Command {
    Command::Notify {
        agreement,
        change,
        reason: text("why"),
    }
}

fn at(n: i64) -> Timestamp {
    time(n)
}

#[test]
fn an_agreement_counts_once_it_is_quorate_in_both_scrolls() {
    let (mut a, b, key) = agreed();
    let hash = a.negotiation(&key).agreement().unwrap().hash();
    assert_eq!(a.state.level(b.id(), at(50)), TrustLevel::Isolated);
    let bond = a.state.bond(&hash).unwrap();
    assert_eq!(bond.level_at(at(50)), TrustLevel::Isolated);
    a.command(establishing(&a, &b, &key), 50).unwrap();
    assert_eq!(a.state.level(b.id(), at(50)), TrustLevel::Verify);
    assert_eq!(a.state.bond(&hash).unwrap().established(), Some(at(50)));
    assert!(
        a.decide(establishing(&a, &b, &key), 51)
            .unwrap()
            .receipts
            .is_empty()
    );
    a.restart();
    let again = a.scroll.last().unwrap().clone();
    assert_eq!(again.type_(), "fed_trust_established");
    assert_eq!(a.state.check(&again), Err(Invalid::Established));
}

#[test]
fn evidence_of_a_quorum_that_does_not_hold_is_refused() {
    let (a, b, key) = agreed();
    let good = evidence(&a, &b, &key);
    let hash = a.negotiation(&key).agreement().unwrap().hash();
    let with = |quorate: [Quorate; 2]| {
        let command = Command::Establish {
            agreement: hash,
            quorate: Box::new(quorate),
        };
        match invalid(a.decide(command, 50)) {
            Invalid::NotQuorate(not) => not,
            other => panic!("{other:?}"),
        }
    };
    let receipt = |node: &Node| {
        let agreement = node.negotiation(&key).agreement().unwrap();
        Record::from(agreement)
            .receipt(good[1].recorded_at)
            .unwrap()
    };
    // Not co-signed.
    let mut bad = good.clone();
    bad[1].proof = proof_in(&b.mesh, receipt(&b).bytes(), false);
    assert!(matches!(with(bad), NotQuorate::Short { mesh, .. } if mesh == *b.id()));
    // The other party's log.
    let mut bad = good.clone();
    bad[1] = good[0].clone();
    assert!(matches!(with(bad), NotQuorate::Log { mesh, .. } if mesh == *b.id()));
    let bad = [good[1].clone(), good[0].clone()];
    assert!(matches!(with(bad), NotQuorate::Log { mesh, .. } if mesh == *a.id()));
    // Another receipt, another time of it, another place.
    let mut bad = good.clone();
    bad[0].proof = proof_in(&a.mesh, b"something else", true);
    assert!(matches!(with(bad), NotQuorate::Inclusion { mesh, .. } if mesh == *a.id()));
    let mut bad = good.clone();
    bad[0].recorded_at = at(49);
    assert!(matches!(with(bad), NotQuorate::Inclusion { .. }));
    let mut bad = good.clone();
    bad[0].proof.index = 0;
    assert!(matches!(with(bad), NotQuorate::Inclusion { .. }));
    // A co-signature that fails.
    let mut bad = good.clone();
    let mut text = bad[1].proof.to_text();
    let last = text.trim_end().rfind(' ').unwrap();
    let digit = if text.as_bytes()[last + 40] == b'A' {
        "B"
    } else {
        "A"
    };
    text.replace_range(last + 40..last + 41, digit);
    bad[1].proof = TlogProof::parse(text.as_bytes()).unwrap();
    assert!(matches!(with(bad), NotQuorate::Cosignature { mesh, .. } if mesh == *b.id()));
    let unknown = Command::Establish {
        agreement: crate::support::hash(1),
        quorate: Box::new(good.clone()),
    };
    assert!(matches!(
        invalid(a.decide(unknown, 50)),
        Invalid::UnknownAgreement(_)
    ));
    // The receipt names the agreement and its parties, in their order.
    let record = |id: &str, meshes: [&Node; 2]| {
        Record::Established {
            agreement_id: text_id(id),
            agreement_hash: hash,
            quorate: Box::new([
                (meshes[0].id().clone(), good[0].clone()),
                (meshes[1].id().clone(), good[1].clone()),
            ]),
        }
        .receipt(at(50))
        .unwrap()
    };
    let id = "fed-agreement-2025-12-06-001";
    assert_eq!(a.state.check(&record(id, [&a, &b])), Ok(()));
    assert_eq!(
        a.state.check(&record(id, [&b, &a])),
        Err(Invalid::NotAParty(b.id().clone()))
    );
    assert_eq!(
        a.state.check(&record("fed-agreement-x", [&a, &b])),
        Err(Invalid::UnknownAgreement(hash))
    );
}

fn text_id(id: &str) -> AgreementId {
    text(id)
}

#[test]
fn an_unwitnessed_mesh_has_no_established_agreement() {
    let (mut a, mut b) = pair();
    let sent = a
        .command(Command::Propose(Box::new(proposing(b.id(), 1))), 0)
        .unwrap();
    b.hear(&sent[0], 1).unwrap();
    let key = key_of(&a, 1);
    // Berlin accepts with a policy that asks for no witness.
    let mut keys = b.mesh.keys();
    keys.quorum_policy = QuorumPolicy::parse("quorum none\n").unwrap();
    let secret = b.mesh.key();
    let us = quorate_federation::Us {
        key: &secret,
        keys: &keys,
        trust_policy: &b.policy,
    };
    let accept =
        quorate_federation::decide(&b.state, Command::Accept(key.clone()), &us, time(2)).unwrap();
    b.keep(&accept);
    let agreement = a.hear(&accept.messages[0], 3).unwrap();
    b.hear(&agreement[0], 4).unwrap();
    assert_eq!(
        invalid(a.decide(establishing(&a, &b, &key), 5)),
        Invalid::NotQuorate(NotQuorate::Unwitnessed(b.id().clone()))
    );
}

#[test]
fn a_suspension_bites_at_once_and_ends_with_its_own_issuer() {
    let (mut a, mut b, hash) = established(TrustLevel::Integrate);
    let level = |node: &Node, peer: &Node| node.state.level(peer.id(), at(100));
    let anchoring = Change::Suspend(Scope::CrossAnchoring);
    let sent = a.command(notify(hash, anchoring), 100).unwrap();
    assert_eq!(level(&a, &b), TrustLevel::Verify);
    b.hear(&sent[0], 101).unwrap();
    assert_eq!(level(&b, &a), TrustLevel::Verify);
    let whole = Change::Suspend(Scope::Federation);
    let from_b = b.command(notify(hash, whole), 102).unwrap();
    a.hear(&from_b[0], 103).unwrap();
    assert_eq!(level(&a, &b), TrustLevel::Isolated);
    assert_eq!(level(&b, &a), TrustLevel::Isolated);
    let resume = a.command(notify(hash, Change::Resume), 104).unwrap();
    b.hear(&resume[0], 105).unwrap();
    assert_eq!(
        level(&b, &a),
        TrustLevel::Isolated,
        "Berlin's own still stands"
    );
    let resume = b.command(notify(hash, Change::Resume), 106).unwrap();
    a.hear(&resume[0], 107).unwrap();
    assert_eq!(level(&a, &b), TrustLevel::Integrate);
    assert_eq!(level(&b, &a), TrustLevel::Integrate);
    for node in [&mut a, &mut b] {
        node.restart();
    }
}

#[test]
fn a_notice_is_not_played_again() {
    let (mut a, mut b, hash) = established(TrustLevel::Verify);
    let whole = Change::Suspend(Scope::Federation);
    let first = a.command(notify(hash, whole), 100).unwrap();
    // Again from the same command, and from the same message.
    assert_eq!(a.decide(notify(hash, whole), 101).unwrap().messages, first);
    b.hear(&first[0], 102).unwrap();
    assert_eq!(b.judge(&first[0].message, 103).unwrap(), Default::default());
    let resume = a.command(notify(hash, Change::Resume), 104).unwrap();
    let again = a.command(notify(hash, whole), 105).unwrap();
    // Out of order, it waits for the one before.
    assert_eq!(
        invalid(b.judge(&again[0].message, 106)),
        Invalid::Sequence {
            expected: 2,
            found: 3
        }
    );
    b.hear(&resume[0], 107).unwrap();
    b.hear(&again[0], 108).unwrap();
    for old in [&first, &resume] {
        assert!(matches!(
            invalid(b.judge(&old[0].message, 109)),
            Invalid::Sequence { expected: 4, .. }
        ));
    }
    assert_eq!(b.state.level(a.id(), at(110)), TrustLevel::Isolated);
}

#[test]
fn a_notice_is_by_a_party_under_its_key_and_its_clock() {
    let (a, b, hash) = established(TrustLevel::Verify);
    let body = Notice {
        agreement_hash: hash,
        issuer: b.id().clone(),
        issued_at: at(100),
        sequence: 1,
        change: Change::Resume,
        reason: text(""),
    };
    let judge = |body: Notice, by: &Mesh| {
        let signed = Signed::sign(body, &by.key()).unwrap();
        let receipt = Record::Notice(Box::new(signed)).receipt(at(100)).unwrap();
        a.state.check(&receipt)
    };
    assert_eq!(judge(body.clone(), &b.mesh), Ok(()));
    assert!(matches!(
        judge(body.clone(), &singapore()),
        Err(Invalid::NotVerified(NotVerified::BadSignature { .. }))
    ));
    let mut other = body.clone();
    other.issuer = singapore().id;
    assert_eq!(
        judge(other, &singapore()),
        Err(Invalid::NotAParty(singapore().id))
    );
    let mut other = body.clone();
    other.issued_at = at(401);
    assert!(matches!(judge(other, &b.mesh), Err(Invalid::Ahead { .. })));
    let mut other = body.clone();
    other.agreement_hash = crate::support::hash(3);
    assert!(matches!(
        judge(other, &b.mesh),
        Err(Invalid::UnknownAgreement(_))
    ));
    let signed = Signed::sign(body, &b.mesh.key()).unwrap();
    assert_eq!(
        b.judge(&AnyMessage::Notice(Box::new(signed)), 100),
        Err(Refusal::FromOurselves)
    );
}

#[test]
fn a_revoked_agreement_ends_with_its_notice_period_and_for_ever() {
    let (mut a, mut b, hash) = established(TrustLevel::Verify);
    let month = 30 * 86_400;
    let revoke = |n| Change::Revoke {
        effective_at: time(n),
    };
    let sent = a.command(notify(hash, revoke(month)), 100).unwrap();
    b.hear(&sent[0], 101).unwrap();
    for (node, peer) in [(&a, &b), (&b, &a)] {
        let level = |n| node.state.level(peer.id(), at(n));
        assert_eq!(level(month - 1), TrustLevel::Verify);
        assert_eq!(level(month), TrustLevel::Isolated);
        assert_eq!(node.state.bond(&hash).unwrap().ends_at(), Some(at(month)));
    }
    // Whoever is earlier decides, and a later word does not move it back.
    let sent = b.command(notify(hash, revoke(500)), 200).unwrap();
    a.hear(&sent[0], 201).unwrap();
    let sent = b.command(notify(hash, revoke(9 * month)), 202).unwrap();
    a.hear(&sent[0], 203).unwrap();
    let sent = b.command(notify(hash, Change::Resume), 204).unwrap();
    a.hear(&sent[0], 205).unwrap();
    for node in [&mut a, &mut b] {
        assert_eq!(node.state.bond(&hash).unwrap().ends_at(), Some(at(500)));
        node.restart();
    }
    assert!(
        Signed::sign(
            Notice {
                agreement_hash: hash,
                issuer: a.id().clone(),
                issued_at: at(100),
                sequence: 1,
                change: revoke(99),
                reason: text(""),
            },
            &a.mesh.key()
        )
        .is_err(),
        "not before the notice"
    );
}

#[test]
fn the_agreement_established_last_counts_alone() {
    let (mut a, mut b, first) = established(TrustLevel::Integrate);
    let second = agree(&mut b, &mut a, 2, TrustLevel::Observe, 1000);
    assert_eq!(
        a.state.bond_with(b.id()).unwrap().agreement().hash(),
        second
    );
    assert_eq!(a.state.level(b.id(), at(2000)), TrustLevel::Observe);
    // Its end does not bring the one before it back.
    let end = Change::Revoke {
        effective_at: at(2000),
    };
    a.command(notify(second, end), 2000).unwrap();
    assert_eq!(a.state.level(b.id(), at(2000)), TrustLevel::Isolated);
    assert_eq!(
        a.state.bond(&first).unwrap().level_at(at(2000)),
        TrustLevel::Integrate
    );
}

#[test]
fn a_scroll_begins_with_its_own_mesh() {
    let (a, b) = (dublin(), berlin());
    let mut empty = Node::new(a.clone(), &[]);
    empty.state = quorate_federation::State::new();
    assert_eq!(
        invalid(empty.accept(&b, AcceptedBy::Fingerprint)),
        Invalid::Beginning
    );
    assert_eq!(
        invalid(empty.decide(Command::Propose(Box::new(proposing(&b.id, 1))), 0)),
        Invalid::Beginning
    );
    let mut node = Node::new(a, &[]);
    assert_eq!(
        invalid(node.accept(&b, AcceptedBy::Own)),
        Invalid::Beginning
    );
    node.accept(&b, AcceptedBy::Fingerprint).unwrap();
    assert_eq!(
        node.state.mesh(&b.id).unwrap().accepted_by(),
        &AcceptedBy::Fingerprint
    );
    assert_eq!(node.state.mesh(&b.id).unwrap().lineage(), &b.lineage);
}

#[test]
fn a_new_key_is_accepted_only_by_what_is_said_and_follows_from_there() {
    let mut node = Node::new(dublin(), &[]);
    let mut b = berlin();
    let events: Vec<_> = b.lineage.receipts().cloned().collect();
    let record = |event: usize, accepted_by: Option<AcceptedBy>| {
        Record::Key {
            mesh: b.id.clone(),
            event: Box::new(events[event].clone()),
            accepted_by,
        }
        .receipt(at(0))
        .unwrap()
    };
    let unsaid = Invalid::AcceptedBy(b.id.clone());
    assert_eq!(node.state.check(&record(0, None)), Err(unsaid.clone()));
    assert!(matches!(
        node.state.check(&record(1, Some(AcceptedBy::Fingerprint))),
        Err(Invalid::Lineage { .. })
    ));
    let by = AcceptedBy::Confirmation {
        by: text("did:vm:human:ada"),
    };
    node.accept(&b, by.clone()).unwrap();
    assert_eq!(node.state.check(&record(1, Some(by.clone()))), Err(unsaid));
    assert_eq!(node.state.check(&record(1, None)), Err(Invalid::Known));
    // What is new follows, and only what continues the same history.
    b.rotate_federation_key();
    node.accept(&b, by.clone()).unwrap();
    assert_eq!(node.state.mesh(&b.id).unwrap().lineage(), &b.lineage);
    let impostor = Mesh::new("vaultmesh-berlin", 6000);
    assert!(matches!(
        invalid(node.accept(&impostor, by)),
        Invalid::Lineage { .. }
    ));
}

#[test]
fn no_key_belongs_to_two_meshes() {
    let mut node = Node::new(dublin(), &[&berlin()]);
    let twin = Mesh::new("other-name", 2000);
    assert_eq!(
        invalid(node.accept(&twin, AcceptedBy::Fingerprint)),
        Invalid::SharedKey {
            mesh: twin.id.clone(),
            other: berlin().id
        }
    );
    // A role key alone is enough, and so is its other half.
    let thief = Mesh::new("other-name", 1999);
    assert!(matches!(
        invalid(node.accept(&thief, AcceptedBy::Fingerprint)),
        Invalid::SharedKey { .. }
    ));
}

#[test]
fn an_attestation_counts_from_a_mesh_under_agreement_about_this_key() {
    let (mut a, b, hash) = established(TrustLevel::Observe);
    let oslo = Mesh::new("vaultmesh-oslo", 8000);
    let by = |signed| AcceptedBy::Attestation(Box::new(signed));
    let good = attestation(&b.mesh, &oslo);
    let refused = |node: &Node, signed: Signed<Attestation>| {
        let mut node = node.clone();
        invalid(node.accept(&oslo, by(signed)))
    };
    let not = Invalid::Attestation(oslo.id.clone());
    // Singapore is known, but there is no agreement with it; nobody vouches for himself.
    assert_eq!(refused(&a, attestation(&singapore(), &oslo)), not);
    assert_eq!(refused(&a, attestation(&a.mesh, &oslo)), not);
    assert!(matches!(
        refused(&a, attestation(&oslo, &oslo)),
        Invalid::UnknownMesh(_)
    ));
    let resigned = |edit: &dyn Fn(&mut Attestation)| {
        let mut body = good.unverified().clone();
        edit(&mut body);
        Signed::sign(body, &b.mesh.key()).unwrap()
    };
    let other = resigned(&|body| body.attestation_type = text("looks_nice"));
    assert_eq!(refused(&a, other), not);
    let other = resigned(&|body| body.mesh_id = singapore().id);
    assert_eq!(refused(&a, other), not);
    let other = resigned(&|body| body.public_key = *singapore().lineage.fingerprint());
    assert_eq!(refused(&a, other), not);
    let other = resigned(&|body| body.attested_at = at(900));
    assert!(matches!(refused(&a, other), Invalid::Ahead { .. }));
    let forged = Signed::sign(good.unverified().clone(), &singapore().key()).unwrap();
    assert!(matches!(refused(&a, forged), Invalid::NotVerified(_)));
    let mut suspended = a.clone();
    let whole = Change::Suspend(Scope::Federation);
    suspended.command(notify(hash, whole), -100).unwrap();
    assert_eq!(refused(&suspended, good.clone()), not);
    a.accept(&oslo, by(good)).unwrap();
    a.restart();
}

#[test]
fn what_is_sent_is_what_is_recorded() {
    // An acceptance is recorded by whoever gives it, and its maker's signature closes it: no step leaves a trace of
    // half.
    let (a, b, key) = agreed();
    let types = |node: &Node| -> Vec<String> {
        let of_this = node.scroll.iter().filter(|r| r.type_() != "fed_mesh_key");
        of_this.map(|receipt| receipt.type_().to_owned()).collect()
    };
    assert_eq!(types(&a), ["fed_trust_proposal", "fed_agreement_signed"]);
    assert_eq!(
        types(&b),
        [
            "fed_trust_proposal",
            "fed_proposal_accepted",
            "fed_agreement_signed"
        ]
    );
    let agreement = a.negotiation(&key).agreement().unwrap();
    assert_eq!(agreement.party(b.id()), Some(Party::Target));
    let accepted = b
        .scroll
        .iter()
        .find(|r| r.type_() == "fed_proposal_accepted");
    let Record::Response(response) = Record::parse(accepted.unwrap()).unwrap() else {
        panic!("a response");
    };
    assert!(matches!(response.unverified().answer, Answer::Accept(_)));
}

#[test]
fn what_was_on_its_way_when_a_key_was_rotated_still_arrives() {
    let (mut a, mut b, hash) = established(TrustLevel::Verify);
    let end = Change::Revoke {
        effective_at: at(500),
    };
    let old = a.command(notify(hash, end), 100).unwrap().remove(0);
    // Berlin was offline, and hears of the new key first.
    a.mesh.rotate_federation_key();
    let rotated = a.mesh.clone();
    a.accept(&rotated, AcceptedBy::Own).unwrap();
    b.accept(&rotated, AcceptedBy::Fingerprint).unwrap();
    assert!(matches!(
        invalid(b.judge(&old.message, 200)),
        Invalid::NotVerified(NotVerified::BadSignature { .. })
    ));
    let new = old.signed_again(&a.mesh.key()).unwrap();
    b.hear(&new, 200).unwrap();
    assert_eq!(b.state.bond(&hash).unwrap().ends_at(), Some(at(500)));
    assert_eq!(b.judge(&new.message, 201).unwrap(), Default::default());
    // For its own scroll it is the notice that it has.
    assert_eq!(a.state.check(b.scroll.last().unwrap()), Err(Invalid::Known));

    // An offer stands with its key or is ended.
    let (mut a, mut b) = pair();
    let offer = a
        .command(Command::Propose(Box::new(proposing(b.id(), 1))), 0)
        .unwrap()
        .remove(0);
    b.hear(&offer, 1).unwrap();
    let withdraw = Command::Withdraw(key_of(&a, 1), text(""));
    let withdraw = a.command(withdraw, 2).unwrap().remove(0);
    a.mesh.rotate_federation_key();
    assert!(matches!(
        offer.signed_again(&a.mesh.key()),
        Err(SignError::OtherKey { .. })
    ));
    b.accept(&a.mesh.clone(), AcceptedBy::Fingerprint).unwrap();
    assert!(b.judge(&withdraw.message, 3).is_err());
    let withdraw = withdraw.signed_again(&a.mesh.key()).unwrap();
    b.hear(&withdraw, 3).unwrap();
    assert_eq!(b.standing(&key_of(&a, 1)), Standing::Closed);
}
