//! What the receipts of one Federation scroll come to.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_lineage::Lineage;
use quorate_receipt::{Blake3Hash, Receipt, Timestamp};

use crate::agreement::{Party, SignedAgreement};
use crate::bond::Bond;
use crate::discovery::Attestation;
use crate::invalid::Invalid;
use crate::level::TrustLevel;
use crate::negotiation::{Negotiation, not_ahead, own_keys};
use crate::notice::Notice;
use crate::proposal::{ProposalKey, TrustProposal};
use crate::quorate::Quorate;
use crate::record::{AcceptedBy, Record};
use crate::response::Response;
use crate::signed::{Message, Signed, Verified};
use crate::text::{AgreementId, MeshId};

/// A mesh whose key was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownMesh {
    lineage: Lineage,
    accepted_by: AcceptedBy,
}

impl KnownMesh {
    /// Its keys.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// What they were accepted by.
    #[must_use]
    pub fn accepted_by(&self) -> &AcceptedBy {
        &self.accepted_by
    }
}

/// The state of a Federation scroll. It is made of receipts alone, so a node that stopped at any moment goes on from
/// what is durable. Copies are cheap: they share what did not change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    own: Option<MeshId>,
    meshes: BTreeMap<MeshId, Arc<KnownMesh>>,
    negotiations: BTreeMap<ProposalKey, Arc<Negotiation>>,
    bonds: BTreeMap<Blake3Hash, Arc<Bond>>,
}

/// What a receipt changes.
enum Step {
    Mesh(MeshId, Arc<KnownMesh>),
    Negotiation(Arc<Negotiation>),
    Agreed(Arc<Negotiation>, Arc<Bond>),
    Bond(Arc<Bond>),
}

impl State {
    /// Before the first receipt.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replays a scroll from its beginning.
    ///
    /// # Errors
    /// [`Invalid`] for the first receipt that does not fit.
    pub fn replay<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> Result<Self, Invalid> {
        let mut state = Self::new();
        for receipt in receipts {
            state.apply(receipt)?;
        }
        Ok(state)
    }

    /// Takes the scroll's next receipt, whoever wrote the scroll: everything is checked again.
    ///
    /// # Errors
    /// [`Invalid`]: nothing is changed.
    pub fn apply(&mut self, receipt: &Receipt) -> Result<(), Invalid> {
        match self.judge(receipt)? {
            Step::Mesh(mesh, known) => {
                self.own.get_or_insert_with(|| mesh.clone());
                self.meshes.insert(mesh, known);
            }
            Step::Negotiation(negotiation) => self.keep(negotiation),
            Step::Agreed(negotiation, bond) => {
                self.keep(negotiation);
                self.bonds.insert(bond.agreement().hash(), bond);
            }
            Step::Bond(bond) => {
                self.bonds.insert(bond.agreement().hash(), bond);
            }
        }
        Ok(())
    }

    fn keep(&mut self, negotiation: Arc<Negotiation>) {
        self.negotiations.insert(negotiation.key(), negotiation);
    }

    /// Whether [`State::apply`] would take the receipt.
    ///
    /// # Errors
    /// As [`State::apply`].
    pub fn check(&self, receipt: &Receipt) -> Result<(), Invalid> {
        self.judge(receipt).map(drop)
    }

    fn judge(&self, receipt: &Receipt) -> Result<Step, Invalid> {
        let at = receipt.timestamp();
        match Record::parse(receipt)? {
            Record::Key {
                mesh,
                event,
                accepted_by,
            } => self.judge_key(mesh, &event, accepted_by, at),
            Record::Proposal(proposal) => self.judge_proposal(*proposal, at),
            Record::Response(response) => self.judge_response(*response, at),
            Record::Agreement(agreement) => self.judge_agreement(*agreement, at),
            Record::Established {
                agreement_id,
                agreement_hash,
                quorate,
            } => self.judge_established(&agreement_id, &agreement_hash, &quorate, at),
            Record::Notice(notice) => self.judge_notice(*notice, at),
        }
    }

    fn judge_key(
        &self,
        mesh: MeshId,
        event: &Receipt,
        accepted_by: Option<AcceptedBy>,
        at: Timestamp,
    ) -> Result<Step, Invalid> {
        let broken = |error| match error {
            quorate_lineage::Invalid::AlreadyApplied { .. } => Invalid::Known,
            error => Invalid::Lineage {
                mesh: mesh.clone(),
                error: Box::new(error),
            },
        };
        let known = match (self.meshes.get(&mesh), accepted_by) {
            (Some(known), None) => KnownMesh {
                lineage: known.lineage.apply(event).map_err(broken)?,
                accepted_by: known.accepted_by.clone(),
            },
            (None, Some(accepted_by)) => KnownMesh {
                lineage: Lineage::inception(event).map_err(broken)?,
                accepted_by,
            },
            (Some(_), Some(_)) | (None, None) => return Err(Invalid::AcceptedBy(mesh)),
        };
        if !self.meshes.contains_key(&mesh) {
            let own = known.accepted_by == AcceptedBy::Own;
            if own != self.own.is_none() {
                return Err(Invalid::Beginning);
            }
            if let AcceptedBy::Attestation(attestation) = &known.accepted_by {
                self.check_attestation(attestation, &mesh, &known.lineage, at)?;
            }
        }
        self.check_unshared(&mesh, &known.lineage)?;
        Ok(Step::Mesh(mesh, Arc::new(known)))
    }

