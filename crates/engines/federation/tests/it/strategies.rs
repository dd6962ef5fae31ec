//! Messages of every kind, for the property tests.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use quorate_federation::limits::{MAX_CREDENTIALS, MAX_RETENTION_DAYS};
use quorate_federation::{
    AgreementBody, Answer, Change, Closing, CounterTerms, DiscoveryRecord, Frequency, Name, Notice,
    Party, ProposerAttestations, Remark, Response, Scope, Signed, SignedAgreement, Terms,
    TrustLevel, TrustPolicy, TrustProposal,
};
use quorate_receipt::{ScrollName, Timestamp};

use crate::support::{
    attestation, berlin, discovery_body, dublin, hash, proposal_body, singapore, text,
};

fn words(longest: usize) -> impl Strategy<Value = String> {
    // Quotes, backslashes, characters beyond the basic plane: what JSON escapes and what it sorts by UTF-16.
    vec(
        prop_oneof![
            4 => any::<char>().prop_filter("plain", |c| !c.is_control()),
            2 => prop::char::range('!', '~'),
        ],
        1..=longest / 4,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

fn name() -> impl Strategy<Value = Name> {
    words(64).prop_map(|words| text(&words))
}

fn remark() -> impl Strategy<Value = Remark> {
    words(120).prop_map(|words| text(&words))
}

fn scrolls(most: usize) -> impl Strategy<Value = Vec<ScrollName>> {
    prop::collection::btree_set("[A-Z][a-z0-9_-]{0,20}", 1..=most)
        .prop_map(|names| names.iter().map(|name| text(name)).collect())
}

fn frequency() -> impl Strategy<Value = Frequency> {
    prop::sample::select(vec![
        Frequency::Hourly,
        Frequency::Daily,
        Frequency::Weekly,
        Frequency::Monthly,
    ])
}

fn level() -> impl Strategy<Value = TrustLevel> {
    prop::sample::select(TrustLevel::ALL[1..].to_vec())
}

pub(crate) fn time() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_000_i64).prop_map(|micros| Timestamp::from_micros(micros).unwrap())
}

pub(crate) fn terms() -> impl Strategy<Value = Terms> {
    (
        scrolls(16),
        frequency(),
        1..=MAX_RETENTION_DAYS,
        name(),
        any::<bool>(),
        (
            option::of(remark()),
            option::of(remark()),
            vec(remark(), 0..4),
        ),
    )
        .prop_map(|(scrolls, frequency, days, name, audit, said)| Terms {
            scrolls,
            verification_frequency: frequency,
            retention_period_days: days,
            data_jurisdiction: name,
            audit_rights: audit,
            dispute_resolution: said.0,
            additional_requirement: said.1,
            additional_requirements: said.2,
        })
}

fn empty_or_remark() -> impl Strategy<Value = Remark> {
    prop_oneof![Just(text("")), remark()]
}

pub(crate) fn counter_terms() -> impl Strategy<Value = CounterTerms> {
    (
        option::of(scrolls(16)),
        option::of(frequency()),
        option::of(1..=MAX_RETENTION_DAYS),
        option::of(name()),
        option::of(any::<bool>()),
        (
            option::of(empty_or_remark()),
            option::of(empty_or_remark()),
            option::of(vec(empty_or_remark(), 0..4)),
        ),
    )
        .prop_map(
            |(scrolls, frequency, days, name, audit, said)| CounterTerms {
                scrolls,
                verification_frequency: frequency,
                retention_period_days: days,
                data_jurisdiction: name,
                audit_rights: audit,
                dispute_resolution: said.0,
                additional_requirement: said.1,
                additional_requirements: said.2,
            },
        )
}

pub(crate) fn proposals() -> impl Strategy<Value = Signed<TrustProposal>> {
    (
        terms(),
        level(),
        time(),
        1..86_400_000_000_i64 * 90,
        vec(name(), 0..MAX_CREDENTIALS),
        (words(400), words(400)),
    )
        .prop_map(|(terms, level, at, open, credentials, proofs)| {
            let from = dublin();
            let body = TrustProposal {
                proposed_terms: terms,
                proposed_trust_level: level,
                proposed_at: at,
                expires_at: Timestamp::from_micros(at.micros() + open).unwrap(),
                proposer_attestations: ProposerAttestations {
                    identity_proof: text(&proofs.0),
                    capability_proof: text(&proofs.1),
                    compliance_credentials: credentials,
                },
                ..proposal_body(&from, &berlin())
            };
            Signed::sign(body, &from.key()).unwrap()
        })
}

