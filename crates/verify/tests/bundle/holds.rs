//! What holds, and what the report says of it.

use quorate_policy::Verdict;
use quorate_provenance::{Label, Level, Payload, SourceClass, Step, StepDraft, Verified};
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::view::StepView;
use quorate_verify::bundle::{
    BundleReport, BundleVerifier, HeadProof, PayloadForm, PayloadProof, Source, payload_hash,
};

use crate::common::log_vkey;
use crate::world::{
    PAYLOAD, SUBJECT, World, anchor, at, bundle_of, guides_anchor, jwks, now, policy_text, present,
    recorder, verdict, verify,
};

#[test]
fn a_closed_session_under_a_quorate_head_is_proven() {
    let world = World::new();
    let report = verify(&world.bundle(), &anchor("")).unwrap();
    assert_eq!(report.session().subject().as_str(), SUBJECT);
    assert_eq!(report.session().steps(), 5);
    assert!(report.session().is_closed());
    assert_eq!(report.actor().kid(), Some("builder"));
    assert!(matches!(report.payload(), PayloadProof::Shown(_)));
    assert_eq!(
        (report.shown(), report.sealed(), report.elsewhere()),
        (0, 1, 1)
    );
    let HeadProof::Judged(verdict) = report.head() else {
        panic!("a policy judged it");
    };
    assert!(matches!(**verdict, Verdict::Quorate(_)));
    assert!(report.label().contains(SourceClass::Web));
    assert_eq!(report.label().level(), Level::Adversarial);
    let runs: Vec<_> = report.leaves().runs().collect();
    assert_eq!(runs, [(2, 2), (5, 2), (8, 2), (11, 1)]);
    let view = serde_json::to_value(report.view()).unwrap();
    assert_eq!(view["complete"], true);
    assert_eq!(view["log"]["verdict"], "quorate");
    assert_eq!(view["sources"], serde_json::json!(["user", "web", "tool"]));
    assert_eq!(view["payload"]["shown"], true);
}