    fn check_attestation(
        &self,
        attestation: &Signed<Attestation>,
        mesh: &MeshId,
        lineage: &Lineage,
        at: Timestamp,
    ) -> Result<(), Invalid> {
        let about = self.verify(attestation.clone())?;
        not_ahead(about.attested_at, at)?;
        let counts = about.attestation_type.as_str() == Attestation::IDENTITY_VERIFIED
            && about.mesh_id == *mesh
            && about.public_key == *lineage.fingerprint()
            && self.level(&about.attester, at) > TrustLevel::Isolated;
        if counts {
            Ok(())
        } else {
            Err(Invalid::Attestation(mesh.clone()))
        }
    }

    /// The keys that the last event brought are no other mesh's.
    fn check_unshared(&self, mesh: &MeshId, lineage: &Lineage) -> Result<(), Invalid> {
        let Some(newest) = lineage.records().last() else {
            return Ok(());
        };
        let ml_dsa = newest.keys.ml_dsa_44.as_ref();
        let keys = [Some(newest.keys.ed25519.as_bytes().as_slice())]
            .into_iter()
            .chain([ml_dsa.map(|key| key.as_bytes().as_slice())])
            .flatten();
        for key in keys {
            let shared = self
                .meshes
                .iter()
                .find(|(other, known)| *other != mesh && known.lineage.appeared(key));
            if let Some((other, _)) = shared {
                return Err(Invalid::SharedKey {
                    mesh: mesh.clone(),
                    other: other.clone(),
                });
            }
        }
        Ok(())
    }

    fn judge_proposal(
        &self,
        proposal: Signed<TrustProposal>,
        at: Timestamp,
    ) -> Result<Step, Invalid> {
        let key = proposal.unverified().key();
        let proposal = self.verify(proposal)?;
        self.check_between(&proposal.proposer, &proposal.target)?;
        if let Some(known) = self.negotiations.get(&key) {
            return Err(
                if known.proposal().signed().hash() == proposal.signed().hash() {
                    Invalid::Known
                } else {
                    Invalid::IdTaken(key)
                },
            );
        }
        not_ahead(proposal.proposed_at, at)?;
        if at > proposal.expires_at {
            return Err(Invalid::Expired(proposal.expires_at));
        }
        let lineage = self.lineage(&proposal.proposer)?;
        own_keys(&proposal.keys, &proposal.proposer, lineage)?;
        let other = self.negotiations.values().find(|other| {
            other.is_open_at(at)
                && other.party(&proposal.proposer).is_some()
                && other.party(&proposal.target).is_some()
        });
        if let Some(other) = other {
            return Err(Invalid::AnotherOpen(other.key()));
        }
        let negotiation = Negotiation::begin(proposal);
        Ok(Step::Negotiation(Arc::new(negotiation)))
    }

    fn judge_response(&self, response: Signed<Response>, at: Timestamp) -> Result<Step, Invalid> {
        let key = response.unverified().key();
        let negotiation = self
            .negotiations
            .get(&key)
            .ok_or(Invalid::UnknownProposal(key))?;
        let responder = &response.unverified().responder;
        if negotiation.party(responder).is_none() {
            return Err(Invalid::NotAParty(responder.clone()));
        }
        let response = self.verify(response)?;
        not_ahead(response.responded_at, at)?;
        let lineage = self.lineage(&response.responder)?;
        negotiation
            .after(response, lineage, at)
            .map(|after| Step::Negotiation(Arc::new(after)))
    }

    fn judge_agreement(&self, agreement: SignedAgreement, at: Timestamp) -> Result<Step, Invalid> {
        let key = agreement.unverified().proposal();
        let negotiation = self
            .negotiations
            .get(&key)
            .ok_or(Invalid::UnknownProposal(key))?;
        let accepting = negotiation.mesh(negotiation.last_offer_by().other());
        let after = negotiation.agreed(agreement, self.lineage(accepting)?, at)?;
        match after.agreement().cloned() {
            Some(agreement) => {
                let bond = Bond::new(agreement);
                Ok(Step::Agreed(Arc::new(after), Arc::new(bond)))
            }
            None => Err(Invalid::OtherAgreement),
        }
    }

