//! What one head says against another, and how fresh one is. No clock, no network, no disk.

use quorate_merkle::{Hash, Proof};
use quorate_note::{VerifiedCheckpoint, VerifiedCosignature};
use quorate_policy::{NotQuorate, Policy, Shortfall, Verdict};
use quorate_witness::{Equivocation, EvidenceError, Inconsistency};

/// A head that may be remembered: the first of its log, the same again, or one that continues the one remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Successor(VerifiedCheckpoint);

impl Successor {
    pub(super) fn head(&self) -> &VerifiedCheckpoint {
        &self.0
    }

    /// It is of the history that it continues.
    pub(super) fn fits(&self) -> Fits {
        Fits(self.0.clone())
    }
}

/// A head that is of one history with the one that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fits(VerifiedCheckpoint);

impl Fits {
    pub(super) fn head(&self) -> &VerifiedCheckpoint {
        &self.0
    }
}

/// How a head stands to the one that is remembered of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Relation {
    /// Nothing is remembered, or exactly this.
    Next(Successor),
    /// It is larger: whether it continues the other shows only in the tree.
    Grew,
    /// It is smaller.
    Behind,
    /// One size, two roots.
    Contradicts(Box<Equivocation>),
}

/// Compares a head with the one that is remembered.
///
/// # Errors
/// [`EvidenceError`]: they are of different logs, which is the caller's mistake.
pub(super) fn relation(
    remembered: Option<&VerifiedCheckpoint>,
    seen: &VerifiedCheckpoint,
) -> Result<Relation, EvidenceError> {
    let Some(remembered) = remembered else {
        return Ok(Relation::Next(Successor(seen.clone())));
    };
    let (old, new) = (remembered.checkpoint(), seen.checkpoint());
    if old.origin() != new.origin() {
        return Err(EvidenceError::OtherLog);
    }
    if old == new {
        return Ok(Relation::Next(Successor(seen.clone())));
    }
    Ok(match new.size().cmp(&old.size()) {
        std::cmp::Ordering::Greater => Relation::Grew,
        std::cmp::Ordering::Less => Relation::Behind,
        std::cmp::Ordering::Equal => {
            Relation::Contradicts(Box::new(Equivocation::between(remembered, seen)?))
        }
    })
}

/// Whether a larger head continues a smaller one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum History {
    /// It does, and so may be remembered; and the smaller one is of its history.
    One(Successor, Fits),
    /// It does not, and the log signed both.
    Two(Inconsistency),
}

/// Judges by the root of as many leaves under the larger head as the smaller has, with its consistency proof. Where they
/// came from does not matter: the proof is verified here.
///
/// # Errors
/// [`EvidenceError`]: the proof does not lead to the larger head, or they are of different logs or in the wrong order.
pub(super) fn history(
    smaller: &VerifiedCheckpoint,
    larger: &VerifiedCheckpoint,
    (beginning, proof): (Hash, Proof),
) -> Result<History, EvidenceError> {
    match Inconsistency::between(smaller, larger, beginning, proof) {
        Ok(evidence) => Ok(History::Two(evidence)),
        // The proof holds, and the smaller head says the same of the beginning.
        Err(EvidenceError::NoConflict) => Ok(History::One(
            Successor(larger.clone()),
            Fits(smaller.clone()),
        )),
        Err(error) => Err(error),
    }
}

/// How a head stands to the policy.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Standing {
    /// It is quorate, and was so at that time: the latest time such that the co-signatures made then or later are enough
    /// by themselves. Fewer witnesses than a quorum, with clocks set forward, cannot make it later.
    Quorate {
        /// POSIX seconds.
        at: u64,
    },
    /// The policy asks for no co-signature.
    Unwitnessed,
    /// Too few co-signed.
    Short(Shortfall),
}

/// Judges a head by its co-signatures.
///
/// # Errors
/// [`NotQuorate`], but for too few: they are of another head, or the policy does not list the log.
pub(super) fn standing(
    policy: &Policy,
    head: &VerifiedCheckpoint,
    cosignatures: &[VerifiedCosignature],
) -> Result<Standing, NotQuorate> {
    match policy.evaluate(head, cosignatures) {
        Ok(Verdict::Unwitnessed(_)) => return Ok(Standing::Unwitnessed),
        Ok(Verdict::Quorate(_)) => {}
        Err(NotQuorate::Short(short)) => return Ok(Standing::Short(short)),
        Err(other) => return Err(other),
    }
    let mut cosignatures = cosignatures.to_vec();
    cosignatures.sort_by_key(|c| std::cmp::Reverse(c.timestamp()));
    let mut at = 0;
    for enough in 1..=cosignatures.len() {
        let newest = cosignatures.get(..enough).unwrap_or_default();
        at = newest.last().map_or(0, VerifiedCosignature::timestamp);
        if policy.evaluate(head, newest).is_ok() {
            break;
        }
    }
    Ok(Standing::Quorate { at })
}

