//! Who is asking: bearer tokens, console sessions, one-time login links.
//!
//! Threats: another local process holding or guessing a port, a web page in the operator's browser, a
//! stolen state file. Tokens are 32 bytes from the operating system and are kept only as BLAKE3 hashes;
//! look-up goes by hash, so comparison time says nothing about a token. Sessions live in memory only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use quorate_receipt::Did;
use thiserror::Error;

use crate::state::{State, StateError, TokenRecord};

/// A login link works once and this long.
pub(crate) const LOGIN_LIFETIME: Duration = Duration::from_secs(600);
/// A console session ends after this long.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Sessions and open links held at once; the oldest give way.
const MAX_SESSIONS: usize = 64;

/// A writer: who it is and where it may write and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Writer {
    /// Token id, for the log of what happened.
    pub token_id: String,
    /// The actor every receipt of this writer names.
    pub actor: Did,
    /// Its scrolls.
    pub scrolls: Vec<String>,
}

/// Who a request comes from, once its credentials were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    /// The operator: the local socket, or the operator's token.
    Operator,
    /// A writer with a token of its own.
    Writer(Arc<Writer>),
    /// The operator's browser: may read everything, may write nothing.
    Console,
    /// Nobody in particular.
    Anonymous,
}

impl Principal {
    /// The operator, by token or socket, or logged in to the console.
    pub(crate) fn is_operator(&self) -> bool {
        matches!(self, Self::Operator | Self::Console)
    }

    /// Whether the contents of `scroll` may be read.
    #[must_use]
    pub(crate) fn may_read(&self, scroll: &str, public: bool) -> bool {
        public
            || match self {
                Self::Operator | Self::Console => true,
                Self::Writer(w) => w.scrolls.iter().any(|s| s == scroll),
                Self::Anonymous => false,
            }
    }

    /// Whether entries may be appended to `scroll`.
    #[must_use]
    pub(crate) fn may_write(&self, scroll: &str) -> bool {
        match self {
            Self::Operator => true,
            Self::Writer(w) => w.scrolls.iter().any(|s| s == scroll),
            Self::Console | Self::Anonymous => false,
        }
    }
}

/// Why a token could not be made or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The state store failed; the token does not count.
    #[error(transparent)]
    State(#[from] StateError),
    /// The operating system gave no randomness; nothing was made.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(getrandom::Error),
    /// A stored token names an actor that is not a DID: the state file was damaged.
    #[error("token {0} names an invalid actor")]
    Actor(String),
    /// No token has this id; nothing was changed.
    #[error("there is no token with the id {0:?}")]
    Unknown(String),
}

