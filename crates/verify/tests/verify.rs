//! tlog-proof "Verifying a tlog proof", step by step, and a refusal for every error code.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{Log, hex, log_vkey, mldsa_log_vkey, policy, proof_file, witness_vkey};
use quorate_policy::Verdict;
use quorate_verify::{Extra, VerifyError, verify_entry};

const ENTRIES: [&[u8]; 5] = [b"zero", b"one", b"two", b"three", b"four"];

fn log() -> Log {
    Log::new(ENTRIES)
}

/// The log's policy with witnesses `w1` to `w3` and the given last lines.
fn with(rest: &str) -> quorate_policy::Policy {
    let witnesses: String = (1..=3)
        .map(|w| format!("witness w{w} {}\n", witness_vkey(w)))
        .collect();
    policy(&format!("log {}\n{witnesses}{rest}", log_vkey(100)))
}

fn two_of_three() -> quorate_policy::Policy {
    with("group g 2 w1 w2 w3\nquorum g\n")
}

fn code(proof: &[u8], entry: &[u8], policy: &quorate_policy::Policy) -> &'static str {
    verify_entry(proof, entry, policy).unwrap_err().code()
}

#[test]
fn every_entry_of_every_tree_size_verifies() {
    for size in 1..=17_u8 {
        let entries: Vec<Vec<u8>> = (0..size).map(|i| vec![i; usize::from(i)]).collect();
        let log = Log::new(entries.iter().map(Vec::as_slice));
        for (index, entry) in (0..).zip(&entries) {
            let report = verify_entry(&log.proof(index, &[1, 2]), entry, &two_of_three()).unwrap();
            assert_eq!(report.index(), index);
            assert_eq!(report.checkpoint().size(), u64::from(size));
        }
    }
}

// 1. "Compute the leaf hash. This step is application specific." Here: of the exact bytes.
#[test]
fn tlog_proof_leaf_is_the_exact_entry() {
    let (log, policy) = (log(), two_of_three());
    let proof = log.proof(2, &[1, 2]);
    assert!(verify_entry(&proof, b"two", &policy).is_ok());
    for entry in [&b"two\n"[..], b"tw", b"Two", b"", b"one"] {
        assert_eq!(code(&proof, entry, &policy), "not-included");
    }
}

// 2. "Check that the checkpoint origin line is acceptable, and that the checkpoint is signed by a log public
// key configured for that origin line."
#[test]
fn tlog_proof_log_must_be_known() {
    let proof = log().proof(2, &[1, 2]);
    let other_key = policy(&format!("log {}\nquorum none\n", log_vkey(99)));
    assert_eq!(code(&proof, b"two", &other_key), "log-unknown");
    let other_origin = policy(&format!(
        "log {}\nquorum none\n",
        common::log_vkey_named(100, "other.example")
    ));
    assert_eq!(code(&proof, b"two", &other_origin), "log-unknown");
}

#[test]
fn tlog_proof_log_signature_must_verify() {
    let proof = log().with_bad_log_signature(2, &[1, 2]);
    assert_eq!(
        code(&proof, b"two", &two_of_three()),
        "log-signature-invalid"
    );
}

// 3. "Verify all cosignatures for witnesses known to the verifier."
#[test]
fn tlog_proof_known_cosignatures_must_verify() {
    let proof = log().with_bad_cosignature(2, &[1, 2, 3], 3);
    assert_eq!(code(&proof, b"two", &two_of_three()), "cosignature-invalid");
    // One by an unknown witness is passed over.
    let proof = log().with_bad_cosignature(2, &[1, 2, 9], 9);
    assert!(verify_entry(&proof, b"two", &two_of_three()).is_ok());
}

// 3. "Which subsets of witnesses are considered strong enough, is determined by application policy."
#[test]
fn tlog_proof_quorum_must_be_met() {
    let (log, policy) = (log(), two_of_three());
    for witnesses in [&[][..], &[1], &[3], &[1, 8, 9]] {
        let error = verify_entry(&log.proof(2, witnesses), b"two", &policy).unwrap_err();
        assert_eq!(error.code(), "not-quorate");
        assert!(error.to_string().contains("`g` needs 2 of 3"), "{error}");
    }
    for witnesses in [&[1, 2][..], &[1, 3], &[2, 3], &[1, 2, 3]] {
        let report = verify_entry(&log.proof(2, witnesses), b"two", &policy).unwrap();
        assert!(matches!(report.verdict(), Verdict::Quorate(_)));
        assert_eq!(report.witnesses().len(), witnesses.len());
    }
}

