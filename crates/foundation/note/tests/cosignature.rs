//! One test for each MUST of tlog-cosignature (C2SP 5ba5ee8), named after it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{
    ORIGIN, TIME, checkpoint, checkpoint_of, ed_secret, ed_witness, junk_line, line, log_key,
    ml_log, ml_secret, ml_witness, name, verified, verified_with, with_lines, witness_key,
};
use quorate_note::{
    CarryError, Checkpoint, CosignSigner, CosignatureError, KeyId, LogSigner, MAX_TIMESTAMP,
    PublicKey, SignError, SignatureLine, SignatureProblem, SignedCheckpoint, VerifiedCosignature,
    VerifierKey, WitnessKey, ed25519,
};
use sha2::{Digest as _, Sha256};

/// `cosignature/v1`, put together by hand.
fn ed_message(time: &str, checkpoint: &Checkpoint) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{}", checkpoint.note_text()).into_bytes()
}

/// `cosigned_message`, put together by hand.
fn ml_message(
    cosigner: &str,
    time: u64,
    origin: &str,
    start: u64,
    end: u64,
    hash: &[u8; 32],
) -> Vec<u8> {
    let mut message = b"subtree/v1\n\0".to_vec();
    message.push(u8::try_from(cosigner.len()).unwrap());
    message.extend(cosigner.as_bytes());
    message.extend(time.to_be_bytes());
    message.push(u8::try_from(origin.len()).unwrap());
    message.extend(origin.as_bytes());
    message.extend(start.to_be_bytes());
    message.extend(end.to_be_bytes());
    message.extend(hash);
    message
}

fn blob(time: u64, signature: &[u8]) -> Vec<u8> {
    [&time.to_be_bytes(), signature].concat()
}

fn ed_key(seed: u8) -> WitnessKey {
    witness_key(ed_witness(seed).verifier_key())
}

fn ml_key(seed: u8) -> WitnessKey {
    witness_key(ml_witness(seed).verifier_key())
}

/// What the Ed25519 witness 2 gets for a signature of its over `message`, sent with `time`.
fn ed_check(time: u64, message: &[u8]) -> Result<Vec<VerifiedCosignature>, CosignatureError> {
    let witness = ed_witness(2);
    let signature = ed_secret(2).sign(message);
    let line = line(witness.verifier_key(), &blob(time, &signature));
    verified_with(vec![line]).cosignatures(&[ed_key(2)])
}

/// The same for the ML-DSA-44 witness 2.
fn ml_check(time: u64, message: &[u8]) -> Result<Vec<VerifiedCosignature>, CosignatureError> {
    let witness = ml_witness(2);
    let signature = ml_secret(2).sign(message).unwrap();
    let line = line(witness.verifier_key(), &blob(time, &signature));
    verified_with(vec![line]).cosignatures(&[ml_key(2)])
}

