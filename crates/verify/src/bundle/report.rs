//! What a verified bundle proves, and what it does not.

use quorate_merkle::LeafRuns;
use quorate_provenance::{Label, Payload, Rule, Session, Sink};

use super::attestation::Artifact;
use super::presentation::{Presentation, unasked};
use super::trust::HeadProof;
use crate::anchor::sink_words;
use crate::anchor::{ActorKey, AskedOfPresentation};
use crate::report::not_proven_of;

/// What is known of what the session led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadProof {
    /// The closing binds nothing, or the session was not closed.
    None,
    /// The closing binds this hash. What has it was not there.
    Bound(Payload),
    /// What was there is what the closing binds.
    Shown(Payload),
}

/// What the hash of a payload is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadForm {
    /// Of its canonical JSON (RFC 8785): of a file that is JSON and not canonical, `sha256sum` says another.
    CanonicalJson,
    /// Of its bytes as they are.
    Bytes,
}

/// A rule of the anchor, which the session keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforced {
    /// The rule.
    pub rule: Rule,
    /// How many steps it was about; of one about payloads, whether the closing binds one. A rule that was about nothing kept
    /// nothing out: its name may be misspelt.
    pub matched: u64,
}

/// What was proven, by whose keys, under whose head: the only result of
/// [`BundleVerifier::verify`](super::BundleVerifier::verify), and not made anywhere else.
#[derive(Clone, Debug)]
pub struct BundleReport {
    pub(super) session: Session,
    pub(super) actor: ActorKey,
    pub(super) head: HeadProof,
    pub(super) leaves: LeafRuns,
    pub(super) payload: PayloadProof,
    pub(super) payload_form: Option<PayloadForm>,
    pub(super) shown: u64,
    pub(super) sealed: u64,
    pub(super) elsewhere: u64,
    pub(super) label: Label,
    pub(super) rules: Vec<Enforced>,
    pub(super) presentation: Option<Presentation>,
    pub(super) asked: AskedOfPresentation,
    pub(super) attestation: Option<Vec<Artifact>>,
}

impl BundleReport {
    /// The session: who, what, how many steps, and whether it was closed.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The key of the anchor that signed all of it.
    #[must_use]
    pub fn actor(&self) -> &ActorKey {
        &self.actor
    }

    /// What was proven of the log's head.
    #[must_use]
    pub fn head(&self) -> &HeadProof {
        &self.head
    }

    /// Where the receipts stand in the log.
    #[must_use]
    pub fn leaves(&self) -> &LeafRuns {
        &self.leaves
    }

    /// What is known of what the session led to.
    #[must_use]
    pub fn payload(&self) -> &PayloadProof {
        &self.payload
    }

    /// What the payload's hash is taken of; none if only a hash was there to be compared, or nothing.
    #[must_use]
    pub fn payload_form(&self) -> Option<PayloadForm> {
        self.payload_form
    }

    /// Sealed steps whose content was shown and is what they committed to.
    #[must_use]
    pub fn shown(&self) -> u64 {
        self.shown
    }

    /// Sealed steps whose content was not shown.
    #[must_use]
    pub fn sealed(&self) -> u64 {
        self.sealed
    }

    /// Steps whose content is elsewhere, by its hash.
    #[must_use]
    pub fn elsewhere(&self) -> u64 {
        self.elsewhere
    }

    /// Every class of source that any step derives from.
    #[must_use]
    pub fn label(&self) -> Label {
        self.label
    }

    /// The anchor's rules about integrity, in its order. All of them hold.
    #[must_use]
    pub fn rules(&self) -> &[Enforced] {
        &self.rules
    }

    /// By whom and to whom it was shown, if it was presented.
    #[must_use]
    pub fn presentation(&self) -> Option<&Presentation> {
        self.presentation.as_ref()
    }

    /// The artifacts that it attests, if it came as an in-toto Statement, which the session's key signed.
    #[must_use]
    pub fn attestation(&self) -> Option<&[Artifact]> {
        self.attestation.as_deref()
    }

    /// What this verification does *not* prove, one sentence a line.
    #[must_use]
    pub fn not_proven(&self) -> Vec<String> {
        let mut lines = vec![
            "That what the steps say is true, or that the actor recorded everything it did: they are what its key signed, \
             in this order."
                .to_owned(),
            "That the actor has no other session, or no other end of this one: only the log as a whole can show that."
                .to_owned(),
            "That the key was its actor's at those times: the times are the actor's own, and what was taken back since the \
             trust anchor was made is not in it."
                .to_owned(),
            "More about integrity than the actor declared: a parent that it left out lowers no label, and a rule is about \
             steps of the names that the actor gave them. Nothing is said of confidentiality."
                .to_owned(),
        ];
        lines.extend(self.idle_rules());
        if !self.session.is_closed() {
            lines.push(
                "That nothing is missing from the end: the session was not closed when this was made.".to_owned(),
            );
        }
        if self.actor.subjects().is_empty() {
            lines.push(format!(
                "That the key may act for {}: the trust anchor gives it no `subjects`.",
                self.session.subject()
            ));
        }
        match &self.head {
            HeadProof::Judged(verdict) => lines.extend(not_proven_of(verdict)),
            HeadProof::Witnessed(witnessed) => {
                lines.push(
                    "That the witnesses are independent of one another and of the log: keys are counted, and cannot tell \
                     who holds them."
                        .to_owned(),
                );
                if witnessed.log_keys().is_empty() {
                    lines.push(
                        "Which log this is: the trust anchor names none, so its own signature was not checked.".to_owned(),
                    );
                }
            }
            HeadProof::NotJudged(_) => lines.push(
                "That any log recorded this, or when: the trust anchor names no log and no witness, so no quorum was \
                 required."
                    .to_owned(),
            ),
        }
        match &self.payload {
            PayloadProof::Bound(_) => {
                lines.push(
                    "What the payload is: the closing binds its hash, and it was not shown."
                        .to_owned(),
                );
            }
            PayloadProof::None | PayloadProof::Shown(_) => {}
        }
        if self.sealed + self.elsewhere > 0 {
            lines.push(format!(
                "What the content of {} steps is: it is sealed ({}) or elsewhere ({}).",
                self.sealed + self.elsewhere,
                self.sealed,
                self.elsewhere
            ));
        }
        lines.extend(unasked(self.presentation.as_ref(), self.asked));
        lines
    }
    /// A rule that was about nothing looks like one that was kept.
    fn idle_rules(&self) -> impl Iterator<Item = String> {
        let rules = self.rules.iter().enumerate();
        rules
            .filter(|(_, rule)| rule.matched == 0)
            .map(|(place, Enforced { rule, .. })| {
                let lacks = match rule.sink {
                    Sink::Payload => "the session binds none",
                    Sink::ToolCall(_) | Sink::Artifact(_) => "the session has no such step",
                };
                format!(
                    "Rule {} ({}): {lacks}, so nothing was held to it.",
                    place + 1,
                    sink_words(&rule.sink)
                )
            })
    }
}
