//! What can stop the demonstration.

use std::io;
use std::process::ExitCode;

/// Why it did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The machine: disk, network, a process that cannot be started.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A command that has to work did not. Nothing was shown to be wrong.
    #[error("{command} failed:\n{said}")]
    Command {
        /// Its words.
        command: String,
        /// What it said.
        said: String,
    },
    /// A process answered with something that cannot be read.
    #[error("{from} answered with something unexpected: {said}")]
    Answer {
        /// Who.
        from: String,
        /// What.
        said: String,
    },
    /// The attacker's own tools failed, so that nothing was attacked.
    #[error("the attack could not be made: {0}")]
    Tools(String),
    /// An attack had another outcome than the one that this product promises.
    #[error("NOT AS PROMISED: {promised}\nbut: {seen}")]
    Outcome {
        /// What must have happened.
        promised: String,
        /// What happened.
        seen: String,
    },
}

/// A result that names its failure.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// 1: a promise was broken. 3: the environment failed, and nothing was shown.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Outcome { .. } => 1,
            Self::Io { .. } | Self::Command { .. } | Self::Answer { .. } | Self::Tools(_) => 3,
        })
    }

    /// The attacker's tools, whatever their own error is.
    pub(crate) fn tools(error: impl std::fmt::Display) -> Self {
        Self::Tools(error.to_string())
    }
}

/// Says what was being done when the system refused.
pub(crate) fn doing<T>(what: impl Into<String>, done: io::Result<T>) -> Result<T> {
    done.map_err(|source| Failure::Io {
        what: what.into(),
        source,
    })
}

/// Stops the demonstration unless what is promised holds.
pub(crate) fn promise(promised: &str, holds: bool, seen: impl std::fmt::Display) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Failure::Outcome {
        promised: promised.to_owned(),
        seen: seen.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_no_failure_of_the_environment() {
        let broken = promise("it is refused", false, "it was accepted").unwrap_err();
        assert_eq!(broken.exit_code(), ExitCode::from(1));
        assert!(broken.to_string().contains("it was accepted"));
        assert_eq!(Failure::tools("x").exit_code(), ExitCode::from(3));
        assert!(promise("it is refused", true, "").is_ok());
    }
}
