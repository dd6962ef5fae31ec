//! Rules that say where the content of steps comes from.

use std::str::FromStr;

use quorate_provenance::{SourceClass, StepKind};

use crate::error::Fault;

/// The kinds that a rule may be about.
const KINDS: [&str; 5] = ["tool_call", "model_call", "retrieval", "artifact", "note"];

/// `KIND[:NAME]=CLASS`: the steps of this kind, or only those of this name, have this source. A name that ends in `*` is the
/// beginning of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRule {
    kind: String,
    name: Option<String>,
    class: SourceClass,
}

/// Text that is no rule: the fault of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceRuleError {
    /// Not of that form.
    #[error("expected KIND[:NAME]=CLASS, such as 'tool_call:search=web'")]
    Form,
    /// The kind.
    #[error("{0:?} is no kind; they are tool_call, model_call, retrieval, artifact and note")]
    Kind(String),
    /// The class.
    #[error(
        "{0:?} is no source; they are user, operator, local_file, memory, rag_index, web, tool and undeclared"
    )]
    Class(String),
}

impl FromStr for SourceRule {
    type Err = SourceRuleError;

    fn from_str(text: &str) -> Result<Self, SourceRuleError> {
        let (what, class) = text.rsplit_once('=').ok_or(SourceRuleError::Form)?;
        let (kind, name) = match what.split_once(':') {
            Some((_, "")) => return Err(SourceRuleError::Form),
            Some((kind, name)) => (kind, Some(name.to_owned())),
            None => (what, None),
        };
        if !KINDS.contains(&kind) {
            return Err(SourceRuleError::Kind(kind.to_owned()));
        }
        let class = SourceClass::from_name(class)
            .ok_or_else(|| SourceRuleError::Class(class.to_owned()))?;
        Ok(Self {
            kind: kind.to_owned(),
            name,
            class,
        })
    }
}

impl SourceRule {
    fn is_about(&self, kind: &StepKind, note: &str) -> bool {
        self.kind == kind.name()
            && self.name.as_deref().is_none_or(|wanted| match kind {
                StepKind::ToolCall { tool } => matches(wanted, tool),
                StepKind::ModelCall {
                    provider, model, ..
                } => {
                    let with_model = model.as_deref().map(|model| format!("{provider}/{model}"));
                    matches(wanted, provider) || with_model.is_some_and(|it| matches(wanted, &it))
                }
                StepKind::Retrieval { url } => matches(wanted, url),
                StepKind::Artifact { name, .. } => matches(wanted, name),
                StepKind::Note | StepKind::Merge => matches(wanted, note),
            })
    }
}

fn matches(wanted: &str, name: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => wanted == name,
    }
}

/// What the first rule about a step says; `note` is a note's name.
pub(crate) fn ruled(rules: &[SourceRule], kind: &StepKind, note: &str) -> Option<SourceClass> {
    let rule = rules.iter().find(|rule| rule.is_about(kind, note));
    rule.map(|rule| rule.class)
}

/// A source that a receipt takes for a step of this kind.
pub(crate) fn possible(
    kind: &StepKind,
    source: Option<SourceClass>,
) -> Result<Option<SourceClass>, Fault> {
    match (kind, source) {
        (StepKind::Retrieval { url }, Some(class)) if !class.fits_retrieval(url) => {
            Err(Fault::RetrievalSource(class))
        }
        _ => Ok(source),
    }
}
