//! Signed notes and checkpoints: only the bytes that would be printed are read, and of a log whose keys are
//! known only the checkpoint that it signed verifies.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use quorate_fuzz::Fixture;
use quorate_note::{Checkpoint, LogKey, SignatureLine, SignedCheckpoint, SignedNote, WitnessKey};

fn known() -> &'static (Checkpoint, [LogKey; 2], [WitnessKey; 2]) {
    static KNOWN: OnceLock<(Checkpoint, [LogKey; 2], [WitnessKey; 2])> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let fixture = Fixture::default();
        (
            fixture.checkpoint(),
            fixture.log_keys(),
            fixture.witness_keys(),
        )
    })
}

fuzz_target!(|data: &[u8]| {
    if let Ok(note) = SignedNote::parse(data) {
        assert_eq!(note.to_bytes(), data);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(checkpoint) = Checkpoint::parse(text) {
            assert_eq!(checkpoint.note_text(), text);
        }
        if let Ok(line) = SignatureLine::parse(text) {
            assert_eq!(line.to_string(), text);
        }
    }
    if let Ok(signed) = SignedCheckpoint::parse(data) {
        assert_eq!(signed.to_bytes(), data);
        let (checkpoint, log, witness) = known();
        if let Ok(verified) = signed.verify_log(log) {
            assert_eq!(verified.checkpoint(), checkpoint);
            if let Ok(cosignatures) = verified.cosignatures(witness) {
                assert!(cosignatures.iter().all(|c| c.checkpoint() == checkpoint));
            }
        }
    }
});
