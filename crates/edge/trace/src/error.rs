//! Why a file is not read.

use quorate_provenance::{
    MAX_ATTRIBUTE_NAME_LEN, MAX_ATTRIBUTE_VALUE_LEN, MAX_ATTRIBUTES, MAX_STEPS, SourceClass,
};

use crate::content::MAX_ATTRIBUTES_LEN;

/// A file that cannot be read as what it should be: the fault of whoever wrote it, or of who named its format.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Not UTF-8.
    #[error("it is no text in UTF-8: see the byte at {offset}")]
    NotUtf8 {
        /// Of the first byte that is wrong.
        offset: usize,
    },
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// Not JSON, or cut off.
    #[error("it is not JSON")]
    Json(#[source] serde_json::Error),
    /// Requests without a single span.
    #[error("there is no span in it")]
    NoSpans,
    /// Something in it is not as it must be.
    #[error("{place}: {fault}")]
    At {
        /// Where: a line, or the way to a span.
        place: String,
        /// What.
        #[source]
        fault: Fault,
    },
    /// More steps, with those that bring branches together, than a session has.
    #[error("it comes to {steps} steps, but a session has at most {MAX_STEPS}")]
    TooManySteps {
        /// How many.
        steps: usize,
    },
}

/// What is wrong with one place of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Not an object, cut off, or with a member that stands twice.
    #[error("not an object: {0}")]
    Json(#[from] serde_json::Error),
    /// No `resourceSpans`, but something else.
    #[error(
        "expected `resourceSpans`; logs and metrics are no trace, and OTLP/JSON names are lowerCamelCase"
    )]
    NotTraces,
    /// A member of another type or form.
    #[error("`{member}` must be {expected}")]
    Member {
        /// Which.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A member that has to be there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// An id as Protobuf's own JSON writes it.
    #[error(
        "`{0}` must be hexadecimal, as OTLP/JSON has it; this looks like the base64 of Protobuf's own JSON"
    )]
    Base64(&'static str),
    /// Times in the wrong order.
    #[error("the span ends before it begins")]
    EndsFirst,
    /// One id for two spans.
    #[error("another span of this trace has the id {0} too, and says something else")]
    SpanTwice(String),
    /// A class that does not exist.
    #[error(
        "{0:?} is no source; they are user, operator, local_file, memory, rag_index, web, tool and undeclared"
    )]
    Source(String),
    /// A class that what is retrieved cannot have.
    #[error(
        "a retrieval cannot have the source {0}: it was not said by a person, and what comes over the network is no file of this machine"
    )]
    RetrievalSource(SourceClass),
    /// A kind that does not exist.
    #[error(
        "{0:?} is no kind; they are tool_call, model_call, retrieval, artifact, merge and note"
    )]
    Kind(String),
    /// One id for two lines.
    #[error("an earlier line has the id {0:?} too")]
    IdTwice(String),
    /// A parent that no earlier line is.
    #[error("the parent {0:?} is the id of no earlier line")]
    UnknownParent(String),
    /// A merge of less than two.
    #[error("a merge needs two parents or more")]
    Merge,
    /// The log's times run backwards.
    #[error("its time is before that of a line above; put the lines in the order of time")]
    Backwards,
    /// More or longer attributes than a receipt takes.
    #[error(
        "at most {MAX_ATTRIBUTES} attributes, names of 1 to {MAX_ATTRIBUTE_NAME_LEN} bytes, values of at most {MAX_ATTRIBUTE_VALUE_LEN}, together at most {MAX_ATTRIBUTES_LEN}"
    )]
    Attributes,
}

impl Fault {
    pub(crate) fn at(self, place: impl Into<String>) -> ReadError {
        ReadError::At {
            place: place.into(),
            fault: self,
        }
    }
}
