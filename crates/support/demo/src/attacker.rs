//! What somebody does who has the log's key and disk, and perhaps keys of witnesses: another history, signed.
//!
//! None of this is in the product, whose types refuse it: a node signs only what continues what it signed (R2, R5), and a
//! witness only what it stored. An attacker has neither.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use quorate_merkle::{
    Hash, LeafHashes, leaf_hash, prove_consistency, prove_inclusion, root_of_leaf_hashes,
};
use quorate_note::{
    Checkpoint, CosignSigner, KeyName, LogKey, LogSigner, Origin, SignatureLine, SignedCheckpoint,
    TlogProof, ed25519,
};
use quorate_receipt::{Receipt, Timestamp};
use quorate_witness::AddCheckpoint;

use crate::failure::{Failure, Result, doing};

/// What the attacker writes instead of what was recorded.
pub(crate) const REWRITTEN: &str = "nothing happened here";

/// Reads a seed that was stolen: 64 hexadecimal digits.
fn seed(file: &Path) -> Result<[u8; 32]> {
    let text = doing(
        format!("read {}", file.display()),
        std::fs::read_to_string(file),
    )?;
    let mut seed = [0; 32];
    for (byte, digits) in seed.iter_mut().zip(text.trim().as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(Failure::tools)?;
        *byte = u8::from_str_radix(digits, 16).map_err(Failure::tools)?;
    }
    Ok(seed)
}

fn now() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(now.map_err(Failure::tools)?.as_secs())
}

/// A key of a witness in the wrong hands.
pub(crate) fn stolen(name: &str, file: &Path) -> Result<CosignSigner> {
    let name = KeyName::new(name).map_err(Failure::tools)?;
    let secret = ed25519::SecretKey::from_seed(seed(file)?);
    Ok(CosignSigner::ed25519(name, secret))
}

/// The log with another history from some entry on.
#[derive(Debug)]
pub(crate) struct Fork {
    origin: Origin,
    signer: LogSigner,
    entries: Vec<Vec<u8>>,
}

impl Fork {
    /// Takes the log's key, and its record, and rewrites what stands from `kept` on.
    pub(crate) fn new(origin: &str, key: &Path, record: &str, kept: usize) -> Result<Self> {
        let origin = Origin::new(origin).map_err(Failure::tools)?;
        let name = KeyName::of_log(&origin).map_err(Failure::tools)?;
        let signer = LogSigner::ed25519(name, ed25519::SecretKey::from_seed(seed(key)?));
        let entries = record.lines().enumerate().map(|(i, line)| {
            if i < kept {
                Ok(line.as_bytes().to_vec())
            } else {
                rewritten(line)
            }
        });
        Ok(Self {
            origin,
            signer,
            entries: entries.collect::<Result<_>>()?,
        })
    }

    /// One more entry, so that the other history is longer than the true one.
    pub(crate) fn grow(&mut self) -> Result<()> {
        let entry =
            r#"{"type":"log_line","line":"all is well","timestamp":"2026-01-01T00:00:00Z"}"#;
        self.entries.push(rewritten(entry)?);
        Ok(())
    }

    pub(crate) fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn entry(&self, index: u64) -> Result<&[u8]> {
        let at = usize::try_from(index).map_err(Failure::tools)?;
        let entry = self.entries.get(at).map(Vec::as_slice);
        entry.ok_or_else(|| Failure::tools("there is no such entry"))
    }

    /// The leaves of the tree of this size.
    fn leaves(&self, size: u64) -> Vec<Hash> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        self.entries
            .iter()
            .take(size)
            .map(|e| leaf_hash(e))
            .collect()
    }

    pub(crate) fn key(&self) -> Result<LogKey> {
        LogKey::try_from(self.signer.verifier_key().clone()).map_err(Failure::tools)
    }

    /// The head of this size, signed with the log's key and co-signed with what else was stolen.
    pub(crate) fn head(&self, size: u64, stolen: &[CosignSigner]) -> Result<SignedCheckpoint> {
        let time = now()?;
        let root = root_of_leaf_hashes(&self.leaves(size));
        let checkpoint =
            Checkpoint::new(self.origin.clone(), size, root).map_err(Failure::tools)?;
        let signed = SignedCheckpoint::sign(&checkpoint, std::slice::from_ref(&self.signer), time)
            .map_err(Failure::tools)?;
        let verified = signed.verify_log(&[self.key()?]).map_err(Failure::tools)?;
        let mut lines = signed.note().signatures().to_vec();
        for signer in stolen {
            lines.push(signer.cosign(&verified, time).map_err(Failure::tools)?);
        }
        SignedCheckpoint::new(checkpoint, lines).map_err(Failure::tools)
    }

    /// The head with the lines that a witness answered.
    pub(crate) fn with(&self, head: SignedCheckpoint, answered: &str) -> Result<SignedCheckpoint> {
        let mut lines = head.note().signatures().to_vec();
        for line in answered.lines() {
            lines.push(SignatureLine::parse(line).map_err(Failure::tools)?);
        }
        SignedCheckpoint::new(head.checkpoint_unverified().clone(), lines).map_err(Failure::tools)
    }

    /// A request for a co-signature that claims to follow the head of size `old`, with the best proof there is.
    pub(crate) fn request(&self, old: u64, head: SignedCheckpoint) -> Result<Vec<u8>> {
        let size = head.checkpoint_unverified().size();
        let leaves = self.leaves(size);
        let proof = prove_consistency(old, size, &LeafHashes(&leaves)).map_err(Failure::tools)?;
        Ok(AddCheckpoint::new(old, proof, head).to_bytes())
    }

    /// A proof that the rewritten entry is in the log.
    pub(crate) fn proof(&self, index: u64, head: SignedCheckpoint) -> Result<String> {
        let size = head.checkpoint_unverified().size();
        let leaves = self.leaves(size);
        let proof = prove_inclusion(index, size, &LeafHashes(&leaves)).map_err(Failure::tools)?;
        Ok(TlogProof::new(None, index, proof, head).to_text())
    }
}

/// The receipt with another content, and a `root_hash` that is right for it.
fn rewritten(entry: &str) -> Result<Vec<u8>> {
    let mut value: serde_json::Value = serde_json::from_str(entry).map_err(Failure::tools)?;
    let members = value
        .as_object_mut()
        .ok_or_else(|| Failure::tools("an entry is no object"))?;
    members.remove("root_hash");
    members.insert("line".to_owned(), REWRITTEN.into());
    // The receipt has a time, so this one is not used.
    let now = Timestamp::from_seconds(0).ok_or_else(|| Failure::tools("no time"))?;
    let receipt = Receipt::accept(value.to_string().as_bytes(), now).map_err(Failure::tools)?;
    Ok(receipt.into_bytes())
}
