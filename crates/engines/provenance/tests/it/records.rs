//! The one written form of each record.

use quorate_provenance::{
    Content, Level, Malformed, Payload, Record, SourceClass, StepDraft, StepKind, Subject,
    SubjectError,
};
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{Receipt, Sealed, Sha256Text};

use crate::support::{actor, edited, hash, integer, note, open, public, time};

fn malformed(receipt: &Receipt, edit: impl FnOnce(&mut Object)) -> Malformed {
    Record::parse(&edited(receipt, edit)).unwrap_err()
}

fn step(draft: StepDraft) -> Receipt {
    open(1).0.step(draft, time(1)).unwrap()
}

fn plain_step() -> Receipt {
    note(&mut open(1).0, 1)
}

fn pin(type_: &str) -> Receipt {
    let object = Object::new()
        .with("type", type_)
        .with("actor", actor(1).as_str())
        .with("key", public(1).to_string());
    Receipt::from_object(&object, time(0)).unwrap()
}

fn closing() -> Receipt {
    let payload = Payload {
        hash: Sha256Text::from_bytes([7; 32]),
        media_type: Some("text/plain".into()),
    };
    open(1).0.close(Some(payload), time(1)).unwrap()
}

fn every_record() -> Vec<Receipt> {
    let content = |draft: StepDraft| draft.hashed(Sha256Text::from_bytes([1; 32]), 3, Some("a/b"));
    vec![
        pin(Record::ACTOR_ADDED),
        pin(Record::ACTOR_REMOVED),
        open(1).1,
        step(content(StepDraft::artifact("report", Some("text/plain")))),
        closing(),
    ]
}

#[test]
fn unknown_members_are_refused_in_every_record() {
    for receipt in every_record() {
        assert!(Record::parse(&receipt).is_ok(), "{receipt:?}");
        for name in ["tags", "id", "sequences"] {
            let error = malformed(&receipt, |object| {
                object.insert(name, Vec::<String>::new());
            });
            assert!(
                matches!(&error, Malformed::UnknownMember { member, .. } if &**member == name),
                "{error}"
            );
        }
    }
}

#[test]
fn unknown_members_are_refused_inside_step_content_and_payload() {
    let inside = |receipt: &Receipt, member: &str| {
        malformed(receipt, |object| {
            let inner = object.get(member).unwrap().as_object().unwrap().clone();
            object.insert(member, inner.with("more", true));
        })
    };
    let artifact = every_record().swap_remove(3);
    let inline = step(StepDraft::note().inline(1_u32));
    for (receipt, member) in [
        (&artifact, "step"),
        (&artifact, "content"),
        (&inline, "content"),
        (&closing(), "payload"),
    ] {
        let error = inside(receipt, member);
        assert!(matches!(error, Malformed::UnknownMember { .. }), "{error}");
    }
}

#[test]
fn every_member_that_is_not_optional_must_be_there() {
    let optional = [
        "attributes",
        "content",
        "payload",
        "not_before",
        "not_after",
    ];
    for receipt in every_record() {
        for (name, _) in receipt.object().iter() {
            if ["type", "timestamp", "root_hash"].contains(&name) {
                continue;
            }
            let without = edited(&receipt, |object| {
                object.remove(name);
            });
            let parsed = Record::parse(&without);
            if optional.contains(&name) {
                assert!(parsed.is_ok(), "{name}");
            } else {
                assert_eq!(
                    parsed.unwrap_err(),
                    Malformed::Missing {
                        member: static_name(name)
                    }
                );
            }
        }
    }
}

fn static_name(name: &str) -> &'static str {
    Box::leak(name.into())
}

