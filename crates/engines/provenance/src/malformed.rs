//! Why a receipt is no record of this engine.

use crate::label::SourceClass;
use crate::members::{MAX_ATTRIBUTE_NAME_LEN, MAX_ATTRIBUTE_VALUE_LEN, MAX_ATTRIBUTES};
use crate::record::MAX_PARENTS;
use crate::subject::SubjectError;

/// A receipt that is not one of the five records in its one form: the fault of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// None of the five types.
    #[error("`{0}` is no type of a provenance receipt")]
    UnknownType(Box<str>),
    /// A member that has no meaning here.
    #[error("unknown member `{member}` in {within}")]
    UnknownMember {
        /// Where.
        within: &'static str,
        /// Its name.
        member: Box<str>,
    },
    /// A member that must be there.
    #[error("the member `{member}` is missing")]
    Missing {
        /// Its name.
        member: &'static str,
    },
    /// A member whose value is not in its one form.
    #[error("`{member}` must be {expected}")]
    Invalid {
        /// Its name.
        member: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The name of an actor.
    #[error("`{member}` names no actor: {error}")]
    Subject {
        /// Which member.
        member: &'static str,
        /// What is wrong with it.
        error: SubjectError,
    },
    /// A key's time ends before it begins.
    #[error("`not_after` is before `not_before`")]
    Window,
    /// No attribute, or too many. Leave `attributes` out if there are none.
    #[error("{0} attributes, but `attributes` has 1 to {MAX_ATTRIBUTES}")]
    AttributeCount(usize),
    /// An attribute that is no string or too long.
    #[error(
        "attributes have names of 1 to {MAX_ATTRIBUTE_NAME_LEN} bytes and strings of at most \
         {MAX_ATTRIBUTE_VALUE_LEN} bytes as values"
    )]
    Attribute,
    /// Not exactly one signature.
    #[error("`signatures` must be an object with the actor's signature, `z…`, and no other")]
    Signatures,
    /// None of the six kinds of steps.
    #[error("`{0}` is no kind of step")]
    UnknownKind(Box<str>),
    /// More than [`MAX_PARENTS`].
    #[error("{0} parents, but a step has at most {MAX_PARENTS}")]
    TooManyParents(usize),
    /// A parent is named twice.
    #[error("`parents` names a step twice")]
    ParentTwice,
    /// A merge joins two or more.
    #[error("a merge has at least two parents, this one has {0}")]
    MergeParents(usize),
    /// A retrieval brings something in from outside.
    #[error("a retrieval must declare its `source`")]
    RetrievalWithoutSource,
    /// What comes over the network is no file of this machine, and nothing that is retrieved was said by a person.
    #[error("a retrieval of {url:?} cannot have the source `{class}`")]
    RetrievalSource {
        /// What was retrieved.
        url: Box<str>,
        /// What it was said to be.
        class: SourceClass,
    },
    /// Content is either in the receipt or behind a commitment.
    #[error("a step has `content` or `sealed`, not both")]
    ContentAndSealed,
}
