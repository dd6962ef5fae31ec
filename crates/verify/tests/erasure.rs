//! The `extra` line of a sealed receipt's proof: an erasure that is proven, or an error.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{Log, base64, policy, proof_file};
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{Blake3Hash, Receipt, Sealed, Timestamp};
use quorate_verify::{Erasure, Extra, MAX_ERASURE_LEN, verify_entry};

fn receipt(object: Object) -> Receipt {
    Receipt::from_object(&object, "2026-11-20T10:00:00Z".parse().unwrap()).unwrap()
}

fn sealed() -> Sealed {
    Sealed::commit(&[7; 32], b"a customer's name")
}

fn entry() -> Receipt {
    receipt(
        Object::new()
            .with("type", "support_case")
            .with("sealed", sealed().to_value()),
    )
}

fn erased(type_: &str, commitment: Blake3Hash) -> Receipt {
    receipt(
        Object::new()
            .with("type", type_)
            .with("commitment", commitment.to_string())
            .with("timestamp", "2026-12-24T18:30:00Z"),
    )
}

/// A log of: something, the sealed receipt, something, its erasure, something.
struct Scroll {
    log: Log,
    entry: Receipt,
    erasure: Receipt,
}

fn scroll(erasure: Receipt) -> Scroll {
    let other = |n: u32| receipt(Object::new().with("type", "other").with("n", n));
    let entry = entry();
    let all = [other(0), entry.clone(), other(2), erasure.clone(), other(4)];
    Scroll {
        log: Log::new(all.iter().map(Receipt::bytes)),
        entry,
        erasure,
    }
}

impl Scroll {
    fn extra(&self, index: u64) -> Vec<u8> {
        extra(
            index,
            &self.log.path(index),
            self.erasure.object().clone().into(),
        )
    }

    fn verify(&self, extra: Option<&[u8]>) -> Result<quorate_verify::Report, &'static str> {
        self.verify_entry(1, self.entry.bytes(), extra)
    }

    fn verify_entry(
        &self,
        index: u64,
        entry: &[u8],
        extra: Option<&[u8]>,
    ) -> Result<quorate_verify::Report, &'static str> {
        let policy = policy(&format!("log {}\nquorum none\n", common::log_vkey(100)));
        let proof = proof_file(
            extra,
            index,
            &self.log.path(index),
            &self.log.checkpoint(&[]),
        );
        verify_entry(&proof, entry, &policy).map_err(|error| error.code())
    }
}

/// The text of an erasure, put together by hand.
fn extra(index: u64, path: &[[u8; 32]], receipt: Value) -> Vec<u8> {
    let proof: Vec<String> = path
        .iter()
        .map(|hash| format!("\"{}\"", base64(hash)))
        .collect();
    let receipt = quorate_receipt::json::canonical(&receipt);
    [
        format!(
            "{{\"erasure\":{{\"index\":{index},\"proof\":[{}],\"receipt\":",
            proof.join(",")
        )
        .as_bytes(),
        &receipt,
        b"}}",
    ]
    .concat()
}

fn good() -> Scroll {
    scroll(erased("content_erased", sealed().commitment))
}

#[test]
fn erasure_proven_in_the_same_checkpoint_is_reported() {
    let scroll = good();
    let report = scroll.verify(Some(&scroll.extra(3))).unwrap();
    let erased = report.content_erased().unwrap();
    assert_eq!(erased.index(), 3);
    assert_eq!(
        erased.at(),
        "2026-12-24T18:30:00Z".parse::<Timestamp>().unwrap()
    );
    assert_eq!(erased.commitment(), &sealed().commitment);
    let view = serde_json::to_value(report.view()).unwrap();
    assert_eq!(view["content_erased_at"], "2026-12-24T18:30:00Z");
    assert_eq!(view["content_erased_index"], 3);
    assert_eq!(view["sealed"], sealed().commitment.to_string());
    let text = report.to_string();
    assert!(
        text.contains("Content erased on 2026-12-24T18:30:00Z, recorded in entry 3"),
        "{text}"
    );
    assert!(text.contains("no copy of the erased content"), "{text}");
}

#[test]
fn erasure_is_optional() {
    let scroll = good();
    let report = scroll.verify(None).unwrap();
    assert_eq!(report.extra(), &Extra::Absent);
    assert_eq!(report.content_erased(), None);
    assert_eq!(report.sealed(), Some(&sealed()));
    assert!(report.to_string().contains("holds a commitment"));
    assert!(report.view().content_erased_at.is_none());
}

#[test]
fn erasure_is_written_as_it_is_read() {
    let scroll = good();
    let path: Vec<_> = scroll
        .log
        .path(3)
        .into_iter()
        .map(quorate_merkle::Hash::from_bytes)
        .collect();
    let erasure = Erasure::new(3, path.try_into().unwrap(), scroll.erasure.clone());
    assert_eq!(erasure.to_extra().unwrap(), scroll.extra(3));
}

