//! One negotiation: what was offered, accepted, ended or signed.

use quorate_lineage::Lineage;
use quorate_receipt::{Blake3Hash, Timestamp};

use crate::agreement::{AgreementBody, FederationAgreement, HalfSigned, Party, SignedAgreement};
use crate::invalid::Invalid;
use crate::keys::PartyKeys;
use crate::limits::{MAX_OFFERS, MAX_SKEW_SECONDS};
use crate::outgoing::Outgoing;
use crate::proposal::{ProposalKey, TrustProposal};
use crate::response::{Answer, Response};
use crate::signed::Verified;
use crate::terms::Terms;
use crate::text::MeshId;

/// The offer on the table.
#[derive(Clone, Debug, PartialEq)]
struct Offer {
    by: Party,
    hash: Blake3Hash,
    at: Timestamp,
    keys: PartyKeys,
}

/// How a negotiation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// An offer is on the table.
    Open {
        /// Who may answer it.
        turn: Party,
    },
    /// The last offer was accepted, and its maker has not signed yet. It counts as nothing.
    HalfSigned {
        /// Who accepted.
        by: Party,
    },
    /// It has ended without an agreement.
    Closed,
    /// Both signed.
    Agreed(Blake3Hash),
}

/// A negotiation. Every value is the result of messages whose signatures were checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Negotiation {
    proposal: Verified<TrustProposal>,
    counters: Vec<Verified<Response>>,
    terms: Terms,
    last: Offer,
    accepted: Option<(Party, Verified<Response>)>,
    closings: [Option<Verified<Response>>; 2],
    agreement: Option<FederationAgreement>,
}

impl Negotiation {
    pub(crate) fn begin(proposal: Verified<TrustProposal>) -> Self {
        Self {
            terms: proposal.proposed_terms.clone(),
            last: Offer {
                by: Party::Proposer,
                hash: proposal.signed().hash(),
                at: proposal.proposed_at,
                keys: proposal.keys.clone(),
            },
            proposal,
            counters: Vec::new(),
            accepted: None,
            closings: [None, None],
            agreement: None,
        }
    }

    /// What it began with.
    #[must_use]
    pub fn proposal(&self) -> &Verified<TrustProposal> {
        &self.proposal
    }

    /// What names it.
    #[must_use]
    pub fn key(&self) -> ProposalKey {
        self.proposal.key()
    }

    /// The counter-proposals, in their order.
    #[must_use]
    pub fn counters(&self) -> &[Verified<Response>] {
        &self.counters
    }

    /// The terms of the last offer.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The hash of the last offer: what an answer names.
    #[must_use]
    pub fn last_offer(&self) -> &Blake3Hash {
        &self.last.hash
    }

    /// Who made the last offer.
    #[must_use]
    pub fn last_offer_by(&self) -> Party {
        self.last.by
    }

    /// How and by whom it was ended, the proposer's word first.
    #[must_use]
    pub fn closings(&self) -> &[Option<Verified<Response>>; 2] {
        &self.closings
    }

    /// The agreement that came of it.
    #[must_use]
    pub fn agreement(&self) -> Option<&FederationAgreement> {
        self.agreement.as_ref()
    }

