//! Evidence against logs, and against our own memory (R8).

use quorate_merkle::{Hash, LeafHashes, Proof, prove_consistency, root_of_leaf_hashes};
use quorate_note::VerifiedCheckpoint;
use quorate_witness::{
    AddCheckpoint, Equivocation, EvidenceError, Inconsistency, Position, Refusal, authenticate,
    recall,
};

use crate::support::{Log, ORIGIN, Witness, ed_signer, own_keys};

fn authenticated(witness: &Witness, request: AddCheckpoint) -> quorate_witness::Authenticated {
    authenticate(Ok(request), |_| Some((witness.log.clone(), witness.size()))).unwrap()
}

#[test]
fn w_19_two_roots_of_one_size_are_portable_evidence() {
    let log = Log::of(3);
    let witness = Witness::at(&log);
    let other = authenticated(&witness, log.forked(3, 1, "fork").request(3));
    let evidence = other.equivocation(witness.last.as_ref()).unwrap();
    let bytes = evidence.to_bytes();
    let keys = log.known().all_keys();
    assert_eq!(Equivocation::verify(&bytes, &keys).unwrap(), evidence);

    let stranger = Log::named(ORIGIN, 2).known().all_keys();
    assert!(matches!(
        Equivocation::verify(&bytes, &stranger),
        Err(EvidenceError::NotSigned { index: 1, .. })
    ));
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        assert!(Equivocation::verify(&bad, &keys).is_err(), "byte {at}");
    }
}

/// The size is compared whatever the request is refused for: an old size that is out of date still shows two trees.
#[test]
fn w_19_evidence_is_seen_in_a_request_that_conflicts() {
    let log = Log::of(3);
    let witness = Witness::at(&log);
    let other = authenticated(&witness, log.forked(3, 1, "fork").request(0));
    assert!(other.equivocation(witness.last.as_ref()).is_some());
}

#[test]
fn growth_is_no_evidence() {
    let log = Log::of(3);
    let witness = Witness::at(&log);
    for request in [log.request(3), Log::of(5).request(3)] {
        let other = authenticated(&witness, request);
        assert_eq!(other.equivocation(witness.last.as_ref()), None);
    }
    assert_eq!(
        authenticated(&witness, log.request(3)).equivocation(None),
        None
    );
}

#[test]
fn two_checkpoints_that_agree_or_are_of_other_logs_are_no_evidence() {
    let log = Log::of(3);
    let other = Log::named("other.example", 1).forked(3, 1, "x");
    let between = |a: &Log, b: &Log| Equivocation::between(&verified(a), &verified(b)).unwrap_err();
    assert_eq!(between(&log, &log), EvidenceError::NoConflict);
    assert_eq!(between(&log, &other), EvidenceError::OtherLog);
    assert_eq!(between(&log, &Log::of(4)), EvidenceError::OtherSize);
}

fn verified(log: &Log) -> VerifiedCheckpoint {
    log.signed().verify_log(log.known().keys()).unwrap()
}

/// The root of the first leaves, and that the log continues them.
fn beginning(log: &Log, size: u64) -> (Hash, Proof) {
    let root = root_of_leaf_hashes(&log.leaves[..size as usize]);
    let leaves = LeafHashes(&log.leaves);
    let proof = prove_consistency(size, log.leaves.len() as u64, &leaves).unwrap();
    (root, proof)
}

#[test]
fn two_heads_of_two_sizes_and_two_histories_are_portable_evidence() {
    for (small, large) in [(1, 2), (3, 5), (4, 8), (7, 300), (256, 257)] {
        let (old, new) = (Log::of(small), Log::of(0).forked(large, small - 1, "fork"));
        let (root, proof) = beginning(&new, small as u64);
        let evidence = Inconsistency::between(&verified(&old), &verified(&new), root, proof);
        let evidence = evidence.unwrap();
        let (bytes, keys) = (evidence.to_bytes(), old.known().all_keys());
        assert_eq!(Inconsistency::verify(&bytes, &keys).unwrap(), evidence);
        let sizes = evidence
            .checkpoints()
            .map(|c| c.checkpoint_unverified().size());
        assert_eq!(sizes, [small as u64, large as u64]);

        let stranger = Log::named(ORIGIN, 2).known().all_keys();
        assert!(matches!(
            Inconsistency::verify(&bytes, &stranger),
            Err(EvidenceError::NotSigned { index: 1, .. })
        ));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(Inconsistency::verify(&bad, &keys).is_err(), "octet {at}");
            assert!(
                Inconsistency::verify(&bytes[..at], &keys).is_err(),
                "cut at {at}"
            );
        }
        assert!(Inconsistency::verify(&[&bytes[..], b"\n"].concat(), &keys).is_err());
        let more = vec![b'\n'; quorate_witness::MAX_INCONSISTENCY_LEN];
        let too_long = [&bytes[..], &more].concat();
        assert_eq!(
            Inconsistency::verify(&too_long, &keys),
            Err(EvidenceError::Form)
        );
    }
}

