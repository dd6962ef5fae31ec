//! Trust anchors: none panics, and one that is taken trusts somebody and asks for a quorum that can be met and is not empty.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_verify::anchor::Anchor;

fuzz_target!(|data: &[u8]| {
    let Ok(anchor) = Anchor::parse(data) else {
        return;
    };
    assert!(!anchor.actors().is_empty());
    for (n, actor) in anchor.actors().iter().enumerate() {
        let others = anchor.actors().iter().skip(n + 1);
        assert!(others.into_iter().all(|other| other.key() != actor.key()));
    }
    if let Some(witnesses) = anchor.witnesses() {
        assert!((1..=witnesses.keys.len()).contains(&witnesses.threshold));
    }
    if let Some(policy) = anchor.policy() {
        assert!(!policy.logs().is_empty());
    }
    assert!(!anchor.requirements().is_empty() && !anchor.log_trust().is_empty());
    let _ = anchor.not_asked();
});
