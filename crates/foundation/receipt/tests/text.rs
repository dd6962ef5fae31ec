//! Names, keys, hashes and times parse exactly what they print.

use proptest::prelude::*;
use quorate_receipt::{
    Blake3Hash, Did, DidError, DidKind, HashTextError, MultibaseError, PublicKeyText, ScrollName,
    ScrollNameError, Sha256Text, SignatureText, Timestamp, TimestampError,
};

#[test]
fn scroll_names_are_letters_then_letters_digits_underscores_and_dashes() {
    for name in ["Compliance", "PsiField", "a", "A-1_b"] {
        assert_eq!(name.parse::<ScrollName>().unwrap().to_string(), name);
    }
    let longest = "x".repeat(64);
    assert!(longest.parse::<ScrollName>().is_ok());
    for name in [
        "",
        "1a",
        "_a",
        "-a",
        "a.b",
        "a/b",
        "a b",
        "a\n",
        "é",
        "..",
        "aé",
        "a\0",
        &"x".repeat(65),
    ] {
        assert_eq!(name.parse::<ScrollName>(), Err(ScrollNameError), "{name:?}");
    }
}

#[test]
fn scroll_names_that_differ_only_in_case_share_their_files() {
    let (a, b) = (
        "PsiField".parse::<ScrollName>().unwrap(),
        "psifield".parse::<ScrollName>().unwrap(),
    );
    assert_ne!(a, b);
    assert!(a.eq_ignoring_case(&b));
    assert_eq!(a.file_name(), "psifield");
    assert!(!a.eq_ignoring_case(&"psi_field".parse().unwrap()));
}

#[test]
fn dids_have_four_forms() {
    for (text, kind, name) in [
        (
            "did:vm:mesh:vaultmesh-dublin",
            DidKind::Mesh,
            "vaultmesh-dublin",
        ),
        ("did:vm:human:sovereign", DidKind::Human, "sovereign"),
        (
            "did:vm:agent:automation-01",
            DidKind::Agent,
            "automation-01",
        ),
        ("engine:guardian", DidKind::Engine, "guardian"),
    ] {
        let did: Did = text.parse().unwrap();
        assert_eq!((did.kind(), did.name(), did.as_str()), (kind, name, text));
        assert_eq!(Did::new(kind, name), Ok(did));
    }
    for text in [
        "",
        "did:vm:",
        "did:vm:mesh",
        "did:web:example.org",
        "DID:vm:mesh:a",
        "mesh:a",
        " did:vm:mesh:a",
        "did:vm:engine:a",
    ] {
        assert_eq!(text.parse::<Did>(), Err(DidError::Form), "{text:?}");
    }
    for name in [
        "",
        "A",
        "a b",
        "-a",
        ".a",
        "a:b",
        "a/b",
        "é",
        "a\n",
        &"a".repeat(129),
    ] {
        assert_eq!(
            format!("did:vm:mesh:{name}").parse::<Did>(),
            Err(DidError::Name),
            "{name:?}"
        );
    }
    assert!(Did::new(DidKind::Mesh, &"a".repeat(128)).is_ok());
}

/// The key of RFC 8032 §7.1 TEST 1, whose `did:key` is published.
#[test]
fn public_keys_are_multicodec_0xed_in_base58btc() {
    let bytes = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07,
        0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07,
        0x51, 0x1a,
    ];
    let key = PublicKeyText::from_bytes(bytes);
    assert_eq!(key.to_string(), format!("ed25519:{}", key.multibase()));
    assert_eq!(
        key.multibase(),
        "z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"
    );
    assert_eq!(PublicKeyText::from_multibase(&key.multibase()), Ok(key));
    assert_eq!(key.to_string().parse(), Ok(key));
    assert_eq!(key.as_bytes(), &bytes);
}

