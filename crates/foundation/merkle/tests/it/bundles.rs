//! Entry bundles (`tlog-tiles`, "Log entries").

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use quorate_merkle::BundleId;
use quorate_merkle::bundle::{
    BundleError, EntryTooLong, MAX_BUNDLE_LEN, MAX_ENTRY_LEN, decode_bundle, push_entry,
    split_entry,
};

fn id(width: u16) -> BundleId {
    BundleId::new(0, width).unwrap()
}

fn encode(entries: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        assert_eq!(push_entry(&mut bytes, entry), Ok(()));
    }
    bytes
}

// tlog-tiles, "Log entries": "Entry bundles are sequences of big-endian uint16 length-prefixed log entries."
#[test]
fn entries_are_behind_their_big_endian_16_bit_length() {
    let long = vec![b'z'; 258];
    let bytes = encode(&[b"ab", b"", &long]);
    assert_eq!(bytes[..8], *b"\x00\x02ab\x00\x00\x01\x02");
    assert_eq!(bytes.len(), 8 + 258);
    assert_eq!(
        decode_bundle(&id(3), &bytes),
        Ok(vec![b"ab".as_slice(), b"", &long])
    );
}

#[test]
fn entries_have_at_most_65535_bytes() {
    let longest = vec![0; MAX_ENTRY_LEN];
    let bytes = encode(&[&longest]);
    assert_eq!(bytes[..2], [0xff, 0xff]);
    assert_eq!(decode_bundle(&id(1), &bytes), Ok(vec![longest.as_slice()]));
    let mut bytes = b"\x00\x00".to_vec();
    assert_eq!(
        push_entry(&mut bytes, &vec![0; MAX_ENTRY_LEN + 1]),
        Err(EntryTooLong { len: 65_536 })
    );
    assert_eq!(bytes, b"\x00\x00");
    assert_eq!(MAX_BUNDLE_LEN, 16_777_472);
    assert_eq!(encode(&vec![longest.as_slice(); 256]).len(), MAX_BUNDLE_LEN);
}

#[test]
fn a_bundle_holds_exactly_as_many_entries_as_its_width() {
    let bytes = encode(&[b"a", b"bc", b""]);
    assert!(decode_bundle(&id(3), &bytes).is_ok());
    assert_eq!(
        decode_bundle(&id(4), &bytes),
        Err(BundleError::Truncated {
            position: 3,
            width: 4
        })
    );
    assert_eq!(
        decode_bundle(&id(2), &bytes),
        Err(BundleError::Trailing { len: 2 })
    );
    assert_eq!(
        decode_bundle(&id(256), &[]),
        Err(BundleError::Truncated {
            position: 0,
            width: 256
        })
    );
}

#[test]
fn a_bundle_cut_anywhere_or_with_a_byte_more_is_refused() {
    let bytes = encode(&[b"first", b"", b"third entry"]);
    for cut in 0..bytes.len() {
        assert!(matches!(
            decode_bundle(&id(3), &bytes[..cut]),
            Err(BundleError::Truncated { width: 3, .. })
        ));
    }
    let longer = [bytes.as_slice(), b"\n"].concat();
    assert_eq!(
        decode_bundle(&id(3), &longer),
        Err(BundleError::Trailing { len: 1 })
    );
}

#[test]
fn splitting_takes_one_entry_and_leaves_the_rest() {
    assert_eq!(
        split_entry(b"\x00\x01ab"),
        Some((b"a".as_slice(), b"b".as_slice()))
    );
    assert_eq!(split_entry(b"\x00\x02a"), None);
    assert_eq!(split_entry(b"\x00"), None);
    assert_eq!(split_entry(b""), None);
}

proptest! {
    #[test]
    fn bundles_round_trip(
        entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 1..=256),
    ) {
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        let width = u16::try_from(entries.len()).unwrap();
        let bytes = encode(&entries);
        prop_assert_eq!(decode_bundle(&id(width), &bytes), Ok(entries));
    }

    /// Whatever decodes is what we would have encoded.
    #[test]
    fn accepted_bundles_are_the_encoded_ones(
        bytes in proptest::collection::vec(prop_oneof![Just(0_u8), 0..4_u8, any::<u8>()], 0..40),
        width in 1..8_u16,
    ) {
        if let Ok(entries) = decode_bundle(&id(width), &bytes) {
            prop_assert_eq!(encode(&entries), bytes);
        }
    }
}
