//! The plan against witnesses that answer, lag, refuse, forget to answer, lie about sizes and go away.

use std::collections::BTreeSet;
use std::time::Duration;

use quorate_note::{CosignSigner, VerifiedCheckpoint, VerifiedCosignature};
use quorate_policy::{NotQuorate, Policy};
use quorate_testkit::rng::Rng;

use super::plan::{Ahead, MAX_LINES, NotPublished, Outcome, Plan, Quorate, Submission};
use super::testing::{NOW, cosign, head, key, policy, signed, signers, vkey};

const EXTRAS: Duration = Duration::from_millis(200);

fn witnesses(n: u8) -> Vec<CosignSigner> {
    (0..n)
        .map(|i| {
            let [ed, _] = signers(&format!("w{i}.example"), 10 + i);
            ed
        })
        .collect()
}

/// `w0` to `wN`, of which so many are needed.
fn k_of(k: usize, witnesses: &[CosignSigner]) -> Policy {
    let log = super::testing::log_key();
    let mut text = format!("log {}\n", log.verifier_key().unwrap());
    let mut members = String::new();
    for (i, witness) in witnesses.iter().enumerate() {
        text.push_str(&format!("witness w{i} {}\n", vkey(witness)));
        members.push_str(&format!(" w{i}"));
    }
    policy(&format!("{text}group q {k}{members}\nquorum q\n"))
}

fn cosigned(by: &CosignSigner, size: u64) -> Vec<VerifiedCosignature> {
    let line = cosign(by, &signed(size, ""), NOW);
    head(size).cosignatures_in(&[line], &[key(by)]).unwrap()
}

/// Who co-signed the published note, found without the plan.
fn signers_of(quorate: &Quorate, size: u64, witnesses: &[CosignSigner]) -> BTreeSet<usize> {
    let checkpoint = quorate
        .note()
        .verify_log(&[super::testing::log_key()])
        .unwrap();
    assert_eq!(checkpoint.checkpoint(), head(size).checkpoint());
    (0..witnesses.len())
        .filter(|i| {
            let found = checkpoint.cosignatures(&[key(&witnesses[*i])]);
            found.unwrap().len() == 1
        })
        .collect()
}

/// A witness by the rules, as far as sizes go, with its moods.
struct Simulated {
    signer: CosignSigner,
    last: u64,
    mood: u64,
}

struct World {
    random: Rng,
    witnesses: Vec<Simulated>,
    /// Answers under way: when they come, to what, and what they are.
    answers: Vec<(u64, Submission, Outcome)>,
}

impl World {
    fn ask(&mut self, now: u64, submission: Submission) {
        let witness = &mut self.witnesses[submission.remote];
        let lag = self.random.below(match witness.mood {
            0..=3 => 50,
            _ => 9_000,
        });
        let outcome = match (witness.mood, self.random.below(4)) {
            // A forged line, no connection, no answer: the client gives these.
            (4, _) => Outcome::Failed,
            (5, _) => Outcome::Refused,
            (6, _) => Outcome::Busy {
                wait: Some(Duration::from_secs(self.random.below(100))),
            },
            (7, _) => Outcome::Conflict {
                size: self.random.below(submission.size + 1),
            },
            // It stored the head, and the answer was lost.
            (3, 0) if submission.old == witness.last => {
                witness.last = submission.size;
                Outcome::Failed
            }
            _ if submission.old != witness.last => Outcome::Conflict { size: witness.last },
            _ => {
                witness.last = submission.size;
                Outcome::Cosigned(cosigned(&witness.signer, submission.size))
            }
        };
        self.answers.push((now + lag, submission, outcome));
    }

    fn take_answers(&mut self, now: u64, plan: &mut Plan) {
        let (here, later) = std::mem::take(&mut self.answers)
            .into_iter()
            .partition(|(at, _, _)| *at <= now);
        self.answers = later;
        for (_, submission, outcome) in here {
            let jitter = u32::try_from(self.random.next_u64() >> 32).unwrap();
            let done = plan.answered(submission, outcome, now, jitter);
            assert_eq!(done, Ok(()), "nobody is ahead of the log");
        }
    }
}

