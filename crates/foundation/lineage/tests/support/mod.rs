//! A small world of keys for the tests.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(unreachable_pub, reason = "shared by test binaries")]
#![allow(clippy::unwrap_used, reason = "tests stop at what cannot happen")]

use quorate_lineage::{
    Draft, Event, Head, Heads, Lineage, MlDsa44Key, NextKey, Reason, Role, RoleKeys, Slot,
};
use quorate_note::ed25519::SecretKey;
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{Blake3Hash, PublicKeyText, Receipt, ScrollName, SignatureText, Timestamp};

/// A secret seed of number `n`; numbers below 1000 apart never collide.
pub fn seed(n: u32) -> [u8; 32] {
    *Blake3Hash::of(&n.to_be_bytes()).as_bytes()
}

pub fn secret(n: u32) -> SecretKey {
    SecretKey::from_seed(seed(n))
}

pub fn public(n: u32) -> PublicKeyText {
    PublicKeyText::from_bytes(*secret(n).public().as_bytes())
}

/// The next key of number `n`: its public half is `public(n)`.
pub fn next(n: u32) -> NextKey {
    NextKey::new(&seed(n), &seed(n + 1_000_000))
}

pub fn ml_dsa(n: u32) -> MlDsa44Key {
    let mut bytes = [0; 1312];
    for (chunk, index) in bytes.chunks_mut(32).zip(0_u32..) {
        chunk.copy_from_slice(&seed(n + 2_000_000 + index));
    }
    MlDsa44Key::from_bytes(&bytes)
}

pub fn keys(role: Role, n: u32) -> RoleKeys {
    RoleKeys {
        ed25519: public(n),
        ml_dsa_44: role.has_ml_dsa().then(|| ml_dsa(n * 100)),
    }
}

pub fn time(n: u32) -> Timestamp {
    Timestamp::from_seconds(1_795_000_000 + i64::from(n)).unwrap()
}

pub fn scroll(name: &str) -> ScrollName {
    name.parse().unwrap()
}

/// Heads of these scrolls; the head hash follows from name and size.
pub fn heads(sizes: &[(&str, u64)]) -> Heads {
    let mut heads = Heads::new();
    for (name, size) in sizes {
        let head = Blake3Hash::of(format!("{name} {size}").as_bytes());
        heads
            .insert(scroll(name), Head { size: *size, head })
            .unwrap();
    }
    heads
}

/// A lineage of identity key 0 with key 1 committed to.
pub fn begin() -> Lineage {
    Lineage::inception(&inception()).unwrap()
}

pub fn inception() -> Receipt {
    let draft = Lineage::incept(public(0), next(1).commitment(), time(0));
    draft.sign(&secret(0)).unwrap().finish().unwrap()
}

/// A scheduled rotation from identity key `from` to `from + 1`.
pub fn rotation(lineage: &Lineage, from: u32, heads: Heads) -> Receipt {
    lineage
        .plan_rotation(Reason::Scheduled, heads, time(from + 1))
        .complete(&next(from + 1), next(from + 2).commitment())
        .unwrap()
        .sign(&secret(from))
        .unwrap()
        .finish()
        .unwrap()
}

/// Certifies role key `n`, signed by identity key `identity`.
pub fn certified(lineage: &Lineage, identity: u32, role: Role, n: u32, heads: Heads) -> Receipt {
    let draft = lineage
        .certify(role, keys(role, n), heads, time(n))
        .unwrap();
    signed(draft, &[identity, n])
}

/// Retires role key `n`, signed by identity key `identity`.
pub fn retired(lineage: &Lineage, identity: u32, role: Role, n: u32, heads: Heads) -> Receipt {
    let draft = lineage
        .retire(role, public(n), Reason::Scheduled, heads, time(n))
        .unwrap();
    signed(draft, &[identity])
}

