//! What a span derives from, by time and by nesting.
//!
//! Spans stand in the order of their ends; where those are equal, of their beginnings, then of their ids. A span derives from
//! - every span before it in that order that had ended when it began, and
//! - those of its own child spans that had ended when it ended.
//!
//! That is all that can have influenced it, as far as the clocks are right and nothing flows between spans that overlap and
//! are not parent and child. Named are only those that no other of them derives from.

use std::ops::Range;

/// A span in the order of the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) begin: u64,
    /// Not before `begin`.
    pub(crate) end: u64,
    /// The number of the span that it is a child of.
    pub(crate) parent: Option<usize>,
}

/// What one span derives from, as numbers of earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Derived {
    pub(crate) run: Range<usize>,
    pub(crate) more: Vec<usize>,
}

/// A run of so many spans is named one by one; a longer one as a run, for merges that other spans share.
const LISTED: usize = 32;

/// For each of `spans`, which are in order. O(n log n) for n spans, whatever they overlap.
pub(crate) fn derived(spans: &[Interval]) -> Vec<Derived> {
    derived_listing(spans, LISTED)
}

fn derived_listing(spans: &[Interval], listed: usize) -> Vec<Derived> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    for number in 0..spans.len() {
        if let Some(parent) = parent_in_time(spans, number) {
            children[parent].push(number);
        }
    }
    // Of the first n spans, the one that began last.
    let mut latest: Vec<usize> = Vec::with_capacity(spans.len());
    for number in 0..spans.len() {
        let before = latest.last().copied();
        latest.push(before.map_or(number, |before| later(spans, before, number)));
    }
    let ended_by = |time: u64| spans.partition_point(|span| span.end <= time);
    let mut all = Vec::with_capacity(spans.len());
    for (number, children) in children.into_iter().enumerate() {
        let past = ended_by(spans[number].begin).min(number);
        let before = past.checked_sub(1).map(|last| latest[last]);
        let candidates = children.iter().copied().chain(before);
        let Some(last) = candidates.reduce(|a, b| later(spans, a, b)) else {
            all.push(Derived::default());
            continue;
        };
        // Whatever had ended when `last` began, `last` derives from.
        let mut run = ended_by(spans[last].begin).min(past)..past;
        let still_open = |child: &usize| spans[*child].end > spans[last].begin;
        let mut more: Vec<usize> = children
            .into_iter()
            .filter(|child| *child >= past && (*child == last || still_open(child)))
            .collect();
        if last < run.start {
            more.push(last);
        }
        if run.len() <= listed {
            let named = more.clone();
            let within = |parent: usize| run.contains(&parent) || named.contains(&parent);
            // A parent derives from its child.
            let top = |at: &usize| !parent_in_time(spans, *at).is_some_and(within);
            more.extend(run.clone().filter(top));
            run = 0..0;
        }
        all.push(Derived { run, more });
    }
    all
}

/// The span that a child is named by. A child that stands behind its parent outlived it.
fn parent_in_time(spans: &[Interval], number: usize) -> Option<usize> {
    spans[number].parent.filter(|parent| number < *parent)
}

/// The one that began later; of two that began together, the one further behind.
fn later(spans: &[Interval], a: usize, b: usize) -> usize {
    if (spans[a].begin, a) < (spans[b].begin, b) {
        b
    } else {
        a
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Spans in order, from (begin, length, which other is the parent).
    fn sorted(drawn: &[(u64, u64, Option<usize>)]) -> Vec<Interval> {
        let mut order: Vec<usize> = (0..drawn.len()).collect();
        let ends = |at: usize| drawn[at].0 + drawn[at].1;
        order.sort_by_key(|at| (ends(*at), drawn[*at].0, *at));
        let place = |at: usize| order.iter().position(|other| *other == at);
        let each = order.iter().map(|at| Interval {
            begin: drawn[*at].0,
            end: ends(*at),
            parent: drawn[*at].2.and_then(|parent| place(parent % drawn.len())),
        });
        each.collect()
    }

    /// By the definition: everything that `number` derives from, directly or not, in quadratic time.
    fn oracle(spans: &[Interval]) -> Vec<Vec<bool>> {
        let mut all: Vec<Vec<bool>> = Vec::new();
        for (number, span) in spans.iter().enumerate() {
            let mut from = vec![false; spans.len()];
            for (earlier, other) in spans.iter().enumerate().take(number) {
                if other.end <= span.begin || other.parent == Some(number) {
                    from[earlier] = true;
                    for (at, further) in all[earlier].iter().enumerate() {
                        from[at] |= *further;
                    }
                }
            }
            all.push(from);
        }
        all
    }

    fn ancestors(spans: &[Interval], listed: usize) -> Vec<Vec<bool>> {
        let mut all: Vec<Vec<bool>> = Vec::new();
        for found in derived_listing(spans, listed) {
            let mut from = vec![false; spans.len()];
            for parent in found.run.chain(found.more) {
                from[parent] = true;
                for (at, further) in all[parent].iter().enumerate() {
                    from[at] |= *further;
                }
            }
            all.push(from);
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_span_derives_from_all_that_had_ended_and_from_its_children_and_from_nothing_else(
            drawn in prop::collection::vec((0_u64..24, 0_u64..12, prop::option::of(0_usize..48)), 1..40),
            listed in 0_usize..48,
        ) {
            let spans = sorted(&drawn);
            prop_assert_eq!(ancestors(&spans, listed), oracle(&spans));
        }

        #[test]
        fn no_named_parent_derives_from_another_named_one(
            drawn in prop::collection::vec((0_u64..24, 0_u64..12, prop::option::of(0_usize..48)), 1..40)
        ) {
            let spans = sorted(&drawn);
            let all = oracle(&spans);
            for (number, found) in derived(&spans).into_iter().enumerate() {
                let named: Vec<usize> = found.run.chain(found.more).collect();
                for a in &named {
                    // A child that its parent's other children do not derive from by time alone stays named.
                    let by_time = |b: &usize| a < b && spans[*a].end <= spans[*b].begin;
                    prop_assert!(*a < number && !named.iter().any(by_time), "{} {:?}", number, named);
                    prop_assert!(all[number][*a]);
                }
            }
        }
    }
}
