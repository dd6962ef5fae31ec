//! How two meshes come to one agreement, or to none.

use quorate_federation::limits::MAX_OFFERS;
use quorate_federation::{
    Answer, AnyMessage, Closing, Command, CounterTerms, Frequency, Invalid, Outgoing, Party,
    Record, Refusal, Response, Signed, SignedAgreement, Standing, Terms, TrustLevel,
};

use crate::node::{
    Node, countering, countering_with, invalid, key_of, pair, propose, proposed, proposing, reason,
    response_of,
};
use crate::support::{OPEN, singapore, terms, text, time};

#[test]
fn the_documents_negotiation_ends_in_one_agreement_on_both_sides() {
    let (mut a, mut b, key) = proposed();
    let counter = b.command(countering(&key), 14_400).unwrap();
    assert!(a.hear(&counter[0], 14_401).unwrap().is_empty());
    let accept = a.command(Command::Accept(key.clone()), 19_800).unwrap();
    let agreement = b.hear(&accept[0], 21_600).unwrap();
    assert!(a.hear(&agreement[0], 21_601).unwrap().is_empty());
    let bytes = a.agreement(&key);
    assert_eq!(bytes, b.agreement(&key));
    assert_eq!(bytes, agreement[0].message.to_bytes());
    let signed = SignedAgreement::parse(&bytes).unwrap();
    let body = signed.unverified();
    assert_eq!(body.agreement_id().as_str(), "fed-agreement-2025-12-06-001");
    assert_eq!(body.parties, [a.id().clone(), b.id().clone()]);
    assert_eq!(
        body.terms,
        Terms {
            scrolls: vec![text("Compliance"), text("Drills")],
            verification_frequency: Frequency::Daily,
            retention_period_days: 180,
            additional_requirement: Some(text("quarterly_audit_call")),
            ..terms()
        }
    );
    assert_eq!(signed.signature(Party::Proposer).signed_at, time(19_800));
    assert_eq!(signed.signature(Party::Target).signed_at, time(21_600));
    assert_eq!(signed.established_at(), time(21_600));
    assert!(signed.verify().is_ok());
    for node in [&a, &b] {
        assert_eq!(
            node.standing(&key),
            Standing::Agreed(node.negotiation(&key).agreement().unwrap().hash())
        );
    }
}

#[test]
fn counter_proposals_alternate_and_each_merges_over_the_last() {
    let (mut a, mut b, key) = proposed();
    let days = |n| CounterTerms {
        retention_period_days: Some(n),
        ..CounterTerms::default()
    };
    assert_eq!(
        invalid(a.decide(countering(&key), 2)),
        Invalid::OutOfTurn(a.id().clone())
    );
    for round in 1..MAX_OFFERS as u64 {
        let (from, to) = if round % 2 == 1 {
            (&mut b, &mut a)
        } else {
            (&mut a, &mut b)
        };
        let at = 10 * round as i64;
        let sent = from
            .command(countering_with(&key, days(round)), at)
            .unwrap();
        assert_eq!(
            invalid(from.decide(countering_with(&key, days(round + 500)), at + 1)),
            Invalid::OutOfTurn(from.id().clone())
        );
        to.hear(&sent[0], at + 2).unwrap();
        assert_eq!(to.negotiation(&key).terms().retention_period_days, round);
        assert_eq!(to.negotiation(&key).terms().scrolls, terms().scrolls);
        assert_eq!(from.negotiation(&key).terms(), to.negotiation(&key).terms());
    }
    assert_eq!(
        invalid(a.decide(countering_with(&key, days(999)), 9000)),
        Invalid::TooManyOffers
    );
}

#[test]
fn an_offer_is_accepted_by_the_other_side_only() {
    let (a, _, key) = proposed();
    assert_eq!(
        invalid(a.decide(Command::Accept(key.clone()), 2)),
        Invalid::OutOfTurn(a.id().clone())
    );
    let third = Node::new(singapore(), &[]);
    assert!(matches!(
        invalid(third.decide(Command::Accept(key), 2)),
        Invalid::UnknownProposal(_)
    ));
}

