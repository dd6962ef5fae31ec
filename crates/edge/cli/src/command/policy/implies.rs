//! `quorate policy implies`: whether whatever one policy accepts, another accepts too.

use std::fmt::Write as _;

use quorate_note::VerifierKey;
use quorate_policy::{Comparison, Implication, Log, LogGap, Policy, Witness};
use serde_json::{Value, json};

use super::{algorithm, usable};
use crate::args::policy::Implies;
use crate::failure::{Failure, Stop};
use crate::out::Out;
use crate::text::{Paint, Table, count};

/// Both policies and what came of it.
struct Compared {
    a: String,
    b: String,
    second: Policy,
    comparison: Comparison,
}

pub(super) fn run(words: &Implies, out: Out) -> Result<(), Stop> {
    let (first, second) = (usable(&words.a)?, usable(&words.b)?);
    let compared = Compared {
        a: words.a.display().to_string(),
        b: words.b.display().to_string(),
        comparison: first.implies(&second),
        second,
    };
    out.answer(&compared.json(), |paint| compared.text(paint))?;
    match compared.failure() {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

impl Compared {
    fn text(&self, paint: Paint) -> String {
        let Self { a, b, .. } = self;
        let mut text = match self.comparison.witnesses() {
            Implication::Implied => format!(
                "{} every set of witnesses that satisfies {a} satisfies {b}\n",
                paint.good("Implied:")
            ),
            Implication::Counterexample(witnesses) if witnesses.is_empty() => format!(
                "{} {a} needs no witness, {b} does\n",
                paint.error("Not implied:")
            ),
            Implication::Counterexample(witnesses) => {
                let keys = count(witnesses.len() as u64, "key satisfies", "keys satisfy");
                let mut table = Table::new(&["in A", "algorithm", "in B"]);
                for witness in witnesses {
                    let name = witness.name().to_string();
                    let known = self.name_in_b(witness);
                    let known = known.as_deref().unwrap_or("(unknown)");
                    table.push(&[&name, algorithm(witness.key().kind()), known]);
                }
                format!(
                    "{} {keys} {a} and not {b}; no fewer do\n{}",
                    paint.error("Not implied:"),
                    table.render(paint)
                )
            }
            Implication::NoneBelow(n) => format!(
                "{} no set of fewer than {n} keys satisfies {a} and not {b}; to search all is too much\n",
                paint.caution("Not known:")
            ),
        };
        for gap in self.comparison.logs() {
            let _ = writeln!(text, "{} {}", paint.error("Log:"), self.gap(gap));
        }
        for witness in self.comparison.renamed() {
            let _ = writeln!(text, "{} {}", paint.error("Name:"), self.renamed(witness));
        }
        text
    }

    fn gap(&self, gap: &LogGap) -> String {
        let Self { a, b, .. } = self;
        match gap {
            LogGap::Unknown(log) => {
                format!("{a} accepts {}, which {b} does not list", log_text(log))
            }
            LogGap::OtherOrigin(log) => {
                format!(
                    "{a} accepts {}, whose key {b} lists under another origin",
                    log_text(log)
                )
            }
            LogGap::AnyLog => format!("{a} lists no log and accepts any, {b} only its own"),
        }
    }

    fn renamed(&self, witness: &Witness) -> String {
        let Self { a, b, .. } = self;
        let name = witness.name();
        format!("{name} has another key name in {b}, which refuses what {a} accepts from this key")
    }

    /// Names are each file's own: the key tells who it is.
    fn name_in_b(&self, witness: &Witness) -> Option<String> {
        let mut all = self.second.witnesses();
        all.find(|other| other.key().key_bytes() == witness.key().key_bytes())
            .map(|other| other.name().to_string())
    }

    fn json(&self) -> Value {
        let (witnesses, example, below) = match self.comparison.witnesses() {
            Implication::Implied => ("implied", None, None),
            Implication::Counterexample(found) => ("not-implied", Some(found), None),
            Implication::NoneBelow(n) => ("not-known", None, Some(n)),
        };
        let example = example.map(|found| {
            let keys = found.iter().map(|witness| {
                json!({
                    "name": witness.name().to_string(),
                    "name_in_b": self.name_in_b(witness),
                    "algorithm": algorithm(witness.key().kind()),
                })
            });
            keys.collect::<Vec<_>>()
        });
        let logs = self.comparison.logs().iter().map(|gap| match gap {
            LogGap::Unknown(log) => json!({"gap": "unknown", "log": log_text(log)}),
            LogGap::OtherOrigin(log) => json!({"gap": "other-origin", "log": log_text(log)}),
            LogGap::AnyLog => json!({"gap": "any-log", "log": null}),
        });
        let renamed = self.comparison.renamed().iter();
        json!({
            "a": self.a,
            "b": self.b,
            "witnesses": witnesses,
            "counterexample": example,
            "none_below": below,
            "logs": logs.collect::<Vec<_>>(),
            "renamed": renamed.map(|w| w.name().to_string()).collect::<Vec<_>>(),
        })
    }

    fn failure(&self) -> Option<Failure> {
        let Self { a, b, .. } = self;
        let keys = match self.comparison.witnesses() {
            Implication::Implied => None,
            Implication::Counterexample(_) => {
                Some(format!("a set of witnesses satisfies {a} and not {b}"))
            }
            Implication::NoneBelow(_) => Some(
                "the search ended early: whether every set of witnesses does is not known"
                    .to_owned(),
            ),
        };
        let gaps = self.comparison.logs().iter().map(|gap| self.gap(gap));
        // The keys suffice, but a co-signature is a line under one name: B takes another line for it.
        let renamed = self.comparison.renamed().iter().map(|w| self.renamed(w));
        let why: Vec<String> = keys.into_iter().chain(gaps).chain(renamed).collect();
        if why.is_empty() {
            return None;
        }
        Some(
            Failure::refused(
                "not-implied",
                format!("{a} does not imply {b}"),
                why.join("\n"),
            )
            .hint("relax the verifiers first, then change the log's policy, then tighten them"),
        )
    }
}

fn log_text(log: &Log) -> String {
    let algorithm = algorithm(log.key().kind());
    match log.key().verifier_key().map(VerifierKey::name) {
        Some(origin) => format!("{origin} ({algorithm})"),
        None => format!("a nameless log ({algorithm})"),
    }
}
