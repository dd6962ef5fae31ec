//! What the targets and their seeds share: one log, one witness, one small tree, all from fixed keys, so that
//! a seed verifies and the fuzzer starts behind the signature checks.
#![forbid(unsafe_code)]

use quorate_merkle::{Hash, LeafHashes, leaf_hash, prove_inclusion, root_of_leaf_hashes};
use quorate_note::{
    Checkpoint, CosignSigner, KeyName, LogKey, LogSigner, Origin, SignedCheckpoint, TlogProof,
    VerifierKey, WitnessKey, ed25519, mldsa44,
};

/// When everything was signed.
const TIME: u64 = 1_800_000_000;
/// The proven entry's index in a tree of [`SIZE`].
pub const INDEX: u64 = 11;
/// Leaves of the tree.
pub const SIZE: u64 = 13;
const ORIGIN: &str = "example.org/Fuzz";

/// The log's two keys and the witness's two.
pub struct Fixture {
    log: [LogSigner; 2],
    witness: [CosignSigner; 2],
}

impl Default for Fixture {
    fn default() -> Self {
        let name = |text: &str| text.parse::<KeyName>().expect("a key name");
        Self {
            log: [
                LogSigner::ed25519(name(ORIGIN), ed25519::SecretKey::from_seed([1; 32])),
                LogSigner::ml_dsa_44(name(ORIGIN), mldsa44::SecretKey::from_seed([2; 32])),
            ],
            witness: [
                CosignSigner::ed25519(
                    name("witness.example"),
                    ed25519::SecretKey::from_seed([3; 32]),
                ),
                CosignSigner::ml_dsa_44(
                    name("witness.example"),
                    mldsa44::SecretKey::from_seed([4; 32]),
                ),
            ],
        }
    }
}

/// The entry at an index.
pub fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn leaves() -> Vec<Hash> {
    (0..SIZE).map(|index| leaf_hash(&entry(index))).collect()
}

impl Fixture {
    /// The log's verifier keys: Ed25519, ML-DSA-44.
    pub fn log_keys(&self) -> [LogKey; 2] {
        self.log
            .each_ref()
            .map(|signer| LogKey::try_from(signer.verifier_key().clone()).expect("a log's key"))
    }

    /// The witness's verifier keys: Ed25519, ML-DSA-44.
    pub fn witness_keys(&self) -> [WitnessKey; 2] {
        self.witness.each_ref().map(|signer| {
            WitnessKey::try_from(signer.verifier_key().clone()).expect("a witness's key")
        })
    }

    /// All four as text.
    pub fn vkeys(&self) -> [&VerifierKey; 4] {
        let [a, b] = &self.log;
        let [c, d] = &self.witness;
        [
            a.verifier_key(),
            b.verifier_key(),
            c.verifier_key(),
            d.verifier_key(),
        ]
    }

    /// The only checkpoint that this log ever signed.
    pub fn checkpoint(&self) -> Checkpoint {
        let origin = ORIGIN.parse::<Origin>().expect("an origin");
        Checkpoint::new(origin, SIZE, root_of_leaf_hashes(&leaves())).expect("a checkpoint")
    }

    /// The checkpoint, signed with the first `log` of the log's keys and the first `witness` of the witness's.
    pub fn signed(&self, log: usize, witness: usize) -> SignedCheckpoint {
        let signed =
            SignedCheckpoint::sign(&self.checkpoint(), &self.log[..log], TIME).expect("signed");
        let verified = signed.verify_log(&self.log_keys()).expect("verified");
        let mut lines = signed.note().signatures().to_vec();
        for signer in &self.witness[..witness] {
            lines.push(signer.cosign(&verified, TIME).expect("co-signed"));
        }
        SignedCheckpoint::new(self.checkpoint(), lines).expect("a note")
    }

    /// The proof of the entry at [`INDEX`].
    pub fn proof(&self, log: usize, witness: usize) -> TlogProof {
        let leaves = leaves();
        let proof = prove_inclusion(INDEX, SIZE, &LeafHashes(&leaves)).expect("proven");
        TlogProof::new(None, INDEX, proof, self.signed(log, witness))
    }

    /// A policy that asks for the witness.
    pub fn policy(&self) -> String {
        let [log, _, witness, _] = self.vkeys();
        format!("log {log}\nwitness w {witness}\nquorum w\n")
    }
}