/// Whatever witnesses do, a published head has enough of them under itself; and once they behave, the newest head is
/// published soon.
#[test]
fn r1_nothing_is_published_without_a_quorum_over_one_checkpoint_and_everything_is_in_the_end() {
    let mut published = 0;
    for seed in 1..=60 {
        let mut random = Rng::new(seed);
        let n = 3 + u8::try_from(random.below(3)).unwrap();
        let k = 1 + usize::try_from(random.below(u64::from(n))).unwrap();
        let keys = witnesses(n);
        let policy = k_of(k, &keys);
        let mut plan = Plan::new(usize::from(n), EXTRAS);
        let mut world = World {
            witnesses: witnesses(n)
                .into_iter()
                .map(|signer| Simulated {
                    signer,
                    last: 0,
                    mood: random.below(8),
                })
                .collect(),
            random,
            answers: Vec::new(),
        };
        let (mut now, mut size, mut newest) = (0, 0, 0);
        // Five minutes of trouble, then twelve of peace: the longest wait may have to run out.
        while now < 1_020_000 && !(now > 300_000 && newest == size) {
            let peace = now > 300_000;
            if !peace && world.random.below(5) == 0 {
                size += 1 + world.random.below(3);
                plan.head(head(size), policy.clone());
            }
            if peace {
                world.witnesses.iter_mut().for_each(|w| w.mood = 0);
            } else if world.random.below(50) == 0 {
                let which = usize::try_from(world.random.below(u64::from(n))).unwrap();
                world.witnesses[which].mood = world.random.below(8);
            }
            for submission in plan.due(now) {
                world.ask(now, submission);
            }
            world.take_answers(now, &mut plan);
            if let Some(quorate) = plan.quorate(now, false).unwrap() {
                let at = quorate.met().checkpoint().checkpoint().size();
                assert!(at >= newest, "seed {seed}: {at} after {newest}");
                newest = at;
                published += 1;
                let by = signers_of(&quorate, at, &keys);
                assert!(by.len() >= k, "seed {seed}: {by:?} of {k}");
            }
            now += 1 + world.random.below(4_000);
        }
        assert!(
            newest == size && size > 0,
            "seed {seed}, {k} of {n}: {newest} of {size} at {now}"
        );
    }
    assert!(
        published > 300,
        "only {published} heads were published: nothing was tried"
    );
}

#[test]
fn r1_cosignatures_over_different_heads_never_make_a_quorum() {
    let keys = witnesses(3);
    let policy = k_of(2, &keys);
    let mixed = [cosigned(&keys[0], 4), cosigned(&keys[1], 5)].concat();
    let refused = Quorate::of(&policy, &head(5), &mixed);
    let expected = NotPublished::NotQuorate(NotQuorate::OtherCheckpoint);
    assert_eq!(refused.unwrap_err().to_string(), expected.to_string());
    // Nor do two lines by one witness.
    let line = |at| cosign(&keys[0], &signed(5, ""), at);
    let once = |at| {
        head(5)
            .cosignatures_in(&[line(at)], &[key(&keys[0])])
            .unwrap()
    };
    let twice = [once(1), once(2)].concat();
    assert!(matches!(
        Quorate::of(&policy, &head(5), &twice),
        Err(NotPublished::NotQuorate(NotQuorate::Short(_)))
    ));
    let none = super::testing::policy("quorum none\n");
    assert!(matches!(
        Quorate::of(&none, &head(5), &[]),
        Err(NotPublished::Unwitnessed)
    ));
}

