//! The words of `quorate log audit` and `quorate log monitor`: looking at logs from outside.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use quorate_node::watch::Place;

use super::value;
use super::when::seconds;

/// `quorate log audit`
#[derive(Debug, Args)]
#[command(
    after_help = "Needs no node. Reads any C2SP tiled log (c2sp.org/tlog-tiles) whose entries are its leaves: a \
                  scroll at http://HOST/scrolls/NAME, the folder that 'quorate log export --tiles' wrote, another \
                  log's prefix. Exit 0 only if everything was verified."
)]
pub(crate) struct Audit {
    /// The log's prefix: https://, http://, file://, or a folder
    #[arg(value_name = "URL")]
    pub(crate) place: Place,
    /// Whom to believe: the log's keys, witnesses and quorum
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Check hashes only, down to the leaf hashes: the entries are not read
    #[arg(long)]
    pub(crate) hashes_only: bool,
}

/// `quorate log monitor`
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all well; 1 something is wrong with a log (it went back, showed two histories, lacks its \
                  quorum, is stale, …), whatever else failed, or the policy cannot be used; 2 usage; 3 somebody could not \
                  be asked, and nothing else is wrong. For cron: --quiet prints nothing while all is well."
)]
pub(crate) struct Monitor {
    /// Prefixes of the logs: https://, http://, file://, or folders
    #[arg(value_name = "URL", required = true)]
    pub(crate) logs: Vec<Place>,
    /// Whom to believe: the logs' keys, witnesses and quorum (repeatable: each log is held to the policy that lists it)
    #[arg(long = "policy", value_name = "FILE", required = true)]
    pub(crate) policies: Vec<PathBuf>,
    /// Where heads and evidence are remembered [default: ~/.local/share/quorate-monitor]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// How old a log's newest head may be: an age such as 90s, 15m, 24h or 7d; 'off' for any
    #[arg(long, value_name = "AGE", default_value = "24h")]
    pub(crate) max_age: MaxAge,
    /// A witness to ask what it saw, beside those of the policy: its monitoring prefix, http(s):// or a folder (repeatable)
    #[arg(long = "witness", value_name = "URL")]
    pub(crate) witnesses: Vec<Place>,
    /// Do not ask the witnesses of the policy
    #[arg(long)]
    pub(crate) logs_only: bool,
    /// Say nothing of logs that are well
    #[arg(long, conflicts_with = "serve")]
    pub(crate) quiet: bool,
    /// Go on as a service, with /metrics and /healthz on this address
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = value::address)]
    pub(crate) serve: Option<SocketAddr>,
    /// How often the service checks each log
    #[arg(long, value_name = "AGE", default_value = "1m", requires = "serve")]
    pub(crate) every: Age,
}

/// `quorate log evidence`
#[derive(Debug, Args)]
#[command(
    after_help = "Needs no node and no network. Exit 0 only if the file proves it: two heads that the log signed, and \
                  that no one history has. 'quorate log monitor' and 'quorate witness evidence' write such files."
)]
pub(crate) struct Evidence {
    /// The file, whose name ends in .evidence
    pub(crate) file: PathBuf,
    /// Whom to believe: the log's keys
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age(pub(crate) Duration);

/// The longest time there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaxAge(pub(crate) Option<Duration>);

/// Words that are no length of time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an age is a number of seconds, minutes, hours or days, not 0, such as 90s, 15m, 2h or 7d")]
pub(crate) struct AgeError;

impl FromStr for Age {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let seconds = seconds(text).and_then(|s| u64::try_from(s).ok());
        // A century; more is a slip.
        let seconds = seconds.filter(|s| (1..=3_155_760_000).contains(s));
        seconds.map(Duration::from_secs).map(Self).ok_or(AgeError)
    }
}

impl FromStr for MaxAge {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        match text {
            "off" => Ok(Self(None)),
            age => age.parse::<Age>().map(|age| Self(Some(age.0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_with_a_unit_and_not_nothing() {
        let age = |text: &str| text.parse::<MaxAge>().map(|a| a.0.map(|d| d.as_secs()));
        assert_eq!(age("90s"), Ok(Some(90)));
        assert_eq!(age("15m"), Ok(Some(900)));
        assert_eq!(age("2h"), Ok(Some(7200)));
        assert_eq!(age("24h"), Ok(Some(86_400)));
        assert_eq!(age("7d"), Ok(Some(604_800)));
        assert_eq!(age("off"), Ok(None));
        for bad in [
            "",
            "0s",
            "7",
            "d",
            "-1d",
            "1.5h",
            "99999d",
            "99999999999999999999s",
            "1ä",
            "ä",
        ] {
            assert_eq!(age(bad), Err(AgeError), "{bad}");
        }
        assert_eq!("off".parse::<Age>(), Err(AgeError));
    }
}
