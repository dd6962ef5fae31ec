//! Bundles as in-toto Statements in DSSE envelopes.

use quorate_note::ed25519::SecretKey;
use quorate_provenance::StepDraft;
use quorate_receipt::{PublicKeyText, json};
use quorate_verify::bundle::{AttestError, BundleVerifier, payload_hash};
use serde_json::Value;

use crate::common::base64;
use crate::tamper::{Json, no_byte_of_it_is_free, no_member_or_element_of_it_is_free};
use crate::world::{PAYLOAD, World, actor_key, anchor, at, code, now, present, recorder, verify};

const KIND: &str = "application/vnd.in-toto+json";

fn attest(bundle: &[u8]) -> Vec<u8> {
    let anchor = anchor("");
    let verifier = BundleVerifier::new(&anchor, now());
    verifier.attest(bundle, &actor_key()).unwrap()
}

/// A session whose artifact steps say what they made.
fn releasing() -> World {
    let mut world = World::new();
    let (mut recorder, opening) = recorder();
    world.receipts = vec![opening];
    world.payload = None;
    for (n, name) in ["a.tar", "b.tar"].into_iter().enumerate() {
        let draft = StepDraft::artifact(name, None).hashed(
            payload_hash(name.as_bytes()),
            5,
            Some("application/x-tar"),
        );
        let receipt = recorder.step(draft, at(n as i64)).unwrap();
        world.receipts.push(receipt);
    }
    world.receipts.push(recorder.close(None, at(6)).unwrap());
    world
}

