//! The receipts of a Federation scroll, and the one way each is written.

use quorate_receipt::json::{Object, Value};
use quorate_receipt::{Blake3Hash, Did, Receipt, ReceiptError, Timestamp};

use crate::agreement::{FederationAgreement, SignedAgreement, WHAT as AGREEMENT};
use crate::discovery::Attestation;
use crate::fields::Fields;
use crate::introduced::event;
use crate::malformed::Malformed;
use crate::notice::{Change, Notice};
use crate::proposal::TrustProposal;
use crate::quorate::{Quorate, WHAT as EVIDENCE};
use crate::response::{Answer, Response};
use crate::signed::{Message, Signed};
use crate::text::{AgreementId, MeshId};

/// What makes a name belong to a lineage (R6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptedBy {
    /// The scroll's own mesh.
    Own,
    /// The operator named the fingerprint.
    Fingerprint,
    /// A mesh with which an agreement is in force attested it.
    Attestation(Box<Signed<Attestation>>),
    /// Somebody looked at the fingerprint and said so.
    Confirmation {
        /// Who.
        by: Did,
    },
}

/// What one receipt says. Nothing is checked but its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// `fed_mesh_key`: an event of a mesh's key lineage; what the mesh's key is accepted by, at its inception only.
    Key {
        /// Whose.
        mesh: MeshId,
        /// The receipt of its Identity scroll.
        event: Box<Receipt>,
        /// What the key is accepted by.
        accepted_by: Option<AcceptedBy>,
    },
    /// `fed_trust_proposal`, ours or theirs.
    Proposal(Box<Signed<TrustProposal>>),
    /// `fed_proposal_countered`, `fed_proposal_accepted`, `fed_proposal_rejected`, `fed_proposal_withdrawn` and
    /// `fed_proposal_expired`, ours or theirs.
    Response(Box<Signed<Response>>),
    /// `fed_agreement_signed`: by both.
    Agreement(Box<SignedAgreement>),
    /// `fed_trust_established`: the agreement is quorate in the scrolls of both.
    Established {
        /// Which.
        agreement_id: AgreementId,
        /// And its hash.
        agreement_hash: Blake3Hash,
        /// The evidence, the proposer's first.
        quorate: Box<[(MeshId, Quorate); 2]>,
    },
    /// `fed_trust_revoked`, `fed_trust_suspended` and `fed_trust_resumed`, ours or theirs.
    Notice(Box<Signed<Notice>>),
}

const WHAT: &str = "the receipt";
const KEY: &str = "fed_mesh_key";
const PROPOSAL: &str = "fed_trust_proposal";
const COUNTERED: &str = "fed_proposal_countered";
const ACCEPTED: &str = "fed_proposal_accepted";
const REJECTED: &str = "fed_proposal_rejected";
const WITHDRAWN: &str = "fed_proposal_withdrawn";
const EXPIRED: &str = "fed_proposal_expired";
const SIGNED: &str = "fed_agreement_signed";
const ESTABLISHED: &str = "fed_trust_established";
const REVOKED: &str = "fed_trust_revoked";
const SUSPENDED: &str = "fed_trust_suspended";
const RESUMED: &str = "fed_trust_resumed";
const METHODS: &str = "`own`, `fingerprint`, `attestation` or `confirmation`";

impl Record {
    /// Every type of receipt that this engine writes.
    pub const TYPES: [&'static str; 12] = [
        KEY,
        PROPOSAL,
        COUNTERED,
        ACCEPTED,
        REJECTED,
        WITHDRAWN,
        EXPIRED,
        SIGNED,
        ESTABLISHED,
        REVOKED,
        SUSPENDED,
        RESUMED,
    ];

