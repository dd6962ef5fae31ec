//! Writes the seeds that hold signatures or hashes: `cargo run --example seeds` in `fuzz/`. Run again when a
//! format changes; the other seeds are written by hand.

use std::fs;
use std::path::Path;

use quorate_fuzz::Fixture;
use quorate_lineage::{Heads, Lineage, NextKey, Reason};
use quorate_note::ed25519::SecretKey;
use quorate_provenance::{Attributes, Fork, Recorder, SourceClass, StepDraft};
use quorate_receipt::{PublicKeyText, Receipt, Timestamp};

fn write(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    fs::create_dir_all(&folder).expect("a folder for the seeds");
    fs::write(folder.join(name), bytes).expect("a seed");
}

fn main() {
    let fixture = Fixture::default();
    write("note", "checkpoint", fixture.signed(1, 0).to_bytes());
    write("note", "both_kinds", fixture.signed(2, 0).to_bytes());
    write("note", "cosigned", fixture.signed(1, 1).to_bytes());
    write("note", "text", fixture.checkpoint().note_text());
    for (name, key) in ["log", "log_ml_dsa", "witness", "witness_ml_dsa"]
        .iter()
        .zip(fixture.vkeys())
    {
        write("vkey", name, key.to_string());
    }
    write(
        "vkey",
        "head_hash",
        fixture.checkpoint().head_hash().to_string(),
    );
    write("tlog_proof", "unwitnessed", fixture.proof(1, 0).to_text());
    write("tlog_proof", "cosigned", fixture.proof(1, 1).to_text());
    write("verify", "quorate", fixture.proof(1, 1).to_text());
    write("policy", "quorum", fixture.policy());

    let now = Timestamp::from_seconds(1_800_000_000).expect("a time");
    let receipt = |text: &str| Receipt::accept(text.as_bytes(), now).expect("a receipt");
    write(
        "receipt",
        "canonical",
        receipt(r#"{"type":"x","note_id":"n-1","tags":["a"]}"#).bytes(),
    );

    let identity = SecretKey::from_seed([5; 32]);
    let next = NextKey::new(&[6; 32], &[7; 32]);
    let draft = Lineage::incept(
        PublicKeyText::from_bytes(*identity.public().as_bytes()),
        next.commitment(),
        now,
    );
    write("lineage", "draft", draft.to_bytes());
    let inception = draft
        .sign(&identity)
        .and_then(|d| d.finish())
        .expect("signed");
    write("lineage", "inception", inception.bytes());
    let lineage = Lineage::inception(&inception).expect("a lineage");
    write(
        "lineage",
        "plan",
        lineage
            .plan_rotation(Reason::Scheduled, Heads::new(), now)
            .to_bytes(),
    );
    write("lineage", "next_key", next.to_text().as_bytes());
    provenance(now);
}

fn provenance(now: Timestamp) {
    let key = SecretKey::from_seed([8; 32]);
    let actor = "did:vm:agent:a".parse().expect("an actor");
    let (mut recorder, opening) =
        Recorder::open(key, actor, &[9; 32], Attributes::new(), now).expect("an opening");
    let mut step = |draft| recorder.step(draft, now).expect("a step");
    let first = step(StepDraft::retrieval(
        "https://example.org/",
        SourceClass::Web,
    ));
    let call = StepDraft::tool_call("send").parents([*first.root_hash()]);
    let second = step(call.inline("text").attribute("a", "b"));
    recorder.rejoin(*opening.root_hash(), 1);
    let other = recorder.step(StepDraft::note(), now).expect("a step");
    let fork = Fork::of(&opening, &first, &other).expect("a fork");
    let closing = recorder.close(None, now).expect("a closing");
    for (name, receipt) in [
        ("opening", &opening),
        ("step", &second),
        ("closing", &closing),
    ] {
        write("provenance", name, receipt.bytes());
    }
    write("provenance", "fork", fork.to_bytes());
}
