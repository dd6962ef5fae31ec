//! The offline verifier: a `.tlog-proof`, the entry it is about and a policy in; a typed report out.
//!
//! Spec revision: C2SP commit `5ba5ee8` (2026-07-22), `tlog-proof.md` ("Verifying a tlog proof") and
//! `tlog-policy.md`.
//!
//! In scope:
//! - the four steps of tlog-proof, in [`verify_entry`]: leaf hash of the exact entry bytes, the log's
//!   signature, every co-signature by a known witness with the policy's quorum, inclusion;
//! - the proof's `extra` line where Quorate writes one: the receipt that erased a sealed entry's content,
//!   proven included in the same checkpoint ([`Erasure`]);
//! - bundles of execution lineage under a trust anchor ([`bundle`], [`anchor`]): every receipt of a session signed by a key
//!   that the anchor knows, in order, complete, recorded by a log whose head counts;
//! - saying what was proven, by whom, under which verdict, and what was *not* proven ([`Report`]), as
//!   text ([`Report`]'s `Display`) and as JSON ([`Report::view`]).
//!
//! Out of scope: fetching anything, judging whether timestamps are fresh, what a receipt means to its
//! engine (but for provenance), signatures inside an entry that is verified by itself.
//!
//! Pure: no I/O, clock, randomness or threads; builds for wasm32. Trusts no server: everything that is
//! trusted is in the policy the caller passes in.
#![forbid(unsafe_code)]

pub mod anchor;
pub mod bundle;
mod erasure;
mod error;
mod report;
mod text;
mod verify;
pub mod view;

pub use erasure::{ContentErased, Erasure, ErasureError, MAX_ERASURE_LEN};
pub use error::VerifyError;
pub use report::{Extra, Report, not_proven_of};
pub use text::{HeadText, VerdictText};
pub use verify::verify_entry;