/// One that was published with 16 lines holds what its quorum needs.
#[test]
fn l35_no_more_lines_than_every_verifier_takes_unless_the_quorum_needs_them() {
    let keys = witnesses(20);
    let all: Vec<_> = keys.iter().flat_map(|k| cosigned(k, 5)).collect();
    for (k, lines) in [(2, MAX_LINES), (15, MAX_LINES), (18, 19)] {
        let quorate = Quorate::of(&k_of(k, &keys), &head(5), &all).unwrap();
        assert_eq!(quorate.note().note().signatures().len(), lines, "{k} of 20");
        assert!(quorate.met().signers().len() >= k);
    }
}

fn started(n: u8, k: usize, size: u64) -> (Vec<CosignSigner>, Policy, Plan) {
    let keys = witnesses(n);
    let policy = k_of(k, &keys);
    let mut plan = Plan::new(usize::from(n), EXTRAS);
    plan.head(head(size), policy.clone());
    (keys, policy, plan)
}

fn asked(remote: usize, old: u64, size: u64) -> Submission {
    Submission { remote, old, size }
}

fn size_of(head: Option<&VerifiedCheckpoint>) -> Option<u64> {
    head.map(|h| h.checkpoint().size())
}

#[test]
fn further_cosignatures_are_waited_for_only_while_somebody_is_asked() {
    let (keys, _, mut plan) = started(3, 2, 5);
    assert_eq!(plan.due(0).len(), 3);
    for i in [0, 1] {
        let outcome = Outcome::Cosigned(cosigned(&keys[i], 5));
        plan.answered(asked(i, 0, 5), outcome, 10, 0).unwrap();
    }
    assert!(plan.quorate(209, false).unwrap().is_none());
    assert_eq!(plan.wake_at(), Some(210));
    let quorate = plan.quorate(210, false).unwrap().unwrap();
    assert_eq!(quorate.met().signers().len(), 2);

    let (keys, _, mut plan) = started(3, 2, 5);
    plan.due(0);
    for i in [0, 1] {
        let outcome = Outcome::Cosigned(cosigned(&keys[i], 5));
        plan.answered(asked(i, 0, 5), outcome, 10, 0).unwrap();
    }
    assert!(plan.quorate(10, false).unwrap().is_none());
    let awaited = plan.quorate(10, true).unwrap();
    assert!(awaited.is_some(), "somebody waits for this head");

    let (keys, _, mut plan) = started(3, 2, 5);
    plan.due(0);
    for i in [0, 1] {
        let outcome = Outcome::Cosigned(cosigned(&keys[i], 5));
        plan.answered(asked(i, 0, 5), outcome, 10, 0).unwrap();
    }
    plan.answered(asked(2, 0, 5), Outcome::Failed, 10, 0)
        .unwrap();
    assert!(
        plan.quorate(10, false).unwrap().is_some(),
        "nobody is left to wait for"
    );
}

#[test]
fn a_head_is_not_given_up_while_its_cosignatures_are_on_their_way() {
    let (keys, policy, mut plan) = started(3, 2, 5);
    plan.due(0);
    for size in [6, 7, 8] {
        plan.head(head(size), policy.clone());
        assert!(plan.due(1).is_empty());
    }
    assert_eq!(size_of(plan.under_way()), Some(5));
    for i in [0, 1] {
        let outcome = Outcome::Cosigned(cosigned(&keys[i], 5));
        plan.answered(asked(i, 0, 5), outcome, 9, 0).unwrap();
    }
    assert!(plan.quorate(500, false).unwrap().is_some());
    // The heads between are skipped; the third witness still owes its answer.
    assert_eq!(plan.due(500), [asked(0, 5, 8), asked(1, 5, 8)]);
}

