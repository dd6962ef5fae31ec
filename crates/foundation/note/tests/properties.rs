//! Round trips, truncation and mutation of every format.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::LazyLock;

use common::{
    TIME, checkpoint, ed_log, ed_secret, ed_witness, log_key, ml_log, ml_witness, name, verified,
    verified_with, with_lines, witness_key,
};
use proptest::collection::vec;
use proptest::prelude::*;
use quorate_merkle::{Hash, MAX_TREE_SIZE, Proof};
use quorate_note::{
    Checkpoint, KeyId, KeyKind, LogKey, Origin, SignatureLine, SignedCheckpoint, SignedNote,
    TlogProof, VerifierKey, WitnessKey, base64, decimal,
};

fn key_name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9./_~äß—-]{1,60}"
}

fn lines() -> impl Strategy<Value = Vec<SignatureLine>> {
    vec(
        (key_name(), any::<[u8; 4]>(), vec(any::<u8>(), 1..90)),
        1..10,
    )
    .prop_map(|lines| {
        let mut unique: Vec<SignatureLine> = Vec::new();
        for (key_name, id, signature) in lines {
            let line = SignatureLine::new(name(&key_name), KeyId::from_bytes(id), &signature);
            let line = line.unwrap();
            if unique
                .iter()
                .all(|l| l.name() != line.name() || l.id() != line.id())
            {
                unique.push(line);
            }
        }
        unique
    })
}

fn checkpoints() -> impl Strategy<Value = Checkpoint> {
    ("[ -*,-~ä]{1,80}", 1..=MAX_TREE_SIZE, any::<[u8; 32]>()).prop_map(|(origin, size, root)| {
        Checkpoint::new(Origin::new(&origin).unwrap(), size, Hash::from_bytes(root)).unwrap()
    })
}

