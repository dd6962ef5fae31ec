//! The calls of tlog-witness over HTTP (C2SP commit `5ba5ee8`).

use quorate_merkle::{LeafHashes, Subtree, leaf_hash, prove_subtree};
use quorate_note::{SignedCheckpoint, VerifiedSubtree, base64};

use crate::log::Log;
use crate::process::{Witness, keys};

fn with_log(more: &[&str]) -> (tempfile::TempDir, Log, Witness) {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/a", 1);
    let flag = log.flag();
    let words = [&["--origin", flag.as_str()], more].concat();
    let witness = Witness::start(dir.path(), &words);
    (dir, log, witness)
}

#[test]
fn w_21_an_accepted_checkpoint_is_cosigned_with_both_algorithms() {
    let (_dir, log, witness) = with_log(&[]);
    let answer = witness.add(&log.request(0, 5, "a"));
    assert_eq!(answer.status, 200);
    let lines = answer.lines();
    let checkpoint = log.signed(5, "a").verify_log(&[log.key()]).unwrap();
    let cosignatures = checkpoint.cosignatures_in(&lines, &keys()).unwrap();
    assert_eq!((lines.len(), cosignatures.len()), (2, 2));
}

#[test]
fn the_status_matrix_over_http() {
    let (_dir, log, witness) = with_log(&[]);
    assert_eq!(witness.add(&log.request(0, 5, "a")).status, 200);
    let unknown = Log::new("unknown.example", 1);
    assert_eq!(witness.add(&unknown.request(0, 5, "a")).status, 404);
    let stranger = Log::new("log.example/a", 2);
    assert_eq!(witness.add(&stranger.request(5, 7, "a")).status, 403);
    assert_eq!(witness.add(b"old 1\n").status, 400);
    assert_eq!(witness.add(&log.request(9, 7, "a")).status, 400);
    let conflict = witness.add(&log.request(0, 7, "a"));
    assert_eq!(conflict.status, 409);
    assert_eq!(conflict.text(), "5\n");
    assert!(
        conflict
            .head
            .contains("\r\ncontent-type: text/x.tlog.size\r\n"),
        "{}",
        conflict.head
    );
    assert_eq!(witness.add(&log.request(5, 7, "b")).status, 422);
    assert_eq!(witness.add(&log.request(5, 5, "b")).status, 422);
    assert_eq!(witness.add(&vec![b'x'; 200_000]).status, 413);
    assert_eq!(witness.get("/add-checkpoint").status, 405);
    assert_eq!(witness.add(&log.request(5, 7, "a")).status, 200);
}

#[test]
fn w_40_monitors_fetch_what_was_cosigned_also_after_a_restart() {
    let (dir, log, witness) = with_log(&[]);
    let path = &witness.json(&["show", "log.example/a"])["path"];
    let path = format!("/{}", path.as_str().unwrap());
    assert_eq!(witness.get(&path).status, 404);
    let lines = witness.add(&log.request(0, 5, "a")).lines();
    let fetched = witness.get(&path).body;
    let check = |note: &[u8]| {
        let signed = SignedCheckpoint::parse(note).unwrap();
        let verified = signed.verify_log(&[log.key()]).unwrap();
        assert_eq!(verified.cosignatures(&keys()).unwrap().len(), 2);
        assert!(
            lines
                .iter()
                .all(|line| signed.note().signatures().contains(line))
        );
    };
    check(&fetched);
    witness.kill();
    let witness = Witness::start(dir.path(), &[]);
    check(&witness.get(&path).body);
    assert_eq!(witness.add(&log.request(0, 7, "b")).status, 409);
}

