//! `quorate witness …`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use quorate_node::AgentKey;
use quorate_note::{KeyKind, KeyName, VerifierKey};

use super::value;

/// `quorate witness …`
#[derive(Debug, Subcommand)]
pub(crate) enum Witness {
    /// Co-sign the checkpoints of other logs (C2SP tlog-witness)
    Serve(Box<Serve>),
    /// Follow a log, or add a key to one that is followed
    AddLog {
        /// A vkey of the log
        vkey: String,
        /// The log's origin [default: the key's name]
        #[arg(long, value_name = "NAME")]
        origin: Option<String>,
        /// How many requests a day it may make [default: 864000]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        qpd: Option<u32>,
        /// Whom to ask about it
        #[arg(long, value_name = "TEXT")]
        contact: Option<String>,
    },
    /// List the logs and how far each is co-signed
    List,
    /// Show the witness, or one log
    Show {
        /// The log
        origin: Option<String>,
    },
    /// Stop following a log, or retire one of its keys; what was co-signed stays remembered
    Disable {
        /// The log
        origin: String,
        /// Only this key of it
        #[arg(long, value_name = "VKEY")]
        key: Option<String>,
    },
    /// Follow a disabled log again
    Enable {
        /// The log
        origin: String,
    },
    /// Sign for a log again that was halted because a co-signature was not remembered
    #[command(
        after_help = "Only when you know why the memory was set back (an older disk, a restored copy) and that nobody \
                  else signs with the key: what was forgotten becomes the position again. If the key may be \
                  in other hands, make a new one instead."
    )]
    Resume {
        /// The log
        origin: String,
    },
    /// Follow every log of a list: witness-network (logs/v0), or YAML `Logs: [{Origin, URL, PublicKey}]`
    Import {
        /// The list; '-' is standard input
        file: PathBuf,
    },
    /// List evidence against logs, or write one piece of it
    Evidence {
        /// Which, or the beginning of its id
        id: Option<String>,
        /// Write to FILE instead of standard output
        #[arg(short, long, value_name = "FILE", requires = "id")]
        output: Option<PathBuf>,
    },
}

/// `quorate witness serve`
#[derive(Debug, Args)]
#[command(
    after_help = "The key comes from --seed-file, an ssh-agent, or QUORATE_WITNESS_SEED_HEX (NUCLEUS_WITNESS_SEED_HEX \
                  is read too). 'quorate key generate' makes one. With no key it does not start."
)]
pub(crate) struct Serve {
    /// Address of the witness's HTTP calls [default: 0.0.0.0:8443]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = value::address)]
    pub(crate) bind: Option<SocketAddr>,
    /// The name under which it co-signs: a domain you own, one name for each witness
    #[arg(long, value_name = "NAME")]
    pub(crate) witness_name: Option<String>,
    /// A log to follow, as 'origin|log_key_name|log_pubkey_hex' (repeatable); more with 'witness add-log'
    #[arg(long = "origin", value_name = "LOG", value_parser = log)]
    pub(crate) origins: Vec<(String, String)>,
    /// A file with an Ed25519 seed, as 'quorate key generate' writes it (repeatable: the old and the new key)
    #[arg(long = "seed-file", value_name = "FILE")]
    pub(crate) seed_files: Vec<PathBuf>,
    /// A file with an ML-DSA-44 seed; without one it signs with Ed25519 only (repeatable)
    #[arg(long = "ml-dsa-seed-file", value_name = "FILE")]
    pub(crate) ml_dsa_seed_files: Vec<PathBuf>,
    /// The socket of an ssh-agent that keeps the Ed25519 key [--ssh-agent alone: $SSH_AUTH_SOCK]
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, require_equals = true, default_missing_value = "$SSH_AUTH_SOCK", requires = "agent_keys")]
    pub(crate) ssh_agent: Option<PathBuf>,
    /// The public key to use there: hex, or SHA256:… as 'ssh-add -l' prints it (repeatable)
    #[arg(long = "agent-key", value_name = "KEY", requires = "ssh_agent")]
    pub(crate) agent_keys: Vec<AgentKey>,
    /// The keys have never co-signed anything: start although an earlier state is missing
    #[arg(long)]
    pub(crate) new_keys: bool,
    /// Address of this node's own API and console [default: none, only the socket in the data directory]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = value::address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Another host name that requests to the API may use (repeatable)
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// Refused: other users of the machine can read command lines.
    #[arg(long, hide = true, value_name = "HEX")]
    pub(crate) witness_seed_hex: Option<String>,
}

/// `origin|log_key_name|log_pubkey_hex` as origin and vkey.
fn log(text: &str) -> Result<(String, String), String> {
    let parts: Vec<&str> = text.split('|').collect();
    let [origin, name, hex] = parts[..] else {
        return Err("expected 'origin|log_key_name|log_pubkey_hex'".to_owned());
    };
    let name = KeyName::new(name).map_err(|e| format!("log key name: {e}"))?;
    let key = from_hex(hex).ok_or("the log's public key is 64 hex digits")?;
    let vkey = VerifierKey::from_bytes(name, KeyKind::Ed25519, &key).map_err(|e| e.to_string())?;
    Ok((origin.to_owned(), vkey.to_string()))
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in key.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_origin_flag_names_origin_key_and_key_name() {
        let hex = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        let (origin, vkey) = log(&format!("myagent.log.example/prod|myagent-log|{hex}")).unwrap();
        assert_eq!(origin, "myagent.log.example/prod");
        let vkey: VerifierKey = vkey.parse().unwrap();
        assert_eq!(vkey.name().as_str(), "myagent-log");
        assert_eq!(vkey.kind(), KeyKind::Ed25519);
        for bad in [
            "o|n",
            "o|n|zz",
            &format!("o|n n|{hex}"),
            &format!("o|n|{hex}00"),
        ] {
            assert!(log(bad).is_err(), "{bad}");
        }
    }
}
