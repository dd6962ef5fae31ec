//! From verified co-signatures to a verdict.

use std::fmt;

use quorate_note::{
    CosignatureError, LogKey, LogSignatureError, SignedCheckpoint, VerifiedCheckpoint,
    VerifiedCosignature, WitnessKey,
};

use crate::name::Name;
use crate::policy::{NodeDef, Policy};
use crate::tally::{Tally, TallyKind};

/// A witness of the policy whose co-signature over the checkpoint verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Signer {
    name: Name,
    key: WitnessKey,
    timestamp: u64,
    votes: bool,
}

impl Signer {
    /// Its name in the policy file.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The key that co-signed.
    #[must_use]
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// When it co-signed, by its own clock: POSIX seconds, never 0.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// Whether the quorum's tree reaches it. A policy may list witnesses that no vote depends on.
    #[must_use]
    pub fn votes(&self) -> bool {
        self.votes
    }
}

/// The proof that a checkpoint is quorate: it is signed by a log of the policy, and witnesses that the
/// policy calls strong enough co-signed exactly this checkpoint.
///
/// Made by [`Policy::evaluate`] only. `quorum none` never yields one.
#[derive(Debug, Clone, PartialEq)]
pub struct QuorumMet {
    checkpoint: VerifiedCheckpoint,
    signers: Vec<Signer>,
    tally: Tally,
}

impl QuorumMet {
    /// The checkpoint that is quorate.
    #[must_use]
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Every witness of the policy that co-signed it, in the order of the file.
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// The quorum's tree with what each node has.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// A checkpoint under a policy that asks for no co-signature: whoever controls the log's machine could
/// have rewritten it.
#[derive(Debug, Clone, PartialEq)]
pub struct Unwitnessed {
    checkpoint: VerifiedCheckpoint,
    signers: Vec<Signer>,
}

impl Unwitnessed {
    /// The checkpoint, of which only the log's signature is required.
    #[must_use]
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Witnesses of the policy that co-signed it all the same. None of them was required.
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }
}

/// What a policy says of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The quorum is met.
    Quorate(QuorumMet),
    /// The policy says `quorum none`.
    Unwitnessed(Unwitnessed),
}

impl Verdict {
    /// The checkpoint judged.
    #[must_use]
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        match self {
            Self::Quorate(met) => met.checkpoint(),
            Self::Unwitnessed(unwitnessed) => unwitnessed.checkpoint(),
        }
    }

    /// The policy's witnesses that co-signed it.
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        match self {
            Self::Quorate(met) => met.signers(),
            Self::Unwitnessed(unwitnessed) => unwitnessed.signers(),
        }
    }

    /// The proof of the quorum; none if the policy asks for no co-signature.
    #[must_use]
    pub fn quorum_met(self) -> Option<QuorumMet> {
        match self {
            Self::Quorate(met) => Some(met),
            Self::Unwitnessed(_) => None,
        }
    }
}

/// What the quorum still lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    tally: Tally,
}

impl Shortfall {
    /// The quorum's tree with what each node has.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// k of the node that the `quorum` line names (1 for a witness).
    #[must_use]
    pub fn required(&self) -> usize {
        match self.tally.root().map(crate::TallyRow::kind) {
            Some(TallyKind::Group { required, .. }) => required,
            Some(TallyKind::Witness { .. }) | None => 1,
        }
    }

    /// n of that node (1 for a witness).
    #[must_use]
    pub fn members(&self) -> usize {
        self.tally.top().count()
    }

    /// Its direct members that are satisfied: fewer than [`required`](Self::required).
    pub fn satisfied(&self) -> impl Iterator<Item = &Name> {
        self.tally
            .top()
            .filter(|row| row.is_satisfied())
            .map(crate::TallyRow::name)
    }

    /// Its direct members that are not.
    pub fn missing(&self) -> impl Iterator<Item = &Name> {
        self.tally
            .top()
            .filter(|row| !row.is_satisfied())
            .map(crate::TallyRow::name)
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: Vec<String>| {
            if names.is_empty() {
                "none".into()
            } else {
                names.join(", ")
            }
        };
        let satisfied: Vec<_> = self.satisfied().map(ToString::to_string).collect();
        let missing: Vec<_> = self.missing().map(ToString::to_string).collect();
        if let Some(root) = self.tally.root() {
            write!(f, "`{}` ", root.name())?;
        }
        write!(
            f,
            "needs {} of {} and has {}; satisfied: {}; missing: {}",
            self.required(),
            self.members(),
            satisfied.len(),
            list(satisfied),
            list(missing),
        )
    }
}

