//! A session in a log with other entries around it, and anchors for it.

use std::collections::BTreeMap;

use quorate_merkle::{LeafHashes, LeafRuns, leaf_hash, prove_runs};
use quorate_note::{SignedCheckpoint, ed25519::SecretKey};
use quorate_provenance::{
    Attributes, Direction, Payload, Recorder, SourceClass, StepDraft, Subject,
};
use quorate_receipt::{Receipt, Sealed, Timestamp};
use quorate_verify::anchor::Anchor;
use quorate_verify::bundle::{
    BundleError, BundleReport, BundleVerifier, Disclosure, Failure, Head, Presentation,
    payload_hash,
};

use crate::common::{Log, TIMESTAMP, base64, hex, log_vkey, witness_vkey};

pub(crate) const SUBJECT: &str = "did:vm:agent:builder";
pub(crate) const PAYLOAD: &[u8] = br#"{"release":"1.2.3"}"#;
const SALT: [u8; 32] = [5; 32];
const SECRET: &[u8] = b"the customer's address";

/// Ten minutes after the checkpoint was signed.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(i64::try_from(TIMESTAMP).unwrap() + 600).unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(TIMESTAMP).unwrap() - 1000 + second).unwrap()
}

pub(crate) fn subject() -> Subject {
    SUBJECT.parse().unwrap()
}

pub(crate) fn actor_key() -> SecretKey {
    SecretKey::from_seed([7; 32])
}

/// `x` of a JWK.
pub(crate) fn x_of(key: &SecretKey) -> String {
    let text = base64(key.public().as_bytes());
    text.trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_")
}

/// What the session's receipts are.
pub(crate) struct World {
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) sealed: BTreeMap<u64, Disclosure>,
    pub(crate) witnesses: Vec<u8>,
}

impl World {
    /// A closed session of five steps, whose payload is shown; sealed content is not.
    pub(crate) fn new() -> Self {
        let mut world = Self::open();
        let (mut recorder, opening) = recorder();
        world.receipts = vec![opening];
        let mut record = |draft: StepDraft, second| {
            let receipt = recorder.step(draft, at(second)).unwrap();
            world.receipts.push(receipt.clone());
            *receipt.root_hash()
        };
        let asked = record(
            StepDraft::note()
                .source(SourceClass::User)
                .inline("release it"),
            1,
        );
        let page = record(
            StepDraft::retrieval("https://example.org/notes", SourceClass::Web)
                .hashed(payload_hash(b"page"), 4, Some("text/html"))
                .parents([asked]),
            2,
        );
        let sealed = record(
            StepDraft::tool_call("crm")
                .sealed(Sealed::commit(&SALT, SECRET))
                .source(SourceClass::Tool),
            3,
        );
        let answer = record(
            StepDraft::model_call("example", Some("m-1"), Direction::Response)
                .inline("done")
                .parents([asked, page, sealed]),
            4,
        );
        record(
            StepDraft::artifact("release.json", None).parents([answer]),
            5,
        );
        let bound = Payload {
            hash: payload_hash(PAYLOAD),
            media_type: Some("application/json".into()),
        };
        world
            .receipts
            .push(recorder.close(Some(bound), at(6)).unwrap());
        world
    }

    fn open() -> Self {
        Self {
            receipts: Vec::new(),
            payload: Some(PAYLOAD.to_vec()),
            sealed: BTreeMap::new(),
            witnesses: vec![1, 3],
        }
    }

    /// With the sealed content of step 3.
    pub(crate) fn with_sealed(mut self) -> Self {
        let content = SECRET.to_vec();
        self.sealed.insert(
            3,
            Disclosure {
                salt: SALT,
                content,
            },
        );
        self
    }

    /// The log: two strangers' entries, the opening, then after each receipt whose place is odd one more stranger.
    fn entries(&self) -> (Vec<Vec<u8>>, Vec<u64>) {
        let mut entries = vec![b"stranger".to_vec(), b"another".to_vec()];
        let mut indices = Vec::new();
        for (n, receipt) in self.receipts.iter().enumerate() {
            indices.push(entries.len() as u64);
            entries.push(receipt.bytes().to_vec());
            if n % 2 == 1 {
                entries.push(format!("stranger {n}").into_bytes());
            }
        }
        (entries, indices)
    }