/// One that stays behind could be shown another history.
#[test]
fn a_witness_that_missed_a_quorate_head_is_asked_again_although_nothing_is_appended() {
    let (keys, _, mut plan) = started(3, 2, 5);
    plan.due(0);
    for i in [0, 1] {
        let outcome = Outcome::Cosigned(cosigned(&keys[i], 5));
        plan.answered(asked(i, 0, 5), outcome, 10, 0).unwrap();
    }
    plan.answered(asked(2, 0, 5), Outcome::Failed, 10, 0)
        .unwrap();
    assert!(plan.quorate(10, false).unwrap().is_some());
    assert_eq!(size_of(plan.under_way()), None);
    assert!(plan.due(11).is_empty());
    assert_eq!(plan.wake_at(), Some(510));
    assert_eq!(plan.due(510), [asked(2, 0, 5)]);
    let outcome = Outcome::Cosigned(cosigned(&keys[2], 5));
    plan.answered(asked(2, 0, 5), outcome, 520, 0).unwrap();
    assert!(
        plan.quorate(520, false).unwrap().is_none(),
        "it was already"
    );
    assert!(plan.due(521).is_empty() && plan.wake_at().is_none());
}

/// So long that a head is not kept for it.
/// After a start: the newest head is quorate already, and those that missed it are brought up to it.
#[test]
fn a_head_that_was_quorate_before_the_start_goes_to_the_witnesses_that_missed_it() {
    let mut plan = Plan::new(3, EXTRAS);
    plan.learn([Some(9), Some(4), None].into_iter());
    plan.settled(head(9));
    assert_eq!(size_of(plan.under_way()), None, "nothing waits for it");
    assert_eq!(size_of(plan.wanted()), Some(9));
    assert_eq!(plan.due(0), [asked(1, 4, 9), asked(2, 0, 9)]);
    // It was signed: whoever has it is not ahead of the log.
    let known = plan.answered(asked(2, 0, 9), Outcome::Conflict { size: 9 }, 1, 0);
    assert_eq!(known, Ok(()));
}

fn away() -> Outcome {
    let wait = Some(Duration::from_secs(60));
    Outcome::Busy { wait }
}

#[test]
fn a_head_that_nobody_can_be_asked_for_gives_way_to_a_newer_one() {
    let (keys, policy, mut plan) = started(3, 2, 5);
    plan.due(0);
    let outcome = Outcome::Cosigned(cosigned(&keys[0], 5));
    plan.answered(asked(0, 0, 5), outcome, 5, 0).unwrap();
    for i in [1, 2] {
        plan.answered(asked(i, 0, 5), away(), 5, 0).unwrap();
    }
    assert!(plan.quorate(5, false).unwrap().is_none());
    assert_eq!(plan.progress(), Some(1));
    // Once a second: without a quorum in sight, the one that answers is not asked for every head.
    plan.head(head(6), policy.clone());
    plan.head(head(7), policy.clone());
    assert!(plan.due(6).is_empty());
    assert_eq!(plan.wake_at(), Some(1_000));
    assert_eq!(
        plan.due(1_000),
        [asked(0, 5, 7)],
        "the others wait after their failure"
    );
    assert_eq!(plan.wake_at(), Some(60_005));
    assert_eq!(plan.due(60_005), [asked(1, 0, 7), asked(2, 0, 7)]);
}

