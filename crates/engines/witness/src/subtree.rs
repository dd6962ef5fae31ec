//! tlog-witness "sign-subtree": vouching for a part of a tree that was co-signed before. Needs no memory: the request
//! brings the co-signature.

use quorate_merkle::{Hash, Proof, Subtree, verify_subtree};
use quorate_note::{
    Checkpoint, CosignSigner, CosignedCheckpoint, KeyKind, Origin, SignError, SignatureLine,
    SignedCheckpoint, WitnessKey, base64, decimal,
};

use crate::refusal::Refusal;
use crate::request::{Lines, Malformed};

/// A request to sign a subtree. Well-formed; nothing about it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignSubtree {
    subtree: Subtree,
    hash: Hash,
    proof: Proof,
    reference: SignedCheckpoint,
}

impl SignSubtree {
    /// Puts a request together. `reference` carries the witness's co-signature.
    #[must_use]
    pub fn new(subtree: Subtree, hash: Hash, proof: Proof, reference: SignedCheckpoint) -> Self {
        Self {
            subtree,
            hash,
            proof,
            reference,
        }
    }

    /// Reads a request body.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let mut lines = Lines::new(body)?;
        let expected = "subtree <start> <end>";
        let first = lines
            .next()
            .and_then(range)
            .ok_or(Malformed::FirstLine { expected })?;
        let subtree = Subtree::new(first.0, first.1)?;
        let hash = lines.next().ok_or(Malformed::NoEmptyLine)?;
        let hash = lines.hash(hash)?;
        let proof = lines.proof()?;
        let reference = SignedCheckpoint::parse(lines.rest())?;
        Ok(Self {
            subtree,
            hash,
            proof,
            reference,
        })
    }

    /// The request's bytes. [`parse`](Self::parse) reads them back as the same value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (start, end) = (self.subtree.start(), self.subtree.end());
        let mut body = format!("subtree {start} {end}\n").into_bytes();
        for hash in std::iter::once(&self.hash).chain(self.proof.hashes()) {
            body.extend_from_slice(base64::encode(hash.as_bytes()).as_bytes());
            body.push(b'\n');
        }
        body.push(b'\n');
        body.extend_from_slice(&self.reference.to_bytes());
        body
    }

    /// The log it is about.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        self.reference.checkpoint_unverified().origin()
    }
}

fn range(line: &[u8]) -> Option<(u64, u64)> {
    let rest = line.strip_prefix(b"subtree ")?;
    let at = rest.iter().position(|b| *b == b' ')?;
    let (start, end) = rest.split_at_checked(at)?;
    let start = decimal::parse_u64(start).ok()?;
    Some((start, decimal::parse_u64(end.get(1..)?).ok()?))
}

/// A subtree that is part of a tree this witness co-signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubtreeGranted {
    reference: CosignedCheckpoint,
    subtree: Subtree,
    hash: Hash,
}

impl SubtreeGranted {
    /// The tree that was co-signed.
    #[must_use]
    pub fn reference(&self) -> &Checkpoint {
        self.reference.checkpoint()
    }

    /// Whether `signer` is one of the keys that co-signed the tree: subtrees are signed by the same (W-32).
    #[must_use]
    pub fn is_by(&self, signer: &CosignSigner) -> bool {
        let keys = self.reference.keys();
        keys.iter()
            .any(|key| key.verifier_key() == Some(signer.verifier_key()))
    }

    /// Signs the subtree, with time 0.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn cosign(&self, signer: &CosignSigner) -> Result<SignatureLine, SignError> {
        let origin = self.reference.checkpoint().origin();
        signer.cosign_subtree(origin, &self.subtree, &self.hash)
    }
}

/// The checks of sign-subtree, in the order 404, 403, 400, 422. `known` says whether the log is followed; `own` are the
/// witness's keys.
///
/// # Errors
/// [`Refusal`].
pub fn grant_subtree(
    request: &SignSubtree,
    known: bool,
    own: &[WitnessKey],
) -> Result<SubtreeGranted, Refusal> {
    if !known {
        return Err(Refusal::UnknownLog {
            origin: request.origin().clone(),
        });
    }
    // A type 04 co-signature on the reference says nothing for a type 06 key, so only those are looked for.
    let own: Vec<WitnessKey> = own
        .iter()
        .filter(|key| key.kind() == KeyKind::MlDsa44)
        .cloned()
        .collect();
    let Ok(Some(reference)) = request.reference.verify_cosigned(&own) else {
        return Err(Refusal::NotOurs);
    };
    let checkpoint = reference.checkpoint();
    let (end, size) = (request.subtree.end(), checkpoint.size());
    if end > size {
        return Err(Refusal::SubtreeAboveSize { end, size });
    }
    verify_subtree(
        &request.subtree,
        &request.hash,
        size,
        checkpoint.root(),
        &request.proof,
    )
    .map_err(Refusal::BadProof)?;
    Ok(SubtreeGranted {
        reference,
        subtree: request.subtree,
        hash: request.hash,
    })
}
