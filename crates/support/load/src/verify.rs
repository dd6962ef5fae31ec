//! Whole verifications as an auditor does them, on one core: a `.tlog-proof`, the entry, and a policy of the log's key
//! and three witnesses.

use std::time::{Duration, Instant};

use quorate_merkle::{LeafHashes, leaf_hash, prove_inclusion, root_of_leaf_hashes};
use quorate_note::{
    Checkpoint, CosignSigner, KeyName, LogSigner, Origin, SignedCheckpoint, TlogProof, ed25519,
};
use quorate_policy::{Policy, Verdict};
use quorate_verify::verify_entry;

use crate::failure::{Failure, Result};
use crate::payload::Template;
use crate::table::{Figure, per_second, thousands};

/// Entries in the log: 20 hashes in each proof.
const LEAVES: u64 = 1 << 20;
/// Proofs, each under a checkpoint of its own: nothing is verified twice in a row.
const PROOFS: u64 = 16;

/// Verifies for `seconds` on one thread, every step from the bytes of the files.
pub(crate) fn figure(seconds: u64) -> Result<Figure> {
    let missing = |e: &dyn std::fmt::Display| Failure::Missing(format!("no proof to verify: {e}"));
    let template = Template::new("verify")?;
    let leaves: Vec<_> = (0..LEAVES)
        .map(|n| leaf_hash(&template.receipt(n)))
        .collect();
    let name = KeyName::new("log.example/verify").map_err(|e| missing(&e))?;
    let origin = Origin::from(name.clone());
    let log = LogSigner::ed25519(name, ed25519::SecretKey::from_seed([1; 32]));
    let witness = |n: u8| {
        let name = KeyName::new(&format!("w{n}.example"))?;
        let secret = ed25519::SecretKey::from_seed([10 + n; 32]);
        Ok(CosignSigner::ed25519(name, secret))
    };
    let witnesses: Vec<CosignSigner> = (0..3)
        .map(witness)
        .collect::<std::result::Result<_, quorate_note::NameError>>()
        .map_err(|e| missing(&e))?;
    let mut text = format!("log {}\n", log.verifier_key());
    for (n, witness) in witnesses.iter().enumerate() {
        text.push_str(&format!("witness w{n} {}\n", witness.verifier_key()));
    }
    text.push_str("group q all w0 w1 w2\nquorum q\n");
    let policy = Policy::parse(text.as_bytes()).map_err(|e| missing(&e))?;
    let log_keys: Vec<_> = policy.logs().iter().map(|l| l.key().clone()).collect();

    let mut files = Vec::new();
    for n in 0..PROOFS {
        let size = LEAVES - n;
        let leaves = &leaves[..usize::try_from(size).unwrap_or(0)];
        let root = root_of_leaf_hashes(leaves);
        let checkpoint = Checkpoint::new(origin.clone(), size, root).map_err(|e| missing(&e))?;
        let signed = SignedCheckpoint::sign(&checkpoint, std::slice::from_ref(&log), 1)
            .map_err(|e| missing(&e))?;
        let verified = signed.verify_log(&log_keys).map_err(|e| missing(&e))?;
        let lines = witnesses.iter().map(|w| w.cosign(&verified, 1_795_000_000));
        let lines: Vec<_> = lines
            .collect::<std::result::Result<_, _>>()
            .map_err(|e| missing(&e))?;
        let keys = policy.witness_keys();
        let cosigned = verified
            .cosignatures_in(&lines, &keys)
            .map_err(|e| missing(&e))?;
        let note = verified
            .with_cosignatures(&cosigned)
            .map_err(|e| missing(&e))?;
        let index = n * 15_485_863 % size;
        let proof = prove_inclusion(index, size, &LeafHashes(leaves)).map_err(|e| missing(&e))?;
        let file = TlogProof::new(None, index, proof, note).to_text();
        files.push((file.into_bytes(), template.receipt(index)));
    }

    let limit = Duration::from_secs(seconds);
    let began = Instant::now();
    let mut verified = 0_u64;
    while began.elapsed() < limit {
        for (proof, entry) in &files {
            let report = verify_entry(proof, entry, &policy);
            let report = report.map_err(|e| Failure::Broken(format!("a proof failed: {e}")))?;
            if !matches!(report.verdict(), Verdict::Quorate(_)) {
                return Err(Failure::Broken("a proof without its quorum".to_owned()));
            }
            verified += 1;
        }
    }
    let rate = per_second(verified, began.elapsed());
    Ok(Figure {
        name: "whole verifications: the log's and three Ed25519 co-signatures, inclusion"
            .to_owned(),
        measured: format!("{}/s on one core", thousands(rate)),
        target: "≥ 6,000/s/core",
        met: Some(rate >= 6_000),
        command: format!("verify --seconds {seconds}"),
    })
}