    pub(crate) fn head(&self) -> Head {
        let (entries, indices) = self.entries();
        let log = Log::new(entries.iter().map(Vec::as_slice));
        let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let runs = LeafRuns::of_indices(indices).unwrap();
        let note = log.ed25519_checkpoint(&self.witnesses);
        Head {
            checkpoint: SignedCheckpoint::parse(note.as_bytes()).unwrap(),
            proof: prove_runs(&runs, leaves.len() as u64, &LeafHashes(&leaves)).unwrap(),
            leaves: runs,
            payload: self.payload.clone(),
            sealed: self.sealed.clone(),
            session: *self.receipts[0].root_hash(),
        }
    }

    pub(crate) fn bundle(&self) -> Vec<u8> {
        bundle_of(&self.head(), &self.receipts)
    }
}

pub(crate) fn bundle_of(head: &Head, receipts: &[Receipt]) -> Vec<u8> {
    let mut out = head.to_bytes();
    for (n, receipt) in receipts.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        out.extend_from_slice(receipt.bytes());
    }
    out.extend_from_slice(Head::TAIL);
    out
}

pub(crate) fn recorder() -> (Recorder, Receipt) {
    Recorder::open(actor_key(), subject(), &[9; 32], Attributes::new(), at(0)).unwrap()
}

pub(crate) fn present(bundle: &[u8], audience: &str, nonce: &str, expires: Timestamp) -> Vec<u8> {
    let signer = (&subject(), &actor_key());
    Presentation::present(bundle, audience, nonce, expires, signer, now()).unwrap()
}

/// Two of three witnesses.
pub(crate) fn policy_text() -> String {
    let witnesses: String = (1..=3)
        .map(|n| format!("witness w{n} {}\n", witness_vkey(n)))
        .collect();
    format!(
        "log {}\n{witnesses}group q 2 w1 w2 w3\nquorum q\n",
        log_vkey(100)
    )
}

pub(crate) fn jwks(scope: &str) -> String {
    let x = x_of(&actor_key());
    format!(r#"{{"keys":[{{"crv":"Ed25519","kid":"builder","kty":"OKP","x":"{x}"{scope}}}]}}"#)
}

/// The anchor with these further members, each beginning with a comma.
pub(crate) fn anchor_text(more: &str) -> String {
    let policy = policy_text().replace('\n', "\\n");
    let keys = jwks(r#","subjects":["did:vm:agent:builder"]"#);
    format!(r#"{{"policy":"{policy}","trust_jwks":{keys}{more}}}"#)
}

pub(crate) fn anchor(more: &str) -> Anchor {
    Anchor::parse(anchor_text(more).as_bytes()).unwrap()
}

/// The guide's anchor: witnesses by their hexadecimal keys.
pub(crate) fn guides_anchor(threshold: usize) -> Anchor {
    Anchor::parse(guides_anchor_text(threshold).as_bytes()).unwrap()
}

pub(crate) fn guides_anchor_text(threshold: usize) -> String {
    let keys: Vec<String> = (1..=3).map(|n| format!("\"{}\"", hex(n))).collect();
    format!(
        r#"{{"trust_jwks":{},"trusted_witnesses_hex":[{}],"cosignature_threshold":{threshold}}}"#,
        jwks(""),
        keys.join(",")
    )
}

pub(crate) fn verify(bundle: &[u8], anchor: &Anchor) -> Result<BundleReport, BundleError> {
    verdict(BundleVerifier::new(anchor, now()).verify(bundle))
}

pub(crate) fn verdict<T>(
    result: Result<T, Failure<std::convert::Infallible>>,
) -> Result<T, BundleError> {
    result.map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Read(never) => match never {},
    })
}

/// The code of the refusal.
pub(crate) fn code(bundle: &[u8], anchor: &Anchor) -> &'static str {
    match verify(bundle, anchor) {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    }
}
