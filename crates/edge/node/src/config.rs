//! Node configuration: file, then environment, then flags; an unknown key anywhere is an error (R3).

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use quorate_provenance::{Rules, RulesError};

use self::flow::FlowFile;
use self::witness::{WitnessFile, WitnessSecrets};
use crate::witness::{WitnessConfig, WitnessKeyError};

mod flow;
mod reference;
#[cfg(test)]
mod reference_tests;
mod witness;

pub use reference::{CONFIG_KEYS, CONFIG_VARIABLES, ConfigKey, ConfigVariable};
pub use witness::WitnessOverrides;

/// Where a node listens unless told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8484";

/// A checkpoint is signed at most this long after the append it covers, unless configured otherwise.
pub(crate) const DEFAULT_CHECKPOINT_INTERVAL: Duration = Duration::from_millis(100);

/// Once enough witnesses co-signed, the others are waited for so long, unless configured otherwise.
pub(crate) const DEFAULT_EXTRAS: Duration = Duration::from_millis(200);

/// A node is ill when a receipt has waited longer for a checkpoint, unless configured otherwise: a hundred intervals.
pub(crate) const DEFAULT_LONGEST_CHECKPOINT_WAIT: Duration = Duration::from_secs(10);

/// A node is ill when a receipt has waited longer for its quorum, unless configured otherwise: a witness's restart.
pub(crate) const DEFAULT_LONGEST_QUORUM_WAIT: Duration = Duration::from_secs(60);

/// What is verified each second for callers without credentials, unless configured otherwise, in KiB: some 6,000 steps, a
/// quarter of a core.
pub(crate) const DEFAULT_VERIFY_KIB_PER_SECOND: u32 = 4096;

/// A file whose lines are appended to a scroll as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowSpec {
    /// The file to follow; it may not exist yet, and may be rotated away.
    pub file: PathBuf,
    /// The scroll that receives its lines.
    pub scroll: String,
    /// Lines are text of any kind rather than JSON receipts.
    #[serde(default)]
    pub raw: bool,
}

/// Everything a node needs to know before it opens its data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The TCP address of the HTTP API; `None` serves it on the socket in the data directory only.
    pub listen: Option<SocketAddr>,
    /// Prefix of the origins of scrolls created from now on; `None` uses the inception fingerprint.
    pub origin_prefix: Option<String>,
    /// Host names, besides the listen address and `localhost`, that requests may name.
    pub hosts: Vec<String>,
    /// Longest time between an append and the checkpoint that covers it.
    pub checkpoint_interval: Duration,
    /// Files to follow.
    pub follow: Vec<FollowSpec>,
    /// Makes the node a witness for others.
    pub witness: Option<WitnessConfig>,
    /// The policy whose quorum every scroll of the node must meet; without one the node is unwitnessed.
    pub policy: Option<PathBuf>,
    /// How long further co-signatures are waited for once there are enough.
    pub extras: Duration,
    /// A receipt that waits longer for a checkpoint makes the node ill.
    pub longest_checkpoint_wait: Duration,
    /// A receipt that waits longer for its quorum makes the node ill.
    pub longest_quorum_wait: Duration,
    /// KiB of bundles that are verified for callers without credentials each second; 0 for none.
    pub verify_kib_per_second: u32,
    /// What no step of a session that is recorded here may derive from.
    pub flow: Rules,
}

/// What flags say; `None` leaves the value to the environment and the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// See [`Config::data_dir`].
    pub data_dir: Option<PathBuf>,
    /// See [`Config::listen`].
    pub listen: Option<SocketAddr>,
    /// See [`Config::origin_prefix`].
    pub origin_prefix: Option<String>,
    /// See [`Config::hosts`]; added to those of the file.
    pub hosts: Vec<String>,
    /// See [`Config::follow`]; added to those of the file.
    pub follow: Vec<FollowSpec>,
    /// The API is served on the socket only, unless an address is given.
    pub socket_only: bool,
    /// See [`Config::witness`].
    pub witness: Option<WitnessOverrides>,
    /// See [`Config::policy`].
    pub policy: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data_dir: Option<PathBuf>,
    listen: Option<SocketAddr>,
    origin_prefix: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    checkpoint_interval_ms: Option<u64>,
    #[serde(default)]
    follow: Vec<FollowSpec>,
    witness: Option<WitnessFile>,
    policy: Option<PathBuf>,
    more_cosignatures_ms: Option<u64>,
    longest_checkpoint_wait_ms: Option<u64>,
    longest_quorum_wait_ms: Option<u64>,
    verify_kib_per_second: Option<u32>,
    #[serde(default)]
    flow: Vec<FlowFile>,
}

