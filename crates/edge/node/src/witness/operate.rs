//! What the operator sees and changes: logs, halts, evidence.

use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use quorate_note::{LogKey, SignedCheckpoint};
use quorate_witness::recall;
use serde::Deserialize;
use serde_json::{Value, json};

use super::log::Log;
use super::service::origin_hash;
use super::store::EvidenceRecord;
use super::{Witness, WitnessError};
use crate::clock;

/// A log to follow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLog {
    /// A vkey of the log.
    pub(crate) vkey: String,
    /// Its origin; the key's name if it is missing.
    #[serde(default)]
    pub(crate) origin: Option<String>,
    /// Requests a day.
    #[serde(default)]
    pub(crate) qpd: Option<u32>,
    /// Whom to ask about it.
    #[serde(default)]
    pub(crate) contact: Option<String>,
}

impl Witness {
    /// Follows a log.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing was changed.
    pub(crate) fn follow(&self, new: NewLog) -> Result<Value, WitnessError> {
        let vkey: quorate_note::VerifierKey = new.vkey.parse().map_err(WitnessError::LogKey)?;
        let origin = new.origin.unwrap_or_else(|| vkey.name().to_string());
        let log = self.add_log(&origin, &[new.vkey], new.qpd, new.contact)?;
        Ok(show(&log))
    }

    /// Disables a log, or enables it again. What was co-signed stays remembered.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing was changed.
    pub(crate) fn set_disabled(&self, origin: &str, disabled: bool) -> Result<Value, WitnessError> {
        self.change(origin, |record| record.disabled = disabled)
    }

    /// Retires a key of a log: it signs nothing more.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing was changed. The last key cannot be retired.
    pub(crate) fn retire_key(&self, origin: &str, vkey: &str) -> Result<Value, WitnessError> {
        self.change(origin, |record| {
            if record.vkeys.iter().any(|v| v == vkey) {
                record.vkeys.retain(|v| v != vkey);
                record.retired.push(vkey.to_owned());
            }
        })
    }

    fn change(
        &self,
        origin: &str,
        change: impl FnOnce(&mut super::store::LogRecord),
    ) -> Result<Value, WitnessError> {
        let _one_at_a_time = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let log = self
            .log(origin)
            .ok_or_else(|| WitnessError::Unknown(origin.to_owned()))?;
        let mut record = log.record();
        change(&mut record);
        Ok(show(&*self.put(origin, record, Some(log))?))
    }

    /// Ends a halt: the checkpoint that was forgotten becomes the position again.
    ///
    /// # Errors
    /// [`WitnessError`]; the halt stands.
    pub(crate) async fn resume(&self, origin: &str) -> Result<Value, WitnessError> {
        let log = self
            .log(origin)
            .ok_or_else(|| WitnessError::Unknown(origin.to_owned()))?;
        let halt = log
            .halt()
            .ok_or_else(|| WitnessError::NotHalted(origin.to_owned()))?;
        let forgotten = SignedCheckpoint::parse(halt.note.as_bytes())
            .map_err(|e| WitnessError::Recall(e.to_string()))?;
        let now = u64::try_from(clock::now_micros() / 1_000_000).unwrap_or(0);
        let last = log.last();
        let known = log.known();
        let position = recall(last.as_ref(), &forgotten, &known, &self.keys.public, now)
            .map_err(|e| WitnessError::Recall(e.to_string()))?;
        self.committer
            .resume(std::sync::Arc::clone(&log), position)
            .await
            .map_err(|_| WitnessError::Stopped)?;
        log.unpublish();
        Ok(show(&log))
    }

    /// The witness itself.
    pub(crate) fn info(&self) -> Value {
        let logs = self.logs();
        let halted: Vec<_> = logs
            .iter()
            .filter(|l| l.halt().is_some())
            .map(|l| l.origin().to_string())
            .collect();
        json!({
            "name": self.name().as_str(),
            "vkeys": self.vkeys(),
            "pubkey_hex": self.pubkeys_hex(),
            "ml_dsa_44": self.signs_ml_dsa(),
            "logs": logs.len(),
            "halted": halted,
            "waiting": self.committer.backlog(),
            "cosigned": self.counters.accepted.load(Ordering::Relaxed),
        })
    }

