//! `session STEPS FOLDER`: a closed session of so many steps under a head with three co-signatures, all of which its anchor
//! asks for, as `session.bundle.json` and `session.anchor.json`. What `sdk/verifier` measures.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test data")]

#[path = "../../../verify/tests/common/mod.rs"]
mod common;
#[path = "../../../verify/tests/bundle/world.rs"]
#[expect(dead_code, reason = "made for the tests of the verifier")]
mod world;

use std::path::Path;

use quorate_provenance::{Direction, SourceClass, StepDraft};
use world::{World, at, recorder};

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(steps), Some(folder)) = (args.next(), args.next()) else {
        panic!("usage: session STEPS FOLDER");
    };
    let (mut recorder, opening) = recorder();
    let mut receipts = vec![opening];
    let mut recent = Vec::new();
    for n in 0..steps.parse().unwrap() {
        let draft = match n % 4 {
            0 => StepDraft::note()
                .source(SourceClass::User)
                .inline("the next question, in a sentence"),
            1 => StepDraft::retrieval("https://example.org/a/page", SourceClass::Web),
            2 => StepDraft::tool_call("search")
                .source(SourceClass::Tool)
                .inline("what it answered"),
            _ => StepDraft::model_call("example", Some("m-1"), Direction::Response)
                .inline("an answer"),
        };
        let receipt = recorder
            .step(draft.parents(recent.iter().copied()), at(1))
            .unwrap();
        recent.push(*receipt.root_hash());
        if recent.len() > 2 {
            recent.remove(0);
        }
        receipts.push(receipt);
    }
    receipts.push(recorder.close(None, at(2)).unwrap());
    let mut world = World::new();
    world.receipts = receipts;
    world.payload = None;
    world.witnesses = vec![1, 2, 3];
    let anchor = world::anchor_text("").replace("group q 2 ", "group q 3 ");
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("session.bundle.json"), world.bundle()).unwrap();
    std::fs::write(folder.join("session.anchor.json"), anchor).unwrap();
}
