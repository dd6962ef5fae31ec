//! Sessions over the API, and what an auditor makes of their bundles.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use futures_util::FutureExt as _;
use quorate_note::base64;
use quorate_note::ed25519::SecretKey;
use quorate_provenance::{Attributes, Payload, Recorder, SourceClass, StepDraft, Subject};
use quorate_receipt::{PublicKeyText, Receipt, Sealed, Timestamp};
use quorate_store::{Disk, OsDisk};
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::{BundleReport, BundleVerifier, payload_hash};
use serde_json::{Value, json};

use crate::clock;
use crate::testing::{Network, WatchedDisk, close, config, node, node_with};

pub(crate) const BUILDER: &str = "did:vm:agent:builder";

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn key(seed: u8) -> String {
    PublicKeyText::from_bytes(*secret(seed).public().as_bytes()).to_string()
}

fn subject(text: &str) -> Subject {
    text.parse().unwrap()
}

pub(crate) async fn pin(network: &Network, actor: &str, seed: u8) {
    let body = json!({"actor": actor, "key": key(seed)}).to_string();
    let answer = network.post("/actors", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
}

fn open(actor: &str, seed: u8, nonce: u8) -> (Recorder, Receipt) {
    let none = Attributes::new();
    Recorder::open(
        secret(seed),
        subject(actor),
        &[nonce; 32],
        none,
        clock::now(),
    )
    .unwrap()
}

fn lines(receipts: &[Receipt]) -> Vec<u8> {
    let lines: Vec<&str> = receipts.iter().map(Receipt::text).collect();
    lines.join("\n").into_bytes()
}

pub(crate) async fn record(network: &Network, receipts: &[Receipt]) -> (StatusCode, Value) {
    let answer = network.post("/sessions", lines(receipts)).await;
    (answer.status, answer.json())
}

/// A whole session of so many steps.
pub(crate) fn session(actor: &str, seed: u8, nonce: u8, steps: usize) -> Vec<Receipt> {
    let (mut recorder, opening) = open(actor, seed, nonce);
    let mut receipts = vec![opening];
    for n in 0..steps {
        let draft = StepDraft::note()
            .source(SourceClass::User)
            .inline(format!("step {n}"));
        receipts.push(recorder.step(draft, clock::now()).unwrap());
    }
    receipts.push(recorder.close(None, clock::now()).unwrap());
    receipts
}

async fn anchor(network: &Network, seed: u8) -> Anchor {
    Anchor::parse(anchor_text(network, seed).await.as_bytes()).unwrap()
}

pub(crate) async fn anchor_text(network: &Network, seed: u8) -> String {
    let policy = network.get("/scrolls/Provenance/policy").await;
    let policy = String::from_utf8(policy.body).unwrap();
    let x = base64::encode(secret(seed).public().as_bytes());
    let x = x.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let text = json!({
        "policy": policy,
        "trust_jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]},
    });
    text.to_string()
}

pub(crate) async fn bundle(network: &Network, id: &str, query: &str) -> Vec<u8> {
    let answer = network.get(&format!("/sessions/{id}/bundle{query}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.body
}

fn verified(bundle: &[u8], anchor: &Anchor) -> BundleReport {
    let now: Timestamp = clock::now();
    BundleVerifier::new(anchor, now).verify(bundle).unwrap()
}

#[tokio::test]
async fn a_recorded_session_is_a_bundle_that_an_auditor_takes_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    let receipts = session(BUILDER, 1, 1, 3);
    let (status, answer) = record(&network, &receipts).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(answer["error"]["code"], "no-actors");
    pin(&network, BUILDER, 1).await;
    let (status, answer) = record(&network, &receipts).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["first_index"], 1);
    assert_eq!(answer["receipts"].as_array().unwrap().len(), 5);
    let id = receipts[0].root_hash().to_string();
    let first = bundle(&network, &id, "").await;
    let anchor = anchor(&network, 1).await;
    let report = verified(&first, &anchor);
    assert_eq!(
        (report.session().steps(), report.session().is_closed()),
        (3, true)
    );
    close(running).await;
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    let shown = network.get(&format!("/sessions/{id}")).await.json();
    assert_eq!(
        (&shown["state"], &shown["steps"]),
        (&json!("closed"), &json!(3))
    );
    assert_eq!(
        verified(&bundle(&network, &id, "").await, &anchor)
            .session()
            .steps(),
        3
    );
    // What was recorded is not recorded again, and another session may follow.
    assert_eq!(
        record(&network, &receipts[..1]).await.0,
        StatusCode::CONFLICT
    );
    assert_eq!(
        record(&network, &session(BUILDER, 1, 2, 0)).await.0,
        StatusCode::OK
    );
    close(running).await;
}

#[tokio::test]
async fn a_key_that_was_taken_back_says_since_when_and_comes_back_only_on_purpose() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    let named = json!({"actor": BUILDER, "key": key(1)}).to_string();
    let gone = network.post("/actors/remove", named.clone()).await;
    assert_eq!(gone.status, StatusCode::OK);
    let listed = network.get("/actors").await.json();
    let since = listed["actors"][0]["removed_at"].as_str().unwrap();
    let told = format!("was taken back from {BUILDER} at {since}");
    close(running).await;
    // The scroll tells it, after a restart too.
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    let said = |answer: &Value| {
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(&told), "{message}");
        answer["error"]["code"].as_str().unwrap().to_owned()
    };
    let (status, answer) = record(&network, &session(BUILDER, 1, 1, 1)).await;
    assert_eq!(
        (status, said(&answer)),
        (StatusCode::FORBIDDEN, "not-pinned".to_owned())
    );
    let added = network.post("/actors", named.clone()).await;
    assert_eq!(
        (added.status, said(&added.json())),
        (StatusCode::CONFLICT, "taken-back".to_owned())
    );
    let never = network
        .post(
            "/actors/remove",
            json!({"actor": BUILDER, "key": key(2)}).to_string(),
        )
        .await;
    let message = never.json()["error"]["message"].to_string();
    assert!(message.contains("is not pinned"), "{message}");
    let again = named.replacen('{', "{\"again\":true,", 1);
    assert_eq!(
        network.post("/actors", again).await.status,
        StatusCode::CREATED
    );
    let listed = network.get("/actors").await.json();
    assert_eq!(listed["actors"][0]["removed_at"], Value::Null);
    let recorded = record(&network, &session(BUILDER, 1, 1, 1)).await;
    assert_eq!(recorded.0, StatusCode::OK);
    close(running).await;
}

