//! Notes, keys and signatures made by others.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::values::{
    COSIGV1_LINE, COSIGV1_VKEY, MLDSA_LINE, MLDSA_SEED, MLDSA_SEED_KEY, MLDSA_VKEY, typed_note_text,
};
use quorate_note::{
    CosignatureError, KeyKind, LogKey, LogSignatureError, LogSigner, SignatureProblem,
    SignedCheckpoint, SignedNote, VerifierKey, WitnessKey, base64, ed25519, mldsa44,
};

/// The example of signed-note "Verifier keys" at C2SP 5ba5ee8.
const EXAMPLE_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE_NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

#[test]
fn signed_note_example_verifies() {
    let key: VerifierKey = EXAMPLE_VKEY.parse().unwrap();
    assert_eq!(key.to_string(), EXAMPLE_VKEY);
    assert_eq!(key.name().as_str(), "example.com/foo");
    assert_eq!(key.id().to_string(), "530d903a");
    assert_eq!(key.kind(), KeyKind::Ed25519);
    let note = SignedNote::parse(EXAMPLE_NOTE.as_bytes()).unwrap();
    assert_eq!(note.to_bytes(), EXAMPLE_NOTE.as_bytes());
    let verified = note.verify(std::slice::from_ref(&key)).unwrap();
    assert_eq!(verified.text(), "This is an example message.\n");
    assert_eq!(verified.signed_by(), [key]);
}

/// The verse of signed-note's introduction: the blank line inside the text is not the separator.
#[test]
fn signed_note_introduction_splits_at_the_last_blank_line() {
    let note = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\n\
        ed è subito sera.\n\n\u{2014} quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5\
        QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
    let parsed = SignedNote::parse(note.as_bytes()).unwrap();
    assert!(
        parsed
            .text_unverified()
            .ends_with("sole:\n\ned è subito sera.\n")
    );
    assert_eq!(parsed.signatures().len(), 1);
    assert_eq!(parsed.to_bytes(), note.as_bytes());
}

/// The example of tlog-cosignature: keys are not given, lengths and the time are.
#[test]
fn cosignature_example_has_the_lengths_and_time_of_the_spec() {
    let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/\
        Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX\
        3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let signed = SignedCheckpoint::parse(note.as_bytes()).unwrap();
    assert_eq!(signed.checkpoint_unverified().size(), 20_852_163);
    assert_eq!(signed.to_bytes(), note.as_bytes());
    let [log, witness] = signed.note().signatures() else {
        panic!("two lines")
    };
    assert_eq!(log.signature().len(), KeyKind::Ed25519.signature_len());
    assert_eq!(
        witness.signature().len(),
        KeyKind::Ed25519Cosignature.signature_len()
    );
    assert_eq!(witness.signature()[..8], 1_679_315_147_u64.to_be_bytes());
}

fn log_signed(origin: &str, line: &str) -> (SignedCheckpoint, LogKey) {
    let secret = ed25519::SecretKey::from_seed([7; 32]);
    let signer = LogSigner::ed25519(origin.parse().unwrap(), secret);
    let text = typed_note_text(origin);
    let checkpoint = quorate_note::Checkpoint::parse(&text).unwrap();
    let own = signer.sign_checkpoint(&checkpoint, 1).unwrap();
    let note = format!("{text}\n{own}\n{line}\n");
    let key = LogKey::try_from(signer.verifier_key().clone()).unwrap();
    (SignedCheckpoint::parse(note.as_bytes()).unwrap(), key)
}

#[test]
fn typed_note_04_verifies_as_a_cosignature() {
    let vkey: VerifierKey = COSIGV1_VKEY.parse().unwrap();
    assert_eq!(vkey.kind(), KeyKind::Ed25519Cosignature);
    assert_eq!(vkey.to_string(), COSIGV1_VKEY);
    let (signed, log) = log_signed(vkey.name().as_str(), COSIGV1_LINE);
    let verified = signed.verify_log(&[log]).unwrap();
    let key = WitnessKey::try_from(vkey.clone()).unwrap();
    let cosignatures = verified.cosignatures(std::slice::from_ref(&key)).unwrap();
    assert_eq!(cosignatures.len(), 1);
    assert_eq!(cosignatures[0].key(), &key);
    assert_eq!(cosignatures[0].timestamp(), 0x6a6c_be50);
    assert_eq!(cosignatures[0].checkpoint(), verified.checkpoint());
    assert_eq!(cosignatures[0].line().to_string(), COSIGV1_LINE);
    // The nameless form of the same key.
    let raw = WitnessKey::from_raw_ed25519(vkey.key_bytes().try_into().unwrap()).unwrap();
    assert_eq!(verified.cosignatures(&[raw]).unwrap().len(), 1);
}

#[test]
fn typed_note_04_fails_over_another_checkpoint() {
    let vkey: VerifierKey = COSIGV1_VKEY.parse().unwrap();
    let (signed, log) = log_signed("elsewhere.example", COSIGV1_LINE);
    let verified = signed.verify_log(&[log]).unwrap();
    let key = WitnessKey::try_from(vkey).unwrap();
    assert!(matches!(
        verified.cosignatures(&[key]),
        Err(CosignatureError::Invalid {
            problem: SignatureProblem::Bad,
            ..
        })
    ));
}

/// The key's name is the origin, so this is a log's own type 06 signature.
#[test]
fn typed_note_06_verifies_as_a_log_signature() {
    let vkey: VerifierKey = MLDSA_VKEY.parse().unwrap();
    assert_eq!(vkey.kind(), KeyKind::MlDsa44);
    assert_eq!(vkey.to_string(), MLDSA_VKEY);
    let text = typed_note_text(vkey.name().as_str());
    let note = format!("{text}\n{MLDSA_LINE}\n");
    let signed = SignedCheckpoint::parse(note.as_bytes()).unwrap();
    assert_eq!(signed.to_bytes(), note.as_bytes());
    let key = LogKey::try_from(vkey).unwrap();
    let verified = signed.verify_log(std::slice::from_ref(&key)).unwrap();
    assert_eq!(verified.signed_by(), [key]);
    assert_eq!(verified.checkpoint().size(), 42);
}

#[test]
fn typed_note_06_fails_over_another_checkpoint() {
    let vkey: VerifierKey = MLDSA_VKEY.parse().unwrap();
    let text = typed_note_text(vkey.name().as_str()).replace("\n42\n", "\n43\n");
    let note = format!("{text}\n{MLDSA_LINE}\n");
    let signed = SignedCheckpoint::parse(note.as_bytes()).unwrap();
    let key = LogKey::try_from(vkey).unwrap();
    assert!(matches!(
        signed.verify_log(&[key]),
        Err(LogSignatureError::Invalid {
            problem: SignatureProblem::Bad,
            ..
        })
    ));
}

#[test]
fn mldsa44_seed_gives_the_published_key() {
    let mut seed = [0; 32];
    for (byte, at) in seed.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&MLDSA_SEED[at..at + 2], 16).unwrap();
    }
    let key = mldsa44::SecretKey::from_seed(seed).public();
    assert_eq!(base64::encode(key.as_bytes()), MLDSA_SEED_KEY);
}
