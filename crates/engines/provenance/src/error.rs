//! Why a receipt does not continue the history.

use quorate_receipt::{Blake3Hash, PublicKeyText, Timestamp};

use crate::malformed::Malformed;
use crate::rules::FlowViolation;
use crate::session::MAX_STEPS;
use crate::subject::Subject;

/// A receipt that does not continue its session or its scroll: the fault of whoever wrote it. Nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Not one of the five records in its one form.
    #[error("not a provenance record: {0}")]
    Malformed(#[from] Malformed),
    /// A session begins with `session_opened`.
    #[error("a session begins with `session_opened`, not with `{0}`")]
    NotAnOpening(Box<str>),
    /// After the opening come steps and a closing.
    #[error("a session goes on with `session_step` or `session_closed`, not with `{0}`")]
    NotAStep(Box<str>),
    /// A key that no signature can be checked against.
    #[error("{0} is not a usable Ed25519 key")]
    UnusableKey(PublicKeyText),
    /// The signature is said to be somebody else's.
    #[error("the session is {subject}'s, but the signature is said to be {by}'s")]
    OtherActor {
        /// Whose session it is.
        subject: Subject,
        /// Whose signature it is said to be.
        by: Subject,
    },
    /// The signature is not by the session's key over this receipt.
    #[error("the signature of {subject} is not by the session's key over this receipt")]
    BadSignature {
        /// Whose session it is.
        subject: Subject,
    },
    /// A receipt of another session.
    #[error("the receipt belongs to the session {found}, not to {expected}")]
    OtherSession {
        /// This session.
        expected: Blake3Hash,
        /// The receipt's.
        found: Blake3Hash,
    },
    /// Receipts are missing in between, or come twice.
    #[error("the receipt has sequence number {found}, but {expected} is next")]
    Sequence {
        /// The next sequence number.
        expected: u64,
        /// The receipt's.
        found: u64,
    },
    /// The receipt follows another one.
    #[error("the receipt follows {found}, but the session's last is {expected}")]
    Previous {
        /// The session's last receipt.
        expected: Blake3Hash,
        /// What the receipt names.
        found: Blake3Hash,
    },
    /// Time does not run backwards within a session.
    #[error("the receipt's time, {found}, is before {last}, the time of the one before it")]
    Time {
        /// The time of the session's last receipt.
        last: Timestamp,
        /// The receipt's.
        found: Timestamp,
    },
    /// The session is over.
    #[error("the session {0} is closed")]
    Closed(Blake3Hash),
    /// The closing names another number of steps.
    #[error("the closing counts {found} steps, but the session has {expected}")]
    Count {
        /// How many the session has.
        expected: u64,
        /// How many the closing says.
        found: u64,
    },
    /// Open another session.
    #[error("a session has at most {MAX_STEPS} steps")]
    TooManySteps,
    /// A parent is not an earlier step of this session.
    #[error("the parent {0} is no earlier step of the session")]
    UnknownParent(Blake3Hash),
    /// Parents are named in the order in which they were recorded.
    #[error("the parent {0} was recorded before the one named ahead of it")]
    ParentOrder(Blake3Hash),
    /// The step derives from what a rule keeps out.
    #[error("{0}")]
    Flow(#[from] FlowViolation),
    /// No session has this id.
    #[error("there is no session {0}")]
    UnknownSession(Blake3Hash),
    /// The opening is recorded already.
    #[error("the session {0} is open already, or was")]
    SessionExists(Blake3Hash),
    /// The key is not pinned for the subject, or not any more.
    #[error("{key} is not pinned for {subject}")]
    NotPinned {
        /// The actor.
        subject: Subject,
        /// The key.
        key: PublicKeyText,
    },
    /// The key does not count yet, or no longer.
    #[error("{key} does not count at {timestamp}")]
    OutsideWindow {
        /// The key.
        key: PublicKeyText,
        /// The receipt's time.
        timestamp: Timestamp,
    },
    /// The key is pinned for this actor already.
    #[error("{0} is pinned for this actor already")]
    AlreadyPinned(PublicKeyText),
    /// One key acts for one actor, also after it was removed: else old sessions would have two readings.
    #[error("{key} is, or was, the key of {actor}")]
    PinnedForAnother {
        /// Whose key it is or was.
        actor: Subject,
        /// The key.
        key: PublicKeyText,
    },
}
