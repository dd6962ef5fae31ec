//! The five records as typed values.

use quorate_receipt::json::Value;
use quorate_receipt::{Blake3Hash, PublicKeyText, Sealed, Sha256Text, Timestamp};

use crate::label::SourceClass;
use crate::members::Attributes;
use crate::signed::Signed;
use crate::subject::Subject;

/// How many parents a step may have: 256 hashes of 74 bytes are 19 kB, less than a third of a receipt.
pub const MAX_PARENTS: usize = 256;

/// A receipt's meaning to this engine. No signature has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// `actor_added`
    ActorAdded(ActorAdded),
    /// `actor_removed`
    ActorRemoved(ActorRemoved),
    /// `session_opened`
    Opened(Signed<Opening>),
    /// `session_step`
    Step(Signed<Step>),
    /// `session_closed`
    Closed(Signed<Closing>),
}

impl Record {
    /// The type of [`Record::ActorAdded`].
    pub const ACTOR_ADDED: &'static str = "actor_added";
    /// The type of [`Record::ActorRemoved`].
    pub const ACTOR_REMOVED: &'static str = "actor_removed";
    /// The type of [`Record::Opened`].
    pub const SESSION_OPENED: &'static str = "session_opened";
    /// The type of [`Record::Step`].
    pub const SESSION_STEP: &'static str = "session_step";
    /// The type of [`Record::Closed`].
    pub const SESSION_CLOSED: &'static str = "session_closed";
}

/// The operator pins a key for an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorAdded {
    /// The actor.
    pub actor: Subject,
    /// Its key.
    pub key: PublicKeyText,
    /// The first time at which the key counts.
    pub not_before: Option<Timestamp>,
    /// The last time at which the key counts.
    pub not_after: Option<Timestamp>,
}

/// The operator takes a pinned key back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorRemoved {
    /// The actor.
    pub actor: Subject,
    /// Its key.
    pub key: PublicKeyText,
}

/// A session begins. Its id is the `root_hash` of this receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Who acts.
    pub subject: Subject,
    /// The key that signs every receipt of the session.
    pub key: PublicKeyText,
    /// Keeps sessions apart that are otherwise alike.
    pub nonce: [u8; 32],
    /// Free text.
    pub attributes: Attributes,
}

/// Where a receipt stands in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The `root_hash` of the opening.
    pub session: Blake3Hash,
    /// Counts from 1.
    pub sequence: u64,
    /// The `root_hash` of the session's receipt before it.
    pub previous: Blake3Hash,
}

/// Something that the actor did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its place.
    pub link: Link,
    /// The steps that it derives from, in the order in which they were recorded.
    pub parents: Vec<Blake3Hash>,
    /// What it was.
    pub kind: StepKind,
    /// Where what it brings in comes from.
    pub source: Option<SourceClass>,
    /// What it was about.
    pub content: Option<Content>,
    /// Free text.
    pub attributes: Attributes,
}

/// Which way the content of a model call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the model.
    Prompt,
    /// From the model.
    Response,
}

impl Direction {
    /// As receipts write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Response => "response",
        }
    }
}

/// What a step was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A tool was called.
    ToolCall {
        /// Which.
        tool: Box<str>,
    },
    /// A model was asked, or answered.
    ModelCall {
        /// Whose.
        provider: Box<str>,
        /// Which.
        model: Option<Box<str>>,
        /// Asked or answered.
        direction: Direction,
    },
    /// Something was fetched.
    Retrieval {
        /// From where.
        url: Box<str>,
    },
    /// Something was made.
    Artifact {
        /// Its name.
        name: Box<str>,
        /// Its media type.
        media_type: Option<Box<str>>,
    },
    /// Two or more branches came together.
    Merge,
    /// A remark.
    Note,
}

impl StepKind {
    /// As receipts write it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ToolCall { .. } => "tool_call",
            Self::ModelCall { .. } => "model_call",
            Self::Retrieval { .. } => "retrieval",
            Self::Artifact { .. } => "artifact",
            Self::Merge => "merge",
            Self::Note => "note",
        }
    }
}

/// What a step was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// In the receipt.
    Inline(Value),
    /// Elsewhere, in the clear.
    Hashed {
        /// Its SHA-256.
        hash: Sha256Text,
        /// Its length in bytes.
        length: u64,
        /// Its media type.
        media_type: Option<Box<str>>,
    },
    /// Beside the log, behind a salted commitment.
    Sealed(Sealed),
}

/// What a session led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Its SHA-256.
    pub hash: Sha256Text,
    /// Its media type.
    pub media_type: Option<Box<str>>,
}

/// A session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Its place.
    pub link: Link,
    /// How many steps the session had, so that none can be dropped from its end.
    pub steps: u64,
    /// What the session led to.
    pub payload: Option<Payload>,
    /// Free text.
    pub attributes: Attributes,
}
