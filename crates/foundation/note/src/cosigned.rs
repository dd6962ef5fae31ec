//! What a witness needs to know about its own signatures: that a checkpoint carries one, and what it says of a subtree.

use quorate_merkle::{Hash, Subtree};

use crate::checkpoint::Checkpoint;
use crate::claims;
use crate::message;
use crate::mldsa44;
use crate::name::Origin;
use crate::note::SignatureLine;
use crate::role::WitnessKey;
use crate::signed::{SignatureProblem, SignedCheckpoint};
use crate::verified::CosignatureError;
use crate::vkey::{KeyKind, PublicKey};

/// A checkpoint that carries valid co-signatures by these keys. Whether its log signed it was not asked, so no policy
/// takes one.
///
/// A witness knows by it what it once co-signed: the reference of a sign-subtree request, or a tree larger than it
/// remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignedCheckpoint {
    checkpoint: Checkpoint,
    keys: Vec<WitnessKey>,
}

impl CosignedCheckpoint {
    /// What was co-signed.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The keys that co-signed, each once, however many lines it has; at least one.
    #[must_use]
    pub fn keys(&self) -> &[WitnessKey] {
        &self.keys
    }
}

impl SignedCheckpoint {
    /// Verifies the co-signatures by these keys, without asking for the log's signature. `None` if no line claims one
    /// of the keys.
    ///
    /// # Errors
    /// [`CosignatureError`] if a line claims one of the keys and does not verify.
    pub fn verify_cosigned(
        &self,
        keys: &[WitnessKey],
    ) -> Result<Option<CosignedCheckpoint>, CosignatureError> {
        let checkpoint = self.checkpoint_unverified();
        let verified = claims::verified(
            self.note().signatures(),
            keys,
            |key, line| key.is_claimed_by(line, checkpoint.origin()),
            |key, line| match message::verify(key.key(), line, checkpoint)? {
                None | Some(0) => Err(SignatureProblem::ZeroTimestamp),
                Some(_) => Ok(()),
            },
        )?;
        // A key without a name is claimed under every name, and a co-signature does not bind the name: one signature can
        // stand in many lines.
        let mut found: Vec<WitnessKey> = Vec::new();
        for (_, key, ()) in verified {
            if !found.contains(key) {
                found.push(key.clone());
            }
        }
        Ok((!found.is_empty()).then(|| CosignedCheckpoint {
            checkpoint: checkpoint.clone(),
            keys: found,
        }))
    }
}

/// A witness's statement that a subtree is part of a tree it co-signed (tlog-cosignature, type 06 with time 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSubtree {
    origin: Origin,
    subtree: Subtree,
    hash: Hash,
    key: WitnessKey,
}

impl VerifiedSubtree {
    /// Verifies a line of a sign-subtree answer.
    ///
    /// # Errors
    /// [`CosignatureError`]: the line is not by `key`, of another type than 06, carries a time, or does not verify.
    pub fn verify(
        line: &SignatureLine,
        key: &WitnessKey,
        origin: &Origin,
        subtree: Subtree,
        hash: Hash,
    ) -> Result<Self, CosignatureError> {
        check_subtree(line, key, origin, &subtree, &hash).map_err(|problem| {
            CosignatureError::Invalid {
                name: line.name().clone(),
                id: line.id(),
                problem,
            }
        })?;
        Ok(Self {
            origin: origin.clone(),
            subtree,
            hash,
            key: key.clone(),
        })
    }

    /// The log.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Which leaves.
    #[must_use]
    pub fn subtree(&self) -> Subtree {
        self.subtree
    }

    /// The hash over them.
    #[must_use]
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The witness's key.
    #[must_use]
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }
}

fn check_subtree(
    line: &SignatureLine,
    key: &WitnessKey,
    origin: &Origin,
    subtree: &Subtree,
    hash: &Hash,
) -> Result<(), SignatureProblem> {
    let PublicKey::MlDsa44(public) = key.key() else {
        return Err(SignatureProblem::Bad);
    };
    if !key.is_claimed_by(line, origin) {
        return Err(SignatureProblem::Bad);
    }
    let blob: &[u8; 8 + mldsa44::SIGNATURE_LEN] = message::sized(KeyKind::MlDsa44, line)?;
    let (timestamp, signature) = message::split(blob)?;
    if timestamp != 0 {
        return Err(SignatureProblem::Timestamp { timestamp });
    }
    let message = message::cosigned_message(line.name(), 0, origin, subtree.range(), hash);
    public.verify(&message, signature)?;
    Ok(())
}
