//! The witness's signing keys: seeds from files or the environment, or keys that an ssh-agent keeps.
//!
//! A witness without a key does not start, and none is ever made for it in passing: a key that was made by accident is
//! one that nobody backed up and everybody put into their policy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64ct::{Base64Unpadded, Encoding as _};
use quorate_note::{CosignSigner, KeyName, WitnessKey, ed25519, mldsa44};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::agent::{Agent, AgentError};
use crate::keys::{self, Seed};

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file of 64 hex digits and a newline, readable by its owner only.
    File(PathBuf),
    /// 64 hex digits from an environment variable, whose name is given.
    Environment {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: Zeroizing<String>,
    },
}

impl std::fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment { name, .. } => f.debug_tuple("Environment").field(name).finish(),
        }
    }
}

/// A key that an ssh-agent keeps, by its public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentKey {
    /// 32 bytes.
    Raw([u8; ed25519::PUBLIC_KEY_LEN]),
    /// `SHA256:…`, as `ssh-add -l` prints it.
    Fingerprint(String),
}

impl std::str::FromStr for AgentKey {
    type Err = WitnessKeyError;

    fn from_str(text: &str) -> Result<Self, WitnessKeyError> {
        if let Some(digest) = text.strip_prefix("SHA256:") {
            return match Base64Unpadded::decode_vec(digest) {
                Ok(bytes) if bytes.len() == 32 => Ok(Self::Fingerprint(digest.to_owned())),
                _ => Err(WitnessKeyError::AgentKey(text.to_owned())),
            };
        }
        let mut key = [0; ed25519::PUBLIC_KEY_LEN];
        match base16ct::lower::decode(text, &mut key) {
            Ok(decoded) if decoded.len() == ed25519::PUBLIC_KEY_LEN => Ok(Self::Raw(key)),
            _ => Err(WitnessKeyError::AgentKey(text.to_owned())),
        }
    }
}

impl AgentKey {
    fn matches(&self, key: &[u8; ed25519::PUBLIC_KEY_LEN]) -> bool {
        match self {
            Self::Raw(raw) => raw == key,
            Self::Fingerprint(digest) => {
                let mut blob = Vec::new();
                for part in [b"ssh-ed25519".as_slice(), key.as_slice()] {
                    blob.extend_from_slice(&[0, 0, 0]);
                    blob.push(u8::try_from(part.len()).unwrap_or(0));
                    blob.extend_from_slice(part);
                }
                Base64Unpadded::encode_string(&Sha256::digest(&blob)) == *digest
            }
        }
    }
}

impl std::fmt::Display for AgentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Raw(key) => f.write_str(&base16ct::lower::encode_string(key)),
            Self::Fingerprint(digest) => write!(f, "SHA256:{digest}"),
        }
    }
}

/// Why a key cannot be used. Nothing was signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WitnessKeyError {
    /// No key at all.
    #[error("the witness has no key")]
    None,
    /// The seed file cannot be used.
    #[error(transparent)]
    File(#[from] keys::KeyError),
    /// Not 64 lower-case hex digits.
    #[error("{from} does not hold one 32-byte seed as 64 lower-case hex digits")]
    Seed {
        /// A file or a variable.
        from: String,
    },
    /// Not a public key or fingerprint.
    #[error("{0:?} is neither 64 lower-case hex digits nor SHA256:… as 'ssh-add -l' prints it")]
    AgentKey(String),
    /// The agent does not answer.
    #[error("the ssh-agent at {socket}: {source}")]
    Agent {
        /// Its socket.
        socket: PathBuf,
        /// Why not.
        source: AgentError,
    },
    /// The agent does not hold the key.
    #[error("the ssh-agent at {socket} holds no Ed25519 key {key}")]
    NotInAgent {
        /// Its socket.
        socket: PathBuf,
        /// Which key.
        key: String,
    },
    /// The agent offers a key that we never accept.
    #[error("the key {key} of the ssh-agent cannot be used: {source}")]
    Unacceptable {
        /// Which key.
        key: String,
        /// Why.
        source: ed25519::PublicKeyError,
    },
    /// The same key twice.
    #[error("the key {0} is given twice")]
    Twice(String),
}