#[cfg(test)]
mod tests {
    use quorate_merkle::{LeafHashes, prove_consistency};
    use quorate_note::CosignSigner;
    use quorate_testkit::rng::Rng;
    use quorate_testkit::site::{self, Log, entries};

    use super::*;

    fn log(count: usize, common: usize, history: &str) -> Log {
        Log::new("log.example/a", 1, &entries(count, common, history))
    }

    fn beginning(log: &Log, old: u64, new: u64) -> (Hash, Proof) {
        let nodes = LeafHashes(log.oracle().leaves());
        let proof = prove_consistency(old, new, &nodes).unwrap();
        (log.oracle().root_at(old), proof)
    }

    #[test]
    fn heads_are_compared_by_size_and_root() {
        let (a, b) = (log(9, 9, ""), log(9, 4, "b"));
        let next = |r| matches!(r, Ok(Relation::Next(_)));
        assert!(next(relation(None, &a.head(5))));
        assert!(next(relation(Some(&a.head(5)), &a.head(5))));
        assert!(
            next(relation(Some(&a.head(4)), &b.head(4))),
            "one history so far"
        );
        assert_eq!(relation(Some(&a.head(5)), &a.head(6)), Ok(Relation::Grew));
        assert_eq!(relation(Some(&a.head(5)), &b.head(6)), Ok(Relation::Grew));
        assert_eq!(relation(Some(&a.head(5)), &a.head(4)), Ok(Relation::Behind));
        assert!(matches!(
            relation(Some(&a.head(5)), &b.head(5)),
            Ok(Relation::Contradicts(_))
        ));
        let other = Log::new("log.example/b", 1, &entries(9, 9, ""));
        assert_eq!(
            relation(Some(&a.head(5)), &other.head(5)),
            Err(EvidenceError::OtherLog)
        );
    }

    /// For any two sizes and any fork: one history exactly where the larger tree begins as the smaller one ends.
    #[test]
    fn growth_is_one_history_exactly_where_the_beginning_is_the_same() {
        let mut rng = Rng::new(1);
        for _ in 0..400 {
            let new = 2 + rng.below(300);
            let (old, fork) = (1 + rng.below(new - 1), rng.below(new));
            let (a, b) = (log(300, 300, ""), log(300, fork as usize, "b"));
            let judged = history(&a.head(old), &b.head(new), beginning(&b, old, new)).unwrap();
            let one = matches!(judged, History::One(..));
            assert_eq!(one, old <= fork, "{old} {new} {fork}");
            // The other's beginning does not lead to this root, unless it is the same.
            let judged = history(&a.head(old), &b.head(new), beginning(&a, old, new));
            assert!(judged.is_err() || new <= fork, "{old} {new} {fork}");
        }
    }

    fn two_of_three() -> (Policy, [CosignSigner; 3], Log) {
        let log = log(3, 3, "");
        let witnesses = [1, 2, 3].map(|i| site::witness(&format!("w{i}.example"), 20 + i));
        let mut text = format!("log {}\n", log.vkey());
        for (i, witness) in witnesses.iter().enumerate() {
            text.push_str(&format!("witness w{i} {}\n", witness.verifier_key()));
        }
        text.push_str("group q 2 w0 w1 w2\nquorum q\n");
        (text.parse().unwrap(), witnesses, log)
    }

    fn stands(times: &[(usize, u64)]) -> Standing {
        let (policy, witnesses, log) = two_of_three();
        let cosigned: Vec<_> = times.iter().map(|(w, at)| (&witnesses[*w], *at)).collect();
        let note = log.note(3, &cosigned);
        let signed = quorate_note::SignedCheckpoint::parse(&note).unwrap();
        let head = signed.verify_log(&policy.log_keys()).unwrap();
        let cosignatures = head.cosignatures(&policy.witness_keys()).unwrap();
        standing(&policy, &head, &cosignatures).unwrap()
    }

    #[test]
    fn a_head_is_as_fresh_as_its_freshest_quorum_and_no_fresher() {
        assert_eq!(stands(&[(0, 100), (1, 300)]), Standing::Quorate { at: 100 });
        assert_eq!(
            stands(&[(0, 100), (1, 300), (2, 200)]),
            Standing::Quorate { at: 200 }
        );
        // One witness's clock, however far ahead, makes nothing fresh.
        assert_eq!(
            stands(&[(0, 100), (1, 9_000_000_000), (2, 50)]),
            Standing::Quorate { at: 100 }
        );
        assert!(matches!(stands(&[(0, 100)]), Standing::Short(_)));
        assert!(matches!(stands(&[]), Standing::Short(_)));
    }
}