    fn judge_established(
        &self,
        id: &AgreementId,
        hash: &Blake3Hash,
        quorate: &[(MeshId, Quorate); 2],
        at: Timestamp,
    ) -> Result<Step, Invalid> {
        let bond = self
            .bonds
            .get(hash)
            .filter(|bond| bond.agreement().agreement_id() == *id)
            .ok_or(Invalid::UnknownAgreement(*hash))?;
        let after = bond.establish(at)?;
        for (party, (mesh, evidence)) in Party::ALL.into_iter().zip(quorate) {
            if bond.agreement().party(mesh) != Some(party) {
                return Err(Invalid::NotAParty(mesh.clone()));
            }
            evidence.check(bond.agreement(), party)?;
        }
        Ok(Step::Bond(Arc::new(after)))
    }

    fn judge_notice(&self, notice: Signed<Notice>, at: Timestamp) -> Result<Step, Invalid> {
        let hash = notice.unverified().agreement_hash;
        let bond = self
            .bonds
            .get(&hash)
            .ok_or(Invalid::UnknownAgreement(hash))?;
        let issuer = &notice.unverified().issuer;
        let party = bond
            .agreement()
            .party(issuer)
            .ok_or_else(|| Invalid::NotAParty(issuer.clone()))?;
        let notice = self.verify(notice)?;
        not_ahead(notice.issued_at, at)?;
        bond.after(party, notice)
            .map(|after| Step::Bond(Arc::new(after)))
    }

    /// One is the scroll's own mesh, and the other is known.
    fn check_between(&self, proposer: &MeshId, target: &MeshId) -> Result<(), Invalid> {
        let own = self.own.as_ref().ok_or(Invalid::Beginning)?;
        let other = match (proposer == own, target == own) {
            (true, _) => target,
            (_, true) => proposer,
            _ => return Err(Invalid::NotAParty(own.clone())),
        };
        self.lineage(other).map(drop)
    }

    fn lineage(&self, mesh: &MeshId) -> Result<&Lineage, Invalid> {
        self.meshes
            .get(mesh)
            .map(|known| &known.lineage)
            .ok_or_else(|| Invalid::UnknownMesh(mesh.clone()))
    }

    /// Checks a message under the lineage of the mesh that it claims to be from.
    ///
    /// # Errors
    /// [`Invalid::UnknownMesh`] or [`Invalid::NotVerified`].
    pub fn verify<T: Message>(&self, message: Signed<T>) -> Result<Verified<T>, Invalid> {
        let lineage = self.lineage(message.unverified().signer())?;
        Ok(message.verify(lineage)?)
    }

    /// The scroll's own mesh.
    #[must_use]
    pub fn own(&self) -> Option<&MeshId> {
        self.own.as_ref()
    }

    /// The meshes whose keys were accepted, our own among them.
    pub fn meshes(&self) -> impl ExactSizeIterator<Item = (&MeshId, &KnownMesh)> {
        self.meshes.iter().map(|(mesh, known)| (mesh, &**known))
    }

    /// A mesh whose key was accepted.
    #[must_use]
    pub fn mesh(&self, mesh: &MeshId) -> Option<&KnownMesh> {
        self.meshes.get(mesh).map(|known| &**known)
    }

    /// The negotiations.
    pub fn negotiations(&self) -> impl ExactSizeIterator<Item = &Negotiation> {
        self.negotiations.values().map(|negotiation| &**negotiation)
    }

    /// One of them.
    #[must_use]
    pub fn negotiation(&self, key: &ProposalKey) -> Option<&Negotiation> {
        self.negotiations.get(key).map(|negotiation| &**negotiation)
    }

    /// The agreements that both parties signed, and what became of them.
    pub fn bonds(&self) -> impl ExactSizeIterator<Item = &Bond> {
        self.bonds.values().map(|bond| &**bond)
    }

    /// One of them.
    #[must_use]
    pub fn bond(&self, agreement: &Blake3Hash) -> Option<&Bond> {
        self.bonds.get(agreement).map(|bond| &**bond)
    }

    /// The agreement with a mesh that counts: the last one that was established. Earlier ones are over, whatever became
    /// of this one.
    #[must_use]
    pub fn bond_with(&self, mesh: &MeshId) -> Option<&Bond> {
        self.bonds()
            .filter(|bond| bond.established().is_some() && bond.agreement().party(mesh).is_some())
            .max_by_key(|bond| bond.rank())
    }

    /// The level that a mesh has with us at this time.
    #[must_use]
    pub fn level(&self, mesh: &MeshId, now: Timestamp) -> TrustLevel {
        if self.own.as_ref() == Some(mesh) {
            return TrustLevel::Isolated;
        }
        self.bond_with(mesh)
            .map_or(TrustLevel::Isolated, |bond| bond.level_at(now))
    }
}
