//! A report as JSON: plain data, made from a [`BundleReport`] and never read back as one.

use quorate_provenance::{
    Attributes, Content, Label, Level, SourceClass, Step, StepKind, Verified,
};
use quorate_receipt::json::canonical;
use serde::Serialize;

use super::attestation::Artifact;
use super::report::{BundleReport, Enforced, PayloadForm, PayloadProof};
use super::trust::HeadProof;
use crate::view::{HeadView, KeyView, key_view};

/// What [`BundleReport::view`] gives: field names are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BundleView {
    /// The session's id.
    pub session: String,
    /// Who acted.
    pub subject: String,
    /// The key that signed all of it.
    pub key: String,
    /// Its name in the anchor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The ids that the anchor lets it act for; empty: all.
    pub scope: Vec<String>,
    /// How many steps.
    pub steps: u64,
    /// Whether the session was closed.
    pub complete: bool,
    /// The time of the opening, as the actor states it.
    pub opened_at: String,
    /// The time of the last receipt, likewise.
    pub last_at: String,
    /// Every class of source that any step derives from.
    pub sources: Vec<&'static str>,
    /// The lowest level of integrity of any step.
    pub integrity: &'static str,
    /// The anchor's rules about integrity, in its order; all of them hold.
    pub flow: Vec<RuleView>,
    /// Where the receipts stand in the log: first index and number. A claim where no log was judged.
    pub leaves: Vec<(u64, u64)>,
    /// The log's head. A claim where its verdict is `not-judged`.
    pub log: LogView,
    /// What the session led to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<PayloadView>,
    /// Sealed steps whose content was shown.
    pub content_shown: u64,
    /// Sealed steps whose content was not.
    pub content_sealed: u64,
    /// Steps whose content is elsewhere.
    pub content_elsewhere: u64,
    /// For whom it was presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presentation: Option<PresentationView>,
    /// The artifacts that it attests, if it came as an in-toto Statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Vec<ArtifactView>>,
    /// What was not proven, one sentence each.
    pub not_proven: Vec<String>,
}

/// A rule about integrity, as anchors write it, and what it was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleView {
    /// Where content leaves the session.
    pub sink: SinkView,
    /// The lowest level that it may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<&'static str>,
    /// Classes of source that it must not derive from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<&'static str>,
    /// How many steps, or payloads, it was about. Zero: it kept nothing out.
    pub matched: u64,
}

/// What a rule is about, as anchors write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SinkView {
    /// `tool_call`, `artifact` or `payload`.
    pub kind: &'static str,
    /// Its name; `*`: any. A payload has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

fn rule_view(Enforced { rule, matched }: &Enforced) -> RuleView {
    let (kind, name) = rule.sink.parts();
    let name = name.map(str::to_owned);
    RuleView {
        sink: SinkView { kind, name },
        require: rule.require.map(Level::as_str),
        without: rule.without.classes().map(SourceClass::as_str).collect(),
        matched: *matched,
    }
}

/// What was proven of the log's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum LogView {
    /// By a policy.
    Judged(HeadView),
    /// By witnesses without names, or by nobody.
    Other {
        /// `witnessed` or `not-judged`: then all of this is what the bundle claims, and nobody checked it.
        verdict: &'static str,
        /// Origin line of the checkpoint.
        origin: String,
        /// Tree size of the checkpoint.
        size: u64,
        /// `sha256:` and the root.
        root: String,
        /// How many witnesses had to co-sign.
        #[serde(skip_serializing_if = "Option::is_none")]
        threshold: Option<usize>,
        /// Those that did.
        witnesses: Vec<KeyView>,
        /// The log's keys that signed, of those that the anchor names.
        log_keys: Vec<KeyView>,
    },
}

/// What the session led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PayloadView {
    /// `sha256:` and its hash.
    pub hash: String,
    /// Its media type, as the actor states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Whether it was there to be compared.
    pub shown: bool,
    /// What the hash is taken of: `canonical-json` (of a file that is not canonical, `sha256sum` says another) or `bytes`;
    /// absent if only a hash was there to be compared, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<&'static str>,
}

