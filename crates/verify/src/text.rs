//! A report as text.

use std::fmt;

use quorate_note::{LogKey, VerifierKey, WitnessKey};
use quorate_policy::{TallyKind, Verdict};
use quorate_receipt::Timestamp;

use crate::report::Report;

/// A key as `name+id (kind)`, or as its hexadecimal digits where the policy gives no name.
pub(crate) fn key_text(vkey: Option<&VerifierKey>, key_bytes: &[u8]) -> String {
    match vkey {
        Some(vkey) => format!("{}+{} ({})", vkey.name(), vkey.id(), vkey.kind()),
        None => format!("{} (Ed25519)", hex(key_bytes)),
    }
}

pub(crate) fn log_key_text(key: &LogKey) -> String {
    key_text(key.verifier_key(), key.key_bytes())
}

pub(crate) fn witness_key_text(key: &WitnessKey) -> String {
    key_text(key.verifier_key(), key.key_bytes())
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A witness's time as RFC 3339; as bare seconds where no four-digit year holds it.
pub(crate) fn time_text(seconds: u64) -> String {
    match i64::try_from(seconds)
        .ok()
        .and_then(Timestamp::from_seconds)
    {
        Some(time) => time.to_string(),
        None => format!("{seconds} s after 1970"),
    }
}

/// A head in lines: size, root, head hash and the log's keys.
#[derive(Debug, Clone, Copy)]
pub struct HeadText<'a>(pub &'a Verdict);

impl fmt::Display for HeadText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verified = self.0.checkpoint();
        let checkpoint = verified.checkpoint();
        writeln!(f, "  tree size  {}", checkpoint.size())?;
        writeln!(f, "  root       sha256:{}", checkpoint.root())?;
        writeln!(f, "  head hash  {}", checkpoint.head_hash())?;
        for key in verified.signed_by() {
            writeln!(f, "  signed by  {}", log_key_text(key))?;
        }
        Ok(())
    }
}

/// A verdict in lines: the quorum's tree, and the witnesses with their times.
#[derive(Debug, Clone, Copy)]
pub struct VerdictText<'a>(pub &'a Verdict);

impl fmt::Display for VerdictText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Verdict::Quorate(met) => {
                writeln!(f, "Verdict: quorate")?;
                for row in met.tally().rows() {
                    let mark = if row.is_satisfied() { "+" } else { "-" };
                    write!(
                        f,
                        "  {:indent$}{mark} {}: ",
                        "",
                        row.name(),
                        indent = 2 * row.depth()
                    )?;
                    match row.kind() {
                        TallyKind::Witness {
                            cosigned_at: Some(at),
                        } => {
                            writeln!(f, "co-signed at {}", time_text(at))?;
                        }
                        TallyKind::Witness { cosigned_at: None } => writeln!(f, "did not co-sign")?,
                        TallyKind::Group {
                            required,
                            satisfied,
                            members,
                        } => {
                            writeln!(f, "{satisfied} of {members}, {required} required")?;
                        }
                    }
                }
            }
            Verdict::Unwitnessed(_) => writeln!(
                f,
                "Verdict: unwitnessed (the policy says `quorum none`): whoever controls the log's machine \
                 could have rewritten it"
            )?,
        }
        for witness in self.0.signers() {
            let time = time_text(witness.timestamp());
            writeln!(
                f,
                "  {} is {}, at {time}",
                witness.name(),
                witness_key_text(witness.key())
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Proven: these exact bytes are entry {} of {}",
            self.index(),
            self.checkpoint().origin()
        )?;
        writeln!(f, "  leaf hash  sha256:{}", self.leaf_hash())?;
        write!(f, "{}", HeadText(self.verdict()))?;
        if let Some(erased) = self.content_erased() {
            writeln!(
                f,
                "Content erased on {}, recorded in entry {}",
                erased.at(),
                erased.index()
            )?;
        }
        write!(f, "{}", VerdictText(self.verdict()))?;
        writeln!(f, "Not proven:")?;
        for line in self.not_proven() {
            writeln!(f, "  - {line}")?;
        }
        Ok(())
    }
}
