//! A followed log in memory: what decides about it, and what is published of it.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use quorate_note::{Checkpoint, Origin, SignatureLine, VerifierKey};
use quorate_witness::{Bucket, KnownLog, Position, Rate};

use super::WitnessError;
use super::store::{Halt, LogRecord, Stored};

/// Requests a day of a log for which nothing else was said: ten a second, as often as a node signs heads by itself.
pub(super) const DEFAULT_RATE: Rate = Rate::per_day(864_000);

/// What a request asks for. Each kind has the log's rate for itself: checkpoints are public, so anybody can submit an
/// old one again, or ask for a subtree of it, and that must not keep the log from growing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A larger tree, which only the log can sign.
    Growth,
    /// A tree that is no larger than the last.
    Again,
    /// A subtree.
    Subtree,
}

/// What the witness's one thread decides with.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The last position, as stored.
    pub(super) last: Option<Position>,
    /// Its bytes in the store: compared again when it is replaced.
    pub(super) stored: Option<Vec<u8>>,
    pub(super) halt: Option<Halt>,
}

/// What monitors fetch.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) checkpoint: Checkpoint,
    pub(super) timestamp: u64,
    pub(super) note: Arc<[u8]>,
    /// Our lines in it.
    pub(super) lines: Arc<[SignatureLine]>,
}

/// A followed log.
#[derive(Debug)]
pub(super) struct Log {
    origin: Origin,
    known: RwLock<(Arc<KnownLog>, LogRecord)>,
    buckets: Mutex<[Bucket; 3]>,
    /// Written by the committer only.
    pub(super) memory: Mutex<Memory>,
    published: RwLock<Option<Published>>,
}

impl Log {
    /// A log as it is stored. `now` is the monotonic clock, milliseconds.
    ///
    /// # Errors
    /// The record or its position is damaged.
    pub(super) fn new(stored: Stored, now: u64) -> Result<Self, WitnessError> {
        let known = known(&stored.origin, &stored.record)?;
        let last = stored
            .position
            .as_deref()
            .map(|bytes| Position::from_bytes(bytes, &known))
            .transpose()
            .map_err(|source| WitnessError::Position {
                origin: stored.origin.clone(),
                source,
            })?;
        Ok(Self {
            origin: known.origin().clone(),
            buckets: Mutex::new([Bucket::full(rate(&stored.record), now); 3]),
            known: RwLock::new((Arc::new(known), stored.record)),
            memory: Mutex::new(Memory {
                last,
                stored: stored.position,
                halt: stored.halt,
            }),
            published: RwLock::default(),
        })
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What is known of it now.
    pub(super) fn known(&self) -> Arc<KnownLog> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known.0)
    }

    pub(super) fn record(&self) -> LogRecord {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.1.clone()
    }

    pub(super) fn is_enabled(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        !known.1.disabled
    }

    /// Takes over a changed record, which is stored already. The bucket is filled anew.
    pub(super) fn change(&self, known: KnownLog, record: LogRecord, now: u64) {
        *self.buckets.lock().unwrap_or_else(PoisonError::into_inner) =
            [Bucket::full(rate(&record), now); 3];
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = (Arc::new(known), record);
    }

    /// Whether the log's rate has room for a request of this kind. Nothing is taken: what is refused costs nothing.
    ///
    /// # Errors
    /// Seconds until the next.
    pub(super) fn ready(&self, kind: Kind, now: u64) -> Result<(), u64> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)[kind as usize].ready(now)
    }

    /// Takes one request of the log's rate, for what was signed.
    pub(super) fn take(&self, kind: Kind, now: u64) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let _signed_already = buckets[kind as usize].take(now);
    }

    /// The size that was co-signed last, and when.
    pub(super) fn last(&self) -> Option<Position> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.last.clone()
    }

    pub(super) fn size(&self) -> u64 {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.last.as_ref().map_or(0, |p| p.checkpoint().size())
    }

    pub(super) fn halt(&self) -> Option<Halt> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.halt.clone()
    }

    pub(super) fn published(&self) -> Option<Published> {
        let published = self
            .published
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        published.clone()
    }

    /// Publishes unless something newer is published: answers may overtake one another.
    pub(super) fn publish(&self, new: Published) {
        let mut published = self
            .published
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let newer = published.as_ref().is_none_or(|old| {
            (old.checkpoint.size(), old.timestamp) <= (new.checkpoint.size(), new.timestamp)
        });
        if newer {
            *published = Some(new);
        }
    }

    /// Forgets what was published: the log's keys or the operator changed what stands behind it.
    pub(super) fn unpublish(&self) {
        *self
            .published
            .write()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn rate(record: &LogRecord) -> Rate {
    record.qpd.map_or(DEFAULT_RATE, Rate::per_day)
}

/// The typed form of a record.
///
/// # Errors
/// A key or the origin is none.
pub(super) fn known(origin: &str, record: &LogRecord) -> Result<KnownLog, WitnessError> {
    let origin = Origin::new(origin).map_err(|source| WitnessError::Origin {
        origin: origin.to_owned(),
        source,
    })?;
    let parse = |texts: &[String]| {
        texts
            .iter()
            .map(|text| text.parse::<VerifierKey>())
            .collect::<Result<Vec<_>, _>>()
    };
    let vkeys = parse(&record.vkeys).map_err(WitnessError::LogKey)?;
    let retired = parse(&record.retired).map_err(WitnessError::LogKey)?;
    KnownLog::new(origin, &vkeys, &retired).map_err(WitnessError::Log)
}