    /// The `type` of the receipt.
    #[must_use]
    pub fn type_(&self) -> &'static str {
        match self {
            Self::Key { .. } => KEY,
            Self::Proposal(_) => PROPOSAL,
            Self::Response(response) => match response.unverified().answer {
                Answer::Counter { .. } => COUNTERED,
                Answer::Accept(_) => ACCEPTED,
                Answer::Reject(_) => REJECTED,
                Answer::Withdraw(_) => WITHDRAWN,
                Answer::Expire(_) => EXPIRED,
            },
            Self::Agreement(_) => SIGNED,
            Self::Established { .. } => ESTABLISHED,
            Self::Notice(notice) => match notice.unverified().change {
                Change::Revoke { .. } => REVOKED,
                Change::Suspend(_) => SUSPENDED,
                Change::Resume => RESUMED,
            },
        }
    }

    /// The receipt that records it at this time, by the clock of whoever records it.
    ///
    /// # Errors
    /// [`ReceiptError`] if it does not fit into a receipt.
    pub fn receipt(&self, at: Timestamp) -> Result<Receipt, ReceiptError> {
        Receipt::from_object(&self.to_object(at), at)
    }

    fn to_object(&self, at: Timestamp) -> Object {
        let type_ = self.type_();
        let tag = type_.rsplit('_').next().unwrap_or_default();
        let object = Object::new()
            .with("type", type_)
            .with("timestamp", at.to_string())
            .with("tags", vec!["federation", tag]);
        match self {
            Self::Key {
                mesh,
                event,
                accepted_by,
            } => {
                let object = object
                    .with("mesh", mesh.as_str())
                    .with("event", event.object().clone());
                match accepted_by {
                    Some(accepted_by) => object.with("accepted_by", accepted_by.to_object()),
                    None => object,
                }
            }
            Self::Proposal(proposal) => object.with("proposal", proposal.to_object()),
            Self::Response(response) => object.with("response", response.to_object()),
            Self::Agreement(agreement) => object.with("agreement", agreement.to_object()),
            Self::Established {
                agreement_id,
                agreement_hash,
                quorate,
            } => {
                let mut evidence = Object::new();
                for (mesh, quorate) in quorate.iter() {
                    evidence.insert(mesh.as_str(), quorate.to_object());
                }
                object
                    .with("agreement_id", agreement_id.as_str())
                    .with("agreement_hash", agreement_hash.to_string())
                    .with(
                        "parties",
                        quorate
                            .iter()
                            .map(|(mesh, _)| mesh.as_str())
                            .collect::<Vec<_>>(),
                    )
                    .with("quorate", evidence)
            }
            Self::Notice(notice) => object.with("notice", notice.to_object()),
        }
    }

    /// The record of a receipt.
    ///
    /// # Errors
    /// [`Malformed`] if the receipt is anything else than what [`Record::receipt`] makes.
    pub fn parse(receipt: &Receipt) -> Result<Self, Malformed> {
        let mut fields = Fields::new(WHAT, receipt.object().clone());
        for member in ["type", "timestamp", "tags", "root_hash"] {
            fields.take_if(member);
        }
        let record = match receipt.type_() {
            KEY => key(&mut fields)?,
            PROPOSAL => Self::Proposal(Box::new(message(&mut fields, "proposal")?)),
            COUNTERED | ACCEPTED | REJECTED | WITHDRAWN | EXPIRED => {
                Self::Response(Box::new(message(&mut fields, "response")?))
            }
            SIGNED => match fields.take("agreement")? {
                Value::Object(object) => {
                    Self::Agreement(Box::new(SignedAgreement::from_object(object)?))
                }
                _ => return Err(Malformed::NotAnObject { what: AGREEMENT }),
            },
            ESTABLISHED => established(&mut fields)?,
            REVOKED | SUSPENDED | RESUMED => {
                Self::Notice(Box::new(message(&mut fields, "notice")?))
            }
            other => return Err(Malformed::UnknownType(other.into())),
        };
        fields.finish()?;
        // The type must be that of the message inside, and the tags those that follow from it.
        let mut written = record.to_object(receipt.timestamp());
        written.insert("root_hash", receipt.root_hash().to_string());
        if written != *receipt.object() {
            return Err(Malformed::NotCanonical { what: WHAT });
        }
        Ok(record)
    }
}

impl From<&FederationAgreement> for Record {
    fn from(agreement: &FederationAgreement) -> Self {
        Self::Agreement(Box::new(agreement.signed().clone()))
    }
}

impl AcceptedBy {
    fn to_object(&self) -> Object {
        let method = |name: &str| Object::new().with("method", name);
        match self {
            Self::Own => method("own"),
            Self::Fingerprint => method("fingerprint"),
            Self::Attestation(attestation) => {
                method("attestation").with("attestation", attestation.to_object())
            }
            Self::Confirmation { by } => method("confirmation").with("by", by.as_str()),
        }
    }

    fn read(mut fields: Fields) -> Result<Self, Malformed> {
        let method: String = fields.parsed("method", METHODS)?;
        let accepted_by = match method.as_str() {
            "own" => Self::Own,
            "fingerprint" => Self::Fingerprint,
            "attestation" => Self::Attestation(Box::new(message(&mut fields, "attestation")?)),
            "confirmation" => Self::Confirmation {
                by: fields.parsed("by", "a DID")?,
            },
            _ => return Err(fields.invalid("method", METHODS)),
        };
        fields.finish()?;
        Ok(accepted_by)
    }
}

fn message<T: Message>(fields: &mut Fields, member: &str) -> Result<Signed<T>, Malformed> {
    match fields.take(member)? {
        Value::Object(object) => Signed::from_object(object),
        _ => Err(fields.invalid(member, "an object")),
    }
}

fn key(fields: &mut Fields) -> Result<Record, Malformed> {
    Ok(Record::Key {
        mesh: fields.parsed("mesh", MeshId::EXPECTED)?,
        event: Box::new(event(WHAT, &fields.take("event")?)?),
        accepted_by: if fields.has("accepted_by") {
            let accepted_by = fields.object("accepted_by", "what the key is accepted by")?;
            Some(AcceptedBy::read(accepted_by)?)
        } else {
            None
        },
    })
}

fn established(fields: &mut Fields) -> Result<Record, Malformed> {
    const PARTIES: &str = "a list of the two meshes";
    let parties: Vec<MeshId> = fields.parsed_list("parties", 2, PARTIES)?;
    let [a, b]: [MeshId; 2] = parties
        .try_into()
        .map_err(|_| fields.invalid("parties", PARTIES))?;
    let mut evidence = fields.object("quorate", EVIDENCE)?;
    let mut of = |mesh: MeshId| {
        let quorate = Quorate::read(evidence.object(mesh.as_str(), EVIDENCE)?)?;
        Ok((mesh, quorate))
    };
    let quorate = Box::new([of(a)?, of(b)?]);
    evidence.finish()?;
    Ok(Record::Established {
        agreement_id: fields.parsed("agreement_id", AgreementId::EXPECTED)?,
        agreement_hash: fields
            .parsed("agreement_hash", "`blake3:` and 64 lower-case hex digits")?,
        quorate,
    })
}
