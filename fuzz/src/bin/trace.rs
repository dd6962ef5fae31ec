//! Traces and logs: none panics, and what is read can be recorded in its order: steps derive from earlier ones, time does not
//! run backwards, and each has a place in a receipt.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_provenance::Recorder;
use quorate_receipt::{Blake3Hash, Timestamp};
use quorate_trace::{Format, MAX_DERIVED, read};

fuzz_target!(|data: &[u8]| {
    let now = Timestamp::from_seconds(1_800_000_000).expect("a time");
    let key = quorate_note::ed25519::SecretKey::from_seed([7; 32]);
    let head = Blake3Hash::from_bytes([255; 32]);
    let subject: quorate_provenance::Subject = "did:vm:agent:a".parse().expect("a subject");
    let mut recorder = Recorder::resume(key, subject, head, head, 1);
    for format in [None, Some(Format::Otlp), Some(Format::Jsonl)] {
        let Ok(log) = read(data, format, &[]) else {
            continue;
        };
        assert!(!log.traces.is_empty());
        for trace in &log.traces {
            let mut last = trace.began;
            for (at, step) in trace.steps.iter().enumerate() {
                assert!(
                    step.parents.is_sorted_by(|a, b| a < b) && step.parents.len() <= MAX_DERIVED
                );
                assert!(step.parents.last().is_none_or(|parent| *parent < at));
                assert!(step.time >= last);
                last = step.time;
                let draft = step.draft(|parent| Blake3Hash::from_bytes([parent as u8; 32]));
                let content = step.content.as_ref().and_then(|content| content.inline());
                let draft = match content {
                    Some(value) => draft.inline(value),
                    None => draft,
                };
                recorder.step(draft, now).expect("a receipt");
            }
        }
    }
});
