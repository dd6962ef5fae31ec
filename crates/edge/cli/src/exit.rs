//! Exit codes: the one place that decides them.

use std::process::ExitCode;

use http::StatusCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done; what was to be verified is verified.
    Done,
    /// The request was understood and refused, or a check did not hold.
    Refused,
    /// The command line was not understood.
    Usage,
    /// The disk, the network or the node failed; the same command may work later.
    Environment,
}

impl Exit {
    /// The code the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Environment => 3,
        }
    }

    /// What a node's refusal means to the caller: its own fault, or the node's.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            Self::Environment
        } else {
            Self::Refused
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_stable() {
        let codes = [Exit::Done, Exit::Refused, Exit::Usage, Exit::Environment].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3]);
    }

    #[test]
    fn a_refusal_is_1_and_a_failing_node_is_3() {
        assert_eq!(Exit::of_status(StatusCode::NOT_FOUND), Exit::Refused);
        assert_eq!(Exit::of_status(StatusCode::CONFLICT), Exit::Refused);
        assert_eq!(Exit::of_status(StatusCode::GONE), Exit::Refused);
        assert_eq!(
            Exit::of_status(StatusCode::TOO_MANY_REQUESTS),
            Exit::Environment
        );
        assert_eq!(
            Exit::of_status(StatusCode::SERVICE_UNAVAILABLE),
            Exit::Environment
        );
    }
}
