//! ML-DSA-44 (FIPS 204): pure, with the empty context string, as tlog-cosignature uses it.

use core::fmt;

use ml_dsa::signature::Signer as _;
use ml_dsa::{EncodedVerifyingKey, MlDsa44, Signature, SigningKey, VerifyingKey};
use zeroize::Zeroize as _;

use crate::BadSignature;

/// Length of a public key in bytes (FIPS 204 §4, table 2).
pub const PUBLIC_KEY_LEN: usize = 1312;
/// Length of a signature in bytes (FIPS 204 §4, table 2).
pub const SIGNATURE_LEN: usize = 2420;
/// Length of the seed that a secret key is made from, in bytes (FIPS 204 algorithm 6).
pub const SEED_LEN: usize = 32;

/// tlog-cosignature names no context string; every implementation uses the empty one, which is what FIPS 204
/// algorithm 3 does when none is given.
const CONTEXT: &[u8] = b"";

/// An ML-DSA-44 public key. Every sequence of 1,312 bytes is one (FIPS 204 algorithm 23).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey(Box<[u8; PUBLIC_KEY_LEN]>);

impl PublicKey {
    /// Takes the bytes of a key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; PUBLIC_KEY_LEN]) -> Self {
        Self(Box::new(*bytes))
    }

    /// The 1,312 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.0
    }

    /// Verifies a signature (FIPS 204 algorithm 3, empty context).
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(
        &self,
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), BadSignature> {
        let key = EncodedVerifyingKey::<MlDsa44>::try_from(self.0.as_slice())
            .map_err(|_| BadSignature)?;
        let signature =
            Signature::<MlDsa44>::try_from(signature.as_slice()).map_err(|_| BadSignature)?;
        if VerifyingKey::<MlDsa44>::decode(&key).verify_with_context(message, CONTEXT, &signature) {
            Ok(())
        } else {
            Err(BadSignature)
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mldsa44::PublicKey(")?;
        for byte in self.0.iter().take(8) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..)")
    }
}

/// Signing gave up: its rejection sampling found no signature within its bound (FIPS 204 appendix C), which honest
/// keys and messages never meet. Nothing was signed; nobody is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ML-DSA-44 found no signature within its bound")]
pub struct SigningFailed;

/// An ML-DSA-44 secret key. Wiped from memory on drop, never printed, not cloned.
pub struct SecretKey {
    signing: SigningKey<MlDsa44>,
    public: PublicKey,
}

impl SecretKey {
    /// The key that belongs to 32 random bytes (FIPS 204 algorithm 6). The copy that this function got is wiped;
    /// the caller's own remains the caller's.
    #[must_use]
    pub fn from_seed(mut seed: [u8; SEED_LEN]) -> Self {
        let mut xi = ml_dsa::Seed::from(seed);
        seed.zeroize();
        let signing = SigningKey::<MlDsa44>::from_seed(&xi);
        xi.zeroize();
        let mut public = [0; PUBLIC_KEY_LEN];
        let encoded = signing.as_ref().encode();
        for (to, from) in public.iter_mut().zip(encoded) {
            *to = from;
        }
        let public = PublicKey::from_bytes(&public);
        Self { signing, public }
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// Signs `message`, which the caller has separated by domain (FIPS 204 algorithm 2, deterministic variant,
    /// empty context).
    ///
    /// # Errors
    /// [`SigningFailed`].
    pub fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], SigningFailed> {
        let signature = self.signing.try_sign(message).map_err(|_| SigningFailed)?;
        let mut bytes = [0; SIGNATURE_LEN];
        for (to, from) in bytes.iter_mut().zip(signature.encode()) {
            *to = from;
        }
        Ok(bytes)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mldsa44::SecretKey(..)")
    }
}