#[test]
fn values_of_another_form_are_refused_in_every_record() {
    for receipt in every_record() {
        for (name, _) in receipt.object().iter() {
            if ["type", "timestamp", "root_hash"].contains(&name) {
                continue;
            }
            for value in [Value::Null, Value::from(true), Value::from("?")] {
                let error = malformed(&receipt, |object| {
                    object.insert(name, value);
                });
                let is_named = matches!(
                    error,
                    Malformed::Invalid { member, .. } | Malformed::Subject { member, .. } if member == name
                ) || matches!((name, &error), ("signatures", Malformed::Signatures));
                assert!(is_named, "{name}: {error}");
            }
        }
    }
}

#[test]
fn types_of_other_engines_are_refused() {
    let receipt = Receipt::accept(br#"{"type":"node_started"}"#, time(0)).unwrap();
    assert_eq!(
        Record::parse(&receipt),
        Err(Malformed::UnknownType("node_started".into()))
    );
}

#[test]
fn sequence_numbers_count_from_one() {
    let error = malformed(&plain_step(), |object| {
        object.insert("sequence", integer(0));
    });
    assert!(matches!(
        error,
        Malformed::Invalid {
            member: "sequence",
            ..
        }
    ));
}

#[test]
fn a_keys_time_does_not_end_before_it_begins() {
    let window = |from: u32, to: u32| {
        edited(&pin(Record::ACTOR_ADDED), |object| {
            object.insert("not_before", time(from).to_string());
            object.insert("not_after", time(to).to_string());
        })
    };
    assert!(Record::parse(&window(1, 1)).is_ok());
    assert_eq!(Record::parse(&window(2, 1)), Err(Malformed::Window));
}

#[test]
fn nonces_are_64_lower_case_hex_digits() {
    let (_, opening) = open(1);
    let digits = "ab".repeat(32);
    for (nonce, fine) in [
        (digits.clone(), true),
        (digits.to_uppercase(), false),
        (digits[2..].to_owned(), false),
        (format!("{digits}ab"), false),
    ] {
        let parsed = Record::parse(&edited(&opening, |object| {
            object.insert("nonce", nonce);
        }));
        assert_eq!(parsed.is_ok(), fine);
    }
}

#[test]
fn attributes_are_bounded_in_number_and_length() {
    let with = |attributes: Object| {
        Record::parse(&edited(&plain_step(), |object| {
            object.insert("attributes", attributes);
        }))
    };
    let many = |n: u32| (0..n).fold(Object::new(), |all, n| all.with(n.to_string(), "v"));
    assert!(with(many(64)).is_ok());
    assert_eq!(with(many(65)).unwrap_err(), Malformed::AttributeCount(65));
    assert_eq!(with(many(0)).unwrap_err(), Malformed::AttributeCount(0));
    let one =
        |name: usize, value: usize| with(Object::new().with("n".repeat(name), "v".repeat(value)));
    assert!(one(128, 4096).is_ok());
    assert!(one(1, 0).is_ok());
    for (name, value) in [(129, 1), (0, 1), (1, 4097)] {
        assert_eq!(one(name, value).unwrap_err(), Malformed::Attribute);
    }
    assert_eq!(
        with(Object::new().with("n", true)).unwrap_err(),
        Malformed::Attribute
    );
}

#[test]
fn a_receipt_has_exactly_one_signature() {
    let with = |signatures: Value| {
        malformed(&plain_step(), |object| {
            object.insert("signatures", signatures);
        })
    };
    let signature = format!("z{}", "1".repeat(64));
    let one = Object::new().with(actor(1).as_str(), signature.as_str());
    assert!(
        Record::parse(&edited(&plain_step(), |object| {
            object.insert("signatures", one.clone());
        }))
        .is_ok()
    );
    for wrong in [
        Object::new(),
        one.clone().with(actor(2).as_str(), signature.as_str()),
        Object::new().with("nobody", signature.as_str()),
        Object::new().with(actor(1).as_str(), "z1"),
        Object::new().with(actor(1).as_str(), true),
    ] {
        assert_eq!(with(wrong.into()), Malformed::Signatures);
    }
}

#[test]
fn names_and_urls_are_bounded_and_have_no_control_characters() {
    let fits = |draft: StepDraft| open(1).0.step(draft, time(1)).is_ok();
    let url = |url: &str| StepDraft::retrieval(url, SourceClass::Web);
    let name = |n: usize| "n".repeat(n);
    assert!(fits(StepDraft::tool_call(&name(512))));
    assert!(fits(url(&name(2048))));
    for draft in [
        StepDraft::tool_call(&name(513)),
        StepDraft::tool_call(""),
        StepDraft::tool_call("a\nb"),
        StepDraft::tool_call("a\u{85}b"),
        StepDraft::artifact("a", Some(&name(513))),
        StepDraft::note().hashed(Sha256Text::from_bytes([0; 32]), 0, Some("")),
        url(""),
        url("https://a\u{7f}"),
        url(&name(2049)),
    ] {
        assert!(!fits(draft.clone()), "{draft:?}");
    }
}

#[test]
fn kinds_are_the_six_and_no_other() {
    let with = |kind: Object| {
        Record::parse(&edited(&plain_step(), |object| {
            object.insert("step", kind);
        }))
    };
    let kind = |name: &str| Object::new().with("kind", name);
    assert_eq!(
        with(kind("thought")).unwrap_err(),
        Malformed::UnknownKind("thought".into())
    );
    let call = kind("model_call").with("provider", "p");
    assert!(with(call.clone().with("direction", "prompt")).is_ok());
    assert_eq!(
        with(call.clone()).unwrap_err(),
        Malformed::Missing {
            member: "direction"
        }
    );
    assert!(with(call.with("direction", "both")).is_err());
    assert!(with(kind("note").with("tool", "t")).is_err());
}

#[test]
fn parents_are_at_most_256_and_named_once() {
    let with = |parents: Vec<String>| {
        Record::parse(&edited(&plain_step(), |object| {
            object.insert("parents", parents);
        }))
    };
    let parents = |n: u32| (0..n).map(|n| hash(n).to_string()).collect::<Vec<_>>();
    assert!(with(parents(256)).is_ok());
    assert_eq!(
        with(parents(257)).unwrap_err(),
        Malformed::TooManyParents(257)
    );
    let mut twice = parents(3);
    twice.push(twice[0].clone());
    assert_eq!(with(twice).unwrap_err(), Malformed::ParentTwice);
}

#[test]
fn a_merge_has_at_least_two_parents() {
    let merge = |n: u32| open(1).0.step(StepDraft::merge((0..n).map(hash)), time(1));
    assert_eq!(merge(1).unwrap_err(), Malformed::MergeParents(1).into());
    assert!(merge(2).is_ok());
}

#[test]
fn a_retrieval_declares_its_source() {
    let url = StepKind::Retrieval {
        url: "https://example.org/".into(),
    };
    let draft = StepDraft::new(url);
    let mut recorder = open(1).0;
    assert_eq!(
        recorder.step(draft.clone(), time(1)).unwrap_err(),
        Malformed::RetrievalWithoutSource.into()
    );
    assert!(
        recorder
            .step(draft.source(SourceClass::Web), time(1))
            .is_ok()
    );
}

/// What is fetched was not said by a person, and what comes over the network is no file of this machine.
#[test]
fn a_retrieval_is_trusted_only_as_a_file_of_this_machine() {
    let takes = |url: &str, class| {
        open(1)
            .0
            .step(StepDraft::retrieval(url, class), time(1))
            .is_ok()
    };
    for class in SourceClass::ALL {
        let untrusted = class.level() < Level::Trusted;
        assert_eq!(takes("https://example.org/", class), untrusted, "{class}");
        let file = untrusted || class == SourceClass::LocalFile;
        assert_eq!(takes("/etc/motd", class), file, "{class}");
        assert_eq!(takes("FILE:///etc/motd", class), file, "{class}");
    }
}

/// A rule about `deploy` must not be passed by what looks like it.
#[test]
fn a_name_has_nothing_in_it_that_is_not_seen() {
    let takes = |name: &str| open(1).0.step(StepDraft::tool_call(name), time(1)).is_ok();
    for name in ["deploy", "de ploy", "déploy", "デプロイ", "deploy-2"] {
        assert!(takes(name), "{name}");
    }
    for name in [
        " deploy",
        "deploy ",
        "deploy\u{a0}",
        "deploy\u{200b}",
        "de\u{ad}ploy",
        "\u{202e}deploy",
        "deploy\u{feff}",
        "deploy\u{e0001}",
        "deploy\u{2028}",
        "deploy\u{fe0f}",
        "deploy\u{3164}",
        "deploy\n",
    ] {
        assert!(!takes(name), "{name:?}");
    }
}

#[test]
fn sealed_content_excludes_content_in_the_clear() {
    let sealed = Sealed::commit(&[3; 32], b"secret");
    let receipt = step(StepDraft::note().sealed(sealed));
    let Ok(Record::Step(step)) = Record::parse(&receipt) else {
        panic!("a step")
    };
    assert_eq!(step.unverified().content, Some(Content::Sealed(sealed)));
    let error = malformed(&receipt, |object| {
        object.insert("content", Object::new().with("inline", true));
    });
    assert_eq!(error, Malformed::ContentAndSealed);
}

#[test]
fn inline_content_is_any_json_null_included() {
    for value in [
        Value::Null,
        Value::from("text"),
        Value::from(vec![1_u32, 2]),
    ] {
        let receipt = step(StepDraft::note().inline(value.clone()));
        let Ok(Record::Step(step)) = Record::parse(&receipt) else {
            panic!("a step")
        };
        assert_eq!(step.unverified().content, Some(Content::Inline(value)));
    }
}

/// SPIFFE-ID §2.1 to §2.3.
#[test]
fn subjects_are_dids_or_spiffe_ids_in_their_one_form() {
    let long = |n: usize| format!("spiffe://d/{}", "p".repeat(n - 11));
    for fine in [
        "did:vm:agent:a",
        "engine:x",
        "spiffe://example.org",
        "spiffe://example.org/ns/prod/sa/Agent_1",
        "spiffe://a-b_c.9/.../x",
        &long(2048),
        &format!("spiffe://{}/a", "d".repeat(255)),
    ] {
        assert_eq!(fine.parse::<Subject>().unwrap().as_str(), fine);
    }
    for (text, error) in [
        ("", SubjectError::Form),
        ("SPIFFE://a/b", SubjectError::Form),
        ("did:web:example.org", SubjectError::Form),
        ("https://a/b", SubjectError::Form),
        ("spiffe://", SubjectError::TrustDomain),
        ("spiffe:///a", SubjectError::TrustDomain),
        ("spiffe://Example.org/a", SubjectError::TrustDomain),
        ("spiffe://example.org:8080/a", SubjectError::TrustDomain),
        ("spiffe://u@example.org/a", SubjectError::TrustDomain),
        (
            &format!("spiffe://{}/a", "d".repeat(256)),
            SubjectError::TrustDomain,
        ),
        ("spiffe://d/", SubjectError::Path),
        ("spiffe://d/a/", SubjectError::Path),
        ("spiffe://d//a", SubjectError::Path),
        ("spiffe://d/./a", SubjectError::Path),
        ("spiffe://d/a/..", SubjectError::Path),
        ("spiffe://d/a%20b", SubjectError::Path),
        ("spiffe://d/a?b", SubjectError::Path),
        ("spiffe://d/a#b", SubjectError::Path),
        ("spiffe://d/ä", SubjectError::Path),
        (&long(2049), SubjectError::Length),
    ] {
        assert_eq!(text.parse::<Subject>().unwrap_err(), error, "{text}");
    }
}
