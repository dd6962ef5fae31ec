//! A small world of actors for the tests.

use quorate_note::ed25519::SecretKey;
use quorate_provenance::{Attributes, Invalid, Recorder, Session, StepDraft, Subject};
use quorate_receipt::json::{Object, Value};
use quorate_receipt::{
    Blake3Hash, PublicKeyText, Receipt, SignatureText, Timestamp, signed_message,
};

pub(crate) fn hash(n: u32) -> Blake3Hash {
    Blake3Hash::of(&n.to_be_bytes())
}

pub(crate) fn secret(n: u32) -> SecretKey {
    SecretKey::from_seed(*hash(n).as_bytes())
}

pub(crate) fn public(n: u32) -> PublicKeyText {
    PublicKeyText::from_bytes(*secret(n).public().as_bytes())
}

pub(crate) fn actor(n: u32) -> Subject {
    format!("did:vm:agent:a{n}").parse().unwrap()
}

pub(crate) fn time(n: u32) -> Timestamp {
    Timestamp::from_seconds(1_795_000_000 + i64::from(n)).unwrap()
}

/// A session of actor `n`, opened at time 0.
pub(crate) fn open(n: u32) -> (Recorder, Receipt) {
    let nonce = hash(n + 1000);
    Recorder::open(
        secret(n),
        actor(n),
        nonce.as_bytes(),
        Attributes::new(),
        time(0),
    )
    .unwrap()
}

/// An opening, its session, and its recorder.
pub(crate) fn session() -> (Recorder, Session) {
    let (recorder, opening) = open(1);
    let session = Session::open(&opening).unwrap();
    (recorder, session)
}

pub(crate) fn note(recorder: &mut Recorder, at: u32) -> Receipt {
    recorder.step(StepDraft::note(), time(at)).unwrap()
}

/// The receipt with other members, hashed but not signed again.
pub(crate) fn edited(receipt: &Receipt, edit: impl FnOnce(&mut Object)) -> Receipt {
    let mut object = receipt.object().clone();
    object.remove("root_hash");
    edit(&mut object);
    Receipt::from_object(&object, time(0)).unwrap()
}

/// The receipt with other members, signed again with key `n` in the name of actor `n`.
pub(crate) fn resigned(receipt: &Receipt, n: u32, edit: impl FnOnce(&mut Object)) -> Receipt {
    edited(receipt, |object| {
        edit(object);
        let signature = SignatureText::from_bytes(secret(n).sign(&signed_message(object)));
        object.insert(
            "signatures",
            Object::new().with(actor(n).as_str(), signature.to_string()),
        );
    })
}

pub(crate) fn integer(n: u64) -> Value {
    Value::try_from(n).unwrap()
}

/// Takes what must be refused, and sees that nothing changed.
pub(crate) fn refused(session: &mut Session, receipt: &Receipt) -> Invalid {
    let before = session.clone();
    let error = session.take(receipt).unwrap_err();
    assert_eq!(*session, before);
    error
}