#[tokio::test]
async fn a_session_has_the_times_of_its_first_and_last_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    let receipts = session(BUILDER, 1, 1, 2);
    record(&network, &receipts).await;
    let wanted = [&receipts[0], &receipts[3]].map(|receipt| receipt.timestamp().to_string());
    let path = format!("/sessions/{}", receipts[0].root_hash());
    for answer in [
        network.get(&path).await.json(),
        network.get("/sessions").await.json()["sessions"][0].clone(),
    ] {
        assert_eq!(
            [&answer["opened_at"], &answer["last_at"]],
            [&wanted[0], &wanted[1]]
        );
    }
    close(running).await;
}

#[tokio::test]
async fn sessions_that_are_recorded_side_by_side_have_a_bundle_each() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    pin(&network, "spiffe://prod.example.org/deploy", 2).await;
    let mine = session(BUILDER, 1, 1, 20);
    let theirs = session("spiffe://prod.example.org/deploy", 2, 1, 20);
    for (mine, theirs) in mine.chunks(3).zip(theirs.chunks(3)) {
        assert_eq!(record(&network, mine).await.0, StatusCode::OK);
        assert_eq!(record(&network, theirs).await.0, StatusCode::OK);
    }
    for (receipts, seed) in [(&mine, 1), (&theirs, 2)] {
        let id = receipts[0].root_hash().to_string();
        let report = verified(
            &bundle(&network, &id, "").await,
            &anchor(&network, seed).await,
        );
        assert_eq!(report.session().steps(), 20);
        assert!(report.leaves().runs().len() > 5);
    }
    let list = network.get("/sessions?limit=1").await.json();
    assert_eq!(list["sessions"].as_array().unwrap().len(), 1);
    let next = list["next"].as_str().unwrap();
    let rest = network.get(&format!("/sessions?after={next}")).await.json();
    assert_eq!(rest["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next"], Value::Null);
    close(running).await;
}

