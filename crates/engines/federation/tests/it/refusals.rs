//! What is refused in a negotiation, and that nothing changes by it.

use quorate_federation::{
    Answer, AnyMessage, Closing, Command, Invalid, NotAdmitted, NotVerified, Party, Record,
    Refusal, Response, Signed, SignedAgreement, State, TrustLevel, TrustPolicy,
};
use quorate_receipt::json::{Object, Value};

use crate::codec::object;
use crate::node::{
    Node, agreed, countering, invalid, key_of, open_policy, pair, propose, proposed, proposing,
    reason, response_of,
};
use crate::support::{OPEN, hash, proposal_id, singapore, terms, time};

#[test]
fn an_answer_to_another_offer_is_stale() {
    let (mut a, mut b, key) = proposed();
    let counter = b.command(countering(&key), 10).unwrap();
    a.hear(&counter[0], 11).unwrap();
    let again = a.command(countering(&key), 12).unwrap();
    b.hear(&again[0], 13).unwrap();
    // Berlin, once more to the proposal.
    let mut old = response_of(&counter[0]).unverified().clone();
    old.responded_at = time(14);
    let old = Signed::sign(old, &b.mesh.key()).unwrap();
    let message = AnyMessage::Response(Box::new(old));
    assert!(matches!(
        invalid(a.judge(&message, 15)),
        Invalid::Stale { expected, .. } if expected == *a.negotiation(&key).last_offer()
    ));
    // What ends a negotiation names its proposal.
    let closing = Response {
        answer: Answer::Withdraw(Closing { reason: reason("") }),
        responded_at: time(14),
        in_reply_to: hash(7),
        ..response_of(&counter[0]).unverified().clone()
    };
    let closing = Signed::sign(closing, &b.mesh.key()).unwrap();
    let message = AnyMessage::Response(Box::new(closing));
    assert!(matches!(
        invalid(a.judge(&message, 15)),
        Invalid::Stale { .. }
    ));
}

#[test]
fn a_wrong_signer_or_a_wrong_party_is_refused() {
    let (a, mut b, key) = proposed();
    let counter = b.command(countering(&key), 10).unwrap();
    let body = response_of(&counter[0]).unverified().clone();
    // Singapore signs in Berlin's name, and in its own.
    let third = singapore();
    let mut forged = body.clone();
    forged.answer = Answer::Reject(Closing { reason: reason("") });
    forged.in_reply_to = a.negotiation(&key).proposal().signed().hash();
    let signed = Signed::sign(forged.clone(), &third.key()).unwrap();
    assert!(matches!(
        invalid(a.judge(&AnyMessage::Response(Box::new(signed)), 11)),
        Invalid::NotVerified(NotVerified::BadSignature { mesh, .. }) if mesh == *b.id()
    ));
    forged.responder = third.id.clone();
    let signed = Signed::sign(forged.clone(), &third.key()).unwrap();
    let message = AnyMessage::Response(Box::new(signed.clone()));
    assert_eq!(
        invalid(a.judge(&message, 11)),
        Invalid::NotAParty(third.id.clone())
    );
    // The receipt is refused, too, whatever the node would have done.
    let receipt = Record::Response(Box::new(signed))
        .receipt(time(11))
        .unwrap();
    assert_eq!(
        a.state.check(&receipt),
        Err(Invalid::NotAParty(third.id.clone()))
    );
    // A proposal between two others.
    let other = Node::new(third, &[&a.mesh, &b.mesh]);
    let sent = other.decide(propose(b.id(), 5), 5).unwrap();
    assert_eq!(
        invalid(a.judge(&sent.messages[0].message, 6)),
        Invalid::NotAParty(a.id().clone())
    );
}

