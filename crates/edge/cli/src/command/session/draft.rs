//! What the command line says of a step.

use quorate_provenance::{Content, Direction, SourceClass, StepDraft};
use quorate_receipt::{Blake3Hash, Sealed};
use serde_json::Value;

use super::{MAX_CONTENT, random};
use crate::args::{Parent, Source, Step};
use crate::client::Client;
use crate::command::scroll::string;
use crate::command::verify::read;
use crate::failure::{Failure, reason};
use crate::uri::Uri;

/// A step without its place and parents, and the content that it seals with its salt.
pub(super) struct Drafted {
    pub(super) draft: StepDraft,
    pub(super) sealed: Option<([u8; 32], Vec<u8>)>,
}

impl Drafted {
    pub(super) fn of(step: &Step) -> Result<Self, Failure> {
        let mut draft = kind(step);
        if let Some(source) = step.source {
            draft = draft.source(class(source));
        }
        for (name, value) in &step.attributes {
            draft = draft.attribute(name, value);
        }
        let mut sealed = None;
        if let Some(text) = &step.text {
            draft = draft.inline(text.as_str());
        } else if let Some(file) = &step.inline {
            let bytes = read(file, MAX_CONTENT)?;
            let value = quorate_receipt::json::parse(&bytes).map_err(|e| {
                let what = format!("cannot use {}", file.display());
                Failure::refused("malformed", what, reason(&e))
                    .hint("--inline takes JSON; --text takes words, --hash and --seal any file")
            })?;
            draft = draft.content(Content::Inline(value));
        } else if let Some(file) = &step.hash {
            let bytes = read(file, MAX_CONTENT)?;
            let hash = quorate_verify::bundle::payload_hash(&bytes);
            draft = draft.hashed(hash, bytes.len() as u64, step.media_type.as_deref());
        } else if let Some(file) = &step.seal {
            let bytes = read(file, MAX_CONTENT)?;
            let salt = random("seal the content")?;
            draft = draft.sealed(Sealed::commit(&salt, &bytes));
            sealed = Some((salt, bytes));
        }
        Ok(Self { draft, sealed })
    }
}

fn kind(step: &Step) -> StepDraft {
    let model = |named: &str, direction| match named.split_once('/') {
        Some((provider, model)) => StepDraft::model_call(provider, Some(model), direction),
        None => StepDraft::model_call(named, None, direction),
    };
    if let Some(tool) = &step.tool {
        StepDraft::tool_call(tool)
    } else if let Some(named) = &step.prompt {
        model(named, Direction::Prompt)
    } else if let Some(named) = &step.response {
        model(named, Direction::Response)
    } else if let Some(url) = &step.retrieval {
        StepDraft::retrieval(url, step.source.map_or(SourceClass::Undeclared, class))
    } else if let Some(name) = &step.artifact {
        StepDraft::artifact(name, step.media_type.as_deref())
    } else if step.merge {
        StepDraft::merge([])
    } else {
        StepDraft::note()
    }
}

const fn class(source: Source) -> SourceClass {
    match source {
        Source::User => SourceClass::User,
        Source::Operator => SourceClass::Operator,
        Source::LocalFile => SourceClass::LocalFile,
        Source::Memory => SourceClass::Memory,
        Source::RagIndex => SourceClass::RagIndex,
        Source::Web => SourceClass::Web,
        Source::Tool => SourceClass::Tool,
    }
}

/// The hashes of the named steps, in the order in which they were recorded.
pub(super) async fn parents(
    client: &mut Client,
    named: &[Parent],
    session: &Value,
) -> Result<Vec<Blake3Hash>, Failure> {
    let id = string(session, "id");
    let mut found: Vec<(u64, Blake3Hash)> = Vec::new();
    for parent in named {
        let step = match parent {
            Parent::Last => match session["steps"].as_u64().unwrap_or_default() {
                0 => {
                    let what = format!("cannot name the last step of {id} as a parent");
                    return Err(
                        Failure::refused("not-found", what, "the session has no step yet")
                            .hint("leave --parent out: its first step derives from no other"),
                    );
                }
                last => last.to_string(),
            },
            Parent::Sequence(sequence) => sequence.to_string(),
            Parent::Hash(hash) => hash.to_string(),
        };
        let what = format!("cannot name step {step} of {id} as a parent");
        let uri = Uri::path(&["sessions", id, "steps", &step]);
        let shown =
            client
                .get(&uri, &what)
                .await
                .map_err(|failure| match failure.is("not-found") {
                    true => failure.hint("a parent is an earlier step of the same session"),
                    false => failure,
                })?;
        let hash = string(&shown, "step").parse();
        if let (Some(sequence), Ok(hash)) = (shown["sequence"].as_u64(), hash) {
            found.push((sequence, hash));
        }
    }
    found.sort_unstable_by_key(|(sequence, _)| *sequence);
    found.dedup();
    Ok(found.into_iter().map(|(_, hash)| hash).collect())
}
