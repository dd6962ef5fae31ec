//! What is judged, and the code that each must have.

use quorate_note::SignedCheckpoint;
use quorate_note::ed25519::SecretKey;
use quorate_provenance::{SourceClass, StepDraft};
use quorate_receipt::json::Object;
use quorate_receipt::{Blake3Hash, Receipt, SignatureText, signed_message};
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::{BundleVerifier, Disclosure, payload_hash};
use serde_json::json;

use crate::common::{Log, hex, log_vkey, mldsa_log_vkey, witness_vkey};
use crate::world::{
    PAYLOAD, World, actor_key, anchor_text, at, bundle_of, jwks, now, policy_text, present,
    recorder, subject, x_of,
};

/// One call.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) call: &'static str,
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) code: &'static str,
}

const ENTRY: &[u8] = b"two";

/// The files that others are written as changes of.
pub(crate) fn files() -> Vec<(&'static str, Vec<u8>)> {
    let closed = World::new().bundle();
    vec![
        (
            "presented",
            present(&closed, "auditor.example", "n-1", at(5000)),
        ),
        ("attested", attested(&closed)),
        ("sealed", World::new().with_sealed().bundle()),
        ("closed", closed),
        ("anchor", anchor_text("").into()),
        ("guide", guide(2).into()),
        ("policy", policy_text().into()),
        ("proof", log().ed25519_proof(2, &[1, 2])),
    ]
}

/// As an in-toto Statement in a DSSE envelope, signed by the session's key.
fn attested(bundle: &[u8]) -> Vec<u8> {
    let anchor = Anchor::parse(anchor_text("").as_bytes()).unwrap();
    let verifier = BundleVerifier::new(&anchor, now());
    verifier.attest(bundle, &actor_key()).unwrap()
}

fn log() -> Log {
    Log::new([&b"zero"[..], b"one", ENTRY, b"three", b"four"])
}

/// Witnesses by their hexadecimal keys, and how many of them.
pub(crate) fn guide(threshold: usize) -> String {
    let keys: Vec<String> = (1..=3).map(hex).collect();
    let keys = json!(keys);
    let actors = jwks("");
    format!(
        r#"{{"trust_jwks":{actors},"trusted_witnesses_hex":{keys},"cosignature_threshold":{threshold}}}"#
    )
}

