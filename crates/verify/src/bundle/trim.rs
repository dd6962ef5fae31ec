//! The checkpoint of a bundle: what its reader's policy asks for, and no more.

use quorate_note::{SignedCheckpoint, VerifiedCosignature};
use quorate_policy::{Policy, Verdict};

use crate::error::VerifyError;

/// The checkpoint with the lines of the policy's log keys and, of its witnesses' co-signatures, as many as make the quorum, which
/// are none under `quorum none`.
///
/// # Errors
/// [`VerifyError`]: the checkpoint does not count for this policy.
pub fn trimmed(
    checkpoint: &SignedCheckpoint,
    policy: &Policy,
) -> Result<SignedCheckpoint, VerifyError> {
    let head = checkpoint
        .verify_log(&policy.log_keys())
        .map_err(VerifyError::Log)?;
    let mut kept: Vec<VerifiedCosignature> = head
        .cosignatures(&policy.witness_keys())
        .map_err(VerifyError::Cosignature)?;
    let verdict = policy
        .evaluate(&head, &kept)
        .map_err(VerifyError::NotQuorate)?;
    if matches!(verdict, Verdict::Unwitnessed(_)) {
        kept.clear();
    }
    let mut n = kept.len();
    while n > 0 {
        n -= 1;
        let without = kept.remove(n);
        if policy.evaluate(&head, &kept).is_err() {
            kept.insert(n, without);
        }
    }
    // Lines that stood in one note can stand in a smaller one.
    Ok(head
        .with_cosignatures(&kept)
        .unwrap_or_else(|_| checkpoint.clone()))
}
