//! The builder holds every rule that a file is held to.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{hex, log_vkey, witness_vkey};
use quorate_note::{LogKey, VerifierKey, WitnessKey};
use quorate_policy::{
    Name, NameError, Policy, PolicyBuilder, PolicyErrorKind as Kind, Role, Threshold, Url,
};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn names(text: &str) -> Vec<Name> {
    text.split(' ').map(name).collect()
}

fn vkey(text: &str) -> VerifierKey {
    text.parse().unwrap()
}

fn witness(seed: u8) -> WitnessKey {
    WitnessKey::try_from(vkey(&witness_vkey(seed))).unwrap()
}

fn raw(policy: &str) -> Policy {
    Policy::parse(policy.as_bytes()).unwrap()
}

/// Witnesses `a`, `b`, `c`.
fn abc() -> PolicyBuilder {
    let mut builder = PolicyBuilder::new();
    for (seed, text) in (1..).zip(["a", "b", "c"]) {
        builder.witness(name(text), witness(seed), None).unwrap();
    }
    builder
}

#[test]
fn builder_refuses_what_a_file_may_not_say() {
    let group = |threshold, members: &str| {
        abc()
            .group(name("g"), threshold, &names(members))
            .map(|_| ())
            .unwrap_err()
    };
    assert_eq!(group(Threshold::AtLeast(0), "a b"), Kind::ThresholdZero);
    assert_eq!(
        group(Threshold::AtLeast(3), "a b"),
        Kind::ThresholdExceedsMembers { k: 3, n: 2 }
    );
    assert_eq!(group(Threshold::All, "a none"), Kind::ReservedName);
    assert_eq!(
        group(Threshold::All, "a z"),
        Kind::UnknownName { name: name("z") }
    );
    assert_eq!(
        group(Threshold::All, "a g"),
        Kind::UnknownName { name: name("g") }
    );
    let again = Kind::DuplicateMember {
        member: name("a"),
        group: name("g"),
    };
    assert_eq!(group(Threshold::All, "a b a"), again);
    assert_eq!(
        abc().group(name("g"), Threshold::All, &[]).unwrap_err(),
        Kind::EmptyGroup
    );
    assert_eq!(
        abc()
            .group(name("none"), Threshold::All, &names("a"))
            .unwrap_err(),
        Kind::ReservedName
    );
    assert_eq!(
        abc()
            .group(name("a"), Threshold::All, &names("b"))
            .unwrap_err(),
        Kind::DuplicateName { name: name("a") }
    );
    assert_eq!(
        abc().witness(name("d"), witness(1), None).unwrap_err(),
        Kind::DuplicateKey {
            role: Role::Witness
        }
    );
    assert_eq!(
        abc().witness(name("none"), witness(9), None).unwrap_err(),
        Kind::ReservedName
    );
    assert_eq!(
        abc().quorum(&name("z")).unwrap_err(),
        Kind::UnknownName { name: name("z") }
    );
    assert_eq!(abc().build().unwrap_err(), Kind::MissingQuorum);
    let mut builder = abc();
    builder.quorum_none().unwrap();
    assert_eq!(
        builder.quorum(&name("a")).unwrap_err(),
        Kind::RepeatedQuorum
    );
    assert_eq!(builder.quorum_none().unwrap_err(), Kind::RepeatedQuorum);
}

#[test]
fn builder_refuses_mixed_dialects() {
    let sigsum = raw(&format!("log {}\nquorum none\n", hex(1)));
    let raw_log: &LogKey = sigsum.logs()[0].key();
    assert!(matches!(
        abc().log(raw_log.clone(), None),
        Err(Kind::MixedDialects { .. })
    ));
}

#[test]
fn builder_is_unchanged_by_a_refused_statement() {
    let mut builder = abc();
    builder
        .group(name("g"), Threshold::All, &names("a b z"))
        .unwrap_err();
    builder.quorum(&name("z")).unwrap_err();
    // Neither the name nor its members nor the quorum were taken.
    builder
        .group(name("g"), Threshold::All, &names("a b"))
        .unwrap();
    builder.quorum(&name("g")).unwrap();
    builder.build().unwrap();
}

// What `quorate policy show` prints of a log without witnesses: both of its vkeys and `quorum none`.
#[test]
fn builder_renders_the_policy_of_an_unwitnessed_log() {
    let (ed, pq) = (log_vkey(100), common::mldsa_log_vkey(100));
    let mut builder = PolicyBuilder::new();
    let url: Url = "https://log.example/".parse().unwrap();
    builder
        .log(LogKey::try_from(vkey(&ed)).unwrap(), Some(url))
        .unwrap();
    builder
        .log(LogKey::try_from(vkey(&pq)).unwrap(), None)
        .unwrap();
    builder.quorum_none().unwrap();
    let policy = builder.build().unwrap();
    assert_eq!(
        policy.to_string(),
        format!("log {ed} https://log.example/\nlog {pq}\nquorum none\n")
    );
    assert_eq!(Policy::parse(&policy.render()), Ok(policy));
}

#[test]
fn names_and_urls_hold_what_one_field_can() {
    assert_eq!(Name::new(b"a b"), Err(NameError::Octet { byte: b' ' }));
    assert_eq!(Name::new(b""), Err(NameError::Empty));
    assert_eq!(Url::new(b""), Err(NameError::Empty));
    assert_eq!(
        Url::new(b"https://x\n"),
        Err(NameError::Octet { byte: b'\n' })
    );
    assert_eq!(Url::new(b"#x"), Err(NameError::Comment));
}
