//! Counter-proposals and the other answers of a negotiation (VAULTMESH-FEDERATION-PROTOCOL §3.3).

use quorate_receipt::json::Object;
use quorate_receipt::{Blake3Hash, PublicKeyText, Timestamp};

use crate::agreement::{HalfSigned, WHAT as AGREEMENT};
use crate::discovery::TIME;
use crate::fields::Fields;
use crate::keys::PartyKeys;
use crate::limits::MAX_RESPONSE_LEN;
use crate::malformed::Malformed;
use crate::proposal::ProposalKey;
use crate::signed::body::Body;
use crate::terms::CounterTerms;
use crate::text::{MeshId, ProposalId, Remark};

/// What a party answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `counter`: other terms. Signed by `keys.federation_key`.
    Counter {
        /// What changes against the last offer.
        counter_terms: CounterTerms,
        /// The responder's keys.
        keys: Box<PartyKeys>,
    },
    /// `accept`: the last offer as an agreement, signed by the responder. Signed by the key that it names for it.
    Accept(Box<HalfSigned>),
    /// `reject`: the last offer is not good enough, and that is the end.
    Reject(Closing),
    /// `withdraw`: the responder's own last offer stands no longer, and that is the end.
    Withdraw(Closing),
    /// `expire`: the proposal's time is over, and the responder did not sign.
    Expire(Closing),
}

/// Why a negotiation ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// For people to read, verbatim; may be empty.
    pub reason: Remark,
}

impl Answer {
    /// The name of the answer.
    #[must_use]
    pub const fn response_type(&self) -> &'static str {
        match self {
            Self::Counter { .. } => "counter",
            Self::Accept(_) => "accept",
            Self::Reject(_) => "reject",
            Self::Withdraw(_) => "withdraw",
            Self::Expire(_) => "expire",
        }
    }

    /// Whether the negotiation ends with it, without an agreement.
    #[must_use]
    pub const fn is_closing(&self) -> bool {
        matches!(self, Self::Reject(_) | Self::Withdraw(_) | Self::Expire(_))
    }
}

/// An answer of one party to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The proposal's id.
    pub proposal_id: ProposalId,
    /// And its proposer, since two may have chosen the same id.
    pub proposer: MeshId,
    /// Who answers.
    pub responder: MeshId,
    /// When, by the responder's clock.
    pub responded_at: Timestamp,
    /// The hash of what is answered: a counter-proposal and an acceptance answer the last offer; what ends the
    /// negotiation answers the proposal, whatever was offered since.
    pub in_reply_to: Blake3Hash,
    /// The answer.
    pub answer: Answer,
}

impl Response {
    /// The negotiation that it belongs to.
    #[must_use]
    pub fn key(&self) -> ProposalKey {
        ProposalKey {
            proposer: self.proposer.clone(),
            id: self.proposal_id.clone(),
        }
    }
}

const TYPES: &str = "`counter`, `accept`, `reject`, `withdraw` or `expire`";

impl Body for Response {
    const WHAT: &'static str = "the response";
    const CONTEXT: &'static str = "response";
    const MAX_LEN: usize = MAX_RESPONSE_LEN;
    const ALGORITHM: bool = false;

    fn signer(&self) -> &MeshId {
        &self.responder
    }

    fn signing_key(&self) -> Option<&PublicKeyText> {
        match &self.answer {
            Answer::Counter { keys, .. } => Some(&keys.federation_key),
            Answer::Accept(half) => {
                let keys = &half.unverified().keys[half.party().index()];
                Some(&keys.federation_key)
            }
            Answer::Reject(_) | Answer::Withdraw(_) | Answer::Expire(_) => None,
        }
    }

    fn write(&self) -> Object {
        let object = Object::new()
            .with("proposal_id", self.proposal_id.as_str())
            .with("proposer", self.proposer.as_str())
            .with("response_type", self.answer.response_type())
            .with("responder", self.responder.as_str())
            .with("responded_at", self.responded_at.to_string())
            .with("in_reply_to", self.in_reply_to.to_string());
        match &self.answer {
            Answer::Counter {
                counter_terms,
                keys,
            } => object
                .with("counter_terms", counter_terms.to_object())
                .with("keys", keys.to_object()),
            Answer::Accept(half) => object.with("agreement", half.to_object()),
            Answer::Reject(closing) | Answer::Withdraw(closing) | Answer::Expire(closing) => {
                object.with("reason", closing.reason.as_str())
            }
        }
    }

    fn read(fields: &mut Fields) -> Result<Self, Malformed> {
        let response_type: String = fields.parsed("response_type", TYPES)?;
        let response = Self {
            proposal_id: fields.parsed("proposal_id", ProposalId::EXPECTED)?,
            proposer: fields.parsed("proposer", MeshId::EXPECTED)?,
            responder: fields.parsed("responder", MeshId::EXPECTED)?,
            responded_at: fields.parsed("responded_at", TIME)?,
            in_reply_to: fields.parsed("in_reply_to", "`blake3:` and 64 lower-case hex digits")?,
            answer: match response_type.as_str() {
                "counter" => Answer::Counter {
                    counter_terms: CounterTerms::read(
                        fields.object("counter_terms", "the counter terms")?,
                    )?,
                    keys: Box::new(PartyKeys::read(
                        fields.object("keys", "the responder's keys")?,
                    )?),
                },
                "accept" => Answer::Accept(Box::new(HalfSigned::read(
                    fields.object("agreement", AGREEMENT)?,
                )?)),
                "reject" => Answer::Reject(closing(fields)?),
                "withdraw" => Answer::Withdraw(closing(fields)?),
                "expire" => Answer::Expire(closing(fields)?),
                _ => return Err(fields.invalid("response_type", TYPES)),
            },
        };
        response.check(fields)?;
        Ok(response)
    }
}

impl Response {
    /// An acceptance says nothing else than the agreement in it.
    fn check(&self, fields: &Fields) -> Result<(), Malformed> {
        let Answer::Accept(half) = &self.answer else {
            return Ok(());
        };
        let body = half.unverified();
        let agrees = body.proposal() == self.key()
            && body.offer == self.in_reply_to
            && body.party(&self.responder) == Some(half.party())
            && half.signature().signed_at == self.responded_at;
        if agrees {
            Ok(())
        } else {
            Err(fields.invalid(
                "agreement",
                "of this proposal and offer, and signed by the responder at `responded_at`",
            ))
        }
    }
}

fn closing(fields: &mut Fields) -> Result<Closing, Malformed> {
    Ok(Closing {
        reason: fields.parsed("reason", Remark::EXPECTED)?,
    })
}
