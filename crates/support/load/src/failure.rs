//! What can stop a measurement.

use std::io;
use std::process::ExitCode;

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The machine: disk, network, a program that is missing.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The node answered something else than it should.
    #[error("{what}: status {status}: {body}")]
    Status {
        /// The request.
        what: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The node broke a promise. A figure measured against it would mean nothing.
    #[error("the node broke a promise: {0}")]
    Broken(String),
    /// The environment lacks something that the run needs.
    #[error("{0}")]
    Missing(String),
}

/// A result that names its failure.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// 1: the node did wrong. 3: the environment did.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Status { .. } | Self::Broken(_) => ExitCode::from(1),
            Self::Io { .. } | Self::Missing(_) => ExitCode::from(3),
        }
    }
}

/// Says what was being done when the system refused.
pub(crate) trait Doing<T> {
    /// Adds what was being done.
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| Failure::Io {
            what: what.into(),
            source,
        })
    }
}
