//! Federation: how two sovereign meshes say who they are, negotiate terms, sign one agreement, and what it lets each of
//! them call (VAULTMESH-FEDERATION-PROTOCOL, 2025-12: §1.3, §2, §3, §5.1).
//!
//! In scope
//! - the messages, typed, each with its one written form: discovery records and attestations (§3.1), proposals (§3.2),
//!   counter-proposals, acceptances, rejections, withdrawals and expiries (§3.3), agreements (§3.4), and notices of
//!   revocation and suspension; what each signature covers, and by which key it counts;
//! - the Federation scroll: [`State`] is what its receipts come to, [`decide`] and [`receive`] say which receipt and
//!   which message follows from a command or from a peer's message;
//! - the trust levels: [`permit::TABLE`] has what each call needs, and a [`Permit`] is the leave for one call.
//!
//! Receipts of the Federation scroll ([`Record`]), beside the documents' `fed_trust_proposal`, `fed_trust_established`
//! and `fed_trust_revoked`:
//! - `fed_mesh_key`: one event of a mesh's key lineage, our own or a peer's; the first one says what the key is
//!   accepted by, so that the scroll proves its signatures by itself;
//! - `fed_proposal_countered`, `fed_proposal_accepted`, `fed_proposal_rejected`, `fed_proposal_withdrawn`,
//!   `fed_proposal_expired`: a response, ours or the peer's, as it was signed. An acceptance is recorded by whoever
//!   gives it;
//! - `fed_agreement_signed`: the agreement with both signatures. `fed_trust_established` follows when it is quorate in
//!   both scrolls, with the evidence;
//! - `fed_trust_suspended`, `fed_trust_resumed`: a notice, ours or the peer's.
//!
//! How two sides come to one outcome
//! - A negotiation is named by its proposer and the proposal's id. Offers alternate; each answer names the offer that
//!   it answers by hash, so what is repeated, overtaken or altered is known as such.
//! - Whoever accepts signs first and is bound until the offer's maker signs, or ends the negotiation; that signature is
//!   the one moment at which an agreement comes to be. Half-signed counts as nothing.
//! - Ends that cross are recorded by both. Proposals that cross have one winner, by what both see: the earlier one, or
//!   on a tie the one of the proposer whose name sorts first; the other one is withdrawn.
//! - [`Negotiation::latest_by`] is what a node sends again until it is taken, after a crash as well: it follows from
//!   the receipts.
//!
//! The documents' shapes and names are kept. Added are: `lineage_head` and, beside what is signed, `lineage`,
//! `issued_at` and `signature` in discovery records; `mesh_id`, `public_key` and `signature` in attestations; `keys`
//! (federation key, log keys, quorum policy) and `lineage_head` in proposals; `keys`, `proposer` and `in_reply_to` in
//! responses; `proposal_id`, `offer`, `log_vkeys` and `quorum_policies` in agreements.
//!
//! Out of scope
//! - which name belongs to which lineage: a message proves its keys, never its name (R6); that a caller is the peer
//!   that it says, which the connection proves;
//! - witnessing, cross-anchors and discrepancies; transport, storage, keeping keys, reading a clock, drawing
//!   randomness.
#![forbid(unsafe_code)]

mod agreement;
mod bond;
mod decide;
mod discovery;
mod fields;
mod introduced;
mod invalid;
mod keys;
mod level;
pub mod limits;
mod malformed;
mod negotiation;
mod notice;
mod outgoing;
pub mod permit;
mod proposal;
mod quorate;
mod receive;
mod record;
mod response;
mod signed;
mod state;
mod terms;
mod text;

pub use agreement::{
    AgreementBody, FederationAgreement, HalfSigned, Party, PartySignature, SignedAgreement,
};
pub use bond::Bond;
pub use decide::{Command, Decision, Proposing, Refusal, Us, decide};
pub use discovery::{Attestation, DiscoveryRecord, NotAdmitted, TrustPolicy};
pub use introduced::{Introduced, LineageHead, NamesLineage, NotProven, SelfProven};
pub use invalid::Invalid;
pub use keys::{PartyKeys, QuorumPolicy};
pub use level::TrustLevel;
pub use malformed::Malformed;
pub use negotiation::{Negotiation, Standing};
pub use notice::{Change, Notice, Scope};
pub use outgoing::{AnyMessage, Outgoing};
pub use permit::{Forbidden, Permit};
pub use proposal::{ProposalKey, ProposerAttestations, TrustProposal};
pub use quorate::{NotQuorate, Quorate};
pub use receive::{Incoming, receive};
pub use record::{AcceptedBy, Record};
pub use response::{Answer, Closing, Response};
pub use signed::{Message, NotVerified, SignError, Signed, Verified};
pub use state::{KnownMesh, State};
pub use terms::{CounterTerms, Frequency, Terms};
pub use text::{AgreementId, EndpointUrl, MeshId, Name, Proof, ProposalId, Remark, TextError};
