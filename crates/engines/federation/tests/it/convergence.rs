//! Both sides come to one agreement, byte for byte, or to none: whatever the network and the power supply do.

use proptest::collection::vec;
use proptest::prelude::*;
use quorate_federation::{
    Command, CounterTerms, Decision, Negotiation, Outgoing, ProposalKey, Refusal, Standing, State,
};

use quorate_receipt::Receipt;

use crate::node::{Node, countering, countering_with, key_of, pair, propose, proposed, proposing};
use crate::support::{OPEN, time};

/// What happens next. Sides are 0 and 1, and the rest picks among what there is.
#[derive(Clone, Debug)]
enum Event {
    Command(usize, Verb),
    /// A message arrives and stays on its way, to arrive again.
    Repeat(usize),
    /// A message arrives.
    Deliver(usize),
    Lose(usize),
    /// The node sends again whatever it said last.
    Resend(usize),
    /// The node ends and starts from its scroll.
    Restart(usize),
    Wait(i64),
}

#[derive(Clone, Debug)]
enum Verb {
    Propose(u32),
    Counter(u32, u64),
    Accept(u32),
    Reject(u32),
    Withdraw(u32),
    Expire,
}

/// Where a node ends while it carries a decision out.
#[derive(Clone, Copy, Debug)]
enum Power {
    On,
    /// Before anything is durable.
    OffBefore,
    /// After the receipts are durable, and before the messages are sent.
    OffAfter,
}

struct World {
    nodes: [Node; 2],
    wire: Vec<Outgoing>,
    at: i64,
    /// The state after each receipt, as it was live.
    history: [Vec<State>; 2],
}

const IDS: u32 = 3;

impl World {
    fn new(skews: (i64, i64)) -> Self {
        let (mut a, mut b) = pair();
        a.skew = skews.0;
        b.skew = skews.1;
        Self {
            history: [vec![a.state.clone()], vec![b.state.clone()]],
            nodes: [a, b],
            wire: vec![],
            at: 1000,
        }
    }

    /// The newest of the negotiations that this side knows and that has not ended; else any key.
    fn key(&self, side: usize, n: u32) -> ProposalKey {
        let going_on = self.nodes[side].state.negotiations().filter(|negotiation| {
            matches!(
                negotiation.standing(),
                Standing::Open { .. } | Standing::HalfSigned { .. }
            )
        });
        match going_on.max_by_key(|negotiation| negotiation.proposal().proposed_at) {
            Some(negotiation) if n != 0 => negotiation.key(),
            _ => key_of(&self.nodes[n as usize % 2], n % IDS),
        }
    }

    fn carry_out(&mut self, side: usize, decision: Result<Decision, Refusal>, power: Power) {
        let Ok(decision) = decision else { return };
        match power {
            Power::OffBefore => return self.nodes[side].restart(),
            Power::On | Power::OffAfter => {}
        }
        for receipt in &decision.receipts {
            let one = Decision {
                receipts: vec![receipt.clone()],
                messages: vec![],
            };
            self.nodes[side].keep(&one);
            self.history[side].push(self.nodes[side].state.clone());
        }
        match power {
            Power::OffAfter => self.nodes[side].restart(),
            _ => self.wire.extend(decision.messages),
        }
    }

    fn command(&mut self, side: usize, verb: &Verb, power: Power) {
        let peer = self.nodes[1 - side].id().clone();
        let command = match verb {
            Verb::Propose(n) => {
                let mut proposing = proposing(&peer, n % IDS);
                proposing.expires_at = time(self.at + OPEN);
                Command::Propose(Box::new(proposing))
            }
            Verb::Counter(n, days) => countering_with(
                &self.key(side, *n),
                CounterTerms {
                    retention_period_days: Some(*days),
                    ..CounterTerms::default()
                },
            ),
            Verb::Accept(n) => Command::Accept(self.key(side, *n)),
            Verb::Reject(n) => Command::Reject(self.key(side, *n), "no".parse().unwrap()),
            Verb::Withdraw(n) => Command::Withdraw(self.key(side, *n), "no".parse().unwrap()),
            Verb::Expire => Command::Expire,
        };
        let decision = self.nodes[side].decide(command, self.at);
        self.carry_out(side, decision, power);
    }

    fn arrive(&mut self, message: &Outgoing, power: Power) {
        let side = usize::from(message.to == *self.nodes[1].id());
        let decision = self.nodes[side].judge(&message.message, self.at);
        self.carry_out(side, decision, power);
    }