pub(crate) fn options(more: &str) -> Vec<u8> {
    format!(r#"{{"now":"{}"{more}}}"#, now()).into_bytes()
}

pub(crate) struct Cases(Vec<Case>);

impl Cases {
    pub(crate) fn bundle(
        &mut self,
        name: &str,
        bundle: &[u8],
        anchor: impl Into<Vec<u8>>,
        code: &'static str,
    ) {
        let args = vec![bundle.to_vec(), anchor.into(), options("")];
        self.push(name, "verifyBundle", args, code);
    }

    /// A world by the usual anchor.
    pub(crate) fn world(&mut self, name: &str, world: &World, code: &'static str) {
        self.bundle(name, &world.bundle(), anchor_text(""), code);
    }

    /// The usual bundle by an anchor with these further members.
    fn asked(&mut self, name: &str, more: &str, code: &'static str) {
        self.bundle(name, &World::new().bundle(), anchor_text(more), code);
    }

    fn proof(
        &mut self,
        name: &str,
        proof: Vec<u8>,
        entry: &[u8],
        policy: &str,
        code: &'static str,
    ) {
        let args = vec![proof, entry.to_vec(), policy.into()];
        self.push(name, "verifyProof", args, code);
    }

    pub(crate) fn push(
        &mut self,
        name: &str,
        call: &'static str,
        args: Vec<Vec<u8>>,
        code: &'static str,
    ) {
        let name = name.to_owned();
        self.0.push(Case {
            name,
            call,
            args,
            code,
        });
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Cases(Vec::new());
    crate::accepted::add(&mut cases);
    heads(&mut cases);
    actors(&mut cases);
    sessions(&mut cases);
    contents(&mut cases);
    presentations(&mut cases);
    attestations(&mut cases);
    inputs(&mut cases);
    proofs(&mut cases);
    crate::policies::add(&mut cases);
    cases.0
}

fn heads(cases: &mut Cases) {
    let with = |witnesses: &[u8]| {
        let mut world = World::new();
        world.witnesses = witnesses.to_vec();
        world
    };
    cases.world("one witness", &with(&[1]), "not-quorate");
    cases.world("no witness", &with(&[]), "not-quorate");
    cases.world(
        "another witness beside",
        &with(&[1, 3, 9]),
        "signature-unknown",
    );
    let closed = World::new().bundle();
    cases.bundle("three must and two have", &closed, guide(3), "not-quorate");
    let other = anchor_text("").replace(&log_vkey(100), &log_vkey(101));
    cases.bundle("another log's key", &closed, other, "log-unknown");
    cases.asked("old", r#","require":{"max_age_seconds":599}"#, "too-old");
    cases.asked(
        "young enough",
        r#","require":{"max_age_seconds":600}"#,
        "accepted",
    );

    let future = r#","require":{"max_age_seconds":600}"#;
    let args = vec![
        closed,
        anchor_text(future).into(),
        br#"{"now":"2026-11-19T23:54:59Z"}"#.to_vec(),
    ];
    cases.push("from the future", "verifyBundle", args, "from-the-future");

    // One co-signature under two names: it does not bind the name.
    let mut head = World::new().head();
    let lines = head.checkpoint.note().signatures();
    let (log, one) = (lines[0].clone(), lines[1].clone());
    let key = quorate_note::PublicKey::Ed25519Cosignature(SecretKey::from_seed([1; 32]).public());
    let other = quorate_note::VerifierKey::new("another.example".parse().unwrap(), key);
    let copied =
        quorate_note::SignatureLine::new(other.name().clone(), other.id(), one.signature());
    let lines = vec![log, one, copied.unwrap()];
    let checkpoint = head.checkpoint.checkpoint_unverified().clone();
    head.checkpoint = SignedCheckpoint::new(checkpoint, lines).unwrap();
    let bundle = bundle_of(&head, &World::new().receipts);
    cases.bundle(
        "one co-signature under two names",
        &bundle,
        guide(2),
        "not-quorate",
    );

    // Lines over another head, under the checkpoint of this one.
    let mut short = World::new();
    short.receipts.truncate(3);
    let there = short.head().checkpoint;
    let mixed = |from_there: &[usize]| {
        let mut head = World::new().head();
        let mut lines = head.checkpoint.note().signatures().to_vec();
        for &n in from_there {
            lines[n] = there.note().signatures()[n].clone();
        }
        let checkpoint = head.checkpoint.checkpoint_unverified().clone();
        head.checkpoint = SignedCheckpoint::new(checkpoint, lines).unwrap();
        bundle_of(&head, &World::new().receipts)
    };
    cases.bundle(
        "log signed another head",
        &mixed(&[0]),
        anchor_text(""),
        "log-signature-invalid",
    );
    cases.bundle(
        "witness signed another head",
        &mixed(&[1]),
        anchor_text(""),
        "cosignature-invalid",
    );
}

fn actors(cases: &mut Cases) {
    let closed = World::new().bundle();
    let other = x_of(&SecretKey::from_seed([8; 32]));
    let stranger = jwks("").replace(&x_of(&actor_key()), &other);
    cases.bundle("another actor's key", &closed, stranger, "actor-unknown");
    let elsewhere = jwks(r#","subjects":["did:vm:agent:other"]"#);
    cases.bundle(
        "key for another subject",
        &closed,
        elsewhere,
        "actor-out-of-scope",
    );
    let window = format!(r#","not_before":"{}""#, at(1));
    cases.bundle(
        "key too young",
        &closed,
        jwks(&window),
        "actor-out-of-window",
    );
    let world = World::new();
    let id = |n: usize| {
        format!(
            r#","require":{{"session":"{}"}}"#,
            world.receipts[n].root_hash()
        )
    };
    cases.asked("the session that is asked for", &id(0), "accepted");
    cases.asked("another session is asked for", &id(1), "session-unexpected");
    let mut head = world.head();
    head.session = *world.receipts[1].root_hash();
    let bundle = bundle_of(&head, &world.receipts);
    cases.bundle(
        "session named wrongly",
        &bundle,
        anchor_text(""),
        "session-mismatch",
    );
    let artifact =
        r#","flow":[{"sink":{"kind":"artifact","name":"release.json"},"without":["web"]}]"#;
    cases.asked("from the web into an artifact", artifact, "flow-refused");
}

/// A session of these receipts that a log has recorded.
fn recorded(receipts: Vec<Receipt>) -> World {
    let mut world = World::new();
    world.receipts = receipts;
    world.payload = None;
    world
}

fn sessions(cases: &mut Cases) {
    let world = World::new();
    let head = world.head();
    let tail = bundle_of(&head, &world.receipts[..5]);
    cases.bundle("tail left out", &tail, anchor_text(""), "receipt-count");
    let mut shorter = world.receipts.clone();
    shorter.truncate(5);
    cases.world(
        "tail and its leaves left out",
        &recorded(shorter),
        "incomplete",
    );
    let mut swapped = world.receipts.clone();
    swapped.swap(2, 3);
    cases.world(
        "two steps swapped",
        &recorded(swapped),
        "receipt-out-of-order",
    );

    let mut changed = world.receipts.clone();
    let mut object = changed[3].object().clone();
    object.remove("root_hash");
    object.insert("attributes", Object::new().with("approved_by", "the boss"));
    changed[3] = Receipt::from_object(&object, at(3)).unwrap();
    cases.world("attribute added", &recorded(changed), "receipt-signature");
    let text = String::from_utf8(world.bundle()).unwrap();
    let tool = text.replace(r#""tool":"crm""#, r#""tool":"pay""#);
    cases.bundle(
        "tool changed in the text",
        tool.as_bytes(),
        anchor_text(""),
        "receipt-malformed",
    );

    let (mut recorder, opening) = recorder();
    let unknown = StepDraft::note().parents([Blake3Hash::from_bytes([3; 32])]);
    let step = recorder.step(unknown, at(1)).unwrap();
    let close = recorder.close(None, at(2)).unwrap();
    let orphan = recorded(vec![opening.clone(), step, close]);
    cases.world("parent that is no step", &orphan, "parent-unknown");

    // The closing counts one more than there are, and its signature says so too.
    let mut receipts = noted("one");
    let mut closing = receipts[2].object().clone();
    closing.remove("root_hash");
    closing.insert("steps", 2);
    let signature = SignatureText::from_bytes(actor_key().sign(&signed_message(&closing)));
    let signatures = Object::new().with(subject().as_str(), signature.to_string());
    closing.insert("signatures", signatures);
    receipts[2] = Receipt::from_object(&closing, at(2)).unwrap();
    cases.world(
        "closing that counts a step more",
        &recorded(receipts),
        "step-count",
    );
    let mut receipts = noted("one");
    receipts.remove(1);
    cases.world("step left out", &recorded(receipts), "receipt-out-of-order");

    // Under the checkpoint of a log that holds another session of this length.
    let mut head = recorded(noted("one")).head();
    head.checkpoint = recorded(noted("other")).head().checkpoint;
    let bundle = bundle_of(&head, &noted("one"));
    cases.bundle(
        "steps that the log does not hold",
        &bundle,
        anchor_text(""),
        "not-included",
    );
}

/// A closed session of one note.
fn noted(text: &str) -> Vec<Receipt> {
    let (mut recorder, opening) = recorder();
    let note = StepDraft::note().source(SourceClass::User).inline(text);
    let step = recorder.step(note, at(1)).unwrap();
    let close = recorder.close(None, at(2)).unwrap();
    vec![opening, step, close]
}

fn contents(cases: &mut Cases) {
    let mut world = World::new();
    world.payload = Some(br#"{"release":"1.2.4"}"#.to_vec());
    cases.world("another payload", &world, "payload-mismatch");
    world.payload = None;
    let (bundle, binding) = (
        world.bundle(),
        anchor_text(r#","require_payload_binding":true"#),
    );
    let mut beside = |name: &str, payload: &[u8], code| {
        let more = format!(r#","payloadSha256":"{}""#, payload_hash(payload));
        let args = vec![bundle.clone(), binding.clone().into(), options(&more)];
        cases.push(name, "verifyBundle", args, code);
    };
    beside("payload outside", PAYLOAD, "accepted");
    beside("another payload outside", b"another", "payload-mismatch");
    let unbound = recorded(noted("one"));
    cases.bundle(
        "no payload bound",
        &unbound.bundle(),
        binding,
        "payload-unbound",
    );

    let mut other = World::new().with_sealed();
    let content = b"another address".to_vec();
    let salt = [5; 32];
    other.sealed.insert(3, Disclosure { salt, content });
    cases.world(
        "other content for a sealed step",
        &other,
        "content-mismatch",
    );
}

fn attestations(cases: &mut Cases) {
    let honest = String::from_utf8(attested(&World::new().bundle())).unwrap();
    cases.bundle("attested", honest.as_bytes(), anchor_text(""), "accepted");
    let no_base64 = honest.replacen("\"payload\":\"", "\"payload\":\"=", 1);
    cases.bundle(
        "attestation that is no base64",
        no_base64.as_bytes(),
        anchor_text(""),
        "attestation-malformed",
    );
    let read: serde_json::Value = serde_json::from_str(&honest).unwrap();
    let payload = read["payload"].as_str().unwrap();
    let statement = quorate_note::base64::decode(payload.as_bytes()).unwrap();
    let signed = |statement: &[u8], key: &SecretKey| {
        let kind = "application/vnd.in-toto+json";
        let head = format!("DSSEv1 {} {kind} {} ", kind.len(), statement.len());
        let signature = key.sign(&[head.as_bytes(), statement].concat());
        let mut envelope = read.clone();
        envelope["payload"] = quorate_note::base64::encode(statement).into();
        envelope["signatures"][0]["sig"] = quorate_note::base64::encode(&signature).into();
        envelope.to_string()
    };
    let other = signed(&statement, &SecretKey::from_seed([8; 32]));
    cases.bundle(
        "attested by another key",
        other.as_bytes(),
        anchor_text(""),
        "attestation-signature",
    );
    let renamed = String::from_utf8(statement).unwrap();
    let renamed = renamed.replace(r#""name":"payload""#, r#""name":"other""#);
    let renamed = signed(renamed.as_bytes(), &actor_key());
    cases.bundle(
        "attested about something else",
        renamed.as_bytes(),
        anchor_text(""),
        "attestation-subjects",
    );
}

fn presentations(cases: &mut Cases) {
    use quorate_verify::bundle::Presentation;
    let bundle = World::new().bundle();
    let shown = present(&bundle, "auditor.example", "n-1", at(5000));
    let asks = |audience: &str, nonce: &str| {
        anchor_text(&format!(
            r#","require":{{"audience":"{audience}","nonce":"{nonce}"}}"#
        ))
    };
    let right = asks("auditor.example", "n-1");
    cases.bundle("not presented", &bundle, &*right, "presentation-missing");
    cases.bundle(
        "for somebody else",
        &shown,
        asks("you.example", "n-1"),
        "presentation-audience",
    );
    cases.bundle(
        "for another nonce",
        &shown,
        asks("auditor.example", "n-2"),
        "presentation-nonce",
    );
    let window = format!(r#","not_after":"{}""#, at(6));
    cases.bundle(
        "presented by a key that counts no more",
        &shown,
        jwks(&window),
        "presentation-out-of-window",
    );
    let ahead = Presentation::present(
        &bundle,
        "auditor.example",
        "n-1",
        at(5000),
        (&subject(), &actor_key()),
        at(1901),
    );
    cases.bundle(
        "dated ahead",
        &ahead.unwrap(),
        &*right,
        "presentation-dated",
    );
    let expired = present(&bundle, "auditor.example", "n-1", at(1599));
    cases.bundle("expired", &expired, &*right, "presentation-expired");
    let other = SecretKey::from_seed([8; 32]);
    let signer = (&subject(), &other);
    let forged = Presentation::present(&bundle, "auditor.example", "n-1", at(5000), signer, now());
    cases.bundle(
        "presented by another key",
        &forged.unwrap(),
        &*right,
        "presentation-signature",
    );
    let text = String::from_utf8(shown).unwrap();
    let around = &text[text.rfind(",\"presentation\":").unwrap()..];
    let mut payload_gone = World::new();
    payload_gone.payload = None;
    let mut moved = b"{\"bundle\":".to_vec();
    moved.extend(payload_gone.bundle());
    moved.extend(around.bytes());
    cases.bundle(
        "around another bundle",
        &moved,
        &*right,
        "presentation-other-bundle",
    );
    let renamed = text.replace("\"nonce\":\"n-1\"", "\"nonze\":\"n-1\"");
    cases.bundle(
        "misspelt member",
        renamed.as_bytes(),
        &*right,
        "presentation-malformed",
    );
}

fn inputs(cases: &mut Cases) {
    let bundle = World::new().bundle();
    // Above what the module, which counts in 32 bits, can count.
    let text = String::from_utf8(bundle.clone()).unwrap();
    let leaves = text.replace("[[2,2],", "[[2,1099511627776],");
    cases.bundle(
        "leaves by the billion",
        leaves.as_bytes(),
        anchor_text(""),
        "bundle-malformed",
    );
    cases.bundle("empty file", b"", anchor_text(""), "bundle-malformed");
    cases.bundle(
        "byte order mark",
        &[b"\xef\xbb\xbf", &*bundle].concat(),
        anchor_text(""),
        "bundle-malformed",
    );
    cases.bundle(
        "final newline",
        &[&*bundle, b"\n"].concat(),
        anchor_text(""),
        "bundle-malformed",
    );
    cases.bundle(
        "deep",
        "[".repeat(2_000).as_bytes(),
        anchor_text(""),
        "bundle-malformed",
    );
    cases.bundle("empty anchor", &bundle, "{}", "anchor-invalid");
    cases.bundle("deep anchor", &bundle, "[".repeat(2_000), "anchor-invalid");
    cases.asked(
        "misspelt member of the anchor",
        r#","requires":{}"#,
        "anchor-invalid",
    );
    for (name, options) in [
        ("no time", "{}"),
        ("no object", "[]"),
        (
            "time in another zone",
            r#"{"now":"2026-11-27T12:00:00+01:00"}"#,
        ),
        (
            "misspelt option",
            r#"{"now":"2026-11-27T12:00:00Z","payloadSHA256":""}"#,
        ),
        (
            "bare hash",
            r#"{"now":"2026-11-27T12:00:00Z","payloadSha256":"00"}"#,
        ),
    ] {
        let args = vec![bundle.clone(), anchor_text("").into(), options.into()];
        cases.push(name, "verifyBundle", args, "options-invalid");
    }
}

fn proofs(cases: &mut Cases) {
    let (log, policy) = (log(), policy_text());
    let proof = log.ed25519_proof(2, &[1, 2]);
    cases.proof("proof", proof.clone(), ENTRY, &policy, "accepted");
    let unwitnessed = format!("log {}\nquorum none\n", log_vkey(100));
    cases.proof(
        "proof without witnesses",
        log.ed25519_proof(2, &[]),
        ENTRY,
        &unwitnessed,
        "accepted",
    );
    let post_quantum = format!("log {}\nquorum none\n", mldsa_log_vkey(100));
    cases.proof(
        "proof with ML-DSA-44",
        log.proof(2, &[]),
        ENTRY,
        &post_quantum,
        "accepted",
    );
    let receipt = &World::new().receipts[0];
    let of_receipt = Log::new([receipt.bytes()]);
    let note = of_receipt.ed25519_checkpoint(&[1, 2]);
    let extra = crate::common::proof_file(Some(b"{}"), 0, &[], &note);
    cases.proof(
        "extra that is no erasure",
        extra,
        receipt.bytes(),
        &policy,
        "extra-malformed",
    );

    cases.proof(
        "entry with a newline",
        proof.clone(),
        b"two\n",
        &policy,
        "not-included",
    );
    cases.proof(
        "proof with one witness",
        log.ed25519_proof(2, &[1]),
        ENTRY,
        &policy,
        "not-quorate",
    );
    let other = policy.replace(&log_vkey(100), &log_vkey(99));
    cases.proof(
        "proof of another log",
        proof.clone(),
        ENTRY,
        &other,
        "log-unknown",
    );
    let bad = log.with_bad_log_signature(2, &[1, 2]);
    cases.proof(
        "proof with a bad signature",
        bad,
        ENTRY,
        &policy,
        "log-signature-invalid",
    );
    let bad = log.with_bad_cosignature(2, &[1, 2], 2);
    cases.proof(
        "proof with a bad co-signature",
        bad,
        ENTRY,
        &policy,
        "cosignature-invalid",
    );
    let beyond = crate::common::proof_file(None, 5, &log.path(2), &log.ed25519_checkpoint(&[1, 2]));
    cases.proof(
        "index beyond the tree",
        beyond,
        ENTRY,
        &policy,
        "index-out-of-range",
    );
    cases.proof(
        "no proof",
        b"{}".to_vec(),
        ENTRY,
        &policy,
        "proof-malformed",
    );
    let witnesses_only = format!("witness w {}\nquorum w\n", witness_vkey(1));
    cases.proof(
        "policy without a log",
        proof.clone(),
        ENTRY,
        &witnesses_only,
        "missing-log",
    );
    cases.proof("no policy", proof, ENTRY, "quorum", "policy-malformed");
}
