//! Federation agreements (VAULTMESH-FEDERATION-PROTOCOL §3.4).

use std::ops::Deref;

use quorate_lineage::{Role, SigningKey};
use quorate_receipt::json::{Object, canonical_object as canonical};
use quorate_receipt::{Blake3Hash, PublicKeyText, SignatureText, Timestamp};

use crate::discovery::{TIME, level};
use crate::fields::{Fields, canonical_object, texts};
use crate::keys::{KEY, PartyKeys, log_vkeys, quorum_policy};
use crate::level::TrustLevel;
use crate::limits::MAX_AGREEMENT_LEN;
use crate::malformed::Malformed;
use crate::proposal::{ProposalKey, check_parties};
use crate::signed::{NotVerified, SignError, is_by, separated};
use crate::terms::{Form, Terms};
use crate::text::{AgreementId, MeshId, ProposalId};

/// What two meshes sign. `parties` and `keys` are in one order: the proposer, then the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementBody {
    /// Of which proposal. Its id gives the agreement's.
    pub proposal_id: ProposalId,
    /// The hash of the offer that was accepted: the proposal, or the last counter-proposal.
    pub offer: Blake3Hash,
    /// The proposer and the target.
    pub parties: [MeshId; 2],
    /// 1 to 4.
    pub trust_level: TrustLevel,
    /// What was agreed.
    pub terms: Terms,
    /// The keys of both.
    pub keys: [PartyKeys; 2],
}

pub(crate) const WHAT: &str = "the agreement";
const HASH: &str = "`blake3:` and 64 lower-case hex digits";

impl AgreementBody {
    /// The agreement's name.
    #[must_use]
    pub fn agreement_id(&self) -> AgreementId {
        AgreementId::of(&self.proposal_id)
    }

    /// The negotiation that it came from.
    #[must_use]
    pub fn proposal(&self) -> ProposalKey {
        ProposalKey {
            proposer: self.parties[0].clone(),
            id: self.proposal_id.clone(),
        }
    }

    /// Which party a mesh is.
    #[must_use]
    pub fn party(&self, mesh: &MeshId) -> Option<Party> {
        Party::ALL
            .into_iter()
            .find(|party| self.parties[party.index()] == *mesh)
    }

    /// `agreement_hash`: BLAKE3 of the canonical agreement without `signatures`, `established_at` and itself.
    #[must_use]
    pub fn hash(&self) -> Blake3Hash {
        Blake3Hash::of(&canonical(&self.to_object()))
    }

    /// Every member but `signatures`, `established_at` and `agreement_hash`.
    fn to_object(&self) -> Object {
        let (mut keys, mut vkeys, mut policies) = (Object::new(), Object::new(), Object::new());
        for (mesh, party) in self.parties.iter().zip(&self.keys) {
            keys.insert(mesh.key_member(), party.federation_key.to_string());
            vkeys.insert(mesh.as_str(), texts(&party.log_vkeys));
            policies.insert(mesh.as_str(), party.quorum_policy.as_str());
        }
        Object::new()
            .with("agreement_id", self.agreement_id().as_str())
            .with("proposal_id", self.proposal_id.as_str())
            .with("offer", self.offer.to_string())
            .with("parties", texts(&self.parties))
            .with("trust_level", self.trust_level)
            .with("terms", self.terms.to_object(Form::Agreed))
            .with("key_exchange", keys)
            .with("log_vkeys", vkeys)
            .with("quorum_policies", policies)
    }

    fn read(fields: &mut Fields) -> Result<Self, Malformed> {
        const PARTIES: &str = "a list of the two meshes";
        let parties: Vec<MeshId> = fields.parsed_list("parties", 2, PARTIES)?;
        let parties: [MeshId; 2] = parties
            .try_into()
            .map_err(|_| fields.invalid("parties", PARTIES))?;
        check_parties(&parties[0], &parties[1])?;
        let mut exchange = fields.object("key_exchange", "the key exchange")?;
        let mut vkeys = fields.object("log_vkeys", "the log keys")?;
        let mut policies = fields.object("quorum_policies", "the quorum policies")?;
        let mut keys = |mesh: &MeshId| {
            let keys = PartyKeys {
                federation_key: exchange.parsed(&mesh.key_member(), KEY)?,
                log_vkeys: log_vkeys(&mut vkeys, mesh.as_str())?,
                quorum_policy: quorum_policy(&mut policies, mesh.as_str())?,
            };
            keys.check()?;
            Ok(keys)
        };
        let keys = [keys(&parties[0])?, keys(&parties[1])?];
        exchange.finish()?;
        vkeys.finish()?;
        policies.finish()?;
        let body = Self {
            proposal_id: fields.parsed("proposal_id", ProposalId::EXPECTED)?,
            offer: fields.parsed("offer", HASH)?,
            parties,
            trust_level: level(fields, "trust_level")?,
            terms: Terms::read(fields.object("terms", "the terms")?, Form::Agreed)?,
            keys,
        };
        if body.trust_level == TrustLevel::Isolated {
            return Err(fields.invalid("trust_level", "an integer from 1 to 4"));
        }
        let id: AgreementId = fields.parsed("agreement_id", AgreementId::EXPECTED)?;
        if id != body.agreement_id() {
            return Err(fields.invalid("agreement_id", "the id that follows from `proposal_id`"));
        }
        let hash: Blake3Hash = fields.parsed("agreement_hash", HASH)?;
        if hash != body.hash() {
            return Err(Malformed::WrongHash {
                within: WHAT,
                member: "agreement_hash",
            });
        }
        Ok(body)
    }

