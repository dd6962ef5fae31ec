//! The node as a library: configuration, opening a data directory, calling it in process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use quorate_node::{
    BackupError, Config, ConfigError, FollowSpec, LocalApi, Manifest, Node, NodeError, Overrides,
    QuorumError, WitnessError, WitnessKeyError, WitnessOverrides, WitnessStoreError,
};

use quorate_store::{DataDir, DataDirError, OsDisk};

use crate::args::{Global, Serve, Up};
use crate::client::{Body, BoxError};
use crate::exit::Exit;
use crate::failure::{Failure, reason};

pub(crate) use quorate_node::Mode;

/// Where `quorate witness serve` listens unless told otherwise. As part of `quorate up` a witness has no address of its
/// own unless it is given one.
const DEFAULT_BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8443);

/// File, environment and flags, combined.
#[derive(Debug)]
pub(crate) struct Settings {
    config: Config,
}

impl Settings {
    /// What every command needs: where the data is.
    pub(crate) fn load(global: &Global) -> Result<Self, Failure> {
        Self::combine(
            global,
            Overrides {
                data_dir: global.data_dir.clone(),
                ..Overrides::default()
            },
        )
    }

    /// What `quorate up` needs.
    pub(crate) fn for_up(global: &Global, up: &Up) -> Result<Self, Failure> {
        let follow = up.follow.iter().map(|f| FollowSpec {
            file: f.file.clone(),
            scroll: f.scroll.clone(),
            raw: f.raw,
        });
        let overrides = Overrides {
            data_dir: global.data_dir.clone(),
            listen: up.listen,
            origin_prefix: up.origin_prefix.clone(),
            hosts: up.hosts.clone(),
            follow: follow.collect(),
            policy: up.policy.clone(),
            ..Overrides::default()
        };
        Self::combine(global, overrides)
    }

    /// What `quorate witness serve` needs. Its data has a directory of its own, unless told otherwise: a witness and
    /// a node on one machine are two processes.
    pub(crate) fn for_witness(global: &Global, serve: &Serve) -> Result<Self, Failure> {
        let ssh_agent = match serve.ssh_agent.clone() {
            Some(path) if path.as_os_str() == "$SSH_AUTH_SOCK" => {
                let from_environment = std::env::var_os("SSH_AUTH_SOCK").filter(|v| !v.is_empty());
                Some(from_environment.map(Into::into).ok_or_else(|| {
                    Failure::usage("cannot start the witness", "SSH_AUTH_SOCK is not set")
                        .hint("name the agent's socket: --ssh-agent=SOCKET")
                })?)
            }
            given => given,
        };
        Self::combine(
            global,
            Overrides {
                data_dir: global.data_dir.clone(),
                listen: serve.listen,
                hosts: serve.hosts.clone(),
                socket_only: true,
                witness: Some(WitnessOverrides {
                    name: serve.witness_name.clone(),
                    listen: serve.bind,
                    default_listen: Some(DEFAULT_BIND),
                    seed_files: serve.seed_files.clone(),
                    ml_dsa_seed_files: serve.ml_dsa_seed_files.clone(),
                    ssh_agent,
                    agent_keys: serve.agent_keys.clone(),
                    logs: serve.origins.clone(),
                    new_keys: serve.new_keys,
                }),
                ..Overrides::default()
            },
        )
    }

    fn combine(global: &Global, overrides: Overrides) -> Result<Self, Failure> {
        let from_environment = std::env::var_os("QUORATE_CONFIG").filter(|v| !v.is_empty());
        let file = global
            .config
            .clone()
            .or_else(|| from_environment.map(Into::into));
        let config = Config::load(file.as_deref(), overrides).map_err(|e| configuration(&e))?;
        Ok(Self { config })
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// Whether a node that is started here would be a new one.
    pub(crate) fn is_first_start(&self) -> Result<bool, NodeError> {
        Ok(DataDir::read_node(&OsDisk, self.data_dir())?.is_none())
    }

    /// Whether an address is the one that the witness's calls come to.
    pub(crate) fn is_for_witness(&self, address: &str) -> bool {
        let listen = self.config.witness.as_ref().and_then(|w| w.listen);
        listen.is_some_and(|listen| listen.to_string() == address)
    }

    /// The files to follow.
    pub(crate) fn follow(&self) -> &[FollowSpec] {
        &self.config.follow
    }

    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }
}

