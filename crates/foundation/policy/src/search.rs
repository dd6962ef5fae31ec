//! The fewest choices that satisfy one tree and leave another unsatisfied: one exact search behind every
//! number this crate tells about a policy.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap};

use crate::tree::{Outcome, State, Tree};

/// How much one search may do before it says "at least" in place of an answer: 2^24 visits of a witness or
/// group. A step makes two states, each of which costs a visit of everything in it and 16 for keeping it:
/// 112 for a policy with 32 witnesses and 8 groups, so some 150,000 steps, less than a second, and some
/// 100 MB. A threshold over 32 witnesses has fewer than 32 × 32 states; many are left only where domains
/// lie across many groups.
pub const MAX_SEARCH_WORK: usize = 1 << 24;

/// What keeping a state costs, in visits.
const KEEPING: usize = 16;

/// The cost of one choice, split evenly among its leaves and rounded down. Costs are summed over fewer than
/// 2^20 leaves (a policy has at most that many octets), so rounding loses less than one choice, and 2^32 ×
/// 2^20 fits.
const ONE: u64 = 1 << 32;

/// Something that is chosen or not as a whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
    /// Leaves of the tree to satisfy. Each leaf of that tree belongs to exactly one choice.
    pub(crate) satisfies: Vec<usize>,
    /// Leaves of the tree to leave unsatisfied.
    pub(crate) avoids: Vec<usize>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// So many choices are needed and these (indices, rising) do; fewer do not.
    Fewest(Vec<usize>),
    /// No choices do.
    Nothing,
    /// The work limit was reached when all smaller sets were ruled out.
    AtLeast(usize),
}

/// A partial answer: the choices before `next` are made.
struct Partial {
    /// No completion has fewer choices.
    bound: usize,
    next: usize,
    chosen: usize,
    /// The last choice taken, in the trail.
    last: Option<usize>,
    /// In which order they were found, so that equal ones have an order and the answer is always the same.
    number: usize,
    states: (State, Option<State>),
}

impl Partial {
    /// The smallest bound first, of equal ones the furthest, of those the newest.
    fn key(&self) -> (std::cmp::Reverse<usize>, usize, usize) {
        (std::cmp::Reverse(self.bound), self.next, self.number)
    }
}

impl PartialEq for Partial {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Partial {}

impl PartialOrd for Partial {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Partial {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// The fewest of `choices` that satisfy `wanted` and, where there is one, leave `avoided` unsatisfied. A
/// leaf of `avoided` in no choice is never satisfied: it stays undecided, which counts for nothing.
///
/// Partial answers are examined in the order of a lower bound for their completions, those that leave the
/// same open only once. The bound is the cheapest way to satisfy what is open of `wanted` if a choice could
/// be taken leaf by leaf for its share of 1: never too high, and no step lowers it, so the first complete
/// answer is a smallest one, and what the bound has reached when work runs out is a true "at least".
pub(crate) fn fewest(
    wanted: &Tree<'_>,
    avoided: Option<&Tree<'_>>,
    choices: &[Choice],
    work: usize,
) -> Found {
    let mut of_leaf = vec![(0, 0); wanted.witnesses().len()];
    for (index, choice) in choices.iter().enumerate() {
        let share = ONE / u64::try_from(choice.satisfies.len().max(1)).unwrap_or(ONE);
        for &leaf in &choice.satisfies {
            of_leaf[leaf] = (index, share);
        }
    }
    let bound = |state: &State, next: usize| {
        let open = |leaf: usize| {
            let (choice, share) = of_leaf[leaf];
            (choice >= next).then_some(share)
        };
        usize::try_from(wanted.least(state, open).div_ceil(ONE)).unwrap_or(usize::MAX)
    };
    let price = wanted.len() + avoided.map_or(0, Tree::len) + KEEPING;

    let start = wanted.undecided();
    let mut open = BinaryHeap::from([Partial {
        bound: bound(&start, 0),
        next: 0,
        chosen: 0,
        last: None,
        number: 0,
        states: (start, avoided.map(Tree::undecided)),
    }]);
    let mut seen = BTreeSet::new();
    let mut trail: Vec<(usize, Option<usize>)> = Vec::new();
    let (mut done, mut number) = (0_usize, 0_usize);
    while let Some(partial) = open.pop() {
        if partial.states.0.outcome() == Outcome::Met {
            return Found::Fewest(walk(&trail, partial.last));
        }
        // A state at this place that was seen before was reached with fewer choices or as many.
        let here = (partial.next, partial.states);
        if seen.contains(&here) {
            continue;
        }
        let Some(choice) = choices.get(partial.next) else {
            continue;
        };
        done = done.saturating_add(price.saturating_mul(2));
        if done > work {
            return Found::AtLeast(partial.bound);
        }
        for taken in [false, true] {
            let mut states = here.1.clone();
            for &leaf in &choice.satisfies {
                wanted.decide(&mut states.0, leaf, taken);
            }
            if let (Some(tree), Some(state)) = (avoided, &mut states.1) {
                for &leaf in &choice.avoids {
                    tree.decide(state, leaf, taken);
                }
                if state.outcome() == Outcome::Met {
                    continue;
                }
            }
            if states.0.outcome() == Outcome::OutOfReach {
                continue;
            }
            let (next, chosen) = (partial.next + 1, partial.chosen + usize::from(taken));
            let last = if taken {
                trail.push((partial.next, partial.last));
                Some(trail.len() - 1)
            } else {
                partial.last
            };
            number += 1;
            open.push(Partial {
                bound: chosen + bound(&states.0, next),
                next,
                chosen,
                last,
                number,
                states,
            });
        }
        seen.insert(here);
    }
    Found::Nothing
}

fn walk(trail: &[(usize, Option<usize>)], mut last: Option<usize>) -> Vec<usize> {
    let mut chosen = Vec::new();
    while let Some((choice, before)) = last.and_then(|index| trail.get(index)) {
        chosen.push(*choice);
        last = *before;
    }
    chosen.reverse();
    chosen
}
