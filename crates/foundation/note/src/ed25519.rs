//! Ed25519 with the product's one acceptance rule: that of ed25519-dalek's `verify_strict`.
//!
//! What a signature must satisfy, beyond RFC 8032 §5.1.7 read leniently:
//! - the scalar S is reduced, and the equation is checked without the cofactor;
//! - R is the canonical encoding of a point that is not of small order;
//! - the public key is the canonical encoding of a point that is not of small order.
//!
//! Readers with different rules can disagree about the same bytes, which would split a quorum; so there is one
//! function, and every crate calls it.

use core::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use zeroize::Zeroize as _;

use crate::BadSignature;

/// Length of a public key in bytes.
pub const PUBLIC_KEY_LEN: usize = 32;
/// Length of a signature in bytes.
pub const SIGNATURE_LEN: usize = 64;
/// Length of the seed that a secret key is made from, in bytes.
pub const SEED_LEN: usize = 32;

/// The y coordinates of all eight points whose order divides the cofactor: y = 1 has order 1, y = -1 order 2, y = 0
/// order 4 (two points), and the last two order 8 (two points each).
const SMALL_ORDER_Y: [[u8; PUBLIC_KEY_LEN]; 5] = [
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// Whether R, the first half of a signature, has the y coordinate of a point of small order, whatever the sign of x,
/// which is the top bit.
fn has_small_order_r(signature: &[u8; SIGNATURE_LEN]) -> bool {
    SMALL_ORDER_Y.iter().any(|[start @ .., last]| {
        let ([r @ .., top], _) = signature.split_at(PUBLIC_KEY_LEN) else {
            return false;
        };
        r == start && top & 0x7f == *last
    })
}

/// Why 32 bytes are not a public key we accept. The fault is in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// Not a point on the curve.
    #[error("not an Ed25519 public key: no point on the curve")]
    NotAPoint,
    /// A point whose coordinate is not reduced: the same key would have two encodings.
    #[error("not an Ed25519 public key: not the canonical encoding of its point")]
    NotCanonical,
    /// A point of small order: signatures under it can be made by anybody.
    #[error("not an Ed25519 public key: a point of small order")]
    SmallOrder,
}

/// An Ed25519 public key: a canonically encoded point that is not of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Checks and decodes a key (RFC 8032 §5.1.3).
    ///
    /// # Errors
    /// [`PublicKeyError`] says what is wrong with the bytes.
    pub fn from_bytes(bytes: &[u8; PUBLIC_KEY_LEN]) -> Result<Self, PublicKeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| PublicKeyError::NotAPoint)?;
        if key.is_weak() {
            return Err(PublicKeyError::SmallOrder);
        }
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(PublicKeyError::NotCanonical);
        }
        Ok(Self(key))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY_LEN] {
        self.0.as_bytes()
    }

    /// Verifies a signature by the rule in the module's description.
    ///
    /// `verify_strict` decodes R to learn whether it is of small order, which costs a square root for each signature.
    /// The lenient rule compares R, byte by byte, with the encoding that it computes itself; so an R that passes is
    /// canonical, and is of small order exactly if it is one of eight known encodings. The key was checked when it was
    /// read. Together that is the same set of signatures, at a tenth less time.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(
        &self,
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), BadSignature> {
        if has_small_order_r(signature) {
            return Err(BadSignature);
        }
        self.0
            .verify(message, &Signature::from_bytes(signature))
            .map_err(|_| BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ed25519::PublicKey(")?;
        for byte in self.as_bytes() {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// An Ed25519 secret key. Wiped from memory on drop, never printed, not cloned.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key that belongs to 32 random bytes (RFC 8032 §5.1.5). The copy that this function got is wiped; the
    /// caller's own remains the caller's.
    #[must_use]
    pub fn from_seed(mut seed: [u8; SEED_LEN]) -> Self {
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        Self(key)
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        // Clamping sets bit 254 of the scalar and clears its low bits, so the point has prime order; and it is
        // encoded by us.
        PublicKey(self.0.verifying_key())
    }

    /// Signs `message`, which the caller has separated by domain. Deterministic.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ed25519::SecretKey(..)")
    }
}
