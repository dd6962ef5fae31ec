//! Random histories of rotations, compromises, replays and thefts against a model that knows who may do what.
#![expect(clippy::unwrap_used, reason = "tests stop at what cannot happen")]

mod support;

use proptest::prelude::*;
use quorate_lineage::{Change, Event, Invalid, Lineage, Position, Reason, Role, Slot};
use quorate_receipt::Receipt;
use support::{
    begin, certified, event, forged, heads, inception, keys, next, public, retired, rotation,
    secret, time,
};

#[derive(Clone, Debug)]
enum Step {
    Rotate,
    Compromise,
    Certify(usize),
    Retire(usize),
    Replay(prop::sample::Index),
    /// A retired identity key signs again: the places of the attack and the key.
    RetiredKeySigns(prop::sample::Index),
    /// Somebody who holds the current key, and only that, tries to rotate.
    ThiefRotates,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Rotate),
        2 => Just(Step::Compromise),
        3 => (0..4_usize).prop_map(Step::Certify),
        3 => (0..4_usize).prop_map(Step::Retire),
        2 => any::<prop::sample::Index>().prop_map(Step::Replay),
        4 => any::<prop::sample::Index>().prop_map(Step::RetiredKeySigns),
        1 => Just(Step::ThiefRotates),
    ]
}

struct World {
    lineage: Lineage,
    receipts: Vec<Receipt>,
    /// The number of the identity key in force.
    identity: u32,
    /// The number of the next fresh role key.
    fresh: u32,
    /// Role keys in force, per role, the oldest first.
    in_force: [Vec<u32>; 4],
    /// Role keys that were retired.
    retired: Vec<(Role, u32)>,
    /// How often a retired key was tried.
    attempts: u32,
}

impl World {
    fn new() -> Self {
        Self {
            lineage: begin(),
            receipts: vec![inception()],
            identity: 0,
            fresh: 10_000,
            in_force: Default::default(),
            retired: Vec::new(),
            attempts: 0,
        }
    }

    fn heads(&self) -> quorate_lineage::Heads {
        heads(&[("Identity", self.receipts.len() as u64)])
    }

    fn accept(&mut self, receipt: Receipt) {
        self.lineage = self.lineage.apply(&receipt).unwrap();
        self.receipts.push(receipt);
    }

    /// No signature by this retired key leads anywhere.
    fn refuses_retired(&mut self, retired: u32) {
        let honest = self.lineage.certify(
            Role::Federation,
            keys(Role::Federation, 9_999),
            self.heads(),
            time(1),
        );
        let mut attacks = Vec::new();
        if let Ok(draft) = honest {
            // In the name of the key in force, and in its own.
            attacks.push((
                draft.event().clone(),
                vec![(Slot::Identity, retired), (Slot::Role, 9_999)],
            ));
            let mut own = draft.event().clone();
            if let Change::RoleCertified { by, .. } = &mut own.change {
                *by = public(retired);
            }
            attacks.push((own, vec![(Slot::Identity, retired), (Slot::Role, 9_999)]));
        }
        for reason in [Reason::Scheduled, Reason::Compromise] {
            for (outgoing, revealed) in [
                (retired, retired),
                (retired, self.identity + 1),
                (self.identity, retired),
            ] {
                let event = Event {
                    node: *self.lineage.fingerprint(),
                    seq: self.lineage.next_seq(),
                    prev: Some(*self.lineage.last()),
                    timestamp: time(1),
                    change: Change::Rotation {
                        outgoing: public(outgoing),
                        revealed: public(revealed),
                        salt: *next(revealed).salt(),
                        next: next(8_888).commitment(),
                        reason,
                        heads: self.heads(),
                    },
                };
                // He holds the retired key and none of the others.
                let mut signers = vec![(Slot::Revealed, retired)];
                if reason == Reason::Scheduled {
                    signers.push((Slot::Outgoing, retired));
                }
                attacks.push((event, signers));
            }
        }
        for (event, signers) in attacks {
            self.attempts += 1;
            let result = self.lineage.apply(&forged(&event, &signers));
            assert!(result.is_err(), "{event:?}");
        }
        assert!(
            self.lineage
                .signing_key(Role::Identity, secret(retired))
                .is_err()
        );
        assert!(!self.lineage.key_valid_at(
            Role::Identity,
            public(retired).as_bytes(),
            Position::Now
        ));
    }

