//! What the anchor says of the log's head.

use quorate_note::{Checkpoint, LogKey, SignatureLine, SignedCheckpoint, WitnessKey};
use quorate_policy::{Policy, Verdict};

use super::error::BundleError;
use crate::anchor::LogTrust;
use crate::error::VerifyError;

/// A head that so many trusted witnesses co-signed, by keys without names. Made by the verifier only.
#[derive(Clone, Debug, PartialEq)]
pub struct Witnessed {
    checkpoint: Checkpoint,
    witnesses: Vec<WitnessKey>,
    threshold: usize,
    log_keys: Vec<LogKey>,
}

impl Witnessed {
    /// Origin, size and root.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Who co-signed; at least as many as had to.
    #[must_use]
    pub fn witnesses(&self) -> &[WitnessKey] {
        &self.witnesses
    }

    /// How many had to.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// The keys of the log that signed; none if the anchor names no log.
    #[must_use]
    pub fn log_keys(&self) -> &[LogKey] {
        &self.log_keys
    }
}

/// What was proven of the log's head.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HeadProof {
    /// A policy judged it.
    Judged(Box<Verdict>),
    /// Enough trusted witnesses co-signed it.
    Witnessed(Box<Witnessed>),
    /// The anchor trusts no log and no witness: anyone can have made this head.
    NotJudged(Checkpoint),
}

impl HeadProof {
    /// Origin, size and root.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        match self {
            Self::Judged(verdict) => verdict.checkpoint().checkpoint(),
            Self::Witnessed(witnessed) => witnessed.checkpoint(),
            Self::NotJudged(checkpoint) => checkpoint,
        }
    }

    /// POSIX seconds of the oldest co-signature that the quorum counts.
    pub(super) fn oldest_cosignature(&self) -> Option<u64> {
        match self {
            Self::Judged(verdict) => {
                let voters = verdict.signers().iter().filter(|signer| signer.votes());
                voters.map(quorate_policy::Signer::timestamp).min()
            }
            Self::Witnessed(_) | Self::NotJudged(_) => None,
        }
    }
}

pub(super) fn judge(
    trust: &LogTrust,
    checkpoint: &SignedCheckpoint,
) -> Result<HeadProof, BundleError> {
    match trust {
        LogTrust::Nobody => Ok(HeadProof::NotJudged(
            checkpoint.checkpoint_unverified().clone(),
        )),
        LogTrust::Policy(policy) => judge_by(policy, checkpoint),
        LogTrust::Witnesses {
            logs,
            keys,
            threshold,
        } => {
            let signed = match logs.is_empty() {
                true => None,
                false => Some(
                    checkpoint
                        .verify_log(logs)
                        .map_err(|e| BundleError::Head(VerifyError::Log(e)))?,
                ),
            };
            let forged = |e| BundleError::Head(VerifyError::Cosignature(e));
            let cosigned = checkpoint.verify_cosigned(keys).map_err(forged)?;
            let witnesses = cosigned.as_ref().map_or(&[][..], |c| c.keys());
            if witnesses.len() < *threshold {
                return Err(BundleError::TooFewWitnesses {
                    found: witnesses.len(),
                    required: *threshold,
                });
            }
            Ok(HeadProof::Witnessed(Box::new(Witnessed {
                checkpoint: checkpoint.checkpoint_unverified().clone(),
                witnesses: witnesses.to_vec(),
                threshold: *threshold,
                log_keys: signed.map_or_else(Vec::new, |s| s.signed_by().to_vec()),
            })))
        }
    }
}

/// As [`Policy::verify`]; and no line may stand there that was not verified. A checkpoint elsewhere may carry lines by anybody
/// (C2SP signed-note), and is judged so where witnesses have keys and no names; a bundle carries what its reader's policy asks
/// for, so that no byte of it can be changed unnoticed.
fn judge_by(policy: &Policy, checkpoint: &SignedCheckpoint) -> Result<HeadProof, BundleError> {
    let head = checkpoint
        .verify_log(&policy.log_keys())
        .map_err(|e| BundleError::Head(VerifyError::Log(e)))?;
    let cosignatures = head
        .cosignatures(&policy.witness_keys())
        .map_err(|e| BundleError::Head(VerifyError::Cosignature(e)))?;
    let verdict = policy
        .evaluate(&head, &cosignatures)
        .map_err(|e| BundleError::Head(VerifyError::NotQuorate(e)))?;
    let is_verified = |line: &&SignatureLine| {
        head.log_lines().contains(line) || cosignatures.iter().any(|c| c.line() == *line)
    };
    let lines = checkpoint.note().signatures();
    if let Some(unknown) = lines.iter().find(|line| !is_verified(line)) {
        return Err(BundleError::UnknownSignature {
            name: unknown.name().clone(),
            id: unknown.id(),
        });
    }
    Ok(HeadProof::Judged(Box::new(verdict)))
}
