//! A report as JSON: plain data, made from a [`Report`] and never read back as one.

use quorate_note::VerifierKey;
use quorate_policy::{TallyKind, Verdict};
use serde::Serialize;

use crate::report::{Extra, Report};
use crate::text::{hex, time_text};

/// What [`Report::view`] gives: field names are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReportView {
    /// `quorate` or `unwitnessed`.
    pub verdict: &'static str,
    /// Origin line of the checkpoint.
    pub origin: String,
    /// Index of the entry, from 0.
    pub index: u64,
    /// Tree size of the checkpoint.
    pub size: u64,
    /// `sha256:` and the RFC 6962 leaf hash of the entry.
    pub leaf_hash: String,
    /// `sha256:` and the root.
    pub root: String,
    /// `blake3:` and the head hash.
    pub head_hash: String,
    /// The log's keys that signed.
    pub log_keys: Vec<KeyView>,
    /// The policy's witnesses that co-signed.
    pub witnesses: Vec<WitnessView>,
    /// The quorum's tree, parents first; empty for `quorum none`.
    pub quorum: Vec<QuorumRowView>,
    /// `blake3:` and the commitment, if the entry is a receipt with sealed content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// When that content was erased, if the proof shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_erased_at: Option<String>,
    /// Index of the receipt that records it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_erased_index: Option<u64>,
    /// Length of extra data that was not interpreted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_not_interpreted: Option<usize>,
    /// What was not proven, one sentence each.
    pub not_proven: Vec<String>,
}

/// A head and what a policy says of it: the members that [`ReportView`] has of these names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HeadView {
    /// `quorate` or `unwitnessed`.
    pub verdict: &'static str,
    /// Origin line of the checkpoint.
    pub origin: String,
    /// Tree size of the checkpoint.
    pub size: u64,
    /// `sha256:` and the root.
    pub root: String,
    /// `blake3:` and the head hash.
    pub head_hash: String,
    /// The log's keys that signed.
    pub log_keys: Vec<KeyView>,
    /// The policy's witnesses that co-signed.
    pub witnesses: Vec<WitnessView>,
    /// The quorum's tree, parents first; empty for `quorum none`.
    pub quorum: Vec<QuorumRowView>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyView {
    /// Key name; absent for a hexadecimal key, which has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Key ID, 8 hexadecimal digits; absent likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Signature kind.
    pub kind: String,
    /// The vkey, or the hexadecimal key, as in the policy.
    pub key: String,
}

/// A witness that co-signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WitnessView {
    /// Its name in the policy.
    pub name: String,
    /// Its key.
    pub key: KeyView,
    /// POSIX seconds, by its own clock.
    pub timestamp: u64,
    /// The same as text.
    pub cosigned_at: String,
    /// Whether the quorum depends on it.
    pub votes: bool,
}

/// A witness or group of the quorum's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QuorumRowView {
    /// Distance from the root.
    pub depth: usize,
    /// Name in the policy.
    pub name: String,
    /// Whether it is satisfied.
    pub satisfied: bool,
    /// For a group: k, n and how many have it; absent for a witness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupView>,
}

/// k of n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GroupView {
    /// k.
    pub required: usize,
    /// How many members are satisfied.
    pub satisfied: usize,
    /// n.
    pub members: usize,
}

pub(crate) fn key_view(vkey: Option<&VerifierKey>, key_bytes: &[u8]) -> KeyView {
    match vkey {
        Some(vkey) => KeyView {
            name: Some(vkey.name().to_string()),
            id: Some(vkey.id().to_string()),
            kind: vkey.kind().to_string(),
            key: vkey.to_string(),
        },
        None => KeyView {
            name: None,
            id: None,
            kind: "Ed25519".to_owned(),
            key: hex(key_bytes),
        },
    }
}

impl HeadView {
    /// Of a judged checkpoint.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        let verified = verdict.checkpoint();
        let checkpoint = verified.checkpoint();
        let (name, quorum) = match verdict {
            Verdict::Quorate(met) => ("quorate", met.tally().rows().iter().map(row_view).collect()),
            Verdict::Unwitnessed(_) => ("unwitnessed", Vec::new()),
        };
        Self {
            verdict: name,
            origin: checkpoint.origin().to_string(),
            size: checkpoint.size(),
            root: format!("sha256:{}", checkpoint.root()),
            head_hash: checkpoint.head_hash().to_string(),
            log_keys: verified
                .signed_by()
                .iter()
                .map(|key| key_view(key.verifier_key(), key.key_bytes()))
                .collect(),
            witnesses: verdict
                .signers()
                .iter()
                .map(|witness| WitnessView {
                    name: witness.name().to_string(),
                    key: key_view(witness.key().verifier_key(), witness.key().key_bytes()),
                    timestamp: witness.timestamp(),
                    cosigned_at: time_text(witness.timestamp()),
                    votes: witness.votes(),
                })
                .collect(),
            quorum,
        }
    }
}

impl Report {
    /// The report as plain data.
    #[must_use]
    pub fn view(&self) -> ReportView {
        let head = HeadView::of(self.verdict());
        ReportView {
            verdict: head.verdict,
            origin: head.origin,
            index: self.index(),
            size: head.size,
            leaf_hash: format!("sha256:{}", self.leaf_hash()),
            root: head.root,
            head_hash: head.head_hash,
            log_keys: head.log_keys,
            witnesses: head.witnesses,
            quorum: head.quorum,
            sealed: self.sealed().map(|sealed| sealed.commitment.to_string()),
            content_erased_at: self.content_erased().map(|erased| erased.at().to_string()),
            content_erased_index: self.content_erased().map(crate::ContentErased::index),
            extra_not_interpreted: match self.extra() {
                Extra::NotInterpreted { len } => Some(*len),
                Extra::Absent | Extra::Erased(_) => None,
            },
            not_proven: self.not_proven(),
        }
    }
}

fn row_view(row: &quorate_policy::TallyRow) -> QuorumRowView {
    QuorumRowView {
        depth: row.depth(),
        name: row.name().to_string(),
        satisfied: row.is_satisfied(),
        group: match row.kind() {
            TallyKind::Witness { .. } => None,
            TallyKind::Group {
                required,
                satisfied,
                members,
            } => Some(GroupView {
                required,
                satisfied,
                members,
            }),
        },
    }
}
