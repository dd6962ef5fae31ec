//! What a monitor can find. Each says whose matter it is: the log's, or that of the way to it.

use std::path::PathBuf;

use quorate_policy::Shortfall;
use thiserror::Error;

use super::time_text;

/// Something that is not as it should be. Evidence is named where it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Finding {
    /// The log signed two histories; a proof is kept.
    #[error(
        "the log signed two histories: {remembered} entries as seen here, and {shown} as {from} shows them"
    )]
    SplitView {
        /// Size of the head that is remembered, or that the log shows.
        remembered: u64,
        /// Size of the one that contradicts it.
        shown: u64,
        /// Who showed that.
        from: String,
        /// The proof; none if there is enough of its kind, or if it could not be written.
        evidence: Option<PathBuf>,
    },
    /// A proof against the log was kept before.
    #[error("the log signed two histories earlier: {files} kept as proof")]
    ProofKept {
        /// How many files.
        files: usize,
        /// One of them.
        evidence: PathBuf,
    },
    /// The log shows a smaller head than before.
    #[error("the log went back: it showed {remembered} entries before, and shows {shown} now")]
    Rollback {
        /// What it showed.
        remembered: u64,
        /// What it shows.
        shown: u64,
        /// The file; none if there is enough of its kind.
        evidence: Option<PathBuf>,
    },
    /// A head that nothing shows to continue the one remembered.
    #[error(
        "nothing shows that the head of {shown} entries, from {from}, and the one of {remembered} that is remembered are of one history: {why}"
    )]
    Unproven {
        /// Size of the head that is remembered.
        remembered: u64,
        /// Size of the other.
        shown: u64,
        /// Who showed that.
        from: String,
        /// What the tiles lack.
        why: String,
        /// The file; none if there is enough of its kind.
        evidence: Option<PathBuf>,
    },
    /// A witness co-signed a head some time ago that the log does not serve.
    #[error(
        "the log does not serve what it had co-signed: {from} has a head of {size} entries, and the log shows {shown}"
    )]
    Withheld {
        /// The witness.
        from: String,
        /// Size of what it co-signed.
        size: u64,
        /// Size of what the log shows.
        shown: u64,
    },
    /// Another log is at the address of the one before.
    #[error("another log is at this address: {now}, where {before} was")]
    OtherLog {
        /// Origin of the log that was there.
        before: String,
        /// Origin of the one that is.
        now: String,
    },
    /// Signatures by keys of the policy that are missing or fail, or octets that are no checkpoint.
    #[error("{from}: {why}")]
    NotVerified {
        /// Who showed it.
        from: String,
        /// What is wrong.
        why: String,
    },
    /// Too few witnesses co-signed.
    #[error("{short}; so it is since {}", time_text(*since))]
    MissingQuorum {
        /// What is missing.
        short: Box<Shortfall>,
        /// Since when this monitor sees no quorum, POSIX seconds.
        since: u64,
    },
    /// The newest head is old.
    #[error("the newest head is from {}, longer ago than allowed", time_text(*at))]
    Stale {
        /// When it had its quorum; without witnesses, when it was seen first. POSIX seconds.
        at: u64,
    },
    /// Witnesses' clocks are ahead of this machine's: nothing can be said of a head's age.
    #[error("the newest head is from {}, in the future: a clock is wrong", time_text(*at))]
    Ahead {
        /// When it had its quorum, POSIX seconds.
        at: u64,
    },
    /// Somebody could not be asked, or not completely.
    #[error("{why}")]
    Unreachable {
        /// Why.
        why: String,
        /// Where a head is kept that nothing could be said of.
        evidence: Option<PathBuf>,
    },
    /// A witness could not be asked. What the log itself shows was judged all the same.
    #[error("{from}: {why}")]
    WitnessUnreachable {
        /// The witness.
        from: String,
        /// Why.
        why: String,
    },
    /// The memory failed, or cannot be trusted.
    #[error("{why}")]
    Memory {
        /// Why.
        why: String,
        /// Whether the disk failed: if not, what is on it was changed.
        environment: bool,
    },
}

impl Finding {
    /// Names of all findings, which are labels of the metrics.
    pub const CODES: [&'static str; 13] = [
        "split-view",
        "proof-kept",
        "rollback",
        "unproven",
        "withheld",
        "other-log",
        "not-verified",
        "missing-quorum",
        "stale",
        "clock",
        "unreachable",
        "witness-unreachable",
        "memory",
    ];

    /// A stable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SplitView { .. } => "split-view",
            Self::ProofKept { .. } => "proof-kept",
            Self::Rollback { .. } => "rollback",
            Self::Unproven { .. } => "unproven",
            Self::Withheld { .. } => "withheld",
            Self::OtherLog { .. } => "other-log",
            Self::NotVerified { .. } => "not-verified",
            Self::MissingQuorum { .. } => "missing-quorum",
            Self::Stale { .. } => "stale",
            Self::Ahead { .. } => "clock",
            Self::Unreachable { .. } => "unreachable",
            Self::WitnessUnreachable { .. } => "witness-unreachable",
            Self::Memory { .. } => "memory",
        }
    }

    /// Whether it says nothing about the log: the network, the disk or a clock failed.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::WitnessUnreachable { .. } | Self::Ahead { .. } => true,
            Self::Memory { environment, .. } => *environment,
            _ => false,
        }
    }

    /// The evidence that is kept of it.
    #[must_use]
    pub fn evidence(&self) -> Option<&PathBuf> {
        match self {
            Self::SplitView { evidence, .. }
            | Self::Rollback { evidence, .. }
            | Self::Unproven { evidence, .. }
            | Self::Unreachable { evidence, .. } => evidence.as_ref(),
            Self::ProofKept { evidence, .. } => Some(evidence),
            _ => None,
        }
    }
}
