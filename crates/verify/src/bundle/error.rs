//! Why a bundle is not verified.

use quorate_note::{KeyId, KeyName};
use quorate_provenance::{Invalid, Subject};
use quorate_receipt::{Blake3Hash, PublicKeyText, ReceiptError, Sha256Text, Timestamp};

use super::attestation::AttestationError;
use super::head::HeadError;
use super::presentation::PresentationError;
use super::scan::ScanError;
use crate::error::VerifyError;

/// Why a bundle is not verified. There is no partial result.
///
/// [`code`](Self::code) is for programs and does not change; the text is for people and may.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The text is not a bundle's.
    #[error("malformed bundle: {0}")]
    Text(#[from] ScanError),
    /// A member before the steps is not what it must be.
    #[error("malformed bundle: {0}")]
    Member(#[from] HeadError),
    /// The log's head does not count for this anchor.
    #[error(transparent)]
    Head(VerifyError),
    /// Too few of the trusted witnesses co-signed.
    #[error("{found} of the trusted witnesses co-signed the log's head, {required} must have")]
    TooFewWitnesses {
        /// How many did.
        found: usize,
        /// How many must.
        required: usize,
    },
    /// A signature that nobody could check.
    #[error(
        "the log's head carries a signature by {name}+{id}, which the trust anchor's policy does not list; have the bundle \
         exported for this policy"
    )]
    UnknownSignature {
        /// Key name.
        name: KeyName,
        /// Key ID.
        id: KeyId,
    },
    /// The quorum's oldest co-signature is too old.
    #[error("the quorum's oldest co-signature is {age} seconds old; at most {allowed} are allowed")]
    TooOld {
        /// How old it is.
        age: u64,
        /// How old it may be.
        allowed: u64,
    },
    /// The quorum's co-signatures are younger than the time that the verifier was given.
    #[error("the quorum co-signed {ahead} seconds in the future: is the clock right?")]
    FromTheFuture {
        /// By so many seconds.
        ahead: u64,
    },
    /// A receipt is none in canonical form.
    #[error("receipt {position}: {error}")]
    Receipt {
        /// Which, counted from 0, the opening.
        position: u64,
        /// What is wrong.
        error: ReceiptError,
    },
    /// A receipt does not continue the session.
    #[error("receipt {position}: {error}")]
    Session {
        /// Which, counted from 0, the opening.
        position: u64,
        /// What is wrong.
        error: Invalid,
    },
    /// The bundle says that it is about another session.
    #[error("the bundle is said to be about the session {stated}, but holds {found}")]
    OtherSession {
        /// What it says.
        stated: Blake3Hash,
        /// Whose receipts it holds.
        found: Blake3Hash,
    },
    /// The anchor asks for another session.
    #[error("the session is {found}, the trust anchor asks for {required}")]
    UnexpectedSession {
        /// The session.
        found: Blake3Hash,
        /// What the anchor asks for.
        required: Blake3Hash,
    },
    /// Nobody vouches for the key.
    #[error("the key {key}, which signs for {subject}, is not in the trust anchor")]
    UnknownActor {
        /// The key.
        key: PublicKeyText,
        /// Whom it signs for.
        subject: Subject,
    },
    /// The key may not act for this id.
    #[error("the trust anchor does not let the key {key} act for {subject}")]
    OutOfScope {
        /// The key.
        key: PublicKeyText,
        /// Whom it signs for.
        subject: Subject,
    },
    /// The key does not count at the time of a receipt.
    #[error("receipt {position}: by the trust anchor, the key does not count at {time}")]
    OutOfWindow {
        /// Which, counted from 0, the opening.
        position: u64,
        /// Its time.
        time: Timestamp,
    },
    /// The bundle's list of steps is shorter or longer than its list of leaves.
    #[error("`leaves` names {leaves} receipts, and `steps` holds {steps}")]
    Count {
        /// By `leaves`.
        leaves: u64,
        /// How many were there; one more than `leaves` stands for any larger number.
        steps: u64,
    },
    /// The session was not closed: steps may be missing from its end.
    #[error("the session is incomplete: it was not closed, so steps may be missing from its end")]
    Incomplete,
    /// The log did not record these receipts at these places.
    #[error("the receipts are not proven to be in the log: {0}")]
    NotIncluded(#[source] quorate_merkle::VerifyError),
    /// The closing names no payload, and one must be bound, or one is shown.
    #[error("the session's closing binds no payload")]
    PayloadUnbound,
    /// What is shown is not what the closing binds.
    #[error("the payload has the hash {found}, the session's closing binds {bound}")]
    OtherPayload {
        /// Of what is shown.
        found: Sha256Text,
        /// What the closing binds.
        bound: Sha256Text,
    },
    /// Shown content is not what the step committed to, or the step sealed nothing.
    #[error("the content shown for step {sequence} is not what the step committed to")]
    OtherContent {
        /// Which step.
        sequence: u64,
    },
    /// The anchor asks for a presentation.
    #[error(
        "the trust anchor asks for an audience or a nonce, and this is a bare bundle: ask its holder for a presentation"
    )]
    NoPresentation,
    /// The presentation does not hold.
    #[error("presentation: {0}")]
    Presentation(#[from] PresentationError),
    /// The attestation does not hold.
    #[error("attestation: {0}")]
    Attestation(#[from] AttestationError),
}

impl BundleError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Member(_) => "bundle-malformed",
            Self::Head(error) => error.code(),
            Self::TooFewWitnesses { .. } => "not-quorate",
            Self::UnknownSignature { .. } => "signature-unknown",
            Self::TooOld { .. } => "too-old",
            Self::FromTheFuture { .. } => "from-the-future",
            Self::Receipt { .. } => "receipt-malformed",
            Self::Session { error, .. } => session_code(error),
            Self::OtherSession { .. } => "session-mismatch",
            Self::UnexpectedSession { .. } => "session-unexpected",
            Self::UnknownActor { .. } => "actor-unknown",
            Self::OutOfScope { .. } => "actor-out-of-scope",
            Self::OutOfWindow { .. } => "actor-out-of-window",
            Self::Count { .. } => "receipt-count",
            Self::Incomplete => "incomplete",
            Self::NotIncluded(_) => "not-included",
            Self::PayloadUnbound => "payload-unbound",
            Self::OtherPayload { .. } => "payload-mismatch",
            Self::OtherContent { .. } => "content-mismatch",
            Self::NoPresentation => "presentation-missing",
            Self::Presentation(error) => error.code(),
            Self::Attestation(error) => error.code(),
        }
    }

    /// What a reader should do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.code() {
            "incomplete" => {
                "ask for the bundle again once the session is closed; an anchor with \"require\":{\"complete\":false} takes it as it is"
            }
            "actor-unknown" | "actor-out-of-scope" | "actor-out-of-window" => {
                "is this the trust anchor for that actor? if so, do not believe the bundle"
            }
            "log-unknown" | "signature-unknown" => {
                "is this the trust anchor for the log it was recorded in? have the bundle exported for its policy"
            }
            "not-quorate" | "too-old" => {
                "ask for a newer export: witnesses may have co-signed since"
            }
            "payload-unbound" | "payload-mismatch" => {
                "do not believe that this payload came from the session"
            }
            "presentation-missing" => "ask its holder: 'quorate bundle present' makes one",
            "from-the-future" => "set the clock of this machine right, then try again",
            "presentation-audience" | "presentation-nonce" | "presentation-expired" => {
                "it was made for somebody else or another time: ask its holder for one of your own"
            }
            "flow-refused" => "the trust anchor's rules keep such sources away from this step",
            _ => "do not believe it: keep it, and ask whoever it came from",
        }
    }
}

fn session_code(error: &Invalid) -> &'static str {
    match error {
        Invalid::BadSignature { .. } | Invalid::OtherActor { .. } | Invalid::UnusableKey(_) => {
            "receipt-signature"
        }
        Invalid::Flow(_) => "flow-refused",
        Invalid::UnknownParent(_) | Invalid::ParentOrder(_) => "parent-unknown",
        Invalid::Count { .. } => "step-count",
        Invalid::Malformed(_) => "receipt-malformed",
        _ => "receipt-out-of-order",
    }
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure<E> {
    /// The bundle could not be read to its end: nothing is known of it.
    #[error("the bundle cannot be read: {0}")]
    Read(E),
    /// It was refused.
    #[error(transparent)]
    Refused(BundleError),
}