fn agreement_body() -> impl Strategy<Value = AgreementBody> {
    (terms(), level(), any::<u32>()).prop_map(|(terms, level, n)| {
        let (a, b) = (dublin(), berlin());
        AgreementBody {
            proposal_id: text(&format!("fed-proposal-{n}")),
            offer: hash(n),
            keys: [a.keys(), b.keys()],
            parties: [a.id, b.id],
            trust_level: level,
            terms,
        }
    })
}

pub(crate) fn agreements() -> impl Strategy<Value = SignedAgreement> {
    (agreement_body(), time(), time()).prop_map(|(body, first, second)| {
        body.sign(Party::Target, &berlin().key(), first)
            .unwrap()
            .countersign(&dublin().key(), second)
            .unwrap()
    })
}

pub(crate) fn responses() -> impl Strategy<Value = Signed<Response>> {
    let counter = counter_terms().prop_map(|counter_terms| Answer::Counter {
        counter_terms,
        keys: Box::new(berlin().keys()),
    });
    let closing = (empty_or_remark(), 0..3).prop_map(|(reason, which)| {
        let closing = Closing { reason };
        match which {
            0 => Answer::Reject(closing),
            1 => Answer::Withdraw(closing),
            _ => Answer::Expire(closing),
        }
    });
    let plain = (prop_oneof![counter, closing], time(), any::<u32>()).prop_map(
        |(answer, responded_at, n)| Response {
            proposal_id: text(&format!("fed-proposal-{n}")),
            proposer: dublin().id,
            responder: berlin().id,
            responded_at,
            in_reply_to: hash(n),
            answer,
        },
    );
    let accept = (agreement_body(), time()).prop_map(|(body, at)| {
        let half = body.sign(Party::Target, &berlin().key(), at).unwrap();
        Response {
            proposal_id: half.unverified().proposal_id.clone(),
            proposer: dublin().id,
            responder: berlin().id,
            responded_at: at,
            in_reply_to: half.unverified().offer,
            answer: Answer::Accept(Box::new(half)),
        }
    });
    prop_oneof![3 => plain, 1 => accept]
        .prop_map(|response| Signed::sign(response, &berlin().key()).unwrap())
}

pub(crate) fn notices() -> impl Strategy<Value = Signed<Notice>> {
    let change = prop_oneof![
        (0..1_000_000_000_i64).prop_map(Some),
        Just(None).prop_map(|none: Option<i64>| none)
    ];
    (
        any::<u32>(),
        time(),
        1..1_000_000_u64,
        0..3,
        change,
        empty_or_remark(),
    )
        .prop_map(|(n, at, sequence, which, later, reason)| {
            let change = match (which, later) {
                (0, Some(later)) => Change::Revoke {
                    effective_at: Timestamp::from_micros(at.micros() + later).unwrap(),
                },
                (0, None) => Change::Suspend(Scope::CrossAnchoring),
                (1, _) => Change::Suspend(Scope::Federation),
                _ => Change::Resume,
            };
            let notice = Notice {
                agreement_hash: hash(n),
                issuer: berlin().id,
                issued_at: at,
                sequence,
                change,
                reason,
            };
            Signed::sign(notice, &berlin().key()).unwrap()
        })
}

pub(crate) fn discoveries() -> impl Strategy<Value = Signed<DiscoveryRecord>> {
    (
        name(),
        prop_oneof![Just(vec![]), scrolls(64)],
        0..5_u64,
        any::<(bool, bool)>(),
        time(),
        0..3_usize,
    )
        .prop_map(|(name, scrolls, level, flags, at, attested)| {
            let of = berlin();
            let attesters = [dublin(), singapore()];
            let body = DiscoveryRecord {
                display_name: name,
                scrolls_available: scrolls,
                issued_at: at,
                trust_policy: TrustPolicy {
                    accepts_proposals: flags.0,
                    min_trust_level: TrustLevel::from_number(level).unwrap(),
                    requires_mutual: flags.1,
                },
                attestations: attesters
                    .iter()
                    .take(attested)
                    .map(|by| attestation(by, &of))
                    .collect(),
                ..discovery_body(&of, &[])
            };
            Signed::sign(body, &of.key()).unwrap()
        })
}
