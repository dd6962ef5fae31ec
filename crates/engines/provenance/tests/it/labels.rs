//! Labels are a lattice, and nothing rises in it.

use proptest::prelude::*;
use quorate_provenance::{Label, Level, Rule, Rules, Session, Sink, SourceClass, StepDraft, Taken};

use crate::support::{open, time};

fn all() -> impl Iterator<Item = Label> + Clone {
    (0..=u8::MAX).map(Label::from_bits)
}

#[test]
fn the_meet_is_commutative_and_idempotent_and_its_unit_is_the_top() {
    for a in all() {
        assert_eq!(a.meet(a), a);
        assert_eq!(a.meet(Label::TOP), a);
        for b in all() {
            assert_eq!(a.meet(b), b.meet(a));
        }
    }
}

#[test]
fn the_meet_is_associative() {
    for a in all() {
        for b in all() {
            let ab = a.meet(b);
            for c in all() {
                assert!(ab.meet(c) == a.meet(b.meet(c)), "{a} {b} {c}");
            }
        }
    }
}

#[test]
fn the_order_is_partial_and_the_meet_is_the_greatest_lower_bound() {
    for a in all() {
        assert!(a.is_at_or_below(a) && a.is_at_or_below(Label::TOP));
        for b in all() {
            let meet = a.meet(b);
            assert_eq!(a.is_at_or_below(b), meet == a);
            assert_eq!(a.is_at_or_below(b) && b.is_at_or_below(a), a == b);
            assert!(meet.is_at_or_below(a) && meet.is_at_or_below(b));
            for c in all() {
                let below_both = c.is_at_or_below(a) && c.is_at_or_below(b);
                assert!(below_both == c.is_at_or_below(meet), "{a} {b} {c}");
                let chain = a.is_at_or_below(b) && b.is_at_or_below(c);
                assert!(!chain || a.is_at_or_below(c), "{a} {b} {c}");
            }
        }
    }
}

#[test]
fn the_level_is_monotone_and_a_meet_has_the_lower_one() {
    assert_eq!(Label::TOP.level(), Level::Trusted);
    for a in all() {
        for b in all() {
            assert!(!a.is_at_or_below(b) || a.level() <= b.level());
            assert_eq!(a.meet(b).level(), a.level().min(b.level()));
        }
    }
}

#[test]
fn classes_have_the_levels_that_the_rules_say() {
    let level = |name: &str| SourceClass::from_name(name).unwrap().level();
    for name in ["user", "operator", "local_file"] {
        assert_eq!(level(name), Level::Trusted);
    }
    for name in ["memory", "rag_index", "tool"] {
        assert_eq!(level(name), Level::Untrusted);
    }
    for name in ["web", "undeclared"] {
        assert_eq!(level(name), Level::Adversarial);
    }
    assert_eq!(SourceClass::from_name("Web"), None);
    for class in SourceClass::ALL {
        assert_eq!(SourceClass::from_name(class.as_str()), Some(class));
        assert_eq!(Label::of(class).classes().collect::<Vec<_>>(), [class]);
    }
}

#[test]
fn a_step_with_neither_source_nor_parents_is_undeclared() {
    let undeclared = Label::of(SourceClass::Undeclared);
    assert_eq!(Label::effective(None, []), undeclared);
    for class in SourceClass::ALL {
        assert_eq!(Label::effective(Some(class), []), Label::of(class));
        assert_eq!(Label::effective(None, [Label::of(class)]), Label::of(class));
    }
}

/// A step of a small history: its source and its parents, by index.
type Shape = (Option<SourceClass>, Vec<usize>);

/// What each step derives from, by walking up from it: no lattice, no order of recording.
fn reachable(shapes: &[Shape], at: usize) -> Label {
    let mut seen = vec![false; shapes.len()];
    let mut waiting = vec![at];
    let mut found = Label::TOP;
    while let Some(at) = waiting.pop() {
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        let (source, parents) = &shapes[at];
        match source {
            Some(class) => found = found | *class,
            None if parents.is_empty() => found = found | SourceClass::Undeclared,
            None => {}
        }
        waiting.extend(parents);
    }
    found
}