fn configuration(error: &ConfigError) -> Failure {
    let (exit, hint) = match error {
        ConfigError::Read { .. } => (
            Exit::Environment,
            "check the path given with --config or QUORATE_CONFIG",
        ),
        ConfigError::UnknownVariable { .. } => (Exit::Usage, "correct its name, or unset it"),
        ConfigError::NoDataDir => (Exit::Usage, "name one with --data-dir"),
        _ => (Exit::Usage, "correct it: nothing was opened"),
    };
    Failure::new(
        exit,
        "configuration",
        "cannot use the configuration",
        reason(error),
    )
    .hint(hint)
}

/// A data directory opened in this process.
pub(crate) struct Local {
    api: LocalApi,
    node: Option<Node>,
}

impl Local {
    /// Opens it and takes its lock.
    pub(crate) fn open(settings: &Settings, mode: Mode) -> Result<Self, Failure> {
        // Reads and syncs files, and may take seconds.
        let node = tokio::task::block_in_place(|| Node::open(settings.config(), mode));
        let node = node.map_err(|e| opening(settings.data_dir(), &e))?;
        Ok(Self {
            api: node.api(),
            node: Some(node),
        })
    }

    /// Calls the API as the operator.
    pub(crate) async fn call(&self, request: Request<Body>) -> Response<Body> {
        let answer = self.api.call(request.map(axum::body::Body::new)).await;
        answer.map(|body| body.map_err(BoxError::from).boxed_unsync())
    }
}

impl Drop for Local {
    /// Closes in order, on every way out, and gives the lock back.
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            tokio::task::block_in_place(|| node.close());
        }
    }
}

/// Why a data directory cannot be opened, and what to do about it.
pub(crate) fn opening(data_dir: &Path, error: &NodeError) -> Failure {
    let what = match error {
        NodeError::Listen { .. } => "cannot start".to_owned(),
        NodeError::Quorum(_) => "cannot start with this policy".to_owned(),
        _ => format!("cannot open the data directory {}", data_dir.display()),
    };
    let (exit, code, hint) = match error {
        NodeError::Empty(_) => (
            Exit::Environment,
            "no-node",
            "start one with 'quorate up', or name its directory with --data-dir",
        ),
        NodeError::DataDir(DataDirError::InUse(_)) => (
            Exit::Environment,
            "in-use",
            "a node or another command works on it: wait for it, or stop it",
        ),
        NodeError::Listen { .. } => (
            Exit::Environment,
            "listen",
            "choose an address of this machine that no other program uses, with --listen",
        ),
        NodeError::Quorum(QuorumError::Read { .. }) => (
            Exit::Environment,
            "policy",
            "check the path given with --policy, QUORATE_POLICY or 'policy' in the configuration",
        ),
        NodeError::Quorum(QuorumError::Forgotten) => (
            Exit::Refused,
            "policy-left-out",
            "give --policy FILE as before, or set QUORATE_POLICY; a policy file that says 'quorum none' makes the node \
             unwitnessed on purpose",
        ),
        NodeError::Quorum(_) => (
            Exit::Refused,
            "policy",
            "nothing was opened; correct the policy ('quorate policy check' reads it), or start without one",
        ),
        NodeError::Tls(_) => (
            Exit::Environment,
            "tls",
            "install the system's CA certificates (such as the package ca-certificates), or correct SSL_CERT_FILE and SSL_CERT_DIR",
        ),
        NodeError::Witness(cause) => return witness(cause, error.is_environment()),
        NodeError::Failed(_) => (
            Exit::Environment,
            "failed",
            "run 'quorate log fsck', then start it again",
        ),
        failed if failed.is_environment() => (
            Exit::Environment,
            "data-dir",
            "check its owner, its permissions and the disk",
        ),
        NodeError::Scroll { .. } | NodeError::StoredCheckpoint { .. } => (
            Exit::Refused,
            "damaged",
            "do not remove anything: 'quorate log fsck' names the first difference; a backup may be restored into another directory",
        ),
        NodeError::DataDir(DataDirError::NotOurs { .. }) => (
            Exit::Refused,
            "data-dir",
            "name an empty or new directory with --data-dir; nothing was changed",
        ),
        _ => (
            Exit::Refused,
            "data-dir",
            "nothing was changed; the reason above says what stands in the way",
        ),
    };
    Failure::new(exit, code, what, reason(error)).hint(hint)
}