#[test]
fn public_keys_have_one_spelling() {
    let key = PublicKeyText::from_bytes([7; 32]);
    let (text, base) = (key.to_string(), key.multibase());
    let wrong_codec = format!(
        "z{}",
        bs58::encode([[0xec, 0x01].as_slice(), &[7; 32]].concat()).into_string()
    );
    let short = format!(
        "z{}",
        bs58::encode([[0xed, 0x01].as_slice(), &[7; 31]].concat()).into_string()
    );
    let long = format!(
        "z{}",
        bs58::encode([[0xed, 0x01].as_slice(), &[7; 33]].concat()).into_string()
    );
    for (input, error) in [
        (base.clone(), MultibaseError::Algorithm),
        (format!("ED25519:{base}"), MultibaseError::Algorithm),
        (format!("ed25519:{}", &base[1..]), MultibaseError::Base),
        (format!("ed25519:Z{}", &base[1..]), MultibaseError::Base),
        (format!("ed25519:z1{}", &base[1..]), MultibaseError::Length),
        (format!("{text} "), MultibaseError::Length),
        (
            text[..text.len() - 1].to_owned(),
            MultibaseError::Multicodec,
        ),
        (text.replace('k', "0"), MultibaseError::Base58),
        (text.replace('k', "l"), MultibaseError::Base58),
        (format!("ed25519:{wrong_codec}"), MultibaseError::Multicodec),
        (format!("ed25519:{short}"), MultibaseError::Length),
        (format!("ed25519:{long}"), MultibaseError::Length),
        (
            format!("ed25519:z{}", "1".repeat(100_000)),
            MultibaseError::Length,
        ),
        ("ed25519:z".to_owned(), MultibaseError::Length),
    ] {
        assert_eq!(input.parse::<PublicKeyText>(), Err(error), "{input}");
    }
}

#[test]
fn hashes_have_one_spelling() {
    let text = format!("blake3:{}", "0a".repeat(32));
    let hash: Blake3Hash = text.parse().unwrap();
    assert_eq!(hash, Blake3Hash::from_bytes([10; 32]));
    assert_eq!(hash.to_string(), text);
    assert_eq!(
        text.replace("0a", "0A").parse::<Blake3Hash>(),
        Err(HashTextError::Digit)
    );
    assert_eq!(
        text[..70].parse::<Blake3Hash>(),
        Err(HashTextError::Length(63))
    );
    assert_eq!(
        format!("{text}0").parse::<Blake3Hash>(),
        Err(HashTextError::Length(65))
    );
    assert_eq!(
        text[7..].parse::<Blake3Hash>(),
        Err(HashTextError::Prefix("blake3:"))
    );
    assert_eq!(
        text.parse::<Sha256Text>(),
        Err(HashTextError::Prefix("sha256:"))
    );
    assert_eq!(
        text.replace("blake3:", "BLAKE3:").parse::<Blake3Hash>(),
        Err(HashTextError::Prefix("blake3:"))
    );
    // The published BLAKE3 value for no input.
    assert_eq!(
        Blake3Hash::of(b"").to_string(),
        "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    );
}

#[test]
fn times_are_utc_with_z_and_up_to_nine_decimals() {
    for (text, micros) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:00.000000999Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1969-12-31T23:59:59.9999999Z", -1),
        ("2025-12-06T12:05:00Z", 1_765_022_700_000_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999),
    ] {
        let time: Timestamp = text.parse().unwrap();
        assert_eq!(time.micros(), micros, "{text}");
        assert_eq!(time.to_string(), text);
    }
    for text in [
        "",
        "2026-11-20",
        "2026-11-20T13:25:00",
        "2026-11-20T13:25:00z",
        "2026-11-20t13:25:00Z",
        "2026-11-20 13:25:00Z",
        "2026-11-20T13:25:00+00:00",
        "2026-11-20T13:25:00-01:00",
        "2026-11-20T13:25Z",
        "2026-11-20T13:25:00.Z",
        "2026-11-20T13:25:00.1234567890Z",
        "2026-11-20T13:25:00,5Z",
        "2026-11-20T13:25:00.5",
        "26-11-20T13:25:00Z",
        "+2026-11-20T13:25:00Z",
        "2026-1-20T13:25:00Z",
        "2026-11-20T13:25:00Z ",
        " 2026-11-20T13:25:00Z",
        "2026-11-20T13:25:00.+1Z",
        "2026-11-20T1a:25:00Z",
        "2026-11-20T13:25:00.5ZZ",
        "20261120T132500Z",
    ] {
        assert_eq!(
            text.parse::<Timestamp>(),
            Err(TimestampError::Form),
            "{text:?}"
        );
    }
}

#[test]
fn times_that_do_not_exist_are_refused() {
    for text in [
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2016-12-31T23:59:60Z",
    ] {
        assert_eq!(
            text.parse::<Timestamp>(),
            Err(TimestampError::Value),
            "{text:?}"
        );
    }
    for text in [
        "2024-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z",
        "0000-02-29T00:00:00Z",
    ] {
        assert!(text.parse::<Timestamp>().is_ok(), "{text}");
    }
}

#[test]
fn times_sort_as_time_does() {
    let times: Vec<Timestamp> = [
        "1969-12-31T23:59:59.5Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.0Z",
        "2026-01-01T00:00:00.000000001Z",
        "2026-01-01T00:00:00.1Z",
        "2026-01-01T00:00:01Z",
    ]
    .iter()
    .map(|text| text.parse().unwrap())
    .collect();
    assert!(times.is_sorted());
    assert_ne!(times[1], times[2]);
}