fn problem(result: Result<Vec<VerifiedCosignature>, CosignatureError>) -> SignatureProblem {
    match result {
        Err(CosignatureError::Invalid { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

// "The key ID for Ed25519 cosignatures MUST be computed as SHA-256(<name> || "\n" || 0x04 || 32-byte Ed25519 cosigner
// public key)[:4]".
#[test]
fn cosignature_ed25519_key_id_must_follow_the_formula() {
    let vkey = ed_witness(2).verifier_key().clone();
    let mut input = b"w2.example\n\x04".to_vec();
    input.extend(ed_secret(2).public().as_bytes());
    assert_eq!(vkey.id().as_bytes()[..], Sha256::digest(input)[..4]);
}

// "The key ID for ML-DSA-44 cosignatures MUST be computed as SHA-256(<name> || "\n" || 0x06 || 1312-byte ML-DSA-44
// cosigner public key)[:4]".
#[test]
fn cosignature_ml_dsa_key_id_must_follow_the_formula() {
    let vkey = ml_witness(2).verifier_key().clone();
    let mut input = b"w2.example\n\x06".to_vec();
    input.extend(ml_secret(2).public().as_bytes());
    assert_eq!(vkey.id().as_bytes()[..], Sha256::digest(input)[..4]);
}

// "Clients … can compute the expected name and key ID, and ignore any signature lines that don't match the name and key
// ID."
#[test]
fn cosignature_lines_by_unknown_keys_are_ignored() {
    let line = ed_witness(2).cosign(&verified(), TIME).unwrap();
    let id = *ed_witness(2).verifier_key().id().as_bytes();
    let verified = verified_with(vec![
        junk_line("w2.example", [1; 4], 72),
        junk_line("w3.example", id, 72),
        line,
    ]);
    let found = verified.cosignatures(&[ed_key(2)]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key(), &ed_key(2));
    assert_eq!(verified.cosignatures(&[ed_key(5)]), Ok(Vec::new()));
    assert_eq!(verified.cosignatures(&[]), Ok(Vec::new()));
}

// V-02: a known witness's line that fails spoils the whole checkpoint, even beside good ones.
#[test]
fn cosignature_by_a_known_key_that_fails_rejects_the_checkpoint() {
    let good = ed_witness(2).cosign(&verified(), TIME).unwrap();
    let vkey = ed_witness(3).verifier_key().clone();
    let verified = verified_with(vec![good, line(&vkey, &[0x5a; 72])]);
    assert!(verified.cosignatures(&[ed_key(2)]).is_ok());
    assert_eq!(
        verified.cosignatures(&[ed_key(2), ed_key(3)]),
        Err(CosignatureError::Invalid {
            name: name("w3.example"),
            id: vkey.id(),
            problem: SignatureProblem::Bad,
        })
    );
}

// "The signature MUST be a `timestamped_signature` structure": 8 + 64 or 8 + 2420 bytes, the time first, big-endian.
#[test]
fn cosignature_must_be_a_timestamped_signature() {
    let ed = ed_witness(2).cosign(&verified(), TIME).unwrap();
    assert_eq!(ed.signature().len(), 72);
    assert_eq!(ed.signature()[..8], TIME.to_be_bytes());
    let ml = ml_witness(2).cosign(&verified(), TIME).unwrap();
    assert_eq!(ml.signature().len(), 2428);
    assert_eq!(ml.signature()[..8], TIME.to_be_bytes());

    for (vkey, expected) in [
        (ed_witness(2).verifier_key().clone(), 72),
        (ml_witness(2).verifier_key().clone(), 2428),
    ] {
        let key = witness_key(&vkey);
        for found in [1, 8, 64, expected - 1, expected + 1] {
            let verified = verified_with(vec![line(&vkey, &vec![0; found])]);
            assert_eq!(
                problem(verified.cosignatures(std::slice::from_ref(&key))),
                SignatureProblem::Length {
                    kind: vkey.kind(),
                    expected,
                    found
                }
            );
        }
    }
}

// "`timestamp` … MUST NOT exceed 2^63 - 1".
#[test]
fn cosignature_timestamp_must_not_exceed_2_63_minus_1() {
    let max = MAX_TIMESTAMP;
    assert_eq!(max, i64::MAX.unsigned_abs());
    let checkpoint = checkpoint();
    let root = checkpoint.root().as_bytes();
    let ml = |time| ml_message("w2.example", time, ORIGIN, 0, 7, root);
    assert_eq!(
        ed_check(max, &ed_message("9223372036854775807", &checkpoint)).unwrap()[0].timestamp(),
        max
    );
    assert_eq!(ml_check(max, &ml(max)).unwrap()[0].timestamp(), max);
    let timestamp = max + 1;
    assert_eq!(
        problem(ed_check(
            timestamp,
            &ed_message("9223372036854775808", &checkpoint)
        )),
        SignatureProblem::Timestamp { timestamp }
    );
    assert_eq!(
        problem(ml_check(timestamp, &ml(timestamp))),
        SignatureProblem::Timestamp { timestamp }
    );
    for witness in [ed_witness(2), ml_witness(2)] {
        assert_eq!(
            witness.cosign(&verified(), timestamp),
            Err(SignError::Timestamp { timestamp })
        );
        assert!(witness.cosign(&verified(), max).is_ok());
    }
}

// W-21 (tlog-witness): a witness's time is never 0; 0 makes no statement about the newest tree.
#[test]
fn cosignature_of_a_witness_must_carry_a_time() {
    let checkpoint = checkpoint();
    assert_eq!(
        problem(ed_check(0, &ed_message("0", &checkpoint))),
        SignatureProblem::ZeroTimestamp
    );
    let message = ml_message("w2.example", 0, ORIGIN, 0, 7, checkpoint.root().as_bytes());
    assert_eq!(
        problem(ml_check(0, &message)),
        SignatureProblem::ZeroTimestamp
    );
    for witness in [ed_witness(2), ml_witness(2)] {
        assert_eq!(
            witness.cosign(&verified(), 0),
            Err(SignError::Timestamp { timestamp: 0 })
        );
    }
}

// "These two values MAY be zero if the cosigner doesn't make any statement as to the tree being the largest observed":
// a log's own signature may.
#[test]
fn cosignature_timestamp_of_a_log_may_be_zero() {
    let message = ml_message(ORIGIN, 0, ORIGIN, 0, 7, checkpoint().root().as_bytes());
    let signature = ml_secret(1).sign(&message).unwrap();
    let vkey = ml_log().verifier_key().clone();
    let signed =
        SignedCheckpoint::new(checkpoint(), vec![line(&vkey, &blob(0, &signature))]).unwrap();
    assert!(signed.verify_log(&[log_key(&vkey)]).is_ok());
}

// "The signed message MUST be two newline (U+000A) terminated lines … followed by the whole note body of the cosigned
// checkpoint (including the final newline, but not including any signature lines)."
#[test]
fn cosignature_ed25519_message_must_be_two_lines_and_the_note_body() {
    let checkpoint = checkpoint();
    let expected = format!(
        "cosignature/v1\ntime {TIME}\n{ORIGIN}\n7\n{}\n",
        quorate_note::base64::encode(checkpoint.root().as_bytes())
    );
    assert_eq!(
        ed_message(&TIME.to_string(), &checkpoint),
        expected.as_bytes()
    );
    // Signing makes it, verifying takes it.
    let signed = ed_witness(2).cosign(&verified(), TIME).unwrap();
    let signature: &[u8; 64] = signed.signature()[8..].try_into().unwrap();
    let public = ed_secret(2).public();
    assert!(public.verify(expected.as_bytes(), signature).is_ok());
    let found = ed_check(TIME, expected.as_bytes()).unwrap();
    assert_eq!((found.len(), found[0].timestamp()), (1, TIME));
    assert_eq!(found[0].checkpoint(), &checkpoint);
    // Without the final newline, with signature lines, over another checkpoint: no.
    let with_signatures = format!("cosignature/v1\ntime {TIME}\n{}", with_lines(Vec::new()));
    for message in [
        expected.trim_end().as_bytes().to_vec(),
        with_signatures.into_bytes(),
        ed_message(&TIME.to_string(), &checkpoint_of(ORIGIN, 8)),
        ed_message(&TIME.to_string(), &checkpoint_of("other.example", 7)),
    ] {
        assert_eq!(problem(ed_check(TIME, &message)), SignatureProblem::Bad);
    }
}

// "The header line MUST be the fixed string `cosignature/v1`, and provides domain separation."
#[test]
fn cosignature_ed25519_header_line_must_be_cosignature_v1() {
    let body = checkpoint().note_text();
    for message in [
        body.clone(),
        format!("time {TIME}\n{body}"),
        format!("cosignature/v2\ntime {TIME}\n{body}"),
        format!("cosignature/v1\n\ntime {TIME}\n{body}"),
    ] {
        assert_eq!(
            problem(ed_check(TIME, message.as_bytes())),
            SignatureProblem::Bad
        );
    }
    // A log's signature over the note is no co-signature and the reverse.
    let signed = ed_witness(1).cosign(&verified(), TIME).unwrap();
    let log = LogSigner::ed25519(name(ORIGIN), ed_secret(1));
    let forged = line(log.verifier_key(), &signed.signature()[8..]);
    let signed = SignedCheckpoint::new(checkpoint(), vec![forged]).unwrap();
    assert!(signed.verify_log(&[log_key(log.verifier_key())]).is_err());
}

// "The timestamp line MUST consist of the string `time`, a single space (0x20), and `timestamped_signature.timestamp`
// encoded as an ASCII decimal with no leading zeroes."
#[test]
fn cosignature_ed25519_timestamp_line_must_repeat_the_timestamp() {
    let checkpoint = checkpoint();
    for time in [
        format!("0{TIME}"),
        format!("+{TIME}"),
        format!(" {TIME}"),
        "1".to_owned(),
    ] {
        assert_eq!(
            problem(ed_check(TIME, &ed_message(&time, &checkpoint))),
            SignatureProblem::Bad,
            "{time}"
        );
    }
    // The time in the line cannot be changed afterwards.
    assert_eq!(
        problem(ed_check(
            TIME + 1,
            &ed_message(&TIME.to_string(), &checkpoint)
        )),
        SignatureProblem::Bad
    );
}

// "A cosigner operator that operates multiple Ed25519 cosigners … MUST use distinct public keys for each cosigner. The
// Ed25519 signed message format doesn't commit to the cosigner name".
#[test]
fn cosignature_ed25519_key_under_two_names_counts_once() {
    let a = CosignSigner::ed25519(name("a.example"), ed_secret(2));
    let b = CosignSigner::ed25519(name("b.example"), ed_secret(2));
    let lines = vec![
        a.cosign(&verified(), TIME).unwrap(),
        b.cosign(&verified(), TIME + 5).unwrap(),
        CosignSigner::ed25519(name("c.example"), ed_secret(2))
            .cosign(&verified(), TIME)
            .unwrap(),
    ];
    let raw = WitnessKey::from_raw_ed25519(*ed_secret(2).public().as_bytes()).unwrap();
    let found = verified_with(lines)
        .cosignatures(std::slice::from_ref(&raw))
        .unwrap();
    assert_eq!(found.len(), 1, "one key, one vote");
    assert_eq!(found[0].timestamp(), TIME + 5);
    assert_eq!(found[0].key(), &raw);
}

// sigsum: the line's key ID must follow from the line's own name and the key.
#[test]
fn nameless_witness_key_claims_a_line_by_its_key_id() {
    let raw = WitnessKey::from_raw_ed25519(*ed_secret(2).public().as_bytes()).unwrap();
    let good = ed_witness(2).cosign(&verified(), TIME).unwrap();
    assert_eq!(
        verified_with(vec![good.clone()])
            .cosignatures(std::slice::from_ref(&raw))
            .unwrap()
            .len(),
        1
    );
    // The same signature with another ID, or under a name that gives another: not this key's.
    for other in [
        SignatureLine::new(
            good.name().clone(),
            KeyId::from_bytes([0; 4]),
            good.signature(),
        ),
        SignatureLine::new(name("w.example"), good.id(), good.signature()),
    ] {
        let verified = verified_with(vec![other.unwrap()]);
        assert_eq!(
            verified.cosignatures(std::slice::from_ref(&raw)),
            Ok(Vec::new())
        );
    }
    // An ID of type 01 is not a co-signature's.
    let as_log = VerifierKey::new(
        name("w2.example"),
        PublicKey::Ed25519(ed_secret(2).public()),
    );
    let verified = verified_with(vec![line(&as_log, good.signature())]);
    assert_eq!(
        verified.cosignatures(std::slice::from_ref(&raw)),
        Ok(Vec::new())
    );
    // A failing line that claims it is fatal.
    let vkey = ed_witness(2).verifier_key().clone();
    let verified = verified_with(vec![line(&vkey, &[1; 72])]);
    assert!(verified.cosignatures(&[raw]).is_err());
}

// "The signed message MUST be a `cosigned_message` structure." Its length for names of 18 bytes is 106.
#[test]
fn cosignature_ml_dsa_message_must_be_a_cosigned_message() {
    let checkpoint = checkpoint();
    assert_eq!(ORIGIN.len(), 18);
    let root = checkpoint.root().as_bytes();
    let log_message = ml_message(ORIGIN, TIME, ORIGIN, 0, 7, root);
    assert_eq!(log_message.len(), 106);
    assert_eq!(
        log_message[..12],
        *b"\x73\x75\x62\x74\x72\x65\x65\x2f\x76\x31\x0a\x00"
    );
    let signed = ml_log().sign_checkpoint(&checkpoint, TIME).unwrap();
    let signature = signed.signature()[8..].try_into().unwrap();
    assert!(
        ml_secret(1)
            .public()
            .verify(&log_message, signature)
            .is_ok()
    );

    let message = ml_message("w2.example", TIME, ORIGIN, 0, 7, root);
    let signed = ml_witness(2).cosign(&verified(), TIME).unwrap();
    let signature = signed.signature()[8..].try_into().unwrap();
    assert!(ml_secret(2).public().verify(&message, signature).is_ok());
    let found = ml_check(TIME, &message).unwrap();
    assert_eq!(
        (found[0].timestamp(), found[0].checkpoint()),
        (TIME, &checkpoint)
    );
}

// "`cosigner_name` is the cosigner name"; "`log_origin` is the log's origin … without the final newline"; "`hash` is
// the root hash". "`timestamp` is `timestamped_signature.timestamp`."
#[test]
fn cosignature_ml_dsa_message_commits_to_every_field() {
    let checkpoint = checkpoint();
    let root = checkpoint.root().as_bytes();
    let mut other_root = *root;
    other_root[31] ^= 1;
    let mut other_label = ml_message("w2.example", TIME, ORIGIN, 0, 7, root);
    other_label[9] = b'2';
    for message in [
        ml_message("w3.example", TIME, ORIGIN, 0, 7, root),
        ml_message("w2.example", TIME + 1, ORIGIN, 0, 7, root),
        ml_message("w2.example", TIME, "log.example/other_", 0, 7, root),
        ml_message("w2.example", TIME, &format!("{ORIGIN}\n"), 0, 7, root),
        ml_message("w2.example", TIME, ORIGIN, 0, 7, &other_root),
        other_label,
        ed_message(&TIME.to_string(), &checkpoint),
    ] {
        assert_eq!(problem(ml_check(TIME, &message)), SignatureProblem::Bad);
    }
}

// "If signing a [checkpoint], `start` MUST be zero"; "`end` … is the size of the tree".
#[test]
fn cosignature_ml_dsa_over_a_checkpoint_must_start_at_zero_and_end_at_the_size() {
    let checkpoint = checkpoint();
    let root = checkpoint.root().as_bytes();
    for (start, end) in [(1, 7), (4, 7), (0, 6), (0, 8), (7, 7)] {
        let message = ml_message("w2.example", TIME, ORIGIN, start, end, root);
        assert_eq!(problem(ml_check(TIME, &message)), SignatureProblem::Bad);
    }
}

// FIPS 204 algorithm 3 with the empty context string; a signature made with another is another message's.
#[test]
fn cosignature_ml_dsa_context_is_empty() {
    use ml_dsa::{MlDsa44, SigningKey};
    let message = ml_message(
        "w2.example",
        TIME,
        ORIGIN,
        0,
        7,
        checkpoint().root().as_bytes(),
    );
    let secret = SigningKey::<MlDsa44>::from_seed(&[2; 32].into());
    for (context, accepted) in [(&b""[..], true), (b"c", false)] {
        let signature = secret
            .expanded_key()
            .sign_deterministic(&message, context)
            .unwrap();
        let line = line(
            ml_witness(2).verifier_key(),
            &blob(TIME, &signature.encode()),
        );
        let result = verified_with(vec![line]).cosignatures(&[ml_key(2)]);
        assert_eq!(result.is_ok(), accepted);
    }
}

// "opaque cosigner_name<1..2^8-1>", "opaque log_origin<1..2^8-1>".
#[test]
fn cosignature_ml_dsa_takes_names_of_255_bytes() {
    let origin = "o".repeat(255);
    let checkpoint = checkpoint_of(&origin, 9);
    let log = LogSigner::ml_dsa_44(name(&origin), ml_secret(1));
    let signed = SignedCheckpoint::sign(&checkpoint, std::slice::from_ref(&log), TIME).unwrap();
    let verified = signed.verify_log(&[log_key(log.verifier_key())]).unwrap();
    let cosigner = "w".repeat(255);
    let witness = CosignSigner::ml_dsa_44(name(&cosigner), ml_secret(2));
    let line = witness.cosign(&verified, TIME).unwrap();
    let message = ml_message(&cosigner, TIME, &origin, 0, 9, checkpoint.root().as_bytes());
    let signature = line.signature()[8..].try_into().unwrap();
    assert!(ml_secret(2).public().verify(&message, signature).is_ok());
}

/// The log's type 06 signature has the form of a co-signature under the origin's name. It is not one.
#[test]
fn log_signature_of_type_06_is_never_a_cosignature() {
    let signed = SignedCheckpoint::sign(&checkpoint(), &[ml_log()], TIME).unwrap();
    let vkey = ml_log().verifier_key().clone();
    let verified = signed.verify_log(&[log_key(&vkey)]).unwrap();
    assert_eq!(verified.cosignatures(&[witness_key(&vkey)]), Ok(Vec::new()));
    let witness = CosignSigner::ml_dsa_44(name(ORIGIN), ml_secret(2));
    assert_eq!(
        witness.cosign(&verified, TIME),
        Err(SignError::OwnLog { name: name(ORIGIN) })
    );
}

fn numbered_secret(number: u32) -> ed25519::SecretKey {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number.to_le_bytes());
    ed25519::SecretKey::from_seed(seed)
}

/// "An attacker can easily compute a public key that will collide a target key hash" (signed-note "Signatures"). These
/// two do, under one name. Whoever gets the second listed must not thereby shut out the first: a line is by the key it
/// verifies under.
#[test]
fn cosignature_that_two_keys_claim_counts_for_the_one_it_verifies_under() {
    let [a, b] = [55_442, 96_780]
        .map(|number| CosignSigner::ed25519(name("w.example"), numbered_secret(number)));
    assert_eq!(a.verifier_key().id(), b.verifier_key().id());
    let keys = [&b, &a].map(|signer| witness_key(signer.verifier_key()));
    assert_ne!(keys[0], keys[1]);
    for (signer, key) in [(&b, &keys[0]), (&a, &keys[1])] {
        let verified = verified_with(vec![signer.cosign(&verified(), TIME).unwrap()]);
        let found = verified.cosignatures(&keys).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key(), key);
    }
    let forged = line(a.verifier_key(), &blob(TIME, &[1; 64]));
    assert_eq!(
        problem(verified_with(vec![forged]).cosignatures(&keys)),
        SignatureProblem::Bad
    );
}

#[test]
fn log_signature_that_two_keys_claim_counts_for_the_one_it_verifies_under() {
    let [a, b] =
        [41_711, 49_738].map(|number| LogSigner::ed25519(name(ORIGIN), numbered_secret(number)));
    assert_eq!(a.verifier_key().id(), b.verifier_key().id());
    let keys = [&b, &a].map(|signer| log_key(signer.verifier_key()));
    for (signer, key) in [(&b, &keys[0]), (&a, &keys[1])] {
        let signer = std::slice::from_ref(signer);
        let signed = SignedCheckpoint::sign(&checkpoint(), signer, TIME).unwrap();
        let verified = signed.verify_log(&keys).unwrap();
        assert_eq!(verified.signed_by(), std::slice::from_ref(key));
    }
}

/// A policy may list a key with and without its name. Each form is given, and the line is passed on once.
#[test]
fn cosignature_by_a_named_and_nameless_key_is_one_line() {
    let named = ed_key(2);
    let raw = WitnessKey::from_raw_ed25519(*ed_secret(2).public().as_bytes()).unwrap();
    let good = ed_witness(2).cosign(&verified(), TIME).unwrap();
    let verified = verified_with(vec![good]);
    let found = verified
        .cosignatures(&[named.clone(), raw.clone()])
        .unwrap();
    let keys: Vec<_> = found.iter().map(VerifiedCosignature::key).collect();
    assert_eq!(keys, [&named, &raw]);
    let carried = verified.with_cosignatures(&found).unwrap();
    assert_eq!(carried.note().signatures().len(), 2);
}

// L-32, W-24, L-35: what is passed on is what was verified.
#[test]
fn only_verified_lines_are_carried_over() {
    let lines = vec![
        ed_witness(2).cosign(&verified(), TIME).unwrap(),
        ml_witness(3).cosign(&verified(), TIME).unwrap(),
        junk_line("poison.example", [9; 4], 72),
    ];
    let checked = verified_with(lines.clone());
    let found = checked.cosignatures(&[ed_key(2), ml_key(3)]).unwrap();
    let carried = checked.with_cosignatures(&found).unwrap();
    assert_eq!(carried.note().signatures()[1..], lines[..2]);
    assert_eq!(SignedCheckpoint::parse(&carried.to_bytes()), Ok(carried));

    // A witness's answer comes as lines apart from the note.
    assert_eq!(
        verified().cosignatures_in(&lines, &[ed_key(2), ml_key(3)]),
        Ok(found.clone())
    );

    let log = LogSigner::ed25519(name(ORIGIN), ed_secret(1));
    let other = SignedCheckpoint::sign(&checkpoint_of(ORIGIN, 8), std::slice::from_ref(&log), TIME)
        .unwrap()
        .verify_log(&[log_key(log.verifier_key())])
        .unwrap();
    assert_eq!(
        other.with_cosignatures(&found),
        Err(CarryError::OtherCheckpoint)
    );
}
