//! What file, environment and flags say about the witness.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::ConfigError;
use crate::witness::{AgentKey, KeySources, SecretSource, WitnessConfig};

/// `[witness]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WitnessFile {
    name: Option<String>,
    listen: Option<SocketAddr>,
    #[serde(default)]
    seed_files: Vec<PathBuf>,
    #[serde(default)]
    ml_dsa_seed_files: Vec<PathBuf>,
    ssh_agent: Option<PathBuf>,
    #[serde(default)]
    agent_keys: Vec<String>,
    #[serde(default)]
    logs: Vec<LogFile>,
}

/// `[[witness.logs]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogFile {
    vkey: String,
    origin: Option<String>,
}

/// What `quorate witness serve` says.
#[derive(Debug, Clone, Default)]
pub struct WitnessOverrides {
    /// See [`WitnessConfig::name`].
    pub name: Option<String>,
    /// See [`WitnessConfig::listen`].
    pub listen: Option<SocketAddr>,
    /// The address if neither this nor the file gives one.
    pub default_listen: Option<SocketAddr>,
    /// Files of Ed25519 seeds, in place of those of the file and the environment.
    pub seed_files: Vec<PathBuf>,
    /// Files of ML-DSA-44 seeds, likewise.
    pub ml_dsa_seed_files: Vec<PathBuf>,
    /// The socket of an ssh-agent.
    pub ssh_agent: Option<PathBuf>,
    /// Keys to use there.
    pub agent_keys: Vec<AgentKey>,
    /// Logs to follow: origin and vkey; added to those of the file.
    pub logs: Vec<(String, String)>,
    /// The keys have never co-signed anything, so that a missing memory means nothing.
    pub new_keys: bool,
}

/// Seeds from the environment.
#[derive(Debug, Default)]
pub(super) struct WitnessSecrets {
    ed25519: Option<SecretSource>,
    ml_dsa: Option<SecretSource>,
}

impl WitnessSecrets {
    /// Whether `name` is a variable that holds a seed; it is taken then.
    pub(super) fn take(&mut self, name: &str, value: &str) -> bool {
        let (place, name) = match name {
            "QUORATE_WITNESS_SEED_HEX" => (&mut self.ed25519, "QUORATE_WITNESS_SEED_HEX"),
            // The name that the split-trust guide uses. Ours wins, whatever their order.
            "NUCLEUS_WITNESS_SEED_HEX" if self.ed25519.is_none() => {
                (&mut self.ed25519, "NUCLEUS_WITNESS_SEED_HEX")
            }
            "NUCLEUS_WITNESS_SEED_HEX" => return true,
            "QUORATE_WITNESS_ML_DSA_SEED_HEX" => {
                (&mut self.ml_dsa, "QUORATE_WITNESS_ML_DSA_SEED_HEX")
            }
            _ => return false,
        };
        let value = Zeroizing::new(value.to_owned());
        *place = Some(SecretSource::Environment { name, value });
        true
    }
}

/// The witness that all three describe. Without a name in the file or on the command line there is none: a seed in the
/// environment alone does not make one.
pub(super) fn combine(
    file: Option<WitnessFile>,
    secrets: WitnessSecrets,
    overrides: Option<WitnessOverrides>,
) -> Result<Option<WitnessConfig>, ConfigError> {
    if file.is_none() && overrides.is_none() {
        return Ok(None);
    }
    let file = file.unwrap_or_default();
    let overrides = overrides.unwrap_or_default();
    let name = overrides.name.or(file.name);
    let name = name.ok_or(ConfigError::Witness(
        "it has no name; set 'name' in [witness], or --witness-name",
    ))?;
    let seeds = one_source(overrides.seed_files, secrets.ed25519, file.seed_files);
    let ml_dsa_seeds = one_source(
        overrides.ml_dsa_seed_files,
        secrets.ml_dsa,
        file.ml_dsa_seed_files,
    );
    let file_keys = file
        .agent_keys
        .iter()
        .map(|key| key.parse())
        .collect::<Result<Vec<AgentKey>, _>>()?;
    let agent_keys = if overrides.agent_keys.is_empty() {
        file_keys
    } else {
        overrides.agent_keys
    };
    let agent = match (overrides.ssh_agent.or(file.ssh_agent), agent_keys) {
        (None, keys) if keys.is_empty() => None,
        (Some(socket), keys) if !keys.is_empty() => Some((socket, keys)),
        (Some(_), _) => {
            return Err(ConfigError::Witness(
                "an ssh-agent is given but no key to use there; add 'agent_keys', or --agent-key",
            ));
        }
        (None, _) => {
            return Err(ConfigError::Witness(
                "keys of an ssh-agent are given but no agent; set 'ssh_agent', or --ssh-agent",
            ));
        }
    };
    let logs = file.logs.into_iter().map(|log| {
        let origin = log.origin.unwrap_or_else(|| {
            let (name, _) = log.vkey.split_once('+').unwrap_or((&log.vkey, ""));
            name.to_owned()
        });
        (origin, log.vkey)
    });
    Ok(Some(WitnessConfig {
        name,
        listen: overrides
            .listen
            .or(file.listen)
            .or(overrides.default_listen),
        keys: KeySources {
            seeds,
            ml_dsa_seeds,
            agent,
        },
        logs: logs.chain(overrides.logs).collect(),
        new_keys: overrides.new_keys,
    }))
}

/// Flags, else the environment, else the file: an old seed elsewhere must not sign beside the one that was meant.
fn one_source(
    flags: Vec<PathBuf>,
    environment: Option<SecretSource>,
    file: Vec<PathBuf>,
) -> Vec<SecretSource> {
    if !flags.is_empty() {
        return flags.into_iter().map(SecretSource::File).collect();
    }
    match environment {
        Some(source) => vec![source],
        None => file.into_iter().map(SecretSource::File).collect(),
    }
}
