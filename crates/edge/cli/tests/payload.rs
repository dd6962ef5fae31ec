//! What the hash of a payload is taken of, and who is told.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

#[expect(dead_code, reason = "made for more than one test")]
mod scene;

use std::fs;

use quorate_note::base64;
use quorate_verify::bundle::payload_hash;
use serde_json::Value;

use scene::{ACTOR, Scene, text};

const PRETTY: &[u8] = b"{ \"release\": \"1.2.3\" }\n";
const CANONICAL: &[u8] = b"{\"release\":\"1.2.3\"}";

/// A closed session, and what closing it answered.
fn closed(scene: &Scene, payload: &[u8], flags: &str) -> (String, Value) {
    fs::write(scene.file("payload"), payload).unwrap();
    let session = scene.does(&format!("session open --subject {ACTOR} --key seed"));
    let session = session.trim().to_owned();
    let words = format!("session close {session} --key seed --payload payload{flags}");
    let answer = scene.json(&words);
    (session, answer)
}

/// The digest of the one subject of an attestation.
fn subject(scene: &Scene) -> String {
    scene.does("bundle attest bundle --trust-anchor anchor.json --key seed -o attested");
    let envelope: Value =
        serde_json::from_slice(&fs::read(scene.file("attested")).unwrap()).unwrap();
    let statement = base64::decode(text(&envelope, "payload").as_bytes()).unwrap();
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    let subject = &statement["subject"][0];
    assert_eq!(text(subject, "name"), "payload");
    format!("sha256:{}", text(&subject["digest"], "sha256"))
}

#[test]
fn a_payload_in_json_is_bound_by_its_canonical_text_and_everybody_says_so() {
    let scene = Scene::new();
    let (canonical, file) = (
        payload_hash(CANONICAL).to_string(),
        payload_hash(PRETTY).to_string(),
    );
    let (session, answer) = closed(&scene, PRETTY, "");
    let told = ["payload", "payload_of", "payload_file"].map(|member| text(&answer, member));
    assert_eq!(told, [&*canonical, "canonical-json", &*file]);
    scene.does(&format!(
        "bundle export {session} --payload payload -o bundle"
    ));
    let verify = "bundle verify bundle --trust-anchor anchor.json";
    let report = scene.json(verify);
    assert_eq!(text(&report["payload"], "of"), "canonical-json");
    let said = scene.does(verify);
    assert!(
        said.contains("(shown; the hash of its canonical JSON)"),
        "{said}"
    );
    assert_eq!(subject(&scene), canonical);
    // Beside the bundle it is the same, and where nothing is shown the report does not say more than it knows.
    scene.does(&format!("bundle export {session} -o bundle"));
    let report = scene.json(&format!("{verify} --payload payload"));
    assert_eq!(text(&report["payload"], "of"), "canonical-json");
    let report = scene.json(verify);
    assert_eq!(report["payload"].get("of"), None);
    assert!(scene.does(verify).contains("unless it was bound as bytes"));
    // To people: that the file's own hash is another, and only then.
    for (payload, differs) in [(PRETTY, true), (CANONICAL, false)] {
        fs::write(scene.file("payload"), payload).unwrap();
        let session = scene.does(&format!("session open --subject {ACTOR} --key seed"));
        let words = format!(
            "session close {} --key seed --payload payload",
            session.trim()
        );
        let said = scene.does(&words);
        assert!(
            said.contains(&format!("{canonical}, the hash of its canonical JSON")),
            "{said}"
        );
        let own = format!("The file's own SHA-256 is another, {file}");
        assert_eq!(said.contains(&own), differs, "{said}");
        assert_eq!(said.contains("is another"), differs, "{said}");
    }
}

#[test]
fn bytes_that_are_bound_as_they_are_have_the_hash_of_their_file_and_stay_beside_the_bundle() {
    let scene = Scene::new();
    for (payload, flags) in [(PRETTY, " --as-bytes"), (&b"no JSON\n"[..], "")] {
        let file = payload_hash(payload).to_string();
        let (session, answer) = closed(&scene, payload, flags);
        let told = ["payload", "payload_of", "payload_file"].map(|member| text(&answer, member));
        assert_eq!(told, [&*file, "bytes", &*file]);
        let inside = format!("bundle export {session} --payload payload -o none");
        assert!(!scene.run(&inside).status.success());
        scene.does(&format!("bundle export {session} -o bundle"));
        let verify = "bundle verify bundle --trust-anchor anchor.json --payload payload";
        let report = scene.json(verify);
        assert_eq!(
            (text(&report["payload"], "of"), &report["payload"]["shown"]),
            ("bytes", &true.into())
        );
        assert!(
            scene
                .does(verify)
                .contains("(shown; the hash of its bytes)")
        );
        assert_eq!(subject(&scene), file);
    }
    // Of other bytes that are the same JSON this says nothing.
    let (session, _) = closed(&scene, PRETTY, " --as-bytes");
    scene.does(&format!("bundle export {session} -o bundle"));
    fs::write(scene.file("payload"), CANONICAL).unwrap();
    let verify = "bundle verify bundle --trust-anchor anchor.json --payload payload";
    assert_eq!(scene.refused(verify), "payload-mismatch");
}
