//! The status matrix of "add-checkpoint".

use quorate_merkle::{Hash, Proof};
use quorate_note::{
    KeyId, LogSigner, Origin, SignatureLine, SignedCheckpoint, VerifierKey, ed25519,
};
use quorate_witness::{AddCheckpoint, KnownLog, Position, Refusal};

use crate::support::{Log, NOW, ORIGIN, Witness, ed_signer, ml_signer, own_keys};

fn status(result: Result<quorate_witness::Durable, Refusal>) -> u16 {
    result.err().map_or(200, |refusal| refusal.status())
}

#[test]
fn w_12_an_unknown_origin_is_404() {
    let mut witness = Witness::of(&Log::new());
    let other = Log::named("other.example", 1);
    assert_eq!(status(witness.add(&other.request(0))), 404);
}

#[test]
fn w_13_a_checkpoint_without_a_known_signature_is_403() {
    let log = Log::of(3);
    let mut witness = Witness::of(&log);
    let mut stranger = log.clone();
    stranger = Log::named(ORIGIN, 2).forked(stranger.leaves.len(), 3, "");
    assert!(matches!(
        witness.add(&stranger.request(0)),
        Err(Refusal::NotSigned(_))
    ));
}

#[test]
fn w_13_a_known_line_that_fails_is_403_even_beside_a_good_one() {
    let log = Log::of(3);
    let second = ed25519::SecretKey::from_seed([7; 32]);
    let second = LogSigner::ed25519(log.vkey().name().clone(), second);
    let vkeys = [log.vkey(), second.verifier_key().clone()];
    let forged = SignatureLine::new(vkeys[1].name().clone(), vkeys[1].id(), &[1; 64]).unwrap();
    let request = log.request_with(0, vec![forged]);

    let mut one_key = Witness::of(&log);
    assert_eq!(
        status(one_key.add(&request)),
        200,
        "an unknown line is ignored"
    );
    let mut both = Witness::of(&log);
    both.log = KnownLog::new(log.origin.clone(), &vkeys, &[])
        .unwrap()
        .into();
    assert_eq!(status(both.add(&request)), 403);
}

#[test]
fn w_13_any_one_of_a_logs_keys_suffices_and_a_retired_one_does_not() {
    let log = Log::of(3);
    let new = LogSigner::ed25519(
        log.vkey().name().clone(),
        ed25519::SecretKey::from_seed([7; 32]),
    );
    let new_vkey = new.verifier_key().clone();
    let mut witness = Witness::of(&log);
    let with_keys = |keys: &[VerifierKey], retired: &[VerifierKey]| {
        std::sync::Arc::new(KnownLog::new(log.origin.clone(), keys, retired).unwrap())
    };
    witness.log = with_keys(&[log.vkey(), new_vkey.clone()], &[]);
    assert_eq!(status(witness.add(&log.request(0))), 200);
    witness.log = with_keys(std::slice::from_ref(&new_vkey), &[log.vkey()]);
    assert_eq!(status(witness.add(&log.request(3))), 403);
    let signed = SignedCheckpoint::sign(&log.checkpoint(), &[new], NOW).unwrap();
    let request = AddCheckpoint::new(3, Proof::empty(), signed);
    assert_eq!(status(witness.add(&request)), 200);
}

/// The position that a retired key signed is still read back.
#[test]
fn a_position_outlives_the_key_that_signed_it() {
    let log = Log::of(3);
    let witness = Witness::at(&log);
    let bytes = witness.last.as_ref().unwrap().to_bytes().unwrap();
    let new = LogSigner::ed25519(
        log.vkey().name().clone(),
        ed25519::SecretKey::from_seed([7; 32]),
    );
    let keys = [new.verifier_key().clone()];
    let retired = KnownLog::new(log.origin.clone(), &keys, &[log.vkey()]).unwrap();
    assert_eq!(Position::from_bytes(&bytes, &retired).ok(), witness.last);
    let forgotten = KnownLog::new(log.origin.clone(), &keys, &[]).unwrap();
    assert!(Position::from_bytes(&bytes, &forgotten).is_err());
}

#[test]
fn w_14_old_above_the_size_is_400() {
    let log = Log::of(3);
    let mut witness = Witness::of(&log);
    let request = AddCheckpoint::new(4, Proof::empty(), log.signed());
    assert_eq!(
        witness.add(&request).unwrap_err(),
        Refusal::OldAboveSize { old: 4, size: 3 }
    );
}

