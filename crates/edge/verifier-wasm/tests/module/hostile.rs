//! Markup and unseen characters wherever an actor may write.

use quorate_provenance::{Direction, SourceClass, StepDraft};
use quorate_receipt::Sealed;
use quorate_verify::bundle::{Disclosure, payload_hash};

use crate::world::{World, at, recorder};

/// What a page must show as the text that it is.
pub(crate) fn world() -> World {
    let name = "</script><script>window.broken=1</script><img src=x onerror=window.broken=1>";
    let unseen = format!("{name}\u{202e}\u{2066}\u{200b}\u{0}\n\"'`${{window.broken=1}}");
    let (mut recorder, opening) = recorder();
    let sealed = Sealed::commit(&[5; 32], unseen.as_bytes());
    let steps = [
        StepDraft::tool_call(name)
            .attribute(name, &*unseen)
            .inline(&*unseen),
        StepDraft::model_call(name, Some(name), Direction::Prompt).sealed(sealed),
        StepDraft::retrieval(&format!("javascript:{name}"), SourceClass::Web).hashed(
            payload_hash(b""),
            0,
            Some(name),
        ),
        StepDraft::artifact(name, Some(name)),
    ];
    let mut receipts = vec![opening];
    for step in steps {
        receipts.push(recorder.step(step, at(1)).unwrap());
    }
    receipts.push(recorder.close(None, at(2)).unwrap());
    let mut world = World::new();
    world.receipts = receipts;
    world.payload = None;
    let (salt, content) = ([5; 32], unseen.into_bytes());
    world.sealed.insert(2, Disclosure { salt, content });
    world
}