#[test]
fn w_32_a_subtree_of_a_cosigned_tree_is_signed() {
    let (_dir, log, witness) = with_log(&[]);
    let lines = witness.add(&log.request(0, 14, "a")).lines();
    let mut reference = log.signed(14, "a").note().signatures().to_vec();
    reference.extend(lines);
    let checkpoint = log.signed(14, "a").checkpoint_unverified().clone();
    let reference = SignedCheckpoint::new(checkpoint, reference).unwrap();
    let leaves: Vec<_> = (0..14)
        .map(|i| leaf_hash(format!("{}{i}", if i == 0 { "" } else { "a" }).as_bytes()))
        .collect();
    let subtree = Subtree::new(8, 13).unwrap();
    let hash = quorate_merkle::root_of_leaf_hashes(&leaves[8..13]);
    let proof = prove_subtree(&subtree, 14, &LeafHashes(&leaves)).unwrap();
    let mut body = format!("subtree 8 13\n{}\n", base64::encode(hash.as_bytes()));
    for hash in proof.hashes() {
        body.push_str(&format!("{}\n", base64::encode(hash.as_bytes())));
    }
    body.push_str(&format!("\n{reference}"));
    let answer = witness.post("/sign-subtree", body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let lines = answer.lines();
    assert_eq!(lines.len(), 1, "only ML-DSA-44 signs subtrees");
    VerifiedSubtree::verify(&lines[0], &keys()[1], &log.origin, subtree, hash).unwrap();
    let wrong = body.replacen("subtree 8 13", "subtree 8 12", 1);
    assert_eq!(witness.post("/sign-subtree", wrong.as_bytes()).status, 422);
    assert_eq!(witness.post("/sign-subtree", b"subtree 8 8\n").status, 400);
}

#[test]
fn a_logs_rate_is_enforced_and_says_when_to_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/a", 1);
    let witness = Witness::start(dir.path(), &[]);
    let added = witness.operator(&["add-log", &log.vkey().to_string(), "--qpd", "1"]);
    assert!(added.status.success());
    let mut answers: Vec<u16> = Vec::new();
    let mut retry_after = String::new();
    for size in 1..=61 {
        let answer = witness.add(&log.request(size - 1, size, "a"));
        answers.push(answer.status);
        retry_after = answer.head;
    }
    assert_eq!(
        answers.iter().filter(|s| **s == 200).count(),
        60,
        "{answers:?}"
    );
    assert_eq!(answers.last(), Some(&429));
    let wait = retry_after
        .lines()
        .find_map(|l| l.strip_prefix("retry-after: "))
        .unwrap();
    assert!(wait.trim().parse::<u64>().unwrap() > 80_000, "{wait}");
    // Nothing is taken for what the log did not sign.
    let stranger = Log::new("log.example/a", 2);
    assert_eq!(witness.add(&stranger.request(0, 5, "a")).status, 403);
}

/// Checkpoints are public: whoever submits an old one again, or asks for subtrees of it, must not use up what the log
/// needs to grow.
#[test]
fn a_stranger_cannot_use_up_a_logs_rate() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/a", 1);
    let witness = Witness::start(dir.path(), &[]);
    witness.operator(&["add-log", &log.vkey().to_string(), "--qpd", "1"]);
    for size in 1..=10 {
        assert_eq!(witness.add(&log.request(size - 1, size, "a")).status, 200);
    }
    let mut again = Vec::new();
    for _ in 0..70 {
        assert_eq!(witness.add(&log.request(0, 5, "a")).status, 409);
        again.push(witness.add(&log.request(10, 10, "a")));
    }
    // Signed 60 times; after that the last answer comes again, and nothing is taken for it.
    assert!(again.iter().all(|answer| answer.status == 200));
    assert!(
        again[60..]
            .iter()
            .all(|answer| answer.body == again[59].body)
    );
    // A log that has to ask what was co-signed hears it all the same.
    assert_eq!(witness.add(&log.request(0, 10, "a")).status, 409);
    for size in 11..=60 {
        assert_eq!(
            witness.add(&log.request(size - 1, size, "a")).status,
            200,
            "{size}"
        );
    }
}
