//! "sign-subtree".

use quorate_merkle::{LeafHashes, Proof, Subtree, prove_subtree, root_of_leaf_hashes};
use quorate_note::{CosignSigner, SignedCheckpoint, VerifiedSubtree, base64};
use quorate_witness::{Malformed, Refusal, SignSubtree, SubtreeGranted, grant_subtree};

use crate::support::{Log, Witness, ed_signer, ml_signer, own_keys};

fn cosigned(log: &Log, signers: &[CosignSigner]) -> SignedCheckpoint {
    let durable = Witness::at(log).last.unwrap().durable();
    let lines = signers.iter().map(|s| durable.cosign(s).unwrap());
    durable.published(lines.collect()).unwrap()
}

fn request(log: &Log, start: u64, end: u64, reference: SignedCheckpoint) -> SignSubtree {
    let subtree = Subtree::new(start, end).unwrap();
    let proof = prove_subtree(&subtree, log.leaves.len() as u64, &LeafHashes(&log.leaves)).unwrap();
    let hash = root_of_leaf_hashes(&log.leaves[start as usize..end as usize]);
    SignSubtree::new(subtree, hash, proof, reference)
}

fn post(request: &SignSubtree) -> Result<SubtreeGranted, Refusal> {
    let read = SignSubtree::parse(&request.to_bytes())?;
    assert_eq!(&read, request);
    grant_subtree(&read, true, &own_keys())
}

#[test]
fn w_30_a_subtree_of_a_cosigned_tree_is_signed() {
    let log = Log::of(14);
    let request = request(&log, 8, 13, cosigned(&log, &[ed_signer(), ml_signer()]));
    let granted = post(&request).unwrap();
    assert!(granted.is_by(&ml_signer()));
    assert!(!granted.is_by(&ed_signer()));
    let line = granted.cosign(&ml_signer()).unwrap();
    let key = &own_keys()[1];
    let hash = root_of_leaf_hashes(&log.leaves[8..13]);
    let subtree = Subtree::new(8, 13).unwrap();
    VerifiedSubtree::verify(&line, key, &log.origin, subtree, hash).unwrap();
}

#[test]
fn w_31_an_unknown_origin_is_404() {
    let log = Log::of(14);
    let request = request(&log, 8, 13, cosigned(&log, &[ml_signer()]));
    let refusal = grant_subtree(&request, false, &own_keys()).unwrap_err();
    assert_eq!(refusal.status(), 404);
}

#[test]
fn w_31_a_reference_that_we_did_not_cosign_is_403() {
    let log = Log::of(14);
    for reference in [log.signed(), cosigned(&log, &[ed_signer()])] {
        let refusal = post(&request(&log, 8, 13, reference)).unwrap_err();
        assert_eq!(refusal, Refusal::NotOurs);
        assert_eq!(refusal.status(), 403);
    }
}

#[test]
fn w_31_a_proof_that_does_not_verify_is_422() {
    let log = Log::of(14);
    let good = request(&log, 8, 13, cosigned(&log, &[ml_signer()]));
    let bad = String::from_utf8(good.to_bytes()).unwrap();
    let line = bad.lines().nth(1).unwrap().to_owned();
    let bad = bad.replacen(&line, &base64::encode(&[1; 32]), 1);
    let refusal = post(&SignSubtree::parse(bad.as_bytes()).unwrap()).unwrap_err();
    assert_eq!(refusal.status(), 422);
    let subtree = Subtree::new(8, 13).unwrap();
    let hash = root_of_leaf_hashes(&log.leaves[8..13]);
    let none = SignSubtree::new(
        subtree,
        hash,
        Proof::empty(),
        cosigned(&log, &[ml_signer()]),
    );
    assert_eq!(post(&none).unwrap_err().status(), 422);
}

#[test]
fn w_30_a_subtree_past_the_checkpoint_is_400() {
    let log = Log::of(14);
    let long = Log::of(16);
    let past = request(&long, 8, 16, cosigned(&log, &[ml_signer()]));
    let refusal = post(&past).unwrap_err();
    assert_eq!(refusal, Refusal::SubtreeAboveSize { end: 16, size: 14 });
    assert_eq!(refusal.status(), 400);
}

#[test]
fn w_30_what_is_no_request_is_400() {
    let log = Log::of(14);
    let good = request(&log, 8, 13, cosigned(&log, &[ml_signer()]));
    let good = String::from_utf8(good.to_bytes()).unwrap();
    for first in [
        "subtree 8 8",
        "subtree 9 13",
        "subtree 13 8",
        "subtree 08 13",
        "subtree 8  13",
        "subtree 8 13 ",
        "subtree 8",
        "subtree",
        "old 8",
    ] {
        let bad = good.replacen("subtree 8 13", first, 1);
        let malformed = SignSubtree::parse(bad.as_bytes()).unwrap_err();
        assert_eq!(Refusal::from(malformed).status(), 400, "{first}");
    }
    let no_hash = "subtree 0 1\n\n".to_owned() + &log.signed().to_string();
    assert!(matches!(
        SignSubtree::parse(no_hash.as_bytes()),
        Err(Malformed::Hash { line: 2 })
    ));
}