// 4. "Check that the inclusion proof is valid, to bind the leaf hash computed in step 1 to the the root hash
// of the signed checkpoint."
#[test]
fn tlog_proof_inclusion_must_verify() {
    let (log, policy) = (log(), two_of_three());
    let note = log.checkpoint(&[1, 2]);
    let path = log.path(2);
    assert!(verify_entry(&proof_file(None, 2, &path, &note), b"two", &policy).is_ok());
    let mut damaged = path.clone();
    damaged[0][0] ^= 1;
    let mut longer = path.clone();
    longer.push([0; 32]);
    let swapped: Vec<_> = path.iter().rev().copied().collect();
    for path in [
        &damaged,
        &longer,
        &path[1..].to_vec(),
        &Vec::new(),
        &swapped,
    ] {
        assert_eq!(
            code(&proof_file(None, 2, path, &note), b"two", &policy),
            "not-included"
        );
    }
    // Another index is another claim.
    for index in [0, 1, 3, 4] {
        assert_eq!(
            code(&proof_file(None, index, &path, &note), b"two", &policy),
            "not-included"
        );
    }
}

// "the zero-based index of the entry in the log": it must be below the tree size.
#[test]
fn tlog_proof_index_must_be_below_the_size() {
    let (log, policy) = (log(), two_of_three());
    let note = log.checkpoint(&[1, 2]);
    for index in [5, 6, u64::from(u32::MAX)] {
        let error = verify_entry(
            &proof_file(None, index, &log.path(2), &note),
            b"two",
            &policy,
        )
        .unwrap_err();
        assert_eq!(error, VerifyError::IndexOutOfRange { index, size: 5 });
        assert_eq!(error.code(), "index-out-of-range");
    }
    let empty = Log::new([]);
    assert_eq!(
        code(
            &proof_file(None, 0, &[], &empty.checkpoint(&[1, 2])),
            b"",
            &policy
        ),
        "index-out-of-range"
    );
}

// Format MUSTs, end to end: first line, index line, decimals, line ends.
#[test]
fn tlog_proof_must_be_well_formed() {
    let (log, policy) = (log(), two_of_three());
    let good = String::from_utf8(log.proof(2, &[1, 2])).unwrap();
    assert!(verify_entry(good.as_bytes(), b"two", &policy).is_ok());
    for bad in [
        good.replacen("@v1", "@v2", 1),
        good.replacen("index 2", "index 02", 1),
        good.replacen("index 2", "index +2", 1),
        good.replacen("index 2\n", "", 1),
        good.replacen("index 2\n", "extra \nindex 2\n", 1),
        good.replacen("index 2", "Index 2", 1),
        good.replace('\n', "\r\n"),
        good.replacen("\n\n", "\n", 1),
        format!("{good}\n"),
        format!(" {good}"),
        String::new(),
    ] {
        assert_eq!(
            code(bad.as_bytes(), b"two", &policy),
            "proof-malformed",
            "{bad}"
        );
    }
}

// Fail closed: a policy that trusts no log verifies nothing, whatever the proof says.
#[test]
fn policy_without_log_is_refused() {
    let proof = log().proof(2, &[1, 2]);
    let no_log = policy(&format!("witness w1 {}\nquorum w1\n", witness_vkey(1)));
    assert_eq!(
        verify_entry(&proof, b"two", &no_log),
        Err(VerifyError::MissingLog)
    );
    assert_eq!(code(&proof, b"two", &no_log), "missing-log");
    assert_eq!(code(b"", b"", &policy("quorum none\n")), "missing-log");
}