#[test]
fn w_15_an_old_that_is_not_the_last_size_is_409_and_says_the_size() {
    let mut witness = Witness::at(&Log::of(3));
    for old in [0, 1, 2, 4, 5] {
        let refusal = witness.add(&Log::of(5).request(old)).unwrap_err();
        assert_eq!(refusal, Refusal::Conflict { size: 3 }, "old {old}");
        assert_eq!(refusal.status(), 409);
    }
    let mut fresh = Witness::of(&Log::new());
    assert_eq!(
        fresh.add(&Log::of(5).request(3)).unwrap_err(),
        Refusal::Conflict { size: 0 }
    );
}

/// A checkpoint of the empty tree with another root, signed by its log.
fn wrong_empty(old: u64, log: &Log) -> Vec<u8> {
    let root = quorate_note::base64::encode(Hash::from_bytes([7; 32]).as_bytes());
    let text = format!("{}\n0\n{root}\n", log.origin);
    let secret = ed25519::SecretKey::from_seed([1; 32]);
    let vkey = log.vkey();
    let line = SignatureLine::new(
        vkey.name().clone(),
        vkey.id(),
        &secret.sign(text.as_bytes()),
    );
    format!("old {old}\n\n{text}\n{}\n", line.unwrap()).into_bytes()
}

#[test]
fn w_16_a_wrong_root_of_the_empty_tree_is_422_in_the_order_of_the_spec() {
    let log = Log::new();
    assert_eq!(
        Witness::of(&log).post(&wrong_empty(0, &log)).unwrap_err(),
        Refusal::EmptyRoot
    );
    assert_eq!(Refusal::EmptyRoot.status(), 422);
    let stranger = Log::named("other.example", 1);
    assert_eq!(
        status(Witness::of(&log).post(&wrong_empty(0, &stranger))),
        404
    );
    let unsigned = String::from_utf8(wrong_empty(0, &log)).unwrap();
    let mut bytes = unsigned.into_bytes();
    let at = bytes.len() - 20;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    assert_eq!(status(Witness::of(&log).post(&bytes)), 403);
    assert_eq!(status(Witness::of(&log).post(&wrong_empty(1, &log))), 400);
    assert_eq!(
        status(Witness::at(&Log::of(3)).post(&wrong_empty(0, &log))),
        409
    );
}

#[test]
fn w_17_old_0_with_a_proof_is_422() {
    let log = Log::of(3);
    let proof = Proof::try_from(vec![log.leaves[0]]).unwrap();
    let request = AddCheckpoint::new(0, proof, log.signed());
    assert!(matches!(
        Witness::of(&log).add(&request),
        Err(Refusal::NeedlessProof { .. })
    ));
    let mut of_empty = Witness::at(&Log::new());
    assert_eq!(status(of_empty.add(&request)), 422);
}

#[test]
fn w_17_a_proof_that_does_not_verify_is_422() {
    let log = Log::of(7);
    let good = log.proof(3).hashes().to_vec();
    for at in 0..good.len() {
        let mut hashes = good.clone();
        hashes[at] = Hash::from_bytes([0; 32]);
        let request = AddCheckpoint::new(3, Proof::try_from(hashes).unwrap(), log.signed());
        let mut witness = Witness::at(&Log::of(3));
        assert!(matches!(witness.add(&request), Err(Refusal::BadProof(_))));
    }
    for hashes in [
        good[1..].to_vec(),
        Vec::new(),
        [good.clone(), good].concat(),
    ] {
        let request = AddCheckpoint::new(3, Proof::try_from(hashes).unwrap(), log.signed());
        assert_eq!(status(Witness::at(&Log::of(3)).add(&request)), 422);
    }
}

#[test]
fn w_17_a_fork_is_422_whatever_it_brings_as_proof() {
    let log = Log::of(3);
    for fork in 0..3 {
        let forked = log.forked(7, fork, "fork");
        let mut witness = Witness::at(&log);
        assert!(matches!(
            witness.add(&forked.request(3)),
            Err(Refusal::BadProof(_))
        ));
        assert_eq!(witness.size(), 3);
    }
}

#[test]
fn w_18_the_same_size_with_another_root_is_422() {
    let log = Log::of(3);
    let refusal = Witness::at(&log)
        .add(&log.forked(3, 2, "fork").request(3))
        .unwrap_err();
    assert_eq!(refusal, Refusal::OtherRoot { size: 3 });
    assert_eq!(refusal.status(), 422);
}

