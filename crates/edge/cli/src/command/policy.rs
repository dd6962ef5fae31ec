//! `quorate policy …`: what others need to verify with, and what it is worth.

mod check;
mod drawing;
mod implies;
mod new;

use std::path::Path;

use quorate_note::KeyKind;
use quorate_policy::{MAX_POLICY_LEN, Policy, Reading};
use serde_json::json;

use super::{on, verify};
use crate::args::{Global, policy};
use crate::client::{Client, Without};
use crate::failure::{Failure, Stop};
use crate::local::Settings;
use crate::out::{Out, Sink};
use crate::uri::Uri;

pub(super) fn run(global: &Global, policy: policy::Policy, out: Out) -> Result<(), Stop> {
    match policy {
        policy::Policy::Show(words) => on(global, async |s| show(s, &words, out).await),
        // Offline by design, as `quorate verify` is.
        policy::Policy::Check(words) => check::run(&words, out),
        policy::Policy::New(words) => new::run(&words, out),
        policy::Policy::Implies(words) => implies::run(&words, out),
    }
}

async fn show(settings: &Settings, words: &policy::Show, out: Out) -> Result<(), Stop> {
    let policy::Show {
        scroll,
        output,
        force,
    } = words;
    let what = format!("cannot show the policy of {scroll}");
    let mut client = Client::connect(settings, Without::Read).await?;
    let text = client
        .get_octets(&Uri::path(&["scrolls", scroll, "policy"]), &what)
        .await?;
    if out.json() && output.is_none() {
        let answer = json!({"scroll": scroll, "policy": String::from_utf8_lossy(&text)});
        return out.line(&answer.to_string());
    }
    let mut sink = Sink::open_trusted(output.as_deref(), *force, "a policy")?;
    sink.write(&text)?;
    sink.finish()
}

/// A file of the kind that policies and their labels are. Neither has more than [`MAX_POLICY_LEN`] octets; one
/// more shows the parser that it is longer.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    verify::read(path, MAX_POLICY_LEN as u64 + 1).map_err(|failure| {
        if failure.is("too-long") {
            failure.hint("name a policy or domains file")
        } else {
            failure
        }
    })
}

/// Something wrong at a place of a file.
struct Problem {
    file: String,
    line: usize,
    column: usize,
    what: String,
}

impl Problem {
    /// As compilers and editors write it.
    fn text(&self) -> String {
        let Self {
            file,
            line,
            column,
            what,
        } = self;
        format!("{file}:{line}:{column}: {what}")
    }
}

/// Every refused line of a policy.
fn problems(path: &Path, reading: &Reading) -> Vec<Problem> {
    let found = reading.problems().iter();
    found
        .map(|problem| Problem {
            file: path.display().to_string(),
            line: problem.line,
            column: problem.column,
            what: problem.kind.to_string(),
        })
        .collect()
}

/// A policy that is to be used, not mended.
pub(super) fn usable(path: &Path) -> Result<Policy, Failure> {
    let reading = Policy::read(&read(path)?);
    reading.policy().cloned().ok_or_else(|| {
        let lines: Vec<String> = problems(path, &reading).iter().map(Problem::text).collect();
        let what = format!("cannot use the policy {}", path.display());
        Failure::refused("policy-malformed", what, lines.join("\n"))
            .hint("correct it; 'quorate policy check' shows what it says")
    })
}

/// The algorithm, which is all that differs between one witness's keys.
fn algorithm(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Ed25519 | KeyKind::Ed25519Cosignature => "Ed25519",
        KeyKind::MlDsa44 => "ML-DSA-44",
    }
}

/// Words in lines of at most `width` characters, broken between words.
fn wrapped(words: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let comma = if i + 1 < words.len() { "," } else { "" };
        let word = format!("{word}{comma}");
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_break_between_their_words() {
        let words = ["aa", "b", "cc dd", "a-long-one"].map(str::to_owned);
        assert_eq!(wrapped(&words, 6), ["aa, b,", "cc dd,", "a-long-one"]);
        assert!(wrapped(&[], 6).is_empty());
    }
}
