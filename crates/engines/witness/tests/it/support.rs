//! A log whose trees can be forked, and a witness that is its rules and a memory.

use std::sync::Arc;

use quorate_merkle::{Hash, LeafHashes, Proof, leaf_hash, prove_consistency, root_of_leaf_hashes};
use quorate_note::{
    Checkpoint, CosignSigner, KeyName, LogSigner, Origin, SignatureLine, SignedCheckpoint,
    VerifierKey, WitnessKey, ed25519, mldsa44,
};
use quorate_witness::{AddCheckpoint, Durable, KnownLog, Position, Refusal, advance, authenticate};

pub(crate) const ORIGIN: &str = "log.example/scroll";
pub(crate) const NOW: u64 = 1_795_000_000;

/// A log: its leaves and its key.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) origin: Origin,
    pub(crate) leaves: Vec<Hash>,
    seed: u8,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self::named(ORIGIN, 1)
    }

    pub(crate) fn named(origin: &str, seed: u8) -> Self {
        Self {
            origin: Origin::new(origin).unwrap(),
            leaves: Vec::new(),
            seed,
        }
    }

    /// The same log with `size` leaves, of which those from `fork` on are of another history.
    pub(crate) fn forked(&self, size: usize, fork: usize, history: &str) -> Self {
        let mut log = self.clone();
        log.leaves = (0..size)
            .map(|i| {
                leaf_hash(
                    if i < fork {
                        format!("{i}")
                    } else {
                        format!("{history}{i}")
                    }
                    .as_bytes(),
                )
            })
            .collect();
        log
    }

    pub(crate) fn of(size: usize) -> Self {
        Self::new().forked(size, size, "")
    }

    pub(crate) fn signer(&self) -> LogSigner {
        let name = KeyName::of_log(&self.origin).unwrap();
        LogSigner::ed25519(name, ed25519::SecretKey::from_seed([self.seed; 32]))
    }

    pub(crate) fn vkey(&self) -> VerifierKey {
        self.signer().verifier_key().clone()
    }

    pub(crate) fn known(&self) -> Arc<KnownLog> {
        Arc::new(KnownLog::new(self.origin.clone(), &[self.vkey()], &[]).unwrap())
    }

    pub(crate) fn root(&self) -> Hash {
        root_of_leaf_hashes(&self.leaves)
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(self.origin.clone(), self.leaves.len() as u64, self.root()).unwrap()
    }

    pub(crate) fn signed(&self) -> SignedCheckpoint {
        SignedCheckpoint::sign(&self.checkpoint(), &[self.signer()], NOW).unwrap()
    }

    pub(crate) fn proof(&self, old: u64) -> Proof {
        prove_consistency(old, self.leaves.len() as u64, &LeafHashes(&self.leaves)).unwrap()
    }

    pub(crate) fn request(&self, old: u64) -> AddCheckpoint {
        AddCheckpoint::new(old, self.proof(old), self.signed())
    }

    /// The request with more lines under the checkpoint.
    pub(crate) fn request_with(&self, old: u64, lines: Vec<SignatureLine>) -> AddCheckpoint {
        let mut all = self.signed().note().signatures().to_vec();
        all.extend(lines);
        let signed = SignedCheckpoint::new(self.checkpoint(), all).unwrap();
        AddCheckpoint::new(old, self.proof(old), signed)
    }
}

pub(crate) fn ed_signer() -> CosignSigner {
    CosignSigner::ed25519(
        KeyName::new("w.example").unwrap(),
        ed25519::SecretKey::from_seed([9; 32]),
    )
}

pub(crate) fn ml_signer() -> CosignSigner {
    CosignSigner::ml_dsa_44(
        KeyName::new("w.example").unwrap(),
        mldsa44::SecretKey::from_seed([9; 32]),
    )
}

pub(crate) fn own_keys() -> Vec<WitnessKey> {
    [ed_signer(), ml_signer()]
        .iter()
        .map(|s| WitnessKey::try_from(s.verifier_key().clone()).unwrap())
        .collect()
}

/// A witness of one log.
pub(crate) struct Witness {
    pub(crate) log: Arc<KnownLog>,
    pub(crate) last: Option<Position>,
    pub(crate) now: u64,
}

impl Witness {
    pub(crate) fn of(log: &Log) -> Self {
        Self {
            log: log.known(),
            last: None,
            now: NOW,
        }
    }

    /// One that co-signed `log` as it stands.
    pub(crate) fn at(log: &Log) -> Self {
        let mut witness = Self::of(log);
        witness.add(&log.request(0)).unwrap();
        witness
    }

    pub(crate) fn size(&self) -> u64 {
        self.last.as_ref().map_or(0, |p| p.checkpoint().size())
    }

    pub(crate) fn add(&mut self, request: &AddCheckpoint) -> Result<Durable, Refusal> {
        self.post(&request.to_bytes())
    }

    pub(crate) fn post(&mut self, body: &[u8]) -> Result<Durable, Refusal> {
        let size = self.size();
        let authenticated = authenticate(AddCheckpoint::parse(body), |origin| {
            (origin == self.log.origin()).then(|| (Arc::clone(&self.log), size))
        })?;
        let position = advance(self.last.as_ref(), &authenticated, self.now)?;
        self.last = Some(position.clone());
        Ok(position.durable())
    }
}
