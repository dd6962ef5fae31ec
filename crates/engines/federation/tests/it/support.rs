//! A small world of meshes for the tests.

use quorate_federation::{
    Answer, Attestation, CounterTerms, DiscoveryRecord, Frequency, LineageHead, MeshId, PartyKeys,
    ProposalId, ProposerAttestations, QuorumPolicy, Response, Signed, Terms, TrustLevel,
    TrustPolicy, TrustProposal,
};
use quorate_lineage::{Heads, Lineage, MlDsa44Key, NextKey, Reason, Role, RoleKeys, SigningKey};
use quorate_note::ed25519::SecretKey;
use quorate_note::{KeyKind, KeyName, VerifierKey};
use quorate_receipt::json::{Object, canonical_object};
use quorate_receipt::{Blake3Hash, PublicKeyText, SignatureText, Timestamp};

pub(crate) fn hash(n: u32) -> Blake3Hash {
    Blake3Hash::of(&n.to_be_bytes())
}

pub(crate) fn secret(n: u32) -> SecretKey {
    SecretKey::from_seed(*hash(n).as_bytes())
}

pub(crate) fn public(n: u32) -> PublicKeyText {
    PublicKeyText::from_bytes(*secret(n).public().as_bytes())
}

pub(crate) fn time(n: i64) -> Timestamp {
    Timestamp::from_seconds(1_795_000_000 + n).unwrap()
}

pub(crate) fn text<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// A mesh with its key history. Its keys are numbered from `base`.
#[derive(Clone)]
pub(crate) struct Mesh {
    pub(crate) id: MeshId,
    pub(crate) lineage: Lineage,
    pub(crate) base: u32,
    federation: u32,
}

impl Mesh {
    pub(crate) fn new(name: &str, base: u32) -> Self {
        let next = NextKey::new(hash(base + 1).as_bytes(), hash(base + 2).as_bytes());
        let inception = Lineage::incept(public(base), next.commitment(), time(-1000))
            .sign(&secret(base))
            .unwrap()
            .finish()
            .unwrap();
        let mut mesh = Self {
            id: format!("did:vm:mesh:{name}").parse().unwrap(),
            lineage: Lineage::inception(&inception).unwrap(),
            base,
            federation: base + 4,
        };
        mesh.certify(Role::Log, base + 3);
        mesh.certify(Role::Federation, base + 4);
        mesh
    }

    fn certify(&mut self, role: Role, n: u32) {
        let mut ml_dsa = [0; 1312];
        for (at, byte) in ml_dsa.iter_mut().enumerate() {
            *byte = hash(n).as_bytes()[at % 32];
        }
        let keys = RoleKeys {
            ed25519: public(n),
            ml_dsa_44: role.has_ml_dsa().then(|| MlDsa44Key::from_bytes(&ml_dsa)),
        };
        let receipt = self
            .lineage
            .certify(role, keys, Heads::new(), time(-900))
            .unwrap()
            .sign(&secret(self.base))
            .unwrap()
            .sign(&secret(n))
            .unwrap()
            .finish()
            .unwrap();
        self.lineage = self.lineage.apply(&receipt).unwrap();
    }

    /// Certifies a new federation key, retires the one before, and uses the new one from now on.
    pub(crate) fn rotate_federation_key(&mut self) {
        let old = self.federation;
        self.federation = old + 1;
        self.certify(Role::Federation, self.federation);
        let receipt = self
            .lineage
            .retire(
                Role::Federation,
                public(old),
                Reason::Scheduled,
                Heads::new(),
                time(-800),
            )
            .unwrap()
            .sign(&secret(self.base))
            .unwrap()
            .finish()
            .unwrap();
        self.lineage = self.lineage.apply(&receipt).unwrap();
    }

    /// Certifies a second federation key, and uses it from now on.
    pub(crate) fn add_federation_key(&mut self) {
        self.federation += 1;
        self.certify(Role::Federation, self.federation);
    }

    /// An object with a signature of this mesh over whatever it holds, in the form `{"algorithm", "value"}`.
    pub(crate) fn resigned(&self, context: &str, object: Object) -> Vec<u8> {
        let (object, value) = self.signed_anew(context, object);
        let signature = Object::new()
            .with("algorithm", "Ed25519")
            .with("value", value);
        canonical_object(&object.with("signature", signature))
    }

    /// The same in the form `"z…"`.
    pub(crate) fn resigned_text(&self, context: &str, object: Object) -> Vec<u8> {
        let (object, value) = self.signed_anew(context, object);
        canonical_object(&object.with("signature", value))
    }

    fn signed_anew(&self, context: &str, mut object: Object) -> (Object, String) {
        object.remove("signature");
        let mut message = format!("quorate/v1/federation/{context}\0").into_bytes();
        message.extend(canonical_object(&object));
        let value = SignatureText::from_bytes(self.key().sign(&message)).to_string();
        (object, value)
    }

    pub(crate) fn key(&self) -> SigningKey {
        self.lineage
            .signing_key(Role::Federation, secret(self.federation))
            .unwrap()
    }

    pub(crate) fn log_key(&self) -> SigningKey {
        self.lineage
            .signing_key(Role::Log, secret(self.base + 3))
            .unwrap()
    }

