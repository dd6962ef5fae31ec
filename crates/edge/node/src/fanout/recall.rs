//! What the witnesses remember of a log, asked before the first new head after a start (R2). No clock, no network.
//!
//! A node whose disk was set back has forgotten heads that it signed, and would sign others in their place. Its witnesses
//! have not. So the newest head that is remembered here goes to all of them with `old 0`: who never co-signed the log
//! co-signs it, who did says which size it remembers. When those that have not answered could not form a quorum by
//! themselves, no quorum can have co-signed more than what is known here.

use thiserror::Error;

use super::client::Answer;
use super::plan::{LONGEST_BUSY, backoff, millis};
use super::quorum::NodeQuorum;

/// The longest wait after a failure.
const LONGEST_WAIT: u64 = 16_000;

/// Whether new heads may be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gate {
    /// They may.
    Open,
    /// Not yet: too few witnesses have said what they remember.
    Asking,
    /// They may not, until an operator has looked.
    Refused(String),
}

impl Gate {
    /// Why they may not.
    pub(crate) fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused(reason) => Some(reason),
            Self::Open | Self::Asking => None,
        }
    }
}

/// A witness remembers what this node does not: it was set back, somebody else has its key, or the witness lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Forgotten {
    /// It co-signed a larger head.
    #[error(
        "it co-signed {claimed} entries, and this node remembers having signed no more than {signed}"
    )]
    More {
        /// What the witness says.
        claimed: u64,
        /// What is remembered here.
        signed: u64,
    },
    /// It co-signed another head of the same size.
    #[error("it co-signed another head of {signed} entries than this node remembers")]
    Other {
        /// The size.
        signed: u64,
    },
}

#[derive(Debug, Default)]
struct Asked {
    /// What it remembers, once it has said so.
    remembers: Option<u64>,
    /// With which size it is asked: 0, or that of our head if it says that it co-signed as much.
    old: u64,
    under_way: bool,
    not_before: u64,
    failures: u32,
}

/// The asking of one scroll's witnesses.
#[derive(Debug)]
pub(crate) struct Recall {
    /// The size of the newest head that is remembered here.
    signed: u64,
    asked: Vec<Asked>,
}

impl Recall {
    /// Of this many witnesses, for a head of this size.
    pub(crate) fn new(remotes: usize, signed: u64) -> Self {
        Self {
            signed,
            asked: (0..remotes).map(|_| Asked::default()).collect(),
        }
    }

    /// Who is to be asked now, and with which size.
    pub(crate) fn due(&mut self, now: u64) -> Vec<(usize, u64)> {
        let mut due = Vec::new();
        for (remote, asked) in self.asked.iter_mut().enumerate() {
            if asked.remembers.is_none() && !asked.under_way && asked.not_before <= now {
                asked.under_way = true;
                due.push((remote, asked.old));
            }
        }
        due
    }