    fn take(&mut self, step: &Step) {
        let heads = self.heads();
        match step {
            Step::Rotate => {
                let receipt = rotation(&self.lineage, self.identity, heads);
                self.accept(receipt);
                self.identity += 1;
            }
            Step::Compromise => {
                let plan = self
                    .lineage
                    .plan_rotation(Reason::Compromise, heads, time(1));
                let next_commitment = next(self.identity + 2).commitment();
                let draft = plan
                    .complete(&next(self.identity + 1), next_commitment)
                    .unwrap();
                self.accept(draft.finish().unwrap());
                self.identity += 1;
            }
            Step::Certify(role) => {
                let n = self.fresh;
                let full = self.in_force[*role].len() == 2;
                let result = self.lineage.certify(
                    Role::CERTIFIED[*role],
                    keys(Role::CERTIFIED[*role], n),
                    heads.clone(),
                    time(1),
                );
                if full {
                    assert_eq!(result, Err(Invalid::Overlap(Role::CERTIFIED[*role])));
                    return;
                }
                let receipt = certified(
                    &self.lineage,
                    self.identity,
                    Role::CERTIFIED[*role],
                    n,
                    heads,
                );
                self.accept(receipt);
                self.fresh += 1;
                self.in_force[*role].push(n);
            }
            Step::Retire(role) => {
                if self.in_force[*role].is_empty() {
                    return;
                }
                let n = self.in_force[*role].remove(0);
                let receipt = retired(
                    &self.lineage,
                    self.identity,
                    Role::CERTIFIED[*role],
                    n,
                    heads,
                );
                self.accept(receipt);
                self.retired.push((Role::CERTIFIED[*role], n));
            }
            Step::Replay(index) => {
                let receipt = index.get(&self.receipts);
                let seq = event(receipt).seq;
                assert_eq!(
                    self.lineage.apply(receipt),
                    Err(Invalid::AlreadyApplied { seq })
                );
            }
            Step::RetiredKeySigns(index) => {
                if self.identity > 0 {
                    let n = u32::try_from(index.index(self.identity as usize)).unwrap();
                    self.refuses_retired(n);
                }
            }
            Step::ThiefRotates => {
                let plan = self
                    .lineage
                    .plan_rotation(Reason::Compromise, heads, time(1));
                assert!(
                    plan.complete(&next(7_777), next(7_778).commitment())
                        .is_err()
                );
            }
        }
    }

    /// The lineage agrees with the model.
    fn check(&self) {
        assert_eq!(*self.lineage.identity_key(), public(self.identity));
        for (role, expected) in Role::CERTIFIED.into_iter().zip(&self.in_force) {
            let found: Vec<_> = self
                .lineage
                .in_force(role)
                .map(|record| record.keys.ed25519)
                .collect();
            assert_eq!(
                found,
                expected.iter().map(|n| public(*n)).collect::<Vec<_>>()
            );
        }
        for (role, n) in &self.retired {
            assert!(
                !self
                    .lineage
                    .key_valid_at(*role, public(*n).as_bytes(), Position::Now)
            );
            assert!(self.lineage.signing_key(*role, secret(*n)).is_err());
        }
        assert_eq!(Lineage::replay(&self.receipts).as_ref(), Ok(&self.lineage));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn retired_keys_are_never_accepted_in_any_history(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        // At the end every retired identity key tries everything once more.
        for n in 0..world.identity {
            world.refuses_retired(n);
        }
        world.check();
    }

    /// Any one byte of any event of any history changed: refused, whatever comes of it.
    #[test]
    fn a_changed_byte_is_refused_in_any_history(
        steps in prop::collection::vec(step(), 1..12),
        which: prop::sample::Index,
        place: prop::sample::Index,
        flip in 1..=255_u8,
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        let at = which.index(world.receipts.len());
        let mut bytes = world.receipts[at].bytes().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        // Most changes are caught by `root_hash`; let those through that a forger would repair.
        let repaired = String::from_utf8(bytes).ok().and_then(|text| {
            let Ok(quorate_receipt::json::Value::Object(mut object)) = quorate_receipt::json::parse(text.as_bytes()) else {
                return None;
            };
            object.remove("root_hash");
            Receipt::from_object(&object, time(0)).ok()
        });
        if let Some(receipt) = repaired
            && receipt != world.receipts[at]
        {
            let before = (at > 0).then(|| Lineage::replay(&world.receipts[..at]).unwrap());
            let result = before.map_or_else(|| Lineage::inception(&receipt), |lineage| lineage.apply(&receipt));
            prop_assert!(result.is_err());
            // Nor is it evidence against the node: it never signed this.
            let later = world.lineage.apply(&receipt);
            prop_assert!(matches!(&later, Err(error) if !matches!(error, Invalid::Fork(_))));
        }
    }
}
