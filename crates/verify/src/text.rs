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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checkpoint = self.checkpoint();
        writeln!(
            f,
            "Proven: these exact bytes are entry {} of {}",
            self.index(),
            checkpoint.origin()
        )?;
        writeln!(f, "  leaf hash  sha256:{}", self.leaf_hash())?;
        writeln!(f, "  tree size  {}", checkpoint.size())?;
        writeln!(f, "  root       sha256:{}", checkpoint.root())?;
        writeln!(f, "  head hash  {}", checkpoint.head_hash())?;
        for key in self.log_keys() {
            writeln!(f, "  signed by  {}", log_key_text(key))?;
        }
        if let Some(erased) = self.content_erased() {
            writeln!(
                f,
                "Content erased on {}, recorded in entry {}",
                erased.at(),
                erased.index()
            )?;
        }
        match self.verdict() {
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
        for witness in self.witnesses() {
            let time = time_text(witness.timestamp());
            writeln!(
                f,
                "  {} is {}, at {time}",
                witness.name(),
                witness_key_text(witness.key())
            )?;
        }
        writeln!(f, "Not proven:")?;
        for line in self.not_proven() {
            writeln!(f, "  - {line}")?;
        }
        Ok(())
    }
}
