//! Evidence that one lineage has two histories.

use quorate_receipt::Receipt;

use crate::error::Invalid;
use crate::event::Fingerprint;
use crate::lineage::Lineage;

/// Two valid events with one sequence number. Whoever holds this knows that the node's key history cannot be
/// relied on any more; it convinces anybody, because [`Fork::check`] needs nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    node: Fingerprint,
    prefix: Vec<Receipt>,
    sides: [Receipt; 2],
}

/// Two events that prove no fork.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAFork {
    /// What both are said to follow is no lineage, or one of them does not follow it.
    #[error("not two continuations of one lineage: {0}")]
    Invalid(#[from] Invalid),
    /// Both are the same event.
    #[error("both sides are the same event")]
    Same,
    /// Two inceptions by different keys begin two lineages.
    #[error("the sides are inceptions of two different nodes")]
    TwoNodes,
}

impl Fork {
    /// Checks that both sides continue `prefix` (the receipts of the lineage up to there, none for two
    /// inceptions of one node) and are different events.
    ///
    /// # Errors
    /// [`NotAFork`]: then nothing is proven.
    pub fn check(prefix: &[Receipt], a: &Receipt, b: &Receipt) -> Result<Self, NotAFork> {
        let (left, right) = if prefix.is_empty() {
            (Lineage::inception(a)?, Lineage::inception(b)?)
        } else {
            let before = Lineage::replay(prefix)?;
            (before.apply(a)?, before.apply(b)?)
        };
        if left.fingerprint() != right.fingerprint() {
            return Err(NotAFork::TwoNodes);
        }
        if left.last() == right.last() {
            return Err(NotAFork::Same);
        }
        Ok(Self {
            node: *left.fingerprint(),
            prefix: prefix.to_vec(),
            sides: [a.clone(), b.clone()],
        })
    }

    /// Whose lineage forks.
    #[must_use]
    pub fn node(&self) -> &Fingerprint {
        &self.node
    }

    /// The sequence number that both sides have.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.prefix.len() as u64
    }

    /// The events before, from the inception on.
    #[must_use]
    pub fn prefix(&self) -> &[Receipt] {
        &self.prefix
    }

    /// The two events.
    #[must_use]
    pub fn sides(&self) -> &[Receipt; 2] {
        &self.sides
    }
}
