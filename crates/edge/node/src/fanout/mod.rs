//! Fan-out: each new head goes to the witnesses of the node's policy, and what they make quorate is published.
//!
//! [`plan`] decides and is pure; [`client`] asks one witness; [`task`] runs both for a scroll; [`standing`] is what others
//! see of it.
//!
//! # What holds
//! - Only a `QuorumMet` becomes a quorate head: enough witnesses of the policy co-signed this very checkpoint (R1).
//! - It is stored before it is shown (R2), never rolled back, and judged again by the policy of the day at each start.
//! - After a start nothing new is signed before the witnesses have said what they remember ([`recall`], R2). If one claims
//!   more than this node ever signed, then or later, nothing new is signed until an operator resumes the scroll.
//! - So a witness can withhold its co-signature, and it can halt a log; it can make nothing be signed or shown. What it
//!   answers is verified, bounded in size and time, and a forged line rejects only its own answer.

mod audience;
mod client;
#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod halt_tests;
#[cfg(test)]
mod health_tests;
mod plan;
#[cfg(test)]
mod plan_tests;
mod quorum;
mod recall;
mod remote;
mod roster;
mod standing;
mod task;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub(crate) use audience::Audience;
pub(crate) use client::{Client, Limits};
pub(crate) use quorum::NodeQuorum;
pub use quorum::QuorumError;
pub(crate) use recall::Gate;
pub use remote::RemoteError;
pub(crate) use roster::{Roster, Trouble};
pub(crate) use standing::Witnessing;
pub(crate) use task::{Fanout, judged_again};