proptest! {
    #[test]
    fn note_round_trip(text in "([ -~ä€]{0,40}\n){1,6}", lines in lines()) {
        let note = SignedNote::new(&text, lines).unwrap();
        prop_assert_eq!(SignedNote::parse(&note.to_bytes()).unwrap(), note);
    }

    #[test]
    fn note_that_is_read_is_written_the_same(bytes in "[—ab \nA=+]{0,60}") {
        if let Ok(note) = SignedNote::parse(bytes.as_bytes()) {
            prop_assert_eq!(note.to_bytes(), bytes.as_bytes());
        }
    }

    #[test]
    fn checkpoint_round_trip(checkpoint in checkpoints()) {
        prop_assert_eq!(Checkpoint::parse(&checkpoint.note_text()).unwrap(), checkpoint);
    }

    #[test]
    fn signed_checkpoint_round_trip(checkpoint in checkpoints(), lines in lines()) {
        let signed = SignedCheckpoint::new(checkpoint, lines).unwrap();
        prop_assert_eq!(SignedCheckpoint::parse(&signed.to_bytes()).unwrap(), signed);
    }

    #[test]
    fn tlog_proof_round_trip(
        extra in proptest::option::of(vec(any::<u8>(), 1..100)),
        index: u64,
        hashes in vec(any::<[u8; 32]>(), 0..=63),
        checkpoint in checkpoints(),
        lines in lines(),
    ) {
        let hashes: Vec<_> = hashes.into_iter().map(Hash::from_bytes).collect();
        let checkpoint = SignedCheckpoint::new(checkpoint, lines).unwrap();
        let proof = TlogProof::new(extra, index, Proof::try_from(hashes).unwrap(), checkpoint);
        prop_assert_eq!(TlogProof::parse(proof.to_text().as_bytes()).unwrap(), proof);
    }

    #[test]
    fn vkey_round_trip(key_name in key_name(), seed: [u8; 32], ml in vec(any::<u8>(), 1312)) {
        let ed = quorate_note::ed25519::SecretKey::from_seed(seed).public();
        for (kind, key) in [
            (KeyKind::Ed25519, &ed.as_bytes()[..]),
            (KeyKind::Ed25519Cosignature, ed.as_bytes()),
            (KeyKind::MlDsa44, &ml),
        ] {
            let vkey = VerifierKey::from_bytes(name(&key_name), kind, key).unwrap();
            prop_assert_eq!(vkey.to_string().parse::<VerifierKey>().unwrap(), vkey);
        }
    }

    #[test]
    fn base64_has_one_encoding(text in "[A-Za-c+/=\n ]{0,12}", bytes: Vec<u8>) {
        prop_assert_eq!(base64::decode(base64::encode(&bytes).as_bytes()), Ok(bytes));
        if let Ok(bytes) = base64::decode(text.as_bytes()) {
            prop_assert_eq!(base64::encode(&bytes), text);
        }
    }

    #[test]
    fn decimal_has_one_encoding(value: u64, text in "[0-9+ -]{0,22}") {
        prop_assert_eq!(decimal::parse_u64(value.to_string().as_bytes()), Ok(value));
        if let Ok(value) = decimal::parse_u64(text.as_bytes()) {
            prop_assert_eq!(value.to_string(), text);
        }
    }

    #[test]
    fn no_parser_panics(bytes: Vec<u8>) {
        let _ = SignedNote::parse(&bytes);
        let _ = SignedCheckpoint::parse(&bytes);
        let _ = TlogProof::parse(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = text.parse::<VerifierKey>();
        let _ = Checkpoint::parse(&text);
        let _ = SignatureLine::parse(&text);
    }

    #[test]
    fn no_parser_panics_past_the_header(tail in "[a-z0-9 =\n—]{0,80}") {
        let _ = TlogProof::parse(format!("c2sp.org/tlog-proof@v1\n{tail}").as_bytes());
        let _ = TlogProof::parse(format!("c2sp.org/tlog-proof@v1\nindex 1\n\n{tail}").as_bytes());
    }
}

#[test]
fn truncation_at_every_length_is_an_error() {
    let signed = with_lines(Vec::new());
    let note = signed.to_bytes();
    let hash = Hash::from_bytes([3; 32]);
    let proof = TlogProof::new(
        Some(vec![1, 2, 3]),
        5,
        Proof::try_from(vec![hash; 3]).unwrap(),
        signed,
    );
    let proof = proof.to_text().into_bytes();
    for len in 0..note.len() {
        assert!(SignedNote::parse(&note[..len]).is_err(), "{len}");
        assert!(SignedCheckpoint::parse(&note[..len]).is_err(), "{len}");
    }
    for len in 0..proof.len() {
        assert!(TlogProof::parse(&proof[..len]).is_err(), "{len}");
    }
    let text = checkpoint().note_text();
    for len in 0..text.len() {
        assert!(Checkpoint::parse(&text[..len]).is_err(), "{len}");
    }
    for vkey in [ed_log(), ml_log()].map(|signer| signer.verifier_key().to_string()) {
        for len in 0..vkey.len() {
            assert!(vkey[..len].parse::<VerifierKey>().is_err(), "{len}");
        }
    }
}

/// With several lines, a cut between two of them leaves a shorter note, which is all that a cut may leave.
#[test]
fn truncation_of_a_cosigned_checkpoint_leaves_whole_lines_or_an_error() {
    let lines: Vec<_> = (2..6)
        .map(|seed| ed_witness(seed).cosign(&verified(), TIME).unwrap())
        .collect();
    let whole = with_lines(lines);
    let bytes = whole.to_bytes();
    let mut shorter = 0;
    for len in 0..bytes.len() {
        if let Ok(cut) = SignedCheckpoint::parse(&bytes[..len]) {
            let kept = cut.note().signatures();
            assert_eq!(kept, &whole.note().signatures()[..kept.len()]);
            assert_eq!(cut.checkpoint_unverified(), whole.checkpoint_unverified());
            shorter += 1;
        }
    }
    assert_eq!(shorter, 4);
}

#[test]
fn every_single_byte_mutation_of_an_ed25519_checkpoint_fails() {
    let note = with_lines(Vec::new()).to_bytes();
    let key = log_key(ed_log().verifier_key());
    let raw = LogKey::from_raw_ed25519(*ed_secret(1).public().as_bytes()).unwrap();
    let keys = [key, raw];
    let mut well_formed = 0;
    for at in 0..note.len() {
        for byte in 0..=255 {
            if byte == note[at] {
                continue;
            }
            let mut mutated = note.clone();
            mutated[at] = byte;
            if let Ok(signed) = SignedCheckpoint::parse(&mutated) {
                well_formed += 1;
                assert!(signed.verify_log(&keys).is_err(), "{at}: {byte:02x}");
            }
        }
    }
    assert!(
        well_formed > 1000,
        "signatures were tested too: {well_formed}"
    );
}

static ML_NOTE: LazyLock<(Vec<u8>, LogKey)> = LazyLock::new(|| {
    let signed = SignedCheckpoint::sign(&checkpoint(), &[ml_log()], TIME).unwrap();
    (signed.to_bytes(), log_key(ml_log().verifier_key()))
});

#[test]
fn single_byte_mutations_of_an_ml_dsa_checkpoint_fail() {
    let (note, key) = &*ML_NOTE;
    for at in 0..note.len() {
        // The next letter where there is one, so that what is mutated is mostly still base64.
        let mut mutated = note.clone();
        mutated[at] = match mutated[at] {
            b'z' => b'a',
            b'Z' => b'A',
            b'9' => b'0',
            other => other ^ 1,
        };
        if mutated[at] == note[at] {
            continue;
        }
        if let Ok(signed) = SignedCheckpoint::parse(&mutated) {
            assert!(
                signed.verify_log(std::slice::from_ref(key)).is_err(),
                "{at}"
            );
        }
    }
}

fn cosigned() -> (Vec<u8>, Vec<WitnessKey>, usize) {
    let (ed, ml) = (ed_witness(2), ml_witness(3));
    let lines = [
        ed.cosign(&verified(), TIME).unwrap(),
        ml.cosign(&verified(), TIME).unwrap(),
    ];
    let keys = vec![
        witness_key(ed.verifier_key()),
        witness_key(ml.verifier_key()),
    ];
    let first = with_lines(Vec::new()).to_bytes().len();
    (verified_with(lines.to_vec()).note().to_bytes(), keys, first)
}

static COSIGNED: LazyLock<(Vec<u8>, Vec<WitnessKey>, usize)> = LazyLock::new(cosigned);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// A byte changed in the lines of the witnesses costs at least one of them, and never makes another.
    #[test]
    fn single_byte_mutations_of_cosignatures_never_verify(at: prop::sample::Index, mask in 1..=255_u8) {
        let (note, keys, first) = &*COSIGNED;
        let mut mutated = note.clone();
        mutated[*first + at.index(note.len() - first)] ^= mask;
        let log = log_key(ed_log().verifier_key());
        if let Ok(signed) = SignedCheckpoint::parse(&mutated)
            && let Ok(found) = signed.verify_log(&[log]).unwrap().cosignatures(keys)
        {
            prop_assert!(found.len() < 2);
            for cosignature in found {
                prop_assert_eq!(cosignature.timestamp(), TIME);
                prop_assert_eq!(cosignature.checkpoint(), &checkpoint());
            }
        }
    }
}