    /// Every log.
    pub(crate) fn list(&self) -> Value {
        self.logs().iter().map(|log| show(log)).collect()
    }

    /// One log.
    ///
    /// # Errors
    /// [`WitnessError::Unknown`].
    pub(crate) fn show(&self, origin: &str) -> Result<Value, WitnessError> {
        self.log(origin)
            .map(|log| show(&log))
            .ok_or_else(|| WitnessError::Unknown(origin.to_owned()))
    }

    /// All evidence, without the files.
    ///
    /// # Errors
    /// [`WitnessError::Store`].
    pub(crate) fn list_evidence(&self) -> Result<Value, WitnessError> {
        let all = self.store.evidence()?;
        Ok(all.iter().map(|(id, record)| brief(id, record)).collect())
    }

    /// One evidence file, by its id or the beginning of it.
    ///
    /// # Errors
    /// [`WitnessError::Store`].
    pub(crate) fn evidence(&self, id: &str) -> Result<Option<EvidenceRecord>, WitnessError> {
        let all = self.store.evidence()?;
        let mut found = all.into_iter().filter(|(known, _)| known.starts_with(id));
        let first = found.next();
        // An abbreviation that fits two is none.
        Ok(first.filter(|_| found.next().is_none()).map(|(_, r)| r))
    }

    /// Prometheus text: requests by HTTP status, logs, what waits.
    pub(crate) fn metrics(&self) -> String {
        let refused = self.counters.refused.lock();
        let mut answers: Vec<(u16, u64)> = refused
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(status, count)| (*status, *count))
            .collect();
        answers.push((200, self.counters.accepted.load(Ordering::Relaxed)));
        answers.sort_unstable();
        let mut out = "# HELP quorate_witness_requests_total Requests by HTTP status.\n\
                       # TYPE quorate_witness_requests_total counter\n"
            .to_owned();
        for (status, count) in answers {
            let _infallible = writeln!(
                out,
                "quorate_witness_requests_total{{status=\"{status}\"}} {count}"
            );
        }
        let logs = self.logs();
        let halted = logs.iter().filter(|log| log.halt().is_some()).count();
        for (name, help, value) in [
            ("quorate_witness_logs", "Logs known.", logs.len()),
            (
                "quorate_witness_logs_halted",
                "Logs for which nothing is signed until the operator has looked.",
                halted,
            ),
            (
                "quorate_witness_queue_requests",
                "Requests waiting to be decided.",
                self.committer.backlog(),
            ),
        ] {
            let _infallible = writeln!(
                out,
                "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}"
            );
        }
        out
    }
}

fn brief(id: &str, record: &EvidenceRecord) -> Value {
    json!({
        "id": id,
        "kind": "equivocation",
        "origin": record.origin,
        "size": record.size,
        "seen_at": record.seen_at,
    })
}

fn show(log: &Log) -> Value {
    let record = log.record();
    let last = log.last();
    json!({
        "origin": log.origin().as_str(),
        "path": format!("{}/checkpoint", origin_hash(log.origin())),
        "vkeys": record.vkeys,
        "retired": record.retired,
        "keys": log.known().keys().iter().filter_map(LogKey::verifier_key)
            .map(|k| format!("{}+{}", k.name(), k.id())).collect::<Vec<_>>(),
        "enabled": !record.disabled,
        "qpd": record.qpd,
        "contact": record.contact,
        "added_at": record.added_at,
        "size": last.as_ref().map(|p| p.checkpoint().size()),
        "root": last.as_ref().map(|p| format!("sha256:{}", p.checkpoint().root())),
        "cosigned_at": last.as_ref().map(quorate_witness::Position::timestamp),
        "halt": log.halt().map(|h| json!({"at": h.at, "size": h.size, "checkpoint": h.note})),
    })
}
