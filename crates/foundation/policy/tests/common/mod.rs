//! Keys, checkpoints and co-signatures, made from the text of the specs rather than by the signers under test:
//! signed-note "Signatures", tlog-cosignature "Format".
#![allow(dead_code, reason = "each test binary uses a part")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

pub(crate) mod tree;

use quorate_merkle::Hash;
use quorate_note::{
    Checkpoint, KeyKind, LogKey, PublicKey, SignedCheckpoint, VerifiedCheckpoint,
    VerifiedCosignature, VerifierKey, WitnessKey, base64, ed25519, mldsa44,
};

pub(crate) const ORIGIN: &str = "log.example";
/// The time of every co-signature.
pub(crate) const TIMESTAMP: u64 = 1_795_132_800;
/// Co-signers from this number on co-sign with ML-DSA-44, with the seed that is left when it is subtracted.
pub(crate) const MLDSA: u8 = 200;
/// Seed of the log's keys.
const LOG: u8 = 100;

fn ed25519(seed: u8) -> ed25519::SecretKey {
    ed25519::SecretKey::from_seed([seed; 32])
}

fn mldsa44(seed: u8) -> mldsa44::SecretKey {
    mldsa44::SecretKey::from_seed([seed; 32])
}

fn vkey(name: &str, key: PublicKey) -> VerifierKey {
    VerifierKey::new(name.parse().unwrap(), key)
}

fn witness_name(seed: u8) -> String {
    format!("w{seed}.example")
}

/// An Ed25519 key as sigsum writes it.
pub(crate) fn hex(seed: u8) -> String {
    ed25519(seed)
        .public()
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(crate) fn log_vkey_named(seed: u8, name: &str) -> String {
    vkey(name, PublicKey::Ed25519(ed25519(seed).public())).to_string()
}

pub(crate) fn log_vkey(seed: u8) -> String {
    log_vkey_named(seed, ORIGIN)
}

pub(crate) fn mldsa_log_vkey(seed: u8) -> String {
    vkey(ORIGIN, PublicKey::MlDsa44(mldsa44(seed).public())).to_string()
}

pub(crate) fn witness_vkey_named(seed: u8, name: &str) -> String {
    vkey(name, PublicKey::Ed25519Cosignature(ed25519(seed).public())).to_string()
}

pub(crate) fn witness_vkey(seed: u8) -> String {
    witness_vkey_named(seed, &witness_name(seed))
}

pub(crate) fn mldsa_witness_vkey(seed: u8) -> String {
    vkey(
        &witness_name(seed),
        PublicKey::MlDsa44(mldsa44(seed).public()),
    )
    .to_string()
}

/// `— <name> base64(key ID ‖ blob)`
fn line(vkey: &VerifierKey, blob: &[u8]) -> String {
    let blob = [vkey.id().as_bytes(), blob].concat();
    format!("\u{2014} {} {}\n", vkey.name(), base64::encode(&blob))
}

/// tlog-cosignature "ML-DSA-44 signed message" for a whole checkpoint.
fn subtree_message(name: &str, checkpoint: &Checkpoint) -> Vec<u8> {
    let origin = checkpoint.origin().as_str();
    let mut message = b"subtree/v1\n\0".to_vec();
    message.push(u8::try_from(name.len()).unwrap());
    message.extend(name.as_bytes());
    message.extend(TIMESTAMP.to_be_bytes());
    message.push(u8::try_from(origin.len()).unwrap());
    message.extend(origin.as_bytes());
    message.extend(0_u64.to_be_bytes());
    message.extend(checkpoint.size().to_be_bytes());
    message.extend(checkpoint.root().as_bytes());
    message
}

fn mldsa_line(name: &str, seed: u8, checkpoint: &Checkpoint) -> String {
    let secret = mldsa44(seed);
    let signature = secret.sign(&subtree_message(name, checkpoint)).unwrap();
    let vkey = vkey(name, PublicKey::MlDsa44(secret.public()));
    line(&vkey, &[&TIMESTAMP.to_be_bytes()[..], &signature].concat())
}

fn cosignature_line(cosigner: u8, checkpoint: &Checkpoint) -> String {
    if let Some(seed) = cosigner.checked_sub(MLDSA) {
        return mldsa_line(&witness_name(seed), seed, checkpoint);
    }
    let secret = ed25519(cosigner);
    let message = format!(
        "cosignature/v1\ntime {TIMESTAMP}\n{}",
        checkpoint.note_text()
    );
    let signature = secret.sign(message.as_bytes());
    let vkey = vkey(
        &witness_name(cosigner),
        PublicKey::Ed25519Cosignature(secret.public()),
    );
    line(&vkey, &[&TIMESTAMP.to_be_bytes()[..], &signature].concat())
}

fn checkpoint(size: u64) -> Checkpoint {
    let root = Hash::from_bytes([u8::try_from(size).unwrap(); 32]);
    Checkpoint::new(ORIGIN.parse().unwrap(), size, root).unwrap()
}

fn note(checkpoint: &Checkpoint, cosignatures: &[String]) -> SignedCheckpoint {
    let text = checkpoint.note_text();
    let secret = ed25519(LOG);
    let vkey = vkey(ORIGIN, PublicKey::Ed25519(secret.public()));
    let ed25519 = line(&vkey, &secret.sign(text.as_bytes()));
    let mldsa = mldsa_line(ORIGIN, LOG, checkpoint);
    let note = format!("{text}\n{ed25519}{mldsa}{}", cosignatures.concat());
    SignedCheckpoint::parse(note.as_bytes()).unwrap()
}

/// The checkpoint of this size, signed by the log with both its keys and by the co-signers.
pub(crate) fn cosigned(size: u64, cosigners: &[u8]) -> SignedCheckpoint {
    let checkpoint = checkpoint(size);
    let lines: Vec<_> = cosigners
        .iter()
        .map(|&c| cosignature_line(c, &checkpoint))
        .collect();
    note(&checkpoint, &lines)
}

/// The same, where the line of `bad` is over the checkpoint of another size.
pub(crate) fn with_bad_cosignature(size: u64, cosigners: &[u8], bad: u8) -> SignedCheckpoint {
    let (checkpoint, other) = (checkpoint(size), checkpoint(size + 1));
    let lines: Vec<_> = cosigners
        .iter()
        .map(|&c| cosignature_line(c, if c == bad { &other } else { &checkpoint }))
        .collect();
    note(&checkpoint, &lines)
}

/// [`cosigned`], verified with the log's Ed25519 key and the co-signers' own keys.
pub(crate) fn verified(
    size: u64,
    cosigners: &[u8],
) -> (VerifiedCheckpoint, Vec<VerifiedCosignature>) {
    let log = log_vkey(LOG).parse::<VerifierKey>().unwrap();
    let checkpoint = cosigned(size, cosigners)
        .verify_log(&[LogKey::try_from(log).unwrap()])
        .unwrap();
    let keys: Vec<WitnessKey> = cosigners
        .iter()
        .map(|&c| match c.checked_sub(MLDSA) {
            Some(seed) => mldsa_witness_vkey(seed),
            None => witness_vkey(c),
        })
        .map(|vkey| WitnessKey::try_from(vkey.parse::<VerifierKey>().unwrap()).unwrap())
        .collect();
    assert!(keys.iter().all(|key| key.kind() != KeyKind::Ed25519));
    let cosignatures = checkpoint.cosignatures(&keys).unwrap();
    assert_eq!(cosignatures.len(), cosigners.len());
    (checkpoint, cosignatures)
}
