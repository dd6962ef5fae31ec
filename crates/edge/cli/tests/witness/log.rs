//! A log that signs what it is told to, and so can fork.

use quorate_merkle::{Hash, LeafHashes, leaf_hash, prove_consistency, root_of_leaf_hashes};
use quorate_note::{
    Checkpoint, KeyName, LogKey, LogSigner, Origin, SignedCheckpoint, VerifierKey, base64, ed25519,
};

pub(crate) struct Log {
    pub(crate) origin: Origin,
    seed: u8,
}

impl Log {
    pub(crate) fn new(origin: &str, seed: u8) -> Self {
        Self {
            origin: Origin::new(origin).unwrap(),
            seed,
        }
    }

    fn signer(&self) -> LogSigner {
        let name = KeyName::of_log(&self.origin).unwrap();
        LogSigner::ed25519(name, ed25519::SecretKey::from_seed([self.seed; 32]))
    }

    pub(crate) fn vkey(&self) -> VerifierKey {
        self.signer().verifier_key().clone()
    }

    pub(crate) fn key(&self) -> LogKey {
        LogKey::try_from(self.vkey()).unwrap()
    }

    /// What `--origin` takes.
    pub(crate) fn flag(&self) -> String {
        let hex: String = self
            .vkey()
            .key_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        format!("{0}|{0}|{hex}", self.origin)
    }

    /// The leaves of one of the log's histories. All have their first leaf in common.
    fn leaves(size: u64, history: &str) -> Vec<Hash> {
        (0..size)
            .map(|i| leaf_hash(format!("{}{i}", if i == 0 { "" } else { history }).as_bytes()))
            .collect()
    }

    pub(crate) fn root(size: u64, history: &str) -> Hash {
        root_of_leaf_hashes(&Self::leaves(size, history))
    }

    pub(crate) fn signed(&self, size: u64, history: &str) -> SignedCheckpoint {
        let root = Self::root(size, history);
        let checkpoint = Checkpoint::new(self.origin.clone(), size, root).unwrap();
        SignedCheckpoint::sign(&checkpoint, &[self.signer()], 1).unwrap()
    }

    /// An add-checkpoint request.
    pub(crate) fn request(&self, old: u64, size: u64, history: &str) -> Vec<u8> {
        let leaves = Self::leaves(size, history);
        let proof = prove_consistency(old.min(size), size, &LeafHashes(&leaves)).unwrap();
        let proof: String = proof
            .hashes()
            .iter()
            .map(|h| format!("{}\n", base64::encode(h.as_bytes())))
            .collect();
        format!("old {old}\n{proof}\n{}", self.signed(size, history)).into_bytes()
    }

    /// A checkpoint under the log's signature and the witness's, made with the witness's own keys.
    pub(crate) fn cosigned_by_the_witness(&self, size: u64, history: &str) -> SignedCheckpoint {
        let verified = self
            .signed(size, history)
            .verify_log(&[self.key()])
            .unwrap();
        let mut lines = verified.log_lines().to_vec();
        for signer in crate::process::signers() {
            lines.push(signer.cosign(&verified, 1_795_000_000).unwrap());
        }
        SignedCheckpoint::new(verified.checkpoint().clone(), lines).unwrap()
    }

    /// An add-checkpoint request with this checkpoint.
    pub(crate) fn request_carrying(&self, old: u64, checkpoint: &SignedCheckpoint) -> Vec<u8> {
        let size = checkpoint.checkpoint_unverified().size();
        let plain = String::from_utf8(self.request(old, size, "a")).unwrap();
        let (head, _) = plain.split_once("\n\n").unwrap();
        format!("{head}\n\n{checkpoint}").into_bytes()
    }

    /// The lines of the inclusion proof of the first leaf.
    pub(crate) fn proof_of_the_first(&self, size: u64, history: &str) -> String {
        let leaves = Self::leaves(size, history);
        let proof = quorate_merkle::prove_inclusion(0, size, &LeafHashes(&leaves)).unwrap();
        let lines = proof.hashes().iter();
        lines
            .map(|h| format!("{}\n", base64::encode(h.as_bytes())))
            .collect()
    }
}
