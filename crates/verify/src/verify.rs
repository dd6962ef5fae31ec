//! The steps of tlog-proof "Verifying a tlog proof", in their order.

use quorate_merkle::{leaf_hash, verify_inclusion};
use quorate_note::TlogProof;
use quorate_policy::Policy;
use quorate_receipt::{Receipt, Sealed};

use crate::erasure::Erasure;
use crate::error::VerifyError;
use crate::report::{Extra, Report};

/// Verifies that `entry`, byte for byte, is in a log that `policy` trusts, under a checkpoint that the
/// policy's quorum has witnessed (or that nobody had to, under `quorum none`: the report says which).
///
/// `entry` is taken exactly as it is: a receipt read from a file with a final newline is another entry.
///
/// The proof's `extra` is unauthenticated. For an entry that is a Quorate receipt it must be absent or be
/// an [`Erasure`] that verifies; for any other entry an `extra` that is not an erasure is left
/// uninterpreted and the report says so.
///
/// # Errors
/// [`VerifyError`]; its [`code`](VerifyError::code) is stable. Everything but
/// [`VerifyError::MissingLog`] is the fault of whoever made the proof, or of a policy for another log.
pub fn verify_entry(proof: &[u8], entry: &[u8], policy: &Policy) -> Result<Report, VerifyError> {
    // Nothing is trusted by default: without a `log` line no signature can make a checkpoint count.
    if policy.logs().is_empty() {
        return Err(VerifyError::MissingLog);
    }
    let proof = TlogProof::parse(proof)?;

    // 1. "Compute the leaf hash. This step is application specific." Here: RFC 6962, over the entry.
    let leaf = leaf_hash(entry);

    // 2. "Check that the checkpoint origin line is acceptable, and that the checkpoint is signed by a log
    //    public key configured for that origin line."
    // 3. "Verify all cosignatures for witnesses known to the verifier", then the quorum.
    let (checkpoint, verdict) = policy.verify(proof.checkpoint)?;

    // 4. "Check that the inclusion proof is valid, to bind the leaf hash computed in step 1 to the the
    //    root hash of the signed checkpoint."
    let (size, root) = (
        checkpoint.checkpoint().size(),
        *checkpoint.checkpoint().root(),
    );
    if proof.index >= size {
        return Err(VerifyError::IndexOutOfRange {
            index: proof.index,
            size,
        });
    }
    verify_inclusion(proof.index, &leaf, size, &root, &proof.proof)
        .map_err(VerifyError::NotIncluded)?;

    let receipt = Receipt::parse_canonical(entry).ok();
    let sealed = receipt
        .as_ref()
        .and_then(|receipt| receipt.get(Sealed::MEMBER))
        .and_then(|value| Sealed::from_value(value).ok());
    let extra = match proof.extra.as_deref() {
        None => Extra::Absent,
        // An extra that claims an erasure must prove it, whatever the entry is. Beside a receipt it can
        // be nothing else, so that a damaged one is an error and not a silence.
        Some(extra) if receipt.is_some() || Erasure::claims(extra) => {
            let erased =
                Erasure::parse(extra)?.verify(proof.index, sealed.as_ref(), size, &root)?;
            Extra::Erased(erased)
        }
        Some(extra) => Extra::NotInterpreted { len: extra.len() },
    };
    Ok(Report {
        index: proof.index,
        leaf,
        verdict,
        sealed,
        extra,
    })
}
