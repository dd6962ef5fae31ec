//! Every event must fit into a receipt.

#![expect(clippy::unwrap_used, reason = "tests stop at what cannot happen")]

mod support;

use quorate_lineage::{Change, Event, Fingerprint, Head, Heads, MAX_HEADS, Reason, Role, Slot};
use quorate_receipt::json::Object;
use quorate_receipt::{Blake3Hash, MAX_RECEIPT_LEN, Receipt, ScrollName, Timestamp};
use support::{begin, keys, next, public, secret};

/// The largest number that JSON holds exactly.
const LARGEST: u64 = (1 << 53) - 1;
/// Base58 of the same number of bytes differs in length by a digit: eight texts, with room to spare.
const BASE58: usize = 16;

/// Heads with the longest names and sizes.
fn heads(count: usize) -> Heads {
    let mut heads = Heads::new();
    for n in 0..count {
        let name = format!("N{n:0width$}", width = ScrollName::MAX_LENGTH - 1);
        let head = Head {
            size: LARGEST,
            head: Blake3Hash::of(name.as_bytes()),
        };
        heads.insert(name.parse().unwrap(), head).unwrap();
    }
    heads
}

/// The largest event of every kind that records heads, with its signatures.
fn largest(heads: &Heads) -> Vec<Result<Receipt, quorate_receipt::ReceiptError>> {
    let heads = || heads.clone();
    let rotation = Change::Rotation {
        outgoing: public(0),
        revealed: public(1),
        salt: [0xff; 32],
        next: next(2).commitment(),
        reason: Reason::Compromise,
        heads: heads(),
    };
    let scheduled = Change::Rotation {
        outgoing: public(0),
        revealed: public(1),
        salt: [0xff; 32],
        next: next(2).commitment(),
        reason: Reason::Scheduled,
        heads: heads(),
    };
    let mut changes = vec![rotation, scheduled];
    for role in Role::CERTIFIED {
        changes.push(Change::RoleCertified {
            by: public(0),
            role,
            keys: keys(role, 1),
            replaces: Some(public(2)),
            heads: heads(),
        });
        changes.push(Change::RoleRetired {
            by: public(0),
            role,
            key: public(1),
            reason: Reason::Compromise,
            heads: heads(),
        });
    }
    changes.into_iter().map(receipt).collect()
}

fn receipt(change: Change) -> Result<Receipt, quorate_receipt::ReceiptError> {
    let timestamp = Timestamp::parse(b"2026-11-20T12:00:00.123456789Z").unwrap();
    let event = Event {
        node: Fingerprint::of(public(0)),
        seq: LARGEST,
        prev: Some(*begin().last()),
        timestamp,
        change,
    };
    let mut signatures = Object::new();
    for (slot, _) in event.signers() {
        let signer = secret(if slot == Slot::Identity { 0 } else { 1 });
        let signature = quorate_receipt::SignatureText::from_bytes(signer.sign(&event.message()));
        signatures.insert(slot.as_str(), signature.to_string());
    }
    Receipt::from_object(&event.to_object().with("signatures", signatures), timestamp)
}

#[test]
fn the_heads_of_as_many_scrolls_as_there_may_be_fit_into_any_event() {
    for event in largest(&heads(MAX_HEADS)) {
        let event = event.unwrap();
        let length = event.bytes().len() + BASE58;
        assert!(length <= MAX_RECEIPT_LEN, "{}: {length}", event.type_());
    }
    let over = largest(&heads(MAX_HEADS + 20));
    assert!(
        over.iter().any(Result::is_err),
        "the limit wastes no more than twenty scrolls"
    );
}