#[test]
fn a_log_that_grew_and_a_beginning_that_is_made_up_are_no_evidence() {
    let (old, new, fork) = (Log::of(3), Log::of(5), Log::of(0).forked(5, 2, "fork"));
    let between = |a: &Log, b: &Log, (root, proof): (Hash, Proof)| {
        Inconsistency::between(&verified(a), &verified(b), root, proof).unwrap_err()
    };
    assert_eq!(
        between(&old, &new, beginning(&new, 3)),
        EvidenceError::NoConflict
    );
    // Of a log that grew: the root of somebody else's beginning, with any proof there is.
    let made_up = beginning(&fork, 3).0;
    for proof in [beginning(&new, 3).1, beginning(&fork, 3).1] {
        let error = between(&old, &new, (made_up, proof));
        assert!(matches!(error, EvidenceError::Beginning(_)), "{error}");
    }
    assert_eq!(
        between(&new, &old, beginning(&fork, 3)),
        EvidenceError::NotSmaller
    );
    assert_eq!(
        between(&new, &fork, beginning(&fork, 5)),
        EvidenceError::NotSmaller
    );
    let other = Log::named("other.example", 1).forked(5, 2, "fork");
    assert_eq!(
        between(&old, &other, beginning(&other, 3)),
        EvidenceError::OtherLog
    );
}

/// A restored older disk, seen through a log that comes with what we signed after the copy was made.
#[test]
fn w_26_a_cosignature_of_ours_that_we_do_not_remember_is_noticed() {
    let (old, new) = (Log::of(3), Log::of(7));
    let mut witness = Witness::at(&old);
    let before: Option<Position> = witness.last.clone();
    let line = witness
        .add(&new.request(3))
        .unwrap()
        .cosign(&ed_signer())
        .unwrap();
    let carried = authenticated(&witness, new.request_with(3, vec![line]));

    assert_eq!(carried.amnesia(witness.last.as_ref(), &own_keys()), None);
    let amnesia = carried.amnesia(before.as_ref(), &own_keys()).unwrap();
    assert_eq!(amnesia.size(), 7);
    let note = amnesia.note().unwrap();
    assert!(note.verify_cosigned(&own_keys()).unwrap().is_some());
    assert!(carried.amnesia(None, &own_keys()).is_some());
}

#[test]
fn w_26_our_cosignature_of_another_root_at_the_same_size_is_noticed() {
    let log = Log::of(3);
    let fork = log.forked(3, 1, "fork");
    let line = Witness::at(&fork)
        .last
        .map(|p| p.durable().cosign(&ed_signer()).unwrap());
    let witness = Witness::at(&log);
    let carried = authenticated(&witness, fork.request_with(3, line.into_iter().collect()));
    assert!(
        carried
            .amnesia(witness.last.as_ref(), &own_keys())
            .is_some()
    );
}

/// A line that anybody can plant must not hide the one that tells.
#[test]
fn w_26_a_planted_line_hides_no_forgotten_cosignature() {
    let new = Log::of(7);
    let mut witness = Witness::at(&Log::of(3));
    let before = witness.last.clone();
    let line = witness
        .add(&new.request(3))
        .unwrap()
        .cosign(&ed_signer())
        .unwrap();
    let ml = crate::support::ml_signer().verifier_key().clone();
    let planted = quorate_note::SignatureLine::new(ml.name().clone(), ml.id(), &[5; 2428]).unwrap();
    let carried = authenticated(&witness, new.request_with(3, vec![planted, line]));
    assert!(carried.amnesia(before.as_ref(), &own_keys()).is_some());
}

#[test]
fn a_planted_line_is_no_sign_of_lost_memory() {
    let log = Log::of(3);
    let own = ed_signer().verifier_key().clone();
    let planted = quorate_note::SignatureLine::new(own.name().clone(), own.id(), &[5; 72]).unwrap();
    let witness = Witness::of(&log);
    let carried = authenticated(&witness, log.request_with(0, vec![planted]));
    assert_eq!(carried.amnesia(None, &own_keys()), None);
}

#[test]
fn w_26_what_was_forgotten_can_be_taken_up_again_and_nothing_else() {
    let (old, new) = (Log::of(3), Log::of(7));
    let mut witness = Witness::at(&old);
    let before = witness.last.clone();
    let line = witness
        .add(&new.request(3))
        .unwrap()
        .cosign(&ed_signer())
        .unwrap();
    let carried = new.request_with(3, vec![line]);
    let last = before.as_ref();
    let (log, own) = (old.known(), own_keys());

    let position = recall(last, carried.checkpoint(), &log, &own, 1).unwrap();
    assert_eq!(position.checkpoint(), &new.checkpoint());
    assert_eq!(
        position.timestamp(),
        crate::support::NOW,
        "not before what we signed"
    );

    assert_eq!(
        recall(last, &new.signed(), &log, &own, 1),
        Err(Refusal::NotOurs)
    );
    let fork = Witness::at(&new.forked(7, 2, "fork")).last;
    assert_eq!(
        recall(fork.as_ref(), carried.checkpoint(), &log, &own, 1),
        Err(Refusal::OtherRoot { size: 7 })
    );
    let larger = Witness::at(&Log::of(9)).last;
    assert_eq!(
        recall(larger.as_ref(), carried.checkpoint(), &log, &own, 1),
        Err(Refusal::Conflict { size: 9 })
    );
    let stranger = Log::named(ORIGIN, 2).known();
    assert!(recall(last, carried.checkpoint(), &stranger, &own, 1).is_err());
}
