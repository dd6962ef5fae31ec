//! What a party brings into an agreement: the keys it signs and logs with, and the quorum its heads must meet.

use std::str::FromStr;

use quorate_lineage::{Lineage, Position, Role};
use quorate_note::{LogKey, VerifierKey};
use quorate_policy::{Dialect, Policy, Quorum};
use quorate_receipt::PublicKeyText;
use quorate_receipt::json::{Object, canonical_object};

use crate::fields::{Fields, check_len, texts};
use crate::limits::{MAX_LOG_VKEYS, MAX_PARTY_KEYS_LEN};
use crate::malformed::Malformed;

/// A quorum policy, as the C2SP tlog-policy file that [`Policy::render`] writes for it.
#[derive(Clone, Debug)]
pub struct QuorumPolicy {
    text: Box<str>,
    policy: Policy,
}

impl QuorumPolicy {
    /// Reads a policy in the one form that is written.
    ///
    /// # Errors
    /// [`Malformed::Policy`], or [`Malformed::Invalid`] if it is written in another way or with nameless keys.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let policy = Policy::parse(text.as_bytes()).map_err(|error| Malformed::Policy {
            within: WITHIN,
            error: Box::new(error),
        })?;
        if policy.render() != text.as_bytes() || policy.dialect() != Dialect::C2sp {
            return Err(Malformed::Invalid {
                within: WITHIN,
                member: "quorum_policy".into(),
                expected: "a C2SP tlog-policy with verifier keys, without comments, in the form in which it is rendered",
            });
        }
        Ok(Self {
            text: text.into(),
            policy,
        })
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `quorum none`: heads under this policy are vouched for by nobody but their log.
    #[must_use]
    pub fn is_unwitnessed(&self) -> bool {
        matches!(self.policy.quorum(), Quorum::None)
    }
}

/// A policy has one text.
impl PartialEq for QuorumPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for QuorumPolicy {}

/// The keys of one party (`keys` in proposals and counter-proposals).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyKeys {
    /// The key that signs its messages and the agreement.
    pub federation_key: PublicKeyText,
    /// The keys that sign its scrolls' checkpoints: 1 to 36, none twice. A verifier key's name is the scroll's origin.
    pub log_vkeys: Vec<VerifierKey>,
    /// Which co-signatures make its checkpoints quorate.
    pub quorum_policy: QuorumPolicy,
}

const WITHIN: &str = "the keys of a party";
pub(crate) const KEY: &str = "a public key, `ed25519:z…`";
const VKEYS: &str = "a list of 1 to 36 verifier keys of logs (types 01 and 06)";

impl PartyKeys {
    pub(crate) fn to_object(&self) -> Object {
        Object::new()
            .with("federation_key", self.federation_key.to_string())
            .with("log_vkeys", texts(&self.log_vkeys))
            .with("quorum_policy", self.quorum_policy.as_str())
    }

    pub(crate) fn read(mut fields: Fields) -> Result<Self, Malformed> {
        let keys = Self {
            federation_key: fields.parsed("federation_key", KEY)?,
            log_vkeys: log_vkeys(&mut fields, "log_vkeys")?,
            quorum_policy: quorum_policy(&mut fields, "quorum_policy")?,
        };
        fields.finish()?;
        keys.check()?;
        Ok(keys)
    }

    pub(crate) fn check(&self) -> Result<(), Malformed> {
        let length = canonical_object(&self.to_object()).len();
        check_len(WITHIN, MAX_PARTY_KEYS_LEN, length)
    }

    /// The first key that the lineage does not have in force in its role, if there is one.
    pub(crate) fn foreign_key(&self, lineage: &Lineage) -> Option<Role> {
        let has = |role, key: &[u8]| lineage.key_valid_at(role, key, Position::Now);
        if !has(Role::Federation, self.federation_key.as_bytes()) {
            return Some(Role::Federation);
        }
        let log = self
            .log_vkeys
            .iter()
            .all(|vkey| has(Role::Log, vkey.key_bytes()));
        (!log).then_some(Role::Log)
    }
}

pub(crate) fn log_vkeys(fields: &mut Fields, member: &str) -> Result<Vec<VerifierKey>, Malformed> {
    let vkeys: Vec<VerifierKey> = fields.parsed_list(member, MAX_LOG_VKEYS, VKEYS)?;
    let of_logs = vkeys
        .iter()
        .all(|key| LogKey::try_from(key.clone()).is_ok());
    if vkeys.is_empty() || !of_logs {
        return Err(fields.invalid(member, VKEYS));
    }
    let repeated = vkeys
        .iter()
        .enumerate()
        .any(|(at, key)| vkeys.iter().skip(at + 1).any(|other| key == other));
    if repeated {
        return Err(Malformed::Repeated {
            within: fields.within(),
            member: "log_vkeys",
        });
    }
    Ok(vkeys)
}

pub(crate) fn quorum_policy(fields: &mut Fields, member: &str) -> Result<QuorumPolicy, Malformed> {
    let text: String = fields.parsed(member, "the text of a policy")?;
    QuorumPolicy::parse(&text)
}

impl FromStr for QuorumPolicy {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse(text)
    }
}
