use std::sync::Arc;

use quorate_note::ed25519::SecretKey;
use quorate_provenance::{MAX_SPIFFE_ID_LEN, MAX_STEPS, Recorder, Subject};
use quorate_receipt::{Blake3Hash, Timestamp};
use quorate_trace::{Fault, MAX_DERIVED, MAX_INLINE};

use super::{fault, log};

fn first(text: &str) -> Option<quorate_receipt::json::Value> {
    log(text).traces[0].steps[0]
        .content
        .as_ref()
        .unwrap()
        .inline()
}

#[test]
fn what_canonical_json_cannot_say_is_named_by_the_hash_of_its_text() {
    assert!(first("{\"n\":9007199254740991}").is_some());
    for text in [
        "{\"n\":9007199254740993}",
        "{\"s\":\"\\ud800\"}",
        "{\"o\":{\"a\":1,\"a\":2}}",
    ] {
        assert!(first(text).is_none(), "{text}");
    }
    let read = log("{\"n\":9007199254740993}");
    let (hash, length) = read.traces[0].steps[0].content.as_ref().unwrap().hashed();
    assert_eq!(
        (hash.to_string(), length),
        (
            "sha256:4ac8309cc76123ef6c5325ef925fc873e9b5856ec4f844ef1462f9303960378a".to_owned(),
            22
        )
    );
}

#[test]
fn longer_content_than_fits_is_named_by_its_hash() {
    let of = |length: usize| format!("{{\"s\":\"{}\"}}", "x".repeat(length - 8));
    assert!(first(&of(MAX_INLINE)).is_some());
    assert!(first(&of(MAX_INLINE + 1)).is_none());
}

#[test]
fn attributes_beyond_what_a_receipt_takes_are_refused() {
    let line = |value: &str| format!("{{\"attributes\":{{\"a\":\"{value}\",\"b\":\"{value}\"}}}}");
    assert_eq!(log(&line(&"x".repeat(4000))).traces[0].steps.len(), 1);
    let escaped = "\\\"".repeat(4000);
    for value in ["x".repeat(4097), escaped] {
        assert!(matches!(fault(&line(&value)), (_, Fault::Attributes)));
    }
}

/// What a receipt would refuse is refused before anything is recorded.
#[test]
fn names_and_sources_that_no_receipt_takes_are_refused_with_their_line() {
    let good = "{\"kind\":\"tool_call\",\"tool\":\"deploy\"}";
    for name in [
        "deploy ",
        " deploy",
        "deploy\\u200b",
        "de\\u00adploy",
        "de\\nploy",
        "",
    ] {
        let bad = format!("{good}\n{{\"kind\":\"tool_call\",\"tool\":\"{name}\"}}");
        assert!(
            matches!(fault(&bad), (_, Fault::Member { member: "tool", .. })),
            "{name:?}"
        );
    }
    for (url, source, taken) in [
        ("https://a.example/", "user", false),
        ("https://a.example/", "local_file", false),
        ("/etc/motd", "local_file", true),
        ("https://a.example/", "rag_index", true),
    ] {
        let line = format!("{{\"kind\":\"retrieval\",\"url\":\"{url}\",\"source\":\"{source}\"}}");
        match taken {
            true => assert_eq!(log(&line).traces[0].steps.len(), 1),
            false => assert!(
                matches!(fault(&line), (_, Fault::RetrievalSource(_))),
                "{line}"
            ),
        }
    }
}

/// The longest of everything at once, with every character that can be escaped escaped, still makes a receipt.
#[test]
fn the_largest_step_of_an_import_fits_a_receipt() {
    let url = "\\\"".repeat(2048);
    let attributes = format!("{{\"a\":\"{0}\",\"b\":\"{0}\"}}", "x".repeat(4080));
    let line = format!(
        "{{\"kind\":\"retrieval\",\"url\":\"{url}\",\"attributes\":{attributes},\"s\":\"\"}}"
    );
    let filler = "x".repeat(MAX_INLINE - line.len());
    let line = line.replace("\"s\":\"\"", &format!("\"s\":\"{filler}\""));
    let log = log(&line);
    let step = &log.traces[0].steps[0];
    let subject = format!("spiffe://e.example/{}", "a".repeat(MAX_SPIFFE_ID_LEN - 19));
    let subject: Subject = subject.parse().unwrap();
    let key = Arc::new(SecretKey::from_seed([7; 32]));
    let head = Blake3Hash::from_bytes([255; 32]);
    let mut recorder = Recorder::resume(key, subject, head, head, MAX_STEPS);
    let mut step = step.clone();
    step.parents = (0..MAX_DERIVED).collect();
    let draft = step
        .draft(|at| Blake3Hash::from_bytes([at as u8; 32]))
        .inline(step.content.as_ref().unwrap().inline().unwrap());
    let now = Timestamp::from_micros(1).unwrap();
    let receipt = recorder.step(draft, now).unwrap();
    assert!(receipt.bytes().len() > 55_000, "{}", receipt.bytes().len());
}
