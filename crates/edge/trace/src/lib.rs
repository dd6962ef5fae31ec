//! OpenTelemetry traces and agent logs, read as the steps of sessions. Text in, steps out: no disk, network, clock, key or
//! randomness.
//!
//! In scope
//! - OTLP/JSON trace exports, one request or a stream of them ([`Format::Otlp`]), mapped by the semantic conventions for
//!   generative AI, HTTP, databases and RPC;
//! - logs of one JSON object a line ([`Format::Jsonl`]), also of chat messages;
//! - what each step derives from: by time and by nesting for spans, by what the log says for lines.
//!
//! Out of scope
//! - whether what a trace says is true; clocks of different machines that disagree; OTLP logs and metrics;
//! - signing and recording: `quorate session import` does that.
//!
//! Specifications: OTLP 1.x, "JSON Protobuf Encoding"; OpenTelemetry semantic conventions for generative AI 0.1.0 (status
//! Development) and before, with the names they replaced (`gen_ai.system`, `http.url`, `http.method`, `db.system`,
//! `rpc.system`).
#![forbid(unsafe_code)]

mod chat;
mod content;
mod convention;
mod error;
mod jsonl;
mod order;
mod otlp;
mod plan;
mod raw;
mod source;
mod span;

pub use content::{MAX_INLINE, Whole};
pub use error::{Fault, ReadError};
pub use plan::{Log, MAX_DERIVED, Planned, Trace};
pub use source::{SourceRule, SourceRuleError};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OTLP/JSON: one `ExportTraceServiceRequest`, or several one after another, as the collector's file exporter
    /// writes them.
    Otlp,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// As attributes and arguments write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Otlp => "otlp",
            Self::Jsonl => "jsonl",
        }
    }
}

/// Reads a whole file; a `format` of none is found out.
///
/// The first of `rules` that is about a step decides what source it has; else what the file says of it does, else its kind.
///
/// # Errors
/// [`ReadError`] names the first thing that is wrong and where it stands. A file is read whole or not at all.
pub fn read<'a>(
    file: &'a [u8],
    format: Option<Format>,
    rules: &[SourceRule],
) -> Result<Log<'a>, ReadError> {
    let text = std::str::from_utf8(file).map_err(|e| ReadError::NotUtf8 {
        offset: e.valid_up_to(),
    })?;
    if text.trim_ascii().is_empty() {
        return Err(ReadError::Empty);
    }
    match format.unwrap_or_else(|| detected(text)) {
        Format::Otlp => otlp::read(text, rules),
        Format::Jsonl => jsonl::read(text, rules),
    }
}

/// OTLP says what it is in the first object's members.
fn detected(text: &str) -> Format {
    let first = raw::values(text)
        .next()
        .and_then(Result::ok)
        .and_then(|value| raw::Members::of(value).ok());
    let otlp = first.is_some_and(|members| members.names().any(|n| otlp::SIGNALS.contains(&n)));
    if otlp { Format::Otlp } else { Format::Jsonl }
}
