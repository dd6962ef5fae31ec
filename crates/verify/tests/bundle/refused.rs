//! What is refused, and by which code.

use quorate_note::{SignatureLine, SignedCheckpoint};
use quorate_provenance::{Label, SourceClass, StepDraft};
use quorate_receipt::Timestamp;
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::{
    BundleError, BundleVerifier, Disclosure, Failure, Presentation, Source, payload_hash,
};

use crate::common::{ORIGIN, TIMESTAMP, hex, log_vkey, log_vkey_named};
use crate::world::{
    PAYLOAD, World, actor_key, anchor, anchor_text, at, bundle_of, code, guides_anchor, jwks, now,
    policy_text, present, recorder, verdict, verify, x_of,
};

#[test]
fn a_session_that_was_not_closed_is_incomplete_unless_the_anchor_takes_it() {
    let mut world = World::new();
    world.receipts.pop();
    world.payload = None;
    let bundle = world.bundle();
    assert_eq!(code(&bundle, &anchor("")), "incomplete");
    let report = verify(&bundle, &anchor(r#","require":{"complete":false}"#)).unwrap();
    assert!(!report.session().is_closed());
    let not_proven = report.not_proven();
    assert!(
        not_proven
            .iter()
            .any(|line| line.contains("nothing is missing from the end"))
    );
}

#[test]
fn a_dropped_tail_is_refused_with_its_leaves_and_without() {
    let world = World::new();
    let head = world.head();
    for keep in 1..world.receipts.len() {
        // The list of leaves as it was.
        let shorter = bundle_of(&head, &world.receipts[..keep]);
        assert_eq!(code(&shorter, &anchor("")), "receipt-count", "{keep}");
        // As another maker would have written it, with a proof that holds.
        let mut tail = World::new();
        tail.receipts.truncate(keep);
        tail.payload = None;
        // The log itself is longer than the bundle: the same head, fewer leaves.
        assert_eq!(code(&tail.bundle(), &anchor("")), "incomplete", "{keep}");
    }
}

#[test]
fn one_receipt_more_than_leaves_is_refused() {
    let world = World::new();
    let mut receipts = world.receipts.clone();
    receipts.push(receipts[1].clone());
    let error = verify(&bundle_of(&world.head(), &receipts), &anchor("")).unwrap_err();
    // The session is closed, and the count is wrong: the first is seen first only if it is taken.
    assert_eq!(
        error,
        BundleError::Count {
            leaves: 7,
            steps: 8
        }
    );
}

#[test]
fn receipts_that_the_log_does_not_hold_are_refused() {
    let world = World::new();
    let mut other = World::new();
    let (mut recorder, opening) = recorder();
    other.receipts = vec![opening];
    for n in 1..=5 {
        other
            .receipts
            .push(recorder.step(StepDraft::note(), at(n)).unwrap());
    }
    other.receipts.push(recorder.close(None, at(6)).unwrap());
    other.payload = None;
    // Signed by the same key, in order, complete: and never recorded under this head.
    let mut head = world.head();
    head.payload = None;
    assert_eq!(
        code(&bundle_of(&head, &other.receipts), &anchor("")),
        "not-included"
    );
}

#[test]
fn without_its_anchor_in_the_log_nothing_is_proven() {
    // Anchor stripping: each way of taking the log's head out of the bundle.
    let bundle = String::from_utf8(World::new().bundle()).unwrap();
    let from = bundle.find(",\"format\"").unwrap();
    let anchor = anchor("");
    for checkpoint in ["null", "\"\"", "{}", "[]"] {
        let stripped = format!("{{\"checkpoint\":{checkpoint}{}", &bundle[from..]);
        assert_eq!(code(stripped.as_bytes(), &anchor), "bundle-malformed");
    }
    let without = format!("{{{}", &bundle[from + 1..]);
    assert_eq!(code(without.as_bytes(), &anchor), "bundle-malformed");
    // A head by nobody that the anchor knows.
    let mut world = World::new();
    world.witnesses = Vec::new();
    assert_eq!(code(&world.bundle(), &anchor), "not-quorate");
    assert_eq!(code(&world.bundle(), &guides_anchor(1)), "not-quorate");
}

#[test]
fn co_signatures_over_another_head_do_not_count() {
    let world = World::new();
    let mut head = world.head();
    let mut short = World::new();
    short.receipts.truncate(3);
    let other = short.head().checkpoint;
    // The log's line of this head, and the witnesses' lines of the other.
    let mut lines = vec![head.checkpoint.note().signatures()[0].clone()];
    lines.extend(other.note().signatures()[1..].iter().cloned());
    let mixed = SignedCheckpoint::new(head.checkpoint.checkpoint_unverified().clone(), lines);
    head.checkpoint = mixed.unwrap();
    let bundle = bundle_of(&head, &world.receipts);
    assert_eq!(code(&bundle, &anchor("")), "cosignature-invalid");
    assert_eq!(code(&bundle, &guides_anchor(1)), "cosignature-invalid");
}

#[test]
fn one_witness_under_two_names_is_one_witness() {
    let world = World::new();
    let mut head = world.head();
    let lines = head.checkpoint.note().signatures();
    let (log, one) = (lines[0].clone(), lines[1].clone());
    // A co-signature does not bind the name, and a hexadecimal key is claimed under every name.
    let under = |name: &str| {
        let key = quorate_note::ed25519::SecretKey::from_seed([1; 32]).public();
        let key = quorate_note::PublicKey::Ed25519Cosignature(key);
        let vkey = quorate_note::VerifierKey::new(name.parse().unwrap(), key);
        SignatureLine::new(vkey.name().clone(), vkey.id(), one.signature()).unwrap()
    };
    let lines = vec![log, one.clone(), under("a.example"), under("b.example")];
    let thrice = SignedCheckpoint::new(head.checkpoint.checkpoint_unverified().clone(), lines);
    head.checkpoint = thrice.unwrap();
    let bundle = bundle_of(&head, &world.receipts);
    assert_eq!(code(&bundle, &anchor("")), "not-quorate");
    assert_eq!(code(&bundle, &guides_anchor(3)), "not-quorate");
    assert_eq!(code(&bundle, &guides_anchor(2)), "not-quorate");
    assert_eq!(code(&bundle, &guides_anchor(1)), "accepted");
}

#[test]
fn witnesses_do_not_stand_in_for_the_log_that_the_anchor_names() {
    let judged = |log: String| {
        let text = format!(
            r#"{{"trust_jwks":{},"logs":["{log}"],"trusted_witnesses_hex":["{}"],"cosignature_threshold":1}}"#,
            jwks(""),
            hex(1)
        );
        code(
            &World::new().bundle(),
            &Anchor::parse(text.as_bytes()).unwrap(),
        )
    };
    assert_eq!(judged(log_vkey(100)), "accepted");
    assert_eq!(judged(log_vkey(101)), "log-unknown");
    assert_eq!(
        judged(log_vkey_named(100, "other.example/log")),
        "log-unknown"
    );
}

#[test]
fn a_signature_that_the_policy_does_not_list_is_refused() {
    let mut world = World::new();
    world.witnesses = vec![1, 3, 9];
    assert_eq!(code(&world.bundle(), &anchor("")), "signature-unknown");
}

#[test]
fn keys_inside_a_bundle_are_never_trusted() {
    let keys = |x: &str| format!(r#"{{"keys":[{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}]}}"#);
    let other = quorate_note::ed25519::SecretKey::from_seed([8; 32]);
    let anchor = Anchor::parse(keys(&x_of(&other)).as_bytes()).unwrap();
    assert_eq!(code(&World::new().bundle(), &anchor), "actor-unknown");
    let anchor = Anchor::parse(keys(&x_of(&actor_key())).as_bytes()).unwrap();
    assert_eq!(code(&World::new().bundle(), &anchor), "accepted");
}

#[test]
fn a_key_acts_for_the_subjects_that_the_anchor_gives_it() {
    let bundle = World::new().bundle();
    let judged = |subjects: &str| {
        let text = jwks(&format!(r#","subjects":[{subjects}]"#));
        code(&bundle, &Anchor::parse(text.as_bytes()).unwrap())
    };
    assert_eq!(judged(r#""did:vm:agent:builder""#), "accepted");
    assert_eq!(judged(r#""did:vm:agent:*""#), "accepted");
    assert_eq!(judged(r#""spiffe://a/*","did:vm:agent:*""#), "accepted");
    for other in [
        "did:vm:agent:builde",
        "did:vm:human:*",
        "did:vm:agent:builder2",
        "spiffe://a/*",
    ] {
        assert_eq!(
            judged(&format!("\"{other}\"")),
            "actor-out-of-scope",
            "{other}"
        );
    }
}

#[test]
fn a_key_counts_within_its_window() {
    let bundle = World::new().bundle();
    let judged = |from: i64, until: i64| {
        let window = format!(
            r#","not_before":"{}","not_after":"{}""#,
            at(from),
            at(until)
        );
        code(&bundle, &Anchor::parse(jwks(&window).as_bytes()).unwrap())
    };
    assert_eq!(judged(0, 6), "accepted");
    assert_eq!(judged(1, 6), "actor-out-of-window");
    assert_eq!(judged(0, 5), "actor-out-of-window");
}

#[test]
fn another_session_than_the_anchors_or_the_bundles_own_is_refused() {
    let world = World::new();
    let id = world.receipts[0].root_hash();
    let required = format!(r#","require":{{"session":"{id}"}}"#);
    assert_eq!(code(&world.bundle(), &anchor(&required)), "accepted");
    let other = world.receipts[1].root_hash();
    let required = format!(r#","require":{{"session":"{other}"}}"#);
    assert_eq!(
        code(&world.bundle(), &anchor(&required)),
        "session-unexpected"
    );
    let mut head = world.head();
    head.session = *other;
    assert_eq!(
        code(&bundle_of(&head, &world.receipts), &anchor("")),
        "session-mismatch"
    );
}

#[test]
fn a_payload_that_nothing_binds_or_that_is_another_is_refused() {
    let mut world = World::new();
    world.payload = Some(br#"{"release":"1.2.4"}"#.to_vec());
    assert_eq!(code(&world.bundle(), &anchor("")), "payload-mismatch");
    world.payload = Some(br#"{"release": "1.2.3"}"#.to_vec());
    assert_eq!(code(&world.bundle(), &anchor("")), "bundle-malformed");
    let mut world = World::new();
    let (recorder, opening) = recorder();
    world.receipts = vec![opening, recorder.close(None, at(1)).unwrap()];
    assert_eq!(code(&world.bundle(), &anchor("")), "payload-unbound");
    world.payload = None;
    assert_eq!(code(&world.bundle(), &anchor("")), "accepted");
    let binding = anchor(r#","require_payload_binding":true"#);
    assert_eq!(code(&world.bundle(), &binding), "payload-unbound");
}

/// One inside and one beside it: both count.
#[test]
fn each_of_two_payloads_must_be_what_the_closing_binds() {
    let anchor = anchor("");
    let judged = |inside: Option<&[u8]>, beside: &[u8]| {
        let mut world = World::new();
        world.payload = inside.map(<[u8]>::to_vec);
        let verifier = BundleVerifier::new(&anchor, now()).with_payload(payload_hash(beside));
        let verdict = verdict(verifier.verify(&*world.bundle()));
        verdict.map_or_else(|error| error.code(), |_| "accepted")
    };
    let other = br#"{"release":"1.2.4"}"#;
    assert_eq!(judged(Some(PAYLOAD), PAYLOAD), "accepted");
    assert_eq!(judged(None, PAYLOAD), "accepted");
    assert_eq!(judged(Some(PAYLOAD), other), "payload-mismatch");
    assert_eq!(judged(Some(other), PAYLOAD), "payload-mismatch");
}

#[test]
fn shown_content_must_be_what_a_step_sealed() {
    let salt = [5; 32];
    let show = |sequence, salt, content: &[u8]| {
        let mut world = World::new();
        let content = content.to_vec();
        world.sealed.insert(sequence, Disclosure { salt, content });
        code(&world.bundle(), &anchor(""))
    };
    assert_eq!(show(3, salt, b"the customer's address"), "accepted");
    assert_eq!(show(3, salt, b"another address"), "content-mismatch");
    assert_eq!(
        show(3, [6; 32], b"the customer's address"),
        "content-mismatch"
    );
    // A step that sealed nothing, the closing, and one that is not there.
    for sequence in [1, 6, 99] {
        assert_eq!(
            show(sequence, salt, b"the customer's address"),
            "content-mismatch"
        );
    }
}

#[test]
fn a_presentation_to_another_audience_nonce_or_time_is_refused() {
    let bundle = World::new().bundle();
    let anchor_for = |audience: &str, nonce: &str| {
        anchor(&format!(
            r#","require":{{"audience":"{audience}","nonce":"{nonce}"}}"#
        ))
    };
    let shown = present(&bundle, "auditor.example", "n-1", at(5000));
    assert_eq!(
        code(&shown, &anchor_for("auditor.example", "n-1")),
        "accepted"
    );
    assert_eq!(
        code(&shown, &anchor_for("other.example", "n-1")),
        "presentation-audience"
    );
    assert_eq!(
        code(&shown, &anchor_for("auditor.example", "n-2")),
        "presentation-nonce"
    );
    assert_eq!(
        code(&bundle, &anchor_for("auditor.example", "n-1")),
        "presentation-missing"
    );
    let expired = present(&bundle, "auditor.example", "n-1", at(1599));
    assert_eq!(code(&expired, &anchor("")), "presentation-expired");
    // Around another bundle of the same session.
    let text = String::from_utf8(shown).unwrap();
    let presentation = &text[text.rfind(",\"presentation\":").unwrap()..];
    let mut other = World::new();
    other.payload = None;
    let mut moved = b"{\"bundle\":".to_vec();
    moved.extend(other.bundle());
    moved.extend(presentation.bytes());
    assert_eq!(code(&moved, &anchor("")), "presentation-other-bundle");
}

/// Whoever shows a bundle signs now, so the key must count now; and what it says of its own time must fit.
#[test]
fn a_presentation_by_a_key_that_counts_no_more_or_dated_out_of_time_is_refused() {
    let bundle = World::new().bundle();
    let made = |signed, expires| {
        let signer = (&crate::world::subject(), &actor_key());
        Presentation::present(&bundle, "a", "n", expires, signer, signed).unwrap()
    };
    let window = |until: i64| {
        let window = format!(r#","not_after":"{}""#, at(until));
        Anchor::parse(jwks(&window).as_bytes()).unwrap()
    };
    // It is 1,600 s now.
    assert_eq!(code(&bundle, &window(6)), "accepted");
    assert_eq!(code(&made(at(1599), at(5000)), &window(1600)), "accepted");
    let late = made(at(1599), at(5000));
    assert_eq!(code(&late, &window(1598)), "presentation-out-of-window");
    let dated_back = made(at(5), at(5000));
    assert_eq!(code(&dated_back, &window(6)), "presentation-out-of-window");
    let from = format!(r#","not_before":"{}""#, at(0));
    let from = Anchor::parse(jwks(&from).as_bytes()).unwrap();
    let before_it_counted = made(at(-1), at(5000));
    assert_eq!(
        code(&before_it_counted, &from),
        "presentation-out-of-window"
    );
    assert_eq!(code(&made(at(0), at(5000)), &from), "accepted");
    let ahead = |seconds: i64| code(&made(at(1600 + seconds), at(5000)), &anchor(""));
    assert_eq!(ahead(300), "accepted");
    assert_eq!(ahead(301), "presentation-dated");
    let after_its_end = made(at(1700), at(1699));
    assert_eq!(code(&after_its_end, &anchor("")), "presentation-dated");
}

#[test]
fn only_the_sessions_key_presents_it() {
    let bundle = World::new().bundle();
    let other = quorate_note::ed25519::SecretKey::from_seed([8; 32]);
    let (subject, now) = (crate::world::subject(), now());
    let shown = Presentation::present(&bundle, "a", "n", at(5000), (&subject, &other), now);
    assert_eq!(code(&shown.unwrap(), &anchor("")), "presentation-signature");
}

#[test]
fn a_head_that_is_older_than_the_anchor_allows_is_refused() {
    let bundle = World::new().bundle();
    let within = |seconds: u64| {
        code(
            &bundle,
            &anchor(&format!(r#","require":{{"max_age_seconds":{seconds}}}"#)),
        )
    };
    assert_eq!(within(600), "accepted");
    assert_eq!(within(599), "too-old");
}

/// By a clock that is behind, every co-signature would be young.
#[test]
fn a_head_from_the_future_is_refused_where_an_age_is_asked_for() {
    let bundle = World::new().bundle();
    let judged = |anchor: &Anchor, ahead: i64| {
        let now = Timestamp::from_seconds(i64::try_from(TIMESTAMP).unwrap() - ahead).unwrap();
        let verdict = verdict(BundleVerifier::new(anchor, now).verify(&*bundle));
        verdict.map_or_else(|error| error.code(), |_| "accepted")
    };
    let young = anchor(r#","require":{"max_age_seconds":1}"#);
    assert_eq!(judged(&young, 300), "accepted");
    assert_eq!(judged(&young, 301), "from-the-future");
    assert_eq!(judged(&anchor(""), 301), "accepted");
}

/// A rule about the payload covers every step, whatever the actor called them.
#[test]
fn what_comes_from_the_web_does_not_reach_a_payload_that_a_rule_guards() {
    let guarded = anchor(r#","flow":[{"sink":{"kind":"payload"},"without":["web"]}]"#);
    assert_eq!(code(&World::new().bundle(), &guarded), "flow-refused");
    let tools = anchor(r#","flow":[{"sink":{"kind":"payload"},"without":["memory"]}]"#);
    assert_eq!(code(&World::new().bundle(), &tools), "accepted");
}

/// A source that goes on for ever after the checkpoint.
struct Endless(Vec<u8>);

impl Source for Endless {
    type Error = &'static str;

    fn more(&mut self, buffer: &mut Vec<u8>) -> Result<bool, Self::Error> {
        if self.0.is_empty() {
            return Err("it went on to read");
        }
        buffer.append(&mut self.0);
        Ok(true)
    }
}

#[test]
fn nothing_behind_the_checkpoint_is_read_of_a_bundle_whose_head_does_not_count() {
    let mut world = World::new();
    world.witnesses = vec![1];
    let mut start = world.bundle();
    let end = start
        .windows(11)
        .position(|w| w == b",\"format\":\"")
        .unwrap();
    start.truncate(end);
    let verdict = BundleVerifier::new(&anchor(""), now()).verify(Endless(start));
    match verdict {
        Err(Failure::Refused(error)) => assert_eq!(error.code(), "not-quorate"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_comes_from_the_web_does_not_reach_what_a_rule_guards() {
    let bundle = World::new().bundle();
    let judged = |rule: &str| code(&bundle, &anchor(&format!(r#","flow":[{rule}]"#)));
    let artifact = r#""sink":{"kind":"artifact","name":"release.json"}"#;
    assert_eq!(
        judged(&format!(r#"{{{artifact},"without":["web"]}}"#)),
        "flow-refused"
    );
    assert_eq!(
        judged(&format!(r#"{{{artifact},"require":"trusted"}}"#)),
        "flow-refused"
    );
    assert_eq!(
        judged(&format!(r#"{{{artifact},"without":["memory"]}}"#)),
        "accepted"
    );
    let crm = r#""sink":{"kind":"tool_call","name":"crm"}"#;
    assert_eq!(
        judged(&format!(r#"{{{crm},"without":["web"]}}"#)),
        "accepted"
    );
    assert!(Label::of(SourceClass::Web).contains(SourceClass::Web));
}

#[test]
fn a_log_of_another_name_is_another_log() {
    let policy = policy_text().replace(&log_vkey(100), &log_vkey_named(100, &format!("{ORIGIN}2")));
    let text = anchor_text("").replace(
        &policy_text().replace('\n', "\\n"),
        &policy.replace('\n', "\\n"),
    );
    let anchor = Anchor::parse(text.as_bytes()).unwrap();
    assert_eq!(code(&World::new().bundle(), &anchor), "log-unknown");
}

#[test]
fn neither_more_nor_less_than_a_bundle_is_one() {
    let bundle = World::new().bundle();
    let anchor = anchor("");
    for end in 0..bundle.len() {
        assert_ne!(code(&bundle[..end], &anchor), "accepted", "{end}");
    }
    for more in ["\n", " ", "{}", "\0"] {
        let mut longer = bundle.clone();
        longer.extend(more.bytes());
        assert_eq!(code(&longer, &anchor), "bundle-malformed");
    }
    assert_eq!(code(b"", &anchor), "bundle-malformed");
}