/// Why a configuration was refused. Nothing was opened or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file named by `--config` cannot be read.
    #[error("cannot read the configuration file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, names an unknown key, or a value has the wrong type.
    #[error("the configuration file {path} is not valid: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's message with line and column.
        message: String,
    },
    /// An environment variable has a value that does not parse.
    #[error("the environment variable {name} has the invalid value {value:?}")]
    Environment {
        /// Which variable.
        name: String,
        /// Its value.
        value: String,
    },
    /// A `QUORATE_` variable that no version of this program reads.
    #[error("unknown environment variable {name}; a misspelt setting would silently not apply")]
    UnknownVariable {
        /// Which variable.
        name: String,
    },
    /// No data directory was given and neither `XDG_DATA_HOME` nor `HOME` is set.
    #[error(
        "no data directory: neither --data-dir, QUORATE_DATA_DIR, XDG_DATA_HOME nor HOME is set"
    )]
    NoDataDir,
    /// The checkpoint interval is outside 1 ms to 1 hour.
    #[error("checkpoint_interval_ms must be between 1 and 3600000, not {0}")]
    Interval(u64),
    /// The time for further co-signatures is more than a minute.
    #[error("more_cosignatures_ms must be at most 60000, not {0}")]
    Extras(u64),
    /// A wait that makes the node ill is outside 1 ms to a day.
    #[error("{key} must be between 1 and 86400000, not {value}")]
    LongestWait {
        /// Which.
        key: &'static str,
        /// Its value.
        value: u64,
    },
    /// A rule about flow has an unknown kind, level or class, or asks for nothing.
    #[error("rule {index} of [[flow]]: {what}")]
    FlowRule {
        /// Which, from 1.
        index: usize,
        /// What is wrong.
        what: String,
    },
    /// The rules about flow are none.
    #[error("[[flow]]: {0}")]
    Flow(#[from] RulesError),
    /// What is said about the witness does not fit together.
    #[error("the witness cannot be set up: {0}")]
    Witness(&'static str),
    /// A key of the witness is not one.
    #[error(transparent)]
    WitnessKey(#[from] WitnessKeyError),
}

impl Config {
    /// Combines file, environment and flags; later ones win.
    ///
    /// # Errors
    /// The operator's: see [`ConfigError`].
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        Self::load_from(file, utf8(std::env::vars_os())?.into_iter(), overrides)
    }

    fn load_from(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        overrides: Overrides,
    ) -> Result<Self, ConfigError> {
        let mut file = match file {
            Some(path) => read_file(path)?,
            None => File::default(),
        };
        let mut secrets = WitnessSecrets::default();
        let mut home = None;
        let mut xdg = None;
        for (name, value) in environment {
            let invalid = || ConfigError::Environment {
                name: name.clone(),
                value: value.clone(),
            };
            match name.as_str() {
                "QUORATE_DATA_DIR" => file.data_dir = Some(PathBuf::from(&value)),
                "QUORATE_LISTEN" => file.listen = Some(value.parse().map_err(|_| invalid())?),
                "QUORATE_ORIGIN_PREFIX" => file.origin_prefix = Some(value.clone()),
                "QUORATE_CHECKPOINT_INTERVAL_MS" => {
                    file.checkpoint_interval_ms = Some(value.parse().map_err(|_| invalid())?);
                }
                "QUORATE_POLICY" => file.policy = Some(PathBuf::from(&value)),
                name if secrets.take(name, &value) => {}
                "HOME" => home = Some(PathBuf::from(&value)),
                "XDG_DATA_HOME" if !value.is_empty() => xdg = Some(PathBuf::from(&value)),
                other if other.starts_with("QUORATE_") && !reference::is_variable(other) => {
                    return Err(ConfigError::UnknownVariable { name });
                }
                _ => {}
            }
        }
        let data_dir = overrides
            .data_dir
            .or(file.data_dir)
            .or_else(|| xdg.map(|x| x.join("quorate")))
            .or_else(|| home.map(|h| h.join(".local/share/quorate")))
            .ok_or(ConfigError::NoDataDir)?;
        let checkpoint_interval = match file.checkpoint_interval_ms {
            None => DEFAULT_CHECKPOINT_INTERVAL,
            Some(ms @ 1..=3_600_000) => Duration::from_millis(ms),
            Some(ms) => return Err(ConfigError::Interval(ms)),
        };
        let extras = match file.more_cosignatures_ms {
            None => DEFAULT_EXTRAS,
            Some(ms @ 0..=60_000) => Duration::from_millis(ms),
            Some(ms) => return Err(ConfigError::Extras(ms)),
        };
        let longest_checkpoint_wait = longest_wait(
            "longest_checkpoint_wait_ms",
            file.longest_checkpoint_wait_ms,
            DEFAULT_LONGEST_CHECKPOINT_WAIT,
        )?;
        let longest_quorum_wait = longest_wait(
            "longest_quorum_wait_ms",
            file.longest_quorum_wait_ms,
            DEFAULT_LONGEST_QUORUM_WAIT,
        )?;
        let mut hosts = file.hosts;
        hosts.extend(overrides.hosts);
        let mut follow = file.follow;
        follow.extend(overrides.follow);
        Ok(Self {
            data_dir,
            listen: match overrides.listen.or(file.listen) {
                None if overrides.socket_only => None,
                given => Some(given.unwrap_or_else(default_listen)),
            },
            origin_prefix: overrides.origin_prefix.or(file.origin_prefix),
            hosts,
            checkpoint_interval,
            follow,
            witness: witness::combine(file.witness, secrets, overrides.witness)?,
            policy: overrides.policy.or(file.policy),
            extras,
            longest_checkpoint_wait,
            longest_quorum_wait,
            verify_kib_per_second: file
                .verify_kib_per_second
                .unwrap_or(DEFAULT_VERIFY_KIB_PER_SECOND),
            flow: flow::rules(file.flow)?,
        })
    }
}

/// A variable that is not UTF-8 is none of ours, unless it has one of our names.
fn utf8(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let mut all = Vec::new();
    for (name, value) in variables {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => all.push((name, value)),
            Err(value) if name.starts_with("QUORATE_") => {
                let value = value.to_string_lossy().into_owned();
                return Err(ConfigError::Environment { name, value });
            }
            Err(_) => {}
        }
    }
    Ok(all)
}

