use proptest::prelude::*;
use quorate_merkle::{Hash, leaf_hash, node_hash};

use crate::oracle;

// RFC 6962 §2.1: "Note that the hash calculations for leaves and nodes differ. This domain separation is required".
#[test]
fn leaf_and_node_hashes_differ_over_the_same_bytes() {
    let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
    let both = [left.as_bytes().as_slice(), right.as_bytes()].concat();
    assert_ne!(leaf_hash(&both), node_hash(&left, &right));
}

#[test]
fn empty_root_is_sha256_of_nothing() {
    assert_eq!(Hash::EMPTY_ROOT, oracle::mth(&[]));
}

#[test]
fn hash_text_is_64_lower_case_hex_digits_only() {
    let text = Hash::EMPTY_ROOT.to_string();
    assert_eq!(
        text,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(format!("{:?}", Hash::EMPTY_ROOT), text);
    assert_eq!(text.parse(), Ok(Hash::EMPTY_ROOT));
    for bad in [
        String::new(),
        text.to_uppercase(),
        text.replacen('e', "E", 1),
        text.replacen('e', "g", 1),
        text.replacen('e', "é", 1),
        text.replacen('e', "+", 1),
        text[1..].to_owned(),
        text[2..].to_owned(),
        format!("{text}0"),
        format!("{text}00"),
        format!(" {text}"),
        format!("{text}\n"),
        format!("0x{}", &text[2..]),
    ] {
        assert!(bad.parse::<Hash>().is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn hash_functions_are_those_of_rfc_6962(
        entry in proptest::collection::vec(any::<u8>(), 0..300),
        left: [u8; 32],
        right: [u8; 32],
    ) {
        let (left, right) = (Hash::from_bytes(left), Hash::from_bytes(right));
        prop_assert_eq!(leaf_hash(&entry), oracle::leaf(&entry));
        prop_assert_eq!(node_hash(&left, &right), oracle::node(&left, &right));
    }

    #[test]
    fn hash_text_round_trips(bytes: [u8; 32]) {
        let hash = Hash::from_bytes(bytes);
        prop_assert_eq!(hash.to_string().parse(), Ok(hash));
    }

    #[test]
    fn only_printed_hashes_parse(text in "[0-9a-fA-F]{63,65}|[0-9a-f]{64}") {
        if let Ok(hash) = text.parse::<Hash>() {
            prop_assert_eq!(hash.to_string(), text);
        }
    }
}