#[tokio::test]
async fn a_batch_is_recorded_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    let receipts = session(BUILDER, 1, 1, 4);
    let mut wrong = receipts.clone();
    wrong.swap(3, 4);
    let (status, answer) = record(&network, &wrong).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(answer["error"]["code"], "head-moved");
    assert_eq!(answer["error"]["line"], 4);
    assert_eq!(answer["session"]["next_sequence"], 3);
    assert_eq!(network.get("/scrolls/Provenance").await.json()["size"], 1);
    assert_eq!(record(&network, &receipts).await.0, StatusCode::OK);
    close(running).await;
}

#[tokio::test]
async fn r2_what_the_disk_did_not_take_was_not_recorded_and_can_be_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = WatchedDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let running = node_with(shared, config(dir.path())).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    let receipts = session(BUILDER, 1, 1, 2);
    assert_eq!(record(&network, &receipts[..2]).await.0, StatusCode::OK);
    disk.0.set_full(true);
    let (status, answer) = record(&network, &receipts[2..]).await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{answer}");
    let id = receipts[0].root_hash().to_string();
    let shown = network.get(&format!("/sessions/{id}")).await.json();
    assert_eq!(
        (&shown["state"], &shown["steps"]),
        (&json!("open"), &json!(1))
    );
    disk.0.set_full(false);
    assert_eq!(record(&network, &receipts[2..]).await.0, StatusCode::OK);
    close(running).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    let receipts = session(BUILDER, 1, 1, 50);
    // Asked for once, then dropped, at whatever point it has got to.
    {
        let mut call = Box::pin(network.post("/sessions", lines(&receipts)));
        for _ in 0..3 {
            let _pending = (&mut call).now_or_never();
            tokio::task::yield_now().await;
        }
    }
    let id = receipts[0].root_hash().to_string();
    // Recorded now, or before: never half.
    let (status, _) = record(&network, &receipts).await;
    assert!(
        status == StatusCode::OK || status == StatusCode::CONFLICT,
        "{status}"
    );
    let report = verified(&bundle(&network, &id, "").await, &anchor(&network, 1).await);
    assert_eq!(report.session().steps(), 50);
    assert_eq!(network.get("/scrolls/Provenance").await.json()["size"], 53);
    close(running).await;
}

#[tokio::test]
async fn a_writer_records_for_its_own_actor_only_and_nobody_appends_past_the_rules() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    pin(&network, "did:vm:agent:other", 2).await;
    let token = json!({"actor": BUILDER, "scrolls": ["Provenance"]}).to_string();
    let token = network.post("/tokens", token).await.json();
    let writer = network.with_token(token["token"].as_str().unwrap());
    let own = session(BUILDER, 1, 1, 1);
    assert_eq!(record(&writer, &own).await.0, StatusCode::OK);
    let others = session("did:vm:agent:other", 2, 1, 1);
    let (status, answer) = record(&writer, &others).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(answer["error"]["code"], "foreign-actor");
    // Half of somebody else's session does not help either.
    assert_eq!(record(&network, &others[..1]).await.0, StatusCode::OK);
    assert_eq!(record(&writer, &others[1..]).await.0, StatusCode::FORBIDDEN);
    let removed = json!({"actor": BUILDER, "key": key(1)}).to_string();
    assert_eq!(
        writer.post("/actors/remove", removed.clone()).await.status,
        StatusCode::FORBIDDEN
    );
    let append = network
        .post("/scrolls/Provenance/receipts", r#"{"type":"session_step"}"#)
        .await;
    assert_eq!(append.json()["error"]["code"], "engine-scroll");
    assert_eq!(
        network.post("/actors/remove", removed).await.status,
        StatusCode::OK
    );
    let (status, answer) = record(&writer, &session(BUILDER, 1, 2, 1)).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (StatusCode::FORBIDDEN, &json!("not-pinned"))
    );
    let pins = network.get("/actors").await.json();
    let gone = pins["actors"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["actor"] == BUILDER);
    assert_eq!(gone.unwrap()["in_force"], false);
    close(running).await;
}

