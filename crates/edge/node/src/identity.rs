//! The node's identity: its lineage, the seeds behind it, and the keys that sign heads.
//!
//! Seeds are kept before the event that brings their keys into force is appended, and removed after the
//! event that ends them is durable. A crash before the event leaves a seed that no event names: the next
//! attempt uses it. A crash after it leaves a seed that the event ended: the next start removes it.

use std::sync::{Arc, PoisonError, RwLock};

use quorate_lineage::{
    DraftError, Fingerprint, Head, Heads, HeadsError, Invalid, Lineage, MlDsa44Key, NextKey,
    NextKeyError, Reason, Role, RoleKeys,
};
use quorate_note::{KeyName, LogSigner, ed25519, mldsa44};
use quorate_receipt::{PublicKeyText, Receipt, Timestamp};
use serde_json::{Value, json};
use thiserror::Error;

use crate::keys::{KeyDir, KeyError, Seed};

/// Why the identity cannot be established or changed. Nothing was appended unless the text says so.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A seed cannot be read or kept.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The Identity scroll holds something that is not a valid lineage, or an event would not be valid.
    #[error("the key history is not valid: {0}")]
    Invalid(#[from] Invalid),
    /// An event cannot be completed.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The heads of the scrolls cannot be recorded.
    #[error(transparent)]
    Heads(#[from] HeadsError),
    /// The offline key's text is not one.
    #[error(transparent)]
    NextKey(#[from] NextKeyError),
    /// The directory's keys are not those of the node it is of.
    #[error("the keys in this directory belong to {found}, but its history is that of {expected}")]
    OtherKeys {
        /// Whose keys were found.
        found: String,
        /// Whose history it is.
        expected: String,
    },
    /// A key that the lineage has in force has no seed here.
    #[error("the key {name} is in force but its seed is not in this directory")]
    Missing {
        /// The seed's name.
        name: String,
    },
    /// The next identity key lives outside the machine.
    #[error("the next identity key is offline; give its file with --next-key")]
    NextKeyOffline,
    /// The next identity key is not here, so it cannot be moved out.
    #[error("the next identity key is offline already")]
    AlreadyOffline,
    /// The name cannot be a key name, or a key cannot sign.
    #[error("the log key for {0:?} cannot be made")]
    Signer(String),
    /// The role cannot be changed this way.
    #[error("{0}")]
    Role(&'static str),
}

/// The keys that sign the heads of one scroll, oldest first.
pub(crate) type Signers = Arc<Vec<LogSigner>>;

/// The identity of a running node.
#[derive(Debug)]
pub(crate) struct Identity {
    keys: KeyDir,
    fingerprint: Fingerprint,
    lineage: RwLock<Option<Lineage>>,
}

/// The seeds that an event brings into force or ends.
#[derive(Debug, Default)]
struct Seeds {
    ended: Vec<String>,
}

/// An event that is ready to be appended, and what to do once it is durable.
#[derive(Debug)]
pub(crate) struct Step {
    receipt: Receipt,
    after: Lineage,
    seeds: Seeds,
}

impl Step {
    /// The receipt to append to the Identity scroll.
    #[must_use]
    pub(crate) fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}

fn identity_seed(n: usize) -> String {
    format!("identity-{n}")
}

fn identity_salt(n: usize) -> String {
    format!("identity-{n}-salt")
}

fn ed25519_seed(role: Role, n: usize) -> String {
    format!("{role}-{n}-ed25519")
}

fn ml_dsa_seed(role: Role, n: usize) -> String {
    format!("{role}-{n}-mldsa44")
}

fn public(seed: &Seed) -> PublicKeyText {
    PublicKeyText::from_bytes(*ed25519::SecretKey::from_seed(**seed).public().as_bytes())
}

fn ml_dsa_public(seed: &Seed) -> MlDsa44Key {
    MlDsa44Key::from_bytes(mldsa44::SecretKey::from_seed(**seed).public().as_bytes())
}

impl Identity {
    /// Opens the keys of the node `fingerprint`, or makes those of a new one. Nothing counts before the
    /// inception is in the Identity scroll.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn open(keys: KeyDir, expected: Option<&str>) -> Result<Self, IdentityError> {
        let fingerprint = match expected {
            Some(text) => text.parse().map_err(|_| IdentityError::OtherKeys {
                found: "an unreadable identity".to_owned(),
                expected: text.to_owned(),
            })?,
            None => Fingerprint::of(public(&keys.read_or_generate(&identity_seed(0))?)),
        };
        Ok(Self {
            keys,
            fingerprint,
            lineage: RwLock::default(),
        })
    }

    /// Whose identity this is.
    #[must_use]
    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Takes over the lineage that the Identity scroll holds.
    ///
    /// # Errors
    /// [`IdentityError::Invalid`], or [`IdentityError::OtherKeys`] if it is another node's.
    pub(crate) fn replay(&self, receipts: &[Receipt]) -> Result<(), IdentityError> {
        if receipts.is_empty() {
            return Ok(());
        }
        let lineage = Lineage::replay(receipts)?;
        if lineage.fingerprint() != &self.fingerprint {
            return Err(IdentityError::OtherKeys {
                found: self.fingerprint.to_string(),
                expected: lineage.fingerprint().to_string(),
            });
        }
        *self.lineage.write().unwrap_or_else(PoisonError::into_inner) = Some(lineage);
        Ok(())
    }

    /// The lineage; `None` before the inception.
    #[must_use]
    pub(crate) fn lineage(&self) -> Option<Lineage> {
        self.lineage
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn established(&self) -> Result<Lineage, IdentityError> {
        self.lineage()
            .ok_or(IdentityError::Invalid(Invalid::Beginning))
    }

    /// The next event that a new node still needs: its inception, then its log keys. `None` when it is
    /// complete.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn next_founding_step(
        &self,
        heads: Heads,
        now: Timestamp,
    ) -> Result<Option<Step>, IdentityError> {
        match self.lineage() {
            None => {
                let seed = self.keys.read_or_generate(&identity_seed(0))?;
                let next = self.make_next(1)?;
                let identity = public(&seed);
                if Fingerprint::of(identity) != self.fingerprint {
                    return Err(IdentityError::OtherKeys {
                        found: Fingerprint::of(identity).to_string(),
                        expected: self.fingerprint.to_string(),
                    });
                }
                let draft = Lineage::incept(identity, next.commitment(), now)
                    .sign(&ed25519::SecretKey::from_seed(*seed))?;
                let receipt = draft.finish()?;
                let after = Lineage::inception(&receipt)?;
                Ok(Some(Step {
                    receipt,
                    after,
                    seeds: Seeds::default(),
                }))
            }
            Some(lineage) if lineage.in_force(Role::Log).next().is_none() => {
                self.certify(Role::Log, heads, now).map(Some)
            }
            Some(_) => Ok(None),
        }
    }

    /// Takes a step over once its receipt is durable in the Identity scroll.
    ///
    /// # Errors
    /// [`IdentityError::Key`] if an ended seed could not be removed: the event stands all the same.
    pub(crate) fn commit(&self, step: Step) -> Result<(), IdentityError> {
        *self.lineage.write().unwrap_or_else(PoisonError::into_inner) = Some(step.after);
        for name in step.seeds.ended {
            if self.keys.has(&name) {
                self.keys.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Removes the seeds that a crash left behind after the event that ended their keys was durable. A seed
    /// counts as one of those only if it makes the very key that the lineage says has ended, so that none
    /// that is in force or committed to is ever touched, whatever its name.
    ///
    /// # Errors
    /// [`IdentityError::Key`].
    pub(crate) fn remove_ended(&self) -> Result<(), IdentityError> {
        let lineage = self.established()?;
        self.keys.remove_unfinished()?;
        for role in [Role::Identity].into_iter().chain(Role::CERTIFIED) {
            let records = lineage.records().iter().filter(|r| r.role == role);
            for (n, record) in records.enumerate() {
                // The salt of an identity key is spent, and public, once the key is revealed.
                if role == Role::Identity && n > 0 && self.keys.has(&identity_salt(n)) {
                    self.keys.remove(&identity_salt(n))?;
                }
                if record.ended.is_none() {
                    continue;
                }
                let name = match role {
                    Role::Identity => identity_seed(n),
                    _ => ed25519_seed(role, n),
                };
                self.remove_if(&name, |seed| public(seed) == record.keys.ed25519)?;
                self.remove_if(&ml_dsa_seed(role, n), |seed| {
                    record.keys.ml_dsa_44 == Some(ml_dsa_public(seed))
                })?;
            }
        }
        Ok(())
    }

    fn remove_if(
        &self,
        name: &str,
        ended: impl FnOnce(&Seed) -> bool,
    ) -> Result<(), IdentityError> {
        if !self.keys.has(name) {
            return Ok(());
        }
        if ended(&self.keys.read(name)?) {
            tracing::info!(name, "removed the seed of a key that has ended");
            self.keys.remove(name)?;
        } else {
            tracing::warn!(
                name,
                "this seed has the name of an ended key but is not its; left alone"
            );
        }
        Ok(())
    }

    /// New keys for a role, beside those in force.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn certify(
        &self,
        role: Role,
        heads: Heads,
        now: Timestamp,
    ) -> Result<Step, IdentityError> {
        let lineage = self.established()?;
        let n = lineage.records().iter().filter(|r| r.role == role).count();
        let seed = self.keys.read_or_generate(&ed25519_seed(role, n))?;
        let ml_dsa_44 = if role.has_ml_dsa() {
            let seed = self.keys.read_or_generate(&ml_dsa_seed(role, n))?;
            Some(ml_dsa_public(&seed))
        } else {
            None
        };
        let keys = RoleKeys {
            ed25519: public(&seed),
            ml_dsa_44,
        };
        let draft = lineage
            .certify(role, keys, heads, now)?
            .sign(&self.identity_secret(&lineage)?)?
            .sign(&ed25519::SecretKey::from_seed(*seed))?;
        let receipt = draft.finish()?;
        let after = lineage.apply(&receipt)?;
        Ok(Step {
            receipt,
            after,
            seeds: Seeds::default(),
        })
    }

    /// Ends the oldest keys of a role, which must have been replaced. The caller stops signing with them
    /// before it takes the heads.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn retire(
        &self,
        role: Role,
        reason: Reason,
        heads: Heads,
        now: Timestamp,
    ) -> Result<Step, IdentityError> {
        let lineage = self.established()?;
        let in_force: Vec<_> = lineage.in_force(role).collect();
        let [oldest, _newer] = in_force.as_slice() else {
            return Err(IdentityError::Role(
                "this role has only one key; rotate it first, then retire the old one",
            ));
        };
        let n = lineage
            .records()
            .iter()
            .filter(|r| r.role == role)
            .position(|r| r.keys == oldest.keys)
            .unwrap_or(0);
        let draft = lineage
            .retire(role, oldest.keys.ed25519, reason, heads, now)?
            .sign(&self.identity_secret(&lineage)?)?;
        let receipt = draft.finish()?;
        let after = lineage.apply(&receipt)?;
        let ended = vec![ed25519_seed(role, n), ml_dsa_seed(role, n)];
        Ok(Step {
            receipt,
            after,
            seeds: Seeds { ended },
        })
    }

    /// Rotates the identity key to the one committed to before; `offline` is its text if it was moved out.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn rotate(
        &self,
        offline: Option<&str>,
        reason: Reason,
        heads: Heads,
        now: Timestamp,
    ) -> Result<Step, IdentityError> {
        let lineage = self.established()?;
        let n = identity_count(&lineage) - 1;
        let next = match offline {
            Some(text) => NextKey::parse(text.as_bytes())?,
            None => self
                .read_next(n + 1)?
                .ok_or(IdentityError::NextKeyOffline)?,
        };
        let after_next = self.make_next(n + 2)?;
        let mut draft = lineage
            .plan_rotation(reason, heads, now)
            .complete(&next, after_next.commitment())?;
        if reason == Reason::Scheduled {
            draft = draft.sign(&self.identity_secret(&lineage)?)?;
        }
        let receipt = draft.finish()?;
        let after = lineage.apply(&receipt)?;
        if !self.keys.has(&identity_seed(n + 1)) {
            self.keys
                .write(&identity_seed(n + 1), &Seed::new(*next.seed()))?;
        }
        let ended = vec![identity_seed(n), identity_salt(n + 1)];
        Ok(Step {
            receipt,
            after,
            seeds: Seeds { ended },
        })
    }

    /// The text that carries the next identity key out of the machine. The key stays here until
    /// [`Identity::forget_next`].
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn next_key_text(&self) -> Result<String, IdentityError> {
        let n = identity_count(&self.established()?);
        let next = self.read_next(n)?.ok_or(IdentityError::AlreadyOffline)?;
        Ok(next.to_text().to_string())
    }

    /// Removes the next identity key from the machine, once the operator has its text.
    ///
    /// # Errors
    /// See [`IdentityError`]; [`IdentityError::Draft`] if the commitment is not that of the key that is here.
    pub(crate) fn forget_next(&self, commitment: &str) -> Result<(), IdentityError> {
        let lineage = self.established()?;
        let n = identity_count(&lineage);
        let next = self.read_next(n)?.ok_or(IdentityError::AlreadyOffline)?;
        if next.commitment().to_string() != commitment || next.commitment() != *lineage.commitment()
        {
            return Err(IdentityError::Role(
                "the commitment is not that of the next identity key; nothing was removed",
            ));
        }
        self.keys.remove(&identity_seed(n))?;
        self.keys.remove(&identity_salt(n))?;
        Ok(())
    }

    /// Whether the next identity key still lies on this machine.
    #[must_use]
    pub(crate) fn next_key_is_here(&self) -> bool {
        self.lineage()
            .is_some_and(|l| self.keys.has(&identity_seed(identity_count(&l))))
    }

    /// The keys that sign the heads of a scroll with this origin: those of the log role in force.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn signers(&self, origin: &str) -> Result<Signers, IdentityError> {
        let lineage = self.established()?;
        let name = || KeyName::new(origin).map_err(|_| IdentityError::Signer(origin.to_owned()));
        let mut signers = Vec::new();
        for (n, record) in lineage
            .records()
            .iter()
            .filter(|r| r.role == Role::Log)
            .enumerate()
        {
            if record.ended.is_some() {
                continue;
            }
            let ed25519_name = ed25519_seed(Role::Log, n);
            let seed = self.keys.read(&ed25519_name)?;
            if public(&seed) != record.keys.ed25519 {
                return Err(IdentityError::Missing { name: ed25519_name });
            }
            signers.push(LogSigner::ed25519(
                name()?,
                ed25519::SecretKey::from_seed(*seed),
            ));
            let ml_dsa_name = ml_dsa_seed(Role::Log, n);
            let seed = self.keys.read(&ml_dsa_name)?;
            let secret = mldsa44::SecretKey::from_seed(*seed);
            let certified = record.keys.ml_dsa_44.as_ref().map(MlDsa44Key::as_bytes);
            if certified != Some(secret.public().as_bytes()) {
                return Err(IdentityError::Missing { name: ml_dsa_name });
            }
            signers.push(LogSigner::ml_dsa_44(name()?, secret));
        }
        Ok(Arc::new(signers))
    }

    fn identity_secret(&self, lineage: &Lineage) -> Result<ed25519::SecretKey, IdentityError> {
        let name = identity_seed(identity_count(lineage) - 1);
        let seed = self.keys.read(&name)?;
        if public(&seed) != *lineage.identity_key() {
            return Err(IdentityError::Missing { name });
        }
        Ok(ed25519::SecretKey::from_seed(*seed))
    }

    fn read_next(&self, n: usize) -> Result<Option<NextKey>, IdentityError> {
        let (seed, salt) = (identity_seed(n), identity_salt(n));
        if !self.keys.has(&seed) || !self.keys.has(&salt) {
            return Ok(None);
        }
        let (seed, salt) = (self.keys.read(&seed)?, self.keys.read(&salt)?);
        Ok(Some(NextKey::new(&seed, &salt)))
    }

    fn make_next(&self, n: usize) -> Result<NextKey, IdentityError> {
        let salt = self.keys.read_or_generate(&identity_salt(n))?;
        let seed = self.keys.read_or_generate(&identity_seed(n))?;
        Ok(NextKey::new(&seed, &salt))
    }

    /// The keys in force, as the API shows them.
    #[must_use]
    pub(crate) fn show(&self) -> Value {
        let Some(lineage) = self.lineage() else {
            return json!({"node": self.fingerprint.to_string()});
        };
        let keys: Vec<Value> = lineage
            .records()
            .iter()
            .map(|r| {
                json!({
                    "role": r.role.as_str(),
                    "ed25519": r.keys.ed25519.to_string(),
                    "ml_dsa_44": r.keys.ml_dsa_44.as_ref().map(ToString::to_string),
                    "since": r.at.to_string(),
                    "ended": r.ended.as_ref().map(|e| e.at.to_string()),
                })
            })
            .collect();
        json!({
            "node": self.fingerprint.to_string(),
            "identity_key": lineage.identity_key().to_string(),
            "next_commitment": lineage.commitment().to_string(),
            "next_key": if self.next_key_is_here() { "on this machine" } else { "offline" },
            "events": lineage.next_seq(),
            "keys": keys,
        })
    }
}

fn identity_count(lineage: &Lineage) -> usize {
    lineage
        .records()
        .iter()
        .filter(|r| r.role == Role::Identity)
        .count()
}

/// Records one scroll's head.
///
/// # Errors
/// [`IdentityError::Heads`], or [`IdentityError::Role`] if the name is no scroll name.
pub(crate) fn add_head(
    heads: &mut Heads,
    scroll: &str,
    size: u64,
    head: quorate_receipt::Blake3Hash,
) -> Result<(), IdentityError> {
    let name = scroll
        .parse()
        .map_err(|_| IdentityError::Role("a scroll has a name that cannot be recorded"))?;
    Ok(heads.insert(name, Head { size, head })?)
}
