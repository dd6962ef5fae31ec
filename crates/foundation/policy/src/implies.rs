//! Whether whatever satisfies one policy satisfies another.

use std::collections::BTreeMap;

use quorate_note::{LogKey, WitnessKey};

use crate::policy::{Log, Policy, Witness};
use crate::search::{Choice, Found, MAX_SEARCH_WORK, fewest};
use crate::tree::Tree;

/// Whether every set of keys that satisfies the first policy's quorum satisfies the second's. A statement
/// about two policies, never about a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum Implication {
    /// Every one does.
    Implied,
    /// These witnesses of the first policy satisfy it and not the second; no smaller set does. None at all
    /// where the first says `quorum none` and the second does not.
    Counterexample(Vec<Witness>),
    /// No set of fewer keys is a counterexample; the search ended at [`MAX_SEARCH_WORK`], before it knew
    /// whether there is one.
    NoneBelow(usize),
}

/// A log whose checkpoints the first policy takes and the second does not.
#[derive(Debug, Clone, PartialEq)]
pub enum LogGap {
    /// The second policy does not list its key.
    Unknown(Log),
    /// The second policy lists its key for another origin: a log of another name.
    OtherOrigin(Log),
    /// The first policy has no `log` line and takes whatever log the application knows; the second takes
    /// only its own.
    AnyLog,
}

/// One policy held against another.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    witnesses: Implication,
    logs: Vec<LogGap>,
    renamed: Vec<Witness>,
}

impl Comparison {
    /// The quorums, by public key.
    #[must_use]
    pub fn witnesses(&self) -> &Implication {
        &self.witnesses
    }

    /// Every log that the second policy does not take.
    #[must_use]
    pub fn logs(&self) -> &[LogGap] {
        &self.logs
    }

    /// Voting witnesses of the first policy whose public key the second lists under another key name. A
    /// co-signature is made under one name: one key, but not the same lines.
    #[must_use]
    pub fn renamed(&self) -> &[Witness] {
        &self.renamed
    }
}

impl Policy {
    /// Holds this policy against another: whether whatever this one accepts, the other accepts too.
    ///
    /// Quorums are compared by public key, whatever its names; logs by public key and origin.
    #[must_use]
    pub fn implies(&self, other: &Self) -> Comparison {
        self.implies_within(other, MAX_SEARCH_WORK)
    }

    /// [`implies`](Self::implies) with another limit than [`MAX_SEARCH_WORK`].
    #[must_use]
    pub fn implies_within(&self, other: &Self, work: usize) -> Comparison {
        Comparison {
            witnesses: quorums(self, other, work),
            logs: logs(self, other),
            renamed: renamed(self, other),
        }
    }
}

/// A counterexample is a set that satisfies `a` and leaves `b` unsatisfied. Satisfying is monotone, so a
/// key that only `b` knows never helps one: the keys of `a` are all there is to choose from.
fn quorums(a: &Policy, b: &Policy, work: usize) -> Implication {
    let Some(avoided) = Tree::new(b) else {
        return Implication::Implied;
    };
    let Some(wanted) = Tree::new(a) else {
        return Implication::Counterexample(Vec::new());
    };
    let in_b: BTreeMap<&[u8], usize> = avoided
        .witnesses()
        .iter()
        .enumerate()
        .map(|(leaf, witness)| (witness.key().key_bytes(), leaf))
        .collect();
    let choices: Vec<Choice> = wanted
        .witnesses()
        .iter()
        .enumerate()
        .map(|(leaf, witness)| Choice {
            satisfies: vec![leaf],
            avoids: in_b
                .get(witness.key().key_bytes())
                .copied()
                .into_iter()
                .collect(),
        })
        .collect();
    match fewest(&wanted, Some(&avoided), &choices, work) {
        Found::Nothing => Implication::Implied,
        Found::Fewest(keys) => {
            let witness = |&key: &usize| wanted.witnesses()[key].clone();
            Implication::Counterexample(keys.iter().map(witness).collect())
        }
        Found::AtLeast(n) => Implication::NoneBelow(n),
    }
}

fn logs(a: &Policy, b: &Policy) -> Vec<LogGap> {
    if b.logs().is_empty() {
        return Vec::new();
    }
    if a.logs().is_empty() {
        return vec![LogGap::AnyLog];
    }
    // A key may be listed once per policy as a log, so there is one candidate at most.
    let of_b: BTreeMap<&[u8], &LogKey> = b
        .logs()
        .iter()
        .map(|log| (log.key().key_bytes(), log.key()))
        .collect();
    a.logs()
        .iter()
        .filter_map(|log| match of_b.get(log.key().key_bytes()) {
            None => Some(LogGap::Unknown(log.clone())),
            Some(key) if key.is_raw() || *key == log.key() => None,
            Some(_) => Some(LogGap::OtherOrigin(log.clone())),
        })
        .collect()
}

fn renamed(a: &Policy, b: &Policy) -> Vec<Witness> {
    let of_b: BTreeMap<&[u8], &WitnessKey> = b
        .witnesses()
        .map(|witness| (witness.key().key_bytes(), witness.key()))
        .collect();
    let Some(tree) = Tree::new(a) else {
        return Vec::new();
    };
    tree.witnesses()
        .iter()
        .filter(|witness| {
            of_b.get(witness.key().key_bytes())
                .is_some_and(|key| !key.is_raw() && *key != witness.key())
        })
        .map(|&witness| witness.clone())
        .collect()
}
