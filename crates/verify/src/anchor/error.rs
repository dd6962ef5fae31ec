//! Why an anchor is none.

use quorate_policy::PolicyError;
use quorate_provenance::RulesError;
use quorate_receipt::json::JsonError;

use super::{MAX_ACTOR_KEYS, MAX_ANCHOR_LEN};

/// A file that is no trust anchor: the fault of whoever wrote it. Nothing was verified.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// Too long to be one.
    #[error("the trust anchor has {length} bytes; at most {MAX_ANCHOR_LEN} are read")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// Not JSON.
    #[error("the trust anchor is not JSON: {0}")]
    Json(#[from] JsonError),
    /// A member that no anchor has: misspelt, or of a later version.
    #[error("the trust anchor has an unknown member: `{path}`")]
    Unknown {
        /// Where.
        path: String,
    },
    /// A member that is something else.
    #[error("`{path}` in the trust anchor must be {expected}")]
    Expected {
        /// Where.
        path: String,
        /// What it must be.
        expected: &'static str,
    },
    /// Without actors' keys nobody is believed.
    #[error(
        "the trust anchor trusts no actor: it needs `trust_jwks`, or must be a JWK set with a key"
    )]
    NoActors,
    /// More keys than are read.
    #[error("the trust anchor has more than {MAX_ACTOR_KEYS} actor keys")]
    TooManyActors,
    /// The key is there twice: which of the two scopes holds would be a guess.
    #[error("`{path}` is a key that stands in the trust anchor already")]
    DuplicateKey {
        /// Where.
        path: String,
    },
    /// A private key has no place in a file that is handed round.
    #[error("`{path}` is a private key; take `d` out, and treat the key as leaked")]
    PrivateKey {
        /// Where.
        path: String,
    },
    /// The policy does not parse.
    #[error("`policy` in the trust anchor: {0}")]
    Policy(#[source] PolicyError),
    /// Members that do not go together.
    #[error("the trust anchor contradicts itself: {0}")]
    Contradiction(&'static str),
    /// The rules are none.
    #[error("`flow` in the trust anchor: {0}")]
    Flow(#[from] RulesError),
}

impl AnchorError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "anchor-invalid"
    }
}