fn statement(attestation: &[u8]) -> Value {
    let envelope: Value = serde_json::from_slice(attestation).unwrap();
    assert_eq!(envelope["payloadType"], KIND);
    let payload = envelope["payload"].as_str().unwrap();
    let payload = quorate_note::base64::decode(payload.as_bytes()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// An envelope as anybody may write one.
fn envelope(statement: &[u8], keyid: &str, key: &SecretKey) -> Vec<u8> {
    let head = format!("DSSEv1 {} {KIND} {} ", KIND.len(), statement.len());
    let signature = key.sign(&[head.as_bytes(), statement].concat());
    format!(
        r#"{{"payload":"{}","payloadType":"{KIND}","signatures":[{{"keyid":"{keyid}","sig":"{}"}}]}}"#,
        base64(statement),
        base64(&signature)
    )
    .into_bytes()
}

fn name_of(key: &SecretKey) -> String {
    PublicKeyText::from_bytes(*key.public().as_bytes()).to_string()
}

#[test]
fn an_attestation_is_a_statement_about_what_the_session_made_and_verifies_as_its_bundle_does() {
    let bundle = releasing().bundle();
    let attestation = attest(&bundle);
    let statement = statement(&attestation);
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    let predicate: Value = serde_json::from_slice(&bundle).unwrap();
    assert_eq!(statement["predicate"], predicate);
    let hash = payload_hash(b"b.tar").to_string();
    let subject = &statement["subject"][1];
    assert_eq!(
        (&subject["name"], &subject["mediaType"]),
        (&"b.tar".into(), &"application/x-tar".into())
    );
    assert_eq!(
        subject["digest"]["sha256"],
        hash.trim_start_matches("sha256:")
    );
    let report = verify(&attestation, &anchor("")).unwrap();
    let bare = verify(&bundle, &anchor("")).unwrap();
    let (mut shown, bare) = (report.view(), bare.view());
    let artifacts = shown.attestation.take().unwrap();
    assert_eq!(shown, bare);
    let names: Vec<&str> = artifacts.iter().map(|a| &*a.name).collect();
    assert_eq!(names, ["a.tar", "b.tar"]);
    assert_eq!(artifacts[1].hash, hash);
}

#[test]
fn what_is_bound_is_attested_and_else_the_bundle_itself() {
    let subject = |bundle: &[u8]| statement(&attest(bundle))["subject"].clone();
    let sha256 = |bytes: &[u8]| payload_hash(bytes).to_string()["sha256:".len()..].to_owned();
    let with_payload = subject(&World::new().bundle());
    assert_eq!(
        with_payload,
        serde_json::json!([{"digest": {"sha256": sha256(PAYLOAD)}, "mediaType": "application/json", "name": "payload"}])
    );
    let mut plain = World::new();
    let (recorder, opening) = recorder();
    plain.receipts = vec![opening, recorder.close(None, at(6)).unwrap()];
    plain.payload = None;
    let bundle = plain.bundle();
    assert_eq!(
        subject(&bundle),
        serde_json::json!([{"digest": {"sha256": sha256(&bundle)}, "name": "bundle"}])
    );
    verify(&attest(&bundle), &anchor("")).unwrap();
}

#[test]
fn no_byte_and_no_member_of_an_attestation_is_free() {
    let attestation = attest(&World::new().with_sealed().bundle());
    no_byte_of_it_is_free(&attestation, &anchor(""));
    let walked = no_member_or_element_of_it_is_free(&attestation, &anchor(""));
    assert!(walked > 50, "{walked}");
}

/// The session's key could sign many statements about one bundle; one of them is taken. The bundle shows nothing that may
/// be left out, which would be another bundle of the same session.
#[test]
fn a_statement_in_another_form_is_refused_though_the_key_signed_it() {
    let honest: Value = serde_json::from_slice(&attest(&releasing().bundle())).unwrap();
    let statement =
        quorate_note::base64::decode(honest["payload"].as_str().unwrap().as_bytes()).unwrap();
    let (own, anchor) = (actor_key(), anchor(""));
    let tree = Json::of(&json::parse(&statement).unwrap());
    let changes = tree.changes();
    assert!(changes.len() > 400, "{}", changes.len());
    for (what, changed) in changes {
        let changed = changed.text();
        if changed.as_bytes() != statement {
            let signed = envelope(changed.as_bytes(), &name_of(&own), &own);
            assert_ne!(code(&signed, &anchor), "accepted", "{what}");
        }
    }
}

#[test]
fn only_the_sessions_key_under_its_own_name_attests() {
    let honest: Value = serde_json::from_slice(&attest(&World::new().bundle())).unwrap();
    let statement =
        quorate_note::base64::decode(honest["payload"].as_str().unwrap().as_bytes()).unwrap();
    let (own, other) = (actor_key(), SecretKey::from_seed([8; 32]));
    let verdict = |keyid: &str, key| code(&envelope(&statement, keyid, key), &anchor(""));
    assert_eq!(verdict(&name_of(&own), &own), "accepted");
    assert_eq!(verdict(&name_of(&own), &other), "attestation-signature");
    assert_eq!(verdict(&name_of(&other), &other), "attestation-signature");
    assert_eq!(verdict(&name_of(&other), &own), "attestation-signature");
    assert_eq!(verdict("", &own), "attestation-signature");
}

#[test]
fn a_statement_about_other_artifacts_is_refused_though_the_key_signed_it() {
    let honest: Value = serde_json::from_slice(&attest(&World::new().bundle())).unwrap();
    let statement =
        quorate_note::base64::decode(honest["payload"].as_str().unwrap().as_bytes()).unwrap();
    let text = String::from_utf8(statement).unwrap();
    let own = actor_key();
    let verdict = |text: &str| {
        code(
            &envelope(text.as_bytes(), &name_of(&own), &own),
            &anchor(""),
        )
    };
    assert_eq!(verdict(&text), "accepted");
    let start = text.rfind(",\"subject\":").unwrap();
    let other = payload_hash(b"other").to_string();
    let other = &other["sha256:".len()..];
    for subject in [
        "[]".to_owned(),
        format!(r#"[{{"digest":{{"sha256":"{other}"}},"name":"payload"}}]"#),
        text[start + 11..text.len() - 1].replace("payload", "Payload"),
    ] {
        let changed = format!("{},\"subject\":{subject}}}", &text[..start]);
        assert_eq!(verdict(&changed), "attestation-subjects", "{subject}");
    }
    let changed = text.replace("/bundle/v1\",\"subject", "/bundle/v2\",\"subject");
    assert_eq!(verdict(&changed), "bundle-malformed");
    assert_eq!(verdict(&format!("{text}\n")), "bundle-malformed");
}

#[test]
fn an_attestation_is_no_presentation() {
    let attestation = attest(&World::new().bundle());
    let asks = anchor(r#","require":{"audience":"auditor.example"}"#);
    assert_eq!(code(&attestation, &asks), "presentation-missing");
}

#[test]
fn only_a_bare_bundle_that_verifies_is_attested_by_the_sessions_key() {
    let anchor = anchor("");
    let verifier = BundleVerifier::new(&anchor, now());
    let bundle = World::new().bundle();
    let presented = present(&bundle, "auditor.example", "n-1", at(5000));
    for wrapped in [presented, attest(&bundle)] {
        assert_eq!(
            verifier.attest(&wrapped, &actor_key()),
            Err(AttestError::NotBare)
        );
    }
    assert_eq!(
        verifier.attest(&bundle, &SecretKey::from_seed([8; 32])),
        Err(AttestError::OtherKey)
    );
    let refused = verifier.attest(&bundle[..bundle.len() - 1], &actor_key());
    assert!(matches!(refused, Err(AttestError::Refused(_))));
}