pub fn signed(draft: Draft, signers: &[u32]) -> Receipt {
    let draft = signers
        .iter()
        .fold(draft, |draft, n| draft.sign(&secret(*n)).unwrap());
    draft.finish().unwrap()
}

/// An event that no builder would make, with whatever signatures.
pub fn forged(event: &Event, signers: &[(Slot, u32)]) -> Receipt {
    let mut signatures = Object::new();
    for (slot, n) in signers {
        let signature = SignatureText::from_bytes(secret(*n).sign(&event.message()));
        signatures.insert(slot.as_str(), signature.to_string());
    }
    receipt(&event.to_object().with("signatures", signatures))
}

/// The object as a receipt with a correct `root_hash`.
pub fn receipt(object: &Object) -> Receipt {
    let mut object = object.clone();
    object.remove("root_hash");
    Receipt::from_object(&object, time(0)).unwrap()
}

/// The event inside of a receipt, to be bent.
pub fn event(receipt: &Receipt) -> Event {
    Event::from_object(receipt.object()).unwrap()
}

/// A lineage that has had every kind of event, and those events.
pub fn rich() -> (Lineage, Vec<Receipt>) {
    let mut receipts = vec![inception()];
    let mut lineage = begin();
    let mut step = |lineage: &mut Lineage, receipt: Receipt| {
        *lineage = lineage.apply(&receipt).unwrap();
        receipts.push(receipt);
    };
    let small = || heads(&[("Identity", 1)]);
    let larger = || heads(&[("Compliance", 10), ("Identity", 5)]);
    let receipt = certified(&lineage, 0, Role::Log, 100, small());
    step(&mut lineage, receipt);
    let receipt = certified(&lineage, 0, Role::Transport, 101, small());
    step(&mut lineage, receipt);
    let receipt = rotation(&lineage, 0, small());
    step(&mut lineage, receipt);
    let receipt = certified(&lineage, 1, Role::Log, 102, small());
    step(&mut lineage, receipt);
    let receipt = retired(&lineage, 1, Role::Log, 100, larger());
    step(&mut lineage, receipt);
    let plan = lineage.plan_rotation(Reason::Compromise, larger(), time(9));
    let draft = plan.complete(&next(2), next(3).commitment()).unwrap();
    step(&mut lineage, draft.finish().unwrap());
    (lineage, receipts)
}

/// Every value that differs from `value` in one leaf, lacks one member or element, or has one too many.
pub fn variations(value: &Value) -> Vec<Value> {
    let mut all = vec![Value::Null];
    match value {
        Value::Null => all = vec![Value::Bool(false)],
        Value::Bool(value) => all.push(Value::Bool(!value)),
        Value::Number(number) => {
            let number = number.as_i64().unwrap();
            all.push(Value::try_from(number + 1).unwrap());
            all.push(Value::String(number.to_string()));
        }
        Value::String(text) => {
            all.push(Value::from(""));
            all.push(Value::from(format!("{text} ")));
            for index in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[index] = if bytes[index] == b'1' { b'2' } else { b'1' };
                all.push(Value::from(String::from_utf8(bytes).unwrap()));
                if index > 100 {
                    break;
                }
            }
        }
        Value::Array(items) => {
            for index in 0..items.len() {
                let mut fewer = items.clone();
                fewer.remove(index);
                all.push(Value::Array(fewer));
                for variation in variations(&items[index]) {
                    let mut items = items.clone();
                    items[index] = variation;
                    all.push(Value::Array(items));
                }
            }
            let mut more = items.clone();
            more.push(Value::from("extra"));
            all.push(Value::Array(more));
        }
        Value::Object(object) => {
            for (name, member) in object.iter() {
                let mut fewer = object.clone();
                fewer.remove(name);
                all.push(fewer.into());
                for variation in variations(member) {
                    all.push(object.clone().with(name, variation).into());
                }
            }
            all.push(object.clone().with("extra", "member").into());
        }
    }
    all
}
