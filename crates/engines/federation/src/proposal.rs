//! Trust proposals (VAULTMESH-FEDERATION-PROTOCOL §3.2).

use std::fmt;

use quorate_receipt::json::Object;
use quorate_receipt::{PublicKeyText, Timestamp};

use crate::discovery::{TIME, level};
use crate::fields::{Fields, texts};
use crate::introduced::{LineageHead, NamesLineage};
use crate::keys::PartyKeys;
use crate::level::TrustLevel;
use crate::limits::{MAX_CREDENTIALS, MAX_OPEN_SECONDS, MAX_PROPOSAL_LEN};
use crate::malformed::Malformed;
use crate::signed::body::Body;
use crate::terms::{Form, Terms};
use crate::text::{MeshId, Name, Proof, ProposalId};

/// What names a negotiation: two proposers may choose the same id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalKey {
    /// Who proposed.
    pub proposer: MeshId,
    /// The id that it chose.
    pub id: ProposalId,
}

impl fmt::Display for ProposalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.id, self.proposer)
    }
}

/// What a proposer says about itself; carried and shown, never checked here (`proposer_attestations`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposerAttestations {
    /// Who it is.
    pub identity_proof: Proof,
    /// What it can.
    pub capability_proof: Proof,
    /// What it was certified for: at most 32 names.
    pub compliance_credentials: Vec<Name>,
}

const CREDENTIALS: &str = "a list of at most 32 names of 1 to 64 bytes";

impl ProposerAttestations {
    fn to_object(&self) -> Object {
        Object::new()
            .with("identity_proof", self.identity_proof.as_str())
            .with("capability_proof", self.capability_proof.as_str())
            .with(
                "compliance_credentials",
                texts(&self.compliance_credentials),
            )
    }

    fn read(mut fields: Fields) -> Result<Self, Malformed> {
        let attestations = Self {
            identity_proof: fields.parsed("identity_proof", Proof::EXPECTED)?,
            capability_proof: fields.parsed("capability_proof", Proof::EXPECTED)?,
            compliance_credentials: fields.parsed_list(
                "compliance_credentials",
                MAX_CREDENTIALS,
                CREDENTIALS,
            )?,
        };
        fields.finish()?;
        Ok(attestations)
    }
}

/// A mesh's first offer to another. Signed by `keys.federation_key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustProposal {
    /// Its name, unique among the proposer's.
    pub proposal_id: ProposalId,
    /// Who proposes.
    pub proposer: MeshId,
    /// To whom.
    pub target: MeshId,
    /// When, by the proposer's clock.
    pub proposed_at: Timestamp,
    /// The last moment at which either party may sign; after `proposed_at`, by at most 90 days.
    pub expires_at: Timestamp,
    /// 1 to 4; not negotiable.
    pub proposed_trust_level: TrustLevel,
    /// The terms to begin with.
    pub proposed_terms: Terms,
    /// What the proposer says about itself.
    pub proposer_attestations: ProposerAttestations,
    /// The proposer's keys.
    pub keys: PartyKeys,
    /// Where the proposer's lineage ends. The lineage itself stands beside the proposal ([`crate::Introduced`]).
    pub lineage_head: LineageHead,
}

impl TrustProposal {
    /// What names the negotiation that the proposal opens.
    #[must_use]
    pub fn key(&self) -> ProposalKey {
        ProposalKey {
            proposer: self.proposer.clone(),
            id: self.proposal_id.clone(),
        }
    }
}

impl Body for TrustProposal {
    const WHAT: &'static str = "the trust proposal";
    const CONTEXT: &'static str = "proposal";
    const MAX_LEN: usize = MAX_PROPOSAL_LEN;
    const ALGORITHM: bool = true;

    fn signer(&self) -> &MeshId {
        &self.proposer
    }

    fn signing_key(&self) -> Option<&PublicKeyText> {
        Some(&self.keys.federation_key)
    }

    fn write(&self) -> Object {
        Object::new()
            .with("proposal_id", self.proposal_id.as_str())
            .with("proposer", self.proposer.as_str())
            .with("target", self.target.as_str())
            .with("proposed_at", self.proposed_at.to_string())
            .with("expires_at", self.expires_at.to_string())
            .with("proposed_trust_level", self.proposed_trust_level)
            .with(
                "proposed_terms",
                self.proposed_terms.to_object(Form::Proposed),
            )
            .with(
                "proposer_attestations",
                self.proposer_attestations.to_object(),
            )
            .with("keys", self.keys.to_object())
            .with("lineage_head", self.lineage_head.to_object())
    }

    fn read(fields: &mut Fields) -> Result<Self, Malformed> {
        let proposal = Self {
            proposal_id: fields.parsed("proposal_id", ProposalId::EXPECTED)?,
            proposer: fields.parsed("proposer", MeshId::EXPECTED)?,
            target: fields.parsed("target", MeshId::EXPECTED)?,
            proposed_at: fields.parsed("proposed_at", TIME)?,
            expires_at: fields.parsed("expires_at", TIME)?,
            proposed_trust_level: level(fields, "proposed_trust_level")?,
            proposed_terms: Terms::read(
                fields.object("proposed_terms", "the proposed terms")?,
                Form::Proposed,
            )?,
            proposer_attestations: ProposerAttestations::read(
                fields.object("proposer_attestations", "the proposer's attestations")?,
            )?,
            keys: PartyKeys::read(fields.object("keys", "the proposer's keys")?)?,
            lineage_head: LineageHead::read(fields.object("lineage_head", "the lineage head")?)?,
        };
        proposal.check(fields)?;
        Ok(proposal)
    }
}

impl TrustProposal {
    fn check(&self, fields: &Fields) -> Result<(), Malformed> {
        if self.proposed_trust_level == TrustLevel::Isolated {
            return Err(fields.invalid("proposed_trust_level", "an integer from 1 to 4"));
        }
        let open = self
            .expires_at
            .micros()
            .saturating_sub(self.proposed_at.micros());
        if !(1..=MAX_OPEN_SECONDS * 1_000_000).contains(&open) {
            return Err(fields.invalid(
                "expires_at",
                "a time after `proposed_at`, by at most 90 days",
            ));
        }
        check_parties(&self.proposer, &self.target)
    }
}

/// Two meshes can have an agreement if they are two, and their keys have two names in it.
pub(crate) fn check_parties(a: &MeshId, b: &MeshId) -> Result<(), Malformed> {
    if a == b {
        return Err(Malformed::SameMesh);
    }
    if a.label() == b.label() {
        return Err(Malformed::SameLabel {
            label: a.label().into(),
        });
    }
    Ok(())
}

impl NamesLineage for TrustProposal {
    fn lineage_head(&self) -> LineageHead {
        self.lineage_head
    }
}
