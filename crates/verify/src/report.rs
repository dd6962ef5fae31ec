//! What a successful verification proved.

use quorate_merkle::Hash;
use quorate_note::{Checkpoint, LogKey, VerifiedCheckpoint};
use quorate_policy::{Signer, Verdict};
use quorate_receipt::Sealed;

use crate::erasure::ContentErased;

/// What became of the proof's `extra` line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extra {
    /// There is none.
    Absent,
    /// It proved that the entry's sealed content was erased.
    Erased(ContentErased),
    /// It belongs to another application. It is not authenticated and nothing was concluded from it.
    NotInterpreted {
        /// Its length in octets.
        len: usize,
    },
}

/// What was proven, by whose keys, under which verdict: the only result of
/// [`verify_entry`](crate::verify_entry), and not made anywhere else.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub(crate) index: u64,
    pub(crate) leaf: Hash,
    pub(crate) verdict: Verdict,
    pub(crate) sealed: Option<Sealed>,
    pub(crate) extra: Extra,
}

impl Report {
    /// The entry's index in the log, counted from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// RFC 6962 leaf hash of the exact entry.
    #[must_use]
    pub fn leaf_hash(&self) -> &Hash {
        &self.leaf
    }

    /// Origin, size and root of the log's head, and its head hash.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        self.verified_checkpoint().checkpoint()
    }

    /// The head with its verified signatures.
    #[must_use]
    pub fn verified_checkpoint(&self) -> &VerifiedCheckpoint {
        self.verdict.checkpoint()
    }

    /// The keys of the log that signed the head, all of them listed in the policy.
    #[must_use]
    pub fn log_keys(&self) -> &[LogKey] {
        self.verified_checkpoint().signed_by()
    }

    /// The witnesses of the policy that co-signed the head, whether required or not.
    #[must_use]
    pub fn witnesses(&self) -> &[Signer] {
        self.verdict.signers()
    }

    /// Quorate or unwitnessed.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The commitment in the entry, if it is a receipt whose content is sealed.
    #[must_use]
    pub fn sealed(&self) -> Option<&Sealed> {
        self.sealed.as_ref()
    }

    /// What became of the proof's `extra` line.
    #[must_use]
    pub fn extra(&self) -> &Extra {
        &self.extra
    }

    /// The proven erasure of the entry's sealed content.
    #[must_use]
    pub fn content_erased(&self) -> Option<&ContentErased> {
        match &self.extra {
            Extra::Erased(erased) => Some(erased),
            Extra::Absent | Extra::NotInterpreted { .. } => None,
        }
    }

    /// What this verification does *not* prove, one sentence a line.
    #[must_use]
    pub fn not_proven(&self) -> Vec<String> {
        let mut lines = vec![
            "That what the entry says is true: the log shows that these bytes were recorded, not that \
             they are right."
                .to_owned(),
            "That this is the log's newest state: later entries may correct or revoke this one.".to_owned(),
        ];
        lines.extend(not_proven_of(&self.verdict));
        match (&self.sealed, self.content_erased()) {
            (Some(_), Some(_)) => lines.push(
                "That no copy of the erased content exists elsewhere: the log records that its keeper \
                 erased it."
                    .to_owned(),
            ),
            (Some(_), None) => lines.push(
                "What the sealed content is, or that it still exists: the entry holds a commitment to it."
                    .to_owned(),
            ),
            (None, _) => {}
        }
        if let Extra::NotInterpreted { len } = self.extra {
            lines.push(format!(
                "Anything about the proof's extra data ({len} bytes): it is not authenticated and was not \
                 used."
            ));
        }
        lines
    }
}

/// What a verdict leaves open, whatever it is about.
#[must_use]
pub fn not_proven_of(verdict: &Verdict) -> Vec<String> {
    let mut lines = vec![match verdict {
        Verdict::Quorate(_) => "That the witnesses are independent of one another and of the log: the \
                                policy counts their keys, it cannot see who holds them."
            .to_owned(),
        Verdict::Unwitnessed(_) => "That the log shows everybody the same history: this policy \
                                    requires no witness, so whoever controls the log's machine could \
                                    have rewritten it."
            .to_owned(),
    }];
    if !verdict.signers().is_empty() {
        lines.push("The exact time: each witness's time is that of its own clock.".to_owned());
    }
    lines
}