#[test]
fn report_says_what_was_proven_and_by_whom() {
    let log = log();
    let report = verify_entry(&log.proof(3, &[1, 3]), b"three", &two_of_three()).unwrap();
    let view = serde_json::to_value(report.view()).unwrap();
    assert_eq!(view["verdict"], "quorate");
    assert_eq!(view["origin"], common::ORIGIN);
    assert_eq!(view["index"], 3);
    assert_eq!(view["size"], 5);
    assert_eq!(
        view["leaf_hash"],
        format!("sha256:{}", common::hex_of(&common::leaf(b"three")))
    );
    assert_eq!(
        view["root"],
        format!("sha256:{}", common::hex_of(&log.root()))
    );
    assert!(view["head_hash"].as_str().unwrap().starts_with("blake3:"));
    assert_eq!(view["log_keys"][0]["key"], log_vkey(100));
    assert_eq!(view["log_keys"][0]["name"], common::ORIGIN);
    assert_eq!(view["witnesses"][1]["name"], "w3");
    assert_eq!(view["witnesses"][1]["key"]["key"], witness_vkey(3));
    assert_eq!(view["witnesses"][1]["timestamp"], common::TIMESTAMP);
    assert_eq!(view["witnesses"][1]["cosigned_at"], "2026-11-20T00:00:00Z");
    assert_eq!(view["witnesses"][1]["votes"], true);
    let g = &view["quorum"][0];
    assert_eq!(
        (&g["name"], &g["group"]["required"], &g["group"]["members"]),
        (&"g".into(), &2.into(), &3.into())
    );
    assert_eq!(view["quorum"][2]["satisfied"], false);
    assert!(!view["not_proven"].as_array().unwrap().is_empty());
    assert_eq!(report.extra(), &Extra::Absent);

    let text = report.to_string();
    for part in [
        "entry 3 of log.example/scroll",
        "Verdict: quorate",
        "g: 2 of 3, 2 required",
        "w1: co-signed at 2026-11-20T00:00:00Z",
        "- w2: did not co-sign",
        "Not proven:",
        "who holds them",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

// `quorum none` is said in plain words, co-signatures or not.
#[test]
fn report_of_an_unwitnessed_log_says_so() {
    let policy = with("quorum none\n");
    for witnesses in [&[][..], &[1, 2, 3]] {
        let report = verify_entry(&log().proof(0, witnesses), b"zero", &policy).unwrap();
        assert!(matches!(report.verdict(), Verdict::Unwitnessed(_)));
        assert_eq!(report.view().verdict, "unwitnessed");
        assert!(report.view().quorum.is_empty());
        let text = report.to_string();
        assert!(
            text.contains("whoever controls the log's machine could have rewritten it"),
            "{text}"
        );
    }
}

// A log that signs with both algorithms: the report names each key that signed.
#[test]
fn report_names_every_log_key_that_signed() {
    let both = policy(&format!(
        "log {}\nlog {}\nquorum none\n",
        log_vkey(100),
        mldsa_log_vkey(100)
    ));
    let report = verify_entry(&log().proof(1, &[]), b"one", &both).unwrap();
    let keys: Vec<_> = report
        .view()
        .log_keys
        .into_iter()
        .map(|key| key.key)
        .collect();
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&log_vkey(100)) && keys.contains(&mldsa_log_vkey(100)));
}

#[test]
fn sigsum_policy_verifies_the_same_proof() {
    let text = format!(
        "log {}\nwitness a {}\nwitness b {}\ngroup g all a b\nquorum g\n",
        hex(100),
        hex(1),
        hex(2)
    );
    let report = verify_entry(&log().proof(1, &[1, 2]), b"one", &policy(&text)).unwrap();
    assert_eq!(report.view().log_keys[0].key, hex(100));
    assert_eq!(
        code(&log().proof(1, &[1]), b"one", &policy(&text)),
        "not-quorate"
    );
}

// "Appications MUST NOT implicitly trust the extra data": for an entry of another application it is carried,
// named and not used.
#[test]
fn tlog_proof_extra_of_another_application_is_not_interpreted() {
    let (log, policy) = (log(), two_of_three());
    let note = log.checkpoint(&[1, 2]);
    for extra in [&b"\x00\xff opaque"[..], b"{}", b"{\"other\":1}", b"[1]"] {
        let report = verify_entry(
            &proof_file(Some(extra), 2, &log.path(2), &note),
            b"two",
            &policy,
        )
        .unwrap();
        assert_eq!(report.extra(), &Extra::NotInterpreted { len: extra.len() });
        assert_eq!(report.view().extra_not_interpreted, Some(extra.len()));
        assert!(report.to_string().contains("extra data"));
    }
}

#[test]
fn no_flipped_bit_of_a_proof_is_accepted() {
    let (log, policy) = (log(), with("group g all w1 w2\nquorum g\n"));
    let proof = log.ed25519_proof(2, &[1, 2]);
    assert!(verify_entry(&proof, b"two", &policy).is_ok());
    for bit in 0..proof.len() * 8 {
        let mut flipped = proof.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            verify_entry(&flipped, b"two", &policy).is_err(),
            "bit {bit}"
        );
    }
}

#[test]
fn no_truncated_proof_is_accepted() {
    let (log, policy) = (log(), with("group g all w1 w2\nquorum g\n"));
    let proof = log.ed25519_proof(2, &[1, 2]);
    for len in 0..proof.len() {
        assert!(
            verify_entry(&proof[..len], b"two", &policy).is_err(),
            "length {len}"
        );
    }
}