#[test]
fn a_repeated_message_changes_nothing_and_gets_what_was_missed() {
    let (mut a, mut b, key) = proposed();
    let proposal = a.latest().remove(0);
    assert_eq!(b.judge(&proposal.message, 2).unwrap(), Default::default());
    let counter = b.command(countering(&key), 10).unwrap();
    let again = b.judge(&proposal.message, 11).unwrap();
    assert_eq!((again.receipts.len(), &again.messages), (0, &counter));
    a.hear(&counter[0], 12).unwrap();
    assert_eq!(
        a.judge(&counter[0].message, 13).unwrap(),
        Default::default()
    );
    let accept = a.command(Command::Accept(key.clone()), 14).unwrap();
    let again = a.judge(&counter[0].message, 15).unwrap();
    assert_eq!((again.receipts.len(), &again.messages), (0, &accept));
    let agreement = b.hear(&accept[0], 16).unwrap();
    let again = b.judge(&accept[0].message, 17).unwrap();
    assert_eq!((again.receipts.len(), &again.messages), (0, &agreement));
    a.hear(&agreement[0], 18).unwrap();
    assert_eq!(
        a.judge(&agreement[0].message, 19).unwrap(),
        Default::default()
    );
}

#[test]
fn a_repeated_command_makes_no_receipt_and_sends_the_same_again() {
    let (mut a, mut b) = pair();
    let same = |node: &Node, command: Command, sent: &[Outgoing], at| {
        let again = node.decide(command, at).unwrap();
        assert!(again.receipts.is_empty());
        assert_eq!(again.messages, sent);
    };
    let sent = a.command(propose(b.id(), 1), 0).unwrap();
    same(&a, propose(b.id(), 1), &sent, 5);
    let mut other = proposing(b.id(), 1);
    other.trust_level = TrustLevel::Attest;
    assert!(matches!(
        invalid(a.decide(Command::Propose(Box::new(other)), 5)),
        Invalid::IdTaken(_)
    ));
    let key = key_of(&a, 1);
    b.hear(&sent[0], 6).unwrap();
    let sent = b.command(countering(&key), 7).unwrap();
    same(&b, countering(&key), &sent, 8);
    a.hear(&sent[0], 9).unwrap();
    let accept = Command::Accept(key.clone());
    let sent = a.command(accept.clone(), 10).unwrap();
    same(&a, accept.clone(), &sent, 11);
    let sent = b.hear(&sent[0], 12).unwrap();
    a.hear(&sent[0], 13).unwrap();
    same(&a, accept, &[], 14);

    let (mut a, b, key) = proposed();
    let withdraw = Command::Withdraw(key.clone(), reason("x"));
    let sent = a.command(withdraw.clone(), 10).unwrap();
    same(&a, withdraw, &sent, 11);
    let mut b = b;
    let reject = Command::Reject(key, reason("incompatible_jurisdiction"));
    let sent = b.command(reject.clone(), 10).unwrap();
    same(&b, reject, &sent, 11);
}

#[test]
fn an_id_stands_for_one_proposal_of_one_proposer() {
    let (mut a, mut b, key) = proposed();
    // The same id by the other proposer is another proposal.
    b.command(Command::Reject(key.clone(), reason("")), 5)
        .unwrap();
    let closing = b.latest().remove(0);
    a.hear(&closing, 6).unwrap();
    let sent = b.command(propose(a.id(), 1), 10).unwrap();
    a.hear(&sent[0], 11).unwrap();
    assert_eq!(a.state.negotiations().count(), 2);
    // Another one by the same proposer is refused.
    let mut body = (**a.negotiation(&key).proposal()).clone();
    body.proposed_trust_level = TrustLevel::Attest;
    let altered = Signed::sign(body, &a.mesh.key()).unwrap();
    assert_eq!(
        invalid(b.judge(&AnyMessage::Proposal(Box::new(altered)), 12)),
        Invalid::IdTaken(key)
    );
}

#[test]
fn two_meshes_negotiate_one_thing_at_a_time() {
    let (a, mut b, key) = proposed();
    assert_eq!(
        invalid(a.decide(propose(b.id(), 2), 5)),
        Invalid::AnotherOpen(key.clone())
    );
    assert_eq!(
        invalid(b.decide(propose(a.id(), 2), 5)),
        Invalid::AnotherOpen(key.clone())
    );
    // Half-signed holds up another as long as it can still be signed.
    b.command(Command::Accept(key.clone()), 6).unwrap();
    let mut later = proposing(a.id(), 2);
    later.expires_at = time(2 * OPEN);
    let later = Command::Propose(Box::new(later));
    assert_eq!(
        invalid(b.decide(later.clone(), OPEN)),
        Invalid::AnotherOpen(key.clone())
    );
    b.command(later, OPEN + 1).unwrap();
}