/// All credentials the node accepts on TCP.
#[derive(Debug)]
pub(crate) struct Credentials {
    operator: [u8; 32],
    writers: RwLock<HashMap<[u8; 32], Arc<Writer>>>,
    logins: Mutex<HashMap<[u8; 32], Instant>>,
    sessions: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Credentials {
    /// Loads the writers' tokens; `operator_token` is the text of `DATA/operator.token`.
    ///
    /// # Errors
    /// See [`TokenError`]; nothing was changed.
    pub(crate) fn load(state: &State, operator_token: &str) -> Result<Self, TokenError> {
        let mut writers = HashMap::new();
        for (id, record) in state.tokens()? {
            if record.revoked_at.is_none() {
                let (hash, writer) = decode(&id, &record)?;
                writers.insert(hash, Arc::new(writer));
            }
        }
        Ok(Self {
            operator: digest(operator_token),
            writers: RwLock::new(writers),
            logins: Mutex::default(),
            sessions: Mutex::default(),
        })
    }

    /// Who holds this bearer token; `None` if nobody does.
    #[must_use]
    pub(crate) fn bearer(&self, token: &str) -> Option<Principal> {
        let hash = digest(token);
        if hash == self.operator {
            return Some(Principal::Operator);
        }
        let writers = self.writers.read().unwrap_or_else(PoisonError::into_inner);
        writers.get(&hash).map(|w| Principal::Writer(Arc::clone(w)))
    }

    /// Makes a token for `actor`; answers its id and the token, which is shown once and not stored.
    ///
    /// # Errors
    /// See [`TokenError`]; without `Ok` the token does not work.
    pub(crate) fn new_token(
        &self,
        state: &State,
        actor: Did,
        scrolls: Vec<String>,
        created_at: String,
    ) -> Result<(String, String), TokenError> {
        let token = secret("qw_")?;
        let hash = digest(&token);
        let id = quorate_merkle::Hash::from_bytes(hash).to_string()[..12].to_owned();
        let record = TokenRecord {
            hash: quorate_merkle::Hash::from_bytes(hash).to_string(),
            actor: actor.to_string(),
            scrolls: scrolls.clone(),
            created_at,
            revoked_at: None,
        };
        state.put_token(&id, &record)?;
        let writer = Arc::new(Writer {
            token_id: id.clone(),
            actor,
            scrolls,
        });
        self.writers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(hash, writer);
        Ok((id, token))
    }

    /// Revokes a token: from now on it opens nothing. Revoking twice is the same as once.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub(crate) fn revoke(&self, state: &State, id: &str, at: String) -> Result<(), TokenError> {
        let found = state.tokens()?.into_iter().find(|(i, _)| i == id);
        let (_, mut record) = found.ok_or_else(|| TokenError::Unknown(id.to_owned()))?;
        let (hash, _) = decode(id, &record)?;
        // A restriction bites at once, even if the store then fails to record it.
        self.writers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&hash);
        if record.revoked_at.is_none() {
            record.revoked_at = Some(at);
            state.put_token(id, &record)?;
        }
        Ok(())
    }

    /// Whether the token with this id still opens anything.
    pub(crate) fn holds(&self, token_id: &str) -> bool {
        let writers = self.writers.read().unwrap_or_else(PoisonError::into_inner);
        writers.values().any(|w| w.token_id == token_id)
    }

    /// Ends a session: its cookie opens nothing any more.
    pub(crate) fn logout(&self, cookie: &str) {
        lock(&self.sessions).remove(&digest(cookie));
    }

    /// A fresh one-time login code for the console.
    ///
    /// # Errors
    /// [`TokenError::Randomness`].
    pub(crate) fn new_login(&self) -> Result<String, TokenError> {
        let code = secret("")?;
        remember(&self.logins, digest(&code), LOGIN_LIFETIME);
        Ok(code)
    }

    /// Trades a login code for a session cookie; the code is spent.
    ///
    /// # Errors
    /// [`TokenError::Randomness`]; the code is spent then too.
    pub(crate) fn login(&self, code: &str) -> Result<Option<String>, TokenError> {
        let until = lock(&self.logins).remove(&digest(code));
        if until.is_none_or(|t| t < Instant::now()) {
            return Ok(None);
        }
        let session = secret("")?;
        remember(&self.sessions, digest(&session), SESSION_LIFETIME);
        Ok(Some(session))
    }

    /// Whether a login code would still open a session. Looking does not spend it: as with spending, whoever has no
    /// code learns only that a guess of 256 bits was wrong.
    #[must_use]
    pub(crate) fn may_login(&self, code: &str) -> bool {
        lock(&self.logins)
            .get(&digest(code))
            .is_some_and(|t| *t >= Instant::now())
    }

    /// Whether this cookie belongs to a living console session.
    #[must_use]
    pub(crate) fn session(&self, cookie: &str) -> bool {
        lock(&self.sessions)
            .get(&digest(cookie))
            .is_some_and(|t| *t >= Instant::now())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember(map: &Mutex<HashMap<[u8; 32], Instant>>, key: [u8; 32], lifetime: Duration) {
    let mut map = lock(map);
    let now = Instant::now();
    map.retain(|_, until| *until >= now);
    while map.len() >= MAX_SESSIONS {
        let oldest = map.iter().min_by_key(|(_, until)| **until).map(|(k, _)| *k);
        let Some(oldest) = oldest else { break };
        map.remove(&oldest);
    }
    map.insert(key, now + lifetime);
}

fn decode(id: &str, record: &TokenRecord) -> Result<([u8; 32], Writer), TokenError> {
    let damaged = || {
        TokenError::State(StateError::Damaged {
            what: "token",
            key: id.to_owned(),
        })
    };
    let hash: quorate_merkle::Hash = record.hash.parse().map_err(|_| damaged())?;
    let actor: Did = record
        .actor
        .parse()
        .map_err(|_| TokenError::Actor(id.to_owned()))?;
    Ok((
        *hash.as_bytes(),
        Writer {
            token_id: id.to_owned(),
            actor,
            scrolls: record.scrolls.clone(),
        },
    ))
}

fn digest(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// 32 random bytes as lower-case hex behind `prefix`.
///
/// # Errors
/// [`TokenError::Randomness`].
pub(crate) fn secret(prefix: &str) -> Result<String, TokenError> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(TokenError::Randomness)?;
    Ok(format!(
        "{prefix}{}",
        quorate_merkle::Hash::from_bytes(bytes)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> (tempfile::TempDir, State, Credentials) {
        let dir = tempfile::tempdir().unwrap();
        let disk: Arc<dyn quorate_store::Disk> = Arc::new(quorate_store::OsDisk);
        let state = State::open(&disk, &dir.path().join("s")).unwrap();
        let credentials = Credentials::load(&state, "qo_operator").unwrap();
        (dir, state, credentials)
    }

    #[test]
    fn an_unknown_token_is_nobody() {
        let (_dir, _state, c) = credentials();
        assert_eq!(c.bearer("qo_operator"), Some(Principal::Operator));
        assert_eq!(c.bearer("qo_operator "), None);
        assert_eq!(c.bearer(""), None);
    }

    #[test]
    fn a_token_is_bound_to_its_scrolls_and_survives_a_restart() {
        let (_dir, state, c) = credentials();
        let actor: Did = "did:vm:agent:builder".parse().unwrap();
        let (id, token) = c
            .new_token(&state, actor, vec!["Compliance".into()], "now".into())
            .unwrap();
        for c in [c, Credentials::load(&state, "qo_operator").unwrap()] {
            let who = c.bearer(&token).unwrap();
            assert!(who.may_write("Compliance") && who.may_read("Compliance", false));
            assert!(!who.may_write("Treasury") && !who.may_read("Treasury", false));
            assert!(who.may_read("Treasury", true));
        }
        assert!(
            !state.tokens().unwrap()[0].1.hash.contains(&token),
            "only the hash is stored: {id}"
        );
    }

    #[test]
    fn a_revoked_token_opens_nothing_now_and_after_a_restart() {
        let (_dir, state, c) = credentials();
        let actor: Did = "did:vm:agent:builder".parse().unwrap();
        let (id, token) = c
            .new_token(&state, actor, vec!["A".into()], "now".into())
            .unwrap();
        c.revoke(&state, &id, "later".into()).unwrap();
        assert_eq!(c.bearer(&token), None);
        assert_eq!(Credentials::load(&state, "x").unwrap().bearer(&token), None);
        assert!(matches!(
            c.revoke(&state, "nope", "t".into()),
            Err(TokenError::Unknown(_))
        ));
    }

    #[test]
    fn a_login_link_works_once_and_its_session_only_reads() {
        let (_dir, _state, c) = credentials();
        let code = c.new_login().unwrap();
        let cookie = c.login(&code).unwrap().unwrap();
        assert!(c.session(&cookie));
        assert!(c.login(&code).unwrap().is_none());
        assert!(!c.session(&code));
        assert!(!Principal::Console.may_write("A") && Principal::Console.may_read("A", false));
    }
}
