//! What a party tells the other about an agreement that exists: revocation, suspension and its end.

use quorate_receipt::json::Object;
use quorate_receipt::{Blake3Hash, PublicKeyText, Timestamp};

use crate::discovery::TIME;
use crate::fields::{Fields, number};
use crate::level::TrustLevel;
use crate::limits::MAX_NOTICE_LEN;
use crate::malformed::Malformed;
use crate::signed::body::Body;
use crate::text::{MeshId, Remark};

/// What a suspension stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Cross-anchoring and what lies above it: the level is at most 2.
    CrossAnchoring,
    /// Everything: the level is 0.
    Federation,
}

impl Scope {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CrossAnchoring => "cross_anchoring",
            Self::Federation => "federation",
        }
    }

    /// The highest level that is left.
    #[must_use]
    pub const fn leaves(self) -> TrustLevel {
        match self {
            Self::CrossAnchoring => TrustLevel::Verify,
            Self::Federation => TrustLevel::Isolated,
        }
    }
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// `revoke`: the agreement ends at this time, which lies a notice period ahead or is now. There is no way back.
    Revoke {
        /// When it ends; not before the notice.
        effective_at: Timestamp,
    },
    /// `suspend`: from now on, until whoever suspended it resumes it. In place of an earlier suspension by the same
    /// party.
    Suspend(Scope),
    /// `resume`: the issuer's own suspension ends. The other party's, if there is one, does not.
    Resume,
}

impl Change {
    /// The name of what is said.
    #[must_use]
    pub const fn notice_type(self) -> &'static str {
        match self {
            Self::Revoke { .. } => "revoke",
            Self::Suspend(_) => "suspend",
            Self::Resume => "resume",
        }
    }
}

/// A notice of one party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// About which agreement.
    pub agreement_hash: Blake3Hash,
    /// Whose notice.
    pub issuer: MeshId,
    /// When, by the issuer's clock.
    pub issued_at: Timestamp,
    /// The issuer's notices about this agreement, counted from 1, so that an old one cannot be played again.
    pub sequence: u64,
    /// What is said.
    pub change: Change,
    /// For people to read, verbatim; may be empty.
    pub reason: Remark,
}

const TYPES: &str = "`revoke`, `suspend` or `resume`";
const SCOPES: &str = "`cross_anchoring` or `federation`";

impl Body for Notice {
    const WHAT: &'static str = "the notice";
    const CONTEXT: &'static str = "notice";
    const MAX_LEN: usize = MAX_NOTICE_LEN;
    const ALGORITHM: bool = false;

    fn signer(&self) -> &MeshId {
        &self.issuer
    }

    fn signing_key(&self) -> Option<&PublicKeyText> {
        None
    }

    fn write(&self) -> Object {
        let object = Object::new()
            .with("agreement_hash", self.agreement_hash.to_string())
            .with("notice_type", self.change.notice_type())
            .with("issuer", self.issuer.as_str())
            .with("issued_at", self.issued_at.to_string())
            .with("sequence", number(self.sequence))
            .with("reason", self.reason.as_str());
        match self.change {
            Change::Revoke { effective_at } => {
                object.with("effective_at", effective_at.to_string())
            }
            Change::Suspend(scope) => object.with("scope", scope.as_str()),
            Change::Resume => object,
        }
    }

    fn read(fields: &mut Fields) -> Result<Self, Malformed> {
        let notice_type: String = fields.parsed("notice_type", TYPES)?;
        let notice = Self {
            agreement_hash: fields
                .parsed("agreement_hash", "`blake3:` and 64 lower-case hex digits")?,
            issuer: fields.parsed("issuer", MeshId::EXPECTED)?,
            issued_at: fields.parsed("issued_at", TIME)?,
            sequence: fields.integer("sequence", 1..=u64::MAX, "an integer ≥ 1")?,
            change: match notice_type.as_str() {
                "revoke" => Change::Revoke {
                    effective_at: fields.parsed("effective_at", TIME)?,
                },
                "suspend" => Change::Suspend(scope(fields)?),
                "resume" => Change::Resume,
                _ => return Err(fields.invalid("notice_type", TYPES)),
            },
            reason: fields.parsed("reason", Remark::EXPECTED)?,
        };
        if let Change::Revoke { effective_at } = notice.change
            && effective_at < notice.issued_at
        {
            return Err(fields.invalid("effective_at", "a time that is not before `issued_at`"));
        }
        Ok(notice)
    }
}

fn scope(fields: &mut Fields) -> Result<Scope, Malformed> {
    let name: String = fields.parsed("scope", SCOPES)?;
    [Scope::CrossAnchoring, Scope::Federation]
        .into_iter()
        .find(|scope| scope.as_str() == name)
        .ok_or_else(|| fields.invalid("scope", SCOPES))
}
