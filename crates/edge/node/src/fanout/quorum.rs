//! The quorum of a policy file, applied to every scroll of the node.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use quorate_note::{KeyId, LogKey, WitnessKey};
use quorate_policy::{
    Dialect, MAX_POLICY_LEN, Node, NodeKind, Policy, PolicyBuilder, PolicyError, PolicyErrorKind,
    Quorum,
};
use thiserror::Error;

use super::remote::{Remote, RemoteError};

/// Why a policy cannot be the node's. The operator's fault; nothing was opened or sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuorumError {
    /// The file cannot be read.
    #[error("cannot read the policy {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no policy.
    #[error("the policy {path} is not valid: {source}")]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: PolicyError,
    },
    /// Its keys are hexadecimal: beside them this node's log keys, which are vkeys, cannot be written.
    #[error("the policy writes its keys in hexadecimal; write its witnesses as vkeys")]
    Sigsum,
    /// One of its witnesses cannot be asked.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// Two of its witnesses' keys look the same in a note: their lines cannot stand in one.
    #[error(
        "the witnesses {a} and {b} of the policy have keys of the same name and id; leave one out"
    )]
    SameId {
        /// One.
        a: String,
        /// The other.
        b: String,
    },
    /// The keys of a scroll do not go with it.
    #[error("the policy cannot be applied to the scroll {scroll}: {source}")]
    Scroll {
        /// Which.
        scroll: String,
        /// Why.
        source: PolicyErrorKind,
    },
    /// The node was under a policy, and none is given now.
    #[error("this node's scrolls are witnessed under a policy, and none was given at this start")]
    Forgotten,
    /// A key of this node is among its witnesses.
    #[error(
        "the witness {name} of the policy is this node itself, which never counts towards its own quorum"
    )]
    Own {
        /// Its name in the policy.
        name: String,
    },
}

/// Witnesses and groups of a policy, and how to reach them. There is a quorum to meet.
#[derive(Debug, Clone)]
pub(crate) struct NodeQuorum {
    /// Without `log` lines: this node is the log.
    policy: Policy,
    remotes: Vec<Remote>,
}

