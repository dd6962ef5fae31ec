//! The session that the demonstration shows: an agent prepares a release, and derives from more than it should trust.

use quorate_provenance::{Direction, Payload, SourceClass, StepDraft};
use quorate_receipt::{Receipt, Sealed};
use quorate_verify::bundle::{Disclosure, payload_hash};

use crate::world::{World, anchor_text, at, recorder};

const PAYLOAD: &[u8] = br#"{"approved_by":"release board","breaking":false,"version":"1.2.3"}"#;
const CUSTOMER: &[u8] = b"Jane Roe, 1 Main Street: waits for the fix";
const REPORT: &[u8] = b"412 tests, 0 failed";

/// Names and texts of the two files.
pub(crate) fn files() -> [(&'static str, Vec<u8>); 2] {
    let mut world = World::new();
    world.receipts = receipts();
    world.payload = Some(PAYLOAD.to_vec());
    let (salt, content) = ([21; 32], REPORT.to_vec());
    world.sealed.insert(8, Disclosure { salt, content });
    let anchor = anchor_text(r#","require_payload_binding":true"#);
    [
        ("bundle.json", world.bundle()),
        ("anchor.json", anchor.into_bytes()),
    ]
}

fn receipts() -> Vec<Receipt> {
    let (mut recorder, opening) = recorder();
    let mut receipts = vec![opening];
    let mut record = |draft: StepDraft, second| {
        let receipt = recorder.step(draft, at(second)).unwrap();
        receipts.push(receipt.clone());
        *receipt.root_hash()
    };
    let asked = StepDraft::note()
        .source(SourceClass::User)
        .inline("Prepare release 1.2.3 and tell me whether anything breaks.");
    let asked = record(asked, 0);
    let rules = StepDraft::note().source(SourceClass::Operator).hashed(
        payload_hash(b"rules"),
        5,
        Some("text/markdown"),
    );
    let rules = record(rules, 2);
    let plan = StepDraft::model_call("example", Some("m-1"), Direction::Prompt)
        .parents([asked, rules])
        .attribute("temperature", "0")
        .inline("Which notes and tests matter for 1.2.3?");
    let plan = record(plan, 5);
    let changes = StepDraft::tool_call("git log")
        .source(SourceClass::LocalFile)
        .parents([plan])
        .attribute("exit_code", "0")
        .inline("14 commits since 1.2.2");
    let changes = record(changes, 9);
    let notes = StepDraft::retrieval("https://upstream.example/notes.html", SourceClass::Web)
        .parents([plan])
        .hashed(payload_hash(b"notes"), 5, Some("text/html"));
    let notes = record(notes, 11);
    let customer = StepDraft::tool_call("crm")
        .source(SourceClass::Tool)
        .parents([plan])
        .sealed(Sealed::commit(&[20; 32], CUSTOMER));
    let customer = record(customer, 14);
    let both = record(StepDraft::merge([changes, notes, customer]), 15);
    let tests = StepDraft::tool_call("run tests")
        .source(SourceClass::Tool)
        .parents([changes])
        .attribute("exit_code", "0")
        .sealed(Sealed::commit(&[21; 32], REPORT));
    let tests = record(tests, 74);
    let answer = StepDraft::model_call("example", Some("m-1"), Direction::Response)
        .parents([both, tests])
        .attribute("finish_reason", "stop")
        .inline("Nothing breaks: none of the 14 commits touches the interface.");
    let answer = record(answer, 81);
    let signed_off = StepDraft::note()
        .source(SourceClass::User)
        .parents([asked])
        .attribute("approved_by", "release board")
        .inline("Approved.");
    let signed_off = record(signed_off, 190);
    let release =
        StepDraft::artifact("release.json", Some("application/json")).parents([answer, signed_off]);
    record(release, 195);
    let bound = Payload {
        hash: payload_hash(PAYLOAD),
        media_type: Some("application/json".into()),
    };
    receipts.push(recorder.close(Some(bound), at(196)).unwrap());
    receipts
}
