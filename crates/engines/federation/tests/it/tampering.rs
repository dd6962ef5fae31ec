//! What is altered is refused: every byte and every member of every message.

use quorate_federation::{
    Answer, Change, Closing, DiscoveryRecord, Introduced, Malformed, Notice, Response, Scope,
    Signed, SignedAgreement, TrustProposal,
};
use quorate_receipt::json::{self, Object, Value};

use crate::codec::{agreement, object};
use crate::support::{
    Mesh, berlin, counter_terms, discovery_body, dublin, hash, proposal, proposal_body, response,
    singapore, text, time,
};

/// A message and whether other bytes in its place would be taken.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    read: fn(&[u8]) -> bool,
    counts: fn(&[u8]) -> bool,
    /// Members that a message may be without; but not without its signature failing.
    optional: &'static [&'static str],
}

const OPTIONAL_TERMS: &[&str] = &[
    "dispute_resolution",
    "additional_requirement",
    "additional_requirements",
    "scrolls_to_share",
    "verification_frequency",
    "retention_period_days",
];

fn cases() -> Vec<Case> {
    let (a, b) = (dublin(), berlin());
    let mut offer = proposal_body(&a, &b);
    offer.proposed_terms.dispute_resolution = Some(text("arbitration_zurich"));
    offer.proposed_terms.additional_requirements = vec![text("x"), text("\u{1f600}\"")];
    let offer = Signed::sign(offer, &a.key()).unwrap();
    let signed = |answer| Signed::sign(response(&offer, &b, time(60), answer), &b.key()).unwrap();
    let counter = signed(Answer::Counter {
        counter_terms: counter_terms(),
        keys: Box::new(b.keys()),
    });
    let reject = signed(Answer::Reject(Closing {
        reason: text("incompatible_jurisdiction"),
    }));
    let notice = Notice {
        agreement_hash: hash(1),
        issuer: b.id.clone(),
        issued_at: time(5),
        sequence: 1,
        change: Change::Revoke {
            effective_at: time(30 * 86_400),
        },
        reason: text("x"),
    };
    let suspend = Notice {
        change: Change::Suspend(Scope::CrossAnchoring),
        ..notice.clone()
    };
    let record = Signed::sign(discovery_body(&b, &[&a, &singapore()]), &b.key()).unwrap();
    let notice_case = |name, notice| Case {
        name,
        bytes: Signed::sign(notice, &b.key()).unwrap().to_bytes(),
        read: |bytes| Signed::<Notice>::parse(bytes).is_ok(),
        counts: |bytes| {
            Signed::<Notice>::parse(bytes).is_ok_and(|m| m.verify(&berlin().lineage).is_ok())
        },
        optional: &[],
    };
    let response_case = |name, bytes, optional| Case {
        name,
        bytes,
        read: |bytes| Signed::<Response>::parse(bytes).is_ok(),
        counts: |bytes| {
            Signed::<Response>::parse(bytes).is_ok_and(|m| m.verify(&berlin().lineage).is_ok())
        },
        optional,
    };
    vec![
        Case {
            name: "proposal",
            bytes: offer.to_bytes(),
            read: |bytes| Signed::<TrustProposal>::parse(bytes).is_ok(),
            counts: |bytes| {
                Signed::<TrustProposal>::parse(bytes)
                    .is_ok_and(|m| m.verify(&dublin().lineage).is_ok())
            },
            optional: &OPTIONAL_TERMS[..3],
        },
        response_case("counter", counter.to_bytes(), OPTIONAL_TERMS),
        response_case("reject", reject.to_bytes(), &[]),
        response_case("accept", acceptance(&offer, &b).to_bytes(), &[]),
        Case {
            name: "agreement",
            bytes: agreement().to_bytes(),
            read: |bytes| SignedAgreement::parse(bytes).is_ok(),
            counts: |bytes| SignedAgreement::parse(bytes).is_ok_and(|m| m.verify().is_ok()),
            optional: &[],
        },
        notice_case("revocation", notice),
        notice_case("suspension", suspend),
        Case {
            name: "discovery record",
            bytes: record.to_bytes(),
            read: |bytes| Signed::<DiscoveryRecord>::parse(bytes).is_ok(),
            counts: |bytes| {
                Signed::<DiscoveryRecord>::parse(bytes)
                    .is_ok_and(|m| m.verify(&berlin().lineage).is_ok())
            },
            optional: &[],
        },
    ]
}

