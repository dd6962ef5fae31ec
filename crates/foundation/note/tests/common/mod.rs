//! Shared by the tests: a log, witnesses and what they sign.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![expect(clippy::unwrap_used, reason = "tests")]

pub(crate) mod values;

use quorate_merkle::leaf_hash;
use quorate_note::{
    Checkpoint, CosignSigner, KeyId, KeyName, LogKey, LogSigner, Origin, SignatureLine,
    SignedCheckpoint, VerifiedCheckpoint, VerifierKey, WitnessKey, ed25519, mldsa44,
};

pub(crate) const ORIGIN: &str = "log.example/scroll";
pub(crate) const TIME: u64 = 1_784_700_000;

pub(crate) fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

pub(crate) fn ed_secret(seed: u8) -> ed25519::SecretKey {
    ed25519::SecretKey::from_seed([seed; 32])
}

pub(crate) fn ml_secret(seed: u8) -> mldsa44::SecretKey {
    mldsa44::SecretKey::from_seed([seed; 32])
}

pub(crate) fn checkpoint_of(origin: &str, size: u64) -> Checkpoint {
    let root = match size {
        0 => quorate_merkle::Hash::EMPTY_ROOT,
        _ => leaf_hash(&size.to_be_bytes()),
    };
    Checkpoint::new(Origin::new(origin).unwrap(), size, root).unwrap()
}

pub(crate) fn checkpoint() -> Checkpoint {
    checkpoint_of(ORIGIN, 7)
}

pub(crate) fn ed_log() -> LogSigner {
    LogSigner::ed25519(name(ORIGIN), ed_secret(1))
}

pub(crate) fn ml_log() -> LogSigner {
    LogSigner::ml_dsa_44(name(ORIGIN), ml_secret(1))
}

pub(crate) fn ed_witness(seed: u8) -> CosignSigner {
    CosignSigner::ed25519(name(&format!("w{seed}.example")), ed_secret(seed))
}

pub(crate) fn ml_witness(seed: u8) -> CosignSigner {
    CosignSigner::ml_dsa_44(name(&format!("w{seed}.example")), ml_secret(seed))
}

pub(crate) fn log_key(vkey: &VerifierKey) -> LogKey {
    LogKey::try_from(vkey.clone()).unwrap()
}

pub(crate) fn witness_key(vkey: &VerifierKey) -> WitnessKey {
    WitnessKey::try_from(vkey.clone()).unwrap()
}

/// [`checkpoint`] under `lines` and the Ed25519 log's signature.
pub(crate) fn with_lines(lines: Vec<SignatureLine>) -> SignedCheckpoint {
    let mut all = vec![ed_log().sign_checkpoint(&checkpoint(), TIME).unwrap()];
    all.extend(lines);
    SignedCheckpoint::new(checkpoint(), all).unwrap()
}

pub(crate) fn verified_with(lines: Vec<SignatureLine>) -> VerifiedCheckpoint {
    with_lines(lines)
        .verify_log(&[log_key(ed_log().verifier_key())])
        .unwrap()
}

/// [`checkpoint`], signed by the log and by nobody else.
pub(crate) fn verified() -> VerifiedCheckpoint {
    verified_with(Vec::new())
}

pub(crate) fn line(vkey: &VerifierKey, signature: &[u8]) -> SignatureLine {
    SignatureLine::new(vkey.name().clone(), vkey.id(), signature).unwrap()
}

/// A line that nobody made, by a key that nobody knows.
pub(crate) fn junk_line(key_name: &str, id: [u8; 4], len: usize) -> SignatureLine {
    SignatureLine::new(name(key_name), KeyId::from_bytes(id), &vec![0x5a; len]).unwrap()
}

pub(crate) fn unhex<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    }
    bytes
}
