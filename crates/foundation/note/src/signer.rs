//! Signing checkpoints, as their log or as a witness.

use core::fmt;
use std::sync::Arc;

use quorate_merkle::{Hash, Subtree};

use crate::checkpoint::Checkpoint;
use crate::ed25519;
use crate::message::{self, MAX_TIMESTAMP};
use crate::mldsa44;
use crate::name::{KeyName, Origin};
use crate::note::{NoteError, SignatureLine, SignatureLineError};
use crate::verified::VerifiedCheckpoint;
use crate::vkey::{PublicKey, VerifierKey};

/// Why a [`KeyKeeper`] gave no signature. The fault is its own or the environment's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("who keeps the key did not sign: {reason}")]
pub struct KeeperError {
    /// What it said.
    pub reason: String,
}

/// Something that holds an Ed25519 secret key and signs with it, such as an ssh-agent in front of hardware.
pub trait KeyKeeper: Send + Sync {
    /// Signs `message` with the key `public`.
    ///
    /// # Errors
    /// [`KeeperError`]; nothing was signed as far as anybody else can tell.
    fn sign(
        &self,
        public: &ed25519::PublicKey,
        message: &[u8],
    ) -> Result<[u8; ed25519::SIGNATURE_LEN], KeeperError>;
}

/// Why nothing was signed. Except for `Failed`, `Keeper` and `NotByTheKey`, the caller is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// A log's key bears the log's origin as its name, and this checkpoint has another.
    #[error("the key {name} cannot sign for the log {origin}")]
    OtherLog {
        /// The key's name.
        name: KeyName,
        /// The checkpoint's origin.
        origin: Origin,
    },
    /// A witness's ML-DSA-44 key bears the origin as its name: its co-signature would pass for the log's signature.
    #[error("the witness key {name} bears the name of the log")]
    OwnLog {
        /// The key's name.
        name: KeyName,
    },
    /// The time is 0 or above [`MAX_TIMESTAMP`].
    #[error("a signature cannot carry the time {timestamp}")]
    Timestamp {
        /// The time.
        timestamp: u64,
    },
    /// A type 04 key signs whole checkpoints only (tlog-cosignature "Ed25519 signed message").
    #[error("the key {name} is of a type that does not sign subtrees")]
    NoSubtrees {
        /// The key's name.
        name: KeyName,
    },
    /// ML-DSA-44 failed.
    #[error(transparent)]
    Failed(#[from] mldsa44::SigningFailed),
    /// The key's keeper did not sign.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// What the key's keeper gave does not verify under the key: it, or a device behind it, is faulty or has another
    /// key.
    #[error(
        "what came for a signature by the key {name} does not verify under it and is not used: who keeps the key is faulty, \
         or signs with another"
    )]
    NotByTheKey {
        /// The key's name.
        name: KeyName,
    },
    /// The signatures form no note: there is none, or two are by the same key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The signature forms no line.
    #[error(transparent)]
    Line(#[from] SignatureLineError),
}

/// Time 0 says "no statement about the newest tree" (tlog-cosignature "ML-DSA-44 signed message"), which no signer
/// of ours means.
fn check_time(timestamp: u64) -> Result<(), SignError> {
    if timestamp == 0 || timestamp > MAX_TIMESTAMP {
        return Err(SignError::Timestamp { timestamp });
    }
    Ok(())
}

fn subtree_v1_line(
    vkey: &VerifierKey,
    secret: &mldsa44::SecretKey,
    checkpoint: &Checkpoint,
    timestamp: u64,
) -> Result<SignatureLine, SignError> {
    let message = message::subtree_v1(vkey.name(), timestamp, checkpoint);
    let blob = message::timestamped(timestamp, &secret.sign(&message)?);
    Ok(SignatureLine::new(vkey.name().clone(), vkey.id(), &blob)?)
}

enum LogSecret {
    Ed25519(Arc<ed25519::SecretKey>),
    MlDsa44(Arc<mldsa44::SecretKey>),
}

/// A log's secret key under the name of one log. The key itself may be shared between logs.
pub struct LogSigner {
    vkey: VerifierKey,
    secret: LogSecret,
}

impl LogSigner {
    /// A type 01 signer. `name` is the log's origin ([`KeyName::of_log`]).
    #[must_use]
    pub fn ed25519(name: KeyName, secret: impl Into<Arc<ed25519::SecretKey>>) -> Self {
        let secret = secret.into();
        Self {
            vkey: VerifierKey::new(name, PublicKey::Ed25519(secret.public())),
            secret: LogSecret::Ed25519(secret),
        }
    }

    /// A type 06 signer. `name` is the log's origin ([`KeyName::of_log`]).
    #[must_use]
    pub fn ml_dsa_44(name: KeyName, secret: impl Into<Arc<mldsa44::SecretKey>>) -> Self {
        let secret = secret.into();
        Self {
            vkey: VerifierKey::new(name, PublicKey::MlDsa44(secret.public())),
            secret: LogSecret::MlDsa44(secret),
        }
    }

    /// The public half, for policies.
    #[must_use]
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.vkey
    }

    /// Signs a checkpoint as its log. See [`SignedCheckpoint::sign`](crate::SignedCheckpoint::sign) for `timestamp`
    /// (which must be in range for type 01 too, where it is not used) and for what the caller must ensure first.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign_checkpoint(
        &self,
        checkpoint: &Checkpoint,
        timestamp: u64,
    ) -> Result<SignatureLine, SignError> {
        let name = self.vkey.name();
        if !checkpoint.origin().is_name(name) {
            return Err(SignError::OtherLog {
                name: name.clone(),
                origin: checkpoint.origin().clone(),
            });
        }
        check_time(timestamp)?;
        match &self.secret {
            LogSecret::Ed25519(secret) => {
                let signature = secret.sign(checkpoint.note_text().as_bytes());
                Ok(SignatureLine::new(
                    name.clone(),
                    self.vkey.id(),
                    &signature,
                )?)
            }
            LogSecret::MlDsa44(secret) => {
                subtree_v1_line(&self.vkey, secret, checkpoint, timestamp)
            }
        }
    }
}

