//! What a node writes and sends for what its operator commands.

use quorate_lineage::{Lineage, SigningKey};
use quorate_receipt::{Blake3Hash, Receipt, ReceiptError, Timestamp};

use crate::agreement::Party;
use crate::discovery::{NotAdmitted, TrustPolicy};
use crate::introduced::LineageHead;
use crate::invalid::Invalid;
use crate::keys::PartyKeys;
use crate::level::TrustLevel;
use crate::negotiation::{Negotiation, Standing};
use crate::notice::{Change, Notice};
use crate::outgoing::Outgoing;
use crate::proposal::{ProposalKey, ProposerAttestations, TrustProposal};
use crate::quorate::Quorate;
use crate::record::{AcceptedBy, Record};
use crate::response::{Answer, Closing, Response};
use crate::signed::{SignError, Signed};
use crate::state::State;
use crate::terms::{CounterTerms, Terms};
use crate::text::{MeshId, ProposalId, Remark};

/// Who decides: the scroll's own mesh, with what it signs by and agrees to today.
#[derive(Debug)]
pub struct Us<'a> {
    /// The federation key in force.
    pub key: &'a SigningKey,
    /// The keys that go into offers and agreements; `federation_key` is the public half of `key`.
    pub keys: &'a PartyKeys,
    /// Whose proposals are taken, and still may be accepted.
    pub trust_policy: &'a TrustPolicy,
}

/// What the operator wants. Who may command it is for the node to check.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take a mesh's key history in, or what of it is new.
    AcceptMesh {
        /// Whose.
        mesh: MeshId,
        /// Its whole history.
        lineage: Box<Lineage>,
        /// What its key is accepted by; of no matter for a mesh that is known.
        accepted_by: AcceptedBy,
    },
    /// Propose an agreement.
    Propose(Box<Proposing>),
    /// Offer other terms.
    Counter {
        /// In which negotiation.
        key: ProposalKey,
        /// What changes.
        counter_terms: CounterTerms,
    },
    /// Accept the last offer.
    Accept(ProposalKey),
    /// End a negotiation because of the other's last offer.
    Reject(ProposalKey, Remark),
    /// End a negotiation in which the last offer is our own.
    Withdraw(ProposalKey, Remark),
    /// End every negotiation whose time is over. For the node's clock to command.
    Expire,
    /// Record that an agreement is quorate in both scrolls.
    Establish {
        /// Which agreement.
        agreement: Blake3Hash,
        /// The evidence, the proposer's first.
        quorate: Box<[Quorate; 2]>,
    },
    /// Revoke, suspend or resume.
    Notify {
        /// Which agreement.
        agreement: Blake3Hash,
        /// What.
        change: Change,
        /// Why.
        reason: Remark,
    },
}

/// What a proposal needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposing {
    /// To whom.
    pub target: MeshId,
    /// The name that we give it.
    pub proposal_id: ProposalId,
    /// Until when it stands.
    pub expires_at: Timestamp,
    /// The level.
    pub trust_level: TrustLevel,
    /// The terms.
    pub terms: Terms,
    /// What we say about ourselves.
    pub attestations: ProposerAttestations,
    /// The target's trust policy, from its discovery record.
    pub their_policy: TrustPolicy,
}

/// What follows. First the receipts become durable, in this order and all of them or none; then the messages are sent,
/// until each was taken (R2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// For the scroll. None if everything is recorded already.
    pub receipts: Vec<Receipt>,
    /// For peers.
    pub messages: Vec<Outgoing>,
}