#[test]
fn times_made_from_numbers_stay_within_four_digit_years() {
    assert_eq!(
        Timestamp::from_micros(1_765_022_700_000_001)
            .unwrap()
            .to_string(),
        "2025-12-06T12:05:00.000001Z"
    );
    assert_eq!(
        Timestamp::from_micros(-1).unwrap().to_string(),
        "1969-12-31T23:59:59.999999Z"
    );
    assert_eq!(
        Timestamp::from_seconds(1_765_022_700).unwrap().to_string(),
        "2025-12-06T12:05:00Z"
    );
    for micros in [
        i64::MIN,
        i64::MAX,
        -62_167_219_200_000_001,
        253_402_300_800_000_000,
    ] {
        assert_eq!(Timestamp::from_micros(micros), None);
    }
    assert_eq!(Timestamp::from_seconds(i64::MAX), None);
    assert_eq!(Timestamp::from_seconds(0), Some(Timestamp::UNIX_EPOCH));
}

proptest! {
    #[test]
    fn every_key_survives_its_text(bytes: [u8; 32]) {
        let key = PublicKeyText::from_bytes(bytes);
        prop_assert!(key.multibase().starts_with("z6Mk"));
        prop_assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn every_signature_survives_its_text(mut bytes: [u8; 64], zeros in 0..65_usize) {
        bytes[..zeros.min(64)].fill(0);
        let signature = SignatureText::from_bytes(bytes);
        prop_assert_eq!(signature.to_string().parse(), Ok(signature));
    }

    /// One text for each: zeros in front are ones in front, no more and no fewer.
    #[test]
    fn a_signature_has_one_text(mut bytes: [u8; 64], zeros in 0..65_usize) {
        bytes[..zeros.min(64)].fill(0);
        let text = SignatureText::from_bytes(bytes).to_string();
        let longer = format!("z1{}", &text[1..]);
        prop_assert_eq!(longer.parse::<SignatureText>(), Err(MultibaseError::Length));
        if let Some(shorter) = text.strip_prefix("z1") {
            prop_assert_eq!(format!("z{shorter}").parse::<SignatureText>(), Err(MultibaseError::Length));
        }
    }

    #[test]
    fn text_that_parses_prints_itself(text in "(ed25519:)?z[1-9A-HJ-NP-Za-km-z]{40,90}") {
        if let Ok(key) = text.parse::<PublicKeyText>() {
            prop_assert_eq!(key.to_string(), text.as_str());
        }
        if let Ok(signature) = text.parse::<SignatureText>() {
            prop_assert_eq!(signature.to_string(), text);
        }
    }

    #[test]
    fn every_hash_survives_its_text(bytes: [u8; 32]) {
        prop_assert_eq!(Blake3Hash::from_bytes(bytes).to_string().parse(), Ok(Blake3Hash::from_bytes(bytes)));
        prop_assert_eq!(Sha256Text::from_bytes(bytes).to_string().parse(), Ok(Sha256Text::from_bytes(bytes)));
    }

    /// An independent calendar prints and reads the same times.
    #[test]
    fn times_agree_with_an_independent_calendar(micros in -62_167_219_200_000_000_i64..253_402_207_200_000_000) {
        let ours = Timestamp::from_micros(micros).unwrap();
        let theirs = jiff::Timestamp::from_microsecond(micros).unwrap();
        prop_assert_eq!(ours.to_string(), format!("{theirs:.6}"));
        prop_assert_eq!(ours.to_string().parse(), Ok(ours));
        prop_assert_eq!(ours.micros(), micros);
    }

    #[test]
    fn times_of_the_right_shape_exist_exactly_when_the_calendar_has_them(
        year in 0..10_000_u32, month in 0..14_u32, day in 0..33_u32, hour in 0..25_u32, minute in 0..61_u32, second in 0..60_u32,
        fraction in "(\\.[0-9]{1,9})?",
    ) {
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z");
        let exists = jiff::civil::DateTime::new(
            year as i16, month as i8, day as i8, hour as i8, minute as i8, second as i8, 0,
        ).is_ok();
        match text.parse::<Timestamp>() {
            Ok(time) => {
                prop_assert!(exists);
                prop_assert_eq!(time.to_string(), text);
            }
            Err(error) => {
                prop_assert!(!exists);
                prop_assert_eq!(error, TimestampError::Value);
            }
        }
    }
}
