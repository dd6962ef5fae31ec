//! Writing a policy file.

use std::fmt;

use quorate_note::{LogKey, WitnessKey};

use crate::name::show;
use crate::policy::{NodeDef, Policy};

fn log_key_text(key: &LogKey) -> String {
    match key.verifier_key() {
        Some(vkey) => vkey.to_string(),
        None => base16ct::lower::encode_string(key.key_bytes()),
    }
}

fn witness_key_text(key: &WitnessKey) -> String {
    match key.verifier_key() {
        Some(vkey) => vkey.to_string(),
        None => base16ct::lower::encode_string(key.key_bytes()),
    }
}

fn put(out: &mut Vec<u8>, fields: &[&[u8]]) {
    out.extend(fields.join(&b' '));
    out.push(b'\n');
}

impl Policy {
    /// The policy file: logs, then witnesses and groups in their order, then the quorum; LF line ends,
    /// the last one included; single spaces; no comments. A policy that was read from vkeys is written
    /// as C2SP tlog-policy, one that was read from hexadecimal keys in that grammar, because such keys
    /// have no name that a vkey could carry.
    ///
    /// Octets rather than text, because names are octets. [`Policy::parse`] reads it back as the same
    /// policy.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for log in &self.logs {
            let key = log_key_text(&log.key);
            let mut fields: Vec<&[u8]> = vec![b"log", key.as_bytes()];
            fields.extend(log.url().map(crate::Url::as_bytes));
            put(&mut out, &fields);
        }
        for node in &self.nodes {
            match node {
                NodeDef::Witness(witness) => {
                    let key = witness_key_text(&witness.key);
                    let mut fields: Vec<&[u8]> =
                        vec![b"witness", witness.name.as_bytes(), key.as_bytes()];
                    fields.extend(witness.url().map(crate::Url::as_bytes));
                    put(&mut out, &fields);
                }
                NodeDef::Group(group) => {
                    let threshold = group.threshold.to_string();
                    let mut fields: Vec<&[u8]> =
                        vec![b"group", group.name.as_bytes(), threshold.as_bytes()];
                    fields.extend(group.members.iter().map(|&member| self.name_of(member)));
                    put(&mut out, &fields);
                }
            }
        }
        let quorum = self
            .quorum
            .map_or(crate::name::NONE, |index| self.name_of(index));
        put(&mut out, &[b"quorum", quorum]);
        out
    }

    fn name_of(&self, index: usize) -> &[u8] {
        match &self.nodes[index] {
            NodeDef::Witness(witness) => witness.name.as_bytes(),
            NodeDef::Group(group) => group.name.as_bytes(),
        }
    }
}

/// The policy file for people: as [`Policy::render`], with anything that could deceive a terminal
/// escaped. Equal to it whenever names and URLs are plain text.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.render().split_inclusive(|&b| b == b'\n') {
            show(line.strip_suffix(b"\n").unwrap_or(line), f)?;
            f.write_str("\n")?;
        }
        Ok(())
    }
}
