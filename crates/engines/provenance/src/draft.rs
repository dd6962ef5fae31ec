//! A step before it has a place and a signature.

use quorate_receipt::json::{Object, Value};
use quorate_receipt::{Blake3Hash, Sealed, Sha256Text};

use crate::label::SourceClass;
use crate::members::Attributes;
use crate::record::{Content, Direction, StepKind};
use crate::recorder::{DraftError, number, with_attributes, with_media_type, with_sealed};

/// What a step will say. [`crate::Recorder::step`] gives it its place and signs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepDraft {
    kind: StepKind,
    parents: Vec<Blake3Hash>,
    source: Option<SourceClass>,
    content: Option<Content>,
    attributes: Attributes,
}

impl StepDraft {
    /// A step of this kind, with nothing else.
    #[must_use]
    pub const fn new(kind: StepKind) -> Self {
        Self {
            kind,
            parents: Vec::new(),
            source: None,
            content: None,
            attributes: Attributes::new(),
        }
    }

    /// A call of a tool.
    #[must_use]
    pub fn tool_call(tool: &str) -> Self {
        Self::new(StepKind::ToolCall { tool: tool.into() })
    }

    /// What is sent to a model, or what it answered.
    #[must_use]
    pub fn model_call(provider: &str, model: Option<&str>, direction: Direction) -> Self {
        Self::new(StepKind::ModelCall {
            provider: provider.into(),
            model: model.map(Into::into),
            direction,
        })
    }

    /// Something fetched, and from what kind of source.
    #[must_use]
    pub fn retrieval(url: &str, source: SourceClass) -> Self {
        Self::new(StepKind::Retrieval { url: url.into() }).source(source)
    }

    /// Something made.
    #[must_use]
    pub fn artifact(name: &str, media_type: Option<&str>) -> Self {
        Self::new(StepKind::Artifact {
            name: name.into(),
            media_type: media_type.map(Into::into),
        })
    }

    /// Branches that come together.
    #[must_use]
    pub fn merge(parents: impl IntoIterator<Item = Blake3Hash>) -> Self {
        Self::new(StepKind::Merge).parents(parents)
    }

    /// A remark.
    #[must_use]
    pub const fn note() -> Self {
        Self::new(StepKind::Note)
    }

    /// The steps that it derives from, in the order in which they were recorded.
    #[must_use]
    pub fn parents(mut self, parents: impl IntoIterator<Item = Blake3Hash>) -> Self {
        self.parents = parents.into_iter().collect();
        self
    }

    /// Where what it brings in comes from.
    #[must_use]
    pub const fn source(mut self, source: SourceClass) -> Self {
        self.source = Some(source);
        self
    }

    /// What it was about.
    #[must_use]
    pub fn content(mut self, content: Content) -> Self {
        self.content = Some(content);
        self
    }

    /// Content that stands in the receipt, for everybody who may read it and for ever.
    #[must_use]
    pub fn inline(self, value: impl Into<Value>) -> Self {
        self.content(Content::Inline(value.into()))
    }

    /// Content that is elsewhere, in the clear. Short or guessable content can be found from its hash; seal it.
    #[must_use]
    pub fn hashed(self, hash: Sha256Text, length: u64, media_type: Option<&str>) -> Self {
        self.content(Content::Hashed {
            hash,
            length,
            media_type: media_type.map(Into::into),
        })
    }

    /// Content behind a salted commitment.
    #[must_use]
    pub fn sealed(self, sealed: Sealed) -> Self {
        self.content(Content::Sealed(sealed))
    }

    /// One more attribute; one of the same name is replaced.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    pub(crate) fn into_object(self, link: Object) -> Result<Object, DraftError> {
        let parents: Vec<String> = self.parents.iter().map(ToString::to_string).collect();
        let mut object = link.with("parents", parents).with("step", kind(self.kind));
        if let Some(source) = self.source {
            object.insert("source", source.as_str());
        }
        object = match self.content {
            None => object,
            Some(Content::Inline(value)) => {
                object.with("content", Object::new().with("inline", value))
            }
            Some(Content::Hashed {
                hash,
                length,
                media_type,
            }) => {
                let content = Object::new()
                    .with("hash", hash.to_string())
                    .with("length", number(length)?);
                object.with("content", with_media_type(content, media_type))
            }
            Some(Content::Sealed(sealed)) => with_sealed(object, &sealed)?,
        };
        Ok(with_attributes(object, self.attributes))
    }
}

fn kind(kind: StepKind) -> Object {
    let object = Object::new().with("kind", kind.name());
    match kind {
        StepKind::ToolCall { tool } => object.with("tool", &*tool),
        StepKind::ModelCall {
            provider,
            model,
            direction,
        } => {
            let object = object
                .with("provider", &*provider)
                .with("direction", direction.as_str());
            match model {
                Some(model) => object.with("model", &*model),
                None => object,
            }
        }
        StepKind::Retrieval { url } => object.with("url", &*url),
        StepKind::Artifact { name, media_type } => {
            with_media_type(object.with("name", &*name), media_type)
        }
        StepKind::Merge | StepKind::Note => object,
    }
}
