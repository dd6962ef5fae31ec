//! A node as the engine sees it: a scroll, the state that it comes to, and what is on its way to others.

use std::sync::OnceLock;

use quorate_federation::{
    AcceptedBy, AnyMessage, Command, CounterTerms, Decision, Incoming, Invalid, MeshId,
    Negotiation, Outgoing, ProposalKey, Proposing, Refusal, Response, Signed, Standing, State,
    TrustLevel, TrustPolicy, Us, decide, receive,
};
use quorate_receipt::{Receipt, Timestamp};

use crate::support::{
    Mesh, OPEN, attestations, berlin, counter_terms, dublin, proposal_id, singapore, terms, time,
};

pub(crate) fn open_policy() -> TrustPolicy {
    TrustPolicy {
        accepts_proposals: true,
        min_trust_level: TrustLevel::Observe,
        requires_mutual: false,
    }
}

#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) mesh: Mesh,
    pub(crate) scroll: Vec<Receipt>,
    pub(crate) state: State,
    pub(crate) policy: TrustPolicy,
    /// Seconds by which its clock is ahead.
    pub(crate) skew: i64,
}

impl Node {
    /// A node that knows itself and `others`.
    pub(crate) fn new(mesh: Mesh, others: &[&Mesh]) -> Self {
        let mut node = Self {
            mesh: mesh.clone(),
            scroll: vec![],
            state: State::new(),
            policy: open_policy(),
            skew: 0,
        };
        node.accept(&mesh, AcceptedBy::Own).unwrap();
        for other in others {
            node.accept(other, AcceptedBy::Fingerprint).unwrap();
        }
        node
    }

    pub(crate) fn id(&self) -> &MeshId {
        &self.mesh.id
    }

    pub(crate) fn accept(&mut self, mesh: &Mesh, by: AcceptedBy) -> Result<(), Refusal> {
        let command = Command::AcceptMesh {
            mesh: mesh.id.clone(),
            lineage: Box::new(mesh.lineage.clone()),
            accepted_by: by,
        };
        self.command(command, -100).map(drop)
    }

    fn now(&self, at: i64) -> Timestamp {
        time(at + self.skew)
    }

    pub(crate) fn decide(&self, command: Command, at: i64) -> Result<Decision, Refusal> {
        let (key, keys) = (self.mesh.key(), self.mesh.keys());
        let us = Us {
            key: &key,
            keys: &keys,
            trust_policy: &self.policy,
        };
        decide(&self.state, command, &us, self.now(at))
    }

    pub(crate) fn judge(&self, message: &AnyMessage, at: i64) -> Result<Decision, Refusal> {
        let (key, keys) = (self.mesh.key(), self.mesh.keys());
        let us = Us {
            key: &key,
            keys: &keys,
            trust_policy: &self.policy,
        };
        let incoming = match message.clone() {
            AnyMessage::Proposal(m) => Incoming::Proposal(self.state.verify(*m)?),
            AnyMessage::Response(m) => Incoming::Response(self.state.verify(*m)?),
            AnyMessage::Agreement(m) => {
                Incoming::Agreement(m.verify().map_err(Invalid::NotVerified)?)
            }
            AnyMessage::Notice(m) => Incoming::Notice(self.state.verify(*m)?),
        };
        receive(&self.state, incoming, &us, self.now(at))
    }

    /// Makes the receipts durable.
    pub(crate) fn keep(&mut self, decision: &Decision) {
        for receipt in &decision.receipts {
            self.state.apply(receipt).unwrap();
            self.scroll.push(receipt.clone());
        }
    }

    pub(crate) fn command(&mut self, command: Command, at: i64) -> Result<Vec<Outgoing>, Refusal> {
        let decision = self.decide(command, at)?;
        self.keep(&decision);
        Ok(decision.messages)
    }

    pub(crate) fn hear(&mut self, message: &Outgoing, at: i64) -> Result<Vec<Outgoing>, Refusal> {
        assert_eq!(&message.to, self.id());
        let decision = self.judge(&message.message, at)?;
        self.keep(&decision);
        Ok(decision.messages)
    }

    /// Starts again from what is durable.
    pub(crate) fn restart(&mut self) {
        let replayed = State::replay(&self.scroll).unwrap();
        assert_eq!(replayed, self.state, "replay = live");
        self.state = replayed;
    }

    /// What it sends again, from the state alone.
    pub(crate) fn latest(&self) -> Vec<Outgoing> {
        self.state
            .negotiations()
            .filter_map(|n| n.latest_by(n.party(self.id())?))
            .collect()
    }

    pub(crate) fn negotiation(&self, key: &ProposalKey) -> &Negotiation {
        self.state.negotiation(key).unwrap()
    }

    pub(crate) fn standing(&self, key: &ProposalKey) -> Standing {
        self.negotiation(key).standing()
    }

    pub(crate) fn agreement(&self, key: &ProposalKey) -> Vec<u8> {
        self.negotiation(key).agreement().unwrap().to_bytes()
    }
}

/// Dublin and Berlin, who know each other and Singapore.
pub(crate) fn pair() -> (Node, Node) {
    static PAIR: OnceLock<(Node, Node)> = OnceLock::new();
    PAIR.get_or_init(|| {
        let (a, b, c) = (dublin(), berlin(), singapore());
        (Node::new(a.clone(), &[&b, &c]), Node::new(b, &[&a, &c]))
    })
    .clone()
}

pub(crate) fn key_of(node: &Node, n: u32) -> ProposalKey {
    ProposalKey {
        proposer: node.id().clone(),
        id: proposal_id(n),
    }
}

pub(crate) fn proposing(to: &MeshId, n: u32) -> Proposing {
    Proposing {
        target: to.clone(),
        proposal_id: proposal_id(n),
        expires_at: time(OPEN),
        trust_level: TrustLevel::Verify,
        terms: terms(),
        attestations: attestations(),
        their_policy: open_policy(),
    }
}

pub(crate) fn propose(to: &MeshId, n: u32) -> Command {
    Command::Propose(Box::new(proposing(to, n)))
}

pub(crate) fn countering(key: &ProposalKey) -> Command {
    Command::Counter {
        key: key.clone(),
        counter_terms: counter_terms(),
    }
}

pub(crate) fn countering_with(key: &ProposalKey, counter_terms: CounterTerms) -> Command {
    Command::Counter {
        key: key.clone(),
        counter_terms,
    }
}

/// Dublin proposed, and Berlin has it.
pub(crate) fn proposed() -> (Node, Node, ProposalKey) {
    let (mut a, mut b) = pair();
    let sent = a.command(propose(b.id(), 1), 0).unwrap();
    assert!(b.hear(&sent[0], 1).unwrap().is_empty());
    let key = key_of(&a, 1);
    (a, b, key)
}

/// Dublin proposed, Berlin accepted, both signed.
pub(crate) fn agreed() -> (Node, Node, ProposalKey) {
    let (mut a, mut b, key) = proposed();
    let accept = b.command(Command::Accept(key.clone()), 10).unwrap();
    let agreement = a.hear(&accept[0], 20).unwrap();
    assert!(b.hear(&agreement[0], 30).unwrap().is_empty());
    (a, b, key)
}

pub(crate) fn invalid<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Invalid {
    match result {
        Err(Refusal::Invalid(invalid)) => invalid,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn reason(text: &str) -> quorate_federation::Remark {
    text.parse().unwrap()
}

pub(crate) fn response_of(message: &Outgoing) -> Signed<Response> {
    match &message.message {
        AnyMessage::Response(response) => (**response).clone(),
        other => panic!("{other:?}"),
    }
}