    /// What a witness said. A 404 is an answer: it never co-signed this log. Any other refusal is none.
    ///
    /// # Errors
    /// [`Forgotten`]: nothing new may be signed.
    pub(crate) fn answered(
        &mut self,
        remote: usize,
        answer: &Answer,
        now: u64,
        jitter: u32,
    ) -> Result<(), Forgotten> {
        let signed = self.signed;
        let Some(asked) = self.asked.get_mut(remote) else {
            return Ok(());
        };
        asked.under_way = false;
        match answer {
            Answer::Cosigned(_) => asked.remembers = Some(signed),
            Answer::Refused { status: 404, .. } => asked.remembers = Some(0),
            Answer::Refused { status: 422, .. } if asked.old == signed && signed > 0 => {
                return Err(Forgotten::Other { signed });
            }
            Answer::Conflict { size } if *size > signed => {
                return Err(Forgotten::More {
                    claimed: *size,
                    signed,
                });
            }
            // As much: whether it is the same head shows when it is submitted as its successor.
            Answer::Conflict { size } if *size == signed && asked.old != signed => {
                asked.old = signed;
            }
            Answer::Conflict { size } if *size < signed => asked.remembers = Some(*size),
            _ => {
                // Nothing is signed meanwhile, so it is asked again soon, but not sooner than it wants.
                let soon =
                    backoff(now, asked.failures, jitter).min(now.saturating_add(LONGEST_WAIT));
                let wanted = match answer {
                    Answer::Busy { wait } => wait.map_or(0, millis).min(LONGEST_BUSY),
                    _ => 0,
                };
                asked.not_before = soon.max(now.saturating_add(wanted));
                asked.failures = asked.failures.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Whether those that have not answered could not form a quorum by themselves.
    pub(crate) fn is_enough(&self, quorum: &NodeQuorum) -> bool {
        !quorum.could_be_formed_by(|remote| {
            let asked = self.asked.get(remote);
            asked.is_none_or(|a| a.remembers.is_none())
        })
    }

    /// What each witness remembers, as far as it has said so.
    pub(crate) fn known(&self) -> impl Iterator<Item = Option<u64>> {
        self.asked.iter().map(|a| a.remembers)
    }

    /// When somebody is to be asked again, unless an answer comes first.
    pub(crate) fn wake_at(&self) -> Option<u64> {
        let idle = |a: &&Asked| a.remembers.is_none() && !a.under_way;
        self.asked.iter().filter(idle).map(|a| a.not_before).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::testing::{policy, signers, vkey};

    fn two_of_three() -> NodeQuorum {
        let mut text = String::new();
        for i in 0..3 {
            let [ed, _] = signers(&format!("w{i}.example"), 70 + i);
            text.push_str(&format!(
                "witness w{i} {} http://127.0.0.1/{i}\n",
                vkey(&ed)
            ));
        }
        let text = format!("{text}group q 2 w0 w1 w2\nquorum q\n");
        NodeQuorum::of(&policy(&text)).unwrap().unwrap()
    }

    fn refused(status: u16) -> Answer {
        let reason = String::new();
        Answer::Refused { status, reason }
    }

    fn conflict(size: u64) -> Answer {
        Answer::Conflict { size }
    }

    #[test]
    fn r2_enough_have_answered_when_the_others_are_no_quorum() {
        let quorum = two_of_three();
        let mut recall = Recall::new(3, 7);
        assert_eq!(recall.due(0), [(0, 0), (1, 0), (2, 0)]);
        assert!(!recall.is_enough(&quorum));
        // A refusal, a full queue and silence say nothing about what is remembered.
        for answer in [
            refused(403),
            refused(400),
            refused(422),
            Answer::Busy { wait: None },
        ] {
            recall.answered(0, &answer, 0, 0).unwrap();
            assert!(!recall.is_enough(&quorum), "{answer:?}");
        }
        recall.answered(0, &refused(404), 0, 0).unwrap();
        assert!(
            !recall.is_enough(&quorum),
            "the other two could be ahead together"
        );
        recall.answered(1, &conflict(3), 0, 0).unwrap();
        assert!(recall.is_enough(&quorum));
        assert_eq!(recall.known().collect::<Vec<_>>(), [Some(0), Some(3), None]);
    }

    #[test]
    fn r2_one_that_remembers_more_or_other_than_we_do_is_enough_to_stop() {
        let ask = |answers: &[Answer]| {
            let mut recall = Recall::new(1, 7);
            let answered = |a| recall.answered(0, a, 0, 0);
            answers.iter().map(answered).last().unwrap()
        };
        let more = Forgotten::More {
            claimed: 8,
            signed: 7,
        };
        assert_eq!(ask(&[conflict(8)]), Err(more));
        assert_eq!(ask(&[conflict(7)]), Ok(()));
        let other = Forgotten::Other { signed: 7 };
        assert_eq!(ask(&[conflict(7), refused(422)]), Err(other));
        assert_eq!(ask(&[conflict(7), Answer::Cosigned(Vec::new())]), Ok(()));
        assert_eq!(ask(&[conflict(7), conflict(8)]), Err(more));
    }

    #[test]
    fn as_much_as_we_signed_is_an_answer_only_once_it_is_the_same_head() {
        let quorum = two_of_three();
        let mut recall = Recall::new(3, 7);
        recall.due(0);
        recall.answered(0, &conflict(7), 0, 0).unwrap();
        recall.answered(1, &refused(404), 0, 0).unwrap();
        assert!(!recall.is_enough(&quorum));
        assert_eq!(recall.due(0), [(0, 7)], "with its successor's size");
        // One that says the same again is not asked in a circle.
        recall.answered(0, &conflict(7), 0, 0).unwrap();
        assert!(recall.due(0).is_empty() && recall.wake_at() == Some(500));
        assert_eq!(recall.due(500), [(0, 7)]);
        recall
            .answered(0, &Answer::Cosigned(Vec::new()), 500, 0)
            .unwrap();
        assert!(recall.is_enough(&quorum));
    }
}
