//! What the operator sees and changes: logs, halts, evidence.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use quorate_note::{LogKey, VerifierKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::core::NotResumed;
use super::log::Log;
use super::registry::Known;
use super::service::origin_hash;
use super::store::{EvidenceRecord, LogRecord};
use super::{Witness, WitnessError};

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

/// A log that is followed, in short.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) origin: String,
    /// Size, and POSIX seconds.
    pub(crate) cosigned: Option<(u64, u64)>,
    pub(crate) enabled: bool,
    pub(crate) halted: bool,
}

impl Witness {
    /// Every log, by origin.
    pub(crate) fn followed(&self) -> Vec<Followed> {
        let followed = |log: &Arc<Log>| Followed {
            origin: log.origin().to_string(),
            cosigned: log.last().map(|p| (p.checkpoint().size(), p.timestamp())),
            enabled: log.is_enabled(),
            halted: log.halt().is_some(),
        };
        self.logs().iter().map(followed).collect()
    }

    /// Follows logs, all of them or none. A log that is followed gets the key, and is enabled.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing was changed.
    pub(crate) fn follow(&self, new: Vec<NewLog>) -> Result<Vec<Value>, WitnessError> {
        let logs = self.add_logs(new, Known::Changed)?;
        Ok(logs.iter().map(|log| show(log)).collect())
    }

    /// Disables a log, or enables it again. What was co-signed stays remembered.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing was changed.
    pub(crate) fn set_disabled(&self, origin: &str, disabled: bool) -> Result<Value, WitnessError> {
        self.change(origin, |record| {
            record.disabled = disabled;
            Ok(())
        })
    }

    /// Retires a key of a log, named by its vkey or by `name+id`: it signs nothing more.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing was changed. The last key cannot be retired.
    pub(crate) fn retire_key(&self, origin: &str, key: &str) -> Result<Value, WitnessError> {
        self.change(origin, |record| {
            let named = |vkey: &String| {
                let short = |k: VerifierKey| format!("{}+{}", k.name(), k.id()) == key;
                vkey == key || vkey.parse().is_ok_and(short)
            };
            let at = record.vkeys.iter().position(named);
            let at = at.ok_or_else(|| WitnessError::UnknownKey {
                origin: origin.to_owned(),
                key: key.to_owned(),
            })?;
            let retired = record.vkeys.remove(at);
            record.retired.push(retired);
            Ok(())
        })
    }

    fn change(
        &self,
        origin: &str,
        change: impl FnOnce(&mut LogRecord) -> Result<(), WitnessError>,
    ) -> Result<Value, WitnessError> {
        let _one_at_a_time = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let log = self
            .log(origin)
            .ok_or_else(|| WitnessError::Unknown(origin.to_owned()))?;
        let mut record = log.record();
        change(&mut record)?;
        let changed = self.put(vec![(origin.to_owned(), record)])?;
        changed
            .first()
            .map(|log| show(log))
            .ok_or(WitnessError::Stopped)
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
        let resumed = self.committer.resume(Arc::clone(&log), halt).await;
        match resumed.map_err(|_| WitnessError::Stopped)? {
            Ok(()) => {}
            Err(NotResumed::NotHalted) => {
                return Err(WitnessError::NotHalted(origin.to_owned()));
            }
            Err(NotResumed::Recall(why)) => return Err(WitnessError::Recall(why)),
        }
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

    /// All evidence, by id.
    ///
    /// # Errors
    /// [`WitnessError::Store`].
    pub(crate) fn held_evidence(&self) -> Result<Vec<(String, EvidenceRecord)>, WitnessError> {
        Ok(self.store.evidence()?)
    }

    /// All evidence, without the files.
    ///
    /// # Errors
    /// [`WitnessError::Store`].
    pub(crate) fn list_evidence(&self) -> Result<Value, WitnessError> {
        let all = self.held_evidence()?;
        Ok(all.iter().map(|(id, record)| brief(id, record)).collect())
    }

    /// One evidence file, by its id or the beginning of it.
    ///
    /// # Errors
    /// [`WitnessError::Store`].
    pub(crate) fn evidence(&self, id: &str) -> Result<Option<EvidenceRecord>, WitnessError> {
        let all = self.held_evidence()?;
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