#[tokio::test]
async fn sealed_content_is_kept_shown_to_whom_the_operator_says_and_erased() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    let (salt, content) = ([4; 32], b"a secret".as_slice());
    let (mut recorder, opening) = open(BUILDER, 1, 1);
    let sealing = StepDraft::tool_call("crm").sealed(Sealed::commit(&salt, content));
    let step = recorder.step(sealing, clock::now()).unwrap();
    let closing = recorder.close(None, clock::now()).unwrap();
    let line = |content: &[u8]| {
        let (salt, content) = (base64::encode(&salt), base64::encode(content));
        format!(
            r#"{{"receipt":{},"sealed":{{"content":"{content}","salt":"{salt}"}}}}"#,
            step.text()
        )
    };
    assert_eq!(
        record(&network, std::slice::from_ref(&opening)).await.0,
        StatusCode::OK
    );
    let other = network.post("/sessions", line(b"another")).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    let body = format!("{}\n{}\n", line(content), closing.text());
    assert_eq!(network.post("/sessions", body).await.status, StatusCode::OK);
    let id = opening.root_hash().to_string();
    let anchor = anchor(&network, 1).await;
    let report = verified(&bundle(&network, &id, "").await, &anchor);
    assert_eq!((report.shown(), report.sealed()), (0, 1));
    let report = verified(&bundle(&network, &id, "?sealed=true").await, &anchor);
    assert_eq!((report.shown(), report.sealed()), (1, 0));
    let erase = json!({"index": 2, "reason": "asked for"}).to_string();
    let erased = network.post("/scrolls/Provenance/erase", erase).await;
    assert_eq!(erased.status, StatusCode::OK, "{}", erased.json());
    let report = verified(&bundle(&network, &id, "?sealed=true").await, &anchor);
    assert_eq!((report.shown(), report.sealed()), (0, 1));
    close(running).await;
    // The erasure stands in the scroll, and sessions are replayed around it.
    let running = node(dir.path()).await;
    let shown = Network::new(&running)
        .get(&format!("/sessions/{id}"))
        .await
        .json();
    assert_eq!(shown["state"], "closed");
    close(running).await;
}

#[tokio::test]
async fn a_payload_goes_into_the_bundle_if_the_closing_binds_it() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    let (recorder, opening) = open(BUILDER, 1, 1);
    let payload = Payload {
        hash: payload_hash(br#"{"a":1,"b":2}"#),
        media_type: None,
    };
    let closing = recorder.close(Some(payload), clock::now()).unwrap();
    assert_eq!(
        record(&network, &[opening.clone(), closing]).await.0,
        StatusCode::OK
    );
    let path = format!("/sessions/{}/bundle", opening.root_hash());
    let with = network.post(&path, "{\"b\": 2, \"a\": 1}").await;
    assert_eq!(with.status, StatusCode::OK);
    let report = verified(&with.body, &anchor(&network, 1).await);
    assert_eq!(
        serde_json::to_value(report.view()).unwrap()["payload"]["shown"],
        true
    );
    let other = network.post(&path, Body::from("{\"a\":2}")).await;
    assert_eq!(other.json()["error"]["code"], "payload-mismatch");
    // An export records nothing, and does not say that it did not.
    let no_json = network.post(&path, Body::from("")).await;
    assert_eq!(no_json.status, StatusCode::BAD_REQUEST);
    let message = no_json.json()["error"]["message"].to_string();
    assert!(!message.contains("recorded"), "{message}");
    close(running).await;
}

