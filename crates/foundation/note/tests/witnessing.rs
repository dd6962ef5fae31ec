//! What a witness needs beyond co-signing: keys kept elsewhere, subtrees, its own signatures, logs whose key name is
//! not their origin. Clauses of C2SP tlog-cosignature and tlog-witness at commit `5ba5ee8`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{
    ORIGIN, TIME, checkpoint, checkpoint_of, ed_log, ed_secret, ed_witness, line, ml_log,
    ml_witness, name, verified, with_lines, witness_key,
};
use quorate_merkle::{Subtree, leaf_hash};
use quorate_note::{
    CosignSigner, CosignatureError, KeeperError, KeyKeeper, LogKey, LogSignatureError, LogSigner,
    Origin, PublicKey, SignError, SignatureLine, SignatureProblem, SignedCheckpoint,
    VerifiedSubtree, VerifierKey, WitnessKey, ed25519,
};

struct Keeper(ed25519::SecretKey);

impl KeyKeeper for Keeper {
    fn sign(&self, _: &ed25519::PublicKey, message: &[u8]) -> Result<[u8; 64], KeeperError> {
        Ok(self.0.sign(message))
    }
}

struct Absent;

impl KeyKeeper for Absent {
    fn sign(&self, _: &ed25519::PublicKey, _: &[u8]) -> Result<[u8; 64], KeeperError> {
        Err(KeeperError {
            reason: "the card is not in the reader".to_owned(),
        })
    }
}

#[test]
fn a_kept_key_signs_what_the_same_key_in_memory_signs() {
    let kept = CosignSigner::kept_ed25519(
        name("w3.example"),
        ed_secret(3).public(),
        Arc::new(Keeper(ed_secret(3))),
    );
    let in_memory = ed_witness(3);
    assert_eq!(kept.verifier_key(), in_memory.verifier_key());
    assert_eq!(
        kept.cosign(&verified(), TIME).unwrap(),
        in_memory.cosign(&verified(), TIME).unwrap()
    );
}

#[test]
fn what_a_keeper_signs_with_another_key_is_never_used() {
    let kept = CosignSigner::kept_ed25519(
        name("w3.example"),
        ed_secret(3).public(),
        Arc::new(Keeper(ed_secret(4))),
    );
    assert!(matches!(
        kept.cosign(&verified(), TIME),
        Err(SignError::NotByTheKey { .. })
    ));
}

#[test]
fn a_keeper_that_is_away_is_named_as_the_reason() {
    let kept =
        CosignSigner::kept_ed25519(name("w3.example"), ed_secret(3).public(), Arc::new(Absent));
    let error = kept.cosign(&verified(), TIME).unwrap_err();
    assert!(error.to_string().contains("not in the reader"), "{error}");
}

fn subtree() -> Subtree {
    Subtree::new(8, 13).unwrap()
}

#[test]
fn w_32_a_subtree_is_signed_with_type_06_and_time_0() {
    let signer = ml_witness(5);
    let origin = Origin::new(ORIGIN).unwrap();
    let hash = leaf_hash(b"subtree");
    let signed = signer.cosign_subtree(&origin, &subtree(), &hash).unwrap();
    assert_eq!(signed.signature()[..8], [0; 8]);
    let key = witness_key(signer.verifier_key());
    let verified = VerifiedSubtree::verify(&signed, &key, &origin, subtree(), hash).unwrap();
    assert_eq!(verified.subtree(), subtree());

    let other = Subtree::new(8, 12).unwrap();
    let elsewhere = Origin::new("other.example").unwrap();
    let bad = [
        VerifiedSubtree::verify(&signed, &key, &origin, other, hash),
        VerifiedSubtree::verify(&signed, &key, &elsewhere, subtree(), hash),
        VerifiedSubtree::verify(&signed, &key, &origin, subtree(), leaf_hash(b"other")),
    ];
    for result in bad {
        let bad = matches!(
            result,
            Err(CosignatureError::Invalid {
                problem: SignatureProblem::Bad,
                ..
            })
        );
        assert!(bad);
    }
}

#[test]
fn w_32_type_04_keys_sign_no_subtrees() {
    let origin = Origin::new(ORIGIN).unwrap();
    assert!(matches!(
        ed_witness(5).cosign_subtree(&origin, &subtree(), &leaf_hash(b"x")),
        Err(SignError::NoSubtrees { .. })
    ));
}

/// tlog-cosignature "ML-DSA-44 signed message": a time other than 0 is a statement about a whole tree.
#[test]
fn l_11_a_subtree_line_with_a_time_is_refused() {
    let signer = ml_witness(5);
    let key = witness_key(signer.verifier_key());
    let whole = signer.cosign(&verified(), TIME).unwrap();
    let checkpoint = checkpoint();
    let prefix = Subtree::prefix(checkpoint.size()).unwrap();
    assert!(matches!(
        VerifiedSubtree::verify(
            &whole,
            &key,
            checkpoint.origin(),
            prefix,
            *checkpoint.root()
        ),
        Err(CosignatureError::Invalid {
            problem: SignatureProblem::Timestamp { timestamp: TIME },
            ..
        })
    ));
}

