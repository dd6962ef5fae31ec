//! Bundles judged over HTTP.

use std::sync::Arc;

use axum::http::StatusCode;
use quorate_store::OsDisk;
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::BundleVerifier;
use serde_json::json;

use super::{MAX_BODY, Strangers};
use crate::clock;
use crate::provenance::tests::{BUILDER, anchor_text, bundle, pin, record, session};
use crate::testing::{Answer, Network, close, config, node, node_with};

const KIND: &str = "multipart/form-data; boundary=frontier";

/// What a browser or curl sends.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in parts {
        let head = format!("--frontier\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--frontier--\r\n");
    body
}

async fn ask(network: &Network, parts: &[(&str, &[u8])]) -> Answer {
    network.call("POST", "/verify", KIND, form(parts)).await
}

/// A bundle of the node's, and an anchor for it.
async fn made(network: &Network) -> (Vec<u8>, Vec<u8>) {
    pin(network, BUILDER, 1).await;
    let receipts = session(BUILDER, 1, 1, 3);
    let (status, answer) = record(network, &receipts).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let id = receipts[0].root_hash().to_string();
    let anchor = anchor_text(network, 1).await;
    (bundle(network, &id, "").await, anchor.into_bytes())
}

#[tokio::test]
async fn a_bundle_is_judged_for_anyone_as_the_library_judges_it() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let operator = Network::new(&running);
    let (bundle, anchor) = made(&operator).await;
    let anyone = operator.anonymous();
    let parts = [("bundle", &*bundle), ("trust_anchor", &*anchor)];
    let answer = ask(&anyone, &parts).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    assert_eq!(answer.headers["cache-control"], "no-store");
    let parsed = Anchor::parse(&anchor).unwrap();
    let verifier = BundleVerifier::new(&parsed, clock::now());
    let mut expected = serde_json::to_value(verifier.verify(&*bundle).unwrap().view()).unwrap();
    expected["verified"] = json!(true);
    assert_eq!(answer.json(), expected);

    let steps = ask(&anyone, &[parts[0], parts[1], ("steps", b"true")]).await;
    assert_eq!(steps.json()["listed"].as_array().unwrap().len(), 3);

    let mut changed = bundle.clone();
    let last = changed.len() - 1;
    changed[last] = b']';
    let refused = ask(&anyone, &[("bundle", &changed), parts[1]]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let refused = refused.json();
    assert_eq!(refused["error"]["code"], "bundle-malformed");
    assert_eq!(refused["verified"], false);
    let no_anchor = ask(&anyone, &[parts[0], ("trust_anchor", b"{}")]).await;
    assert_eq!(no_anchor.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(no_anchor.json()["error"]["code"], "anchor-invalid");
    let unbound = ask(&anyone, &[parts[0], parts[1], ("payload", b"{\"a\": 1}")]).await;
    assert_eq!(unbound.json()["error"]["code"], "payload-unbound");
    close(running).await;
}

#[tokio::test]
async fn r3_a_part_that_is_misspelt_doubled_missing_or_cut_off_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let operator = Network::new(&running);
    let (bundle, anchor) = made(&operator).await;
    let (b, a) = (("bundle", &*bundle), ("trust_anchor", &*anchor));
    let bad: [&[(&str, &[u8])]; 7] = [
        &[b],
        &[a],
        &[b, a, ("paylod", &b"{}"[..])],
        &[b, a, a],
        &[b, a, ("steps", b"yes")],
        &[b, a, ("now", b"yesterday")],
        &[b, a, ("", b"")],
    ];
    for parts in bad {
        let answer = ask(&operator.anonymous(), parts).await;
        let names: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{names:?}");
        assert_eq!(answer.json()["error"]["code"], "malformed");
    }
    let whole = form(&[b, a]);
    for (kind, body) in [
        (KIND, whole[..whole.len() - 20].to_vec()),
        ("multipart/form-data; boundary=other", whole.clone()),
        ("multipart/form-data", whole.clone()),
        ("application/json", whole),
    ] {
        let answer = operator.call("POST", "/verify", kind, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{kind}");
    }
    close(running).await;
}

#[tokio::test]
async fn strangers_have_a_budget_and_callers_with_credentials_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.verify_kib_per_second = 1;
    let running = node_with(Arc::new(OsDisk), config).await;
    let operator = Network::new(&running);
    let (bundle, anchor) = made(&operator).await;
    let parts = [("bundle", &*bundle), ("trust_anchor", &*anchor)];
    let answer = ask(&operator.anonymous(), &parts).await;
    assert_eq!(answer.status, StatusCode::OK);
    // Asked for twice it is more than there can be, however slowly the machine works: what was spent takes a day to come back.
    let whole = vec![b'x'; MAX_BODY - 4096];
    let large = [("bundle", &*whole), ("trust_anchor", &*anchor)];
    let mut refused = ask(&operator.anonymous(), &large).await;
    if refused.status == StatusCode::UNPROCESSABLE_ENTITY {
        refused = ask(&operator.anonymous(), &large).await;
    }
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(wait > 1, "{wait}");
    assert_eq!(refused.json()["error"]["code"], "busy");
    let answer = ask(&operator, &parts).await;
    assert_eq!(answer.status, StatusCode::OK);
    close(running).await;
}

#[tokio::test]
async fn a_node_may_judge_for_callers_with_credentials_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.verify_kib_per_second = 0;
    let running = node_with(Arc::new(OsDisk), config).await;
    let operator = Network::new(&running);
    let (bundle, anchor) = made(&operator).await;
    let parts = [("bundle", &*bundle), ("trust_anchor", &*anchor)];
    let answer = ask(&operator.anonymous(), &parts).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&operator, &parts).await.status, StatusCode::OK);
    close(running).await;
}

#[test]
fn the_largest_body_fits_a_full_budget() {
    assert!(Strangers::new(1).spend(MAX_BODY).is_ok());
    let strangers = Strangers::new(1);
    assert!(strangers.spend(MAX_BODY / 2).is_ok());
    let refused = strangers.spend(MAX_BODY).unwrap_err();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.code(), "busy");
}
