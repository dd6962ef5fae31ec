//! Inclusion proofs verified under one checkpoint, on one core.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use quorate_merkle::{
    Frontier, Hash, NodeReader, Proof, leaf_hash, prove_inclusion, verify_inclusion,
};

use crate::failure::{Failure, Result};
use crate::payload::Template;
use crate::table::{Figure, per_second, thousands};

/// Proofs made beforehand, spread over the whole tree; verified round and round.
const PROOFS: u64 = 10_000;

/// Every complete subtree's hash, by level.
#[derive(Default)]
struct Levels(Vec<Vec<Hash>>);

impl Levels {
    fn keep(&mut self, level: u8, hash: Hash) {
        let level = usize::from(level);
        if self.0.len() == level {
            self.0.push(Vec::new());
        }
        self.0[level].push(hash);
    }
}

impl NodeReader for Levels {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> std::result::Result<Hash, Infallible> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        // A proof reads only subtrees that the frontier completed; anything else would fail to verify.
        let level = self.0.get(usize::from(level));
        Ok(level
            .and_then(|l| l.get(index))
            .copied()
            .unwrap_or(Hash::EMPTY_ROOT))
    }
}

/// An entry and the proof that it is in the tree.
struct Proven {
    entry: Vec<u8>,
    index: u64,
    proof: Proof,
}

/// Verifies proofs for `seconds` on one thread. Each time the entry's bytes are hashed and its path is walked
/// to the root.
pub(crate) fn figure(leaves: u64, seconds: u64) -> Result<Figure> {
    let template = Template::new("proofs")?;
    let mut frontier = Frontier::new();
    let mut levels = Levels::default();
    let mut entry = Vec::new();
    for n in 0..leaves {
        entry.clear();
        template.write(n, &mut entry);
        frontier
            .push_visiting(leaf_hash(&entry), |level, _, hash| levels.keep(level, hash))
            .map_err(|e| Failure::Missing(e.to_string()))?;
    }
    let root = frontier.root();
    let proven = (0..PROOFS.min(leaves))
        .map(|n| {
            // A stride prime to any size here visits leaves in no order.
            let index = n * 1_000_003 % leaves;
            let proof = prove_inclusion(index, leaves, &levels)
                .map_err(|e| Failure::Missing(format!("no proof of {index}: {e}")))?;
            Ok(Proven {
                entry: template.receipt(index),
                index,
                proof,
            })
        })
        .collect::<Result<Vec<_>>>()?;

    let limit = Duration::from_secs(seconds);
    let began = Instant::now();
    let mut verified = 0_u64;
    while began.elapsed() < limit {
        for one in &proven {
            verify_inclusion(one.index, &leaf_hash(&one.entry), leaves, &root, &one.proof)
                .map_err(|e| Failure::Broken(format!("the proof of {} failed: {e}", one.index)))?;
        }
        verified += proven.len() as u64;
    }
    let rate = per_second(verified, began.elapsed());
    Ok(Figure {
        name: format!("inclusion proofs verified, tree of {}", thousands(leaves)),
        measured: format!("{}/s on one core", thousands(rate)),
        target: "≥ 250,000/s/core",
        met: Some(rate >= 250_000),
        command: format!("proofs --leaves {leaves} --seconds {seconds}"),
    })
}