/// Why nothing follows. Nothing is changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The message, or what the command would make, has no place here and now.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// A trust policy does not admit it: the target's if we propose, ours if a peer does or we answer.
    #[error("{0}")]
    NotAdmitted(#[from] NotAdmitted),
    /// Nothing can be signed.
    #[error("{0}")]
    Sign(#[from] SignError),
    /// It does not fit into a receipt.
    #[error("{0}")]
    Receipt(#[from] ReceiptError),
    /// Two proposals crossed on their way, and ours stands: the earlier one, or of two of one time the one of the
    /// proposer whose name sorts first. The peer decides the same way and withdraws.
    #[error("the proposal crossed ours, {0}, which stands")]
    Crossed(ProposalKey),
    /// The last offer is our own. Withdraw it.
    #[error("there is nothing to reject in {0}: the last offer is our own")]
    NothingToReject(ProposalKey),
    /// The last offer is the other party's. Reject it.
    #[error("there is nothing to withdraw in {0}: the last offer is the other party's")]
    NothingToWithdraw(ProposalKey),
    /// A peer shows us what only we can say.
    #[error("the message claims to be our own")]
    FromOurselves,
}

/// What follows from a command.
///
/// Repeating a command that was carried out makes no receipt and sends the same message again.
///
/// # Errors
/// [`Refusal`].
pub fn decide(
    state: &State,
    command: Command,
    us: &Us<'_>,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let desk = Desk { state, us, now };
    match command {
        Command::AcceptMesh {
            mesh,
            lineage,
            accepted_by,
        } => desk.accept_mesh(&mesh, &lineage, &accepted_by),
        Command::Propose(proposing) => desk.propose(*proposing),
        Command::Counter { key, counter_terms } => desk.counter(&key, counter_terms),
        Command::Accept(key) => desk.accept(&key),
        Command::Reject(key, reason) => desk.reject(&key, reason),
        Command::Withdraw(key, reason) => desk.withdraw(&key, reason),
        Command::Expire => desk.expire(),
        Command::Establish { agreement, quorate } => desk.establish(agreement, *quorate),
        Command::Notify {
            agreement,
            change,
            reason,
        } => desk.notify(agreement, change, reason),
    }
}

/// Where decisions are made: what is known, who we are, and what time it is.
pub(crate) struct Desk<'a> {
    pub(crate) state: &'a State,
    pub(crate) us: &'a Us<'a>,
    pub(crate) now: Timestamp,
}

impl Desk<'_> {
    pub(crate) fn own(&self) -> Result<&MeshId, Refusal> {
        Ok(self.state.own().ok_or(Invalid::Beginning)?)
    }

    pub(crate) fn negotiation(&self, key: &ProposalKey) -> Result<(&Negotiation, Party), Refusal> {
        let own = self.own()?;
        let negotiation = self
            .state
            .negotiation(key)
            .ok_or_else(|| Invalid::UnknownProposal(key.clone()))?;
        let party = negotiation
            .party(own)
            .ok_or_else(|| Invalid::NotAParty(own.clone()))?;
        Ok((negotiation, party))
    }

    /// A receipt that the state takes.
    pub(crate) fn record(&self, record: &Record) -> Result<Receipt, Refusal> {
        let receipt = record.receipt(self.now)?;
        self.state.check(&receipt)?;
        Ok(receipt)
    }

    fn accept_mesh(
        &self,
        mesh: &MeshId,
        lineage: &Lineage,
        accepted_by: &AcceptedBy,
    ) -> Result<Decision, Refusal> {
        let mut state = self.state.clone();
        let mut receipts = Vec::new();
        for event in lineage.receipts() {
            let record = Record::Key {
                mesh: mesh.clone(),
                event: Box::new(event.clone()),
                accepted_by: state.mesh(mesh).is_none().then(|| accepted_by.clone()),
            };
            let receipt = record.receipt(self.now)?;
            match state.apply(&receipt) {
                Ok(()) => receipts.push(receipt),
                Err(Invalid::Known) => {}
                Err(invalid) => return Err(invalid.into()),
            }
        }
        Ok(Decision {
            receipts,
            messages: Vec::new(),
        })
    }

    fn propose(&self, proposing: Proposing) -> Result<Decision, Refusal> {
        let own = self.own()?;
        let key = ProposalKey {
            proposer: own.clone(),
            id: proposing.proposal_id.clone(),
        };
        if let Some(known) = self.state.negotiation(&key) {
            let proposal = known.proposal();
            let again = proposal.target == proposing.target
                && proposal.expires_at == proposing.expires_at
                && proposal.proposed_trust_level == proposing.trust_level
                && proposal.proposed_terms == proposing.terms
                && proposal.proposer_attestations == proposing.attestations;
            return if again {
                Ok(again_from(known, Party::Proposer))
            } else {
                Err(Invalid::IdTaken(key).into())
            };
        }
        proposing.their_policy.admits(proposing.trust_level)?;
        let lineage = self
            .state
            .mesh(own)
            .ok_or_else(|| Invalid::UnknownMesh(own.clone()))?
            .lineage();
        let proposal = TrustProposal {
            proposal_id: proposing.proposal_id,
            proposer: own.clone(),
            target: proposing.target,
            proposed_at: self.now,
            expires_at: proposing.expires_at,
            proposed_trust_level: proposing.trust_level,
            proposed_terms: proposing.terms,
            proposer_attestations: proposing.attestations,
            keys: self.us.keys.clone(),
            lineage_head: LineageHead::of(lineage),
        };
        let target = proposal.target.clone();
        let signed = Signed::sign(proposal, self.us.key)?;
        let message = Outgoing::proposal(target, &signed);
        let receipt = self.record(&Record::Proposal(Box::new(signed)))?;
        Ok(Decision {
            receipts: vec![receipt],
            messages: vec![message],
        })
    }

    fn counter(&self, key: &ProposalKey, terms: CounterTerms) -> Result<Decision, Refusal> {
        let (negotiation, own) = self.negotiation(key)?;
        if negotiation.last_offer_by() == own
            && let Some(Answer::Counter { counter_terms, .. }) =
                negotiation.counters().last().map(|last| &last.answer)
            && *counter_terms == terms
        {
            return Ok(again_from(negotiation, own));
        }
        self.still_admitted(negotiation, own)?;
        let answer = Answer::Counter {
            counter_terms: terms,
            keys: Box::new(self.us.keys.clone()),
        };
        self.respond(negotiation, own, *negotiation.last_offer(), answer)
    }

    fn accept(&self, key: &ProposalKey) -> Result<Decision, Refusal> {
        let (negotiation, own) = self.negotiation(key)?;
        let accepted = match negotiation.standing() {
            Standing::HalfSigned { by } => by == own,
            Standing::Agreed(_) => negotiation.last_offer_by() != own,
            Standing::Open { .. } | Standing::Closed => false,
        };
        if accepted {
            return Ok(again_from(negotiation, own));
        }
        self.still_admitted(negotiation, own)?;
        let half =
            negotiation
                .agreement_with(self.us.keys.clone())
                .sign(own, self.us.key, self.now)?;
        let answer = Answer::Accept(Box::new(half));
        self.respond(negotiation, own, *negotiation.last_offer(), answer)
    }

    fn reject(&self, key: &ProposalKey, reason: Remark) -> Result<Decision, Refusal> {
        let (negotiation, own) = self.negotiation(key)?;
        let closed = negotiation.closings()[own.index()].is_some();
        if !closed && negotiation.last_offer_by() == own {
            return Err(Refusal::NothingToReject(key.clone()));
        }
        self.close(negotiation, own, Answer::Reject(Closing { reason }))
    }

    fn withdraw(&self, key: &ProposalKey, reason: Remark) -> Result<Decision, Refusal> {
        let (negotiation, own) = self.negotiation(key)?;
        let closed = negotiation.closings()[own.index()].is_some();
        if !closed && negotiation.last_offer_by() != own {
            return Err(Refusal::NothingToWithdraw(key.clone()));
        }
        self.close(negotiation, own, Answer::Withdraw(Closing { reason }))
    }

    fn expire(&self) -> Result<Decision, Refusal> {
        let mut decision = Decision::default();
        for negotiation in self.state.negotiations() {
            let Some(own) = negotiation.party(self.own()?) else {
                continue;
            };
            // What we accepted is not ours to end, and what the peer accepts is signed or refused when it comes.
            let is_open = matches!(negotiation.standing(), Standing::Open { .. });
            if is_open && self.now > negotiation.proposal().expires_at {
                let reason = Remark::default();
                let ended = self.close(negotiation, own, Answer::Expire(Closing { reason }))?;
                decision.receipts.extend(ended.receipts);
                decision.messages.extend(ended.messages);
            }
        }
        Ok(decision)
    }

    pub(crate) fn close(
        &self,
        negotiation: &Negotiation,
        own: Party,
        answer: Answer,
    ) -> Result<Decision, Refusal> {
        if negotiation.closings()[own.index()].is_some() {
            return Ok(again_from(negotiation, own));
        }
        let proposal = negotiation.proposal().signed().hash();
        self.respond(negotiation, own, proposal, answer)
    }

    fn respond(
        &self,
        negotiation: &Negotiation,
        own: Party,
        in_reply_to: Blake3Hash,
        answer: Answer,
    ) -> Result<Decision, Refusal> {
        let response = Response {
            proposal_id: negotiation.proposal().proposal_id.clone(),
            proposer: negotiation.proposal().proposer.clone(),
            responder: negotiation.mesh(own).clone(),
            responded_at: self.now,
            in_reply_to,
            answer,
        };
        let signed = Signed::sign(response, self.us.key)?;
        let message = Outgoing::response(negotiation.mesh(own.other()).clone(), &signed);
        let receipt = self.record(&Record::Response(Box::new(signed)))?;
        Ok(Decision {
            receipts: vec![receipt],
            messages: vec![message],
        })
    }

    /// Whoever proposed chose the level; whoever is to agree asks its own policy, which may have changed.
    fn still_admitted(&self, negotiation: &Negotiation, own: Party) -> Result<(), Refusal> {
        if own == Party::Target {
            let level = negotiation.proposal().proposed_trust_level;
            self.us.trust_policy.admits(level)?;
        }
        Ok(())
    }

    fn establish(&self, hash: Blake3Hash, quorate: [Quorate; 2]) -> Result<Decision, Refusal> {
        let bond = self
            .state
            .bond(&hash)
            .ok_or(Invalid::UnknownAgreement(hash))?;
        if bond.established().is_some() {
            return Ok(Decision::default());
        }
        let agreement = bond.agreement();
        let [a, b] = agreement.parties.clone();
        let [first, second] = quorate;
        let receipt = self.record(&Record::Established {
            agreement_id: agreement.agreement_id(),
            agreement_hash: hash,
            quorate: Box::new([(a, first), (b, second)]),
        })?;
        Ok(Decision {
            receipts: vec![receipt],
            messages: Vec::new(),
        })
    }

    fn notify(
        &self,
        hash: Blake3Hash,
        change: Change,
        reason: Remark,
    ) -> Result<Decision, Refusal> {
        let own = self.own()?;
        let bond = self
            .state
            .bond(&hash)
            .ok_or(Invalid::UnknownAgreement(hash))?;
        let party = bond
            .agreement()
            .party(own)
            .ok_or_else(|| Invalid::NotAParty(own.clone()))?;
        let to = bond.agreement().parties[party.other().index()].clone();
        if let Some(last) = bond.last_notice(party)
            && last.change == change
            && last.reason == reason
        {
            return Ok(Decision {
                receipts: Vec::new(),
                messages: vec![Outgoing::notice(to, last.signed())],
            });
        }
        let notice = Notice {
            agreement_hash: hash,
            issuer: own.clone(),
            issued_at: self.now,
            sequence: bond.next_notice(party),
            change,
            reason,
        };
        let signed = Signed::sign(notice, self.us.key)?;
        let message = Outgoing::notice(to, &signed);
        let receipt = self.record(&Record::Notice(Box::new(signed)))?;
        Ok(Decision {
            receipts: vec![receipt],
            messages: vec![message],
        })
    }
}

/// What was said already, again, if the other party may not have heard it.
pub(crate) fn again_from(negotiation: &Negotiation, own: Party) -> Decision {
    Decision {
        receipts: Vec::new(),
        messages: negotiation.latest_by(own).into_iter().collect(),
    }
}