#[test]
fn nobody_is_told_what_only_he_can_say() {
    let (mut a, mut b, key) = proposed();
    let sent = a.latest();
    assert_eq!(a.judge(&sent[0].message, 5), Err(Refusal::FromOurselves));
    let counter = b.command(countering(&key), 10).unwrap();
    assert_eq!(
        b.judge(&counter[0].message, 11),
        Err(Refusal::FromOurselves)
    );
    a.hear(&counter[0], 12).unwrap();
}

#[test]
fn a_stranger_is_refused() {
    let (a, _) = pair();
    let stranger = Node::new(
        crate::support::Mesh::new("vaultmesh-oslo", 5000),
        &[&a.mesh],
    );
    let sent = stranger.decide(propose(a.id(), 1), 0).unwrap();
    assert_eq!(
        invalid(a.judge(&sent.messages[0].message, 1)),
        Invalid::UnknownMesh(stranger.id().clone())
    );
    assert_eq!(
        invalid(a.decide(propose(stranger.id(), 1), 0)),
        Invalid::UnknownMesh(stranger.id().clone())
    );
}

#[test]
fn after_its_time_nothing_is_offered_accepted_or_signed() {
    let (a, mut b, key) = proposed();
    let expired = Invalid::Expired(time(OPEN));
    assert_eq!(
        invalid(b.decide(Command::Accept(key.clone()), OPEN + 1)),
        expired
    );
    assert_eq!(invalid(b.decide(countering(&key), OPEN + 1)), expired);
    let accept = b.command(Command::Accept(key.clone()), OPEN).unwrap();
    assert_eq!(invalid(a.judge(&accept[0].message, OPEN + 1)), expired);
    let counter = proposed().1.decide(countering(&key), OPEN).unwrap();
    assert_eq!(
        invalid(a.judge(&counter.messages[0].message, OPEN + 1)),
        expired
    );
    let (a, b) = pair();
    let sent = a.decide(propose(b.id(), 1), 0).unwrap();
    assert_eq!(
        invalid(b.judge(&sent.messages[0].message, OPEN + 1)),
        expired
    );
}

#[test]
fn what_is_signed_too_late_is_refused_by_the_other_side() {
    let (a, mut b, key) = proposed();
    b.command(Command::Accept(key.clone()), 10).unwrap();
    let Answer::Accept(half) = response_of(&b.latest()[0]).unverified().answer.clone() else {
        panic!("an acceptance");
    };
    let late = half.countersign(&a.mesh.key(), time(OPEN + 1)).unwrap();
    let message = AnyMessage::Agreement(Box::new(late));
    assert_eq!(
        invalid(b.judge(&message, OPEN + 2)),
        Invalid::Expired(time(OPEN))
    );
}

#[test]
fn nobody_says_that_it_expired_before_it_did() {
    let (a, b, key) = proposed();
    let early = Response {
        proposal_id: key.id.clone(),
        proposer: key.proposer.clone(),
        responder: b.id().clone(),
        responded_at: time(OPEN),
        in_reply_to: a.negotiation(&key).proposal().signed().hash(),
        answer: Answer::Expire(Closing { reason: reason("") }),
    };
    let early = Signed::sign(early, &b.mesh.key()).unwrap();
    assert_eq!(
        invalid(a.judge(&AnyMessage::Response(Box::new(early)), OPEN)),
        Invalid::NotExpired(time(OPEN))
    );
}

#[test]
fn a_message_from_the_future_or_from_before_its_offer_is_refused() {
    let (a, mut b, key) = proposed();
    b.skew = 302;
    let ahead = b.decide(countering(&key), 0).unwrap();
    assert!(matches!(
        invalid(a.judge(&ahead.messages[0].message, 1)),
        Invalid::Ahead { .. }
    ));
    assert!(a.judge(&ahead.messages[0].message, 2).is_ok());
    b.skew = -301;
    assert!(matches!(
        invalid(b.decide(countering(&key), 0)),
        Invalid::BeforeOffer { .. }
    ));
    b.skew = -300;
    let behind = b.decide(countering(&key), 0).unwrap();
    assert!(a.judge(&behind.messages[0].message, 1).is_ok());
    let (a, b) = pair();
    let sent = a.decide(propose(b.id(), 1), 301).unwrap();
    assert!(matches!(
        invalid(b.judge(&sent.messages[0].message, 0)),
        Invalid::Ahead { .. }
    ));
}

