//! Federation: how two sovereign meshes say who they are, negotiate terms and sign one agreement
//! (VAULTMESH-FEDERATION-PROTOCOL, 2025-12: §1.3, §3).
//!
//! In scope
//! - the messages, typed, each with its one written form: discovery records and attestations (§3.1), proposals (§3.2),
//!   counter-proposals, acceptances, rejections, withdrawals and expiries (§3.3), agreements (§3.4), and notices of
//!   revocation and suspension;
//! - what each signature covers and by which key it counts.
//!
//! The documents' shapes and names are kept. Added are: `lineage_head` and, beside what is signed, `lineage`, `issued_at`
//! and `signature` in discovery records; `mesh_id`, `public_key` and `signature` in attestations; `keys` (federation key,
//! log keys, quorum policy) in offers; `proposer` and `in_reply_to` in responses; `proposal_id`, `offer`, `log_vkeys` and
//! `quorum_policies` in agreements.
//!
//! Out of scope
//! - which name belongs to which lineage: a message proves its keys, never its name (R6);
//! - transport, storage, keeping keys, reading a clock, drawing randomness.
#![forbid(unsafe_code)]

mod agreement;
mod discovery;
mod fields;
mod introduced;
mod keys;
mod level;
pub mod limits;
mod malformed;
mod notice;
mod proposal;
mod response;
mod signed;
mod terms;
mod text;

pub use agreement::{
    AgreementBody, FederationAgreement, HalfSigned, Party, PartySignature, SignedAgreement,
};
pub use discovery::{Attestation, DiscoveryRecord, NotAdmitted, TrustPolicy};
pub use introduced::{Introduced, LineageHead, NamesLineage, NotProven, SelfProven};
pub use keys::{PartyKeys, QuorumPolicy};
pub use level::TrustLevel;
pub use malformed::Malformed;
pub use notice::{Change, Notice, Scope};
pub use proposal::{ProposalKey, ProposerAttestations, TrustProposal};
pub use response::{Answer, Closing, Response};
pub use signed::{Message, NotVerified, SignError, Signed, Verified};
pub use terms::{CounterTerms, Frequency, Terms};
pub use text::{AgreementId, EndpointUrl, MeshId, Name, Proof, ProposalId, Remark, TextError};