    /// Signs for one party.
    ///
    /// # Errors
    /// [`SignError`]: the key is not the one that the agreement names for this party.
    pub fn sign(
        self,
        party: Party,
        key: &SigningKey,
        signed_at: Timestamp,
    ) -> Result<HalfSigned, SignError> {
        let signature = self.signature(party, key, signed_at)?;
        Ok(HalfSigned {
            body: self,
            party,
            signature,
        })
    }

    fn signature(
        &self,
        party: Party,
        key: &SigningKey,
        signed_at: Timestamp,
    ) -> Result<PartySignature, SignError> {
        if key.role() != Role::Federation {
            return Err(SignError::Role(key.role()));
        }
        let named = self.keys[party.index()].federation_key;
        if named != key.public() {
            return Err(SignError::OtherKey {
                named,
                key: key.public(),
            });
        }
        let signature = SignatureText::from_bytes(key.sign(&self.message(signed_at)));
        Ok(PartySignature {
            signed_at,
            signature,
        })
    }

    /// What a party's signature covers: the hash and its own time.
    fn message(&self, signed_at: Timestamp) -> Vec<u8> {
        let object = Object::new()
            .with("agreement_hash", self.hash().to_string())
            .with("signed_at", signed_at.to_string());
        separated("agreement", &object)
    }

    fn check(&self, party: Party, signature: &PartySignature) -> Result<(), NotVerified> {
        let key: &PublicKeyText = &self.keys[party.index()].federation_key;
        if is_by(
            key,
            &self.message(signature.signed_at),
            &signature.signature,
        ) {
            Ok(())
        } else {
            Err(NotVerified::BadSignature {
                what: WHAT,
                mesh: self.parties[party.index()].clone(),
            })
        }
    }
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Who made the proposal.
    Proposer,
    /// To whom it was made.
    Target,
}

impl Party {
    /// Both, in the order of `parties`.
    pub const ALL: [Self; 2] = [Self::Proposer, Self::Target];

    /// Its place in `parties`.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Proposer => 0,
            Self::Target => 1,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Proposer => Self::Target,
            Self::Target => Self::Proposer,
        }
    }
}

/// A party's signature under an agreement, and when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartySignature {
    /// When, by the party's clock.
    pub signed_at: Timestamp,
    /// The signature over the agreement's hash and this time.
    pub signature: SignatureText,
}

impl PartySignature {
    fn to_object(self) -> Object {
        Object::new()
            .with("signed_at", self.signed_at.to_string())
            .with("signature", self.signature.to_string())
    }

    fn read(mut fields: Fields) -> Result<Self, Malformed> {
        let signature = Self {
            signed_at: fields.parsed("signed_at", TIME)?,
            signature: fields.parsed("signature", "a signature, `z…`")?,
        };
        fields.finish()?;
        Ok(signature)
    }
}

/// An agreement that one party signed: an acceptance. By itself it counts as nothing. The signature is not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HalfSigned {
    body: AgreementBody,
    party: Party,
    signature: PartySignature,
}

impl HalfSigned {
    /// What was signed.
    #[must_use]
    pub fn unverified(&self) -> &AgreementBody {
        &self.body
    }

