//! Signed, then verified, by type (R1); signed over what was built here (R5).

use std::ops::Deref;

use quorate_lineage::{Lineage, Role, SigningKey};
use quorate_note::ed25519::PublicKey;
use quorate_receipt::json::{Object, canonical_object as canonical};
use quorate_receipt::{Blake3Hash, PublicKeyText, SignatureText};

use crate::fields::{Fields, canonical_object, check_len};
use crate::malformed::Malformed;
use crate::text::MeshId;

/// What a mesh says to another under its signature.
pub trait Message: body::Body {}

impl<T: body::Body> Message for T {}

pub(crate) mod body {
    use super::{Fields, Malformed, MeshId, Object, PublicKeyText};

    /// How a message is written. Sealed: whoever could add one could make signatures mean something else.
    pub trait Body: Clone + PartialEq + Eq + std::fmt::Debug {
        /// What it is called in errors.
        const WHAT: &'static str;
        /// Separates its signatures from those over everything else.
        const CONTEXT: &'static str;
        /// The longest text, in bytes.
        const MAX_LEN: usize;
        /// Whether `signature` is `{"algorithm":"Ed25519","value":"z…"}` rather than `"z…"`.
        const ALGORITHM: bool;

        /// Who signs.
        fn signer(&self) -> &MeshId;
        /// The key that must sign, if the message itself names it.
        fn signing_key(&self) -> Option<&PublicKeyText>;
        /// Every member but `signature`.
        fn write(&self) -> Object;
        /// Takes every member but `signature`.
        ///
        /// # Errors
        /// [`Malformed`].
        fn read(fields: &mut Fields) -> Result<Self, Malformed>;
    }
}

const SIGNATURE: &str = "signature";
const ALGORITHM: &str = "Ed25519";
const SIGNATURE_TEXT: &str = "a signature, `z…`";

/// Why nothing was signed: the caller's fault, or the lineage has moved on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The key has another role.
    #[error("messages are signed by a federation key, this is one of the role {0}")]
    Role(Role),
    /// The message names another key as its signer's.
    #[error("the message names the federation key {named}, but would be signed by {key}")]
    OtherKey {
        /// What it names.
        named: PublicKeyText,
        /// The key at hand.
        key: PublicKeyText,
    },
    /// Nobody would accept the message.
    #[error("{0}")]
    Malformed(#[from] Malformed),
}

/// Why a signature does not count: the fault of whoever made it, or of a lineage that is not up to date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotVerified {
    /// None of the mesh's federation keys in force made it over this text.
    #[error("{what} is not signed by a federation key of {mesh} that is in force")]
    BadSignature {
        /// What.
        what: &'static str,
        /// Whose it claims to be.
        mesh: MeshId,
    },
    /// The message names another key than the one that signed.
    #[error("{what} names the federation key {named}, but {signed_by} signed it")]
    OtherKey {
        /// What.
        what: &'static str,
        /// What it names.
        named: PublicKeyText,
        /// Which key signed.
        signed_by: PublicKeyText,
    },
}

/// A message with its signature, which has not been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    body: T,
    signature: SignatureText,
}

impl<T: Message> Signed<T> {
    /// Signs a message, after reading back what was written (R4: nothing is sent that would not be accepted).
    ///
    /// # Errors
    /// [`SignError`]; nothing was signed.
    pub fn sign(body: T, key: &SigningKey) -> Result<Self, SignError> {
        if key.role() != Role::Federation {
            return Err(SignError::Role(key.role()));
        }
        let public = key.public();
        if let Some(&named) = body.signing_key()
            && named != public
        {
            return Err(SignError::OtherKey { named, key: public });
        }
        let signature = SignatureText::from_bytes(key.sign(&message(&body)));
        let signed = Self { body, signature };
        let object = signed.to_object();
        check_len(T::WHAT, T::MAX_LEN, canonical(&object).len())?;
        Self::from_object(object)?;
        Ok(signed)
    }