#[test]
fn an_acceptance_of_anything_else_than_the_offer_is_refused() {
    let (a, b, key) = proposed();
    let good = a.negotiation(&key);
    let body = quorate_federation::AgreementBody {
        proposal_id: key.id.clone(),
        offer: *good.last_offer(),
        parties: [a.id().clone(), b.id().clone()],
        trust_level: TrustLevel::Verify,
        terms: terms(),
        keys: [a.mesh.keys(), b.mesh.keys()],
    };
    let accept = |body: quorate_federation::AgreementBody| {
        let in_reply_to = body.offer;
        let half = body.sign(Party::Target, &b.mesh.key(), time(10)).unwrap();
        let response = Response {
            proposal_id: key.id.clone(),
            proposer: key.proposer.clone(),
            responder: b.id().clone(),
            responded_at: time(10),
            in_reply_to,
            answer: Answer::Accept(Box::new(half)),
        };
        let response = Signed::sign(response, &b.mesh.key()).unwrap();
        let heard = a.judge(&AnyMessage::Response(Box::new(response.clone())), 11);
        // Whoever accepts may not record another agreement either.
        let receipt = Record::Response(Box::new(response))
            .receipt(time(11))
            .unwrap();
        assert_eq!(
            b.state.check(&receipt).map_err(Refusal::Invalid),
            heard.clone().map(drop)
        );
        heard
    };
    assert_eq!(accept(body.clone()).unwrap().receipts.len(), 1);
    let mut other = body.clone();
    other.trust_level = TrustLevel::Integrate;
    assert_eq!(invalid(accept(other)), Invalid::OtherAgreement);
    let mut other = body.clone();
    other.terms.retention_period_days = 1;
    assert_eq!(invalid(accept(other)), Invalid::OtherAgreement);
    let mut other = body.clone();
    other.keys[0].log_vkeys.pop();
    assert_eq!(invalid(accept(other)), Invalid::OtherAgreement);
    let mut other = body.clone();
    other.offer = hash(3);
    assert!(matches!(invalid(accept(other)), Invalid::Stale { .. }));
    // Its own keys must be its own.
    let mut other = body.clone();
    other.keys[1].log_vkeys = singapore().keys().log_vkeys;
    assert!(matches!(
        invalid(accept(other)),
        Invalid::ForeignKey { mesh, role: quorate_lineage::Role::Log } if mesh == *b.id()
    ));
    let mut other = body;
    other.keys[1].quorum_policy = singapore().policy();
    assert!(accept(other).is_ok(), "a party names its own quorum");
}

#[test]
fn an_offer_has_keys_that_the_lineage_has_in_force() {
    let (a, b, key) = proposed();
    let mut body = (**a.negotiation(&key).proposal()).clone();
    body.proposal_id = proposal_id(9);
    body.keys.log_vkeys = b.mesh.keys().log_vkeys;
    let signed = Signed::sign(body, &a.mesh.key()).unwrap();
    let (_, fresh) = pair();
    assert!(matches!(
        invalid(fresh.judge(&AnyMessage::Proposal(Box::new(signed)), 1)),
        Invalid::ForeignKey { mesh, .. } if mesh == *a.id()
    ));
    let mut counter = response_of(&b.decide(countering(&key), 5).unwrap().messages[0])
        .unverified()
        .clone();
    if let Answer::Counter { keys, .. } = &mut counter.answer {
        keys.log_vkeys = a.mesh.keys().log_vkeys;
    }
    let signed = Signed::sign(counter, &b.mesh.key()).unwrap();
    assert!(matches!(
        invalid(a.judge(&AnyMessage::Response(Box::new(signed)), 6)),
        Invalid::ForeignKey { mesh, .. } if mesh == *b.id()
    ));
}

