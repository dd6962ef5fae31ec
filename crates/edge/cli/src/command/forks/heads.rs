//! What two bundles show of their log: the heads that they carry, and where these put the receipts.

use quorate_merkle::{Hash, LeafRuns, MultiProof, leaf_hash, verify_many};
use quorate_note::{Checkpoint, LogKey, SignedCheckpoint, VerifiedCheckpoint, base64};
use quorate_witness::Equivocation;
use serde_json::{Value, json};

use super::Shown;
use crate::command::evidence;
use crate::failure::reason;
use crate::text::{Paint, printable};

/// What the heads of two bundles say of the log.
pub(super) enum Heads {
    /// Nobody vouches for one of them, and why.
    NotJudged(String),
    /// They are of two logs.
    OtherLogs([Checkpoint; 2]),
    /// One size and one root.
    One(Checkpoint),
    /// Two sizes: whether the larger continues the smaller, nothing in two bundles says.
    OtherSizes([Checkpoint; 2]),
    /// The log signed both, and they cannot both be true.
    Forked([Checkpoint; 2], Contradiction),
}

/// Why two heads that a log signed are of no one history.
pub(super) enum Contradiction {
    /// Two roots for one size, which the heads prove alone.
    Roots(Box<Equivocation>),
    /// Two receipts for this place, each proven under its head: the bundles are the proof.
    Place(u64),
}