    pub(crate) fn vkey(&self, scroll: &str) -> VerifierKey {
        let name = format!("{}.example/{scroll}", self.id.label());
        VerifierKey::from_bytes(
            KeyName::new(&name).unwrap(),
            KeyKind::Ed25519,
            secret(self.base + 3).public().as_bytes(),
        )
        .unwrap()
    }

    pub(crate) fn witness(&self) -> VerifierKey {
        let name = format!("witness.{}.example", self.id.label());
        VerifierKey::from_bytes(
            KeyName::new(&name).unwrap(),
            KeyKind::Ed25519Cosignature,
            secret(self.base + 500).public().as_bytes(),
        )
        .unwrap()
    }

    pub(crate) fn policy(&self) -> QuorumPolicy {
        let witness = self.witness();
        QuorumPolicy::parse(&format!("witness w1 {witness}\nquorum w1\n")).unwrap()
    }

    pub(crate) fn keys(&self) -> PartyKeys {
        PartyKeys {
            federation_key: self.key().public(),
            log_vkeys: vec![self.vkey("federation"), self.vkey("compliance")],
            quorum_policy: self.policy(),
        }
    }
}

pub(crate) fn dublin() -> Mesh {
    Mesh::new("vaultmesh-dublin", 1000)
}

pub(crate) fn berlin() -> Mesh {
    Mesh::new("vaultmesh-berlin", 2000)
}

pub(crate) fn singapore() -> Mesh {
    Mesh::new("vaultmesh-singapore", 3000)
}

/// The documents' terms.
pub(crate) fn terms() -> Terms {
    Terms {
        scrolls: vec![text("Compliance")],
        verification_frequency: Frequency::Hourly,
        retention_period_days: 365,
        data_jurisdiction: text("EU"),
        audit_rights: true,
        dispute_resolution: None,
        additional_requirement: None,
        additional_requirements: vec![],
    }
}

/// The documents' counter terms.
pub(crate) fn counter_terms() -> CounterTerms {
    CounterTerms {
        scrolls: Some(vec![text("Compliance"), text("Drills")]),
        verification_frequency: Some(Frequency::Daily),
        retention_period_days: Some(180),
        additional_requirement: Some(text("quarterly_audit_call")),
        ..CounterTerms::default()
    }
}

pub(crate) fn attestations() -> ProposerAttestations {
    ProposerAttestations {
        identity_proof: text("..."),
        capability_proof: text("..."),
        compliance_credentials: vec![text("ISO27001"), text("SOC2")],
    }
}

pub(crate) fn proposal_id(n: u32) -> ProposalId {
    text(&format!("fed-proposal-2025-12-06-{n:03}"))
}

pub(crate) const OPEN: i64 = 7 * 86_400;

pub(crate) fn proposal_body(from: &Mesh, to: &Mesh) -> TrustProposal {
    TrustProposal {
        proposal_id: proposal_id(1),
        proposer: from.id.clone(),
        target: to.id.clone(),
        proposed_at: time(0),
        expires_at: time(OPEN),
        proposed_trust_level: TrustLevel::Verify,
        proposed_terms: terms(),
        proposer_attestations: attestations(),
        keys: from.keys(),
        lineage_head: LineageHead::of(&from.lineage),
    }
}

pub(crate) fn proposal(from: &Mesh, to: &Mesh) -> Signed<TrustProposal> {
    Signed::sign(proposal_body(from, to), &from.key()).unwrap()
}

pub(crate) fn response(
    to: &Signed<TrustProposal>,
    by: &Mesh,
    at: Timestamp,
    answer: Answer,
) -> Response {
    let proposal = to.unverified();
    Response {
        proposal_id: proposal.proposal_id.clone(),
        proposer: proposal.proposer.clone(),
        responder: by.id.clone(),
        responded_at: at,
        in_reply_to: to.hash(),
        answer,
    }
}

pub(crate) fn attestation(by: &Mesh, about: &Mesh) -> Signed<Attestation> {
    let body = Attestation {
        attester: by.id.clone(),
        attested_at: time(-50),
        attestation_type: text(Attestation::IDENTITY_VERIFIED),
        mesh_id: about.id.clone(),
        public_key: *about.lineage.fingerprint(),
    };
    Signed::sign(body, &by.key()).unwrap()
}

pub(crate) fn discovery_body(of: &Mesh, attested_by: &[&Mesh]) -> DiscoveryRecord {
    DiscoveryRecord {
        mesh_id: of.id.clone(),
        display_name: text("VaultMesh Berlin Node"),
        federation: text("https://federation.vaultmesh-berlin.io"),
        verification: text("https://verify.vaultmesh-berlin.io:8443/x"),
        public_key: *of.lineage.fingerprint(),
        lineage_head: LineageHead::of(&of.lineage),
        issued_at: time(0),
        scrolls_available: vec![text("Drills"), text("Compliance"), text("Treasury")],
        trust_policy: TrustPolicy {
            accepts_proposals: true,
            min_trust_level: TrustLevel::Observe,
            requires_mutual: true,
        },
        attestations: attested_by.iter().map(|by| attestation(by, of)).collect(),
    }
}