    /// Who signed.
    #[must_use]
    pub fn party(&self) -> Party {
        self.party
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &PartySignature {
        &self.signature
    }

    /// Checks the signature with the key that the agreement itself names.
    ///
    /// # Errors
    /// [`NotVerified`].
    pub fn check(&self) -> Result<(), NotVerified> {
        self.body.check(self.party, &self.signature)
    }

    /// Adds the other party's signature.
    ///
    /// # Errors
    /// [`SignError`]: the key is not the one that the agreement names for the other party.
    pub fn countersign(
        self,
        key: &SigningKey,
        signed_at: Timestamp,
    ) -> Result<SignedAgreement, SignError> {
        let other = self.body.signature(self.party.other(), key, signed_at)?;
        let signatures = match self.party {
            Party::Proposer => [self.signature, other],
            Party::Target => [other, self.signature],
        };
        Ok(SignedAgreement {
            body: self.body,
            signatures,
        })
    }

    pub(crate) fn to_object(&self) -> Object {
        let signature = Object::new().with(
            self.body.parties[self.party.index()].as_str(),
            self.signature.to_object(),
        );
        self.body
            .to_object()
            .with("agreement_hash", self.body.hash().to_string())
            .with("signatures", signature)
    }

    pub(crate) fn read(mut fields: Fields) -> Result<Self, Malformed> {
        let body = AgreementBody::read(&mut fields)?;
        let mut signatures = fields.object("signatures", "the signatures")?;
        let party = Party::ALL
            .into_iter()
            .find(|party| signatures.has(body.parties[party.index()].as_str()))
            .ok_or(Malformed::NoParty {
                within: WHAT,
                member: "signatures",
            })?;
        let signature = signatures.object(body.parties[party.index()].as_str(), "the signature")?;
        let signature = PartySignature::read(signature)?;
        signatures.finish()?;
        fields.finish()?;
        Ok(Self {
            body,
            party,
            signature,
        })
    }
}

/// An agreement with both signatures, which have not been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAgreement {
    body: AgreementBody,
    signatures: [PartySignature; 2],
}

impl SignedAgreement {
    /// Reads the one form of an agreement.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::from_object(canonical_object(WHAT, MAX_AGREEMENT_LEN, bytes)?)
    }

    /// The bytes that [`SignedAgreement::parse`] reads: canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical(&self.to_object())
    }

    /// What was signed, as whoever sent it claims.
    #[must_use]
    pub fn unverified(&self) -> &AgreementBody {
        &self.body
    }

    /// A party's signature.
    #[must_use]
    pub fn signature(&self, party: Party) -> &PartySignature {
        &self.signatures[party.index()]
    }

    /// When the agreement came to be: the later of the two times.
    #[must_use]
    pub fn established_at(&self) -> Timestamp {
        self.signatures[0]
            .signed_at
            .max(self.signatures[1].signed_at)
    }

    pub(crate) fn to_object(&self) -> Object {
        let mut signatures = Object::new();
        for (mesh, signature) in self.body.parties.iter().zip(&self.signatures) {
            signatures.insert(mesh.as_str(), signature.to_object());
        }
        self.body
            .to_object()
            .with("agreement_hash", self.body.hash().to_string())
            .with("established_at", self.established_at().to_string())
            .with("signatures", signatures)
    }

    pub(crate) fn from_object(object: Object) -> Result<Self, Malformed> {
        let mut fields = Fields::new(WHAT, object.clone());
        let body = AgreementBody::read(&mut fields)?;
        let mut signatures = fields.object("signatures", "the signatures")?;
        let mut signature = |party: Party| {
            let mesh = body.parties[party.index()].as_str();
            PartySignature::read(signatures.object(mesh, "the signature")?)
        };
        let read = [signature(Party::Proposer)?, signature(Party::Target)?];
        signatures.finish()?;
        let established_at: Timestamp = fields.parsed("established_at", TIME)?;
        fields.finish()?;
        let signed = Self {
            body,
            signatures: read,
        };
        if established_at != signed.established_at() {
            return Err(Malformed::Invalid {
                within: WHAT,
                member: "established_at".into(),
                expected: "the later `signed_at`",
            });
        }
        if signed.to_object() != object {
            return Err(Malformed::NotCanonical { what: WHAT });
        }
        Ok(signed)
    }

    /// Checks both signatures with the keys that the agreement itself names: whoever holds the agreement needs nothing
    /// else. That these keys are the parties' is for the reader of their lineages to know.
    ///
    /// # Errors
    /// [`NotVerified`].
    pub fn verify(self) -> Result<FederationAgreement, NotVerified> {
        for party in Party::ALL {
            self.body.check(party, &self.signatures[party.index()])?;
        }
        Ok(FederationAgreement(self))
    }
}

/// An agreement whose two signatures were checked. There is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederationAgreement(SignedAgreement);

impl FederationAgreement {
    /// The agreement, to send or record.
    #[must_use]
    pub fn signed(&self) -> &SignedAgreement {
        &self.0
    }

    /// Its canonical bytes: the contents of `federation_agreement.json`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// When it came to be.
    #[must_use]
    pub fn established_at(&self) -> Timestamp {
        self.0.established_at()
    }
}

impl Deref for FederationAgreement {
    type Target = AgreementBody;

    fn deref(&self) -> &AgreementBody {
        &self.0.body
    }
}
