//! What the signatures on a checkpoint are over (tlog-cosignature "Format" and the two "signed message" sections).
//!
//! The three messages cannot be mistaken for one another under one Ed25519 key: as a note text, a `cosignature/v1`
//! message would be a checkpoint whose size is `time …`, which is no decimal.

use core::ops::Range;

use quorate_merkle::Hash;

use crate::checkpoint::Checkpoint;
use crate::ed25519;
use crate::mldsa44;
use crate::name::{KeyName, Origin};
use crate::note::SignatureLine;
use crate::signed::SignatureProblem;
use crate::vkey::{KeyKind, PublicKey};

/// The latest time a co-signature may carry, in POSIX seconds: 2^63 − 1 (tlog-cosignature "Format").
pub const MAX_TIMESTAMP: u64 = (1 << 63) - 1;

/// `cosigned_message.label`.
const SUBTREE_LABEL: &[u8; 12] = b"subtree/v1\n\0";

/// The message of a type 04 signature.
pub(crate) fn cosignature_v1(timestamp: u64, checkpoint: &Checkpoint) -> Vec<u8> {
    let text = checkpoint.note_text();
    format!("cosignature/v1\ntime {timestamp}\n{text}").into_bytes()
}

/// The message of a type 06 signature over a whole checkpoint: `cosigned_message` with start 0, end the tree's size
/// and hash its root.
pub(crate) fn subtree_v1(name: &KeyName, timestamp: u64, checkpoint: &Checkpoint) -> Vec<u8> {
    let range = 0..checkpoint.size();
    cosigned_message(
        name,
        timestamp,
        checkpoint.origin(),
        range,
        checkpoint.root(),
    )
}

/// `cosigned_message` of tlog-cosignature "ML-DSA-44 signed message".
pub(crate) fn cosigned_message(
    name: &KeyName,
    timestamp: u64,
    origin: &Origin,
    range: Range<u64>,
    hash: &Hash,
) -> Vec<u8> {
    let mut message = Vec::with_capacity(640);
    message.extend_from_slice(SUBTREE_LABEL);
    message.push(name.length_byte());
    message.extend_from_slice(name.as_str().as_bytes());
    message.extend_from_slice(&timestamp.to_be_bytes());
    message.push(origin.length_byte());
    message.extend_from_slice(origin.as_str().as_bytes());
    message.extend_from_slice(&range.start.to_be_bytes());
    message.extend_from_slice(&range.end.to_be_bytes());
    message.extend_from_slice(hash.as_bytes());
    message
}

/// `timestamped_signature`: 8 bytes of big-endian time, then the signature.
pub(crate) fn timestamped(timestamp: u64, signature: &[u8]) -> Vec<u8> {
    let mut blob = timestamp.to_be_bytes().to_vec();
    blob.extend_from_slice(signature);
    blob
}

/// Verifies a line under a key that it claims. Answers its time, if its type has one.
pub(crate) fn verify(
    key: &PublicKey,
    line: &SignatureLine,
    checkpoint: &Checkpoint,
) -> Result<Option<u64>, SignatureProblem> {
    match key {
        PublicKey::Ed25519(key) => {
            let signature: &[u8; ed25519::SIGNATURE_LEN] = sized(KeyKind::Ed25519, line)?;
            key.verify(checkpoint.note_text().as_bytes(), signature)?;
            Ok(None)
        }
        PublicKey::Ed25519Cosignature(key) => {
            let blob: &[u8; 8 + ed25519::SIGNATURE_LEN] = sized(KeyKind::Ed25519Cosignature, line)?;
            let (timestamp, signature) = split(blob)?;
            key.verify(&cosignature_v1(timestamp, checkpoint), signature)?;
            Ok(Some(timestamp))
        }
        PublicKey::MlDsa44(key) => {
            let blob: &[u8; 8 + mldsa44::SIGNATURE_LEN] = sized(KeyKind::MlDsa44, line)?;
            let (timestamp, signature) = split(blob)?;
            key.verify(&subtree_v1(line.name(), timestamp, checkpoint), signature)?;
            Ok(Some(timestamp))
        }
    }
}

pub(crate) fn sized<const N: usize>(
    kind: KeyKind,
    line: &SignatureLine,
) -> Result<&[u8; N], SignatureProblem> {
    let found = line.signature().len();
    line.signature()
        .try_into()
        .map_err(|_| SignatureProblem::Length {
            kind,
            expected: N,
            found,
        })
}

pub(crate) fn split<const N: usize>(blob: &[u8]) -> Result<(u64, &[u8; N]), SignatureProblem> {
    let (timestamp, signature) = blob.split_first_chunk().ok_or(SignatureProblem::Bad)?;
    let timestamp = u64::from_be_bytes(*timestamp);
    if timestamp > MAX_TIMESTAMP {
        return Err(SignatureProblem::Timestamp { timestamp });
    }
    let signature = signature.try_into().map_err(|_| SignatureProblem::Bad)?;
    Ok((timestamp, signature))
}