/// For whom a bundle was presented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PresentationView {
    /// Whom it is for.
    pub audience: String,
    /// What they chose.
    pub nonce: String,
    /// When it was made, as the actor states it.
    pub timestamp: String,
    /// Until when it counts.
    pub expires: String,
}

/// An artifact that an attestation is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ArtifactView {
    /// The artifact's name, or `payload` or `bundle`.
    pub name: String,
    /// `sha256:` and its hash.
    pub hash: String,
    /// Its media type, as the actor states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

fn log_view(head: &HeadProof) -> LogView {
    let checkpoint = head.checkpoint();
    let (verdict, threshold, witnesses, log_keys) = match head {
        HeadProof::Judged(verdict) => return LogView::Judged(HeadView::of(verdict)),
        HeadProof::Witnessed(witnessed) => (
            "witnessed",
            Some(witnessed.threshold()),
            witnessed.witnesses(),
            witnessed.log_keys(),
        ),
        HeadProof::NotJudged(_) => ("not-judged", None, &[][..], &[][..]),
    };
    LogView::Other {
        verdict,
        origin: checkpoint.origin().to_string(),
        size: checkpoint.size(),
        root: format!("sha256:{}", checkpoint.root()),
        threshold,
        witnesses: witnesses
            .iter()
            .map(|key| key_view(key.verifier_key(), key.key_bytes()))
            .collect(),
        log_keys: log_keys
            .iter()
            .map(|key| key_view(key.verifier_key(), key.key_bytes()))
            .collect(),
    }
}

impl BundleReport {
    /// The report as plain data.
    #[must_use]
    pub fn view(&self) -> BundleView {
        let session = self.session();
        let payload = |payload: &quorate_provenance::Payload, shown| PayloadView {
            hash: payload.hash.to_string(),
            media_type: payload.media_type.as_deref().map(str::to_owned),
            shown,
            of: self.payload_form().map(|form| match form {
                PayloadForm::CanonicalJson => "canonical-json",
                PayloadForm::Bytes => "bytes",
            }),
        };
        BundleView {
            session: session.id().to_string(),
            subject: session.subject().to_string(),
            key: session.key().to_string(),
            kid: self.actor().kid().map(str::to_owned),
            scope: self
                .actor()
                .subjects()
                .iter()
                .map(ToString::to_string)
                .collect(),
            steps: session.steps(),
            complete: session.is_closed(),
            opened_at: session.opening().timestamp().to_string(),
            last_at: session.last_timestamp().to_string(),
            sources: self.label().classes().map(SourceClass::as_str).collect(),
            integrity: self.label().level().as_str(),
            flow: self.rules().iter().map(rule_view).collect(),
            leaves: self.leaves().runs().collect(),
            log: log_view(self.head()),
            payload: match self.payload() {
                PayloadProof::None => None,
                PayloadProof::Bound(bound) => Some(payload(bound, false)),
                PayloadProof::Shown(bound) => Some(payload(bound, true)),
            },
            content_shown: self.shown(),
            content_sealed: self.sealed(),
            content_elsewhere: self.elsewhere(),
            presentation: self.presentation().map(|shown| PresentationView {
                audience: shown.audience.to_string(),
                nonce: shown.nonce.to_string(),
                timestamp: shown.timestamp.to_string(),
                expires: shown.expires.to_string(),
            }),
            attestation: self.attestation().map(|artifacts| {
                let view = |artifact: &Artifact| ArtifactView {
                    name: artifact.name.to_string(),
                    hash: artifact.hash.to_string(),
                    media_type: artifact.media_type.as_deref().map(str::to_owned),
                };
                artifacts.iter().map(view).collect()
            }),
            not_proven: self.not_proven(),
        }
    }
}

