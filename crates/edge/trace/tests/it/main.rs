//! Traces and logs, from text to steps.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod jsonl;
mod limits;
mod otlp;

use quorate_provenance::{Label, SourceClass, StepKind};
use quorate_trace::{Fault, Log, Planned, ReadError, SourceRule, Trace, read};

/// Whether a fault is the expected one.
type IsFault = fn(&Fault) -> bool;

/// A file, read without rules and with its form found out.
fn log(text: &str) -> Log<'_> {
    read(text.as_bytes(), None, &[]).unwrap()
}

fn ruled<'a>(text: &'a str, rules: &[&str]) -> Log<'a> {
    let rules: Vec<SourceRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    read(text.as_bytes(), None, &rules).unwrap()
}

/// Where and why a file is refused.
fn fault(text: &str) -> (String, Fault) {
    match read(text.as_bytes(), None, &[]) {
        Err(ReadError::At { place, fault }) => (place, fault),
        other => panic!("{other:?}"),
    }
}

/// Kind and name of a step in one word.
fn word(step: &Planned<'_>) -> String {
    let name = match &step.kind {
        StepKind::ToolCall { tool } => tool.to_string(),
        StepKind::ModelCall {
            provider, model, ..
        } => format!("{provider}/{}", model.as_deref().unwrap_or("-")),
        StepKind::Retrieval { url } => url.to_string(),
        StepKind::Artifact { name, .. } => name.to_string(),
        StepKind::Merge => String::new(),
        StepKind::Note => step.attributes.get("name").cloned().unwrap_or_default(),
    };
    format!("{} {name}", step.kind.name())
}

fn words(trace: &Trace<'_>) -> Vec<String> {
    trace.steps.iter().map(word).collect()
}

/// What each step derives from.
fn labels(trace: &Trace<'_>) -> Vec<Vec<SourceClass>> {
    let mut labels: Vec<Label> = Vec::new();
    for step in &trace.steps {
        let parents = step.parents.iter().map(|parent| labels[*parent]);
        labels.push(Label::effective(step.source, parents));
    }
    labels
        .into_iter()
        .map(|label| label.classes().collect())
        .collect()
}

fn parents(trace: &Trace<'_>) -> Vec<Vec<usize>> {
    trace
        .steps
        .iter()
        .map(|step| step.parents.clone())
        .collect()
}