/// Berlin's acceptance of Dublin's proposal.
pub(crate) fn acceptance(offer: &Signed<TrustProposal>, by: &Mesh) -> Signed<Response> {
    let body = agreement().unverified().clone();
    let body = quorate_federation::AgreementBody {
        offer: offer.hash(),
        ..body
    };
    let half = body
        .sign(quorate_federation::Party::Target, &by.key(), time(60))
        .unwrap();
    let answer = Answer::Accept(Box::new(half));
    Signed::sign(response(offer, by, time(60), answer), &by.key()).unwrap()
}

#[test]
fn no_byte_of_a_signed_message_can_be_another() {
    for case in cases() {
        assert!((case.counts)(&case.bytes), "{}", case.name);
        for at in 0..case.bytes.len() {
            let was = case.bytes[at];
            for byte in [was ^ 1, was ^ 0x20, b'0'] {
                if byte == was {
                    continue;
                }
                let mut bytes = case.bytes.clone();
                bytes[at] = byte;
                assert!(
                    !(case.counts)(&bytes),
                    "{} with {:?} at {at}",
                    case.name,
                    char::from(byte)
                );
            }
        }
    }
}

#[test]
fn no_message_is_taken_longer_or_shorter() {
    for case in cases() {
        for length in 0..case.bytes.len() {
            assert!(!(case.read)(&case.bytes[..length]), "{}", case.name);
        }
        for more in [" ", "\n", "x", "{}"] {
            let bytes = [case.bytes.as_slice(), more.as_bytes()].concat();
            assert!(!(case.read)(&bytes), "{} and {more:?}", case.name);
            let bytes = [more.as_bytes(), case.bytes.as_slice()].concat();
            assert!(!(case.read)(&bytes), "{more:?} and {}", case.name);
        }
    }
}

/// Every object within a value, by the path that leads to it.
fn objects(value: &Value, path: &[String], found: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(object) => {
            found.push(path.to_vec());
            for (name, value) in object.iter() {
                objects(value, &[path, &[name.to_owned()]].concat(), found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                objects(item, &[path, &[at.to_string()]].concat(), found);
            }
        }
        _ => {}
    }
}

/// The value with the object at `path` edited.
fn edited(value: Value, path: &[String], edit: &dyn Fn(&mut Object)) -> Value {
    match (value, path) {
        (Value::Object(mut object), []) => {
            edit(&mut object);
            Value::Object(object)
        }
        (Value::Object(mut object), [name, rest @ ..]) => {
            let inner = object.remove(name).unwrap();
            object.insert(name.clone(), edited(inner, rest, edit));
            Value::Object(object)
        }
        (Value::Array(mut items), [at, rest @ ..]) => {
            let at: usize = at.parse().unwrap();
            items[at] = edited(items[at].clone(), rest, edit);
            Value::Array(items)
        }
        (value, _) => panic!("{value:?}"),
    }
}

fn walk(check: impl Fn(&Case, &[String], &Object, &dyn Fn(&dyn Fn(&mut Object)) -> Vec<u8>)) {
    for case in cases() {
        let whole = Value::Object(object(&case.bytes));
        let mut found = vec![];
        objects(&whole, &[], &mut found);
        for path in found {
            let mut at = whole.clone();
            for part in &path {
                at = match at {
                    Value::Object(object) => object.get(part).unwrap().clone(),
                    Value::Array(items) => items[part.parse::<usize>().unwrap()].clone(),
                    other => panic!("{other:?}"),
                };
            }
            let here = at.as_object().unwrap().clone();
            check(&case, &path, &here, &|edit| {
                json::canonical(&edited(whole.clone(), &path, edit))
            });
        }
    }
}

