//! What became of an agreement: established, suspended, revoked.

use quorate_receipt::{Blake3Hash, ScrollName, Timestamp};

use crate::agreement::{FederationAgreement, Party};
use crate::invalid::Invalid;
use crate::level::TrustLevel;
use crate::notice::{Change, Notice, Scope};
use crate::signed::Verified;

/// What one party said about the agreement since.
#[derive(Clone, Debug, Default, PartialEq)]
struct Said {
    last: Option<Verified<Notice>>,
    suspended: Option<Scope>,
    ends_at: Option<Timestamp>,
}

impl Said {
    fn next(&self) -> u64 {
        self.last.as_ref().map_or(0, |notice| notice.sequence) + 1
    }
}

/// An agreement that both signed, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bond {
    agreement: FederationAgreement,
    established: Option<Timestamp>,
    said: [Said; 2],
}

impl Bond {
    pub(crate) fn new(agreement: FederationAgreement) -> Self {
        Self {
            agreement,
            established: None,
            said: [Said::default(), Said::default()],
        }
    }

    /// The agreement.
    #[must_use]
    pub fn agreement(&self) -> &FederationAgreement {
        &self.agreement
    }

    /// When it was found quorate in both scrolls, by the clock of whoever keeps this one.
    #[must_use]
    pub fn established(&self) -> Option<Timestamp> {
        self.established
    }

    /// What a party has suspended.
    #[must_use]
    pub fn suspended_by(&self, party: Party) -> Option<Scope> {
        self.said[party.index()].suspended
    }

    /// When it ends, if a party has revoked it: the earlier of two times.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.said.iter().filter_map(|said| said.ends_at).min()
    }

    /// The number of a party's next notice.
    #[must_use]
    pub fn next_notice(&self, party: Party) -> u64 {
        self.said[party.index()].next()
    }

    /// A party's last notice, to send it again.
    #[must_use]
    pub fn last_notice(&self, party: Party) -> Option<&Verified<Notice>> {
        self.said[party.index()].last.as_ref()
    }

    /// The level that it gives at this time: 0 before it is established, once its end has come, and while either party
    /// suspends it.
    #[must_use]
    pub fn level_at(&self, now: Timestamp) -> TrustLevel {
        let ended = self.ends_at().is_some_and(|end| end <= now);
        if self.established.is_none() || ended {
            return TrustLevel::Isolated;
        }
        self.said
            .iter()
            .filter_map(|said| said.suspended)
            .map(Scope::leaves)
            .fold(self.agreement.trust_level, Ord::min)
    }

    /// Whether its terms share this scroll; the name must match to the letter.
    #[must_use]
    pub fn shares(&self, scroll: &ScrollName) -> bool {
        self.agreement.terms.scrolls.contains(scroll)
    }

    pub(crate) fn establish(&self, at: Timestamp) -> Result<Self, Invalid> {
        if self.established.is_some() {
            return Err(Invalid::Established);
        }
        let mut after = self.clone();
        after.established = Some(at);
        Ok(after)
    }

    /// After a notice whose signature was checked.
    pub(crate) fn after(&self, party: Party, notice: Verified<Notice>) -> Result<Self, Invalid> {
        let said = &self.said[party.index()];
        if said
            .last
            .as_ref()
            .is_some_and(|last| last.signed().hash() == notice.signed().hash())
        {
            return Err(Invalid::Known);
        }
        if notice.sequence != said.next() {
            return Err(Invalid::Sequence {
                expected: said.next(),
                found: notice.sequence,
            });
        }
        let mut after = self.clone();
        let said = &mut after.said[party.index()];
        match notice.change {
            Change::Revoke { effective_at } => {
                let earlier = said
                    .ends_at
                    .map_or(effective_at, |end| end.min(effective_at));
                said.ends_at = Some(earlier);
            }
            Change::Suspend(scope) => said.suspended = Some(scope),
            Change::Resume => said.suspended = None,
        }
        said.last = Some(notice);
        Ok(after)
    }

    /// Which of two agreements between the same meshes counts: the one established later; of two of one time the one
    /// with the greater hash.
    pub(crate) fn rank(&self) -> (Timestamp, Blake3Hash) {
        (self.agreement.established_at(), self.agreement.hash())
    }
}
