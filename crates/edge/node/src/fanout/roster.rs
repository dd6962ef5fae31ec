//! How each witness follows a scroll: what it co-signed last, and why it does not go on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::quorum::NodeQuorum;
use super::remote::Remote;
use super::standing::QuorateHead;
use crate::scroll::text_of_micros;

/// Why a witness does not co-sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It asks for a moment.
    Busy,
    /// It does not follow the log: somebody has to add it there.
    NotFollowed,
    /// It co-signed a head that ours does not follow from (422 comes after 409, so it is of the size that it named).
    /// Nobody signed this: it may lie.
    OtherHistory(String),
    /// Anything else, in words.
    Other(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy => f.write_str("it is busy"),
            Self::NotFollowed => f.write_str("does not follow this scroll yet"),
            Self::OtherHistory(_) => f.write_str("says that it co-signed another history"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// One witness.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// What the policy calls it.
    pub(crate) name: String,
    /// The size of the newest head that it co-signed, and when: microseconds since the epoch, by its clock.
    pub(crate) cosigned: Option<(u64, i64)>,
    /// Why it does not go on.
    pub(crate) trouble: Option<Trouble>,
}

/// The witnesses of one scroll, in the order of the policy.
#[derive(Debug, Clone)]
pub(crate) struct Roster(Arc<Mutex<Vec<Member>>>);

impl Roster {
    /// Nothing is known of them yet, but for those that made the stored head quorate.
    pub(crate) fn of(quorum: &NodeQuorum, stored: Option<&QuorateHead>) -> Self {
        let cosigned = |remote: &Remote| {
            let head = stored?;
            let signed = head.witnesses.iter().any(|name| remote.is_called(name));
            signed.then_some((head.published.size, head.published.signed_at))
        };
        let members = quorum.remotes().iter().map(|remote| Member {
            name: remote.label(),
            cosigned: cosigned(remote),
            trouble: None,
        });
        Self(Arc::new(Mutex::new(members.collect())))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Member>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How they stand.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.lock().clone()
    }

    /// It co-signed. Answers whether it had been in trouble.
    pub(super) fn cosigned(&self, remote: usize, size: u64, at: i64) -> bool {
        let mut members = self.lock();
        let Some(member) = members.get_mut(remote) else {
            return false;
        };
        member.cosigned = Some((size, at));
        member.trouble.take().is_some_and(|t| t != Trouble::Busy)
    }

    /// It answered, which says nothing of a co-signature. Answers whether it had been in trouble.
    pub(super) fn answered(&self, remote: usize) -> bool {
        let mut members = self.lock();
        let member = members.get_mut(remote);
        member.is_some_and(|m| m.trouble.take().is_some_and(|t| t != Trouble::Busy))
    }

    /// It does not. Answers whether this is new.
    pub(super) fn troubled(&self, remote: usize, trouble: Trouble) -> bool {
        let mut members = self.lock();
        let Some(member) = members.get_mut(remote) else {
            return false;
        };
        let new = member.trouble.as_ref() != Some(&trouble);
        member.trouble = Some(trouble);
        new
    }

    /// Which witness says that it co-signed another history, if one does.
    pub(super) fn other_history(&self) -> Option<String> {
        let members = self.lock();
        let other = |m: &&Member| matches!(m.trouble, Some(Trouble::OtherHistory(_)));
        let name = &members.iter().find(other)?.name;
        Some(format!(
            "the witness {name} says that it co-signed another history of this scroll"
        ))
    }

    /// Who has not co-signed a head of `size` or more, each with the reason if there is one.
    pub(crate) fn missing(&self, size: u64) -> Vec<String> {
        let members = self.lock();
        let missing = members
            .iter()
            .filter(|m| m.cosigned.is_none_or(|(cosigned, _)| cosigned < size));
        missing
            .map(|m| match &m.trouble {
                Some(trouble) => format!("{} ({trouble})", m.name),
                None => m.name.clone(),
            })
            .collect()
    }

    /// What the API says.
    pub(crate) fn info(&self) -> Value {
        let members = self.lock();
        let value = |m: &Member| {
            json!({
                "name": m.name,
                "size": m.cosigned.map(|(size, _)| size),
                "cosigned_at": m.cosigned.map(|(_, at)| text_of_micros(at)),
                "trouble": m.trouble.as_ref().map(ToString::to_string),
            })
        };
        members.iter().map(value).collect()
    }
}
