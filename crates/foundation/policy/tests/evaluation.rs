//! From co-signatures to a verdict: what counts, once, and over which checkpoint.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use common::{
    cosigned, hex, log_vkey, mldsa_log_vkey, mldsa_witness_vkey, verified, witness_vkey,
    witness_vkey_named,
};
use quorate_policy::{CheckpointRefused, Name, NotQuorate, Policy, Shortfall, TallyKind, Verdict};

fn policy(text: &str) -> Policy {
    Policy::parse(text.as_bytes()).unwrap()
}

/// Witnesses `w1` to `w6` (seeds 1 to 6) and the log (seed 100), followed by `rest`.
fn six(rest: &str) -> Policy {
    let witnesses: String = (1..=6)
        .map(|seed| format!("witness w{seed} {}\n", witness_vkey(seed)))
        .collect();
    policy(&format!("log {}\n{witnesses}{rest}", log_vkey(100)))
}

fn judge(policy: &Policy, witnesses: &[u8]) -> Result<Verdict, NotQuorate> {
    match policy.verify(cosigned(3, witnesses)) {
        Ok((_, verdict)) => Ok(verdict),
        Err(CheckpointRefused::NotQuorate(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

fn quorate(policy: &Policy, witnesses: &[u8]) -> bool {
    matches!(judge(policy, witnesses), Ok(Verdict::Quorate(_)))
}

fn names<'a>(names: impl Iterator<Item = &'a Name>) -> Vec<String> {
    names.map(ToString::to_string).collect()
}

// "a checkpoint is considered valid if it is signed by any one of the listed logs": alternatives.
#[test]
fn policy_logs_are_alternatives() {
    let text = format!("log {}\nlog {}\nquorum none\n", log_vkey(77), log_vkey(100));
    assert!(policy(&text).verify(cosigned(3, &[])).is_ok());
    let text = format!(
        "log {}\nlog {}\nquorum none\n",
        mldsa_log_vkey(100),
        log_vkey(100)
    );
    assert!(policy(&text).verify(cosigned(3, &[])).is_ok());
}

#[test]
fn policy_refuses_an_unlisted_log() {
    let text = format!("log {}\nquorum none\n", log_vkey(77));
    assert!(matches!(
        policy(&text).verify(cosigned(3, &[])),
        Err(CheckpointRefused::Log(_))
    ));
    // Verified elsewhere, by a key this policy does not list.
    let (checkpoint, cosignatures) = verified(3, &[]);
    assert_eq!(
        policy(&text).evaluate(&checkpoint, &cosignatures),
        Err(NotQuorate::LogNotListed)
    );
}

// "This name MUST correspond to the log's origin line": the right key under another name is another log.
#[test]
fn policy_log_name_must_be_the_origin() {
    let other = common::log_vkey_named(100, "other.example");
    assert!(matches!(
        policy(&format!("log {other}\nquorum none\n")).verify(cosigned(3, &[])),
        Err(CheckpointRefused::Log(_))
    ));
}

// "An application where the appropriate log(s) are known from other context may accept a policy with an
// empty set of logs": such a caller verifies the log itself; alone, the policy trusts none.
#[test]
fn policy_without_log_verifies_nothing_by_itself() {
    let text = format!("witness w {}\nquorum w\n", witness_vkey(1));
    assert_eq!(
        policy(&text).verify(cosigned(3, &[1])),
        Err(CheckpointRefused::MissingLog)
    );
    let (checkpoint, cosignatures) = verified(3, &[1]);
    assert!(matches!(
        policy(&text).evaluate(&checkpoint, &cosignatures),
        Ok(Verdict::Quorate(_))
    ));
}

// "In the simplest case, the name refers to a witness, and it means that a cosignature from that witness
// is required".
#[test]
fn policy_quorum_of_one_witness() {
    let policy = six("quorum w2\n");
    assert!(quorate(&policy, &[2]));
    assert!(quorate(&policy, &[1, 2, 3]));
    let Err(NotQuorate::Short(short)) = judge(&policy, &[1, 3]) else {
        panic!("quorate")
    };
    assert_eq!((short.required(), short.members()), (1, 1));
    assert_eq!(names(short.missing()), ["w2"]);
    assert_eq!(names(short.satisfied()), Vec::<String>::new());
}

// "To not require any cosignatures at all": a verdict of its own, which no co-signature turns into a
// quorum.
#[test]
fn policy_quorum_none_is_unwitnessed() {
    for witnesses in [&[][..], &[1, 2, 3, 4, 5, 6]] {
        let verdict = judge(&six("quorum none\n"), witnesses).unwrap();
        assert!(matches!(verdict, Verdict::Unwitnessed(_)));
        assert_eq!(verdict.signers().len(), witnesses.len());
        assert!(verdict.signers().iter().all(|signer| !signer.votes()));
        assert!(verdict.quorum_met().is_none());
    }
}

// The spec's example, in its own words: "at least two of the `X-witnesses`, and … at least one of the
// `Y-witnesses`".
#[test]
fn tlog_policy_example_truth_table() {
    let policy = six(
        "group X-witnesses 2 w1 w2 w3\ngroup Y-witnesses any w4 w5 w6\n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
    );
    for set in 0_u8..64 {
        let witnesses: Vec<u8> = (1..=6).filter(|w| set >> (w - 1) & 1 == 1).collect();
        let x = (set & 0b111).count_ones() >= 2;
        let y = set >> 3 != 0;
        assert_eq!(quorate(&policy, &witnesses), x && y, "{witnesses:?}");
    }
}

// 1-of-n everywhere is one of six; 2-of-n everywhere needs w1, w2 and two of {w3 and w4, w5, w6}.
#[test]
fn sigsum_nested_truth_tables() {
    let tree = |k: usize| {
        six(&format!(
            "group g0 {k} w1 w2\ngroup g1 {k} w3 w4\ngroup g2 {k} g1 w5 w6\ngroup q {k} g0 g2\nquorum q\n"
        ))
    };
    let (one, two) = (tree(1), tree(2));
    for set in 0_u8..64 {
        let witnesses: Vec<u8> = (1..=6).filter(|w| set >> (w - 1) & 1 == 1).collect();
        assert_eq!(quorate(&one, &witnesses), set != 0, "{witnesses:?}");
        let has = |w: u8| witnesses.contains(&w);
        let right = u8::from(has(3) && has(4)) + u8::from(has(5)) + u8::from(has(6));
        assert_eq!(
            quorate(&two, &witnesses),
            has(1) && has(2) && right >= 2,
            "{witnesses:?}"
        );
    }
}

// Co-signatures of witnesses the policy does not list count for nothing, however many.
#[test]
fn policy_unlisted_witnesses_do_not_count() {
    let policy = six("group g 2 w1 w2 w3\nquorum g\n");
    assert!(!quorate(&policy, &[1, 4, 5, 6, 11, 12, 13]));
    assert!(quorate(&policy, &[1, 3, 11]));
}

// "each witness can contribute … in only one way": one witness is one vote, however often it signed.
#[test]
fn policy_a_witness_counts_once() {
    let policy = six("group g 2 w1 w2 w3\nquorum g\n");
    let (checkpoint, mut cosignatures) = verified(3, &[1]);
    cosignatures.push(cosignatures[0].clone());
    cosignatures.push(cosignatures[0].clone());
    let Err(NotQuorate::Short(short)) = policy.evaluate(&checkpoint, &cosignatures) else {
        panic!("quorate")
    };
    assert_eq!(names(short.satisfied()), ["w1"]);
}

// Two honest witnesses that signed two different heads agree on neither.
#[test]
fn policy_cosignatures_over_different_checkpoints_do_not_add_up() {
    let policy = six("group g 2 w1 w2\nquorum g\n");
    let (checkpoint, mut cosignatures) = verified(3, &[1]);
    cosignatures.extend(verified(4, &[2]).1);
    assert_eq!(
        policy.evaluate(&checkpoint, &cosignatures),
        Err(NotQuorate::OtherCheckpoint)
    );
}

// signed-note: a known signature that fails condemns the note. Table 6.4 "bad known cosignature".
#[test]
fn policy_bad_known_cosignature_refuses_the_checkpoint() {
    let policy = six("quorum w1\n");
    let note = common::with_bad_cosignature(3, &[1, 2], 2);
    assert!(matches!(
        policy.verify(note),
        Err(CheckpointRefused::Cosignature(_))
    ));
    // The same line by a witness that is not listed is not looked at.
    let note = common::with_bad_cosignature(3, &[1, 11], 11);
    assert!(policy.verify(note).is_ok());
}

// The name in the policy file is the file's own; what binds is the vkey, its key name included.
#[test]
fn policy_witness_is_its_vkey() {
    let listed = |vkey: String| {
        policy(&format!(
            "log {}\nwitness any {vkey}\nquorum any\n",
            log_vkey(100)
        ))
    };
    assert!(quorate(&listed(witness_vkey(1)), &[1]));
    assert!(!quorate(
        &listed(witness_vkey_named(1, "someone-else.example")),
        &[1]
    ));
    // Neither does a co-signature that was verified under the same key with another name.
    let (checkpoint, cosignatures) = verified(3, &[1]);
    let policy = listed(witness_vkey_named(1, "someone-else.example"));
    assert!(matches!(
        policy.evaluate(&checkpoint, &cosignatures),
        Err(NotQuorate::Short(_))
    ));
}

// One operator with two algorithms: two lines in a group of one vote.
#[test]
fn policy_ed25519_and_mldsa_of_one_operator() {
    let text = format!(
        "log {}\nwitness ed {}\nwitness pq {}\nwitness w2 {}\ngroup op any ed pq\ngroup q all op w2\nquorum q\n",
        log_vkey(100),
        witness_vkey(1),
        mldsa_witness_vkey(1),
        witness_vkey(2)
    );
    let policy = policy(&text);
    let pq = common::MLDSA;
    assert!(quorate(&policy, &[1, 2]));
    assert!(quorate(&policy, &[pq + 1, 2]));
    assert!(quorate(&policy, &[1, pq + 1, 2]));
    assert!(!quorate(&policy, &[1, pq + 1]));
}

// sigsum: a co-signature line belongs to a hexadecimal key when its key ID follows from the line's own name
// and that key.
#[test]
fn sigsum_policy_is_evaluated_like_any_other() {
    let text = format!(
        "log {}\nwitness a {}\nwitness b {}\nwitness c {}\ngroup g 2 a b c\nquorum g\n",
        hex(100),
        hex(1),
        hex(2),
        hex(3)
    );
    let policy = policy(&text);
    assert!(quorate(&policy, &[1, 3]));
    assert!(!quorate(&policy, &[2, 11, 12]));
}

#[test]
fn quorum_met_names_checkpoint_signers_and_tree() {
    let policy = six("group g 2 w1 w2 w3\nquorum g\n");
    let Ok(Verdict::Quorate(met)) = judge(&policy, &[1, 3, 5]) else {
        panic!("not quorate")
    };
    assert_eq!(met.checkpoint().checkpoint().size(), 3);
    let signers: Vec<_> = met
        .signers()
        .iter()
        .map(|s| (s.name().to_string(), s.timestamp(), s.votes()))
        .collect();
    let at = common::TIMESTAMP;
    assert_eq!(
        signers,
        [
            ("w1".to_owned(), at, true),
            ("w3".to_owned(), at, true),
            ("w5".to_owned(), at, false)
        ]
    );
    let rows: Vec<_> = met
        .tally()
        .rows()
        .iter()
        .map(|row| (row.depth(), row.name().to_string(), row.kind()))
        .collect();
    let witness = |cosigned_at| TallyKind::Witness { cosigned_at };
    assert_eq!(
        rows,
        [
            (
                0,
                "g".to_owned(),
                TallyKind::Group {
                    required: 2,
                    satisfied: 2,
                    members: 3
                }
            ),
            (1, "w1".to_owned(), witness(Some(at))),
            (1, "w2".to_owned(), witness(None)),
            (1, "w3".to_owned(), witness(Some(at))),
        ]
    );
}

#[test]
fn not_quorate_says_what_is_missing() {
    let policy = six("group x 2 w1 w2 w3\ngroup y any w4 w5\ngroup q all x y w6\nquorum q\n");
    let Err(NotQuorate::Short(short)) = judge(&policy, &[1, 2, 3]) else {
        panic!("quorate")
    };
    assert_eq!((short.required(), short.members()), (3, 3));
    assert_eq!(names(short.satisfied()), ["x"]);
    assert_eq!(names(short.missing()), ["y", "w6"]);
    assert_eq!(
        NotQuorate::Short(short.clone()).to_string(),
        "not quorate: `q` needs 3 of 3 and has 1; satisfied: x; missing: y, w6"
    );
    let depths: Vec<_> = Shortfall::tally(&short)
        .rows()
        .iter()
        .map(quorate_policy::TallyRow::depth)
        .collect();
    assert_eq!(depths, [0, 1, 2, 2, 2, 1, 2, 2, 1]);
}

// R1: a QuorumMet comes from an evaluation or not at all.
#[test]
fn quorum_met_cannot_be_made_by_hand() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/*.rs");
}
