//! The page that judges bundles in the browser, and how a session's receipts lead to it.
#![expect(clippy::unwrap_used, reason = "test helper")]

use axum::http::{Method, StatusCode, header};
use quorate_note::base64;
use quorate_note::ed25519::SecretKey;
use quorate_provenance::{Attributes, Recorder, SourceClass, StepDraft};
use quorate_receipt::{PublicKeyText, Receipt, Timestamp};
use serde_json::json;

use crate::support::Served;

const ACTOR: &str = "did:vm:agent:builder";

fn secret() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

/// Records a closed session of one step; its id.
pub(crate) async fn record(node: &Served) -> String {
    let key = PublicKeyText::from_bytes(*secret().public().as_bytes()).to_string();
    let body = json!({"actor": ACTOR, "key": key}).to_string();
    node.operator(Method::POST, "/actors", body).await;
    let at = Timestamp::from_seconds(1_795_132_800).unwrap();
    let subject = ACTOR.parse().unwrap();
    let (mut recorder, opening) =
        Recorder::open(secret(), subject, &[1; 32], Attributes::new(), at).unwrap();
    let note = StepDraft::note().source(SourceClass::User).inline("asked");
    let step = recorder.step(note, at).unwrap();
    let close = recorder.close(None, at).unwrap();
    let receipts = [opening, step, close];
    let lines: Vec<&str> = receipts.iter().map(Receipt::text).collect();
    node.operator(Method::POST, "/sessions", lines.join("\n"))
        .await;
    node.operator(Method::POST, "/scrolls/Provenance/checkpoint", "")
        .await;
    receipts[0].root_hash().to_string()
}

/// A trust anchor as an auditor would have it.
pub(crate) async fn anchor(node: &Served) -> String {
    let policy = node
        .operator(Method::GET, "/scrolls/Provenance/policy", "")
        .await;
    let x = base64::encode(secret().public().as_bytes());
    let x = x.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]});
    json!({"policy": policy, "trust_jwks": keys}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verifiers_page_is_served_to_anybody_under_a_policy_of_its_own() {
    let node = Served::start().await;
    let page = node.get("/verify").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(
        page.header(header::CONTENT_TYPE),
        "text/html; charset=utf-8"
    );
    let policy = page.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.contains("script-src 'sha256-"), "{policy}");
    assert!(policy.contains("connect-src 'self'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    let home = node.get("/").await;
    home.links_to("/verify");
    let policy = home.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.contains("script-src 'self'"), "{policy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_receipt_of_a_session_leads_to_its_verification_and_no_other_does() {
    let node = Served::start().await;
    node.furnish().await;
    let session = record(&node).await;
    let reader = node.session().await;
    // The actor's key stands first.
    for index in 1..=3 {
        let page = node
            .get_as(&reader, &format!("/console/Provenance/{index}"))
            .await;
        page.links_to(&format!("/verify?session={session}"));
        page.links_to(&format!("/sessions/{session}/bundle"));
    }
    node.get_as(&reader, "/console/Provenance/0")
        .await
        .hides("/verify?session=");
    // A receipt in another scroll may say that it is of a session.
    let forged = json!({"type": "session_step", "session": session});
    node.append("Audit", forged).await;
    let page = node.get("/console/Audit/30").await;
    assert_eq!(page.status, StatusCode::OK);
    page.hides("/verify?session=");
}
