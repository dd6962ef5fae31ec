//! Which of several policies a log is held to: the one that lists it.

use std::collections::BTreeSet;

use quorate_note::Origin;
use quorate_policy::{CheckpointRefused, Log, Policy};
use thiserror::Error;

/// Why a head is not believed.
#[derive(Debug, Error)]
pub(super) enum NotAccepted {
    /// No policy says by which key, even if one has that key under another origin.
    #[error(
        "no policy lists the log {origin}, only {listed}: give its policy too, which has its key under its own origin"
    )]
    Unlisted {
        /// What the head says it is of.
        origin: String,
        /// Origins that are listed.
        listed: String,
    },
    /// A signature is missing or fails.
    #[error(transparent)]
    Refused(#[from] CheckpointRefused),
}

/// The policy that lists the log. There is at most one ([`listed_twice`]).
///
/// # Errors
/// [`NotAccepted::Unlisted`].
pub(super) fn listing<'a>(
    policies: &'a [Policy],
    origin: &Origin,
) -> Result<&'a Policy, NotAccepted> {
    let lists = |policy: &&Policy| policy.logs().iter().any(|log| is_of(log, origin));
    policies.iter().find(lists).ok_or_else(|| {
        let logs = policies.iter().flat_map(Policy::logs);
        let names: Vec<String> = logs.map(name_of).collect();
        NotAccepted::Unlisted {
            origin: origin.to_string(),
            listed: names.join(", "),
        }
    })
}

/// Whether a `log` line may be of that log: a nameless key may be of any.
fn is_of(log: &Log, origin: &Origin) -> bool {
    let vkey = log.key().verifier_key();
    vkey.is_none_or(|vkey| origin.is_name(vkey.name()))
}

fn name_of(log: &Log) -> String {
    let vkey = log.key().verifier_key();
    vkey.map_or_else(
        || "of a key without a name".to_owned(),
        |vkey| vkey.name().to_string(),
    )
}

/// A log that two policies list.
pub(super) fn listed_twice(policies: &[Policy]) -> Option<String> {
    let names =
        |policy: &Policy| -> BTreeSet<String> { policy.logs().iter().map(name_of).collect() };
    let nameless = |policy: &Policy| {
        policy
            .logs()
            .iter()
            .any(|log| log.key().verifier_key().is_none())
    };
    let mut before = BTreeSet::new();
    for policy in policies {
        let names = names(policy);
        // A nameless key may be of any log, so of those of the other policies too.
        let any = policies.len() > 1 && nameless(policy);
        if let Some(twice) = names.iter().find(|name| any || before.contains(*name)) {
            return Some(twice.clone());
        }
        before.extend(names);
    }
    None
}
