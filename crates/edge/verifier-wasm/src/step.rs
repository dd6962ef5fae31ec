//! A step as plain data, to draw it.

use quorate_provenance::{Content, Direction, Label, SourceClass, Step, StepKind, Verified};
use serde::Serialize;

/// A verified step. Field names are stable; those that the report has too mean the same.
#[derive(Debug, Serialize)]
pub(crate) struct StepView {
    /// Counts from 1.
    sequence: u64,
    /// The `root_hash` of its receipt.
    hash: String,
    /// As receipts write it: `tool_call`, `model_call`, …
    kind: &'static str,
    /// The tool, the model or else its provider, the URL, the artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Of a model call: `prompt` or `response`.
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    /// Hashes of the steps that it derives from.
    parents: Vec<String>,
    /// Where what it brings in comes from, as the actor declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    /// Every class of source that it derives from.
    sources: Vec<&'static str>,
    /// The lowest level of these.
    integrity: &'static str,
    /// `inline`, `hashed` or `sealed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'static str>,
    /// As the actor states it.
    timestamp: String,
}

impl StepView {
    pub(crate) fn of(step: &Verified<Step>, label: Label) -> Self {
        let name = match &step.kind {
            StepKind::ToolCall { tool } => Some(tool),
            StepKind::ModelCall {
                provider, model, ..
            } => Some(model.as_ref().unwrap_or(provider)),
            StepKind::Retrieval { url } => Some(url),
            StepKind::Artifact { name, .. } => Some(name),
            StepKind::Merge | StepKind::Note => None,
        };
        let direction = match &step.kind {
            StepKind::ModelCall { direction, .. } => Some(Direction::as_str(*direction)),
            _ => None,
        };
        Self {
            sequence: step.link.sequence,
            hash: step.hash().to_string(),
            kind: step.kind.name(),
            name: name.map(ToString::to_string),
            direction,
            parents: step.parents.iter().map(ToString::to_string).collect(),
            source: step.source.map(SourceClass::as_str),
            sources: label.classes().map(SourceClass::as_str).collect(),
            integrity: label.level().as_str(),
            content: step.content.as_ref().map(|content| match content {
                Content::Inline(_) => "inline",
                Content::Hashed { .. } => "hashed",
                Content::Sealed(_) => "sealed",
            }),
            timestamp: step.timestamp().to_string(),
        }
    }
}
