//! The words of `quorate policy …`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use quorate_policy::{Name, Url};

/// `quorate policy …`
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Write a scroll's policy, for others to verify with
    Show(Show),
    /// Draw a policy, name its mistakes, count the failure domains that undo it
    Check(Check),
    /// Write a policy file: k of the witnesses named
    New(New),
    /// Tell whether whatever one policy accepts, another accepts too
    Implies(Implies),
}

/// `quorate policy show`
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The scroll
    pub(crate) scroll: String,
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite FILE if it exists: it says whom to believe
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

/// `quorate policy check`
#[derive(Debug, Args)]
#[command(
    after_help = "Needs no node and no network. Exit 1 if there is a problem, or if one failure domain of any \
                  kind is enough to forge a quorum and the domains file does not accept that of the kind: \
                  accept_single = [\"operator\"]. Witnesses without a label count as one domain."
)]
pub(crate) struct Check {
    /// The policy file
    #[arg(value_name = "POLICY")]
    pub(crate) policy: PathBuf,
    /// The labels of its witnesses, in TOML [default: POLICY.domains.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) domains: Option<PathBuf>,
}

/// `quorate policy new`
#[derive(Debug, Args)]
#[command(
    after_help = "KEY is a vkey or 64 hexadecimal digits. One witness's keys are one vote: name each with \
                  --witness, then put them together: --together acme=acme-ed,acme-pq makes 'acme' one of the n."
)]
pub(crate) struct New {
    /// How many must co-sign
    #[arg(long, value_name = "K")]
    pub(crate) k: usize,
    /// A witness (repeatable)
    #[arg(long = "witness", value_name = "NAME=KEY[@URL]", required = true)]
    pub(crate) witnesses: Vec<NewWitness>,
    /// Witnesses that are one vote together: a group of which any one is enough (repeatable)
    #[arg(long = "together", value_name = "NAME=WITNESS,WITNESS…")]
    pub(crate) together: Vec<Together>,
    /// A log whose checkpoints count (repeatable: any one of them)
    #[arg(long = "log", value_name = "KEY[@URL]")]
    pub(crate) logs: Vec<KeyAt>,
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite FILE if it exists: it says whom to believe
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

/// `quorate policy implies`
#[derive(Debug, Args)]
#[command(
    after_help = "Needs no node and no network. Witnesses are compared by public key. Exit 0 only if B accepts \
                  whatever A accepts, logs and key names included. For a policy in use: docs/policy.md."
)]
pub(crate) struct Implies {
    /// The policy whose checkpoints must be accepted
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,
    /// The policy that must accept them
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,
}

/// A key as it is written, and where its owner is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyAt {
    pub(crate) key: String,
    pub(crate) url: Option<Url>,
}

impl FromStr for KeyAt {
    type Err = String;

    /// A key name may hold an `@`, what follows it in a vkey (`+id+base64`) may not, and neither may a
    /// hexadecimal key.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = match text.find(['+', '@']) {
            Some(at) if text[..at].len() == 64 && text[at..].starts_with('@') => 0,
            Some(_) => text.find('+').unwrap_or(0),
            None => 0,
        };
        let (key, url) = match text[name..].split_once('@') {
            Some((rest, url)) => (&text[..name + rest.len()], Some(url)),
            None => (text, None),
        };
        let url = url.map(str::parse).transpose();
        let url = url.map_err(|e| format!("the URL after '@' cannot be used: {e}"))?;
        // Whatever a key may be, it is one field of a line.
        Name::new(key.as_bytes()).map_err(|e| format!("the key cannot be used: {e}"))?;
        let key = key.to_owned();
        Ok(Self { key, url })
    }
}

/// `--witness`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewWitness {
    pub(crate) name: Name,
    pub(crate) at: KeyAt,
}

impl FromStr for NewWitness {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, at) = text.split_once('=').ok_or("it needs NAME=KEY")?;
        let at = at.parse()?;
        Ok(Self {
            name: to_name(name)?,
            at,
        })
    }
}

/// `--together`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Together {
    pub(crate) name: Name,
    pub(crate) members: Vec<Name>,
}

impl FromStr for Together {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, members) = text
            .split_once('=')
            .ok_or("it needs NAME=WITNESS,WITNESS…")?;
        Ok(Self {
            name: to_name(name)?,
            members: members.split(',').map(to_name).collect::<Result<_, _>>()?,
        })
    }
}

fn to_name(text: &str) -> Result<Name, String> {
    text.parse()
        .map_err(|e| format!("'{text}' cannot be a name: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_at(text: &str) -> (String, Option<String>) {
        let at: KeyAt = text.parse().unwrap();
        (at.key, at.url.map(|url| url.to_string()))
    }

    #[test]
    fn a_key_ends_where_its_url_begins() {
        let hex = "ab".repeat(32);
        let vkey = "w@x.example+01234567+BA+/a==";
        for key in [hex.as_str(), vkey] {
            assert_eq!(key_at(key), (key.to_owned(), None));
            for url in ["https://a.example:8443/x+y@z", "https://user@a.example/"] {
                let both = format!("{key}@{url}");
                assert_eq!(key_at(&both), (key.to_owned(), Some(url.to_owned())));
            }
        }
        assert_eq!(key_at("nonsense"), ("nonsense".to_owned(), None));
        for bad in ["", "@https://x", "a b", "a\nquorum none"] {
            assert!(bad.parse::<KeyAt>().is_err(), "{bad}");
        }
        assert!("ab@".parse::<KeyAt>().is_err());
        assert!("ab@#x".parse::<KeyAt>().is_err());
    }

    #[test]
    fn names_stand_before_the_equals_sign() {
        let witness: NewWitness = "a=n+01234567+BA==@https://x/?a=b".parse().unwrap();
        assert_eq!(witness.name.to_string(), "a");
        assert_eq!(witness.at.key, "n+01234567+BA==");
        let together: Together = "g=a,b".parse().unwrap();
        assert_eq!(together.members.len(), 2);
        for bad in ["a", "=x", "a b=x"] {
            assert!(bad.parse::<NewWitness>().is_err(), "{bad}");
        }
        for bad in ["g", "g=", "g=a,", "=a"] {
            assert!(bad.parse::<Together>().is_err(), "{bad}");
        }
    }
}