#[test]
fn each_step_is_shown_with_its_label_in_order() {
    let bundle = World::new().bundle();
    let anchor = anchor("");
    let mut seen = Vec::new();
    let verifier = BundleVerifier::new(&anchor, now());
    let each = |step: &Verified<Step>, label: Label| {
        seen.push((
            step.link.sequence,
            step.kind.name(),
            label.contains(SourceClass::Web),
        ));
    };
    verdict(verifier.verify_each(&*bundle, each)).unwrap();
    let expected = [
        (1, "note", false),
        (2, "retrieval", true),
        (3, "tool_call", false),
        (4, "model_call", true),
        (5, "artifact", true),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn sealed_content_that_is_shown_is_what_the_step_committed_to() {
    let report = verify(&World::new().with_sealed().bundle(), &anchor("")).unwrap();
    assert_eq!((report.shown(), report.sealed()), (1, 0));
}

#[test]
fn a_payload_may_stay_outside_and_be_compared() {
    let mut world = World::new();
    world.payload = None;
    let bundle = world.bundle();
    let anchor = anchor(r#","require_payload_binding":true"#);
    let report = verify(&bundle, &anchor).unwrap();
    assert!(matches!(report.payload(), PayloadProof::Bound(_)));
    assert!(
        report
            .not_proven()
            .iter()
            .any(|line| line.contains("it was not shown"))
    );
    let verifier = BundleVerifier::new(&anchor, now());
    let beside = verifier.with_payload(payload_hash(PAYLOAD));
    let report = verdict(beside.verify(&*bundle)).unwrap();
    assert!(matches!(report.payload(), PayloadProof::Shown(_)));
    let other = verifier.with_payload(payload_hash(b"another"));
    let error = verdict(other.verify(&*bundle)).unwrap_err();
    assert_eq!(error.code(), "payload-mismatch");
}

#[test]
fn what_a_payloads_hash_is_taken_of_is_said_where_it_is_known() {
    let mut world = World::new();
    let anchor = anchor("");
    let verifier = BundleVerifier::new(&anchor, now());
    let told = |bundle: &[u8], verifier: BundleVerifier<'_>| {
        let report = verdict(verifier.verify(bundle)).unwrap();
        let row = report.to_string();
        let row = row.lines().find(|line| line.starts_with("  payload"));
        let said = row.unwrap().split_once(" (").unwrap().1.to_owned();
        let view = serde_json::to_value(report.view()).unwrap();
        let of = view["payload"].get("of").cloned().unwrap_or_default();
        (report.payload_form(), said, of)
    };
    let canonical = Some(PayloadForm::CanonicalJson);
    let (form, said, of) = told(&world.bundle(), verifier);
    assert_eq!(
        (form, &*said),
        (canonical, "shown; the hash of its canonical JSON)")
    );
    assert_eq!(of, "canonical-json");
    world.payload = None;
    let bundle = world.bundle();
    let pretty = b"{ \"release\": \"1.2.3\" }\n";
    for file in [PAYLOAD, pretty] {
        assert_eq!(told(&bundle, verifier.with_payload_file(file)).0, canonical);
    }
    let (form, said, of) = told(&bundle, verifier.with_payload(payload_hash(PAYLOAD)));
    assert_eq!(
        (form, &*said, of.is_null()),
        (None, "shown by its hash)", true)
    );
    let (form, said, of) = told(&bundle, verifier);
    assert_eq!((form, of.is_null()), (None, true));
    assert!(
        said.ends_with("of its canonical JSON, unless it was bound as bytes)"),
        "{said}"
    );
    // A closing that binds the file's own bytes.
    let (mut recorder, opening) = recorder();
    let note = recorder.step(StepDraft::note(), at(1)).unwrap();
    let hash = payload_hash(pretty);
    let bound = Payload {
        hash,
        media_type: None,
    };
    world.receipts = vec![opening, note, recorder.close(Some(bound), at(2)).unwrap()];
    let (form, said, of) = told(&world.bundle(), verifier.with_payload_file(pretty));
    assert_eq!(
        (form, &*said),
        (Some(PayloadForm::Bytes), "shown; the hash of its bytes)")
    );
    assert_eq!(of, "bytes");
    let other = verifier.with_payload_file(PAYLOAD).verify(&*world.bundle());
    assert_eq!(verdict(other).unwrap_err().code(), "payload-mismatch");
}

#[test]
fn the_guides_anchor_counts_distinct_trusted_witnesses() {
    let bundle = World::new().bundle();
    let report = verify(&bundle, &guides_anchor(2)).unwrap();
    let HeadProof::Witnessed(witnessed) = report.head() else {
        panic!("witnesses were counted");
    };
    assert_eq!((witnessed.witnesses().len(), witnessed.threshold()), (2, 2));
    assert!(witnessed.log_keys().is_empty());
    assert!(
        report
            .not_proven()
            .iter()
            .any(|line| line.starts_with("Which log this is"))
    );
    let error = verify(&bundle, &guides_anchor(3)).unwrap_err();
    assert_eq!(error.code(), "not-quorate");
}

#[test]
fn a_bare_jwk_set_is_an_anchor_of_actors_and_the_report_says_that_no_quorum_was_required() {
    let anchor = Anchor::parse(jwks("").as_bytes()).unwrap();
    let report = verify(&World::new().bundle(), &anchor).unwrap();
    assert!(matches!(report.head(), HeadProof::NotJudged(_)));
    let not_proven = report.not_proven();
    assert!(
        not_proven
            .iter()
            .any(|line| line.contains("no quorum was required"))
    );
    assert!(
        not_proven
            .iter()
            .any(|line| line.contains("gives it no `subjects`"))
    );
}

#[test]
fn what_is_said_of_a_log_that_nobody_judged_is_a_claim_and_not_proven() {
    let bundle = World::new().bundle();
    let sections = |anchor: &Anchor| {
        let text = verify(&bundle, anchor).unwrap().to_string();
        let mut under = ("", Vec::new());
        let mut found = Vec::new();
        for line in text.lines() {
            if line.starts_with(' ') {
                under.1.push(
                    line.split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                );
            } else {
                found.push(std::mem::take(&mut under));
                let heads = ["Proven", "Claimed, not checked", "Verdict", "Not proven"];
                let head = heads
                    .into_iter()
                    .find(|head| line.starts_with(&format!("{head}:")));
                under = (head.unwrap_or_else(|| panic!("{line}")), Vec::new());
            }
        }
        found
    };
    let of_log = |rows: &[String]| {
        rows.iter()
            .any(|row| ["log", "tree", "root"].contains(&&**row))
    };
    let keys_alone = Anchor::parse(jwks("").as_bytes()).unwrap();
    for (head, rows) in sections(&keys_alone) {
        assert_eq!(
            of_log(&rows),
            head == "Claimed, not checked",
            "{head}: {rows:?}"
        );
    }
    for judged in [anchor(""), guides_anchor(2)] {
        for (head, rows) in sections(&judged) {
            assert_ne!(head, "Claimed, not checked");
            assert_eq!(of_log(&rows), head == "Proven", "{head}: {rows:?}");
        }
    }
}

#[test]
fn logs_alone_ask_for_their_signature_and_for_no_witness() {
    let text = |vkey: String| format!(r#"{{"logs":["{vkey}"],"trust_jwks":{}}}"#, jwks(""));
    let mut world = World::new();
    world.witnesses = Vec::new();
    let bundle = world.bundle();
    let ours = Anchor::parse(text(log_vkey(100)).as_bytes()).unwrap();
    let report = verify(&bundle, &ours).unwrap();
    let HeadProof::Judged(verdict) = report.head() else {
        panic!("a policy judged it");
    };
    assert!(matches!(**verdict, Verdict::Unwitnessed(_)));
    let another = Anchor::parse(text(log_vkey(101)).as_bytes()).unwrap();
    assert_eq!(verify(&bundle, &another).unwrap_err().code(), "log-unknown");
}

#[test]
fn a_presentation_says_for_whom_until_when() {
    let shown = present(&World::new().bundle(), "auditor.example", "n-1", at(5000));
    let anchor = anchor(r#","require":{"audience":"auditor.example","nonce":"n-1"}"#);
    let report = verify(&shown, &anchor).unwrap();
    let presentation = report.presentation().unwrap();
    assert_eq!(&*presentation.audience, "auditor.example");
}

#[test]
fn only_an_audience_that_was_asked_for_is_you_and_only_a_nonce_that_was_asked_for_is_new() {
    let bundle = World::new().bundle();
    let shown = present(&bundle, "somebody \u{202e}else", "n-1", at(5000));
    let audience = r#""audience":"somebody \u202eelse""#;
    let nonce = r#""nonce":"n-1""#;
    let asked = |members: &[&str]| anchor(&format!(r#","require":{{{}}}"#, members.join(",")));
    let open = |text: &[u8], anchor: &Anchor| {
        let report = verify(text, anchor).unwrap();
        let starts = [
            "That it was made for you",
            "That it was made for this occasion",
        ];
        let lines = report.not_proven().into_iter();
        let lines: Vec<_> = lines
            .filter(|line| starts.iter().any(|start| line.starts_with(start)))
            .collect();
        // Each way to tell of it says the same.
        assert!(
            lines
                .iter()
                .all(|line| report.view().not_proven.contains(line))
        );
        assert!(
            lines
                .iter()
                .all(|line| report.to_string().contains(&**line))
        );
        lines
    };
    let for_whom = "That it was made for you: it was made for \"somebody \\u{202e}else\", and the trust anchor did not ask \
                    whether that is you.";
    let when = format!(
        "That it was made for this occasion: the trust anchor asked for no nonce, so an old presentation will do until it \
         expires, this one on {}.",
        at(5000)
    );
    assert_eq!(open(&shown, &asked(&[])), [for_whom, &*when]);
    assert_eq!(open(&shown, &asked(&[audience])), [&*when]);
    assert_eq!(open(&shown, &asked(&[nonce])), [for_whom]);
    assert_eq!(open(&shown, &asked(&[audience, nonce])), [""; 0]);
    assert_eq!(
        open(&bundle, &asked(&[])),
        ["That it was made for you: whoever has the file can show it to anyone."]
    );
}

#[test]
fn each_rule_says_how_much_it_was_about_and_one_about_nothing_is_not_proven() {
    let rules = anchor(
        r#","flow":[
            {"sink":{"kind":"artifact","name":"relase.json"},"without":["web"]},
            {"sink":{"kind":"tool_call","name":"*"},"require":"untrusted","without":["web"]},
            {"sink":{"kind":"payload"},"without":["memory"]},
            {"sink":{"kind":"artifact","name":"release.json"},"without":["memory"]},
            {"sink":{"kind":"tool_call","name":"deploy"},"without":["web","memory"]}
        ],"require":{"complete":false}"#,
    );
    let idle = |report: &BundleReport| -> Vec<String> {
        let lines = report.not_proven().into_iter();
        lines.filter(|line| line.starts_with("Rule ")).collect()
    };
    let report = verify(&World::new().bundle(), &rules).unwrap();
    let matched: Vec<u64> = report.rules().iter().map(|rule| rule.matched).collect();
    assert_eq!(matched, [0, 1, 1, 1, 0]);
    let (first, last) = (
        r#"Rule 1 (artifact "relase.json"): the session has no such step, so nothing was held to it."#,
        r#"Rule 5 (tool_call "deploy"): the session has no such step, so nothing was held to it."#,
    );
    assert_eq!(idle(&report), [first, last]);
    let text = report.to_string();
    for line in [
        r#"  rule 1     artifact "relase.json" derives from no web: about nothing here"#,
        "  rule 2     any tool_call is untrusted or better derives from no web: kept by 1 step",
        "  rule 3     payload derives from no memory: kept",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    let view = serde_json::to_value(report.view()).unwrap();
    let flow = serde_json::json!([
        {"sink": {"kind": "artifact", "name": "relase.json"}, "without": ["web"], "matched": 0},
        {"sink": {"kind": "tool_call", "name": "*"}, "require": "untrusted", "without": ["web"], "matched": 1},
        {"sink": {"kind": "payload"}, "without": ["memory"], "matched": 1},
        {"sink": {"kind": "artifact", "name": "release.json"}, "without": ["memory"], "matched": 1},
        {"sink": {"kind": "tool_call", "name": "deploy"}, "without": ["memory", "web"], "matched": 0},
    ]);
    assert_eq!(view["flow"], flow);
    // A closing that is not there binds no payload.
    let mut open = World::new();
    open.receipts.pop();
    open.payload = None;
    let report = verify(&open.bundle(), &rules).unwrap();
    let payload = "Rule 3 (payload): the session binds none, so nothing was held to it.";
    assert_eq!(idle(&report), [first, payload, last]);
    let report = verify(&World::new().bundle(), &anchor("")).unwrap();
    assert_eq!((report.rules().len(), idle(&report).len()), (0, 0));
}

#[test]
fn a_rule_counts_every_step_that_it_is_about() {
    let (mut recorder, opening) = recorder();
    let mut world = World::new();
    world.receipts = vec![opening];
    for second in 1..=7 {
        let draft = match second % 2 {
            0 => StepDraft::tool_call("test"),
            _ => StepDraft::tool_call("deploy"),
        };
        let step = recorder.step(draft.source(SourceClass::User), at(second));
        world.receipts.push(step.unwrap());
    }
    world.receipts.push(recorder.close(None, at(8)).unwrap());
    world.payload = None;
    let rules = anchor(
        r#","flow":[{"sink":{"kind":"tool_call","name":"*"},"without":["web"]},
            {"sink":{"kind":"tool_call","name":"deploy"},"without":["web"]},
            {"sink":{"kind":"payload"},"without":["web"]}]"#,
    );
    let report = verify(&world.bundle(), &rules).unwrap();
    let matched: Vec<u64> = report.rules().iter().map(|rule| rule.matched).collect();
    assert_eq!(matched, [7, 4, 0]);
}

/// A few bytes at a time, as from a slow disk.
struct Slow<'a>(&'a [u8]);

impl Source for Slow<'_> {
    type Error = std::convert::Infallible;

    fn more(&mut self, buffer: &mut Vec<u8>) -> Result<bool, Self::Error> {
        let (now, later) = self.0.split_at(self.0.len().min(7));
        buffer.extend_from_slice(now);
        self.0 = later;
        Ok(!now.is_empty())
    }
}

#[test]
fn a_bundle_that_comes_in_drops_is_the_same_bundle() {
    let bundle = World::new().with_sealed().bundle();
    let shown = present(&bundle, "a", "n", at(5000));
    let anchor = anchor("");
    for text in [bundle, shown] {
        let verifier = BundleVerifier::new(&anchor, now());
        let whole = verdict(verifier.verify(&*text)).unwrap().view();
        assert_eq!(verdict(verifier.verify(Slow(&text))).unwrap().view(), whole);
    }
}

#[test]
fn a_checkpoint_is_trimmed_to_what_the_policy_asks_for() {
    let policy = quorate_policy::Policy::parse(policy_text().as_bytes()).unwrap();
    let mut world = World::new();
    world.witnesses = vec![9, 1, 2, 3];
    let full = world.head().checkpoint;
    assert_eq!(full.note().signatures().len(), 5);
    let trimmed = quorate_verify::bundle::trimmed(&full, &policy).unwrap();
    // The log's and two of three.
    assert_eq!(trimmed.note().signatures().len(), 3);
    let mut head = world.head();
    head.checkpoint = trimmed;
    assert!(verify(&bundle_of(&head, &world.receipts), &anchor("")).is_ok());
    world.witnesses = vec![9, 1];
    let error = quorate_verify::bundle::trimmed(&world.head().checkpoint, &policy).unwrap_err();
    assert_eq!(error.code(), "not-quorate");
}

#[test]
fn a_steps_view_has_its_content() {
    let mut views = Vec::new();
    let each = |step: &Verified<Step>, label: Label| {
        views.push(serde_json::to_value(StepView::of(step, label)).unwrap());
    };
    let bundle = World::new().with_sealed().bundle();
    verdict(BundleVerifier::new(&anchor(""), now()).verify_each(&*bundle, each)).unwrap();
    assert_eq!(views[0]["content_inline"], r#""release it""#);
    assert_eq!(views[1]["content_hash"], payload_hash(b"page").to_string());
    assert_eq!(views[1]["content_length"], 4);
    assert_eq!(views[1]["media_type"], "text/html");
    assert_eq!(views[2]["content_length"], 22);
    assert!(views[2]["content_commitment"].is_string());
    assert!(views[4].get("content").is_none());
}
