//! An anchor in words.

use quorate_policy::Quorum;
use quorate_provenance::{Rule, Rules, Sink, SourceClass};

use super::{Anchor, LogTrust};

/// Witnesses that an anchor lists by their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedWitnesses {
    /// How many of them must have co-signed.
    pub threshold: usize,
    /// Their Ed25519 keys, in hexadecimal.
    pub keys: Vec<String>,
    /// vkeys of logs, of which one must have signed; none if the anchor names no log.
    pub logs: Vec<String>,
}

impl Anchor {
    /// The witnesses, if they are listed by their keys and not by a policy.
    #[must_use]
    pub fn witnesses(&self) -> Option<ListedWitnesses> {
        let LogTrust::Witnesses {
            logs,
            keys,
            threshold,
        } = &self.log
        else {
            return None;
        };
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect();
        Some(ListedWitnesses {
            threshold: *threshold,
            keys: keys.iter().map(|key| hex(key.key_bytes())).collect(),
            logs: logs
                .iter()
                .filter_map(|log| Some(log.verifier_key()?.to_string()))
                .collect(),
        })
    }

    /// Whom it believes about the log, in one line.
    #[must_use]
    pub fn log_trust(&self) -> &'static str {
        match &self.log {
            LogTrust::Policy(policy) if matches!(policy.quorum(), Quorum::None) => {
                "its logs, without witnesses"
            }
            LogTrust::Policy(_) => "its logs, under a quorum of witnesses",
            LogTrust::Witnesses { logs, .. } if logs.is_empty() => {
                "a number of witnesses, whichever log it is"
            }
            LogTrust::Witnesses { .. } => "its logs, co-signed by a number of witnesses",
            LogTrust::Nobody => "nobody: no log and no quorum is judged",
        }
    }

    /// What else must hold, a line each.
    #[must_use]
    pub fn requirements(&self) -> Vec<String> {
        let require = &self.require;
        let mut lines = Vec::new();
        lines.push(match require.complete {
            true => "the session is closed".to_owned(),
            false => "the session may be open".to_owned(),
        });
        if let Some(session) = &require.session {
            lines.push(format!("the session is {session}"));
        }
        if require.payload_binding {
            lines.push("the closing binds a payload".to_owned());
        }
        if let Some(audience) = &require.audience {
            lines.push(format!("it is presented to {audience}"));
        }
        if let Some(nonce) = &require.nonce {
            lines.push(format!("it is presented with the nonce {nonce}"));
        }
        if let Some(seconds) = require.max_age_seconds {
            lines.push(format!(
                "the quorum's oldest co-signature is at most {seconds} seconds old"
            ));
        }
        for rule in self.flow.iter().flat_map(Rules::iter) {
            lines.push(rule_words(rule));
        }
        lines
    }

    /// What it could ask for and does not, a sentence each.
    #[must_use]
    pub fn not_asked(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.log {
            LogTrust::Nobody => lines.push(
                "A log: anyone with an actor's key can make a bundle that was never recorded, or another one later."
                    .to_owned(),
            ),
            LogTrust::Policy(policy) if matches!(policy.quorum(), Quorum::None) => lines.push(
                "Witnesses: whoever controls the log's machine could have rewritten it.".to_owned(),
            ),
            LogTrust::Witnesses { logs, .. } if logs.is_empty() => {
                lines.push("A particular log.".to_owned());
            }
            LogTrust::Policy(_) | LogTrust::Witnesses { .. } => {}
        }
        if self.actors.iter().any(|actor| actor.subjects.is_empty()) {
            lines.push("Subjects of every key: a key without them may act for anyone.".to_owned());
        }
        let open_ended = |actor: &super::ActorKey| actor.not_after.is_none();
        if self.actors.iter().any(open_ended) {
            lines.push("An end of every key: one without `not_after` counts for ever.".to_owned());
        }
        if let LogTrust::Policy(policy) = &self.log
            && !matches!(policy.quorum(), Quorum::None)
            && self.require.max_age_seconds.is_none()
        {
            lines.push("An age: a bundle under a head of long ago will do.".to_owned());
        }
        if !self.require.complete {
            lines.push("A closed session: steps may be missing from the end.".to_owned());
        }
        if !self.require.payload_binding {
            lines.push("A payload that the session's closing binds.".to_owned());
        }
        let asked = self.require.of_presentation();
        if !asked.audience {
            lines.push(
                "An audience: whoever has a bundle, or a presentation that was made for somebody else, can show it to you."
                    .to_owned(),
            );
        }
        if !asked.nonce {
            lines.push(match asked.audience {
                true => "A nonce: an old presentation will do, until it expires.".to_owned(),
                false => "A nonce: what was shown once can be shown again, at any time.".to_owned(),
            });
        }
        lines
    }
}

/// What a rule is about. Its name is quoted, so that it is not taken for a word of the sentence.
pub(crate) fn sink_words(sink: &Sink) -> String {
    let (kind, _) = sink.parts();
    match sink {
        Sink::ToolCall(Some(name)) | Sink::Artifact(Some(name)) => format!("{kind} {name:?}"),
        Sink::ToolCall(None) | Sink::Artifact(None) => format!("any {kind}"),
        Sink::Payload => kind.to_owned(),
    }
}

/// A rule as a sentence without its end.
pub(crate) fn rule_words(rule: &Rule) -> String {
    let mut line = sink_words(&rule.sink);
    if let Some(level) = rule.require {
        line.push_str(&format!(" is {} or better", level.as_str()));
    }
    let without: Vec<&str> = rule.without.classes().map(SourceClass::as_str).collect();
    if !without.is_empty() {
        line.push_str(&format!(" derives from no {}", without.join(", no ")));
    }
    line
}
