//! `quorate log evidence`: a proof that a log signed two histories, and the log's keys. No node, no network.

use quorate_note::{Checkpoint, SignedCheckpoint};
use quorate_witness::{Equivocation, EvidenceError, Inconsistency, MAX_INCONSISTENCY_LEN};
use serde_json::json;

use super::policy::usable;
use super::verify::read;
use crate::args::Evidence;
use crate::failure::{Failure, Stop, reason};
use crate::out::Out;
use crate::text::{Fields, Paint, printable};

pub(super) fn run(words: &Evidence, out: Out) -> Result<(), Stop> {
    let keys = usable(&words.policy)?.log_keys();
    let bytes = read(&words.file, MAX_INCONSISTENCY_LEN as u64 + 1)?;
    // Each says on its first line which it is, so that at most one of the two gets beyond that.
    let heads = match Equivocation::verify(&bytes, &keys) {
        Ok(evidence) => Ok(evidence.checkpoints().map(head)),
        Err(EvidenceError::Form) => {
            Inconsistency::verify(&bytes, &keys).map(|evidence| evidence.checkpoints().map(head))
        }
        Err(error) => Err(error),
    };
    let [first, second] = heads.map_err(|error| {
        let what = format!("{} proves nothing", words.file.display());
        Failure::refused("evidence", what, reason(&error)).hint(hint(&error))
    })?;
    let view = |c: &Checkpoint| json!({"size": c.size(), "root": format!("sha256:{}", c.root())});
    let answer = json!({
        "proven": true,
        "kind": if first.size() == second.size() { "equivocation" } else { "inconsistency" },
        "origin": first.origin().to_string(),
        "heads": [view(&first), view(&second)],
    });
    out.answer(&answer, |paint| text([&first, &second], paint))
}

/// That a log signed these two heads, of no one history.
pub(super) fn text([first, second]: [&Checkpoint; 2], paint: Paint) -> String {
    let proven = format!(
        "{} signed two heads that are of no one history",
        printable(first.origin().as_str())
    );
    let fields = Fields::new()
        .row("size", first.size().to_string())
        .row("root", format!("sha256:{}", first.root()))
        .row("size", second.size().to_string())
        .row("root", format!("sha256:{}", second.root()));
    let open = "Not proven: who did it, or which of the two is the true one; whoever has the log's key can have \
                signed either.";
    let proven = paint.paragraph("Proven: ", &proven);
    let proven = proven.replacen("Proven", &paint.good("Proven"), 1);
    format!(
        "{proven}{}{}",
        fields.render(paint),
        paint.paragraph("", open)
    )
}

fn head(signed: &SignedCheckpoint) -> Checkpoint {
    // Evidence exists only with both signatures verified.
    signed.checkpoint_unverified().clone()
}

fn hint(error: &EvidenceError) -> &'static str {
    match error {
        EvidenceError::Form => {
            "name the file that ends in .evidence, or that 'quorate bundle forks' wrote about a log"
        }
        EvidenceError::NotSigned { .. } => {
            "is this the policy of the log that it is about, with the keys of that time?"
        }
        _ => "whoever made it has no case; ask for the file again if it may have been damaged",
    }
}