    pub(crate) fn again(self, key: &SigningKey) -> Result<Self, SignError> {
        Self::sign(self.body, key)
    }

    /// Reads the one form of the message.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::from_object(canonical_object(T::WHAT, T::MAX_LEN, bytes)?)
    }

    /// The bytes that [`Signed::parse`] reads: canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical(&self.to_object())
    }

    pub(crate) fn to_object(&self) -> Object {
        let object = self.body.write();
        if T::ALGORITHM {
            object.with(
                SIGNATURE,
                Object::new()
                    .with("algorithm", ALGORITHM)
                    .with("value", self.signature.to_string()),
            )
        } else {
            object.with(SIGNATURE, self.signature.to_string())
        }
    }

    pub(crate) fn from_object(object: Object) -> Result<Self, Malformed> {
        let mut fields = Fields::new(T::WHAT, object.clone());
        let signature = if T::ALGORITHM {
            let mut signature = fields.object(SIGNATURE, "the signature")?;
            let algorithm: String = signature.parsed("algorithm", "`Ed25519`")?;
            if algorithm != ALGORITHM {
                return Err(signature.invalid("algorithm", "`Ed25519`"));
            }
            let value = signature.parsed("value", SIGNATURE_TEXT)?;
            signature.finish()?;
            value
        } else {
            fields.parsed(SIGNATURE, SIGNATURE_TEXT)?
        };
        let body = T::read(&mut fields)?;
        fields.finish()?;
        let signed = Self { body, signature };
        // What was read has one form. An empty list that stands for no list, say, would be a second one.
        if signed.to_object() != object {
            return Err(Malformed::NotCanonical { what: T::WHAT });
        }
        Ok(signed)
    }

    /// The message, as whoever sent it claims.
    #[must_use]
    pub fn unverified(&self) -> &T {
        &self.body
    }

    /// Names the message: BLAKE3 of what its signature covers. Two signatures over one message do not make it two.
    #[must_use]
    pub fn hash(&self) -> Blake3Hash {
        Blake3Hash::of(&message(&self.body))
    }

    /// Checks that a federation key that is in force in this lineage made the signature, and that it is the one that
    /// the message names, if it names one. That the lineage is the signer's is for the caller to know.
    ///
    /// # Errors
    /// [`NotVerified`].
    pub fn verify(self, lineage: &Lineage) -> Result<Verified<T>, NotVerified> {
        let text = message(&self.body);
        let signed_by = lineage
            .in_force(Role::Federation)
            .map(|record| record.keys.ed25519)
            .find(|key| is_by(key, &text, &self.signature))
            .ok_or_else(|| NotVerified::BadSignature {
                what: T::WHAT,
                mesh: self.body.signer().clone(),
            })?;
        if let Some(&named) = self.body.signing_key()
            && named != signed_by
        {
            return Err(NotVerified::OtherKey {
                what: T::WHAT,
                named,
                signed_by,
            });
        }
        Ok(Verified(self))
    }
}

/// A message whose signature was checked. There is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(Signed<T>);

impl<T> Verified<T> {
    /// The message with its signature, to send or record.
    #[must_use]
    pub fn signed(&self) -> &Signed<T> {
        &self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.body
    }
}

/// What a signature covers: a context that no receipt's signature begins with, since the object that follows has no
/// `type`, and the canonical message without its signature.
fn message<T: Message>(body: &T) -> Vec<u8> {
    separated(T::CONTEXT, &body.write())
}

pub(crate) fn separated(context: &str, object: &Object) -> Vec<u8> {
    let mut message = b"quorate/v1/federation/".to_vec();
    message.extend_from_slice(context.as_bytes());
    message.push(0);
    message.extend_from_slice(&canonical(object));
    message
}

pub(crate) fn is_by(key: &PublicKeyText, message: &[u8], signature: &SignatureText) -> bool {
    PublicKey::from_bytes(key.as_bytes())
        .is_ok_and(|key| key.verify(message, signature.as_bytes()).is_ok())
}