/// Why a checkpoint does not count under a policy. Nothing changed; the last two are the caller's doing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotQuorate {
    /// Too few witnesses co-signed.
    #[error("not quorate: {0}")]
    Short(Shortfall),
    /// The policy lists logs, and none of their keys signed the checkpoint.
    #[error("the checkpoint is not signed by a log of the policy")]
    LogNotListed,
    /// A co-signature over another checkpoint was passed in. It says nothing about this one: witnesses
    /// that each signed a different head agree on nothing.
    #[error("a co-signature is over another checkpoint")]
    OtherCheckpoint,
}

/// Why [`Policy::verify`] refuses a checkpoint. The checkpoint's sender is to blame, except for
/// `MissingLog`; nothing changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CheckpointRefused {
    /// The policy has no `log` line and the caller named no log, so nobody is trusted to sign.
    #[error("the policy has no `log` line, so it trusts no log's signature")]
    MissingLog,
    /// No signature by a log of the policy, or one that fails.
    #[error(transparent)]
    Log(#[from] LogSignatureError),
    /// A co-signature by a witness of the policy that fails.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
    /// Too few co-signatures.
    #[error(transparent)]
    NotQuorate(#[from] NotQuorate),
}

impl Policy {
    /// The keys of the `log` lines.
    #[must_use]
    pub fn log_keys(&self) -> Vec<LogKey> {
        self.logs.iter().map(|log| log.key.clone()).collect()
    }

    /// The keys of the `witness` lines.
    #[must_use]
    pub fn witness_keys(&self) -> Vec<WitnessKey> {
        self.witnesses()
            .map(|witness| witness.key.clone())
            .collect()
    }

    /// Judges a checkpoint by the co-signatures that were verified over it, with the keys of
    /// [`witness_keys`](Self::witness_keys): the same public key under another name is another key.
    ///
    /// A witness that co-signed more than once counts once; co-signatures by keys the policy does not
    /// list count for nothing. Where the policy lists logs, one of them must have signed; where it lists
    /// none, the log is whichever the caller verified.
    ///
    /// # Errors
    /// [`NotQuorate`], with the tree and what it lacks.
    pub fn evaluate(
        &self,
        checkpoint: &VerifiedCheckpoint,
        cosignatures: &[VerifiedCosignature],
    ) -> Result<Verdict, NotQuorate> {
        let listed = |key: &LogKey| self.logs.iter().any(|log| log.key == *key);
        if !self.logs.is_empty() && !checkpoint.signed_by().iter().any(listed) {
            return Err(NotQuorate::LogNotListed);
        }
        if cosignatures
            .iter()
            .any(|cosignature| cosignature.checkpoint() != checkpoint.checkpoint())
        {
            return Err(NotQuorate::OtherCheckpoint);
        }
        let cosigned_at: Vec<Option<u64>> = self
            .nodes
            .iter()
            .map(|node| match node {
                NodeDef::Witness(witness) => cosignatures
                    .iter()
                    .find(|cosignature| *cosignature.key() == witness.key)
                    .map(VerifiedCosignature::timestamp),
                NodeDef::Group(_) => None,
            })
            .collect();
        let tally = Tally::new(self, &cosigned_at);
        let signers = self.signers(&cosigned_at, &tally);
        let checkpoint = checkpoint.clone();
        match tally.root() {
            None => Ok(Verdict::Unwitnessed(Unwitnessed {
                checkpoint,
                signers,
            })),
            Some(root) if root.is_satisfied() => Ok(Verdict::Quorate(QuorumMet {
                checkpoint,
                signers,
                tally,
            })),
            Some(_) => Err(NotQuorate::Short(Shortfall { tally })),
        }
    }

    /// The whole judgement of a checkpoint as it came: the log's signature by the policy's log keys, all
    /// co-signatures by its witness keys, the quorum.
    ///
    /// # Errors
    /// [`CheckpointRefused`]; a signature by a listed key that fails refuses the whole checkpoint.
    pub fn verify(
        &self,
        checkpoint: SignedCheckpoint,
    ) -> Result<(VerifiedCheckpoint, Verdict), CheckpointRefused> {
        if self.logs.is_empty() {
            return Err(CheckpointRefused::MissingLog);
        }
        let verified = checkpoint.verify_log(&self.log_keys())?;
        let cosignatures = verified.cosignatures(&self.witness_keys())?;
        let verdict = self.evaluate(&verified, &cosignatures)?;
        Ok((verified, verdict))
    }

    fn signers(&self, cosigned_at: &[Option<u64>], tally: &Tally) -> Vec<Signer> {
        let voters: std::collections::BTreeSet<&Name> =
            tally.rows().iter().map(crate::TallyRow::name).collect();
        self.nodes
            .iter()
            .zip(cosigned_at)
            .filter_map(|(node, &cosigned_at)| match (node, cosigned_at) {
                (NodeDef::Witness(witness), Some(timestamp)) => Some(Signer {
                    name: witness.name.clone(),
                    key: witness.key.clone(),
                    timestamp,
                    votes: voters.contains(&witness.name),
                }),
                _ => None,
            })
            .collect()
    }
}