/// What failed when a witness does not start.
const WITNESS: &str = "cannot start the witness";

/// Why a node cannot be the witness it should be, and what to do about it.
fn witness(error: &WitnessError, environment: bool) -> Failure {
    let hint = match error {
        WitnessError::Key(WitnessKeyError::None) => {
            "make one with 'quorate key generate --name NAME -o FILE', then start with --seed-file FILE"
        }
        WitnessError::Restored | WitnessError::Missing(_) => {
            "restore the witness's own state if you have it; otherwise make new keys ('quorate key generate'), start with them and --new-keys, and replace the old ones in every policy"
        }
        WitnessError::Store(WitnessStoreError::Renamed { before, .. }) => {
            let hint = format!(
                "use --witness-name {before}, or make a new key: 'quorate key generate'; nothing was signed"
            );
            return Failure::refused("witness", WITNESS, reason(error)).hint(hint);
        }
        WitnessError::Key(WitnessKeyError::File(_)) => {
            "name with --seed-file what 'quorate key generate' wrote, readable by its owner only; nothing was signed"
        }
        WitnessError::Key(WitnessKeyError::Agent { .. }) => {
            "name the agent's socket with --ssh-agent=SOCKET (or SSH_AUTH_SOCK); nothing was signed"
        }
        WitnessError::Key(WitnessKeyError::NotInAgent { .. }) => {
            "'ssh-add -l' lists what the agent holds: load the key or attach the device; a FIDO key (ED25519-SK) cannot co-sign; nothing was signed"
        }
        WitnessError::Store(_) | WitnessError::Thread(_) => "check the disk; nothing was signed",
        _ => "nothing was signed; correct what the reason names",
    };
    let exit = if environment {
        Exit::Environment
    } else {
        Exit::Refused
    };
    Failure::new(exit, "witness", WITNESS, reason(error)).hint(hint)
}

/// Puts a backup into an empty data directory.
pub(crate) fn restore(backup: &Path, data_dir: &Path) -> Result<Manifest, Failure> {
    quorate_node::restore(backup, data_dir).map_err(|e| {
        let what = format!(
            "cannot restore {} into {}",
            backup.display(),
            data_dir.display()
        );
        let (exit, code, hint) = match e {
            BackupError::NotEmpty(_) => (
                Exit::Refused,
                "not-empty",
                "name an empty or new directory with --data-dir",
            ),
            BackupError::NotABackup(_) => (
                Exit::Refused,
                "not-a-backup",
                "name the directory that 'quorate backup' wrote",
            ),
            BackupError::Damaged { .. } => (
                Exit::Refused,
                "damaged",
                "use another backup; nothing was restored",
            ),
            _ => (
                Exit::Environment,
                "file",
                "check the disk and the permissions; nothing was restored",
            ),
        };
        Failure::new(exit, code, what, reason(&e)).hint(hint)
    })
}
