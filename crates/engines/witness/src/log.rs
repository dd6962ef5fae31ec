//! What a witness knows of a log.

use quorate_note::{LogKey, Origin, VerifierKey, WrongRole};

/// The most keys of one log, retired ones included: two algorithms and seven rotations.
pub const MAX_LOG_KEYS: usize = 16;

/// Why a log cannot be known so. The fault is in what was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KnownLogError {
    /// No keys.
    #[error("the log {origin} has no key")]
    NoKeys {
        /// Of which log.
        origin: Origin,
    },
    /// More than [`MAX_LOG_KEYS`].
    #[error("the log {origin} has more than 16 keys")]
    TooManyKeys {
        /// Of which log.
        origin: Origin,
    },
    /// A key of a type that logs do not have, or of type 06 under a name that is not the origin.
    #[error("the key {name} cannot be a key of the log {origin}: {source}")]
    Role {
        /// The key's name.
        name: String,
        /// Of which log.
        origin: Origin,
        /// Why.
        source: WrongRole,
    },
}

/// A log that the witness follows: its origin and the keys that may sign for it.
///
/// Retired keys sign nothing more; they are kept because what was co-signed last may have been signed with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLog {
    origin: Origin,
    keys: Vec<LogKey>,
    retired: Vec<LogKey>,
}

impl KnownLog {
    /// Binds keys to a log.
    ///
    /// # Errors
    /// [`KnownLogError`].
    pub fn new(
        origin: Origin,
        vkeys: &[VerifierKey],
        retired: &[VerifierKey],
    ) -> Result<Self, KnownLogError> {
        if vkeys.is_empty() {
            return Err(KnownLogError::NoKeys { origin });
        }
        if vkeys.len().saturating_add(retired.len()) > MAX_LOG_KEYS {
            return Err(KnownLogError::TooManyKeys { origin });
        }
        let bind = |vkey: &VerifierKey| {
            LogKey::for_origin(vkey.clone(), origin.clone()).map_err(|source| KnownLogError::Role {
                name: vkey.name().to_string(),
                origin: origin.clone(),
                source,
            })
        };
        let keys = vkeys.iter().map(bind).collect::<Result<_, _>>()?;
        let retired = retired.iter().map(bind).collect::<Result<_, _>>()?;
        Ok(Self {
            origin,
            keys,
            retired,
        })
    }

    /// The log's identifier.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The keys that may sign, at least one.
    #[must_use]
    pub fn keys(&self) -> &[LogKey] {
        &self.keys
    }

    /// Those and the retired ones.
    #[must_use]
    pub fn all_keys(&self) -> Vec<LogKey> {
        self.keys.iter().chain(&self.retired).cloned().collect()
    }
}
