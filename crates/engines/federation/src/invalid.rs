//! Why a receipt does not continue a Federation scroll.

use quorate_lineage::Role;
use quorate_receipt::{Blake3Hash, Timestamp};

use crate::limits::{MAX_OFFERS, MAX_SKEW_SECONDS};
use crate::malformed::Malformed;
use crate::proposal::ProposalKey;
use crate::quorate::NotQuorate;
use crate::signed::NotVerified;
use crate::text::MeshId;

/// A receipt, or the message in it, that has no place here and now: the fault of whoever wrote it, unless the variant
/// says otherwise. Nothing is changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Not one of the records in its one form.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// A signature that does not count.
    #[error("{0}")]
    NotVerified(#[from] NotVerified),
    /// Nobody's fault: it stands in the scroll already.
    #[error("this is recorded already")]
    Known,
    /// A scroll begins with its own mesh's inception, which is accepted by nobody else, and nothing else is `own`.
    #[error("a Federation scroll begins with its own mesh's key, and only there a key is its own")]
    Beginning,
    /// The first event of a mesh says what it is accepted by; later ones follow from it.
    #[error("the key of {0} is accepted by something at its inception, and by nothing later")]
    AcceptedBy(MeshId),
    /// An event that does not continue the mesh's lineage.
    #[error("the lineage of {mesh}: {error}")]
    Lineage {
        /// Whose.
        mesh: MeshId,
        /// What is wrong.
        error: Box<quorate_lineage::Invalid>,
    },
    /// A key belongs to one mesh for ever.
    #[error("a key of {mesh} is already one of {other}")]
    SharedKey {
        /// Whose event it is.
        mesh: MeshId,
        /// Whose key it is.
        other: MeshId,
    },
    /// The attestation is not about this key, not of the type that counts, or its attester has no agreement with us.
    #[error("no key is accepted by this attestation of {0}")]
    Attestation(MeshId),
    /// A mesh whose key was not accepted.
    #[error("the mesh {0} is not known here: its key was not accepted")]
    UnknownMesh(MeshId),
    /// Between two others, or by somebody else.
    #[error("{0} is no party of this")]
    NotAParty(MeshId),
    /// Keys that the lineage does not have in force in their role.
    #[error("a key that {mesh} offers is not in force as a {role} key in its lineage")]
    ForeignKey {
        /// Who offers.
        mesh: MeshId,
        /// In which role.
        role: Role,
    },
    /// The proposer used the id for another proposal.
    #[error("{0} is another proposal")]
    IdTaken(ProposalKey),
    /// Two meshes negotiate one thing at a time.
    #[error("{0} is still open between the two meshes")]
    AnotherOpen(ProposalKey),
    /// No such proposal. It may still be on its way.
    #[error("there is no proposal {0}")]
    UnknownProposal(ProposalKey),
    /// The message's time has not come: one of the clocks is wrong.
    #[error("the message's time, {at}, is more than {MAX_SKEW_SECONDS} s after {now}")]
    Ahead {
        /// The message's.
        at: Timestamp,
        /// The receipt's.
        now: Timestamp,
    },
    /// The message is older than what it answers.
    #[error(
        "the message's time, {at}, is more than {MAX_SKEW_SECONDS} s before what it answers, {offer}"
    )]
    BeforeOffer {
        /// The message's.
        at: Timestamp,
        /// The offer's.
        offer: Timestamp,
    },
    /// The proposal's time is over.
    #[error("the proposal expired at {0}")]
    Expired(Timestamp),
    /// The proposal's time is not over.
    #[error("the proposal does not expire before {0}")]
    NotExpired(Timestamp),
    /// The last offer is the responder's own: it is the other party's turn.
    #[error("it is not the turn of {0}, whose offer is the last one")]
    OutOfTurn(MeshId),
    /// What is answered is not the last offer, or not this proposal.
    #[error("the message answers {found}, but the last offer is {expected}")]
    Stale {
        /// What would be answered.
        expected: Blake3Hash,
        /// What is answered.
        found: Blake3Hash,
    },
    /// The negotiation went on for too long.
    #[error("a negotiation has at most {MAX_OFFERS} offers")]
    TooManyOffers,
    /// The agreement in the message is not what was offered.
    #[error("the agreement is not what was offered and accepted")]
    OtherAgreement,
    /// The last offer was accepted: only its maker's signature, or its end, can follow.
    #[error("the last offer was accepted by {0}")]
    Accepted(MeshId),
    /// The negotiation has ended without an agreement.
    #[error("the negotiation has ended without an agreement")]
    Closed,
    /// The negotiation has ended with an agreement.
    #[error("the negotiation has ended with the agreement {0}")]
    Settled(Blake3Hash),
    /// No such agreement.
    #[error("there is no agreement {0}")]
    UnknownAgreement(Blake3Hash),
    /// A notice that was overtaken, or another one under its number.
    #[error("the notice has number {found}, but {expected} is next")]
    Sequence {
        /// The next number.
        expected: u64,
        /// The notice's.
        found: u64,
    },
    /// The agreement is established already.
    #[error("the agreement is established already")]
    Established,
    /// The evidence does not show that both parties' scrolls hold the agreement under a quorum.
    #[error("{0}")]
    NotQuorate(#[from] NotQuorate),
}
