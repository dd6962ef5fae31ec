//! How a scroll's witnesses stand, as pages show it.

use super::words::{When, entries};
use crate::fanout::Witnessing;
use crate::scroll::Scroll;

/// One witness.
#[derive(Debug)]
pub(super) struct Witness {
    pub(super) name: String,
    /// What it co-signed last.
    pub(super) covers: Option<String>,
    pub(super) when: Option<When>,
    /// Its co-signature on the newest head is missing, and why as far as it is known.
    pub(super) missing: Option<String>,
}

/// The witnesses of a scroll.
#[derive(Debug)]
pub(super) struct Witnesses {
    pub(super) quorum: String,
    pub(super) state: String,
    /// The newest quorate head.
    pub(super) quorate: Option<(String, Option<When>)>,
    /// A witness claims what cannot be, and signing goes on.
    pub(super) alarm: Option<String>,
    pub(super) rows: Vec<Witness>,
}

impl Witnesses {
    /// `None` if it has none.
    pub(super) fn of(scroll: &Scroll, now: i64) -> Option<Self> {
        let witnessing = scroll.witnessing()?;
        let newest = scroll.checkpoints().newest().map_or(0, |n| n.size);
        let rows = witnessing.roster.members().into_iter().map(|member| {
            let behind = member.cosigned.is_none_or(|(size, _)| size < newest);
            let why = |t: crate::fanout::Trouble| t.to_string();
            Witness {
                name: member.name,
                covers: member.cosigned.map(|(size, _)| entries(size)),
                when: member.cosigned.and_then(|(_, at)| When::at_micros(at, now)),
                missing: behind.then(|| member.trouble.map_or_else(|| "not yet".to_owned(), why)),
            }
        });
        Some(Self {
            quorum: witnessing.quorum.clone(),
            state: witnessing.state(scroll.reader().size()),
            quorate: witnessing
                .newest()
                .map(|q| (entries(q.size), When::at_micros(q.signed_at, now))),
            alarm: alarm(scroll, witnessing),
            rows: rows.collect(),
        })
    }
}

/// A halt says so by itself.
fn alarm(scroll: &Scroll, witnessing: &Witnessing) -> Option<String> {
    let alarm = witnessing.standing.borrow().alarm.clone();
    alarm.filter(|_| scroll.halted().is_none())
}
