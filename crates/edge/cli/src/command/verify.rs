//! `quorate verify`: a proof, an entry and a policy, all of them files. No node, no network.

use std::path::Path;

use quorate_policy::Policy;
use quorate_verify::{Report, VerifyError, verify_entry};
use serde_json::{Value, json};

use crate::args::Verify;
use crate::failure::{Failure, Stop, reason};
use crate::out::Out;
use crate::text::{Paint, printable};

/// No proof or policy is longer; a longer file is something else. A signed note has at most 128 KiB
/// (`quorate_note`), an erasure in a proof about 70 KiB.
const MAX_FILE: u64 = 1 << 20;
/// The largest entry plus the newline that an editor or `echo` may have put behind it, and one more octet to
/// see that a file is longer.
const MAX_ENTRY: u64 = 65_535 + 2;

/// What of the entry's file was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Every octet.
    Exactly,
    /// All but one newline at the end.
    WithoutNewline,
}

pub(super) fn run(verify: &Verify, out: Out) -> Result<(), Stop> {
    let what = || format!("{} does not verify", verify.proof.display());
    let placed = |path: &Path, limit| {
        read(path, limit).map_err(|failure| match failure.is("too-long") {
            true => failure.hint(
                "check that the files are in their places: verify PROOF --entry FILE --policy FILE",
            ),
            false => failure,
        })
    };
    let policy = placed(&verify.policy, MAX_FILE)?;
    let proof = placed(&verify.proof, MAX_FILE)?;
    let entry = placed(&verify.entry, MAX_ENTRY)?;
    let policy = Policy::parse(&policy).map_err(|e| {
        Failure::refused(
            "policy-malformed",
            format!("cannot use the policy {}", verify.policy.display()),
            e.to_string(),
        )
        .hint("get the policy again from whom you trust; 'quorate policy show' writes one")
    })?;
    let (report, taken) = check(&proof, &entry, &policy)
        .map_err(|e| Failure::refused(e.code(), what(), reason(&e)).hint(hint(&e)))?;
    let mut view = serde_json::to_value(report.view())
        .map_err(|e| Failure::environment("report", "cannot write the report", reason(&e)))?;
    view["verified"] = Value::Bool(true);
    view["entry_taken"] = json!(match taken {
        Taken::Exactly => "exactly",
        Taken::WithoutNewline => "without-final-newline",
    });
    out.answer(&view, |paint| text(&report, taken, &verify.entry, paint))
}

/// The exact octets first. Only if they are not in the log and end in a newline, they are tried without it.
fn check(proof: &[u8], entry: &[u8], policy: &Policy) -> Result<(Report, Taken), VerifyError> {
    match (
        verify_entry(proof, entry, policy),
        entry.strip_suffix(b"\n"),
    ) {
        (Ok(report), _) => Ok((report, Taken::Exactly)),
        (Err(error @ VerifyError::NotIncluded(_)), Some(shorter)) => {
            match verify_entry(proof, shorter, policy) {
                Ok(report) => Ok((report, Taken::WithoutNewline)),
                Err(_) => Err(error),
            }
        }
        (Err(error), _) => Err(error),
    }
}

fn text(report: &Report, taken: Taken, entry: &Path, paint: Paint) -> String {
    let mut text = String::new();
    for (i, line) in report.to_string().lines().enumerate() {
        let first = i == 0;
        text.push_str(&laid_out(&printable(line), paint));
        if first && taken == Taken::WithoutNewline {
            let name = entry.display();
            let note = format!(
                "  {name} ends in a newline that is not part of the entry; it was left out"
            );
            text.push_str(&paint.caution(&printable(&note)));
            text.push('\n');
        }
    }
    text
}

/// A line of the report, broken between words. A hash that does not fit beside its label stands below it.
pub(super) fn laid_out(line: &str, paint: Paint) -> String {
    if let Some(sentence) = line.strip_prefix("  - ") {
        return paint.paragraph("  - ", sentence);
    }
    let (head, coloured) = match line.split_once(": ") {
        Some(("Proven", _)) => ("Proven", paint.good("Proven")),
        Some(("Claimed, not checked", _)) => (
            "Claimed, not checked",
            paint.caution("Claimed, not checked"),
        ),
        Some(("Verdict", _)) => ("Verdict", paint.bold("Verdict")),
        _ if line == "Not proven:" => return format!("{}:\n", paint.bold("Not proven")),
        _ => return fitted(line, paint),
    };
    let label = format!("{head}: ");
    let sentence = line.strip_prefix(&label).unwrap_or_default();
    let text = paint.paragraph(&label, sentence);
    text.replacen(head, &coloured, 1)
}

/// A row of the report: as it is where it fits, else what follows the label in lines of its own.
fn fitted(line: &str, paint: Paint) -> String {
    if paint.fits(line) {
        return format!("{line}\n");
    }
    let words = line.trim_start();
    let indent = line.len() - words.len();
    let below = " ".repeat(indent + 2);
    match words.split_once("  ") {
        Some((label, value)) => {
            let value = paint.paragraph(&below, value.trim_start());
            format!("{:indent$}{label}\n{value}", "")
        }
        None => {
            let mut lines = paint.fit(words, indent + 2).into_iter();
            let first = lines.next().unwrap_or_default();
            let rest: String = lines.map(|line| format!("{below}{line}\n")).collect();
            format!("{:indent$}{first}\n{rest}", "")
        }
    }
}

fn hint(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::MissingLog => "a policy needs a 'log' line; 'quorate policy show' writes one",
        VerifyError::Log(_) => {
            "is this the policy of the log the proof came from? if so, do not believe the proof"
        }
        VerifyError::Cosignature(_) => {
            "do not believe this proof: keep it, and ask the log and the witness about it"
        }
        VerifyError::NotQuorate(_) => "ask for a newer proof: witnesses may have co-signed since",
        VerifyError::NotIncluded(_) => {
            "the entry must be the exact octets that were logged: get them with 'quorate log get SCROLL INDEX -o FILE'"
        }
        _ => "ask for the proof again: 'quorate prove' writes one",
    }
}

/// A whole file of at most `limit` octets.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let failed = |e: std::io::Error| Failure::file("read", path, &e);
    let mut octets = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(limit + 1)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    if octets.len() as u64 > limit {
        return Err(Failure::refused(
            "too-long",
            format!("cannot use {}", path.display()),
            format!("it is longer than {limit} octets"),
        )
        .hint("check that this is the file that was meant"));
    }
    Ok(octets)
}