/// Where the keys come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySources {
    /// Ed25519 seeds.
    pub seeds: Vec<SecretSource>,
    /// ML-DSA-44 seeds, under which the witness signs beside its Ed25519 keys.
    pub ml_dsa_seeds: Vec<SecretSource>,
    /// The socket of an ssh-agent, and the keys to use there.
    pub agent: Option<(PathBuf, Vec<AgentKey>)>,
}

/// The keys of a witness, under its one name.
pub(crate) struct WitnessKeys {
    pub(super) signers: Vec<CosignSigner>,
    pub(super) public: Vec<WitnessKey>,
    /// Signing may wait for a device or a person.
    pub(super) slow: bool,
}

impl WitnessKeys {
    /// Reads the seeds and asks the agent.
    ///
    /// # Errors
    /// [`WitnessKeyError`].
    pub(super) fn load(name: &KeyName, sources: &KeySources) -> Result<Self, WitnessKeyError> {
        let mut signers = Vec::new();
        for source in &sources.seeds {
            let secret = ed25519::SecretKey::from_seed(*seed(source)?);
            signers.push(CosignSigner::ed25519(name.clone(), secret));
        }
        if let Some((socket, wanted)) = &sources.agent {
            signers.extend(kept(name, socket, wanted)?);
        }
        if signers.is_empty() && sources.ml_dsa_seeds.is_empty() {
            return Err(WitnessKeyError::None);
        }
        for source in &sources.ml_dsa_seeds {
            let secret = mldsa44::SecretKey::from_seed(*seed(source)?);
            signers.push(CosignSigner::ml_dsa_44(name.clone(), secret));
        }
        let public: Vec<WitnessKey> = signers
            .iter()
            .filter_map(|s| WitnessKey::try_from(s.verifier_key().clone()).ok())
            .collect();
        for (index, key) in public.iter().enumerate() {
            if public.iter().take(index).any(|other| other == key) {
                return Err(WitnessKeyError::Twice(hex(key)));
            }
        }
        Ok(Self {
            signers,
            public,
            slow: sources.agent.is_some(),
        })
    }
}

/// The public key, hex.
pub(super) fn hex(key: &WitnessKey) -> String {
    base16ct::lower::encode_string(key.key_bytes())
}

fn kept(
    name: &KeyName,
    socket: &Path,
    wanted: &[AgentKey],
) -> Result<Vec<CosignSigner>, WitnessKeyError> {
    let agent = Arc::new(Agent::new(socket));
    let held = agent.keys().map_err(|source| WitnessKeyError::Agent {
        socket: socket.to_owned(),
        source,
    })?;
    let mut signers = Vec::new();
    for key in wanted {
        let found = held.iter().find(|held| key.matches(held));
        let found = found.ok_or_else(|| WitnessKeyError::NotInAgent {
            socket: socket.to_owned(),
            key: key.to_string(),
        })?;
        let public = ed25519::PublicKey::from_bytes(found).map_err(|source| {
            WitnessKeyError::Unacceptable {
                key: key.to_string(),
                source,
            }
        })?;
        let keeper = Arc::clone(&agent) as Arc<dyn quorate_note::KeyKeeper>;
        signers.push(CosignSigner::kept_ed25519(name.clone(), public, keeper));
    }
    Ok(signers)
}

fn seed(source: &SecretSource) -> Result<Seed, WitnessKeyError> {
    match source {
        SecretSource::File(path) => Ok(keys::read_seed(path)?),
        SecretSource::Environment { name, value } => {
            keys::parse_seed(value.as_bytes()).ok_or_else(|| WitnessKeyError::Seed {
                from: format!("the variable {name}"),
            })
        }
    }
}
