//! A log in memory, its keys and its witnesses. The tree is RFC 6962 §2.1 written down once more, and proofs are
//! put together line by line, so that nothing under test makes what it reads.
#![allow(dead_code, reason = "each test binary uses a part")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use quorate_merkle::{Hash, leaf_hash, node_hash};
use quorate_note::{
    Checkpoint, CosignSigner, LogKey, LogSigner, SignatureLine, SignedCheckpoint, VerifierKey,
    ed25519, mldsa44,
};
use quorate_policy::Policy;

pub(crate) const ORIGIN: &str = "log.example/scroll";
/// The time of every signature: 2026-11-20T00:00:00Z.
pub(crate) const TIMESTAMP: u64 = 1_795_132_800;
/// Seed of the log's keys.
const LOG: u8 = 100;

fn secret(seed: u8) -> ed25519::SecretKey {
    ed25519::SecretKey::from_seed([seed; 32])
}

fn log_signer(seed: u8, name: &str) -> LogSigner {
    LogSigner::ed25519(name.parse().unwrap(), secret(seed))
}

fn mldsa_log_signer(seed: u8) -> LogSigner {
    let secret = mldsa44::SecretKey::from_seed([seed; 32]);
    LogSigner::ml_dsa_44(ORIGIN.parse().unwrap(), secret)
}

fn witness_signer(seed: u8) -> CosignSigner {
    CosignSigner::ed25519(format!("w{seed}.example").parse().unwrap(), secret(seed))
}

pub(crate) fn log_vkey(seed: u8) -> String {
    log_vkey_named(seed, ORIGIN)
}

pub(crate) fn log_vkey_named(seed: u8, name: &str) -> String {
    log_signer(seed, name).verifier_key().to_string()
}

pub(crate) fn mldsa_log_vkey(seed: u8) -> String {
    mldsa_log_signer(seed).verifier_key().to_string()
}

pub(crate) fn witness_vkey(seed: u8) -> String {
    witness_signer(seed).verifier_key().to_string()
}

/// An Ed25519 key as sigsum writes it.
pub(crate) fn hex(seed: u8) -> String {
    hex_of(secret(seed).public().as_bytes())
}

pub(crate) fn hex_of(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub(crate) fn base64(octets: &[u8]) -> String {
    quorate_note::base64::encode(octets)
}

pub(crate) fn policy(text: &str) -> Policy {
    Policy::parse(text.as_bytes()).unwrap()
}

pub(crate) fn leaf(entry: &[u8]) -> [u8; 32] {
    *leaf_hash(entry).as_bytes()
}

/// A `.tlog-proof` by the letter of tlog-proof "Format".
pub(crate) fn proof_file(
    extra: Option<&[u8]>,
    index: u64,
    path: &[[u8; 32]],
    checkpoint: &str,
) -> Vec<u8> {
    let mut file = "c2sp.org/tlog-proof@v1\n".to_owned();
    if let Some(extra) = extra {
        file += &format!("extra {}\n", base64(extra));
    }
    file += &format!("index {index}\n");
    for hash in path {
        file += &format!("{}\n", base64(hash));
    }
    (file + "\n" + checkpoint).into_bytes()
}

/// Largest power of two below `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut below, beside) = if index < k {
        (path(index, left), right)
    } else {
        (path(index - k, right), left)
    };
    below.push(root(beside));
    below
}

/// A log that has signed its head with both its keys.
pub(crate) struct Log {
    leaves: Vec<Hash>,
}

impl Log {
    pub(crate) fn new<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self {
            leaves: entries.into_iter().map(leaf_hash).collect(),
        }
    }

    pub(crate) fn root(&self) -> [u8; 32] {
        *root(&self.leaves).as_bytes()
    }

    pub(crate) fn path(&self, index: u64) -> Vec<[u8; 32]> {
        let index = usize::try_from(index).unwrap();
        path(index, &self.leaves)
            .iter()
            .map(|hash| *hash.as_bytes())
            .collect()
    }

    fn head(&self) -> Checkpoint {
        let size = u64::try_from(self.leaves.len()).unwrap();
        Checkpoint::new(ORIGIN.parse().unwrap(), size, root(&self.leaves)).unwrap()
    }

    /// Another head of the same log.
    fn other_head() -> Checkpoint {
        Checkpoint::new(ORIGIN.parse().unwrap(), 1, leaf_hash(b"another history")).unwrap()
    }

    fn log_lines(head: &Checkpoint, mldsa: bool) -> Vec<SignatureLine> {
        let mut signers = vec![log_signer(LOG, ORIGIN)];
        signers.extend(mldsa.then(|| mldsa_log_signer(LOG)));
        signers
            .iter()
            .map(|signer| signer.sign_checkpoint(head, TIMESTAMP).unwrap())
            .collect()
    }

    fn cosignature(head: &Checkpoint, witness: u8) -> SignatureLine {
        let signed = SignedCheckpoint::new(head.clone(), Self::log_lines(head, false)).unwrap();
        let key = log_vkey(LOG).parse::<VerifierKey>().unwrap();
        let verified = signed
            .verify_log(&[LogKey::try_from(key).unwrap()])
            .unwrap();
        witness_signer(witness)
            .cosign(&verified, TIMESTAMP)
            .unwrap()
    }

    fn note(&self, lines: Vec<SignatureLine>) -> String {
        SignedCheckpoint::new(self.head(), lines)
            .unwrap()
            .to_string()
    }

    fn cosigned(&self, mldsa: bool, witnesses: &[u8]) -> String {
        let head = self.head();
        let mut lines = Self::log_lines(&head, mldsa);
        lines.extend(
            witnesses
                .iter()
                .map(|&witness| Self::cosignature(&head, witness)),
        );
        self.note(lines)
    }

    /// The checkpoint, co-signed.
    pub(crate) fn checkpoint(&self, witnesses: &[u8]) -> String {
        self.cosigned(true, witnesses)
    }

    /// The checkpoint with Ed25519 signatures only.
    pub(crate) fn ed25519_checkpoint(&self, witnesses: &[u8]) -> String {
        self.cosigned(false, witnesses)
    }

    pub(crate) fn proof(&self, index: u64, witnesses: &[u8]) -> Vec<u8> {
        proof_file(None, index, &self.path(index), &self.checkpoint(witnesses))
    }

    /// A proof whose lines are all by keys that an Ed25519 policy knows.
    pub(crate) fn ed25519_proof(&self, index: u64, witnesses: &[u8]) -> Vec<u8> {
        proof_file(
            None,
            index,
            &self.path(index),
            &self.cosigned(false, witnesses),
        )
    }

    /// A proof whose log signature is that of another head.
    pub(crate) fn with_bad_log_signature(&self, index: u64, witnesses: &[u8]) -> Vec<u8> {
        let head = self.head();
        let mut lines = Self::log_lines(&Self::other_head(), true);
        lines.extend(
            witnesses
                .iter()
                .map(|&witness| Self::cosignature(&head, witness)),
        );
        proof_file(None, index, &self.path(index), &self.note(lines))
    }

    /// A proof in which the co-signature of `bad` is that of another head.
    pub(crate) fn with_bad_cosignature(&self, index: u64, witnesses: &[u8], bad: u8) -> Vec<u8> {
        let (head, other) = (self.head(), Self::other_head());
        let mut lines = Self::log_lines(&head, true);
        lines.extend(witnesses.iter().map(|&witness| {
            Self::cosignature(if witness == bad { &other } else { &head }, witness)
        }));
        proof_file(None, index, &self.path(index), &self.note(lines))
    }
}
