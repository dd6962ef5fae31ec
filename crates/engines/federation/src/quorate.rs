//! Evidence that an agreement stands in a party's scroll under a quorum.

use quorate_merkle::{VerifyError, leaf_hash, verify_inclusion};
use quorate_note::{CosignatureError, LogKey, LogSignatureError, TlogProof};
use quorate_policy::{NotQuorate as Short, Verdict};
use quorate_receipt::json::Object;
use quorate_receipt::{ReceiptError, Timestamp};

use crate::agreement::{FederationAgreement, Party};
use crate::discovery::TIME;
use crate::fields::Fields;
use crate::malformed::Malformed;
use crate::record::Record;
use crate::text::MeshId;

/// Where a party recorded an agreement, and the quorum of its head. Nothing is checked yet: a scroll's state takes it
/// only if it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorate {
    /// The time of the party's receipt `fed_agreement_signed`, which makes the receipt known to the byte.
    pub recorded_at: Timestamp,
    /// From that receipt to a co-signed checkpoint of one of the party's logs; without extra data.
    pub proof: TlogProof,
}

/// Why the evidence does not hold: the fault of whoever put it together, or co-signatures are still missing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotQuorate {
    /// The party's own policy asks for no witness, so nothing of it is ever quorate.
    #[error("{0} has no witnesses, so no agreement with it can be established")]
    Unwitnessed(MeshId),
    /// The checkpoint is not signed by a log of the party.
    #[error("{mesh}: {error}")]
    Log {
        /// Which party.
        mesh: MeshId,
        /// What is wrong.
        error: LogSignatureError,
    },
    /// A co-signature that fails.
    #[error("{mesh}: {error}")]
    Cosignature {
        /// Which party.
        mesh: MeshId,
        /// What is wrong.
        error: CosignatureError,
    },
    /// Too few co-signatures by the party's policy.
    #[error("{mesh}: {error}")]
    Short {
        /// Which party.
        mesh: MeshId,
        /// What is missing.
        error: Short,
    },
    /// The agreement is not where the proof says.
    #[error("the agreement is not in the scroll of {mesh}: {error}")]
    Inclusion {
        /// Which party.
        mesh: MeshId,
        /// What is wrong.
        error: VerifyError,
    },
    /// The agreement makes no receipt.
    #[error("{0}")]
    Receipt(#[from] ReceiptError),
}

const WITHIN: &str = "the evidence of a quorum";

impl Quorate {
    /// Checks that the receipt of this agreement stands in a log of this party, under the quorum that the agreement
    /// names for it.
    pub(crate) fn check(
        &self,
        agreement: &FederationAgreement,
        party: Party,
    ) -> Result<(), NotQuorate> {
        let mesh = || agreement.parties[party.index()].clone();
        let keys = &agreement.keys[party.index()];
        let logs: Vec<LogKey> = keys
            .log_vkeys
            .iter()
            .filter_map(|key| LogKey::try_from(key.clone()).ok())
            .collect();
        let log = |error| NotQuorate::Log {
            mesh: mesh(),
            error,
        };
        let head = self.proof.checkpoint.verify_log(&logs).map_err(log)?;
        let policy = keys.quorum_policy.policy();
        let cosignatures =
            head.cosignatures(&policy.witness_keys())
                .map_err(|error| NotQuorate::Cosignature {
                    mesh: mesh(),
                    error,
                })?;
        match policy.evaluate(&head, &cosignatures) {
            Ok(Verdict::Quorate(_)) => {}
            Ok(Verdict::Unwitnessed(_)) => return Err(NotQuorate::Unwitnessed(mesh())),
            Err(error) => {
                return Err(NotQuorate::Short {
                    mesh: mesh(),
                    error,
                });
            }
        }
        let receipt = Record::from(agreement).receipt(self.recorded_at)?;
        let head = head.checkpoint();
        verify_inclusion(
            self.proof.index,
            &leaf_hash(receipt.bytes()),
            head.size(),
            head.root(),
            &self.proof.proof,
        )
        .map_err(|error| NotQuorate::Inclusion {
            mesh: mesh(),
            error,
        })
    }

    pub(crate) fn to_object(&self) -> Object {
        Object::new()
            .with("recorded_at", self.recorded_at.to_string())
            .with("proof", self.proof.to_text())
    }

    pub(crate) fn read(mut fields: Fields) -> Result<Self, Malformed> {
        const PROOF: &str = "a tlog-proof without extra data";
        let recorded_at = fields.parsed("recorded_at", TIME)?;
        let text: String = fields.parsed("proof", PROOF)?;
        let proof = TlogProof::parse(text.as_bytes())
            .ok()
            .filter(|proof| proof.extra.is_none())
            .ok_or_else(|| fields.invalid("proof", PROOF))?;
        fields.finish()?;
        Ok(Self { recorded_at, proof })
    }
}

pub(crate) const WHAT: &str = WITHIN;
