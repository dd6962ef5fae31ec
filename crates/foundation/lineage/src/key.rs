//! Signing keys as types: a retired key has nothing to sign with.

use quorate_note::ed25519::SecretKey;
use quorate_receipt::PublicKeyText;

use crate::role::Role;

/// A secret key whose public half is in force in a lineage. Only
/// [`Lineage::signing_key`](crate::Lineage::signing_key) makes one, so a key that was retired, or never
/// certified, cannot become one. It reflects the lineage it came from: take it again after each event.
pub struct SigningKey {
    role: Role,
    secret: SecretKey,
}

impl SigningKey {
    pub(crate) fn new(role: Role, secret: SecretKey) -> Self {
        Self { role, secret }
    }

    /// What the key is for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKeyText {
        PublicKeyText::from_bytes(*self.secret.public().as_bytes())
    }

    /// Signs a message that the caller separated by domain.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message)
    }

    /// The secret key, for signers of other formats (checkpoints, TLS).
    #[must_use]
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// Ends the key's life: the secret is wiped, the public half stays to verify history with. There is no
    /// way back.
    #[must_use]
    pub fn retire(self) -> RetiredKey {
        RetiredKey {
            role: self.role,
            public: self.public(),
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("role", &self.role)
            .field("public", &self.public())
            .finish_non_exhaustive()
    }
}

/// What is left of a retired key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetiredKey {
    role: Role,
    public: PublicKeyText,
}

impl RetiredKey {
    /// What the key was for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKeyText {
        self.public
    }
}
