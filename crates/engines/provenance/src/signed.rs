//! Signed, then verified, by type (R1).

use std::ops::Deref;

use quorate_note::ed25519;
use quorate_receipt::{Blake3Hash, Receipt, SignatureText, Timestamp};

use crate::error::Invalid;
use crate::malformed::Malformed;
use crate::record::{Closing, Link, Opening, Step};
use crate::subject::Subject;

/// A record with its signature, which has not been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    record: T,
    hash: Blake3Hash,
    timestamp: Timestamp,
    by: Subject,
    signature: SignatureText,
    message: Vec<u8>,
}

impl<T> Signed<T> {
    pub(crate) fn new(receipt: &Receipt, record: T) -> Result<Self, Malformed> {
        let signatures = receipt.get("signatures").ok_or(Malformed::Missing {
            member: "signatures",
        })?;
        let (by, signature) = signatures
            .as_object()
            .filter(|object| object.len() == 1)
            .and_then(|object| {
                let (by, signature) = object.iter().next()?;
                Some((by.parse().ok()?, signature.as_str()?.parse().ok()?))
            })
            .ok_or(Malformed::Signatures)?;
        Ok(Self {
            record,
            hash: *receipt.root_hash(),
            timestamp: receipt.timestamp(),
            by,
            signature,
            message: receipt.signed_message(),
        })
    }

    /// The record, as whoever wrote it claims.
    #[must_use]
    pub fn unverified(&self) -> &T {
        &self.record
    }

    fn verify_by(
        self,
        subject: &Subject,
        key: &ed25519::PublicKey,
    ) -> Result<Verified<T>, Invalid> {
        if self.by != *subject {
            return Err(Invalid::OtherActor {
                subject: subject.clone(),
                by: self.by,
            });
        }
        key.verify(&self.message, self.signature.as_bytes())
            .map_err(|_| Invalid::BadSignature {
                subject: subject.clone(),
            })?;
        Ok(Verified {
            record: self.record,
            hash: self.hash,
            timestamp: self.timestamp,
        })
    }
}

/// The key that an opening names, checked to be one that signatures may be checked against.
pub(crate) fn usable(opening: &Opening) -> Result<ed25519::PublicKey, Invalid> {
    ed25519::PublicKey::from_bytes(opening.key.as_bytes())
        .map_err(|_| Invalid::UnusableKey(opening.key))
}

impl Signed<Opening> {
    /// Checks that the opening is signed by the key that it names.
    ///
    /// That the key is the subject's is for the reader to know: [`crate::State`] asks the operator's pins.
    ///
    /// # Errors
    /// [`Invalid::UnusableKey`], [`Invalid::OtherActor`], [`Invalid::BadSignature`].
    pub fn verify(self) -> Result<Verified<Opening>, Invalid> {
        let key = usable(&self.record)?;
        let subject = self.record.subject.clone();
        self.verify_by(&subject, &key)
    }
}

/// A record that stands in a session.
pub trait Linked: sealed::Linked {}

impl Linked for Step {}
impl Linked for Closing {}

mod sealed {
    pub trait Linked {
        fn link(&self) -> &super::Link;
    }

    impl Linked for super::Step {
        fn link(&self) -> &super::Link {
            &self.link
        }
    }

    impl Linked for super::Closing {
        fn link(&self) -> &super::Link {
            &self.link
        }
    }
}

impl<T: Linked> Signed<T> {
    /// Checks that the record belongs to this session and is signed by its key. Where it stands in the session is for
    /// [`crate::Session`] to judge.
    ///
    /// # Errors
    /// [`Invalid::OtherSession`], [`Invalid::UnusableKey`], [`Invalid::OtherActor`], [`Invalid::BadSignature`].
    pub fn verify(self, opening: &Verified<Opening>) -> Result<Verified<T>, Invalid> {
        self.verify_under(opening, &usable(opening)?)
    }

    /// The session that the record claims to belong to.
    pub(crate) fn session(&self) -> Blake3Hash {
        sealed::Linked::link(&self.record).session
    }

    /// `key` must be what [`usable`] made of the opening: the caller keeps it, so that it is not decompressed again for
    /// each step.
    pub(crate) fn verify_under(
        self,
        opening: &Verified<Opening>,
        key: &ed25519::PublicKey,
    ) -> Result<Verified<T>, Invalid> {
        let session = self.session();
        if session != opening.hash {
            return Err(Invalid::OtherSession {
                expected: opening.hash,
                found: session,
            });
        }
        self.verify_by(&opening.record.subject, key)
    }
}

/// A record whose signature was checked under the key of its session's opening. There is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    record: T,
    hash: Blake3Hash,
    timestamp: Timestamp,
}

impl<T> Verified<T> {
    /// The receipt's `root_hash`.
    #[must_use]
    pub fn hash(&self) -> &Blake3Hash {
        &self.hash
    }

    /// The receipt's `timestamp`.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.record
    }
}