fn longest_wait(
    key: &'static str,
    ms: Option<u64>,
    default: Duration,
) -> Result<Duration, ConfigError> {
    match ms {
        None => Ok(default),
        Some(ms @ 1..=86_400_000) => Ok(Duration::from_millis(ms)),
        Some(value) => Err(ConfigError::LongestWait { key, value }),
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8484))
}

fn read_file(path: &Path) -> Result<File, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    toml::from_str(&text).map_err(|e| ConfigError::Syntax {
        path: path.to_path_buf(),
        message: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(list: &[(&str, &str)]) -> std::vec::IntoIter<(String, String)> {
        list.iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect::<Vec<_>>()
            .into_iter()
    }

    #[test]
    fn data_lives_in_local_share_unless_told_otherwise() {
        let c =
            Config::load_from(None, vars(&[("HOME", "/home/op")]), Overrides::default()).unwrap();
        assert_eq!(c.data_dir, PathBuf::from("/home/op/.local/share/quorate"));
        assert_eq!(c.listen, DEFAULT_LISTEN.parse().ok());
    }

    #[test]
    fn flags_win_over_environment_over_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("q.toml");
        std::fs::write(
            &path,
            "listen = \"127.0.0.1:1\"\norigin_prefix = \"file.example\"\npolicy = \"file\"\nmore_cosignatures_ms = 7\n",
        )
        .unwrap();
        let environment = [
            ("QUORATE_LISTEN", "127.0.0.1:2"),
            ("QUORATE_POLICY", "environment"),
            ("HOME", "/h"),
        ];
        let c = Config::load_from(Some(&path), vars(&environment), Overrides::default()).unwrap();
        assert_eq!(c.listen.map(|a| a.port()), Some(2));
        assert_eq!(c.origin_prefix.as_deref(), Some("file.example"));
        assert_eq!(c.policy.as_deref(), Some(Path::new("environment")));
        assert_eq!(c.extras, Duration::from_millis(7));
        let flags = Overrides {
            listen: Some("127.0.0.1:3".parse().unwrap()),
            policy: Some("flag".into()),
            ..Overrides::default()
        };
        let c = Config::load_from(Some(&path), vars(&environment), flags).unwrap();
        assert_eq!(c.listen.map(|a| a.port()), Some(3));
        assert_eq!(c.policy.as_deref(), Some(Path::new("flag")));
    }

    #[test]
    fn r3_unknown_key_in_config_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("q.toml");
        std::fs::write(&path, "lisen = \"127.0.0.1:1\"\n").unwrap();
        let e = Config::load_from(Some(&path), vars(&[("HOME", "/h")]), Overrides::default())
            .unwrap_err();
        assert!(
            matches!(&e, ConfigError::Syntax { message, .. } if message.contains("lisen")),
            "{e}"
        );
    }

    #[test]
    fn r3_a_variable_of_ours_that_is_not_text_is_an_error() {
        use std::os::unix::ffi::OsStringExt as _;
        let bad = || OsString::from_vec(vec![b'/', 0xff]);
        let of = |name: &str| utf8([(OsString::from(name), bad())].into_iter());
        let refused = of("QUORATE_POLICY").unwrap_err();
        assert!(
            matches!(refused, ConfigError::Environment { name, .. } if name == "QUORATE_POLICY")
        );
        assert_eq!(of("OTHER").unwrap(), []);
    }

    #[test]
    fn r3_unknown_quorate_variable_is_an_error() {
        let e = Config::load_from(None, vars(&[("QUORATE_LISTN", "x")]), Overrides::default())
            .unwrap_err();
        assert!(matches!(e, ConfigError::UnknownVariable { name } if name == "QUORATE_LISTN"));
    }
}