    fn step(&mut self, event: &Event, power: Power) {
        self.at += 1;
        let pick = |n: usize, wire: &[Outgoing]| (!wire.is_empty()).then(|| n % wire.len());
        match event {
            Event::Command(side, verb) => self.command(*side, verb, power),
            Event::Repeat(n) => {
                if let Some(n) = pick(*n, &self.wire) {
                    let message = self.wire[n].clone();
                    self.arrive(&message, power);
                }
            }
            Event::Deliver(n) => {
                if let Some(n) = pick(*n, &self.wire) {
                    let message = self.wire.swap_remove(n);
                    self.arrive(&message, power);
                }
            }
            Event::Lose(n) => {
                if let Some(n) = pick(*n, &self.wire) {
                    self.wire.swap_remove(n);
                }
            }
            Event::Resend(side) => self.wire.extend(self.nodes[*side].latest()),
            Event::Restart(side) => self.nodes[*side].restart(),
            Event::Wait(seconds) => self.at += seconds,
        }
    }

    /// The network works again: everything that was said last arrives, until nothing new is said.
    fn heal(&mut self) {
        for _ in 0..20 {
            let before = (self.nodes[0].scroll.len(), self.nodes[1].scroll.len());
            for side in [0, 1] {
                self.wire.extend(self.nodes[side].latest());
            }
            let mut delivered = 0;
            while let Some(message) = self.wire.pop() {
                self.arrive(&message, Power::On);
                delivered += 1;
                assert!(delivered < 1000, "the two answer each other for ever");
            }
            if before == (self.nodes[0].scroll.len(), self.nodes[1].scroll.len()) {
                return;
            }
        }
        panic!("no end");
    }

    fn keys(&self) -> Vec<ProposalKey> {
        let mut keys: Vec<_> = self
            .nodes
            .iter()
            .flat_map(|node| node.state.negotiations().map(Negotiation::key))
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    fn agreements(&self, side: usize) -> Vec<Vec<u8>> {
        let bonds = self.nodes[side].state.bonds();
        bonds.map(|bond| bond.agreement().to_bytes()).collect()
    }

    fn check(&mut self) {
        self.heal();
        self.check_same(false);
        // In the end nothing is left open, and what was agreed stays.
        let agreed = self.agreements(0);
        self.at += 3 * OPEN;
        for side in [0, 1] {
            self.command(side, &Verb::Expire, Power::On);
        }
        self.heal();
        self.check_same(true);
        for side in [0, 1] {
            assert_eq!(self.agreements(side), agreed);
            for negotiation in self.nodes[side].state.negotiations() {
                assert!(matches!(
                    negotiation.standing(),
                    Standing::Closed | Standing::Agreed(_)
                ));
            }
        }
        self.check_replay();
    }

    fn check_same(&self, expired: bool) {
        assert_eq!(self.agreements(0), self.agreements(1));
        for key in self.keys() {
            let [a, b] = [0, 1].map(|side| self.nodes[side].state.negotiation(&key));
            match (a, b) {
                (Some(a), Some(b)) => {
                    // Past its time a message may be refused, until the clock has ended what it is about.
                    if time(self.at + 150) > a.proposal().expires_at && !expired {
                        continue;
                    }
                    assert_eq!(a.standing(), b.standing());
                    assert_eq!(a.agreement(), b.agreement());
                    if a.standing() != Standing::Closed {
                        assert_eq!(a.counters(), b.counters());
                        assert_eq!(a.terms(), b.terms());
                    }
                }
                (Some(one), None) | (None, Some(one)) => {
                    assert!(!matches!(one.standing(), Standing::Agreed(_)));
                }
                (None, None) => {}
            }
        }
    }

    /// Replay equals live at every prefix.
    fn check_replay(&self) {
        for (node, history) in self.nodes.iter().zip(&self.history) {
            let mut history = history.iter();
            let first = history.next().unwrap();
            let mut state = State::new();
            let mut receipts = node.scroll.iter();
            while state != *first {
                state.apply(receipts.next().unwrap()).unwrap();
            }
            for live in history {
                state.apply(receipts.next().unwrap()).unwrap();
                assert_eq!(state, *live);
            }
            assert_eq!(receipts.next(), None);
        }
    }
}

fn verb() -> impl Strategy<Value = Verb> {
    let id = 0..6_u32;
    prop_oneof![
        3 => id.clone().prop_map(Verb::Propose),
        4 => (id.clone(), 1..40_u64).prop_map(|(n, days)| Verb::Counter(n, days)),
        4 => id.clone().prop_map(Verb::Accept),
        1 => id.clone().prop_map(Verb::Reject),
        1 => id.prop_map(Verb::Withdraw),
        1 => Just(Verb::Expire),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..2_usize, verb()).prop_map(|(side, verb)| Event::Command(side, verb)),
        2 => any::<usize>().prop_map(Event::Repeat),
        6 => any::<usize>().prop_map(Event::Deliver),
        1 => any::<usize>().prop_map(Event::Lose),
        2 => (0..2_usize).prop_map(Event::Resend),
        1 => (0..2_usize).prop_map(Event::Restart),
        1 => prop_oneof![Just(60), Just(OPEN / 3), Just(OPEN)].prop_map(Event::Wait),
    ]
}