#[test]
fn r3_a_missing_member_is_refused() {
    walk(|case, path, here, with| {
        for (name, _) in here.iter() {
            let bytes = with(&|object| {
                object.remove(name);
            });
            let what = format!("{} without {path:?} {name}", case.name);
            assert_eq!((case.read)(&bytes), case.optional.contains(&name), "{what}");
            assert!(!(case.counts)(&bytes), "{what}");
        }
    });
}

#[test]
fn r3_an_unknown_member_is_refused() {
    walk(|case, path, _, with| {
        for name in ["", "aaa", "zzz", "type"] {
            let bytes = with(&|object| {
                object.insert(name, "x");
            });
            assert!(
                !(case.read)(&bytes),
                "{} with {name:?} in {path:?}",
                case.name
            );
        }
    });
}

#[test]
fn r3_a_member_of_a_wrong_type_is_refused() {
    walk(|case, path, here, with| {
        for (name, value) in here.iter() {
            let wrong = [
                Value::Null,
                Value::Bool(true),
                Value::try_from(-1_i64).unwrap(),
                Value::from("\u{1}"),
                Value::from(vec![Value::Null]),
                Value::Object(Object::new()),
            ];
            for wrong in wrong {
                if wrong == *value || (matches!(wrong, Value::Bool(_)) && value.as_bool().is_some())
                {
                    continue;
                }
                // An empty counter-proposal is one.
                if name == "counter_terms" && wrong.as_object().is_some() {
                    continue;
                }
                let bytes = with(&|object| {
                    object.insert(name, wrong.clone());
                });
                assert!(
                    !(case.read)(&bytes),
                    "{} with {path:?} {name} = {wrong:?}",
                    case.name
                );
            }
        }
    });
}

#[test]
fn r4_a_duplicate_member_is_refused() {
    for case in cases() {
        let text = String::from_utf8(case.bytes.clone()).unwrap();
        for (name, value) in object(&case.bytes).iter() {
            let member = format!(
                "{}:{}",
                String::from_utf8(json::canonical(&Value::from(name))).unwrap(),
                String::from_utf8(json::canonical(value)).unwrap()
            );
            let twice = text.replacen(&member, &format!("{member},{member}"), 1);
            assert_ne!(twice, text);
            assert!(
                !(case.read)(twice.as_bytes()),
                "{} with two {name}",
                case.name
            );
        }
    }
}

#[test]
fn r4_only_the_canonical_form_is_read() {
    for case in cases() {
        let text = String::from_utf8(case.bytes.clone()).unwrap();
        assert!(!(case.read)(text.replacen(':', ": ", 1).as_bytes()));
        assert!(!(case.read)(text.replacen('{', "{ ", 1).as_bytes()));
        let mut members: Vec<String> = object(&case.bytes)
            .iter()
            .map(|(name, value)| {
                format!(
                    "\"{name}\":{}",
                    String::from_utf8(json::canonical(value)).unwrap()
                )
            })
            .collect();
        members.reverse();
        let reordered = format!("{{{}}}", members.join(","));
        assert!(!(case.read)(reordered.as_bytes()), "{}", case.name);
        let escaped = text.replacen("did:vm", "\\u0064id:vm", 1);
        assert!(escaped == text || !(case.read)(escaped.as_bytes()));
    }
    // Of a list that may be left out, an empty one is a second form.
    let (a, b) = (dublin(), berlin());
    let offer = object(&proposal(&a, &b).to_bytes());
    let offer = edited(
        Value::Object(offer),
        &["proposed_terms".to_owned()],
        &|terms| {
            terms.insert("additional_requirements", Vec::<String>::new());
        },
    );
    let bytes = a.resigned("proposal", offer.as_object().unwrap().clone());
    assert_eq!(
        Signed::<TrustProposal>::parse(&bytes),
        Err(Malformed::NotCanonical {
            what: "the trust proposal"
        })
    );
}

