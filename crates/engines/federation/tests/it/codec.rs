//! Each message has one form, which is read back as the same message.

use proptest::prelude::*;
use quorate_federation::limits::{MAX_AGREEMENT_LEN, MAX_NAME_LEN, MAX_SHARED_SCROLLS};
use quorate_federation::{
    Answer, CounterTerms, DiscoveryRecord, Introduced, Malformed, MeshId, NotProven, NotVerified,
    Notice, Party, PartyKeys, QuorumPolicy, Response, SignError, Signed, SignedAgreement, Terms,
    TrustLevel, TrustProposal,
};
use quorate_receipt::json::{self, Object, Value};

use crate::strategies;
use crate::support::{
    Mesh, attestation, berlin, counter_terms, discovery_body, dublin, proposal, proposal_body,
    response, singapore, terms, text, time,
};

pub(crate) fn object(bytes: &[u8]) -> Object {
    match json::parse(bytes).unwrap() {
        Value::Object(object) => object,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn agreement() -> SignedAgreement {
    let (a, b) = (dublin(), berlin());
    let offer = proposal(&a, &b);
    let body = quorate_federation::AgreementBody {
        proposal_id: offer.unverified().proposal_id.clone(),
        offer: offer.hash(),
        parties: [a.id.clone(), b.id.clone()],
        trust_level: TrustLevel::Verify,
        terms: terms(),
        keys: [a.keys(), b.keys()],
    };
    body.sign(Party::Target, &b.key(), time(60))
        .unwrap()
        .countersign(&a.key(), time(90))
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_proposal_is_read_back_as_itself(x in strategies::proposals()) {
        let bytes = x.to_bytes();
        let read = Signed::<TrustProposal>::parse(&bytes).unwrap();
        prop_assert_eq!(&read, &x);
        prop_assert_eq!(read.to_bytes(), bytes);
        prop_assert!(read.verify(&dublin().lineage).is_ok());
    }

    #[test]
    fn a_response_is_read_back_as_itself(x in strategies::responses()) {
        let bytes = x.to_bytes();
        let read = Signed::<Response>::parse(&bytes).unwrap();
        prop_assert_eq!(&read, &x);
        prop_assert_eq!(read.to_bytes(), bytes);
        prop_assert!(read.verify(&berlin().lineage).is_ok());
    }

    #[test]
    fn an_agreement_is_read_back_as_itself(x in strategies::agreements()) {
        let bytes = x.to_bytes();
        prop_assert!(bytes.len() <= MAX_AGREEMENT_LEN);
        let read = SignedAgreement::parse(&bytes).unwrap();
        prop_assert_eq!(&read, &x);
        prop_assert_eq!(read.to_bytes(), bytes);
        prop_assert!(read.verify().is_ok());
    }

    #[test]
    fn a_notice_is_read_back_as_itself(x in strategies::notices()) {
        let bytes = x.to_bytes();
        let read = Signed::<Notice>::parse(&bytes).unwrap();
        prop_assert_eq!(&read, &x);
        prop_assert_eq!(read.to_bytes(), bytes);
        prop_assert!(read.verify(&berlin().lineage).is_ok());
    }

    #[test]
    fn a_discovery_record_is_read_back_as_itself(x in strategies::discoveries()) {
        let introduced = Introduced::new(x.clone(), &berlin().lineage).unwrap();
        let bytes = introduced.to_bytes();
        let read = Introduced::<DiscoveryRecord>::parse(&bytes).unwrap();
        prop_assert_eq!(read.to_bytes(), bytes);
        let proven = read.prove().unwrap();
        prop_assert_eq!(proven.message().signed(), &x);
        prop_assert_eq!(proven.lineage(), &berlin().lineage);
    }

    #[test]
    fn counter_terms_merge_over_the_last_ones(old in strategies::terms(), new in strategies::counter_terms()) {
        let Ok(merged) = old.merged(&new) else { return Ok(()) };
        prop_assert_eq!(&merged.scrolls, new.scrolls.as_ref().unwrap_or(&old.scrolls));
        prop_assert_eq!(merged.verification_frequency, new.verification_frequency.unwrap_or(old.verification_frequency));
        prop_assert_eq!(merged.retention_period_days, new.retention_period_days.unwrap_or(old.retention_period_days));
        prop_assert_eq!(&merged.data_jurisdiction, new.data_jurisdiction.as_ref().unwrap_or(&old.data_jurisdiction));
        prop_assert_eq!(merged.audit_rights, new.audit_rights.unwrap_or(old.audit_rights));
        for (merged, new, old) in [
            (&merged.dispute_resolution, &new.dispute_resolution, &old.dispute_resolution),
            (&merged.additional_requirement, &new.additional_requirement, &old.additional_requirement),
        ] {
            match new {
                Some(remark) if remark.as_str().is_empty() => prop_assert_eq!(merged, &None),
                Some(remark) => prop_assert_eq!(merged.as_ref(), Some(remark)),
                None => prop_assert_eq!(merged, old),
            }
        }
        prop_assert_eq!(&merged.additional_requirements, new.additional_requirements.as_ref().unwrap_or(&old.additional_requirements));
        prop_assert_eq!(old.merged(&CounterTerms::default()).unwrap(), old);
    }

    #[test]
    fn parsers_take_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Signed::<TrustProposal>::parse(&bytes);
        let _ = Signed::<Response>::parse(&bytes);
        let _ = Signed::<Notice>::parse(&bytes);
        let _ = Introduced::<DiscoveryRecord>::parse(&bytes);
        let _ = SignedAgreement::parse(&bytes);
    }
}

/// The members of the documents' example, by name.
fn has(bytes: &[u8], members: &[&str]) {
    let object = object(bytes);
    for member in members {
        let mut value = Value::Object(object.clone());
        for part in member.split('/') {
            value = value
                .as_object()
                .and_then(|object| object.get(part))
                .unwrap_or_else(|| panic!("{member}"))
                .clone();
        }
    }
}

#[test]
fn the_documents_field_names_are_kept() {
    let (a, b) = (dublin(), berlin());
    let record = Signed::sign(discovery_body(&b, &[&a]), &b.key()).unwrap();
    let record = Introduced::new(record, &b.lineage).unwrap().to_bytes();
    has(
        &record,
        &[
            "mesh_id",
            "display_name",
            "endpoints/federation",
            "endpoints/verification",
            "public_key",
            "scrolls_available",
            "trust_policy/accepts_proposals",
            "trust_policy/min_trust_level",
            "trust_policy/requires_mutual",
            "attestations",
            "lineage",
        ],
    );
    let attested = object(&record).get("attestations").unwrap().clone();
    let attested = attested.as_array().unwrap()[0].as_object().unwrap().clone();
    has(
        &json::canonical_object(&attested),
        &["attester", "attested_at", "attestation_type"],
    );
    let offer = proposal(&a, &b);
    has(
        &offer.to_bytes(),
        &[
            "proposal_id",
            "proposer",
            "target",
            "proposed_at",
            "expires_at",
            "proposed_trust_level",
            "proposed_terms/scrolls_to_share",
            "proposed_terms/verification_frequency",
            "proposed_terms/retention_period_days",
            "proposed_terms/data_jurisdiction",
            "proposed_terms/audit_rights",
            "proposer_attestations/identity_proof",
            "proposer_attestations/capability_proof",
            "proposer_attestations/compliance_credentials",
            "signature/algorithm",
            "signature/value",
        ],
    );
    let counter = Answer::Counter {
        counter_terms: counter_terms(),
        keys: Box::new(b.keys()),
    };
    let counter = Signed::sign(response(&offer, &b, time(10), counter), &b.key()).unwrap();
    has(
        &counter.to_bytes(),
        &[
            "proposal_id",
            "response_type",
            "responder",
            "responded_at",
            "counter_terms/scrolls_to_share",
            "counter_terms/verification_frequency",
            "counter_terms/retention_period_days",
            "counter_terms/additional_requirement",
            "signature",
        ],
    );
    has(
        &agreement().to_bytes(),
        &[
            "agreement_id",
            "parties",
            "established_at",
            "trust_level",
            "terms/scrolls_shared",
            "terms/verification_frequency",
            "terms/retention_period_days",
            "terms/data_jurisdiction",
            "terms/audit_rights",
            "key_exchange/dublin_federation_key",
            "key_exchange/berlin_federation_key",
            "signatures/did:vm:mesh:vaultmesh-dublin/signed_at",
            "signatures/did:vm:mesh:vaultmesh-berlin/signature",
            "agreement_hash",
        ],
    );
}

#[test]
fn an_agreement_carries_both_sides_log_keys_and_quorum_policies() {
    let agreement = object(&agreement().to_bytes());
    for mesh in [dublin(), berlin()] {
        let under = |member: &str| {
            let object = agreement.get(member).unwrap().as_object().unwrap();
            object.get(mesh.id.as_str()).unwrap().clone()
        };
        let vkeys = under("log_vkeys");
        assert_eq!(
            vkeys.as_array().unwrap()[0].as_str(),
            Some(mesh.vkey("federation").to_string().as_str())
        );
        assert_eq!(
            under("quorum_policies").as_str(),
            Some(mesh.policy().as_str())
        );
    }
}

#[test]
fn the_agreement_hash_covers_everything_but_signatures_itself_and_established_at() {
    let signed = agreement();
    let mut rest = object(&signed.to_bytes());
    for member in ["signatures", "agreement_hash", "established_at"] {
        assert!(rest.remove(member).is_some());
    }
    assert_eq!(
        quorate_receipt::Blake3Hash::of(&json::canonical_object(&rest)),
        signed.unverified().hash()
    );
    let (a, b) = (dublin(), berlin());
    let again = signed.unverified().clone();
    let again = again.sign(Party::Proposer, &a.key(), time(7)).unwrap();
    let again = again.countersign(&b.key(), time(3)).unwrap();
    assert_eq!(again.unverified().hash(), signed.unverified().hash());
    assert_eq!(again.established_at(), time(7), "the last `signed_at`");
    assert_eq!(signed.established_at(), time(90));
}

#[test]
fn a_party_signs_its_own_time_with_the_hash() {
    let signed = agreement();
    let mut moved = object(&signed.to_bytes());
    let Some(Value::Object(mut signatures)) = moved.remove("signatures") else {
        panic!("signatures");
    };
    let Some(Value::Object(mut berlins)) = signatures.remove(berlin().id.as_str()) else {
        panic!("Berlin's");
    };
    berlins.insert("signed_at", time(61).to_string());
    signatures.insert(berlin().id.as_str(), berlins);
    moved.insert("signatures", signatures);
    let moved = SignedAgreement::parse(&json::canonical_object(&moved)).unwrap();
    assert!(matches!(
        moved.verify(),
        Err(NotVerified::BadSignature { mesh, .. }) if mesh == berlin().id
    ));
}

#[test]
fn meshes_whose_names_end_alike_have_no_agreement() {
    let other = Mesh::new("rivals-berlin", 9000);
    let body = proposal_body(&berlin(), &other);
    assert_eq!(
        Signed::sign(body, &berlin().key()),
        Err(SignError::Malformed(Malformed::SameLabel {
            label: "berlin".into()
        }))
    );
    let body = proposal_body(&berlin(), &berlin());
    assert_eq!(
        Signed::sign(body, &berlin().key()),
        Err(SignError::Malformed(Malformed::SameMesh))
    );
    for (name, label) in [("berlin", "berlin"), ("a-b.c-d_e", "d_e"), ("x-7", "7")] {
        let mesh: MeshId = text(&format!("did:vm:mesh:{name}"));
        assert_eq!(mesh.label(), label);
        assert_eq!(mesh.key_member(), format!("{label}_federation_key"));
    }
    assert!("did:vm:mesh:berlin-".parse::<MeshId>().is_err());
    assert!("did:vm:human:berlin".parse::<MeshId>().is_err());
}

#[test]
fn only_a_federation_key_signs_and_only_the_one_that_is_named() {
    let (mut a, b) = (dublin(), berlin());
    assert_eq!(
        Signed::sign(proposal_body(&a, &b), &a.log_key()),
        Err(SignError::Role(quorate_lineage::Role::Log))
    );
    let old = proposal_body(&a, &b);
    let named = old.keys.federation_key;
    a.rotate_federation_key();
    let key = a.key().public();
    assert_eq!(
        Signed::sign(old, &a.key()),
        Err(SignError::OtherKey { named, key })
    );
    let body = agreement().unverified().clone();
    assert!(matches!(
        body.clone().sign(Party::Proposer, &a.key(), time(1)),
        Err(SignError::OtherKey { .. })
    ));
    assert_eq!(
        body.sign(Party::Proposer, &a.log_key(), time(1)),
        Err(SignError::Role(quorate_lineage::Role::Log))
    );
}

#[test]
fn a_retired_key_signs_no_message_any_more() {
    let (mut a, b) = (dublin(), berlin());
    let before = proposal(&a, &b);
    a.rotate_federation_key();
    assert!(matches!(
        before.verify(&a.lineage),
        Err(NotVerified::BadSignature { .. })
    ));
}

#[test]
fn a_message_names_the_key_that_signed_it() {
    // Both keys are in force, and the message names the other one.
    let (a, b) = (dublin(), berlin());
    let mut overlapping = a.clone();
    overlapping.add_federation_key();
    let named = proposal_body(&a, &b).keys.federation_key;
    let mut body = proposal_body(&a, &b);
    body.keys.federation_key = overlapping.key().public();
    let signed = Signed::sign(body, &overlapping.key()).unwrap();
    let mut swapped = object(&signed.to_bytes());
    let Some(Value::Object(mut keys)) = swapped.remove("keys") else {
        panic!("keys");
    };
    keys.insert("federation_key", named.to_string());
    let swapped = swapped.with("keys", keys);
    let swapped = overlapping.resigned("proposal", swapped);
    let swapped = Signed::<TrustProposal>::parse(&swapped).unwrap();
    assert_eq!(
        swapped.verify(&overlapping.lineage),
        Err(NotVerified::OtherKey {
            what: "the trust proposal",
            named,
            signed_by: overlapping.key().public()
        })
    );
}

#[test]
fn a_record_proves_itself_only_with_its_own_lineage_up_to_its_head() {
    let (b, mut later) = (berlin(), berlin());
    later.rotate_federation_key();
    let record = Signed::sign(discovery_body(&b, &[]), &b.key()).unwrap();
    let prove = |record: &Signed<DiscoveryRecord>, mesh: &Mesh| {
        let introduced = Introduced::new(record.clone(), &mesh.lineage).unwrap();
        introduced.prove().map(|proven| proven.lineage().clone())
    };
    assert_eq!(prove(&record, &b), Ok(b.lineage.clone()));
    assert_eq!(prove(&record, &later), Err(NotProven::OtherHead));
    assert_eq!(prove(&record, &singapore()), Err(NotProven::OtherHead));
    let foreign = DiscoveryRecord {
        lineage_head: quorate_federation::LineageHead::of(&singapore().lineage),
        ..discovery_body(&b, &[])
    };
    let foreign = Signed::sign(foreign, &singapore().key()).unwrap();
    assert_eq!(prove(&foreign, &singapore()), Err(NotProven::OtherKey));
    let forged = Signed::sign(discovery_body(&b, &[]), &singapore().key()).unwrap();
    assert!(matches!(
        prove(&forged, &b),
        Err(NotProven::NotVerified(NotVerified::BadSignature { .. }))
    ));
    let mut cut = object(&Introduced::new(record, &b.lineage).unwrap().to_bytes());
    let Some(Value::Array(events)) = cut.remove("lineage") else {
        panic!("lineage");
    };
    let cut = cut.with("lineage", events[1..].to_vec());
    let cut = Introduced::<DiscoveryRecord>::parse(&json::canonical_object(&cut)).unwrap();
    assert!(matches!(cut.prove(), Err(NotProven::Lineage(_))));
}

#[test]
fn attestations_are_about_the_mesh_that_shows_them() {
    let (a, b) = (dublin(), berlin());
    for about in [&a, &Mesh::new("vaultmesh-berlin", 7000)] {
        let record = DiscoveryRecord {
            attestations: vec![attestation(&a, about)],
            ..discovery_body(&b, &[])
        };
        assert!(matches!(
            Signed::sign(record, &b.key()),
            Err(SignError::Malformed(Malformed::Invalid { member, .. })) if &*member == "attestations"
        ));
    }
}

#[test]
fn every_size_has_its_limit() {
    let (a, b) = (dublin(), berlin());
    let refused = |body: TrustProposal| match Signed::sign(body, &a.key()) {
        Err(SignError::Malformed(malformed)) => malformed,
        other => panic!("{other:?}"),
    };
    let scroll = |n: usize| text(&format!("S{n}"));
    let mut body = proposal_body(&a, &b);
    body.proposed_terms.scrolls = (0..MAX_SHARED_SCROLLS).map(scroll).collect();
    assert!(Signed::sign(body.clone(), &a.key()).is_ok());
    body.proposed_terms.scrolls.push(scroll(99));
    assert!(
        matches!(refused(body), Malformed::Invalid { member, .. } if &*member == "scrolls_to_share")
    );
    let mut body = proposal_body(&a, &b);
    body.proposed_terms.scrolls = vec![];
    assert!(
        matches!(refused(body), Malformed::Invalid { member, .. } if &*member == "scrolls_to_share")
    );
    let mut body = proposal_body(&a, &b);
    body.proposed_terms.scrolls = vec![text("Drills"), text("drills")];
    assert!(matches!(refused(body), Malformed::Repeated { .. }));
    for days in [0, 36_526] {
        let mut body = proposal_body(&a, &b);
        body.proposed_terms.retention_period_days = days;
        assert!(
            matches!(refused(body), Malformed::Invalid { member, .. } if &*member == "retention_period_days")
        );
    }
    let mut body = proposal_body(&a, &b);
    body.proposed_terms.additional_requirements = vec![text(&"\\".repeat(512)); 7];
    assert!(matches!(
        refused(body),
        Malformed::TooLong {
            what: "the terms",
            ..
        }
    ));
    let mut body = proposal_body(&a, &b);
    body.keys.log_vkeys = vec![];
    assert!(matches!(refused(body), Malformed::Invalid { member, .. } if &*member == "log_vkeys"));
    let mut body = proposal_body(&a, &b);
    body.keys.log_vkeys = vec![a.witness()];
    assert!(matches!(refused(body), Malformed::Invalid { member, .. } if &*member == "log_vkeys"));
    let mut body = proposal_body(&a, &b);
    body.keys.log_vkeys = vec![a.vkey("x"), a.vkey("x")];
    assert!(matches!(refused(body), Malformed::Repeated { .. }));
    let mut body = proposal_body(&a, &b);
    body.keys.log_vkeys = (0..36).map(|n| a.vkey(&format!("{n:x>200}"))).collect();
    body.keys.quorum_policy = long_policy(&a);
    assert!(matches!(
        refused(body),
        Malformed::TooLong {
            what: "the keys of a party",
            ..
        }
    ));
    for expires in [0, 90 * 86_400 + 1] {
        let mut body = proposal_body(&a, &b);
        body.expires_at = time(expires);
        assert!(
            matches!(refused(body), Malformed::Invalid { member, .. } if &*member == "expires_at")
        );
    }
    let mut body = proposal_body(&a, &b);
    body.proposed_trust_level = TrustLevel::Isolated;
    assert!(
        matches!(refused(body), Malformed::Invalid { member, .. } if &*member == "proposed_trust_level")
    );
    let long = " ".repeat(200_000);
    assert!(matches!(
        Signed::<TrustProposal>::parse(long.as_bytes()),
        Err(Malformed::TooLong { .. })
    ));
    assert!(
        "x".repeat(MAX_NAME_LEN + 1)
            .parse::<quorate_federation::Name>()
            .is_err()
    );
}

fn long_policy(mesh: &Mesh) -> QuorumPolicy {
    let one = mesh.policy();
    let key = one
        .as_str()
        .split(' ')
        .nth(2)
        .unwrap()
        .split('\n')
        .next()
        .unwrap();
    let urls = "x".repeat(16_000);
    QuorumPolicy::parse(&format!(
        "witness w1 {key} https://w.example/{urls}\nquorum w1\n"
    ))
    .unwrap()
}

#[test]
fn the_largest_agreement_fits_into_an_acceptance_and_that_into_a_receipt() {
    let (a, b) = (
        Mesh::new(&"a".repeat(128), 1000),
        Mesh::new(&"b".repeat(128), 2000),
    );
    let full = |mesh: &Mesh| {
        let mut keys = mesh.keys();
        keys.log_vkeys = vec![mesh.vkey("federation")];
        let overhead = json::canonical_object(&keys_object(&keys)).len();
        let witness = mesh.policy().as_str().to_owned();
        let line = witness.lines().next().unwrap().to_owned();
        let fill = quorate_federation::limits::MAX_PARTY_KEYS_LEN - overhead - 1;
        keys.quorum_policy =
            QuorumPolicy::parse(&format!("{line} {}\nquorum w1\n", "u".repeat(fill))).unwrap();
        assert_eq!(
            json::canonical_object(&keys_object(&keys)).len(),
            quorate_federation::limits::MAX_PARTY_KEYS_LEN
        );
        keys
    };
    let mut terms = Terms {
        scrolls: (0..16)
            .map(|n| text(&format!("{}{n:02}", "S".repeat(62))))
            .collect(),
        data_jurisdiction: text(&"\"".repeat(64)),
        dispute_resolution: Some(text(&"\"".repeat(512))),
        additional_requirement: Some(text(&"\"".repeat(512))),
        ..terms()
    };
    terms.additional_requirements = vec![text(&"\"".repeat(512)); 2];
    let body = quorate_federation::AgreementBody {
        proposal_id: text(&format!("fed-proposal-{}", "x".repeat(64))),
        offer: crate::support::hash(1),
        parties: [a.id.clone(), b.id.clone()],
        trust_level: TrustLevel::Integrate,
        terms,
        keys: [full(&a), full(&b)],
    };
    let at = "2026-01-31T23:59:59.123456789Z".parse().unwrap();
    let half = body.sign(Party::Target, &b.key(), at).unwrap();
    let accept = Response {
        proposal_id: half.unverified().proposal_id.clone(),
        proposer: a.id.clone(),
        responder: b.id.clone(),
        responded_at: at,
        in_reply_to: half.unverified().offer,
        answer: Answer::Accept(Box::new(half.clone())),
    };
    assert!(Signed::sign(accept, &b.key()).is_ok());
    let signed = half.countersign(&a.key(), at).unwrap();
    assert_eq!(SignedAgreement::parse(&signed.to_bytes()).unwrap(), signed);
}

fn keys_object(keys: &PartyKeys) -> Object {
    let mut body = proposal_body(&dublin(), &berlin());
    body.keys = keys.clone();
    // Written by the crate itself, and not limited before it is read.
    let vkeys: Vec<String> = keys.log_vkeys.iter().map(ToString::to_string).collect();
    Object::new()
        .with("federation_key", keys.federation_key.to_string())
        .with("log_vkeys", vkeys)
        .with("quorum_policy", keys.quorum_policy.as_str())
}

#[test]
fn a_quorum_policy_has_one_text() {
    let good = dublin().policy();
    for bad in [
        format!("# mine\n{}", good.as_str()),
        good.as_str().replace(' ', "  "),
        good.as_str().trim_end().to_owned(),
    ] {
        assert!(QuorumPolicy::parse(&bad).is_err(), "{bad:?}");
    }
    assert!(!good.is_unwitnessed());
    assert!(
        QuorumPolicy::parse("quorum none\n")
            .unwrap()
            .is_unwitnessed()
    );
}
