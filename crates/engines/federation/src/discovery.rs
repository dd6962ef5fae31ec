//! Discovery records and attestations (VAULTMESH-FEDERATION-PROTOCOL §3.1).

use quorate_lineage::Fingerprint;
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{PublicKeyText, ScrollName, Timestamp};

use crate::fields::{Fields, texts};
use crate::introduced::{LineageHead, NamesLineage};
use crate::level::TrustLevel;
use crate::limits::{MAX_ATTESTATIONS, MAX_DISCOVERY_LEN, MAX_SCROLLS_AVAILABLE};
use crate::malformed::Malformed;
use crate::signed::{Signed, body::Body};
use crate::terms::distinct;
use crate::text::{EndpointUrl, MeshId, Name};

pub(crate) const TIME: &str = "a time like 2026-01-31T23:59:59Z";
pub(crate) const FINGERPRINT: &str = "a fingerprint, `ed25519:z…`";

/// Whose proposals a mesh takes (`trust_policy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    /// Whether it takes any.
    pub accepts_proposals: bool,
    /// The lowest level that it agrees to.
    pub min_trust_level: TrustLevel,
    /// Whether it only agrees where both sides verify each other: level 2 (`verify`, "mutual verification") or more. At
    /// level 1 one side reads.
    pub requires_mutual: bool,
}

/// A proposal that a trust policy does not admit. Nobody's fault: the policy is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAdmitted {
    /// `accepts_proposals` is false.
    #[error("the mesh accepts no proposals")]
    NoProposals,
    /// Below `min_trust_level`.
    #[error("the proposed trust level {proposed} is below the lowest accepted one, {lowest}")]
    LevelTooLow {
        /// What was proposed.
        proposed: TrustLevel,
        /// The policy's.
        lowest: TrustLevel,
    },
    /// `requires_mutual`, and the level is not mutual.
    #[error("the mesh requires mutual verification, which begins at level 2 (verify), not at {0}")]
    NotMutual(TrustLevel),
}

impl TrustPolicy {
    /// Whether a proposal of this level may be made, and accepted.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub fn admits(&self, level: TrustLevel) -> Result<(), NotAdmitted> {
        if !self.accepts_proposals {
            return Err(NotAdmitted::NoProposals);
        }
        if level < self.min_trust_level {
            return Err(NotAdmitted::LevelTooLow {
                proposed: level,
                lowest: self.min_trust_level,
            });
        }
        if self.requires_mutual && level < TrustLevel::Verify {
            return Err(NotAdmitted::NotMutual(level));
        }
        Ok(())
    }

    fn to_object(self) -> Object {
        Object::new()
            .with("accepts_proposals", self.accepts_proposals)
            .with("min_trust_level", self.min_trust_level)
            .with("requires_mutual", self.requires_mutual)
    }

    fn read(mut fields: Fields) -> Result<Self, Malformed> {
        let policy = Self {
            accepts_proposals: fields.boolean("accepts_proposals")?,
            min_trust_level: level(&mut fields, "min_trust_level")?,
            requires_mutual: fields.boolean("requires_mutual")?,
        };
        fields.finish()?;
        Ok(policy)
    }
}

pub(crate) fn level(fields: &mut Fields, member: &str) -> Result<TrustLevel, Malformed> {
    const EXPECTED: &str = "an integer from 0 to 4";
    let number = fields.integer(member, 0..=4, EXPECTED)?;
    TrustLevel::from_number(number).ok_or_else(|| fields.invalid(member, EXPECTED))
}

/// What one mesh says about another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Who says it, and signs it.
    pub attester: MeshId,
    /// When.
    pub attested_at: Timestamp,
    /// What it says: [`Attestation::IDENTITY_VERIFIED`], or something for people to read.
    pub attestation_type: Name,
    /// About whom.
    pub mesh_id: MeshId,
    /// And about which lineage.
    pub public_key: Fingerprint,
}

impl Attestation {
    /// The attester checked that the name belongs to the lineage. The only type that a key is accepted by.
    pub const IDENTITY_VERIFIED: &'static str = "identity_verified";
}

impl Body for Attestation {
    const WHAT: &'static str = "the attestation";
    const CONTEXT: &'static str = "attestation";
    const MAX_LEN: usize = 1024;
    const ALGORITHM: bool = false;

    fn signer(&self) -> &MeshId {
        &self.attester
    }

    fn signing_key(&self) -> Option<&PublicKeyText> {
        None
    }

    fn write(&self) -> Object {
        Object::new()
            .with("attester", self.attester.as_str())
            .with("attested_at", self.attested_at.to_string())
            .with("attestation_type", self.attestation_type.as_str())
            .with("mesh_id", self.mesh_id.as_str())
            .with("public_key", self.public_key.to_string())
    }

