//! Lists of logs: witness-network's `logs/v0` and the YAML that operators share.
//!
//! `logs/v0` (c2sp.org/tlog-list, editor's copy): comments, the line `logs/v0`, then for every log `vkey`, and after it,
//! in this order and each at most once, `origin`, `qpd` and `contact`.

use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

/// One log of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) vkey: String,
    pub(super) origin: Option<String>,
    pub(super) qpd: Option<u32>,
    pub(super) contact: Option<String>,
}

impl Listed {
    pub(super) fn json(&self) -> Value {
        json!({"vkey": self.vkey, "origin": self.origin, "qpd": self.qpd, "contact": self.contact})
    }
}

/// Why text is no list.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum ListError {
    /// Neither of the two kinds.
    #[error("it is neither a logs/v0 list nor YAML with 'Logs:'")]
    Unknown,
    /// A line that does not belong.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// A key that is none.
    #[error("line {line}: {why}")]
    Key {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The YAML.
    #[error("{0}")]
    Yaml(String),
}

/// Reads either kind.
pub(super) fn parse(text: &str) -> Result<Vec<Listed>, ListError> {
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    match first {
        Some("logs/v0") => logs_v0(text),
        Some(line) if line.starts_with("Logs:") || line == "---" => yaml(text),
        _ => Err(ListError::Unknown),
    }
}

fn logs_v0(text: &str) -> Result<Vec<Listed>, ListError> {
    let mut logs: Vec<Listed> = Vec::new();
    let mut header = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        let bad = |why| ListError::Line { line: number, why };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if !header {
            // `parse` saw that this is `logs/v0`.
            header = true;
            continue;
        }
        let (keyword, value) = line
            .split_once([' ', '\t'])
            .map(|(k, v)| (k, v.trim_start()))
            .filter(|(_, v)| !v.is_empty())
            .ok_or_else(|| bad("expected a keyword and a value"))?;
        if keyword == "vkey" {
            logs.push(Listed {
                vkey: checked(value, number)?,
                ..Listed::default()
            });
            continue;
        }
        let log = logs
            .last_mut()
            .ok_or_else(|| bad("a log begins with its vkey"))?;
        match keyword {
            "origin" if log.origin.is_none() && log.qpd.is_none() && log.contact.is_none() => {
                log.origin = Some(value.to_owned());
            }
            "qpd" if log.qpd.is_none() && log.contact.is_none() => {
                let qpd = value.parse::<u32>().ok();
                let valid =
                    qpd.filter(|n| (1..1 << 31).contains(n) && !value.starts_with(['0', '+']));
                log.qpd = Some(valid.ok_or_else(|| bad("qpd is a number from 1 to 2147483647"))?);
            }
            "contact" if log.contact.is_none() => log.contact = Some(value.to_owned()),
            "origin" | "qpd" | "contact" => {
                return Err(bad(
                    "out of order, or twice for one log: vkey, origin, qpd, contact",
                ));
            }
            _ => {
                return Err(bad(
                    "unknown keyword; expected vkey, origin, qpd or contact",
                ));
            }
        }
    }
    Ok(logs)
}

