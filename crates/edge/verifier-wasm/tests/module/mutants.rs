//! Damaged files, most of them still nearly what they were.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::cases::Case;
use crate::file::splice;
use crate::{code_of, judged};

/// The cases that are damaged, and which of their files.
const TARGETS: [(&str, usize); 6] = [
    ("presented", 0),
    ("attested", 0),
    ("guide", 0),
    ("closed", 1),
    ("proof", 0),
    ("proof", 2),
];

/// Knuth's 64-bit congruential generator: the file must come out the same everywhere.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Self(seed);
        rng.next();
        rng
    }

    fn next(&mut self) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap() % bound.max(1)
    }
}

/// A line for each mutant, `case argument at cut put code answer`: `put` in hexadecimal, and of the answer the first eight
/// digits of its SHA-256, so that messages and reports are held too.
pub(crate) fn text(cases: &[Case], rng: &mut Rng, each: usize) -> String {
    let mut out = String::new();
    for (name, which) in TARGETS {
        let case = cases.iter().find(|case| case.name == name).unwrap();
        let spans = spans(&case.args[which]);
        for _ in 0..each {
            let mutant = loop {
                let mutant = mutate(&case.args[which], &spans, rng);
                let (_, _, put) = splice(&case.args[which], &mutant);
                if put.len() <= 48 {
                    break mutant;
                }
            };
            let mut args = case.args.clone();
            let (at, cut, put) = splice(&case.args[which], &mutant);
            let put: String = put.iter().map(|byte| format!("{byte:02x}")).collect();
            args[which] = mutant.clone();
            let answer = judged(case.call, &args);
            let put = if put.is_empty() { "-" } else { &put };
            let code = code_of(&answer);
            let digest = &Sha256::digest(&answer)[..4];
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let _ = writeln!(out, "{name} {which} {at} {cut} {put} {code} {digest}");
        }
    }
    out
}

/// Where strings, numbers, words and lists stand.
fn spans(text: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut open = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        match text[at] {
            b'"' => {
                at += 1;
                while at < text.len() && text[at] != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                found.push((start, (at + 1).min(text.len())));
            }
            b'{' | b'[' => open.push(at),
            b'}' | b']' => found.extend(open.pop().map(|start| (start, at + 1))),
            byte if byte.is_ascii_alphanumeric() => {
                while at + 1 < text.len() && text[at + 1].is_ascii_alphanumeric() {
                    at += 1;
                }
                found.push((start, at + 1));
            }
            _ => {}
        }
        at += 1;
    }
    found
}

const WORDS: [&[u8]; 16] = [
    b"null",
    b"0",
    b"1",
    b"-1",
    b"1e3",
    b"9007199254740993",
    b"18446744073709551616",
    b"\"\"",
    b"{}",
    b"[]",
    b"[[",
    b"true",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\u0000",
    b"\n",
];

fn mutate(text: &[u8], spans: &[(usize, usize)], rng: &mut Rng) -> Vec<u8> {
    let mut out = text.to_vec();
    let at = rng.below(text.len());
    let (from, to) = spans[rng.below(spans.len())];
    match rng.below(9) {
        0 => out[at] ^= 1 << rng.below(8),
        1 => drop(out.drain(at..(at + 1 + rng.below(8)).min(text.len()))),
        2 => drop(
            out.splice(
                at..at,
                text[at..(at + 1 + rng.below(8)).min(text.len())]
                    .iter()
                    .copied(),
            ),
        ),
        3 => out.truncate(at),
        4 => drop(out.drain(from..to)),
        5 => drop(out.splice(to..to, text[from..to].iter().copied())),
        6 => drop(out.splice(from..to, WORDS[rng.below(WORDS.len())].iter().copied())),
        7 => drop(out.splice(at..at, WORDS[rng.below(WORDS.len())].iter().copied())),
        _ => {
            // One for another of its length, which keeps the form: a digit, a hash, a signature.
            let same: Vec<_> = spans.iter().filter(|(a, b)| b - a == to - from).collect();
            let (a, b) = *same[rng.below(same.len())];
            drop(out.splice(from..to, text[a..b].iter().copied()));
        }
    }
    out
}
