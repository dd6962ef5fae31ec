//! What a span was, by the semantic conventions.

use quorate_provenance::{Direction, MAX_NAME_LEN, MAX_URL_LEN, SourceClass, StepKind};

use crate::content::{fitted, fitted_url};
use crate::error::Fault;
use crate::span::{Kind, Span};

/// Names a span's source outright.
const SOURCE: &str = "quorate.source";
const OPERATION: &str = "gen_ai.operation.name";

/// The attributes that decide; a name that replaced another stands before it.
pub(crate) const ATTRIBUTES: [&str; 20] = [
    SOURCE,
    OPERATION,
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.tool.name",
    "gen_ai.data_source.id",
    "gen_ai.memory.store.id",
    "http.request.method",
    "http.method",
    "url.full",
    "http.url",
    "db.system.name",
    "db.system",
    "rpc.system.name",
    "rpc.system",
    "rpc.service",
    "rpc.method",
    "mcp.method.name",
];

/// What a span is, and the source that it has unless something else says so.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) kind: StepKind,
    pub(crate) source: Option<SourceClass>,
}

/// Whether a span is a call of a model.
pub(crate) fn is_model_call(span: &Span<'_>) -> bool {
    matches!(
        span.attribute(OPERATION),
        Some("chat" | "text_completion" | "generate_content" | "embeddings")
    )
}

/// `carries` is true if the span's parent is a call of a model, so that a request under it is how that call was made.
pub(crate) fn meaning(span: &Span<'_>, carries: bool) -> Meaning {
    let first = |names: &[&str]| names.iter().find_map(|name| span.attribute(name));
    let named = |name: Option<&str>| fitted(name.unwrap_or(&span.name), MAX_NAME_LEN).into();
    if is_model_call(span) {
        let provider = first(&["gen_ai.provider.name", "gen_ai.system"]).unwrap_or_default();
        let model = first(&["gen_ai.response.model", "gen_ai.request.model"]);
        return Meaning {
            kind: StepKind::ModelCall {
                provider: fitted(provider, MAX_NAME_LEN).into(),
                model: model.map(|model| fitted(model, MAX_NAME_LEN).into()),
                // A span ends with the answer.
                direction: Direction::Response,
            },
            source: None,
        };
    }
    let tool = |name: Option<&str>| Meaning {
        kind: StepKind::ToolCall { tool: named(name) },
        source: Some(SourceClass::Tool),
    };
    let retrieval = |from: Option<&str>, source| Meaning {
        kind: StepKind::Retrieval {
            url: fitted_url(from.unwrap_or(&span.name), MAX_URL_LEN).into(),
        },
        source: Some(source),
    };
    match span.attribute(OPERATION) {
        Some("execute_tool") => return tool(span.attribute("gen_ai.tool.name")),
        Some("retrieval") => {
            return retrieval(
                span.attribute("gen_ai.data_source.id"),
                SourceClass::RagIndex,
            );
        }
        Some("search_memory") => {
            return retrieval(
                span.attribute("gen_ai.memory.store.id"),
                SourceClass::Memory,
            );
        }
        _ => {}
    }
    if span.kind == Kind::Client && !carries {
        let url = first(&["url.full", "http.url"]);
        if url.is_some() && first(&["http.request.method", "http.method"]).is_some() {
            return retrieval(url, SourceClass::Web);
        }
        if let Some(database) = first(&["db.system.name", "db.system"]) {
            return tool(Some(database));
        }
        if first(&["rpc.system.name", "rpc.system", "mcp.method.name"]).is_some() {
            let service = span.attribute("rpc.service");
            let method = span.attribute("rpc.method").map(|method| match service {
                Some(service) => format!("{service}/{method}"),
                None => method.to_owned(),
            });
            return tool(method.as_deref());
        }
    }
    // Nobody said what an unknown caller, service or queue brought in.
    let outside = match span.kind {
        Kind::Client => !carries,
        Kind::Server | Kind::Consumer => true,
        Kind::Inside => false,
    };
    Meaning {
        kind: StepKind::Note,
        source: outside.then_some(SourceClass::Undeclared),
    }
}

/// The source that a span names itself.
pub(crate) fn declared(span: &Span<'_>) -> Result<Option<SourceClass>, Fault> {
    let Some(name) = span.attribute(SOURCE) else {
        return Ok(None);
    };
    let class = SourceClass::from_name(name).ok_or_else(|| Fault::Source(name.to_owned()));
    class.map(Some)
}
