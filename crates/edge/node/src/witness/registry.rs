//! Which logs are followed: changed durably, then in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::log::{Log, known};
use super::service::origin_hash;
use super::store::{LogRecord, Stored};
use super::{NewLog, Witness, WitnessError};

/// What adding does to a log that is known already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It gets the key and is enabled: the operator says so now.
    Changed,
    /// It gets a key that it never had. What the operator disabled or retired since the configuration was written
    /// stays so.
    Kept,
}

impl Witness {
    /// Follows logs, all of them or none.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing was changed.
    pub(super) fn add_logs(
        &self,
        new: Vec<NewLog>,
        if_known: Known,
    ) -> Result<Vec<Arc<Log>>, WitnessError> {
        let _one_at_a_time = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records: BTreeMap<String, LogRecord> = BTreeMap::new();
        for log in new {
            let vkey: quorate_note::VerifierKey = log.vkey.parse().map_err(WitnessError::LogKey)?;
            let origin = log.origin.unwrap_or_else(|| vkey.name().to_string());
            let followed = self.log(&origin);
            let record = records.entry(origin).or_insert_with(|| {
                followed
                    .as_ref()
                    .map_or_else(LogRecord::new, |log| log.record())
            });
            if followed.is_some() && if_known == Known::Kept {
                if !record.vkeys.contains(&log.vkey) && !record.retired.contains(&log.vkey) {
                    record.vkeys.push(log.vkey);
                }
                continue;
            }
            record.disabled = false;
            record.retired.retain(|old| *old != log.vkey);
            if !record.vkeys.contains(&log.vkey) {
                record.vkeys.push(log.vkey);
            }
            record.qpd = log.qpd.or(record.qpd);
            record.contact = log.contact.or(record.contact.take());
        }
        self.put(records.into_iter().collect())
    }

    /// Changes records of logs: all are checked, then stored with one commit, then taken over. The caller holds
    /// `changes`.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing was changed.
    pub(super) fn put(
        &self,
        records: Vec<(String, LogRecord)>,
    ) -> Result<Vec<Arc<Log>>, WitnessError> {
        let mut typed = Vec::with_capacity(records.len());
        for (origin, record) in &records {
            let log = known(origin, record)?;
            if log.origin().is_name(self.name()) {
                return Err(WitnessError::OwnName(origin.clone()));
            }
            typed.push(log);
        }
        self.store.put_logs(&records)?;
        let mut changed = Vec::with_capacity(records.len());
        for ((origin, record), typed) in records.into_iter().zip(typed) {
            let log = match self.log(&origin) {
                Some(log) => {
                    log.change(typed, record, self.monotonic());
                    log
                }
                None => self.take_in(origin, record)?,
            };
            changed.push(log);
        }
        Ok(changed)
    }

    fn take_in(&self, origin: String, record: LogRecord) -> Result<Arc<Log>, WitnessError> {
        let stored = Stored {
            origin,
            record,
            position: None,
            halt: None,
        };
        let log = Arc::new(Log::new(stored, self.monotonic())?);
        let mut by_hash = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        by_hash.insert(origin_hash(log.origin()), Arc::clone(&log));
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        logs.insert(log.origin().clone(), Arc::clone(&log));
        Ok(log)
    }
}
