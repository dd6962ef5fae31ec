//! C2SP signed notes, verifier keys, checkpoints, co-signatures and tlog-proofs.
//!
//! Specs implemented, at C2SP commit `5ba5ee8` (2026-07-22):
//! - `signed-note`: notes, signature lines, verifier keys (vkeys);
//! - `tlog-checkpoint`: the three lines of a checkpoint and the log's signature;
//! - `tlog-cosignature`: Ed25519 (`cosignature/v1`) and ML-DSA-44 (`subtree/v1`, for checkpoints and subtrees);
//! - `tlog-proof`: `.tlog-proof` files.
//!
//! # In scope
//! - Signature types 01 (Ed25519 over the note), 04 (Ed25519 co-signature) and 06 (ML-DSA-44 co-signature, which
//!   logs use for their own signature too). signed-note asks for no more types than the design needs.
//! - [`SignedNote`] → [`SignedCheckpoint`] → [`VerifiedCheckpoint`] → [`VerifiedCosignature`]: bytes gain trust one
//!   check at a time, and each type has one constructor, the check.
//! - [`LogKey`] and [`WitnessKey`]: keys bound to the one role in which they may count.
//! - [`LogSigner`] and [`CosignSigner`]: signing a re-encoding of a typed checkpoint, never foreign bytes.
//! - [`ed25519`] and [`mldsa44`]: the acceptance rules of the whole product.
//! - [`base64`] and [`decimal`]: canonical encodings.
//!
//! # Out of scope
//! Inclusion and consistency (`quorate-merkle`), which sets of witnesses suffice (`quorate-policy`), who may sign
//! what and when (the callers: a log must remember what it signed, a witness must check consistency first) and signature
//! types 02, 03 and 05.
//!
//! # Stricter than the specs
//! Extension lines are refused: nobody can audit them, and the two co-signature formats disagree about signing them.
//! Base64 and decimals must be canonical. A (name, key ID) pair may sign a note once. Names have at most 255 bytes
//! and no control characters. A note has at most [`MAX_NOTE_LEN`] bytes and [`MAX_SIGNATURES`] signatures.
//!
//! Pure: no I/O, clock, randomness or threads.

#![forbid(unsafe_code)]

pub mod base64;
mod checkpoint;
mod claims;
mod cosigned;
pub mod decimal;
pub mod ed25519;
mod message;
pub mod mldsa44;
mod name;
mod note;
mod role;
mod signed;
mod signer;
mod tlog_proof;
mod verified;
mod vkey;

pub use checkpoint::{Checkpoint, CheckpointError, HeadHash, ParseHeadHashError};
pub use cosigned::{CosignedCheckpoint, VerifiedSubtree};
pub use message::MAX_TIMESTAMP;
pub use name::{KeyId, KeyName, MAX_NAME_LEN, NameError, Origin};
pub use note::{
    MAX_NOTE_LEN, MAX_SIGNATURES, NoteError, NoteSignatureError, SignatureLine, SignatureLineError,
    SignedNote, VerifiedNote,
};
pub use role::{LogKey, WitnessKey, WrongRole};
pub use signed::{LogSignatureError, SignatureProblem, SignedCheckpoint, SignedCheckpointError};
pub use signer::{CosignSigner, KeeperError, KeyKeeper, LogSigner, SignError};
pub use tlog_proof::{MAX_EXTRA_LEN, MAX_TLOG_PROOF_LEN, TlogProof, TlogProofError};
pub use verified::{CarryError, CosignatureError, VerifiedCheckpoint, VerifiedCosignature};
pub use vkey::{KeyKind, PublicKey, VerifierKey, VerifierKeyError};

/// A signature does not verify under this key over this message. Whoever made or carried it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;