fn checked(vkey: &str, line: usize) -> Result<String, ListError> {
    match vkey.parse::<quorate_note::VerifierKey>() {
        Ok(_) => Ok(vkey.to_owned()),
        Err(error) => Err(ListError::Key {
            line,
            why: error.to_string(),
        }),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Yaml {
    #[serde(rename = "Logs")]
    logs: Vec<YamlLog>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct YamlLog {
    #[serde(rename = "Origin")]
    origin: String,
    /// Where the log is: a witness is told, it does not ask.
    #[serde(rename = "URL")]
    _url: Option<String>,
    #[serde(rename = "PublicKey")]
    public_key: String,
}

fn yaml(text: &str) -> Result<Vec<Listed>, ListError> {
    let list: Yaml = serde_saphyr::from_str(text).map_err(|e| ListError::Yaml(e.to_string()))?;
    list.logs
        .into_iter()
        .map(|log| {
            log.public_key
                .parse::<quorate_note::VerifierKey>()
                .map_err(|e| ListError::Yaml(format!("the log {:?}: {e}", log.origin)))?;
            Ok(Listed {
                vkey: log.public_key,
                origin: Some(log.origin),
                ..Listed::default()
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMDB: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    const ANDXOR: &str = "tlog.andxor.it+d5e6b3d0+AU6uJ3h8tb+RRMdGjHV4KCrrHoKfIYGbhL2A46thEhKQ";

    /// The list that transparency-dev/witness tests its parser with, shortened.
    #[test]
    fn a_witness_network_list_is_read() {
        let text = format!(
            "#\n# List: 10qps-100klogs\n#\nlogs/v0\n\n# foo's log\nvkey {SUMDB}\nqpd 86400\n\
             contact https://tlog.foo.org/contact\n\nvkey {ANDXOR}\norigin something-else\nqpd 24\n\
             contact sysadmin (at) bar.org\n\nvkey {ANDXOR}\nqpd 1\n# trailing\n"
        );
        let logs = parse(&text).unwrap();
        assert_eq!(logs.len(), 3);
        assert_eq!(logs[0].vkey, SUMDB);
        assert_eq!(logs[0].qpd, Some(86_400));
        assert_eq!(logs[1].origin.as_deref(), Some("something-else"));
        assert_eq!(logs[1].contact.as_deref(), Some("sysadmin (at) bar.org"));
        assert_eq!(
            logs[2],
            Listed {
                vkey: ANDXOR.to_owned(),
                qpd: Some(1),
                ..Listed::default()
            }
        );
        assert_eq!(parse("logs/v0").unwrap(), []);
    }

    #[test]
    fn r4_a_list_with_anything_else_is_refused_with_its_line() {
        let line = |text: &str| match parse(text).unwrap_err() {
            ListError::Line { line, .. } | ListError::Key { line, .. } => line,
            other => panic!("{other}"),
        };
        assert_eq!(line("logs/v0\nqpd 1\n"), 2);
        assert_eq!(line("logs/v0\nvkey BANANAS\n"), 2);
        assert_eq!(line(&format!("logs/v0\nvkey {SUMDB}\nqpd toast\n")), 3);
        assert_eq!(line(&format!("logs/v0\nvkey {SUMDB}\nqpd 0\n")), 3);
        assert_eq!(line(&format!("logs/v0\nvkey {SUMDB}\nqpd 007\n")), 3);
        assert_eq!(line(&format!("logs/v0\nvkey {SUMDB}\nqpd 2147483648\n")), 3);
        assert_eq!(
            line(&format!("logs/v0\nvkey {SUMDB}\nqpd 1\norigin late\n")),
            4
        );
        assert_eq!(line(&format!("logs/v0\nvkey {SUMDB}\nqpd 1\nqpd 1\n")), 4);
        assert_eq!(line(&format!("logs/v0\nvkey {SUMDB}\nurl https://x\n")), 3);
        assert_eq!(parse(&format!("vkey {SUMDB}\n")), Err(ListError::Unknown));
    }

    #[test]
    fn yaml_lists_are_read_and_misspelt_members_refused() {
        let text = format!(
            "# ours\nLogs:\n  - Origin: go.sum database tree\n    URL: https://sum.golang.org\n    PublicKey: {SUMDB}\n"
        );
        let logs = parse(&text).unwrap();
        assert_eq!(logs[0].origin.as_deref(), Some("go.sum database tree"));
        assert_eq!(logs[0].vkey, SUMDB);
        assert!(matches!(
            parse(&text.replace("Origin", "Origen")),
            Err(ListError::Yaml(_))
        ));
        assert!(matches!(
            parse(&text.replace("033de0ae", "033de0af")),
            Err(ListError::Yaml(_))
        ));
    }
}