    /// How it stands. Time alone changes nothing: what is past `expires_at` can still be found signed in time.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if let Some(agreement) = &self.agreement {
            Standing::Agreed(agreement.hash())
        } else if self.closings.iter().any(Option::is_some) {
            Standing::Closed
        } else if let Some((by, _)) = &self.accepted {
            Standing::HalfSigned { by: *by }
        } else {
            Standing::Open {
                turn: self.last.by.other(),
            }
        }
    }

    /// Which party a mesh is.
    #[must_use]
    pub fn party(&self, mesh: &MeshId) -> Option<Party> {
        Party::ALL
            .into_iter()
            .find(|party| self.mesh(*party) == mesh)
    }

    /// The mesh that is this party.
    #[must_use]
    pub fn mesh(&self, party: Party) -> &MeshId {
        match party {
            Party::Proposer => &self.proposal.proposer,
            Party::Target => &self.proposal.target,
        }
    }

    /// Whether it holds up another negotiation between the two: it has not ended, and its time is not over. What was
    /// accepted and is past its time does not: its maker signed in time or never will.
    pub(crate) fn is_open_at(&self, now: Timestamp) -> bool {
        let going_on = matches!(
            self.standing(),
            Standing::Open { .. } | Standing::HalfSigned { .. }
        );
        going_on && now <= self.proposal.expires_at
    }

    /// Whether nobody but the proposer has said anything.
    pub(crate) fn is_untouched(&self) -> bool {
        self.counters.is_empty()
            && self.standing()
                == Standing::Open {
                    turn: Party::Target,
                }
    }

    pub(crate) fn knows(&self, hash: &Blake3Hash) -> bool {
        let responses = self
            .counters
            .iter()
            .chain(self.accepted.iter().map(|(_, response)| response))
            .chain(self.closings.iter().flatten());
        responses
            .map(|response| response.signed().hash())
            .any(|known| known == *hash)
    }

    /// The agreement on the last offer, if a party with these keys accepts it.
    pub(crate) fn agreement_with(&self, keys: PartyKeys) -> AgreementBody {
        let ours = self.last.keys.clone();
        AgreementBody {
            proposal_id: self.proposal.proposal_id.clone(),
            offer: self.last.hash,
            parties: [self.proposal.proposer.clone(), self.proposal.target.clone()],
            trust_level: self.proposal.proposed_trust_level,
            terms: self.terms.clone(),
            keys: match self.last.by {
                Party::Proposer => [ours, keys],
                Party::Target => [keys, ours],
            },
        }
    }

    /// What brings the other party up to date, if `own` has said the last word: it may be sent again at any time.
    #[must_use]
    pub fn latest_by(&self, own: Party) -> Option<Outgoing> {
        let to = self.mesh(own.other()).clone();
        let response =
            |response: &Verified<Response>| Outgoing::response(to.clone(), response.signed());
        if let Some(agreement) = &self.agreement {
            // Whoever accepted has the agreement from the other one.
            return (self.last.by == own).then(|| Outgoing::agreement(to.clone(), agreement));
        }
        if let Some(closing) = &self.closings[own.index()] {
            return Some(response(closing));
        }
        match (self.standing(), &self.accepted) {
            (Standing::HalfSigned { by }, Some((_, accepted))) if by == own => {
                Some(response(accepted))
            }
            (Standing::Open { turn }, _) if turn != own => Some(match self.counters.last() {
                Some(counter) => response(counter),
                None => Outgoing::proposal(to.clone(), self.proposal.signed()),
            }),
            _ => None,
        }
    }

    /// The negotiation after a response whose signature was checked under `lineage`.
    pub(crate) fn after(
        &self,
        response: Verified<Response>,
        lineage: &Lineage,
        at: Timestamp,
    ) -> Result<Self, Invalid> {
        let party = self
            .party(&response.responder)
            .ok_or_else(|| Invalid::NotAParty(response.responder.clone()))?;
        if self.knows(&response.signed().hash()) {
            return Err(Invalid::Known);
        }
        if let Standing::Agreed(hash) = self.standing() {
            return Err(Invalid::Settled(hash));
        }
        if let Some((by, _)) = &self.accepted
            && *by == party
        {
            return Err(Invalid::Accepted(self.mesh(*by).clone()));
        }
        let mut after = self.clone();
        if response.answer.is_closing() {
            self.check_closing(party, &response)?;
            after.closings[party.index()] = Some(response);
            return Ok(after);
        }
        self.check_answer(party, &response, at)?;
        match &response.answer {
            Answer::Counter {
                counter_terms,
                keys,
            } => {
                if self.counters.len() + 2 > MAX_OFFERS {
                    return Err(Invalid::TooManyOffers);
                }
                own_keys(keys, &response.responder, lineage)?;
                after.terms = self.terms.merged(counter_terms)?;
                after.last = Offer {
                    by: party,
                    hash: response.signed().hash(),
                    at: response.responded_at,
                    keys: (**keys).clone(),
                };
                after.counters.push(response);
            }
            Answer::Accept(half) => {
                self.check_accepted(half, lineage)?;
                after.accepted = Some((party, response));
            }
            Answer::Reject(_) | Answer::Withdraw(_) | Answer::Expire(_) => {}
        }
        Ok(after)
    }

    fn check_closing(&self, party: Party, response: &Response) -> Result<(), Invalid> {
        let proposal = self.proposal.signed().hash();
        if response.in_reply_to != proposal {
            return Err(Invalid::Stale {
                expected: proposal,
                found: response.in_reply_to,
            });
        }
        if self.closings[party.index()].is_some() {
            return Err(Invalid::Closed);
        }
        let expires_at = self.proposal.expires_at;
        if matches!(response.answer, Answer::Expire(_)) && response.responded_at <= expires_at {
            return Err(Invalid::NotExpired(expires_at));
        }
        Ok(())
    }

    /// What a counter-proposal and an acceptance have in common.
    fn check_answer(
        &self,
        party: Party,
        response: &Response,
        at: Timestamp,
    ) -> Result<(), Invalid> {
        if self.standing() == Standing::Closed {
            return Err(Invalid::Closed);
        }
        if self.last.by == party {
            return Err(Invalid::OutOfTurn(response.responder.clone()));
        }
        if response.in_reply_to != self.last.hash {
            return Err(Invalid::Stale {
                expected: self.last.hash,
                found: response.in_reply_to,
            });
        }
        let expires_at = self.proposal.expires_at;
        if at > expires_at || response.responded_at > expires_at {
            return Err(Invalid::Expired(expires_at));
        }
        self.not_before_offer(response.responded_at)
    }

    fn not_before_offer(&self, at: Timestamp) -> Result<(), Invalid> {
        let earliest = self.last.at.micros() - MAX_SKEW_SECONDS * 1_000_000;
        if at.micros() < earliest {
            return Err(Invalid::BeforeOffer {
                at,
                offer: self.last.at,
            });
        }
        Ok(())
    }

    fn check_accepted(&self, half: &HalfSigned, lineage: &Lineage) -> Result<(), Invalid> {
        let keys = &half.unverified().keys[half.party().index()];
        if *half.unverified() != self.agreement_with(keys.clone()) {
            return Err(Invalid::OtherAgreement);
        }
        own_keys(keys, self.mesh(half.party()), lineage)?;
        Ok(half.check()?)
    }

    /// The negotiation after both signed. The lineage is that of the party that accepted.
    ///
    /// The keys of the party that made the offer were in force when it was recorded, and stand in it: it may have
    /// changed them since, while the agreement was on its way.
    pub(crate) fn agreed(
        &self,
        agreement: SignedAgreement,
        lineage: &Lineage,
        at: Timestamp,
    ) -> Result<Self, Invalid> {
        match &self.agreement {
            Some(known) if *known.signed() == agreement => return Err(Invalid::Known),
            Some(known) => return Err(Invalid::Settled(known.hash())),
            None => {}
        }
        if self.standing() == Standing::Closed {
            return Err(Invalid::Closed);
        }
        let accepting = self.last.by.other();
        let body = agreement.unverified();
        let keys = &body.keys[accepting.index()];
        if *body != self.agreement_with(keys.clone()) {
            return Err(Invalid::OtherAgreement);
        }
        for party in Party::ALL {
            let signed_at = agreement.signature(party).signed_at;
            if signed_at > self.proposal.expires_at {
                return Err(Invalid::Expired(self.proposal.expires_at));
            }
            not_ahead(signed_at, at)?;
            self.not_before_offer(signed_at)?;
        }
        match &self.accepted {
            Some((_, accepted)) => match &accepted.answer {
                Answer::Accept(half) if half.signature() == agreement.signature(accepting) => {}
                _ => return Err(Invalid::OtherAgreement),
            },
            None => own_keys(keys, self.mesh(accepting), lineage)?,
        }
        let mut after = self.clone();
        after.agreement = Some(agreement.verify()?);
        Ok(after)
    }
}

pub(crate) fn own_keys(keys: &PartyKeys, mesh: &MeshId, lineage: &Lineage) -> Result<(), Invalid> {
    match keys.foreign_key(lineage) {
        Some(role) => Err(Invalid::ForeignKey {
            mesh: mesh.clone(),
            role,
        }),
        None => Ok(()),
    }
}

pub(crate) fn not_ahead(at: Timestamp, now: Timestamp) -> Result<(), Invalid> {
    let latest = now.micros().saturating_add(MAX_SKEW_SECONDS * 1_000_000);
    if at.micros() > latest {
        return Err(Invalid::Ahead { at, now });
    }
    Ok(())
}