/// Witnesses that let the log co-sign once a second spend their turns on the same head: a growing log gets quorate at
/// that pace, and not when two of them happen to be free for one head.
#[test]
fn a_log_that_grows_faster_than_its_witnesses_let_it_is_quorate_about_once_a_second() {
    let (lags, keys) = ([5, 40, 90], witnesses(3));
    let policy = k_of(2, &keys);
    let mut random = Rng::new(7);
    let mut plan = Plan::new(3, EXTRAS);
    let mut last = [0; 3];
    let mut next_turn = [0; 3];
    let mut answers: Vec<(u64, Submission, Outcome)> = Vec::new();
    let (mut quorate_at, mut longest) = (0, 0);
    for now in 0..120_000 {
        if now % 100 == 0 {
            plan.head(head(1 + now / 100), policy.clone());
        }
        for asked in plan.due(now) {
            let i = asked.remote;
            let outcome = if asked.old != last[i] {
                Outcome::Conflict { size: last[i] }
            } else if now < next_turn[i] {
                Outcome::Busy {
                    wait: Some(Duration::from_secs(1)),
                }
            } else {
                next_turn[i] = now + 1_000;
                last[i] = asked.size;
                Outcome::Cosigned(cosigned(&keys[i], asked.size))
            };
            answers.push((now + lags[i], asked, outcome));
        }
        let (here, later) = std::mem::take(&mut answers)
            .into_iter()
            .partition(|(at, _, _)| *at <= now);
        answers = later;
        for (_, asked, outcome) in here {
            let jitter = u32::try_from(random.next_u64() >> 32).unwrap();
            plan.answered(asked, outcome, now, jitter).unwrap();
        }
        if plan.quorate(now, false).unwrap().is_some() {
            longest = longest.max(now - quorate_at);
            quorate_at = now;
        }
    }
    assert!(longest < 4_000, "{longest} ms without a quorate head");
}

/// What a witness may do to its own lines must not keep others' from being published.
#[test]
fn two_lines_that_cannot_stand_in_one_note_cost_an_extra_and_not_the_head() {
    let [a, b] = super::testing::of_one_id();
    let keys = [witnesses(1).remove(0), a, b];
    let twice: Vec<_> = keys.iter().flat_map(|k| cosigned(k, 5)).collect();
    assert!(head(5).with_cosignatures(&twice).is_err());
    let quorate = Quorate::of(&k_of(2, &keys), &head(5), &twice).unwrap();
    assert_eq!(
        quorate.note().note().signatures().len(),
        3,
        "the log's, and two"
    );
}

#[test]
fn l33_a_conflict_is_a_hint_that_is_followed_once() {
    let (_, policy, mut plan) = started(1, 1, 9);
    assert_eq!(plan.due(0), [asked(0, 0, 9)]);
    plan.answered(asked(0, 0, 9), Outcome::Conflict { size: 4 }, 1, 0)
        .unwrap();
    assert_eq!(plan.due(1), [asked(0, 4, 9)]);
    plan.answered(asked(0, 4, 9), Outcome::Conflict { size: 3 }, 2, 0)
        .unwrap();
    assert!(
        plan.due(2).is_empty(),
        "two witnesses' answers in one, or a lie"
    );
    assert_eq!(plan.due(502), [asked(0, 3, 9)]);
    // One that has gone past this head is of no use to it, and is asked for the next.
    plan.answered(asked(0, 3, 9), away(), 502, 0).unwrap();
    plan.head(head(12), policy);
    plan.due(503);
    assert_eq!(size_of(plan.under_way()), Some(12));
}

#[test]
fn l33_a_witness_that_claims_more_than_we_ever_signed_is_an_alarm() {
    let (_, policy, mut plan) = started(1, 1, 9);
    plan.due(0);
    let ahead = plan.answered(asked(0, 0, 9), Outcome::Conflict { size: 10 }, 1, 0);
    assert_eq!(
        ahead,
        Err(Ahead {
            claimed: 10,
            signed: 9
        })
    );
    // What is signed while the answer is on its way counts.
    let mut plan = Plan::new(1, EXTRAS);
    plan.head(head(9), policy.clone());
    plan.due(0);
    plan.head(head(10), policy);
    let known = plan.answered(asked(0, 0, 9), Outcome::Conflict { size: 10 }, 1, 0);
    assert_eq!(known, Ok(()));
    assert_eq!(plan.due(1), [asked(0, 10, 10)]);
}

/// Whoever adds the log there does not wait for long.
#[test]
fn a_witness_that_does_not_follow_the_log_is_asked_again_within_sixteen_seconds() {
    let (_, _, mut plan) = started(1, 1, 9);
    let mut now = 0;
    for expected in [1_000, 2_000, 4_000, 8_000, 16_000, 16_000, 16_000] {
        assert_eq!(plan.due(now), [asked(0, 0, 9)]);
        plan.answered(asked(0, 0, 9), Outcome::NotFollowed, now, u32::MAX)
            .unwrap();
        let next = plan.wake_at().unwrap();
        assert!(
            next.abs_diff(now + expected) <= 1,
            "{expected}: {}",
            next - now
        );
        now = next;
    }
}

