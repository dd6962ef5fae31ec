//! What a receipt must be, and what is done to one that is submitted.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "tests and benchmarks stop at what cannot happen"
)]

use quorate_receipt::{
    Blake3Hash, MAX_RECEIPT_LEN, MAX_SUBMITTED_LEN, Receipt, ReceiptError, Sealed, SealedError,
    Timestamp,
    json::{self, JsonErrorKind, Object, Value},
    signed_message,
};

const NOW: &str = "2026-11-20T13:25:00.123456Z";

fn now() -> Timestamp {
    Timestamp::parse(NOW.as_bytes()).expect("a time")
}

fn accept(input: &str) -> Result<Receipt, ReceiptError> {
    Receipt::accept(input.as_bytes(), now())
}

/// The definition, by the other route: take the member out of the value, write the rest, hash.
fn root_hash_by_definition(canonical: &[u8]) -> Blake3Hash {
    let Ok(Value::Object(mut object)) = json::parse(canonical) else {
        panic!("not an object");
    };
    object.remove("root_hash");
    Blake3Hash::of(&json::canonical_object(&object))
}

#[test]
fn time_and_root_hash_are_added_in_their_places() {
    let receipt = accept(r#" { "type" : "a", "zone" : 1, "alpha" : "x" } "#).unwrap();
    let hash = Blake3Hash::of(
        format!(r#"{{"alpha":"x","timestamp":"{NOW}","type":"a","zone":1}}"#).as_bytes(),
    );
    assert_eq!(
        receipt.text(),
        format!(r#"{{"alpha":"x","root_hash":"{hash}","timestamp":"{NOW}","type":"a","zone":1}}"#)
    );
    assert_eq!(receipt.type_(), "a");
    assert_eq!(receipt.timestamp(), now());
    assert_eq!(*receipt.root_hash(), hash);
    assert_eq!(Receipt::parse_canonical(receipt.bytes()), Ok(receipt));
}

#[test]
fn root_hash_is_blake3_of_the_canonical_object_without_it() {
    for input in [
        r#"{"type":"t"}"#,
        r#"{"type":"t","a":1}"#,
        r#"{"type":"t","zz":{"root_hash":"inner stays"}}"#,
        r#"{"type":"t","root_hasg":1,"root_hashh":2,"é":3,"\n":4}"#,
    ] {
        let receipt = accept(input).unwrap();
        assert_eq!(
            *receipt.root_hash(),
            root_hash_by_definition(receipt.bytes()),
            "{input}"
        );
        assert_eq!(
            receipt.object().get_str("root_hash"),
            Some(receipt.root_hash().to_string().as_str())
        );
        assert_eq!(
            Receipt::parse_canonical(receipt.bytes()).as_ref(),
            Ok(&receipt)
        );
    }
}

#[test]
fn root_hash_is_checked_when_it_is_given() {
    let receipt = accept(r#"{"type":"t","n":1}"#).unwrap();
    assert_eq!(
        Receipt::accept(receipt.bytes(), now()).as_ref(),
        Ok(&receipt)
    );
    let tampered = receipt.text().replace("\"n\":1", "\"n\":2");
    let computed = root_hash_by_definition(tampered.as_bytes());
    let wrong = ReceiptError::WrongRootHash {
        claimed: *receipt.root_hash(),
        computed,
    };
    assert_eq!(accept(&tampered), Err(wrong.clone()));
    assert_eq!(Receipt::parse_canonical(tampered.as_bytes()), Err(wrong));
}

#[test]
fn root_hash_without_a_time_is_refused() {
    let hash = Blake3Hash::of(br#"{"type":"t"}"#);
    assert_eq!(
        accept(&format!(r#"{{"root_hash":"{hash}","type":"t"}}"#)),
        Err(ReceiptError::RootHashWithoutTimestamp)
    );
}

#[test]
fn root_hash_has_one_spelling() {
    let receipt = accept(r#"{"type":"t"}"#).unwrap();
    let digits = receipt.root_hash().to_string();
    let upper = digits.to_uppercase().replace("BLAKE3", "blake3");
    assert_ne!(digits, upper);
    let spelt = receipt.text().replace(&digits, &upper);
    assert!(matches!(
        accept(&spelt),
        Err(ReceiptError::InvalidRootHash(_))
    ));
    let number = format!(r#"{{"root_hash":1,"timestamp":"{NOW}","type":"t"}}"#);
    assert_eq!(accept(&number), Err(ReceiptError::RootHashNotText));
}

#[test]
fn type_is_required_and_bounded() {
    assert_eq!(accept(r#"{"a":1}"#), Err(ReceiptError::MissingType));
    assert_eq!(accept("{}"), Err(ReceiptError::MissingType));
    for value in [
        "1",
        "null",
        r#""""#,
        r#""a\"b""#,
        r#""a\\b""#,
        r#""a\nb""#,
        "\"\u{7f}\"",
        "\"\u{85}\"",
        "[\"t\"]",
    ] {
        assert_eq!(
            accept(&format!(r#"{{"type":{value}}}"#)),
            Err(ReceiptError::InvalidType),
            "{value}"
        );
    }
    let longest = "t".repeat(128);
    assert_eq!(
        accept(&format!(r#"{{"type":"{longest}"}}"#))
            .unwrap()
            .type_(),
        longest
    );
    assert_eq!(
        accept(&format!(r#"{{"type":"{longest}t"}}"#)),
        Err(ReceiptError::InvalidType)
    );
}

#[test]
fn time_is_kept_as_written() {
    for time in [
        "2026-11-20T13:25:00Z",
        "2026-11-20T13:25:00.10Z",
        "2026-11-20T13:25:00.123456789Z",
    ] {
        let receipt = accept(&format!(r#"{{"type":"t","timestamp":"{time}"}}"#)).unwrap();
        assert_eq!(receipt.object().get_str("timestamp"), Some(time));
        assert_eq!(receipt.timestamp().to_string(), time);
    }
    assert_eq!(
        accept(r#"{"type":"t","timestamp":17}"#),
        Err(ReceiptError::TimestampNotText)
    );
    assert!(matches!(
        accept(r#"{"type":"t","timestamp":"yesterday"}"#),
        Err(ReceiptError::InvalidTimestamp(_))
    ));
}

#[test]
fn tags_are_strings() {
    for (tags, expected) in [
        ("[]", vec![]),
        (r#"["a"]"#, vec!["a"]),
        (r#"["a","b,\"]","\\"]"#, vec!["a", "b,\"]", "\\"]),
    ] {
        let receipt = accept(&format!(r#"{{"type":"t","tags":{tags}}}"#)).unwrap();
        assert_eq!(receipt.tags().collect::<Vec<_>>(), expected);
    }
    for tags in [
        "1",
        "\"a\"",
        "[1]",
        r#"["a",1]"#,
        r#"[["a"]]"#,
        "{}",
        "null",
        r#"["a",null]"#,
    ] {
        assert_eq!(
            accept(&format!(r#"{{"type":"t","tags":{tags}}}"#)),
            Err(ReceiptError::InvalidTags),
            "{tags}"
        );
    }
    assert_eq!(accept(r#"{"type":"t"}"#).unwrap().tags().count(), 0);
}

#[test]
fn id_is_the_id_member_or_the_only_one_ending_in_id() {
    for (members, expected) in [
        (r#""x":1"#, None),
        (r#""id":"a""#, Some("a")),
        (r#""id":7"#, None),
        (r#""drill_id":"d","id":"a","zz_id":"z""#, Some("a")),
        (r#""drill_id":"d""#, Some("d")),
        (r#""drill_id":"d","run_id":"r""#, None),
        (r#""drill_id":"d","e_id":"e","run_id":"r""#, None),
        (r#""drill_id":"d","run_id":7"#, Some("d")),
        (r#""drill_id":7"#, None),
        (r#""paid":"d""#, None),
        (r#""nested":{"drill_id":"d"}"#, None),
        (r#""drill_id":"a\"b""#, Some("a\"b")),
        (r#""drill_id":"\u00e9""#, Some("é")),
        (r#""drill_id":"""#, Some("")),
    ] {
        let receipt = accept(&format!(r#"{{"type":"t",{members}}}"#)).unwrap();
        assert_eq!(receipt.id(), expected, "{members}");
        assert_eq!(
            Receipt::parse_canonical(receipt.bytes()).unwrap().id(),
            expected,
            "{members}"
        );
    }
}

#[test]
fn only_objects_are_receipts() {
    for input in ["[]", "1", "null", r#""type""#, r#"[{"type":"t"}]"#] {
        assert_eq!(accept(input), Err(ReceiptError::NotAnObject), "{input}");
        assert_eq!(
            Receipt::parse_canonical(input.as_bytes()),
            Err(ReceiptError::NotAnObject)
        );
    }
}

#[test]
fn canonical_receipts_are_taken_byte_for_byte_only() {
    let receipt = accept(r#"{"type":"t","n":1,"m":"é","list":[1,2]}"#).unwrap();
    let text = receipt.text();
    for (other, offset) in [
        (text.replace(":1,", ": 1,"), text.find(":1,").unwrap() + 1),
        (text.replace('é', "\\u00e9"), text.find('é').unwrap()),
        (text.replace(":1,", ":1.0,"), text.find(":1,").unwrap() + 2),
        (format!("{text}\n"), text.len()),
        (format!(" {text}"), 0),
        (
            text.replace("[1,2]", "[1,-0]"),
            text.find("[1,2]").unwrap() + 3,
        ),
    ] {
        assert_eq!(
            Receipt::parse_canonical(other.as_bytes()),
            Err(ReceiptError::NotCanonical { offset }),
            "{other}"
        );
    }
    for (member, missing) in [
        ("root_hash", ReceiptError::MissingRootHash),
        ("timestamp", ReceiptError::MissingTimestamp),
    ] {
        let mut object = receipt.object().clone();
        object.remove(member);
        assert_eq!(
            Receipt::parse_canonical(&json::canonical_object(&object)),
            Err(missing)
        );
    }
}

#[test]
fn the_longest_receipt_is_65535_bytes() {
    let overhead = accept(r#"{"type":"t","x":""}"#).unwrap().bytes().len();
    let at_limit = format!(
        r#"{{"type":"t","x":"{}"}}"#,
        "x".repeat(MAX_RECEIPT_LEN - overhead)
    );
    let receipt = accept(&at_limit).unwrap();
    assert_eq!(receipt.bytes().len(), 65_535);
    assert!(Receipt::parse_canonical(receipt.bytes()).is_ok());

    let over = at_limit.replace(r#""x":""#, r#""x":"x"#);
    let error = accept(&over).unwrap_err();
    assert_eq!(error, ReceiptError::TooLong { length: 65_536 });
    let text = error.to_string();
    assert!(
        text.contains("log the hash") && text.contains("--seal"),
        "{text}"
    );
    assert_eq!(
        Receipt::parse_canonical(&[b' '; 65_536]),
        Err(ReceiptError::TooLong { length: 65_536 })
    );
    // Formatting does not count; what is far too long is not even read.
    assert_eq!(
        accept(&at_limit.replace(',', &format!(",{}", " ".repeat(1000)))),
        Ok(receipt)
    );
    assert_eq!(
        Receipt::accept(&vec![b'['; MAX_SUBMITTED_LEN + 1], now()),
        Err(ReceiptError::TooLong {
            length: MAX_SUBMITTED_LEN + 1
        })
    );
}

#[test]
fn a_receipt_cut_off_anywhere_is_refused() {
    let receipt = accept(
        r#"{"type":"t","n":-1.5e-7,"m":"é\n\ud83d\ude00","l":[true,false,null,{}],"tags":["a"]}"#,
    )
    .unwrap();
    for length in 0..receipt.bytes().len() {
        let cut = &receipt.bytes()[..length];
        assert!(Receipt::parse_canonical(cut).is_err(), "{length}");
        assert!(Receipt::accept(cut, now()).is_err(), "{length}");
    }
}

#[test]
fn every_changed_byte_of_a_receipt_is_refused() {
    let receipt = accept(r#"{"type":"t","n":12,"m":"é","tags":["a"]}"#).unwrap();
    for index in 0..receipt.bytes().len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bytes = receipt.bytes().to_vec();
            bytes[index] ^= flip;
            assert!(
                Receipt::parse_canonical(&bytes).is_err(),
                "{index} {flip:02x}"
            );
        }
    }
}

#[test]
fn a_batch_line_that_ends_in_crlf_is_refused() {
    let error = accept("{\"type\":\"t\"}\r\n").unwrap_err();
    let ReceiptError::Json(error) = error else {
        panic!("{error}");
    };
    assert_eq!(
        (error.offset, error.kind),
        (12, JsonErrorKind::CarriageReturn)
    );
    assert!(accept("{\"type\":\"t\"}\n").is_ok());
    assert!(accept("{\"type\":\"t\",\"line\":\"kept\\r\"}").is_ok());
}

#[test]
fn built_objects_become_the_same_receipts() {
    let object = Object::new()
        .with("type", "t")
        .with("n", 1_u32)
        .with("tags", vec!["a", "b"]);
    assert_eq!(
        Receipt::from_object(&object, now()),
        accept(r#"{"type":"t","n":1,"tags":["a","b"]}"#)
    );
    let long = Object::new()
        .with("type", "t")
        .with("x", "x".repeat(70_000));
    assert!(matches!(
        Receipt::from_object(&long, now()),
        Err(ReceiptError::TooLong { .. })
    ));
}

#[test]
fn sealed_commitment_depends_on_salt_and_content_and_length() {
    let sealed = Sealed::commit(&[7; 32], b"content");
    assert!(sealed.opens(&[7; 32], b"content"));
    assert!(!sealed.opens(&[8; 32], b"content"));
    assert!(!sealed.opens(&[7; 32], b"contenu"));
    assert!(
        !Sealed {
            length: 8,
            ..sealed
        }
        .opens(&[7; 32], b"content")
    );
    // Derive-key mode: not the plain hash of the same bytes.
    let plain = [[7; 32].as_slice(), b"content"].concat();
    assert_ne!(sealed.commitment, Blake3Hash::of(&plain));
    assert_eq!(Sealed::from_value(&sealed.to_value()), Ok(sealed));
}

#[test]
fn sealed_member_has_one_form() {
    let good = Sealed::commit(&[7; 32], b"content").to_value();
    let Value::Object(good) = good else { panic!() };
    for bad in [
        good.clone().with("extra", 1_u32),
        good.clone().with("length", "7"),
        good.clone().with("length", json::parse(b"-7").unwrap()),
        good.clone().with("commitment", "blake3:00"),
        Object::new().with("length", 7_u32),
    ] {
        assert_eq!(Sealed::from_value(&bad.into()), Err(SealedError));
    }
    assert_eq!(Sealed::from_value(&Value::Null), Err(SealedError));
}

#[test]
fn signatures_cover_type_and_content_but_neither_themselves_nor_the_hash() {
    let receipt = accept(r#"{"type":"t","n":1,"signatures":{"a":"z"}}"#).unwrap();
    let message = signed_message(receipt.object());
    let expected = format!("quorate/v1/t\0{{\"n\":1,\"timestamp\":\"{NOW}\",\"type\":\"t\"}}");
    assert_eq!(message, expected.as_bytes());
    let other = accept(r#"{"type":"t","n":1,"signatures":{"b":"z"}}"#).unwrap();
    assert_eq!(signed_message(other.object()), message);
    let other = accept(r#"{"type":"t","n":2}"#).unwrap();
    assert_ne!(signed_message(other.object()), message);
}

#[test]
fn the_signed_message_cut_from_the_text_is_the_one_made_of_the_object() {
    for input in [
        r#"{"type":"t"}"#,
        r#"{"type":"t","signatures":{}}"#,
        r#"{"type":"t","signatures":{"a":"z,}"},"zz":1}"#,
        r#"{"type":"t","s":",\"signatures\":1,","a":"\\","b":"{[\"","c":[{"signatures":1,"root_hash":2},3]}"#,
        r#"{"type":"t","signature":1,"signaturess":2,"root_hash2":3,"\"signatures\":":4,"":5,"é,":{}}"#,
    ] {
        let receipt = accept(input).unwrap();
        assert_eq!(
            receipt.signed_message(),
            signed_message(receipt.object()),
            "{input}"
        );
    }
}