fn labels(shapes: &[Shape]) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::new();
    for (source, parents) in shapes {
        let above = parents.iter().map(|parent| labels[*parent]);
        labels.push(Label::effective(*source, above));
    }
    labels
}

fn is_ancestor(shapes: &[Shape], of: usize, other: usize) -> bool {
    of == other
        || shapes[of]
            .1
            .iter()
            .any(|parent| is_ancestor(shapes, *parent, other))
}

fn noninterference(shapes: &[Shape]) {
    let labels = labels(shapes);
    for at in 0..shapes.len() {
        assert_eq!(labels[at], reachable(shapes, at), "{shapes:?}");
        for other in 0..=at {
            if is_ancestor(shapes, at, other) {
                assert!(labels[at].is_at_or_below(labels[other]), "{shapes:?}");
                assert!(labels[at].level() <= labels[other].level(), "{shapes:?}");
            }
        }
    }
}

/// Every history of up to four steps over three sources and none, with every set of parents: 4 · 8 · 16 · 32 of the
/// longest.
#[test]
fn no_step_has_a_label_above_any_of_its_ancestors_in_all_small_histories() {
    let sources = [
        None,
        Some(SourceClass::User),
        Some(SourceClass::Tool),
        Some(SourceClass::Web),
    ];
    let mut histories: Vec<Vec<Shape>> = vec![Vec::new()];
    for length in 0..4 {
        let mut longer = Vec::new();
        for history in &histories {
            for source in sources {
                for parents in 0..1_usize << length {
                    let parents = (0..length).filter(|at| parents >> at & 1 == 1).collect();
                    let mut next = history.clone();
                    next.push((source, parents));
                    noninterference(&next);
                    longer.push(next);
                }
            }
        }
        histories = longer;
    }
    assert_eq!(histories.len(), 4 * 8 * 16 * 32);
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let step = (
        prop::option::of(0_usize..8),
        prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    );
    prop::collection::vec(step, 1..40).prop_map(|steps| {
        let shape =
            |(at, (source, parents)): (usize, (Option<usize>, Vec<prop::sample::Index>))| {
                let mut parents: Vec<usize> = parents
                    .iter()
                    .filter(|_| at > 0)
                    .map(|parent| parent.index(at))
                    .collect();
                parents.sort_unstable();
                parents.dedup();
                (source.map(|class| SourceClass::ALL[class]), parents)
            };
        steps.into_iter().enumerate().map(shape).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// Through real receipts: the session's labels are what a walk over the whole graph finds, and once a class has
    /// come in, a rule without it refuses every step that derives from it and no other.
    #[test]
    fn what_derives_from_a_class_breaks_every_rule_without_it(shapes in shapes(), class in 0_usize..8) {
        let class = SourceClass::ALL[class];
        let (mut recorder, opening) = open(1);
        let rule = Rule {
            sink: Sink::ToolCall(Some("send".into())),
            require: None,
            without: Label::of(class),
        };
        let mut free = Session::open(&opening).unwrap();
        let mut guarded = Session::open_under(&opening, Rules::new(vec![rule]).unwrap()).unwrap();
        let mut hashes = Vec::new();
        for (at, (source, parents)) in shapes.iter().enumerate() {
            let make = |draft: StepDraft| {
                let draft = draft.parents(parents.iter().map(|parent| hashes[*parent]));
                source.map_or(draft.clone(), |class| draft.source(class))
            };
            let expected = reachable(&shapes, at);
            // The step as a sink first, which the guarded session may refuse; then as a remark, which it takes.
            let (head, next) = (*recorder.head(), recorder.next_sequence());
            let sink = recorder.step(make(StepDraft::tool_call("send")), time(1)).unwrap();
            let tried = guarded.clone().take(&sink);
            prop_assert_eq!(tried.is_err(), expected.contains(class));
            recorder.rejoin(head, next);
            let step = recorder.step(make(StepDraft::note()), time(1)).unwrap();
            let Ok(Taken::Step(_, label)) = free.take(&step) else { panic!("refused") };
            prop_assert_eq!(label, expected);
            prop_assert_eq!(free.label(at as u64 + 1), Some(expected));
            guarded.take(&step).unwrap();
            hashes.push(*step.root_hash());
        }
    }
}
