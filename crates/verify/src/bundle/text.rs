//! A report as text.

use std::fmt;

use quorate_provenance::{Sink, SourceClass};

use super::report::{BundleReport, Enforced, PayloadForm, PayloadProof};
use super::trust::HeadProof;
use crate::anchor::rule_words;
use crate::text::{HeadText, VerdictText, log_key_text, witness_key_text};

/// What was proven, without what was not.
struct Proven<'a>(&'a BundleReport);

impl BundleReport {
    /// What was proven as text, for whoever puts something between it and what was not
    /// ([`not_proven_text`](Self::not_proven_text)).
    #[must_use]
    pub fn proven_text(&self) -> String {
        Proven(self).to_string()
    }

    /// What was not proven as text.
    #[must_use]
    pub fn not_proven_text(&self) -> String {
        let lines = self.not_proven();
        let lines: String = lines.iter().map(|line| format!("  - {line}\n")).collect();
        format!("Not proven:\n{lines}")
    }
}

impl fmt::Display for BundleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.proven_text())?;
        f.write_str(&self.not_proven_text())
    }
}

impl fmt::Display for Proven<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        let session = report.session();
        let whole = match session.is_closed() {
            true => "complete",
            false => "open",
        };
        writeln!(
            f,
            "Proven: a session of {}, {whole}, {} steps, as its key signed them",
            session.subject(),
            session.steps()
        )?;
        writeln!(f, "  session    {}", session.id())?;
        match report.actor().kid() {
            Some(kid) => writeln!(f, "  key        {} ({kid})", session.key())?,
            None => writeln!(f, "  key        {}", session.key())?,
        }
        writeln!(f, "  opened     {}", session.opening().timestamp())?;
        writeln!(f, "  last       {}", session.last_timestamp())?;
        let sources: Vec<&str> = report.label().classes().map(SourceClass::as_str).collect();
        writeln!(
            f,
            "  integrity  {} (from {})",
            report.label().level().as_str(),
            if sources.is_empty() {
                "nothing".to_owned()
            } else {
                sources.join(", ")
            }
        )?;
        for (place, Enforced { rule, matched }) in report.rules().iter().enumerate() {
            let about = match (&rule.sink, matched) {
                (_, 0) => "about nothing here".to_owned(),
                (Sink::Payload, _) => "kept".to_owned(),
                (_, 1) => "kept by 1 step".to_owned(),
                (_, steps) => format!("kept by {steps} steps"),
            };
            let name = format!("rule {}", place + 1);
            writeln!(f, "  {name:<9}  {}: {about}", rule_words(rule))?;
        }
        let (payload, said) = match (report.payload(), report.payload_form()) {
            (PayloadProof::None, _) => (None, ""),
            (PayloadProof::Bound(payload), _) => (
                Some(payload),
                "not shown; of JSON it is the hash of its canonical JSON, unless it was bound as bytes",
            ),
            (PayloadProof::Shown(payload), Some(PayloadForm::CanonicalJson)) => {
                (Some(payload), "shown; the hash of its canonical JSON")
            }
            (PayloadProof::Shown(payload), Some(PayloadForm::Bytes)) => {
                (Some(payload), "shown; the hash of its bytes")
            }
            (PayloadProof::Shown(payload), None) => (Some(payload), "shown by its hash"),
        };
        if let Some(payload) = payload {
            writeln!(f, "  payload    {} ({said})", payload.hash)?;
        }
        if report.shown() > 0 {
            writeln!(f, "  sealed     {} contents shown", report.shown())?;
        }
        if let Some(presentation) = report.presentation() {
            writeln!(
                f,
                "  presented  to {:?} until {}",
                presentation.audience, presentation.expires
            )?;
        }
        for artifact in report.attestation().unwrap_or_default() {
            writeln!(f, "  attests    {} {:?}", artifact.hash, artifact.name)?;
        }
        let checkpoint = report.head().checkpoint();
        match report.head() {
            HeadProof::Judged(verdict) => {
                writeln!(f, "  log        {}", checkpoint.origin())?;
                write!(f, "{}{}", HeadText(verdict), VerdictText(verdict))?;
            }
            HeadProof::Witnessed(witnessed) => {
                writeln!(f, "  log        {}", checkpoint.origin())?;
                writeln!(f, "  tree size  {}", checkpoint.size())?;
                writeln!(f, "  root       sha256:{}", checkpoint.root())?;
                for key in witnessed.log_keys() {
                    writeln!(f, "  signed by  {}", log_key_text(key))?;
                }
                let (found, needed) = (witnessed.witnesses().len(), witnessed.threshold());
                writeln!(
                    f,
                    "Verdict: co-signed by {found} trusted witnesses, {needed} required"
                )?;
                for key in witnessed.witnesses() {
                    writeln!(f, "  + {}", witness_key_text(key))?;
                }
            }
            HeadProof::NotJudged(_) => {
                writeln!(f, "Claimed, not checked: that a log recorded it")?;
                writeln!(f, "  log        {}", checkpoint.origin())?;
                writeln!(f, "  tree size  {}", checkpoint.size())?;
                writeln!(f, "  root       sha256:{}", checkpoint.root())?;
                writeln!(
                    f,
                    "Verdict: no log and no quorum was required; the session is its key's word alone"
                )?;
            }
        }
        Ok(())
    }
}