    fn read(fields: &mut Fields) -> Result<Self, Malformed> {
        Ok(Self {
            attester: fields.parsed("attester", MeshId::EXPECTED)?,
            attested_at: fields.parsed("attested_at", TIME)?,
            attestation_type: fields.parsed("attestation_type", Name::EXPECTED)?,
            mesh_id: fields.parsed("mesh_id", MeshId::EXPECTED)?,
            public_key: fields.parsed("public_key", FINGERPRINT)?,
        })
    }
}

/// What a mesh tells anyone about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryRecord {
    /// Its name.
    pub mesh_id: MeshId,
    /// What people call it.
    pub display_name: Name,
    /// Where it federates (`endpoints.federation`).
    pub federation: EndpointUrl,
    /// Where its logs are read (`endpoints.verification`).
    pub verification: EndpointUrl,
    /// Its lineage's fingerprint: the key that never changes.
    pub public_key: Fingerprint,
    /// Where its lineage ends. The lineage itself stands beside the record ([`crate::Introduced`]).
    pub lineage_head: LineageHead,
    /// When the record was made. Of two records the later one counts.
    pub issued_at: Timestamp,
    /// Scrolls that it may agree to share.
    pub scrolls_available: Vec<ScrollName>,
    /// Whose proposals it takes.
    pub trust_policy: TrustPolicy,
    /// What others say about it, each signed by them. All are about this mesh and this lineage; none is checked.
    pub attestations: Vec<Signed<Attestation>>,
}

const SCROLLS: &str = "a list of at most 64 scroll names";
const ATTESTATIONS: &str = "a list of at most 32 attestations of this mesh and its public key";

impl Body for DiscoveryRecord {
    const WHAT: &'static str = "the discovery record";
    const CONTEXT: &'static str = "discovery";
    const MAX_LEN: usize = MAX_DISCOVERY_LEN;
    const ALGORITHM: bool = true;

    fn signer(&self) -> &MeshId {
        &self.mesh_id
    }

    fn signing_key(&self) -> Option<&PublicKeyText> {
        None
    }

    fn write(&self) -> Object {
        let attestations: Vec<_> = self.attestations.iter().map(Signed::to_object).collect();
        Object::new()
            .with("mesh_id", self.mesh_id.as_str())
            .with("display_name", self.display_name.as_str())
            .with(
                "endpoints",
                Object::new()
                    .with("federation", self.federation.as_str())
                    .with("verification", self.verification.as_str()),
            )
            .with("public_key", self.public_key.to_string())
            .with("lineage_head", self.lineage_head.to_object())
            .with("issued_at", self.issued_at.to_string())
            .with("scrolls_available", texts(&self.scrolls_available))
            .with("trust_policy", self.trust_policy.to_object())
            .with("attestations", attestations)
    }

    fn read(fields: &mut Fields) -> Result<Self, Malformed> {
        let mut endpoints = fields.object("endpoints", "the endpoints")?;
        let federation = endpoints.parsed("federation", EndpointUrl::EXPECTED)?;
        let verification = endpoints.parsed("verification", EndpointUrl::EXPECTED)?;
        endpoints.finish()?;
        let record = Self {
            mesh_id: fields.parsed("mesh_id", MeshId::EXPECTED)?,
            display_name: fields.parsed("display_name", Name::EXPECTED)?,
            federation,
            verification,
            public_key: fields.parsed("public_key", FINGERPRINT)?,
            lineage_head: LineageHead::read(fields.object("lineage_head", "the lineage head")?)?,
            issued_at: fields.parsed("issued_at", TIME)?,
            scrolls_available: fields.parsed_list(
                "scrolls_available",
                MAX_SCROLLS_AVAILABLE,
                SCROLLS,
            )?,
            trust_policy: TrustPolicy::read(fields.object("trust_policy", "the trust policy")?)?,
            attestations: attestations(fields)?,
        };
        distinct(&record.scrolls_available, Self::WHAT, "scrolls_available")?;
        let about_others = record.attestations.iter().any(|attestation| {
            let about = attestation.unverified();
            about.mesh_id != record.mesh_id || about.public_key != record.public_key
        });
        if about_others {
            return Err(fields.invalid("attestations", ATTESTATIONS));
        }
        Ok(record)
    }
}

fn attestations(fields: &mut Fields) -> Result<Vec<Signed<Attestation>>, Malformed> {
    fields
        .list("attestations", MAX_ATTESTATIONS, ATTESTATIONS)?
        .into_iter()
        .map(|item| match item {
            Value::Object(object) => Signed::from_object(object),
            _ => Err(fields.invalid("attestations", ATTESTATIONS)),
        })
        .collect()
}

impl NamesLineage for DiscoveryRecord {
    fn lineage_head(&self) -> LineageHead {
        self.lineage_head
    }

    fn fingerprint(&self) -> Option<&Fingerprint> {
        Some(&self.public_key)
    }
}
