//! A report as text.

use std::fmt;

use quorate_provenance::SourceClass;

use super::report::{BundleReport, PayloadProof};
use super::trust::HeadProof;
use crate::text::{HeadText, VerdictText, log_key_text, witness_key_text};

impl fmt::Display for BundleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let session = self.session();
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
        match self.actor().kid() {
            Some(kid) => writeln!(f, "  key        {} ({kid})", session.key())?,
            None => writeln!(f, "  key        {}", session.key())?,
        }
        writeln!(f, "  opened     {}", session.opening().timestamp())?;
        writeln!(f, "  last       {}", session.last_timestamp())?;
        let sources: Vec<&str> = self.label().classes().map(SourceClass::as_str).collect();
        writeln!(
            f,
            "  integrity  {} (from {})",
            self.label().level().as_str(),
            if sources.is_empty() {
                "nothing".to_owned()
            } else {
                sources.join(", ")
            }
        )?;
        match self.payload() {
            PayloadProof::None => {}
            PayloadProof::Bound(payload) => {
                writeln!(f, "  payload    {} (not shown)", payload.hash)?;
            }
            PayloadProof::Shown(payload) => writeln!(f, "  payload    {} (shown)", payload.hash)?,
        }
        if self.shown() > 0 {
            writeln!(f, "  sealed     {} contents shown", self.shown())?;
        }
        if let Some(presentation) = self.presentation() {
            writeln!(
                f,
                "  presented  to {} until {}",
                presentation.audience, presentation.expires
            )?;
        }
        for artifact in self.attestation().unwrap_or_default() {
            writeln!(f, "  attests    {} {}", artifact.hash, artifact.name)?;
        }
        writeln!(f, "  log        {}", self.head().checkpoint().origin())?;
        match self.head() {
            HeadProof::Judged(verdict) => {
                write!(f, "{}{}", HeadText(verdict), VerdictText(verdict))?;
            }
            HeadProof::Witnessed(witnessed) => {
                writeln!(f, "  tree size  {}", witnessed.checkpoint().size())?;
                writeln!(f, "  root       sha256:{}", witnessed.checkpoint().root())?;
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
            HeadProof::NotJudged(checkpoint) => {
                writeln!(f, "  tree size  {}", checkpoint.size())?;
                writeln!(
                    f,
                    "Verdict: no log and no quorum was required; the session is its key's word alone"
                )?;
            }
        }
        writeln!(f, "Not proven:")?;
        for line in self.not_proven() {
            writeln!(f, "  - {line}")?;
        }
        Ok(())
    }
}