// Beside a receipt, extra data is an erasure or an error: a damaged one must not pass as silence.
#[test]
fn erasure_must_be_in_canonical_form() {
    let scroll = good();
    let good = String::from_utf8(scroll.extra(3)).unwrap();
    assert!(scroll.verify(Some(good.as_bytes())).is_ok());
    for bad in [
        "x".into(),
        "{}".into(),
        "{\"erasure\":null}".into(),
        format!("{good} "),
        good.replacen("\"index\":3", "\"index\": 3", 1),
        good.replacen("\"index\":3", "\"index\":\"3\"", 1),
        good.replacen("\"index\":3", "\"index\":3.5", 1),
        good.replacen("\"index\":3", "\"index\":-3", 1),
        good.replacen("\"index\":3,", "", 1),
        good.replacen("\"index\":3", "\"extra\":1,\"index\":3", 1),
        good.replacen("{\"erasure\"", "{\"a\":1,\"erasure\"", 1),
        good.replacen("[\"", "[\"A", 1),
        good.replacen("=\"", "\"", 1),
        good.replacen("[\"", "[1,\"", 1),
        good.replacen("\"erasure\"", "\"erasures\"", 1),
    ] {
        assert_eq!(
            scroll.verify(Some(bad.as_bytes())),
            Err("extra-malformed"),
            "{bad}"
        );
    }
    // Longer than any erasure: not even read. At the limit it is read, and then it is no receipt.
    let padding = |len: usize| Object::new().with("type", "x".repeat(len)).into();
    let overhead = extra(3, &scroll.log.path(3), padding(0)).len();
    for (len, code) in [
        (MAX_ERASURE_LEN, "extra-receipt-invalid"),
        (MAX_ERASURE_LEN + 1, "extra-malformed"),
    ] {
        let extra = extra(3, &scroll.log.path(3), padding(len - overhead));
        assert_eq!(extra.len(), len);
        assert_eq!(scroll.verify(Some(&extra)), Err(code));
    }
}

#[test]
fn erasure_receipt_must_be_a_receipt() {
    let scroll = good();
    for bad in [
        Value::Null,
        Object::new().with("type", "content_erased").into(),
        {
            let mut object = scroll.erasure.object().clone();
            object.insert("timestamp", "2026-12-25T18:30:00Z");
            object.into()
        },
    ] {
        let extra = extra(3, &scroll.log.path(3), bad);
        assert_eq!(scroll.verify(Some(&extra)), Err("extra-receipt-invalid"));
    }
}

#[test]
fn erasure_must_be_of_this_content() {
    let other = Sealed::commit(&[8; 32], b"a customer's name").commitment;
    for receipt in [
        erased("content_erased", other),
        erased("something_else", sealed().commitment),
        receipt(Object::new().with("type", "content_erased")),
        receipt(
            Object::new()
                .with("type", "content_erased")
                .with("commitment", 1_u32),
        ),
    ] {
        let scroll = scroll(receipt);
        assert_eq!(
            scroll.verify(Some(&scroll.extra(3))),
            Err("extra-other-content")
        );
    }
}

#[test]
fn erasure_must_be_proven_included() {
    let scroll = good();
    let receipt = || Value::from(scroll.erasure.object().clone());
    let path = scroll.log.path(3);
    for (index, path) in [
        (2, path.clone()),
        (4, path.clone()),
        (3, path[1..].to_vec()),
        (3, scroll.log.path(2)),
    ] {
        assert_eq!(
            scroll.verify(Some(&extra(index, &path, receipt()))),
            Err("extra-not-included")
        );
    }
    // Beyond the checkpoint's tree.
    assert_eq!(
        scroll.verify(Some(&extra(5, &path, receipt()))),
        Err("extra-not-included")
    );
    // A receipt that says the right thing but is not in this log.
    let forged = erased("content_erased", sealed().commitment);
    let elsewhere = self::scroll(receipt_without_meaning());
    assert_eq!(
        elsewhere.verify(Some(&extra(
            3,
            &elsewhere.log.path(3),
            forged.object().clone().into()
        ))),
        Err("extra-not-included")
    );
}

fn receipt_without_meaning() -> Receipt {
    receipt(Object::new().with("type", "other"))
}

#[test]
fn erasure_must_come_after_the_entry() {
    let first = erased("content_erased", sealed().commitment);
    let entry = entry();
    let scroll = Scroll {
        log: Log::new([first.bytes(), entry.bytes()]),
        entry: entry.clone(),
        erasure: first,
    };
    assert_eq!(
        scroll.verify(Some(&scroll.extra(0))),
        Err("extra-not-after-entry")
    );
    assert_eq!(
        scroll.verify(Some(&scroll.extra(1))),
        Err("extra-not-after-entry")
    );
}

#[test]
fn erasure_beside_an_unsealed_entry_is_refused() {
    let scroll = good();
    let plain = receipt(Object::new().with("type", "other").with("n", 0_u32));
    assert_eq!(
        scroll
            .verify_entry(0, plain.bytes(), Some(&scroll.extra(3)))
            .unwrap_err(),
        "extra-nothing-sealed"
    );
    // An entry that is no receipt at all.
    let raw = Scroll {
        log: Log::new([b"raw", scroll.erasure.bytes()]),
        entry: scroll.entry.clone(),
        erasure: scroll.erasure.clone(),
    };
    assert_eq!(
        raw.verify_entry(0, b"raw", Some(&raw.extra(1)))
            .unwrap_err(),
        "extra-nothing-sealed"
    );
}