/// A subtree that is a whole tree is no co-signature of that tree: it carries no time.
#[test]
fn w_21_a_subtree_signature_is_no_cosignature() {
    let signer = ml_witness(5);
    let key = witness_key(signer.verifier_key());
    let head = checkpoint();
    let prefix = Subtree::prefix(head.size()).unwrap();
    let signed = signer
        .cosign_subtree(head.origin(), &prefix, head.root())
        .unwrap();
    assert!(verified().cosignatures_in(&[signed], &[key]).is_err());
}

#[test]
fn a_witness_finds_its_own_signature_without_the_logs() {
    let (ed, ml) = (ed_witness(5), ml_witness(6));
    let keys = [&ed, &ml].map(|s| witness_key(s.verifier_key()));
    let lines = vec![
        ed.cosign(&verified(), TIME).unwrap(),
        ml.cosign(&verified(), TIME).unwrap(),
    ];
    let signed = SignedCheckpoint::new(checkpoint(), lines).unwrap();
    let own = signed.verify_cosigned(&keys).unwrap().unwrap();
    assert_eq!(own.keys(), keys);
    assert_eq!(own.checkpoint(), &checkpoint());
    let stranger = witness_key(ed_witness(7).verifier_key());
    assert_eq!(signed.verify_cosigned(&[stranger]).unwrap(), None);
}

/// The message of a co-signature does not name its witness (tlog-cosignature "Format"), and a key without a name is
/// claimed under every name: one signature can be copied into as many lines as one likes.
#[test]
fn a_key_that_has_several_lines_co_signed_once() {
    let one = ed_witness(5).cosign(&verified(), TIME).unwrap();
    let under = |other: &str| {
        let key = PublicKey::Ed25519Cosignature(ed_secret(5).public());
        line(&VerifierKey::new(name(other), key), one.signature())
    };
    let lines = vec![one.clone(), under("a.example"), under("b.example")];
    let raw = WitnessKey::from_raw_ed25519(*ed_secret(5).public().as_bytes()).unwrap();
    let found = with_lines(lines).verify_cosigned(std::slice::from_ref(&raw));
    assert_eq!(found.unwrap().unwrap().keys(), [raw]);
}

#[test]
fn a_line_that_claims_the_witness_and_fails_is_an_error() {
    let ed = ed_witness(5);
    let forged = line(ed.verifier_key(), &[7; 72]);
    let key = witness_key(ed.verifier_key());
    assert!(with_lines(vec![forged]).verify_cosigned(&[key]).is_err());
}

fn under_another_name() -> (LogSigner, SignatureLine) {
    let signer = LogSigner::ed25519(name("short-name"), ed_secret(1));
    let text = checkpoint().note_text();
    let signature = ed_secret(1).sign(text.as_bytes());
    let line = line(signer.verifier_key(), &signature);
    (signer, line)
}

/// tlog-checkpoint "Signatures": the key name SHOULD be the origin; sum.golang.org's is not.
#[test]
fn a_log_key_may_be_bound_to_an_origin_that_is_not_its_name() {
    let (signer, line) = under_another_name();
    let vkey = signer.verifier_key().clone();
    let signed = SignedCheckpoint::new(checkpoint(), vec![line.clone()]).unwrap();

    let unbound = LogKey::try_from(vkey.clone()).unwrap();
    assert!(matches!(
        signed.verify_log(&[unbound]),
        Err(LogSignatureError::UnknownLog { .. })
    ));
    let bound = LogKey::for_origin(vkey.clone(), Origin::new(ORIGIN).unwrap()).unwrap();
    assert_eq!(
        signed
            .verify_log(std::slice::from_ref(&bound))
            .unwrap()
            .signed_by(),
        std::slice::from_ref(&bound)
    );

    let elsewhere = LogKey::for_origin(vkey, Origin::new("other.example").unwrap()).unwrap();
    assert!(matches!(
        signed.verify_log(&[elsewhere]),
        Err(LogSignatureError::UnknownLog { .. })
    ));
    let other = SignedCheckpoint::new(checkpoint_of("short-name", 7), vec![line]).unwrap();
    assert!(other.verify_log(&[bound]).is_err());
}

/// A type 06 line under another name than the origin is a witness's co-signature, not the log's signature.
#[test]
fn a_key_of_type_06_is_not_bound_to_another_origin() {
    let vkey = ml_log().verifier_key().clone();
    assert!(LogKey::for_origin(vkey.clone(), Origin::new("other.example").unwrap()).is_err());
    assert!(LogKey::for_origin(vkey, Origin::new(ORIGIN).unwrap()).is_ok());
    let witness = ed_witness(3).verifier_key().clone();
    assert!(LogKey::for_origin(witness, Origin::new(ORIGIN).unwrap()).is_err());
    let own = ed_log().verifier_key().clone();
    assert!(LogKey::for_origin(own, Origin::new(ORIGIN).unwrap()).is_ok());
}