#[test]
fn of_two_proposals_that_cross_the_same_one_stands_on_both_sides() {
    for (first, second) in [(0, 5), (5, 0), (0, 0)] {
        for reach_b_first in [true, false] {
            let (mut a, mut b) = pair();
            let from_a = a.command(propose(b.id(), 1), first).unwrap();
            let from_b = b.command(propose(a.id(), 2), second).unwrap();
            // On a tie the name that sorts first: Berlin's.
            let a_wins = first < second;
            let (key_a, key_b) = (key_of(&a, 1), key_of(&b, 2));
            let deliver = |node: &mut Node, message: &Outgoing, wins: bool, own| {
                let heard = node.hear(message, 10);
                if wins {
                    assert_eq!(heard, Err(Refusal::Crossed(own)));
                    vec![]
                } else {
                    heard.unwrap()
                }
            };
            let (mut to_a, mut to_b) = (vec![], vec![]);
            if reach_b_first {
                to_a.extend(deliver(&mut b, &from_a[0], !a_wins, key_b.clone()));
            }
            to_b.extend(deliver(&mut a, &from_b[0], a_wins, key_a.clone()));
            if !reach_b_first {
                to_a.extend(deliver(&mut b, &from_a[0], !a_wins, key_b.clone()));
            }
            // The loser's withdrawal is of a proposal that the winner's side never took.
            for message in to_a {
                assert!(matches!(
                    invalid(a.hear(&message, 11)),
                    Invalid::UnknownProposal(_)
                ));
            }
            for message in to_b {
                assert!(matches!(
                    invalid(b.hear(&message, 11)),
                    Invalid::UnknownProposal(_)
                ));
            }
            let (winner, loser) = if a_wins {
                (&key_a, &key_b)
            } else {
                (&key_b, &key_a)
            };
            for node in [&a, &b] {
                assert!(matches!(node.standing(winner), Standing::Open { .. }));
                assert!(
                    node.state
                        .negotiation(loser)
                        .is_none_or(|n| n.standing() == Standing::Closed)
                );
            }
        }
    }
}

#[test]
fn a_withdrawal_that_crosses_a_counter_proposal_ends_it_on_both_sides() {
    let (mut a, mut b, key) = proposed();
    let withdraw = a
        .command(Command::Withdraw(key.clone(), reason("")), 10)
        .unwrap();
    let counter = b.command(countering(&key), 10).unwrap();
    assert_eq!(invalid(a.hear(&counter[0], 11)), Invalid::Closed);
    b.hear(&withdraw[0], 11).unwrap();
    assert_eq!(a.standing(&key), Standing::Closed);
    assert_eq!(b.standing(&key), Standing::Closed);
    assert_eq!(
        invalid(b.decide(Command::Accept(key.clone()), 12)),
        Invalid::Closed
    );
}

#[test]
fn a_withdrawal_that_crosses_an_acceptance_ends_it_on_both_sides() {
    let (mut a, mut b, key) = proposed();
    let withdraw = a
        .command(Command::Withdraw(key.clone(), reason("")), 10)
        .unwrap();
    let accept = b.command(Command::Accept(key.clone()), 10).unwrap();
    assert_eq!(b.standing(&key), Standing::HalfSigned { by: Party::Target });
    assert_eq!(invalid(a.hear(&accept[0], 11)), Invalid::Closed);
    b.hear(&withdraw[0], 11).unwrap();
    assert_eq!(a.standing(&key), Standing::Closed);
    assert_eq!(b.standing(&key), Standing::Closed);
    assert!(b.latest().is_empty());
    assert!(b.state.bonds().next().is_none());
}

#[test]
fn two_ends_that_cross_are_both_recorded_by_both() {
    let (mut a, mut b, key) = proposed();
    let withdraw = a
        .command(Command::Withdraw(key.clone(), reason("a")), 10)
        .unwrap();
    let reject = b
        .command(Command::Reject(key.clone(), reason("b")), 10)
        .unwrap();
    assert!(a.hear(&reject[0], 11).unwrap().is_empty());
    assert!(b.hear(&withdraw[0], 11).unwrap().is_empty());
    assert_eq!(a.negotiation(&key), b.negotiation(&key));
    // And neither answers the other's for ever.
    assert_eq!(a.judge(&reject[0].message, 12).unwrap(), Default::default());
    assert_eq!(
        b.judge(&withdraw[0].message, 12).unwrap(),
        Default::default()
    );
    // A second end by the same party is none.
    let mut other = response_of(&reject[0]).unverified().clone();
    other.responded_at = time(13);
    let other = Signed::sign(other, &b.mesh.key()).unwrap();
    assert_eq!(
        invalid(a.judge(&AnyMessage::Response(Box::new(other)), 14)),
        Invalid::Closed
    );
}

