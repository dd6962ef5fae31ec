//! Quorum policies: which logs are known, which witnesses are known, and which sets of witnesses are
//! strong enough. C2SP tlog-policy and its ancestor, the sigsum policy file, become one validated tree.
//!
//! Spec revision: C2SP commit `5ba5ee8` (2026-07-22), `tlog-policy.md`; sigsum-go `doc/policy.md` at
//! `192b553` (2026-05-06).
//!
//! In scope:
//! - the two grammars, told apart by how a file writes its keys ([`Dialect`]); mixing them is refused;
//! - the structure: 1 ≤ k ≤ n, each key once, each name a member once in the whole file, backward
//!   references only, one `quorum` line ([`PolicyBuilder`] holds every rule, [`Policy::parse`] adds line
//!   and column);
//! - evaluation over *verified* co-signatures of *one* checkpoint, which answers with a [`QuorumMet`]
//!   value and never with a `bool` ([`Policy::evaluate`], [`Policy::verify`]);
//! - writing a policy for others to use ([`Policy::render`]) and walking its tree ([`Policy::quorum`]);
//! - what a policy is worth: how few failure domains forge or stop its quorum, by labels that somebody
//!   gave its witnesses ([`Policy::failure_domains`]), and whether whatever satisfies it satisfies another
//!   ([`Policy::implies`]). Both are exact or say that they are not, and neither accepts a checkpoint.
//!
//! Out of scope: checking signatures (quorate-note does), inclusion proofs (quorate-verify does), where
//! URLs lead, whether timestamps are fresh (an application's question, tlog-proof "Use of timestamps"),
//! and whether two witnesses really fail independently: a policy counts keys, it cannot see who holds
//! them, and labels are claims.
//!
//! Pure: no I/O, clock, randomness or threads.
#![forbid(unsafe_code)]

mod builder;
#[cfg(feature = "domains-file")]
mod domains_file;
mod double_vote;
mod error;
mod evaluate;
mod failure_domains;
mod implies;
mod label;
mod name;
mod overlap;
mod parse;
mod policy;
mod render;
mod search;
mod tally;
mod tree;

pub use builder::PolicyBuilder;
#[cfg(feature = "domains-file")]
pub use domains_file::{Domains, DomainsError, DomainsErrorKind, MAX_DOMAINS_LEN, read_domains};
pub use double_vote::DoubleVote;
pub use error::{PolicyError, PolicyErrorKind, Role, Statement};
pub use evaluate::{
    CheckpointRefused, NotQuorate, QuorumMet, Shortfall, Signer, Unwitnessed, Verdict,
};
pub use failure_domains::{Domain, FailureDomains, Fewest, KindReport};
pub use implies::{Comparison, Implication, LogGap};
pub use label::{DomainKind, Label, LabelError, Labels, MAX_LABEL_LEN};
pub use name::{Name, NameError, Url};
pub use parse::{MAX_POLICY_LEN, Place, Reading};
pub use policy::{
    Dialect, Group, Log, MAX_GROUP_DEPTH, Node, NodeKind, Policy, Quorum, Threshold, Witness,
};
pub use search::MAX_SEARCH_WORK;
pub use tally::{Tally, TallyKind, TallyRow};