impl fmt::Debug for LogSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSigner")
            .field("name", self.vkey.name())
            .field("id", &self.vkey.id())
            .field("kind", &self.vkey.kind())
            .finish_non_exhaustive()
    }
}

enum CosignSecret {
    Ed25519(Arc<ed25519::SecretKey>),
    /// Elsewhere; the public key is what its signatures are held against.
    Kept(Arc<dyn KeyKeeper>, ed25519::PublicKey),
    MlDsa44(Arc<mldsa44::SecretKey>),
}

/// A witness's secret key with its name.
///
/// A type 04 message does not contain the name, so an Ed25519 key must never serve under two names
/// (tlog-cosignature "Ed25519 signed message").
pub struct CosignSigner {
    vkey: VerifierKey,
    secret: CosignSecret,
}

impl CosignSigner {
    /// A type 04 signer.
    #[must_use]
    pub fn ed25519(name: KeyName, secret: impl Into<Arc<ed25519::SecretKey>>) -> Self {
        let secret = secret.into();
        Self {
            vkey: VerifierKey::new(name, PublicKey::Ed25519Cosignature(secret.public())),
            secret: CosignSecret::Ed25519(secret),
        }
    }

    /// A type 04 signer whose secret key somebody else keeps. What the keeper signs is verified before it is used:
    /// a faulty device must not put out signatures that spoil a checkpoint.
    #[must_use]
    pub fn kept_ed25519(
        name: KeyName,
        public: ed25519::PublicKey,
        keeper: Arc<dyn KeyKeeper>,
    ) -> Self {
        Self {
            vkey: VerifierKey::new(name, PublicKey::Ed25519Cosignature(public)),
            secret: CosignSecret::Kept(keeper, public),
        }
    }

    /// A type 06 signer.
    #[must_use]
    pub fn ml_dsa_44(name: KeyName, secret: impl Into<Arc<mldsa44::SecretKey>>) -> Self {
        let secret = secret.into();
        Self {
            vkey: VerifierKey::new(name, PublicKey::MlDsa44(secret.public())),
            secret: CosignSecret::MlDsa44(secret),
        }
    }

    /// The public half, for policies.
    #[must_use]
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.vkey
    }

    /// Co-signs a checkpoint that its log signed. `timestamp` is the witness's time in POSIX seconds, 1 to
    /// [`MAX_TIMESTAMP`].
    ///
    /// The signature says that this is the largest consistent tree the witness knows of that log. The caller must
    /// have verified the consistency with everything it co-signed before, and have made that durable.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn cosign(
        &self,
        checkpoint: &VerifiedCheckpoint,
        timestamp: u64,
    ) -> Result<SignatureLine, SignError> {
        let checkpoint = checkpoint.checkpoint();
        check_time(timestamp)?;
        match &self.secret {
            CosignSecret::Ed25519(secret) => {
                let message = message::cosignature_v1(timestamp, checkpoint);
                self.line(timestamp, &secret.sign(&message))
            }
            CosignSecret::Kept(keeper, public) => {
                let message = message::cosignature_v1(timestamp, checkpoint);
                let signature = keeper.sign(public, &message)?;
                let verified = public.verify(&message, &signature);
                verified.map_err(|_| SignError::NotByTheKey {
                    name: self.vkey.name().clone(),
                })?;
                self.line(timestamp, &signature)
            }
            CosignSecret::MlDsa44(secret) => {
                self.not_the_log(checkpoint.origin())?;
                subtree_v1_line(&self.vkey, secret, checkpoint, timestamp)
            }
        }
    }

    /// Co-signs a subtree of a tree that this witness co-signed (tlog-witness "sign-subtree"), with the time 0 that
    /// tlog-cosignature prescribes: it says that the subtree is part of what the witness saw, not when.
    ///
    /// The caller must have verified that the subtree is part of such a tree.
    ///
    /// # Errors
    /// [`SignError`]; [`SignError::NoSubtrees`] for keys of type 04.
    pub fn cosign_subtree(
        &self,
        origin: &Origin,
        subtree: &Subtree,
        hash: &Hash,
    ) -> Result<SignatureLine, SignError> {
        let CosignSecret::MlDsa44(secret) = &self.secret else {
            return Err(SignError::NoSubtrees {
                name: self.vkey.name().clone(),
            });
        };
        self.not_the_log(origin)?;
        let message = message::cosigned_message(self.vkey.name(), 0, origin, subtree.range(), hash);
        self.line(0, &secret.sign(&message)?)
    }

    fn not_the_log(&self, origin: &Origin) -> Result<(), SignError> {
        if origin.is_name(self.vkey.name()) {
            return Err(SignError::OwnLog {
                name: self.vkey.name().clone(),
            });
        }
        Ok(())
    }

    fn line(&self, timestamp: u64, signature: &[u8]) -> Result<SignatureLine, SignError> {
        let blob = message::timestamped(timestamp, signature);
        Ok(SignatureLine::new(
            self.vkey.name().clone(),
            self.vkey.id(),
            &blob,
        )?)
    }
}

impl fmt::Debug for CosignSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CosignSigner")
            .field("name", self.vkey.name())
            .field("id", &self.vkey.id())
            .field("kind", &self.vkey.kind())
            .finish_non_exhaustive()
    }
}
