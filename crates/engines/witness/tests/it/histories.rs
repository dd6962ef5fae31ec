//! Random histories of honest, late, forked and repeated requests: what was co-signed is always one growing tree.

use proptest::prelude::*;
use quorate_merkle::verify_consistency;

use crate::support::{Log, NOW, Witness};

#[derive(Clone, Debug)]
struct Step {
    size: usize,
    fork: usize,
    old: OldSize,
    clock: i64,
}

#[derive(Clone, Debug)]
enum OldSize {
    AsRemembered,
    Given(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let old = prop_oneof![
        3 => Just(OldSize::AsRemembered),
        1 => (0_u64..40).prop_map(OldSize::Given),
    ];
    // Mostly the one true history; sometimes another one from some leaf on.
    let fork = prop_oneof![3 => Just(40_usize), 1 => 0_usize..40];
    (0_usize..40, fork, old, -100_i64..100).prop_map(|(size, fork, old, clock)| Step {
        size,
        fork,
        old,
        clock,
    })
}

proptest! {
    #[test]
    fn w_20_cosigned_trees_form_one_history(steps in prop::collection::vec(step(), 1..60)) {
        let base = Log::new();
        let mut witness = Witness::of(&base);
        let mut now = NOW;
        let mut signed: Vec<(Log, u64)> = Vec::new();
        for step in steps {
            now = now.saturating_add_signed(step.clock);
            witness.now = now;
            let log = base.forked(step.size, step.fork, "fork");
            let old = match step.old {
                OldSize::AsRemembered => witness.size(),
                OldSize::Given(old) => old,
            };
            let request = if old <= step.size as u64 {
                log.request(old)
            } else {
                quorate_witness::AddCheckpoint::new(old, quorate_merkle::Proof::empty(), log.signed())
            };
            let before = witness.last.clone();
            match witness.add(&request) {
                Ok(durable) => signed.push((log, durable.position().timestamp())),
                Err(_) => prop_assert_eq!(&witness.last, &before),
            }
        }
        for pair in signed.windows(2) {
            let [(a, at), (b, bt)] = pair else { unreachable!() };
            let (old, new) = (a.leaves.len() as u64, b.leaves.len() as u64);
            prop_assert!(old <= new, "rolled back from {} to {}", old, new);
            prop_assert!(at <= bt, "the time ran back");
            prop_assert_eq!(&b.leaves[..a.leaves.len()], &a.leaves[..], "two histories");
            verify_consistency(old, &a.root(), new, &b.root(), &b.proof(old)).unwrap();
        }
    }

    #[test]
    fn a_history_of_growth_is_always_accepted(sizes in prop::collection::vec(0_usize..200, 1..20)) {
        let mut sizes = sizes;
        sizes.sort_unstable();
        let mut witness = Witness::of(&Log::new());
        for size in sizes {
            let old = witness.size();
            witness.add(&Log::of(size).request(old)).unwrap();
            prop_assert_eq!(witness.size(), size as u64);
        }
    }
}