#[tokio::test]
async fn a_step_that_breaks_a_configured_rule_is_refused_and_history_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    let (mut recorder, opening) = open(BUILDER, 1, 1);
    let page = StepDraft::retrieval("https://example.org", SourceClass::Web);
    let page = recorder.step(page, clock::now()).unwrap();
    let deploy = || StepDraft::tool_call("deploy").parents([*page.root_hash()]);
    let before = recorder.step(deploy(), clock::now()).unwrap();
    let receipts = [opening, page.clone(), before];
    assert_eq!(record(&network, &receipts).await.0, StatusCode::OK);
    close(running).await;
    let file = dir.path().join("q.toml");
    std::fs::write(
        &file,
        "[[flow]]\nkind = \"tool_call\"\nname = \"deploy\"\nwithout = [\"web\"]\n",
    )
    .unwrap();
    let mut ruled = config(dir.path());
    ruled.flow = crate::Config::load(Some(&file), crate::Overrides::default())
        .unwrap()
        .flow;
    let running = node_with(Arc::new(OsDisk), ruled).await;
    let network = Network::new(&running);
    let after = recorder.step(deploy(), clock::now()).unwrap();
    let (status, answer) = record(&network, &[after]).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (StatusCode::FORBIDDEN, &json!("flow-refused"))
    );
    close(running).await;
}

/// The content of an earlier step is not in the hands of a later batch: neither erased with it, nor brought back.
#[tokio::test]
async fn content_is_sealed_under_one_commitment_once() {
    let dir = tempfile::tempdir().unwrap();
    let running = node(dir.path()).await;
    let network = Network::new(&running);
    pin(&network, BUILDER, 1).await;
    let (salt, content) = ([4; 32], b"a secret".as_slice());
    let (mut recorder, opening) = open(BUILDER, 1, 1);
    assert_eq!(
        record(&network, std::slice::from_ref(&opening)).await.0,
        StatusCode::OK
    );
    let sealing = || StepDraft::note().sealed(Sealed::commit(&salt, content));
    let line = |step: &Receipt| {
        let (salt, content) = (base64::encode(&salt), base64::encode(content));
        format!(
            r#"{{"receipt":{},"sealed":{{"content":"{content}","salt":"{salt}"}}}}"#,
            step.text()
        )
    };
    let first = recorder.step(sealing(), clock::now()).unwrap();
    let second = recorder.step(sealing(), clock::now()).unwrap();
    // Twice in one batch, then again in another one.
    let both = format!("{}\n{}", line(&first), line(&second));
    let refused = network.post("/sessions", both).await;
    assert_eq!(refused.json()["error"]["code"], "sealed-before");
    assert_eq!(
        network.post("/sessions", line(&first)).await.status,
        StatusCode::OK
    );
    let refused = network.post("/sessions", line(&second)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json()["error"]["code"], "sealed-before");
    let kept = network.get("/scrolls/Provenance/sealed/2").await;
    assert_eq!(
        (kept.status, kept.body.as_slice()),
        (StatusCode::OK, content)
    );
    let erase = json!({"index": 2, "reason": "asked for"}).to_string();
    assert_eq!(
        network
            .post("/scrolls/Provenance/erase", erase)
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        network.post("/sessions", line(&second)).await.status,
        StatusCode::CONFLICT
    );
    assert_eq!(
        network.get("/scrolls/Provenance/sealed/2").await.status,
        StatusCode::GONE
    );
    close(running).await;
}