/// A verified step, to list or draw it: field names are stable, and those that [`BundleView`] has too mean the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StepView {
    /// Counts from 1.
    pub sequence: u64,
    /// The `root_hash` of its receipt.
    pub hash: String,
    /// As receipts write it: `tool_call`, `model_call`, …
    pub kind: &'static str,
    /// The tool, the model's provider, the URL, the artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of a model call: which model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Of a model call: `prompt` or `response`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<&'static str>,
    /// Hashes of the steps that it derives from.
    pub parents: Vec<String>,
    /// Where what it brings in comes from, as the actor declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
    /// Every class of source that it derives from.
    pub sources: Vec<&'static str>,
    /// The lowest level of these.
    pub integrity: &'static str,
    /// `inline`, `hashed` or `sealed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<&'static str>,
    /// Of inline content: the value as canonical JSON text, since its numbers need not fit a reader's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_inline: Option<String>,
    /// Of hashed content: `sha256:` and its hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<String>,
    /// Of sealed content: its salted commitment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_commitment: Option<String>,
    /// Of hashed and of sealed content: how many bytes, as the actor states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_length: Option<u64>,
    /// Of an artifact or of hashed content: its media type, as the actor states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Free text of the actor, signed and otherwise without meaning.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// As the actor states it.
    pub timestamp: String,
}

impl StepView {
    /// Of a step that [`verify_each`](super::BundleVerifier::verify_each) shows.
    #[must_use]
    pub fn of(step: &Verified<Step>, label: Label) -> Self {
        let (name, model, direction) = match &step.kind {
            StepKind::ToolCall { tool } => (Some(tool), None, None),
            StepKind::ModelCall {
                provider,
                model,
                direction,
            } => (Some(provider), model.as_deref(), Some(direction.as_str())),
            StepKind::Retrieval { url } => (Some(url), None, None),
            StepKind::Artifact { name, .. } => (Some(name), None, None),
            StepKind::Merge | StepKind::Note => (None, None, None),
        };
        let made = match &step.kind {
            StepKind::Artifact { media_type, .. } => media_type.as_deref(),
            _ => None,
        };
        let (mut inline, mut hash, mut commitment, mut length, mut media_type) =
            (None, None, None, None, made);
        let content = step.content.as_ref().map(|content| match content {
            Content::Inline(value) => {
                inline = Some(String::from_utf8_lossy(&canonical(value)).into_owned());
                "inline"
            }
            Content::Hashed {
                hash: of,
                length: bytes,
                media_type: stated,
            } => {
                (hash, length) = (Some(of.to_string()), Some(*bytes));
                media_type = stated.as_deref().or(media_type);
                "hashed"
            }
            Content::Sealed(sealed) => {
                (commitment, length) = (Some(sealed.commitment.to_string()), Some(sealed.length));
                "sealed"
            }
        });
        Self {
            sequence: step.link.sequence,
            hash: step.hash().to_string(),
            kind: step.kind.name(),
            name: name.map(ToString::to_string),
            model: model.map(str::to_owned),
            direction,
            parents: step.parents.iter().map(ToString::to_string).collect(),
            source: step.source.map(SourceClass::as_str),
            sources: label.classes().map(SourceClass::as_str).collect(),
            integrity: label.level().as_str(),
            content,
            content_inline: inline,
            content_hash: hash,
            content_commitment: commitment,
            content_length: length,
            media_type: media_type.map(str::to_owned),
            attributes: step.attributes.clone(),
            timestamp: step.timestamp().to_string(),
        }
    }
}

/// The steps that an answer lists, at most [`MAX_LISTED`]; none where they are not wanted.
#[derive(Debug, Clone, Default)]
pub struct Listing(Option<Vec<StepView>>);

/// The most steps that an answer lists.
pub const MAX_LISTED: usize = 10_000;

/// What a program is told of a bundle that was verified, by the command line and by the service alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerdictView {
    /// True: what was refused has no report.
    pub verified: bool,
    /// What was proven.
    #[serde(flatten)]
    pub report: BundleView,
    /// The steps, where they are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed: Option<Vec<StepView>>,
}

impl Listing {
    /// An empty list, or none.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        Self(wanted.then(Vec::new))
    }

    /// Adds a step that [`verify_each`](super::BundleVerifier::verify_each) shows.
    pub fn see(&mut self, step: &Verified<Step>, label: Label) {
        if let Some(listed) = &mut self.0
            && listed.len() < MAX_LISTED
        {
            listed.push(StepView::of(step, label));
        }
    }

    /// The steps; none were wanted, or there were none.
    #[must_use]
    pub fn steps(&self) -> &[StepView] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The whole answer, once the bundle is verified.
    #[must_use]
    pub fn verdict(self, report: &BundleReport) -> VerdictView {
        VerdictView {
            verified: true,
            report: report.view(),
            listed: self.0,
        }
    }
}