impl NodeQuorum {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`QuorumError::Read`], [`QuorumError::Policy`].
    pub(crate) fn read(path: &Path) -> Result<Policy, QuorumError> {
        let text = read_bounded(path).map_err(|source| QuorumError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        Policy::parse(&text).map_err(|source| QuorumError::Policy {
            path: path.to_path_buf(),
            source,
        })
    }

    /// The quorum of a policy. `None` for `quorum none`: the node is unwitnessed.
    ///
    /// # Errors
    /// [`QuorumError`].
    pub(crate) fn of(policy: &Policy) -> Result<Option<Self>, QuorumError> {
        let Quorum::Node(root) = policy.quorum() else {
            return Ok(None);
        };
        if policy.dialect() == Dialect::Sigsum {
            return Err(QuorumError::Sigsum);
        }
        let mut voters = Vec::new();
        collect_voters(root, &mut voters);
        // One that does not vote is asked too if it can be: its co-signature is worth having.
        let asked = policy
            .witnesses()
            .filter(|w| w.url().is_some() || voters.contains(w.key()));
        refuse_same_ids(policy)?;
        let remotes = Remote::of(asked)?;
        Ok(Some(Self {
            policy: policy.clone(),
            remotes,
        }))
    }

    /// Refuses a policy that lists one of these public keys as a witness, under whatever name.
    ///
    /// # Errors
    /// [`QuorumError::Own`].
    pub(crate) fn refuse_own(&self, own: &[Vec<u8>]) -> Result<(), QuorumError> {
        let is_own = |key: &WitnessKey| own.iter().any(|o| o == key.key_bytes());
        match self.policy.witnesses().find(|w| is_own(w.key())) {
            None => Ok(()),
            Some(witness) => Err(QuorumError::Own {
                name: witness.name().to_string(),
            }),
        }
    }

    /// Whether a witness is asked over TLS.
    pub(crate) fn needs_tls(&self) -> bool {
        let mut schemes = self.remotes.iter().map(|r| r.add_checkpoint().scheme_str());
        schemes.any(|scheme| scheme == Some("https"))
    }

    /// Whom to ask.
    pub(crate) fn remotes(&self) -> &[Remote] {
        &self.remotes
    }

    /// The policy for a log with these keys.
    ///
    /// # Errors
    /// [`PolicyErrorKind`]: the keys do not go together.
    pub(crate) fn for_log(&self, keys: Vec<LogKey>) -> Result<Policy, PolicyErrorKind> {
        let mut builder = PolicyBuilder::new();
        for key in keys {
            builder.log(key, None)?;
        }
        for node in self.policy.nodes() {
            match node.kind() {
                NodeKind::Witness(witness) => {
                    let (name, key) = (witness.name().clone(), witness.key().clone());
                    builder.witness(name, key, witness.url().cloned())?;
                }
                NodeKind::Group(group) => {
                    let members: Vec<_> = group.members().map(|m| m.name().clone()).collect();
                    builder.group(group.name().clone(), group.threshold(), &members)?;
                }
            }
        }
        match self.policy.quorum() {
            Quorum::Node(root) => builder.quorum(root.name())?,
            Quorum::None => builder.quorum_none()?,
        };
        builder.build()
    }

    /// Whether these of the [`remotes`](Self::remotes) would be a quorum, if they co-signed with all their keys. It
    /// says nothing about any checkpoint.
    pub(crate) fn could_be_formed_by(&self, remotes: impl Fn(usize) -> bool) -> bool {
        let has = |key: &WitnessKey| {
            let mut places = self.remotes.iter().enumerate();
            places.any(|(i, remote)| remotes(i) && remote.keys().contains(key))
        };
        match self.policy.quorum() {
            Quorum::Node(root) => could_be_satisfied(root, &has),
            Quorum::None => true,
        }
    }

    /// k and n of what the `quorum` line names; 1 of 1 for a witness.
    pub(crate) fn k_of_n(&self) -> (usize, usize) {
        match self.policy.quorum() {
            Quorum::Node(root) => match root.kind() {
                NodeKind::Witness(_) => (1, 1),
                NodeKind::Group(group) => (group.required(), group.members().len()),
            },
            Quorum::None => (0, 0),
        }
    }

    /// `q: 2 of 3`, or the only witness's name.
    pub(crate) fn summary(&self) -> String {
        match self.policy.quorum() {
            Quorum::None => "none".to_owned(),
            Quorum::Node(root) => match root.kind() {
                NodeKind::Witness(witness) => witness.name().to_string(),
                NodeKind::Group(group) => format!(
                    "{}: {} of {}",
                    group.name(),
                    group.required(),
                    group.members().len()
                ),
            },
        }
    }
}

/// At most one octet more than a policy may have: the parser says that it is too long.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut text = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_POLICY_LEN as u64 + 1)
        .read_to_end(&mut text)?;
    Ok(text)
}

/// Key ids are four bytes: whoever tries can make two keys with one.
fn refuse_same_ids(policy: &Policy) -> Result<(), QuorumError> {
    let mut seen: HashMap<(String, KeyId), String> = HashMap::new();
    for witness in policy.witnesses() {
        let Some(key) = witness.key().verifier_key() else {
            continue;
        };
        let place = (key.name().to_string(), key.id());
        if let Some(a) = seen.insert(place, witness.name().to_string()) {
            let b = witness.name().to_string();
            return Err(QuorumError::SameId { a, b });
        }
    }
    Ok(())
}

fn collect_voters(node: Node<'_>, voters: &mut Vec<WitnessKey>) {
    match node.kind() {
        NodeKind::Witness(witness) => voters.push(witness.key().clone()),
        NodeKind::Group(group) => group.members().for_each(|m| collect_voters(m, voters)),
    }
}