impl Heads {
    /// Judges the heads by the keys of the logs that are trusted.
    pub(super) fn of(bundles: [&Shown<'_>; 2], keys: &[LogKey]) -> Self {
        if keys.is_empty() {
            return Self::NotJudged("the trust anchor names no log".to_owned());
        }
        let (first, second) = match bundles.map(|bundle| signed(bundle, keys)) {
            [Ok(first), Ok(second)] => (first, second),
            [Err(why), _] | [_, Err(why)] => return Self::NotJudged(why),
        };
        let heads = [&first, &second].map(|head| head.checkpoint().clone());
        let [a, b] = &heads;
        if a.origin() != b.origin() {
            return Self::OtherLogs(heads);
        }
        if a.size() != b.size() {
            return match two_in_one_place(bundles, &heads) {
                Some(index) => Self::Forked(heads, Contradiction::Place(index)),
                None => Self::OtherSizes(heads),
            };
        }
        if a.root() == b.root() {
            let [head, _] = heads;
            return Self::One(head);
        }
        match Equivocation::between(&first, &second) {
            Ok(evidence) => Self::Forked(heads, Contradiction::Roots(Box::new(evidence))),
            Err(error) => Self::NotJudged(reason(&error)),
        }
    }

    /// What proves it to anyone who has the log's key, where the heads do so alone.
    pub(super) fn evidence(&self) -> Option<Vec<u8>> {
        match self {
            Self::Forked(_, Contradiction::Roots(evidence)) => Some(evidence.to_bytes()),
            _ => None,
        }
    }

    /// What the log did, and why that is known; none if it is not known to have done anything wrong.
    pub(super) fn accusation(&self) -> Option<(String, String)> {
        let Self::Forked([a, b], by) = self else {
            return None;
        };
        let origin = printable(a.origin().as_str());
        Some(match by {
            Contradiction::Roots(_) => (
                format!("the log {origin} showed two heads of {} entries", a.size()),
                "both are signed by the log's key, and their roots differ".to_owned(),
            ),
            Contradiction::Place(index) => (
                format!(
                    "the log {origin} showed two histories, of {} and {} entries",
                    a.size(),
                    b.size()
                ),
                format!(
                    "both heads are signed by the log's key, and entry {index} is one receipt under the one and another under the other"
                ),
            ),
        })
    }

    /// The member `log` of the answer.
    pub(super) fn view(&self) -> Value {
        let head =
            |c: &Checkpoint| json!({"size": c.size(), "root": format!("sha256:{}", c.root())});
        match self {
            Self::NotJudged(why) => json!({"fork": null, "why": "not-judged", "reason": why}),
            Self::OtherLogs(heads) => json!({
                "fork": false,
                "why": "other-logs",
                "origins": heads.each_ref().map(|c| c.origin().to_string()),
            }),
            Self::One(one) => json!({
                "fork": false,
                "why": "one-head",
                "origin": one.origin().to_string(),
                "heads": [head(one)],
            }),
            Self::OtherSizes(heads) => json!({
                "fork": null,
                "why": "other-sizes",
                "origin": heads[0].origin().to_string(),
                "heads": heads.each_ref().map(head),
            }),
            Self::Forked(heads, by) => {
                let (why, index) = match by {
                    Contradiction::Roots(_) => ("one-size", None),
                    Contradiction::Place(index) => ("one-place", Some(*index)),
                };
                json!({
                    "fork": true,
                    "why": why,
                    "origin": heads[0].origin().to_string(),
                    "heads": heads.each_ref().map(head),
                    "index": index,
                    "file": null,
                })
            }
        }
    }

    /// For people.
    pub(super) fn text(&self, paint: Paint) -> String {
        let said = match self {
            Self::NotJudged(why) => format!("Nothing is known of the log: {why}."),
            Self::OtherLogs([a, b]) => {
                format!("They are from two logs, {} and {}.", a.origin(), b.origin())
            }
            Self::One(head) => format!(
                "Both carry one head of the log, of {} entries.",
                head.size()
            ),
            Self::OtherSizes([a, b]) => format!(
                "The log's heads have {} and {} entries: two bundles alone cannot tell whether they are of one history. \
                 'quorate log monitor' compares a log's heads with one another and with what witnesses saw; 'quorate log \
                 audit' reads a log from end to end.",
                a.size(),
                b.size()
            ),
            Self::Forked([a, b], _) => return evidence::text([a, b], paint),
        };
        paint.paragraph("", &printable(&said))
    }
}

fn signed(bundle: &Shown<'_>, keys: &[LogKey]) -> Result<VerifiedCheckpoint, String> {
    let of = |why: String| format!("{}: {why}", bundle.path.display());
    let checkpoint = SignedCheckpoint::parse(bundle.checkpoint.as_bytes());
    let checkpoint = checkpoint.map_err(|error| of(reason(&error)))?;
    checkpoint
        .verify_log(keys)
        .map_err(|error| of(reason(&error)))
}

/// A place at which each bundle has another receipt, and proves that it stands there under its head.
fn two_in_one_place(bundles: [&Shown<'_>; 2], heads: &[Checkpoint; 2]) -> Option<u64> {
    let [first, second] = bundles.map(placed);
    let (first, second) = (first?, second?);
    let mut others = second.iter().peekable();
    let (index, _) = first.iter().find(|(index, leaf)| {
        while others.next_if(|(other, _)| other < index).is_some() {}
        others
            .peek()
            .is_some_and(|(other, there)| other == index && there != leaf)
    })?;
    let [a, b] = heads;
    let proven = |bundle, leaves: &[_], head: &Checkpoint| {
        let proof = proof(bundle)?;
        verify_many(leaves, head.size(), head.root(), &proof).ok()
    };
    proven(bundles[0], &first, a)?;
    proven(bundles[1], &second, b)?;
    Some(*index)
}

/// Each receipt's place and leaf hash, rising.
fn placed(bundle: &Shown<'_>) -> Option<Vec<(u64, Hash)>> {
    let runs = LeafRuns::new(bundle.leaves.iter().copied()).ok()?;
    if runs.leaves() != bundle.steps.len() {
        return None;
    }
    let hashes = bundle
        .steps
        .iter()
        .map(|step| leaf_hash(step.get().as_bytes()));
    Some(runs.indices().zip(hashes).collect())
}

fn proof(bundle: &Shown<'_>) -> Option<MultiProof> {
    let hash = |text: &String| {
        base64::decode_array(text.as_bytes())
            .ok()
            .map(Hash::from_bytes)
    };
    let hashes: Option<Vec<Hash>> = bundle.proof.iter().map(hash).collect();
    MultiProof::try_from(hashes?).ok()
}
