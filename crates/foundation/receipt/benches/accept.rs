//! What one receipt of 300 bytes costs on its way into the log, and on the way back.
#![expect(
    clippy::expect_used,
    reason = "tests and benchmarks stop at what cannot happen"
)]

use divan::{Bencher, black_box, counter::ItemsCount};
use quorate_receipt::{Receipt, Timestamp, json};

fn main() {
    divan::main();
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_795_000_000_000_000).expect("within the year 9999")
}

/// In canonical form but for what the log adds.
const CANONICAL: &str = concat!(
    r#"{"actor":"did:vm:agent:automation-01","command":"apt-get install nginx","event_id":"evt-2026-11-20-000017","#,
    r#""exit_code":0,"host":"web-03","type":"package_installed","user":"root"}"#
);

/// The same as a program would print it that sorts nothing.
const UNSORTED: &str = concat!(
    r#"{"type": "package_installed", "event_id": "evt-2026-11-20-000017", "actor": "did:vm:agent:automation-01", "#,
    r#""host": "web-03", "user": "root", "command": "apt-get install nginx", "exit_code": 0}"#
);

fn accept(bencher: Bencher<'_, '_>, input: &str) {
    let now = now();
    let receipt = Receipt::accept(input.as_bytes(), now).expect("a receipt");
    let made = receipt.bytes().len();
    assert!((295..=310).contains(&made), "{made}");
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| Receipt::accept(black_box(input.as_bytes()), now));
}

#[divan::bench]
fn accept_sorted(bencher: Bencher<'_, '_>) {
    accept(bencher, CANONICAL);
}

#[divan::bench]
fn accept_unsorted(bencher: Bencher<'_, '_>) {
    accept(bencher, UNSORTED);
}

#[divan::bench]
fn accept_complete(bencher: Bencher<'_, '_>) {
    let now = now();
    let receipt = Receipt::accept(CANONICAL.as_bytes(), now).expect("a receipt");
    bencher.bench_local(|| Receipt::accept(black_box(receipt.bytes()), now));
}

#[divan::bench]
fn parse_canonical(bencher: Bencher<'_, '_>) {
    let receipt = Receipt::accept(CANONICAL.as_bytes(), now()).expect("a receipt");
    bencher.bench_local(|| Receipt::parse_canonical(black_box(receipt.bytes())));
}

#[divan::bench]
fn blake3_alone(bencher: Bencher<'_, '_>) {
    let receipt = Receipt::accept(CANONICAL.as_bytes(), now()).expect("a receipt");
    bencher.bench_local(|| quorate_receipt::Blake3Hash::of(black_box(receipt.bytes())));
}

#[divan::bench]
fn canonicalize_alone(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| json::canonicalize(black_box(UNSORTED.as_bytes())));
}

#[divan::bench]
fn value_and_back(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        json::parse(black_box(UNSORTED.as_bytes())).map(|value| json::canonical(&value))
    });
}
