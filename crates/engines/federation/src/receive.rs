//! What a node writes and sends for what a peer says.

use quorate_receipt::{Receipt, Timestamp};

use crate::agreement::{FederationAgreement, Party};
use crate::decide::{Decision, Desk, Refusal, Us, again_from};
use crate::invalid::Invalid;
use crate::notice::Notice;
use crate::outgoing::Outgoing;
use crate::proposal::{ProposalKey, TrustProposal};
use crate::record::Record;
use crate::response::{Answer, Closing, Response};
use crate::signed::Verified;
use crate::state::State;
use crate::text::{MeshId, Remark};

/// What a peer says, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// A proposal.
    Proposal(Verified<TrustProposal>),
    /// An answer.
    Response(Verified<Response>),
    /// An agreement with both signatures.
    Agreement(FederationAgreement),
    /// A notice.
    Notice(Verified<Notice>),
}

/// What follows from a peer's message.
///
/// A message that is known already makes no receipt; if the peer has not heard of what we said since, it is sent again.
///
/// # Errors
/// [`Refusal`].
pub fn receive(
    state: &State,
    incoming: Incoming,
    us: &Us<'_>,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let desk = Desk { state, us, now };
    match incoming {
        Incoming::Proposal(proposal) => desk.proposed(&proposal),
        Incoming::Response(response) => desk.answered(&response),
        Incoming::Agreement(agreement) => desk.agreed(&agreement),
        Incoming::Notice(notice) => desk.notified(&notice),
    }
}

impl Desk<'_> {
    fn not_our_own(&self, signer: &MeshId) -> Result<(), Refusal> {
        if self.own()? == signer {
            return Err(Refusal::FromOurselves);
        }
        Ok(())
    }

    fn proposed(&self, proposal: &Verified<TrustProposal>) -> Result<Decision, Refusal> {
        self.not_our_own(&proposal.proposer)?;
        let record = Record::Proposal(Box::new(proposal.signed().clone()));
        let receipt = record.receipt(self.now)?;
        match self.state.check(&receipt) {
            Ok(()) => {
                self.us.trust_policy.admits(proposal.proposed_trust_level)?;
                Ok(Decision {
                    receipts: vec![receipt],
                    messages: Vec::new(),
                })
            }
            Err(Invalid::Known) => {
                let (negotiation, own) = self.negotiation(&proposal.key())?;
                Ok(again_from(negotiation, own))
            }
            Err(Invalid::AnotherOpen(key)) => {
                self.us.trust_policy.admits(proposal.proposed_trust_level)?;
                self.crossed(proposal, &key, receipt)
            }
            Err(invalid) => Err(invalid.into()),
        }
    }

    /// Both proposed before they had heard of each other. Who is first is decided by what both see, so both decide
    /// alike.
    fn crossed(
        &self,
        theirs: &Verified<TrustProposal>,
        key: &ProposalKey,
        receipt: Receipt,
    ) -> Result<Decision, Refusal> {
        let (negotiation, own) = self.negotiation(key)?;
        let ours = negotiation.proposal();
        if own != Party::Proposer || !negotiation.is_untouched() {
            return Err(Invalid::AnotherOpen(key.clone()).into());
        }
        let rank = |proposal: &TrustProposal| (proposal.proposed_at, proposal.proposer.clone());
        if rank(ours) < rank(theirs) {
            return Err(Refusal::Crossed(key.clone()));
        }
        let reason = Remark::default();
        let mut decision = self.close(negotiation, own, Answer::Withdraw(Closing { reason }))?;
        let mut state = self.state.clone();
        for withdrawn in &decision.receipts {
            state.apply(withdrawn)?;
        }
        state.check(&receipt)?;
        decision.receipts.push(receipt);
        Ok(decision)
    }

    fn answered(&self, response: &Verified<Response>) -> Result<Decision, Refusal> {
        self.not_our_own(&response.responder)?;
        let record = Record::Response(Box::new(response.signed().clone()));
        let receipt = record.receipt(self.now)?;
        match (self.state.check(&receipt), &response.answer) {
            (Ok(()), Answer::Accept(half)) => {
                let signed = half.as_ref().clone().countersign(self.us.key, self.now)?;
                let receipt = self.record(&Record::Agreement(Box::new(signed.clone())))?;
                let agreement = signed.verify().map_err(Invalid::from)?;
                let to = response.responder.clone();
                Ok(Decision {
                    receipts: vec![receipt],
                    messages: vec![Outgoing::agreement(to, &agreement)],
                })
            }
            (Ok(()), _) => Ok(Decision {
                receipts: vec![receipt],
                messages: Vec::new(),
            }),
            (Err(Invalid::Known), answer) if answer.is_closing() => Ok(Decision::default()),
            (Err(Invalid::Known), _) => {
                let (negotiation, own) = self.negotiation(&response.key())?;
                Ok(again_from(negotiation, own))
            }
            // The acceptance that this agreement came from: the peer has not heard that we signed.
            (Err(Invalid::Settled(hash)), Answer::Accept(half))
                if half.unverified().hash() == hash =>
            {
                let (negotiation, own) = self.negotiation(&response.key())?;
                Ok(again_from(negotiation, own))
            }
            (Err(invalid), _) => Err(invalid.into()),
        }
    }

    fn agreed(&self, agreement: &FederationAgreement) -> Result<Decision, Refusal> {
        let receipt = Record::from(agreement).receipt(self.now)?;
        self.take(receipt)
    }

    fn notified(&self, notice: &Verified<Notice>) -> Result<Decision, Refusal> {
        self.not_our_own(&notice.issuer)?;
        let record = Record::Notice(Box::new(notice.signed().clone()));
        self.take(record.receipt(self.now)?)
    }

    fn take(&self, receipt: Receipt) -> Result<Decision, Refusal> {
        match self.state.check(&receipt) {
            Ok(()) => Ok(Decision {
                receipts: vec![receipt],
                messages: Vec::new(),
            }),
            Err(Invalid::Known) => Ok(Decision::default()),
            Err(invalid) => Err(invalid.into()),
        }
    }
}
