//! The text that carries the next identity key out of the machine.

mod support;

use quorate_lineage::{Commitment, NextKey, NextKeyError};
use support::{next, public, seed};

#[test]
fn the_text_has_four_lines_and_comes_back() {
    let key = next(1);
    let text = key.to_text();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], "quorate next identity key v1\n");
    assert_eq!(lines[3], format!("commitment: {}\n", key.commitment()));
    let back = NextKey::parse(text.as_bytes()).unwrap();
    assert_eq!(
        (back.seed(), back.salt(), back.public()),
        (&seed(1), key.salt(), public(1))
    );
}

#[test]
fn a_damaged_text_is_refused_at_every_byte_and_length() {
    let text = next(1).to_text();
    for length in 0..text.len() {
        assert!(
            NextKey::parse(&text.as_bytes()[..length]).is_err(),
            "{length}"
        );
    }
    for index in 0..text.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[index] ^= flip;
            assert!(NextKey::parse(&bytes).is_err(), "{index} {flip:02x}");
        }
    }
    for wrong in [
        format!("{}\n", *text),
        text.replace('\n', "\r\n"),
        format!(" {}", *text),
    ] {
        assert_eq!(
            NextKey::parse(wrong.as_bytes()).map(|_| ()),
            Err(NextKeyError::Form)
        );
    }
}

#[test]
fn seed_and_salt_of_two_keys_do_not_mix() {
    let mixed = NextKey::new(&seed(1), next(2).salt()).to_text();
    let mixed = mixed.replace(
        &NextKey::new(&seed(1), next(2).salt())
            .commitment()
            .to_string(),
        &next(1).commitment().to_string(),
    );
    assert_eq!(
        NextKey::parse(mixed.as_bytes()).map(|_| ()),
        Err(NextKeyError::Commitment)
    );
}

#[test]
fn a_commitment_binds_key_and_salt() {
    let commitment = next(1).commitment();
    assert_eq!(commitment, Commitment::to(&public(1), next(1).salt()));
    assert_ne!(commitment, Commitment::to(&public(2), next(1).salt()));
    assert_ne!(commitment, Commitment::to(&public(1), next(2).salt()));
    assert_eq!(commitment.to_string().parse(), Ok(commitment));
}
