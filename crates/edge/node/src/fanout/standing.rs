//! What others see of a scroll's witnesses: the newest quorate head, and how far the newest head is from it.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::audience::Audience;
use super::quorum::NodeQuorum;
use super::recall::Gate;
use super::roster::Roster;
use crate::checkpoint::Published;
use crate::clock;
use crate::scroll::text_of_micros;
use crate::waiting::Progress;

/// A quorate head and who made it that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuorateHead {
    /// The note with the log's lines and the co-signatures. Its time is when the quorum was met.
    pub(crate) published: Arc<Published>,
    /// The witnesses, by their names in the policy.
    pub(crate) witnesses: Vec<String>,
}

/// The newest head is durable and not quorate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Behind {
    /// So many members of the quorum co-signed the head under way.
    pub(crate) has: usize,
    /// So many must.
    pub(crate) required: usize,
    /// Of so many.
    pub(crate) members: usize,
}

/// What is known now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The newest quorate head. Stored before it is shown.
    pub(crate) quorate: Option<QuorateHead>,
    /// How far the newest head is from being quorate; `None` if it is.
    pub(crate) behind: Option<Behind>,
    /// A witness claims what cannot be.
    pub(crate) alarm: Option<String>,
}

/// The witnesses of a scroll, as handlers see them.
#[derive(Debug, Clone)]
pub(crate) struct Witnessing {
    pub(crate) quorum: String,
    pub(crate) standing: watch::Receiver<Standing>,
    /// Whether new heads may be signed.
    pub(crate) gate: watch::Receiver<Gate>,
    /// Each of them.
    pub(crate) roster: Roster,
    /// Who waits for a quorate head.
    pub(crate) audience: Audience,
    /// What waits for a quorum; `None` in a process that signs nothing.
    pub(crate) progress: Option<Arc<Progress>>,
}

impl Witnessing {
    /// Of a process that signs nothing: what was stored, and nothing more comes.
    pub(crate) fn stored_only(
        quorum: &NodeQuorum,
        stored: Option<QuorateHead>,
        gate: watch::Receiver<Gate>,
    ) -> Self {
        let roster = Roster::of(quorum, stored.as_ref());
        let standing = Standing {
            quorate: stored,
            ..Standing::default()
        };
        Self {
            quorum: quorum.summary(),
            standing: watch::channel(standing).1,
            gate,
            roster,
            audience: Audience::default(),
            progress: None,
        }
    }

    /// The newest quorate head.
    pub(crate) fn newest(&self) -> Option<Arc<Published>> {
        let standing = self.standing.borrow();
        let head = standing.quorate.as_ref()?;
        Some(Arc::clone(&head.published))
    }

    /// A quorate head that covers `size` entries, which are durable; it is asked for. `None` if the node stops before
    /// there is one, or nothing new may be signed.
    pub(crate) async fn covering(&self, size: u64) -> Option<Arc<Published>> {
        let waiting = self.audience.wait(size);
        // Only now: a head that is shown later finds who waits.
        if let Some(newest) = self.newest().filter(|newest| newest.size >= size) {
            return Some(newest);
        }
        let mut gate = self.gate.clone();
        tokio::select! {
            biased;
            head = waiting.head() => head,
            _refused = gate.wait_for(|g| g.refusal().is_some()) => None,
        }
    }

    /// Why nothing new is signed, if it must not be.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.gate.borrow().refusal().map(str::to_owned)
    }

    /// Since when the entry that has waited longest for its quorum does, microseconds since the epoch.
    fn since(&self) -> Option<i64> {
        let since = self.progress.as_ref()?.quorum.since()?;
        let waited = i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX);
        Some(clock::now_micros().saturating_sub(waited))
    }

    /// Whether all of so many entries are under a quorate head.
    pub(crate) fn covers(&self, size: u64) -> bool {
        let standing = self.standing.borrow();
        let quorate = standing.quorate.as_ref();
        quorate.is_some_and(|q| q.published.size >= size)
    }

    /// How a scroll of so many entries stands, in one line and in plain words.
    pub(crate) fn state(&self, size: u64) -> String {
        if let Some(reason) = self.refusal() {
            return format!("not signed any more: {reason}");
        }
        if self.covers(size) {
            return "quorate".to_owned();
        }
        match self.standing.borrow().behind {
            None => "durable, not quorate yet".to_owned(),
            Some(b) => {
                let since = self.since().map(text_of_micros);
                let since = since.map_or_else(String::new, |at| format!(", since {at}"));
                let Behind {
                    has,
                    required,
                    members,
                } = b;
                format!("durable, not quorate: {has} of {members} ({required} needed){since}")
            }
        }
    }

    /// What the API says.
    pub(crate) fn info(&self, size: u64) -> Value {
        let state = self.state(size);
        let standing = self.standing.borrow();
        json!({
            "quorum": self.quorum,
            "state": state,
            "quorate": standing.quorate.as_ref().map(|q| json!({
                "size": q.published.size,
                "root": format!("sha256:{}", q.published.root),
                "head_hash": q.published.head_hash,
                "at": text_of_micros(q.published.signed_at),
                "witnesses": q.witnesses,
            })),
            "behind": standing.behind.map(|b| json!({
                "has": b.has,
                "required": b.required,
                "members": b.members,
                "since": self.since().map(text_of_micros),
            })),
            "signing": match &*self.gate.borrow() {
                Gate::Open if self.progress.is_none() => "no: this process signs nothing",
                Gate::Open => "yes",
                Gate::Asking => "not yet: too few witnesses have said what they remember",
                Gate::Refused(_) => "no",
            },
            "alarm": standing.alarm,
            "witnesses": self.roster.info(),
        })
    }
}
