//! Requests and answers of another witness: the add-checkpoint sequence with which litewitness and Sunlight are tested
//! (torchwood `cmd/litewitness/testdata`, sunlight `internal/witness`), with the answers of the July 2026 revision.

use std::sync::Arc;

use quorate_note::{KeyKind, KeyName, Origin, VerifierKey};
use quorate_witness::{KnownLog, Refusal};

use crate::support::{NOW, Witness};

const ORIGIN: &str =
    "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
const KEY: &str = "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f";

const ROOTS: [(u64, &str); 3] = [
    (1, "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    (3, "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0="),
    (5, "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY="),
];
const SIGNATURES: [&str; 3] = [
    "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=",
    "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=",
    "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=",
];
/// Ends in bits that canonical base64 has as zeros, and signs nothing.
const BAD_SIGNATURE: &str =
    "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6gx=";
const PROOF_1_3: [&str; 2] = [
    "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
];
const WRONG_PROOF_1_3: [&str; 2] = [
    "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABA=",
];
const PROOF_1_5: [&str; 3] = [
    "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=",
    "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
];
const PROOF_3_5: [&str; 4] = [
    "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "KgMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "wgiIFdZfYNv6WU1OllBKsWnLYIS/DBMqt8Uh/S4OukE=",
    "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
];

fn body(old: u64, proof: &[&str], head: usize, origin: &str, signature: &str) -> String {
    let (size, root) = ROOTS[head];
    let proof: String = proof.iter().map(|line| format!("{line}\n")).collect();
    format!("old {old}\n{proof}\n{origin}\n{size}\n{root}\n\n\u{2014} {origin} {signature}\n")
}

#[test]
fn another_witnesss_sequence_gets_the_answers_of_the_spec() {
    let mut key = [0; 32];
    for (byte, at) in key.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&KEY[at..at + 2], 16).unwrap();
    }
    let name = KeyName::new(ORIGIN).unwrap();
    let vkey = VerifierKey::from_bytes(name, KeyKind::Ed25519, &key).unwrap();
    let log = KnownLog::new(Origin::new(ORIGIN).unwrap(), &[vkey], &[]).unwrap();
    let mut witness = Witness {
        log: Arc::new(log),
        last: None,
        now: NOW,
    };
    let elsewhere = ORIGIN.replace("e562", "e563");
    let conflict = |size| Some(Refusal::Conflict { size });
    let steps: [(String, u16, Option<Refusal>); 9] = [
        (body(0, &[], 0, ORIGIN, SIGNATURES[0]), 200, None),
        (body(1, &PROOF_1_3, 1, ORIGIN, BAD_SIGNATURE), 403, None),
        (body(1, &PROOF_1_3, 1, &elsewhere, SIGNATURES[1]), 404, None),
        (body(1, &[], 1, ORIGIN, SIGNATURES[1]), 422, None),
        (
            body(1, &WRONG_PROOF_1_3, 1, ORIGIN, SIGNATURES[1]),
            422,
            None,
        ),
        (body(1, &PROOF_1_3, 1, ORIGIN, SIGNATURES[1]), 200, None),
        (
            body(1, &PROOF_1_5, 2, ORIGIN, SIGNATURES[2]),
            409,
            conflict(3),
        ),
        (body(3, &PROOF_3_5, 2, ORIGIN, SIGNATURES[2]), 200, None),
        (body(0, &[], 2, ORIGIN, SIGNATURES[2]), 409, conflict(5)),
    ];
    for (step, (body, status, expected)) in steps.into_iter().enumerate() {
        let answer = witness.post(body.as_bytes()).err();
        assert_eq!(
            answer.as_ref().map_or(200, Refusal::status),
            status,
            "step {step}: {answer:?}"
        );
        if expected.is_some() {
            assert_eq!(answer, expected, "step {step}");
        }
    }
}