#[test]
fn a_signature_over_one_kind_of_message_is_none_over_another() {
    let a = dublin();
    let bytes = a.resigned("discovery", object(&proposal(&a, &berlin()).to_bytes()));
    let read = Signed::<TrustProposal>::parse(&bytes).unwrap();
    assert!(read.verify(&a.lineage).is_err());
}

#[test]
fn the_lineage_beside_a_message_cannot_be_another() {
    let b = berlin();
    let record = Signed::sign(discovery_body(&b, &[]), &b.key()).unwrap();
    let whole = Introduced::new(record, &b.lineage).unwrap().to_bytes();
    let proves =
        |bytes: &[u8]| Introduced::<DiscoveryRecord>::parse(bytes).is_ok_and(|m| m.prove().is_ok());
    assert!(proves(&whole));
    // Each byte of the lineage would be thousands of replays; a prime stride meets every kind of member.
    for at in (0..whole.len()).step_by(13) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert!(!proves(&bytes), "at {at}");
    }
    let mut object = object(&whole);
    object.insert("lineage", Vec::<Object>::new());
    assert!(!proves(&json::canonical_object(&object)));
    object.remove("lineage");
    assert!(!proves(&json::canonical_object(&object)));
}

#[test]
fn what_is_wrong_is_named() {
    let with = |bytes: &[u8], member: &str, value: Value| {
        let mut object = object(bytes);
        object.insert(member, value);
        json::canonical_object(&object)
    };
    let offer = proposal(&dublin(), &berlin()).to_bytes();
    let named = |bytes: &[u8]| match Signed::<TrustProposal>::parse(bytes) {
        Err(Malformed::Unknown { member, .. } | Malformed::Invalid { member, .. }) => member,
        other => panic!("{other:?}"),
    };
    assert_eq!(&*named(&with(&offer, "zzz", Value::Null)), "zzz");
    let signature = object(&offer).get("signature").unwrap().clone();
    let mut signature = signature.as_object().unwrap().clone();
    signature.insert("algorithm", "ed25519");
    let bytes = with(&offer, "signature", signature.into());
    assert_eq!(&*named(&bytes), "algorithm");
    let whole = agreement().to_bytes();
    assert_eq!(
        SignedAgreement::parse(&with(&whole, "agreement_hash", hash(1).to_string().into())),
        Err(Malformed::WrongHash {
            within: "the agreement",
            member: "agreement_hash"
        })
    );
    for (member, value) in [
        ("agreement_id", "fed-agreement-other".to_owned()),
        ("established_at", time(60).to_string()),
    ] {
        assert!(matches!(
            SignedAgreement::parse(&with(&whole, member, value.into())),
            Err(Malformed::Invalid { member: named, .. }) if *named == *member
        ));
    }
}

#[test]
fn an_acceptance_says_nothing_else_than_the_agreement_in_it() {
    let (a, b) = (dublin(), berlin());
    let good = object(&acceptance(&proposal(&a, &b), &b).to_bytes());
    for (member, value) in [
        ("responded_at", time(61).to_string()),
        ("in_reply_to", hash(1).to_string()),
        ("proposal_id", "fed-proposal-other".to_owned()),
        ("proposer", singapore().id.to_string()),
        ("responder", a.id.to_string()),
    ] {
        let other = good.clone().with(member, value);
        let bytes = b.resigned_text("response", other);
        assert!(
            matches!(
                Signed::<Response>::parse(&bytes),
                Err(Malformed::Invalid { member, .. }) if &*member == "agreement"
            ),
            "{member}"
        );
    }
    assert!(Signed::<Response>::parse(&b.resigned_text("response", good)).is_ok());
}