/// Groups nest no deeper than [`quorate_policy::MAX_GROUP_DEPTH`].
fn could_be_satisfied(node: Node<'_>, has: &impl Fn(&WitnessKey) -> bool) -> bool {
    match node.kind() {
        NodeKind::Witness(witness) => has(witness.key()),
        NodeKind::Group(group) => {
            let satisfied = group.members().filter(|m| could_be_satisfied(*m, has));
            satisfied.count() >= group.required()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::testing::{log_key, of_one_id, policy, signers, vkey};

    /// Three operators, each with two algorithms, of which two are needed; and one that does not vote.
    fn text() -> String {
        let mut text = String::new();
        for (i, name) in ["a", "b", "c"].iter().enumerate() {
            let [ed, ml] = signers(&format!("{name}.example"), 20 + u8::try_from(i).unwrap());
            let url = format!("http://127.0.0.1/{name}");
            text.push_str(&format!(
                "witness {name}-ed {} {url}\nwitness {name}-ml {} {url}\ngroup {name} any {name}-ed {name}-ml\n",
                vkey(&ed),
                vkey(&ml)
            ));
        }
        let [extra, _] = signers("extra.example", 30);
        format!(
            "{text}group q 2 a b c\nwitness extra {}\nquorum q\n",
            vkey(&extra)
        )
    }

    fn quorum(text: &str) -> NodeQuorum {
        NodeQuorum::of(&policy(text)).unwrap().unwrap()
    }

    #[test]
    fn two_algorithms_are_one_request_and_a_silent_bystander_is_not_asked() {
        let quorum = quorum(&text());
        let labels: Vec<String> = quorum.remotes().iter().map(Remote::label).collect();
        assert_eq!(labels, ["a-ed, a-ml", "b-ed, b-ml", "c-ed, c-ml"]);
        assert_eq!(quorum.summary(), "q: 2 of 3");
    }

    #[test]
    fn the_policy_of_a_scroll_is_its_log_keys_and_the_files_quorum() {
        let other_log = signers("other.example", 40);
        let with_log = format!("log {}\n{}", vkey(&other_log[1]), text());
        let ours = quorum(&with_log).for_log(vec![log_key()]).unwrap();
        let expected = format!("log {}\n{}", log_key().verifier_key().unwrap(), text());
        assert_eq!(String::from_utf8(ours.render()).unwrap(), expected);
    }

    /// Their lines cannot stand in one note, so one witness could keep every head from being published.
    #[test]
    fn witnesses_whose_keys_share_name_and_id_are_refused() {
        let [a, b] = of_one_id();
        assert_eq!(a.verifier_key().id(), b.verifier_key().id());
        let line = |name, key| format!("witness {name} {} http://127.0.0.1/w\n", vkey(key));
        let text = format!(
            "{}{}group q any a b\nquorum q\n",
            line("a", &a),
            line("b", &b)
        );
        let refused = NodeQuorum::of(&policy(&text)).unwrap_err();
        assert!(matches!(refused, QuorumError::SameId { a, b } if (&*a, &*b) == ("a", "b")));
    }

    #[test]
    fn a_policy_that_cannot_work_is_refused() {
        let refused = |text: &str| NodeQuorum::of(&policy(text)).unwrap_err();
        let no_url = text().replacen(" http://127.0.0.1/a", "", 1);
        assert!(matches!(
            refused(&no_url),
            QuorumError::Remote(RemoteError::NoUrl { .. })
        ));
        let sigsum = format!(
            "witness a {}\nquorum a\n",
            base16ct::lower::encode_string(log_key().key_bytes())
        );
        assert!(matches!(refused(&sigsum), QuorumError::Sigsum));
        assert!(NodeQuorum::of(&policy("quorum none\n")).unwrap().is_none());
    }

    #[test]
    fn a_node_never_counts_towards_its_own_quorum() {
        let own = |seed| {
            signers("whatever.example", seed)[1]
                .verifier_key()
                .key_bytes()
                .to_vec()
        };
        assert!(quorum(&text()).refuse_own(&[own(50)]).is_ok());
        let refused = quorum(&text()).refuse_own(&[own(50), own(21)]).unwrap_err();
        assert!(matches!(refused, QuorumError::Own { name } if name == "b-ml"));
    }

    #[test]
    fn r2_who_is_missing_could_form_a_quorum_by_the_tree_and_not_by_counting() {
        let quorum = quorum(&text());
        let could = |missing: &[usize]| quorum.could_be_formed_by(|i| missing.contains(&i));
        assert!(could(&[0, 1, 2]) && could(&[0, 2]));
        assert!(!could(&[1]) && !could(&[]));
        let nested = text().replace("group q 2 a b c", "group ab any a b\ngroup q all ab c");
        let quorum = NodeQuorum::of(&policy(&nested)).unwrap().unwrap();
        let could = |missing: &[usize]| quorum.could_be_formed_by(|i| missing.contains(&i));
        assert!(!could(&[0, 1]), "two of three, and c is not among them");
        assert!(could(&[1, 2]));
    }
}