fn power() -> impl Strategy<Value = Power> {
    prop_oneof![
        8 => Just(Power::On),
        1 => Just(Power::OffBefore),
        1 => Just(Power::OffAfter),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_lost_doubled_or_reordered_both_sides_have_the_same_agreements(
        events in vec((event(), power()), 1..60),
        skews in (-140..140_i64, -140..140_i64),
    ) {
        let mut world = World::new(skews);
        for (event, power) in &events {
            world.step(event, *power);
        }
        world.check();
    }
}

/// The documents' negotiation, with a node ending at every step in every way, goes on to the one agreement.
#[test]
fn a_crash_after_each_step_loses_nothing_and_doubles_nothing() {
    for ends_at in 0..7 {
        for power in [Power::On, Power::OffBefore, Power::OffAfter] {
            let mut world = World::new((0, 0));
            let key = key_of(&world.nodes[0], 1);
            let a_step = |world: &mut World, n: usize, side: usize, command: &Command| {
                let power = if n == ends_at { power } else { Power::On };
                let decision = world.nodes[side].decide(command.clone(), 1000);
                world.carry_out(side, decision, power);
                // The operator tries again after the node's start; what it sends arrives.
                let decision = world.nodes[side].decide(command.clone(), 1001);
                world.carry_out(side, decision, Power::On);
            };
            let arrives = |world: &mut World, n: usize| {
                for message in std::mem::take(&mut world.wire) {
                    let power = if n == ends_at { power } else { Power::On };
                    world.arrive(&message, power);
                }
                world.heal();
            };
            let berlin = world.nodes[1].id().clone();
            a_step(&mut world, 0, 0, &propose(&berlin, 1));
            arrives(&mut world, 1);
            a_step(&mut world, 2, 1, &countering(&key));
            arrives(&mut world, 3);
            a_step(&mut world, 4, 0, &Command::Accept(key.clone()));
            arrives(&mut world, 5);
            arrives(&mut world, 6);
            for side in [0, 1] {
                let node = &world.nodes[side];
                assert!(matches!(node.standing(&key), Standing::Agreed(_)));
                let of_this = node.scroll.iter().filter(|r| r.type_() != "fed_mesh_key");
                let types: Vec<_> = of_this.map(Receipt::type_).collect();
                // The acceptance is recorded by whoever gave it.
                let mut expected = vec!["fed_trust_proposal", "fed_proposal_countered"];
                expected.extend((side == 0).then_some("fed_proposal_accepted"));
                expected.push("fed_agreement_signed");
                assert_eq!(types, expected);
            }
            world.check();
        }
    }
}

/// A network that is cut in the middle of a negotiation for longer than the proposal stands.
#[test]
fn a_cut_network_leaves_one_agreement_or_none() {
    for accepted_in_time in [true, false] {
        let (mut a, mut b, key) = proposed();
        let accept = b.command(Command::Accept(key.clone()), 10).unwrap();
        if accepted_in_time {
            a.hear(&accept[0], 20).unwrap();
        }
        // Both come back after its end, and do what is due.
        let from_a = a.command(Command::Expire, OPEN + 5).unwrap();
        let from_b = b.command(Command::Expire, OPEN + 5).unwrap();
        assert!(from_b.is_empty());
        assert_eq!(from_a.len(), usize::from(!accepted_in_time));
        for message in a.latest() {
            b.hear(&message, OPEN + 6).unwrap();
        }
        assert_eq!(a.standing(&key), b.standing(&key));
        assert_eq!(
            matches!(b.standing(&key), Standing::Agreed(_)),
            accepted_in_time
        );
    }
}