#[test]
fn an_agreement_is_the_one_that_was_accepted_and_no_other() {
    let (mut a, mut b, key) = proposed();
    let before = b.clone();
    let accept = b.command(Command::Accept(key.clone()), 10).unwrap();
    let good = a.hear(&accept[0], 20).unwrap();
    let Answer::Accept(half) = response_of(&accept[0]).unverified().answer.clone() else {
        panic!("an acceptance");
    };
    // Berlin's signature again, at another time: not the one that it gave.
    let twice = half.unverified().clone();
    let twice = twice.sign(Party::Target, &b.mesh.key(), time(11)).unwrap();
    let twice = twice.countersign(&a.mesh.key(), time(20)).unwrap();
    let message = AnyMessage::Agreement(Box::new(twice));
    assert_eq!(invalid(b.judge(&message, 21)), Invalid::OtherAgreement);
    // Other terms, signed by both.
    let mut body = half.unverified().clone();
    body.terms.audit_rights = false;
    let other = body.sign(Party::Target, &b.mesh.key(), time(10)).unwrap();
    let other = other.countersign(&a.mesh.key(), time(20)).unwrap();
    let message = AnyMessage::Agreement(Box::new(other));
    assert_eq!(invalid(b.judge(&message, 21)), Invalid::OtherAgreement);
    assert_eq!(invalid(before.judge(&message, 21)), Invalid::OtherAgreement);
    // A signature that does not verify, in a receipt.
    let mut forged = object(&good[0].message.to_bytes());
    let Some(Value::Object(mut signatures)) = forged.remove("signatures") else {
        panic!("signatures");
    };
    let berlins = signatures.get(b.id().as_str()).unwrap().clone();
    signatures.insert(a.id().as_str(), berlins);
    let forged = forged
        .with("signatures", signatures)
        .with("established_at", time(10).to_string());
    let forged = SignedAgreement::parse(&quorate_receipt::json::canonical_object(&forged)).unwrap();
    let receipt = Record::Agreement(Box::new(forged))
        .receipt(time(21))
        .unwrap();
    assert!(matches!(
        b.state.check(&receipt),
        Err(Invalid::NotVerified(_))
    ));
    // A second agreement of one negotiation.
    b.hear(&good[0], 21).unwrap();
    let second = half.countersign(&a.mesh.key(), time(22)).unwrap();
    let message = AnyMessage::Agreement(Box::new(second));
    assert!(matches!(
        invalid(b.judge(&message, 23)),
        Invalid::Settled(_)
    ));
}

#[test]
fn trust_policies_are_enforced() {
    let none = TrustPolicy {
        accepts_proposals: false,
        ..open_policy()
    };
    let high = TrustPolicy {
        min_trust_level: TrustLevel::Attest,
        ..open_policy()
    };
    let mutual = TrustPolicy {
        requires_mutual: true,
        ..open_policy()
    };
    let level = |n| TrustLevel::from_number(n).unwrap();
    for (policy, proposed, admitted) in [
        (open_policy(), 1, Ok(())),
        (none, 4, Err(NotAdmitted::NoProposals)),
        (
            high,
            2,
            Err(NotAdmitted::LevelTooLow {
                proposed: level(2),
                lowest: level(3),
            }),
        ),
        (high, 3, Ok(())),
        (mutual, 1, Err(NotAdmitted::NotMutual(level(1)))),
        (mutual, 2, Ok(())),
    ] {
        assert_eq!(policy.admits(level(proposed)), admitted);
        let (mut a, mut b) = pair();
        let refused = admitted.map_err(Refusal::NotAdmitted);
        // The proposer keeps to the target's policy.
        let mut proposing = proposing(b.id(), 1);
        proposing.trust_level = level(proposed);
        proposing.their_policy = policy;
        let polite = Command::Propose(Box::new(proposing.clone()));
        assert_eq!(a.decide(polite, 0).map(drop), refused);
        // And if it does not, the target does.
        proposing.their_policy = open_policy();
        let sent = a.command(Command::Propose(Box::new(proposing)), 0).unwrap();
        let before = b.clone();
        b.policy = policy;
        assert_eq!(b.judge(&sent[0].message, 1).map(drop), refused);
        // A policy that has changed since holds when the target agrees.
        b = before;
        b.hear(&sent[0], 1).unwrap();
        b.policy = policy;
        let key = key_of(&a, 1);
        assert_eq!(b.decide(Command::Accept(key.clone()), 2).map(drop), refused);
        assert_eq!(b.decide(countering(&key), 2).map(drop), refused);
        assert!(b.decide(Command::Reject(key, reason("")), 2).is_ok());
    }
}