#[test]
fn w_18_the_same_checkpoint_again_is_cosigned_again_without_a_proof() {
    let log = Log::of(3);
    let mut witness = Witness::at(&log);
    witness.now += 60;
    let again = witness.add(&log.request(3)).unwrap();
    assert_eq!(again.position().timestamp(), NOW + 60);
    let proof = Proof::try_from(vec![log.leaves[0]]).unwrap();
    let request = AddCheckpoint::new(3, proof, log.signed());
    assert_eq!(status(witness.add(&request)), 422);
}

#[test]
fn w_21_the_answer_covers_the_submitted_tree_with_a_time() {
    let log = Log::of(3);
    let durable = Witness::of(&log).add(&log.request(0)).unwrap();
    let lines = vec![
        durable.cosign(&ed_signer()).unwrap(),
        durable.cosign(&ml_signer()).unwrap(),
    ];
    let verified = log.signed().verify_log(log.known().keys()).unwrap();
    let cosignatures = verified.cosignatures_in(&lines, &own_keys()).unwrap();
    assert_eq!(cosignatures.len(), 2);
    assert!(cosignatures.iter().all(|c| c.timestamp() == NOW));
}

#[test]
fn w_21_without_a_time_nothing_is_signed() {
    let log = Log::of(3);
    let mut witness = Witness::of(&log);
    witness.now = 0;
    assert_eq!(witness.add(&log.request(0)).unwrap_err(), Refusal::NoTime);
    witness.now = 1 << 63;
    assert_eq!(witness.add(&log.request(0)).unwrap_err().status(), 500);
}

/// A line by our own name and key ID that the log planted must not end up under what we publish.
#[test]
fn w_24_a_planted_line_is_not_carried_over() {
    let log = Log::of(3);
    let own = ed_signer().verifier_key().clone();
    let planted = SignatureLine::new(own.name().clone(), own.id(), &[5; 72]).unwrap();
    let stranger = SignatureLine::new(
        quorate_note::KeyName::new("stranger.example").unwrap(),
        KeyId::from_bytes([1; 4]),
        &[5; 72],
    );
    let request = log.request_with(0, vec![planted, stranger.unwrap()]);
    let durable = Witness::of(&log).add(&request).unwrap();
    let line = durable.cosign(&ed_signer()).unwrap();
    let published = durable.published(vec![line]).unwrap();
    assert_eq!(published.note().signatures().len(), 2);
    let verified = published.verify_log(log.known().keys()).unwrap();
    assert_eq!(verified.cosignatures(&own_keys()).unwrap().len(), 1);
}

#[test]
fn w_23_the_time_never_runs_back() {
    let log = Log::of(3);
    let mut witness = Witness::at(&log);
    witness.now = NOW - 1000;
    let later = witness.add(&Log::of(5).request(3)).unwrap();
    assert_eq!(later.position().timestamp(), NOW);
    witness.now = NOW + 5;
    let next = witness.add(&Log::of(6).request(5)).unwrap();
    assert_eq!(next.position().timestamp(), NOW + 5);
}

#[test]
fn a_refusal_changes_nothing() {
    let log = Log::of(3);
    let mut witness = Witness::at(&log);
    let before = witness.last.clone();
    for request in [
        log.forked(3, 2, "fork").request(3),
        log.forked(7, 2, "fork").request(3),
        Log::of(5).request(2),
        AddCheckpoint::new(9, Proof::empty(), log.signed()),
    ] {
        assert!(witness.add(&request).is_err());
        assert_eq!(witness.last, before);
    }
}

#[test]
fn stored_positions_come_back_and_damaged_ones_do_not() {
    let log = Log::of(3);
    let position = Witness::at(&log).last.unwrap();
    let bytes = position.to_bytes().unwrap();
    assert_eq!(
        Position::from_bytes(&bytes, &log.known()).unwrap(),
        position
    );
    for at in 8..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        assert!(
            Position::from_bytes(&bad, &log.known()).is_err(),
            "byte {at}"
        );
    }
    assert!(Position::from_bytes(&bytes[..7], &log.known()).is_err());
    let other = KnownLog::new(Origin::new("other.example").unwrap(), &[log.vkey()], &[]).unwrap();
    assert!(Position::from_bytes(&bytes, &other).is_err());
}
