//! Why bytes are no message, or a receipt no record, of federation.

use quorate_policy::PolicyError;
use quorate_receipt::json::JsonError;

/// Not in the one form that it is written in: the fault of whoever wrote it. Nothing is changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Longer than its limit.
    #[error("{what} of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// What.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// Not JSON as this system reads it; duplicate members are among the reasons.
    #[error("{what} is not acceptable JSON: {error}")]
    Json {
        /// What.
        what: &'static str,
        /// What is wrong with it.
        error: JsonError,
    },
    /// JSON, but not an object.
    #[error("{what} must be an object")]
    NotAnObject {
        /// What.
        what: &'static str,
    },
    /// Every member is right, but the text is not the canonical one.
    #[error("{what} is not in canonical form (RFC 8785)")]
    NotCanonical {
        /// What.
        what: &'static str,
    },
    /// A member that must be there.
    #[error("{within} has no member `{member}`")]
    Missing {
        /// In what.
        within: &'static str,
        /// Its name.
        member: Box<str>,
    },
    /// A member that has no meaning.
    #[error("{within} has an unknown member `{member}`")]
    Unknown {
        /// In what.
        within: &'static str,
        /// Its name.
        member: Box<str>,
    },
    /// A member of the wrong type, or whose value is not in its one form.
    #[error("`{member}` of {within} must be {expected}")]
    Invalid {
        /// In what.
        within: &'static str,
        /// Its name.
        member: Box<str>,
        /// What was expected.
        expected: &'static str,
    },
    /// A list names something twice.
    #[error("`{member}` of {within} names something twice")]
    Repeated {
        /// In what.
        within: &'static str,
        /// The list.
        member: &'static str,
    },
    /// A quorum policy that is none.
    #[error("`quorum_policy` of {within}: {error}")]
    Policy {
        /// In what.
        within: &'static str,
        /// What is wrong with it.
        error: Box<PolicyError>,
    },
    /// Two parties whose names end alike have the same member in `key_exchange`.
    #[error("both meshes have the label `{label}`, which names their keys in an agreement")]
    SameLabel {
        /// The last part of both names.
        label: Box<str>,
    },
    /// A mesh does not federate with itself.
    #[error("the two parties are the same mesh")]
    SameMesh,
    /// The signature is by somebody who is no party of what is signed.
    #[error("`{member}` of {within} names a mesh that is no party")]
    NoParty {
        /// In what.
        within: &'static str,
        /// The member.
        member: &'static str,
    },
    /// A hash in the text is not that of the text.
    #[error("`{member}` of {within} is not the hash of its content")]
    WrongHash {
        /// In what.
        within: &'static str,
        /// The member.
        member: &'static str,
    },
    /// No receipt type of this engine.
    #[error("`{0}` is no type of a federation receipt")]
    UnknownType(Box<str>),
    /// A lineage event that is no receipt.
    #[error("a lineage event of {within} is no receipt: {error}")]
    Event {
        /// In what.
        within: &'static str,
        /// What is wrong with it.
        error: quorate_receipt::ReceiptError,
    },
}
