//! What is to be sent: signed messages only (R1).

use quorate_lineage::SigningKey;

use crate::agreement::{FederationAgreement, SignedAgreement};
use crate::notice::Notice;
use crate::proposal::TrustProposal;
use crate::response::Response;
use crate::signed::{SignError, Signed};
use crate::text::MeshId;

/// A message to a peer. Sending it twice does no harm; it must not be sent before its receipt is durable (R2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// To whom.
    pub to: MeshId,
    /// What.
    pub message: AnyMessage,
}

/// A signed message of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyMessage {
    /// A proposal; to a peer that may not know us, with our lineage beside it ([`crate::Introduced`]).
    Proposal(Box<Signed<TrustProposal>>),
    /// An answer.
    Response(Box<Signed<Response>>),
    /// An agreement with both signatures.
    Agreement(Box<SignedAgreement>),
    /// A notice.
    Notice(Box<Signed<Notice>>),
}

impl AnyMessage {
    /// Its canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Proposal(message) => message.to_bytes(),
            Self::Response(message) => message.to_bytes(),
            Self::Agreement(message) => message.to_bytes(),
            Self::Notice(message) => message.to_bytes(),
        }
    }
}

impl Outgoing {
    /// The same message under the key of today. A peer that has heard of a rotation takes no new signature of the key
    /// before, and what was on its way to it must still arrive. Signatures do not name a message, so it stays the same
    /// one.
    ///
    /// Notices and what ends a negotiation can be signed again. What names its key cannot: an offer or an acceptance
    /// stands with that key or is ended; an agreement counts without the key being in force.
    ///
    /// # Errors
    /// [`SignError`]: the message stays as it is.
    pub fn signed_again(self, key: &SigningKey) -> Result<Self, SignError> {
        let message = match self.message {
            AnyMessage::Proposal(message) => AnyMessage::Proposal(Box::new(message.again(key)?)),
            AnyMessage::Response(message) => AnyMessage::Response(Box::new(message.again(key)?)),
            AnyMessage::Notice(message) => AnyMessage::Notice(Box::new(message.again(key)?)),
            AnyMessage::Agreement(agreement) => AnyMessage::Agreement(agreement),
        };
        Ok(Self { message, ..self })
    }

    pub(crate) fn proposal(to: MeshId, message: &Signed<TrustProposal>) -> Self {
        Self {
            to,
            message: AnyMessage::Proposal(Box::new(message.clone())),
        }
    }

    pub(crate) fn response(to: MeshId, message: &Signed<Response>) -> Self {
        Self {
            to,
            message: AnyMessage::Response(Box::new(message.clone())),
        }
    }

    pub(crate) fn agreement(to: MeshId, agreement: &FederationAgreement) -> Self {
        Self {
            to,
            message: AnyMessage::Agreement(Box::new(agreement.signed().clone())),
        }
    }

    pub(crate) fn notice(to: MeshId, message: &Signed<Notice>) -> Self {
        Self {
            to,
            message: AnyMessage::Notice(Box::new(message.clone())),
        }
    }
}