#[test]
fn half_signed_counts_as_nothing_and_is_not_taken_back() {
    let (mut a, mut b, key) = proposed();
    b.command(Command::Accept(key.clone()), 10).unwrap();
    assert!(b.state.bonds().next().is_none());
    assert_eq!(b.state.level(a.id(), time(11)), TrustLevel::Isolated);
    let accepted = Invalid::Accepted(b.id().clone());
    let reject = Command::Reject(key.clone(), reason(""));
    assert_eq!(invalid(b.decide(reject, 11)), accepted);
    assert_eq!(invalid(b.decide(countering(&key), 11)), accepted);
    let expired = b.decide(Command::Expire, OPEN + 1).unwrap();
    assert!(expired.receipts.is_empty());
    // A peer that says so in spite of it is not believed.
    let lie = Response {
        proposal_id: key.id.clone(),
        proposer: key.proposer.clone(),
        responder: b.id().clone(),
        responded_at: time(12),
        in_reply_to: b.negotiation(&key).proposal().signed().hash(),
        answer: Answer::Reject(Closing { reason: reason("") }),
    };
    let lie = Signed::sign(lie, &b.mesh.key()).unwrap();
    let receipt = Record::Response(Box::new(lie)).receipt(time(12)).unwrap();
    assert_eq!(b.state.check(&receipt), Err(accepted));
    let accept = b.latest().remove(0);
    a.hear(&accept, 20).unwrap();
    assert!(matches!(a.standing(&key), Standing::Agreed(_)));
    assert!(matches!(
        invalid(a.decide(Command::Withdraw(key.clone(), reason("")), 21)),
        Invalid::Settled(_)
    ));
    assert_eq!(a.state.level(b.id(), time(22)), TrustLevel::Isolated);
}

#[test]
fn either_side_can_finish_later() {
    // The maker of the offer was offline until the last second, the other one until long after it.
    let (mut a, mut b, key) = proposed();
    let accept = b.command(Command::Accept(key.clone()), 10).unwrap();
    let agreement = a.hear(&accept[0], OPEN).unwrap();
    b.restart();
    b.hear(&agreement[0], 10 * OPEN).unwrap();
    assert_eq!(a.agreement(&key), b.agreement(&key));
}

#[test]
fn expiry_of_the_offers_maker_ends_it_on_both_sides() {
    let (mut a, mut b, key) = proposed();
    b.command(Command::Accept(key.clone()), 10).unwrap();
    assert!(a.decide(Command::Expire, OPEN).unwrap().receipts.is_empty());
    let expire = a.command(Command::Expire, OPEN + 1).unwrap();
    assert_eq!(expire.len(), 1);
    assert!(
        a.decide(Command::Expire, OPEN + 2)
            .unwrap()
            .receipts
            .is_empty()
    );
    b.hear(&expire[0], OPEN + 2).unwrap();
    assert_eq!(a.standing(&key), Standing::Closed);
    assert_eq!(b.standing(&key), Standing::Closed);
}

#[test]
fn the_words_for_an_end_are_those_of_whose_offer_it_is() {
    let (a, b, key) = proposed();
    assert_eq!(
        a.decide(Command::Reject(key.clone(), reason("")), 5),
        Err(Refusal::NothingToReject(key.clone()))
    );
    assert_eq!(
        b.decide(Command::Withdraw(key.clone(), reason("")), 5),
        Err(Refusal::NothingToWithdraw(key.clone()))
    );
}

#[test]
fn a_key_that_was_rotated_meanwhile_keeps_no_agreement_from_being_finished() {
    let (mut a, mut b, key) = proposed();
    let accept = b.command(Command::Accept(key.clone()), 10).unwrap();
    let agreement = a.hear(&accept[0], 20).unwrap();
    // Dublin rotates while Berlin is offline, and Berlin hears of that first.
    a.mesh.rotate_federation_key();
    let rotated = a.mesh.clone();
    a.accept(&rotated, quorate_federation::AcceptedBy::Own)
        .unwrap();
    b.accept(&rotated, quorate_federation::AcceptedBy::Fingerprint)
        .unwrap();
    b.hear(&agreement[0], 30).unwrap();
    assert_eq!(a.agreement(&key), b.agreement(&key));
    b.mesh.rotate_federation_key();
    let rotated = b.mesh.clone();
    b.accept(&rotated, quorate_federation::AcceptedBy::Own)
        .unwrap();
    for node in [&mut a, &mut b] {
        node.restart();
        assert!(node.negotiation(&key).agreement().is_some());
    }
}