#[test]
fn what_was_published_may_be_known_to_a_witness_before_it_is_submitted_here() {
    let (_, _, mut plan) = started(1, 1, 9);
    plan.due(0);
    plan.signed(12);
    let known = plan.answered(asked(0, 0, 9), Outcome::Conflict { size: 12 }, 1, 0);
    assert_eq!(known, Ok(()));
    let ahead = plan.answered(asked(0, 0, 9), Outcome::Conflict { size: 13 }, 1, 0);
    assert!(ahead.is_err());
}

#[test]
fn waits_double_with_jitter_and_have_an_end() {
    let (_, _, mut plan) = started(1, 1, 9);
    let mut now = 0;
    let mut waits = Vec::new();
    for i in 0..12 {
        assert_eq!(plan.due(now).len(), 1, "{i}");
        let jitter = if i % 2 == 0 { 0 } else { u32::MAX };
        plan.answered(asked(0, 0, 9), Outcome::Failed, now, jitter)
            .unwrap();
        let next = plan.wake_at().unwrap();
        waits.push(next - now);
        now = next;
    }
    let expected = [
        500, 1_999, 2_000, 7_999, 8_000, 31_999, 32_000, 127_999, 128_000, 299_999,
    ];
    assert_eq!(waits[..10], expected);
    assert_eq!(waits[10..], [150_000, 299_999]);
    // A witness may ask for more, up to an hour.
    for (asked_for, wait) in [(400, 400_000), (90_000, 3_600_000)] {
        plan.due(now);
        let busy = Outcome::Busy {
            wait: Some(Duration::from_secs(asked_for)),
        };
        plan.answered(asked(0, 0, 9), busy, now, 0).unwrap();
        let next = plan.wake_at().unwrap();
        assert_eq!(next - now, wait);
        now = next;
    }
    // A refusal is not repeated soon.
    let (_, _, mut plan) = started(1, 1, 9);
    plan.due(0);
    plan.answered(asked(0, 0, 9), Outcome::Refused, 0, 0)
        .unwrap();
    assert_eq!(plan.wake_at(), Some(16_000));
}

#[test]
fn r1_a_late_answer_about_an_older_head_counts_for_nothing() {
    let (keys, policy, mut plan) = started(3, 2, 5);
    plan.due(0);
    let cosign = |i: usize, size| Outcome::Cosigned(cosigned(&keys[i], size));
    for i in [0, 1] {
        plan.answered(asked(i, 0, 5), cosign(i, 5), 10, 0).unwrap();
    }
    plan.head(head(6), policy);
    assert!(plan.quorate(210, false).unwrap().is_some());
    assert_eq!(plan.due(210), [asked(0, 5, 6), asked(1, 5, 6)]);
    plan.answered(asked(2, 0, 5), cosign(2, 5), 220, 0).unwrap();
    plan.answered(asked(0, 5, 6), cosign(0, 6), 220, 0).unwrap();
    assert_eq!(plan.progress(), Some(1));
    assert!(plan.quorate(1_000, false).unwrap().is_none());
    assert_eq!(
        plan.due(1_000),
        [asked(2, 5, 6)],
        "it is asked for the newer one"
    );
    plan.answered(asked(2, 5, 6), cosign(2, 6), 1_000, 0)
        .unwrap();
    plan.answered(asked(1, 5, 6), Outcome::Failed, 1_000, 0)
        .unwrap();
    let quorate = plan.quorate(1_000, false).unwrap().unwrap();
    assert_eq!(signers_of(&quorate, 6, &keys), BTreeSet::from([0, 2]));
}
