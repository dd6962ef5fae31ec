//! The published JSON Schemas: they take what the verifier takes, and name every member.

use jsonschema::{Registry, Resource, Validator};
use quorate_receipt::json;
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::BundleVerifier;
use serde_json::Value;

use crate::tamper::Json;
use crate::world::{
    World, actor_key, anchor, anchor_text, at, guides_anchor_text, jwks, now, present,
};

fn published(name: &str) -> Value {
    let path = format!(
        "{}/../../docs/schema/{name}-v1.schema.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn validator(schema: &Value) -> Validator {
    let bundle = published("bundle");
    let id = bundle["$id"].as_str().unwrap().to_owned();
    let registry = Registry::new()
        .add(id, Resource::from_contents(bundle))
        .unwrap()
        .prepare()
        .unwrap();
    jsonschema::options()
        .with_registry(&registry)
        .build(schema)
        .unwrap()
}

fn parsed(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

fn takes(schema: &Value, text: &[u8]) {
    let errors: Vec<String> = validator(schema)
        .iter_errors(&parsed(text))
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// Whatever gets one more member, or loses one, in an object that is the format's own.
fn each_object_is_closed(schema: &Value, text: &[u8]) {
    let validator = validator(schema);
    let tree = Json::of(&json::parse(text).unwrap());
    let mut added = 0;
    for (what, changed) in tree.changes() {
        if what.contains("\"zz\" added") && !what.contains("inline") {
            added += 1;
            assert!(
                !validator.is_valid(&parsed(changed.text().as_bytes())),
                "{what}"
            );
        }
    }
    assert!(added > 0);
}

fn statement(attestation: &[u8]) -> Vec<u8> {
    let payload = parsed(attestation)["payload"].as_str().unwrap().to_owned();
    quorate_note::base64::decode(payload.as_bytes()).unwrap()
}

#[test]
fn the_schemas_take_what_the_verifier_takes_and_no_other_member() {
    let mut world = World::new().with_sealed();
    world.payload = None;
    let bundle = world.bundle();
    takes(&published("bundle"), &World::new().bundle());
    takes(&published("bundle"), &bundle);
    each_object_is_closed(&published("bundle"), &bundle);

    let shown = present(&bundle, "auditor.example", "n-1", at(5000));
    takes(&published("presentation"), &shown);
    each_object_is_closed(&published("presentation"), &shown);

    let anchor = anchor("");
    let verifier = BundleVerifier::new(&anchor, now());
    let attested = verifier.attest(&bundle, &actor_key()).unwrap();
    let schema = published("attestation");
    takes(&schema, &attested);
    each_object_is_closed(&schema, &attested);
    let mut of_statement = schema;
    of_statement["$ref"] = "#/$defs/statement".into();
    for keyword in ["type", "required", "properties", "additionalProperties"] {
        of_statement.as_object_mut().unwrap().remove(keyword);
    }
    takes(&of_statement, &statement(&attested));
    each_object_is_closed(&of_statement, &statement(&attested));
}

/// Nothing that the parser takes is refused by the schema, and a misspelt member is refused by both.
#[test]
fn r3_the_schema_of_anchors_is_not_stricter_than_the_parser_and_knows_every_member() {
    let rules = r#","flow":[{"sink":{"kind":"artifact","name":"*"},"require":"untrusted","without":["web","undeclared"]}]"#;
    let require = r#","require":{"audience":"a","complete":false,"max_age_seconds":9,"nonce":"n","payload_binding":true},"require_payload_binding":true"#;
    let scoped = jwks(
        r#","alg":"EdDSA","key_ops":["verify"],"not_after":"2027-01-01T00:00:00.5Z","not_before":"2026-01-01T00:00:00Z","subjects":["did:vm:agent:*"],"use":"sig""#,
    );
    let schema = published("trust-anchor");
    let validator = validator(&schema);
    for text in [
        anchor_text(&format!("{rules}{require}")),
        guides_anchor_text(2),
        scoped,
        jwks(""),
    ] {
        Anchor::parse(text.as_bytes()).unwrap();
        takes(&schema, text.as_bytes());
        let tree = Json::of(&json::parse(text.as_bytes()).unwrap());
        let mut refused = 0;
        for (what, changed) in tree.changes() {
            let changed = changed.text();
            let Ok(value) = serde_json::from_str::<Value>(&changed) else {
                continue;
            };
            let known = validator.is_valid(&value);
            if Anchor::parse(changed.as_bytes()).is_ok() {
                assert!(known, "{what}: {changed}");
            }
            refused += usize::from(!known);
            let misspelt = what.contains("renamed") || what.contains("added");
            assert!(!(misspelt && known), "{what}: {changed}");
        }
        assert!(refused > 20, "{refused}");
    }
}
