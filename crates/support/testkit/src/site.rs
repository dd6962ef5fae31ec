//! A tiled log in memory, with a key that signs whatever it is told to: it can serve older heads, and fork.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "test helper: a log that cannot be made stops the test"
)]

use std::collections::BTreeMap;
use std::path::Path;

use quorate_merkle::{bundles_for_size, tiles_for_size};
use quorate_note::{
    Checkpoint, CosignSigner, KeyName, LogKey, LogSigner, Origin, SignedCheckpoint,
    VerifiedCheckpoint, ed25519,
};

use crate::oracle::Oracle;

/// What a web server has of a log, by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A log.
#[derive(Debug)]
pub struct Log {
    origin: Origin,
    seed: u8,
    oracle: Oracle,
}

/// `count` different entries of which the first `common` are the same whatever the `history`.
#[must_use]
pub fn entries(count: usize, common: usize, history: &str) -> Vec<Vec<u8>> {
    let name = |i| if i < common { "" } else { history };
    (0..count)
        .map(|i| format!("entry {i} {}", name(i)).into_bytes())
        .collect()
}

/// A witness's Ed25519 key.
#[must_use]
pub fn witness(name: &str, seed: u8) -> CosignSigner {
    CosignSigner::ed25519(
        KeyName::new(name).unwrap(),
        ed25519::SecretKey::from_seed([seed; 32]),
    )
}

impl Log {
    /// Of these entries.
    #[must_use]
    pub fn new(origin: &str, seed: u8, entries: &[Vec<u8>]) -> Self {
        Self {
            origin: Origin::new(origin).unwrap(),
            seed,
            oracle: Oracle::new(entries),
        }
    }

    fn signer(&self) -> LogSigner {
        let name = KeyName::of_log(&self.origin).unwrap();
        LogSigner::ed25519(name, ed25519::SecretKey::from_seed([self.seed; 32]))
    }

    /// The key, as policies have it.
    #[must_use]
    pub fn vkey(&self) -> String {
        self.signer().verifier_key().to_string()
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> LogKey {
        LogKey::try_from(self.signer().verifier_key().clone()).unwrap()
    }

    /// What its entries say must be served.
    #[must_use]
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// The head of the first `size` entries under the log's signature.
    #[must_use]
    pub fn head(&self, size: u64) -> VerifiedCheckpoint {
        let root = self.oracle.root_at(size);
        let checkpoint = Checkpoint::new(self.origin.clone(), size, root).unwrap();
        let signed = SignedCheckpoint::sign(&checkpoint, &[self.signer()], 1).unwrap();
        signed.verify_log(&[self.key()]).unwrap()
    }

    /// The same with co-signatures made at these times.
    #[must_use]
    pub fn note(&self, size: u64, cosigned: &[(&CosignSigner, u64)]) -> Vec<u8> {
        let head = self.head(size);
        let mut lines = head.log_lines().to_vec();
        for (witness, at) in cosigned {
            lines.push(witness.cosign(&head, *at).unwrap());
        }
        let signed = SignedCheckpoint::new(head.checkpoint().clone(), lines);
        signed.unwrap().to_bytes()
    }

    /// Everything a web server has of the first `size` entries.
    #[must_use]
    pub fn files(&self, size: u64, cosigned: &[(&CosignSigner, u64)]) -> Files {
        let mut files = Files::new();
        for id in tiles_for_size(size) {
            files.insert(format!("tile/{id}"), self.oracle.tile(&id));
        }
        for id in bundles_for_size(size) {
            files.insert(format!("tile/{id}"), self.oracle.bundle(&id));
        }
        files.insert("checkpoint".to_owned(), self.note(size, cosigned));
        files
    }
}

/// Puts files into a folder.
pub fn write(files: &Files, folder: &Path) {
    for (path, octets) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, octets).unwrap();
    }
}