#[test]
fn a_refused_receipt_changes_nothing() {
    let (a, b, key) = agreed();
    for node in [&a, &b] {
        for receipt in &node.scroll {
            let mut state = node.state.clone();
            assert!(state.apply(receipt).is_err(), "{}", receipt.type_());
            assert_eq!(state, node.state);
        }
    }
    assert!(a.negotiation(&key).agreement().is_some());
}

#[test]
fn a_receipt_has_one_form_and_the_type_of_its_message() {
    let (mut a, b, key) = agreed();
    let hash = a.negotiation(&key).agreement().unwrap().hash();
    let resume = Command::Notify {
        agreement: hash,
        change: quorate_federation::Change::Resume,
        reason: reason("x"),
    };
    a.command(resume, 50).unwrap();
    let (mut c, _, other) = proposed();
    c.command(Command::Withdraw(other, reason("x")), 5).unwrap();
    let receipts: Vec<_> = [&a, &b, &c].iter().flat_map(|n| n.scroll.clone()).collect();
    for receipt in receipts {
        let record = Record::parse(&receipt).unwrap();
        assert!(Record::TYPES.contains(&record.type_()));
        assert_eq!(record.receipt(receipt.timestamp()).unwrap(), receipt);
        let edited = |edit: &dyn Fn(&mut Object)| {
            let mut object = receipt.object().clone();
            object.remove("root_hash");
            edit(&mut object);
            let receipt = quorate_receipt::Receipt::from_object(&object, time(0)).unwrap();
            Record::parse(&receipt)
        };
        for type_ in Record::TYPES {
            if type_ != receipt.type_() {
                assert!(
                    edited(&|object| {
                        object.insert("type", type_);
                    })
                    .is_err()
                );
            }
        }
        for (name, _) in receipt.object().iter() {
            if !["type", "timestamp", "root_hash"].contains(&name) {
                assert!(
                    edited(&|object| {
                        object.remove(name);
                    })
                    .is_err()
                        || name == "accepted_by",
                    "{name}"
                );
                assert!(
                    edited(&|object| {
                        object.insert(name, vec!["x"]);
                    })
                    .is_err(),
                    "{name}"
                );
            }
        }
        assert!(
            edited(&|object| {
                object.insert("zzz", 1_u32);
            })
            .is_err()
        );
    }
    let unknown = Object::new().with("type", "fed_schema_sync");
    let unknown = quorate_receipt::Receipt::from_object(&unknown, time(0)).unwrap();
    assert!(State::new().apply(&unknown).is_err());
}

#[test]
fn no_byte_of_a_recorded_negotiation_can_be_another() {
    // The receipts are hashed again, so that only what they hold can be wrong.
    let (a, _, _) = agreed();
    for (at, receipt) in a
        .scroll
        .iter()
        .enumerate()
        .filter(|(_, r)| r.type_() != "fed_mesh_key")
    {
        let state = State::replay(&a.scroll[..at]).unwrap();
        assert!(state.check(receipt).is_ok());
        let text = receipt.text();
        for index in (0..text.len()).step_by(3) {
            let mut bytes = text.as_bytes().to_vec();
            bytes[index] ^= 1;
            let Ok(Value::Object(mut object)) = quorate_receipt::json::parse(&bytes) else {
                continue;
            };
            object.remove("root_hash");
            let Ok(altered) = quorate_receipt::Receipt::from_object(&object, time(0)) else {
                continue;
            };
            // The receipt's own time is the recorder's word alone.
            if altered.timestamp() != receipt.timestamp() || altered == *receipt {
                continue;
            }
            assert!(
                state.check(&altered).is_err(),
                "{} at {index}",
                receipt.type_()
            );
        }
    }
}

#[test]
fn what_is_dated_after_its_time_is_refused_whenever_it_comes() {
    let (a, b, key) = proposed();
    let counter = b.decide(countering(&key), 10).unwrap();
    let mut late = response_of(&counter.messages[0]).unverified().clone();
    late.responded_at = time(OPEN + 1);
    let late = Signed::sign(late, &b.mesh.key()).unwrap();
    assert_eq!(
        invalid(a.judge(&AnyMessage::Response(Box::new(late)), OPEN)),
        Invalid::Expired(time(OPEN))
    );
}

#[test]
fn an_agreement_after_its_makers_end_is_refused() {
    // Dublin signs both: it cannot have both.
    let (mut a, mut b, key) = proposed();
    let mut liar = a.clone();
    let accept = b.command(Command::Accept(key.clone()), 10).unwrap();
    let withdraw = a
        .command(Command::Withdraw(key.clone(), reason("")), 11)
        .unwrap();
    let agreement = liar.hear(&accept[0], 12).unwrap();
    let mut other = b.clone();
    b.hear(&withdraw[0], 13).unwrap();
    assert_eq!(invalid(b.hear(&agreement[0], 14)), Invalid::Closed);
    other.hear(&agreement[0], 13).unwrap();
    assert!(matches!(
        invalid(other.hear(&withdraw[0], 14)),
        Invalid::Settled(_)
    ));
}

#[test]
fn a_proposal_does_not_cross_one_that_its_proposer_has_answered() {
    let (mut a, mut b, key) = proposed();
    let counter = b.command(countering(&key), 10).unwrap();
    a.hear(&counter[0], 11).unwrap();
    // Dated before ours, it would win.
    let mut body = crate::support::proposal_body(&b.mesh, &a.mesh);
    body.proposed_at = time(-5);
    let earlier = Signed::sign(body, &b.mesh.key()).unwrap();
    assert_eq!(
        invalid(a.judge(&AnyMessage::Proposal(Box::new(earlier)), 12)),
        Invalid::AnotherOpen(key)
    );
}

#[test]
fn an_acceptance_is_recorded_with_a_signature_that_verifies() {
    let (_, b, key) = proposed();
    let accept = b.decide(Command::Accept(key), 10).unwrap();
    let mut forged = object(&accept.messages[0].message.to_bytes());
    let outer = forged.get_str("signature").unwrap().to_owned();
    let Some(Value::Object(mut half)) = forged.remove("agreement") else {
        panic!("an agreement");
    };
    // A signature by the same key, over something else.
    let signature = Object::new()
        .with("signed_at", time(10).to_string())
        .with("signature", outer);
    half.insert("signatures", Object::new().with(b.id().as_str(), signature));
    forged.insert("agreement", half);
    let forged = b.mesh.resigned_text("response", forged);
    let forged = Signed::<Response>::parse(&forged).unwrap();
    let receipt = Record::Response(Box::new(forged))
        .receipt(time(10))
        .unwrap();
    assert!(matches!(
        b.state.check(&receipt),
        Err(Invalid::NotVerified(NotVerified::BadSignature {
            what: "the agreement",
            ..
        }))
    ));
    assert_eq!(b.state.check(&accept.receipts[0]), Ok(()));
}
